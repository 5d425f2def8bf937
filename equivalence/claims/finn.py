"""Finn, Christiano, Abbeel and Levine (2016) on a finite space.

Notation, as in `equivalence.objectives.gan` and `gcl`: energy E, sampler q, data p, a free scalar Z;
p~ = e^-E / Z, the model p_theta = e^-E / Z_theta, D = p~ / (p~ + q), mu = (p + q) / 2, mu~ = (p~ + q) / 2.
All losses are sums over two expectations.
"""

from typing import Any

from equivalence.claims import games
from equivalence.claims.assumptions import (
    data_is_model,
    normalizer_is_partition,
    optimal_normalizer,
    sampler_is_model,
)
from equivalence.claims.claim import Conclusion, claim, equal
from equivalence.objectives import ebm, gan, gcl
from equivalence.objectives.divergences import kl, shannon_entropy
from mdps import scalars
from mdps.scalars.duals import gradient as dual_gradient

SOURCE = "finn2016"


def _unnormalized(energy: Any, log_normalizer: Any) -> Any:
    """p~(x) = e^-E(x) / Z."""
    return scalars.exp(-energy - log_normalizer)


# F-01, the discriminator -----------------------------------------------------------------------------------------


@claim("F-01", source=SOURCE)
def discriminator_eq_density_ratio(
    energy: Any, sampler: Any, log_normalizer: Any, *, discriminator: Any = gan.discriminator
) -> Conclusion:
    """The discriminator is the model's share of the mixture: D (p~ + q) = p~.

    D = sigmoid(-E - log Z - log q) = (e^-E/Z) / (e^-E/Z + q), for every energy, sampler and Z.
    """
    model = _unnormalized(energy, log_normalizer)
    return equal(discriminator(energy, sampler, log_normalizer) * (model + sampler), model)


# F-03, the normalizer --------------------------------------------------------------------------------------------


