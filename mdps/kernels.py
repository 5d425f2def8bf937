"""The transition kernel as a linear operator P with its adjoint.

    expectation(v)[s, a]   = sum_s' P(s' | s, a) v(s')            what is expected of a value
    pushforward(x)[s']     = sum_s,a x(s, a) P(s' | s, a)         where a measure goes

Solvers ask a kernel for these two and nothing else, so one recursion serves every storage:

=========  ===============================================================  =======================================
`Dense`    transition [..., s, a, s'] of floats, with leading batch axes    matrix products
`Sparse`   CSR matrix of floats, stored by rows a * S + s                   products with it and its transpose
`Listed`   transition [s, a, s'] of any other number type                   the non-zero entries alone, one by one
=========  ===============================================================  =======================================

Each holds `support`, which says where the model as given is non-zero; it is computed once and never again, since a
number type may not be able to tell. `map(f)` gives the kernel of the numbers f(P), of the same support.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

from mdps import scalars


class Dense:
    """A float64 array [..., s, a, s'], possibly a stack."""

    def __init__(self, transition: np.ndarray) -> None:
        self.transition = transition
        self.support = transition != 0
        self.available = self.support.any(axis=-1)

    def expectation(self, v: np.ndarray) -> np.ndarray:
        """sum_s' P(s' | s, a) v(s'), of shape [..., s, a]."""
        if v.dtype == object:
            return (self.transition * v[..., None, None, :]).sum(axis=-1)
        if v.ndim == 1:
            return self.transition @ v
        return np.einsum("...sax,...x->...sa", self.transition, v)

    def pushforward(self, x: np.ndarray) -> np.ndarray:
        """sum_s,a x(s, a) P(s' | s, a), of shape [..., s']."""
        if x.dtype == object:
            return (x[..., None] * self.transition).sum(axis=(-3, -2))
        if x.ndim == 2:
            return x.ravel() @ self.transition.reshape(-1, self.transition.shape[-1])
        return np.einsum("...sa,...sax->...x", x, self.transition)

    def map(self, f: Callable[[np.ndarray], np.ndarray]) -> "Dense | Listed":
        """The kernel of the numbers f(P)."""
        numbers = f(self.transition)
        return Listed(numbers, self.support) if numbers.dtype == object else _with_support(Dense, numbers, self.support)


class Listed:
    """An object array [..., s, a, s'] of any number type; sums run over the support alone."""

    def __init__(self, transition: np.ndarray, support: np.ndarray) -> None:
        self.transition = transition
        self.support = support
        self.available = support.any(axis=-1)
        self._zero = scalars.constant(0, transition)
        self._batched = transition.ndim > 3
        if not self._batched:
            source, self._target = np.nonzero(support.reshape(-1, support.shape[-1]))
            self._weight = transition[support]
            self._source, self._first = np.unique(source, return_index=True)
            self._by_target = np.argsort(self._target, kind="stable")
            self._reached, self._first_reached = np.unique(self._target[self._by_target], return_index=True)
            self._from = source[self._by_target]
            self._weight_by_target = self._weight[self._by_target]

    def expectation(self, v: np.ndarray) -> np.ndarray:
        """sum_s' P(s' | s, a) v(s'), of shape [..., s, a]."""
        if self._batched:
            return np.where(self.support, self.transition * v[..., None, None, :], self._zero).sum(axis=-1)
        result = np.full(self.support.shape[:2], self._zero, dtype=object)
        result.ravel()[self._source] = np.add.reduceat(self._weight * v[self._target], self._first)
        return result

    def pushforward(self, x: np.ndarray) -> np.ndarray:
        """sum_s,a x(s, a) P(s' | s, a), of shape [..., s']."""
        if self._batched:
            return np.where(self.support, x[..., None] * self.transition, self._zero).sum(axis=(-3, -2))
        result = np.full(self.support.shape[-1], self._zero, dtype=object)
        moved = x.ravel()[self._from] * self._weight_by_target
        result[self._reached] = np.add.reduceat(moved, self._first_reached)
        return result

    def map(self, f: Callable[[np.ndarray], np.ndarray]) -> "Dense | Listed":
        """The kernel of the numbers f(P)."""
        numbers = f(self.transition)
        return Listed(numbers, self.support) if numbers.dtype == object else _with_support(Dense, numbers, self.support)


class Sparse:
    """A CSR matrix of float64 with one row for each (s, a), stored action by action: row a * S + s.

    Arrays documented as [s, a] are transposes of the (A, S) arrays that the products use, without a copy.
    """

    def __init__(self, rows_by_state: Any) -> None:
        n_states = rows_by_state.shape[1]
        n_actions = rows_by_state.shape[0] // n_states
        rows = (np.arange(n_states)[None, :] * n_actions + np.arange(n_actions)[:, None]).ravel()
        matrix = scipy.sparse.csr_array(rows_by_state, dtype=float)[rows]
        matrix.sum_duplicates()
        if max(matrix.shape[1], matrix.nnz) < 2**31:
            matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
        self.matrix = matrix
        self.shape = (n_states, n_actions)
        self._transpose = matrix.T
        self.available = (np.diff(matrix.indptr) > 0).reshape(n_actions, n_states).T

    def expectation(self, v: np.ndarray) -> np.ndarray:
        """sum_s' P(s' | s, a) v(s'), of shape [s, a]."""
        return (self.matrix @ v).reshape(self.shape[::-1]).T

    def pushforward(self, x: np.ndarray) -> np.ndarray:
        """sum_s,a x(s, a) P(s' | s, a), of shape [s']."""
        return self._transpose @ x.T.ravel()


Kernel = Dense | Listed | Sparse


def _with_support(storage: type[Dense], numbers: np.ndarray, support: np.ndarray) -> Dense:
    kernel = storage(numbers)
    kernel.support, kernel.available = support, support.any(axis=-1)
    return kernel
