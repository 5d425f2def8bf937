"""What was found out about a subject: the words are those of `equivalence.evidence.verdict`.

    proved for all  over a finite field it is the target, for all parameters of the shapes that ran, on the path of
                    branches that it took; and its floats are consistent
    proved here     the same where nothing is free: over the numbers of the instances that ran alone
    consistent      on every instance the floats are within the allowed distance of the enclosed truth
    differs         on at least one they are not, or there is no answer
    refuted         over a finite field it is another function: a proof, however small the difference

A finite number of instances in floats proves nothing for the others: `covered` says which kinds there were.
"""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from equivalence.evidence.verdict import HOLDS, Proof


@dataclass(frozen=True, eq=False)
class Verdict:
    """A subject, a target, and whether they agree.

    instances  how many instances it was asked on; differing: on how many of them it differs.
    margin     largest distance from the truth in units of what is allowed, or an upper bound of it; at most 1 where
               consistent.
    covered    how many of the instances have a trait, for each trait that some have.
    arguments  the smallest instance found on which it differs, as the subject is given it; () where it agrees.
    message    the whole report.
    level      field where that proves or refutes it, else float.
    proof      over the field, where there is one: what is free, bounds of degree and height, log2 of the error.
    over_field what the field said, in a line; '' where it was not asked.
    mistakes   the known mistakes, one or two, that reproduce its answers where it differs; () where none do.
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
    proof: Proof | None = None
    over_field: str = ""
    mistakes: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing was found against the subject."""
        return self.outcome in HOLDS

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, Any]:
        """The verdict as a plain object; the keys are stable."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("arguments", "proof")}
        proof = self.proof and asdict(self.proof) | {"free": list(self.proof.free), "prime": hex(self.proof.prime)}
        if proof and not math.isfinite(proof["log2_error"]):
            proof["log2_error"] = None  # there is no error
        row["mistakes"] = list(self.mistakes)
        return row | {"margin": self.margin if math.isfinite(self.margin) else None, "proof": proof}
