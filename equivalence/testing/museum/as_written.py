"""Pieces in the manner of public code, that were written before anybody looked whether the diagnosis knows them.

Those that are `held` were told rightly as they came, or are what no known mistake explains. Those that are `wrong` were
not: the library knows them since.
"""

import numpy as np
from scipy.special import expit, logsumexp, softmax

from equivalence.testing.museum.causal import dual_of_values, gradient_by_adjoints, gradient_of_state_rewards
from equivalence.testing.museum.control import policy_of_advantages, values_by_logaddexp, values_of_state_rewards
from equivalence.testing.museum.noise import noise_loss_of_softplus
from equivalence.testing.museum.passes import backups, by_action, log_sum, masks, visits_of
from equivalence.testing.museum.paths import LISTED, gradient_by_listing, log_likelihood_by_messages
from equivalence.testing.museum.piece import Piece, collector
from equivalence.testing.museum.policies import occupancy_of_one_linear_system, value_forwards
from equivalence.testing.museum.spaces import (
    SMALL,
    guided_loss_of_densities,
    loss_of_softplus,
    odds_of_densities,
    weights_of_densities,
)

PIECES: list[Piece] = []
wrong, held = collector(PIECES), collector(PIECES, held_out=True)


# Right ones


def kl_by_entropies(data, sampler):
    """sum p log p - sum p log q."""
    p = np.where(data > 0, data, 1)
    q = np.where(data > 0, sampler, 1)
    return np.sum(data * np.log(p)) - np.sum(data * np.log(q))


def js_of_logs(data, sampler):
    """The mean of both divergences from the mean."""
    m = np.log(np.where(data + sampler > 0, data + sampler, 1)) - np.log(2)
    return 0.5 * (
        np.sum(np.where(data > 0, data * (np.log(np.where(data > 0, data, 1)) - m), 0))
        + np.sum(np.where(sampler > 0, sampler * (np.log(np.where(sampler > 0, sampler, 1)) - m), 0))
    )


def shaped_rewards(transition, initial, horizon, discount, airl_reward, airl_potential):
    """g + gamma h(s') - h(s), h = 0 at the end."""
    _, terminal = masks(transition)
    after = np.where(terminal, 0, airl_potential)
    return airl_reward[:, :, None] + discount * after - airl_potential[:, None, None]


def reward_of_logits(transition, initial, horizon, discount, f, policy):
    """f - log pi."""
    available, _ = masks(transition)
    return np.where(available, f - np.log(np.where(policy > 0, policy, 1)), 0)


def gail_gradient(transition, initial, horizon, discount, logit, policy, expert):
    """rho D - rho_E (1 - D)."""
    visits = visits_of(transition, initial, discount, [policy] * horizon)
    return visits * expit(logit) - expert * expit(-logit)


def gail_loss(transition, initial, horizon, discount, logit, policy, expert):
    """Sums of softplus."""
    visits = visits_of(transition, initial, discount, [policy] * horizon)
    return np.sum(expert * np.logaddexp(0, -logit)) + np.sum(visits * np.logaddexp(0, logit))


def counted(transition, initial, horizon, discount, states, actions):
    """Mean discounted counts."""
    counts = np.zeros(transition.shape[:2])
    for i in range(len(actions)):
        for t in range(horizon):
            if actions[i, t] >= 0:
                counts[states[i, t], actions[i, t]] += discount**t / len(actions)
    return counts


def preferences_loss(reward, comparisons):
    """sum c (-log sigmoid(r(w) - r(l)))."""
    margin = reward[:, :, None] - reward[:, None, :]
    return np.sum(comparisons * np.logaddexp(0, -margin))


def soft_values_of_q(transition, initial, horizon, discount, q):
    """log sum exp over available actions."""
    available, terminal = masks(transition)
    safe = np.where(terminal[:, None], 0, np.where(available, q, -np.inf))
    return np.where(terminal, 0, log_sum(safe, 2))


def f_of_expectations(transition, initial, horizon, discount, airl_reward, airl_potential):
    """E[g] + gamma E[h(s')] - h(s)."""
    _, terminal = masks(transition)
    return airl_reward + discount * transition @ np.where(terminal, 0, airl_potential) - airl_potential[:, None]


