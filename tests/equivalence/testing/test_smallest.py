"""A failure on a large model of floats becomes one that can be read, on which it shows, of models all along."""

import inspect
import re
from functools import partial

import numpy as np
import pytest

from benchmarks import reduction
from equivalence.testing import smallest
from equivalence.testing.answer import RAISED, asked
from equivalence.testing.museum import PIECES, passes
from equivalence.testing.question import question
from equivalence.testing.reducer import complexity
from equivalence.testing.targets import target_and_rest
from mdps import MDP, InvalidArgument, InvalidModel
from mdps.arguments import checked_expert

# Mistakes of which the smallest failure has at most 3 states and at most 2 numbers other than 0 and +-1.
MISTAKES = (
    "one_state_too_many_is_counted",
    "policy_without_discount",
    "counts_without_discount",
    "first_policy_for_every_step",
    "terminal_states_go_on_in_the_backward_pass",
    "soft_policy_of_hard_values",
    "derivative_to_the_scaled_reward",
    "forward_pass_transposed",
    "dual_from_uniform_starts",
    "optimistic_backup",
    "temperature_in_v_alone",
    "rows_of_zeros_are_actions",
    "terminal_states_loop",
    "reward_inside_the_discount",
    "reward_averaged_without_dynamics",
    "values_overwritten_while_read",
)
BY_NAME = {piece.name: piece for piece in PIECES}
CALLS = 300

smallest_failure = partial(smallest.smallest_failure, seconds=60)  # a busy machine changes no answer


def given(piece, seed=0, shape=reduction.SHAPE):
    target, kinds = target_and_rest(piece.target, piece.options)
    drawn = reduction.drawn(target, kinds, shape, np.random.default_rng(seed))
    return drawn | {name: value for name, value in piece.options.items() if name != "temperature"}


def gradient(transition, initial, horizon, discount, reward, expert):
    _, _, policies = passes.backups(transition, initial, horizon, discount, reward)
    return expert - passes.visits_of(transition, initial, discount, policies)


def model(seed=0, **kinds):
    target, _ = target_and_rest("causal.gradient", {})
    return reduction.drawn(target, kinds, reduction.SHAPE, np.random.default_rng(seed))


@pytest.mark.parametrize("name", MISTAKES)
def test_fifty_states_become_three_and_two_numbers(name):
    piece = BY_NAME[name]
    arguments = given(piece)
    assert arguments["transition"].shape == (50, 4, 50)
    failure = smallest_failure(piece.function, to=piece.target, **arguments)
    order = complexity(failure.instance)
    assert order[0] <= 3
    assert order[4] <= 2
    assert failure.calls <= CALLS
    assert_shows(piece, failure)


def assert_shows(piece, failure):
    """The wrong function is wrong there in exact arithmetic, and the right one is right."""
    anew = question(failure.target, failure.instance)
    assert not asked(piece.function, anew, np.float64).right
    assert asked(piece.twin, anew, np.float64).right


@pytest.mark.parametrize("name", ["weights_truncated", "discriminator_of_clipped_densities", "loss_of_smooth_labels"])
def test_fifty_outcomes_become_few(name):
    piece = BY_NAME[name]
    target, kinds = target_and_rest(piece.target, piece.options)
    drawn = reduction.drawn(target, kinds, (50, 1, 1), np.random.default_rng(0))
    options = {key: value for key, value in piece.options.items() if key != "largest_energy"}
    failure = smallest_failure(piece.function, to=piece.target, **drawn | options)
    assert complexity(failure.instance)[0] <= 3
    assert complexity(failure.instance)[2] <= 4
    assert_shows(piece, failure)


def needs(condition):
    """A gradient that is off where a condition on its arguments holds."""

    def subject(transition, initial, horizon, discount, reward, expert):
        right = gradient(transition, initial, horizon, discount, reward, expert)
        return right + 0.125 * bool(condition(transition, initial, horizon, discount, reward, expert))

    return subject


