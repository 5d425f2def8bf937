"""The assumptions that claims make, each defined once.

An assumption about a model carries the keywords with which `mdps.strategies` builds models that meet it. One about a
finite space can be established: other parts of the instance are changed until it holds, in exact numbers.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.claims.assumption import assumption
from equivalence.objectives import ebm, gan
from mdps import OutOfReach, boltzmann, scalars, trajectories

Instance = Mapping[str, Any]


# About models ----------------------------------------------------------------------------------------------------


@assumption(deterministic=True)
def deterministic_dynamics(mdp: Any) -> bool:
    """P(s' | s, a) is 0 or 1 for every s, a, s'."""
    return bool((mdp.support.sum(axis=-1) <= 1).all())


@assumption(discounts=(1,))
def undiscounted(mdp: Any) -> bool:
    """The discount is 1."""
    return bool(mdp.discount == 1)


@assumption(single_start=True)
def single_start(mdp: Any) -> bool:
    """All trajectories start in the same state."""
    return bool((~scalars.zero_mask(mdp.initial)).sum() == 1)


@assumption(terminal=False)
def no_terminal_states(mdp: Any) -> bool:
    """No state is terminal, so all trajectories are equally long."""
    return not bool(mdp.terminal.any())


@assumption(deterministic=True)
def certain_continuation(mdp: Any, reward: Any, temperature: Any) -> bool:
    """What is still to come, r(s, a, s') + V(s'), is the same for every s' that (s, a) can lead to."""
    values = temperature * boltzmann.log_messages(mdp, reward, temperature=temperature)
    r = reward[(..., *(None,) * (3 - reward.ndim))]
    for t in range(mdp.horizon):
        ahead = r + values[t + 1]
        for s, a in np.argwhere(mdp.available):
            possible = np.broadcast_to(ahead, mdp.support.shape)[s, a][mdp.support[s, a]]
            if any(x != possible[0] for x in possible):
                return False
    return True


@assumption()
def data_flow_as_dynamics(mdp: Any, data: Any) -> bool:
    """The data start with rho and move with P: mu_0 = rho and mu_{t+1}(s') = sum mu_t(s, a) P(s' | s, a)."""
    paths = trajectories(mdp)
    steps = paths.marginals(data)
    if (paths.starts(data) != mdp.initial).any():
        return False
    live = ~mdp.terminal
    return all(not (mdp.pushforward(here)[live] != after.sum(axis=-1)[live]).any() for here, after in pairwise(steps))


@assumption()
def reward_varies(mdp: Any, reward: Any) -> bool:
    """The return is not the same on every trajectory."""
    returns = trajectories(mdp).returns(reward)
    return bool((returns != returns[0]).any())


# About finite spaces ---------------------------------------------------------------------------------------------


def _with_optimal_normalizer(instance: Instance) -> dict[str, Any]:
    """A rational Z, and data moved by a hair on two outcomes so that Z is exactly optimal for it.

    The optimal Z of given data is algebraic. But sum (p + q) D_Z = 1 is linear in p: with Z a rational number close to
    the optimum, moving delta of probability between two outcomes of different D solves it.
    """
    energy, sampler, data = instance["energy"], instance["sampler"], instance["data"]
    if scalars.level_of(np.asarray(energy)) in ("symbolic", "field"):
        covered = np.flatnonzero(~scalars.zero_mask(sampler))
        if len(covered) == 1 == len(data):
            return {"log_normalizer": _even_odds(energy, sampler, covered[0])}
        if len(covered) < 2:
            raise OutOfReach("fewer than two outcomes are sampled: no data make a free Z optimal")
        give, take = covered[:2]
        return {"data": _data_for_normalizer(energy, sampler, data, instance["log_normalizer"], give, take)}
    if not (data * sampler).any():  # then none is optimal
        return {}
    as_floats = [scalars.convert(x, "float") for x in (energy, sampler, data)]
    log_z = float(gan.optimal_log_normalizer(*as_floats))
    normalizer = (
        fmpq(*map(int, np.exp(log_z).as_integer_ratio())) if abs(log_z) < 600 else fmpq(2) ** round(log_z / np.log(2))
    )
    log_normalizer = scalars.log(np.asarray(normalizer, dtype=object))
    probability = gan.discriminator(energy, sampler, log_normalizer)
    excess = 1 - ((data + sampler) * probability).sum()
    if excess == 0:
        return {"log_normalizer": log_normalizer}
    as_float = scalars.convert(probability, "float")
    give, take = (
        int(np.argmax(as_float * (as_floats[2] > 0))),
        int(np.argmin(np.where(as_floats[2] > 0, as_float, 2.0))),
    )
    if probability[give] == probability[take]:  # one logit for all data: D = 1/2 is optimal, exactly
        return {"log_normalizer": _even_odds(energy, sampler, give)}
    return {
        "log_normalizer": log_normalizer,
        "data": _data_for_normalizer(energy, sampler, data, log_normalizer, give, take),
    }


def _even_odds(energy: Any, sampler: Any, outcome: int) -> Any:
    """The log Z for which D = 1/2 at an outcome."""
    return -energy[outcome] - scalars.log(sampler[outcome])


def _data_for_normalizer(energy: Any, sampler: Any, data: Any, log_normalizer: Any, give: int, take: int) -> Any:
    """The data with probability moved between two outcomes so that sum (p + q) D = 1."""
    probability = gan.discriminator(energy, sampler, log_normalizer)
    excess = 1 - ((data + sampler) * probability).sum()
    moved = excess / (probability[give] - probability[take])
    data = np.copy(data)
    data[give], data[take] = data[give] + moved, data[take] - moved
    return data


@assumption(establish=_with_optimal_normalizer)
def optimal_normalizer(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> bool:
    """log Z minimizes the discriminator loss: sum_x (p + q) D = 1."""
    return bool(gan.discriminator_gradient(energy, sampler, data, log_normalizer).log_normalizer == 0)


@assumption(establish=lambda instance: {"log_normalizer": ebm.log_partition(instance["energy"])})
def normalizer_is_partition(energy: Any, log_normalizer: Any) -> bool:
    """log Z is the log partition function of the energy."""
    return bool(log_normalizer == ebm.log_partition(energy))


@assumption(establish=lambda instance: {"sampler": ebm.law(instance["energy"])})
def sampler_is_model(energy: Any, sampler: Any) -> bool:
    """The sampler's density is the model's: q = p_theta."""
    return bool((sampler == ebm.law(energy)).all())


@assumption(establish=lambda instance: {"data": ebm.law(instance["energy"])})
def data_is_model(energy: Any, data: Any) -> bool:
    """The data come from the model: p = p_theta."""
    return bool((data == ebm.law(energy)).all())


def _energy_of_data(instance: Instance) -> dict[str, Any]:
    """The energy -log p - log Z, where p is positive everywhere; nothing otherwise."""
    data = instance["data"]
    if scalars.zero_mask(data).any():
        return {}
    return {"energy": -scalars.log(data) - instance["log_normalizer"]}


@assumption(establish=_energy_of_data)
def model_is_data_density(energy: Any, data: Any, log_normalizer: Any) -> bool:
    """The unnormalized model is the data's density: e^-E / Z = p."""
    return bool((scalars.exp(-energy - log_normalizer) == data).all())


@assumption(full_support=True)
def sampler_covers_everything(sampler: Any) -> bool:
    """The sampler gives every outcome a positive probability."""
    return not bool(scalars.zero_mask(sampler).any())


def _stationary_direction(instance: Instance) -> dict[str, Any]:
    """The direction with its first useful entry solved for, so that the discriminator loss is flat along it."""
    slope = gan.discriminator_gradient(*(instance[k] for k in ("energy", "sampler", "data", "log_normalizer"))).energy
    pivot = next((i for i, x in enumerate(slope) if x != 0), None)
    if pivot is None:
        return {}
    direction = np.copy(instance["direction"])
    rest = (direction * slope).sum() - direction[pivot] * slope[pivot]
    direction[pivot] = -rest / slope[pivot]
    return {"direction": direction}


@assumption(establish=_stationary_direction)
def stationary_along_direction(energy: Any, sampler: Any, data: Any, log_normalizer: Any, direction: Any) -> bool:
    """In the family of energies E + theta d, the discriminator loss is stationary at theta = 0."""
    slope = gan.discriminator_gradient(energy, sampler, data, log_normalizer).energy
    return bool((slope * direction).sum() == 0)
