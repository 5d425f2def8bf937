"""Divergences of what a policy visits from what an expert visits, with the places where they are infinite.

Of occupancies divided by their mass, n = rho / sum rho and m that of the expert,

    total variation  sum |n - m| / 2              rational
    chi2             sum (n - m)^2 / m            rational
    KL               sum n log(n / m)             in balls, and so are the others
    reverse KL       sum m log(m / n)
    JS               (KL(n || (n + m) / 2) + KL(m || (n + m) / 2)) / 2

and of the laws of trajectories, whose dynamics cancel, KL(p || p_E) = sum_t E_{mu_t}[KL(pi_t || pi_E,t)], undiscounted.
What is 0 is said to be 0 where both tables are rational, since then it is decided.
Source: cover2006; lin1991; ho2016.
"""

from typing import Any

import numpy as np
from flint import arb, fmpq

from equivalence.testing.trained.figures import Figure, figure, infinite, place
from equivalence.testing.trained.policies import GivenPolicy
from equivalence.testing.trained.same_policies import same_rows
from mdps import MDP, InvalidArgument, marginals, occupancy, scalars
from mdps.scalars.balls import precision

BITS = 256
LETTERS = ("s", "a", "s'")


def between(
    ours: np.ndarray, theirs: np.ndarray, support: np.ndarray, their_support: np.ndarray, *, same: bool = False
) -> dict[str, Figure]:
    """All divergences of two tables of counts of one shape over (s), (s, a) or (s, a, s'), by name.

    support, their_support  where the tables are positive
    same                    whether they are known to be the same; decided here where they are rational
    Errors: `InvalidArgument` where there are no counts at all.
    """
    letters = LETTERS[: ours.ndim]
    for name, mask in (("the policy", support), ("the expert", their_support)):
        if not mask.any():
            raise InvalidArgument(f"there are no visits of {name}: every start is terminal, and nothing is decided")
    n, m = ours / ours.sum(), theirs / theirs.sum()
    if same:
        n = m
    if scalars.level_of(n) != scalars.level_of(m):
        n, m = scalars.convert(n, "ball"), scalars.convert(m, "ball")
    same = same or (scalars.level_of(n) == "exact" and bool((n == m).all()))
    zero = figure(fmpq(0)) if same else None
    found = {"total variation": zero or figure(np.abs(n - m).sum() / 2)}
    alone, missed = support & ~their_support, their_support & ~support
    here = "the policy gets to {}, the expert never does"
    there = "the expert gets to {}, the policy never does"
    lost = infinite(here.format(place(np.argwhere(alone)[0], letters))) if alone.any() else None
    missing = infinite(there.format(place(np.argwhere(missed)[0], letters))) if missed.any() else None
    with precision(BITS):
        p, q = scalars.convert(n, "ball"), scalars.convert(m, "ball")
        found["KL(policy || expert)"] = lost or zero or figure(_kl(p, q, support))
        found["KL(expert || policy)"] = missing or zero or figure(_kl(q, p, their_support))
        middle = (p + q) / 2
        found["Jensen-Shannon"] = zero or figure((_kl(p, middle, support) + _kl(q, middle, their_support)) / 2)
    squares = scalars.over(their_support, lambda x, y: (x - y) * (x - y) / y, n, m, otherwise=scalars.constant(0, n))
    found["chi2(policy || expert)"] = lost or zero or figure(squares.sum())
    return found


def _kl(p: np.ndarray, q: np.ndarray, support: np.ndarray) -> Any:
    return sum(x * (x.log() - y.log()) for x, y in zip(p[support], q[support], strict=True))


def reached_pairs(mdp: MDP, support: np.ndarray) -> np.ndarray:
    """Which (t, s, a), or (s, a) without a horizon, a policy of this support gets to, from the initial law."""
    here: Any = ~scalars.zero_mask(mdp.initial)
    if mdp.horizon is None:
        for _ in range(mdp.n_states):
            here = here | mdp.support[support & here[:, None]].any(axis=0)
        return support & here[:, None]
    steps = []
    for taken in np.broadcast_to(support, (mdp.horizon, *mdp.available.shape)):
        steps.append(taken & here[:, None])
        here = mdp.support[steps[-1]].any(axis=0)
    return np.stack(steps)


def of_trajectories(
    mdp: MDP, ours: GivenPolicy, theirs: GivenPolicy, tables: tuple[np.ndarray, np.ndarray], names: tuple[str, str]
) -> Figure:
    """KL of the laws of trajectories of two policies; `tables` are their probabilities in the arithmetic of the model.

    Without end it is infinite if they differ in a state that is visited for ever, whatever the discount; else what
    they do before they come to stay somewhere is an episode.
    """
    met = reached_pairs(mdp, ours.support)
    alone = met & ~np.broadcast_to(theirs.support, met.shape)
    if alone.any():
        letters = ("s", "a") if mdp.horizon is None else ("t", "s", "a")
        return infinite(f"{names[0]} gets to {place(np.argwhere(alone)[0], letters)}, {names[1]} never does")
    different = met & ~np.broadcast_to(same_rows(ours, theirs), met.shape[:-1])[..., None]
    if not different.any():
        return figure(fmpq(0))
    if mdp.horizon is None and mdp.discount != 1:
        staying = _recurrent(mdp, met)
        for_ever = different.any(axis=-1) & staying
        if for_ever.any():
            return infinite(f"the policies differ in state {np.flatnonzero(for_ever)[0]}, which is visited for ever")
        mdp = _ending_in(mdp, staying)
        first, second = (np.where(staying[:, None], scalars.constant(0, table), table) for table in tables)
        tables = first, second
    visited = occupancy(mdp, tables[0]) if mdp.horizon is None else marginals(mdp, tables[0])
    with precision(BITS):
        columns = (scalars.convert(np.broadcast_to(x, met.shape)[different], "ball") for x in (visited, *tables))
        return figure(sum((w * (x.log() - y.log()) for w, x, y in zip(*columns, strict=True)), arb(0)))


def _recurrent(mdp: MDP, met: np.ndarray) -> np.ndarray:
    """Which states [s] a policy without end, taking the actions of the mask [s, a], visits for ever once it is there.

    Such a state can be come back to from wherever it leads.
    """
    n = mdp.n_states
    leads: Any = np.eye(n, dtype=bool) | np.array([mdp.support[s, met[s]].any(axis=0) for s in range(n)])
    for _ in range(n):
        leads = leads | (leads @ leads)
    return np.asarray(met.any(axis=-1) & (leads <= leads.T).all(axis=-1))


def _ending_in(mdp: MDP, states: np.ndarray) -> MDP:
    """The model of episodes that are over where these states begin."""
    zero = scalars.constant(0, mdp.transition)
    rows = np.where(states[:, None, None], zero, mdp.transition)
    return MDP(rows, mdp.initial, horizon=None, discount=scalars.constant(1, mdp.initial))