CONDITIONS = {  # and the sizes of the smallest instance
    "more than six states": (lambda P, *_: len(P) > 6, (7, 1, 1)),
    "more than five steps": (lambda P, rho, T, *_: T > 5, (1, 1, 6)),
    "three actions": (lambda P, *_: P.shape[1] >= 3, (1, 3, 1)),
    "a large reward": (lambda P, rho, T, gamma, r, e: r.max() > 5, (1, 1, 1)),
    "chance in the last state": (lambda P, *_: (P[-1] > 0).sum(axis=-1).max() > 1, (2, 1, 1)),
    "many starts": (lambda P, rho, *_: (rho > 0).sum() > 2, (3, 1, 1)),
    "steps and states": (lambda P, rho, T, *_: T >= 2 and len(P) >= 2, (2, 1, 2)),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_what_a_mistake_needs_stays(name):
    condition, sizes = CONDITIONS[name]
    failure = smallest_failure(needs(condition), to="causal.gradient", **model(terminal=False))
    assert complexity(failure.instance)[:3] == sizes
    assert complexity(failure.instance)[3] == 0


@pytest.mark.parametrize("at", [(7, 1), (23, 3), (41, 2), (49, 0)])
def test_a_single_place_among_fifty_states_is_found(at):
    """Nothing but one missing action, wherever it is, makes rows of zeros wrong."""
    arguments = model(unavailable=False, terminal=False)
    arguments["transition"][at] = 0
    expert = np.where(arguments["transition"].sum(axis=-1) > 0, arguments["expert"], 0)
    arguments["expert"] = expert * (arguments["expert"].sum() / expert.sum())

    def subject(transition, initial, horizon, discount, reward, expert):
        available = transition.sum(axis=-1, keepdims=True) > 0
        staying = np.where(available, transition, np.eye(len(initial))[:, None, :])
        return gradient(staying, initial, horizon, discount, reward, expert)

    failure = smallest_failure(subject, to="causal.gradient", **arguments)
    order = complexity(failure.instance)
    assert order[:4] in ((1, 2, 1, 1), (1, 1, 1, 1))
    assert order[4] == 0


@pytest.mark.parametrize("error", [1e-3, 1e-7, 1e-9, 1e-11])
def test_small_errors_are_reduced_too(error):
    failure = smallest_failure(lambda *given: gradient(*given) * (1 + error), to="causal.gradient", **model())
    assert complexity(failure.instance)[0] <= 2
    assert not failure.answer.right


def test_what_is_raised_stays_what_is_raised():
    def subject(transition, initial, horizon, discount, reward, expert):
        if len(initial) < 2:
            raise KeyError("nothing to do")
        if (initial > 0).sum() > 1:
            raise ValueError("one start, please")
        return gradient(transition, initial, horizon, discount, reward, expert)

    failure = smallest_failure(subject, to="causal.gradient", **model())
    assert failure.answer.trouble == RAISED
    assert "ValueError" in failure.answer.detail
    assert complexity(failure.instance)[:3] == (2, 1, 1)


def test_numbers_that_are_finite_and_off_do_not_become_nan():
    """A function that divides by 1 - gamma is not shown at gamma = 1, where that is another failure."""

    def subject(transition, initial, horizon, discount, reward, expert):
        right = gradient(transition, initial, horizon, discount, reward, expert)
        return right + (1 - discount) / (1 - discount)

    failure = smallest_failure(subject, to="causal.gradient", **model())
    assert np.isfinite(failure.answer.parts[0]).all()
    assert failure.instance["mdp"].discount != 1


def test_kinds_that_are_left_out_stay_out():
    piece = BY_NAME["dual_of_frequencies"]
    arguments = given(piece)
    assert arguments["terminal_start"] is False
    failure = smallest_failure(piece.function, to=piece.target, **arguments)
    mdp = failure.instance["mdp"]
    assert not (mdp.terminal & (mdp.initial != 0)).any()
    stochastic = smallest_failure(gradient_of_nothing, to="causal.gradient", deterministic=False, **model())
    assert (stochastic.instance["mdp"].kernel.support.sum(axis=-1) > 1).any()


def gradient_of_nothing(transition, initial, horizon, discount, reward, expert):
    return np.zeros(expert.shape)


# Every candidate is a model --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one_state_too_many_is_counted", "soft_policy_of_hard_values", *MISTAKES[-3:-1]])
def test_functions_are_called_with_models_only(name):
    piece = BY_NAME[name]
    names = list(inspect.signature(piece.function).parameters)
    shapes = set()

    def recorded(*arguments):
        named = dict(zip(names, arguments, strict=True))
        mdp = MDP(named["transition"], named["initial"], horizon=named["horizon"], discount=named["discount"])
        if "expert" in named:
            checked_expert(mdp, named["expert"], "sas"[: named["expert"].ndim])
        assert named["reward"].shape[0] == mdp.n_states
        shapes.add(named["transition"].shape)
        return piece.function(*arguments)

    smallest_failure(recorded, to=piece.target, **given(piece))
    assert (50, 4, 50) in shapes
    assert len(shapes) >= 2


def test_policies_sum_to_one_where_there_are_actions():
    def recorded(transition, initial, horizon, discount, reward, policy):
        available = transition.sum(axis=-1) > 0
        total = policy.sum(axis=-1)
        live = np.broadcast_to(available.any(axis=-1), total.shape)
        assert (np.abs(total[live] - 1) < 1e-12).all()
        assert (total[~live] == 0).all()
        assert (policy[..., ~available] == 0).all()
        assert policy.shape == (horizon, *available.shape)
        return np.zeros((horizon + 1, len(initial)))

    target, _ = target_and_rest("policy_value", {})
    arguments = reduction.drawn(target, {}, reduction.SHAPE, np.random.default_rng(0))
    failure = smallest_failure(recorded, to="policy_value", **arguments)
    assert complexity(failure.instance)[:5] == (1, 1, 1, 0, 0)


# What is given back ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failure():
    piece = BY_NAME["first_policy_for_every_step"]
    return smallest_failure(piece.function, to=piece.target, **given(piece))


def test_the_literal_makes_the_arguments(failure):
    names: dict = {"np": np}
    exec(failure.literal, names)
    for name, value in zip(failure.target.passed, failure.arguments, strict=True):
        assert np.array_equal(names[name], value)
        assert type(names[name]) is type(value)


def test_the_test_fails_until_the_function_is_right(failure):
    piece = BY_NAME[failure.name]
    assert f"from {piece.function.__module__} import {failure.name}\n" in failure.test
    names: dict = {}
    exec(failure.test, names)
    test = names[f"test_{failure.name}_on_a_small_model"]
    with pytest.raises(AssertionError):
        test()
    names[failure.name] = piece.twin
    test()


def test_tests_of_several_answers_and_of_infinite_ones():
    def subject(*arguments):
        return tuple(2 * x for x in passes.backups(*arguments))

    target, kinds = target_and_rest("soft_solution", {"terminal": False, "unavailable": True})
    drawn = reduction.drawn(target, kinds, (6, 3, 3), np.random.default_rng(0))
    found = smallest_failure(subject, to="soft_solution", terminal=False, unavailable=True, **drawn)
    assert "-np.inf" in found.test
    assert "# import" in found.test
    names: dict = {}
    exec(found.test.replace("# import", "#"), names | {"subject": subject})
    for function, fails in ((subject, True), (passes.backups, False)):
        names = {"subject": function}
        exec(found.test, names)
        test = names["test_subject_on_a_small_model"]
        if fails:
            with pytest.raises(AssertionError):
                test()
        else:
            test()


def test_the_text_has_sizes_numbers_and_the_test(failure):
    text = str(failure)
    assert text.startswith(
        "first_policy_for_every_step differs from causal.gradient where S = 50, A = 4, T = 10, and where "
    )
    assert re.search(r"S = \d, A = \d, T = \d", text.splitlines()[0].split("and where")[1])
    assert "yours - exact" in text
    assert all(line.strip() in text for line in (*failure.literal.splitlines(), *failure.test.splitlines()))
    assert all(line == line.rstrip() for line in text.splitlines())


def test_layouts_are_those_of_judge():
    """Costs and features are given as rewards and tables, and arrive as the function takes them."""
    seen = []

    def of_costs(transition, initial, horizon, discount, cost, expert):
        seen.append(cost)
        return gradient(transition, initial, horizon, discount, -cost, expert)  # the sign of a reward's gradient

    arguments = model()
    failure = smallest_failure(of_costs, to="causal.gradient", costs=True, **arguments)
    assert np.array_equal(seen[0], -arguments["reward"])
    assert "cost = np.array(" in failure.literal
    assert complexity(failure.instance)[0] <= 2

    def of_features(transition, initial, horizon, discount, features, theta, expectations):
        return np.zeros(len(theta))

    rng = np.random.default_rng(0)
    arguments["features"] = rng.normal(size=(*arguments.pop("reward").shape, 5))
    failure = smallest_failure(of_features, to="causal.gradient", theta=rng.normal(size=5), **arguments)
    assert failure.instance["features"].shape[-1] == 1
    assert complexity(failure.instance)[0] == 1


def test_a_model_may_be_given_whole_and_exact():
    from mdps import gallery

    mdp, reward = gallery.lottery()
    expert = np.full(mdp.n_states, 1 / mdp.n_states) * mdp.horizon
    failure = smallest_failure(gradient_of_nothing, to="causal.gradient", mdp=mdp, reward=reward, expert=expert)
    assert complexity(failure.instance)[:2] == (2, 1)  # of one state the expert's count is the model's


def test_errors_say_what_to_do():
    arguments = model()
    small = reduction.drawn(*target_and_rest("causal.gradient", {}), (3, 2, 2), np.random.default_rng(0))
    full = model(terminal=False, unavailable=False)
    mdp = MDP(arguments["transition"], arguments["initial"], horizon=2, final_value=1.0)
    with pytest.raises(InvalidArgument, match=r"gradient agrees with causal.gradient there.*judge\(gradient"):
        smallest_failure(gradient, to="causal.gradient", **small)
    with pytest.raises(InvalidArgument, match="expert is missing"):
        smallest_failure(gradient, to="causal.gradient", **{k: v for k, v in arguments.items() if k != "expert"})
    with pytest.raises(InvalidArgument, match="policy is none of its arguments"):
        smallest_failure(gradient, to="causal.gradient", policy=1, **arguments)
    with pytest.raises(InvalidArgument, match=r"give it as mdp=\.\.\., or also transition"):
        smallest_failure(gradient, to="causal.gradient", reward=arguments["reward"], expert=arguments["expert"])
    with pytest.raises(InvalidArgument, match="no target is called"):
        smallest_failure(gradient, to="causal.gradints", **arguments)
    with pytest.raises(InvalidModel, match="sums to"):
        smallest_failure(gradient, to="causal.gradient", **arguments | {"initial": np.ones(50)})
    with pytest.raises(InvalidArgument, match="mass"):
        smallest_failure(gradient_of_nothing, to="causal.gradient", **full | {"expert": np.ones((50, 4))})
    with pytest.raises(InvalidArgument, match=r"reward has shape \(4,\)|expert has shape"):
        smallest_failure(gradient, to="causal.gradient", **arguments | {"reward": np.ones(4)})
    with pytest.raises(InvalidArgument, match="final value"):
        smallest_failure(gradient, to="causal.gradient", mdp=mdp, reward=arguments["reward"], expert=np.ones((50, 4)))


def test_the_benchmark_says_what_missed_its_goal():
    row = reduction.row(BY_NAME["counts_without_discount"], (6, 2, 3))
    assert (row.states <= 3, row.numbers <= 2) == (True, True)
    assert row._replace(states=4).missed
    assert row._replace(numbers=3).missed
    assert row._replace(seconds=2.1).missed
    assert not row._replace(seconds=0.1).missed
