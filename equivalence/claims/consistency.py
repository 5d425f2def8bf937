"""What a discriminator that is given the sampler's density converges to: its optimum, its curvature, its blind spots.

Notation as in `equivalence.claims.finn`; d is a direction of energies, so that E + eps d is a line.
"""

from typing import Any

import numpy as np

from equivalence.claims import games
from equivalence.claims.assumptions import (
    data_is_model,
    model_is_data_density,
    normalizer_is_partition,
    optimal_normalizer,
    stationary_along_direction,
)
from equivalence.claims.claim import Conclusion, at_most, claim, equal
from equivalence.objectives import ebm, gan, gcl
from equivalence.objectives.divergences import jensen_shannon
from mdps import scalars
from mdps.scalars.duals import gradient as dual_gradient

# F-01e, the published sign -------------------------------------------------------------------------------------------


@claim("F-01e", source="finn2016", known_false=True)
def discriminator_eq_sigmoid_of_energy_minus_log_density(energy: Any, sampler: Any, log_normalizer: Any) -> Conclusion:
    """As printed in section 4: D = sigmoid(E - log q + b), with a trainable bias b = -log Z. The sign of E is wrong."""
    covered = ~scalars.zero_mask(sampler)
    printed = scalars.over(
        covered,
        lambda e, q: scalars.sigmoid(e - scalars.log(q) - log_normalizer),
        energy,
        sampler,
        otherwise=scalars.constant(1, sampler),
    )
    return equal(gan.discriminator(energy, sampler, log_normalizer), printed)


discriminator_eq_sigmoid_of_energy_minus_log_density.fails_as_printed(games.coin)


# F-02, the optimum ---------------------------------------------------------------------------------------------------


def _optimal_loss(data: Any, sampler: Any) -> Any:
    """log 4 - 2 JSD(p, q)."""
    return scalars.log(0 * data[..., 0] + 4) - 2 * jensen_shannon(data, sampler)


@claim("F-02", assumes=[model_is_data_density], source="finn2016; goodfellow2014")
def discriminator_loss_eq_log4_minus_2jsd(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, loss: Any = gan.discriminator_loss
) -> Conclusion:
    """Where e^-E / Z = p the discriminator loss is log 4 - 2 JSD(p, q), for every sampler."""
    return equal(loss(energy, sampler, data, log_normalizer), _optimal_loss(data, sampler))


@claim("F-02", source="finn2016; goodfellow2014")
def log4_minus_2jsd_le_discriminator_loss(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, loss: Any = gan.discriminator_loss
) -> Conclusion:
    """No energy and no Z do better: log 4 - 2 JSD(p, q) <= L_D."""
    return at_most(_optimal_loss(data, sampler), loss(energy, sampler, data, log_normalizer))


discriminator_loss_eq_log4_minus_2jsd.fails_without(model_is_data_density)(games.coin)


# F-04b, differentiating through the weights --------------------------------------------------------------------------


def _slope_through_weights(energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any) -> Any:
    """d/deps of L_GCL(E + eps d) with mu~ differentiated, at a fixed Z, by dual numbers."""

    def loss(eps: Any) -> Any:
        return gcl.loss(energy + eps * direction, sampler, data, log_normalizer)

    return dual_gradient(loss, scalars.constant(0, data))


def _slope_of_discriminator(energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any) -> Any:
    """d/deps of L_D(E + eps d) at a fixed Z."""
    return (gan.discriminator_gradient(energy, sampler, data, log_normalizer).energy * direction).sum(axis=-1)


@claim("F-04b", assumes=[optimal_normalizer], source="finn2016; derived")
def slope_through_weights_eq_data_minus_curvature(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any
) -> Conclusion:
    """Differentiating through mu~ at a fixed, optimal Z gives p - (p + q) D (1 - D) in place of p - (p + q) D.

    Along any direction d of energies.
    """
    probability = gan.discriminator(energy, sampler, log_normalizer)
    expected = data - (data + sampler) * probability * (1 - probability)
    slope = _slope_through_weights(energy, sampler, data, log_normalizer, direction)
    return equal(slope, (expected * direction).sum(axis=-1))


