"""Checks certificates with Python's standard library alone: `python recheck.py FILE...`, or `equivalence recheck`.

It shares no code with what made a certificate. It has formulas of its own for the families of claims that it knows,
written with weights instead of logarithms; it derives prime and point anew, proves the prime, evaluates both sides,
recomputes the bounds of degree, size and error, and requires all of it to be what the certificate says.

    kind          what is evaluated                      in which numbers
    field         both sides at the derived point        integers modulo the derived prime
    exact         both sides of the instance             fractions
    ball          both sides of the instance             intervals with fractional ends; series for exp and log

    exit status   0  everything that can be recomputed is as stated; the leaves that cannot are listed
                  1  something is not, and what
                  2  a file cannot be read
                  3  not re-evaluated: a family that is not known here

What a certificate of the kind `field` establishes: both sides are equal for all free parameters of this shape, except
with the stated probability over the hash. With n outcomes, weights w, sampler q, data p and Z, every family on a finite
space clears to a polynomial that vanishes if and only if both sides are equal, of

    degree <= 8 n + 12        and        log2 of the sum of the absolute coefficients <= (6 n + 16) bits(n + 2) + 16 :

denominators are products of Z, of e_i = w_i + Z q_i and of K = sum (p + q) w / e, which has degree 2 n over prod e; a
probability 1 - sum of the others has n terms; and the data of an optimal Z bring a factor of degree 2 n + 3 twice.
A step has monomials of degree d = k (1 + gamma) / alpha, where weights are k-th powers; both sides over the same power
of their sum clear to a polynomial of degree <= 3 d + 6.
"""

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "irl-equivalence/certificate/v1"
KEYS = {
    "field": {"statement", "attempt", "prime", "bounds", "evaluations"},
    "exact": {"instance", "lhs", "rhs"},
    "ball": {"instance", "digits", "lhs", "rhs"},
}
COMMON = {"kind", "claim", "verdict", "does_not_establish", "environment"}
TARGET = -128
POINTS = 24  # attempts, at primes of four lengths, with and without comparisons
OFFSET = Fraction(314159, 10**6)  # so that simple fractions are inside of a unit, not at its end
LIMITS = {
    "field": [
        "other shapes, other dynamics, other horizons than those stated",
        "the accuracy of floating-point code: rounding and overflow do not exist in a field",
        "that the source code with this digest is what ran",
    ],
    "exact": ["anything about other instances", "that the source code with this digest is what ran"],
    "ball": [
        "equality: both sides agree within the enclosures",
        "anything about other instances",
        "that the source code with this digest is what ran",
    ],
}


class Rejected(Exception):
    """Something in the certificate is not what it should be."""


class Unknown(Exception):
    """A family that has no formula here."""


def require(condition: bool, message: str) -> None:
    """Reject the certificate unless the condition holds."""
    if not condition:
        raise Rejected(message)


