"""Right implementations in other algebra than the library's, for the judge: none of them may be refused.

Loops, einsum, scipy, whole linear systems, messages in log space and out of it, every trajectory by itself, adjoints by
hand, complex steps. Those that take exponentials without a shift say how large rewards may be, those that list
trajectories how many there may be. Each is also run on float32 arrays unless it says that it is not made for that.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
from scipy.special import expit, log_softmax, logsumexp, softmax

NO_SHIFT = {"largest_reward": 5, "max_states": 4, "horizons": (1, 2, 3, 4)}
LISTED = {"max_states": 3, "max_actions": 2, "horizons": (1, 2, 3), "max_trajectories": 300}


@dataclass(frozen=True, eq=False)
class Variant:
    """A right function, its target and the options of `judge`."""

    subject: Callable[..., Any]
    to: str
    options: dict[str, Any] = field(default_factory=dict)
    in_single: bool = True

    @property
    def name(self) -> str:
        """Its name, for the test's id."""
        return self.subject.__name__


VARIANTS: list[Variant] = []


def right(to: str, *, in_single: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a right variant."""

    def register(subject: Callable[..., Any]) -> Callable[..., Any]:
        VARIANTS.append(Variant(subject, to, options, in_single))
        return subject

    return register


def masks(transition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which actions are available [s, a], and which states are terminal [s]."""
    available = transition.sum(axis=-1) > 0
    return available, ~available.any(axis=-1)


# Soft control


@right("soft_solution")
def backups_of_scipy(transition, initial, horizon, discount, reward):
    available, terminal = masks(transition)
    v = [np.zeros(len(initial), dtype=reward.dtype)]
    qs, policies = [], []
    for _ in range(horizon):
        q = np.where(available, reward + discount * np.einsum("sax,x->sa", transition, v[0]), -np.inf)
        safe = np.where(terminal[:, None], 0, q)
        v.insert(0, np.where(terminal, 0, logsumexp(safe, axis=1)))
        qs.insert(0, q)
        policies.insert(0, np.where(available, softmax(safe, axis=1), 0))
    return np.array(qs), np.array(v), np.array(policies)


@right("soft_solution.v", in_single=False)
def values_by_loops_in_python(transition, initial, horizon, discount, reward):
    n_states, n_actions = reward.shape
    v = [[0.0] * n_states]
    for _ in range(horizon):
        row = []
        for s in range(n_states):
            total = -np.inf
            for a in reversed(range(n_actions)):
                if any(transition[s, a, x] > 0 for x in range(n_states)):
                    after = 0.0
                    for x in range(n_states):
                        after += transition[s, a, x] * v[0][x]
                    total = np.logaddexp(total, float(reward[s, a]) + discount * after)
            row.append(float(total) if np.isfinite(total) else 0.0)
        v.insert(0, row)
    return v


@right("soft_solution.policy", temperature=True)
def policy_of_advantages(transition, initial, horizon, discount, reward, temperature):
    available, terminal = masks(transition)
    v, policies = np.zeros(len(initial), dtype=reward.dtype), []
    for _ in range(horizon):
        q = reward + discount * (transition @ v)
        q = np.where(available, q, -np.inf)
        shift = np.where(terminal, 0, q.max(axis=1))
        weights = np.exp((q - shift[:, None]) / temperature)
        total = weights.sum(axis=1)
        v = np.where(terminal, 0, shift + temperature * np.log(np.where(terminal, 1, total)))
        policies.append(weights / np.where(terminal, 1, total)[:, None])
    return np.array(policies[::-1])


@right("soft_solution.q", **NO_SHIFT, temperature=True, temperatures=(1, 2))
def q_of_messages_without_a_shift(transition, initial, horizon, discount, reward, temperature):
    available, terminal = masks(transition)
    v, qs = np.zeros(len(initial), dtype=reward.dtype), []
    for _ in range(horizon):
        q = reward + discount * (transition @ v)
        qs.append(np.where(available, q, -np.inf))
        total = np.where(available, np.exp(q / temperature), 0).sum(axis=1)
        v = np.where(terminal, 0, temperature * np.log(np.where(terminal, 1, total)))
    return np.array(qs[::-1])


# What a policy does


def steps(transition: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """P(s' | s) of each step, [t, s, x]; terminal states stay."""
    _, terminal = masks(transition)
    moves = np.einsum("tsa,sax->tsx", policy, transition)
    moves[:, terminal, terminal] += 1
    return moves


@right("state_marginals")
def marginals_of_matrix_products(transition, initial, horizon, discount, policy):
    rows = [initial]
    for move in steps(transition, policy):
        rows.append(move.T @ rows[-1])
    return np.array(rows)


@right("state_marginals")
def marginals_of_the_whole_product(transition, initial, horizon, discount, policy):
    moves = steps(transition, policy)
    rows = []
    for t in range(horizon + 1):
        product = np.eye(len(initial), dtype=policy.dtype)
        for move in moves[:t][::-1]:
            product = move @ product
        rows.append(initial @ product)
    return np.array(rows)


@right("marginals")
def marginals_by_einsum(transition, initial, horizon, discount, policy):
    mu, out = initial, []
    for pi in policy:
        out.append(np.einsum("s,sa->sa", mu, pi))
        stays = np.where(masks(transition)[1], mu, 0)
        mu = np.einsum("s,sa,sax->x", mu, pi, transition, optimize=True) + stays
    return np.array(out)


@right("occupancy", axes="sas")
def occupancy_of_one_linear_system(transition, initial, horizon, discount, policy):
    """(1 - M) d = (rho, 0, ..., 0), M the discounted moves from step t to t+1."""
    n, moves = len(initial), np.einsum("tsa,sax->tsx", policy, transition)
    system = np.eye(horizon * n, dtype=policy.dtype)
    for t in range(horizon - 1):
        system[(t + 1) * n : (t + 2) * n, t * n : (t + 1) * n] -= discount * moves[t].T
    start = np.zeros(horizon * n, dtype=policy.dtype)
    start[:n] = initial
    visits = np.linalg.solve(system, start).reshape(horizon, n)
    return np.einsum("ts,tsa,sax->sax", visits, policy, transition)


@right("occupancy", axes="s", policy_axes="sa")
def occupancy_of_a_stationary_policy(transition, initial, horizon, discount, policy):
    move = np.einsum("sa,sax->sx", policy, transition)
    alive = ~masks(transition)[1]
    total, mu = np.zeros_like(initial), initial
    for t in range(horizon):
        total = total + discount**t * mu * alive
        mu = mu @ move
    return total


@right("policy_value")
def value_of_one_linear_system(transition, initial, horizon, discount, reward, policy):
    n, moves = len(initial), np.einsum("tsa,sax->tsx", policy, transition)
    system = np.eye((horizon + 1) * n, dtype=reward.dtype)
    for t in range(horizon):
        system[t * n : (t + 1) * n, (t + 1) * n : (t + 2) * n] = -discount * moves[t]
    earned = np.vstack([(policy * reward).sum(axis=-1), np.zeros((1, n), dtype=reward.dtype)])
    return np.linalg.solve(system, earned.ravel()).reshape(horizon + 1, n)


@right("policy_value", reward_axes="sas")
def value_forwards(transition, initial, horizon, discount, reward, policy):
    """The return from (t, s) is that of a walker that starts there."""
    n = len(initial)
    values = np.zeros((horizon + 1, n), dtype=reward.dtype)
    for t, s in np.ndindex(horizon, n):
        mu = np.eye(n, dtype=reward.dtype)[s]
        for k in range(t, horizon):
            flow = mu[:, None, None] * policy[k][:, :, None] * transition
            values[t, s] += discount ** (k - t) * (flow * reward).sum()
            mu = flow.sum(axis=(0, 1))
    return values


# Trajectories


def listed(transition, initial, horizon):
    """Every trajectory of positive probability: its probability under the dynamics, and its moves (s, a, s')."""
    available, terminal = masks(transition)

    def go_on(s, depth):
        if depth == horizon or terminal[s]:
            yield 1.0, ()
            return
        for a in np.flatnonzero(available[s]):
            for x in np.flatnonzero(transition[s, a]):
                for p, rest in go_on(x, depth + 1):
                    yield transition[s, a, x] * p, ((s, a, x), *rest)

    for s in np.flatnonzero(initial):
        for p, moves in go_on(s, 0):
            yield initial[s] * p, moves


def return_of(moves, reward, discount):
    axes = reward.ndim
    return sum((discount**t * reward[move[:axes]] for t, move in enumerate(moves)), reward.dtype.type(0))


@right("boltzmann.law", **LISTED)
def law_of_listed_trajectories(transition, initial, horizon, discount, reward):
    paths = list(listed(transition, initial, horizon))
    return softmax(np.array([np.log(p) + return_of(moves, reward, discount) for p, moves in paths]))


@right("boltzmann.log_partition", **LISTED)
def log_partition_of_listed_trajectories(transition, initial, horizon, discount, reward):
    paths = list(listed(transition, initial, horizon))
    return logsumexp([return_of(moves, reward, discount) for _, moves in paths], b=[p for p, _ in paths])


@right("boltzmann.log_partition", **NO_SHIFT, reward_axes="sas")
def log_partition_of_matrix_products(transition, initial, horizon, discount, reward):
    _, terminal = masks(transition)
    weight = np.ones(len(initial), dtype=reward.dtype)
    for t in reversed(range(horizon)):
        step = (transition * np.exp(discount**t * reward)).sum(axis=1)
        weight = np.where(terminal, 1, step @ weight)
    return np.log(initial @ weight)


@right("boltzmann.occupancy", **LISTED, axes="sas")
def occupancy_of_listed_trajectories(transition, initial, horizon, discount, reward):
    paths = list(listed(transition, initial, horizon))
    top = max(return_of(moves, reward, discount) for _, moves in paths)
    counts, total = np.zeros_like(transition), reward.dtype.type(0)
    for p, moves in paths:
        weight = p * np.exp(return_of(moves, reward, discount) - top)
        total += weight
        for t, move in enumerate(moves):
            counts[move] += discount**t * weight
    return counts / total


@right("boltzmann.occupancy")
def occupancy_of_messages_in_log_space(transition, initial, horizon, discount, reward):
    """Backward and forward messages, and their product at each step."""
    _, terminal = masks(transition)
    with np.errstate(divide="ignore"):
        log_p, log_rho = np.log(transition), np.log(initial)
    backward = [np.zeros(len(initial), dtype=reward.dtype)]
    for t in reversed(range(horizon)):
        weight = log_p + discount**t * reward[:, :, None] + backward[0]
        backward.insert(0, np.where(terminal, 0, log_sum(weight, (1, 2))))
    forward = log_rho
    log_z = log_sum(forward + backward[0], 0)
    visits = np.zeros_like(reward)
    for t in range(horizon):
        flow = forward[:, None, None] + log_p + discount**t * reward[:, :, None]
        visits += discount**t * np.exp(log_sum(flow + backward[t + 1], 2) - log_z)
        forward = np.logaddexp(log_sum(flow, (0, 1)), np.where(terminal, forward, -np.inf))
    return visits


def log_sum(x, axis):
    """log sum exp that bears slices of -inf."""
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


@right("boltzmann.occupancy", **NO_SHIFT | {"discounts": (1,)}, in_single=False)
def occupancy_of_complex_steps(transition, initial, horizon, discount, reward):
    """Undiscounted visits are the derivative of log Z, here by steps of 1e-200 i."""
    visits = np.zeros_like(reward)
    for index in np.ndindex(reward.shape):
        moved = reward.astype(complex)
        moved[index] += 1e-200j
        visits[index] = (np.log(partition(transition, initial, horizon, moved)).imag) * 1e200
    return visits


def partition(transition, initial, horizon, reward):
    weight = np.ones(len(initial), dtype=complex)
    for _ in range(horizon):
        step = np.einsum("sax,sa->sx", transition, np.exp(reward))
        weight = np.where(masks(transition)[1], 1, step @ weight)
    return initial @ weight


# Inverse problems on an MDP


def causal_gradient(transition, initial, horizon, discount, reward, expert):
    _, _, policies = backups_of_scipy(transition, initial, horizon, discount, reward)
    visits, mu = np.zeros_like(expert), initial
    for t, pi in enumerate(policies):
        joint = mu[:, None] * pi
        visits += discount**t * joint
        mu = np.tensordot(joint, transition, 2)
    return expert - visits


@right("causal.gradient")
def causal_gradient_by_recursion(transition, initial, horizon, discount, reward, expert):
    return causal_gradient(transition, initial, horizon, discount, reward, expert)


@right("causal.gradient", reward_axes="s")
def causal_gradient_of_state_rewards(transition, initial, horizon, discount, reward, expert):
    by_action = np.repeat(reward[:, None], transition.shape[1], axis=1)
    full = causal_gradient(transition, initial, horizon, discount, by_action, np.zeros_like(by_action))
    return expert + full.sum(axis=1)


@right("causal.gradient", reward_axes="sas")
def causal_gradient_of_rewards_of_moves(transition, initial, horizon, discount, reward, expert):
    expected = (transition * reward).sum(axis=-1)
    full = causal_gradient(transition, initial, horizon, discount, expected, np.zeros_like(expected))
    return expert + full[:, :, None] * transition


@right("causal.gradient", **LISTED)
def causal_gradient_of_listed_trajectories(transition, initial, horizon, discount, reward, expert):
    _, _, policies = backups_of_scipy(transition, initial, horizon, discount, reward)
    visits = np.zeros_like(expert)
    for p, moves in listed(transition, initial, horizon):
        for t, (s, a, _) in enumerate(moves):
            p = p * policies[t, s, a]
        for t, (s, a, _) in enumerate(moves):
            visits[s, a] += discount**t * p
    return expert - visits


@right("causal.gradient", temperature=True)
def causal_gradient_by_adjoints(transition, initial, horizon, discount, reward, expert, temperature):
    """The derivative of rho V_0 by going backwards through the recursion."""
    policies = policy_of_advantages(transition, initial, horizon, discount, reward, temperature)
    to_v, to_reward = initial, np.zeros_like(reward)
    for pi in policies:
        to_q = to_v[:, None] * pi
        to_reward += to_q
        to_v = discount * np.einsum("sa,sax->x", to_q, transition)
    return (expert - to_reward) / temperature


@right("causal.gradient")
def causal_gradient_in_log_space(transition, initial, horizon, discount, reward, expert):
    q, v, _ = backups_of_scipy(transition, initial, horizon, discount, reward)
    with np.errstate(divide="ignore"):
        log_mu, log_p = np.log(initial), np.log(transition)
    visits = np.zeros_like(reward)
    for t in range(horizon):
        joint = log_mu[:, None] + q[t] - v[t][:, None]
        visits += discount**t * np.exp(joint)
        log_mu = log_sum(joint[:, :, None] + log_p, (0, 1))
    return expert - visits


@right("causal.dual", temperature=True)
def dual_of_state_values(transition, initial, horizon, discount, reward, expert, temperature):
    _, v, _ = backups_of_scipy(transition, initial, horizon, discount, reward / reward.dtype.type(temperature))
    return np.vdot(expert, reward) / temperature - np.dot(initial, v[0])


@right("maxent.gradient", **LISTED, temperature=True)
def maxent_gradient_of_listed_trajectories(transition, initial, horizon, discount, reward, expert, temperature):
    paths = list(listed(transition, initial, horizon))
    law = law_of_listed_trajectories(transition, initial, horizon, discount, reward / reward.dtype.type(temperature))
    visits = np.zeros_like(expert)
    for p, (_, moves) in zip(law, paths, strict=True):
        for t, (s, a, _) in enumerate(moves):
            visits[s, a] += discount**t * p
    return (expert - visits) / temperature


@right("maxent.gradient", reward_axes="sas")
def maxent_gradient_by_adjoints(transition, initial, horizon, discount, reward, expert):
    _, terminal = masks(transition)
    with np.errstate(divide="ignore"):
        log_p, log_rho = np.log(transition), np.log(initial)
    messages = [np.zeros(len(initial), dtype=reward.dtype)]
    exponents = []
    for t in reversed(range(horizon)):
        exponents.insert(0, log_p + discount**t * reward + messages[0])
        messages.insert(0, np.where(terminal, 0, log_sum(exponents[0], (1, 2))))
    to_message = np.exp(log_rho + messages[0] - log_sum(log_rho + messages[0], 0))
    visits = np.zeros_like(reward)
    for t in range(horizon):
        alive = np.where(terminal, 0, to_message)
        flow = alive[:, None, None] * np.exp(exponents[t] - messages[t][:, None, None])
        visits += discount**t * flow
        to_message = flow.sum(axis=(0, 1))
    return expert - visits


@right("maxent.log_likelihood", **NO_SHIFT)
def log_likelihood_of_products(transition, initial, horizon, discount, reward, expert):
    log_z = log_partition_of_matrix_products(
        transition, initial, horizon, discount, reward[:, :, None] + np.zeros_like(transition)
    )
    return (expert * reward).sum() - log_z


# Finite spaces


@right("ebm.log_partition")
def log_partition_by_logaddexp(energy):
    return np.logaddexp.reduce(-energy)


@right("ebm.law", largest_energy=50)
def law_without_a_shift(energy):
    weight = np.exp(-energy)
    return weight / weight.sum()


@right("ebm.log_likelihood")
def log_likelihood_of_log_softmax(energy, data):
    return np.dot(data, log_softmax(-energy))


@right("ebm.gradient")
def gradient_by_pairs(energy, data):
    """p_theta(x) = 1 / sum_y exp(E(x) - E(y))."""
    with np.errstate(over="ignore"):
        return 1 / np.exp(energy[:, None] - energy[None, :]).sum(axis=1) - data


@right("gan.discriminator", largest_energy=20)
def discriminator_of_densities(energy, sampler, log_normalizer):
    density = np.exp(-energy) / np.exp(log_normalizer)
    return (density / (density + sampler)).astype(energy.dtype)


@right("gan.discriminator")
def discriminator_of_a_logit(energy, sampler, log_normalizer):
    with np.errstate(divide="ignore"):
        return expit(-energy - log_normalizer - np.log(sampler))


@right("gan.discriminator_loss")
def loss_of_logits(energy, sampler, data, log_normalizer):
    on = sampler > 0
    logit = -energy[on] - log_normalizer - np.log(sampler[on])
    softplus = np.maximum(logit, 0) + np.log1p(np.exp(-np.abs(logit)))
    return np.sum(data[on] * (softplus - logit)) + np.sum(sampler[on] * softplus)


@right("gan.discriminator_loss", largest_energy=10, in_single=False)
def loss_of_logs(energy, sampler, data, log_normalizer):
    """-log(1 - D) as it stands on paper."""
    d = discriminator_of_a_logit(energy, sampler, log_normalizer)
    return scipy.special.xlogy(-data, d).sum() - scipy.special.xlogy(sampler, 1 - d).sum()


@right("gan.discriminator_gradient")
def gradient_of_paper(energy, sampler, data, log_normalizer):
    d = discriminator_of_a_logit(energy, sampler, log_normalizer)
    to_energy = data - (data + sampler) * d
    return to_energy, to_energy.sum()


@right("gan.discriminator_gradient.energy")
def gradient_of_two_terms(energy, sampler, data, log_normalizer):
    d = discriminator_of_a_logit(energy, sampler, log_normalizer)
    return data * (1 - d) - sampler * d


@right("gan.optimal_log_normalizer", largest_energy=20, in_single=False)
def log_normalizer_of_brentq(energy, sampler, data):
    on = sampler > 0
    logit = -energy[on] - np.log(sampler[on])
    mass = (data + sampler)[on]

    def excess(z):
        return np.sum(mass * expit(logit - z)) - data[on].sum()

    low, high = logit.min() - 50, logit.max() + 50
    return scipy.optimize.brentq(excess, low, high, xtol=1e-300, rtol=1e-15)


@right("gan.generator_loss")
def generator_loss_of_energies(energy, sampler, log_normalizer):
    return np.dot(sampler, energy) + log_normalizer - scipy.special.entr(sampler).sum()


@right("gan.generator_loss")
def generator_loss_with_log_normalizer_last(energy, sampler, log_normalizer):
    log_sampler = np.log(np.where(sampler > 0, sampler, 1))
    return np.sum(sampler * (log_sampler + energy)) + log_normalizer


@right("gan.generator_loss", largest_energy=10, in_single=False)
def generator_loss_of_logs(energy, sampler, log_normalizer):
    d = discriminator_of_a_logit(energy, sampler, log_normalizer)[sampler > 0]
    return np.sum(sampler[sampler > 0] * (np.log(1 - d) - np.log(d)))


@right("gcl.importance_weights", largest_energy=20)
def weights_of_densities(energy, sampler, log_normalizer):
    density = np.exp(-energy - log_normalizer)
    return density / ((density + sampler) / 2)


@right("gcl.gradient", largest_energy=20)
def gcl_gradient_of_weights(energy, sampler, data, log_normalizer):
    mixture = (data + sampler) / 2
    weighted = mixture * weights_of_densities(energy, sampler, log_normalizer)
    return data - weighted / weighted.sum()


@right("gcl.loss")
def gcl_loss_in_log_space(energy, sampler, data, log_normalizer):
    with np.errstate(divide="ignore"):
        log_mixture = np.logaddexp(-energy - log_normalizer, np.log(sampler))
        return np.dot(data, energy) + np.logaddexp.reduce(np.log(data + sampler) - energy - log_mixture)


@right("gcl.loss", largest_energy=20)
def gcl_loss_of_densities(energy, sampler, data, log_normalizer):
    density = np.exp(-energy) / np.exp(log_normalizer)
    return data @ energy + np.log(((data + sampler) / 2 * np.exp(-energy) / ((density + sampler) / 2)).sum())


def names() -> list[str]:
    """Names, unique by construction."""
    return list(itertools.chain(variant.name for variant in VARIANTS))