def odds_of_policies(transition, initial, horizon, discount, f, policy, expert):
    """Sums of softplus of f - log pi."""
    visits = visits_of(transition, initial, discount, [policy] * horizon)
    taken = policy > 0
    logit = f - np.log(np.where(taken, policy, 1))
    return np.sum(np.where(taken, expert * np.logaddexp(0, -logit) + visits * np.logaddexp(0, logit), 0))


def minus_log_rest(transition, initial, horizon, discount, logit):
    """-log(1 - D)."""
    return np.where(masks(transition)[0], np.logaddexp(0, logit), 0)


def margins_loss(logits, reference, comparisons, alpha):
    """sum c (-log sigmoid(m))."""
    score = alpha * (logits - np.log(reference))
    return np.sum(comparisons * np.logaddexp(0, -(score[:, :, None] - score[:, None, :])))


# As it is written


@held(
    "causal.gradient",
    gradient_of_state_rewards,
    "no discount in the counts + first policy for every step",
    reward_axes="s",
)
def expected_svf(transition, initial, horizon, discount, reward, expert):
    """The classic MaxEnt loop: one stationary policy of soft value iteration, plain visitation frequencies."""
    _, _, policies = backups(transition, initial, horizon, discount, by_action(reward, transition))
    policy = policies[0]
    mu = np.zeros((len(initial), horizon))
    mu[:, 0] = initial
    for t in range(1, horizon):
        mu[:, t] = np.einsum("s,sa,sax->x", mu[:, t - 1], policy, transition)
    _, terminal = masks(transition)
    return expert - np.where(terminal, 0, mu.sum(axis=1))


@held(
    "causal.gradient", gradient_by_adjoints, "no discount in the policy + unavailable actions counted", terminal=False
)
def action_set_is_fixed_and_gamma_forgotten(transition, initial, horizon, discount, reward, expert):
    """The backward pass knows neither gamma nor that actions may be missing."""
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        q = reward + transition @ v
        v = np.logaddexp.reduce(q, axis=1)
        policies.insert(0, np.exp(q - v[:, None]))
    return expert - visits_of(transition, initial, discount, policies)


@held("causal.gradient", gradient_by_adjoints, "policies in reverse order")
def policies_in_the_order_of_the_sweep(transition, initial, horizon, discount, reward, expert):
    """Policies are appended by a loop that goes back in time, and used as if it went forwards."""
    _, _, policies = backups(transition, initial, horizon, discount, reward)
    return expert - visits_of(transition, initial, discount, policies[::-1])


@wrong("occupancy", occupancy_of_one_linear_system, "discounts in reverse order")
def running_sum(transition, initial, horizon, discount, policy):
    """A running sum G = gamma G + visits, which is for going backwards, goes forwards."""
    total, mu = np.zeros(transition.shape[:2]), initial
    for pi in policy:
        total = discount * total + mu[:, None] * pi
        mu = np.einsum("s,sa,sax->x", mu, pi, transition)
    return total


@held("policy_value", value_forwards, "reward discounted once more + entropy added")
def value_of_arrivals_with_bonus(transition, initial, horizon, discount, reward, policy):
    """gamma multiplies the reward too, and the entropy bonus of training stayed on."""
    bonus = -np.log(np.where(policy > 0, policy, 1))
    v = [np.zeros(len(initial))]
    for t in reversed(range(horizon)):
        v.insert(0, (policy[t] * (discount * (reward + transition @ v[0]) + bonus[t])).sum(axis=1))
    return np.array(v)


@held(
    "soft_solution.v",
    values_of_state_rewards,
    "no discount in the policy + reward after the last step",
    reward_axes="s",
    terminal=False,
)
def values_from_the_reward_up(transition, initial, horizon, discount, reward):
    """V starts as a copy of the reward, and is never discounted."""
    available, _ = masks(transition)
    v = [reward.copy()]
    for _ in range(horizon):
        v.insert(0, log_sum(np.where(available, reward[:, None] + transition @ v[0], -np.inf), 1))
    return np.array(v)


@held("soft_solution.policy", policy_of_advantages, "softmax over states", terminal=False, unavailable=False)
def softmax_over_the_wrong_axis(transition, initial, horizon, discount, reward):
    """softmax(axis=0): normalized over states."""
    q, _, _ = backups(transition, initial, horizon, discount, reward)
    return np.array([softmax(row, axis=0) for row in q])


