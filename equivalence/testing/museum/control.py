"""Soft control: backups, values, policies."""

import numpy as np
from scipy.special import logsumexp, softmax

from equivalence.testing.museum.passes import backups, by_action, log_of, log_sum, masks
from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES)


# Right twins: V in another algebra than q and logsumexp of the library.


def values_by_logaddexp(transition, initial, horizon, discount, reward, temperature=1.0):
    """V by pairs, action after action."""
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        total = np.full(len(initial), -np.inf)
        for a in range(reward.shape[1]):
            q = reward[:, a] + discount * transition[:, a] @ v[0]
            total = np.where(available[:, a], np.logaddexp(total, q / temperature), total)
        v.insert(0, np.where(terminal, 0, temperature * np.where(terminal, 0, total)))
    return np.array(v)


def action_values(transition, initial, horizon, discount, reward, temperature=1.0):
    """Q from V, all steps at once."""
    v = values_by_logaddexp(transition, initial, horizon, discount, reward, temperature)
    q = reward + discount * np.moveaxis(transition @ v[1:].T, -1, 0)
    return np.where(masks(transition)[0], q, -np.inf)


def policy_of_advantages(transition, initial, horizon, discount, reward, temperature=1.0):
    """exp((Q - V) / alpha)."""
    v = values_by_logaddexp(transition, initial, horizon, discount, reward, temperature)
    q = action_values(transition, initial, horizon, discount, reward, temperature)
    return np.exp((q - v[:-1, :, None]) / temperature)


def values_of_state_rewards(transition, initial, horizon, discount, reward):
    """r(s) stands outside the log sum."""
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        after = np.where(available, discount * transition @ v[0], -np.inf)
        v.insert(0, np.where(terminal, 0, reward + log_sum(after, 1)))
    return np.array(v)


def values_of_rewards_of_moves(transition, initial, horizon, discount, reward):
    """E[r + gamma V] over next states together."""
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        q = np.einsum("sax,sax->sa", transition, reward + discount * v[0])
        v.insert(0, np.where(terminal, 0, log_sum(np.where(available, q, -np.inf), 1)))
    return np.array(v)


# Wrong ones


@wrong("soft_solution.v", values_by_logaddexp, "hard maximum", 5)
def hard_maximum(transition, initial, horizon, discount, reward):
    """Value iteration of plain control in a maximum entropy method: max over actions where log sum exp belongs."""
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v[0], -np.inf)
        v.insert(0, np.where(terminal, 0, q.max(axis=1)))
    return np.array(v)


@wrong("soft_solution.v", values_by_logaddexp, "optimistic backup", 6, discounts=(1,))
def optimistic_backup(transition, initial, horizon, discount, reward):
    """log E exp(V) where E V belongs: the inference view taken for control, right for deterministic dynamics only."""
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        q = reward + log_sum(log_of(transition) + v[0], 2)
        v.insert(0, np.where(terminal, 0, log_sum(np.where(available, q, -np.inf), 1)))
    return np.array(v)


@wrong("soft_solution.policy", policy_of_advantages, "policy proportional to Q", 9)
def policy_of_ratios_of_q(transition, initial, horizon, discount, reward):
    """pi = Q / sum Q, which is no probability where a Q is negative."""
    q, _, _ = backups(transition, initial, horizon, discount, reward)
    q = np.where(np.isfinite(q), q, 0)
    total = q.sum(axis=2, keepdims=True)
    return np.where(masks(transition)[0] & (total == 0), 1, q / np.where(total == 0, 1, total))


@wrong("soft_solution.policy", policy_of_advantages, "unknown", 12)
def policy_outside_log_space(transition, initial, horizon, discount, reward):
    """Exponentials without a shift: NaN at rewards of some hundreds. No formula is wrong, floats are."""
    available, terminal = masks(transition)
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        weight = np.where(available, np.exp(reward + discount * transition @ v), 0)
        z = weight.sum(axis=1)
        policies.insert(0, weight / np.where(terminal, 1, z)[:, None])
        v = np.log(np.where(terminal, 1, z))
    return np.array(policies)


@wrong("soft_solution.policy", policy_of_advantages, "temperature in V alone", 13, temperature=True)
def temperature_in_v_alone(transition, initial, horizon, discount, reward, temperature):
    """The temperature is remembered in the backup of V, and the policy is softmax(Q)."""
    available, terminal = masks(transition)
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v, -np.inf)
        safe = np.where(terminal[:, None], 0, q)
        policies.insert(0, np.where(available, softmax(safe, axis=1), 0))
        v = np.where(terminal, 0, temperature * logsumexp(safe / temperature, axis=1))
    return np.array(policies)


@wrong("soft_solution.policy", policy_of_advantages, "temperature in the policy alone", 13, temperature=True)
def temperature_in_the_policy_alone(transition, initial, horizon, discount, reward, temperature):
    """softmax(Q / alpha), while V is log sum exp Q: the temperature was added to an old backup at one place."""
    q, _, _ = backups(transition, initial, horizon, discount, reward)
    return softmax_over_available(q / temperature)


