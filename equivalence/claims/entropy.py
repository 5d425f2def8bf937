"""Maximum entropy over trajectories against maximum causal entropy.

p_ME(tau) = rho prod P e^{R/alpha} / Z is the trajectory law, pi the soft-optimal policy with values V, and p_pi the law
of a policy. They meet where dynamics are deterministic; elsewhere no policy has the law p_ME, which also tilts chance.
"""

from typing import Any

import numpy as np
from flint import fmpq

from equivalence.claims import games
from equivalence.claims.assumptions import (
    certain_continuation,
    deterministic_dynamics,
    single_start,
    undiscounted,
)
from equivalence.claims.claim import Conclusion, at_most, claim, equal
from equivalence.objectives import maxent
from equivalence.objectives.divergences import kl
from mdps import (
    MDP,
    boltzmann,
    causal_entropy,
    gallery,
    occupancy,
    policy_value,
    scalars,
    soft_solution,
    trajectories,
)
from mdps.arguments import AXES

SOURCE = "ziebart2010; levine2018"


def _value_of_start(mdp: MDP, v: Any) -> Any:
    """E_rho[v_0], for values v [t, s]."""
    start = ~scalars.zero_mask(mdp.initial)
    return (mdp.initial[start] * v[0][start]).sum()


@claim("M-01", assumes=[deterministic_dynamics, undiscounted], source=SOURCE)
def boltzmann_policy_eq_soft_policy(
    mdp: MDP, reward: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """Conditioning the MaxEnt trajectory law on the state gives the soft-optimal policy.

    p_ME(s_t = s, a_t = a) = p_ME(s_t = s) pi_t(a | s). The start may be random: only the conditional law is compared.
    """
    joint = trajectories(mdp).marginals(boltzmann.law(mdp, reward, temperature=temperature))
    policy = solve(mdp, reward, temperature=temperature).policy
    return equal(joint, policy * joint.sum(axis=-1)[..., None])


@claim("M-01", assumes=[deterministic_dynamics, undiscounted, single_start], source="gleave2022; levine2018")
def boltzmann_law_eq_soft_policy_law(
    mdp: MDP, reward: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """The trajectory law of the soft-optimal policy is the MaxEnt law: p_pi(tau) = e^{R(tau)/alpha} / Z."""
    paths = trajectories(mdp)
    policy = solve(mdp, reward, temperature=temperature).policy
    return equal(boltzmann.law(paths, reward, temperature=temperature), paths.law(policy))


@claim("M-01", assumes=[deterministic_dynamics, undiscounted, single_start], source="gleave2022; levine2018")
def log_partition_eq_soft_value(mdp: MDP, reward: Any, temperature: Any, *, solve: Any = soft_solution) -> Conclusion:
    """The log partition function is the soft value of the start: alpha log Z = V_0(s_0)."""
    log_partition = boltzmann.log_partition(mdp, reward, temperature=temperature)
    return equal(temperature * log_partition, _value_of_start(mdp, solve(mdp, reward, temperature=temperature).v))


@claim("M-02", assumes=[undiscounted], source="levine2018; derived")
def kl_from_soft_policy_eq_log_partition_minus_value(
    mdp: MDP, reward: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """KL(p_pi || p_ME) = log Z - E_rho[V_0] / alpha for the soft-optimal policy: the price of not choosing chance."""
    paths = trajectories(mdp)
    solution = solve(mdp, reward, temperature=temperature)
    divergence = kl(paths.law(solution.policy), boltzmann.law(paths, reward, temperature=temperature))
    log_partition = boltzmann.log_partition(mdp, reward, temperature=temperature)
    return equal(divergence, log_partition - _value_of_start(mdp, solution.v) / temperature)


@claim("M-02", assumes=[undiscounted], source="levine2018; derived")
def log_partition_minus_value_le_kl_from_policy(
    mdp: MDP, reward: Any, policy: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """No policy comes closer to the MaxEnt law than the soft-optimal one.

    log Z - E_rho[V_0] / alpha <= KL(p_pi' || p_ME) for every policy pi'.
    """
    paths = trajectories(mdp)
    log_partition = boltzmann.log_partition(mdp, reward, temperature=temperature)
    value = _value_of_start(mdp, solve(mdp, reward, temperature=temperature).v)
    divergence = kl(paths.law(policy), boltzmann.law(paths, reward, temperature=temperature))
    return at_most(log_partition - value / temperature, divergence)


# M-03, optimism ------------------------------------------------------------------------------------------------------


def _optimistic_values(mdp: MDP, reward: Any, temperature: Any) -> Any:
    """The backup that lets the agent choose chance, v [t, s]:

    Q(s, a) = alpha log sum_s' P(s' | s, a) exp((r(s, a, s') + V(s')) / alpha),   V(s) = alpha log sum_a exp(Q / alpha).
    """
    r = reward[(..., *(None,) * (3 - reward.ndim))]
    support = mdp.support
    log_dynamics = scalars.over(support, scalars.log, mdp.transition, otherwise=scalars.constant(0, mdp.transition))
    rows = [mdp.final_value]
    for _ in range(mdp.horizon or 0):
        ahead = log_dynamics + (r + rows[-1]) / temperature
        q = scalars.logsumexp(ahead, where=support, otherwise=np.full(mdp.available.shape, scalars.constant(0, ahead)))
        v = scalars.logsumexp(q, where=mdp.available, otherwise=mdp.final_value / temperature)
        rows.append(v * temperature)
    return np.stack(rows[::-1])


@claim("M-03", assumes=[undiscounted], source="levine2018")
def log_partition_eq_optimistic_value(mdp: MDP, reward: Any, temperature: Any) -> Conclusion:
    """log Z = log E_rho[exp(V_0 / alpha)] of the optimistic backup Q = r + alpha log E[exp(V / alpha)].

    The left side lists every trajectory.
    """
    paths = trajectories(mdp)
    log_weights = scalars.log(paths.dynamics) + paths.returns(reward) / temperature
    start = ~scalars.zero_mask(mdp.initial)
    values = _optimistic_values(mdp, reward, temperature)[0][start] / temperature
    return equal(scalars.logsumexp(log_weights), scalars.logsumexp(scalars.log(mdp.initial[start]) + values))


@claim("M-03", source="levine2018")
def soft_value_le_optimistic_value(
    mdp: MDP, reward: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """Soft control never promises more than the trajectory law: V_0(s) <= alpha log z_0(s), at any discount."""
    optimistic = temperature * boltzmann.log_messages(mdp, reward, temperature=temperature)[0]
    return at_most(solve(mdp, reward, temperature=temperature).v[0], optimistic)


@claim("M-03", assumes=[undiscounted, certain_continuation], source="levine2018; derived")
def optimistic_value_eq_soft_value(
    mdp: MDP, reward: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """Where chance decides nothing that matters, optimism is no mistake: alpha log z_t(s) = V_t(s).

    r(s, a, s') + V(s') must not depend on s'; that V alone does not is not enough for rewards on s'.
    """
    optimistic = temperature * boltzmann.log_messages(mdp, reward, temperature=temperature)
    return equal(optimistic, solve(mdp, reward, temperature=temperature).v)


# M-04, M-05, control as inference ------------------------------------------------------------------------------------


@claim("M-04", assumes=[undiscounted], source="levine2018")
def evidence_minus_elbo_eq_kl_to_posterior(mdp: MDP, reward: Any, policy: Any, temperature: Any) -> Conclusion:
    """log Z - (E_pi[R] / alpha + H(pi)) = KL(p_pi || p_ME) for every policy: the evidence lower bound and its gap."""
    paths = trajectories(mdp)
    earned = _value_of_start(mdp, policy_value(mdp, reward, policy)) / temperature
    bound = earned + causal_entropy(mdp, policy)
    divergence = kl(paths.law(policy), boltzmann.law(paths, reward, temperature=temperature))
    return equal(boltzmann.log_partition(mdp, reward, temperature=temperature) - bound, divergence)


@claim("M-05", source="levine2018; gleave2022")
def posterior_dynamics_eq_tilted_dynamics(mdp: MDP, reward: Any, temperature: Any) -> Conclusion:
    """Under p_ME chance is tilted: p(s' | s, a, t) = P(s' | s, a) exp(gamma^t r / alpha) z_{t+1}(s') / sum over s'.

    The left side lists every trajectory, the right side goes by messages.
    """
    joint = trajectories(mdp).marginals(boltzmann.law(mdp, reward, temperature=temperature), axes="sas")
    messages = boltzmann.log_messages(mdp, reward, temperature=temperature)
    r = reward[(..., *(None,) * (3 - reward.ndim))]
    tilts = [
        mdp.transition * scalars.exp(mdp.discount**t * r / temperature + messages[t + 1]) for t in range(len(joint))
    ]
    tilted = np.stack(np.broadcast_arrays(*tilts))
    decided = joint.sum(axis=-1, keepdims=True)
    return equal(joint * tilted.sum(axis=-1, keepdims=True), decided * tilted)


# M-07, M-13, experts and starts --------------------------------------------------------------------------------------


@claim("M-07", assumes=[deterministic_dynamics, undiscounted, single_start], source="ziebart2010; derived")
def maxent_gradient_is_zero_at_soft_expert(
    mdp: MDP, reward: Any, temperature: Any, *, gradient: Any = maxent.gradient
) -> Conclusion:
    """A soft-optimal expert is explained by trajectory MaxEnt at its own reward: the gradient vanishes there."""
    policy = soft_solution(mdp, reward, temperature=temperature).policy
    expert = occupancy(mdp, policy, axes=AXES[reward.ndim])
    slope = gradient(mdp, reward, expert, temperature=temperature)
    return equal(slope, 0 * slope)


@claim("M-13", assumes=[deterministic_dynamics, undiscounted], source="derived")
def boltzmann_start_eq_tilted_initial(
    mdp: MDP, reward: Any, temperature: Any, *, solve: Any = soft_solution
) -> Conclusion:
    """One Z for all starts tilts their law: p_ME(s_0 = s) = rho(s) exp(V_0(s) / alpha) / Z."""
    starts = trajectories(mdp).starts(boltzmann.law(mdp, reward, temperature=temperature))
    log_partition = boltzmann.log_partition(mdp, reward, temperature=temperature)
    value = solve(mdp, reward, temperature=temperature).v[0]
    return equal(starts, mdp.initial * scalars.exp(value / temperature - log_partition))


# Why each assumption is there ----------------------------------------------------------------------------------------


def _witness(model: Any) -> Any:
    """An instance on a model of the gallery, at temperature 1, with a policy that is far from optimal."""

    def instance() -> dict[str, Any]:
        mdp, reward = model()
        return {"mdp": mdp, "reward": reward, "temperature": fmpq(1), "policy": _lopsided(mdp)}

    instance.__name__ = model.__name__
    instance.__doc__ = model.__doc__
    return instance


def _lopsided(mdp: MDP) -> Any:
    """A policy whose available actions have probabilities proportional to 1, 2, 3, ..."""
    weights = np.where(mdp.available, np.cumsum(mdp.available, axis=-1), 0)
    totals = np.maximum(weights.sum(axis=-1, keepdims=True), 1)
    return scalars.convert(weights, "exact") / scalars.convert(totals, "exact")


for _claim in (
    boltzmann_policy_eq_soft_policy,
    boltzmann_law_eq_soft_policy_law,
    log_partition_eq_soft_value,
    maxent_gradient_is_zero_at_soft_expert,
    boltzmann_start_eq_tilted_initial,
):
    _claim.fails_without(deterministic_dynamics)(_witness(gallery.lottery))
    _claim.fails_without(undiscounted)(_witness(gallery.discounted_fork))
for _claim in (boltzmann_law_eq_soft_policy_law, log_partition_eq_soft_value, maxent_gradient_is_zero_at_soft_expert):
    _claim.fails_without(single_start)(_witness(gallery.two_starts))
for _claim in (
    kl_from_soft_policy_eq_log_partition_minus_value,
    log_partition_eq_optimistic_value,
    optimistic_value_eq_soft_value,
    evidence_minus_elbo_eq_kl_to_posterior,
):
    _claim.fails_without(undiscounted)(_witness(gallery.discounted_fork))
optimistic_value_eq_soft_value.fails_without(certain_continuation)(_witness(gallery.chance_pays))


@log_partition_minus_value_le_kl_from_policy.fails_without(undiscounted)
def discounted_fork_with_the_maxent_policy() -> dict[str, Any]:
    """The policy that has the MaxEnt law: its divergence is 0, and log Z = log 8 exceeds V_0 = log 6."""
    mdp, reward = gallery.discounted_fork()
    policy = games.probabilities(1, 7), games.numbers(1, 0), games.probabilities(3, 4)
    return {"mdp": mdp, "reward": reward, "temperature": fmpq(1), "policy": np.stack(policy)}