@claim("F-04b", assumes=[optimal_normalizer], source="finn2016", known_false=True)
def slope_through_weights_eq_discriminator_slope(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any
) -> Conclusion:
    """The discriminator's gradient is that of L_GCL with mu~ differentiated. False: mu~ must be frozen."""
    through = _slope_through_weights(energy, sampler, data, log_normalizer, direction)
    return equal(through, _slope_of_discriminator(energy, sampler, data, log_normalizer, direction))


def _slope_of_self_consistent_loss(energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any) -> Any:
    """d/deps of E_p[E + eps d] + log Z*(E + eps d), where Z* keeps dL_D/dlogZ as it is (implicit function theorem)."""

    def stationarity(eps: Any, z: Any) -> Any:
        return gan.discriminator_gradient(energy + eps * direction, sampler, data, z).log_normalizer

    zero = scalars.constant(0, data)
    curvature = dual_gradient(lambda z: stationarity(zero, z), log_normalizer)
    moved = -dual_gradient(lambda eps: stationarity(eps, log_normalizer), zero) / curvature
    return (data * direction).sum(axis=-1) + moved


@claim("F-04b", source="finn2016; derived")
def self_consistent_slope_eq_normalized_curvature(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any
) -> Conclusion:
    """E_p[E] + log Z*(E) has the gradient p - (p + q) D (1 - D) / sum (p + q) D (1 - D).

    Along any direction d, and along every level set of dL_D/dlogZ, of which the optimal Z*(E) is one.
    """
    probability = gan.discriminator(energy, sampler, log_normalizer)
    share = (data + sampler) * probability * (1 - probability)
    expected = data - share / share.sum(axis=-1)
    slope = _slope_of_self_consistent_loss(energy, sampler, data, log_normalizer, direction)
    return equal(slope, (expected * direction).sum(axis=-1))


@claim("F-04b", assumes=[optimal_normalizer], source="finn2016", known_false=True)
def self_consistent_slope_eq_discriminator_slope(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any
) -> Conclusion:
    """The discriminator's gradient is that of E_p[E] + log Z*(E). False: Z* must not be differentiated either."""
    through = _slope_of_self_consistent_loss(energy, sampler, data, log_normalizer, direction)
    return equal(through, _slope_of_discriminator(energy, sampler, data, log_normalizer, direction))


def fair_coin() -> dict[str, Any]:
    """Weights 1 and 3, q = (1/2, 1/2), Z = 4, and the data for which that Z is optimal."""
    game = games.coin(own_normalizer=True)
    return game | {"data": _data_at_partition(game)}


def _data_at_partition(game: dict[str, Any]) -> Any:
    """Data on two outcomes that make the given Z optimal: one linear equation."""
    probability = gan.discriminator(game["energy"], game["sampler"], game["log_normalizer"])
    wanted = 1 - (game["sampler"] * probability).sum()
    first = (wanted - probability[1]) / (probability[0] - probability[1])
    return games.numbers(0, 1) + first * games.numbers(1, -1)


for _claim in (slope_through_weights_eq_discriminator_slope, self_consistent_slope_eq_discriminator_slope):
    _claim.fails_as_printed(fair_coin)
slope_through_weights_eq_data_minus_curvature.fails_without(optimal_normalizer)(games.coin)


# F-06, convexity -----------------------------------------------------------------------------------------------------


def _curvature(energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any) -> Any:
    """d2/deps2 of L_D along (E + eps d, log Z + eps), by dual numbers."""

    def slope(eps: Any) -> Any:
        gradient = gan.discriminator_gradient(energy + eps * direction, sampler, data, log_normalizer + eps)
        return (gradient.energy * direction).sum(axis=-1) + gradient.log_normalizer

    return dual_gradient(slope, scalars.constant(0, data))


