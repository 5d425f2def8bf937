"""Pieces that were written after the diagnosis and its library, which were not changed for them.

`mistake` is what a perfect diagnosis would say: the pair of known mistakes that explains a piece, or unknown. The
unknown ones are what people do on purpose, and forget: clipping, smoothing, regularizing, rescaling.
"""

import numpy as np
from scipy.special import expit, logsumexp, softmax

from equivalence.testing.museum.causal import gradient_by_adjoints, gradient_of_state_rewards
from equivalence.testing.museum.control import policy_of_advantages, values_by_logaddexp
from equivalence.testing.museum.passes import backups, by_action, log_of, log_sum, masks, messages, visits_of
from equivalence.testing.museum.paths import LISTED, gradient_by_listing, log_likelihood_by_messages
from equivalence.testing.museum.piece import Piece, collector
from equivalence.testing.museum.policies import occupancy_of_one_linear_system, value_forwards
from equivalence.testing.museum.spaces import (
    SMALL,
    guided_gradient_of_weights,
    law_by_pairs,
    loss_of_softplus,
    odds_of_densities,
    weights_of_densities,
)

PIECES: list[Piece] = []
wrong = collector(PIECES, held_out=True)


# Two known mistakes at once


@wrong("causal.gradient", gradient_by_adjoints, "opposite sign + no discount in the counts")
def loss_gradient_with_plain_counts(transition, initial, horizon, discount, reward, expert):
    """Model minus expert, the model's visits not discounted."""
    _, _, policies = backups(transition, initial, horizon, discount, reward)
    return visits_of(transition, initial, 1.0, policies) - expert


@wrong(
    "causal.gradient",
    gradient_of_state_rewards,
    "T+1 states counted + no discount in the policy",
    reward_axes="s",
    terminal=False,
)
def undiscounted_policy_and_a_state_too_many(transition, initial, horizon, discount, reward, expert):
    """A policy of the undiscounted problem, and s_T counted with gamma^T."""
    _, _, policies = backups(transition, initial, horizon, 1.0, by_action(reward, transition))
    mu, visits = initial, initial.copy()
    for t, pi in enumerate(policies):
        mu = np.einsum("s,sa,sax->x", mu, pi, transition)
        visits += discount ** (t + 1) * mu
    return expert - visits


@wrong("causal.gradient", gradient_by_adjoints, "first policy for every step + hard maximum")
def stationary_policy_of_hard_values(transition, initial, horizon, discount, reward, expert):
    """Value iteration, and one softmax of its first Q for the whole episode."""
    available, _ = masks(transition)
    q = np.where(available, reward, -np.inf)
    for _ in range(horizon - 1):
        v = np.where(available.any(axis=1), q.max(axis=1), 0)
        q = np.where(available, reward + discount * transition @ v, -np.inf)
    safe = np.where(available.any(axis=1)[:, None], q, 0)
    policy = np.where(available, softmax(safe, axis=1), 0)
    return expert - visits_of(transition, initial, discount, [policy] * horizon)


@wrong(
    "causal.gradient",
    gradient_by_adjoints,
    "temperature ignored + not divided by the temperature",
    temperature=True,
)
def temperature_never_used(transition, initial, horizon, discount, reward, expert, temperature):
    """The temperature is accepted and never used."""
    return gradient_by_adjoints(transition, initial, horizon, discount, reward, expert)


@wrong("soft_solution.v", values_by_logaddexp, "no discount in the policy + hard maximum")
def longest_path_values(transition, initial, horizon, discount, reward):
    """Plain dynamic programming without a discount."""
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        q = np.where(available, reward + transition @ v[0], -np.inf)
        v.insert(0, np.where(terminal, 0, q.max(axis=1)))
    return np.array(v)


@wrong("maxent.gradient", gradient_by_listing, "Ziebart's forward pass + no discount in the counts", **LISTED)
def two_passes_and_plain_counts(transition, initial, horizon, discount, reward, expert):
    """The classic two-pass algorithm, whose visits are not discounted although returns are."""
    rows, exponents = messages(transition, horizon, discount, reward)
    policies = [
        np.exp(exponent + after - here[:, None, None]).sum(axis=2)
        for exponent, here, after in zip(exponents, rows, rows[1:], strict=False)
    ]
    return expert - visits_of(transition, initial, 1.0, policies)


@wrong(
    "gcl.gradient",
    guided_gradient_of_weights,
    "opposite sign + weights of the sampler alone",
    full_support=True,
    **SMALL,
)
def reward_gradient_with_plain_weights(energy, sampler, data, log_normalizer):
    """The gradient to a reward, with weights for samples of q alone."""
    return softmax(log_of(data + sampler) - energy - log_of(sampler)) - data


