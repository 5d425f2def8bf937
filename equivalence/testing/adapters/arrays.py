"""numpy's arrays of numbers that are followed (`adapters.numbers`), for code that knows nothing of them.

Somebody's numpy function is called with arrays of objects, `FieldArray`, whose entries are `Traced`. numpy's functions
of object arrays (sum, einsum, @, where, argmax, cumsum, ...) need nothing else; the functions of entries that have a
meaning here (exp, log, maximum, logaddexp, log1p, expm1, abs, isfinite, and of scipy.special expit, xlogy, entr) are in
the table `MEANINGS`. One without a meaning raises `Untraceable` with its name.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.special
from numpy.lib.array_utils import normalize_axis_tuple

from equivalence.testing.adapters.numbers import Traced, Untraceable, is_less, sign_of, traced
from equivalence.testing.adapters.sums import is_shifted, total
from mdps.scalars.field import FieldNumber


def _log_of_sum(x: Traced, y: Traced) -> Traced:
    x, y = traced(x), traced(y)
    for one, other in ((x, y), (y, x)):
        if isinstance(one.number, float):
            return other if one.number == -math.inf else one
    return (x.exp() + y.exp()).log()


def _is_finite(x: Any) -> bool:
    return not isinstance(traced(x).number, float)


def _is_nan(x: Any) -> bool:
    number = traced(x).number
    return isinstance(number, float) and math.isnan(number)


def _is_inf(x: Any) -> bool:
    number = traced(x).number
    return isinstance(number, float) and math.isinf(number)


def _xlogy(x: Any, y: Any) -> Traced:
    return traced(0) if traced(x) == 0 and not _is_nan(y) else traced(x) * traced(y).log()


def _expit(x: Any) -> Traced:
    weight = (-traced(x)).exp()
    return traced(0) if _is_inf(weight) else 1 / (1 + weight)


def _square_root(x: Any) -> Traced:
    """That of an exponential is one: other roots of even degree are not unique in a field."""
    number = traced(x).number
    if isinstance(number, FieldNumber) and number.logarithm is not None:
        return (traced(x).log() * Fraction(1, 2)).exp()
    return traced(x) ** Fraction(1, 2)


def _larger(x: Any, y: Any) -> Traced:
    x, y = traced(x), traced(y)
    return x if _is_nan(x) or not (is_less(x.number, y.number) or _is_nan(y)) else y


MEANINGS: dict[Any, np.ufunc] = {
    np.exp: np.frompyfunc(lambda x: traced(x).exp(), 1, 1),
    np.log: np.frompyfunc(lambda x: traced(x).log(), 1, 1),
    np.expm1: np.frompyfunc(lambda x: traced(x).exp() - 1, 1, 1),
    np.log1p: np.frompyfunc(lambda x: (1 + traced(x)).log(), 1, 1),
    np.logaddexp: np.frompyfunc(_log_of_sum, 2, 1, identity=-math.inf),
    np.maximum: np.frompyfunc(_larger, 2, 1, identity=None),  # None: in any order
    np.minimum: np.frompyfunc(lambda x, y: -_larger(-traced(x), -traced(y)), 2, 1, identity=None),
    np.absolute: np.frompyfunc(lambda x: abs(traced(x)), 1, 1),
    np.fabs: np.frompyfunc(lambda x: abs(traced(x)), 1, 1),
    np.sqrt: np.frompyfunc(_square_root, 1, 1),
    np.sign: np.frompyfunc(lambda x: traced(sign_of(traced(x).number)), 1, 1),
    np.isfinite: np.frompyfunc(_is_finite, 1, 1),
    np.isnan: np.frompyfunc(_is_nan, 1, 1),
    np.isinf: np.frompyfunc(_is_inf, 1, 1),
    scipy.special.expit: np.frompyfunc(_expit, 1, 1),
    scipy.special.xlogy: np.frompyfunc(_xlogy, 2, 1),
    scipy.special.entr: np.frompyfunc(lambda x: -_xlogy(x, x), 1, 1),
    scipy.special.rel_entr: np.frompyfunc(lambda x, y: _xlogy(x, x) - _xlogy(x, y), 2, 1),
    scipy.special.logit: np.frompyfunc(lambda x: traced(x).log() - (1 - traced(x)).log(), 1, 1),
    scipy.special.log_expit: np.frompyfunc(lambda x: _expit(x).log(), 1, 1),
}
BOOLEAN = (np.isfinite, np.isnan, np.isinf)
AS_THEY_ARE = frozenset(
    {
        *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.power, np.square, np.reciprocal),
        *(np.matmul, np.conjugate),
        *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.logical_and, np.logical_or, np.logical_not),
    }
)


class FieldArray(np.ndarray):
    """An array of objects whose functions are those of the numbers in it."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return applied(ufunc, method, inputs, keywords)

    def astype(self, dtype: Any, *args: Any, **keywords: Any) -> Any:
        """The same numbers as floats of 64 bits, which is what they stand for; anything else as numpy does it."""
        if np.dtype(dtype) == np.float64:
            return self.copy()
        return super().astype(dtype, *args, **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.isclose, np.allclose):  # the end of an iteration
            raise Untraceable(f"numpy.{function.__name__}, a comparison with a tolerance")
        try:
            return rewrapped(super().__array_function__(function, types, args, kwargs))
        except TypeError as error:
            raise Untraceable(f"{function.__module__}.{function.__name__}: {error}") from error


