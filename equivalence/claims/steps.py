"""One backup with a free continuation: statements that, by induction, hold for every horizon.

A step takes the values V' of the next states (`continuation`, the final value of a model with horizon 1) to the values
V of these. Rewards and continuation move along a line: r + t dr, V' + t dV' + t^2 d2V' / 2.

Where a statement says what a step does to derivatives, whatever V', dV' and d2V' are, it says so of the last step of
any horizon, whose continuation is the final value, and then of each one before, whose continuation is what the last
one gave. Rewards may then differ from step to step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.claims.assumptions import undiscounted
from equivalence.claims.claim import Conclusion, claim, equal
from mdps import MDP, boltzmann, gallery, scalars, soft_solution
from mdps.arguments import expected_reward
from mdps.scalars.duals import jacobian


def one_step(mdp: MDP, continuation: Any) -> MDP:
    """The model with horizon 1 that ends with the values of the continuation."""
    return mdp.with_horizon(1).with_final_value(np.asarray(continuation))


def _derivative(f: Callable[[Any], Any], order: int, like: np.ndarray) -> Any:
    """The derivative of f(t) at t = 0, by dual numbers."""
    zero = np.full((), scalars.constant(0, like), dtype=like.dtype)
    for _ in range(order):
        f = _once(f)
    return f(zero[()] if like.dtype == object else zero)


def _once(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda t: jacobian(lambda x: f(x[()]), np.asarray(t))


def _live(mdp: MDP, rows: Any, otherwise: Any) -> Any:
    """Rows of states that go on; those of terminal states are those of the continuation."""
    return np.where(mdp.terminal, otherwise, rows)


def _expected_slope(mdp: MDP, reward_slope: Any, continuation_slope: Any) -> Any:
    """dQ(s, a) = dr(s, a) + gamma sum_s' P dV'(s')."""
    return expected_reward(mdp, reward_slope) + mdp.discount * mdp.expectation(continuation_slope)


@claim("M-08", source="ziebart2010; gleave2022")
def soft_backup_derivative_eq_expected_derivative(
    mdp: MDP,
    reward: Any,
    continuation: Any,
    reward_slope: Any,
    continuation_slope: Any,
    temperature: Any,
    *,
    solve: Any = soft_solution,
) -> Conclusion:
    """A soft backup moves as its policy expects: dV(s) = sum_a pi(a | s) (dr(s, a) + gamma sum_s' P dV'(s')).

    The left side is by dual numbers. By induction over the steps, for every horizon, the derivative of sum_s rho(s)
    V_0(s) is sum_t gamma^t E_pi[dr(s_t, a_t)] plus the final value's: the gradient of the dual is (rho_E - rho_pi) /
    alpha.
    """

    def values(t: Any) -> Any:
        model = one_step(mdp, continuation + t * continuation_slope)
        return solve(model, reward + t * reward_slope, temperature=temperature).v[0]

    policy = solve(one_step(mdp, continuation), reward, temperature=temperature).policy[0]
    expected = (policy * _expected_slope(mdp, reward_slope, continuation_slope)).sum(axis=-1)
    return equal(_derivative(values, 1, mdp.initial), _live(mdp, expected, continuation_slope))


@claim("M-09", source="derived")
def soft_backup_curvature_eq_expected_curvature_plus_variance(
    mdp: MDP,
    reward: Any,
    continuation: Any,
    reward_slope: Any,
    continuation_slope: Any,
    continuation_curvature: Any,
    temperature: Any,
    *,
    solve: Any = soft_solution,
) -> Conclusion:
    """A soft backup curves by the variance of dQ over its actions: d2V = gamma E_pi[P d2V'] + Var_pi(dQ) / alpha.

    dQ = dr + gamma P dV' are soft successor features along the line. By induction, for every horizon, the second
    derivative of rho V_0 is sum_t gamma^t E[Var_{a ~ pi_t}(dQ_t)] / alpha; polarized, the Hessian of the dual.
    """

    def values(t: Any) -> Any:
        future = continuation + t * continuation_slope + t * t / 2 * continuation_curvature
        return solve(one_step(mdp, future), reward + t * reward_slope, temperature=temperature).v[0]

    policy = solve(one_step(mdp, continuation), reward, temperature=temperature).policy[0]
    slope = _expected_slope(mdp, reward_slope, continuation_slope)
    mean = (policy * slope).sum(axis=-1)
    variance = (policy * slope * slope).sum(axis=-1) - mean * mean
    future = mdp.discount * (policy * mdp.expectation(continuation_curvature)).sum(axis=-1)
    return equal(
        _derivative(values, 2, mdp.initial), _live(mdp, future + variance / temperature, continuation_curvature)
    )


@claim("M-08", assumes=[undiscounted], source="ziebart2008")
def message_derivative_eq_expected_derivative(
    mdp: MDP,
    reward: Any,
    continuation: Any,
    reward_slope: Any,
    continuation_slope: Any,
    temperature: Any,
    *,
    kernel: Any = boltzmann.tilted_kernel,
) -> Conclusion:
    """A message moves as the tilted kernel expects: d log z(s) = sum p(a, s' | s) (dr + dV'(s')) / alpha.

    By induction, for every horizon, the gradient of log Z is the expected counts under the MaxEnt trajectory law. With
    a discount the reward of step t is gamma^t r; it is free here.
    """

    def messages(t: Any) -> Any:
        model = one_step(mdp, continuation + t * continuation_slope)
        return boltzmann.log_messages(model, reward + t * reward_slope, temperature=temperature)[0]

    [step] = kernel(one_step(mdp, continuation), reward, temperature=temperature).steps
    slope = reward_slope[(..., *(None,) * (3 - reward_slope.ndim))] + continuation_slope
    expected = (step * slope).sum(axis=(-2, -1))
    return equal(_derivative(messages, 1, mdp.initial), _live(mdp, expected, continuation_slope) / temperature)


@message_derivative_eq_expected_derivative.fails_without(undiscounted)
def discounted_step() -> dict[str, Any]:
    """With a discount inside the step the continuation counts for less than V'."""
    mdp, reward = gallery.discounted_fork()
    one, log_two = fmpq(1), scalars.LogRational.log(2)
    return {
        "mdp": mdp,
        "reward": reward,
        "temperature": one,
        "continuation": np.array([log_two * 2 * s for s in range(mdp.n_states)], dtype=object),
        "reward_slope": 0 * mdp.available * np.full(mdp.available.shape, one, dtype=object),
        "continuation_slope": np.array([one] * mdp.n_states, dtype=object),
    }
