"""Elementary functions over arrays of any number type.

A formula of this library is written once, over numpy arrays. float64 arrays take numpy's own road; object arrays
carry other scalars through `+ - * / @ sum`, which numpy hands to the scalars themselves, and through the functions
of this module, which look the scalar up by its type:

    exp, log, softplus(x) = log(1 + e^x), sigmoid(x) = 1 / (1 + e^-x),
    logsumexp(x) = log sum_i exp(x_i),    largest(x) = max_i x_i.

The module of a number type registers what the type can do (`@exp_of.register`, ...). What it cannot do raises
`OutOfReach`. Every type has a log 0: `log_of(0)`; its exponential is the type's 0.

Masks. An unavailable action or an outcome of probability 0 is never computed and then hidden: `where=` says which
entries exist, and a reduction runs over these alone, since 0 * (-inf) is not a number in most arithmetics.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
import scipy.special

from mdps.errors import OutOfReach


def _unsupported(name: str, x: Any) -> OutOfReach:
    return OutOfReach(f"{name} of {x!r} leaves the arithmetic of {type(x).__name__}")


def _is_symbolic(x: Any) -> bool:
    """Whether x is a sympy expression whose functions are not registered yet (sympy is imported lazily)."""
    return type(x).__module__.startswith("sympy")


def _scalar_function(name: str, on_float: Callable[[float], float]) -> Any:
    """A function of one scalar that dispatches on its type, with Python and numpy floats built in."""

    def fallback(x: Any) -> Any:
        if _is_symbolic(x):
            from mdps.scalars import symbols  # noqa: F401  (importing it registers sympy)

            if dispatcher.dispatch(type(x)) is not fallback:
                return dispatcher(x)
        raise _unsupported(name, x)

    fallback.__name__ = fallback.__qualname__ = name
    fallback.__doc__ = f"The `{name[:-3]}` of one scalar, looked up by its type."
    dispatcher = singledispatch(fallback)
    dispatcher.register(float, on_float)
    dispatcher.register(np.floating, on_float)
    return dispatcher


def _log_of_float(x: float) -> float:
    with np.errstate(divide="ignore"):
        return np.log(x)


exp_of = _scalar_function("exp_of", np.exp)
log_of = _scalar_function("log_of", _log_of_float)
softplus_of = _scalar_function("softplus_of", lambda x: np.logaddexp(0.0, x))
sigmoid_of = _scalar_function("sigmoid_of", scipy.special.expit)


@softplus_of.register
def _(x: object) -> Any:
    return log_of(1 + exp_of(x))


@sigmoid_of.register
def _(x: object) -> Any:
    weight = exp_of(x)
    return weight / (1 + weight)


@singledispatch
def anchor_of(x: Any) -> float:
    """A float near x by which log-sum-exp may shift its arguments; 0 where the type cannot overflow."""
    return 0.0


@anchor_of.register
def _(x: float | np.floating) -> float:
    return float(x)


@singledispatch
def larger_of(x: Any, y: Any) -> Any:
    """The larger of two scalars of one type, for types in which the comparison is decided."""
    return x if x >= y else y


def entrywise(on_scalar: Callable[[Any], Any]) -> Callable[[Any], np.ndarray]:
    """A function of one scalar as a function of object arrays, entry by entry.

    The floating-point flags that a scalar's own library raises on the way are its own business.
    """
    ufunc = np.frompyfunc(on_scalar, 1, 1)

    def function(x: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            values = ufunc(x)
        if isinstance(values, np.ndarray):
            return values
        result = np.empty((), dtype=object)
        result[()] = values
        return result

    return function


def _elementwise(on_floats: Callable[[np.ndarray], np.ndarray], on_scalar: Any) -> Callable[[Any], Any]:
    on_objects = entrywise(on_scalar)

    def function(x: Any) -> Any:
        x = np.asarray(x)
        return on_objects(x)[()] if x.dtype == object else on_floats(x)

    return function


def _log_of_floats(x: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(x)


_exp = _elementwise(np.exp, exp_of)
_log = _elementwise(_log_of_floats, log_of)
_softplus = _elementwise(lambda x: np.logaddexp(0.0, x), softplus_of)
_sigmoid = _elementwise(scipy.special.expit, sigmoid_of)


def exp(x: Any) -> Any:
    """e^x, entry by entry."""
    return _exp(x)


def log(x: Any) -> Any:
    """Natural logarithm, entry by entry; log 0 is the type's minus infinity."""
    return _log(x)


