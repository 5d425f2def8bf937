"""What a reward, a policy, a temperature and an expert must satisfy, checked once at the door.

Each check returns the argument as a read-only array in the model's arithmetic, or raises `InvalidArgument` with what
was expected, what came, where, and what to do. An exact argument is converted to the arithmetic of its model; a float
is never taken for an exact number. Types that ride on others (duals, rounding) pass as they are.

Shapes are told apart by the number of axes beyond the model's batch axes, never by their lengths or values.
"""

from typing import Any

import numpy as np

from mdps import scalars
from mdps.door import UNIT_ROUNDOFF, check_distribution
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP

AXES = {1: "s", 2: "sa", 3: "sas"}
LISTED = 10**6  # the most trajectories that are listed unless more are asked for


def numbers(name: str, value: Any, level: str) -> np.ndarray:
    """An array of numbers in the arithmetic `level`: exact ones are converted, floats are not made exact."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidArgument(f"{name} is not a rectangular array: {error}") from None
    if array.dtype.kind not in "iufO":
        raise InvalidArgument(f"{name} has dtype {array.dtype}; expected numbers")
    if level == "carrier":
        return array
    if array.dtype.kind in "iu":
        return scalars.convert(array, level)
    if array.dtype == object:
        try:
            own = scalars.level_of(array)
        except InvalidArgument as error:
            raise InvalidArgument(f"{name}: {error}") from None
        integers = all(isinstance(x, (int, np.integer)) for x in array.flat)
        if own == "carrier":
            return array
        if integers or own in ("exact", level):
            return _finite(name, scalars.convert(array, level))
    elif level == "float":
        return _finite(name, np.asarray(array, dtype=float))
    else:
        own = "float"
    raise InvalidArgument(
        f"{name} is {own} and the model is {level}; write {name} in exact numbers (Fractions), or take mdp.to('float')"
    )


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    infinite = ~scalars.finite_mask(array)
    if infinite.any():
        at = _first(infinite)
        raise InvalidArgument(f"{name}{at or ''} is {array[tuple(at)]}; expected finite numbers")
    return array


def _first(mask: np.ndarray) -> list[int]:
    return [int(i) for i in np.argwhere(mask)[0]] if mask.ndim else []


def checked_horizon(mdp: MDP) -> int:
    """The horizon T of a finite problem; the other kinds are `OutOfReach`."""
    if mdp.horizon is None:
        kind = "episodic" if mdp.discount == 1 else "discounted without end"
        raise OutOfReach(f"this solver treats finite horizons; the model is {kind} (horizon=None): give it a horizon")
    return mdp.horizon


def checked_temperature(temperature: Any, level: str) -> Any:
    """A positive number alpha, in units of reward per nat."""
    array = np.asarray(temperature)
    if array.shape != ():
        raise InvalidArgument(f"temperature has shape {array.shape}; expected one positive number")
    alpha = numbers("temperature", array, level)[()]
    if not alpha > 0:
        raise InvalidArgument(f"temperature is {alpha}; expected a positive number")
    return alpha


def reward_axes(mdp: MDP, reward: np.ndarray, name: str = "reward") -> str:
    """'s', 'sa' or 'sas': what a reward depends on, told by its number of axes beyond the batch axes."""
    batch = mdp.batch_shape
    axes = AXES.get(reward.ndim - len(batch), "")
    n_states, n_actions = mdp.n_states, mdp.n_actions
    shapes = {"s": (n_states,), "sa": (n_states, n_actions), "sas": (n_states, n_actions, n_states)}
    if not axes or reward.shape != batch + shapes[axes]:
        expected = " or ".join(str(batch + shape) for shape in shapes.values())
        raise InvalidArgument(f"{name} has shape {reward.shape}; expected {expected} ([s], [s, a] or [s, a, s'])")
    return axes


def checked_reward(mdp: MDP, reward: Any) -> np.ndarray:
    """A reward [s], [s, a] or [s, a, s'] of finite numbers. Minus infinity is refused: use a row of zeros."""
    try:
        array = numbers("reward", reward, mdp.level)
    except InvalidArgument as error:
        infinite = str(error).endswith("expected finite numbers")
        hint = "; to forbid an action, make its transition row zero" if infinite else ""
        raise InvalidArgument(f"{error}{hint}") from None
    reward_axes(mdp, array)
    return array


def expected_reward(mdp: MDP, reward: np.ndarray) -> np.ndarray:
    """sum_s' P(s' | s, a) r(s, a, s'), of shape [..., s, a]; a reward [s] is paid at each decision in s."""
    axes = reward_axes(mdp, reward)
    if axes == "sa":
        return reward
    if axes == "s":
        return np.broadcast_to(reward[..., None], mdp.available.shape)
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach(
            "a reward [s, a, s'] of a sparse model would be a dense array; give the expected reward [s, a]"
        )
    return np.where(mdp.support, mdp.transition * reward, scalars.constant(0, mdp.transition)).sum(axis=-1)


def checked_policy(mdp: MDP, policy: Any, name: str = "policy") -> np.ndarray:
    """A policy [..., s, a] or [..., t, s, a] as an array [..., t, s, a] of T steps; without a horizon as [..., s, a].

    Rows of states with actions sum to 1 (floats: within 2 A u), rows of terminal states are zero, and nothing is on
    unavailable actions.
    """
    array = numbers(name, policy, mdp.level)
    batch, table, horizon = mdp.batch_shape, mdp.available.shape[-2:], mdp.horizon
    if horizon is None:
        if array.shape != (*batch, *table):
            raise InvalidArgument(
                f"{name} has shape {array.shape}; expected {(*batch, *table)}: the model has no horizon, so its "
                "policies do not depend on time"
            )
        _check_simplex_rows(name, array, mdp.available)
        return array
    steps = array.ndim - len(batch) == 3
    expected = (*batch, horizon, *table) if steps else (*batch, *table)
    if array.shape != expected:
        raise InvalidArgument(
            f"{name} has shape {array.shape}; expected {(*batch, *table)} or {(*batch, horizon, *table)} for this model"
        )
    available = mdp.available[..., None, :, :] if steps else mdp.available
    _check_simplex_rows(name, array, np.broadcast_to(available, array.shape))
    return array if steps else np.broadcast_to(array[..., None, :, :], (*batch, horizon, *table))


def _check_simplex_rows(name: str, array: np.ndarray, available: np.ndarray) -> None:
    if scalars.level_of(array) == "carrier":
        return
    negative = scalars.negative_mask(array)
    if negative.any():
        at = _first(negative)
        raise InvalidArgument(f"{name}{at} is {array[tuple(at)]}, which is negative; expected probabilities")
    stray = ~available & ~scalars.zero_mask(array)
    if stray.any():
        at = _first(stray)
        raise InvalidArgument(
            f"{name}{at} is {array[tuple(at)]}, but that action is not available there; expected 0. "
            "Is it the policy of another model?"
        )
    total = array.sum(axis=-1)
    live = available.any(axis=-1)
    if array.dtype != object:
        wrong = live & (np.abs(total - 1) > 2 * array.shape[-1] * UNIT_ROUNDOFF)
    elif scalars.level_of(array) == "exact":
        wrong = live & ~np.asarray(total == 1, dtype=bool)
    elif scalars.level_of(array) == "ball":
        wrong = live & ~np.frompyfunc(lambda x: x.contains(1) if hasattr(x, "contains") else x == 1, 1, 1)(
            total
        ).astype(bool)
    else:
        return
    if wrong.any():
        at = _first(wrong)
        within = f"within {2 * array.shape[-1]}·2⁻⁵³" if array.dtype != object else "exactly"
        raise InvalidArgument(
            f"{name}{at} sums to {total[tuple(at)]}; expected 1 {within}. "
            "mdps.normalized(...) divides each row by its sum"
        )


def checked_expert(mdp: MDP, expert: Any, axes: str) -> np.ndarray:
    """Expected counts of an expert in the shape of the reward: signs, support and mass are checked.

    The mass sum_t gamma^t P(a decision at t) lies between the shortest and the longest trajectory's: at most
    sum_t<T gamma^t (1 / (1 - gamma) without end; unbounded in episodes), which it equals where nothing is terminal; at
    least 1 where no start is terminal. Flow is not checked, since trajectory laws, samples and unrealizable targets
    may violate it.
    """
    table = numbers("expert", expert, mdp.level)
    if reward_axes(mdp, table, "expert") != axes:
        raise InvalidArgument(f"expert has shape {table.shape}; expected the shape of the reward, axes '{axes}'")
    if scalars.level_of(table) == "carrier":
        return table
    negative = scalars.negative_mask(table)
    if negative.any():
        at = _first(negative)
        raise InvalidArgument(f"expert{at} is {table[tuple(at)]}, which is negative; expected counts")
    support = {"s": ~mdp.terminal, "sa": mdp.available}.get(axes)
    if support is None:
        if isinstance(mdp.kernel, Sparse):
            raise OutOfReach("counts [s, a, s'] of a sparse model would be a dense array")
        support = mdp.support
    if not support.all():
        stray = ~support & ~scalars.zero_mask(table)
        if stray.any():
            at = _first(stray)
            raise InvalidArgument(f"expert{at} is {table[tuple(at)]}, where the model never goes; expected 0")
    _check_mass(mdp, table, axes)
    return table


def _check_mass(mdp: MDP, table: np.ndarray, axes: str) -> None:
    if mdp.level in ("symbolic", "field"):
        return
    mass = table.sum(axis=tuple(range(-len(axes), 0)))
    ends = mdp.terminal.any(axis=-1)
    starts_over = (mdp.terminal & ~scalars.zero_mask(mdp.initial)).any(axis=-1)
    if mdp.horizon is None and mdp.discount == 1:
        _check_mass_of_episodes(mass, ends, starts_over)
        return
    if mdp.horizon is None:
        longest: Any = 1 / (1 - mdp.discount)
        steps: Any = float(longest) if mdp.level != "carrier" else 1
    else:
        longest, steps = sum(mdp.discount**t for t in range(mdp.horizon)), mdp.horizon
    shortest = np.where(ends, np.where(starts_over, 0, 1), longest)
    # Rows of a policy and of P sum to 1 within 2 A u and 2 S u at each step, and a law over trajectories within 2 n u.
    roundings = LISTED + steps * (mdp.n_states + mdp.n_actions + 1)
    slack = 0 if table.dtype == object else 2 * roundings * UNIT_ROUNDOFF * longest
    # `not certainly outside`, so that balls that merely touch the limits pass.
    wrong = np.atleast_1d(np.asarray((mass > longest + slack) | (mass < shortest - slack), dtype=bool))
    if wrong.any():
        at = _first(wrong) if mdp.batch_shape else ()
        low = np.atleast_1d(shortest)[tuple(at) if mdp.batch_shape else 0]
        range_of_mass = f"{longest}" if low == longest else f"between {low} and {longest}"
        raise InvalidArgument(
            f"expert{list(at) if at else ''} has mass {mass[tuple(at)] if mdp.batch_shape else mass}; "
            f"expected {range_of_mass}, "
            "the discounted number of decisions of a trajectory (counts are of expected visits, not frequencies)"
        )


def _check_mass_of_episodes(mass: Any, ends: Any, starts_over: Any) -> None:
    """Episodes without a bound are as long as they like: at least one decision, where no start is terminal."""
    if not ends.all():
        raise InvalidModel(
            "the model has no horizon, no discount and no terminal state: nothing ends, and no expert has finite "
            "counts; give it a horizon, a discount below 1, or terminal states"
        )
    slack = 0 if np.asarray(mass).dtype == object else 2 * LISTED * UNIT_ROUNDOFF
    if np.any(np.asarray(mass < np.where(starts_over, 0, 1) - slack, dtype=bool)):
        raise InvalidArgument(f"expert has mass {mass}; expected at least 1, the number of decisions of an episode")


FACTORS_OF_A_LAW = 128  # a float law may be a product over T steps: so many roundings are allowed in each entry


def checked_law(n: int, law: Any, level: str, name: str = "law") -> np.ndarray:
    """A probability vector [n] over n outcomes; floats sum to 1 within 2 (n + 128) u, exact numbers exactly."""
    array = numbers(name, law, level)
    if array.shape != (n,):
        raise InvalidArgument(f"{name} has shape {array.shape}; expected ({n},), one probability for each outcome")
    if scalars.level_of(array) != "carrier":
        try:
            check_distribution(name, array, factors=FACTORS_OF_A_LAW)
        except InvalidModel as error:
            raise InvalidArgument(str(error)) from None
    return array
