"""Noise-contrastive estimation, other ways around the partition function, margins, importance weights, divergences."""

import numpy as np
from scipy.special import logsumexp, rel_entr, softmax, xlogy

from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES)
held_out = collector(PIECES, held_out=True)
SMALL = {"largest_energy": 10}


# Right twins


def posterior_of_data(energy, noise, log_normalizer, noise_ratio):
    """p~ / (p~ + nu q)."""
    density = np.exp(-energy - log_normalizer)
    return density / (density + noise_ratio * noise)


def noise_loss_of_softplus(energy, noise, data, log_normalizer, noise_ratio):
    """log(1 + e^-l) and nu times log(1 + e^l), where q > 0."""
    on = noise > 0
    logit = -energy[on] - log_normalizer - np.log(noise_ratio * noise[on])
    return data[on] @ np.logaddexp(0, -logit) + noise_ratio * (noise[on] @ np.logaddexp(0, logit))


def noise_gradient_of_densities(energy, noise, data, log_normalizer, noise_ratio):
    """nu q / (p~ + nu q) (p - p~), and its sum."""
    density = np.exp(-energy - log_normalizer)
    to_energy = noise_ratio * noise / (density + noise_ratio * noise) * (data - density)
    return to_energy, to_energy.sum()


def conditionals_of(energy, shape, i):
    """p(x_i | x_-i) on the product space."""
    weight = np.exp(-energy).reshape(shape)
    return weight / weight.sum(axis=i, keepdims=True)


def log_of_conditionals(energy, data, shape):
    """sum_i E_p log p(x_i | x_-i)."""
    return sum(np.sum(data.reshape(shape) * np.log(conditionals_of(energy, shape, i))) for i in range(len(shape)))


def slope_of_conditionals(energy, data, shape):
    """sum_i p(x_-i) p(x_i | x_-i) - p(x)."""
    table = data.reshape(shape)
    total = sum(table.sum(axis=i, keepdims=True) * conditionals_of(energy, shape, i) - table for i in range(len(shape)))
    return np.ravel(total)


def flow_between(energy, data, connectivity):
    """p(x) g(x, y) e^((E(x) - E(y)) / 2)."""
    return data[:, None] * connectivity * np.exp((energy[:, None] - energy) / 2)


def total_flow(energy, data, connectivity):
    """The sum of all that flows."""
    return flow_between(energy, data, connectivity).sum()


def flow_balance(energy, data, connectivity):
    """Half of what leaves minus what arrives."""
    flow = flow_between(energy, data, connectivity)
    return (flow.sum(axis=1) - flow.sum(axis=0)) / 2


def hinge_loss(energy, sampler, data, margin):
    """E_p e + E_q max(m - e, 0)."""
    return data @ energy + sampler @ np.maximum(margin - energy, 0)


def weighted_samples_of_the_mixture(energy, sampler, data, log_normalizer):
    """p - mu w / sum mu w with w = e^-E / (e^-E / Z_0 + q)."""
    weight = np.exp(-energy)
    terms = (data + sampler) * weight / (weight * np.exp(-log_normalizer) + sampler)
    return data - terms / terms.sum()


def samples_weighted_by_their_density(energy, sampler, data):
    """p - w q / sum w q with w = e^-E / q, where q > 0."""
    weight = np.where(sampler > 0, np.exp(-energy), 0)
    return data - weight / weight.sum()


def chain_from_the_data(data, kernel, steps):
    """p K^k - p by k products."""
    law = data
    for _ in range(int(steps)):
        law = law @ kernel
    return law - data


def covariance_with_the_score(cost, sampler):
    """q (c - E_q c)."""
    return sampler * (cost - sampler @ cost)


def baseline_of_squares(cost, sampler):
    """E[|s|^2 c] / E[|s|^2], |s|^2 = 1 - 2 q(x) + sum q^2."""
    square = 1 - 2 * sampler + sampler @ sampler
    return np.sum(sampler * square * cost) / np.sum(sampler * square)


