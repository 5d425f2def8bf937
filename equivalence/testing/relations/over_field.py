"""A relation over a prime field: with zero tolerance, for all parameters.

The subject is followed as by `adapters.over_field`, with free rewards (energies, policies, potentials, shifts) as they
are there. Where both sides have the same values at a point that nobody chose, they are the same functions on the path
of branches that the subject took, for the shapes that ran: the relation holds for all parameters, except with the
probability that the proof states. Where they have not, it is violated: a proof. Inequalities are looked up at the
numbers of the instance.
"""

import hashlib
import math
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flint import arb, fmpq

from equivalence.evidence.field import PRIME_BITS, compared, seed_of, source_digest, source_of
from equivalence.evidence.verdict import OUT_OF_REACH, Proof
from equivalence.testing.adapters.arrays import numbers_of, traced_array
from equivalence.testing.adapters.free import free_arguments, odd_part
from equivalence.testing.adapters.numbers import Untraceable, at_most, shadow_of
from equivalence.testing.adapters.reached import functions_reached
from equivalence.testing.adapters.subject import Subject
from equivalence.testing.relations.in_floats import named_arguments, place
from equivalence.testing.relations.invariances import FACTOR
from equivalence.testing.relations.relation import Asked, Pair, Relation
from equivalence.testing.relations.verdict import HOLDS, VIOLATED
from equivalence.testing.targets import ARGUMENTS, Instance, Target
from equivalence.testing.targets.argument import LIMITED, NUMBER
from mdps import MDP, OutOfReach, scalars
from mdps.scalars.balls import precision
from mdps.scalars.elementary import log_of
from mdps.scalars.field import Field, FieldNumber, log2_error
from mdps.scalars.levels import exact_fraction
from mdps.scalars.primes import derived_prime, entropy

TARGET_ERROR = -128
TRIED = 5  # log2 of the points that may be tried: attempts, primes, two kinds of free rewards
POINTS = 3
SHADOW_BITS = 192
OPERATIONS = 300_000


@dataclass(frozen=True, eq=False)
class Proved:
    """What a field says: holds, violated or out of reach, with what it is about.

    detail   where and by how much the sides differ, or what could not be followed.
    ordered  whether there were inequalities, which hold at the numbers of the instances.
    """

    outcome: str
    proof: Proof | None
    instances: tuple[Instance, ...]
    detail: str
    seconds: float
    what: str = ""
    place: str = ""
    defect: float = 0.0
    ordered: bool = False


class Tested(NamedTuple):
    """One instance: the first place that differs, else the bounds of what was found to be 0."""

    different: str
    where: tuple[str, str, float]
    degree: int
    height: int
    branches: int
    free: tuple[str, ...]
    prime: int
    ordered: bool = False


Test = Callable[[Subject, Target, Instance, Callable[[int], Iterator[tuple[Any, bytes]]]], Tested]


def over_field(subject: Subject, target: Target, instances: Sequence[Instance], tested: Test) -> Proved:
    """The finding over all instances, one after the other until one violates the relation or enough was done."""
    started = time.perf_counter()
    proved: list[tuple[Instance, Tested]] = []
    operations, lost = 0, ""
    fields = _fields(subject, target, instances)
    for number, instance in enumerate(instances):
        left = [OPERATIONS]
        try:
            with at_most(OPERATIONS) as left:
                found = tested(subject, target, instance, fields)
        except OutOfReach as error:
            lost = lost or str(error).split(";")[0]  # what follows is about claims
            if number >= 2 and not proved:
                break
        else:
            if found.different:
                seconds = time.perf_counter() - started
                return Proved(VIOLATED, None, (instance,), found.different, seconds, *found.where)
            proved.append((instance, found))
        operations += OPERATIONS - left[0]
        if operations > OPERATIONS:
            break
    seconds = time.perf_counter() - started
    if lost or not proved:
        return Proved(OUT_OF_REACH, None, (), lost or "no shape that is run over a field meets it", seconds)
    runs = [found for _, found in proved]
    error = max(_error(found.prime, found.degree, found.height) for found in runs)
    bounds = max(found.degree for found in runs), max(found.height for found in runs)
    proof = Proof(
        runs[-1].free, *bounds, min(found.prime for found in runs), sum(found.branches for found in runs), error
    )
    ordered = any(found.ordered for found in runs)
    return Proved(HOLDS, proof, tuple(instance for instance, _ in proved), "", seconds, ordered=ordered)


