"""Bad input to the objectives, each with an error that says what was expected, what came and where."""

import time
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from equivalence.objectives import causal, ebm, gan, gcl, maxent
from mdps import MDP, InvalidArgument, InvalidModel, boltzmann, occupancy
from mdps.scalars import LogRational
from refusals import NOT_NUMBERS, assert_refuses

HALF = Fraction(1, 2)
NAN, INF = np.nan, np.inf
P = [[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]]
FLOATS = MDP(P, [0.5, 0.5], horizon=2)
EXACT = MDP([[[HALF, HALF], [0, 1]], [[1, 0], [0, 0]]], [HALF, HALF], horizon=2)
TERMINAL = MDP([[[0.5, 0.5]], [[0.0, 0.0]]], [1.0, 0.0], horizon=2, discount=0.5)
REWARD = np.zeros((2, 2))
EXPERT = occupancy(FLOATS, [[0.5, 0.5], [1.0, 0.0]])


def replaced(table, index, value):
    changed = np.array(table)
    changed[index] = value
    return changed


# On models -------------------------------------------------------------------------------------------------------

ON_MODELS = {
    "maxent.gradient": maxent.gradient,
    "maxent.log_likelihood": maxent.log_likelihood,
    "causal.gradient": causal.gradient,
    "causal.dual": causal.dual,
}
MASS = "the discounted number of decisions of a trajectory (counts are of expected visits, not frequencies)"
BAD_EXPERTS = {
    "negative": (
        FLOATS,
        replaced(EXPERT, (0, slice(None)), [-0.25, EXPERT[0].sum() + 0.25]),
        "expert[0, 0] is -0.25, which is negative; expected counts",
    ),
    "twice the mass": (FLOATS, 2 * EXPERT, f"expert has mass 4.0; expected 2.0, {MASS}"),
    "frequencies": (FLOATS, EXPERT / 2, f"expert has mass 1.0; expected 2.0, {MASS}"),
    "exact, half the mass": (EXACT, [[1, 0], [0, 0]], "expert has mass 1; expected 2"),
    "undiscounted counts": (TERMINAL, [[2.0], [0.0]], "expert has mass 2.0; expected between 1.0 and 1.5"),
    "less than one decision": (TERMINAL, [[0.5], [0.0]], "expert has mass 0.5; expected between 1.0 and 1.5"),
    "on an unavailable action": (
        FLOATS,
        [[1.0, 0.5], [0.0, 0.5]],
        "expert[1, 1] is 0.5, where the model never goes; expected 0",
    ),
    "on a terminal state": (TERMINAL, [[1.0], [0.5]], "expert[1, 0] is 0.5, where the model never goes"),
    "NaN": (FLOATS, replaced(EXPERT, (0, 0), NAN), "expert[0, 0] is nan; expected finite numbers"),
    "infinite": (FLOATS, replaced(EXPERT, (0, 0), INF), "expert[0, 0] is inf; expected finite numbers"),
    "over states": (FLOATS, EXPERT.sum(axis=1), "expert has shape (2,); expected the shape of the reward"),
    "of another model": (FLOATS, np.ones((3, 2)) / 3, "expert has shape (3, 2); expected"),
    "floats on an exact model": (EXACT, EXPERT, "expert is float and the model is exact"),
    **{name: (FLOATS, value, "expert", text) for name, (value, text) in NOT_NUMBERS.items()},
}


def zero_reward(mdp):
    return np.zeros(mdp.available.shape, dtype=int)


@pytest.mark.parametrize("case", BAD_EXPERTS)
@pytest.mark.parametrize("function", ON_MODELS)
def test_expert(function, case):
    mdp, expert, *fragments = BAD_EXPERTS[case]
    assert_refuses(lambda: ON_MODELS[function](mdp, zero_reward(mdp), expert), InvalidArgument, *fragments)


def test_expert_where_next_states_are_impossible():
    counts = np.zeros((2, 2, 2))
    counts[0, 1, 0] = 2.0
    for function in ON_MODELS.values():
        assert_refuses(
            lambda function=function: function(FLOATS, np.zeros((2, 2, 2)), counts),
            InvalidArgument,
            "expert[0, 1, 0] is 2.0, where the model never goes",
        )


@pytest.mark.parametrize("function", ON_MODELS)
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_reward(function, value):
    assert_refuses(
        lambda: ON_MODELS[function](FLOATS, replaced(REWARD, (1, 0), value), EXPERT),
        InvalidArgument,
        f"reward[1, 0] is {value}; expected finite numbers",
        "make its transition row zero",
    )


