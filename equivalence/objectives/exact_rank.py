"""Exact linear algebra that decides whether an optimum exists and which parameters it determines.

Floats are rational numbers, so the rank of a table of features, what is orthogonal to its rows, and the signs of
products with a given direction are decided by elimination over the rationals. A linear programme in floats only
proposes a direction; it is projected onto the exact solutions of the equations that it nearly solves, and verified.
"""

from typing import Any

import numpy as np
import scipy.optimize
from flint import arb, fmpq, fmpq_mat

from mdps import OutOfReach
from mdps.scalars.elementary import entrywise


def is_exact(x: Any) -> bool:
    """Whether a float or a ball is one number."""
    return x.is_exact() if isinstance(x, arb) else True


def exactly(array: np.ndarray) -> np.ndarray:
    """Floats, and the midpoints of balls, as rationals."""

    def rational(x: Any) -> fmpq:
        return x.mid().fmpq() if isinstance(x, arb) else fmpq(*map(int, float(x).as_integer_ratio()))

    return entrywise(rational)(array)


def pivots(rows: np.ndarray, exact: bool) -> np.ndarray:
    """Which columns are no linear combination of the columns before them."""
    reduced, rank = fmpq_mat(rows.tolist()).rref()
    if not exact and rank < rows.shape[1]:
        raise OutOfReach("whether features depend on each other is open for these balls; give exact numbers")
    identified = np.zeros(rows.shape[1], dtype=bool)
    for i in range(rank):
        identified[next(j for j in range(rows.shape[1]) if reduced[i, j] != 0)] = True
    return identified


def null_space(rows: np.ndarray) -> np.ndarray:
    """A rational basis [k, d] of what is orthogonal to every row."""
    k = rows.shape[1]
    reduced, rank = fmpq_mat(rows.tolist()).rref()
    leading = [next(j for j in range(k) if reduced[i, j] != 0) for i in range(rank)]
    free = [j for j in range(k) if j not in leading]
    basis = np.full((k, len(free)), fmpq(0), dtype=object)
    for d, j in enumerate(free):
        basis[j, d] = fmpq(1)
        for i, pivot in enumerate(leading):
            basis[pivot, d] = -reduced[i, j]
    return basis


def rising_direction(rows: np.ndarray) -> np.ndarray | None:
    """A rational v with rows v >= 0, not all 0, found in floats and verified exactly; None where none is found."""
    floats = np.array([[int(x.p) / int(x.q) for x in row] for row in rows])
    floats = floats / max(np.abs(floats).max(), np.finfo(float).tiny)
    result = scipy.optimize.linprog(-floats.sum(axis=0), A_ub=-floats, b_ub=np.zeros(len(floats)), bounds=(-1, 1))
    if result.status != 0 or -result.fun <= 1e-9:
        return None
    tight = floats @ result.x <= 1e-9
    candidate = exactly(result.x)
    if tight.any():
        basis = null_space(rows[tight])
        if not basis.shape[1]:
            return None
        gram = fmpq_mat((basis.T @ basis).tolist())
        share = gram.solve(fmpq_mat([[x] for x in basis.T @ candidate]))
        candidate = basis @ np.array(share.entries(), dtype=object)
    slopes = rows @ candidate
    return candidate if all(x >= 0 for x in slopes) and any(x > 0 for x in slopes) else None


def shown(direction: np.ndarray) -> str:
    """A direction in floats, its largest entry +-1."""
    floats = [int(x.p) / int(x.q) for x in direction]
    size = max(map(abs, floats))
    return "(" + ", ".join(f"{x / size:.4g}" for x in floats) + ")"
