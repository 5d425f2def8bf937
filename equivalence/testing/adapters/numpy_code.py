"""numpy code over numbers that are followed.

Some functions are no ufuncs and forget what they are given (scipy's logsumexp and softmax, numpy.linalg.solve), and
numpy.zeros makes floats: `functions_by_meaning` puts others in their place in the namespaces of the code while it runs.
What is in a module of scipy that takes long to import is looked up there if the code has imported it.
"""

import inspect
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.special

from equivalence.testing.adapters.arrays import rewrapped, traced_array
from equivalence.testing.adapters.numbers import Traced, Untraceable, traced, vanishes
from equivalence.testing.adapters.reached import functions_reached
from equivalence.testing.adapters.sums import total


def _log_sum_exp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    weights = np.exp(traced_array(a)) if b is None else traced_array(b) * np.exp(traced_array(a))
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    if return_sign:
        raise Untraceable("scipy.special.logsumexp with return_sign=True")
    return np.log(total)


def _soft_maximum(x: Any, axis: Any = None) -> Any:
    weights = np.exp(traced_array(x))
    return weights / np.sum(weights, axis=axis, keepdims=True)


def _log_soft_maximum(x: Any, axis: Any = None) -> Any:
    return traced_array(x) - _log_sum_exp(x, axis=axis, keepdims=True)


def _solution(a: Any, b: Any) -> Any:
    """The solution of one square linear system, by elimination; rows are exchanged where a pivot is 0."""
    matrix, right = np.array(traced_array(a)), np.array(traced_array(b))
    if matrix.ndim != 2 or right.ndim > 2:
        raise Untraceable("numpy.linalg.solve of several systems at once")
    n = len(matrix)
    rows = np.concatenate([matrix, right.reshape(n, -1)], axis=1)
    for k in range(n):
        pivot = next((i for i in range(k, n) if not vanishes(traced(rows[i, k]).number)), None)
        if pivot is None:
            raise Untraceable("numpy.linalg.solve of a singular system")
        rows[[k, pivot]] = rows[[pivot, k]]
        rows[k] = rows[k] / rows[k, k]
        for i in range(n):
            if i != k and not vanishes(traced(rows[i, k]).number):
                rows[i] = rows[i] - rows[i, k] * rows[k]
    return traced_array(rows[:, n:].reshape(right.shape))


def _entropy(pk: Any, qk: Any = None, base: Any = None, axis: int = 0) -> Any:
    if base is not None:
        raise Untraceable("scipy.stats.entropy with a base")
    p, *q = (x / np.sum(x, axis=axis, keepdims=True) for x in map(traced_array, (pk,) if qk is None else (pk, qk)))
    return np.sum(scipy.special.rel_entr(p, q[0]) if q else scipy.special.entr(p), axis=axis)


def _counted(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    places = np.asarray(x)
    counts = np.zeros(max(int(places.max(initial=-1)) + 1, minlength), dtype=object)
    np.add.at(counts, places, np.asarray(traced_array(weights)).view(np.ndarray))
    return traced_array(counts)


def _with_tolerance(name: str) -> Callable[..., Any]:
    def compared(*args: Any, **keywords: Any) -> Any:
        raise Untraceable(f"{name}, a comparison with a tolerance")

    return compared


def _for_each(pyfunc: Callable[..., Any], *args: Any, **keywords: Any) -> Callable[..., Any]:
    """np.vectorize, which would make floats of everything where the first entry is one."""

    def called(*arrays: Any, **named: Any) -> Any:
        if named or not any(np.asarray(x).dtype == object for x in arrays):
            return np.vectorize(pyfunc, *args, **keywords)(*arrays, **named)
        return np.frompyfunc(pyfunc, len(arrays), 1)(*map(traced_array, arrays))

    return called


def _masked(*args: Any, **keywords: Any) -> Any:
    raise Untraceable("numpy.ma, masked arrays")


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    scipy.special.logsumexp: _log_sum_exp,
    scipy.special.softmax: _soft_maximum,
    scipy.special.log_softmax: _log_soft_maximum,
    np.linalg.solve: _solution,
    np.linalg.inv: lambda a: _solution(a, np.eye(len(a))),
    np.bincount: _counted,
    np.isclose: _with_tolerance("numpy.isclose"),
    np.allclose: _with_tolerance("numpy.allclose"),
    math.isclose: _with_tolerance("math.isclose"),
    math.fsum: lambda entries: total([traced(x) for x in entries]),
    math.sqrt: lambda x: np.sqrt(traced(x)),
    math.exp: lambda x: traced(x).exp(),
    math.log: lambda x: traced(x).log(),
    math.expm1: lambda x: traced(x).exp() - 1,
    math.log1p: lambda x: (1 + traced(x)).log(),
}
WHERE_IMPORTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("scipy.linalg", "solve"): _solution,
    ("scipy.linalg", "inv"): lambda a: _solution(a, np.eye(len(a))),
    ("scipy.stats", "entropy"): _entropy,
}
MAKERS = (np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.array, np.asarray)


