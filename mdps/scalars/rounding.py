"""Rounding errors of a formula, bounded to first order by running it over floats that record themselves.

Let a formula compute nodes z_1, z_2, ... in floats of unit roundoff u (2^-53 in double, 2^-24 in single
precision), each from nodes before it, with an error of its own. To first order in u an output is then off
by

    computed - exact = sum_k  d out / d z_k * (error made at node k alone),
    |computed - exact| <= bound(out) = u * sum_k |d out / d z_k| * charge(z_k),

where the derivative is taken through all that follows node k, and the charge is n * m: the roundings n
allowed for the node times their size m. A `Rounding` is a float64 number that knows its place on a `Tape`;
arithmetic on it appends the operands of each node, its partial derivatives and its charge. The tape is a
unit triangular linear system, and the derivatives of the outputs to all nodes, the adjoints, are its
solution. Bounds on rounding errors from derivatives accumulated over a recorded computation are due to
Linnainmaa (linnainmaa1976).

Why adjoints, and no error carried forward from node to node: one error reaches an output on many paths,
where it cancels. That of V enters a policy exp(Q - V) through Q and V alike, and normalized policies lose
it at every step. A forward bound adds absolute values at each step; with the same charges it was measured 7
times higher for an occupancy at horizon 10, 500 times at 1,000.

The charges, in units of u:

=======================  ==========================================  ========================================
node z                   charge                                      why
=======================  ==========================================  ========================================
input                    |z|, or 0 if it is exact                    one rounding
x * y                    |z|, or 0 if y is +-2^k, + u E_x E_y        one rounding, and errors, below
x / y                    |z|, or 0 if y is +-2^k                     one rounding
x + y,  x - y            k_y M_x + k_x M_y                           sums in any order, below
x ** n                   n |z| + u E_x^2 n (n-1)/2 |x|^(n-2)         n - 1 products, or a library's power
-x, |x|, max, min        0                                           exact
exp x                    n_exp |z|                                   error of the library, below
log x                    n_log |z| max(1, k_x - 1)                   likewise, and logs of sums, below
softplus x               1 + n_exp sigmoid(x) + n_log |z|            log(1 + e^x), whose sum is rounded
sigmoid x                2 |z| + n_exp |z| (1 - |z|)                 1 / (1 + e^-x), a sum and a quotient
x - c,  c an anchor      |z|                                         the shifted exponent is rounded
log x + c                |z| max(1, k_x - 1)                         logs of sums, below
=======================  ==========================================  ========================================

*Sums in any order.* To add k terms of absolute sum M takes k - 1 additions, and whatever their order (one
after the other, backwards, in pairs, by blocks) no partial sum exceeds M: the error is at most (k - 1) u M.
So a number knows how many terms it is the sum of, `terms` k, and their absolute sum, `magnitude` M; the
charge above makes a chain of additions cost (k - 1) M altogether. The result of any other operation is one
term, of magnitude |z|. A term that is exactly 0 is none: a sum over a row of a sparse matrix counts the
entries that are not 0.

*Logs of sums.* log sum_i e^x_i can also be computed without leaving log space, by k - 1 steps of logaddexp,
each of which rounds at the size of its result. (A partial result that is d below the total weighs e^-d, and
d e^-d < 1 is within the charge of the sum.) Hence the factor k - 1. The usual road shifts by the largest
exponent c, so it rounds x - c and adds c to the log. `anchor_of` a Rounding is an `Anchor`, a float that is
recognized where it is subtracted and added back; it must not be copied into an array of floats between.

*Products of errors.* Where x and y are 0 but for rounding, the derivatives of x y are nearly 0, too, and the product of
the two errors, which is of second order, is all that there is: a variance of 0 comes out as a sum of squares of 1e-16.
So each node k also has a forward bound u E_k of its error, E_k = charge_k + sum_i |dz_k / dz_i| E_i. It serves for this
alone: it may be far too large, and its square is still negligible wherever the first order is not 0. (Within E the
charge of a product takes u for that of double precision.)

*Errors of libraries* in units of u. n_exp = n_log = 2 in double precision, 1 ulp; numpy's vector loops had
errors of at most 1.2 on ten million numbers. 4 and 5 in single precision, where the same loops over every
number err by up to 3.57 (exp), 4.58 (log), 3.40 (log1p).

What the bound does not say:

- But for those products it is of first order in u: it yields `consistent` or `differs`, never a proof. It
  fails where the errors of exponents add up to 1, as in soft control when T |V| / alpha comes near 1 / u (1.7e7 in
  single precision). It then exceeds what it bounds, and says nothing of it anyway.
- A node is computed once and used wherever it occurs. Code that computes it twice, with different
  roundings, has two errors that do not cancel.
- A comparison decides by value; at a kink (max, abs) the derivative is that of the side that was taken.
- Underflow costs each node the smallest normal number, which is added to u * charge: some machines flush
  smaller numbers to 0. What overflows, or is the log of a number that underflowed to 0, has the bound inf,
  and so has whatever follows from it. The range is that of double precision; single precision may overflow
  where it does not.
- Plain ints and floats are exact constants. So is -inf, the log of an exact 0, whose exponential is an
  exact 0; arithmetic with infinite constants is that of IEEE floats.

Source: linnainmaa1976.
"""

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from flint import arb
from scipy.sparse.linalg import splu

