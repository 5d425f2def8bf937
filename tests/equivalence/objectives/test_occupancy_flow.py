"""Policies of occupancies and back, in exact numbers, and the flow that tells occupancies from other tables."""

import numpy as np
import pytest

from equivalence.objectives import occupancy_flow
from instances import models_of
from mdps import MDP, InvalidArgument, marginals, occupancy, scalars, trajectories
from mdps.random_models import random_distribution, random_policy
from visited import endless_models, endless_occupancy


def test_policies_and_occupancies():
    """pi -> rho -> pi on visited states; the flow holds of policies' tables, and fails where they are moved."""
    for number, (mdp, rng) in enumerate(endless_models()):
        pi = random_policy(rng, mdp, full_support=number % 2 == 0)
        rho = endless_occupancy(mdp, pi)
        found = occupancy_flow.policy_of_occupancy(mdp, rho)
        assert (found.determined == (rho.sum(axis=-1) != 0)).all()
        assert (found.policy[found.determined] == pi[found.determined]).all()
        assert (endless_occupancy(mdp, found.policy) == rho).all()
        assert (occupancy_flow.flow_residual(mdp, rho) == 0).all()
        if mdp.n_states > 1 and not mdp.terminal.any():
            table = np.roll(rho, 1, axis=0) if mdp.available.all() else rho
            moved = occupancy_flow.flow_residual(mdp, table)
            again = endless_occupancy(mdp, occupancy_flow.policy_of_occupancy(mdp, table).policy)
            assert ((moved == 0).all()) == (again == table).all()
    for mdp, _, _, rng in models_of("terminal-unavailable"):
        pi = random_policy(rng, mdp, steps=True, full_support=False)
        table = marginals(mdp, pi)
        found = occupancy_flow.policy_of_occupancy(mdp, table)
        assert (found.policy[found.determined] == pi[found.determined]).all()
        assert (marginals(mdp, found.policy) == table).all()
        assert (occupancy_flow.flow_residual(mdp, table) == 0).all()
        law = random_distribution(rng, len(trajectories(mdp)))
        other = trajectories(mdp).marginals(law)
        realized = (marginals(mdp, occupancy_flow.policy_of_occupancy(mdp, other).policy) == other).all()
        assert realized == (occupancy_flow.flow_residual(mdp, other) == 0).all()


def test_two_policies_of_one_occupancy():
    """L-08: where a state is never reached the correspondence is not one to one."""
    mdp = MDP(
        [[[1, 0], [1, 0]], [[0, 1], [1, 0]]],
        [1, 0],
        horizon=None,
        discount=scalars.convert(np.array(1), "exact")[()] / 2,
    )
    one, two = ([[1, 0], row] for row in ([1, 0], [0, 1]))
    assert (occupancy(mdp, one) == occupancy(mdp, two)).all()
    assert occupancy_flow.policy_of_occupancy(mdp, occupancy(mdp, one)).determined.tolist() == [True, False]


def test_bad_input():
    floats = MDP([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]], [0.5, 0.5], horizon=2)
    with pytest.raises(InvalidArgument, match=r"expected \(2, 2, 2\), marginals \[t, s, a\]"):
        occupancy_flow.policy_of_occupancy(floats, occupancy(floats, [[0.5, 0.5], [1.0, 0.0]]))
