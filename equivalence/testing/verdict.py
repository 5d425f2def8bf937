"""What was found out about a subject: the words are those of `equivalence.evidence.verdict`.

    consistent   on every instance the floats are within the allowed distance of the enclosed truth: it agrees
    differs      on at least one they are not, or there is no answer

A finite number of instances in floats proves nothing for the others: `covered` says which kinds there were.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

from equivalence.evidence.verdict import CONSISTENT


@dataclass(frozen=True, eq=False)
class Verdict:
    """A subject, a target, and whether they agree.

    instances  how many instances it was asked on; differing: on how many of them it differs.
    margin     largest distance from the truth in units of what is allowed, or an upper bound of it; at most 1 where
               consistent.
    covered    how many of the instances have a trait, for each trait that some have.
    arguments  the smallest instance found on which it differs, as the subject is given it; () where it agrees.
    message    the whole report.
    """

    subject: str
    target: str
    outcome: str
    instances: int
    differing: int
    margin: float
    unit_roundoff: float
    covered: dict[str, int]
    message: str
    arguments: tuple[Any, ...] = ()
    level: str = "float"
    seconds: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether nothing was found against the subject."""
        return self.outcome == CONSISTENT

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, Any]:
        """The verdict as a plain object; the keys are stable."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "arguments"}
        return row | {"margin": self.margin if math.isfinite(self.margin) else None}
