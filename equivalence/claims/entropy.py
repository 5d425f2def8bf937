"""Maximum entropy over trajectories against maximum causal entropy.

p_ME(tau) = rho prod P e^{R/alpha} / Z is the trajectory law, pi the soft-optimal policy with values V, and p_pi the law
of a policy. They meet where dynamics are deterministic; elsewhere no policy has the law p_ME, which also tilts chance.
"""

from typing import Any

from equivalence.claims.assumptions import deterministic_dynamics, single_start, undiscounted
from equivalence.claims.claim import Conclusion, at_most, claim, equal
from equivalence.objectives.divergences import kl
from mdps import MDP, boltzmann, scalars, soft_solution, trajectories

SOURCE = "ziebart2010; levine2018"


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
    start = ~scalars.zero_mask(mdp.initial)
    return equal(temperature * log_partition, solve(mdp, reward, temperature=temperature).v[0][start].sum())


def _value_of_start(mdp: MDP, v: Any) -> Any:
    start = ~scalars.zero_mask(mdp.initial)
    return (mdp.initial[start] * v[0][start]).sum()


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
    """No policy comes closer to the MaxEnt law than the soft-optimal one: log Z - E_rho[V_0] / alpha <= KL(p_pi' || p_ME)."""
    paths = trajectories(mdp)
    log_partition = boltzmann.log_partition(mdp, reward, temperature=temperature)
    value = _value_of_start(mdp, solve(mdp, reward, temperature=temperature).v)
    divergence = kl(paths.law(policy), boltzmann.law(paths, reward, temperature=temperature))
    return at_most(log_partition - value / temperature, divergence)