def mean_of_two_relative_entropies(p, q):
    """(KL(p || m) + KL(q || m)) / 2."""
    middle = (p + q) / 2
    return (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2


def relative_entropy(p, q):
    """sum p log p - p log q."""
    return np.sum(xlogy(p, p) - xlogy(p, q))


# Noise-contrastive estimation


@wrong("nce.loss", noise_loss_of_softplus, "noise not counted nu times", 25)
def mean_of_data_and_mean_of_noise(energy, noise, data, log_normalizer, noise_ratio):
    """A mean over the noise in place of nu noise samples a data sample: the logit knows nu, the sum does not."""
    on = noise > 0
    logit = -energy[on] - log_normalizer - np.log(noise_ratio * noise[on])
    return data[on] @ np.logaddexp(0, -logit) + noise[on] @ np.logaddexp(0, logit)


@wrong("nce.loss", noise_loss_of_softplus, "log nu missing in the logit", 26)
def logit_without_the_ratio(energy, noise, data, log_normalizer, noise_ratio):
    """The logit is not corrected for nu: log Z absorbs log nu, and a reward without log Z is off by it."""
    on = noise > 0
    logit = -energy[on] - log_normalizer - np.log(noise[on])
    return data[on] @ np.logaddexp(0, -logit) + noise_ratio * (noise[on] @ np.logaddexp(0, logit))


@wrong("nce.gradient", noise_gradient_of_densities, "nu ignored", 26, **SMALL)
def one_noise_sample_for_each(energy, noise, data, log_normalizer, noise_ratio):
    """As many noise samples as data, whatever nu is."""
    return noise_gradient_of_densities(energy, noise, data, log_normalizer, 1.0)


@wrong("nce.gradient", noise_gradient_of_densities, "log Z of the energy", **SMALL)
def normalized_by_hand(energy, noise, data, log_normalizer, noise_ratio):
    """The normalizer is computed, and not the parameter that is trained."""
    return noise_gradient_of_densities(energy, noise, data, logsumexp(-energy), noise_ratio)


@wrong("nce.discriminator", posterior_of_data, "nu on the side of the data", **SMALL)
def ratio_upside_down(energy, noise, log_normalizer, noise_ratio):
    """nu is taken for data samples a noise sample."""
    density = noise_ratio * np.exp(-energy - log_normalizer)
    return density / (density + noise)


@wrong("nce.loss", noise_loss_of_softplus, "noise not counted nu times + log Z missing")
def two_slips_at_once(energy, noise, data, log_normalizer, noise_ratio):
    """Neither log Z nor the number of noise samples."""
    on = noise > 0
    logit = -energy[on] - np.log(noise_ratio * noise[on])
    return data[on] @ np.logaddexp(0, -logit) + noise[on] @ np.logaddexp(0, logit)


@wrong("nce.gradient", noise_gradient_of_densities, "opposite sign + nu ignored", **SMALL)
def ascent_with_as_much_noise(energy, noise, data, log_normalizer, noise_ratio):
    """The gradient of a log-likelihood of labels, with as many noise samples as data."""
    to_energy, to_log_z = noise_gradient_of_densities(energy, noise, data, log_normalizer, 1.0)
    return -to_energy, -to_log_z


# Without a partition function


@wrong("pseudo_likelihood.log_likelihood", log_of_conditionals, "mean over components", **SMALL)
def mean_over_components(energy, data, shape):
    """A mean over components, expected their sum."""
    return log_of_conditionals(energy, data, shape) / len(shape)


@wrong("pseudo_likelihood.gradient", slope_of_conditionals, "model in place of the other components", **SMALL)
def others_from_the_model(energy, data, shape):
    """The other components are drawn from the model, and not from the data: that is maximum likelihood, d times."""
    return len(shape) * (softmax(-energy) - data)


@wrong("pseudo_likelihood.gradient", slope_of_conditionals, "first component alone", **SMALL)
def one_component(energy, data, shape):
    """Only the first component is predicted from the others."""
    table = data.reshape(shape)
    return (table.sum(axis=0, keepdims=True) * conditionals_of(energy, shape, 0) - table).ravel()


@wrong("probability_flow.loss", total_flow, "energy twice")
def rates_of_full_differences(energy, data, connectivity):
    """e^(E(x) - E(y)): such rates are not in balance at the model."""
    return np.sum(data[:, None] * connectivity * np.exp(energy[:, None] - energy))


@wrong("probability_flow.gradient", flow_balance, "opposite sign + energy with the other sign")
def flow_uphill(energy, data, connectivity):
    """Flow to higher energies, as for rewards; the sign of the gradient follows the energy's."""
    flow = data[:, None] * connectivity * np.exp((energy - energy[:, None]) / 2)
    return (flow.sum(axis=0) - flow.sum(axis=1)) / 2


@wrong("probability_flow.gradient", flow_balance, "twice")
def slope_without_the_half(energy, data, connectivity):
    """The 1/2 of the exponent is forgotten in the derivative."""
    flow = flow_between(energy, data, connectivity)
    return flow.sum(axis=1) - flow.sum(axis=0)


@wrong("contrastive.update", chain_from_the_data, "opposite sign", 18)
def phases_swapped(data, kernel, steps):
    """The data's phase minus the chain's: descent on the energy of what the chain prefers."""
    return -chain_from_the_data(data, kernel, steps)


@wrong("contrastive.update", chain_from_the_data, "unknown")
def one_step_less(data, kernel, steps):
    """The loop counts from 1."""
    law = data
    for _ in range(1, int(steps)):
        law = law @ kernel
    return law - data


# Margins


@wrong("ebgan.discriminator_loss", hinge_loss, "margin on the wrong side")
def hinge_on_the_wrong_side(energy, sampler, data, margin):
    """max(e - m, 0): samples are punished for energies above the margin."""
    return data @ energy + sampler @ np.maximum(energy - margin, 0)


@wrong("ebgan.discriminator_loss", hinge_loss, "no hinge")
def margin_without_a_hinge(energy, sampler, data, margin):
    """m - e, as a critic of a Wasserstein distance has it: energies of samples grow for ever."""
    return data @ energy + margin - sampler @ energy


@wrong("ebgan.discriminator_loss", hinge_loss, "data and samples swapped")
def labels_of_the_margin_swapped(energy, sampler, data, margin):
    """The margin holds the data, and samples are pushed down."""
    return sampler @ energy + data @ np.maximum(margin - energy, 0)


@wrong("ebgan.discriminator_loss", hinge_loss, "unknown", **SMALL)
def squared_hinge(energy, sampler, data, margin):
    """The hinge is squared, which is smooth and another loss."""
    return data @ energy + sampler @ np.maximum(margin - energy, 0) ** 2


# Importance weights


@wrong(
    "proposals.gradient.mixture",
    weighted_samples_of_the_mixture,
    "weights of the sampler alone",
    22,
    full_support=True,
    **SMALL,
)
def mixture_weighed_as_samples(energy, sampler, data, log_normalizer):
    """Samples of the mixture with e^-E / q, the weights for samples of q alone."""
    terms = (data + sampler) * np.exp(-energy) / sampler
    return data - terms / terms.sum()


@wrong("proposals.gradient.sampler", samples_weighted_by_their_density, "no importance weights", 21, **SMALL)
def samples_for_the_model(energy, sampler, data):
    """Samples of q stand for the model, unweighted."""
    return data - sampler


@wrong("proposals.gradient.sampler", samples_weighted_by_their_density, "weights exp(-E) alone", 21, **SMALL)
def weights_without_their_density(energy, sampler, data):
    """Weights e^-E, whatever density the samples have."""
    terms = sampler * np.exp(-energy)
    return data - terms / terms.sum()


@wrong("proposals.gradient.sampler", samples_weighted_by_their_density, "unknown", **SMALL)
def weights_clipped(energy, sampler, data):
    """Weights are clipped at 2, which lowers their variance and biases them."""
    weight = np.minimum(np.where(sampler > 0, np.exp(-energy), 0), 2 * sampler)
    return data - weight / weight.sum()


# Score functions


@wrong("score_function.optimal_baseline", baseline_of_squares, "mean cost as the baseline")
def mean_cost(cost, sampler):
    """E_q c, which is best only where cost and squared score are uncorrelated."""
    return sampler @ cost


@wrong("score_function.gradient", covariance_with_the_score, "score without its mean")
def score_of_the_drawn_alone(cost, sampler):
    """The score is 1 at the outcome drawn, the normalizer of the softmax left out: a constant baseline then matters."""
    return sampler * cost


@wrong("score_function.gradient", covariance_with_the_score, "unknown")
def rewards_scaled_by_their_spread(cost, sampler):
    """Costs are divided by 1 + their range, which changes the objective."""
    return covariance_with_the_score(cost / (1 + cost.max() - cost.min()), sampler)


# Divergences


@wrong("divergences.jensen_shannon", mean_of_two_relative_entropies, "twice")
def jensen_shannon_of_imitation(p, q):
    """KL(p || m) + KL(q || m), in the convention of adversarial imitation: twice the divergence, at most log 4."""
    return 2 * mean_of_two_relative_entropies(p, q)


@wrong("divergences.kl", relative_entropy, "data and samples swapped")
def other_direction(p, q):
    """KL(q || p): the mode-seeking one in place of the other."""
    return relative_entropy(q, p)


@wrong("divergences.kl", relative_entropy, "unknown")
def logarithms_of_smoothed_laws(p, q):
    """A hundredth is added to both laws before logarithms are taken."""
    return np.sum(p * (np.log(p + 0.01) - np.log(q + 0.01)))


# Written after the library of known mistakes, which was not changed for them


@held_out("nce.discriminator", posterior_of_data, "nu ignored + log Z missing", **SMALL)
def odds_of_weights(energy, noise, log_normalizer, noise_ratio):
    """e^-E against q: neither log Z nor nu."""
    weight = np.exp(-energy)
    return weight / (weight + noise)


@held_out("probability_flow.loss", total_flow, "unknown")
def rates_of_metropolis(energy, data, connectivity):
    """Rates min(1, e^(E(x) - E(y))): in balance too, and another loss."""
    rate = np.exp(np.minimum(energy[:, None] - energy, 0))
    return np.sum(data[:, None] * connectivity * rate)


@held_out("contrastive.update", chain_from_the_data, "opposite sign + half")
def half_a_step_down(data, kernel, steps):
    """The mean of both phases, as a loss to descend."""
    return -chain_from_the_data(data, kernel, steps) / 2


@held_out("ebgan.discriminator_loss", hinge_loss, "data and samples swapped + margin on the wrong side")
def hinge_on_the_data(energy, sampler, data, margin):
    """Samples are pushed down, and data above the margin too."""
    return sampler @ energy + data @ np.maximum(energy - margin, 0)


@held_out("score_function.gradient", covariance_with_the_score, "opposite sign + score without its mean")
def ascent_without_the_normalizer(cost, sampler):
    """Costs are taken for rewards, and the softmax is not differentiated through its sum."""
    return -sampler * cost


@held_out(
    "pseudo_likelihood.log_likelihood",
    log_of_conditionals,
    "energy with the other sign + mean over components",
    **SMALL,
)
def mean_of_rewards(energy, data, shape):
    """A mean over components of a model e^E."""
    return log_of_conditionals(-energy, data, shape) / len(shape)


@held_out(
    "proposals.gradient.sampler", samples_weighted_by_their_density, "opposite sign + no importance weights", **SMALL
)
def negative_phase_first(energy, sampler, data):
    """q - p: unweighted samples, in the direction of ascent."""
    return sampler - data


@held_out("divergences.jensen_shannon", mean_of_two_relative_entropies, "unknown", full_support=True)
def divergence_from_the_geometric_mean(p, q):
    """The mixture is a mean of logarithms."""
    middle = softmax((np.log(p) + np.log(q)) / 2)
    return (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2
