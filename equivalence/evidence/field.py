"""Level `field`: both sides at one point of a large prime field, where the numbers of the instance are free.

Two rational functions that agree at a point that nobody chose, modulo a prime that nobody chose, are the same, except
with a probability that is computed and stated (`mdps.scalars.field`): `proved for all` parameters of this shape, below
2^-128. Two different values are a proof of the contrary.

What is free is said in `equivalence.evidence.free`. Prime and point derive from a SHAKE-256 hash of the claim, the
source code (that of implementations put into holes too), the shape, the zeros of distributions and every number that is
not free; the prime is made longer until the error is small enough. The error counts every point that may be tried:
another where a denominator is 0, longer primes. A positive weight w enters as u^k for a whole k that makes all
exponents whole numbers (P, the discount and the temperature are rational), which costs no generality, since every
positive w is one. Where the log of a sum meets a fraction (soft control over several steps of stochastic dynamics)
unique roots are taken, which needs odd denominators; the claims about one step need none and hold for every horizon by
induction.

First nothing is known of the numbers that the free ones stand for. Where code compares two of them they are told, as
shadows, and are in the hash too: what is proved is proved on that path of branches. A refutation, as everything after
an equality that was found on the way, is as sure as that equality, whose error is counted.

Proved is an identity of real functions. What floats make of it, rounding and overflow, is not seen here.
"""

import hashlib
import inspect
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from flint import arb, fmpq

import mdps
from equivalence.claims import AtMost, Claim
from equivalence.evidence.balls import Finding
from equivalence.evidence.free import DISTRIBUTIONS, Free, fixed_names, free_values, wanted_names
from equivalence.evidence.instance import Instance
from equivalence.evidence.sides import flat_sides, place
from equivalence.evidence.verdict import PROVED_FOR_ALL, REFUTED, Proof
from mdps import MDP, OutOfReach, scalars
from mdps.scalars.balls import precision
from mdps.scalars.elementary import log_of
from mdps.scalars.field import DEPENDENT, Field, FieldNumber, LogField, Unordered, log2_error
from mdps.scalars.levels import exact_fraction
from mdps.scalars.primes import derived_prime, entropy

PRIME_BITS = (521, 1031, 2053, 4099)
TARGET = -128  # log2 of the error that a proof may have
ATTEMPTS = 3  # points that are tried where a denominator is 0 at the first
POINTS = 5  # log2, rounded up, of how many points may be tried in all: attempts, primes, with and without shadows
SHADOW_BITS = 128


def check_in_field(claim: Claim, instance: Instance, **holes: Any) -> Finding:
    """Proved for all, with its error probability, or refuted.

    Errors: `OutOfReach` for inequalities, and for what is no rational function of the free numbers (entropies, losses).
    """
    statement = statement_of(claim, instance, **holes)
    try:
        return _checked(claim, instance, statement, shadowed=False, **holes)
    except Unordered:
        numbers = {name: texts(instance.values[name]) for name in wanted_names(claim, instance) if name != "mdp"}
        return _checked(claim, instance, {**statement, "shadows": numbers}, shadowed=True, **holes)


def _checked(claim: Claim, instance: Instance, statement: dict[str, Any], *, shadowed: bool, **holes: Any) -> Finding:
    """The finding at the first prime that is long enough."""
    degree = height = 0
    for bits in PRIME_BITS:
        if log2_error(2 ** (bits - 1), entropy(bits), degree, height) + POINTS > TARGET:
            continue
        finding, field, tested = _checked_at_point(claim, instance, statement, bits, shadowed, **holes)
        degree, height = field.bounds(*tested)
        error = log2_error(field.prime.value, field.prime.entropy, degree, height) + POINTS
        if error > TARGET:
            continue
        if finding.proof is not None:
            return finding._replace(proof=replace(finding.proof, degree=degree, height=height, log2_error=error))
        return finding
    raise OutOfReach(f"degrees are too large for an error below 2^{TARGET} with a prime of {PRIME_BITS[-1]} bits")


def _checked_at_point(
    claim: Claim, instance: Instance, statement: dict[str, Any], bits: int, shadowed: bool, **holes: Any
) -> tuple[Finding, Field, list[FieldNumber]]:
    for _, field in _fields(claim, instance, statement, bits):
        try:
            with field.current(), precision(SHADOW_BITS):
                free = _free(field, claim, instance, shadowed=shadowed)
                conclusion = claim(free.values, **holes)
                if isinstance(conclusion, AtMost):
                    raise OutOfReach("a field has no order: take balls or exact numbers for an inequality")
                if not free.names:
                    raise OutOfReach("nothing that the claim is about is free here; level exact proves it there")
                different, tested = compared(field, *flat_sides(conclusion))
        except ZeroDivisionError:
            continue
        if different:
            return Finding(REFUTED, None, different), field, []
        proof = Proof(free.names, 0, 0, field.prime.value, field.branches, 0.0)
        return Finding(PROVED_FOR_ALL, None, "", proof), field, tested
    raise OutOfReach("a denominator is identically 0")


