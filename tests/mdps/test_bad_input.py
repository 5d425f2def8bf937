"""Bad input, each with an error that says what was expected, what came and where, and never with a number."""

import time
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from flint import arb

from mdps import (
    MDP,
    InvalidArgument,
    InvalidModel,
    OutOfReach,
    boltzmann,
    marginals,
    occupancy,
    policy_value,
    soft_solution,
    state_marginals,
    trajectories,
    trajectory_count,
)
from mdps.scalars import LogRational
from refusals import NOT_NUMBERS, assert_refuses

HALF = Fraction(1, 2)
NAN, INF = np.nan, np.inf
P = [[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]]
EXACT_P = [[[HALF, HALF], [0, 1]], [[1, 0], [0, 0]]]
FLOATS = MDP(P, [0.5, 0.5], horizon=2)
EXACT = MDP(EXACT_P, [HALF, HALF], horizon=2)
BALLS = EXACT.to("ball")
REWARD = np.zeros((2, 2))
POLICY = np.array([[0.5, 0.5], [1.0, 0.0]])


def replaced(table, index, value):
    changed = np.array(table)
    changed[index] = value
    return changed


def model(transition=P, initial=(0.5, 0.5), horizon=2, **keywords):
    return MDP(transition, initial, horizon=horizon, **keywords)


def sparse(rows):
    return MDP(scipy.sparse.csr_array(np.array(rows, dtype=float)), [1.0, 0.0], horizon=1)


BAD_MODELS = {
    "row sums to .9": (
        lambda: model(replaced(P, (0, 0, 0), 0.4)),
        "transition[0, 0] sums to 0.9; expected 1 within 4·2⁻⁵³",
        "MDP.normalized(...)",
    ),
    "row sums to 9/10": (
        lambda: model([[[Fraction(2, 5), HALF], [0, 1]], EXACT_P[1]], [HALF, HALF]),
        "transition[0, 0] sums to 9/10; expected 1 exactly",
    ),
    "rows of a sparse matrix": (
        lambda: sparse([[1, 0], [0.5, 0.4]]),
        "transition[1, 0] sums to 0.9; expected 1 within 4·2⁻⁵³",
    ),
    "a few roundings more than allowed": (
        lambda: model(replaced(P, (0, 0, 0), 0.5 + 8 * 2.0**-53)),
        "transition[0, 0] sums to",
        "expected 1 within 4·2⁻⁵³",
    ),
    "negative probability": (
        lambda: model(replaced(P, (0, 0), [-0.5, 1.5])),
        "transition[0, 0, 0] is -0.5, which is negative; expected a probability",
    ),
    "exact negative probability": (
        lambda: model([[[1, 0], [0, 1]], [[Fraction(3, 2), -HALF], [0, 0]]], [1, 0]),
        "transition[1, 0, 1] is -1/2, which is negative",
    ),
    "sparse negative probability": (lambda: sparse([[-0.5, 1.5], [0, 1]]), "transition[0, 0, 0] is -0.5"),
    "NaN probability": (lambda: model(replaced(P, (1, 0, 1), NAN)), "transition[1, 0, 1] is nan"),
    "infinite probability": (lambda: model(replaced(P, (1, 0, 1), INF)), "transition[1, 0, 1] is inf"),
    "sparse NaN": (lambda: sparse([[0, NAN], [0, 1]]), "transition[0, 0, 1] is nan"),
    "NaN among objects": (
        lambda: model(np.array(P, dtype=object) * NAN),
        "transition[0, 0, 0] is nan",
    ),
    "initial sums to .9": (
        lambda: model(initial=[0.5, 0.4]),
        "initial sums to 0.9; expected 1 within 4·2⁻⁵³",
        "MDP.normalized(...)",
    ),
    "initial of nothing": (lambda: model(initial=[0.0, 0.0]), "initial sums to 0.0; expected 1"),
    "negative initial": (lambda: model(initial=[1.5, -0.5]), "initial[1] is -0.5, which is negative"),
    "NaN initial": (lambda: model(initial=[NAN, 1.0]), "initial[0] is nan"),
    "shape of initial": (lambda: model(initial=[1.0, 0.0, 0.0]), "initial has shape (3,); expected (2,)"),
    "batch of initial": (lambda: model(initial=[[0.5, 0.5]]), "initial has shape (1, 2); expected (2,)"),
    "transition of two axes": (lambda: model(P[0]), "transition has shape (2, 2); expected [..., s, a, s']"),
    "transition not square": (
        lambda: model(np.array(P)[..., :1]),
        "transition has shape (2, 2, 1); expected [..., s, a, s'] with as many s as s'",
    ),
    "no states": (lambda: model(np.zeros((0, 1, 0))), "transition has shape (0, 1, 0)", "at least one"),
    "no actions": (lambda: model(np.zeros((2, 0, 2))), "transition has shape (2, 0, 2)", "at least one"),
    "sparse shape": (
        lambda: MDP(scipy.sparse.csr_array(np.full((3, 2), 0.5)), [1.0, 0.0], horizon=1),
        "sparse transition has shape (3, 2); expected (S A, S)",
    ),
    "floats beside Fractions": (
        lambda: model(EXACT_P),
        "one model, one arithmetic: transition is exact, initial is float",
    ),
    "floats among Fractions": (
        lambda: model([[[HALF, 0.5]], [[0, 1]]], [1, 0]),
        "transition: numbers of different kinds in one array: exact, float",
    ),
    "a float discount of an exact model": (
        lambda: model(EXACT_P, [HALF, HALF], discount=0.9),
        "discount is float",
    ),
    **{
        f"horizon {horizon!r}": (
            lambda horizon=horizon: model(horizon=horizon),
            f"horizon is {horizon!r}; expected a whole number of decisions, at least 1, or None",
        )
        for horizon in (0, -1, 2.5, 2.0, True, "3", NAN, [2])
    },
    **{
        f"discount {discount!r}": (
            lambda discount=discount: model(discount=discount),
            f"discount is {discount}; expected a number between 0 and 1",
        )
        for discount in (1.5, -0.1, NAN, INF)
    },
    "exact discount 3/2": (
        lambda: model(EXACT_P, [HALF, HALF], discount=Fraction(3, 2)),
        "discount is 3/2; expected a number between 0 and 1",
    ),
    "discounts": (lambda: model(discount=[0.5, 0.5]), "discount has shape (2,); expected one number"),
    **{
        f"final value {value}": (
            lambda value=value: model(final_value=[0.0, value]),
            f"final_value[1] is {value}; expected a finite number",
        )
        for value in (NAN, INF, -INF)
    },
    "final value log 0": (
        lambda: model(EXACT_P, [HALF, HALF], final_value=[LogRational.LOG_ZERO, 0]),
        "final_value[0] is log(0); expected a finite number",
    ),
    "shape of final value": (
        lambda: model(final_value=[0.0, 1.0, 2.0]),
        "final_value has shape (3,); expected (2,)",
    ),
    **{
        f"{argument} {name}": (lambda argument=argument, value=value: model(**{argument: value}), argument, text)
        for name, (value, text) in NOT_NUMBERS.items()
        for argument in ("transition", "initial", "discount", "final_value")
    },
}