def applied(ufunc: Any, method: str, inputs: Any, keywords: dict[str, Any]) -> Any:
    """One of numpy's functions of entries, by its meaning."""
    name = f"{'scipy.special' if ufunc in vars(scipy.special).values() else 'numpy'}.{ufunc.__name__}"
    if ufunc.__name__ == "clip":
        x, low, high = inputs
        return applied(np.minimum, method, (applied(np.maximum, method, (x, low), {}), high), keywords)
    meaning = MEANINGS.get(ufunc, ufunc if ufunc in AS_THEY_ARE or _is_of_python(ufunc) else None)
    if meaning is None:
        raise Untraceable(f"{name}, which has no meaning over a field")
    outputs = keywords.pop("out", None)
    if outputs is not None:
        keywords["out"] = tuple(_plain(x) for x in outputs)
    try:
        with np.errstate(all="ignore"):
            if ufunc is np.add and method == "reduce":
                if keywords.get("where", True) is not True:  # sums of objects have no 0 of their own
                    keywords.setdefault("initial", traced(0))
                result = sums(_plain(inputs[0]), **keywords)
            else:
                result = getattr(meaning, method)(*map(_plain, inputs), **keywords)
    except (TypeError, ValueError) as error:
        into = [str(x.dtype) for x in outputs or () if isinstance(x, np.ndarray) and x.dtype != object]
        where = f" into an array of {into[0]}" if into else ""
        raise Untraceable(f"{name}{where}: {error}") from error
    if outputs is not None:
        return outputs[0] if len(outputs) == 1 else outputs
    if ufunc in BOOLEAN:
        return np.asarray(result, dtype=bool)[()]
    return rewrapped(result)


def _is_of_python(ufunc: np.ufunc) -> bool:
    """Whether it calls a function of Python for each entry, as those that np.vectorize and np.frompyfunc make."""
    return len(ufunc.types) == 1 and set(ufunc.types[0]) <= set("O->")


def sums(entries: np.ndarray, axis: Any = 0, keepdims: bool = False, **others: Any) -> Any:
    """Sums of numbers along axes, by `total` where some are shifted exponentials."""
    plain = not {name: x for name, x in others.items() if not (name == "dtype" and x is None)}
    if not plain or not any(map(is_shifted, entries.ravel())):
        return np.add.reduce(entries, axis=axis, keepdims=keepdims, **others)
    axes = normalize_axis_tuple(range(entries.ndim) if axis is None else axis, entries.ndim)
    last = np.moveaxis(entries, axes, range(entries.ndim - len(axes), entries.ndim))
    kept = last.shape[: entries.ndim - len(axes)]
    rows = last.reshape(math.prod(kept), -1)
    found = np.empty(len(rows), dtype=object)
    found[:] = [total(row.tolist()) for row in rows]
    return np.expand_dims(found.reshape(kept), axes) if keepdims else found.reshape(kept)[()]


def _plain(x: Any) -> Any:
    if isinstance(x, FieldArray):
        return x.view(np.ndarray)
    if isinstance(x, Traced):
        held = np.empty((), dtype=object)
        held[()] = x
        return held
    return x


_traced_entries = np.frompyfunc(lambda x: None if x is None else traced(x), 1, 1)  # None: not filled yet


def _wrapped(array: np.ndarray) -> FieldArray:
    return np.asarray(_traced_entries(array.view(np.ndarray)), dtype=object).view(FieldArray)


def rewrapped(result: Any) -> Any:
    """Arrays of objects as such of numbers that are followed; anything else as it is."""
    if isinstance(result, np.ndarray):
        if result.dtype != object:
            return result.view(np.ndarray) if isinstance(result, FieldArray) else result
        if result.ndim == 0:
            return traced(result[()])
        if result.base is not None:  # a view: it shares its memory
            return result.view(FieldArray)
        return _wrapped(result)
    if type(result) in (tuple, list) and not all(isinstance(x, (int, str)) for x in result):
        return type(result)(map(rewrapped, result))
    return result


def numbers_of(result: Any) -> np.ndarray:
    """What a followed function returned, as an array of field numbers, sums of logarithms and infinite floats.

    Errors: `Untraceable` for what is no array of numbers.
    """
    try:
        array = np.asarray(result, dtype=object)
    except (TypeError, ValueError) as error:
        raise Untraceable(f"what it returns is no array: {error}") from error
    flat = np.empty(array.size, dtype=object)
    flat[:] = [traced(x).number for x in array.ravel()]
    return flat.reshape(array.shape)


def traced_array(values: Any) -> Any:
    """An array of numbers as one that is followed; a number alone as a `Traced`."""
    array = np.asarray(values, dtype=object)
    return _wrapped(array) if array.ndim else traced(array[()])
