"""Instances on somebody's model are exact, and one for every level."""

import numpy as np
import pytest
from flint import fmpq

from equivalence.evidence import default_horizon, instances_on
from equivalence.evidence.on_model import in_logs, rounded_policy
from mdps import InvalidArgument, gallery, occupancy, scalars, soft_solution, trajectory_count
from mdps.random_models import random_model, random_reward


def test_instances_are_exact_laws_on_the_trajectories():
    mdp, reward = gallery.risky_path()
    for instance in instances_on(mdp, reward):
        n = trajectory_count(mdp)
        for name in ("sampler", "data"):
            law = instance.values[name]
            assert law.shape == (n,)
            assert law.sum() == 1
            assert all(isinstance(p, fmpq) and p >= 0 for p in law)
        assert instance.values["energy"].shape == (n,)


def test_the_same_seed_gives_the_same_instances_and_another_does_not():
    mdp, reward = gallery.noisy_walk()
    first, again, other = (instances_on(mdp, reward, seed=seed)[0].values["reward"] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_the_environments_reward_has_to_vary():
    mdp, reward = gallery.fork()
    constant = instances_on(mdp, reward * 0)
    vacuous = [i for i in constant if i.requires and not i.requires[0](i.values)]
    assert [i.text for i in vacuous] == ["environment's reward, expert of a drawn one"]
    assert all(needed(i.values) for i in instances_on(mdp, reward) for needed in i.requires)


def test_a_float_model_is_refused():
    mdp, reward = gallery.fork()
    with pytest.raises(InvalidArgument, match="exact"):
        instances_on(mdp.to("float"), scalars.convert(reward, "float"))


def test_whole_rewards_get_rational_weights():
    reward = in_logs(np.array([fmpq(0), fmpq(3), fmpq(-1)], dtype=object))
    assert list(scalars.exp(reward)) == [1, 8, fmpq(1, 2)]


def test_the_default_horizon_is_the_largest_with_at_most_2000_trajectories():
    assert default_horizon(gallery.cycle()[0]) == 10  # 2^10 = 1024 trajectories, 2^11 = 2048
    assert default_horizon(gallery.exit_or_stay()[0]) == 50


@pytest.mark.parametrize("seed", range(20))
def test_rounded_policies_are_policies_and_keep_their_support(seed):
    rng = np.random.default_rng(seed)
    mdp = random_model(rng, 4, 3, 3, terminal=True, unavailable=True)
    reward = scalars.convert(10 * random_reward(rng, (4, 3)), "float")
    policy = soft_solution(mdp.to("float"), reward).policy
    rounded = rounded_policy(mdp, policy)
    occupancy(mdp, rounded)  # the door checks that it is a policy of this model
    assert ((rounded != 0) == np.broadcast_to(mdp.available, rounded.shape)).all()
    assert (abs(scalars.convert(rounded, "float") - policy) <= (1 + mdp.n_actions) / 64).all()
