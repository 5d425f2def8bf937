"""Responses: rewards held near a reference, preferences with and without a reward."""

import numpy as np
from scipy.special import expit, softmax

from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES)
held_out = collector(PIECES, held_out=True)


# Right twins


def log_ratio(policy, reference):
    """log(pi / ref), 0 where the policy is 0."""
    taken = policy > 0
    return np.log(np.where(taken, policy, 1)) - np.log(np.where(taken, reference, 1))


def tilted_reference(reward, reference, alpha):
    """ref e^(r / alpha) over its sum."""
    top = np.where(reference > 0, reward, reward.min()).max(axis=1, keepdims=True)
    weight = reference * np.exp(np.where(reference > 0, reward - top, 0) / alpha)
    return weight / weight.sum(axis=1, keepdims=True)


def reward_less_divergence(reward, policy, reference, alpha):
    """E_pi[r - alpha log(pi / ref)]."""
    return np.sum(policy * (reward - alpha * log_ratio(policy, reference)), axis=1)


def slope_of_advantages(reward, policy, reference, alpha):
    """pi (A - E_pi A)."""
    advantage = reward - alpha * log_ratio(policy, reference)
    return policy * (advantage - np.sum(policy * advantage, axis=1, keepdims=True))


def margins_of(logits, reference, alpha):
    """alpha times the difference of log ratios, [x, w, l]."""
    score = alpha * (logits - np.log(reference))
    return score[:, :, None] - score[:, None, :]


def preference_loss(logits, reference, comparisons, alpha):
    """sum c log(1 + e^-m)."""
    return np.sum(comparisons * np.logaddexp(0, -margins_of(logits, reference, alpha)))


def surprise_slope(surprise):
    """How often each lost by surprise less how often it won."""
    return surprise.sum(axis=1) - surprise.sum(axis=2)


def preference_gradient(logits, reference, comparisons, alpha):
    """alpha times lost less won by surprise."""
    return alpha * surprise_slope(comparisons * expit(-margins_of(logits, reference, alpha)))


def comparison_loss(reward, comparisons):
    """sum c log(1 + e^(r(l) - r(w)))."""
    return np.sum(comparisons * np.log1p(np.exp(reward[:, None, :] - reward[:, :, None])))


def comparison_gradient(reward, comparisons):
    """Lost less won by surprise."""
    return surprise_slope(comparisons / (1 + np.exp(reward[:, :, None] - reward[:, None, :])))


# A reward and a reference


@wrong("rlhf.optimum.policy", tilted_reference, "reference ignored", largest_energy=10)
def softmax_of_rewards(reward, reference, alpha):
    """softmax(r / alpha): the reference does not count."""
    return softmax(reward / alpha, axis=1)


@wrong("rlhf.optimum.policy", tilted_reference, "temperature inverted", largest_energy=10)
def rewards_times_temperature(reward, reference, alpha):
    """ref exp(alpha r): the temperature is taken for its inverse."""
    return tilted_reference(reward, reference, 1 / alpha)


@wrong("rlhf.optimum.policy", tilted_reference, "reference ignored + temperature inverted", largest_energy=10)
def softmax_of_multiplied_rewards(reward, reference, alpha):
    """softmax(alpha r): neither the reference nor the right temperature."""
    return softmax(alpha * reward, axis=1)


@wrong("rlhf.value", reward_less_divergence, "reference ignored")
def entropy_for_divergence(reward, policy, reference, alpha):
    """An entropy bonus in place of the divergence from the reference."""
    entropy = -np.sum(policy * np.log(np.where(policy > 0, policy, 1)), axis=1)
    return np.sum(policy * reward, axis=1) + alpha * entropy


@wrong("rlhf.value", reward_less_divergence, "divergence added")
def divergence_as_bonus(reward, policy, reference, alpha):
    """The divergence is added to the reward, and drives the policy away from the reference."""
    return np.sum(policy * (reward + alpha * log_ratio(policy, reference)), axis=1)


@wrong("rlhf.gradient", slope_of_advantages, "divergence left out")
def penalty_detached(reward, policy, reference, alpha):
    """The penalty is computed, and detached from the policy: the gradient of the reward alone."""
    return policy * (reward - np.sum(policy * reward, axis=1, keepdims=True))


@wrong("rlhf.gradient", slope_of_advantages, "baseline added")
def baseline_of_the_wrong_sign(reward, policy, reference, alpha):
    """The value is added to the advantage in place of subtracted."""
    advantage = reward - alpha * log_ratio(policy, reference)
    return policy * (advantage + np.sum(policy * advantage, axis=1, keepdims=True))


@wrong("rlhf.gradient", slope_of_advantages, "unknown")
def rewards_whitened(reward, policy, reference, alpha):
    """Rewards are centred and divided by 1 + their spread before anything else."""
    white = (reward - reward.mean()) / (1 + reward.max() - reward.min())
    return slope_of_advantages(white, policy, reference, alpha)


# Preferences