def canonical(value: Any) -> bytes:
    """JSON that is the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


# Primes and points ---------------------------------------------------------------------------------------------------


def stream(seed: bytes, label: str, n_bytes: int) -> int:
    """The integer of the first bytes of SHAKE-256(seed | label)."""
    return int.from_bytes(hashlib.shake_256(seed + b"|" + label.encode()).digest(n_bytes), "big")


def is_small_prime(n: int) -> bool:
    """Whether n is prime, by trial division."""
    return n > 2 and n % 2 == 1 and all(n % d for d in range(3, math.isqrt(n) + 1, 2))


def proved_prime(seed: bytes, bits: int, chain: list[list[int]], coprime_to: int) -> tuple[int, int]:
    """The prime of a seed and its entropy; every link of the chain is derived and proved (Pocklington)."""
    prime = 2**19 + stream(seed, "first", 8) % 2**18 | 1
    while not is_small_prime(prime):
        prime += 2
    sizes = [bits]
    while sizes[0] > 20:
        sizes.insert(0, max(20, sizes[0] // 2 + 2))
    require(len(chain) == len(sizes) - 1, "the chain of primes has another length")
    for (size, attempt, witness), wanted in zip(chain, sizes[1:], strict=True):
        require(size == wanted and 0 <= attempt < 2**14, "a link of the chain of primes is none")
        least, most = -(-(2 ** (size - 1)) // (2 * prime)), (2**size - 2) // (2 * prime)
        k = least + stream(seed, f"{size}|{attempt}", size // 8 + 17) % (most - least + 1)
        candidate = 2 * k * prime + 1
        require(prime * prime > candidate, "a link of the chain is too short for a proof")
        require(witness in (2, 3, 5, 7, 11, 13), "a witness of primality is not among the first primes")
        for smaller in (2, 3, 5, 7, 11, 13):
            if smaller == witness:
                break
            proves = pow(smaller, candidate - 1, candidate) == 1
            proves = proves and math.gcd(pow(smaller, 2 * k, candidate) - 1, candidate) == 1
            require(not proves, "an earlier witness proves the prime")
        require(pow(witness, candidate - 1, candidate) == 1, "the number is composite")
        require(math.gcd(pow(witness, 2 * k, candidate) - 1, candidate) == 1, "the witness proves nothing")
        prime = candidate
    require(math.gcd(coprime_to, prime - 1) == 1, "roots are not unique modulo this prime")
    return prime, bits - sizes[-2] - 2 - 14


class Mod:
    """An integer modulo a prime."""

    __slots__ = ("p", "v")

    def __init__(self, v: int, p: int) -> None:
        self.v, self.p = v % p, p

    def _of(self, other: Any) -> int:
        if isinstance(other, Mod):
            return other.v
        if isinstance(other, Fraction):
            return other.numerator * pow(other.denominator, -1, self.p)
        return other

    def __add__(self, other: Any) -> "Mod":
        return Mod(self.v + self._of(other), self.p)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Mod":
        return Mod(self.v - self._of(other), self.p)

    def __rsub__(self, other: Any) -> "Mod":
        return Mod(self._of(other) - self.v, self.p)

    def __mul__(self, other: Any) -> "Mod":
        return Mod(self.v * self._of(other), self.p)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Mod":
        divisor = self._of(other) % self.p
        require(divisor != 0, "a denominator is 0 at the point")
        return Mod(self.v * pow(divisor, -1, self.p), self.p)

    def __rtruediv__(self, other: Any) -> "Mod":
        return Mod(self._of(other), self.p) / self

    def __pow__(self, n: int) -> "Mod":
        return Mod(pow(self.v, n, self.p), self.p)

    def __eq__(self, other: Any) -> bool:
        return self.v == self._of(other) % self.p

    __hash__ = None  # type: ignore[assignment]


# Intervals -----------------------------------------------------------------------------------------------------------

WORK = 288  # interval ends are whole multiples of 2^-WORK, rounded outwards


class Interval:
    """[low, high] 2^-WORK with whole ends; enclosing a fraction, or the numbers between two."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    @staticmethod
    def of(x: Any) -> "Interval":
        """x as an interval."""
        if isinstance(x, Interval):
            return x
        top, bottom = x.numerator << WORK, x.denominator
        return Interval(top // bottom, -(-top // bottom))

    def __add__(self, other: Any) -> "Interval":
        y = Interval.of(other)
        return Interval(self.low + y.low, self.high + y.high)

    __radd__ = __add__

    def __neg__(self) -> "Interval":
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Any) -> "Interval":
        return self + (-Interval.of(other))

    def __rsub__(self, other: Any) -> "Interval":
        return Interval.of(other) - self

    def __mul__(self, other: Any) -> "Interval":
        y = Interval.of(other)
        ends = [a * b for a in (self.low, self.high) for b in (y.low, y.high)]
        return Interval(min(ends) >> WORK, -(-max(ends) >> WORK))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Interval":
        y = Interval.of(other)
        require(y.low > 0 or y.high < 0, "a denominator encloses 0")
        quotients = [(a << WORK, b) for a in (self.low, self.high) for b in (y.low, y.high)]
        return Interval(min(a // b for a, b in quotients), max(-(-a // b) for a, b in quotients))

    def __rtruediv__(self, other: Any) -> "Interval":
        return Interval.of(other) / self

    def units(self, digits: int) -> int:
        """floor(2^digits x + `OFFSET`), where it is the same for all x of the interval."""
        low, high = (math.floor(Fraction(x, 1 << (WORK - digits)) + OFFSET) for x in (self.low, self.high))
        require(low == high, "a side is too close to the end of a unit to tell its digits")
        return low


def log_of(x: Fraction) -> Interval:
    """log x for x > 0 by 2 atanh((x - 1) / (x + 1)), after powers of 2 are taken out."""
    require(x > 0, "the logarithm of a number that is not positive")
    shift = x.numerator.bit_length() - x.denominator.bit_length()
    return _log_near_one(x / Fraction(2) ** shift) + shift * _log_near_one(Fraction(2))


@cache
def _log_near_one(x: Fraction) -> Interval:
    unit = 1 << (WORK + 16)
    y = (x - 1) / (x + 1)  # at most 1/3
    square, power, total, n = int(y * y * unit), int(y * unit), 0, 0
    while power:
        total += power // (2 * n + 1)
        power = abs(power) * square // unit * (1 if power > 0 else -1)
        n += 1
    # A power is off by less than 4 units, a term by less than 5, and what is left out by less than 4.
    slack = 2 * (5 * n + 8)
    return Interval((2 * total - slack) >> 16, -(-(2 * total + slack) >> 16))


def log_of_interval(x: Interval) -> Interval:
    """The logarithm of an interval of positive numbers."""
    low, high = (log_of(Fraction(end, 1 << WORK)) for end in (x.low, x.high))
    return Interval(low.low, high.high)


def exp_of(x: Interval) -> Interval:
    """e^x, by its series at x / 2^s, squared s times."""
    return Interval(_exp_at(x.low).low, _exp_at(x.high).high)


def _exp_at(x: int) -> Interval:
    """e^(x 2^-WORK)."""
    halvings = max(0, (abs(x) >> WORK).bit_length() + 8)
    spare = halvings + 16
    unit = 1 << (WORK + spare)
    y = (x << spare) >> halvings  # rounded down by less than a unit; at most 2^-7
    term, total, n = unit, unit, 0
    while abs(term) > 1:
        n += 1
        term = term * y // (n * unit)
        total += term
    slack = 3 * n + 8  # a term is off by less than 2 units, y by one, and what is left out by less than 2
    low, high = total - slack, total + slack
    for _ in range(halvings):
        low, high = low * low // unit, -(-high * high // unit)
    return Interval(low >> spare, -(-high >> spare))


# Families on a finite space ------------------------------------------------------------------------------------------
# A family takes weights w = e^-E, sampler q, data p (lists of numbers) and Z, and gives both sides, entry by entry.


def _d(w: Any, q: Any, z: Any) -> Any:
    """D = (w / Z) / (w / Z + q); 1 where nothing is sampled."""
    return 1 + 0 * w if _zero(q) else w / (w + z * q)


def _zero(x: Any) -> bool:
    return bool(x == 0)


def _slope(w: list, q: list, p: list, z: Any) -> list:
    """dL_D / dE = p (1 - D) - q D where something is sampled, else 0."""
    return [
        0 * w_i if _zero(q_i) else (p_i * z * q_i - q_i * w_i) / (w_i + z * q_i)
        for w_i, q_i, p_i in zip(w, q, p, strict=True)
    ]


def _share(w: list, q: list, p: list, z: Any) -> list:
    """(p + q) D."""
    return [(p_i + q_i) * _d(w_i, q_i, z) for w_i, q_i, p_i in zip(w, q, p, strict=True)]


def _guided(w: list, q: list, p: list, z: Any) -> list:
    """The importance-sampled gradient p - (p + q) D / K."""
    share = _share(w, q, p, z)
    total = sum(share)
    return [p_i - share_i / total for p_i, share_i in zip(p, share, strict=True)]


def _estimate(w: list, q: list, p: list, z: Any) -> Any:
    """E_mu[e^-E / mu~]."""
    return sum((p_i + q_i) * z * w_i / (w_i + z * q_i) for w_i, q_i, p_i in zip(w, q, p, strict=True))


def _f01(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    model = [w_i / z for w_i in w]
    return [_d(w_i, q_i, z) * (m + q_i) for w_i, q_i, m in zip(w, q, model, strict=True)], model


def _f01e(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    printed = [1 + 0 * w_i if _zero(q_i) else 1 / (1 + w_i * z * q_i) for w_i, q_i in zip(w, q, strict=True)]
    return [_d(w_i, q_i, z) for w_i, q_i in zip(w, q, strict=True)], printed


def _f03(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    return [sum(_slope(w, q, p, z)) * z], [z - _estimate(w, q, p, z)]


def _f03_optimal(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    return [z + 0 * w[0]], [_estimate(w, q, p, z)]


def _f03_zero(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    slope = sum(_slope(w, q, p, z))
    return [slope], [0 * slope]


def _f03b(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    total = sum(w)
    terms = [(p_i - w_i / total) * w_i / (w_i + total * q_i) for w_i, q_i, p_i in zip(w, q, p, strict=True)]
    return [sum(_slope(w, q, p, z))], [-1 * sum(terms)]


def _f04(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    return _slope(w, q, p, z), _guided(w, q, p, z)


def _f15(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    share = _share(w, q, p, z)
    total = sum(share)
    lhs = [a - b for a, b in zip(_slope(w, q, p, z), _guided(w, q, p, z), strict=True)]
    return lhs, [x / total - x for x in share]


def _f04c(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    total = sum(w)
    lhs = [a - (p_i - w_i / total) for a, p_i, w_i in zip(_slope(w, q, p, z), p, w, strict=True)]
    return lhs, [w_i / total - x for w_i, x in zip(w, _share(w, q, p, z), strict=True)]


def _f04d(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    total = sum(w)
    return [-2 * x for x in _slope(w, q, p, z)], [w_i / total - p_i for p_i, w_i in zip(p, w, strict=True)]


def _f13(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    weights = [2 * w_i / (w_i + z * q_i) for w_i, q_i in zip(w, q, strict=True)]
    return weights, [2 * _d(w_i, q_i, z) for w_i, q_i in zip(w, q, strict=True)]


def _n01(w: list, q: list, p: list, z: Any, nu: Any) -> tuple[list, list]:
    lhs = [
        0 * w_i if _zero(q_i) else (p_i * z * nu * q_i - nu * q_i * w_i) / (w_i + z * nu * q_i)
        for w_i, q_i, p_i in zip(w, q, p, strict=True)
    ]
    rhs = [
        0 * w_i if _zero(q_i) else nu * q_i / (w_i / z + nu * q_i) * (p_i - w_i / z)
        for w_i, q_i, p_i in zip(w, q, p, strict=True)
    ]
    return lhs, rhs


def _n03(w: list, q: Any, p: list, z: Any, nu: Any) -> tuple[list, list]:
    total = sum(w)
    slopes, _ = _n01(w, [w_i / total for w_i in w], p, total, nu)
    return [(1 + nu) * x for x in slopes], [nu * (p_i - w_i / total) for w_i, p_i in zip(w, p, strict=True)]


# Families of sums of logarithms: both sides as [(coefficient, atom)], the logarithm of the atom being meant.


def _loss(w: list, q: list, z: Any) -> list:
    """E_q[E + log Z + log q]."""
    live = [(w_i, q_i) for w_i, q_i in zip(w, q, strict=True) if not _zero(q_i)]
    return [(sum(q_i for _, q_i in live), z), *((-1 * q_i, w_i) for w_i, q_i in live), *((q_i, q_i) for _, q_i in live)]


def _f05(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    live = [(w_i, q_i) for w_i, q_i in zip(w, q, strict=True) if not _zero(q_i)]
    entropic = [*((-1 * q_i, w_i) for w_i, q_i in live), (1 + 0 * z, z), *((q_i, q_i) for _, q_i in live)]
    return [_loss(w, q, z)], [entropic]


def _f05_odds(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    for w_i, q_i in zip(w, q, strict=True):
        if not _zero(q_i):
            probability = w_i / (w_i + z * q_i)
            require((1 - probability) / probability == z * q_i / w_i, "the odds of the discriminator are others")
    return [_loss(w, q, z)], [_loss(w, q, z)]


def _f05_kl(w: list, q: list, p: list, z: Any) -> tuple[list, list]:
    return _f05(w, q, p, z)


# Families of one step ------------------------------------------------------------------------------------------------


class Step:
    """One backup: monomials of weights, directions of rewards and of what follows.

    Left sides differentiate it by jets; right sides are expectations under its policy.
    """

    def __init__(
        self, model: dict, numbers: dict[str, list], axes: int, alpha: Fraction, power: Callable[..., Any]
    ) -> None:
        self.transition = [[[Fraction(x) for x in row] for row in rows] for rows in model["transition"]]
        self.gamma, self.alpha, self.numbers, self.power = Fraction(model["discount"]), alpha, numbers, power
        n_states, n_actions = len(self.transition), len(self.transition[0])
        self.states, self.actions = range(n_states), range(n_actions)
        self.axes = axes

    def of(self, name: str, s: int, a: int, to: int) -> Any:
        """The entry of a table over [s], [s, a] or [s, a, s']."""
        n_states, n_actions = len(self.transition), len(self.transition[0])
        index = {1: s, 2: s * n_actions + a, 3: (s * n_actions + a) * n_states + to}[self.axes]
        return self.numbers[name][index]

    def rows(self, s: int) -> Iterator[tuple[int, list[tuple[int, Fraction]]]]:
        """The available actions of s, with (s', P)."""
        for a in self.actions:
            row = [(to, x) for to, x in enumerate(self.transition[s][a]) if x]
            if row:
                yield a, row

    def monomial(self, s: int, a: int, row: list[tuple[int, Fraction]]) -> Any:
        """e^(Q / alpha) = prod w_r^(P / alpha) w_c^(gamma P / alpha)."""
        result: Any = 1
        for to, x in row:
            result = result * self.power(self.of("reward", s, a, to), x / self.alpha)
            result = result * self.power(self.numbers["continuation"][to], self.gamma * x / self.alpha)
        return result

    def slope(self, s: int, a: int, row: list[tuple[int, Fraction]]) -> Any:
        """dr + gamma P dV'."""
        following = self.numbers["continuation_slope"]
        return sum(x * self.of("reward_slope", s, a, to) + self.gamma * x * following[to] for to, x in row)


class Jet:
    """A number that moves with t: its value, first and second derivative at t = 0."""

    __slots__ = ("bend", "slope", "value")

    def __init__(self, value: Any, slope: Any, bend: Any) -> None:
        self.value, self.slope, self.bend = value, slope, bend

    def __add__(self, other: "Jet") -> "Jet":
        return Jet(self.value + other.value, self.slope + other.slope, self.bend + other.bend)

    def __mul__(self, other: "Jet") -> "Jet":
        return Jet(
            self.value * other.value,
            self.value * other.slope + self.slope * other.value,
            self.value * other.bend + 2 * (self.slope * other.slope) + self.bend * other.value,
        )

    def log_derivatives(self) -> tuple[Any, Any]:
        """(log x)' and (log x)''."""
        first = self.slope / self.value
        return first, self.bend / self.value - first * first


def _moving(step: Step, s: int, a: int, to: int, to_reward: Fraction, to_value: Fraction) -> Jet:
    """w_r^to_reward w_c^to_value, where rewards and continuations move."""
    numbers, result = step.numbers, None
    bend = numbers["continuation_curvature"][to] if "continuation_curvature" in numbers else 0
    for weight, exponent, slope, curve in (
        (step.of("reward", s, a, to), to_reward, step.of("reward_slope", s, a, to), 0),
        (numbers["continuation"][to], to_value, numbers["continuation_slope"][to], bend),
    ):
        value, x = step.power(weight, exponent), exponent * slope
        factor = Jet(value, value * x, value * (x * x + exponent * curve))
        result = factor if result is None else result * factor
    assert result is not None
    return result


def _derivatives(step: Step, order: int) -> list:
    """alpha times the derivative of log sum_a e^(Q/alpha), by jets: the left sides of the steps of soft control."""
    name, values = ("continuation_slope", "continuation_curvature")[order - 1], []
    for s in step.states:
        total: Jet | None = None
        for a, row in step.rows(s):
            term: Jet | None = None
            for to, x in row:
                factor = _moving(step, s, a, to, x / step.alpha, step.gamma * x / step.alpha)
                term = factor if term is None else term * factor
            assert term is not None
            total = term if total is None else total + term
        values.append(step.numbers[name][s] if total is None else step.alpha * total.log_derivatives()[order - 1])
    return values


def _message_derivatives(step: Step) -> list:
    """The derivative of log sum_{a, s'} P w_r^(1/alpha) w_c^(1/alpha), by jets."""
    values = []
    for s in step.states:
        total: Jet | None = None
        for a, row in step.rows(s):
            for to, x in row:
                moving = _moving(step, s, a, to, 1 / step.alpha, 1 / step.alpha)
                term = Jet(x * moving.value, x * moving.slope, x * moving.bend)
                total = term if total is None else total + term
        following = step.numbers["continuation_slope"][s] / step.alpha
        values.append(following if total is None else total.log_derivatives()[0])
    return values


def _causal(step: Step) -> tuple[list, list]:
    values = []
    for s in step.states:
        rows = list(step.rows(s))
        if not rows:
            values.append(step.numbers["continuation_slope"][s])
            continue
        weights = [step.monomial(s, a, row) for a, row in rows]
        moved = sum(m * step.slope(s, a, row) for m, (a, row) in zip(weights, rows, strict=True))
        values.append(moved / sum(weights))
    return _derivatives(step, 1), values


def _curvature(step: Step) -> tuple[list, list]:
    values, bend = [], step.numbers["continuation_curvature"]
    for s in step.states:
        rows = list(step.rows(s))
        if not rows:
            values.append(bend[s])
            continue
        weights = [step.monomial(s, a, row) for a, row in rows]
        slopes = [step.slope(s, a, row) for a, row in rows]
        total = sum(weights)
        first = sum(m * x for m, x in zip(weights, slopes, strict=True))
        second = sum(m * x * x for m, x in zip(weights, slopes, strict=True))
        ahead = [step.gamma * sum(x * bend[to] for to, x in row) for _, row in rows]
        future = sum(m * x for m, x in zip(weights, ahead, strict=True))
        values.append(future / total + (second * total - first * first) / (total * total) / step.alpha)
    return _derivatives(step, 2), values


def _messages(step: Step) -> tuple[list, list]:
    require(step.gamma == 1, "the claim assumes that nothing is discounted")
    values, following = [], step.numbers["continuation_slope"]
    for s in step.states:
        above: Any = 0
        below: Any = 0
        for a, row in step.rows(s):
            for to, x in row:
                weight = x * step.power(step.of("reward", s, a, to), 1 / step.alpha)
                weight = weight * step.power(step.numbers["continuation"][to], 1 / step.alpha)
                below = below + weight
                above = above + weight * (step.of("reward_slope", s, a, to) + following[to])
        values.append((following[s] if isinstance(below, int) else above / below) / step.alpha)
    return _message_derivatives(step), values


# Families of soft control, in intervals ------------------------------------------------------------------------------


class Model:
    """A model in fractions, with rewards and final values as logarithms of weights."""

    def __init__(self, instance: dict) -> None:
        model = instance["mdp"]
        require(
            set(model) == {"transition", "initial", "discount", "horizon", "final_weights"}, "the model has other parts"
        )
        self.transition = [[[Fraction(x) for x in row] for row in rows] for rows in model["transition"]]
        self.initial = [Fraction(x) for x in model["initial"]]
        self.gamma, self.alpha = Fraction(model["discount"]), Fraction(instance["temperature"])
        self.horizon = model["horizon"]
        self.final = [Fraction(x) for x in model["final_weights"]]
        self.states, self.actions = range(len(self.transition)), range(len(self.transition[0]))
        for row in [row for rows in self.transition for row in rows]:
            require(sum(row) in (0, 1) and min(row) >= 0, "a row of P is no distribution")
        require(sum(self.initial) == 1 and min(self.initial) >= 0, "the start is no distribution")
        require(type(self.horizon) is int and 0 < self.horizon < 20, "the horizon is none")
        shape, n = instance["shape"], [len(self.states), len(self.actions), len(self.states)]
        require(shape in (n[:1], n[:2], n) and self.alpha > 0, "the reward or the temperature is none")
        require(len(instance["reward"]) == math.prod(shape), "the reward has another length")
        self.axes, self.reward = len(shape), [Fraction(x) for x in instance["reward"]]

    def rows(self, s: int) -> Iterator[tuple[int, list[tuple[int, Fraction]]]]:
        """The available actions of s, with (s', P)."""
        for a in self.actions:
            row = [(to, x) for to, x in enumerate(self.transition[s][a]) if x]
            if row:
                yield a, row

    def weight(self, s: int, a: int, to: int) -> Fraction:
        """e^r."""
        n_states, n_actions = len(self.states), len(self.actions)
        return self.reward[{1: s, 2: s * n_actions + a, 3: (s * n_actions + a) * n_states + to}[self.axes]]

    def policy(self, extra: Callable[[int, int], Interval], final: list[Interval]) -> list[list[list[Any]]]:
        """The soft-optimal policy [t][s][a] of r + extra(s, s') that ends with `final`."""
        values, steps = final, []
        for _ in range(self.horizon):
            step, before = [], []
            for s in self.states:
                rows = list(self.rows(s))
                if not rows:
                    step.append([Fraction(0) for _ in self.actions])
                    before.append(final[s])
                    continue
                weights: dict[int, Interval] = {}
                for a, row in rows:
                    q = sum(
                        (
                            x * (cached_log(self.weight(s, a, to)) + extra(s, to) + self.gamma * values[to])
                            for to, x in row
                        ),
                        Interval(0, 0),
                    )
                    weights[a] = exp_of(q / self.alpha)
                total = sum(weights.values(), Interval(0, 0))
                step.append([weights[a] / total if a in weights else Fraction(0) for a in self.actions])
                before.append(self.alpha * log_of_interval(total))
            values, steps = before, [step, *steps]
        return steps

    def own_final(self) -> list[Interval]:
        """The final values."""
        return [cached_log(x) for x in self.final]


cached_log = cache(log_of)


def _nothing(s: int, to: int) -> Interval:
    return Interval(0, 0)


def _flat(steps: list[list[list[Any]]]) -> list[Any]:
    return [x for step in steps for row in step for x in row]


def _shaped(model: Model, instance: dict, *, ended: bool) -> tuple[list, list]:
    potential = [cached_log(Fraction(x)) for x in instance["potential"]]
    require(len(potential) == len(model.states), "the potential has another length")
    final = model.own_final()
    end = [f - phi for f, phi in zip(final, potential, strict=True)] if ended else final
    shaped = model.policy(lambda s, to: model.gamma * potential[to] - potential[s], end)
    return _flat(shaped), _flat(model.policy(_nothing, final))


def _with_final_value(model: Model, instance: dict) -> tuple[list, list]:
    return _shaped(model, instance, ended=True)


def _without_final_value(model: Model, instance: dict) -> tuple[list, list]:
    return _shaped(model, instance, ended=False)


def _constant_added(model: Model, instance: dict) -> tuple[list, list]:
    [constant] = [cached_log(Fraction(x)) for x in instance["constant"]]
    final = model.own_final()
    return _flat(model.policy(lambda s, to: constant, final)), _flat(model.policy(_nothing, final))


def _conditioned(model: Model, instance: dict) -> tuple[list, list]:
    """The MaxEnt law of s_t, a_t, by messages, against the soft policy times that of s_t."""
    powers = [model.gamma**t for t in range(model.horizon + 1)]

    def final(s: int, t: int) -> Interval:
        return exp_of(powers[t] / model.alpha * cached_log(model.final[s]))

    def moved(t: int, s: int, a: int, row: list[tuple[int, Fraction]], after: list[Interval]) -> Interval:
        weights = (
            x * exp_of(powers[t] / model.alpha * cached_log(model.weight(s, a, to))) * after[to] for to, x in row
        )
        return sum(weights, Interval(0, 0))

    messages = [[final(s, model.horizon) for s in model.states]]
    for t in reversed(range(model.horizon)):
        here = []
        for s in model.states:
            rows = list(model.rows(s))
            parts = [moved(t, s, a, row, messages[0]) for a, row in rows]
            here.append(sum(parts, Interval(0, 0)) if rows else final(s, t))
        messages.insert(0, here)
    total = sum((x * z for x, z in zip(model.initial, messages[0], strict=True) if x), Interval(0, 0))
    mu = [Interval.of(x) * z / total for x, z in zip(model.initial, messages[0], strict=True)]
    policy = model.policy(_nothing, model.own_final())
    lhs, rhs = [], []
    for t in range(model.horizon):
        following = [Interval(0, 0) for _ in model.states]
        for s in model.states:
            joint = {a: mu[s] * moved(t, s, a, row, messages[t + 1]) / messages[t][s] for a, row in model.rows(s)}
            lhs += [joint.get(a, Fraction(0)) for a in model.actions]
            rhs += [policy[t][s][a] * sum(joint.values(), Interval(0, 0)) for a in model.actions]
            for a, row in model.rows(s):
                for to, x in row:
                    chance = x * exp_of(powers[t] / model.alpha * cached_log(model.weight(s, a, to)))
                    following[to] = following[to] + mu[s] * chance * messages[t + 1][to] / messages[t][s]
        mu = following
    return lhs, rhs


FOUR = ("data", "energy", "log_normalizer", "sampler")
THREE = ("energy", "log_normalizer", "sampler")
FIVE = ("data", "energy", "log_normalizer", "noise_ratio", "sampler")
FINITE: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[..., tuple[list, list]]]] = {
    "discriminator_eq_density_ratio": (THREE, (), _f01),
    "discriminator_eq_sigmoid_of_energy_minus_log_density": (THREE, (), _f01e),
    "normalizer_gradient_eq_one_minus_importance_estimate_over_normalizer": (FOUR, (), _f03),
    "optimal_normalizer_eq_importance_estimate": (FOUR, ("optimal",), _f03_optimal),
    "normalizer_gradient_at_partition_eq_residual": (FOUR, ("partition",), _f03b),
    "partition_is_optimal_when_data_is_model": (FOUR, ("partition", "data"), _f03_zero),
    "partition_is_optimal_when_sampler_is_model": (FOUR, ("partition", "sampler"), _f03_zero),
    "energy_gradient_of_discriminator_eq_gcl": (FOUR, ("optimal",), _f04),
    "discriminator_gradient_gap_to_gcl": (FOUR, (), _f15),
    "discriminator_gradient_gap_to_likelihood_gradient": (FOUR, (), _f04c),
    "discriminator_gradient_eq_half_likelihood_gradient": (FOUR, ("partition", "sampler"), _f04d),
    "importance_weights_eq_twice_discriminator": (THREE, (), _f13),
    "nce_gradient_eq_weighted_difference": (FIVE, (), _n01),
    "nce_gradient_eq_derivative_of_loss": (FIVE, (), _n01),
    "self_contrastive_gradient_eq_share_of_likelihood_gradient": (("data", "energy", "noise_ratio"), (), _n03),
}
LOSSES = {
    "generator_loss_eq_energy_plus_log_normalizer_minus_entropy": (THREE, (), _f05),
    "generator_loss_eq_log_odds_of_discriminator": (THREE, (), _f05_odds),
    "generator_loss_eq_kl_to_model_plus_log_ratio": (THREE, (), _f05_kl),
}
STEPS = {
    "soft_backup_derivative_eq_expected_derivative": _causal,
    "soft_backup_curvature_eq_expected_curvature_plus_variance": _curvature,
    "message_derivative_eq_expected_derivative": _messages,
}

MODELS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Model, dict], tuple[list, list]]]] = {
    "shaped_policy_eq_policy": (("potential",), (), _with_final_value),
    "shaped_policy_eq_policy_without_final_value": (("potential",), (), _without_final_value),
    "policy_with_constant_added_eq_policy": (("constant",), ("no_terminal_states",), _constant_added),
    "boltzmann_policy_eq_soft_policy": ((), ("deterministic_dynamics", "undiscounted"), _conditioned),
}


# Field ---------------------------------------------------------------------------------------------------------------


class Draws:
    """The free numbers of a field, in the order in which they are drawn."""

    def __init__(self, seed: bytes, prime: int) -> None:
        self.seed, self.prime, self.n = seed, prime, 0

    def one(self) -> Mod:
        """The next coordinate of the point."""
        value = stream(self.seed, f"point {self.n}", self.prime.bit_length() // 8 + 17)
        self.n += 1
        return Mod(value, self.prime)

    def many(self, n: int) -> list[Mod]:
        """The next n."""
        return [self.one() for _ in range(n)]

    def distribution(self, n: int, zeros: list[int]) -> list[Mod]:
        """Free probabilities that sum to 1, 0 where the instance has zeros."""
        positive = [i for i in range(n) if i not in zeros]
        result = [Mod(0, self.prime)] * n
        rest = Mod(1, self.prime)
        for i in positive[:-1]:
            result[i] = self.one()
            rest = rest - result[i]
        result[positive[-1]] = rest
        return result


def _established(names: tuple[str, ...], w: list, q: list, p: list, z: Any) -> tuple[list, list, Any]:
    """q, p and Z, changed so that the assumptions of the family hold."""
    for name in names:
        if name == "partition":
            z = sum(w)
        elif name == "sampler":
            q = [w_i / sum(w) for w_i in w]
        elif name == "data":
            p = [w_i / sum(w) for w_i in w]
        else:
            covered = [i for i, q_i in enumerate(q) if not _zero(q_i)]
            if len(covered) == 1 == len(w):
                z = w[0] / q[0]
                continue
            require(len(covered) > 1, "fewer than two outcomes are sampled: no Z is optimal")
            give, take = covered[:2]
            excess = 1 - sum(_share(w, q, p, z))
            moved = excess / (_d(w[give], q[give], z) - _d(w[take], q[take], z))
            p = list(p)
            p[give], p[take] = p[give] + moved, p[take] - moved
    return q, p, z


def _terms(pairs: list) -> list[list[str]]:
    """Sums of logarithms as sorted pairs of atom and coefficient, those of one atom added."""
    total: dict[int, Mod] = {}
    for coefficient, atom in pairs:
        total[atom.v] = total[atom.v] + coefficient if atom.v in total else coefficient
    return sorted([hex(atom), hex(c.v)] for atom, c in total.items() if c.v)


def _whole(model: dict, alpha: Fraction) -> tuple[int, int]:
    """k, of which the exponents of free weights are multiples, and the odd part of what divides exponents."""
    rows = [Fraction(x) for rows in model["transition"] for row in rows for x in row]
    dynamics = math.lcm(*(x.denominator for x in rows))
    gamma = Fraction(model["discount"])
    common = dynamics * alpha.numerator * gamma.denominator
    k = dynamics * alpha.numerator * gamma.denominator ** (model["horizon"] or 0)
    return k, common // (common & -common)


def _sides_at_point(claim: str, statement: dict, draws: Draws) -> tuple[list, list]:
    """Both sides in a form that is the same where they are equal."""
    shapes, zeros = statement["shapes"], statement["zeros"]
    if claim in STEPS:
        numbers: dict[str, list] = {}
        model = statement["fixed"]["mdp"]
        for name in sorted([*shapes, "mdp"]):
            if name == "mdp":
                if any(x != "0" for x in model["final_value"]):
                    draws.many(len(model["final_value"]))
            elif name != "temperature":
                numbers[name] = draws.many(math.prod(shapes[name]))
        alpha = Fraction(statement["fixed"]["temperature"])
        k, _ = _whole(model, alpha)

        def power(u: Mod, exponent: Fraction) -> Mod:
            require((k * exponent).denominator == 1, "an exponent is no whole number")
            return u ** int(k * exponent)

        lhs, rhs = STEPS[claim](Step(model, numbers, len(shapes["reward"]), alpha, power))
        return [hex(x.v) for x in lhs], [hex(x.v) for x in rhs]
    names, established, family = FINITE.get(claim) or LOSSES[claim]
    require(set(shapes) == set(names), "the shapes are not those of the arguments of this claim")
    drawn: dict[str, Any] = {"data": None}
    n = shapes["energy"][0]
    for name in names:
        if name in ("data", "sampler"):
            drawn[name] = draws.distribution(n, zeros.get(name, []))
        else:
            drawn[name] = draws.one() if name in ("log_normalizer", "noise_ratio") else draws.many(n)
    w, z = drawn["energy"], drawn.get("log_normalizer")
    q, p, z = _established(established, w, drawn.get("sampler", []), drawn["data"], z)
    lhs, rhs = family(w, q, p, z, *([drawn["noise_ratio"]] if "noise_ratio" in names else []))
    if claim in LOSSES:
        return [_terms(x) for x in lhs], [_terms(x) for x in rhs]
    return [hex(x.v) for x in lhs], [hex(x.v) for x in rhs]


def bounds(claim: str, statement: dict) -> tuple[int, int]:
    """Degree and log2 size of the polynomial that vanishes where both sides are equal."""
    if claim not in STEPS:
        n = statement["shapes"]["energy"][0]
        return 8 * n + 12, (6 * n + 16) * (n + 2).bit_length() + 16
    model, alpha = statement["fixed"]["mdp"], Fraction(statement["fixed"]["temperature"])
    k, _ = _whole(model, alpha)
    gamma = 1 if claim.startswith("message") else Fraction(model["discount"])
    d = math.ceil(k * (1 + gamma) / alpha)
    n_rows = len(model["transition"]) * len(model["transition"][0])
    return 3 * d + 6, 6 * ((k * alpha.denominator).bit_length() + n_rows.bit_length() + 4)


def log2_error(degree: int, size: int, bits: int, entropy: int, prime: int) -> int:
    """log2, rounded up, of (degree / p + size / (bits - 1) 2^-entropy), times the points that may have been tried."""
    scale = entropy + 64
    total = -(-(degree << scale) // prime) + -(-(size << 64) // (bits - 1))
    return (POINTS * total).bit_length() - scale


def check_field(predicate: dict, source: str) -> None:
    """Derive prime and point, evaluate both sides, recompute the bounds."""
    statement, claim = predicate["statement"], predicate["claim"]
    require(set(statement) == {"claim", "source", "shapes", "fixed", "zeros"}, "the statement has other parts")
    require(statement["claim"] == claim and statement["source"] == source, "the statement is about something else")
    require(predicate["verdict"] == "proved for all", "a proof in a field says 'proved for all'")
    attempt = predicate["attempt"]
    require(type(attempt) is int and 0 <= attempt < 3, "the attempt is none of the three")
    seed = hashlib.sha256(canonical({**statement, "attempt": attempt})).digest()
    coprime = 1
    if claim in STEPS:
        _, coprime = _whole(statement["fixed"]["mdp"], Fraction(statement["fixed"]["temperature"]))
    prime = predicate["prime"]
    require(set(prime) == {"bits", "value", "chain"}, "the prime has other parts")
    require(type(prime["bits"]) is int and 521 <= prime["bits"] <= 4099, "the prime has too few bits")
    value, entropy = proved_prime(seed, prime["bits"], prime["chain"], coprime)
    require(hex(value) == prime["value"], "the prime is not the one that the seed gives")
    lhs, rhs = _sides_at_point(claim, statement, Draws(seed, value))
    require(lhs == rhs, "the sides differ at the point")
    found = {"entries": len(lhs), "digest": hashlib.sha256(canonical(lhs)).hexdigest()}
    require(predicate["evaluations"] == found, "the evaluations are not those at the point")
    degree, size = bounds(claim, statement)
    error = log2_error(degree, size, prime["bits"], entropy, value)
    stated = {"degree": degree, "log2_size": size, "log2_error": error}
    require(predicate["bounds"] == stated, f"the bounds are not {stated}")
    require(error <= TARGET, f"the error probability is above 2^{TARGET}")


# Exact and ball ------------------------------------------------------------------------------------------------------


def _instance(claim: str, instance: dict) -> dict[str, Any]:
    """The numbers of an instance as fractions, checked to be a space."""
    names, established, _ = FINITE.get(claim) or LOSSES[claim]
    keys = {"energy": "weights", "log_normalizer": "normalizer"}
    parts = {keys.get(name, name) for name in names} | {"assumptions", "totals"}
    require(set(instance) == parts, "the instance has other parts")
    require(instance["totals"] == _totals({"weights": instance["weights"]}), "the weights have another total")
    numbers: dict[str, Any] = {"data": None}
    for name in names:
        value = instance[keys.get(name, name)]
        numbers[name] = Fraction(value) if isinstance(value, str) else [Fraction(x) for x in value]
        texts = [value] if isinstance(value, str) else value
        require(all(str(Fraction(x)) == x for x in texts), "a number is not written in lowest terms")
        if name in ("data", "sampler"):
            require(sum(numbers[name]) == 1 and min(numbers[name]) >= 0, f"{name} is no distribution")
            require(len(numbers[name]) == len(instance["weights"]), f"{name} has another length")
        else:
            all_positive = min(numbers[name]) > 0 if isinstance(numbers[name], list) else numbers[name] > 0
            require(all_positive, "a weight is not positive")
    w, q, p, z = _four(numbers)
    holds = {
        "optimal": lambda: sum(_slope(w, q, p, z)) == 0,
        "partition": lambda: z == sum(w),
        "sampler": lambda: q == [x / sum(w) for x in w],
        "data": lambda: p == [x / sum(w) for x in w],
    }
    found = {name: holds[name]() for name in established}
    require(instance["assumptions"] == found, "the assumptions are not met as stated")
    return numbers


def _totals(tables: dict[str, list[str]]) -> dict[str, str]:
    """The sums of tables: they see also the numbers that a claim does not depend on, of what never happens."""
    return {name: str(sum(map(Fraction, table))) for name, table in tables.items()}


def _four(numbers: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """w, q, p and Z; None for what a claim is not about."""
    w, q, p, z = (numbers.get(name) for name in ("energy", "sampler", "data", "log_normalizer"))
    return w, q, p, z


def check_exact(predicate: dict) -> None:
    """Evaluate both sides of a claim on a finite space in fractions."""
    claim = predicate["claim"]
    if claim not in FINITE:
        raise Unknown(claim)
    numbers = _instance(claim, predicate["instance"])
    w, q, p, z = _four(numbers)
    lhs, rhs = FINITE[claim][2](w, q, p, z, *([numbers["noise_ratio"]] if "noise_ratio" in numbers else []))
    require([str(x) for x in lhs] == predicate["lhs"], "the left side has other values")
    require([str(x) for x in rhs] == predicate["rhs"], "the right side has other values")
    refuted = lhs != rhs
    require(predicate["verdict"] == ("refuted" if refuted else "proved here"), "the verdict is another")
    if not refuted:
        require(all(predicate["instance"]["assumptions"].values()), "an assumption does not hold")


def check_ball(predicate: dict) -> None:
    """Enclose both sides anew; each x is stated as floor(2^digits x + `OFFSET`)."""
    claim, instance, digits = predicate["claim"], predicate["instance"], predicate["digits"]
    require(type(digits) is int and digits == 128, "enclosures are stated in units of 2^-128")
    if claim in STEPS:
        both: Any = STEPS[claim](_step_of_instance(instance))
    elif claim in LOSSES:
        numbers = _instance(claim, instance)
        w, q, p, z = _four(numbers)
        sides = LOSSES[claim][2](w, q, p, z)
        both = [[sum((c * log_of(x) for c, x in pairs), Interval(0, 0)) for pairs in side] for side in sides]
    elif claim in MODELS:
        both = _sides_on_model(claim, instance)
    else:
        raise Unknown(f"enclosures of {claim}")
    for name, side in zip(("lhs", "rhs"), both, strict=True):
        found = [str(Interval.of(x).units(digits)) for x in side]
        require(found == predicate[name], f"the {name} has other values")
    apart = any(
        x.high < y.low or y.high < x.low for x, y in zip(*[map(Interval.of, side) for side in both], strict=True)
    )
    require(predicate["verdict"] == ("refuted" if apart else "enclosed"), "the verdict is another")


def _sides_on_model(claim: str, instance: dict) -> tuple[list, list]:
    """Both sides of a claim about soft control, in intervals."""
    names, assumed, family = MODELS[claim]
    parts = {"mdp", "temperature", "shape", "reward", "assumptions", "totals", *names}
    require(set(instance) == parts, "the instance has other parts")
    model = Model(instance)
    raw = instance["mdp"]
    tables = {
        "transition": [x for rows in raw["transition"] for row in rows for x in row],
        "initial": raw["initial"],
        "final_weights": raw["final_weights"],
        "discount": [raw["discount"]],
        "temperature": [instance["temperature"]],
        **{name: instance[name] for name in ("reward", *names)},
    }
    texts = [x for table in tables.values() for x in table]
    require(all(str(Fraction(x)) == x for x in texts), "a number is not written in lowest terms")
    require(instance["totals"] == _totals(tables), "a table has another total")
    holds = {
        "no_terminal_states": all(list(model.rows(s)) for s in model.states),
        "deterministic_dynamics": all(len(row) == 1 for s in model.states for _, row in model.rows(s)),
        "undiscounted": model.gamma == 1,
    }
    require(instance["assumptions"] == {name: holds[name] for name in assumed}, "the assumptions are not as stated")
    return family(model, instance)


def _step_of_instance(instance: dict) -> Step:
    """One backup in intervals; rewards and continuations are given by their weights."""
    tables = {name: instance[name] for name in instance if name not in ("mdp", "temperature", "shape", "totals")}
    model = instance["mdp"]
    rows = [row for rows in model["transition"] for row in rows]
    others = {
        "transition": [x for row in rows for x in row],
        "discount": [model["discount"]],
        "temperature": [instance["temperature"]],
    }
    require(instance["totals"] == _totals({**tables, **others}), "a table has another total")
    texts = [x for table in [*tables.values(), *rows, [model["discount"], instance["temperature"]]] for x in table]
    require(all(str(Fraction(x)) == x for x in texts), "a number is not written in lowest terms")
    require(set(model) == {"transition", "discount"}, "the model has other parts")
    for row in rows:
        require(sum(map(Fraction, row)) in (0, 1) and min(map(Fraction, row)) >= 0, "a row of P is no distribution")
    numbers = {name: [Fraction(x) for x in table] for name, table in tables.items()}
    logs: dict[Fraction, Interval] = {}

    def power(weight: Fraction, exponent: Fraction) -> Interval:
        if weight not in logs:
            logs[weight] = log_of(weight)
        return exp_of(exponent * logs[weight])

    shape, alpha = instance["shape"], Fraction(instance["temperature"])
    whole = [len(model["transition"]), len(model["transition"][0]), len(model["transition"])]
    require(shape in (whole[:1], whole[:2], whole) and alpha > 0, "the reward or the temperature is none")
    return Step(model, numbers, len(shape), alpha, power)


# Files ---------------------------------------------------------------------------------------------------------------


def check(certificate: dict) -> list[str]:
    """Check everything that can be recomputed; the leaves that cannot.

    Errors: `Rejected`, or `Unknown` for a family that has no formula here.
    """
    require(isinstance(certificate, dict), "a certificate is an object")
    body = {key: value for key, value in certificate.items() if key != "seal"}
    require(set(body) == {"_type", "subject", "predicateType", "predicate"}, "the certificate has other parts")
    seal = hashlib.sha256(canonical(body)).hexdigest()
    require(certificate.get("seal") == seal, "the seal is not that of the content")
    require(body["_type"] == STATEMENT, "the statement is of another type")
    if body["predicateType"] != PREDICATE:
        raise Unknown(str(body["predicateType"]))
    [subject] = body["subject"]
    require(set(subject) == {"name", "digest"} and subject["name"] == "irl-equivalence", "the subject is another")
    require(set(subject["digest"]) == {"sha256"}, "the digest is of another kind")
    predicate = body["predicate"]
    kind, claim = predicate.get("kind"), predicate.get("claim")
    if kind not in KEYS or not (claim in FINITE or claim in LOSSES or claim in STEPS or claim in MODELS):
        raise Unknown(f"{kind} certificates of {claim}")
    require(set(predicate) == KEYS[kind] | COMMON, "the predicate has other parts")
    require(predicate["does_not_establish"] == LIMITS[kind], "what it does not establish is something else")
    unchecked = [f"environment.{name}" for name in predicate["environment"]]
    if kind == "field":
        check_field(predicate, subject["digest"]["sha256"])
    else:
        unchecked.append("subject.digest.sha256")
        (check_exact if kind == "exact" else check_ball)(predicate)
    return unchecked


def verdict_of(path: str) -> tuple[int, str]:
    """The exit status for a file, and a line about it."""
    try:
        certificate = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return 2, f"cannot be read: {error}"
    try:
        unchecked = check(certificate)
    except Unknown as error:
        return 3, f"not re-evaluated: no formula for {error}"
    except Rejected as error:
        return 1, f"rejected: {error}"
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        return 1, f"rejected: malformed ({type(error).__name__}: {error})"
    predicate = certificate["predicate"]
    error = f", error below 2^{predicate['bounds']['log2_error']}" if predicate["kind"] == "field" else ""
    return 0, f"{predicate['verdict']}: {predicate['claim']}{error} (not checked: {', '.join(unchecked)})"


def main(paths: list[str]) -> int:
    """Check every file; the worst exit status: rejected, then unreadable, then not re-evaluated."""
    worst = 0
    for path in paths:
        status, text = verdict_of(path)
        print(f"{path}: {text}")
        worst = min((x for x in (worst, status) if x), default=0)
    return worst


if __name__ == "__main__":
    if not sys.argv[1:]:
        print(__doc__)
        sys.exit(2)
    sys.exit(main(sys.argv[1:]))
