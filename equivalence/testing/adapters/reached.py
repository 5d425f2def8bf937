"""The functions that a function may call by name, for the digest of its source and to find out what it works with."""

import contextlib
import inspect
from typing import Any

LIBRARIES = ("numpy", "scipy", "mdps", "jax", "jaxlib", "torch", "_pytest", "pytest")  # pytest rewrites assertions


def functions_reached(function: Any) -> list[Any]:
    """The Python functions that a function may call by name, itself first; those of `LIBRARIES` left out."""
    found: list[Any] = []
    pending = [function]
    while pending:
        current = inspect.unwrap(pending[0])
        current = inspect.unwrap(getattr(current, "func", current))  # of a functools.partial
        pending = pending[1:]
        current = getattr(current, "__func__", current)
        if inspect.isclass(current):
            if str(current.__module__).split(".")[0] not in LIBRARIES:
                pending += [getattr(x, "__func__", x) for x in vars(current).values() if hasattr(x, "__get__")]
            continue
        if not hasattr(current, "__code__") and callable(current):  # an object that is called
            pending += [getattr(type(current), "forward", None)]  # of a module of torch
            methods = map(inspect.unwrap, vars(type(current)).values())  # those under jit too
            pending += [method for method in methods if hasattr(method, "__code__")]
            current = type(current).__call__
        code, names = getattr(current, "__code__", None), getattr(current, "__globals__", None)
        if code is None or names is None or any(current is known for known in found):
            continue
        if str(names.get("__name__", "")).split(".")[0] in LIBRARIES:
            continue  # what the numbers themselves are made of is left alone
        found.append(current)
        for name in names_in(code):
            pending += [names[name]] if callable(names.get(name)) else []
            for value in names.values():
                if inspect.ismodule(value) and callable(vars(value).get(name)):
                    pending.append(vars(value)[name])
        pending += [x for x in contents(current) if callable(x)]
    return found


def names_in(code: Any) -> set[str]:
    """The names that code looks up, those of the functions within it too."""
    inner = [c for c in code.co_consts if inspect.iscode(c)]
    return set(code.co_names).union(*(names_in(c) for c in inner))


def contents(function: Any) -> list[Any]:
    """What a function has taken from where it was made."""
    found = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not filled yet
            found.append(cell.cell_contents)
    return found
