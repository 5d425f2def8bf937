"""What a state-only reward leaves open, and its recovery from an advantage (AIRL).

Two rewards r(s), r'(s) of a problem without end have one soft-optimal policy where r' - r is a shaping that does not
see the action: for a potential u,

    r'(s) - r(s) = u(s) - gamma E[u(s') | s, a]        for every action a of s
    <=>            sum_s' (P(s' | s, a) - P(s' | s, a0)) u(s') = 0,

a0 the first action of s. So the rewards of one policy are as many as the null space of these stacked differences, over
states that are not terminal (there u is 0, the value is given). Without terminal states constants are always in it,
and r is known up to a constant where the nullity is 1.

Theorem 5.1 of the AIRL paper asks for 'decomposable' dynamics, in which all states are linked by sharing successors.
For deterministic dynamics that says that the nullity is 1. For stochastic ones, which the paper does not exclude, it
does not: a chain that no action steers links all states and leaves everything open. The rank decides in either case.

Recovery.  With f = log pi, the advantage of r, solve f(s, a) = g(s) + gamma E[h(s') | s, a] - h(s): the differences
f(s, a) - f(s, a0) determine h up to the null space, and then g(s) = f(s, a0) + h(s) - gamma E[h | s, a0]. Where the
nullity is 1, h = V + k and g = r + (1 - gamma) k. For deterministic dynamics this is f over transitions, too.

Ranks are those of rational matrices, hence exact; a float model is first made exact row by row (`mdps.exactness`).
Source: fu2018; gleave2022.
"""

from typing import Any, NamedTuple

import numpy as np
from flint import fmpq, fmpq_mat

from equivalence.objectives.airl import f_of_actions
from mdps import MDP, InvalidArgument, scalars
from mdps.arguments import numbers
from mdps.identifiability import blind_potentials


class StateOnlyAmbiguity(NamedTuple):
    """How many state-only rewards share a policy: a basis of potentials u [k, s], and rewards u - gamma P u [k, s]."""

    dimension: int
    potentials: np.ndarray
    rewards: np.ndarray


class Recovery(NamedTuple):
    """g [s] and h [s] of an f, with h = 0 in the directions that are open; `residual` [s, a] is what they leave of f.

    `ambiguity` is the dimension of those directions: 1 where g is known up to a constant, 0 where it is known.
    """

    airl_reward: np.ndarray
    airl_potential: np.ndarray
    ambiguity: int
    residual: np.ndarray


class _Eliminated(NamedTuple):
    """transform @ differences is in reduced row echelon form with these pivots; rows are (s, a, a0)."""

    rows: list[tuple[int, int, int]]
    live: np.ndarray
    transform: np.ndarray
    pivots: list[int]


def state_only_ambiguity(mdp: MDP) -> StateOnlyAmbiguity:
    """The state-only rewards that have the soft-optimal policy of another one, by an exact rank.

    >>> from fractions import Fraction
    >>> half = Fraction(1, 2)
    >>> go = [[half, 0, half], [0, 1, 0]]                      # two actions in each of three states, all linked
    >>> mdp = MDP([go, go, go], [1, 0, 0], horizon=None, discount=half)
    >>> state_only_ambiguity(mdp)                              # u = (2, 1, 0) and (-1, 0, 1)
    StateOnlyAmbiguity(dimension=2, potentials=array([[2, 1, 0],
           [-1, 0, 1]], dtype=object), rewards=array([[3/2, 1/2, -1/2],
           [-1, 0, 1]], dtype=object))

    Errors: `OutOfReach` for balls and symbols, whose rank nobody can tell.
    """
    exact = _exact(mdp)
    potentials = blind_potentials(exact)
    first = exact.transition[np.arange(mdp.n_states), exact.available.argmax(axis=-1)]
    rewards = potentials - exact.discount * (potentials @ first.T)
    rewards[:, mdp.terminal] = fmpq(0)
    return StateOnlyAmbiguity(len(potentials), potentials, rewards)


def recovered(mdp: MDP, f: Any) -> Recovery:
    """g [s] and h [s] with f(s, a) = g(s) + gamma E[h(s') | s, a] - h(s), where there are any; see `residual`.

    f  [s, a], in nats: an advantage, or the log of a policy.

    Errors: `InvalidArgument` for discount 0, where f says nothing of h.
    """
    f = numbers("f", f, mdp.level)
    if f.shape != (mdp.n_states, mdp.n_actions) or mdp.batch_shape:
        raise InvalidArgument(
            f"f has shape {f.shape}; expected {(mdp.n_states, mdp.n_actions)}, for one model at a time"
        )
    if mdp.discount == 0:
        raise InvalidArgument("discount is 0: f(s, a) = g(s) - h(s) for every action, and says nothing of h")
    solved = _eliminated(_exact(mdp))
    zero = scalars.constant(0, mdp.initial)
    final = np.where(mdp.terminal, mdp.final_value, zero)
    known = f - mdp.discount * mdp.expectation(final)
    wanted = np.array([(known[s, a] - known[s, a0]) / mdp.discount for s, a, a0 in solved.rows], dtype=f.dtype)
    transform = scalars.convert(solved.transform, "float") if mdp.level == "float" else solved.transform
    h = final.astype(np.result_type(final, f))  # a copy
    for i, pivot in enumerate(solved.pivots):
        h[solved.live[pivot]] = (transform[i] * wanted).sum()
    states, first = np.arange(mdp.n_states), mdp.available.argmax(axis=-1)
    g = f[states, first] + h - mdp.discount * mdp.expectation(h)[states, first]
    g = np.where(mdp.terminal, zero, g)
    residual = np.where(mdp.available, f - f_of_actions(mdp, g, h), zero)
    return Recovery(g, h, len(solved.live) - len(solved.pivots), residual)


def _exact(mdp: MDP) -> MDP:
    if mdp.batch_shape:
        raise InvalidArgument(f"the model is a stack of shape {mdp.batch_shape}; ranks are of one model at a time")
    return mdp.to("exact")


def _eliminated(exact: MDP) -> _Eliminated:
    """The reduced row echelon form of the stacked differences P(. | s, a) - P(. | s, a0), and how it comes about."""
    live = np.flatnonzero(~exact.terminal)
    rows = []
    for s in live:
        actions = np.flatnonzero(exact.available[s])
        rows += [(int(s), int(a), int(actions[0])) for a in actions[1:]]
    n, m = len(rows), len(live)
    if not n:
        return _Eliminated(rows, live, np.empty((0, 0), dtype=object), [])
    table = fmpq_mat(n, m + n)
    for i, (s, a, a0) in enumerate(rows):
        for j, x in enumerate(live):
            table[i, j] = exact.transition[s, a, x] - exact.transition[s, a0, x]
        table[i, m + i] = fmpq(1)
    echelon, _ = table.rref()
    cells = np.array(echelon.tolist(), dtype=object)
    pivots = []
    for row in cells[:, :m]:
        nonzero = np.flatnonzero(row != 0)
        if nonzero.size:
            pivots.append(int(nonzero[0]))
    return _Eliminated(rows, live, cells[:, m:], pivots)
