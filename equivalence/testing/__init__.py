"""Judge somebody's code: does a function compute what it says it computes?

from equivalence.testing import judge, judged

print(judge(my_gradient, to="causal.gradient"))

@judged(to="causal.gradient")           # with pytest, or any other runner
def test_gradient():
    return my_gradient

judge      the verdict on a function
targets    what can be judged: `TARGETS`, each with the arguments that a subject takes
kinds      which instances a function is asked on
generator  the instances       question  their true answers, and what floats may be off by
answer     what a function answers
reducer    the smallest instance on which it is wrong
hints      where it is right, and what would make it right
report     what is said       verdict  what was found out
"""

from equivalence.testing.judge import Refuted, judge, judged
from equivalence.testing.targets import TARGETS, Target
from equivalence.testing.verdict import Verdict

__all__ = ["TARGETS", "Refuted", "Target", "Verdict", "judge", "judged"]