def _by_meaning(function: Any, meaning: Callable[..., Any]) -> Callable[..., Any]:
    def chosen(*args: Any, **keywords: Any) -> Any:
        objects = any(np.asarray(x).dtype == object for x in (*args, *keywords.values()) if x is not None)
        return (meaning if objects else function)(*args, **keywords)

    return chosen


def _maker(function: Any) -> Callable[..., Any]:
    """numpy's function that makes an array, of numbers that are followed where it would be one of floats."""

    def chosen(*args: Any, **keywords: Any) -> Any:
        if keywords.get("dtype") in (np.float64, "float64") and function in (np.array, np.asarray):
            keywords = keywords | {"dtype": None if np.asarray(args[0]).dtype != object else object}
        array = function(*args, **keywords)
        made_of = function in (np.array, np.asarray)  # numbers that are given: floats stay floats
        if array.dtype == object or (array.dtype.kind == "f" and not made_of):
            return rewrapped(array if array.dtype == object else array.astype(object))
        return array

    return chosen


class _Library:
    """numpy, scipy, a part of them or math as a module of which some functions have their meaning here."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        return _by_meaning(value, _masked) if self._module is np.ma and callable(value) else _meant(value)


def _meant(value: Any) -> Any:
    """A module or a function of numpy, scipy or math as it is meant here; anything else as it is."""
    if inspect.ismodule(value):
        return _Library(value) if value.__name__.split(".")[0] in ("numpy", "scipy", "math") else value
    for (module, name), meaning in WHERE_IMPORTED.items():
        if value is vars(sys.modules.get(module, object)).get(name):
            return _by_meaning(value, meaning)
    return next((other for function, other in _REPLACED if value is function), value)


_REPLACED: list[tuple[Any, Callable[..., Any]]] = [(np.vectorize, _for_each)]
_REPLACED += [(function, _by_meaning(function, meaning)) for function, meaning in FUNCTIONS.items()]
_REPLACED += [(function, _maker(function)) for function in MAKERS]


class _OfFloats(type):
    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, float)

    def __subclasscheck__(cls, other: Any) -> bool:
        return issubclass(other, float)


class _Float(float, metaclass=_OfFloats):
    """`float` as it is meant: a number that is followed stays what it is, and as a dtype it is that of objects."""

    def __new__(cls, x: Any = 0.0) -> Any:
        return x if isinstance(x, Traced) else float(x)


@contextmanager
def functions_by_meaning(namespaces: Sequence[dict[str, Any]]) -> Iterator[None]:
    """The functions above by their meaning within the block, in the namespaces of the code alone."""
    kept = [(names, name, value) for names in namespaces for name, value in names.items() if _meant(value) is not value]
    bare = [names for names in namespaces if "float" not in names]
    try:
        for names, name, value in kept:
            names[name] = _meant(value)
        for names in bare:
            names["float"] = _Float
        yield
    finally:
        for names, name, value in kept:
            names[name] = value
        for names in bare:
            names.pop("float", None)


def in_floats(function: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    """The function itself: it takes numpy arrays."""
    return function


def followed(function: Callable[..., Any], floats: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """What the function returns when it is called with arrays of numbers."""
    namespaces = [reached.__globals__ for reached in functions_reached(function)]
    with np.errstate(all="ignore"), functions_by_meaning(list({id(names): names for names in namespaces}.values())):
        return function(*numbers)
