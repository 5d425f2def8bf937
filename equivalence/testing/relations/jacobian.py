"""The Jacobian of a gradient is symmetric.

If g = dJ/dx for some objective J with continuous second derivatives, then dg_i/dx_j = d2J/dx_i dx_j = dg_j/dx_i; and on
a convex domain every g with a symmetric Jacobian is the gradient of something. So a table of derivatives in x, as a
function of x, is checked without knowing the objective: visits of another policy, states that are counted and rewards
that are not, a discount in one pass alone have no objective, and their Jacobian shows it.

Assumes: g is differentiable at the instance, and its entries are partial derivatives in the entries of x (the natural
inner product; a natural gradient, or one that is scaled entry by entry, has another). Constants may be missing.
Sees: most mistakes of one pass out of two. Does not see the gradient of another objective: a sign, a factor, another
temperature or discount throughout. Guided cost learning's gradient with frozen weights is violating, rightly: freezing
makes it the gradient of nothing.

How derivatives are taken, from strong to weak.

    field   At a point of Z / p^2 in place of Z / p: for rational functions, g(w + p e_j) = g(w) + p dg/dw_j (mod p^2),
            so p is the infinitesimal of dual numbers, and code that is followed over the field is differentiated by
            running it at w and at w + p e_j. With x = k log w: dg/dx_j = w_j / k dg/dw_j. Zero tolerance, for all x.
            The error: w and w (1 + eps) are points of one polynomial in w and eps, whose leading coefficient in eps is
            the norm of the difference of both derivatives; its degree is that of four answers in common, the roots of
            three points each.
    float   Complex step, Im g(x + i h e_j) / h with h = 1e-30, where the subject takes complex numbers and its real
            part stays what it was; rounding is estimated as for every relation, at neighbors. It is believed only where
            central differences agree: code may drop imaginary parts.
    float   Central differences of three steps h, 2h, 4h and Richardson's extrapolation; what they may be off by is
            estimated by the last two extrapolations and the rounding of g over h. The floor is about 1e-9.
Source: squire1998.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from flint import fmpq, fmpz_mod_ctx

from equivalence.testing.adapters.numbers import Untraceable
from equivalence.testing.adapters.subject import Subject
from equivalence.testing.relations.in_floats import (
    ALLOWANCE,
    NEIGHBORS,
    Found,
    NoAnswer,
    answered,
    arguments,
    exact,
    found_in,
    size_of,
)
from equivalence.testing.relations.over_field import SHADOW_BITS, Test, Tested, at_points, followed, free_values
from equivalence.testing.relations.relation import Asked, Pair, Relation
from equivalence.testing.relations.verdict import UNDECIDED
from equivalence.testing.targets import Instance, Target
from mdps.scalars.balls import precision
from mdps.scalars.field import Field, FieldNumber, LogField
from mdps.scalars.levels import exact_fraction

STEP = 1e-30
AGREE = 1e-5  # of complex step and central differences
COARSE = 2.0**-10  # of the scale: where differences may be off by more, nothing is said


def _never(asked: Asked) -> Iterator[Pair]:
    raise NotImplementedError("derivatives are taken in `jacobian`")


def variable(target: Target) -> str:
    """The argument in which derivatives are taken: the reward, or the energy.

    >>> from equivalence.testing import TARGETS
    >>> variable(TARGETS["causal.gradient"]), variable(TARGETS["gcl.gradient"])
    ('reward', 'energy')
    """
    return next(name for name in target.passed if name in ("reward", "theta", "energy"))


# Over a field


class Thick(Field):
    """Z / p^2, in which p is infinitesimal; the free number `moved` is off by p."""

    def __init__(self, prime: Any, seed: bytes, moved: int | None) -> None:
        super().__init__(prime, seed)
        self.arithmetic = fmpz_mod_ctx(prime.value**2)
        self.moved = moved
        self.drawn: list[FieldNumber] = []

    def free(self, shadow: Any = None) -> FieldNumber:
        """The next free number, the same at every call with one seed, but for `moved`."""
        number = super().free(shadow)
        if len(self.drawn) == self.moved:
            number.value = number.value + self.prime.value
        self.drawn.append(number)
        return number

    def root(self, x: FieldNumber, degree: int) -> FieldNumber:
        """The root mod p^2, whose units are a group of order p (p - 1)."""
        number = super().root(x, degree)
        p = self.prime.value
        if int(x.value) % p == 0:
            raise ZeroDivisionError("a root of what is 0 at this point")
        number.value = x.value ** pow(degree, -1, p * (p - 1))
        return number


def symmetric_tested(
    subject: Subject, target: Target, instance: Instance, fields: Callable[[int], Iterator[tuple[Any, bytes]]]
) -> Tested:
    """The test over a field: derivatives from the second p-adic digit."""
    name = variable(target)
    size = np.asarray(instance[name]).size

    def run(prime: Any, seed: bytes, moved: int | None, linear: bool) -> tuple[Thick, Any, list[Any], tuple[str, ...]]:
        field = Thick(prime, seed, moved)
        with field.current(), precision(SHADOW_BITS):
            values, names = free_values(field, target, instance, linear=linear)
            answer = followed(subject, target, values)
        if answer.shape != np.shape(instance[name]):
            raise Untraceable(f"it returned shape {answer.shape}, and {name} has {np.shape(instance[name])}")
        return field, np.asarray(values[name], dtype=object).ravel(), list(answer.ravel()), names

    def here(prime: Any, seed: bytes, linear: bool) -> Tested:
        p = prime.value
        base, x, g, names = run(prime, seed, None, linear)
        atoms = [_atom(entry) for entry in x]
        runs = []
        for atom, _ in atoms:
            moved = next(i for i, number in enumerate(base.drawn) if number is atom)
            runs.append(run(prime, seed, moved, linear))
        table = [[0] * size for _ in range(size)]
        for j, (_, _, other, _) in enumerate(runs):
            atom, k = atoms[j]
            factor = 1 if k is None else int(atom.value) * pow(int(k.p), -1, p) * int(k.q)
            for i in range(size):
                table[i][j] = _digit(g[i], other[i], p) * factor % p
        for i in range(size):
            for j in range(i):
                if table[i][j] != table[j][i]:
                    shape = np.shape(instance[name])
                    a, b = (_index(k, shape) for k in (i, j))
                    what = f"dg{a}/d{name}{b} and dg{b}/d{name}{a}"
                    return Tested(f"{what} are different functions", (what, "", 0.0), 0, 0, base.branches, names, p)
        degree, height = _bounds(g, [base, *(r[0] for r in runs)])
        return Tested("", ("", "", 0.0), degree, height, base.branches, names, p)

    return at_points(fields, here)


def _index(k: int, shape: tuple[int, ...]) -> str:
    return str([int(i) for i in np.unravel_index(k, shape)])


def _atom(x: Any) -> tuple[FieldNumber, fmpq | None]:
    """The free number w and k, for an entry k log w; w and None for a free number itself."""
    if isinstance(x, FieldNumber):
        return x, None
    ((atom, k),) = x.terms.values()
    return atom, exact_fraction(k)


def _digit(x: Any, y: Any, p: int) -> int:
    """(y - x) / p mod p, for numbers that are the same mod p; that of a sum of logarithms is the derivative's."""
    if isinstance(x, LogField) and isinstance(y, LogField):
        total = 0
        if len(x.terms) != len(y.terms):
            raise Untraceable("a sum of logarithms whose number changes")
        for (atom, c), (other, d) in zip(x.terms.values(), y.terms.values(), strict=True):
            if not (isinstance(c, fmpq) and isinstance(d, fmpq) and c == d):
                raise Untraceable("a sum of logarithms with coefficients that are not known numbers")
            part = _digit(atom, other, p) * pow(int(atom.value), -1, p)
            total += part * int(c.p) * pow(int(c.q), -1, p)
        return total % p
    if not (isinstance(x, FieldNumber) and isinstance(y, FieldNumber)):
        raise Untraceable("a gradient whose entries are not finite, or of different kinds")
    digit, rest = divmod((int(y.value) - int(x.value)) % p**2, p)
    if rest:
        raise Untraceable("a gradient that is not continuous at this point")
    return digit


