"""The transition kernel as a linear operator P with its adjoint.

    expectation(v)[s, a]   = sum_s' P(s' | s, a) v(s')            what is expected of a value
    pushforward(x)[s']     = sum_s,a x(s, a) P(s' | s, a)         where a measure goes

Solvers ask a kernel for these two and nothing else, so one recursion serves every storage:

=========  ===================================================  =============================================
`Dense`    floats [..., s, a, s'], a stack batch-fastest        matrix products, einsum over stacks
`Sparse`   a matrix of floats, stored by rows a * S + s         products with it and its transpose
`Listed`   [..., s, a, s'] of any other number type             the non-zero entries alone, one by one
=========  ===================================================  =============================================

Each holds `support`, which says where the model as given is non-zero; it is computed once and never again, since a
number type may not be able to tell. `map(f)` gives the kernel of the numbers f(P), of the same support, and
`rearranged(f)` that of the stack whose arrays are f(P) and f(support).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse

from mdps import scalars
from mdps.errors import OutOfReach
from mdps.stacks import batch_fastest, empty_steps

Rearrangement = Callable[[np.ndarray], np.ndarray]


class _Array:
    """What kernels of an array [..., s, a, s'] have in common."""

    def __init__(self, transition: np.ndarray, support: np.ndarray) -> None:
        self.transition = transition
        self.transition.flags.writeable = False
        self.support = support

    @cached_property
    def available(self) -> np.ndarray:
        """Which actions exist where, [..., s, a]."""
        return np.asarray(self.support.any(axis=-1))

    def map(self, f: Rearrangement) -> "Dense | Listed":
        """The kernel of the numbers f(P)."""
        numbers = f(self.transition)
        return Listed(numbers, self.support) if numbers.dtype == object else Dense(numbers, self.support)

    def rearranged(self, f: Rearrangement) -> Self:
        """The kernel of another choice of models."""
        return type(self)(f(self.transition), f(self.support))

    def aligned(self, x: np.ndarray) -> np.ndarray:
        """An array [..., s, a] in the memory order of what `expectation` returns."""
        return x

    @contextmanager
    def steps(self, n: int, dtype: Any) -> Iterator[np.ndarray]:
        """Memory for n arrays as `expectation` returns them, [t, ..., s, a]."""
        yield empty_steps(n, self.available, dtype)


class Dense(_Array):
    """A float64 array [..., s, a, s'], possibly a stack."""

    def __init__(self, transition: np.ndarray, support: np.ndarray | None = None) -> None:
        n_axes = transition.ndim - 3
        stored = batch_fastest(transition, n_axes) if n_axes else np.ascontiguousarray(transition)
        super().__init__(stored, stored != 0 if support is None else support)

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


class Listed(_Array):
    """An object array [..., s, a, s'] of any number type; sums run over the support alone."""

    def __init__(self, transition: np.ndarray, support: np.ndarray) -> None:
        super().__init__(transition, support)
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


class Sparse:
    """A matrix of float64 with one row for each (s, a), stored action by action: row a * S + s.

    Arrays documented as [s, a] are transposes of the (A, S) arrays that the products use, without a copy: along
    states, the longer axis, every loop runs through memory without a jump.

    Where states are so many that v would leave the cache, the products fetch it at random and wait for memory. The
    non-zero entries are then listed by blocks of s', each of which the cache can hold; the sums remain in order.

    The memory of `steps`, 8 T S A bytes, is kept for the next call: to get as much anew from the system, which clears
    it first, may cost a tenth of a gradient.
    """

    def __init__(self, rows_by_state: Any) -> None:
        n_states = rows_by_state.shape[1]
        n_actions = rows_by_state.shape[0] // n_states
        self.shape = (n_states, n_actions)
        given = scipy.sparse.csr_array(rows_by_state, dtype=float).tocoo()
        index = np.int32 if max(n_states * n_actions, given.nnz) < 2**31 else np.int64
        s, a = np.divmod(given.row, n_actions)
        rows, columns = (a * n_states + s).astype(index), given.col.astype(index)
        matrix: Any = scipy.sparse.coo_array((given.data, (rows, columns)), shape=given.shape).tocsr()
        self.available = (np.diff(matrix.indptr) > 0).reshape(n_actions, n_states).T
        self.matrix = matrix if n_states <= CACHED_STATES else _by_blocks(matrix)
        self._transpose = self.matrix.T
        self._spare: list[np.ndarray] = []

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_spare": []}

    def expectation(self, v: np.ndarray) -> np.ndarray:
        """sum_s' P(s' | s, a) v(s'), of shape [s, a]."""
        return (self.matrix @ v).reshape(self.shape[::-1]).T

    def pushforward(self, x: np.ndarray) -> np.ndarray:
        """sum_s,a x(s, a) P(s' | s, a), of shape [s']."""
        return self._transpose @ x.T.ravel()

    def aligned(self, x: np.ndarray) -> np.ndarray:
        """An array [s, a] in the memory order of what `expectation` returns."""
        return np.asfortranarray(x)

    @contextmanager
    def steps(self, n: int, dtype: Any) -> Iterator[np.ndarray]:
        """Memory for n arrays as `expectation` returns them, [t, s, a]; what leaves the block is a copy."""
        try:
            table = self._spare.pop()  # which no other thread gets, too
        except IndexError:
            table = None
        if table is None or len(table) != n:
            table = empty_steps(n, self.available, dtype)
        yield table
        self._spare[:] = [table]

    def rearranged(self, f: Rearrangement) -> "Sparse":
        """Not of sparse models."""
        raise OutOfReach("stacks are of dense models; solve sparse ones one after the other")


Kernel = Dense | Listed | Sparse

CACHED_STATES = 2**17  # 1 MB of values of v, with as much again for what streams by


def _by_blocks(matrix: scipy.sparse.csr_array) -> scipy.sparse.coo_array:
    """The entries of a matrix by blocks of columns, within a block row after row."""
    entries = matrix.tocoo()
    order = np.argsort((entries.col // CACHED_STATES).astype(np.uint16), kind="stable")
    rows, columns = entries.row[order], entries.col[order]
    return scipy.sparse.coo_array((entries.data[order], (rows, columns)), shape=matrix.shape)
