"""Linear systems (I - A) x = b of Markov chains that end, in every arithmetic.

A [s, s'] >= 0 holds what is expected to go on: gamma P_pi, or a tilted kernel. Where some w > 0 has (I - A) w >= 1,
the spectral radius of A is below 1, the inverse N = I + A + A^2 + ... exists and is not negative, and N 1 <= w. So

    |x - x*|(s)  <= max_s |b - (I - A) x| w(s)                 for (I - A) x* = b
    sum_s |y - y*|(s) <= sum_s |b - (I - A') y|(s) w(s)        for (I - A') y* = b

bound the error of any x and y, however they were found, by their residuals. Balls are solved at their midpoints and
enclosed by these bounds; interval elimination would blow them up. Exact numbers are solved exactly.
Source: varah1975; rump2010.
"""

from typing import Any

import numpy as np
import scipy.sparse
from flint import arb, arb_mat, fmpq_mat
from scipy.sparse import linalg as sparse_linalg

from mdps import recorded, scalars
from mdps.door import UNIT_ROUNDOFF
from mdps.errors import OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP
from mdps.scalars.elementary import entrywise

DENSE = 500  # states up to which a sparse chain is solved as a dense one
FACTORED = 3_000  # states up to which it is factored at once; larger ones iterate first, since LU may fill in
FACTORED_AT_LAST = 40_000  # states up to which it is factored where iteration fails
SYMBOLIC = 4  # states up to which a symbolic system is solved


def chain_of_policy(mdp: MDP, policy: np.ndarray) -> Any:
    """gamma sum_a pi(a | s) P(s' | s, a) of one model, [s, s']: a dense array, or CSR of a sparse model."""
    if isinstance(mdp.kernel, Sparse):
        matrix = mdp.kernel.matrix.tocoo()
        weight = np.ascontiguousarray(policy.T).ravel()[matrix.row] * matrix.data * mdp.discount
        shape = (mdp.n_states, mdp.n_states)
        chain: Any = scipy.sparse.coo_array((weight, (matrix.row % mdp.n_states, matrix.col)), shape=shape).tocsr()
        return chain
    if mdp.transition.dtype != object and policy.dtype != object:
        return mdp.discount * (policy[:, None, :] @ mdp.transition)[:, 0, :]
    zero = scalars.constant(0, mdp.transition)
    weighted = scalars.over(mdp.support, np.multiply, policy[..., None], mdp.transition, otherwise=zero)
    return mdp.discount * weighted.sum(axis=1)


def times(chain: Any, x: np.ndarray, *, transposed: bool = False) -> np.ndarray:
    """A x, or A' x."""
    return (chain.T if transposed else chain) @ x


def solution(chain: Any, b: np.ndarray, *, transposed: bool = False) -> np.ndarray:
    """x with (I - A) x = b, or (I - A') x = b; b [s] or [s, k].

    Exact numbers, those of a field and symbols exactly; floats, and balls by their midpoints, as nearly as a solver
    comes (sparse ones to half the digits): bound the residual. Where I - A is singular, or floats do not tell, entries
    are nan. Recorded floats: see `mdps.recorded`.

    Errors: `OutOfReach` for other number types that ride on floats, and for symbolic systems of more than four states.
    """
    if scipy.sparse.issparse(chain):
        return _of_sparse(chain, b, transposed)
    if transposed:
        chain = chain.T
    if chain.dtype != object and b.dtype != object:
        return _of_floats(chain, b)
    level = scalars.level_of(np.concatenate([chain.ravel(), b.ravel()]))
    solve = {
        "exact": _of_rationals,
        "ball": _of_midpoints,
        "symbolic": _of_symbols,
        "field": eliminated,
        "carrier": recorded.solution,
    }[level]
    return solve(chain, b)


def _identity_minus(chain: np.ndarray) -> np.ndarray:
    one = scalars.constant(1, chain)
    result = -chain
    diagonal = np.arange(len(chain))
    result[diagonal, diagonal] = one - chain[diagonal, diagonal]
    return result


