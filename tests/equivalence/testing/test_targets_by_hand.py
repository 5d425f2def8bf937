"""Code as people write it, in plain numpy, is right about targets on MDPs, and proved so over a field where one can."""

import numpy as np
import pytest
from scipy.special import logsumexp

from equivalence.testing import judge

KINDS = {"max_states": 4, "max_actions": 3, "horizons": (1, 2, 3), "instances": 20}


def visits(P, rho, T, gamma, policy):
    """Discounted visits [s, a] of a policy [s, a] or [t, s, a]."""
    policies = policy if policy.ndim == 3 else [policy] * T
    mu, total = rho, 0
    for t in range(T):
        x = mu[:, None] * policies[t]
        total = total + gamma**t * x
        mu = np.einsum("sa,sax->x", x, P)
    return total


def soft_policies(P, T, gamma, r, alpha=1.0):
    """Soft-optimal policies [t, s, a] of rewards [s, a]; rows of unavailable actions are 0."""
    available = P.sum(axis=-1) > 0
    v, policies = np.zeros(len(P)), []
    for _ in range(T):
        q = np.where(available, r + gamma * P @ v, -np.inf)
        with np.errstate(all="ignore"):
            soft = alpha * logsumexp(q / alpha, axis=1)
            v = np.where(available.any(axis=1), soft, 0.0)
            policies.insert(0, np.where(available, np.exp((q - v[:, None]) / alpha), 0.0))
    return np.array(policies)


def airl_discriminator(P, rho, T, gamma, f, policy):
    return np.exp(f) / (np.exp(f) + policy)


def airl_gradient(P, rho, T, gamma, f, policy, expert):
    d = np.exp(f) / (np.exp(f) + policy)
    return visits(P, rho, T, gamma, policy) * d - np.where(policy > 0, expert * (1 - d), 0.0)


def airl_loss(P, rho, T, gamma, f, policy, expert):
    taken = policy > 0
    d = np.exp(f) / (np.exp(f) + policy)
    own = visits(P, rho, T, gamma, policy)
    log_d = np.log(np.where(taken, d, 1.0))
    log_rest = np.log(np.where(taken, 1 - d, 1.0))
    return -(expert * log_d).sum() - (own * log_rest).sum()


def gail_gradient(P, rho, T, gamma, logit, policy, expert):
    d = 1 / (1 + np.exp(-logit))
    return visits(P, rho, T, gamma, policy) * d - expert * (1 - d)


def gail_loss(P, rho, T, gamma, logit, policy, expert):
    own = visits(P, rho, T, gamma, policy)
    return (expert * np.log1p(np.exp(-logit))).sum() + (own * np.log1p(np.exp(logit))).sum()


def gail_optimal(P, rho, T, gamma, policy, expert):
    own = visits(P, rho, T, gamma, policy)
    total = own + expert
    return np.where(total > 0, expert / np.where(total > 0, total, 1.0), 0.5)


def state_values(P, q):
    available = P.sum(axis=-1) > 0
    masked = np.where(available, q, -np.inf)
    with np.errstate(all="ignore"):
        return np.where(available.any(axis=1), logsumexp(masked, axis=-1), 0.0)


def iq_gradient(P, rho, T, gamma, q, expert):
    """Of Q [t, s, a]: what goes in minus what the policy makes of what arrives."""
    available = P.sum(axis=-1) > 0
    result, arriving = [], rho
    for t in range(T):
        policy = np.where(available, np.exp(np.where(available, q[t], 0.0) - state_values(P, q[t])[:, None]), 0.0)
        x = gamma**t * expert[t]
        result.append(x - policy * arriving[:, None])
        arriving = gamma * np.einsum("sa,sax->x", x, P)
    return np.array(result)


def iq_objective(P, rho, T, gamma, q, expert):
    available = P.sum(axis=-1) > 0
    total = -rho @ state_values(P, q[0])
    for t in range(T):
        after = state_values(P, q[t + 1]) if t + 1 < T else np.zeros(len(P))
        total = total + gamma**t * (expert[t] * np.where(available, q[t] - gamma * P @ after, 0.0)).sum()
    return total


def sqil_loss(P, rho, T, gamma, q, demonstrations, samples):
    v = state_values(P, q)
    to_demo = q[:, :, None] - 1 - gamma * v
    to_sample = q[:, :, None] - gamma * v
    return (demonstrations * to_demo**2).sum() + (samples * to_sample**2).sum()


def cloning_gradient(P, rho, T, gamma, q, demonstrations):
    available = P.sum(axis=-1) > 0
    policy = np.where(available, np.exp(np.where(available, q, 0.0) - state_values(P, q)[:, None]), 0.0)
    counts = demonstrations.sum(axis=-1)
    return counts.sum(axis=-1)[:, None] * policy - counts


def trust_gradient(P, rho, T, gamma, r, expert, beta):
    mass = sum(gamma**t for t in range(T))
    n = visits(P, rho, T, gamma, soft_policies(P, T, gamma, r)) / mass
    weights = expert / mass * np.exp(-r / beta)
    return n - weights / weights.sum()