@claim("F-06", source="derived")
def discriminator_curvature_eq_weighted_square(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any
) -> Conclusion:
    """Along (d, 1) the curvature of L_D is sum (p + q) D (1 - D) (d + 1)^2: jointly convex in (E, log Z)."""
    probability = gan.discriminator(energy, sampler, log_normalizer)
    expected = ((data + sampler) * probability * (1 - probability) * (direction + 1) ** 2).sum(axis=-1)
    return equal(_curvature(energy, sampler, data, log_normalizer, direction), expected)


# F-07, consistency ---------------------------------------------------------------------------------------------------


@claim("F-07", assumes=[data_is_model, normalizer_is_partition], source="finn2016; gutmann2010")
def discriminator_is_stationary_at_data_model(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, gradient: Any = gan.discriminator_gradient
) -> Conclusion:
    """Where p = p_theta and Z = Z_theta the discriminator's gradient vanishes, for every sampler.

    By F-06 it is the optimum: learning is consistent even if the sampler is poor, where the model is well specified.
    """
    slope = gradient(energy, sampler, data, log_normalizer).energy
    return equal(slope, 0 * slope)


@discriminator_is_stationary_at_data_model.fails_without(normalizer_is_partition)
def well_specified_coin_with_another_normalizer() -> dict[str, Any]:
    """p = p_theta, but Z = 2 where Z_theta = 4."""
    return games.coin(own_data=True)


@discriminator_is_stationary_at_data_model.fails_without(data_is_model)
def misspecified_coin() -> dict[str, Any]:
    """Z = Z_theta, but p = (1/3, 2/3) where p_theta = (1/4, 3/4)."""
    return games.coin(own_normalizer=True)


@claim("F-07b", assumes=[optimal_normalizer], source="finn2016", known_false=True)
def optimal_normalizer_eq_log_partition(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Conclusion:
    """The optimal Z is the partition function. False off the model: p~ is then not normalized."""
    return equal(log_normalizer, ebm.log_partition(energy))


def _biased_coin() -> dict[str, Any]:
    """Weights 1 and 3, q = (1/2, 1/2), and the data for which Z = 3 is optimal, where Z_theta = 4."""
    game = games.coin() | {"log_normalizer": scalars.log(games.numbers(3)[0])}
    return game | {"data": _data_at_partition(game)}


optimal_normalizer_eq_log_partition.fails_as_printed(_biased_coin)


@claim("F-07b", assumes=[optimal_normalizer, stationary_along_direction], source="finn2016", known_false=True)
def discriminator_optimum_eq_maximum_likelihood(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any
) -> Conclusion:
    """In a family E + theta d, the discriminator's optimum maximizes the likelihood. False where it is misspecified."""
    slope = (ebm.gradient(energy, data) * direction).sum(axis=-1)
    return equal(slope, 0 * slope)


@discriminator_optimum_eq_maximum_likelihood.fails_as_printed
def misspecified_family() -> dict[str, Any]:
    """Three outcomes, one parameter: a direction along which the discriminator loss is stationary, not the likelihood.

    Weights (1, 3, 2), q = (1/4, 1/4, 1/2), p close to (1/6, 1/3, 1/2), with its optimal Z.
    """
    game = games.die()
    for needed in (optimal_normalizer, stationary_along_direction):
        assert needed.establish is not None
        game = game | needed.establish(game)
    return game


# F-09, blind spots ---------------------------------------------------------------------------------------------------


@claim("F-09", source="derived")
def discriminator_loss_is_flat_where_sampler_is_zero(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, loss: Any = gan.discriminator_loss
) -> Conclusion:
    """Where q(x) = 0 the energy is not identified: D = 1 whatever E(x), and L_D does not change with it."""
    missed = scalars.zero_mask(sampler)
    shift = np.where(missed, scalars.log(0 * data + 3), 0 * data)
    before = loss(energy, sampler, data, log_normalizer)
    return equal(loss(energy + shift, sampler, data, log_normalizer), before)
