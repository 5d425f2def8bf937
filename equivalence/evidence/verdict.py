"""Verdicts: what was found out about a claim on an instance, and how strongly.

| word             | level      | means                                                                            |
|------------------|------------|----------------------------------------------------------------------------------|
| `consistent`     | float      | floats agree with the enclosed truth within the derived bound: margin <= 1       |
| `differs`        | float      | they do not                                                                      |
| `enclosed`       | ball       | both sides are the same number within a certified radius                         |
| `proved here`    | exact      | both sides are the same number, in exact arithmetic                              |
| `proved for all` | symbolic   | both sides are the same expression in free symbols, for this shape               |
|                  | field      | likewise, except with the error probability that `proof` states, below 2^-128    |
| `refuted`        | any but float | they are different numbers: a proof                                           |
| `undecided`      | ball, symbolic | the arithmetic works and does not tell                                       |
| `out of reach`   | any        | the arithmetic cannot express the claim on this instance                         |
| `vacuous`        | any        | the instance does not meet an assumption, which is named                         |

The last three are shown and counted, and are never a pass.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from mdps import OutOfReach

CONSISTENT = "consistent"
DIFFERS = "differs"
ENCLOSED = "enclosed"
PROVED_HERE = "proved here"
PROVED_FOR_ALL = "proved for all"
REFUTED = "refuted"
UNDECIDED = "undecided"
OUT_OF_REACH = "out of reach"
VACUOUS = "vacuous"

HOLDS = (CONSISTENT, ENCLOSED, PROVED_HERE, PROVED_FOR_ALL)
FAILS = (DIFFERS, REFUTED)
OPEN = (UNDECIDED, OUT_OF_REACH, VACUOUS)


@dataclass(frozen=True)
class Proof:
    """A proof by one evaluation in a prime field.

    free        the arguments whose numbers were free.
    degree      bound of the degree of what was found to be 0: differences, and what was taken for 0 on the way, as
                polynomials (norms, where roots were taken).
    height      bound of log2 of their size, the sum of the absolute values of their coefficients.
    prime       the modulus.
    branches    how many comparisons followed the numbers of the instance.
    log2_error  log2 of the bound on the probability of a wrong proof, bad primes and all points that may be tried
                included.
    """

    free: tuple[str, ...]
    degree: int
    height: int
    prime: int
    branches: int
    log2_error: float


@dataclass(frozen=True)
class Verdict:
    """One claim, one instance, one level.

    margin      of floats: the largest distance from the truth in units of the derived bound; at most 1 where
                consistent.
    radius      of balls: the largest radius of the difference of both sides.
    assumption  the one that the instance does not meet, where vacuous.
    detail      where and by how much the sides differ, or why nothing could be said.
    changes     what was done to somebody's numbers to make the instance.
    instances   how many the verdict is about: more than one where they were judged in stacks.
    vacuous     how many more of the stacks do not meet an assumption, which is named.
    """

    claim: str
    catalogue: str
    level: str
    outcome: str
    instance: str
    margin: float | None = None
    radius: float | None = None
    assumption: str | None = None
    detail: str = ""
    changes: tuple[str, ...] = ()
    seconds: float = 0.0
    known_false: bool = False
    proof: Proof | None = None
    instances: int = 1
    vacuous: int = 0
    origin: Any = field(default=None, repr=False, compare=False)  # the Instance, where the claim itself was asked

    @property
    def alarming(self) -> bool:
        """Whether something that should hold does not."""
        return self.outcome in FAILS and not self.known_false

    def certificate(self) -> dict[str, Any]:
        """The verdict as a document that somebody else can check again without this library: `evidence.certificate`.

        Errors: `OutOfReach` where the checker has no formula for it, or an implementation in a hole was asked.
        """
        from equivalence.evidence.certificate import certificate

        if self.origin is None:
            raise OutOfReach(f"no certificate of {self.claim}: the verdict is not about the claim on one instance")
        return certificate(self.claim, self.origin, self.outcome)

    def as_json(self) -> dict[str, Any]:
        """The verdict as a plain object; the keys are stable."""
        names = (part.name for part in fields(self) if part.name not in ("origin", "proof"))
        proof = self.proof and asdict(self.proof) | {"free": list(self.proof.free), "prime": hex(self.proof.prime)}
        return {name: getattr(self, name) for name in names} | {"changes": list(self.changes), "proof": proof}
