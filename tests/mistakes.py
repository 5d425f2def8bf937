"""Known mistakes, each written afresh as a small function, for the judge: it must refute them all.

Each is what somebody might write, is right on some inputs, and stands beside its number on the list. `says` is a
part of what the report must say: the instances on which the mistake is silent, or what would mend it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, softmax

from right_variants import backups_of_scipy, causal_gradient, log_sum, masks


@dataclass(frozen=True, eq=False)
class Mistake:
    """A wrong function, its number on the list, its target, the options of `judge`, and what the report must say."""

    subject: Callable[..., Any]
    number: int
    to: str
    says: str = ""
    options: dict[str, Any] = field(default_factory=dict)


MISTAKES: list[Mistake] = []


def wrong(number: int, to: str, says: str = "", **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a mistake."""

    def register(subject: Callable[..., Any]) -> Callable[..., Any]:
        MISTAKES.append(Mistake(subject, number, to, says, options))
        return subject

    return register


def visits_of(transition, initial, discount, policies):
    visits, mu = np.zeros(transition.shape[:2]), initial
    for t, pi in enumerate(policies):
        visits += discount**t * mu[:, None] * pi
        mu = np.einsum("s,sa,sax->x", mu, pi, transition)
    return visits


@wrong(1, "causal.gradient", reward_axes="s", terminal=False)
def one_state_too_many_is_counted(transition, initial, horizon, discount, reward, expert):
    table = np.repeat(reward[:, None], transition.shape[1], axis=1)
    _, _, policies = backups_of_scipy(transition, initial, horizon, discount, table)
    mu = initial
    visits = initial.copy()
    for t, pi in enumerate(policies):
        mu = np.einsum("s,sa,sax->x", mu, pi, transition)
        visits += discount ** (t + 1) * mu
    return expert - visits


@wrong(2, "causal.gradient", "discount 1 (")
def policy_without_discount(transition, initial, horizon, discount, reward, expert):
    _, _, policies = backups_of_scipy(transition, initial, horizon, 1.0, reward)
    return expert - visits_of(transition, initial, discount, policies)


@wrong(3, "causal.gradient", "discount 1 (")
def counts_without_discount(transition, initial, horizon, discount, reward, expert):
    _, _, policies = backups_of_scipy(transition, initial, horizon, discount, reward)
    return expert - visits_of(transition, initial, 1.0, policies)


@wrong(4, "causal.gradient", "T = 1 (")
def first_policy_for_every_step(transition, initial, horizon, discount, reward, expert):
    _, _, policies = backups_of_scipy(transition, initial, horizon, discount, reward)
    return expert - visits_of(transition, initial, discount, [policies[0]] * horizon)


@wrong(5, "soft_solution.v", "A = 1 (")
def hard_maximum(transition, initial, horizon, discount, reward):
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v[0], -np.inf)
        v.insert(0, np.where(terminal, 0, q.max(axis=1)))
    return np.array(v)


@wrong(6, "soft_solution.v", "deterministic dynamics (", discounts=(1,))
def optimistic_backup(transition, initial, horizon, discount, reward):
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    with np.errstate(divide="ignore"):
        log_p = np.log(transition)
    for _ in range(horizon):
        q = reward + log_sum(log_p + v[0], 2)
        v.insert(0, np.where(terminal, 0, log_sum(np.where(available, q, -np.inf), 1)))
    return np.array(v)


@wrong(7, "state_marginals", "S = 1 (")
def marginals_go_backwards(transition, initial, horizon, discount, policy):
    """The sum runs over the next state in place of the state."""
    moves = np.einsum("tsa,sax->tsx", policy, transition)
    rows = [initial]
    for move in moves:
        rows.append(move @ rows[-1])
    return np.array(rows)


@wrong(7, "occupancy", "T = 1 (")
def marginals_overwritten_while_read(transition, initial, horizon, discount, policy):
    """Two loops in the wrong order: what arrives in this sweep moves on in the same one."""
    mu, visits = initial.copy(), np.zeros(policy.shape[1:])
    for t in range(horizon):
        visits += discount**t * mu[:, None] * policy[t]
        for s in range(len(mu)):
            leaving, mu[s] = mu[s], 0
            mu += leaving * np.einsum("a,ax->x", policy[t, s], transition[s])
    return visits


@wrong(8, "policy_value", "S = 1 (")
def transposed_dynamics(transition, initial, horizon, discount, reward, policy):
    p = transition.transpose(2, 1, 0)
    v = [np.zeros(len(initial))]
    for pi in policy[::-1]:
        v.insert(0, (pi * (reward + discount * p @ v[0])).sum(axis=1))
    return np.array(v)


@wrong(9, "soft_solution.policy", "A = 1 (")
def policy_of_ratios_of_q(transition, initial, horizon, discount, reward):
    q, _, _ = backups_of_scipy(transition, initial, horizon, discount, reward)
    q = np.where(np.isfinite(q), q, 0)
    total = q.sum(axis=2, keepdims=True)
    return np.where(masks(transition)[0] & (total == 0), 1, q / np.where(total == 0, 1, total))