def softmax_over_available(q):
    """softmax that leaves rows of -inf zero."""
    none = ~np.isfinite(q).any(axis=-1, keepdims=True)
    return np.where(none, 0, softmax(np.where(none, 0, q), axis=-1))


@wrong("soft_solution.v", values_by_logaddexp, "values in nats", 13, temperature=True)
def values_in_nats(transition, initial, horizon, discount, reward, temperature):
    """Rewards are divided by the temperature once and for all, and values never multiplied back."""
    return backups(transition, initial, horizon, discount, reward / temperature)[1]


@wrong("soft_solution.q", action_values, "entropy forgotten in V", 13)
def q_of_a_policy_without_entropy(transition, initial, horizon, discount, reward):
    """V = sum pi Q, the entropy weight missing in policy evaluation: soft policy iteration without the soft part."""
    available, terminal = masks(transition)
    v, qs = np.zeros(len(initial)), []
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v, -np.inf)
        qs.insert(0, q)
        v = np.where(terminal, 0, (softmax_over_available(q) * np.where(available, q, 0)).sum(axis=1))
    return np.array(qs)


@wrong("soft_solution.v", values_by_logaddexp, "log mean exp", terminal=False)
def mean_of_exponentials(transition, initial, horizon, discount, reward):
    """scipy's logsumexp with weights 1 / A: entropy relative to the uniform policy, V lower by log A a step."""
    available, _ = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v[0], -np.inf)
        v.insert(0, log_sum(q, 1) - np.log(available.sum(axis=1)))
    return np.array(v)


@wrong("soft_solution.v", values_by_logaddexp, "unavailable actions counted", terminal=False)
def rows_of_zeros_are_actions(transition, initial, horizon, discount, reward):
    """Unavailable actions enter the sum with Q = r, since their rows of zeros lead to no value and no error."""
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        v.insert(0, np.logaddexp.reduce(reward + discount * transition @ v[0], axis=1))
    return np.array(v)


@wrong("soft_solution.v", values_by_logaddexp, "terminal states absorbing backward", 10, unavailable=False)
def terminal_states_loop(transition, initial, horizon, discount, reward):
    """Terminal states loop with all their actions and earn: an environment that pads what has ended."""
    _, terminal = masks(transition)
    loops = np.where(terminal[:, None, None], np.eye(len(initial))[:, None, :], transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        v.insert(0, np.logaddexp.reduce(reward + discount * loops @ v[0], axis=1))
    return np.array(v)


@wrong("soft_solution.v", values_by_logaddexp, "backward pass overwrites values", 7)
def values_overwritten_while_read(transition, initial, horizon, discount, reward):
    """One array for V_t and V_t+1: states that come later already see the new values of earlier ones."""
    available, terminal = masks(transition)
    v, rows = np.zeros(len(initial)), [np.zeros(len(initial))]
    for _ in range(horizon):
        for s in np.flatnonzero(~terminal):
            v[s] = logsumexp((reward[s] + discount * transition[s] @ v)[available[s]])
        rows.insert(0, v.copy())
    return np.array(rows)


@wrong("soft_solution.v", values_of_state_rewards, "reward after the last step", reward_axes="s")
def values_start_at_the_reward(transition, initial, horizon, discount, reward):
    """V is initialized with r(s) where 0 belongs: T+1 rewards over T decisions."""
    available, terminal = masks(transition)
    v = [np.where(terminal, 0, reward)]
    for _ in range(horizon):
        q = np.where(available, by_action(reward, transition) + discount * transition @ v[0], -np.inf)
        v.insert(0, np.where(terminal, 0, log_sum(q, 1)))
    return np.array(v)


@wrong("soft_solution.v", values_of_state_rewards, "reward of the next state", reward_axes="s")
def reward_on_arrival(transition, initial, horizon, discount, reward):
    """The reward of the state that is reached, as an environment pays it, for a reward of the state that is left."""
    return backups(transition, initial, horizon, discount, transition @ reward)[1]


@wrong("soft_solution.v", values_of_rewards_of_moves, "unweighted mean of rewards", reward_axes="sas")
def reward_averaged_without_dynamics(transition, initial, horizon, discount, reward):
    """r(s, a, s') is reduced to r(s, a) by a plain mean over next states."""
    possible = transition > 0
    total = np.where(possible, reward, 0).sum(axis=2)
    return backups(transition, initial, horizon, discount, total / np.maximum(possible.sum(axis=2), 1))[1]


@wrong("soft_solution.policy", policy_of_advantages, "steps reversed", 4)
def policies_appended_backwards(transition, initial, horizon, discount, reward):
    """The backward pass appends its policies, and nobody turns the list around."""
    return backups(transition, initial, horizon, discount, reward)[2][::-1]


@wrong("soft_solution.q", action_values, "reward discounted once more")
def reward_inside_the_discount(transition, initial, horizon, discount, reward):
    """A parenthesis too wide: gamma (r + E V)."""
    return backups(transition, initial, horizon, discount, discount * reward)[0]