WITH_REWARD = {
    "soft_solution": lambda mdp, reward: soft_solution(mdp, reward),
    "policy_value": lambda mdp, reward: policy_value(mdp, reward, [[1, 0], [1, 0]]),
    "log_partition": lambda mdp, reward: boltzmann.log_partition(mdp, reward),
    "law": lambda mdp, reward: boltzmann.law(mdp, reward),
    "boltzmann.occupancy": lambda mdp, reward: boltzmann.occupancy(mdp, reward),
    "returns": lambda mdp, reward: trajectories(mdp).returns(reward),
}
BAD_REWARDS = {
    **{
        f"{value}": (
            FLOATS,
            replaced(REWARD, (0, 1), value),
            f"reward[0, 1] is {value}; expected finite numbers",
            "make its transition row zero",
        )
        for value in (NAN, INF, -INF)
    },
    "NaN among objects": (FLOATS, np.array([0.5, NAN], dtype=object), "reward[1] is nan"),
    "infinite ball": (BALLS, np.array([arb(0), arb.neg_inf()]), "reward[1] is [+/- inf]; expected finite"),
    "NaN ball": (BALLS, np.array([arb("nan"), arb(0)]), "reward[0] is nan"),
    "log 0": (EXACT, [LogRational.LOG_ZERO, 0], "reward[0] is log(0)", "make its transition row zero"),
    "a number": (FLOATS, 1.0, "reward has shape (); expected (2,) or (2, 2) or (2, 2, 2)"),
    "three states": (FLOATS, np.zeros(3), "reward has shape (3,); expected (2,)"),
    "another model": (FLOATS, np.zeros((3, 2)), "reward has shape (3, 2); expected"),
    "four axes": (FLOATS, np.zeros((1, 2, 2, 2)), "reward has shape (1, 2, 2, 2); expected"),
    "floats on an exact model": (EXACT, REWARD, "reward is float and the model is exact", "mdp.to('float')"),
    "balls on an exact model": (EXACT, np.array([arb(0)] * 2), "reward is ball and the model is exact"),
    "balls on a float model": (FLOATS, np.array([arb(0)] * 2), "reward is ball and the model is float"),
    **{name: (FLOATS, value, "reward", text) for name, (value, text) in NOT_NUMBERS.items()},
}

