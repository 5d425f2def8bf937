"""Discriminators that keep a table: noise-contrastive estimation, and adversarial IRL (AIRL).

p~ = e^-E / Z, noise q with nu samples for each one of the data p; D = e^f / (e^f + pi) for a table f [s, a].
"""

from typing import Any

from equivalence.claims.claim import Conclusion, claim, equal
from equivalence.objectives import airl, ebm, nce
from mdps import MDP, occupancy, scalars, soft_solution, trajectories
from mdps.scalars.duals import gradient as dual_gradient

# N-01, N-03: noise-contrastive estimation ----------------------------------------------------------------------------


@claim("N-01", source="gutmann2010")
def nce_gradient_eq_weighted_difference(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, noise_ratio: Any, *, gradient: Any = nce.gradient
) -> Conclusion:
    """dL/dE = nu q / (p~ + nu q) (p - p~), pointwise: the likelihood's with a weight, whatever p, q, E, Z and nu."""
    model = scalars.exp(-energy - log_normalizer)
    noise = noise_ratio * sampler
    lhs = gradient(energy, sampler, data, log_normalizer, noise_ratio=noise_ratio).energy
    return equal(lhs, noise / (model + noise) * (data - model))


@claim("N-01", source="gutmann2010")
def nce_gradient_eq_derivative_of_loss(
    energy: Any, sampler: Any, data: Any, log_normalizer: Any, noise_ratio: Any, *, gradient: Any = nce.gradient
) -> Conclusion:
    """The gradient to the energies is the derivative of L = E_p[-log D] + nu E_q[-log(1 - D)], by dual numbers."""

    def loss(e: Any) -> Any:
        return nce.loss(e, sampler, data, log_normalizer, noise_ratio=noise_ratio)

    lhs = gradient(energy, sampler, data, log_normalizer, noise_ratio=noise_ratio).energy
    return equal(lhs, dual_gradient(loss, energy))


@claim("N-03", source="goodfellow2014criteria; derived")
def self_contrastive_gradient_eq_share_of_likelihood_gradient(
    energy: Any, data: Any, noise_ratio: Any, *, gradient: Any = nce.self_contrastive_gradient
) -> Conclusion:
    """With a frozen copy of the model as noise the gradient is nu / (1 + nu) of the likelihood's: 1/2 at nu = 1.

    (1 + nu) dL/dE = -nu dLL/dE. 'Equivalent to maximum likelihood' leaves the factor out.
    """
    lhs = (1 + noise_ratio) * gradient(energy, data, noise_ratio=noise_ratio)
    return equal(lhs, -noise_ratio * ebm.gradient(energy, data))


# adversarial IRL -----------------------------------------------------------------------------------------


@claim("A-01", source="fu2018")
def airl_discriminator_odds_eq_f_over_policy(
    mdp: MDP, airl_reward: Any, policy: Any, *, discriminator: Any = airl.discriminator
) -> Conclusion:
    """The logit of the discriminator is f - log pi: D pi = e^f (1 - D), for every table f and policy."""
    zero = scalars.constant(0, mdp.initial)
    lhs = scalars.over(
        mdp.available, lambda d, pi: d * pi, discriminator(mdp, airl_reward, policy), policy, otherwise=zero
    )
    rhs = scalars.over(
        mdp.available,
        lambda f, d: scalars.exp(f) * (1 - d),
        airl_reward,
        discriminator(mdp, airl_reward, policy),
        otherwise=zero,
    )
    return equal(lhs, rhs)


@claim("A-02", source="fu2018; derived")
def airl_gradient_at_own_policy_eq_half_difference_of_visits(
    mdp: MDP, policy: Any, data: Any, *, gradient: Any = airl.discriminator_gradient
) -> Conclusion:
    """Where f = log pi, the gradient of the discriminator is half the one of maximum causal entropy IRL.

    -2 dL_D/df = rho_E - rho_pi, for every policy, dynamics, discount and horizon: f is the soft advantage of whatever
    reward pi is soft-optimal for.
    """
    f = scalars.over(mdp.available, scalars.log, policy, otherwise=scalars.constant(0, mdp.initial))
    expert = trajectories(mdp).occupancy(data)
    return equal(-2 * gradient(mdp, f, policy, expert), expert - occupancy(mdp, policy))


@claim("A-02", source="fu2018; derived")
def airl_gradient_at_soft_advantage_eq_half_difference_of_visits(
    mdp: MDP, reward: Any, data: Any, temperature: Any, *, gradient: Any = airl.discriminator_gradient
) -> Conclusion:
    """Where f is the soft advantage of a reward and the policy its own, the gradient is half the causal one.

    -2 dL_D/df, summed over the steps, is rho_E - rho_pi = alpha times the gradient of the dual (M-08). Expert and
    policy weigh step t by gamma^t.
    """
    paths = trajectories(mdp)
    policy = soft_solution(mdp, reward, temperature=temperature).policy
    f = airl.advantage(mdp, reward, temperature=temperature)
    lhs = -2 * gradient(mdp, f, policy, paths.marginals(data)).sum(axis=0)
    return equal(lhs, paths.occupancy(data) - occupancy(mdp, policy))
