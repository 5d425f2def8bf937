"""Somebody's code over a prime field: equal to the target for all parameters, or not.

The code is run over arrays of field numbers (`adapters.subject`), each parameter a coordinate of a point of F_p that
nobody chose, and so is the reference. Where all entries have the same value, both are the same function of the free
parameters on the path of branches that the code took, for this shape: `proved for all`, except with the probability
that `log2_error` states (`mdps.scalars.field`). Where one has not, they are different functions: `refuted`, a proof,
however small the difference is. What is free says `adapters.free`.

The instances are few and small (`adapters.cases`); what is said is said for their shapes and horizons, no more, and of
exact numbers: rounding and overflow are not seen here. Prime and points derive from a hash of the target, the source of
the subject and the files of all that it calls by name, the library's own source, and all numbers of the instances.

Code is followed on every instance that the reference can be evaluated on, ties apart, or it is out of reach: `detail`
names the operation. A difference is also refuted where sums of logarithms cannot be compared in a field and the balls
of the shadows are apart. That the code does to field numbers what it does to floats is checked on each instance: its
floats must be those of the shadows, up to what could be rounding. Code that looks at the type of its arguments is not
followed.
"""

import hashlib
import inspect
import math
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from equivalence.evidence.field import PRIME_BITS, compared, seed_of, source_digest, source_of, texts
from equivalence.evidence.verdict import OUT_OF_REACH, PROVED_FOR_ALL, REFUTED, Proof
from equivalence.testing.adapters.arrays import numbers_of, traced_array
from equivalence.testing.adapters.cases import cases
from equivalence.testing.adapters.free import each, free_arguments, odd_part
from equivalence.testing.adapters.numbers import TIE, Untraceable, at_most, shadow_of
from equivalence.testing.adapters.reached import functions_reached
from equivalence.testing.adapters.subject import Subject, subject_of, told
from equivalence.testing.kinds import Kinds
from equivalence.testing.question import Question
from equivalence.testing.targets import Instance, Target, is_integer
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach
from mdps.scalars.balls import precision
from mdps.scalars.field import Field, FieldNumber, LogField, log2_error
from mdps.scalars.primes import DerivedPrime, derived_prime, entropy

TARGET_ERROR = -128  # log2 of the error that a proof may have
TRIED = 5  # log2 of how many points may be tried for one case, at least: attempts, primes, finer shadows
POINTS = 3  # tried where a denominator is 0 at the first
OFF = ": off by "
SINGLE = 2.0**-18  # what floats are off by that were rounded to 24 bits on their way, of the largest
SHADOW_BITS, FINE_BITS = 192, 1536  # of the shadows
OPERATIONS = 300_000  # on field numbers by the subject in one case, a second or two; and after which no case is begun


@dataclass(frozen=True, eq=False)
class Finding:
    """What a field says about a subject.

    outcome    proved for all, refuted, or out of reach.
    proof      where proved: what is free, bounds, error and branches, over all cases.
    instances  the cases that were proved, or the one that is refuted.
    detail     where and by how much it differs; or what could not be followed, '' where everything was.
    visible    whether it differs at the very numbers of the instance, and not only as a function.
    """

    outcome: str
    proof: Proof | None
    instances: tuple[Instance, ...]
    detail: str
    seconds: float
    visible: bool = False


@dataclass(frozen=True, eq=False)
class Ran:
    """One case: different at a place, or the numbers that were found to be 0."""

    different: str
    visible: bool
    degree: int
    height: int
    branches: int
    free: tuple[str, ...]
    prime: int


def over_field(subject: Callable[..., Any], target: Target, kinds: Kinds, dtype: Any = np.float64) -> Finding:
    """The finding over all cases of the kinds."""
    return judged_on(subject, target, list(cases(target, kinds)), dtype)


def judged_on(
    subject: Callable[..., Any],
    target: Target,
    instances: Sequence[Instance],
    dtype: Any = np.float64,
) -> Finding:
    """The finding on given instances, one after the other until one refutes it or enough was done."""
    started = time.perf_counter()
    subject = subject_of(subject, dtype=dtype)
    primes = _Primes(_statement(subject, target, instances), odd_part(target, instances))
    proved: list[tuple[Instance, Ran]] = []
    operations = 0
    lost = ""
    reason = "" if instances else "no shape that is run over a field is of these kinds"
    for place, instance in enumerate(instances):
        left = [OPERATIONS]
        try:
            with at_most(OPERATIONS) as left:
                ran = _ran(subject, target, instance, primes, place)
            if ran.different and not ran.visible:  # the shadows are too coarse
                with at_most(OPERATIONS):
                    ran = _ran(subject, target, instance, primes, place, bits_of_shadows=FINE_BITS)
        except _NotHere as error:
            reason = reason or str(error)
        except OutOfReach as error:
            if TIE in str(error):
                reason = reason or str(error)
                continue
            lost = lost or str(error)
            if place >= 2 and not proved:
                break  # it is the code, and not the instance
        else:
            if ran.different:
                seconds = time.perf_counter() - started
                return Finding(REFUTED, None, (instance,), ran.different, seconds, ran.visible)
            proved.append((instance, ran))
        operations += OPERATIONS - left[0]
        if operations > OPERATIONS:
            break
    seconds = time.perf_counter() - started
    few = bool(reason) and 2 * len(proved) < len(instances)  # the trivial ones alone
    if lost or not proved or few:  # code that is followed on some instances alone is not followed
        return Finding(OUT_OF_REACH, None, (), lost or reason, seconds)
    runs = [ran for _, ran in proved]
    degree, height = max(ran.degree for ran in runs), max(ran.height for ran in runs)
    shortest = min(ran.prime for ran in runs)
    error = max(_error(ran) for ran in runs)  # a wrong proof is wrong about one of them
    proof = Proof(runs[-1].free, degree, height, shortest, sum(ran.branches for ran in runs), error)
    return Finding(PROVED_FOR_ALL, proof, tuple(instance for instance, _ in proved), reason, seconds)