WITH_TEMPERATURE = {
    "soft_solution": soft_solution,
    "log_partition": boltzmann.log_partition,
    "law": boltzmann.law,
    "boltzmann.occupancy": boltzmann.occupancy,
}
BAD_TEMPERATURES = {
    **{
        f"{value}": (FLOATS, value, f"temperature is {float(value)}; expected a positive number")
        for value in (0, -1, -0.0)
    },
    **{f"{value}": (FLOATS, value, f"temperature is {value}; expected finite numbers") for value in (NAN, INF, -INF)},
    "exact 0": (EXACT, 0, "temperature is 0; expected a positive number"),
    "a float on an exact model": (EXACT, 0.5, "temperature is float and the model is exact"),
    "one of two": (FLOATS, [1.0, 2.0], "temperature has shape (2,); expected one positive number"),
    "text": (FLOATS, "hot", "temperature has dtype <U3; expected numbers"),
    "None": (FLOATS, None, "temperature: None (NoneType) is not a real number"),
    "True": (FLOATS, True, "temperature has dtype bool; expected numbers"),
    "complex": (FLOATS, 1j, "temperature has dtype complex128; expected numbers"),
}

WITH_POLICY = {
    "occupancy": occupancy,
    "marginals": marginals,
    "state_marginals": state_marginals,
    "policy_value": lambda mdp, policy: policy_value(mdp, [0, 0], policy),
    "law": lambda mdp, policy: trajectories(mdp).law(policy),
}
BAD_POLICIES = {
    "sums to .9": (
        FLOATS,
        [[0.5, 0.4], [1.0, 0.0]],
        "policy[0] sums to 0.9; expected 1 within 4·2⁻⁵³",
        "normalized(...)",
    ),
    "sums to 5/6": (EXACT, [[HALF, Fraction(1, 3)], [1, 0]], "policy[0] sums to 5/6; expected 1 exactly"),
    "sums to .9 at one step": (
        FLOATS,
        [POLICY, [[1.0, 0.0], [0.9, 0.0]]],
        "policy[1, 1] sums to 0.9; expected 1",
    ),
    "nothing": (FLOATS, [[0.0, 0.0], [1.0, 0.0]], "policy[0] sums to 0.0; expected 1"),
    "on an unavailable action": (
        FLOATS,
        [[0.5, 0.5], [0.5, 0.5]],
        "policy[1, 1] is 0.5, but that action is not available there; expected 0. Is it the policy of another",
    ),
    "exact, on an unavailable action": (EXACT, [[1, 0], [0, 1]], "policy[1, 1] is 1, but that action"),
    "negative": (
        FLOATS,
        [[1.5, -0.5], [1.0, 0.0]],
        "policy[0, 1] is -0.5, which is negative; expected probabilities",
    ),
    "NaN": (FLOATS, [[NAN, 0.5], [1.0, 0.0]], "policy[0, 0] is nan; expected finite numbers"),
    "of another model": (
        FLOATS,
        np.full((3, 2), 0.5),
        "policy has shape (3, 2); expected (2, 2) or (2, 2, 2) for this model",
    ),
    "of another horizon": (FLOATS, [POLICY] * 3, "policy has shape (3, 2, 2); expected (2, 2) or (2, 2, 2)"),
    "one row": (FLOATS, [0.5, 0.5], "policy has shape (2,); expected (2, 2) or (2, 2, 2)"),
    "floats on an exact model": (EXACT, POLICY, "policy is float and the model is exact"),
    **{name: (FLOATS, value, "policy", text) for name, (value, text) in NOT_NUMBERS.items()},
}

ENDLESS = {
    "discounted without end": model(horizon=None, discount=0.9),
    "episodic": model(horizon=None),
}
BY_STEPS = ("law", "returns", "marginals", "state_marginals")
FINITE_ONLY = {
    **{name: lambda mdp, f=f: f(mdp, REWARD) for name, f in WITH_REWARD.items() if name in BY_STEPS},
    **{name: lambda mdp, f=f: f(mdp, POLICY) for name, f in WITH_POLICY.items() if name in BY_STEPS},
    "trajectories": trajectories,
    "trajectory_count": trajectory_count,
}
ENDING = {  # what asks of an undiscounted model without a horizon that it can end
    "soft_solution": (lambda mdp: soft_solution(mdp, REWARD), "no terminal state can be reached"),
    "policy_value": (lambda mdp: policy_value(mdp, REWARD, POLICY), "the policy never ends"),
    "occupancy": (lambda mdp: occupancy(mdp, POLICY), "the policy never ends"),
    "log_partition": (lambda mdp: boltzmann.log_partition(mdp, REWARD), "no episode ends"),
    "boltzmann.occupancy": (lambda mdp: boltzmann.occupancy(mdp, REWARD), "no episode ends"),
}