from mdps.errors import OutOfReach
from mdps.scalars.elementary import anchor_of, exp_of, log_of, sigmoid_of, softplus_of
from mdps.scalars.rationals import dyadic, rational

EXACT = -1  # the index of an exact number, which is on no tape
_UNBOUNDED = -2  # the index of a number that left the range of floats, and of all that follows from it
_EXACT_INTEGER = 2.0**24  # integers up to here are exact in single precision too
_COLUMNS = 8  # adjoints solved for at a time, so that they stay in the cache


class Library(NamedTuple):
    """What depends on the type of floats: n_exp and n_log in units of u, and the smallest normal number."""

    exp: float
    log: float
    smallest_normal: float


DOUBLE = Library(exp=2.0, log=2.0, smallest_normal=2.0**-1022)
SINGLE = Library(exp=4.0, log=5.0, smallest_normal=2.0**-126)


class Anchor(float):
    """The float by which log-sum-exp shifts its arguments, and which it adds back."""

    __slots__ = ()


class Tape:
    """The nodes of one computation, in the order in which they were computed.

    last_change  of iterations that stop early, in units of u (`mdps.recorded`): 0 where they go on to the end.
    """

    def __init__(self, *, last_change: float = 0.0) -> None:
        self.last_change = last_change
        # (i, dz/dz_i, j, dz/dz_j, basic, exp, log, square): a negative i or j is no operand on the tape, and
        # the charge of the node is basic + n_exp * exp + n_log * log + u * square
        self._nodes: list[tuple[int, float, int, float, float, float, float, float]] = []
        self._errors: list[float] = []  # forward bounds E, in units of u

    def __len__(self) -> int:
        return len(self._nodes)

    def leaf(self, x: Any, *, exact: bool = False) -> "Rounding":
        """One input: exact if `exact` says so, if it is an integer up to 2^24, or infinite; else rounded.

        A rational number (int, Fraction, fmpq) is rounded here; it is exact if single precision can hold it.
        """
        number = rational(x)
        if number is not None:
            value = int(number.p) / int(number.q)
            exact = exact or (dyadic(value) == number and float(np.float32(value)) == value)
        else:
            value = float(x)
            exact = exact or _is_small_integer(value) or math.isinf(value)
        if math.isnan(value):
            raise ValueError("an input is not a number (nan)")
        return _constant(self, value) if exact else self.node(value, basic=abs(value))

    def leaves(self, array: Any, *, exact: Any = False) -> np.ndarray:
        """Inputs, as an object array of the same shape; `exact` (broadcast) says which of them are exact."""
        array = np.asarray(array)
        exact = np.broadcast_to(exact, array.shape)
        result = np.empty(array.shape, dtype=object)
        for index in np.ndindex(array.shape):
            result[index] = self.leaf(array[index], exact=bool(exact[index]))
        return result

    def node(
        self,
        value: float,
        i: int = EXACT,
        by_i: float = 0.0,
        j: int = EXACT,
        by_j: float = 0.0,
        *,
        basic: float = 0.0,
        exp: float = 0.0,
        log: float = 0.0,
        square: float = 0.0,
    ) -> "Rounding":
        """A number computed from those at i and j, appended to the tape."""
        if not (math.isfinite(value) and math.isfinite(by_i) and math.isfinite(by_j)):
            return Rounding(self, value, _UNBOUNDED)
        if not math.isfinite(square):  # forward bounds overflow where errors may well cancel
            square = 0.0
        self._nodes.append((i, by_i, j, by_j, basic, exp, log, square))
        moved = abs(by_i) * self.forward(i) + abs(by_j) * self.forward(j)
        self._errors.append(moved + basic + SINGLE.exp * exp + SINGLE.log * log + 2.0**-53 * square)
        return Rounding(self, value, len(self._nodes) - 1)

    def forward(self, i: int) -> float:
        """The forward bound E of the node at i, in units of u."""
        return self._errors[i] if i >= 0 else 0.0

    def forwards(self, outputs: Any) -> np.ndarray:
        """The forward bounds E of outputs, in units of u and in their shape; plain numbers have 0."""
        outputs = np.asarray(outputs, dtype=object)
        index = [self._index(x) for x in outputs.flat]
        return np.array([math.inf if i == _UNBOUNDED else self.forward(i) for i in index]).reshape(outputs.shape)

    def values(self, outputs: Any) -> np.ndarray:
        """The float64 values of an array of outputs."""
        return np.asarray(outputs).astype(float)

    def bound(self, outputs: Any, *, unit_roundoff: float = 2.0**-53) -> np.ndarray:
        """u * sum_k |d out / d z_k| * charge(z_k), in the shape of the outputs; plain numbers have 0.

        Cost: a sparse triangular solve for each output.
        """
        outputs = np.asarray(outputs, dtype=object)
        index = np.array([self._index(x) for x in outputs.flat], dtype=np.int64)
        result = np.where(index == _UNBOUNDED, np.inf, 0.0)
        wanted = np.unique(index[index >= 0])
        if len(wanted):
            library = DOUBLE if unit_roundoff <= 2.0**-53 else SINGLE
            bounds = self._charged_adjoints(wanted, unit_roundoff, library)
            bounds[np.isnan(bounds)] = np.inf  # adjoints that overflow: nothing can be said
            result[index >= 0] = bounds[np.searchsorted(wanted, index[index >= 0])]
        return result.reshape(outputs.shape)

    def _index(self, x: Any) -> int:
        if isinstance(x, Rounding) and x.tape is not self:
            raise ValueError("an output was recorded on another tape")
        if math.isnan(float(x)):
            return _UNBOUNDED
        return x.index if isinstance(x, Rounding) else EXACT

    def _charged_adjoints(self, wanted: np.ndarray, u: float, library: Library) -> np.ndarray:
        """sum_k |d out / d z_k| * (u * charge(z_k) + underflow) for the nodes `wanted`, in ascending order.

        With L the partial derivatives, strictly below the diagonal, errors e made at the nodes move them by
        the solution z of (1 - L) z = e; so the adjoints W of the outputs, unit vectors E, solve
        (1 - L)^T W = E.
        """
        n = int(wanted[-1]) + 1
        table = np.array(self._nodes[:n])
        charge = u * (table[:, 4:] @ (1.0, library.exp, library.log, u)) + library.smallest_normal
        node = np.arange(n)
        operand = np.concatenate([node, table[:, 0].astype(int), table[:, 2].astype(int)])
        entry = np.concatenate([np.ones(n), -table[:, 1], -table[:, 3]])
        some = operand >= 0
        system = scipy.sparse.csc_matrix((entry[some], (operand[some], np.tile(node, 3)[some])), shape=(n, n))
        chunks = np.split(wanted, np.arange(_COLUMNS, len(wanted), _COLUMNS))
        result, size, factors = [], n, None
        for outputs in reversed(chunks):
            if factors is None or outputs[-1] < 0.8 * size:
                size = int(outputs[-1]) + 1  # no output here depends on what comes later
                block = system[:size, :size]
                # unit triangular: without permutation or pivoting the factors are 1 and itself
                factors = splu(block, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"Equil": False})
            units = np.zeros((size, len(outputs)), order="F")
            units[outputs, np.arange(len(outputs))] = 1.0
            result.append(charge[:size] @ np.abs(factors.solve(units)))
        return np.concatenate(result[::-1])