def _fields(
    subject: Subject, target: Target, instances: Sequence[Instance]
) -> Callable[[int], Iterator[tuple[Any, bytes]]]:
    """Primes of a length, each with the seed of a point: all from a hash of the question."""
    inner = subject.function
    files = {function.__code__.co_filename for function in functions_reached(inner)}
    digests = sorted(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files if Path(file).is_file())
    asked = [{name: str(_texts(value)) for name, value in instance.items()} for instance in instances]
    statement = {
        "relation": target.name,
        "layout": list(target.layout),
        "source": source_digest(),
        "subject": [source_of(getattr(inner, "func", inner)), digests, repr(getattr(inner, "args", ()))],
        "instances": asked,
    }
    odd = odd_part(target, instances) * FACTOR
    primes: dict[int, Any] = {}

    def fields(bits: int) -> Iterator[tuple[Any, bytes]]:
        if bits not in primes:
            primes[bits] = derived_prime(seed_of(statement, 0), bits, coprime_to=odd)
        for attempt in range(POINTS):
            yield primes[bits], seed_of({**statement, "point": True}, attempt)

    return fields


def _texts(value: Any) -> Any:
    if isinstance(value, MDP):
        return [_texts(value.transition), _texts(value.initial), value.horizon, str(value.discount)]
    return np.asarray(value, dtype=object).astype(str).tolist()


def _error(prime: int, degree: int, height: int) -> float:
    return log2_error(prime, entropy(prime.bit_length()), degree, height) + TRIED


def at_points(fields: Callable[[int], Iterator[tuple[Any, bytes]]], tested: Callable[..., Tested]) -> Tested:
    """What is found at the first point of a field that is large enough, with free weights, or else free rewards.

    Errors: `OutOfReach`.
    """
    try:
        return _at_points(fields, lambda *x: tested(*x, linear=False))
    except OutOfReach as error:
        try:
            return _at_points(fields, lambda *x: tested(*x, linear=True))
        except OutOfReach:
            raise error from None


def _at_points(fields: Callable[[int], Iterator[tuple[Any, bytes]]], tested: Callable[..., Tested]) -> Tested:
    degree = height = 0
    for bits in PRIME_BITS:
        if _error(2 ** (bits - 1), degree, height) > TARGET_ERROR:
            continue
        for prime, seed in fields(bits):
            try:
                found = tested(prime, seed)
            except ZeroDivisionError:
                continue
            if found.different or _error(found.prime, found.degree, found.height) <= TARGET_ERROR:
                return found
            degree, height = found.degree, found.height
            break
        else:
            raise OutOfReach("a denominator is identically 0")
    raise OutOfReach(f"degrees are too large for an error below 2^{TARGET_ERROR}")


def sides_tested(relation: Relation, returns: str) -> Test:
    """The test of a relation whose sides are made of answers."""

    def tested(
        subject: Subject, target: Target, instance: Instance, fields: Callable[[int], Iterator[tuple[Any, bytes]]]
    ) -> Tested:
        def here(prime: Any, seed: bytes, linear: bool) -> Tested:
            field = Field(prime, seed)
            with field.current(), precision(SHADOW_BITS):
                values, names = free_values(field, target, instance, linear=linear)
                before = field.branches

                def free(array: np.ndarray) -> np.ndarray:
                    return _free(field, instance, array, linear)

                def answer(values: Mapping[str, Any]) -> np.ndarray:
                    returned = followed(subject, target, values)
                    if relation.finite and any(isinstance(x, float) for x in returned.flat):
                        raise Untraceable("it returned nan or inf")
                    return returned

                asked = Asked(target, returns, values, answer, free)
                zeros: list[FieldNumber] = []
                ordered = False
                for pair in relation.sides(asked):
                    ordered = ordered or pair.at_most
                    different, where, more = _different(field, pair)
                    if different:
                        return Tested(different, where, 0, 0, field.branches - before, names, field.prime.value)
                    zeros += more
                bounds = field.bounds(*zeros)
                return Tested("", ("", "", 0.0), *bounds, field.branches - before, names, field.prime.value, ordered)

        return at_points(fields, here)

    return tested