def pairs(functions, cases):
    """Every case with the first function, and the first case of each kind with the others too."""
    return [(f, c) for i, f in enumerate(functions) for j, c in enumerate(cases) if i == 0 or j < 3]


@pytest.mark.parametrize("case", BAD_MODELS)
def test_model(case):
    call, *fragments = BAD_MODELS[case]
    assert_refuses(call, InvalidModel, *fragments)


@pytest.mark.parametrize("function, case", pairs(WITH_REWARD, BAD_REWARDS))
def test_reward(function, case):
    mdp, reward, *fragments = BAD_REWARDS[case]
    assert_refuses(lambda: WITH_REWARD[function](mdp, reward), InvalidArgument, *fragments)


@pytest.mark.parametrize("function, case", pairs(WITH_TEMPERATURE, BAD_TEMPERATURES))
def test_temperature(function, case):
    mdp, temperature, *fragments = BAD_TEMPERATURES[case]
    solve = WITH_TEMPERATURE[function]
    assert_refuses(lambda: solve(mdp, [0, 0], temperature=temperature), InvalidArgument, *fragments)


@pytest.mark.parametrize("function, case", pairs(WITH_POLICY, BAD_POLICIES))
def test_policy(function, case):
    mdp, policy, *fragments = BAD_POLICIES[case]
    assert_refuses(lambda: WITH_POLICY[function](mdp, policy), InvalidArgument, *fragments)


@pytest.mark.parametrize("function", FINITE_ONLY)
@pytest.mark.parametrize("kind", ENDLESS)
def test_without_a_horizon(kind, function):
    assert_refuses(lambda: FINITE_ONLY[function](ENDLESS[kind]), OutOfReach, kind, "give it a horizon")


@pytest.mark.parametrize("function", ENDING)
def test_what_never_ends(function):
    solve, text = ENDING[function]
    assert_refuses(lambda: solve(ENDLESS["episodic"]), InvalidModel, text, "horizon")


@pytest.mark.parametrize("function", ["log_partition", "boltzmann.occupancy"])
def test_discounted_trajectories_without_end(function):
    solve, _ = ENDING[function]
    assert_refuses(lambda: solve(ENDLESS["discounted without end"]), InvalidModel, "does not exist", "horizon")


@pytest.mark.parametrize("axes", ["as", "", None, 2, ["s"]], ids=repr)
@pytest.mark.parametrize(
    "function",
    [
        lambda axes: occupancy(FLOATS, POLICY, axes=axes),
        lambda axes: boltzmann.occupancy(FLOATS, REWARD, axes=axes),
        lambda axes: trajectories(FLOATS).counts(axes=axes),
    ],
    ids=["occupancy", "boltzmann.occupancy", "counts"],
)
def test_axes(function, axes):
    assert_refuses(lambda: function(axes), InvalidArgument, f"axes is {axes!r}; expected 's', 'sa' or 'sas'")


@pytest.mark.parametrize(
    "law, fragments",
    [
        (np.full(8, 0.9 / 8), ["law sums to 0.9", "expected 1 within"]),
        (np.full(9, 1 / 9), ["law has shape (9,); expected (8,)"]),
        (np.r_[1.5, -0.5, np.zeros(6)], ["law[1] is -0.5, which is negative"]),
        (np.r_[NAN, np.zeros(7)], ["law[0] is nan"]),
        (None, ["law: None (NoneType) is not a real number"]),
    ],
    ids=["sum", "shape", "negative", "NaN", "None"],
)
def test_law(law, fragments):
    assert_refuses(lambda: trajectories(FLOATS).occupancy(law), InvalidArgument, *fragments)


@pytest.mark.parametrize("function", [trajectories, lambda mdp: boltzmann.law(mdp, np.zeros(10))])
def test_a_space_of_10_to_the_12_trajectories(function):
    """Refused with the count, and before any memory is taken."""
    large = MDP(np.full((10, 1, 10), 0.1), np.eye(10)[0], horizon=12)
    started = time.perf_counter()
    assert_refuses(lambda: function(large), OutOfReach, "1,000,000,000,000 trajectories", "1,000,000;")
    assert time.perf_counter() - started < 5


def test_good_input_is_not_refused():
    """The neighbors of the bad ones: rounded rows, whole numbers, integers on exact models, zeros where none go."""
    third = 1 / 3
    assert model([[[third, third, third]]] * 3, [third] * 3).level == "float"
    assert model([[[1, 0]], [[0, 1]]], [1, 0], horizon=np.int64(1), discount=0).level == "float"
    assert soft_solution(FLOATS, [HALF, 1], temperature=2).v[2].tolist() == [0.0, 0.0]
    assert occupancy(FLOATS, [[1, 0], [1, 0]]).sum() == 2