def _bounds(g: list[Any], fields: list[Thick]) -> tuple[int, int]:
    """Bounds of degree and log2 size of the norm that vanishes if two derivatives are equal; see the module."""
    numbers = [number for x in g for number in _numbers(x)]
    top = max((number.top_degree for number in numbers), default=0)
    bottom = max((number.bottom_degree for number in numbers), default=0)
    bits = max((number.top_bits for number in numbers), default=0)
    below = max((number.bottom_bits for number in numbers), default=0)
    assumed = [sum(part) for part in zip(*(field.assumed for field in fields), strict=True)]
    degree = 4 * (top + bottom + 1) + assumed[0]
    height = 4 * (bits + below + 1) + degree + assumed[1]
    sheets = max(field.sheets for field in fields) ** 3
    return degree * sheets, height * sheets


def _numbers(x: Any) -> list[FieldNumber]:
    return [atom for atom, _ in x.terms.values()] if isinstance(x, LogField) else [x]


# In floats


def symmetric_in_floats(subject: Subject, target: Target, instance: Instance, spread: bool = False) -> Found:
    """The word of floats on one instance."""
    name = variable(target)
    position = target.passed.index(name)
    size = size_of(instance)

    def gradient_near(rng: np.random.Generator | None) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
        given = arguments(target, instance, subject.dtype, rng)

        def gradient(x: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                fresh = [a.copy() if isinstance(a, np.ndarray) else a for a in given]
                return np.asarray(subject(*fresh[:position], x, *fresh[position + 1 :]))

        return gradient, given[position]

    gradient, x = gradient_near(None)
    try:
        g, u = answered(subject, target, arguments(target, instance, subject.dtype))
        if g.shape != np.shape(x):
            raise NoAnswer(f"it returned shape {g.shape}; expected that of {name}, {np.shape(x)}")
        differences, error = central(gradient, np.asarray(x, dtype=float), u)
        stepped = complex_step(gradient, np.asarray(x)) if u <= 2.0**-53 else None
    except NoAnswer as failure:
        return Found(UNDECIDED, detail=str(failure))
    except Exception as failure:
        return Found(UNDECIDED, detail=f"it raised {type(failure).__name__}: {failure}")
    if not np.isfinite(differences).all():
        return Found(UNDECIDED, detail="its derivatives are not finite")
    table, allowed, how = differences, error + error.T, "central differences"
    scale = float(np.abs(differences).max(initial=0.0))
    if stepped is not None and (np.abs(stepped - differences) <= error + AGREE * max(scale, AGREE)).all():
        table, how = stepped, "complex step"
        scale = float(np.abs(table).max(initial=0.0))
        moved = np.zeros_like(table)
        if spread or (np.abs(table - table.T) > ALLOWANCE * u * size * scale).any():
            for seed in range(NEIGHBORS):
                other = complex_step(*gradient_near(np.random.default_rng(seed)))
                if other is not None:
                    moved = np.maximum(moved, np.abs(other - table))
        allowed = ALLOWANCE * (u * size * scale + moved + moved.T)
    gap = np.abs(table - table.T)
    what = f"dg_i/d{name}_j and dg_j/d{name}_i, by {how}"
    pair = Pair(what, "", exact(table), exact(table.T))
    found = found_in(pair, gap, allowed, scale, COARSE if how.startswith("central") else math.sqrt(u))
    at = tuple(int(i) for i in found.place.strip("[]").split(", ")) if found.place else ()
    shape = np.shape(x)
    named = f"i = {_index(at[0], shape)}, j = {_index(at[1], shape)}" if at else ""
    return found._replace(place=named)


def complex_step(gradient: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray | None:
    """Im g(x + i h e_j) / h, [i, j]; None where the subject takes no complex numbers, or does something else there."""
    columns = []
    for index in np.ndindex(*x.shape):
        moved = np.asarray(x, dtype=complex)
        moved[index] += 1j * STEP
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                column = gradient(moved)
        except Exception:
            return None
        if column.dtype.kind != "c" or not np.isfinite(column).all():
            return None
        columns.append(np.imag(column).ravel() / STEP)
    return np.array(columns).T


def central(
    gradient: Callable[[np.ndarray], np.ndarray], x: np.ndarray, unit_roundoff: float
) -> tuple[np.ndarray, np.ndarray]:
    """Richardson's extrapolation of central differences [i, j], and what each entry may be off by."""
    h = 2.0 ** round(math.log2(unit_roundoff) / 6)
    columns, errors = [], []
    for index in np.ndindex(*x.shape):
        differences = []
        largest = np.zeros(x.size)
        for step in (h, 2 * h, 4 * h):
            sides = []
            for sign in (1, -1):
                moved = x.copy()
                moved[index] += sign * step
                sides.append(np.asarray(gradient(moved), dtype=float).ravel())
            differences.append((sides[0] - sides[1]) / (2 * step))
            largest = np.maximum(largest, np.maximum(*np.abs(sides)))
        first, second, third = differences
        best, coarser = (4 * first - second) / 3, (4 * second - third) / 3
        rounding = ALLOWANCE * unit_roundoff * max(float(largest.max(initial=0.0)), 1.0) * 4 / h
        columns.append(best)
        errors.append(4 * np.abs(best - coarser) + rounding)
    return np.array(columns).T, np.array(errors).T


SYMMETRIC_JACOBIAN = Relation(
    "symmetric_jacobian",
    "a gradient g in x has dg_i/dx_j = dg_j/dx_i; otherwise it is the gradient of no objective",
    "g is differentiable at the instance, and its entries are partial derivatives in those of x",
    ("gradient",),
    ("reward|theta|energy",),
    _never,
    meets=lambda instance: instance["mdp"].n_actions > 1 if "mdp" in instance else len(instance["energy"]) > 1,
)
_: Test = symmetric_tested