@held("causal.gradient", gradient_by_adjoints, "opposite sign + next state in place of the state")
def loss_gradient_over_transposed_dynamics(transition, initial, horizon, discount, reward, expert):
    """The gradient of a loss, mu' = P mu where mu' = P^T mu was meant."""
    _, _, policies = backups(transition, initial, horizon, discount, reward)
    visits, mu = np.zeros(transition.shape[:2]), initial
    for t, pi in enumerate(policies):
        visits += discount**t * mu[:, None] * pi
        mu = np.einsum("x,sa,sax->s", mu, pi, transition)
    return visits - expert


@held("divergences.kl", kl_by_entropies, "data and samples swapped", full_support=True)
def kl_of_the_other_order(data, sampler):
    """KL(q || p), as scipy's entropy(q, p) has it."""
    return np.sum(sampler * (np.log(sampler) - np.log(data)))


@held("divergences.jensen_shannon", js_of_logs, "twice")
def js_without_the_half(data, sampler):
    """The sum of both divergences, not their mean."""
    return 2 * js_of_logs(data, sampler)


@wrong("gan.discriminator", odds_of_densities, "log(sampler + 1e-8)", full_support=True, **SMALL)
def discriminator_of_safe_logs(energy, sampler, log_normalizer):
    """log(q + 1e-8), so that it never is -inf."""
    return expit(-energy - log_normalizer - np.log(sampler + 1e-8))


@held("gan.discriminator_loss", loss_of_softplus, "labels swapped + half", full_support=True)
def mean_loss_of_flipped_labels(energy, sampler, data, log_normalizer):
    """Zeros for data, ones for samples, and the half + mean over outcomes."""
    logit = -energy - log_normalizer - np.log(sampler)
    return 0.5 * (np.sum(data * np.logaddexp(0, logit)) + np.sum(sampler * np.logaddexp(0, -logit)))


@held("gcl.importance_weights", weights_of_densities, "log Z missing + half", **SMALL)
def weights_of_a_sum_without_log_z(energy, sampler, log_normalizer):
    """e^-E / (e^-E + q): neither Z nor the half of the mixture."""
    return np.exp(-energy) / (np.exp(-energy) + sampler)


@wrong("maxent.log_likelihood", log_likelihood_by_messages, "soft value for log Z")
def likelihood_of_soft_values(transition, initial, horizon, discount, reward, expert):
    """log Z taken for the soft value of the start, which it is where nothing is left to chance."""
    _, v, _ = backups(transition, initial, horizon, discount, reward)
    return np.vdot(expert, reward) - initial @ v[0]


@held("maxent.gradient", gradient_by_listing, "returns discounted once more + counts discounted once more", **LISTED)
def gradient_of_returns_discounted_from_the_first_step(transition, initial, horizon, discount, reward, expert):
    """The first reward weighs gamma, in the law of trajectories and in their counts."""
    return expert - discount * (
        expert - gradient_by_listing(transition, initial, horizon, discount, discount * reward, expert)
    )


@wrong("airl.f_of_transitions", shaped_rewards, "potential of the end kept + no discount at all")
def shaping_without_gamma_or_mask(transition, initial, horizon, discount, airl_reward, airl_potential):
    """g + h(s') - h(s): neither gamma nor the end of an episode."""
    return airl_reward[:, :, None] + airl_potential - airl_potential[:, None, None]


@wrong("airl.policy_reward.airl", reward_of_logits, "log(D + 1e-8)", largest_reward=10)
def reward_of_safe_logs(transition, initial, horizon, discount, f, policy):
    """log(D + 1e-8) - log(1 - D + 1e-8), as everywhere."""
    available, _ = masks(transition)
    d = np.exp(f) / (np.exp(f) + np.where(policy > 0, policy, 1))
    return np.where(available, np.log(d + 1e-8) - np.log(1 - d + 1e-8), 0)


@wrong("gail.discriminator_gradient", gail_gradient, "labels swapped + no discount at all")
def gradient_for_agents_as_ones(transition, initial, horizon, discount, logit, policy, expert):
    """Policy samples are labelled 1 and experts 0; visits are plain counts."""
    visits = visits_of(transition, initial, 1.0, [policy] * horizon)
    return expert * expit(logit) - visits * expit(-logit)


