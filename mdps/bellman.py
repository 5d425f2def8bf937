"""Soft (maximum causal entropy) control by backward induction.

For a temperature alpha, with V_T = f the final value, and backwards over t = T-1 ... 0,

    Q_t(s, a)    = r(s, a) + gamma sum_s' P(s' | s, a) V_{t+1}(s')
    V_t(s)       = alpha log sum_a exp(Q_t(s, a) / alpha)
    pi_t(a | s)  = exp((Q_t(s, a) - V_t(s)) / alpha)

over available actions; V_t(s) = f(s) where s is terminal. V_0 is the largest expected discounted return plus alpha
times causal entropy, and pi attains it. A reward [s, a, s'] enters through its expectation: control cannot choose
chance.

Relative to a prior policy pi_0, with prior=,

    V_t(s) = alpha log sum_a pi_0(a | s) exp(Q_t(s, a) / alpha),   pi_t(a | s) = pi_0(a | s) exp((Q_t - V_t) / alpha)

and V_0 is the largest expected return minus alpha KL(pi || pi_0), summed over steps. Without a horizon nothing depends
on t: see `mdps.stationary`.

Units: q, v and alpha log are rewards; a temperature is reward per nat.
Source: ziebart2010; levine2018.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from mdps import scalars
from mdps.arguments import checked_horizon, checked_policy, checked_reward, checked_temperature, expected_reward
from mdps.model import MDP
from mdps.stacks import empty_steps, parts
from mdps.stationary import StationarySolution, one_by_one, soft_control


class SoftSolution(NamedTuple):
    """Soft-optimal control of a finite horizon: q and policy [..., t, s, a] of T rows, v [..., t, s] of T+1.

    q is log 0 and policy 0 at unavailable actions; policy rows of terminal states are zero.
    """

    q: np.ndarray
    v: np.ndarray
    policy: np.ndarray


def soft_solution(
    mdp: MDP, reward: Any, *, temperature: Any = 1, prior: Any = None, accuracy: Any = None
) -> SoftSolution | StationarySolution:
    """The soft action values q [t, s, a], values v [t, s] and policy [t, s, a] of a reward.

    reward       [s], [s, a] or [s, a, s'], beyond the batch axes of the model.
    temperature  alpha > 0.
    prior        a policy [s, a] or [t, s, a] that entropy is relative to; None counts all available actions alike.
    accuracy     the largest error of v that is accepted where it is found by iteration; half its digits if None.

    Without a horizon: a `StationarySolution` of q [s, a], v [s], policy [s, a] and a bound on the error.

    Errors: `InvalidArgument` for a reward that does not fit; `OutOfReach` at the level `exact` where stochastic
    dynamics make exp(V) irrational, and where no error within `accuracy` is certified; `InvalidModel` where an
    undiscounted problem without a horizon has no finite value.
    Cost: T products with P; without a horizon some ten linear systems.

    >>> from mdps import gallery
    >>> mdp, reward = gallery.lottery()
    >>> soft_solution(mdp, reward).policy[0, 0]
    array([1/2, 1/2], dtype=object)
    """
    reward = checked_reward(mdp, reward)
    alpha = checked_temperature(temperature, mdp.level)
    steps = None if prior is None else checked_policy(mdp, prior, "prior")
    if mdp.horizon is None:
        if steps is None:
            return one_by_one(lambda m, r: soft_control(m, r, alpha, None, accuracy), mdp, reward)
        return one_by_one(lambda m, r, p: soft_control(m, r, alpha, p, accuracy), mdp, reward, steps)
    horizon, dtype = mdp.horizon, _dtype(mdp, reward, alpha)
    solution = SoftSolution(
        q=empty_steps(horizon, mdp.available, dtype),
        v=empty_steps(horizon + 1, mdp.terminal, dtype),
        policy=empty_steps(horizon, mdp.available, dtype),
    )
    for index, part, r, *given in parts(mdp, reward, *(() if steps is None else (steps,))):
        q, v, policy = (table[(slice(None), *index)] for table in solution)
        v[horizon] = part.final_value
        backups = soft_backups(part, r, alpha, keep_q=True, prior=given[0] if given else None)
        for t, backup in zip(reversed(range(horizon)), backups, strict=True):
            q[t], v[t], policy[t] = backup
    return SoftSolution(*(np.moveaxis(table, 0, len(mdp.batch_shape)) for table in solution))


@contextmanager
def soft_policies(mdp: MDP, reward: np.ndarray, alpha: Any, prior: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """The policies of all steps, [t, ..., s, a], in memory that is lent; arguments are checked already."""
    with mdp.kernel.steps(checked_horizon(mdp), _dtype(mdp, reward, alpha)) as policies:
        for _ in soft_backups(mdp, reward, alpha, policies=policies, prior=prior):
            pass
        yield policies


def soft_backups(
    mdp: MDP,
    reward: np.ndarray,
    alpha: Any,
    *,
    keep_q: bool = False,
    policies: np.ndarray | None = None,
    prior: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The backups (q, v, policy) of steps T-1 ... 0, one at a time; arguments are checked already.

    Without `keep_q` the policy of floats takes the memory of q, and q is not to be read. `policies` [t, ..., s, a]
    receives the policies. `prior` [..., t, s, a] is what entropy is relative to.
    """
    if prior is not None:
        yield from _backups_from_prior(mdp, reward, alpha, prior, policies)
        return
    everywhere = bool(mdp.available.all())
    available: Any = True if everywhere else mdp.available
    r = mdp.kernel.aligned(expected_reward(mdp, reward))
    final = _divided(mdp.final_value, alpha)
    v = mdp.final_value
    for t in reversed(range(checked_horizon(mdp))):
        q = _action_values(mdp, r, v, out=None if policies is None or keep_q else policies[t])
        log_total, policy = scalars.log_normalized(
            _divided(q, alpha), where=available, otherwise=final, overwrite=not keep_q
        )
        v = log_total if _is_one(alpha) else log_total * alpha
        if not everywhere:
            v = np.where(mdp.terminal, mdp.final_value, v)
            q = np.where(mdp.available, q, scalars.log_zero(q)) if keep_q else q
        if policies is not None:
            policies[t] = policy  # which numpy leaves alone where the policy was computed there
        yield q, v, policy


def _backups_from_prior(
    mdp: MDP, reward: np.ndarray, alpha: Any, prior: np.ndarray, policies: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The backups relative to a prior policy [..., t, s, a]; an action it leaves out has a q, and probability 0."""
    r = mdp.kernel.aligned(expected_reward(mdp, reward))
    final = _divided(mdp.final_value, alpha)
    v = mdp.final_value
    for t in reversed(range(checked_horizon(mdp))):
        q = _action_values(mdp, r, v)
        here = prior[..., t, :, :]
        taken = ~scalars.zero_mask(here)
        log_prior = scalars.over(taken, scalars.log, here, otherwise=scalars.constant(0, here))
        log_total, policy = scalars.log_normalized(_divided(q, alpha) + log_prior, where=taken, otherwise=final)
        v = np.where(mdp.terminal, mdp.final_value, log_total if _is_one(alpha) else log_total * alpha)
        q = np.where(mdp.available, q, scalars.log_zero(q))
        if policies is not None:
            policies[t] = policy
        yield q, v, policy


def _dtype(mdp: MDP, reward: np.ndarray, alpha: Any) -> np.dtype:
    """float64, or object where any of the numbers is of another type."""
    return np.result_type(mdp.final_value, reward, np.asarray(alpha))


def _is_one(x: Any) -> bool:
    return bool(x == 1)


def _divided(x: np.ndarray, alpha: Any) -> np.ndarray:
    return x if _is_one(alpha) else x / alpha


def _action_values(mdp: MDP, r: np.ndarray, v: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
    """r(s, a) + gamma sum_s' P(s' | s, a) v(s'); floats in place, or in `out`."""
    q = mdp.expectation(v)
    if q.dtype == object or r.dtype == object:
        return r + (q if _is_one(mdp.discount) else mdp.discount * q)
    if not _is_one(mdp.discount):
        q *= mdp.discount
    return np.add(q, r, out=q if out is None else out)
