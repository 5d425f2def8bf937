"""Entropies against sums over every trajectory."""

import numpy as np
import pytest

from mdps import boltzmann, causal_entropy, gallery, scalars, trajectories, trajectory_entropy
from mdps.random_models import random_model, random_policy


@pytest.mark.parametrize("seed", range(20))
def test_causal_entropy_counts_choices_and_trajectory_entropy_also_chance(seed):
    rng = np.random.default_rng(seed)
    mdp = random_model(rng, 3, 2, 2, terminal=seed % 2 == 0, unavailable=seed % 3 == 0)
    policy = random_policy(rng, mdp, steps=True)
    paths = trajectories(mdp)
    law = paths.law(policy)
    chance = -(law * scalars.log(paths.dynamics)).sum()
    assert trajectory_entropy(law) == causal_entropy(mdp, policy) + chance


def test_discounted_causal_entropy_weighs_step_t_by_gamma_to_the_t():
    mdp, _ = gallery.discounted_fork()
    policy = np.where(mdp.available, mdp.initial[0] / 2, 0 * mdp.initial[0])
    policy[1] = [mdp.initial[0], 0 * mdp.initial[0]]
    # log 2 at once, and log 2 again, discounted by 1/2, in the half of trajectories that go to state 2
    assert causal_entropy(mdp, policy) == scalars.LogRational.log(2) * (mdp.discount * mdp.discount + 1)


def test_the_entropy_of_a_law_is_zero_where_it_is_certain():
    paths = trajectories(gallery.two_starts()[0])
    law = boltzmann.law(paths, gallery.two_starts()[1])
    certain = np.array([1, 0]) * (law[0] / law[0])
    assert trajectory_entropy(certain) == 0