@wrong("gail.discriminator_loss", gail_loss, "visits normalized to 1")
def loss_of_frequencies_and_counts(transition, initial, horizon, discount, logit, policy, expert):
    """A mean over the agent's batch, a sum over the expert's."""
    visits = visits_of(transition, initial, discount, [policy] * horizon)
    return np.sum(expert * np.logaddexp(0, -logit)) + np.sum(visits * np.logaddexp(0, logit)) / visits.sum()


@wrong("demonstrations.occupancy", counted, "times gamma")
def counts_discounted_from_the_first_step(transition, initial, horizon, discount, states, actions):
    """enumerate(..., start=1): the first decision weighs gamma."""
    return discount * counted(transition, initial, horizon, discount, states, actions)


@wrong("bradley_terry.loss", preferences_loss, "winner and loser swapped + over p + over y + over y")
def mean_loss_of_the_other_order(reward, comparisons):
    """Losers come first here, and a mean over all pairs."""
    margin = reward[:, :, None] - reward[:, None, :]
    return np.mean(comparisons * np.logaddexp(0, margin))


@held("q_learning.soft_values", soft_values_of_q, "unknown")
def values_of_costs_to_go(transition, initial, horizon, discount, q):
    """min of costs to go, for max of what is to come."""
    available, terminal = masks(transition)
    return -np.where(terminal, 0, np.where(available, q, -np.inf).max(axis=2))


@wrong("causal.gradient", gradient_by_adjoints, "0.1 times")
def step_of_a_tenth(transition, initial, horizon, discount, reward, expert):
    """The learning rate is in it."""
    return 0.1 * gradient_by_adjoints(transition, initial, horizon, discount, reward, expert)


@held("causal.gradient", gradient_by_adjoints, "unknown")
def gradient_of_unit_length(transition, initial, horizon, discount, reward, expert):
    """Divided by its largest entry, as clipping by norm does."""
    found = gradient_by_adjoints(transition, initial, horizon, discount, reward, expert)
    largest = np.abs(found).max()
    return found / largest if largest > 0 else found


@held("soft_solution.v", values_by_logaddexp, "unknown")
def values_with_step_cost(transition, initial, horizon, discount, reward):
    """A cost of .01 a step, a shaping that stayed on."""
    return values_by_logaddexp(transition, initial, horizon, discount, reward - 0.01)


# Written later, when the library knew those above


@held("policy_value", value_forwards, "no discount in the policy + first policy for every step")
def value_of_a_stationary_policy_undiscounted(transition, initial, horizon, discount, reward, policy):
    """policy[0] at every step, and a plain sum of rewards."""
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        v.insert(0, (policy[0] * (reward + transition @ v[0])).sum(axis=1))
    return np.array(v)


@held("occupancy", occupancy_of_one_linear_system, "unknown")
def occupancy_of_the_discounted_literature(transition, initial, horizon, discount, policy):
    """Multiplied by 1 - gamma, which makes a distribution of it where nothing ends."""
    return (1 - discount) * visits_of(transition, initial, discount, policy)


@held("soft_solution.policy", policy_of_advantages, "unknown")
def masked_after_the_softmax(transition, initial, horizon, discount, reward):
    """Unavailable actions take part in the softmax, and are set to 0 afterwards."""
    available, terminal = masks(transition)
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        q = reward + discount * transition @ v
        policies.insert(0, np.where(available, softmax(q, axis=1), 0))
        v = np.where(terminal, 0, log_sum(np.where(available | terminal[:, None], q, -np.inf), 1))
    return np.array(policies)


@held("gan.discriminator_loss", loss_of_softplus, "unknown", full_support=True)
def one_sided_smoothing(energy, sampler, data, log_normalizer):
    """Labels of data are .9, those of samples 0."""
    logit = -energy - log_normalizer - np.log(sampler)
    return data @ (0.9 * np.logaddexp(0, -logit) + 0.1 * np.logaddexp(0, logit)) + sampler @ np.logaddexp(0, logit)


@held("gcl.loss", guided_loss_of_densities, "opposite sign + weights of the sampler alone", full_support=True, **SMALL)
def objective_of_the_sampler(energy, sampler, data, log_normalizer):
    """A likelihood to be maximized, with weights for samples of q alone."""
    log_ratio = -energy - np.log(sampler)
    return -data @ energy - logsumexp(log_ratio, b=(data + sampler) / 2)