@pytest.mark.parametrize("function", ON_MODELS)
@pytest.mark.parametrize(
    "value, text",
    [
        (0, "temperature is 0.0; expected a positive number"),
        (-1, "temperature is -1.0; expected a positive number"),
        (NAN, "temperature is nan"),
        (INF, "temperature is inf"),
    ],
)
def test_temperature(function, value, text):
    solve = ON_MODELS[function]
    assert_refuses(lambda: solve(FLOATS, REWARD, EXPERT, temperature=value), InvalidArgument, text)


@pytest.mark.parametrize("function", ON_MODELS)
def test_what_never_ends(function):
    endless = MDP(P, [0.5, 0.5], horizon=None)
    assert_refuses(lambda: ON_MODELS[function](endless, REWARD, EXPERT), InvalidModel, "nothing ends", "horizon")


@pytest.mark.parametrize("function", [name for name in ON_MODELS if name.startswith("maxent")])
def test_discounted_trajectories_without_end(function):
    endless = MDP(P, [0.5, 0.5], horizon=None, discount=0.5)
    assert_refuses(lambda: ON_MODELS[function](endless, REWARD, EXPERT), InvalidModel, "does not exist")


# On finite spaces ------------------------------------------------------------------------------------------------

ENERGY, SAMPLER, DATA = np.array([0.0, 1.0]), np.array([0.5, 0.5]), np.array([0.25, 0.75])


ON_SPACES = {
    "gan.discriminator_loss": lambda energy=ENERGY, sampler=SAMPLER, data=DATA, log_normalizer=0.0: (
        gan.discriminator_loss(energy, sampler, data, log_normalizer)
    ),
    "gan.discriminator_gradient": lambda energy=ENERGY, sampler=SAMPLER, data=DATA, log_normalizer=0.0: (
        gan.discriminator_gradient(energy, sampler, data, log_normalizer)
    ),
    "gcl.loss": lambda energy=ENERGY, sampler=SAMPLER, data=DATA, log_normalizer=0.0: gcl.loss(
        energy, sampler, data, log_normalizer
    ),
    "gcl.gradient": lambda energy=ENERGY, sampler=SAMPLER, data=DATA, log_normalizer=0.0: gcl.gradient(
        energy, sampler, data, log_normalizer
    ),
    "gan.discriminator": lambda energy=ENERGY, sampler=SAMPLER, log_normalizer=0.0: gan.discriminator(
        energy, sampler, log_normalizer
    ),
    "gan.generator_loss": lambda energy=ENERGY, sampler=SAMPLER, log_normalizer=0.0: gan.generator_loss(
        energy, sampler, log_normalizer
    ),
    "gcl.importance_weights": lambda energy=ENERGY, sampler=SAMPLER, log_normalizer=0.0: gcl.importance_weights(
        energy, sampler, log_normalizer
    ),
    "gan.optimal_log_normalizer": lambda energy=ENERGY, sampler=SAMPLER, data=DATA: gan.optimal_log_normalizer(
        energy, sampler, data
    ),
    "ebm.log_likelihood": lambda energy=ENERGY, data=DATA: ebm.log_likelihood(energy, data),
    "ebm.gradient": lambda energy=ENERGY, data=DATA: ebm.gradient(energy, data),
    "ebm.log_partition": lambda energy=ENERGY: ebm.log_partition(energy),
    "ebm.law": lambda energy=ENERGY: ebm.law(energy),
}
BAD_DISTRIBUTIONS = {
    "sums to .9": ([0.5, 0.4], "sums to 0.9; expected 1 within"),
    "negative": ([1.5, -0.5], "[1] is -0.5, which is negative; expected a probability"),
    "NaN": ([NAN, 1.0], "[0] is nan; expected finite numbers"),
    "infinite": ([INF, 1.0], "[0] is inf; expected finite numbers"),
    "three outcomes": ([0.5, 0.25, 0.25], "has shape (3,); expected [..., n] with the n of energy, (2,)"),
    "one number": (1.0, "has shape (); expected [..., n]"),
    "nothing": ([], "has shape (0,); expected [..., n]"),
    "Fractions beside floats": ([HALF, HALF], "is exact"),
}
BAD_ENERGIES = {
    "NaN": ([NAN, 0.0], "energy[0] is nan; expected finite numbers"),
    "infinite": ([0.0, INF], "energy[1] is inf; expected finite numbers"),
    "minus infinite": ([0.0, -INF], "energy[1] is -inf; expected finite numbers"),
    "one number": (1.0, "energy has shape (); expected [..., n] of at least one outcome"),
    "nothing": ([], "energy has shape (0,); expected [..., n] of at least one outcome"),
}
BAD_NORMALIZERS = {
    "NaN": (NAN, "log_normalizer is nan; expected finite numbers"),
    "infinite": (INF, "log_normalizer is inf; expected finite numbers"),
    "exact beside floats": (HALF, "log_normalizer is exact"),
}
BAD = {
    "sampler": BAD_DISTRIBUTIONS,
    "data": BAD_DISTRIBUTIONS,
    "energy": BAD_ENERGIES,
    "log_normalizer": BAD_NORMALIZERS,
}
SPACE_CASES = [
    (function, argument, case)
    for function, solve in ON_SPACES.items()
    for argument in solve.__code__.co_varnames[: solve.__code__.co_argcount]
    for case in [*BAD[argument], *NOT_NUMBERS]
]


