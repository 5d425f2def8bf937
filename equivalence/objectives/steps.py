"""Tables over the steps of a problem, and what an expert and a policy visit, side by side.

A problem has T steps or one that repeats without end, and a policy may be the same at each step. A table is one of

    one for all steps   [s, a]       against counts      rho(s, a)   = sum_t gamma^t mu_t(s, a)     (an occupancy)
    one for each step   [t, s, a]    against marginals   rho_t(s, a) = gamma^t mu_t(s, a)

and with an axis s' more it is over transitions. Without a horizon only the first kind exists. With a horizon the first
kind means: the same table at each of the T steps. An objective that compares entry by entry, like a discriminator,
then needs no more than the occupancy; soft values are never the same at each step, so what is made of them needs
marginals.

An expert goes with the table: its occupancy (discounted counts) beside [s, a], its marginals (undiscounted
probabilities) beside [t, s, a]. The weights gamma^t are put on in here, the same ones for expert and policy: a
discounted policy beside undiscounted counts is the gradient of nothing.
Source: puterman1994; ho2016.
"""

from typing import Any, NamedTuple

import numpy as np

from mdps import MDP, InvalidArgument, OutOfReach, marginals, occupancy, scalars
from mdps.arguments import checked_expert, checked_policy, numbers
from mdps.kernels import Sparse


class Sides(NamedTuple):
    """What two sides visit, weighted by gamma^t, over the axes of one table; and the policy over [(t,) s, a]."""

    policy: np.ndarray
    visits: np.ndarray
    expert: np.ndarray


def has_steps(mdp: MDP, table: Any) -> bool:
    """Whether a table over [s, a] or [t, s, a] has the axis t."""
    return np.ndim(table) - len(mdp.batch_shape) == 3


def sides(mdp: MDP, policy: Any, expert: Any, *, transitions: bool = False) -> Sides:
    """Expert and policy side by side, over [s, a] or [t, s, a] as the policy is given (and s' with `transitions`).

    expert  [s, a] expected discounted counts beside a policy [s, a]; [t, s, a] marginals beside a policy [t, s, a].
    """
    pi = checked_step_policy(mdp, policy)
    if has_steps(mdp, pi):
        counts = checked_marginals(mdp, expert, transitions=transitions)
    else:
        counts = checked_expert(mdp, expert, "sas" if transitions else "sa")
    return Sides(pi, policy_visits(mdp, pi, transitions=transitions), counts)


def checked_step_policy(mdp: MDP, policy: Any) -> np.ndarray:
    """A policy [..., s, a] or [..., t, s, a] as it is given, checked."""
    checked = checked_policy(mdp, policy)
    one_for_all = has_steps(mdp, checked) and not has_steps(mdp, policy)
    return checked[..., 0, :, :] if one_for_all else checked


def policy_visits(mdp: MDP, policy: np.ndarray, *, transitions: bool = False) -> np.ndarray:
    """rho(s, a) of a policy [s, a], or gamma^t mu_t(s, a) of a policy [t, s, a]; with s' where asked for."""
    visits = step_weights(mdp, 2) * marginals(mdp, policy) if has_steps(mdp, policy) else occupancy(mdp, policy)
    if not transitions:
        return visits
    return visits[..., None] * mask_like(mdp, dense_transition(mdp), policy)


def dense_transition(mdp: MDP) -> np.ndarray:
    """P [..., s, a, s'].

    Errors: `OutOfReach` for a sparse model, of which this would be a dense array.
    """
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("tables [s, a, s'] of a sparse model would be dense arrays; use the form over [s, a]")
    return mdp.transition


def mask_like(mdp: MDP, per_step: np.ndarray, table: np.ndarray) -> np.ndarray:
    """An array of the model, with an axis t to broadcast against a table [..., t, s, a] that has one."""
    n = len(mdp.batch_shape)
    return np.expand_dims(per_step, n) if has_steps(mdp, table) else per_step