def free_values(
    field: Field, target: Target, instance: Instance, *, linear: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments over the field, the model as it is, and the names of the free ones."""
    roles = {name: NUMBER for name in target.arguments if name in ARGUMENTS and ARGUMENTS[name].role in LIMITED}
    values, names = free_arguments(field, replace(target, roles=roles) if linear else target, instance)
    return {**values, **({"mdp": instance["mdp"]} if "mdp" in instance else {})}, names


def _free(field: Field, instance: Instance, array: np.ndarray, linear: bool) -> np.ndarray:
    whole = _whole(instance)

    def one(x: Any) -> Any:
        number = arb(exact_fraction(x))
        return field.free(number) if linear else log_of(field.free((number / whole).exp())) * whole

    flat = np.empty(array.size, dtype=object)
    flat[:] = [one(x) for x in array.ravel()]
    return flat.reshape(array.shape)


def _whole(instance: Instance) -> int:
    """k, such that exponents of e^(x/k) that occur are whole numbers, averages of values apart."""
    if "mdp" not in instance:
        return 1
    mdp = instance["mdp"]
    dynamics = math.lcm(*(int(x.q) for x in {*map(exact_fraction, mdp.transition.ravel())}))
    alpha = exact_fraction(np.asarray(instance.get("temperature", fmpq(1)), dtype=object)[()])
    return dynamics * int(alpha.p) * int(exact_fraction(mdp.discount).q) ** int(mdp.horizon)


def followed(subject: Subject, target: Target, values: Mapping[str, Any]) -> np.ndarray:
    """What the subject returns over the field, the same as over floats up to what could be rounding.

    Errors: `OutOfReach`.
    """
    named = named_arguments(target, values)
    floats, numbers = [], []
    for name in target.passed:
        if name == "horizon":
            floats.append(named[name])
            numbers.append(named[name])
            continue
        field_numbers = scalars.convert(np.asarray(named[name], dtype=object), "field")
        shadows = shadows_of(numbers_of(traced_array(field_numbers)))
        floats.append(np.array(shadows, dtype=subject.dtype) if target.argument_axes(name) else float(shadows))
        numbers.append(traced_array(field_numbers))
    try:
        with np.errstate(all="ignore"):
            answer = numbers_of(subject.followed(floats, numbers))
            theirs = np.asarray(subject(*floats), dtype=float)
    except (OutOfReach, ZeroDivisionError):
        raise
    except Exception as error:
        raise Untraceable(traceback.format_exception_only(error)[-1].strip()) from error
    own = shadows_of(answer)
    finite = np.abs(own[np.isfinite(own)]).max(initial=1.0)
    with np.errstate(all="ignore"):
        near = (theirs == own) | (np.abs(theirs - own) <= np.sqrt(np.finfo(subject.dtype).eps) * finite)
    if theirs.shape != own.shape or not (near | (np.isnan(theirs) & np.isnan(own))).all():
        raise Untraceable("over a field it returned other numbers than over floats")
    return answer


def shadows_of(array: np.ndarray) -> np.ndarray:
    """The numbers of the instance that those of a field stand for, as floats."""
    return np.array([float(shadow_of(x).mid()) for x in array.flat], dtype=float).reshape(array.shape)


def _different(field: Field, pair: Pair) -> tuple[str, tuple[str, str, float], list[FieldNumber]]:
    """Where the sides of a pair differ, by how much there, and what was found to be 0."""
    lhs, rhs = np.asarray(pair.lhs, dtype=object), np.asarray(pair.rhs, dtype=object)
    if lhs.shape != rhs.shape:
        raise OutOfReach(f"the sides have shapes {lhs.shape} and {rhs.shape}")
    zeros: list[FieldNumber] = []
    for index in np.ndindex(*lhs.shape):
        found = _entry(field, lhs[index], rhs[index], pair.at_most)
        if isinstance(found, list):
            zeros += found
            continue
        where = place(pair.axes, index)
        return f"{pair.what}{', ' if where else ''}{where}: {found[0]}", (pair.what, where, found[1]), []
    return "", ("", "", 0.0), zeros


def _entry(field: Field, x: Any, y: Any, order: bool) -> list[FieldNumber] | tuple[str, float]:
    """The numbers that vanish if x = y (x <= y), or what is wrong and by how much."""
    if isinstance(x, float) or isinstance(y, float):
        own = [z if isinstance(z, float) else 0.0 for z in (x, y)]
        same = own[0] == own[1] and isinstance(x, float) and isinstance(y, float)
        fine = same or (order and own[0] < own[1])
        told = [str(z) if isinstance(z, float) else "a number" for z in (x, y)]
        return [] if fine else (f"{told[0]} against {told[1]}", math.inf)
    x, y = scalars.convert(np.array([x, y], dtype=object), "field")
    gap = shadow_of(x) - shadow_of(y)
    if order:
        return (f"{_text(x)} against at most {_text(y)}", float(gap.mid())) if gap > 0 else []
    lhs, rhs = (np.array([z], dtype=object) for z in (x, y))
    try:
        different, zeros = compared(field, lhs, rhs, (1,))
    except OutOfReach:
        if gap.contains(0):
            raise
        different, zeros = "different", []
    if not different:
        return zeros
    off = "" if gap.contains(0) else f", off by {gap.str(3, radius=False)}"
    equal = " (other functions that are equal on this instance)" if not off else ""
    return f"{_text(x)} against {_text(y)}{off}{equal}", float(abs(gap).mid())


def _text(number: Any) -> str:
    return shadow_of(number).str(18, radius=False)