def _of_floats(chain: np.ndarray, b: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(_identity_minus(chain), b)
    except np.linalg.LinAlgError:
        return np.full(b.shape, np.nan)


def _of_sparse(chain: Any, b: np.ndarray, transposed: bool) -> np.ndarray:
    if b.ndim == 2:
        return np.stack([_of_sparse(chain, b[:, k], transposed) for k in range(b.shape[1])], axis=1)
    n_states = len(b)
    if n_states <= DENSE:
        dense = chain.toarray()
        return _of_floats(dense.T if transposed else dense, b)
    system = scipy.sparse.eye_array(n_states, format="csr") - (chain.T.tocsr() if transposed else chain)
    if n_states > FACTORED:
        # Nearly half the digits: callers bound the residual, and solve again for what is missing.
        x, failed = sparse_linalg.bicgstab(system, b, rtol=2.0**-24, maxiter=500)
        if failed or not np.isfinite(x).all():
            x, failed = sparse_linalg.gmres(system, b, rtol=2.0**-24, restart=40, maxiter=10)
        if not failed:
            return x
    if n_states > FACTORED_AT_LAST:
        return np.full(b.shape, np.nan)
    try:
        return sparse_linalg.splu(system.tocsc()).solve(b)
    except (RuntimeError, MemoryError):
        return np.full(b.shape, np.nan)


def _columns(b: np.ndarray) -> list[list[Any]]:
    return [list(row) for row in b.reshape(len(b), -1)]


def _array(rows: Any, shape: tuple[int, ...]) -> np.ndarray:
    result = np.empty(len(rows) * len(rows[0]), dtype=object)
    result[:] = [x for row in rows for x in row]
    return result.reshape(shape)


def _of_rationals(chain: np.ndarray, b: np.ndarray) -> np.ndarray:
    matrix = fmpq_mat(_identity_minus(chain).tolist())
    try:
        if any(isinstance(x, scalars.LogRational) for x in b.ravel()):
            return _array(matrix.inv().tolist(), chain.shape) @ b
        return _array(matrix.solve(fmpq_mat(_columns(b))).tolist(), b.shape)
    except ZeroDivisionError:
        return np.full(b.shape, np.nan, dtype=object)


def _middle(x: Any) -> arb:
    return arb(x.mid()) if isinstance(x, arb) else arb(x)


def middles(x: np.ndarray) -> np.ndarray:
    """The midpoints of balls, as balls of radius 0."""
    return entrywise(_middle)(x)


def _of_midpoints(chain: np.ndarray, b: np.ndarray) -> np.ndarray:
    matrix = arb_mat(middles(_identity_minus(chain)).tolist())
    try:
        x = matrix.solve(arb_mat(_columns(middles(b))))
    except ZeroDivisionError:
        return np.full(b.shape, np.nan, dtype=object)
    return middles(_array(x.tolist(), b.shape))


def _of_symbols(chain: np.ndarray, b: np.ndarray) -> np.ndarray:
    import sympy

    if len(chain) > SYMBOLIC:
        raise OutOfReach(f"a symbolic system of {len(chain)} states; expected at most {SYMBOLIC}")
    x = sympy.Matrix(_identity_minus(chain).tolist()).LUsolve(sympy.Matrix(_columns(b)))
    return _array(x.applyfunc(sympy.together).tolist(), b.shape)


def eliminated(chain: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x with (I - A) x = b, b [s] or [s, k], for A >= 0 that loses mass: an M-matrix, so elimination needs no pivots.

    Off the diagonal, entries are not positive and only grow away from 0; the diagonal stays positive.
    """
    n = len(b)
    matrix = _identity_minus(chain)
    x = np.array(b, dtype=np.result_type(matrix, b))
    for i in range(n):
        for j in range(i + 1, n):
            factor = matrix[j, i] / matrix[i, i]
            matrix[j, i + 1 :] = matrix[j, i + 1 :] - factor * matrix[i, i + 1 :]
            x[j] = x[j] - factor * x[i]
    for i in reversed(range(n)):
        for j in range(i + 1, n):
            x[i] = x[i] - matrix[i, j] * x[j]
        x[i] = x[i] / matrix[i, i]
    return x


def certain_solution(chain: Any, b: np.ndarray) -> np.ndarray:
    """x with (I - A) x = b, b [s, k]; balls enclose it, floats are as near as solving for the residual brings them.

    Errors: `OutOfReach` where the spectral radius of A cannot be certified to be below 1.
    """
    w, x = lengths(chain), solution(chain, b)
    if w is None or not solved(x):
        raise OutOfReach("a linear system of long episodes could not be solved with a bound; take level 'ball'")
    if scalars.level_of(x) not in ("float", "ball"):
        return x
    residual = b - x + times(chain, x)
    if x.dtype != object:
        return x + solution(chain, residual)
    size = [max(arb(abs(r).upper()) for r in column) for column in residual.T]
    return x + np.array([[arb(0, (e * y).upper()) for e in size] for y in w], dtype=object).reshape(x.shape)


def solved(x: np.ndarray) -> bool:
    """Whether a solution was found: no entry is nan or infinite."""
    if x.dtype != object:
        return bool(np.isfinite(x).all())
    return bool(scalars.finite_mask(x).all())


def entries_of_rows(chain: Any, *, transposed: bool = False) -> int:
    """The largest number of entries that a product with A (or A') sums for one state."""
    if scipy.sparse.issparse(chain):
        if transposed:
            return int(np.bincount(chain.tocoo().col, minlength=1).max(initial=0))
        return int(np.diff(chain.indptr).max(initial=0))
    return chain.shape[0]


def lengths(chain: Any, *, slack: float = 0.0) -> np.ndarray | None:
    """A vector w > 0 with certainly (I - A) w >= 1, hence N 1 <= w; None where none was found.

    w(s) is close to N 1, the expected (discounted) number of states from s on. `slack` is the relative error that
    the entries of A may have, for floats; their rounding in the product is added.
    """
    exact = not scipy.sparse.issparse(chain) and chain.dtype == object
    ones = np.full(chain.shape[0], scalars.constant(1, chain) if exact else 1.0, dtype=object if exact else float)
    w = solution(chain, ones)
    if not solved(w):
        return None
    if not exact:
        w = w + solution(chain, ones - (w - times(chain, w)))
    ahead = times(chain, w)
    if exact:
        rest = w - ahead
        if not all(x > 0 for x in [*w, *rest]):
            return None
        least = min(rest, key=lambda x: float(_lower(x)))
        return w / _lower(least) if scalars.level_of(w) == "ball" else w
    error = (slack + (entries_of_rows(chain) + 4) * UNIT_ROUNDOFF) * (np.abs(ahead) + np.abs(w))
    rest = (w - ahead - error).min()
    if not (rest > 0 and (w > 0).all()):
        return None
    return w * ((1 + 4 * UNIT_ROUNDOFF) / rest)


def _lower(x: Any) -> Any:
    return arb(x.lower()) if isinstance(x, arb) else x