@pytest.mark.parametrize("function, argument, case", SPACE_CASES)
def test_space(function, argument, case):
    value, text = {**BAD[argument], **NOT_NUMBERS}[case]
    assert_refuses(lambda: ON_SPACES[function](**{argument: value}), InvalidArgument, argument, text)


def test_exact_numbers():
    energy, half = [LogRational.log(2), 0], [HALF, HALF]
    cases = [
        ([LogRational.LOG_ZERO, 0], half, half, "energy[0] is log(0); expected finite numbers"),
        (energy, [HALF, Fraction(1, 3)], half, "sampler sums to 5/6; expected 1 exactly"),
        (energy, half, [Fraction(3, 2), -HALF], "data[1] is -1/2, which is negative"),
        ([0.5, 0.5], half, half, "one call, one arithmetic: energy is float, sampler is exact, data is exact"),
    ]
    for energies, sampler, data, text in cases:
        assert_refuses(lambda a=(energies, sampler, data): gcl.loss(*a, 0), InvalidArgument, text)


def test_balls_that_are_not_finite():
    for bad in (arb("nan"), arb.neg_inf()):
        assert_refuses(lambda bad=bad: ebm.law(np.array([bad, arb(0)])), InvalidArgument, "energy[0] is")


def test_leading_axes_that_do_not_broadcast():
    assert_refuses(
        lambda: gan.discriminator(np.zeros((3, 2)), np.full((4, 2), 0.5), 0.0),
        InvalidArgument,
        "leading axes do not broadcast: energy (3, 2), sampler (4, 2)",
    )
    assert_refuses(
        lambda: gcl.loss(np.zeros((3, 2)), SAMPLER, DATA, np.zeros(4)),
        InvalidArgument,
        "leading axes do not broadcast",
    )


@pytest.mark.parametrize(
    "mixture, text",
    [
        ([0.0, NAN], "log_mixture[1] is nan"),
        ([0.0, 0.0, 0.0], "log_mixture has shape (3,); expected that of energy, (2,)"),
        ("half", "log_mixture has dtype <U4"),
    ],
)
def test_frozen_mixture(mixture, text):
    assert_refuses(lambda: gcl.loss(ENERGY, SAMPLER, DATA, 0.0, log_mixture=mixture), InvalidArgument, text)


def test_data_that_the_sampler_never_sees():
    assert_refuses(
        lambda: gan.optimal_log_normalizer(ENERGY, [1.0, 0.0], [0.0, 1.0]),
        InvalidArgument,
        "the sampler covers none of the data",
        "no log Z is optimal",
    )


@pytest.mark.parametrize("function", [maxent.gradient, causal.gradient])
def test_a_large_space_is_no_trouble_where_none_is_listed(function):
    """10^12 trajectories: the messages of both gradients go over states."""
    large = MDP(np.full((10, 1, 10), 0.1), np.eye(10)[0], horizon=12)
    started = time.perf_counter()
    assert function(large, np.zeros(10), np.full(10, 1.2)).shape == (10,)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("horizon", [2, 500])
@pytest.mark.parametrize("discount", [1, 0.9])
def test_what_the_library_itself_counts_is_not_refused(horizon, discount):
    """Rounded rows add up over a long horizon; counts of a policy and of the MaxEnt law are experts all the same."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        n_states, n_actions = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        transition = rng.dirichlet(np.full(n_states, 0.3), size=(n_states, n_actions))
        mdp = MDP.normalized(transition, np.ones(n_states), horizon=horizon, discount=discount)
        policy = rng.dirichlet(np.full(n_actions, 0.3), size=n_states)
        reward = rng.normal(size=n_states)
        for expert in (occupancy(mdp, policy, axes="s"), boltzmann.occupancy(mdp, reward, axes="s")):
            for function in ON_MODELS.values():
                assert np.isfinite(function(mdp, reward, expert)).all()
