"""Energies, discriminators that know the sampler's density, guided costs."""

import numpy as np
import scipy.optimize
from scipy.special import entr, expit, log_softmax, logsumexp, softmax

from equivalence.testing.museum.passes import log_of
from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES)
SMALL = {"largest_energy": 10}


# Right twins: densities and ratios of them, pairs, logarithms that are added.


def log_partition_by_pairs(energy):
    """One term after the other."""
    return np.logaddexp.reduce(-energy)


def law_by_pairs(energy):
    """1 / sum_y exp(E(x) - E(y))."""
    with np.errstate(over="ignore"):
        return 1 / np.exp(energy[:, None] - energy).sum(axis=1)


def model_minus_data(energy, data):
    """p_theta - p."""
    return law_by_pairs(energy) - data


def mean_log_law(energy, data):
    """E_p log p_theta."""
    return np.dot(data, log_softmax(-energy))


def odds_of_densities(energy, sampler, log_normalizer):
    """e^-E/Z / (e^-E/Z + q)."""
    density = np.exp(-energy - log_normalizer)
    return density / (density + sampler)


def loss_of_softplus(energy, sampler, data, log_normalizer):
    """log(1 + e^-l) and log(1 + e^l), where q > 0."""
    on = sampler > 0
    logit = -energy[on] - log_normalizer - np.log(sampler[on])
    return data[on] @ np.logaddexp(0, -logit) + sampler[on] @ np.logaddexp(0, logit)


def gradient_of_one_term(energy, sampler, data, log_normalizer):
    """p - (p + q) D."""
    return data - (data + sampler) * odds_of_densities(energy, sampler, log_normalizer)


def both_gradients(energy, sampler, data, log_normalizer):
    """The gradient to E, and its sum."""
    to_energy = gradient_of_one_term(energy, sampler, data, log_normalizer)
    return to_energy, to_energy.sum()


def sum_of_gradients(energy, sampler, data, log_normalizer):
    """sum p (1 - D) - q D."""
    d = odds_of_densities(energy, sampler, log_normalizer)
    return data @ (1 - d) - sampler @ d


def generator_loss_of_entropy(energy, sampler, log_normalizer):
    """E_q E + log Z - H(q)."""
    return np.dot(sampler, energy) + log_normalizer - entr(sampler).sum()


def root_of_excess(energy, sampler, data):
    """brentq on sum (p + q) D - 1."""
    on = sampler > 0
    logit = -energy[on] - np.log(sampler[on])
    mass = (data + sampler)[on]

    def excess(z):
        return np.sum(mass * expit(logit - z)) - data[on].sum()

    exactly: dict = {"xtol": 1e-300, "rtol": 1e-15}
    return scipy.optimize.brentq(excess, logit.min() - 50, logit.max() + 50, **exactly)


def weights_of_densities(energy, sampler, log_normalizer):
    """e^-E/Z / ((e^-E/Z + q) / 2)."""
    return 2 * odds_of_densities(energy, sampler, log_normalizer)


def guided_loss_of_densities(energy, sampler, data, log_normalizer):
    """E_p E + log E_mu[e^-E / mu~] with densities as they are."""
    mixture = (np.exp(-energy - log_normalizer) + sampler) / 2
    return data @ energy + np.log(((data + sampler) / 2 * np.exp(-energy) / mixture).sum())


def guided_gradient_of_weights(energy, sampler, data, log_normalizer):
    """p - mu w / sum mu w."""
    weighted = (data + sampler) * weights_of_densities(energy, sampler, log_normalizer)
    return data - weighted / weighted.sum()


# Energies


@wrong("ebm.log_likelihood", mean_log_law, "log softmax over a singleton", 17)
def log_softmax_over_a_singleton(energy, data):
    """log_softmax over an axis of length 1, the batch kept apart: always the log of 1."""
    return np.sum(data[:, None] * log_softmax(-energy[:, None], axis=1))


@wrong("ebm.log_likelihood", mean_log_law, "term of the data alone")
def energy_of_the_data(energy, data):
    """Only the energy of data is pushed down: without log Z nothing holds the rest up."""
    return -np.dot(data, energy)


@wrong("ebm.gradient", model_minus_data, "opposite sign", 18)
def data_minus_model(energy, data):
    """The gradient to a reward, under the name of that to an energy."""
    return data - softmax(-energy)


@wrong("ebm.gradient", model_minus_data, "energy with the other sign", 18)
def model_of_a_reward(energy, data):
    """softmax(E): the energy is taken for a reward in the model alone."""
    return softmax(energy) - data


@wrong("ebm.law", law_by_pairs, "not normalized", **SMALL)
def weights_for_probabilities(energy):
    """exp(-E), which is no law."""
    return np.exp(-energy)


@wrong("ebm.log_partition", log_partition_by_pairs, "log mean exp")
def log_of_a_mean(energy):
    """A mean over outcomes, as an estimator of uniform samples has it, without the number of outcomes."""
    return logsumexp(-energy) - np.log(len(energy))


# Discriminators


@wrong("gan.discriminator", odds_of_densities, "density of the sampler missing", 16, full_support=True, **SMALL)
def discriminator_without_density(energy, sampler, log_normalizer):
    """-log q is missing from the logit: D is not 1/2 where the sampler is right."""
    return expit(-energy - log_normalizer)


@wrong("gan.discriminator", odds_of_densities, "labels swapped", 18, full_support=True, **SMALL)
def labels_flipped(energy, sampler, log_normalizer):
    """The probability of being a sample, as one paper has it, where another paper's formulas follow."""
    return expit(energy + log_normalizer + np.log(sampler))