class _NotHere(OutOfReach):
    """The instance is out of reach of a field, whatever the subject is."""


class _Primes:
    """The prime of each length that the statement gives, and points."""

    def __init__(self, statement: dict[str, Any], odd: int) -> None:
        self.statement, self.odd = statement, odd
        self.known: dict[int, DerivedPrime] = {}

    def fields(self, bits: int, place: int) -> Iterator[Field]:
        """The fields of the attempts for one case."""
        if bits not in self.known:
            self.known[bits] = derived_prime(seed_of(self.statement, 0), bits, coprime_to=self.odd)
        for attempt in range(POINTS):
            yield Field(self.known[bits], seed_of({**self.statement, "case": place}, attempt))


def _statement(subject: Subject, target: Target, instances: Sequence[Instance]) -> dict[str, Any]:
    """What prime and points derive from."""
    return {
        "target": target.name,
        "layout": list(target.layout),
        "source": source_digest(),
        "subject": _source(subject.function),
        "instances": [{name: _numbers(value) for name, value in instance.items()} for instance in instances],
    }


def _source(subject: Callable[..., Any]) -> list[Any]:
    """The source of a function, and the digests of the files of all that it calls by name."""
    inner = inspect.unwrap(getattr(subject, "func", subject))
    files = {function.__code__.co_filename for function in functions_reached(subject)}
    digests = sorted(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files if Path(file).is_file())
    bound = repr((getattr(subject, "args", ()), getattr(subject, "keywords", {}))) if inner is not subject else ""
    return [source_of(inner), digests, bound]


def _numbers(value: Any) -> Any:
    if isinstance(value, MDP):
        return [texts(value.transition), texts(value.initial), value.horizon, str(value.discount)]
    return texts(value)


def _ran(
    subject: Subject,
    target: Target,
    instance: Instance,
    primes: _Primes,
    place: int,
    *,
    bits_of_shadows: int = SHADOW_BITS,
) -> Ran:
    """One case, over a field that is large enough.

    Errors: `OutOfReach` where the reference or the subject leaves the arithmetic.
    """
    degree = height = 0
    for bits in PRIME_BITS:
        if log2_error(2 ** (bits - 1), entropy(bits), degree, height) + TRIED > TARGET_ERROR:
            continue
        for field in primes.fields(bits, place):
            try:
                ran = _at_point(subject, target, instance, field, bits_of_shadows)
            except ZeroDivisionError:
                continue
            if _error(ran) <= TARGET_ERROR:
                return ran
            degree, height = ran.degree, ran.height
            break
        else:
            raise OutOfReach("a denominator is identically 0")
    raise _NotHere(f"degrees are too large for an error below 2^{TARGET_ERROR}")


def _error(ran: Ran) -> float:
    return log2_error(ran.prime, entropy(ran.prime.bit_length()), ran.degree, ran.height) + TRIED


def _at_point(subject: Subject, target: Target, instance: Instance, field: Field, bits_of_shadows: int) -> Ran:
    with field.current(), precision(bits_of_shadows):
        values, free = free_arguments(field, target, instance)
        try:
            truth = [np.asarray(part, dtype=object) for part in target.value(values)]
        except (OutOfReach, InvalidArgument, InvalidModel) as error:
            raise _NotHere(str(error)) from error
        before = field.branches
        answer = _answer(subject, target, instance, values)
        branches = field.branches - before
        for i, (part, true) in enumerate(zip(answer, truth, strict=True)):
            if part.shape != true.shape:
                name = f"`{target.parts[i][0]}` has" if target.parts[i][0] else "it returned"
                raise Untraceable(f"{name} shape {part.shape}, expected {true.shape}")
        _same_over_floats(subject, target, instance, answer)
        different, tested = "", []
        for i, (part, true) in enumerate(zip(answer, truth, strict=True)):
            different, found = _difference(field, part, true, target.parts[i][0])
            tested += found
            if different:
                break
        degree, height = field.bounds(*tested)
        return Ran(different, OFF in different, degree, height, branches, free, field.prime.value)


