"""What was found out about a relation.

    holds         on every instance that could be decided
    violated      on at least one instance it is not; over a field that is a proof
    undecided     what could be rounding is as large as what could be a violation, or there was no answer, on more
                  instances than could be decided

A relation that holds is necessary for right code and never enough: none of these words is `agrees`.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

from equivalence.evidence.verdict import Proof

HOLDS = "holds"
VIOLATED = "violated"
UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False)
class RelationVerdict:
    """A subject, a relation, and whether it holds.

    level      field where a proof over a field holds or violates it, else float, or quadrature.
    instances  how many it was asked on in floats; `violating` and `undecided` count those.
    margin     the largest defect in units of what is allowed, of the instances that could be decided.
    defect     the largest difference of both sides on the instance shown; `allowed` is what it may be there, 0 over a
               field; `place` says where it is.
    covered    how many of the instances have a trait.
    arguments  the smallest instance found that violates it, as the subject is given it; () where none does.
    floor      the smallest relative defect of a side that is sure to be seen in floats, on the median instance.
    message    the whole report.
    """

    subject: str
    relation: str
    outcome: str
    level: str
    instances: int
    violating: int
    undecided: int
    margin: float
    covered: dict[str, int]
    message: str
    defect: float = 0.0
    allowed: float = 0.0
    place: str = ""
    floor: float = 0.0
    arguments: tuple[Any, ...] = ()
    seconds: float = 0.0
    proof: Proof | None = None
    over_field: str = ""

    @property
    def holds(self) -> bool:
        """Whether it holds wherever that could be decided."""
        return self.outcome == HOLDS

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, Any]:
        """The verdict as a plain object; the keys are stable."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("arguments", "proof")}
        numbers = {name: x if math.isfinite(x) else None for name, x in row.items() if isinstance(x, float)}
        return row | numbers
