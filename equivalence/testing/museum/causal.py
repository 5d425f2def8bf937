"""Maximum causal entropy: its dual and its gradient."""

import numpy as np
from scipy.special import softmax

from equivalence.testing.museum.passes import backups, by_action, masks, visits_of
from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES)


def gradient_by_adjoints(transition, initial, horizon, discount, reward, expert, temperature=1.0):
    """The derivative of rho V_0, backwards through the recursion of V."""
    _, _, policies = backups(transition, initial, horizon, discount, reward, temperature)
    to_v, to_reward = initial, np.zeros_like(reward)
    for pi in policies:
        to_q = to_v[:, None] * pi
        to_reward += to_q
        to_v = discount * np.tensordot(to_q, transition, 2)
    return (expert - to_reward) / temperature


def gradient_of_state_rewards(transition, initial, horizon, discount, reward, expert):
    """r(s) is r(s, a) = r(s), and derivatives add up over a."""
    full = np.zeros(transition.shape[:2])
    return expert + gradient_by_adjoints(
        transition, initial, horizon, discount, by_action(reward, transition), full
    ).sum(axis=1)


def dual_of_values(transition, initial, horizon, discount, reward, expert, temperature=1.0):
    """(<expert, r> - rho V_0) / alpha with rewards in nats."""
    _, v, _ = backups(transition, initial, horizon, discount, reward / temperature)
    return np.vdot(expert, reward) / temperature - np.dot(initial, v[0])


@wrong("causal.gradient", gradient_of_state_rewards, "T+1 states counted", 1, reward_axes="s", terminal=False)
def one_state_too_many_is_counted(transition, initial, horizon, discount, reward, expert):
    """T+1 states are counted against T rewards, the most frequent mistake of all, silent at the true reward."""
    _, _, policies = backups(transition, initial, horizon, discount, by_action(reward, transition))
    mu = initial
    visits = initial.copy()
    for t, pi in enumerate(policies):
        mu = np.einsum("s,sa,sax->x", mu, pi, transition)
        visits += discount ** (t + 1) * mu
    return expert - visits


@wrong("causal.gradient", gradient_by_adjoints, "no discount in the policy", 2)
def policy_without_discount(transition, initial, horizon, discount, reward, expert):
    """The policy is solved anew inside the count, and the discount is not passed on."""
    _, _, policies = backups(transition, initial, horizon, 1.0, reward)
    return expert - visits_of(transition, initial, discount, policies)


@wrong("causal.gradient", gradient_by_adjoints, "no discount in the counts", 3)
def counts_without_discount(transition, initial, horizon, discount, reward, expert):
    """A discounted policy with undiscounted counts: the gradient of nothing."""
    _, _, policies = backups(transition, initial, horizon, discount, reward)
    return expert - visits_of(transition, initial, 1.0, policies)


@wrong("causal.gradient", gradient_by_adjoints, "no discount at all", 3)
def discount_ignored(transition, initial, horizon, discount, reward, expert):
    """The discount is accepted and never used."""
    _, _, policies = backups(transition, initial, horizon, 1.0, reward)
    return expert - visits_of(transition, initial, 1.0, policies)


@wrong("causal.gradient", gradient_by_adjoints, "first policy for every step", 4)
def first_policy_for_every_step(transition, initial, horizon, discount, reward, expert):
    """One policy [s, a] is kept of the backward pass and used at every step of a finite horizon."""
    _, _, policies = backups(transition, initial, horizon, discount, reward)
    return expert - visits_of(transition, initial, discount, [policies[0]] * horizon)


@wrong("causal.gradient", gradient_by_adjoints, "terminal states pay for ever", 10)
def terminal_states_go_on_in_the_backward_pass(transition, initial, horizon, discount, reward, expert):
    """Terminal states earn as if there were one action that stays; the forward pass ends there."""
    _, terminal = masks(transition)
    available = transition.sum(axis=-1) > 0
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v, -np.inf)
        safe = np.where(terminal[:, None], 0, q)
        policies.insert(0, np.where(available, softmax(safe, axis=1), 0))
        v = np.where(terminal, reward.max(axis=1) + discount * v, np.logaddexp.reduce(safe, axis=1))
    return expert - visits_of(transition, initial, discount, policies)


@wrong("causal.gradient", gradient_by_adjoints, "hard maximum", 5)
def soft_policy_of_hard_values(transition, initial, horizon, discount, reward, expert):
    """Plain value iteration, and a softmax over its Q as the policy."""
    available, terminal = masks(transition)
    v, policies = np.zeros(len(initial)), []
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v, -np.inf)
        safe = np.where(terminal[:, None], 0, q)
        policies.insert(0, np.where(available, softmax(safe, axis=1), 0))
        v = safe.max(axis=1)
    return expert - visits_of(transition, initial, discount, policies)


@wrong("causal.gradient", gradient_by_adjoints, "opposite sign", 18)
def gradient_of_a_loss(transition, initial, horizon, discount, reward, expert):
    """Model minus expert: right to descend, wrong to ascend."""
    return -gradient_by_adjoints(transition, initial, horizon, discount, reward, expert)


@wrong("causal.gradient", gradient_by_adjoints, "frequencies of the model", 29)
def frequencies_of_the_model_against_counts(transition, initial, horizon, discount, reward, expert):
    """The expert's counts are sums over T steps, those of the model means."""
    _, _, policies = backups(transition, initial, horizon, discount, reward)
    return expert - visits_of(transition, initial, discount, policies) / horizon


@wrong("causal.gradient", gradient_by_adjoints, "not divided by the temperature", 13, temperature=True)
def derivative_to_the_scaled_reward(transition, initial, horizon, discount, reward, expert, temperature):
    """The derivative to r / alpha is taken for that to r."""
    _, _, policies = backups(transition, initial, horizon, discount, reward, temperature)
    return expert - visits_of(transition, initial, discount, policies)


@wrong("causal.gradient", gradient_by_adjoints, "P transposed forward", 8, unavailable=False, terminal=False)
def forward_pass_transposed(transition, initial, horizon, discount, reward, expert):
    """The backward pass and the forward pass disagree on which axis of P is the next state."""
    _, _, policies = backups(transition, initial, horizon, discount, reward)
    return expert - visits_of(transition.transpose(2, 1, 0), initial, discount, policies)


@wrong("causal.dual", dual_of_values, "initial distribution ignored")
def dual_from_uniform_starts(transition, initial, horizon, discount, reward, expert):
    """The mean of V_0 over states, as it is plotted, in place of that over starts."""
    _, v, _ = backups(transition, initial, horizon, discount, reward)
    return np.vdot(expert, reward) - v[0].mean()


@wrong("causal.dual", dual_of_values, "expert normalized to 1", 29, terminal_start=False)
def dual_of_frequencies(transition, initial, horizon, discount, reward, expert):
    """The expert as a distribution over state-action pairs against values of whole episodes."""
    _, v, _ = backups(transition, initial, horizon, discount, reward)
    total = expert.sum()
    return np.vdot(expert, reward) / (total if total else np.nan) - initial @ v[0]
