"""Right backward and forward passes in plain numpy and scipy, for the pieces to use or to get wrong."""

import numpy as np
from scipy.special import logsumexp, softmax


def masks(transition):
    """Which actions are available [s, a], and which states are terminal [s]."""
    available = transition.sum(axis=-1) > 0
    return available, ~available.any(axis=-1)


def log_sum(x, axis):
    """log sum exp that bears slices of -inf."""
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


def log_of(x):
    """log with log 0 = -inf."""
    with np.errstate(divide="ignore"):
        return np.log(x)


def backups(transition, initial, horizon, discount, reward, temperature=1.0):
    """Soft q [t, s, a], v [t, s] and policy [t, s, a]."""
    available, terminal = masks(transition)
    v = [np.zeros(len(initial), dtype=reward.dtype)]
    qs, policies = [], []
    for _ in range(horizon):
        q = np.where(available, reward + discount * np.einsum("sax,x->sa", transition, v[0]), -np.inf)
        safe = np.where(terminal[:, None], 0, q) / temperature
        v.insert(0, np.where(terminal, 0, temperature * np.asarray(logsumexp(safe, axis=1))))
        qs.insert(0, q)
        policies.insert(0, np.where(available, softmax(safe, axis=1), 0))
    return np.array(qs), np.array(v), np.array(policies)


def visits_of(transition, initial, discount, policies):
    """Discounted visits [s, a] at decisions."""
    visits, mu = np.zeros(transition.shape[:2]), initial
    for t, pi in enumerate(policies):
        visits += discount**t * mu[:, None] * pi
        mu = np.einsum("s,sa,sax->x", mu, pi, transition)
    return visits


def by_action(reward, transition):
    """A reward [s] as one [s, a]."""
    return np.repeat(reward[:, None], transition.shape[1], axis=1)


def messages(transition, horizon, discount, reward):
    """log z_t(s) of T+1 rows, and exponents log P + gamma^t r [s, a, s'] of T steps, for trajectories."""
    _, terminal = masks(transition)
    rows, exponents = [np.zeros(len(transition))], []
    for t in reversed(range(horizon)):
        exponents.insert(0, log_of(transition) + discount**t * reward[:, :, None])
        rows.insert(0, np.where(terminal, 0, log_sum(exponents[0] + rows[0], (1, 2))))
    return rows, exponents
