"""Where a model can go: reachability, and sets that control can stay in for ever.

    s -> s'              some action of s reaches s' with positive probability
    sources ->* s        s is reached from the sources;  s ->* ends  the end can be reached from s
    end component        a set of states and actions that control need not leave: every action of it stays in it with
                         probability 1, and every state of it can reach every other

These are questions about the support of P alone: they are answered without rounding for every number type.
Source: dealfaro1997.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from scipy.sparse import csgraph

from mdps.kernels import Sparse
from mdps.model import MDP


def moves(mdp: MDP) -> Any:
    """The support of one model as a sparse boolean matrix with rows s A + a and columns s'."""
    if isinstance(mdp.kernel, Sparse):
        n_states, n_actions = mdp.kernel.shape
        entries = mdp.kernel.matrix.tocoo()
        a, s = np.divmod(entries.row, n_states)
        rows, columns = s * n_actions + a, entries.col
    else:
        rows, columns = np.nonzero(mdp.kernel.support.reshape(-1, mdp.n_states))
    shape = (mdp.n_states * mdp.n_actions, mdp.n_states)
    return scipy.sparse.csr_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape)


def steps(rows: Any, actions: np.ndarray) -> Any:
    """s -> s' by the actions [s, a] that a mask names, as a sparse matrix."""
    n_states, n_actions = actions.shape
    entries = rows.tocoo()
    taken = actions.ravel()[entries.row]
    source, target = entries.row[taken] // n_actions, entries.col[taken]
    return scipy.sparse.csr_array((np.ones(len(source)), (source, target)), shape=(n_states, n_states))


def reached(edges: Any, sources: np.ndarray) -> np.ndarray:
    """Which states are reached from the sources [s], themselves included."""
    n_states = len(sources)
    first = np.flatnonzero(sources)
    entries = edges.tocoo()
    start = np.full(len(first), n_states)
    everything: Any = scipy.sparse.csr_array(
        (
            np.ones(len(first) + entries.nnz),
            (np.concatenate([entries.row, start]), np.concatenate([entries.col, first])),
        ),
        shape=(n_states + 1, n_states + 1),
    )
    order = csgraph.breadth_first_order(everything, n_states, return_predecessors=False)
    result = np.zeros(n_states + 1, dtype=bool)
    result[order] = True
    return result[:-1]


def distance_to(edges: Any, ends: np.ndarray) -> np.ndarray:
    """The least number of steps from each state to the ends [s], inf where they are out of reach."""
    n_states = len(ends)
    last = np.flatnonzero(ends)
    entries = edges.tocoo()
    start = np.full(len(last), n_states)
    backwards: Any = scipy.sparse.csr_array(
        (
            np.ones(len(last) + entries.nnz),
            (np.concatenate([entries.col, start]), np.concatenate([entries.row, last])),
        ),
        shape=(n_states + 1, n_states + 1),
    )
    backwards.data[:] = 1
    return csgraph.shortest_path(backwards, unweighted=True, indices=n_states)[:-1] - 1


class EndComponents(NamedTuple):
    """All maximal end components: the number of its component for each state [s], or -1; its actions [s, a]."""

    label: np.ndarray
    actions: np.ndarray


def end_components(rows: Any, available: np.ndarray) -> EndComponents:
    """The maximal end components of a model with support `rows` (see `moves`) and available actions [s, a].

    Cost: as many searches for strong components as actions are lost one round after another, at most S A.
    """
    actions = np.array(available)
    entries = rows.tocoo()
    n_actions = actions.shape[1]
    while True:
        _, label = csgraph.connected_components(steps(rows, actions), directed=True, connection="strong")
        leaving = np.zeros(actions.size, dtype=bool)
        leaving[entries.row[label[entries.row // n_actions] != label[entries.col]]] = True
        staying = actions & ~leaving.reshape(actions.shape)
        if (staying == actions).all():
            return EndComponents(np.where(actions.any(axis=1), label, -1), actions)
        actions = staying
