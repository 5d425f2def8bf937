"""JAX code over numbers that are followed: the jaxpr of a function, operation by operation.

`jax.make_jaxpr` traces the function at the floats of the instance, the horizon a Python int. The jaxpr is what JAX
itself would run: gradients are taken, vmap is gone, `scan`, `while`, `cond` and the calls (jit, remat, custom_jvp,
custom_vjp, custom_linear_solve) are left, and run here step by step. All other operations are in the tables of
`jax_operations`, `jax_shapes`, `jax_indexing` and `jax_linear`. Integers stay integers; what is made of them alone and
has no entry there JAX evaluates itself.

Code that takes a Python number of a tracer (`if discount == 1`) is traced with the numbers fixed that are not free.

What is not needed for the answer is not computed. A value that cannot be computed is unknown, and so is what depends on
it; only an unknown answer raises `Untraceable`, with the name of the operation and the line of the code. float64 is
switched on by JAX's context for it and nowhere else.
"""

import inspect
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from equivalence.testing.adapters import jax_indexing, jax_linear, jax_shapes  # noqa: F401  (they fill the table)
from equivalence.testing.adapters.jax_compiled import Compiled, context
from equivalence.testing.adapters.jax_operations import OPERATIONS, as_array, is_known
from equivalence.testing.adapters.numbers import Traced, Untraceable, traced

LIBRARY = Path(jax.__file__).parent
CALLS = {  # primitives that call a jaxpr, and the name of it among their parameters
    **dict.fromkeys(("jit", "pjit", "checkpoint", "remat", "remat2"), "jaxpr"),
    **dict.fromkeys(("call", "closed_call", "core_call", "core_closed_call", "named_call"), "call_jaxpr"),
    **dict.fromkeys(("custom_jvp_call", "custom_vjp_call"), "call_jaxpr"),
    "custom_vjp_call_jaxpr": "fun_jaxpr",
}


_recent: deque[tuple[Callable[..., Any], Compiled]] = deque(maxlen=4)  # so that one trace serves floats and fields


