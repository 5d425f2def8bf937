"""What is free and what is not, at both levels that run on free numbers."""

import numpy as np
import pytest
from flint import fmpq

from equivalence.claims import REGISTRY, Claim, games
from equivalence.claims.assumption import assumption
from equivalence.claims.claim import equal
from equivalence.evidence import Instance, check
from equivalence.evidence.free import fixed_names, free_values, wanted_names
from equivalence.evidence.on_model import instances_on
from equivalence.evidence.symbolic import MOST_SYMBOLS, free_symbols
from equivalence.evidence.verdict import OUT_OF_REACH, PROVED_FOR_ALL
from mdps import OutOfReach, scalars
from mdps.random_models import random_model
from mdps.scalars.field import Field
from mdps.scalars.primes import derived_prime

PRIME = derived_prime(b"free", 128)
COIN = Instance(games.coin(), "coin")


def on_model(seed=0, horizon=2, **structure) -> Instance:
    rng = np.random.default_rng(seed)
    return instances_on(random_model(rng, 2, 2, horizon, **structure), None)[0]


def over_field(claim, instance):
    field = Field(PRIME, b"seed")
    asked: list[str] = []

    def number(name, value):
        asked.append(name)
        return field.free()

    def logarithm(name, value):
        return scalars.log(np.asarray(number(name, value), dtype=object))

    with field.current():
        return free_values(claim, instance, "field", number, logarithm), asked


def test_distributions_sum_to_one_and_keep_their_zeros():
    claim = REGISTRY["discriminator_gradient_gap_to_gcl"]
    instance = Instance(
        {**games.die(), "sampler": games.probabilities(1, 0, 2), "data": games.probabilities(0, 0, 1)}, ""
    )
    free, asked = over_field(claim, instance)
    assert free.values["sampler"].sum() == 1
    assert list(scalars.zero_mask(free.values["sampler"])) == [False, True, False]
    assert [x.constant for x in free.values["data"]] == [0, 0, 1]
    assert asked == ["energy0", "energy1", "energy2", "log_normalizer0", "sampler_0"]
    assert free.names == ("energy", "sampler", "log_normalizer")


def test_policies_are_free_row_by_row():
    claim = REGISTRY["evidence_minus_elbo_eq_kl_to_posterior"]
    instance = on_model(unavailable=True, full_support=True)
    mdp = instance.values["mdp"]
    free, _ = over_field(claim, instance)
    policy = free.values["policy"]
    assert all(x == 1 for x in policy.sum(axis=-1)[~mdp.terminal])
    assert (scalars.zero_mask(policy) == ~mdp.available).all()


def test_established_assumptions_hold_and_what_they_replace_is_not_free():
    for name, names in {
        "energy_gradient_of_discriminator_eq_gcl": ("energy", "sampler", "data", "log_normalizer"),
        "discriminator_gradient_eq_half_likelihood_gradient": ("energy", "data"),
        "discriminator_is_stationary_at_data_model": ("energy", "sampler"),
        "discriminator_loss_eq_log4_minus_2jsd": ("sampler", "data", "log_normalizer"),
    }.items():
        claim = REGISTRY[name]
        instance = Instance(games.die(), "die").meeting(claim)
        free, _ = over_field(claim, instance)
        assert set(free.names) == set(names), name
        with free.values["sampler"][0].field.current():
            for needed in claim.assumes:
                assert needed(free.values), (name, needed.name)


def test_energies_of_trajectories_follow_from_the_reward():
    claim = REGISTRY["discriminator_gradient_eq_gcl_gradient"]
    instance = on_model().meeting(claim)
    assert "energy" not in wanted_names(claim, instance)
    free, asked = over_field(claim, instance)
    assert not any(name.startswith("energy") for name in asked)
    assert "reward" in free.names


def test_final_values_are_free_with_the_reward():
    claim = REGISTRY["causal_gradient_eq_derivative_of_dual"]
    with_values = on_model(final_value=True, horizon=1)
    assert "final_value" in over_field(claim, with_values)[0].names
    assert "final_value" not in over_field(claim, on_model(horizon=1))[0].names
    fixed = REGISTRY["optimistic_value_eq_soft_value"]  # assumes something about the reward
    assert {"mdp", "reward", "temperature"} <= fixed_names(fixed)


def test_assumptions_about_energies_of_trajectories_fix_the_reward():
    @assumption()
    def low(energy):
        """All energies are low."""
        return True

    claim = Claim(lambda mdp, reward, energy: equal(energy, energy), "X-00", (low,), "nowhere")
    assert fixed_names(claim) == {"energy", "reward"}


def test_assumptions_that_break_each_other_are_out_of_reach():
    @assumption(establish=lambda values: {"sampler": values["data"]})
    def as_data(sampler, data):
        """q = p."""
        return bool((sampler == data).all())

    @assumption(establish=lambda values: {"data": values["data"][::-1]})
    def turned(data):
        """Something that another order establishes."""
        return True

    claim = Claim(lambda sampler, data: equal(sampler, data), "X-00", (as_data, turned), "nowhere")
    with pytest.raises(OutOfReach, match="as_data does not hold for free numbers where turned does"):
        over_field(claim, COIN)


def test_symbols_are_positive_and_few():
    import sympy

    claim = REGISTRY["importance_weights_eq_twice_discriminator"]
    free = free_symbols(claim, COIN)
    assert free.values["energy"][0] == -sympy.log(sympy.Symbol("energy0", positive=True))
    assert free.names == ("energy", "sampler", "log_normalizer")
    large = {"energy": -scalars.log(games.numbers(*range(1, MOST_SYMBOLS + 1))), "log_normalizer": fmpq(0)}
    instance = Instance({**large, "sampler": games.probabilities(*range(1, MOST_SYMBOLS + 1))}, "")
    verdict = check(claim, instance, "symbolic")
    assert verdict.outcome == OUT_OF_REACH
    assert f"more than {MOST_SYMBOLS} free symbols" in verdict.detail


@pytest.mark.parametrize(
    "name", ["energy_gradient_of_discriminator_eq_gcl", "discriminator_gradient_eq_half_likelihood_gradient"]
)
def test_both_levels_prove_the_same(name):
    for level in ("symbolic", "field"):
        assert check(REGISTRY[name], COIN, level).outcome == PROVED_FOR_ALL