def statement_of(claim: Claim, instance: Instance, **holes: Any) -> dict[str, Any]:
    """What prime and point derive from: claim, source code, shapes, zeros of distributions, and what is not free."""
    fixed, shapes, zeros = {}, {}, {}
    kept = fixed_names(claim)
    for name in wanted_names(claim, instance):
        value = instance.values[name]
        if isinstance(value, MDP):
            fixed[name] = {
                "transition": texts(value.transition),
                "initial": texts(value.initial),
                "final_value": texts(value.final_value),
                "discount": str(value.discount),
                "horizon": value.horizon,
            }
            continue
        array = np.asarray(value)
        shapes[name] = list(array.shape)
        if name in kept:
            fixed[name] = texts(array)
        elif name in DISTRIBUTIONS and (zero := np.flatnonzero(scalars.zero_mask(array))).size:
            zeros[name] = zero.tolist()
    statement = {"claim": claim.name, "source": source_digest(), "shapes": shapes, "zeros": zeros, "fixed": fixed}
    foreign = {name: source_of(function) for name, function in holes.items()}
    if not claim.statement.__module__.startswith("equivalence."):
        foreign["claim"] = source_of(claim.statement)
    return {**statement, "foreign": foreign} if foreign else statement


def source_of(function: Any) -> list[Any]:
    """The source of a function that is not in the packages, with the numbers and functions that it closes over."""
    code = getattr(function, "__code__", None)
    if code is None:
        return [type(function).__qualname__, getattr(function, "__qualname__", "")]
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = f"{code.co_name} {code.co_names} {code.co_code.hex()}"
    enclosed = [cell.cell_contents for cell in function.__closure__ or () if cell != type(cell)()]
    return [text, *(source_of(x) if callable(x) and x is not function else str(x) for x in enclosed)]


def texts(array: Any) -> Any:
    """The numbers of an array as nested lists of texts."""
    return np.asarray(array, dtype=object).astype(str).tolist()


@cache
def source_digest() -> str:
    """SHA-256 of the source code of both packages, file after file."""
    digest = hashlib.sha256()
    for package in (Path(mdps.__file__).parent, Path(__file__).parents[1]):
        for file in sorted(package.rglob("*.py")):
            digest.update(file.relative_to(package.parent).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def seed_of(statement: dict[str, Any], attempt: int) -> bytes:
    """The hash from which prime and point derive."""
    text = json.dumps({**statement, "attempt": attempt}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _fields(claim: Claim, instance: Instance, statement: dict[str, Any], bits: int) -> Iterator[tuple[int, Field]]:
    """The fields of the attempts, each with its prime and its point."""
    _, denominator = _multiples(claim, instance)
    odd = denominator // (denominator & -denominator)
    for attempt in range(ATTEMPTS):
        seed = seed_of(statement, attempt)
        yield attempt, Field(derived_prime(seed, bits, coprime_to=odd), seed)


def evaluated_at_point(claim: Claim, instance: Instance) -> tuple[dict[str, Any], int, Field, np.ndarray]:
    """The statement, the attempt, the field, and the left side at its point, flat; what a certificate carries."""
    statement = statement_of(claim, instance)
    for attempt, field in _fields(claim, instance, statement, PRIME_BITS[0]):
        try:
            with field.current(), precision(SHADOW_BITS):
                conclusion = claim(_free(field, claim, instance).values)
                return statement, attempt, field, flat_sides(conclusion)[0]
        except ZeroDivisionError:
            continue
    raise OutOfReach("a denominator is identically 0")


def _free(field: Field, claim: Claim, instance: Instance, *, shadowed: bool = False) -> Free:
    """The arguments of the claim over the field, with their numbers as shadows."""
    whole, _ = _multiples(claim, instance)

    def shadow(value: Any) -> arb:
        number: Any = scalars.convert(np.asarray(value, dtype=object), "ball")[()]
        return number

    def number(name: str, value: Any) -> FieldNumber:
        return field.free(shadow(value) if shadowed else None)

    def logarithm(name: str, value: Any) -> LogField:
        weight = field.free((shadow(value) / whole).exp() if shadowed else None)
        return log_of(weight) * whole

    return free_values(claim, instance, "field", number, logarithm)


def compared(field: Field, lhs: np.ndarray, rhs: np.ndarray, shape: tuple[int, ...]) -> tuple[str, list[FieldNumber]]:
    """Where two sides, flat, are different functions, and the numbers that were found to be 0 because they are not.

    Errors: `OutOfReach` for sums of logarithms of which neither can be said.
    """
    tested: list[FieldNumber] = []
    for index, (x, y) in enumerate(zip(lhs, rhs, strict=True)):
        vanishing, decisive = _difference(field, x, y)
        if any(number.value != 0 for number in vanishing):
            if not decisive:
                raise OutOfReach(DEPENDENT)
            where = place(index, shape)
            return f"lhs{where} and rhs{where} are different functions: {x!r} and {y!r}", []
        tested += vanishing
    return "", tested


def _difference(field: Field, x: Any, y: Any) -> tuple[list[FieldNumber], bool]:
    """Numbers that vanish if x = y, and whether only then."""
    if type(x) is not FieldNumber or type(y) is not FieldNumber:
        x, y = scalars.convert(np.array([x, y], dtype=object), "field")
        if isinstance(x, LogField) and isinstance(y, LogField) and x.infinite and y.infinite:
            return [], True
    difference = field.constant(0) + x - y
    return difference.vanishing() if isinstance(difference, LogField) else ([difference], True)


def _multiples(claim: Claim, instance: Instance) -> tuple[int, int]:
    """k, by which exponents of free weights are multiples, and the common denominator of what multiplies logs."""
    if "mdp" not in claim.arguments:
        return 1, 1
    mdp, alpha = instance.values["mdp"], exact_fraction(instance.values.get("temperature", fmpq(1)))
    dynamics = math.lcm(*(int(x.q) for x in {*map(exact_fraction, mdp.transition.ravel())}))
    gamma = exact_fraction(mdp.discount)
    return dynamics * int(alpha.p) * int(gamma.q) ** (mdp.horizon or 0), dynamics * int(alpha.p) * int(gamma.q)
