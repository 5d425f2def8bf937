"""JAX code in floats: one program for each shape, compiled in a hurry.

JAX compiles, and there are many shapes: code that is not under jit costs it a program for each operation and shape. So
the whole function is compiled once a shape, with options of XLA that say how machine code is made and not what it
computes (`IN_A_HURRY`). Rounding is that of XLA's operations, and can be another than that of the user's own run in the
last bits: other instructions, other order of summation.

What it computes: XLA rewrites formulas, log(exp(x)) to x say, which is finite where the code as it stands is not. Under
jit that is what the user runs, and what is run here. Code that is not under jit is run as it stands, without these
rewritings (those of functions under jit that it calls are left out with them).

A function that asks for a number (`if discount == 1`) is compiled for each value of the numbers that are none of
arrays, as long as these are few. What cannot be traced is called as it is.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from typing import Any

import jax
import numpy as np

IN_A_HURRY = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_cpu_use_fusion_emitters": False,
}
AS_IT_STANDS = {"xla_disable_hlo_passes": "algsimp"}
PASSES_CAN_BE_DISABLED = jax.__version_info__ >= (0, 6, 2)  # for one program
MOST_VALUES = 4  # of numbers for which a shape is compiled


def context(dtype: Any) -> AbstractContextManager[Any]:
    """JAX with float64, or without, within the block."""
    owner: Any = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")  # of older releases
    return owner.enable_x64(np.dtype(dtype) == np.float64)


@cache
def _hurried() -> dict[str, Any]:
    """Those of the options that the installed XLA knows."""
    trivial = jax.jit(lambda: 0).lower()
    known = {}
    for name, value in IN_A_HURRY.items():
        try:
            trivial.compile(compiler_options={name: value})
        except Exception:
            continue
        known[name] = value
    return known


class Compiled:
    """A function as programs for given shapes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.under_jit = hasattr(function, "lower")
        self.plain = not (self.under_jit or PASSES_CAN_BE_DISABLED)  # whether it is called as it is
        self.asks = False  # whether it asks for numbers
        self.programs: dict[Any, Any] = {}
        self.values: Counter[Any] = Counter()  # how many were compiled, by shapes
        self.jitted: dict[tuple[int, ...], Any] = {}

    def jit(self, static: tuple[int, ...]) -> Any:
        """The function under jit, some arguments fixed."""
        if static not in self.jitted:  # a lambda, of which JAX knows nothing from before
            self.jitted[static] = jax.jit(lambda *given: self.function(*given), static_argnums=static)
        return self.jitted[static]

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns."""
        if self.plain:
            return self.function(*arguments)
        numbers = any(isinstance(x, float) for x in arguments)
        for asks in (False, True) if numbers and not self.asks else (self.asks,):
            try:
                returned = self._run(arguments, asks)
            except Exception:  # what is wrong is said below, as if nothing was compiled
                continue
            self.asks = asks
            return returned
        return self._as_it_is(arguments)

    def _run(self, arguments: tuple[Any, ...], asks: bool) -> Any:
        fixed = (int, float) if asks else int
        static = tuple(i for i, x in enumerate(arguments) if isinstance(x, fixed))
        key = tuple(x if i in static else getattr(x, "shape", None) for i, x in enumerate(arguments))
        if key not in self.programs:
            shapes = tuple(getattr(x, "shape", None) for x in arguments)
            if asks and self.values[shapes] == MOST_VALUES:
                return self._as_it_is(arguments)
            options = _hurried() | ({} if self.under_jit else AS_IT_STANDS)
            self.programs[key] = self.jit(static).lower(*arguments).compile(compiler_options=options)
            self.values[shapes] += 1
        return self.programs[key](*(x for i, x in enumerate(arguments) if i not in static))

    def _as_it_is(self, arguments: tuple[Any, ...]) -> Any:
        returned = self.function(*arguments)
        self.plain = True
        return returned
