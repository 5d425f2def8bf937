"""Targets on a finite space of outcomes."""

from typing import Any

import numpy as np

from equivalence.objectives import ebm, gan, gcl
from equivalence.objectives.space import inner
from equivalence.testing.targets.argument import FIXED
from equivalence.testing.targets.rows import members, row
from equivalence.testing.targets.spaces_divergences import DIVERGENCES
from equivalence.testing.targets.spaces_games import GAMES
from equivalence.testing.targets.spaces_models import MODELS
from equivalence.testing.targets.spaces_noise import NOISE
from equivalence.testing.targets.spaces_weights import WEIGHTS
from mdps import scalars

GAME = "energy sampler data log_normalizer"
BESIDE_LOGS = {"sampler": FIXED, "data": FIXED}  # they multiply logarithms of what is free


# Ways to write the same numbers down that lose digits where the discriminator is near 1.


def _gradient_from_discriminator(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    to_energy = data - (data + sampler) * gan.discriminator(energy, sampler, log_normalizer)
    return to_energy, to_energy.sum()


def _logs(energy: Any, sampler: Any, log_normalizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """log D and log(1 - D); 0 where q = 0, where either is multiplied by 0 or is 0."""
    discriminator = gan.discriminator(energy, sampler, log_normalizer)
    sampled, zero = ~scalars.zero_mask(sampler), scalars.constant(0, sampler)
    log_data = scalars.over(sampled, scalars.log, discriminator, otherwise=zero)
    return log_data, scalars.over(sampled, lambda d: scalars.log(1 - d), discriminator, otherwise=zero)


def _loss_from_discriminator(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    log_data, log_sample = _logs(energy, sampler, log_normalizer)
    return -inner(data, log_data) - inner(sampler, log_sample)


def _generator_loss_from_discriminator(energy: Any, sampler: Any, log_normalizer: Any) -> Any:
    log_data, log_sample = _logs(energy, sampler, log_normalizer)
    return inner(sampler, log_sample - log_data)


def _generator_loss_term_by_term(energy: Any, sampler: Any, log_normalizer: Any) -> Any:
    """log Z added last, where it may cancel what was added before."""
    sampled, zero = ~scalars.zero_mask(sampler), scalars.constant(0, sampler)
    log_sampler = scalars.over(sampled, scalars.log, sampler, otherwise=zero)
    return inner(sampler, log_sampler) + inner(sampler, energy) + log_normalizer


EBM = (
    row("ebm.log_partition", "energy", "", ebm.log_partition, "log Z = log sum_x exp(-E)"),
    row("ebm.law", "energy", "n", ebm.law, "exp(-E) / Z"),
    row("ebm.log_likelihood", "energy data", "", ebm.log_likelihood, "E_p[-E] - log Z", roles=BESIDE_LOGS),
    row("ebm.gradient", "energy data", "n", ebm.gradient, "d log-likelihood / dE = exp(-E) / Z - p"),
)
GAN = (
    row(
        "gan.discriminator",
        "energy sampler log_normalizer",
        "n",
        gan.discriminator,
        "D = e^-E/Z / (e^-E/Z + q), the probability of being data; 1 where q = 0",
    ),
    row(
        "gan.discriminator_loss",
        GAME,
        "",
        gan.discriminator_loss,
        "E_p[-log D] + E_q[-log(1 - D)], a sum of two terms and not a mean",
        roads=(_loss_from_discriminator,),
        roles=BESIDE_LOGS,
        mean="halves",
    ),
    *members(
        "gan.discriminator_gradient",
        GAME,
        (
            ("energy", "n", "dL_D/dE = p (1 - D) - q D, of a sum over outcomes and not of a mean"),
            ("log_normalizer", "", "dL_D/dlog Z = sum_x p (1 - D) - q D"),
        ),
        gan.discriminator_gradient,
        "dL_D/dE = p (1 - D) - q D, a sum over outcomes and not a mean, and its sum dL_D/dlog Z",
        roads=(_gradient_from_discriminator,),
        mean="halves",
    ),
    row(
        "gan.optimal_log_normalizer",
        "energy sampler data",
        "",
        gan.optimal_log_normalizer,
        "the log Z that minimizes L_D, the root of sum (p + q) D = 1; iterate until the last digits stand still "
        "(scipy.optimize.brentq: xtol=1e-300, rtol=1e-15)",
    ),
    row(
        "gan.generator_loss",
        "energy sampler log_normalizer",
        "",
        gan.generator_loss,
        "E_q[log(1 - D) - log D] = E_q[E + log Z + log q]",
        roads=(_generator_loss_from_discriminator, _generator_loss_term_by_term),
        roles=BESIDE_LOGS,
    ),
)
GCL = (
    row(
        "gcl.loss",
        GAME,
        "",
        gcl.loss,
        "E_p[E] + log E_mu[e^-E / mu~], mu = (p + q) / 2, mu~ = (e^-E/Z + q) / 2",
        roles=BESIDE_LOGS,
    ),
    row(
        "gcl.gradient",
        GAME,
        "n",
        gcl.gradient,
        "p - mu w / sum mu w with the weights w = e^-E/Z / mu~ frozen, mu = (p + q) / 2, mu~ = (e^-E/Z + q) / 2",
    ),
    row(
        "gcl.importance_weights",
        "energy sampler log_normalizer",
        "n",
        gcl.importance_weights,
        "w = e^-E/Z / mu~, mu~ = (e^-E/Z + q) / 2",
    ),
)

SPACES = (*EBM, *GAN, *GCL, *MODELS, *NOISE, *GAMES, *WEIGHTS, *DIVERGENCES)
