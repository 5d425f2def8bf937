"""Proofs for all parameters of every shape of up to four states and three actions: a table, claim by claim.

For each shape (S, A) in {1..4} x {1..3} a model with random rational dynamics, every row over a denominator of its own
of up to 100, and what the claims are about is free: rewards, energies, samplers, data, continuations and their
derivatives. The claims about one backup hold for every horizon by induction. Those about a finite space run on S A
outcomes, those about trajectories on all trajectories of one decision.

A shape counts where the verdict is `proved for all` with an error probability below 2^-128; anything else fails. (Of
one state with one action some claims have no parameter left: there the proof is one in exact numbers.)
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from flint import fmpq
from rich.console import Console
from rich.table import Table

from equivalence.claims import REGISTRY, Claim
from equivalence.evidence import Instance, check
from equivalence.evidence.on_model import instances_on
from equivalence.evidence.verdict import PROVED_FOR_ALL, PROVED_HERE
from mdps import MDP
from mdps.random_models import random_distribution, random_reward

STATES, ACTIONS = 4, 3
LARGEST_DENOMINATOR = 100
GOAL = 60.0  # seconds, for all of it
TARGET = -128.0
CLAIMS = (
    "optimal_normalizer_eq_importance_estimate",
    "normalizer_gradient_eq_one_minus_importance_estimate_over_normalizer",
    "energy_gradient_of_discriminator_eq_gcl",
    "discriminator_gradient_gap_to_gcl",
    "discriminator_gradient_eq_gcl_gradient",
    "discriminator_gradient_eq_half_likelihood_gradient",
    "discriminator_gradient_eq_half_maxent_gradient_at_own_sampler",
    "generator_loss_eq_log_odds_of_discriminator",
    "generator_loss_eq_energy_plus_log_normalizer_minus_entropy",
    "generator_loss_eq_kl_to_model_plus_log_ratio",
    "importance_weights_eq_twice_discriminator",
    "maxent_gradient_eq_ebm_gradient",
    "soft_backup_derivative_eq_expected_derivative",
    "message_derivative_eq_expected_derivative",
    "soft_backup_curvature_eq_expected_curvature_plus_variance",
    "airl_discriminator_odds_eq_f_over_policy",
    "airl_gradient_at_own_policy_eq_half_difference_of_visits",
    "nce_gradient_eq_derivative_of_loss",
    "nce_gradient_eq_weighted_difference",
)


class Row(NamedTuple):
    """A claim: how many of the shapes it is proved for, log2 of the largest error among them, and the time in all."""

    claim: Claim
    proved: int
    shapes: int
    log2_error: float
    seconds: float


def dynamics(rng: np.random.Generator, n_states: int, n_actions: int) -> np.ndarray:
    """Random rational P [s, a, s'], each row over a denominator of its own."""
    transition = np.empty((n_states, n_actions, n_states), dtype=object)
    for index in np.ndindex(n_states, n_actions):
        denominator = int(rng.integers(max(2, n_states), LARGEST_DENOMINATOR + 1))
        counts = 1 + rng.multinomial(denominator - n_states, np.ones(n_states) / n_states)
        transition[index] = [fmpq(int(k), denominator) for k in counts]
    return transition


def on_model(rng: np.random.Generator, n_states: int, n_actions: int) -> Instance:
    """Everything that the claims about a model ask for."""
    initial = random_distribution(rng, n_states, full_support=True)
    mdp = MDP(dynamics(rng, n_states, n_actions), initial, horizon=1)
    return instances_on(mdp, None, seed=int(rng.integers(2**31)))[0]


def on_space(rng: np.random.Generator, n: int) -> Instance:
    """Everything that the claims about a finite space ask for."""
    values = {
        "energy": -random_reward(rng, (n,)),
        "sampler": random_distribution(rng, n, full_support=True),
        "data": random_distribution(rng, n, full_support=True),
        "log_normalizer": random_reward(rng, (1,))[0],
        "noise_ratio": fmpq(1, 2),
    }
    return Instance(values, f"drawn space of {n} outcomes")


def log2_error(claim: Claim, instance: Instance) -> float:
    """log2 of the error of the proof for all parameters; minus infinity where the shape has none and it is exact.

    Errors: `AssertionError` where it is not proved.
    """
    verdict = check(claim, instance, "field")
    if "nothing that the claim is about is free" in verdict.detail:
        verdict = check(claim, instance, "exact")
        assert verdict.outcome == PROVED_HERE, verdict
        return -np.inf
    assert verdict.outcome == PROVED_FOR_ALL, f"{claim.name}: {verdict.outcome} on {instance.text}: {verdict.detail}"
    assert verdict.proof is not None
    assert verdict.proof.log2_error <= TARGET
    return verdict.proof.log2_error


def rows(shapes: Sequence[tuple[int, int]], names: Sequence[str] = CLAIMS) -> Iterator[Row]:
    """One row a claim.

    Errors: `AssertionError` where a shape is not proved.
    """
    rng = np.random.default_rng(0)
    models = {shape: on_model(rng, *shape) for shape in shapes}
    spaces = {shape: on_space(rng, shape[0] * shape[1]) for shape in shapes}
    for name in names:
        claim = REGISTRY[name]
        instances = models if "mdp" in claim.arguments else spaces
        start = time.process_time()
        worst, proved = -np.inf, 0
        for shape in shapes:
            worst = max(worst, log2_error(claim, instances[shape]))
            proved += 1
        yield Row(claim, proved, len(shapes), float(worst), time.process_time() - start)


def report(sizes: Sequence[int] = ()) -> None:
    """The table, for all shapes or those of up to `sizes` = S states (and A actions)."""
    n_states, n_actions = (*sizes, *(STATES, ACTIONS)[len(sizes) :])
    shapes = list(itertools.product(range(1, n_states + 1), range(1, n_actions + 1)))
    table = Table("catalogue", "claim", "shapes", "log2 error", "seconds", title=(__doc__ or "").splitlines()[0])
    for column in table.columns[2:]:
        column.justify = "right"
    total = 0.0
    for row in rows(shapes):
        proved = f"{row.proved} of {row.shapes}"
        table.add_row(row.claim.catalogue, row.claim.name, proved, f"{row.log2_error:g}", f"{row.seconds:.2f}")
        total += row.seconds
    table.add_section()
    table.add_row("", f"all, of a goal of {GOAL:g} s on 2 cores", "", "", f"{total:.1f}")
    Console(width=120).print(table)
