"""Judge somebody's code: does a function compute what it says it computes?

from equivalence.testing import judge, judged, parametrize_with_claims

print(judge(my_gradient, to="causal.gradient"))

@judged(to="causal.gradient")           # with pytest, or any other runner
def test_gradient():
    return my_gradient

@parametrize_with_claims(replacing="gan.discriminator_gradient")
def test_claims(claim):
    return my_discriminator_gradient

Doors      judge         does a function compute a target?
           smallest      the smallest instance on which it is wrong, from one of yours of any size
           relations     what right code satisfies, for code that has no target
           trained       what a training run returned: policies, rewards, parameters
           decorators    `judged` and `parametrize_with_claims`; claimed: an implementation in the holes of a claim
Asked      targets       what can be judged: `TARGETS`, each with the arguments that a subject takes
           kinds         which instances a function is asked on; wanted reads them from options
           generator     the instances; question: their true answers, and what floats may be off by
           answer        what a function answers
           adapters      somebody's code over other numbers: numpy, JAX or torch over a prime field
Explained  diagnosis     the known mistakes that reproduce its answers; explanations searches, conventions has them
           museum        the known mistakes as code, each beside a right twin
           stopping      where code without a horizon stops too early
           hints         where it is right, and what would make it right; advice: where it cannot be asked at all
           reducer       makes an instance smaller by the steps in reduction; screen asks floats first
Said       verdict       what was found out; report: the text; literal: instances as code
           passing       which verdicts pass a test; plugin: a run under pytest, with baseline and report
"""

from equivalence.testing.decorators import judged, parametrize_with_claims
from equivalence.testing.diagnosis import Diagnosis, diagnose
from equivalence.testing.judge import Refuted, judge
from equivalence.testing.passing import NotEstablished
from equivalence.testing.relations import RelationVerdict, check_density, check_relation, related
from equivalence.testing.smallest import Failure, smallest_failure
from equivalence.testing.targets import TARGETS, Target
from equivalence.testing.trained import (
    ParametersVerdict,
    PolicyVerdict,
    RewardVerdict,
    judge_parameters,
    judge_policy,
    judge_reward,
)
from equivalence.testing.verdict import Verdict

__all__ = [
    "TARGETS",
    "Diagnosis",
    "Failure",
    "NotEstablished",
    "ParametersVerdict",
    "PolicyVerdict",
    "Refuted",
    "RelationVerdict",
    "RewardVerdict",
    "Target",
    "Verdict",
    "check_density",
    "check_relation",
    "diagnose",
    "judge",
    "judge_parameters",
    "judge_policy",
    "judge_reward",
    "judged",
    "parametrize_with_claims",
    "related",
    "smallest_failure",
]
