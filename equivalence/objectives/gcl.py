"""Importance-sampled maximum entropy IRL: guided cost learning, in the form that Finn et al. (2016) compare with a GAN.

The partition function of an energy E is estimated from the mixture mu = (p + q) / 2 of data and samples, with weights
whose denominator replaces the unknown p by the model's own density p~ = e^-E / Z,

    mu~(x)  = (e^-E(x)/Z + q(x)) / 2
    L_GCL   = E_p[E] + log E_mu[e^-E / mu~]
    w(x)    = e^-E(x) / (Z mu~(x)) = 2 D(x)                              importance weights, D the discriminator
    dL_GCL/dE(x) = p(x) - mu(x) w(x) / sum mu w                          mu~ frozen

The weights are not differentiated: mu~ is a density that happens to be known, not a function to descend.

With the sampler alone, or the true mixture mu in the denominator, the same estimate is unbiased: `proposals` has the
three kinds of weights, what each converges to, and proposals without variance; `estimators` has the exact mean, bias
and variance of the estimates from N samples.
Source: finn2016; finn2016gcl.
"""

from typing import Any

import numpy as np

from equivalence.objectives.space import checked, inner
from mdps import InvalidArgument, scalars
from mdps.arguments import numbers


def log_mixture(energy: Any, sampler: Any, log_normalizer: Any) -> np.ndarray:
    """log(2 mu~(x)) = log(e^-E(x)/Z + q(x)), [..., n]; the 2 cancels against that of mu = (p + q) / 2."""
    energy, sampler, log_normalizer = checked(energy=energy, sampler=sampler, log_normalizer=log_normalizer)
    return _log_mixture(energy, sampler, log_normalizer)


def _log_mixture(energy: np.ndarray, sampler: np.ndarray, log_normalizer: np.ndarray) -> np.ndarray:
    log_model, log_sampler = np.broadcast_arrays(-energy - log_normalizer[..., None], scalars.log(sampler))
    exists = np.stack(np.broadcast_arrays(True, ~scalars.zero_mask(sampler)), axis=-1)
    return scalars.logsumexp(np.stack([log_model, log_sampler], axis=-1), where=exists)


def importance_weights(energy: Any, sampler: Any, log_normalizer: Any) -> np.ndarray:
    """w(x) = e^-E(x) / (Z mu~(x)), [..., n]; twice the discriminator."""
    energy, sampler, log_normalizer = checked(energy=energy, sampler=sampler, log_normalizer=log_normalizer)
    return 2 * scalars.exp(-energy - log_normalizer[..., None] - _log_mixture(energy, sampler, log_normalizer))


def _log_terms(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, log_mixture: Any
) -> tuple[np.ndarray, np.ndarray]:
    """log(mu e^-E / mu~) = log(2 mu) - E - log(2 mu~), and where mu > 0."""
    if log_mixture is None:
        mixture = _log_mixture(energy, sampler, log_normalizer)
    else:
        mixture = numbers("log_mixture", log_mixture, scalars.level_of(energy))
        if mixture.shape[-1:] != energy.shape[-1:]:
            raise InvalidArgument(f"log_mixture has shape {mixture.shape}; expected that of energy, {energy.shape}")
    exists = ~scalars.zero_mask(data + sampler)
    return scalars.log(data + sampler) - energy - mixture, exists


def loss(energy: Any, sampler: Any, data: Any, log_normalizer: Any, *, log_mixture: Any = None) -> Any:
    """L_GCL = E_p[E] + log E_mu[e^-E / mu~], in nats; minimized.

    log_mixture  log(2 mu~) [..., n] to be used in place of that of this energy: frozen weights.
    """
    energy, sampler, data, log_normalizer = checked(
        energy=energy, sampler=sampler, data=data, log_normalizer=log_normalizer
    )
    terms, exists = _log_terms(energy, sampler, data, log_normalizer, log_mixture)
    return inner(data, energy) + scalars.logsumexp(terms, where=exists)


def gradient(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> np.ndarray:
    """dL_GCL/dE(x) = p(x) - mu(x) w(x) / sum mu w with frozen weights, [..., n]."""
    energy, sampler, data, log_normalizer = checked(
        energy=energy, sampler=sampler, data=data, log_normalizer=log_normalizer
    )
    terms, exists = _log_terms(energy, sampler, data, log_normalizer, None)
    return data - scalars.log_normalized(terms, where=exists)[1]