def _answer(subject: Subject, target: Target, instance: Instance, values: dict[str, Any]) -> list[np.ndarray]:
    """What the subject returns over the field, part by part."""
    given = target.given(values)
    named = {name: x if isinstance(x, int) or is_integer(name) else traced_array(x) for name, x in given.items()}
    floats = Question(target, instance, ()).arguments(subject.dtype)
    try:
        returned = subject.followed(floats, [named[name] for name in target.passed])
    except OutOfReach as error:
        said = str(error).split(";")[0]  # what follows is about claims
        raise Untraceable(f"{said}{_where(subject, error)}") from error
    except ZeroDivisionError:
        raise
    except Exception as error:
        said = told(error)
        raise Untraceable(f"{said}{_where(subject, error)}") from error
    n = len(target.parts)
    if n > 1 and not (isinstance(returned, (tuple, list)) and len(returned) == n):
        raise Untraceable(f"it does not return a tuple of {n}")
    return [numbers_of(part) for part in (returned if n > 1 else (returned,))]


def _where(subject: Subject, error: Exception) -> str:
    """The last line of the subject's own file that an error went through."""
    inner = inspect.unwrap(getattr(subject.function, "func", subject.function))
    code = getattr(inner, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename]
    return f" ({own[-1].filename.rsplit('/', 1)[-1]}:{own[-1].lineno})" if own else ""


def _same_over_floats(subject: Subject, target: Target, instance: Instance, answer: list[np.ndarray]) -> None:
    """Nothing, where the floats of the subject are those of the shadows, up to what could be rounding.

    Errors: `Untraceable` where they are not.
    """
    shadows = [each(lambda x: float(shadow_of(x).mid()), part) for part in answer]
    try:
        with np.errstate(all="ignore"):
            returned = subject(*Question(target, instance, ()).arguments(subject.dtype))
        arrays = [np.asarray(part) for part in (returned if len(answer) > 1 else (returned,))]
        parts = [array.astype(float) for array in arrays]
    except Exception as error:
        said = told(error)
        raise Untraceable(f"over floats it raised {said}") from error
    kinds = {np.dtype(subject.dtype), *(array.dtype for array in arrays if array.dtype.kind == "f")}
    unit_roundoff = max(float(np.finfo(kind).eps) for kind in kinds) / 2
    for part, own in zip(parts, shadows, strict=True):
        shadow = np.asarray(own, dtype=float)
        finite = np.abs(shadow[np.isfinite(shadow)]).max(initial=1.0)
        with np.errstate(all="ignore"):
            near = (part == shadow) | (np.abs(part - shadow) <= math.sqrt(unit_roundoff) * finite)
        if part.shape != shadow.shape or not (near | (np.isnan(part) & np.isnan(shadow))).all():
            if part.shape == shadow.shape and (np.isnan(shadow) & ~np.isnan(part)).any():
                raise Untraceable("over a field it returned nan, and not over floats; there -1e9 for -inf is -inf")
            with np.errstate(all="ignore"):
                off = float(np.abs(part - shadow).max(initial=0.0)) if part.shape == shadow.shape else math.inf
            single = f": by {off:.1g}, as if these were of single precision" if off <= SINGLE * finite else ""
            raise Untraceable(f"over a field it returned other numbers than over floats{single}")


def _difference(field: Field, part: np.ndarray, truth: np.ndarray, name: str) -> tuple[str, list[FieldNumber]]:
    """Where a part differs, and by how much; and the numbers that were found to be 0."""
    tested: list[FieldNumber] = []
    for index in np.ndindex(*part.shape):
        mine, true = part[index], truth[index]
        infinite = isinstance(true, LogField) and true.infinite
        if isinstance(mine, float) or infinite:
            if infinite and mine == -math.inf:
                continue
            different, found = "different", []
        else:
            lhs, rhs = np.empty(1, dtype=object), np.empty(1, dtype=object)
            lhs[0], rhs[0] = mine, true
            try:
                different, found = compared(field, lhs, rhs, (1,))
            except OutOfReach:  # of sums of logarithms: then at the numbers of the instance they may differ
                if not _gap(mine, true):
                    raise
                different, found = "different", []
        if different:
            place = f"[{', '.join(map(str, index))}]" if index else ""
            named = f"`{name}`{place}" if name else f"entry {place}" if place else "its answer"
            return f"{named} is {_decimal(mine)}, exact {_decimal(true)}{_gap(mine, true)}", []
        tested += found
    return "", tested


def _decimal(number: Any) -> str:
    ball = shadow_of(number)
    return ball.str(18, radius=False) if ball.is_finite() else str(float(ball.mid()))


def _gap(mine: Any, true: Any) -> str:
    gap = shadow_of(mine) - shadow_of(true)
    return f"{OFF}{gap.str(3, radius=False)}" if gap.is_finite() and not gap.contains(0) else ""
