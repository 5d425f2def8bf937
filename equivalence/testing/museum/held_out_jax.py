"""Pieces in JAX that were written before anybody looked whether the diagnosis knows them, as in `as_written`."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import log_softmax, logsumexp, sigmoid, softmax, softplus

from equivalence.testing.museum.in_jax import (
    SMALL,
    backup,
    discriminator_loss,
    dual,
    dual_gradient,
    gradient_to_energy,
    guided_gradient,
    likelihood_gradient,
    masks,
    soft_policy,
    soft_values,
)
from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong, held = collector(PIECES, framework="jax"), collector(PIECES, framework="jax", held_out=True)


def log_likelihood(energy, data):
    """E_p[-E] - log Z."""
    return data @ log_softmax(-energy)


@wrong("gan.discriminator_gradient.energy", gradient_to_energy, "log(sampler + 1e-8)", **SMALL)
def gradient_with_safe_log(energy, sampler, data, log_normalizer):
    """jnp.log(q + 1e-8)."""

    def loss(e):
        logit = -e - log_normalizer - jnp.log(sampler + 1e-8)
        return data @ softplus(-logit) + sampler @ softplus(logit)

    return jax.grad(loss)(energy)


@wrong("gan.discriminator_loss", discriminator_loss, "D clipped to 1e-6", **SMALL)
def loss_of_clipped_probabilities(energy, sampler, data, log_normalizer):
    """D is kept within [1e-6, 1 - 1e-6]."""
    d = jnp.clip(sigmoid(-energy - log_normalizer - jnp.log(sampler)), 1e-6, 1 - 1e-6)
    return -data @ jnp.log(d) - sampler @ jnp.log(1 - d)


@wrong("soft_solution.v", soft_values, "single precision")
def values_of_a_single_precision_table(transition, initial, horizon, discount, reward):
    """The reward goes through float32 on its way."""
    return soft_values(transition, initial, horizon, discount, reward.astype(jnp.float32).astype(reward.dtype))


@held("causal.gradient", dual_gradient, "policies in reverse order")
def gradient_of_a_scan_that_was_not_reversed(transition, initial, horizon, discount, reward, expert):
    """lax.scan without reverse=True hands the policies out from the last to the first."""
    available, _ = masks(transition)

    def step(v, _):
        safe, v = backup(transition, discount, reward, v)
        return v, jnp.where(available, softmax(safe, axis=1), 0)

    _, policies = lax.scan(step, jnp.zeros_like(initial), None, length=horizon)

    def forward(carry, pi):
        mu, weight = carry
        return (jnp.einsum("s,sa,sax->x", mu, pi, transition), weight * discount), weight * mu[:, None] * pi

    _, visits = lax.scan(forward, (initial, 1.0), policies)
    return expert - visits.sum(axis=0)


@wrong("soft_solution.policy", soft_policy, "terminal states decide")
def policy_of_large_negative_masks(transition, initial, horizon, discount, reward):
    """Actions that are not there have Q = -1e9, which is the same in every entry of a terminal state."""
    available, terminal = masks(transition)

    def step(v, _):
        q = jnp.where(available, reward + discount * transition @ v, -1e9)
        return jnp.where(terminal, 0, logsumexp(q, axis=1)), softmax(q, axis=1)

    return lax.scan(step, jnp.zeros_like(initial), None, length=horizon, reverse=True)[1]


@held("gcl.gradient", guided_gradient, "opposite sign + weights differentiated through", **SMALL)
def ascent_through_the_weights(energy, sampler, data, log_normalizer):
    """The gradient of minus the loss, without stop_gradient."""

    def value(e):
        log_mixture = jnp.logaddexp(-e - log_normalizer, jnp.log(sampler))
        return -(data @ e + logsumexp(jnp.log(data + sampler) - e - log_mixture))

    return jax.grad(value)(energy)


@held("gan.discriminator_loss", discriminator_loss, "mean over outcomes", **SMALL)
def loss_averaged_over_outcomes(energy, sampler, data, log_normalizer):
    """jnp.mean over outcomes that already carry weights."""
    logit = -energy - log_normalizer - jnp.log(sampler)
    return jnp.mean(data * softplus(-logit) + sampler * softplus(logit))


@held("ebm.gradient", likelihood_gradient, "unknown")
def gradient_to_the_wrong_argument(energy, data):
    """argnums=1: the gradient to the data."""
    return jax.grad(lambda e, p: p @ log_softmax(-e), argnums=1)(energy, data)


@held("causal.gradient", dual_gradient, "opposite sign + no discount at all")
def gradient_of_an_undiscounted_loss(transition, initial, horizon, discount, reward, expert):
    """grad of a loss whose values forgot gamma; the expert's visits are discounted."""
    return -jax.grad(dual)(reward, transition, initial, horizon, 1.0, expert)


@held("soft_solution.v", soft_values, "no discount in the policy + log mean exp")
def values_of_means_undiscounted(transition, initial, horizon, discount, reward):
    """jnp.log(jnp.mean(jnp.exp(q))), and no gamma."""
    available, terminal = masks(transition)
    rows = [jnp.zeros_like(initial)]
    for _ in range(horizon):
        q = jnp.where(available, reward + transition @ rows[0], -jnp.inf)
        q = jnp.where(terminal[:, None], 0, q)
        number = jnp.maximum(available.sum(axis=1), 1)
        rows.insert(0, jnp.where(terminal, 0, logsumexp(q, axis=1) - jnp.log(number)))
    return jnp.stack(rows)


@held("ebm.log_likelihood", log_likelihood, "log(model + 1e-10)", largest_energy=10)
def likelihood_of_safe_logs(energy, data):
    """jnp.log(softmax(-E) + 1e-10)."""
    return data @ jnp.log(softmax(-energy) + 1e-10)
