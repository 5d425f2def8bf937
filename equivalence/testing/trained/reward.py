"""How far a learned reward is from the true one, up to what no policy can tell apart.

    equivalent        the canonical forms are equal: the same soft-optimal policies at every temperature, and the same
                      differences of returns between any two policies
    scale             the rational factor > 0 by which the canonical form is that of the true reward: the same optimal
                      policies, and soft-optimal ones at a temperature that is multiplied by it, too
    STARC, EPIC       distances between 0 and 1, see `equivalence.objectives.reward_distances`
    optimal actions   {a: Q*_t(s, a) = V*_t(s)} at each (t, s) that some policy reaches, under both rewards
    regret            of policies that are optimal for the learned reward, under the true one: the largest and the
                      smallest over all ways to break ties
    soft regret       the same of the one policy that is soft-optimal for the learned reward
    undetermined      the dimension of changes of the reward that keep its soft-optimal policies where they go

With a horizon canonical forms have an axis t, and potentials may depend on time and are 0 at the end. The final value
of the model belongs to both problems. Both rewards are read exactly; where fractions would grow too long everything is
in balls, what is equal then stays undecided (None), but for multiples of the true reward itself, and the largest regret
is an upper bound.
Source: skalse2024; gleave2021; skalse2023; derived.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from flint import arb, fmpq

from equivalence.objectives import reward_distances
from equivalence.testing.trained.divergences import place
from equivalence.testing.trained.door import Problem, exact_numbers, given_policy, given_reward, problem, with_actions
from equivalence.testing.trained.figures import Figure, as_json, figure, rows
from equivalence.testing.trained.returns import (
    NARROW,
    PRECISIONS,
    discounted_visits,
    is_long,
    optimal_values,
    summed,
    worst_return,
)
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, identifiability, scalars, soft_solution
from mdps.arguments import checked_temperature, expected_reward, reward_axes
from mdps.exactness import simplest_rational
from mdps.scalars import LogRational
from mdps.scalars.balls import precision

BITS = 512
LARGEST_PROJECTION = 80  # T S up to which the minimal form is computed
LARGEST_ELIMINATION = 120  # T S A up to which the undetermined dimension is computed
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


def judge_reward(
    reward: Any,
    env_or_mdp: Any,
    *,
    true_reward: Any = None,
    axes: str = "sas",
    observation: Callable[[int], Any] | None = None,
    policy: Any = None,
    temperature: Any = None,
    level: str | None = None,
    name: str = "reward",
) -> RewardVerdict:
    """The distance of a learned reward from the true one, and what acting on it costs.

    reward       a table [s], [s, a] or [s, a, s'], or a function of what `axes` names, which gives one number
    env_or_mdp   an environment of `to_gymnasium`, or a model
    true_reward  [s], [s, a] or [s, a, s']; that of the environment if None
    axes         of a function: 's', 'sa' or 'sas' (s, a, s')
    observation  what a function is given for a state; the number of the state if None
    policy       of the value-adjusted form, [s, a] or [t, s, a]; all available actions alike if None
    temperature  alpha, for the soft regret
    level        'exact' or 'ball'; by default exact where that is quick

    Cost: as `judge_policy`.

    Errors: `InvalidArgument` for shapes, and numbers that are none.

    >>> from mdps import gallery
    >>> mdp, _ = gallery.fork()
    >>> verdict = judge_reward([7, 0, 2], mdp, true_reward=[0, 1, 2])
    >>> verdict.scale.exact, verdict.starc.exact, verdict.regret.exact
    (Fraction(2, 1), Fraction(0, 1), Fraction(0, 1))
    """
    started = time.perf_counter()
    true = problem(env_or_mdp, true_reward, name="true_reward")
    mdp = true.mdp
    if true.reward is None:
        raise InvalidArgument("the model holds no reward; expected true_reward=..., or an environment, which has one")
    if level not in (None, "exact", "ball"):
        raise InvalidArgument(f"level is {level!r}; expected 'exact', 'ball' or None")
    learned, trouble = given_reward(mdp, reward, axes=axes, observation=observation, name=name)
    alpha = None if temperature is None else checked_temperature(exact_numbers(temperature, "temperature")[()], "exact")
    chosen = level or ("ball" if is_long(mdp) else "exact")
    asked = _Asked(true, learned, chosen, None, [*true.notes])
    if policy is not None:
        reference = given_policy(mdp, policy)
        asked = asked._replace(policy=reference.exact, notes=[*true.notes, *reference.notes])
    own_axes = reward_axes(mdp, learned)
    entries = int({"s": ~mdp.terminal, "sa": mdp.available, "sas": mdp.support}[own_axes].sum())
    with precision(BITS):
        forms = _distances(asked, trouble)
        acting = _acting(asked)
    soft = None if alpha is None else _soft_regret(asked, alpha, forms["equivalent"])
    return RewardVerdict(
        name=name,
        level=chosen,
        axes=own_axes,
        **forms,
        **acting,
        soft_regret=soft,
        temperature=alpha,
        undetermined=_undetermined(mdp, own_axes),
        entries=entries,
        notes=tuple(asked.notes),
        seconds=time.perf_counter() - started,
    )


class _Asked(NamedTuple):
    """The true problem, the learned reward, the level of the answer, a reference policy, and notes to be made."""

    true: Problem
    learned: np.ndarray
    level: str
    policy: Any
    notes: list[str]

    def at_level(self) -> tuple[MDP, np.ndarray, np.ndarray]:
        """The model, the learned reward and the true one."""
        learned, true = (scalars.convert(r, self.level) for r in (self.learned, self.true.reward))
        return self.true.mdp.to(self.level), learned, true


# Distances -------------------------------------------------------------------------------------------------------


def _distances(asked: _Asked, trouble: str) -> dict[str, Any]:
    mdp, learned, true = asked.at_level()
    policy = None if asked.policy is None else scalars.convert(asked.policy, asked.level)
    x, y = (reward_distances.value_adjusted(mdp, r, policy=policy, reached=True) for r in (learned, true))
    equivalent = _equal(x, y)
    scale = _scale(x, y, equivalent)
    if asked.level == "ball" and (factor := _plain_factor(asked)) is not None:
        equivalent, scale = factor == 1 or equivalent, figure(factor)
    result = {"equivalent": equivalent, "scale": scale, "angle": _angle(x, y), "starc": _distance(x, y, scale)}
    size = (mdp.horizon or 1) * mdp.n_states
    if size > LARGEST_PROJECTION:
        asked.notes.append(f"the minimal form is left out: T S = {size}, more than {LARGEST_PROJECTION}")
        return result | {"starc_minimal": None, "epic": _epic(asked, trouble)}
    model, *given = mdp, learned, true
    if asked.level == "exact" and size > LARGEST_PROJECTION // 4:
        model, given = mdp.to("ball"), [scalars.convert(r, "ball") for r in given]
    x, y = (reward_distances.minimal(model, r, reached=True) for r in given)
    return result | {"starc_minimal": _distance(x, y, scale), "epic": _epic(asked, trouble)}


def _equal(x: np.ndarray, y: np.ndarray) -> bool | None:
    """Whether two tables are equal; None where balls leave it open."""
    gap = x - y
    if scalars.level_of(gap) != "ball":
        return bool(scalars.zero_mask(gap).all())
    if any(not g.contains(0) for g in gap.flat):
        return False
    return True if all(g == 0 for g in gap.flat) else None


def _scale(x: np.ndarray, y: np.ndarray, equivalent: bool | None) -> Figure | None:
    """The rational k > 0 with x = k y, verified in exact numbers; None where there is none, or y is 0."""
    live = y[np.asarray(y != 0, dtype=bool)]
    if not len(live) or scalars.level_of(x) == "ball":
        return None
    if equivalent:
        return figure(fmpq(1))
    at = tuple(np.argwhere(np.asarray(y != 0, dtype=bool))[0])
    ratio = scalars.convert([x[at]], "ball")[0] / scalars.convert([y[at]], "ball")[0]
    if not ratio > 0:
        return None
    if isinstance(x[at], LogRational) or isinstance(y[at], LogRational):
        candidate = simplest_rational(ratio.lower().fmpq(), ratio.upper().fmpq())
    else:
        candidate = x[at] / y[at]
    return figure(candidate) if scalars.zero_mask(x - candidate * y).all() else None


def _plain_factor(asked: _Asked) -> Any:
    """The rational k > 0 with r = k r_true at every (s, a), exactly; None where there is none.

    It decides without canonical forms. Where there is a final value, which belongs to both problems, only k = 1 does.
    """
    mdp = asked.true.mdp
    given: tuple[Any, Any] = asked.learned, asked.true.reward
    learned, true = (expected_reward(mdp, r)[mdp.available] for r in given)
    if {type(x) for x in (*learned, *true)} != {fmpq}:
        return None
    live = np.flatnonzero(true != 0)
    if not len(live):
        return None
    k = learned[live[0]] / true[live[0]]
    ends = bool(np.asarray(mdp.final_value != 0, dtype=bool).any())
    return k if k > 0 and not (ends and k != 1) and (learned == k * true).all() else None


def _angle(x: np.ndarray, y: np.ndarray, weights: Any = 1) -> Figure | None:
    """sign(cos) cos^2, a rational number of rationals; None where a table is 0."""
    try:
        return figure(reward_distances.signed_squared_cosine(x, y, weights=weights))
    except InvalidArgument:
        return None
    except OutOfReach:  # products of logarithms
        if scalars.level_of(x) == scalars.level_of(y) == "ball":
            return None  # which nobody can tell from 0
        weights = scalars.convert(weights, "ball") if isinstance(weights, np.ndarray) else weights
        return _angle(scalars.convert(x, "ball"), scalars.convert(y, "ball"), weights)


def _distance(x: np.ndarray, y: np.ndarray, scale: Figure | None, weights: Any = 1) -> Figure:
    """sqrt((1 - cos) / 2): exact where it is 0, 1/2 or 1."""
    if scale is not None:
        return figure(fmpq(0))
    angle = _angle(x, y, weights)
    if angle is None:
        zeros = [_zero(table) for table in (x, y)]
        if None in zeros:
            return Figure(arb(0.5, 0.5), 0.5)  # nobody can tell in balls
        return figure(fmpq(0) if all(zeros) else fmpq(1, 2))
    if not isinstance(angle.exact, arb):
        if abs(angle.exact) == 1:
            return figure(fmpq(0) if angle.exact > 0 else fmpq(1))
        square: Any = fmpq(angle.exact.numerator, angle.exact.denominator)
        cosine = arb(abs(square)).sqrt() * (1 if square > 0 else -1)
    else:
        square = angle.exact
        cosine = (
            abs(square).sqrt() * (1 if square > 0 else -1)
            if not square.contains(0)
            else arb(0, abs(square).upper().sqrt())
        )
    half = (1 - cosine) / 2
    return figure(half.sqrt() if half >= 0 else arb(0).union(half.upper().sqrt()))


def _zero(table: np.ndarray) -> bool | None:
    """Whether a table is 0; None where balls leave it open."""
    return _equal(table, 0 * table)


def _epic(asked: _Asked, trouble: str) -> Figure | None:
    mdp, learned, true = asked.at_level()
    if trouble:
        asked.notes.append(f"no EPIC distance: {trouble}")
        return None
    try:
        x, y, weights = reward_distances.centered(mdp, learned, true)
    except OutOfReach as error:
        asked.notes.append(f"no EPIC distance: {error}")
        return None
    if _angle(x, y, weights) is None:
        asked.notes.append("no EPIC distance: one of the rewards is shaping alone, and has no correlation to anything")
        return None
    return _distance(x, y, _scale(x, y, _equal(x, y)), weights)


# Acting on it ----------------------------------------------------------------------------------------------------


def _acting(asked: _Asked) -> dict[str, Any]:
    mdp, learned, true = asked.at_level()
    problems = (asked.true._replace(reward=asked.learned), asked.true)
    try:
        values = [optimal_values(given, mdp, r) for given, r in zip(problems, (learned, true), strict=True)]
    except InvalidModel as error:
        asked.notes.append(f"no optimal actions: {error}")
        empty = dict.fromkeys(("same_optimal_actions", "regret", "least_regret", "share"))
        return empty | {"differing": ()}
    reached = reward_distances.counted(asked.true.mdp, reached=True)
    (ours, sure), (theirs, true_sure) = (_best(mdp, q, v, reached) for q, v in values)
    differing = []
    for at in np.argwhere((ours != theirs).any(axis=-1)).tolist():
        t, s = (None, at[0]) if mdp.horizon is None else at
        differing.append(Choice(t, s, _listed(theirs[tuple(at)]), _listed(ours[tuple(at)])))
    decided = bool((sure & true_sure).all())
    same: bool | None = not differing
    if not decided:
        certainly_apart = ((ours != theirs).any(axis=-1) & sure & true_sure).any() or (
            ~(ours & theirs).any(axis=-1) & reached.any(axis=-1)
        ).any()
        same = False if certainly_apart else None
    best = _start(mdp, values[1][1])
    least, most = (_return_within(asked, mdp, true, ours, sign) for sign in (1, -1))
    worst = worst_return(asked.true, mdp, true)
    regret = None if most is None else best - most
    share = None
    if regret is not None and worst is not None and best > worst:
        quotient = [scalars.convert([x], "ball")[0] for x in (regret, best - worst)]
        exact = not any(isinstance(x, (LogRational, arb)) for x in (regret, best, worst))
        share = figure(regret / (best - worst) if exact else quotient[0] / quotient[1])
    return {
        "same_optimal_actions": same,
        "differing": tuple(differing),
        "regret": None if regret is None else figure(regret),
        "least_regret": None if least is None else figure(best - least),
        "share": share,
    }


def _start(mdp: MDP, v: np.ndarray) -> Any:
    return summed(mdp.initial * (v if mdp.horizon is None else v[0]), ~scalars.zero_mask(mdp.initial))


def _listed(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())


def _best(mdp: MDP, q: np.ndarray, v: np.ndarray, reached: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Actions that are not certainly worse than the best, and where there is no doubt about them, [(t,) s]."""
    now = (v if mdp.horizon is None else v[:-1])[..., None]
    best = reached & ~np.asarray(q < now, dtype=bool)
    equal = np.asarray(q == now, dtype=bool)
    return best, (best.sum(axis=-1) <= 1) | (equal | ~best).all(axis=-1)


def _return_within(asked: _Asked, mdp: MDP, true: np.ndarray, allowed: np.ndarray, sign: int) -> Any:
    """The largest return under the true reward of policies that take these actions, or with sign -1 the smallest.

    None where they can stay for ever, undiscounted, and there is none.
    """
    if mdp.horizon is None:
        exact = asked.true.mdp
        unreached = ~allowed.any(axis=-1) & ~exact.terminal
        model = with_actions(exact, np.where(unreached[:, None], exact.available, allowed))
        model = model.with_final_value(sign * exact.final_value)
        given = Problem(model, sign * asked.true.reward if asked.true.reward is not None else None, ())
        try:
            _, v = optimal_values(given, model.to(asked.level), given.reward)
        except (InvalidModel, OutOfReach) as error:
            asked.notes.append(f"no {'least' if sign > 0 else 'largest'} regret over ties: {error}")
            return None
        return sign * _start(mdp, scalars.convert(v, asked.level))
    r = sign * expected_reward(mdp, true)
    v = sign * mdp.final_value
    for now in allowed[::-1]:
        q = r + mdp.discount * mdp.expectation(v)
        v = scalars.largest(q, where=now, otherwise=sign * mdp.final_value)
    return sign * _start_of(mdp, v)


def _start_of(mdp: MDP, v: np.ndarray) -> Any:
    return summed(mdp.initial * v, ~scalars.zero_mask(mdp.initial))


def _soft_regret(asked: _Asked, alpha: Any, equivalent: bool | None) -> Figure:
    """alpha sum_t gamma^t E[KL(pi_learned || pi_true)] of soft-optimal policies, in balls."""
    if equivalent:
        return figure(fmpq(0))
    met = reward_distances.counted(asked.true.mdp, reached=True)
    for bits in PRECISIONS:
        with precision(bits):
            mdp = asked.true.mdp.to("ball")
            temperature = scalars.convert([alpha], "ball")[0]
            rewards = (scalars.convert(r, "ball") for r in (asked.learned, asked.true.reward))
            try:
                learned, true = (soft_solution(mdp, r, temperature=temperature) for r in rewards)
                visited = discounted_visits(mdp, learned.policy)
            except OutOfReach:
                if bits == PRECISIONS[-1]:
                    raise
                continue
            gaps = [x.q[met] - np.broadcast_to(_now(mdp, x.v)[..., None], met.shape)[met] for x in (learned, true)]
            lost = sum((w * (x - y) for w, x, y in zip(visited[met], *gaps, strict=True)), arb(0))
            found = figure(lost)
            if found.radius <= NARROW:
                return found
    raise OutOfReach(f"the soft regret is not known within {NARROW} at {PRECISIONS[-1]} bits")


def _now(mdp: MDP, v: np.ndarray) -> np.ndarray:
    return v if mdp.horizon is None else v[:-1]


def _undetermined(mdp: MDP, axes: str) -> int | None:
    if (mdp.horizon or 1) * int(mdp.available.sum()) > LARGEST_ELIMINATION:
        return None
    return len(identifiability.invariance(mdp, axes=axes, reached=True))


# The report ------------------------------------------------------------------------------------------------------


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
        table.append((f"soft regret, temperature {verdict.temperature}", str(verdict.soft_regret)))
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
    said = (
        "is not the true reward" if verdict.equivalent is False else "may be the true reward (balls do not decide it)"
    )
    return f"{verdict.name} {said} up to shaping; {actions[verdict.same_optimal_actions]}"


def _choice(choice: Choice) -> tuple[str, ...]:
    index = (choice.s,) if choice.t is None else (choice.t, choice.s)
    where = place(index, ("s",) if choice.t is None else ("t", "s"))
    return where, f"true: {list(choice.true)}", f"learned: {list(choice.learned)}"