@wrong(10, "causal.gradient", "no terminal state (")
def terminal_states_go_on_in_the_backward_pass(transition, initial, horizon, discount, reward, expert):
    """They earn as if there were one action that stays; the forward pass ends there."""
    _, terminal = masks(transition)
    available = transition.sum(axis=-1) > 0
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v, -np.inf)
        safe = np.where(terminal[:, None], 0, q)
        policies.insert(0, np.where(available, softmax(safe, axis=1), 0))
        v = np.where(terminal, reward.max(axis=1) + discount * v, logsumexp(safe, axis=1))
    return expert - visits_of(transition, initial, discount, policies)


@wrong(12, "soft_solution.policy", "|reward| <= 100 (")
def policy_outside_log_space(transition, initial, horizon, discount, reward):
    available, terminal = masks(transition)
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        weight = np.where(available, np.exp(reward + discount * transition @ v), 0)
        z = weight.sum(axis=1)
        policies.insert(0, weight / np.where(terminal, 1, z)[:, None])
        v = np.log(np.where(terminal, 1, z))
    return np.array(policies)


@wrong(13, "soft_solution.policy", "temperature 1 (", temperature=True)
def temperature_in_v_alone(transition, initial, horizon, discount, reward, temperature):
    available, terminal = masks(transition)
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v, -np.inf)
        safe = np.where(terminal[:, None], 0, q)
        policies.insert(0, np.where(available, softmax(safe, axis=1), 0))
        v = np.where(terminal, 0, temperature * logsumexp(safe / temperature, axis=1))
    return np.array(policies)


@wrong(14, "gan.generator_loss", full_support=True)
def generator_of_one_term(energy, sampler, log_normalizer):
    """E_q[-log D]: the reward of a generator that is trained by the non-saturating loss."""
    logit = -energy - log_normalizer - np.log(sampler)
    return np.sum(sampler * np.logaddexp(0, -logit))


@wrong(16, "gan.discriminator", full_support=True)
def discriminator_without_density(energy, sampler, log_normalizer):
    return expit(-energy - log_normalizer)


@wrong(17, "ebm.log_likelihood", "n = 1 (")
def log_softmax_over_a_singleton(energy, data):
    return np.sum(data[:, None] * log_softmax(-energy[:, None], axis=1))


@wrong(18, "maxent.log_likelihood", "On every instance its negative is right")
def loss_in_place_of_likelihood(transition, initial, horizon, discount, reward, expert):
    with np.errstate(divide="ignore"):
        log_p, message = np.log(transition), np.zeros(len(initial))
        for t in reversed(range(horizon)):
            weight = log_p + discount**t * reward[:, :, None] + message
            message = np.where(masks(transition)[1], 0, log_sum(weight, (1, 2)))
        return log_sum(np.log(initial) + message, 0) - (expert * reward).sum()


@wrong(18, "gan.discriminator", "1 - its answer is right", full_support=True)
def labels_flipped(energy, sampler, log_normalizer):
    return expit(energy + log_normalizer + np.log(sampler))


@wrong(21, "gcl.loss")
def data_without_a_density(energy, sampler, data, log_normalizer):
    """Demonstrations enter the partition function with importance density 1."""
    with np.errstate(divide="ignore"):
        sampled = np.log(sampler) - energy - np.log(np.where(sampler > 0, sampler, 1))
        shown = np.log(data) - energy
    return data @ energy + logsumexp(np.concatenate([sampled, shown])) - np.log(2)


@wrong(22, "gcl.gradient", "n = 1 (", full_support=True)
def weights_of_the_sampler_alone(energy, sampler, data, log_normalizer):
    return data - softmax(np.log((data + sampler) / 2) - energy - log_normalizer - np.log(sampler))


@wrong(22, "gcl.gradient", full_support=True)
def weights_differentiated_through(energy, sampler, data, log_normalizer):
    """d/dE of E_p[E] + log sum (p + q) D: each D falls by D (1 - D)."""
    d = expit(-energy - log_normalizer - np.log(sampler))
    terms = (data + sampler) * d
    return data - terms * (1 - d) / terms.sum()


@wrong(25, "gan.discriminator_loss", "On every instance twice its answer is right", full_support=True)
def mean_over_both_batches(energy, sampler, data, log_normalizer):
    logit = -energy - log_normalizer - np.log(sampler)
    return (data @ np.logaddexp(0, -logit) + sampler @ np.logaddexp(0, logit)) / 2


@wrong(29, "causal.gradient", "T = 1 (", discounts=(1,))
def frequencies_of_the_model_against_counts(transition, initial, horizon, discount, reward, expert):
    gradient = causal_gradient(transition, initial, horizon, discount, reward, expert)
    return expert - (expert - gradient) / horizon
