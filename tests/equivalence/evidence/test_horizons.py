"""Many steps of soft control in a field, for dynamics of any denominators: proved where right, refuted where wrong."""

import math

import numpy as np
import pytest
from flint import fmpq

from equivalence.evidence.field import TARGET
from equivalence.evidence.horizons import check_causal_gradient, common_denominator, free_steps
from equivalence.evidence.verdict import OUT_OF_REACH, PROVED_FOR_ALL, REFUTED
from mdps import MDP, OutOfReach, scalars, soft_solution
from mdps.random_models import random_model
from mdps.scalars.elementary import exp_of
from mdps.scalars.field import Field
from mdps.scalars.primes import derived_prime

SPECK = fmpq(1, 10**30)


def of_denominator(n_states: int, n_actions: int, horizon: int, denominator: int, seed: int = 0, discount=1) -> MDP:
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(denominator, np.ones(n_states) / n_states, size=(n_states, n_actions))
    transition = scalars.convert(counts, "exact") / fmpq(denominator)
    return MDP(transition, [fmpq(1, n_states)] * n_states, horizon=horizon, discount=discount)


@pytest.mark.parametrize("denominator", [1, 2, 3, 4, 6, 10, 100])
def test_any_denominator_is_within_reach(denominator):
    for horizon in (1, 2, 4):
        finding = check_causal_gradient(of_denominator(3, 2, horizon, denominator))
        assert finding.outcome == PROVED_FOR_ALL
        assert finding.proof is not None
        assert finding.proof.log2_error <= TARGET


STRUCTURES = [
    {"terminal": True},
    {"terminal": True, "unavailable": True, "final_value": True},
    {"unavailable": True, "single_start": True},
    {"deterministic": True},
    {"discount": fmpq(9, 10)},
    {"discount": fmpq(1, 2), "terminal": True},
]


@pytest.mark.parametrize("temperature", [1, fmpq(1, 2), fmpq(3, 2)])
@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_terminal_states_missing_actions_discounts_and_temperatures(structure, temperature):
    for seed in range(3):
        mdp = random_model(np.random.default_rng(seed), 3, 2, 3, denominator=4, **structure)
        assert check_causal_gradient(mdp, temperature=temperature).outcome == PROVED_FOR_ALL


def test_one_action_is_no_choice():
    assert check_causal_gradient(of_denominator(3, 1, 3, 4)).outcome == PROVED_FOR_ALL


def test_the_values_are_those_of_the_rewards():
    """sum_a w(s, a) prod y'^(k gamma P) = y^k, with whole numbers modulo p."""
    mdp = of_denominator(3, 2, 2, 6, discount=fmpq(1, 2))
    k = common_denominator(mdp)
    assert k == 12
    field = Field(derived_prime(b"x"), b"y")
    p = field.prime.value
    with field.current():
        rewards, values = free_steps(field, mdp, fmpq(2, 3))

    def whole(x) -> int:  # e^(x / alpha)
        return int(exp_of(x * fmpq(3, 2)).value)

    def root(x) -> int:  # e^(x / (alpha k))
        return int(exp_of(x * fmpq(3, 2) / k).value)

    for t, s in np.ndindex(2, 3):
        total = 0
        for a in range(2):
            ahead = [
                pow(root(values[t + 1, s2]), int(k * mdp.discount * mdp.transition[s, a, s2]), p) for s2 in range(3)
            ]
            total += whole(rewards[t, s, a]) * math.prod(ahead)
        assert total % p == pow(root(values[t, s]), k, p) == whole(values[t, s])


def spoiled(v=lambda v: v, policy=lambda p: p, reward=lambda r: r, model=lambda m: m):
    def solve(mdp, r, *, temperature=1):
        solution = soft_solution(model(mdp), reward(r), temperature=temperature)
        return solution._replace(v=v(solution.v), policy=policy(solution.policy))

    return solve


WRONG = {
    "policy a speck off": spoiled(policy=lambda p: p * (1 + SPECK)),
    "policy of the other action": spoiled(policy=lambda p: p[..., ::-1]),
    "uniform policy": spoiled(policy=lambda p: 0 * p + fmpq(1, 2)),
    "policy of another state": spoiled(policy=lambda p: p[:, ::-1]),
    "first action": spoiled(policy=lambda p: np.stack([p[..., 0] + p[..., 1], 0 * p[..., 1]], axis=-1)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_policies_are_refuted(name):
    """Those that do not sum to 1 too."""
    assert check_causal_gradient(of_denominator(3, 2, 3, 10), solve=WRONG[name]).outcome == REFUTED


BROKEN = {
    "v a speck off": spoiled(v=lambda v: v * (1 + SPECK)),
    "reward twice": spoiled(reward=lambda r: 2 * r),
    "continuation twice": spoiled(model=lambda m: m.with_final_value(2 * m.final_value)),
}


def outcome_of(mdp: MDP, solve) -> str:
    try:
        return check_causal_gradient(mdp, solve=solve).outcome
    except OutOfReach:
        return OUT_OF_REACH


@pytest.mark.parametrize("name", BROKEN)
def test_wrong_values_are_never_proved(name):
    """Sums whose roots are asked for are then no powers: the roots do not exist in the field."""
    assert outcome_of(of_denominator(3, 2, 3, 10), BROKEN[name]) in (REFUTED, OUT_OF_REACH)
    horizon = 1 if name == "v a speck off" else 2
    assert outcome_of(of_denominator(3, 2, horizon, 1), BROKEN[name]) == REFUTED


def test_twenty_states_twenty_steps_of_hundredths():
    """Faster than 5 s on an idle core."""
    finding = check_causal_gradient(of_denominator(20, 4, 20, 100))
    assert finding.outcome == PROVED_FOR_ALL
    assert finding.proof is not None
    assert finding.proof.log2_error <= TARGET
