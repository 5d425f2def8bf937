"""Goals: the product of states and goals, with a goal that is drawn once and then fixed.

With a law nu of the goal g and the model (S, A, P, rho), the product has the states (g, s), in the order g S + s, and

    rho'(g, s)             = nu(g) rho(s)
    P'(g', s' | (g, s), a) = [g' = g] P(s' | s, a)
    f'(g, s)               = f(s)

Nothing couples the goals, so what control needs decomposes: for a reward r(g, s, a)

    Q'_t((g, s), a) = Q_t^g(s, a),     pi'_t(a | (g, s)) = pi_t^g(a | s),     mu'(g, s, a) = nu(g) mu^g(s, a),

and the gradient of the causal dual to r(g, ., .) is nu(g) times that of goal g alone. The goal is a random start, so
the trajectory MaxEnt law with one Z for all goals does not decompose: it draws goal g with probability proportional to
nu(g) Z_g. Use a Z for each goal.

A table of the product over [x], [x, a] or [x, a, x'], x = (g, s), becomes one over [g, s], [g, s, a] or [g, s, a, s']
by `by_goal` and comes back by `of_goals`.

Goals are states. Entering its goal does not end an episode unless `ends=True`; then the state (g, g) of the product
is terminal, is worth f(g), and trajectories have unequal lengths: a constant added to the reward matters.
Source: derived.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse

from mdps import door, scalars
from mdps.arguments import numbers
from mdps.dynamics import derived
from mdps.errors import InvalidArgument, InvalidModel
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.occupancy import checked_axes


def goal_conditioned(mdp: MDP, goals: Sequence[int], goal_law: Any, *, ends: bool = False) -> MDP:
    """The product of the goals and the states of a model, [..., g S + s].

    goals     [g], different states
    goal_law  [g], probability; the goal is independent of the first state and stays as it is
    ends      whether an episode is over where it enters the state that is its goal; one that starts there is over
              at once

    A reward of the product is one of (g, s), (g, s, a) or (g, s, a, s'): `of_goals` lays such a table out.

    Errors: `InvalidArgument` for goals that are no states or come twice, and for a law that is none.
    Cost: G^2 times the memory of a dense transition, G times that of a sparse one.

    >>> from fractions import Fraction
    >>> from mdps import gallery
    >>> mdp, _ = gallery.fork()
    >>> product = goal_conditioned(mdp, [1, 2], [Fraction(1, 4), Fraction(3, 4)])
    >>> product.n_states, product.initial.tolist()
    (6, [1/4, 0, 0, 3/4, 0, 0])
    """
    chosen = _checked_goals(mdp, goals)
    law = _checked_law(mdp, goal_law, len(chosen))
    batch, n_states, n_goals = mdp.batch_shape, mdp.n_states, len(chosen)
    over = np.zeros((n_goals, n_states), dtype=bool)
    over[np.arange(n_goals), chosen] = ends
    initial = (law[:, None] * mdp.initial[..., None, :]).reshape(*batch, -1)
    final_value = np.broadcast_to(mdp.final_value[..., None, :], (*batch, n_goals, n_states)).reshape(*batch, -1)
    if mdp.level == "float":
        positive = (law > 0)[:, None] & (mdp.initial > 0)[..., None, :]
        door.check_underflow("initial", positive.reshape(initial.shape).astype(float), initial)
    transition = _sparse_blocks(mdp, over) if isinstance(mdp.kernel, Sparse) else _dense_blocks(mdp, over)
    return derived(mdp, transition, initial, final_value)


def by_goal(table: Any, n_goals: int, *, axes: str = "sa") -> np.ndarray:
    """A table of the product [..., x], [..., x, a] or [..., x, a, x'] with the goal as an axis of its own.

    axes  's' gives [..., g, s] (values, state marginals), 'sa' [..., g, s, a] (policies, q, occupancies), both without
          a copy where numpy can; 'sas' [..., g, s, a, s'], the blocks in which the goal stays.

    >>> by_goal(np.arange(12).reshape(6, 2), 2)[1].tolist()  # of states 3, 4, 5
    [[6, 7], [8, 9], [10, 11]]
    """
    array, axis = np.asarray(table), -len(checked_axes(axes))
    size = array.shape[axis] if array.ndim >= len(axes) else 0
    if n_goals < 1 or size < n_goals or size % n_goals or (axes == "sas" and array.shape[-1] != size):
        raise InvalidArgument(
            f"table has shape {array.shape}; expected a multiple of {n_goals} states along the axes '{axes}' at the end"
        )
    n_states = size // n_goals
    split = array.reshape(*array.shape[:axis], n_goals, n_states, *array.shape[array.ndim + axis + 1 :])
    if axes != "sas":
        return split
    blocks = split.reshape(*split.shape[:-1], n_goals, n_states)
    return np.moveaxis(np.diagonal(blocks, axis1=-5, axis2=-2), -1, -4)


def of_goals(table: Any, *, axes: str = "sa") -> np.ndarray:
    """A table [..., g, s], [..., g, s, a] or [..., g, s, a, s'] as one of the product; the inverse of `by_goal`.

    Transitions 'sas' between different goals get 0.
    """
    array = np.asarray(table)
    if array.ndim < 1 + len(checked_axes(axes)) or (axes == "sas" and array.shape[-1] != array.shape[-3]):
        raise InvalidArgument(f"table has shape {array.shape}; expected [..., g, {', '.join(axes)}]")
    if axes != "sas":
        at = array.ndim - len(axes) - 1
        return array.reshape(*array.shape[:at], -1, *array.shape[at + 2 :])
    *batch, n_goals, n_states, n_actions, _ = array.shape
    wide = np.full((*batch, n_goals, n_states, n_actions, n_goals, n_states), _zero(array), dtype=array.dtype)
    for g in range(n_goals):
        wide[..., g, :, :, g, :] = array[..., g, :, :, :]
    return wide.reshape(*batch, n_goals * n_states, n_actions, n_goals * n_states)


def _zero(array: np.ndarray) -> Any:
    return scalars.constant(0, array) if array.dtype.kind in "fO" else 0


def _dense_blocks(mdp: MDP, over: np.ndarray) -> np.ndarray:
    rows = np.broadcast_to(
        mdp.transition[..., None, :, :, :], (*mdp.batch_shape, len(over), *mdp.transition.shape[-3:])
    )
    rows = np.where(over[..., None, None], scalars.constant(0, mdp.transition), rows)
    return of_goals(rows, axes="sas")


def _sparse_blocks(mdp: MDP, over: np.ndarray) -> Any:
    keep = [scipy.sparse.diags_array(np.repeat(~of_goal, mdp.n_actions).astype(float)) for of_goal in over]
    return scipy.sparse.block_diag([rows @ mdp.transition for rows in keep], format="csr")


def _checked_goals(mdp: MDP, goals: Sequence[int]) -> np.ndarray:
    states = np.asarray(goals)
    if states.ndim != 1 or states.dtype.kind not in "iu" or not len(states):
        raise InvalidArgument(f"goals is {goals!r}; expected a list of one or more states, numbered from 0")
    outside = states[(states < 0) | (states >= mdp.n_states)]
    if len(outside):
        raise InvalidArgument(f"goal {outside[0]} is not a state; expected states 0 ... {mdp.n_states - 1}")
    if len(np.unique(states)) < len(states):
        raise InvalidArgument(f"goals {states.tolist()} has a state twice; add up the probabilities of one goal")
    return states


def _checked_law(mdp: MDP, goal_law: Any, n_goals: int) -> np.ndarray:
    law = numbers("goal_law", goal_law, mdp.level)
    if law.shape != (n_goals,):
        raise InvalidArgument(f"goal_law has shape {law.shape}; expected ({n_goals},), one probability for each goal")
    try:
        door.check_distribution("goal_law", law)
    except InvalidModel as error:
        raise InvalidArgument(str(error)) from None
    return law
