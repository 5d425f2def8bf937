"""What is found out about a policy, and how it is printed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from equivalence.testing.trained.figures import Figure, as_json, figure, rows
from equivalence.testing.trained.returns import Loss

SHOWN = 5  # places of loss that are printed


@dataclass(frozen=True, eq=False)
class PolicyVerdict:
    """What a policy is worth; `Figure`s are exact or enclosed. None where nothing was asked, or nothing exists.

    level            exact or ball
    share            of the range between the best return and the worst one
    losses           where the regret comes from, the largest part first
    occupancy        [s, a], discounted expected visits, in rationals or balls
    divergences      of occupancies (each divided by its mass), over the axes of an expert's counts, and of an expert
                     policy over (s, a), with the KL of trajectories
    feature_gap      E_expert[phi] - E_policy[phi], [k], and its Euclidean norm
    notes            what was done to the numbers that were given
    """

    name: str
    level: str
    source: str
    value: Figure
    best: Figure
    worst: Figure | None
    regret: Figure
    share: Figure | None
    losses: tuple[Loss, ...]
    occupancy: np.ndarray = field(repr=False)
    soft_value: Figure | None = None
    soft_best: Figure | None = None
    soft_regret: Figure | None = None
    divergences: dict[str, Figure] = field(default_factory=dict)
    feature_gap: tuple[Figure, ...] = ()
    feature_distance: Figure | None = None
    temperature: Any = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def is_optimal(self) -> bool:
        """Whether no policy has a higher return, decided."""
        return self.regret.is_zero

    @property
    def message(self) -> str:
        """The whole report."""
        return "\n".join(_report(self))

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, Any]:
        """The verdict as a plain object, without the occupancy; the keys are stable."""
        names = [f for f in self.__dataclass_fields__ if f not in ("occupancy", "temperature")]
        alpha = None if self.temperature is None else str(self.temperature)
        row = {name: as_json(getattr(self, name)) for name in names}
        return row | {"is_optimal": self.is_optimal, "temperature": alpha}


def _report(verdict: PolicyVerdict) -> list[str]:
    share = "" if verdict.share is None else f", {100 * verdict.share.value:.3g} % of the range from best to worst"
    first = f"{verdict.name}: regret {verdict.regret}{share}"
    if verdict.is_optimal:
        first = f"{verdict.name} is optimal: no policy has a higher return"
    kind = "exact numbers" if verdict.level == "exact" else "balls, which contain the truth"
    lines = [first, f"judged: {verdict.source}, in {kind}, {verdict.seconds:.2f} s", ""]
    table = [("return", str(verdict.value)), ("best return", str(verdict.best))]
    if verdict.worst is not None:
        table.append(("worst return", str(verdict.worst)))
    table.append(("regret", str(verdict.regret)))
    if verdict.soft_regret is not None:
        table += [
            (f"soft return, temperature {figure(verdict.temperature)}", str(verdict.soft_value)),
            ("best soft return", str(verdict.soft_best)),
            ("soft regret", str(verdict.soft_regret)),
        ]
    lines += rows(table)
    if verdict.losses:
        lines += ["", "Where the regret comes from:", "", *rows([_loss(x) for x in verdict.losses[:SHOWN]])]
        if len(verdict.losses) > SHOWN:
            lines.append(f"    ... and {len(verdict.losses) - SHOWN} more")
    if verdict.divergences:
        lines += ["", "Beside the expert (occupancies divided by their mass, in nats where there are logarithms):", ""]
        beside = [(name, str(x)) for name, x in verdict.divergences.items()]
        if verdict.feature_distance is not None:
            gaps = ", ".join(f"{x.value:.6g}" for x in verdict.feature_gap)
            beside.append(("features, expert - policy", f"({gaps}), norm {verdict.feature_distance}"))
        lines += rows(beside)
    return lines + ([""] if verdict.notes else []) + [f"note: {note}" for note in verdict.notes]


def _loss(loss: Loss) -> tuple[str, ...]:
    where = f"state {loss.s}" if loss.t is None else f"step {loss.t}, state {loss.s}"
    several = "s" if len(loss.best) > 1 else ""
    return where, str(loss.regret), f"best action{several}: {', '.join(map(str, loss.best))}"
