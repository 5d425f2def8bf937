"""The constant factors between gradients that are said to be the same, on 200 spaces, in exact numbers.

Discriminator losses are sums of two expectations; a mean over both batches would halve every factor.
"""

import numpy as np
import pytest
from flint import fmpq

from equivalence.claims import REGISTRY
from equivalence.evidence import Instance
from equivalence.objectives import ebm, f_divergences, gan, gcl, generator_losses, nce, tangent
from instances import drawn_games
from mdps import scalars
from mdps.scalars.balls import precision

GAMES = [game for game in drawn_games(400) if game.sampler.all() and game.data.all()][:200]


def test_there_are_enough_of_them():
    assert len(GAMES) == 200


def test_importance_sampled_cost_has_factor_one_at_the_optimal_normalizer():
    claim = REGISTRY["energy_gradient_of_discriminator_eq_gcl"]
    for game in GAMES:
        instance = Instance(game._asdict(), "drawn").meeting(claim)
        arguments = [instance.values[name] for name in ("energy", "sampler", "data", "log_normalizer")]
        assert (gan.discriminator_gradient(*arguments).energy == gcl.gradient(*arguments)).all()


def test_likelihood_has_factor_one_half_where_the_sampler_is_the_model():
    for energy, _, data, _ in GAMES:
        own, log_z = ebm.law(energy), ebm.log_partition(energy)
        found = gan.discriminator_gradient(energy, own, data, log_z).energy
        assert (found == -ebm.gradient(energy, data) / 2).all()


@pytest.mark.parametrize("nu", [1, 2, fmpq(1, 3), 50])
def test_with_nu_noise_samples_the_factor_is_nu_over_one_plus_nu(nu):
    for energy, _, data, _ in GAMES:
        own, log_z = ebm.law(energy), ebm.log_partition(energy)
        found = nce.gradient(energy, own, data, log_z, noise_ratio=nu).energy
        assert (found == -ebm.gradient(energy, data) * nu / fmpq(1 + nu)).all()


def test_many_noise_samples_tend_to_factor_one_with_the_share_of_the_model_as_the_gap():
    for energy, noise, data, log_normalizer in GAMES:
        limit = nce.limit_gradient(energy, data, log_normalizer).energy
        model = scalars.exp(-energy - log_normalizer)
        for nu in (10, 1000, 10**9):
            found = nce.gradient(energy, noise, data, log_normalizer, noise_ratio=nu).energy
            assert (limit - found == limit * model / (model + nu * noise)).all()


def test_elsewhere_there_is_no_factor_since_even_the_sign_may_differ():
    """Weights 2, 1, 9, q = (6, 5, 1) / 12, p = (2, 8, 2) / 12, energy moved along (0, 1, 2), at the optimal Z."""
    with precision(200):
        energy = -scalars.log(scalars.convert([2, 1, 9], "ball"))
        sampler = scalars.convert([fmpq(6, 12), fmpq(5, 12), fmpq(1, 12)], "ball")
        data = scalars.convert([fmpq(2, 12), fmpq(8, 12), fmpq(2, 12)], "ball")
        log_z = gan.optimal_log_normalizer(energy, sampler, data)
        adversarial = gan.discriminator_gradient(energy, sampler, data, log_z).energy
        along = np.array([0, 1, 2])
        assert (adversarial * along).sum() > fmpq(9, 100)
        assert (-ebm.gradient(energy, data) * along).sum() < -fmpq(58, 100)


def test_the_generator_has_factor_one_and_the_constant_log_z():
    for energy, sampler, _, log_normalizer in GAMES:
        loss = gan.generator_loss(energy, sampler, log_normalizer)
        cost = (sampler * energy).sum() + (sampler * scalars.log(sampler)).sum()
        assert loss - cost == log_normalizer


def test_the_saturating_loss_has_factor_two_to_the_jensen_shannon_divergence():
    for _, sampler, data, _ in GAMES:
        logit = gan.optimal_logit(sampler, data)
        found = generator_losses.gradient("saturating", logit)
        divergence = f_divergences.gradient_to_q("jensen_shannon", data, sampler)
        assert (tangent.projected(found) == 2 * tangent.projected(divergence)).all()
