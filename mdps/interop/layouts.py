"""Transition arrays in the four orders of axes that people have, and stacks of sparse matrices.

    layout        entry                             also found as
    [s,a,s']      P[s, a, s'] = P(s' | s, a)        this library, seals, imitation
    [s,s',a]      P[s, s', a]
    [a,s,s']      P[a, s, s']                       mdptoolbox
    [a,s',s]      P[a, s', s]                       columns are probabilities

    [a][s,s']     a list of A sparse matrices, rows s
    [a][s',s]     a list of A sparse matrices, columns s
    s*A+a         one sparse matrix (S A, S) with a row for each (s, a), state after state
    a*S+s         one sparse matrix (S A, S) with a row for each (s, a), action after action

The caller names the layout. It is never guessed, since a square array in the wrong order often is a model, too, and a
different one, without a word: with as many actions as states, rows of [s,a,s'] are rows of [a,s,s'], and those of
[s,s',a] are those of [a,s',s]. `guess_layout` guesses where it is asked to, and is an error where more than one layout
makes a model. Leading axes are a batch. Rewards [s, a, s'] come in the same orders: `reordered` is for them as well.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse

from mdps import door
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP

LAYOUTS = ("[s,a,s']", "[s,s',a]", "[a,s,s']", "[a,s',s]")
SPARSE_LAYOUTS = ("[a][s,s']", "[a][s',s]", "s*A+a", "a*S+s")


def reordered(table: Any, *, layout: str, to: str = "[s,a,s']") -> np.ndarray:
    """An array [..., three axes] of one layout in another, without a copy.

    >>> rows = [[[0, 1], [1, 0]], [[1, 0], [0, 1]], [[0, 1], [0, 1]]]  # of three actions in two states
    >>> reordered(rows, layout="[a,s,s']")[0].tolist()
    [[0, 1], [1, 0], [0, 1]]
    """
    array = np.asarray(table)
    own, wanted = _axes(layout), _axes(to)
    if array.ndim < 3 or array.shape[own.index("s") - 3] != array.shape[own.index("s'") - 3]:
        fits = [name for name in LAYOUTS if array.ndim >= 3 and _is_square(array, name)]
        hint = f"; its shape fits {' and '.join(fits)}" if fits else ""
        raise InvalidArgument(f"table has shape {array.shape}; expected [..., three axes] {layout} of S, A and S{hint}")
    first = array.ndim - 3
    return array.transpose(*range(first), *(first + own.index(axis) for axis in wanted))


def from_array(
    transition: Any,
    initial: Any,
    *,
    layout: str,
    horizon: int | None,
    discount: Any = 1,
    final_value: Any = 0,
) -> MDP:
    """The model of a transition array in the layout that the caller names.

    transition  [..., three axes], probability: floats or exact numbers, see `MDP`

    Errors: `InvalidArgument` for an unknown layout, or one that the shape rules out; `InvalidModel` for rows that are
    none in this layout, with the layouts in which they would be.
    """
    array = door.numbers("transition", transition)
    rows = reordered(array, layout=layout)
    try:
        return MDP(rows, initial, horizon=horizon, discount=discount, final_value=final_value)
    except InvalidModel as error:
        others = [name for name in LAYOUTS if name != layout and _is_model(array, name)]
        if str(error).startswith("transition") and others:
            raise InvalidModel(f"{error}. In the layout {' or '.join(others)} every row is one") from None
        raise


def guess_layout(transition: Any) -> str:
    """The one layout in which an array is a transition, where there is one alone.

    Errors: `InvalidArgument` where no layout makes it one, or several do: by its numbers a model in each of them.

    >>> guess_layout([[[0.5, 0.5], [0.25, 0.75]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
    "[a,s,s']"
    """
    array = door.numbers("transition", transition)
    found = [name for name in LAYOUTS if _is_model(array, name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidArgument(f"transition is a model in each of the layouts {', '.join(found)}; say which one it is")
    raise InvalidArgument(
        f"transition has shape {array.shape} and is a model in none of the layouts {', '.join(LAYOUTS)}: expected rows "
        "over s' that sum to 1 or are all zero"
    )


def from_sparse(
    matrices: Any,
    initial: Any,
    *,
    layout: str,
    horizon: int | None,
    discount: Any = 1,
    final_value: Any = 0,
) -> MDP:
    """The sparse model of scipy's sparse matrices in the layout that the caller names, in float64.

    matrices  one matrix (S A, S) for the layouts 's*A+a' and 'a*S+s', else a list of A matrices (S, S)
    """
    if layout not in SPARSE_LAYOUTS:
        raise InvalidArgument(f"layout is {layout!r}; expected one of {', '.join(SPARSE_LAYOUTS)}")
    if layout in ("s*A+a", "a*S+s"):
        rows = _one_matrix(matrices, layout)
    else:
        rows = _stacked(_list_of_matrices(matrices, layout), transposed=layout == "[a][s',s]")
    if layout != "s*A+a":
        n_rows, n_states = rows.shape
        order = np.arange(n_rows).reshape(-1, n_states).T.ravel()  # row a S + s of each s A + a
        rows = rows[order]
    return MDP(rows, initial, horizon=horizon, discount=discount, final_value=final_value)


def to_sparse(mdp: MDP, *, layout: str) -> Any:
    """The transition of a float model as CSR matrices in a layout: one matrix, or a list of A; `from_sparse` reads it.

    Errors: `OutOfReach` for exact models, since scipy's matrices hold floats, and for stacks.
    """
    if layout not in SPARSE_LAYOUTS:
        raise InvalidArgument(f"layout is {layout!r}; expected one of {', '.join(SPARSE_LAYOUTS)}")
    if mdp.level != "float" or mdp.batch_shape:
        what = "a stack" if mdp.batch_shape else f"of level {mdp.level}"
        raise OutOfReach(f"sparse matrices hold the floats of one model; this one is {what}")
    if isinstance(mdp.kernel, Sparse):
        rows: Any = scipy.sparse.csr_array(mdp.transition)
    else:
        rows = scipy.sparse.csr_array(mdp.transition.reshape(-1, mdp.n_states))
    if layout == "s*A+a":
        return rows
    by_action = rows[np.arange(rows.shape[0]).reshape(-1, mdp.n_actions).T.ravel()]
    if layout == "a*S+s":
        return by_action
    starts = range(0, rows.shape[0], mdp.n_states)
    matrices = [by_action[start : start + mdp.n_states] for start in starts]
    return [matrix.T.tocsr() for matrix in matrices] if layout == "[a][s',s]" else matrices


def _axes(layout: str) -> Sequence[str]:
    if layout not in LAYOUTS:
        raise InvalidArgument(f"layout is {layout!r}; expected one of {', '.join(LAYOUTS)}")
    return layout.strip("[]").split(",")


def _is_square(array: np.ndarray, layout: str) -> bool:
    axes = _axes(layout)
    return array.shape[axes.index("s") - 3] == array.shape[axes.index("s'") - 3]


def _is_model(array: np.ndarray, layout: str) -> bool:
    if array.ndim < 3 or 0 in array.shape or not _is_square(array, layout):
        return False
    try:
        door.check_rows(reordered(array, layout=layout))
    except InvalidModel:
        return False
    return True


def _one_matrix(matrix: Any, layout: str) -> Any:
    if not scipy.sparse.issparse(matrix):
        raise InvalidArgument(f"got a {type(matrix).__name__}; expected one sparse matrix (S A, S) with rows {layout}")
    n_rows, n_states = matrix.shape
    if n_states == 0 or n_rows == 0 or n_rows % n_states:
        raise InvalidArgument(f"the matrix has shape {matrix.shape}; expected (S A, S) with rows {layout}")
    return scipy.sparse.csr_array(matrix)


def _list_of_matrices(matrices: Any, layout: str) -> list[Any]:
    if not isinstance(matrices, Sequence) or not all(scipy.sparse.issparse(matrix) for matrix in matrices):
        raise InvalidArgument(f"expected a list of A sparse matrices for the layout {layout}")
    shapes = {matrix.shape for matrix in matrices}
    if len(shapes) != 1 or len(set(next(iter(shapes)))) != 1 or 0 in next(iter(shapes)):
        raise InvalidArgument(f"the matrices have shapes {sorted(shapes)}; expected (S, S), the same for each action")
    return list(matrices)


def _stacked(matrices: list[Any], *, transposed: bool) -> Any:
    rows = [matrix.T if transposed else matrix for matrix in matrices]
    return scipy.sparse.csr_array(scipy.sparse.vstack(rows, format="csr"))