def law_of_paths(P, rho, T, gamma, r):
    """Visits [s] and their second moments [s, s] under the law rho prod P exp(R), of rewards of states, by messages."""
    n = len(P)
    moved = P.sum(axis=1)
    weight, first, second = np.ones(n), np.zeros((n, n)), np.zeros((n, n, n))
    eye = np.eye(n)
    for t in reversed(range(T)):
        c = gamma**t
        w = np.exp(c * r)
        back = w * (moved @ weight)
        f = w[:, None] * (moved @ first)
        g = w[:, None, None] * np.einsum("sx,xij->sij", moved, second)
        here = c * eye
        g = (
            g
            + here[:, :, None] * f[:, None, :]
            + f[:, :, None] * here[:, None, :]
            + back[:, None, None] * here[:, :, None] * here[:, None, :]
        )
        first = f + back[:, None] * here
        weight, second = back, g
    z = rho @ weight
    return rho @ first / z, np.einsum("s,sij->ij", rho, second) / z


def f_irl_gradient(P, rho, T, gamma, r, expert):
    """Of KL(n_E || n): covariances times -n_E / n, over the mass."""
    mass = sum(gamma**t for t in range(T))
    mean, second = law_of_paths(P, rho, T, gamma, r)
    covariance = second - mean[:, None] * mean
    reached = mean > 0
    ratio = np.where(reached, expert / np.where(reached, mean, 1.0), 0.0)
    return -(covariance @ ratio) / mass


def dice_loss(P, rho, T, gamma, nu, policy, expert):
    """log of an expectation over the expert, less the start."""
    mass = sum(gamma**t * expert[t].sum() for t in range(T))
    own, mu = 0, rho
    for t in range(T):
        x = mu[:, None] * policy[t]
        own = own + gamma**t * x.sum()
        mu = np.einsum("sa,sax->x", x, P)
    total = 0
    for t in range(T):
        after = (policy[t + 1] * nu[t + 1]).sum(axis=1) if t + 1 < T else np.zeros(len(P))
        total = total + (gamma**t * expert[t] * np.exp(nu[t] - gamma * P @ after)).sum()
    return np.log(total / mass) - rho @ (policy[0] * nu[0]).sum(axis=1) / own


PROVED = [
    (airl_discriminator, "airl.discriminator", {}),
    (airl_gradient, "airl.discriminator_gradient", {"largest_reward": 10}),
    (airl_loss, "airl.discriminator_loss", {"largest_reward": 10}),
    (gail_gradient, "gail.discriminator_gradient", {"largest_reward": 10}),
    (gail_loss, "gail.discriminator_loss", {"largest_reward": 10}),
    (gail_optimal, "gail.optimal_discriminator", {}),
    (iq_gradient, "q_learning.gradient", {}),
    (iq_objective, "q_learning.objective", {}),
    (cloning_gradient, "sqil.cloning_gradient", {}),
    (trust_gradient, "trust_region.gradient", {"largest_reward": 10}),
    (f_irl_gradient, "f_irl.gradient.kl", {"largest_reward": 10}),
    (dice_loss, "dice.critic_loss", {"largest_reward": 10}),
]


@pytest.mark.parametrize("subject, target, options", PROVED, ids=[target for _, target, _ in PROVED])
def test_it_is_proved_for_all(subject, target, options):
    verdict = judge(subject, to=target, **(KINDS | options))
    assert verdict.outcome == "proved for all", str(verdict)


def test_what_squares_logarithms_is_out_of_reach_of_a_field_and_consistent():
    verdict = judge(sqil_loss, to="sqil.sqil_loss", **KINDS)
    assert verdict.outcome == "consistent", str(verdict)
    assert "field: out of reach: a product of two logarithms" in str(verdict)
    wrong = judge(lambda *given: 2 * sqil_loss(*given), to="sqil.sqil_loss", **KINDS)
    assert not wrong.agrees


def gradient_to_theta(P, rho, T, gamma, phi, theta, matched):
    """Of linear rewards: expected features of the expert less those of the soft-optimal policy."""
    own = visits(P, rho, T, gamma, soft_policies(P, T, gamma, phi @ theta))
    return matched - np.einsum("sa,sak->k", own, phi)


def gradient_to_costs(P, rho, T, gamma, phi, theta, matched):
    """The same for linear costs and transitions [a, s, s'], as a mean over the discounted number of decisions."""
    mass = sum(gamma**t for t in range(T))
    return -gradient_to_theta(np.moveaxis(P, 0, 1), rho, T, gamma, phi, -theta, matched) / mass


@pytest.mark.parametrize(
    "subject, options",
    [
        (gradient_to_theta, {"features": True}),
        (gradient_to_costs, {"features": True, "costs": True, "mean": True, "transition_axes": "asx"}),
    ],
)
def test_conventions_are_proved_too(subject, options):
    assert judge(subject, to="causal.gradient", **KINDS, **options).outcome == "proved for all"
    other = options | {"costs": not options.get("costs", False)}
    assert not judge(subject, to="causal.gradient", **KINDS, **other).agrees
