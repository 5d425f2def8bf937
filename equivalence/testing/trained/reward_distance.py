"""How far a learned reward is from the true one: equal up to shaping, a multiple of it, STARC and EPIC."""

from typing import Any

import numpy as np
from flint import arb, fmpq

from equivalence.objectives import reward_distances
from equivalence.testing.trained.figures import Figure, figure
from equivalence.testing.trained.reward_question import RewardQuestion
from equivalence.testing.trained.rounded import but_for_rounding
from equivalence.testing.trained.up_to_shaping import shaping_alone
from mdps import MDP, InvalidArgument, OutOfReach, scalars
from mdps.arguments import expected_reward
from mdps.exactness import simplest_rational
from mdps.scalars import LogRational

LARGEST_PROJECTION = 80  # T S up to which the minimal form is computed


def distances(asked: RewardQuestion, trouble: str) -> dict[str, Any]:
    """Whether the rewards are the same up to shaping, or up to a factor, too; their angle, and distances by name.

    trouble  why EPIC must not use the learned reward, if so
    """
    mdp, learned, true = asked.at_level()
    policy = None if asked.policy is None else scalars.convert(asked.policy, asked.level)
    x, y = (reward_distances.value_adjusted(mdp, r, policy=policy, reached=True) for r in (learned, true))
    equivalent = _equal(x, y)
    scale = _scale(x, y, equivalent)
    if asked.level == "ball":
        equivalent, scale = _decided(asked, x, y, equivalent)
    result = {"equivalent": equivalent, "scale": scale, "angle": _angle(x, y), "starc": _distance(x, y, scale)}
    result["but_for_rounding"] = None
    if scale is None and equivalent is False and _no_end(asked.true.mdp):
        result["but_for_rounding"] = but_for_rounding(
            asked.true.mdp, asked.learned, asked.true.reward, (x, y), asked.policy
        )
    size = (mdp.horizon or 1) * mdp.n_states
    if size > LARGEST_PROJECTION:
        asked.notes.append(f"the minimal form is left out: T S = {size}, more than {LARGEST_PROJECTION}")
        return result | {"starc_minimal": None, "epic": _epic(asked, trouble)}
    model, *given = mdp, learned, true
    if asked.level == "exact" and size > LARGEST_PROJECTION // 4:
        model, given = mdp.to("ball"), [scalars.convert(r, "ball") for r in given]
    x, y = (reward_distances.minimal(model, r, reached=True) for r in given)
    return result | {"starc_minimal": _distance(x, y, scale), "epic": _epic(asked, trouble)}


def _no_end(mdp: MDP) -> bool:
    return not np.asarray(mdp.final_value != 0, dtype=bool).any()


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


def _plain_factor(asked: RewardQuestion) -> Any:
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


def _decided(
    asked: RewardQuestion, x: np.ndarray, y: np.ndarray, equivalent: bool | None
) -> tuple[bool | None, Figure | None]:
    """What balls leave open, in rational numbers: whether rewards are the same up to shaping, and by which factor."""
    if (factor := _plain_factor(asked)) is not None:
        return factor == 1 or equivalent, figure(factor)
    mdp = asked.true.mdp
    given: tuple[Any, Any] = asked.learned, asked.true.reward
    learned, true = (expected_reward(mdp, r) for r in given)
    if mdp.horizon is None:
        return equivalent, None
    if equivalent is None:
        equivalent = shaping_alone(mdp, learned - true)
    factor = fmpq(1) if equivalent else _nearby_factor(x, y)
    if equivalent or factor is None:
        return equivalent, None if factor is None or _zero(y) is not False else figure(factor)
    alike = factor != 1 and shaping_alone(mdp, learned - factor * true, of_end=1 - factor)
    return equivalent, figure(factor) if alike else None


def _nearby_factor(x: np.ndarray, y: np.ndarray) -> Any:
    """The simplest rational k > 0 with x = k y as far as balls tell at the entry that they know best; None for none."""
    live = [pair for pair in zip(x.flat, y.flat, strict=True) if not pair[1].contains(0)]
    if not live:
        return None
    top, bottom = max(live, key=lambda pair: pair[1].rel_accuracy_bits())
    ratio = top / bottom
    return simplest_rational(ratio.lower().fmpq(), ratio.upper().fmpq()) if ratio > 0 else None


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


def _epic(asked: RewardQuestion, trouble: str) -> Figure | None:
    mdp, learned, true = asked.at_level()
    trouble = trouble or asked.true.trouble
    if trouble:
        asked.notes.append(f"no EPIC distance: {trouble}")
        return None
    actions = None
    if (mdp.available != ~mdp.terminal[:, None]).any():
        actions = reward_distances.uniform_policy(mdp)
        asked.notes.append("EPIC draws actions among those that are available in a state")
    x, y, weights = reward_distances.centered(mdp, learned, true, action_law=actions)
    if _angle(x, y, weights) is None:
        asked.notes.append("no EPIC distance: one of the rewards is shaping alone, and has no correlation to anything")
        return None
    return _distance(x, y, _scale(x, y, _equal(x, y)), weights)
