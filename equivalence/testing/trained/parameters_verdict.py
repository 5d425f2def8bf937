"""What is found out about parameters, and how it is printed."""

from dataclasses import dataclass
from typing import Any

from equivalence.testing.trained.figures import Figure, as_json, rows

ENCLOSED, NO_OPTIMUM, UNDECIDED = "enclosed", "no optimum", "undecided"


@dataclass(frozen=True, eq=False)
class ParametersVerdict:
    """How far theta is from the optimum.

    distance      |P (theta - theta*)|, in a ball; None unless enclosed
    gap           what the objective loses, L(theta*) - L(theta) in nats, in a ball; None unless enclosed
    gradient      dL/dtheta at theta, [k], in balls, and its Euclidean norm
    optimum       a theta near theta* [k] whose coordinates that nothing determines are 0, and its error
    unidentified  directions of theta that change nothing, a basis [d][k] in rational numbers
    reason        why the distance is not enclosed
    """

    name: str
    objective: str
    outcome: str
    distance: Figure | None
    gap: Figure | None
    gradient: tuple[Figure, ...]
    gradient_norm: Figure
    optimum: tuple[float, ...]
    optimum_error: float
    unidentified: tuple[tuple[Figure, ...], ...]
    reason: str
    notes: tuple[str, ...]
    seconds: float

    @property
    def message(self) -> str:
        """The whole report."""
        return "\n".join(_report(self))

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, Any]:
        """The verdict as a plain object; the keys are stable."""
        return {name: as_json(getattr(self, name)) for name in self.__dataclass_fields__}


def _report(verdict: ParametersVerdict) -> list[str]:
    if verdict.outcome == ENCLOSED:
        first = f"{verdict.name} is {verdict.distance} from the optimum of {verdict.objective}, certified"
    else:
        first = f"{verdict.name}: {verdict.outcome} of {verdict.objective}: {verdict.reason}"
    lines = [first, f"judged in balls, {verdict.seconds:.2f} s", ""]
    gradient = ", ".join(f"{x.value:.6g}" for x in verdict.gradient)
    table = [("gradient there", f"({gradient}), norm {verdict.gradient_norm}")]
    if verdict.outcome == ENCLOSED:
        best = ", ".join(f"{x:.6g}" for x in verdict.optimum)
        table += [
            ("what the objective loses", f"{verdict.gap} nats"),
            ("the optimum", f"({best}), known within {verdict.optimum_error:.2g}"),
        ]
    lines += rows(table)
    if verdict.unidentified:
        shown = ["(" + ", ".join(str(x.exact) for x in row) + ")" for row in verdict.unidentified]
        lines += ["", f"Not determined by any data, and left out of the distance: {', '.join(shown)}"]
    return lines + [""] * bool(verdict.notes) + [f"note: {note}" for note in verdict.notes]