def _importance_estimate(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    """Z^ = E_mu[e^-E / mu~], the importance-sampled partition function."""
    model = _unnormalized(energy, log_normalizer)
    return ((data + sampler) * scalars.exp(-energy) / (model + sampler)).sum(axis=-1)


@claim("F-03", source=SOURCE)
def normalizer_gradient_eq_one_minus_importance_estimate_over_normalizer(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, gradient: Any = gan.discriminator_gradient
) -> Conclusion:
    """Z dL_D/dlogZ = Z - Z^, where Z^ = E_mu[e^-E / mu~] is the importance-sampled partition function.

    True for every Z: so Z is stationary exactly where it equals its own importance-sampling estimate.
    """
    normalizer = scalars.exp(log_normalizer)
    estimate = _importance_estimate(energy, sampler, data, log_normalizer)
    return equal(gradient(energy, sampler, data, log_normalizer).log_normalizer * normalizer, normalizer - estimate)


@claim("F-03", assumes=[optimal_normalizer], source=SOURCE)
def optimal_normalizer_eq_importance_estimate(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Conclusion:
    """At the optimal Z, Z = E_mu[e^-E / mu~]: the paper's estimate of the partition function, as a fixed point."""
    return equal(scalars.exp(log_normalizer), _importance_estimate(energy, sampler, data, log_normalizer))


def true_mixture_weights(energy: Any, sampler: Any, data: Any) -> Any:
    """e^-E / mu with the true mixture mu = (p + q) / 2 as the importance density, where mu > 0; else 0."""
    both = (data + sampler) / 2
    covered = ~scalars.zero_mask(both)
    return scalars.over(covered, lambda e, m: scalars.exp(-e) / m, energy, both, otherwise=scalars.constant(0, both))


@claim("F-03a", source=SOURCE)
def true_mixture_estimate_eq_partition(
    energy: Any, sampler: Any, data: Any, *, weights: Any = true_mixture_weights
) -> Conclusion:
    """With the true mixture in the denominator the estimate is exact: E_mu[e^-E / mu] = Z_theta where mu > 0.

    Both sides run over the support of mu.
    """
    both = (data + sampler) / 2
    covered = ~scalars.zero_mask(both)
    model = scalars.over(covered, lambda e: scalars.exp(-e), energy, otherwise=scalars.constant(0, both))
    return equal((both * weights(energy, sampler, data)).sum(axis=-1), model.sum(axis=-1))


@claim("F-03b", assumes=[normalizer_is_partition], source=SOURCE)
def normalizer_gradient_at_partition_eq_residual(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, gradient: Any = gan.discriminator_gradient
) -> Conclusion:
    """At Z = Z_theta, dL_D/dlogZ = -sum (p - p_theta) p_theta / (p_theta + q): Z_theta is optimal iff that is 0.

    This is the gap in 'the optimal Z is the partition function', which the fixed point does not imply.
    """
    model = ebm.law(energy)
    residual = ((data - model) * model / (model + sampler)).sum(axis=-1)
    return equal(gradient(energy, sampler, data, log_normalizer).log_normalizer, -residual)


@claim("F-03b", assumes=[normalizer_is_partition], source="finn2016; derived")
def newton_step_from_partition_eq_first_order_gap(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any
) -> Conclusion:
    """To first order log Z* - log Z_theta = sum (p - p_theta) w / sum (p + q) w (1 - w), w = p_theta / (p_theta + q).

    The right side is one Newton step on L_D from Z_theta; the left side takes the curvature from dual numbers.
    """
    model = ebm.law(energy)
    w = model / (model + sampler)

    def slope(z: Any) -> Any:
        return gan.discriminator_gradient(energy, sampler, data, z).log_normalizer

    curvature = dual_gradient(slope, log_normalizer)
    expected = ((data + sampler) * w * (1 - w)).sum(axis=-1)
    gap = ((data - model) * w).sum(axis=-1)
    return equal(-slope(log_normalizer) * expected, gap * curvature)


@claim("F-03c", assumes=[normalizer_is_partition, data_is_model], source=SOURCE)
def partition_is_optimal_when_data_is_model(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, gradient: Any = gan.discriminator_gradient
) -> Conclusion:
    """Where the model is well specified, p = p_theta, the partition function is the optimal Z for every sampler."""
    slope = gradient(energy, sampler, data, log_normalizer).log_normalizer
    return equal(slope, 0 * slope)


@claim("F-03d", assumes=[normalizer_is_partition, sampler_is_model], source=SOURCE)
def partition_is_optimal_when_sampler_is_model(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, gradient: Any = gan.discriminator_gradient
) -> Conclusion:
    """Where the sampler is the model, q = p_theta, the partition function is the optimal Z for every data."""
    slope = gradient(energy, sampler, data, log_normalizer).log_normalizer
    return equal(slope, 0 * slope)


# F-04, the gradient ----------------------------------------------------------------------------------------------


@claim("F-04", assumes=[optimal_normalizer], source=SOURCE)
def energy_gradient_of_discriminator_eq_gcl(
    energy: Any,
    sampler: Any,
    data: Any,
    log_normalizer: Any,
    *,
    discriminator_gradient: Any = gan.discriminator_gradient,
    gcl_gradient: Any = gcl.gradient,
) -> Conclusion:
    """At the optimal Z the discriminator's gradient is the importance-sampled MaxEnt IRL gradient, with factor 1.

    dL_D/dE = d/dE { E_p[E] + log E_mu[e^-E / mu~] } with mu~ frozen, for any p, q and E.
    """
    lhs = discriminator_gradient(energy, sampler, data, log_normalizer).energy
    return equal(lhs, gcl_gradient(energy, sampler, data, log_normalizer))


@claim("F-15", source="finn2016; derived")
def discriminator_gradient_gap_to_gcl(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Conclusion:
    """Off the optimal Z the two gradients differ by (p + q) D (1/K - 1), K = sum (p + q) D.

    Pointwise in x: an entry depends on the other outcomes through K alone, and with a second outcome K is as free as
    anything. So a proof for two outcomes is one for every n. K = 1 is the equation of the optimal Z.
    """
    probability = gan.discriminator(energy, sampler, log_normalizer)
    share = (data + sampler) * probability
    gap = share / share.sum(axis=-1) - share
    lhs = gan.discriminator_gradient(energy, sampler, data, log_normalizer).energy
    return equal(lhs - gcl.gradient(energy, sampler, data, log_normalizer), gap)


@claim("F-04c", source="finn2016; derived")
def discriminator_gradient_gap_to_likelihood_gradient(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any
) -> Conclusion:
    """The discriminator's gradient misses the exact MaxEnt gradient p - p_theta by p_theta - (p + q) D.

    So the paper's 'exactly the derivative of the IRL objective' holds for the importance-sampled surrogate alone.
    """
    lhs = gan.discriminator_gradient(energy, sampler, data, log_normalizer).energy
    exact = -ebm.gradient(energy, data)
    share = (data + sampler) * gan.discriminator(energy, sampler, log_normalizer)
    return equal(lhs - exact, ebm.law(energy) - share)


@claim("F-04d", assumes=[normalizer_is_partition, sampler_is_model], source="finn2016; derived")
def discriminator_gradient_eq_half_likelihood_gradient(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, gradient: Any = gan.discriminator_gradient
) -> Conclusion:
    """With the model as its own sampler, q = p_theta and Z = Z_theta, dL_D/dE = (p - p_theta) / 2."""
    return equal(-2 * gradient(energy, sampler, data, log_normalizer).energy, ebm.gradient(energy, data))


@claim("F-13", source=SOURCE)
def importance_weights_eq_twice_discriminator(
    energy: Any, sampler: Any, log_normalizer: Any, *, weights: Any = gcl.importance_weights
) -> Conclusion:
    """The importance weights e^-E / (Z mu~) are 2 D, for every Z: a direct check of code."""
    return equal(weights(energy, sampler, log_normalizer), 2 * gan.discriminator(energy, sampler, log_normalizer))


# F-05, the generator ---------------------------------------------------------------------------------------------


@claim("F-05", source=SOURCE)
def generator_loss_eq_log_odds_of_discriminator(
    energy: Any, sampler: Any, log_normalizer: Any, *, loss: Any = gan.generator_loss
) -> Conclusion:
    """The generator loss is E_q[log(1 - D) - log D], with D as the discriminator gives it."""
    probability = gan.discriminator(energy, sampler, log_normalizer)
    sampled = ~scalars.zero_mask(sampler)
    zero = scalars.constant(0, sampler)
    odds = scalars.over(
        sampled, lambda q, d: q * (scalars.log(1 - d) - scalars.log(d)), sampler, probability, otherwise=zero
    )
    return equal(loss(energy, sampler, log_normalizer), odds.sum(axis=-1))


@claim("F-05", source=SOURCE)
def generator_loss_eq_energy_plus_log_normalizer_minus_entropy(
    energy: Any, sampler: Any, log_normalizer: Any, *, loss: Any = gan.generator_loss
) -> Conclusion:
    """The generator minimizes E_q[E] - H(q), the MaxEnt policy objective, up to the constant log Z."""
    objective = (sampler * energy).sum(axis=-1) + log_normalizer - shannon_entropy(sampler)
    return equal(loss(energy, sampler, log_normalizer), objective)


@claim("F-05", source=SOURCE)
def generator_loss_eq_kl_to_model_plus_log_ratio(
    energy: Any, sampler: Any, log_normalizer: Any, *, loss: Any = gan.generator_loss
) -> Conclusion:
    """L_G = KL(q || p_theta) + log(Z / Z_theta): its minimum over samplers is the model, whatever Z."""
    divergence = kl(sampler, ebm.law(energy))
    return equal(loss(energy, sampler, log_normalizer), divergence + log_normalizer - ebm.log_partition(energy))


# Why each assumption is there ------------------------------------------------------------------------------------

for _claim in (optimal_normalizer_eq_importance_estimate, energy_gradient_of_discriminator_eq_gcl):
    _claim.fails_without(optimal_normalizer)(games.coin)
for _claim in (normalizer_gradient_at_partition_eq_residual, newton_step_from_partition_eq_first_order_gap):
    _claim.fails_without(normalizer_is_partition)(games.coin)


@partition_is_optimal_when_data_is_model.fails_without(normalizer_is_partition)
def well_specified_coin_with_another_normalizer() -> dict[str, Any]:
    """p = p_theta, but Z = 2 where Z_theta = 4."""
    return games.coin(own_data=True)


@partition_is_optimal_when_sampler_is_model.fails_without(normalizer_is_partition)
@discriminator_gradient_eq_half_likelihood_gradient.fails_without(normalizer_is_partition)
def self_sampling_coin_with_another_normalizer() -> dict[str, Any]:
    """q = p_theta, but Z = 2 where Z_theta = 4."""
    return games.coin(own_sampler=True)


@partition_is_optimal_when_data_is_model.fails_without(data_is_model)
@partition_is_optimal_when_sampler_is_model.fails_without(sampler_is_model)
@discriminator_gradient_eq_half_likelihood_gradient.fails_without(sampler_is_model)
def misspecified_coin() -> dict[str, Any]:
    """Z = Z_theta = 4, but neither p nor q is p_theta: Z_theta is not optimal, and the factor is not 1/2."""
    return games.coin(own_normalizer=True)
