"""How strongly a claim holds: verdicts at the levels `float`, `ball` and `exact`.

    instance   the exact objects that a claim is about
    on_model   instances on somebody's model
    check      one claim, one instance, one level: a verdict
    verdict    what the words mean
    floats, balls, exact   one level each
"""

from equivalence.evidence.check import LEVELS, check, verify
from equivalence.evidence.instance import Instance
from equivalence.evidence.on_model import default_horizon, instances_on
from equivalence.evidence.verdict import Verdict

__all__ = ["LEVELS", "Instance", "Verdict", "check", "default_horizon", "instances_on", "verify"]
