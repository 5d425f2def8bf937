"""Pieces in torch that were written before anybody looked whether the diagnosis knows them, as in `as_written`."""

import torch
from torch.nn import functional

from equivalence.testing.museum.in_torch import (
    SMALL,
    backup,
    causal_gradient,
    discriminator_loss,
    gradient_to_energy,
    guided_gradient,
    log_likelihood,
    log_mixture,
    occupancy,
    soft_policies,
)
from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong, held = collector(PIECES, framework="torch"), collector(PIECES, framework="torch", held_out=True)


def kl(data, sampler):
    """sum p log(p / q)."""
    return torch.special.xlogy(data, data).sum() - torch.special.xlogy(data, sampler).sum()


@held("divergences.kl", kl, "data and samples swapped + mean over outcomes", full_support=True)
def kl_div_of_the_other_order(data, sampler):
    """kl_div(log p, q) is KL(q || p), and its default is the mean over entries."""
    return functional.kl_div(data.log(), sampler, reduction="none").mean()


@wrong("ebm.log_likelihood", log_likelihood, "softmax twice")
def likelihood_of_probabilities(energy, data):
    """cross_entropy takes logits, and was given probabilities."""
    return -functional.cross_entropy(torch.softmax(-energy, dim=0), data)


@held("soft_solution.policy", soft_policies, "softmax over states", terminal=False, unavailable=False)
def softmax_over_dim_0(transition, initial, horizon, discount, reward):
    """dim=0 is that of states."""
    values, found = torch.zeros_like(initial), []
    for _ in range(horizon):
        q, values = backup(transition, discount, reward, values)
        found.append(torch.softmax(q, dim=0))
    return torch.stack(found[::-1])


@wrong("causal.gradient", causal_gradient, "single precision")
def gradient_in_single_precision(transition, initial, horizon, discount, reward, expert):
    """.float() on everything, .double() on the answer."""
    found = causal_gradient(transition.float(), initial.float(), horizon, discount, reward.float(), expert.float())
    return found.double()


@held("causal.gradient", causal_gradient, "first step alone")
def values_are_detached(transition, initial, horizon, discount, reward, expert):
    """Targets are detached, as in Q-learning: the gradient sees the first decision alone."""
    reward = reward.clone().requires_grad_()
    values = torch.zeros_like(initial)
    for _ in range(horizon):
        _, values = backup(transition, discount, reward, values.detach())
    return torch.autograd.grad((expert * reward).sum() - initial @ values, reward)[0]


@wrong("gan.discriminator_loss", discriminator_loss, "half + mean over outcomes", full_support=True)
def mean_of_concatenated_logits(energy, sampler, data, log_normalizer):
    """One batch of logits with weights, and the default reduction, which divides by their number."""
    logit = -energy - log_normalizer - sampler.log()
    both, labels = torch.cat([logit, logit]), torch.cat([torch.ones_like(logit), torch.zeros_like(logit)])
    return functional.binary_cross_entropy_with_logits(both, labels, weight=torch.cat([data, sampler]))


@wrong("gan.discriminator_gradient.energy", gradient_to_energy, "log(D + 1e-8)", **SMALL)
def gradient_of_safe_logs(energy, sampler, data, log_normalizer):
    """log(D + 1e-8) and log(1 - D + 1e-8)."""
    energy = energy.clone().requires_grad_()
    d = torch.sigmoid(-energy - log_normalizer - sampler.log())
    loss = -data @ torch.log(d + 1e-8) - sampler @ torch.log(1 - d + 1e-8)
    return torch.autograd.grad(loss, energy)[0]


@held("gan.discriminator_gradient.energy", gradient_to_energy, "labels swapped + mean over outcomes", **SMALL)
def gradient_of_flipped_means(energy, sampler, data, log_normalizer):
    """Swapped labels, and the mean over outcomes."""
    energy = energy.clone().requires_grad_()
    logit = -energy - log_normalizer - sampler.log()
    loss = (data * functional.softplus(logit)).mean() + (sampler * functional.softplus(-logit)).mean()
    return torch.autograd.grad(loss, energy)[0]


@held("occupancy", occupancy, "counts discounted once more", policy_axes="sa")
def weights_of_cumprod(transition, initial, horizon, discount, policy):
    """cumprod of gammas starts at gamma."""
    weights = torch.cumprod(torch.full((horizon,), discount, dtype=policy.dtype), dim=0)
    visits, mu = torch.zeros_like(policy), initial
    for weight in weights:
        visits = visits + weight * mu[:, None] * policy
        mu = torch.einsum("s,sa,sax->x", mu, policy, transition)
    return visits


@held("gan.discriminator_loss", discriminator_loss, "density of the sampler missing + half", full_support=True)
def bce_of_two_batches(energy, sampler, data, log_normalizer):
    """A GAN's loss: the logit knows no density, and the two batches are averaged."""
    logit = -energy - log_normalizer
    real = functional.binary_cross_entropy_with_logits(logit, torch.ones_like(logit), weight=data, reduction="sum")
    fake = functional.binary_cross_entropy_with_logits(logit, torch.zeros_like(logit), weight=sampler, reduction="sum")
    return (real + fake) / 2


@held("gcl.gradient", guided_gradient, "unknown", **SMALL)
def gradient_of_clipped_weights(energy, sampler, data, log_normalizer):
    """Weights are clamped to 1."""
    energy = energy.clone().requires_grad_()
    frozen = torch.clamp(
        energy.detach() * 0 + (-energy.detach() - log_mixture(energy.detach(), sampler, log_normalizer)), max=-0.5
    )
    loss = data @ energy + torch.logsumexp((data + sampler).log() - energy + energy.detach() + frozen, dim=0)
    return torch.autograd.grad(loss, energy)[0]