@wrong("dpo.loss", preference_loss, "reference ignored")
def loss_without_the_reference(logits, reference, comparisons, alpha):
    """Margins of log-probabilities alone."""
    return preference_loss(logits, np.ones_like(reference), comparisons, alpha)


@wrong("dpo.loss", preference_loss, "mean over prompts", 25)
def mean_over_prompts(logits, reference, comparisons, alpha):
    """A mean over prompts of what is a law over prompts already."""
    return preference_loss(logits, reference, comparisons, alpha) / len(logits)


@wrong("dpo.loss", preference_loss, "temperature on the policy alone")
def reference_not_tempered(logits, reference, comparisons, alpha):
    """alpha multiplies the policy's log-probabilities and not the reference's."""
    return preference_loss(alpha * logits, reference, comparisons, 1.0)


@wrong("dpo.loss", preference_loss, "winner and loser swapped", 18)
def loser_preferred(logits, reference, comparisons, alpha):
    """Chosen and rejected have changed places."""
    return np.sum(comparisons * np.logaddexp(0, margins_of(logits, reference, alpha)))


@wrong("dpo.gradient", preference_gradient, "reference ignored")
def gradient_without_the_reference(logits, reference, comparisons, alpha):
    """Surprise by the policy, whatever the reference."""
    score = alpha * logits
    surprise = comparisons * expit(score[:, None, :] - score[:, :, None])
    return alpha * surprise_slope(surprise)


@wrong("dpo.gradient", preference_gradient, "temperature of the chain rule missing")
def slope_without_temperature(logits, reference, comparisons, alpha):
    """alpha is in the margin, and not before the sum."""
    return surprise_slope(comparisons * expit(-margins_of(logits, reference, alpha)))


@wrong("dpo.gradient", preference_gradient, "reference ignored + temperature on the policy alone")
def slope_of_plain_margins(logits, reference, comparisons, alpha):
    """Neither the reference nor the temperature of the chain rule."""
    score = alpha * logits
    return surprise_slope(comparisons * expit(score[:, None, :] - score[:, :, None]))


@wrong("dpo.loss", preference_loss, "unknown")
def labels_smoothed(logits, reference, comparisons, alpha):
    """A tenth of the labels is taken to be wrong."""
    margin = margins_of(logits, reference, alpha)
    return np.sum(comparisons * (0.9 * np.logaddexp(0, -margin) + 0.1 * np.logaddexp(0, margin)))


@wrong("bradley_terry.loss", comparison_loss, "winner and loser swapped", 18, largest_energy=100)
def loser_rewarded(reward, comparisons):
    """The rejected response is pushed up."""
    return np.sum(comparisons * np.log1p(np.exp(reward[:, :, None] - reward[:, None, :])))


@wrong("bradley_terry.gradient", comparison_gradient, "loser detached", largest_energy=100)
def winners_alone(reward, comparisons):
    """The loser's reward is detached: only winners move."""
    surprise = comparisons / (1 + np.exp(reward[:, :, None] - reward[:, None, :]))
    return -surprise.sum(axis=2)


@wrong("bradley_terry.loss", comparison_loss, "unknown", largest_energy=100)
def hinge_of_preferences(reward, comparisons):
    """max(0, 1 - m) in place of log(1 + e^-m): a ranking loss, and no likelihood."""
    return np.sum(comparisons * np.maximum(0, 1 - reward[:, :, None] + reward[:, None, :]))


# Written after the library of known mistakes, which was not changed for them


@held_out("rlhf.value", reward_less_divergence, "divergence added + temperature inverted")
def bonus_over_temperature(reward, policy, reference, alpha):
    """The divergence is added, and divided by the temperature."""
    return np.sum(policy * (reward + log_ratio(policy, reference) / alpha), axis=1)


@held_out("rlhf.gradient", slope_of_advantages, "unknown")
def ratios_clipped(reward, policy, reference, alpha):
    """Log ratios are clipped to [-.5, .5] before they are subtracted."""
    advantage = reward - alpha * np.clip(log_ratio(policy, reference), -0.5, 0.5)
    return policy * (advantage - np.sum(policy * advantage, axis=1, keepdims=True))


@held_out("dpo.gradient", preference_gradient, "opposite sign + winner and loser swapped")
def ascent_for_the_loser(logits, reference, comparisons, alpha):
    """The gradient of the likelihood of rejected responses."""
    return -preference_gradient(logits, reference, np.swapaxes(comparisons, 1, 2), alpha)


@held_out("dpo.loss", preference_loss, "unknown")
def squares_of_margins(logits, reference, comparisons, alpha):
    """(m - 1/2)^2 in place of log(1 + e^-m): another objective of preferences."""
    return np.sum(comparisons * (margins_of(logits, reference, alpha) - 0.5) ** 2)


@held_out("bradley_terry.gradient", comparison_gradient, "unknown")
def wins_by_a_margin(reward, comparisons):
    """A win counts only by a margin of 1."""
    return surprise_slope(comparisons / (1 + np.exp(reward[:, :, None] - reward[:, None, :] - 1)))