def step_weights(mdp: MDP, n_axes: int) -> np.ndarray:
    """gamma^t for t < T, [t] and `n_axes` axes of length 1."""
    assert mdp.horizon is not None
    powers = np.array([mdp.discount**t for t in range(mdp.horizon)], dtype=mdp.initial.dtype)
    return powers.reshape(-1, *(1,) * n_axes)


def checked_weight(mdp: MDP, entropy_weight: Any) -> Any:
    """A number lambda >= 0, the weight of an entropy."""
    array = numbers("entropy_weight", entropy_weight, mdp.level)
    if array.shape != () or scalars.negative_mask(array).any():
        raise InvalidArgument(f"entropy_weight is {entropy_weight}; expected one number, not negative")
    return array[()]


def checked_marginals(mdp: MDP, expert: Any, *, transitions: bool = False) -> np.ndarray:
    """gamma^t mu_t of an expert's marginals [..., t, s, a] (or [..., t, s, a, s']), for a finite horizon."""
    return step_weights(mdp, 3 if transitions else 2) * marginals_as_given(mdp, expert, transitions=transitions)


def marginals_as_given(mdp: MDP, expert: Any, *, transitions: bool = False) -> np.ndarray:
    """An expert's marginals mu_t, undiscounted probabilities [..., t, s, a] (or [..., t, s, a, s']), checked.

    Signs, support and the sum of each step, at most 1, are checked; flow is not, see `mdps.arguments.checked_expert`.
    """
    table = numbers("expert", expert, mdp.level)
    core = (mdp.n_states, mdp.n_actions, mdp.n_states)[: 3 if transitions else 2]
    expected = (*mdp.batch_shape, mdp.horizon, *core)
    if table.shape != expected:
        names = "[t, s, a, s']" if transitions else "[t, s, a]"
        raise InvalidArgument(f"expert has shape {table.shape}; expected {expected}, marginals {names} of each step")
    support = np.expand_dims(mdp.support if transitions else mdp.available, len(mdp.batch_shape))
    if scalars.level_of(table) != "carrier":
        stray = ~support & ~scalars.zero_mask(table)
        for wrong, what in (
            (scalars.negative_mask(table), "negative; expected probabilities"),
            (stray, "not 0, and the model never goes there"),
        ):
            if wrong.any():
                at = [int(i) for i in np.argwhere(wrong)[0]]
                raise InvalidArgument(f"expert{at} is {table[tuple(at)]}: {what}")
        total = table.sum(axis=tuple(range(-len(core), 0)))
        # A sum of n numbers, each a product of up to T probabilities of rows that sum to 1 within rounding.
        slack = 0 if table.dtype == object else table.size * 2.0**-50
        ordered = scalars.level_of(table) not in ("field", "symbolic")  # free numbers are not
        over = np.asarray(total > 1 + slack, dtype=bool) if ordered else np.asarray(False)
        if over.any():
            at = [int(i) for i in np.argwhere(over)[0]]
            raise InvalidArgument(
                f"expert{at} sums to {total[tuple(at)]}; expected at most 1, the probability of a decision at that step"
            )
    return table


def checked_visits(mdp: MDP, expert: Any) -> np.ndarray:
    """gamma^t mu_t of marginals [t, s, a] with a horizon; else an occupancy [s, a]."""
    return checked_expert(mdp, expert, "sa") if mdp.horizon is None else checked_marginals(mdp, expert)


# Problems step by step -------------------------------------------------------------------------------------------


def all_steps(mdp: MDP, table: np.ndarray) -> np.ndarray:
    """A table [s, a] or [t, s, a] as [..., t, s, a] of T steps; as it is where there is no horizon."""
    if mdp.horizon is None or has_steps(mdp, table):
        return table
    shape = (*mdp.batch_shape, mdp.horizon, *mdp.available.shape[-2:])
    return np.broadcast_to(np.expand_dims(table, len(mdp.batch_shape)), shape)


def like_given(mdp: MDP, x: np.ndarray, table: Any) -> np.ndarray:
    """A derivative over all steps as one to a table that was given as [s, a] (the sum over t) or as [t, s, a]."""
    if mdp.horizon is None or has_steps(mdp, table):
        return x
    return x.sum(axis=len(mdp.batch_shape))


