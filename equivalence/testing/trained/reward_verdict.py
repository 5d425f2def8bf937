"""What is found out about a learned reward, and how it is printed."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from equivalence.testing.trained.figures import Figure, as_json, figure, place, rows
from equivalence.testing.trained.rounded import Rounded

SHOWN = 5  # (t, s) with other optimal actions that are printed


class Choice(NamedTuple):
    """The optimal actions at (t, s) (t None without a horizon) under the true reward, and under the learned one."""

    t: int | None
    s: int
    true: tuple[int, ...]
    learned: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RewardVerdict:
    """A learned reward beside the true one. None: not asked, undecided in balls, or left out (a note says why).

    equivalent        whether it is the true reward up to shaping
    scale             the factor by which it is the true reward up to shaping; None if there is none, or none was found
    but_for_rounding  where it is neither, and would be a multiple but for floats: (scale, units), see `rounded`
    angle             sign(cos) cos^2 of the value-adjusted canonical forms: a Fraction where rewards are rational
    starc             distance of value-adjusted forms; starc_minimal of minimal ones
    epic              distance under uniform laws of states and actions
    differing         (t, s) where optimal actions differ
    regret            of the worst policy that is optimal for the learned reward; least_regret of the best one
    share             regret / (best return - worst return)
    undetermined      dimension of what policies leave open, among `entries` numbers of a reward of this shape
    """

    name: str
    level: str
    axes: str
    equivalent: bool | None
    scale: Figure | None
    but_for_rounding: Rounded | None
    angle: Figure | None
    starc: Figure
    starc_minimal: Figure | None
    epic: Figure | None
    same_optimal_actions: bool | None
    differing: tuple[Choice, ...]
    regret: Figure | None
    least_regret: Figure | None
    share: Figure | None
    soft_regret: Figure | None
    temperature: Any
    undetermined: int | None
    entries: int
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
        row = {name: as_json(getattr(self, name)) for name in self.__dataclass_fields__ if name != "temperature"}
        return row | {"temperature": None if self.temperature is None else str(self.temperature)}


def _report(verdict: RewardVerdict) -> list[str]:
    kind = "exact numbers" if verdict.level == "exact" else "balls, which contain the truth"
    lines = [_first_line(verdict), f"judged: [{place_letters(verdict.axes)}], in {kind}, {verdict.seconds:.2f} s", ""]
    table = [("STARC distance (value-adjusted)", str(verdict.starc))]
    if verdict.starc_minimal is not None:
        table.append(("STARC distance (minimal)", str(verdict.starc_minimal)))
    if verdict.epic is not None:
        table.append(("EPIC distance", str(verdict.epic)))
    if verdict.regret is not None:
        share = "" if verdict.share is None else f", {100 * verdict.share.value:.3g} % of the range from best to worst"
        table.append(("regret of acting on it, ties at worst", f"{verdict.regret}{share}"))
    if verdict.least_regret is not None:
        table.append(("regret of acting on it, ties at best", str(verdict.least_regret)))
    if verdict.soft_regret is not None:
        table.append((f"soft regret, temperature {figure(verdict.temperature)}", str(verdict.soft_regret)))
    lines += [*rows(table), ""]
    if verdict.differing:
        lines += [f"Optimal actions differ at {len(verdict.differing)} (of those that can be reached):", ""]
        lines += rows([_choice(x) for x in verdict.differing[:SHOWN]])
        if len(verdict.differing) > SHOWN:
            lines.append(f"    ... and {len(verdict.differing) - SHOWN} more")
        lines.append("")
    if verdict.undetermined is not None:
        lines.append(
            f"Of {verdict.entries} numbers of such a reward, soft-optimal policies leave {verdict.undetermined} "
            f"dimension{'s' * (verdict.undetermined != 1)} open."
        )
    return [*lines, *(f"note: {note}" for note in verdict.notes)]


def place_letters(axes: str) -> str:
    """'s, a, s'' of 'sas'."""
    return ", ".join(("s", "a", "s'")[: len(axes)])


def _first_line(verdict: RewardVerdict) -> str:
    if verdict.equivalent:
        return f"{verdict.name} is the true reward up to shaping: it has the same soft-optimal policies"
    if verdict.scale is not None:
        factor = f"{verdict.scale} times the true reward up to shaping"
        return f"{verdict.name} is {factor}: it has the same optimal policies"
    actions = {
        True: "it has the same optimal actions",
        False: "optimal actions differ",
        None: "optimal actions: undecided",
    }
    if verdict.but_for_rounding is not None:
        times = "" if verdict.but_for_rounding.scale.exact == 1 else f"{verdict.but_for_rounding.scale} times "
        units = f"{verdict.but_for_rounding.units:.2g} roundings of each number"
        return (
            f"{verdict.name} is {times}the true reward up to shaping, but for rounding (at most {units}); "
            f"{actions[verdict.same_optimal_actions]}"
        )
    said = (
        "is not the true reward" if verdict.equivalent is False else "may be the true reward (balls do not decide it)"
    )
    return f"{verdict.name} {said} up to shaping; {actions[verdict.same_optimal_actions]}"


def _choice(choice: Choice) -> tuple[str, ...]:
    index = (choice.s,) if choice.t is None else (choice.t, choice.s)
    where = place(index, ("s",) if choice.t is None else ("t", "s"))
    return where, f"true: {list(choice.true)}", f"learned: {list(choice.learned)}"
