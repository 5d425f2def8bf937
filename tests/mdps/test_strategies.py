"""What Hypothesis draws has the structure that was asked for, is exact, and can be replayed."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings, strategies as st

from instances import AXES, shape_of
from mdps import InvalidArgument, scalars, strategies, trajectories, trajectory_count
from mdps.arguments import checked_expert, checked_policy, checked_reward
from mdps.random_models import EXPERTS, random_expert, random_game, random_model, random_policy, random_reward
from mdps.strategies import STRUCTURE

KEYWORDS = list(STRUCTURE)
flags = st.sampled_from([True, False, None])


@given(st.data(), st.fixed_dictionaries(dict.fromkeys(KEYWORDS, flags)))
def test_models_have_the_structure_asked_for(data, wanted):
    try:
        mdp = data.draw(strategies.models(**wanted, max_states=4))
    except InvalidArgument:
        asked = {name for name, value in wanted.items() if value is True}
        left_out = {name for name, value in wanted.items() if value is False}
        needs_one_state = {"deterministic", "full_support"} <= asked
        assert needs_one_state or ("terminal" in left_out and "terminal_start" in asked)
        return
    assert mdp.level == "exact"
    for name, value in wanted.items():
        assert value is None or bool(STRUCTURE[name](mdp)) == value, name


@pytest.mark.parametrize("name", KEYWORDS)
@pytest.mark.parametrize("value", [True, False])
def test_what_is_not_asked_for_is_drawn(name, value):
    """None: both kinds come up."""
    keywords = {"terminal_start": None} if name == "terminal_start" else {}
    plain = settings(max_examples=200, database=None, phases=[Phase.generate])
    mdp = find(strategies.models(**keywords), lambda mdp: bool(STRUCTURE[name](mdp)) == value, settings=plain)
    assert bool(STRUCTURE[name](mdp)) == value


@pytest.mark.parametrize(
    "keywords",
    [
        {"deterministic": True, "full_support": True, "min_states": 2},
        {"terminal": True, "max_states": 1},
        {"terminal": False, "terminal_start": True},
        {"unavailable": True, "max_actions": 1},
        {"deterministic": False, "max_states": 1},
        {"single_start": False, "terminal": True, "max_states": 2},
    ],
    ids=str,
)
def test_impossible_structures_are_refused(keywords):
    with pytest.raises(InvalidArgument, match="no model has"):
        find(strategies.models(**keywords), lambda mdp: True)


@given(
    st.data(),
    strategies.models(
        discounts=(Fraction(1, 3), 0), horizons=(2, 5), max_trajectories=50, denominator=7, full_support=False
    ),
)
def test_models_keep_to_the_shapes_asked_for(data, mdp):
    assert mdp.horizon in (2, 5)
    assert mdp.discount in (scalars.convert(Fraction(1, 3), "exact")[()], 0)
    assert trajectory_count(mdp) <= 50
    assert all(7 % int(p.q) == 0 for p in mdp.transition.ravel())


@given(st.data(), strategies.models())
def test_what_is_drawn_on_a_model_fits_it(data, mdp):
    for axes in AXES:
        assert data.draw(strategies.rewards(mdp, axes)).shape == shape_of(mdp, axes)
        expert = data.draw(strategies.experts(mdp, axes))
        assert expert.shape == shape_of(mdp, axes)
        assert checked_expert(mdp, expert, axes) is not None
    reward = data.draw(strategies.rewards(mdp))
    assert checked_reward(mdp, reward).shape in [shape_of(mdp, axes) for axes in AXES]
    weights = scalars.exp(reward)
    assert all(0 < w <= 9 for w in weights.ravel())
    for full_support in (True, False, None):
        policy = data.draw(strategies.policies(mdp, full_support=full_support))
        assert checked_policy(mdp, policy).shape == (mdp.horizon, *mdp.available.shape)
        if full_support:
            assert ((policy != 0) == np.broadcast_to(mdp.available, policy.shape)).all()


@pytest.mark.parametrize("kind", EXPERTS)
def test_experts_of_every_kind_are_expected_counts(kind):
    """Of a law: between the shortest and the longest trajectory; of a table: as long as any."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        mdp = random_model(rng, 3, 2, 2, terminal=True, unavailable=True, discount=Fraction(1, 2))
        masses = [random_expert(rng, mdp, axes=axes, kind=kind).sum() for axes in AXES]
        assert all(1 <= mass <= scalars.convert(Fraction(3, 2), "exact")[()] for mass in masses)
    with pytest.raises(InvalidArgument, match="kind of expert is 'sage'"):
        random_expert(rng, mdp, kind="sage")


@given(st.data(), flags, flags)
def test_games_have_the_structure_asked_for(data, full_support, extreme):
    game = data.draw(strategies.games(full_support=full_support, extreme=extreme, max_outcomes=5))
    assert 1 <= len(game.energy) <= 5
    assert game.sampler.sum() == game.data.sum() == 1
    covers_all = bool((game.sampler * game.data != 0).all())
    assert full_support is None or covers_all == full_support
    far = np.abs(scalars.convert(game.energy, "float")).max() >= 690
    assert extreme is None or far == extreme
    assert scalars.exp(game.log_normalizer) > 0


def test_a_single_outcome_cannot_be_left_out():
    with pytest.raises(InvalidArgument, match="leaves one out"):
        find(strategies.games(full_support=False, max_outcomes=1), lambda game: True)


def test_a_failure_prints_the_calls_that_make_its_instance_again():
    """As the module says: evaluated, they are what the test saw."""
    seen = {}

    @settings(database=None, phases=[Phase.generate, Phase.shrink], print_blob=False)
    @given(st.data(), strategies.models(deterministic=False, final_value=True, discounts=(Fraction(9, 10),)))
    def fails(data, mdp):
        seen["model"] = mdp
        seen["reward"] = data.draw(strategies.rewards(mdp, "sa"))
        seen["policy"] = data.draw(strategies.policies(mdp))
        seen["expert"] = data.draw(strategies.experts(mdp))
        seen["game"] = data.draw(strategies.games())
        raise AssertionError("for the sake of the notes")

    with pytest.raises(AssertionError) as raised:
        fails()
    notes = "\n".join(raised.value.__notes__)
    names = {
        "np": np,
        "Fraction": Fraction,
        "mdp": seen["model"],
        **{f.__name__: f for f in (random_model, random_reward, random_policy, random_expert, random_game)},
    }
    calls = {name: re.search(rf"^random_{name}\(.*\)$", notes, re.MULTILINE) for name in seen}
    again = {name: eval(call[0], names) for name, call in calls.items()}
    assert again["model"].equals(seen["model"])
    for name in ("reward", "policy", "expert"):
        assert (again[name] == seen[name]).all()
    assert all(np.all(x == y) for x, y in zip(again["game"], seen["game"], strict=True))


def test_shrinks_to_the_smallest_model():
    """The simplest of all: one state, one action, one step, no discount."""
    mdp = find(strategies.models(), lambda mdp: True, settings=settings(database=None))
    assert (mdp.n_states, mdp.n_actions, mdp.horizon, mdp.discount) == (1, 1, 1, 1)
    assert len(trajectories(mdp)) == 1
