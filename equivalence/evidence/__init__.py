"""How strongly a claim holds: verdicts at the levels `float`, `ball`, `exact` and `symbolic`.

instance   the exact objects that a claim is about
on_model   instances on somebody's model
generated  instances on no model in particular
drawn_stacks  a thousand of these at once, alike in shape and structure
stacked    claims on such stacks, at level `float`
check      one claim, one instance, one level: a verdict
verdict    what the words mean
floats, balls, exact, symbolic   one level each
"""

from equivalence.evidence.check import LEVELS, NUMERIC_LEVELS, check, check_levels, verify
from equivalence.evidence.drawn_stacks import Stack, stacks_of
from equivalence.evidence.generated import generated_instances
from equivalence.evidence.instance import Instance
from equivalence.evidence.on_model import default_horizon, instances_on
from equivalence.evidence.stacked import check_stacks, verify_on_stacks
from equivalence.evidence.verdict import Verdict

__all__ = [
    "LEVELS",
    "NUMERIC_LEVELS",
    "Instance",
    "Stack",
    "Verdict",
    "check",
    "check_levels",
    "check_stacks",
    "default_horizon",
    "generated_instances",
    "instances_on",
    "stacks_of",
    "verify",
    "verify_on_stacks",
]