@wrong("gan.discriminator", odds_of_densities, "labels swapped + log Z missing", full_support=True, **SMALL)
def probability_of_a_sample_without_log_z(energy, sampler, log_normalizer):
    """D of the learner, and no log Z."""
    return expit(energy + np.log(sampler))


@wrong(
    "occupancy",
    occupancy_of_one_linear_system,
    "initial distribution ignored + normalized by the discounted horizon",
)
def frequencies_from_uniform_starts(transition, initial, horizon, discount, policy):
    """Discounted frequencies from uniform starts."""
    start = np.full(len(initial), 1 / len(initial))
    return visits_of(transition, start, discount, policy) / sum(discount**t for t in range(horizon))


@wrong("policy_value", value_forwards, "no discount in the policy + entropy added")
def soft_return_of_episodes(transition, initial, horizon, discount, reward, policy):
    """The return with the entropy bonus, undiscounted, as a training log shows it."""
    bonus = -np.log(np.where(policy > 0, policy, 1))
    v = [np.zeros(len(initial))]
    for t in reversed(range(horizon)):
        v.insert(0, (policy[t] * (reward + bonus[t] + transition @ v[0])).sum(axis=1))
    return np.array(v)


# What no known mistake explains


@wrong("soft_solution.v", values_by_logaddexp, "unknown")
def values_clipped(transition, initial, horizon, discount, reward):
    """Values are clipped to [-5, 5] against overflow."""
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v[0], -np.inf)
        v.insert(0, np.where(terminal, 0, np.clip(log_sum(q, 1), -5, 5)))
    return np.array(v)


@wrong("soft_solution.policy", policy_of_advantages, "unknown")
def policy_that_explores(transition, initial, horizon, discount, reward):
    """A tenth of the probability is spread evenly over actions, an exploration that stayed on."""
    available, _ = masks(transition)
    _, _, policy = backups(transition, initial, horizon, discount, reward)
    return 0.9 * policy + 0.1 * available / np.maximum(available.sum(axis=1, keepdims=True), 1)


@wrong("causal.gradient", gradient_by_adjoints, "unknown")
def gradient_with_weight_decay(transition, initial, horizon, discount, reward, expert):
    """The gradient of a likelihood with an L2 penalty on the reward."""
    return gradient_by_adjoints(transition, initial, horizon, discount, reward, expert) - 0.01 * reward


@wrong("causal.gradient", gradient_by_adjoints, "unknown")
def gradient_of_a_rescaled_reward(transition, initial, horizon, discount, reward, expert):
    """The reward is scaled to [-1, 1] before the backward pass."""
    largest = np.abs(reward).max()
    _, _, policies = backups(transition, initial, horizon, discount, reward / (largest if largest else 1))
    return expert - visits_of(transition, initial, discount, policies)


@wrong("gan.discriminator_loss", loss_of_softplus, "unknown", full_support=True)
def loss_of_smooth_labels(energy, sampler, data, log_normalizer):
    """The label of data is .9."""
    logit = -energy - log_normalizer - np.log(sampler)
    real = 0.9 * np.logaddexp(0, -logit) + 0.1 * np.logaddexp(0, logit)
    return data @ real + sampler @ np.logaddexp(0, logit)


@wrong("gan.discriminator", odds_of_densities, "unknown", full_support=True, **SMALL)
def discriminator_of_clipped_densities(energy, sampler, log_normalizer):
    """The density is kept above .25 so that its log stays small."""
    return expit(-energy - log_normalizer - np.log(np.maximum(sampler, 0.25)))


@wrong("gcl.importance_weights", weights_of_densities, "unknown", **SMALL)
def weights_truncated(energy, sampler, log_normalizer):
    """Weights are truncated at 1.5, which lowers their variance and biases them."""
    return np.minimum(weights_of_densities(energy, sampler, log_normalizer), 1.5)


@wrong("ebm.law", law_by_pairs, "unknown")
def law_at_another_temperature(energy):
    """exp(-E / 2): a temperature that nobody asked for."""
    return softmax(-energy / 2)


@wrong("maxent.log_likelihood", log_likelihood_by_messages, "unknown")
def log_likelihood_of_a_step(transition, initial, horizon, discount, reward, expert):
    """The mean reward of a step minus log Z of whole trajectories."""
    rows, _ = messages(transition, horizon, discount, reward)
    return np.vdot(expert, reward) / horizon - logsumexp(np.where(initial > 0, rows[0], -np.inf), b=initial)