def checked_table(mdp: MDP, name: str, table: Any) -> np.ndarray:
    """Finite numbers [s, a] or, with a horizon, [t, s, a]; what stands at unavailable actions is not read."""
    one, shape = mdp.available.shape, np.shape(table)
    many = (*mdp.batch_shape, mdp.horizon, *one[-2:])
    if shape != one and (mdp.horizon is None or shape != many):
        expected = f"{one}" if mdp.horizon is None else f"{one} or {many}"
        raise InvalidArgument(f"{name} has shape {shape}; expected {expected}, one number for each action")
    given = np.asarray(table)
    return numbers(name, np.where(mask_like(mdp, mdp.available, given), given, 0), mdp.level)


def over_steps(mdp: MDP, v: np.ndarray) -> bool:
    """Whether values over [s] or [t, s] have the axis t."""
    return v.ndim - len(mdp.batch_shape) == 2


def expectation(mdp: MDP, v: np.ndarray) -> np.ndarray:
    """sum_s' P(s' | s, a) v(s') of values [..., s] or [..., t, s]."""
    if not over_steps(mdp, v):
        return mdp.expectation(v)
    return np.stack([mdp.expectation(v[..., t, :]) for t in range(v.shape[-2])], axis=-3)


def pushforward(mdp: MDP, x: np.ndarray) -> np.ndarray:
    """sum_s,a x(s, a) P(s' | s, a) of [..., s, a] or [..., t, s, a]: the adjoint of `expectation`."""
    if not has_steps(mdp, x):
        return mdp.pushforward(x)
    return np.stack([mdp.pushforward(x[..., t, :, :]) for t in range(x.shape[-3])], axis=-2)


def ahead(mdp: MDP, v: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The values after each decision: of [s] the same, of [t, s] v_1 ... v_T-1 and `last` [s] at T."""
    if not over_steps(mdp, v):
        return v
    return np.concatenate([v[..., 1:, :], last[..., None, :]], axis=-2)


def behind(mdp: MDP, x: np.ndarray) -> np.ndarray:
    """The adjoint of `ahead` in v: of [s] the same, of [t, s] 0 and x_0 ... x_T-2."""
    if not over_steps(mdp, x):
        return x
    none = np.full_like(x[..., :1, :], scalars.constant(0, x))
    return np.concatenate([none, x[..., :-1, :]], axis=-2)


def going_on(mdp: MDP, v: np.ndarray, over: Any) -> np.ndarray:
    """v [..., s] or [..., t, s] with `over` (a number, or [..., s]) in terminal states."""
    if not mdp.terminal.any():
        return v
    n = len(mdp.batch_shape)
    steps = over_steps(mdp, v)
    terminal = np.expand_dims(mdp.terminal, n) if steps else mdp.terminal
    ended = np.expand_dims(over, n) if steps and np.ndim(over) else over
    return np.where(terminal, ended, v)


def at_start(mdp: MDP, v: np.ndarray) -> Any:
    """sum_s rho(s) v(s), of v_0 where there are steps."""
    first = v[..., 0, :] if over_steps(mdp, v) else v
    zero = scalars.constant(0, mdp.initial)
    return np.where(scalars.zero_mask(mdp.initial), zero, mdp.initial * first).sum(axis=-1)


def from_start(mdp: MDP, like: np.ndarray) -> np.ndarray:
    """The adjoint of `at_start`: rho, at the first step where there are steps."""
    if not over_steps(mdp, like):
        return mdp.initial
    none = np.full(like.shape, scalars.constant(0, mdp.initial), dtype=mdp.initial.dtype)
    none[..., 0, :] = mdp.initial
    return none


def total(mdp: MDP, x: np.ndarray) -> Any:
    """The sum over all axes but those of the batch."""
    return x.sum(axis=tuple(range(len(mdp.batch_shape), x.ndim)))


def on_available(mdp: MDP, table: np.ndarray) -> np.ndarray:
    """Which actions exist, broadcast to a table [..., s, a] or [..., t, s, a]."""
    return np.broadcast_to(mask_like(mdp, mdp.available, table), table.shape)