@held("nce.loss", noise_loss_of_softplus, "nu ignored + data and samples swapped")
def noise_first(energy, noise, data, log_normalizer, noise_ratio):
    """One noise sample for each of the data, and the two batches exchanged."""
    return noise_loss_of_softplus(energy, data, noise, log_normalizer, 1.0)


@held("dpo.loss", margins_loss, "temperature on the policy alone + mean over prompts")
def mean_of_half_scaled_margins(logits, reference, comparisons, alpha):
    """alpha scales the policy's log-ratios and not the reference's; mean over prompts."""
    score = alpha * logits - np.log(reference)
    losses = np.sum(comparisons * np.logaddexp(0, -(score[:, :, None] - score[:, None, :])), axis=(1, 2))
    return np.mean(losses)


@wrong("airl.discriminator_loss", odds_of_policies, "log pi missing + half")
def gail_s_loss_of_f(transition, initial, horizon, discount, f, policy, expert):
    """f is taken for the logit, and the loss is the mean of both batches."""
    visits = visits_of(transition, initial, discount, [policy] * horizon)
    return (np.sum(expert * np.logaddexp(0, -f)) + np.sum(visits * np.logaddexp(0, f))) / 2


@held("gail.policy_reward.gail", minus_log_rest, "opposite sign + labels swapped", largest_reward=10)
def log_of_the_other_side(transition, initial, horizon, discount, logit):
    """log D, as where D is the probability of being the agent: that of the paper's labels, with these."""
    return np.where(masks(transition)[0], np.log(expit(logit)), 0)


@held("divergences.jensen_shannon", js_of_logs, "in bits")
def js_in_bits(data, sampler):
    """Logarithms to base 2, so that it is at most 1."""
    return js_of_logs(data, sampler) / np.log(2)


@wrong("airl.f_of_actions", f_of_expectations, "potential of the end kept + potentials swapped")
def potentials_the_other_way(transition, initial, horizon, discount, airl_reward, airl_potential):
    """h(s) - gamma h(s'), and h(s') kept at the end."""
    return airl_reward + airl_potential[:, None] - discount * transition @ airl_potential


@held("causal.dual", dual_of_values, "no discount in the policy + initial distribution ignored")
def dual_of_uniform_undiscounted_values(transition, initial, horizon, discount, reward, expert):
    """The mean of undiscounted values over states."""
    _, v, _ = backups(transition, initial, horizon, 1.0, reward)
    return np.vdot(expert, reward) - v[0].mean()


@held("maxent.gradient", gradient_by_listing, "opposite sign + frequencies of the model", **LISTED)
def frequencies_minus_counts(transition, initial, horizon, discount, reward, expert):
    """A loss's gradient, the model's visits divided by T."""
    return (expert - gradient_by_listing(transition, initial, horizon, discount, reward, expert)) / horizon - expert


@held("causal.gradient", gradient_by_adjoints, "unknown")
def backward_pass_too_short(transition, initial, horizon, discount, reward, expert):
    """Policies of an episode that is a step shorter, the last of which is used twice."""
    _, _, policies = backups(transition, initial, max(horizon - 1, 1), discount, reward)
    policies = [*policies, policies[-1]][:horizon]
    return expert - visits_of(transition, initial, discount, policies)


@held("demonstrations.occupancy", counted, "unknown")
def counts_of_whole_visits(transition, initial, horizon, discount, states, actions):
    """Whether a pair was ever visited, not how often: a set in place of a counter."""
    counts = np.zeros(transition.shape[:2])
    for i in range(len(actions)):
        seen = set()
        for t in range(horizon):
            if actions[i, t] >= 0 and (states[i, t], actions[i, t]) not in seen:
                seen.add((states[i, t], actions[i, t]))
                counts[states[i, t], actions[i, t]] += discount**t / len(actions)
    return counts


@held("causal.gradient", gradient_by_adjoints, "unknown", temperature=True)
def temperature_squared_in_front(transition, initial, horizon, discount, reward, expert, temperature):
    """The answer is divided by alpha twice."""
    return gradient_by_adjoints(transition, initial, horizon, discount, reward, expert, temperature) / temperature
