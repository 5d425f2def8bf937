"""Periods: the gcd of the lengths of all cycles.

A move s -> s' is possible if some available action makes it with positive probability. Within a strongly connected
component, with depth(s) the number of moves from any state of it to s along any tree of moves,

    period = gcd of depth(s) + 1 - depth(s') over all moves s -> s' inside,

and states whose depths differ by a multiple of the period are visited at such times only. In deterministic dynamics
that are strongly connected, rewards r(s, a) of a long finite horizon are known up to as many dimensions
(`mdps.identifiability`).
Source: kim2021; denardo1977.
"""

import math
from typing import Any

import numpy as np
import scipy.sparse
from scipy.sparse import csgraph

from mdps.errors import InvalidModel, OutOfReach
from mdps.identifiability import one_shape
from mdps.kernels import Sparse
from mdps.model import MDP


def periods(mdp: MDP) -> np.ndarray:
    """The period of each state, [s]: the gcd of the lengths of all cycles through its strongly connected component.

    A move is possible if some available action makes it with positive probability. 0 where no cycle passes.
    """
    (model,) = one_shape([mdp])
    moves: Any = _support(model).any(axis=1)
    _, label = csgraph.connected_components(scipy.sparse.csr_array(moves), directed=True, connection="strong")
    result = np.zeros(model.n_states, dtype=int)
    for component in range(label.max() + 1):
        states = np.flatnonzero(label == component)
        result[states] = _gcd_of_cycles(moves[np.ix_(states, states)])
    return result


def period(mdp: MDP) -> int:
    """The gcd of the lengths of all cycles of a strongly connected model.

    Errors: `InvalidModel` where not every state can reach every other: see `periods`.
    """
    (model,) = one_shape([mdp])
    edges: Any = scipy.sparse.csr_array(_support(model).any(axis=1))
    n_components, _ = csgraph.connected_components(edges, directed=True, connection="strong")
    if n_components > 1 or model.terminal.any():
        raise InvalidModel(
            f"the model has {n_components} strongly connected components or terminal states; expected every state to "
            "reach every other. periods(mdp) says the period of each state"
        )
    return int(periods(model)[0])


def _support(mdp: MDP) -> np.ndarray:
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("the graph of a sparse model is not listed here; build a small dense one")
    return mdp.support


def _gcd_of_cycles(moves: np.ndarray) -> int:
    """The gcd of |depth(s) + 1 - depth(s')| over the moves of a strongly connected graph, depths from state 0."""
    depth = {0: 0}
    fresh = [0]
    for s in fresh:
        for x in np.flatnonzero(moves[s]).tolist():
            if x not in depth:
                depth[x] = depth[s] + 1
                fresh.append(x)
    return math.gcd(*(depth[s] + 1 - depth[x] for s, x in np.argwhere(moves).tolist()))
