"""The theorem of Finn et al. (2016) on an MDP, through its trajectories.

The outcome is the trajectory tau, with energy E(tau) = -R(tau) / alpha - log(rho prod P), so that the model p_theta is
the maximum entropy law over trajectories. The sampler q is the law of a policy, the data p any law. A derivative to
energies becomes one to the reward through the counts: dE(tau)/dr(s, a) = -counts(tau, s, a) / alpha.
"""

from fractions import Fraction
from typing import Any

from flint import fmpq

from equivalence.claims import games
from equivalence.claims.assumptions import optimal_normalizer
from equivalence.claims.claim import Conclusion, claim, equal
from equivalence.objectives import ebm, gan, gcl, maxent
from mdps import MDP, boltzmann, gallery, scalars, trajectories
from mdps.arguments import AXES
from mdps.trajectories import Trajectories


def trajectory_energy(paths: Trajectories, reward: Any, temperature: Any) -> Any:
    """E(tau) = -R(tau) / alpha - log(rho prod P), [n]."""
    return -paths.returns(reward) / temperature - scalars.log(paths.dynamics)


def _to_reward(paths: Trajectories, to_energy: Any, reward: Any, temperature: Any) -> Any:
    """The derivative to the reward of what has the derivative `to_energy` [n] to the energies of trajectories."""
    return paths.pullback(-to_energy, axes=AXES[reward.ndim]) / temperature


@claim("F-19", source="finn2016; ziebart2008")
def maxent_gradient_eq_ebm_gradient(
    mdp: MDP, reward: Any, data: Any, temperature: Any, *, gradient: Any = maxent.gradient
) -> Conclusion:
    """The MaxEnt IRL gradient is the gradient of the likelihood of an energy-based model over trajectories.

    The left side goes by messages over states, the right side by every trajectory.
    """
    paths = trajectories(mdp)
    expert = paths.occupancy(data, axes=AXES[reward.ndim])
    to_energy = ebm.gradient(trajectory_energy(paths, reward, temperature), data)
    return equal(
        gradient(mdp, reward, expert, temperature=temperature), _to_reward(paths, to_energy, reward, temperature)
    )


@claim("F-04", assumes=[optimal_normalizer], source="finn2016")
def discriminator_gradient_eq_gcl_gradient(
    mdp: MDP,
    reward: Any,
    sampler: Any,
    data: Any,
    log_normalizer: Any,
    temperature: Any,
    *,
    discriminator_gradient: Any = gan.discriminator_gradient,
    gcl_gradient: Any = gcl.gradient,
) -> Conclusion:
    """At the optimal Z, a step of the GAN on the reward is a step of guided cost learning.

    Both gradients are to the reward of the MDP; the discriminator is given the density of the sampler's trajectories.
    """
    paths = trajectories(mdp)
    energy = trajectory_energy(paths, reward, temperature)
    adversarial = discriminator_gradient(energy, sampler, data, log_normalizer).energy
    guided = gcl_gradient(energy, sampler, data, log_normalizer)
    return equal(_to_reward(paths, adversarial, reward, temperature), _to_reward(paths, guided, reward, temperature))


@claim("F-04d", source="finn2016; derived")
def discriminator_gradient_eq_half_maxent_gradient_at_own_sampler(
    mdp: MDP, reward: Any, data: Any, temperature: Any, *, gradient: Any = gan.discriminator_gradient
) -> Conclusion:
    """With the model as its own sampler and Z its partition function, a GAN step is half a MaxEnt IRL step.

    -2 dL_D/dr = dLL/dr. Where dynamics are stochastic no policy has that law: the sampler is then not realizable.
    """
    paths = trajectories(mdp)
    energy = trajectory_energy(paths, reward, temperature)
    own_law = boltzmann.law(paths, reward, temperature=temperature)
    log_partition = boltzmann.log_partition(mdp, reward, temperature=temperature)
    expert = paths.occupancy(data, axes=AXES[reward.ndim])
    to_energy = gradient(energy, own_law, data, log_partition).energy
    return equal(
        -2 * _to_reward(paths, to_energy, reward, temperature),
        maxent.gradient(mdp, reward, expert, temperature=temperature),
    )


@discriminator_gradient_eq_gcl_gradient.fails_without(optimal_normalizer)
def warm_up_with_another_normalizer() -> dict[str, Any]:
    """One decision between weights 1 and 2, q = (1/2, 1/2), p = (1/4, 3/4), and Z = 2, which is not optimal."""
    mdp, reward = gallery.warm_up()
    return {
        "mdp": mdp,
        "reward": reward,
        "temperature": fmpq(1),
        "energy": trajectory_energy(trajectories(mdp), reward, fmpq(1)),
        "sampler": games.probabilities(1, 1),
        "data": games.probabilities(1, 3),
        "log_normalizer": scalars.log(Fraction(2)),
    }