def in_floats(function: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    """The function of numpy arrays that calls it with arrays of JAX."""
    compiled = Compiled(function)
    _recent.append((function, compiled))

    def called(*arguments: Any) -> Any:
        with context(dtype):
            given = (jax.numpy.array(x) if isinstance(x, np.ndarray) else x for x in arguments)
            return jax.tree.map(np.asarray, compiled(*given))

    return called


def followed(function: Callable[..., Any], floats: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """What the function returns over numbers that are followed.

    Errors: `Untraceable` with the operation that has no meaning there, or with what JAX says of code that it cannot
    trace.
    """
    single = any(isinstance(x, np.ndarray) and x.dtype == np.float32 for x in floats)
    with np.errstate(all="ignore"), context(np.float32 if single else np.float64):
        closed, shape, places = _traced(function, floats, numbers)
        inputs = [_input(floats[place], numbers[place]) for place in places]
        outputs = _Interpreter().run(closed, inputs)
    for x in outputs:
        if isinstance(x, _Unknown):
            raise x.error
    return jax.tree.unflatten(jax.tree.structure(shape), outputs)


def _input(floats: Any, numbers: Any) -> np.ndarray:
    """What goes into a jaxpr: integers as they are."""
    if isinstance(floats, np.ndarray) and floats.dtype.kind in "iub":
        return floats
    return as_array(np.asarray(numbers, dtype=object).view(np.ndarray))


def _traced(function: Callable[..., Any], floats: Sequence[Any], numbers: Sequence[Any]) -> tuple[Any, Any, list[int]]:
    """The jaxpr, the structure of what it returns, and the places of the arguments that it takes."""
    error: Exception | None = None
    integers = {i for i, x in enumerate(floats) if isinstance(x, int)}
    known = {i for i, x in enumerate(numbers) if isinstance(x, Traced) and is_known(x)}
    for fixed in (integers, integers | known):  # where the code asks for known numbers they are fixed
        places = [i for i in range(len(floats)) if i not in fixed]
        static = tuple(sorted(fixed))
        compiled = next((compiled for own, compiled in reversed(_recent) if own is function), Compiled(function))
        try:
            closed, shape = jax.make_jaxpr(compiled.jit(static), static_argnums=static, return_shape=True)(*floats)
        except Exception as raised:
            error = raised
            continue
        return closed, shape, places
    assert error is not None
    said = str(error).strip().split("\n")[0]
    raise Untraceable(f"{type(error).__name__}: {said}{_line_of(function, error)}") from error


def _line_of(function: Callable[..., Any], error: BaseException) -> str:
    """The last line of the function's own file that an error went through."""
    code = getattr(inspect.unwrap(getattr(function, "func", function)), "__code__", None)
    found = ""
    frame = error.__traceback__
    while frame is not None:
        if code is not None and frame.tb_frame.f_code.co_filename == code.co_filename:
            found = f" ({Path(code.co_filename).name}:{frame.tb_lineno})"
        frame = frame.tb_next
    return found


class _Unknown:
    """A value that cannot be computed, and why; `placed` says whether the line of the code is among it."""

    def __init__(self, said: str, cause: Any = None, *, placed: bool = True) -> None:
        self.error = Untraceable(said)
        self.placed = placed
        self.error.__cause__ = cause.error if isinstance(cause, _Unknown) else cause


class _Step(NamedTuple):
    """An equation of which some outputs are needed."""

    eqn: Any
    outputs: tuple[bool, ...]


def _open(jaxpr: Any) -> tuple[Any, Sequence[Any]]:
    """A jaxpr and its constants."""
    return (jaxpr.jaxpr, jaxpr.consts) if hasattr(jaxpr, "consts") else (jaxpr, ())


class _Interpreter:
    """One run of a jaxpr."""

    def __init__(self) -> None:
        self._needed: dict[tuple[int, tuple[bool, ...]], tuple[list[_Step], tuple[bool, ...]]] = {}
        self._constants: dict[tuple[str, Any], Any] = {}

    def run(self, jaxpr: Any, inputs: Sequence[Any], outputs: tuple[bool, ...] | None = None) -> list[Any]:
        """What comes out, computed where it is needed."""
        body, constants = _open(jaxpr)
        steps, _ = self.steps(body, outputs or (True,) * len(body.outvars))
        known: dict[Any, Any] = dict(zip(body.invars, inputs, strict=True))
        known |= {v: self.constant(c) for v, c in zip(body.constvars, constants, strict=True)}

        def value(v: Any) -> Any:
            if not _is_name(v):
                return self.constant(np.asarray(v.val, dtype=getattr(v.aval, "dtype", None)))
            return known.get(v)

        for step in steps:
            results = self.applied(step, [value(v) for v in step.eqn.invars])
            known.update(zip(step.eqn.outvars, results, strict=True))
        return [value(v) for v in body.outvars]

    def applied(self, step: _Step, inputs: list[Any]) -> Sequence[Any]:
        """What an equation makes of values, some of which may be unknown."""
        eqn, name = step.eqn, step.eqn.primitive.name
        control = getattr(self, f"_{name}", self._call if name in CALLS else None)
        try:
            if control is not None:
                return control(step, inputs)
            if name == "select_n":
                inputs = _without_choices_that_are_not_taken(inputs)
            for x in inputs:
                if isinstance(x, _Unknown):
                    return [x if x.placed else _Unknown(f"{x.error}{_source_of(eqn)}", x)] * len(eqn.outvars)
            result = OPERATIONS[name](eqn, *inputs) if name in OPERATIONS else _evaluated(eqn, inputs)
        except ZeroDivisionError:
            raise
        except Exception as error:
            said = str(error) if isinstance(error, ArithmeticError) else f"{type(error).__name__}: {error}"
            return [_Unknown(f"{name}: {said}{_source_of(eqn)}", error)] * len(eqn.outvars)
        return result if isinstance(result, list) else [result]

    def constant(self, array: Any) -> Any:
        """A constant of the code: floats are read as what was meant."""
        dtype = getattr(array, "dtype", None)
        if dtype is None or dtype.kind not in "fV" or not isinstance(dtype, np.dtype):
            return np.asarray(array) if dtype is None or isinstance(dtype, np.dtype) else array
        numbers = np.asarray(array)
        if numbers.dtype.itemsize < 4 or numbers.dtype.kind == "V":
            numbers = numbers.astype(np.float32)
        result = np.empty(numbers.shape, dtype=object)
        for index in np.ndindex(*numbers.shape):
            x = numbers[index]
            key = (x.dtype.str, float(x))
            if key not in self._constants:
                try:
                    self._constants[key] = traced(x)
                except Untraceable as error:
                    return _Unknown(str(error), error, placed=False)
            result[index] = self._constants[key]
        return result

    # What is needed

    def steps(self, jaxpr: Any, outputs: tuple[bool, ...]) -> tuple[list[_Step], tuple[bool, ...]]:
        """The equations that outputs need, and the inputs that they need."""
        key = id(jaxpr), outputs
        if key not in self._needed:
            wanted = {v for v, is_wanted in zip(jaxpr.outvars, outputs, strict=True) if is_wanted and _is_name(v)}
            steps = []
            for eqn in reversed(jaxpr.eqns):
                step = _Step(eqn, tuple(v in wanted for v in eqn.outvars))
                if any(step.outputs):
                    needed = self._inputs_needed(step)
                    wanted |= {v for v, is_needed in zip(eqn.invars, needed, strict=True) if is_needed and _is_name(v)}
                    steps.append(step)
            self._needed[key] = steps[::-1], tuple(v in wanted for v in jaxpr.invars)
        return self._needed[key]

    def _inputs_needed(self, step: _Step) -> Sequence[bool]:
        eqn, name = step.eqn, step.eqn.primitive.name
        if name in CALLS:
            return self.steps(_open(eqn.params[CALLS[name]])[0], step.outputs)[1]
        if name == "cond":
            each = [self.steps(_open(branch)[0], step.outputs)[1] for branch in eqn.params["branches"]]
            return True, *map(any, zip(*each, strict=True))
        if name == "scan":
            return self._scanned(step)[1]
        return [True] * len(eqn.invars)

    def _scanned(self, step: _Step) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
        """The outputs of the body of a scan that are needed at every step, and its inputs."""
        params, outputs = step.eqn.params, step.outputs
        first, n = params["num_consts"], params["num_carry"]
        while True:
            needed = self.steps(_open(params["jaxpr"])[0], outputs)[1]
            carried = tuple(a or b for a, b in zip(outputs[:n], needed[first : first + n], strict=True))
            if carried == outputs[:n]:
                return outputs, (*needed[:first], *carried, *needed[first + n :])
            outputs = (*carried, *outputs[n:])

    # Control flow

    def _call(self, step: _Step, inputs: list[Any]) -> Sequence[Any]:
        return self.run(step.eqn.params[CALLS[step.eqn.primitive.name]], inputs, step.outputs)

    def _scan(self, step: _Step, inputs: list[Any]) -> Sequence[Any]:
        params = step.eqn.params
        first, n, length = params["num_consts"], params["num_carry"], params["length"]
        outputs, _ = self._scanned(step)
        fixed, carry, rows = inputs[:first], inputs[first : first + n], inputs[first + n :]
        order = range(length)[::-1] if params["reverse"] else range(length)
        stacks: list[list[Any]] = [[None] * length for _ in outputs[n:]]
        for k in order:
            now = [x if x is None or isinstance(x, _Unknown) else _row(x, k) for x in rows]
            results = self.run(params["jaxpr"], [*fixed, *carry, *now], outputs)
            carry = results[:n]
            for stack, x in zip(stacks, results[n:], strict=True):
                stack[k] = x
        stacked = [
            _stacked(stack, v.aval) if is_needed else None
            for stack, v, is_needed in zip(stacks, step.eqn.outvars[n:], outputs[n:], strict=True)
        ]
        return [*carry, *stacked]

    def _while(self, step: _Step, inputs: list[Any]) -> Sequence[Any]:
        params = step.eqn.params
        i, j = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
        for_condition, for_body, carry = inputs[:i], inputs[i:j], inputs[j:]
        while True:
            (goes_on,) = self.run(params["cond_jaxpr"], [*for_condition, *carry])
            if isinstance(goes_on, _Unknown):
                raise goes_on.error
            if not goes_on:
                return carry
            carry = self.run(params["body_jaxpr"], [*for_body, *carry])

    def _cond(self, step: _Step, inputs: list[Any]) -> Sequence[Any]:
        which, *operands = inputs
        if isinstance(which, _Unknown):
            raise which.error
        branches = step.eqn.params["branches"]
        return self.run(branches[max(0, min(int(which), len(branches) - 1))], operands, step.outputs)

    def _custom_linear_solve(self, step: _Step, inputs: list[Any]) -> Sequence[Any]:
        lengths, jaxprs = step.eqn.params["const_lengths"], step.eqn.params["jaxprs"]
        before = lengths.matvec + lengths.vecmat
        right = inputs[sum(lengths) :]
        return self.run(jaxprs.solve, [*inputs[before : before + lengths.solve], *right])


def _is_name(v: Any) -> bool:
    return not hasattr(v, "val")  # of a literal


def _row(x: Any, k: int) -> Any:
    return as_array(x[k]) if x.dtype == object else np.asarray(x[k])


def _stacked(rows: list[Any], aval: Any) -> Any:
    for row in rows:
        if isinstance(row, _Unknown):
            return row
    if not rows:
        return np.empty(aval.shape, dtype=object if aval.dtype.kind == "f" else aval.dtype)
    return np.stack(rows)


def _without_choices_that_are_not_taken(inputs: list[Any]) -> list[Any]:
    """The choices of select_n, an unknown one that no entry takes replaced by one that is taken."""
    which, *choices = inputs
    if isinstance(which, _Unknown) or not any(isinstance(x, _Unknown) for x in choices):
        return inputs
    taken = {int(k) for k in np.unique(which)}
    known = next((choices[k] for k in taken), choices[0])
    return [which, *(x if k in taken else known for k, x in enumerate(choices))]


def _evaluated(eqn: Any, inputs: list[Any]) -> list[Any]:
    """What JAX makes of integers alone."""
    of_integers = all(getattr(x.dtype, "kind", "O") in "iub" for x in inputs)
    if not of_integers or any(getattr(v.aval.dtype, "kind", "O") not in "iub" for v in eqn.outvars):
        raise Untraceable("it has no meaning over a field")
    result = eqn.primitive.bind(*map(jax.numpy.asarray, inputs), **eqn.params)
    return [np.asarray(x) for x in (result if eqn.primitive.multiple_results else [result])]


def _source_of(eqn: Any) -> str:
    """The line of the code that an equation comes from, where the jaxpr says it."""
    stack = getattr(getattr(eqn.source_info, "traceback", None), "frames", None) or ()
    for frame in stack:
        path = Path(getattr(frame, "file_name", ""))
        if LIBRARY not in path.parents and path != Path(__file__):
            return f" ({path.name}:{frame.line_num})"
    return ""