@wrong("gan.discriminator", odds_of_densities, "energy with the other sign", full_support=True, **SMALL)
def printed_sign_of_the_energy(energy, sampler, log_normalizer):
    """sigmoid(E - log Z - log q), as a well-known paper prints it once."""
    return expit(energy - log_normalizer - np.log(sampler))


@wrong("gan.discriminator_loss", loss_of_softplus, "half", 25, full_support=True)
def mean_over_both_batches(energy, sampler, data, log_normalizer):
    """A mean over both batches together: half of the sum of two means."""
    logit = -energy - log_normalizer - np.log(sampler)
    return (data @ np.logaddexp(0, -logit) + sampler @ np.logaddexp(0, logit)) / 2


@wrong("gan.discriminator_loss", loss_of_softplus, "labels swapped", 18, full_support=True)
def loss_of_flipped_labels(energy, sampler, data, log_normalizer):
    """Labels 0 for data and 1 for samples, and a logit that is right for the others."""
    logit = -energy - log_normalizer - np.log(sampler)
    return data @ np.logaddexp(0, logit) + sampler @ np.logaddexp(0, -logit)


@wrong("gan.discriminator_gradient", both_gradients, "log Z missing", full_support=True, **SMALL)
def gradients_without_log_z(energy, sampler, data, log_normalizer):
    """log Z is a parameter of the optimizer, and of no formula."""
    to_energy = gradient_of_one_term(energy, sampler, data, 0.0)
    return to_energy, to_energy.sum()


@wrong("gan.discriminator_gradient.energy", gradient_of_one_term, "term of the data alone", full_support=True, **SMALL)
def samples_do_not_train(energy, sampler, data, log_normalizer):
    """The samples' term is detached together with the samples."""
    return data * (1 - odds_of_densities(energy, sampler, log_normalizer))


@wrong("gan.discriminator_gradient.log_normalizer", sum_of_gradients, "opposite sign", full_support=True, **SMALL)
def ascent_on_log_z(energy, sampler, data, log_normalizer):
    """log Z is trained by ascent while energies descend."""
    d = odds_of_densities(energy, sampler, log_normalizer)
    return sampler @ d - data @ (1 - d)


@wrong("gan.optimal_log_normalizer", root_of_excess, "log Z of the energy", **SMALL)
def log_partition_for_the_best(energy, sampler, data):
    """The partition function of the energy: the best log Z only where data or sampler follow the model."""
    return logsumexp(-energy)


@wrong("gan.generator_loss", generator_loss_of_entropy, "non-saturating generator loss", 14, full_support=True)
def generator_of_one_term(energy, sampler, log_normalizer):
    """E_q[-log D]: the reward of a generator that is trained by the non-saturating loss."""
    logit = -energy - log_normalizer - np.log(sampler)
    return np.sum(sampler * np.logaddexp(0, -logit))


@wrong("gan.generator_loss", generator_loss_of_entropy, "saturating generator loss", 14, full_support=True)
def generator_of_the_minimax_game(energy, sampler, log_normalizer):
    """E_q log(1-D), of the minimax game: the reward is off by softplus(-logit), .693 at D = 1/2."""
    logit = -energy - log_normalizer - np.log(sampler)
    return -np.sum(sampler * np.logaddexp(0, logit))


@wrong("gan.generator_loss", generator_loss_of_entropy, "generator without entropy", 15)
def generator_paid_the_energy(energy, sampler, log_normalizer):
    """The generator is paid f in place of f - log pi, and becomes an argmax."""
    return np.dot(sampler, energy) + log_normalizer


# Guided costs


@wrong("gcl.loss", guided_loss_of_densities, "data with density 1", 21, **SMALL)
def data_without_a_density(energy, sampler, data, log_normalizer):
    """Demonstrations enter the partition function with importance density 1."""
    sampled = log_of(sampler) - energy - np.log(np.where(sampler > 0, sampler, 1))
    shown = log_of(data) - energy
    return data @ energy + logsumexp(np.concatenate([sampled, shown])) - np.log(2)


@wrong("gcl.gradient", guided_gradient_of_weights, "weights of the sampler alone", 22, full_support=True, **SMALL)
def weights_of_the_sampler_alone(energy, sampler, data, log_normalizer):
    """Samples are of the mixture, their weights those for samples of q."""
    return data - softmax(np.log((data + sampler) / 2) - energy - log_normalizer - np.log(sampler))


@wrong("gcl.gradient", guided_gradient_of_weights, "weights differentiated through", 22, full_support=True, **SMALL)
def weights_differentiated_through(energy, sampler, data, log_normalizer):
    """d/dE of E_p[E] + log sum (p + q) D, weights not frozen: each D falls by D (1 - D)."""
    d = expit(-energy - log_normalizer - np.log(sampler))
    terms = (data + sampler) * d
    return data - terms * (1 - d) / terms.sum()


@wrong("gcl.gradient", guided_gradient_of_weights, "demonstrations left out", 21, full_support=True, **SMALL)
def demonstrations_left_out(energy, sampler, data, log_normalizer):
    """The weights of the mixture on samples of q alone."""
    weighted = sampler * weights_of_densities(energy, sampler, log_normalizer)
    return data - weighted / weighted.sum()


@wrong("gcl.importance_weights", weights_of_densities, "weights of the sampler alone", 22, full_support=True, **SMALL)
def weights_without_the_mixture(energy, sampler, log_normalizer):
    """e^-E/Z / q, for samples that are half data."""
    return np.exp(-energy - log_normalizer) / sampler


@wrong("gcl.importance_weights", weights_of_densities, "half", 22, **SMALL)
def discriminator_for_weights(energy, sampler, log_normalizer):
    """D, which is half the weight."""
    return odds_of_densities(energy, sampler, log_normalizer)