class Rounding:
    """A float64 number that records what is done to it; see the module."""

    __slots__ = ("index", "inside", "magnitude", "tape", "terms", "value")

    def __init__(self, tape: Tape, value: float, index: int) -> None:
        self.tape = tape
        self.value = value
        self.index = index
        self.magnitude = abs(value)  # M, the absolute sum of the terms that it is the sum of
        self.terms = 1  # k, how many these are
        self.inside = 1  # the number of terms in the sum that it is the log of

    def __repr__(self) -> str:
        return f"Rounding({self.value!r})"

    def __float__(self) -> float:
        return self.value

    def __bool__(self) -> bool:
        return self.value != 0.0

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: Any) -> Any:
        return _compared(operator.eq, self, other)

    def __lt__(self, other: Any) -> Any:
        return _compared(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return _compared(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return _compared(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return _compared(operator.ge, self, other)

    def __neg__(self) -> "Rounding":
        return _scaled(self, -1.0)

    def __pos__(self) -> "Rounding":
        return self

    def __abs__(self) -> "Rounding":
        return self if self.value >= 0.0 else -self

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Anchor):
            return _shifted_back(self, other)
        return _recorded(operator.add, _sum, self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _shifted(self, other) if isinstance(other, Anchor) else self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        return _recorded(operator.mul, _product, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return _recorded(_divided, _quotient, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        other = _operand(self.tape, other)
        return NotImplemented if other is None else other / self

    def __pow__(self, n: Any) -> Any:
        if not isinstance(n, (int, np.integer)):
            return NotImplemented
        return _power(self, int(n)) if n >= 0 else 1 / _power(self, -int(n))


def _is_small_integer(x: float) -> bool:
    return abs(x) <= _EXACT_INTEGER and x.is_integer()


def _is_power_of_two(x: float) -> bool:
    return abs(math.frexp(x)[0]) == 0.5


def _constant(tape: Tape, value: float) -> Rounding:
    return Rounding(tape, value, EXACT)


def _is_constant(x: Rounding, value: float) -> bool:
    return x.index == EXACT and x.value == value


def _are_small_integers(x: Rounding, y: Rounding, value: float) -> bool:
    """Whether an operation on x and y, exact integers, has a result that floats hold exactly."""
    exact = x.index == EXACT and y.index == EXACT
    return exact and all(map(_is_small_integer, (x.value, y.value, value)))


def _operand(tape: Tape, x: Any) -> Rounding | None:
    """The other operand as a Rounding of the tape; None if it is no float."""
    if isinstance(x, Rounding):
        if x.tape is not tape:
            raise ValueError("numbers of two tapes meet in one operation")
        return x
    if isinstance(x, (float, int, np.floating, np.integer, np.bool_)):
        return _constant(tape, float(x))
    if rational(x) is not None or isinstance(x, arb):
        raise TypeError(f"{x!r} of type {type(x).__name__} meets recorded floats; make it an input")
    return None


def _compared(comparison: Callable[[float, float], bool], x: Rounding, other: Any) -> Any:
    y = _operand(x.tape, other)
    return NotImplemented if y is None else comparison(x.value, y.value)


def _divided(x: float, y: float) -> float:
    """x / y as IEEE has it."""
    if y != 0.0:
        return x / y
    return math.nan if x == 0.0 or x != x else math.copysign(math.inf, x) * math.copysign(1.0, y)


def _recorded(
    operation: Callable[[float, float], float],
    record: Callable[[Rounding, Rounding, float], Rounding],
    x: Rounding,
    other: Any,
) -> Any:
    """An operation on two numbers in range; infinite constants and what left the range are passed on."""
    y = _operand(x.tape, other)
    if y is None:
        return NotImplemented
    value = operation(x.value, y.value)
    if x.index == _UNBOUNDED or y.index == _UNBOUNDED:
        return Rounding(x.tape, value, _UNBOUNDED)
    if not (math.isfinite(x.value) and math.isfinite(y.value)):
        return _constant(x.tape, value)
    return record(x, y, value)


def _scaled(x: Rounding, factor: float) -> Rounding:
    """x times plus or minus a power of two: exact, and term by term if x is a sum."""
    if factor == 1.0:
        return x
    value = x.value * factor
    result = Rounding(x.tape, value, x.index) if x.index < 0 else x.tape.node(value, x.index, factor)
    result.magnitude, result.terms = x.magnitude * abs(factor), x.terms
    return result


def _sum(x: Rounding, y: Rounding, value: float) -> Rounding:
    if _is_constant(x, 0.0):
        return y
    if _is_constant(y, 0.0):
        return x
    if _are_small_integers(x, y, value):
        result = _constant(x.tape, value)
    else:
        charge = y.terms * x.magnitude + x.terms * y.magnitude
        result = x.tape.node(value, x.index, 1.0, y.index, 1.0, basic=charge)
    result.magnitude, result.terms = x.magnitude + y.magnitude, x.terms + y.terms
    return result


def _shifted(x: Rounding, anchor: Anchor) -> Rounding:
    """x - anchor, the exponent that the shifted road rounds."""
    value = x.value - anchor
    if x.index == _UNBOUNDED or (x.index == EXACT and (value == 0.0 or math.isinf(value))):
        return Rounding(x.tape, value, x.index)
    return x.tape.node(value, x.index, 1.0, basic=abs(value))


def _shifted_back(x: Rounding, anchor: Anchor) -> Rounding:
    """x + anchor, x the log of the shifted sum: the end of the shifted road, and of that in log space."""
    value = x.value + anchor
    if x.index == _UNBOUNDED:
        return Rounding(x.tape, value, x.index)
    return x.tape.node(value, x.index, 1.0, basic=max(1, x.inside - 1) * abs(value))


def _product(x: Rounding, y: Rounding, value: float) -> Rounding:
    if _is_constant(x, 0.0) or _is_constant(y, 0.0):
        return _constant(x.tape, 0.0)
    for a, b in ((x, y), (y, x)):
        if b.index == EXACT and _is_power_of_two(b.value):
            return _scaled(a, b.value)
    if _are_small_integers(x, y, value):
        return _constant(x.tape, value)
    square = x.tape.forward(x.index) * x.tape.forward(y.index)
    return x.tape.node(value, x.index, y.value, y.index, x.value, basic=abs(value), square=square)


def _quotient(x: Rounding, y: Rounding, value: float) -> Rounding:
    if y.value == 0.0:
        return Rounding(x.tape, value, _UNBOUNDED)
    if _is_constant(x, 0.0):
        return _constant(x.tape, 0.0)
    inverse = 1.0 / y.value
    if y.index == EXACT and _is_power_of_two(y.value) and math.isfinite(inverse):
        return _scaled(x, inverse)
    return x.tape.node(value, x.index, inverse, y.index, -value * inverse, basic=abs(value))


def _power(x: Rounding, n: int) -> Rounding:
    """x^n for n >= 0."""
    if n == 0:
        return _constant(x.tape, 1.0)
    if n == 1 or x.index == _UNBOUNDED:
        return x
    try:
        value, slope = x.value**n, n * x.value ** (n - 1)
    except OverflowError:
        return Rounding(x.tape, math.inf, _UNBOUNDED)
    if x.index == EXACT and (not value or math.isinf(x.value) or _is_power_of_two(x.value)):
        return _constant(x.tape, value)
    if x.index == EXACT and _is_small_integer(value) and _is_small_integer(x.value):
        return _constant(x.tape, value)
    error = x.tape.forward(x.index)
    try:
        square = n * (n - 1) / 2 * (abs(x.value) + error / _EXACT_INTEGER) ** (n - 2) * error**2
    except OverflowError:
        square = 0.0
    return x.tape.node(value, x.index, slope, basic=n * abs(value), square=square)


@anchor_of.register
def _(x: Rounding) -> float:
    return Anchor(x.value)


@exp_of.register
def _(x: Rounding) -> Rounding:
    try:
        value = math.exp(x.value)
    except OverflowError:
        value = math.inf
    if x.index == _UNBOUNDED:
        return Rounding(x.tape, value, _UNBOUNDED)
    if x.index == EXACT and (x.value == 0.0 or math.isinf(x.value)):
        return _constant(x.tape, value)
    return x.tape.node(value, x.index, value, exp=value)


@log_of.register
def _(x: Rounding) -> Rounding:
    if x.value < 0.0:
        raise OutOfReach(f"log of the negative number {x.value!r}")
    value = math.log(x.value) if x.value else -math.inf
    if x.index == EXACT and (x.value in (0.0, 1.0) or math.isinf(x.value)):
        return _constant(x.tape, value)
    if x.index == _UNBOUNDED or not x.value:
        return Rounding(x.tape, value, _UNBOUNDED)
    result = x.tape.node(value, x.index, 1.0 / x.value, log=abs(value) * max(1, x.terms - 1))
    result.inside = x.terms
    return result


def _logistic(x: float) -> float:
    weight = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else weight) / (1.0 + weight)


@softplus_of.register
def _(x: Rounding) -> Rounding:
    value = max(x.value, 0.0) + math.log1p(math.exp(-abs(x.value)))
    if x.index == _UNBOUNDED or (x.index == EXACT and math.isinf(x.value)):
        return Rounding(x.tape, value, x.index)
    slope = _logistic(x.value)
    return x.tape.node(value, x.index, slope, basic=1.0, exp=slope, log=value)


@sigmoid_of.register
def _(x: Rounding) -> Rounding:
    value = _logistic(x.value)
    if x.index == _UNBOUNDED or (x.index == EXACT and math.isinf(x.value)):
        return Rounding(x.tape, value, x.index)
    slope = value * _logistic(-x.value)
    return x.tape.node(value, x.index, slope, basic=2.0 * value, exp=slope)


def _mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """f at the leaves of nested tuples (named ones stay named), lists and dicts."""
    if isinstance(tree, dict):
        return {key: _mapped(f, branch) for key, branch in tree.items()}
    if isinstance(tree, (tuple, list)):
        branches = [_mapped(f, branch) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)
    return f(tree)


def rounding_bound(f: Callable[..., Any], *inputs: Any, exact: bool = False, unit_roundoff: float = 2.0**-53) -> Any:
    """The first-order bound on the error of f(*inputs) in floats, in the shape and nesting of its result.

    Among the inputs (also within tuples, lists and dicts) floats, rationals and arrays of them are rounded
    numbers, or `exact` ones; anything else (an int, a mask, an array of indices, None) passes to f as it is.

    >>> bound = rounding_bound(lambda x: x + 0.75, 0.25, exact=True, unit_roundoff=2.0**-24)
    >>> float(bound * 2**24)  # one rounding of a sum of two terms, 0.25 + 0.75
    1.0
    """
    tape = Tape()

    def recorded(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return tape.leaves(x, exact=exact) if x.dtype.kind in "fO" else x
        if isinstance(x, (int, np.integer)) or not (isinstance(x, (float, np.floating)) or rational(x) is not None):
            return x
        return tape.leaf(x, exact=exact)

    def bound(x: Any) -> Any:
        return tape.bound(x, unit_roundoff=unit_roundoff)[()]

    return _mapped(bound, f(*_mapped(recorded, inputs)))
