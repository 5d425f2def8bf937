"""Finite Markov decision processes.

An `MDP` is (S, A, P, rho, T, gamma, f): states, actions, dynamics P(s' | s, a), law rho(s) of the first state, horizon
T, discount gamma and a final value f(s). It holds no reward: in inverse reinforcement learning that is the unknown.

Conventions, kept by the whole library:

* T decisions at t = 0 ... T-1, T+1 states. `horizon=None` with discount < 1 is discounted without end, and with
  discount 1 episodic: it ends in terminal states.
* `transition[s, a, s']`. A row of zeros says that the action is not available in s; a state without actions is
  terminal, and a trajectory that reaches it is over.
* `final_value[s]` is the value of ending in s, at the horizon or in a terminal state; it weighs trajectories by
  exp(gamma^t f(s) / alpha) where t is when they end.
* Leading axes are a batch, and only those of `transition`.

Source: puterman1994.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse

from mdps import door, scalars
from mdps.errors import InvalidArgument, OutOfReach
from mdps.kernels import Dense, Kernel, Listed, Sparse
from mdps.stacks import batch_fastest


@dataclass(frozen=True, eq=False)
class MDP:
    """A finite Markov decision process, checked once and read-only.

    transition   [..., s, a, s'], probability: floats, or any exact type (Fraction, fmpq, arb, sympy); or a
                 `scipy.sparse` matrix of shape (S A, S) with rows s A + a. Rows sum to 1 or are all zero.
    initial      [..., s], probability; sums to 1.
    horizon      the number T of decisions, or None.
    discount     gamma in [0, 1], per step.
    final_value  [..., s] or a number, in the unit of reward.

    `available` [..., s, a] and `terminal` [..., s] are computed from the rows of zeros. `changes` records what was
    done to somebody's numbers on the way in.

    Errors: `InvalidModel` says which row, what it sums to, and what to do. Nothing is renormalized in silence:
    `MDP.normalized` does it on request.

    >>> from fractions import Fraction
    >>> coin = MDP([[[Fraction(1, 2), Fraction(1, 2)]], [[0, 0]]], [1, 0], horizon=2)
    >>> coin.n_states, coin.n_actions, coin.level, coin.terminal
    (2, 1, 'exact', array([False,  True]))
    """

    transition: Any
    initial: Any
    horizon: int | None = field(kw_only=True)
    discount: Any = field(kw_only=True, default=1)
    final_value: Any = field(kw_only=True, default=0)
    changes: tuple[str, ...] = field(kw_only=True, default=())
    kernel: Kernel = field(init=False, repr=False)
    available: np.ndarray = field(init=False, repr=False)
    terminal: np.ndarray = field(init=False, repr=False)
    level: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        door.check_horizon(self.horizon)
        sparse = scipy.sparse.issparse(self.transition)
        transition = door.checked_sparse(self.transition) if sparse else door.numbers("transition", self.transition)
        initial = door.numbers("initial", self.initial)
        final_value = door.numbers("final_value", self.final_value)
        discount = door.numbers("discount", self.discount)
        level = door.common_level(transition=transition, initial=initial, final_value=final_value, discount=discount)
        if sparse:
            kernel: Kernel = Sparse(transition)
            batch, n_states = (), kernel.shape[0]
        else:
            door.check_transition_shape(transition)
            batch, n_states = transition.shape[:-3], transition.shape[-1]
            transition = door.frozen(scalars.convert(transition, level))
            door.check_rows(transition)
            kernel = Dense(transition) if level == "float" else Listed(transition, ~scalars.zero_mask(transition))
            transition = kernel.transition
        initial = door.fitted("initial", initial, batch, n_states, level)
        final_value = door.fitted("final_value", final_value, batch, n_states, level)
        door.check_initial(initial)
        door.check_finite("final_value", final_value)
        discount = door.checked_discount(discount, level)
        fields = {
            "transition": transition,
            "initial": batch_fastest(initial, len(batch)),
            "final_value": batch_fastest(final_value, len(batch)),
            "discount": discount,
            "kernel": kernel,
            "available": door.frozen(kernel.available),
            "terminal": door.frozen(~np.asarray(kernel.available.any(axis=-1))),
            "level": level,
            "changes": tuple(self.changes),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the leading axes of a stack of models; () for one model."""
        return self.initial.shape[:-1]

    @property
    def n_states(self) -> int:
        """S."""
        return self.initial.shape[-1]

    @property
    def n_actions(self) -> int:
        """A."""
        return self.available.shape[-1]

    @property
    def support(self) -> np.ndarray:
        """Which transitions are possible, [..., s, a, s'], as the model was given.

        Errors: `OutOfReach` for a sparse model, of which this would be a dense array.
        """
        if isinstance(self.kernel, Sparse):
            raise OutOfReach("a sparse model has no dense array of transitions; build a small dense model")
        return self.kernel.support

    def expectation(self, v: np.ndarray) -> np.ndarray:
        """sum_s' P(s' | s, a) v(s'), of shape [..., s, a]."""
        return self.kernel.expectation(v)

    def pushforward(self, x: np.ndarray) -> np.ndarray:
        """sum_s,a x(s, a) P(s' | s, a), of shape [..., s']: the adjoint of `expectation`."""
        return self.kernel.pushforward(x)

    def broadcast_to(self, batch_shape: int | tuple[int, ...]) -> "MDP":
        """The model as a stack of `batch_shape`, by numpy's rules of broadcasting and without a copy of its numbers.

        A stack of rewards needs a stacked model: `soft_solution(mdp.broadcast_to((1000,)), rewards)`.
        """
        shape = tuple(batch_shape) if isinstance(batch_shape, Iterable) else (batch_shape,)
        try:
            np.broadcast_to(np.empty(self.batch_shape), shape)
        except (TypeError, ValueError):
            raise InvalidArgument(
                f"models of batch shape {self.batch_shape} do not broadcast to {batch_shape}"
            ) from None
        if shape == self.batch_shape:
            return self
        n_axes = len(self.batch_shape)
        return self._rearranged(lambda x: np.broadcast_to(x, shape + x.shape[n_axes:]))

    def at(self, index: Any) -> "MDP":
        """The models of a stack at an index of its batch axes: `mdp.at(3)`, `mdp.at((0, slice(5)))`."""
        axes = index if isinstance(index, tuple) else (index,)
        try:
            if any(i is None or i is Ellipsis for i in axes):
                raise IndexError("expected integers, slices or masks")
            np.broadcast_to(0, self.batch_shape)[axes]
        except IndexError as error:
            raise InvalidArgument(f"index {index} into the batch axes {self.batch_shape}: {error}") from None
        return self._rearranged(lambda x: x[axes])

    def _rearranged(self, f: Callable[[np.ndarray], np.ndarray]) -> "MDP":
        """Another choice of models: f of every array that has batch axes."""
        other = object.__new__(MDP)
        kernel: Any = self.kernel.rearranged(f)
        arrays = {name: f(getattr(self, name)) for name in ("initial", "final_value", "available", "terminal")}
        for array in arrays.values():
            array.flags.writeable = False
        other.__dict__.update(self.__dict__, kernel=kernel, transition=kernel.transition, **arrays)
        return other

    def with_numbers(self, f: Callable[[Any], np.ndarray], level: str) -> "MDP":
        """The same model with every number x replaced by f(x); the masks are carried along, nothing is checked."""
        if isinstance(self.kernel, Sparse):
            raise InvalidArgument("a sparse model is float64 alone; build a dense one to change its numbers")
        other = copy.copy(self)
        kernel = self.kernel.map(f)
        discount = f(np.asarray(self.discount, dtype=object if self.level != "float" else float))
        fields = {
            "kernel": kernel,
            "transition": kernel.transition,
            "initial": f(self.initial),
            "final_value": f(self.final_value),
            "discount": discount[()],
            "level": level,
        }
        for name, value in fields.items():
            object.__setattr__(other, name, door.frozen(value) if isinstance(value, np.ndarray) else value)
        return other

    def with_final_value(self, final_value: np.ndarray) -> "MDP":
        """The same model with another final value [..., s], in the same arithmetic (or one that rides on it)."""
        if final_value.shape != self.final_value.shape:
            raise InvalidArgument(f"final_value has shape {final_value.shape}; expected {self.final_value.shape}")
        other = copy.copy(self)
        object.__setattr__(other, "final_value", door.frozen(final_value))
        return other

    def with_dynamics(self, transition: np.ndarray, discount: Any) -> "MDP":
        """The same states and support with other probabilities [..., s, a, s'] and another discount, unchecked.

        They are in the same arithmetic, or one that rides on it.
        """
        if isinstance(self.kernel, Sparse):
            raise InvalidArgument("a sparse model is float64 alone; build a dense one to change its numbers")
        if transition.shape != self.transition.shape:
            raise InvalidArgument(f"transition has shape {transition.shape}; expected {self.transition.shape}")
        other = copy.copy(self)
        kernel = self.kernel.map(lambda _: door.frozen(np.array(transition)))
        for name, value in (("kernel", kernel), ("transition", kernel.transition), ("discount", discount)):
            object.__setattr__(other, name, value)
        return other

    def with_horizon(self, horizon: int | None) -> "MDP":
        """The same model with another horizon T, or without one."""
        door.check_horizon(horizon)
        other = copy.copy(self)
        object.__setattr__(other, "horizon", horizon)
        return other

    def to(self, level: str) -> "MDP":
        """The same model in another arithmetic: `float`, `ball`, `exact` or `symbolic`.

        A float model is made exact row by row (`mdps.exactness`), which `changes` records, since its rows
        sum to 1 only within rounding and would refute true theorems as they stand.
        """
        if level == self.level:
            return self
        if self.level == "float" and level != "float":
            from mdps.exactness import exact_model

            exact = exact_model(self)
            return exact if level == "exact" else exact.to(level)
        other = self.with_numbers(lambda numbers: scalars.convert(numbers, level), level)
        if level == "float":
            door.check_underflow("transition", self.transition, other.transition)
            door.check_underflow("initial", self.initial, other.initial)
        return other

    @classmethod
    def normalized(
        cls,
        transition: Any,
        initial: Any,
        *,
        horizon: int | None,
        discount: Any = 1,
        final_value: Any = 0,
        empty: str | None = None,
    ) -> "MDP":
        """The model of counts, or of rows that were rounded: each row is divided by its sum.

        empty  what an all-zero row of `transition` means: 'unavailable' (the action does not exist there) or 'stay'
               (the state is left as it is). By default such a row is an error, since it is usually a missing count.
        `changes` records which rows were divided, and by how much the farthest one was off.
        """
        from mdps.normalization import normalized_model

        return normalized_model(
            transition, initial, horizon=horizon, discount=discount, final_value=final_value, empty=empty
        )

    def equals(self, other: "MDP") -> bool:
        """Whether two models have the same numbers in the same arithmetic."""
        same_frame = (self.horizon, self.level, self.discount) == (other.horizon, other.level, other.discount)
        if not same_frame or isinstance(self.kernel, Sparse) != isinstance(other.kernel, Sparse):
            return False
        names = ["transition", "initial", "final_value"]
        if isinstance(self.kernel, Sparse) and isinstance(other.kernel, Sparse):
            mine: Any = self.kernel.matrix
            if self.kernel.shape != other.kernel.shape or np.any((mine != other.kernel.matrix).data):
                return False
            names.remove("transition")
        pairs = [(getattr(self, name), getattr(other, name)) for name in names]
        return all(x.shape == y.shape and bool((x == y).all()) for x, y in pairs)
