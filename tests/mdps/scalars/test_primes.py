"""Derived primes: each is a prime of the length asked for, with a chain that proves it, and few seeds give the same."""

import hashlib
import itertools
import math

import pytest
from flint import fmpz

from mdps import OutOfReach
from mdps.scalars.primes import (
    MOST_ATTEMPTS,
    derived_prime,
    entropy,
    lengths,
    multiplier,
    multiplier_bits,
    stream,
)

SIZES = (64, 110, 128, 255, 521)


def seeds(n):
    return [hashlib.sha256(str(i).encode()).digest() for i in range(n)]


def small_prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1))


@pytest.mark.parametrize("bits", SIZES)
def test_a_derived_prime_is_prime_and_has_the_bits_asked_for(bits):
    for seed in seeds(40 if bits < 200 else 3):
        prime = derived_prime(seed, bits)
        assert prime.value.bit_length() == bits
        assert fmpz(prime.value).is_prime()  # flint's own proof: another method
        assert derived_prime(seed, bits) == prime


@pytest.mark.parametrize("bits", SIZES)
def test_the_chain_is_a_proof(bits):
    """Every link is the prime of its attempt, more than half as long as the next, and its witness proves it."""
    for seed in seeds(10 if bits < 200 else 2):
        derived = derived_prime(seed, bits)
        assert small_prime(derived.first)
        assert derived.first.bit_length() == 20
        prime = derived.first
        for link in derived.chain:
            k = multiplier(seed, link.bits, link.attempt, prime)
            q = 2 * k * prime + 1
            assert q.bit_length() == link.bits
            assert prime**2 > q
            assert pow(link.witness, q - 1, q) == 1
            assert math.gcd(pow(link.witness, 2 * k, q) - 1, q) == 1
            assert fmpz(q).is_prime()
            prime = q
        assert prime == derived.value


@pytest.mark.parametrize("coprime_to", [3, 5, 7, 9, 15, 105, 3 * 5 * 7 * 11 * 13 * 17 * 19])
def test_roots_of_the_degrees_asked_for_are_unique(coprime_to):
    for seed in seeds(4):
        p = derived_prime(seed, 128, coprime_to=coprime_to).value
        assert math.gcd(coprime_to, p - 1) == 1
        assert fmpz(p).is_prime()


@pytest.mark.parametrize("even", [2, 6, 100])
def test_square_roots_are_never_unique(even):
    with pytest.raises(OutOfReach, match="even number"):
        derived_prime(b"seed", coprime_to=even)


def test_lengths_more_than_halve():
    for bits in range(40, 5000, 7):
        chain = lengths(bits)
        assert chain[0] == 20
        assert chain[-1] == bits
        for below, above in itertools.pairwise(chain):
            assert 2 * (below - 1) >= above  # p >= 2^(below - 1), so p^2 >= 2^above > q


def test_the_entropy_is_that_of_the_last_multiplier():
    """There are at least 2^(entropy + 14) multipliers for the largest and the smallest prime of the length before."""
    for bits in (64, 128, 521, 1031, 2053, 4099):
        below = lengths(bits)[-2]
        for prime in (2 ** (below - 1) + 1, 2**below - 1):
            least, most = -(-(2 ** (bits - 1)) // (2 * prime)), (2**bits - 2) // (2 * prime)
            assert most - least + 1 >= 2 ** multiplier_bits(below, bits)
            assert (2 * least * prime + 1).bit_length() == (2 * most * prime + 1).bit_length() == bits
            assert (2 * (least - 1) * prime + 1).bit_length() < bits < (2 * (most + 1) * prime + 1).bit_length()
        assert MOST_ATTEMPTS * 2 ** entropy(bits) == 2 ** multiplier_bits(below, bits)


def test_multipliers_stay_within_their_bounds():
    prime = derived_prime(b"x", 64).value
    for attempt in range(300):
        k = multiplier(b"seed", 120, attempt, prime)
        assert (2 * k * prime + 1).bit_length() == 120


def test_seeds_labels_and_lengths_all_change_the_stream():
    values = {stream(seed, label, 32) for seed in (b"a", b"b") for label in ("point 0", "point 1", "521|0")}
    assert len(values) == 6
    assert len({derived_prime(seed, 128).value for seed in seeds(100)}) == 100
    assert stream(b"a", "b", 4) == int.from_bytes(hashlib.shake_256(b"a|b").digest(4), "big")
