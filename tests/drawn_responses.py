"""Tables over prompts and responses, in exact numbers: the same ones each time."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from mdps import scalars
from mdps.random_models import random_distribution, random_reward

TEMPERATURES = (1, Fraction(1, 10), 10, Fraction(1, 2), 2)


class Tables(NamedTuple):
    """A reward, a policy and a reference [x, y], the policy within the support of the reference; a temperature."""

    reward: np.ndarray
    policy: np.ndarray
    reference: np.ndarray
    temperature: object
    rng: np.random.Generator


def drawn_tables(number, *, factor=1, series=0):
    """`number` of them, of one to three prompts and one to four responses; every second one has zeros."""
    for i in range(number):
        rng = np.random.default_rng([i, series])
        shape = int(rng.integers(1, 4)), 1 + i % 4
        reference = np.stack([random_distribution(rng, shape[1], full_support=i % 2 == 0) for _ in range(shape[0])])
        reward = factor * random_reward(rng, shape)
        yield Tables(reward, within(rng, reference), reference, TEMPERATURES[i // 4 % 5], rng)


def within(rng, reference):
    """A policy that does some of what the reference does."""
    weights = np.where(reference != 0, rng.integers(0, 4, size=reference.shape), 0)
    possible = np.where(reference != 0, 1, 0)
    weights = np.where(weights.any(axis=-1, keepdims=True), weights, possible)
    return scalars.convert(weights, "exact") / scalars.convert(weights.sum(axis=-1, keepdims=True), "exact")


def drawn_comparisons(rng, possible, *, connected=False):
    """A law over prompts, winners and losers among the possible responses [x, y]."""
    n_prompts, n = possible.shape
    both = np.broadcast_to(possible[:, :, None] & possible[:, None, :], (n_prompts, n, n))
    weights = rng.integers(1 if connected else 0, 9, size=both.shape)
    if not connected:
        weights = weights * rng.integers(2, size=both.shape)
    weights = np.where(both, weights, 0)
    if not weights.any():
        weights = both.astype(int)
    return scalars.convert(weights, "exact") / scalars.convert(int(weights.sum()), "exact")