def softplus(x: Any) -> Any:
    """log(1 + e^x), entry by entry, without overflow. -softplus(-x) is the log of sigmoid(x)."""
    return _softplus(x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), entry by entry, without overflow."""
    return _sigmoid(x)


def over(mask: Any, function: Callable[..., Any], *arrays: Any, otherwise: Any) -> np.ndarray:
    """`function(*arrays)` where the mask holds and `otherwise` elsewhere; never evaluated elsewhere."""
    mask, *broadcast = np.broadcast_arrays(mask, *arrays)
    if mask.all():
        return function(*broadcast)
    values = function(*(array[mask] for array in broadcast))
    result = np.empty(mask.shape, dtype=values.dtype)
    result[mask] = values
    result[~mask] = np.broadcast_to(otherwise, mask.shape)[~mask]
    return result


def logsumexp(x: Any, axis: int | tuple[int, ...] = -1, *, where: Any = True, otherwise: Any = None) -> Any:
    """log sum_i exp(x_i) along one axis or several.

    `where` (broadcast against x) says which entries take part. A slice without any has the value `otherwise`
    (without the axes summed over), which must then be given.

    The exponents are shifted by the largest float value among them, so that floats do not overflow; arithmetics
    that cannot overflow are not shifted.
    """
    x = np.asarray(x)
    axes = (axis,) if isinstance(axis, int) else axis
    if x.dtype != object:
        return _logsumexp_of_floats(x, axes, where, otherwise)
    where = np.broadcast_to(where, x.shape)
    some = where.any(axis=axes)
    rows = np.moveaxis(x, axes, range(-len(axes), 0)).reshape((*some.shape, -1))
    taking_part = np.moveaxis(where, axes, range(-len(axes), 0)).reshape((*some.shape, -1))
    result = np.empty(some.shape, dtype=object)
    for index in np.ndindex(some.shape):
        terms = rows[index][taking_part[index]]
        result[index] = _logsumexp_of(terms) if len(terms) else np.broadcast_to(otherwise, some.shape)[index]
    return result if result.shape else result[()]


def _logsumexp_of(terms: np.ndarray) -> Any:
    shift = max(anchor_of(x) for x in terms)
    if shift == 0.0 or not np.isfinite(shift):
        return log_of(sum(exp_of(x) for x in terms))
    return log_of(sum(exp_of(x - shift) for x in terms)) + shift


def _logsumexp_of_floats(x: np.ndarray, axes: tuple[int, ...], where: Any, otherwise: Any) -> Any:
    everywhere = where is True or bool(np.all(where))
    if not everywhere:
        x = np.where(where, x, -np.inf)
    shift = x.max(axis=axes, keepdims=True)
    shift = np.where(np.isfinite(shift), shift, 0.0)
    weight = np.subtract(x, shift)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(weight, out=weight).sum(axis=axes)) + np.squeeze(shift, axis=axes)
    some = everywhere or np.broadcast_to(where, x.shape).any(axis=axes)
    return total if np.all(some) else np.where(some, total, otherwise)


def log_normalized(
    x: np.ndarray, *, where: Any = True, otherwise: Any = None, overwrite: bool = False
) -> tuple[Any, np.ndarray]:
    """log Z = log sum_i exp(x_i) along the last axis, and the probabilities exp(x_i) / Z, which are its gradient.

    `where` says which entries take part; the others have probability 0. A slice without any has the log-sum-exp
    `otherwise` and probabilities 0. `overwrite` lets floats reuse the memory of x for the probabilities.
    """
    if x.dtype == object:
        log_total = np.asarray(logsumexp(x, where=where, otherwise=otherwise), dtype=object)
        present = x[np.broadcast_to(where, x.shape)]  # the others may be numbers of another type
        zero = 0 * exp_of(present[0] - present[0]) if present.size else 0
        return log_total, over(where, lambda a, b: exp(a - b), x, log_total[..., None], otherwise=zero)
    everywhere = where is True or bool(np.all(where))
    if not everywhere:
        x, overwrite = x if overwrite else np.copy(x), True
        np.copyto(x, -np.inf, where=np.logical_not(where))
    shift = x.max(axis=-1, keepdims=True)
    none = None if everywhere else shift == -np.inf  # the slices in which nothing takes part
    if none is not None:
        np.copyto(shift, 0.0, where=none)
    weight = np.subtract(x, shift, out=x if overwrite else None)
    total = np.exp(weight, out=weight).sum(axis=-1, keepdims=True)
    if none is not None:
        np.copyto(total, 1.0, where=none)
    probabilities = np.divide(weight, total, out=weight)
    log_total = np.add(np.log(total, out=total), shift, out=total)[..., 0]
    if none is not None and none.any():
        log_total = np.where(none[..., 0], otherwise, log_total)
    return log_total, probabilities


def largest(x: Any, *, where: Any = True, otherwise: Any = None) -> Any:
    """The largest entry along the last axis among those that take part; `otherwise` where none does."""
    x = np.asarray(x)
    where = np.broadcast_to(where, x.shape)
    some = where.any(axis=-1)
    if x.dtype != object:
        top = np.max(np.where(where, x, -np.inf), axis=-1)
        return top if some.all() else np.where(some, top, otherwise)
    result = np.empty(some.shape, dtype=object)
    for index in np.ndindex(some.shape):
        terms = x[index][where[index]]
        top = terms[0] if len(terms) else np.broadcast_to(otherwise, some.shape)[index]
        for term in terms[1:]:
            top = larger_of(top, term)
        result[index] = top
    return result if result.shape else result[()]
