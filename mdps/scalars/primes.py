"""Primes that nobody chooses: derived from a seed by SHAKE-256, each with a proof that it is prime.

A chain of primes, each about twice as long as the one before,

    q_0 < 2^20 by trial division,        q_i = 2 k_i q_{i-1} + 1,        q_{i-1}^2 > q_i,

is proved by Pocklington's criterion: if a^(q_i - 1) = 1 mod q_i and gcd(a^(2 k_i) - 1, q_i) = 1, then every prime
factor of q_i is 1 modulo q_{i-1}, hence larger than the square root of q_i, so q_i is prime. The multipliers k_i are
read from the stream SHAKE-256(seed | bits | attempt): the attempts that were used are all that a proof has to name.

What it is for: an integer that is not 0 but has few bits has few prime factors, so it is 0 modulo a prime that nobody
chose only with small probability. No prime comes out with a probability above 2^-`entropy`: the last multiplier is one
of at least 2^(entropy + 14) numbers, and at most 2^14 attempts are made.
Source: pocklington1914.
"""

import hashlib
import math
from typing import NamedTuple

from flint import fmpz

from mdps.errors import OutOfReach

FIRST_BITS = 20
MOST_ATTEMPTS = 2**14
WITNESSES = (2, 3, 5, 7, 11, 13)


class Link(NamedTuple):
    """One step of a chain: q = 2 k p + 1 of `bits` bits for the k of an attempt, proved by a witness a."""

    bits: int
    attempt: int
    witness: int


class DerivedPrime(NamedTuple):
    """A prime, the chain that proves it, and log2 of the bound on its probability, negated."""

    value: int
    first: int
    chain: tuple[Link, ...]
    entropy: int


def stream(seed: bytes, label: str, n_bytes: int) -> int:
    """The integer of the first bytes of SHAKE-256(seed | label), big endian."""
    return int.from_bytes(hashlib.shake_256(seed + b"|" + label.encode()).digest(n_bytes), "big")


def lengths(bits: int) -> list[int]:
    """The bits of each prime of a chain that ends with `bits`: every one is more than half as long as the next.

    >>> lengths(521)
    [20, 36, 68, 133, 262, 521]
    """
    result = [bits]
    while result[0] > FIRST_BITS:
        result.insert(0, max(FIRST_BITS, result[0] // 2 + 2))
    return result


def derived_prime(seed: bytes, bits: int = 521, *, coprime_to: int = 1) -> DerivedPrime:
    """The prime p of `bits` bits of a seed, with gcd(coprime_to, p - 1) = 1.

    Errors: `OutOfReach` where `coprime_to` is even: p - 1 is. Chains whose second prime is hardly longer than the first
    (of 97 bits, say) may end early.
    """
    if coprime_to % 2 == 0:
        raise OutOfReach(f"no odd prime p has p - 1 coprime to the even number {coprime_to}")
    sizes = lengths(bits)
    prime = first = _first_prime(seed)
    links = []
    for size in sizes[1:]:
        last = size == bits
        prime, link = _next_prime(seed, prime, size, coprime_to if last else 1)
        links.append(link)
    return DerivedPrime(prime, first, tuple(links), entropy(bits))


def entropy(bits: int) -> int:
    """log2 of the bound on the probability of any one prime of `bits` bits, negated.

    >>> entropy(521), entropy(1031)
    (243, 498)
    """
    return multiplier_bits(lengths(bits)[-2], bits) - 14


def _first_prime(seed: bytes) -> int:
    """The first prime at or above a number of 20 bits that the seed gives."""
    candidate = 2 ** (FIRST_BITS - 1) + stream(seed, "first", 8) % 2 ** (FIRST_BITS - 2) | 1
    while any(candidate % d == 0 for d in range(3, math.isqrt(candidate) + 1, 2)):
        candidate += 2
    return candidate


def multiplier_bits(below: int, bits: int) -> int:
    """log2 of how many k there are, at least, for which 2 k p + 1 has `bits` bits, where p has `below` bits."""
    return bits - below - 2


def multiplier(seed: bytes, bits: int, attempt: int, prime: int) -> int:
    """The k of an attempt: uniform, such that 2 k p + 1 has `bits` bits."""
    least, most = -(-(2 ** (bits - 1)) // (2 * prime)), (2**bits - 2) // (2 * prime)
    width = most - least + 1
    return least + stream(seed, f"{bits}|{attempt}", bits // 8 + 17) % width


def _next_prime(seed: bytes, prime: int, bits: int, coprime_to: int) -> tuple[int, Link]:
    for attempt in range(MOST_ATTEMPTS):
        k = multiplier(seed, bits, attempt, prime)
        candidate = 2 * k * prime + 1
        if math.gcd(coprime_to, candidate - 1) != 1 or not fmpz(candidate).is_probable_prime():
            continue
        for witness in WITNESSES:
            if pow(witness, candidate - 1, candidate) != 1:
                break  # composite after all
            if math.gcd(pow(witness, 2 * k, candidate) - 1, candidate) == 1:
                return candidate, Link(bits, attempt, witness)
    raise OutOfReach(f"{MOST_ATTEMPTS} attempts gave no prime of {bits} bits; use another seed")
