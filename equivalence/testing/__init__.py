"""Judge somebody's code: does a function compute what it says it computes?

from equivalence.testing import judge, judged, parametrize_with_claims

print(judge(my_gradient, to="causal.gradient"))

@judged(to="causal.gradient")           # with pytest, or any other runner
def test_gradient():
    return my_gradient

@parametrize_with_claims(replacing="gan.discriminator_gradient")
def test_claims(claim):
    return my_discriminator_gradient

judge      the verdict on a function
targets    what can be judged: `TARGETS`, each with the arguments that a subject takes
kinds      which instances a function is asked on
generator  the instances       question  their true answers, and what floats may be off by
answer     what a function answers
adapters   somebody's code over other numbers: numpy over a prime field
diagnosis  the known mistakes that reproduce its answers; conventions has them, the museum shows them
reducer    the smallest instance on which it is wrong
hints      where it is right, and what would make it right
report     what is said       verdict  what was found out
decorators `judged` and `parametrize_with_claims`
claimed    an implementation in the holes of a claim
passing    which verdicts pass a test
plugin     a run under pytest: baseline, report, terminal
"""

from equivalence.testing.decorators import judged, parametrize_with_claims
from equivalence.testing.diagnosis import Diagnosis, diagnose
from equivalence.testing.judge import Refuted, judge
from equivalence.testing.passing import NotEstablished
from equivalence.testing.targets import TARGETS, Target
from equivalence.testing.verdict import Verdict

__all__ = [
    "TARGETS",
    "Diagnosis",
    "NotEstablished",
    "Refuted",
    "Target",
    "Verdict",
    "diagnose",
    "judge",
    "judged",
    "parametrize_with_claims",
]
