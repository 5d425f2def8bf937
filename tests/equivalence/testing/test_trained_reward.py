"""`judge_reward` against every deterministic policy and every trajectory, and what it refuses."""

import itertools
import json
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, fmpq

from endless import endless
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    discounted_return,
    entropy_regularized_value,
    law_of_policy,
    nested,
    paths,
    plain,
    soft_value,
)
from equivalence.objectives import reward_distances
from equivalence.testing.trained import judge_reward, up_to_shaping
from instances import KINDS, models_of, shape_of
from mdps import MDP, InvalidArgument, OutOfReach, gallery, identifiability, policy_value, scalars, soft_solution
from mdps.interop import to_gymnasium
from mdps.random_models import random_reward
from mdps.scalars.balls import precision

MOST_POLICIES = 90
HALF = Fraction(1, 2)


def number(figure):
    exact = figure.exact
    return fmpq(exact.numerator, exact.denominator) if isinstance(exact, Fraction) else exact


def arb_of(figure):
    return scalars.convert([figure.exact], "ball")[0]


def drawn(kind, every=7):
    """A model, its axes, a true reward and a learned one: equivalent, a multiple, near it, or another."""
    for i, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if i % every:
            continue
        shape = shape_of(mdp, axes)
        form = (i // every) % 4
        small = form == 1 or rng.integers(2)  # few values, so that there are ties
        true = random_reward(rng, shape, largest=2 if small else 9)
        basis = identifiability.invariance(mdp, axes=axes, reached=True)
        weights = [fmpq(int(k), 2) for k in rng.integers(-6, 7, size=len(basis))]
        unseen = sum((w * d for w, d in zip(weights, basis, strict=True)), 0 * true)
        if form == 1:
            mdp = replace(mdp, final_value=0)
        learned = (
            true + unseen,
            Fraction(3, 2) * true + unseen,
            true + unseen + random_reward(rng, shape) / 50,
            random_reward(rng, shape, largest=2),
        )[form]
        yield mdp, temperature, axes, true, learned, form, rng


def deterministic_laws(mdp, walked):
    """The law over trajectories of each way to choose an action at each (t, s); None if there are many."""
    places = [(t, s) for t in range(mdp.horizon) for s in np.flatnonzero(~mdp.terminal)]
    choices = [np.flatnonzero(mdp.available[s]) for _, s in places]
    if np.prod([float(len(x)) for x in choices]) > MOST_POLICIES:
        return None
    laws = []
    for actions in itertools.product(*choices):
        table = np.full((mdp.horizon, *mdp.available.shape), fmpq(0), dtype=object)
        for (t, s), a in zip(places, actions, strict=True):
            table[t, s, a] = fmpq(1)
        laws.append(law_of_policy(walked, nested(table, EXACT)))
    return laws


def expected_returns(model, walked, laws, reward, axes):
    returns = [discounted_return(model, path, nested(reward, EXACT), axes) for path in walked]
    return [sum((p * x for p, x in zip(law, returns, strict=True) if p != 0), fmpq(0)) for law in laws]


def extreme(values, sign):
    best = values[0]
    for x in values:
        best = x if sign * (x - best) > 0 else best
    return best


@pytest.mark.parametrize("kind", KINDS)
def test_equivalence_and_regret_by_every_deterministic_policy(kind):
    compared = 0
    for mdp, _, axes, true, learned, form, _ in drawn(kind):
        model = plain(mdp, EXACT)
        walked = paths(model)
        laws = deterministic_laws(mdp, walked)
        if laws is None:
            continue
        compared += 1
        verdict = judge_reward(learned, mdp, true_reward=true)
        ours, theirs = (expected_returns(model, walked, laws, r, axes) for r in (learned, true))
        gaps = [x - y for x, y in zip(ours, theirs, strict=True)]
        assert verdict.equivalent == all(gap == gaps[0] for gap in gaps)
        if form == 0:
            assert verdict.equivalent
        trivial = all(x == theirs[0] for x in theirs)
        if form == 1 and not trivial:
            assert verdict.scale.exact == Fraction(3, 2)
        if verdict.scale is not None:
            k = number(verdict.scale)
            assert k > 0
            assert all(x - k * y == ours[0] - k * theirs[0] for x, y in zip(ours, theirs, strict=True))
            assert verdict.starc.exact == 0 == verdict.starc_minimal.exact
        best = extreme(ours, 1)
        chosen = [y for x, y in zip(ours, theirs, strict=True) if x == best]
        assert number(verdict.regret) == extreme(theirs, 1) - extreme(chosen, -1)
        assert number(verdict.least_regret) == extreme(theirs, 1) - extreme(chosen, 1)
        if verdict.same_optimal_actions:
            assert verdict.regret.exact == 0
            assert not verdict.differing
    assert compared >= 6


def optimal_actions(model, reward, axes, t, s):
    """The best actions at (t, s), and their value, down the tree of all that can happen."""
    if t == model.horizon or not model.moves[s]:
        return (), model.final[s]
    values = {}
    for a, moves in model.moves[s].items():
        values[a] = fmpq(0)
        for x, p in moves:
            index = (s, a, x)[: len(axes)]
            paid = reward
            for i in index:
                paid = paid[i]
            values[a] = values[a] + p * (paid + model.gamma * optimal_actions(model, reward, axes, t + 1, x)[1])
    best = extreme(list(values.values()), 1)
    return tuple(a for a, value in values.items() if value == best), best


@pytest.mark.parametrize("kind", KINDS)
def test_optimal_actions_where_they_differ(kind):
    for mdp, _, axes, true, learned, _, _ in drawn(kind, every=16):
        model = plain(mdp, EXACT)
        reached = {(t, s) for path in paths(model) for t, s in enumerate(path.states[:-1])}
        verdict = judge_reward(learned, mdp, true_reward=true)
        expected = []
        for t, s in sorted(reached):
            sets = [optimal_actions(model, nested(r, EXACT), axes, t, s)[0] for r in (true, learned)]
            if sets[0] != sets[1]:
                expected.append((t, s, *sets))
        assert [tuple(x) for x in verdict.differing] == expected
        assert verdict.same_optimal_actions == (not expected)


@pytest.mark.parametrize("kind", KINDS)
def test_distances_and_soft_regret(kind):
    for mdp, alpha, axes, true, learned, _, _ in drawn(kind, every=23):
        verdict = judge_reward(learned, mdp, true_reward=true, temperature=alpha)
        with precision(BITS):
            model = mdp.to("ball")
            rewards = [scalars.convert(r, "ball") for r in (learned, true)]
            for name, canonical in (("starc", "value_adjusted"), ("starc_minimal", "minimal")):
                try:
                    distance = reward_distances.starc(model, *rewards, canonical=canonical, reached=True)
                except OutOfReach:  # 0, or a form that is 0
                    assert getattr(verdict, name).exact == HALF or getattr(verdict, name).value < 1e-60
                    continue
                assert arb_of(getattr(verdict, name)).overlaps(distance)
                assert getattr(verdict, name).radius < 1e-60
            if verdict.epic is not None and verdict.epic.value > 1e-60:
                law = reward_distances.uniform_policy(model)
                assert arb_of(verdict.epic).overlaps(reward_distances.epic(model, *rewards, action_law=law))
            ball, temperature = plain(mdp, BALLS), BALLS.number(Fraction(alpha))
            policy = soft_solution(model, rewards[0], temperature=temperature).policy.tolist()
            r = nested(true, BALLS)
            best = sum((p * soft_value(ball, BALLS, r, axes, temperature, 0, s) for s, p in ball.starts), arb(0))
            value = sum(
                (
                    p * entropy_regularized_value(ball, BALLS, r, axes, temperature, policy, 0, s)
                    for s, p in ball.starts
                ),
                arb(0),
            )
            assert arb_of(verdict.soft_regret).overlaps(best - value)
            assert verdict.soft_regret.radius < 1e-15
        assert verdict.undetermined == len(identifiability.invariance(mdp, axes=axes, reached=True))
        balls = judge_reward(learned, mdp, true_reward=true, level="ball")
        assert balls.equivalent in (None, verdict.equivalent)
        assert balls.same_optimal_actions in (None, verdict.same_optimal_actions)
        assert verdict.regret.value <= balls.regret.value + 1e-15
        for name in ("starc", "starc_minimal", "epic"):
            ours, theirs = getattr(verdict, name), getattr(balls, name)
            if ours is not None and theirs is not None:
                with precision(BITS):
                    assert arb_of(ours).overlaps(arb_of(theirs))


def test_without_a_horizon():
    same = other = 0
    for i, (mdp, true, alpha, rng) in enumerate(endless(30)):
        axes = ["s", "sa", "sas"][true.ndim - 1]
        basis = identifiability.invariance(mdp, axes=axes, reached=True)
        unseen = sum((fmpq(int(rng.integers(-3, 4))) * d for d in basis), 0 * true)
        if i % 2 == 0:
            verdict = judge_reward(true + unseen, mdp, true_reward=true, temperature=alpha)
            assert verdict.equivalent
            assert verdict.regret is None or verdict.regret.is_zero
            assert verdict.soft_regret.is_zero
            same += verdict.regret is not None
            continue
        if mdp.discount == 1:
            continue
        learned = random_reward(rng, true.shape, largest=3)
        verdict = judge_reward(learned, mdp, true_reward=true, temperature=alpha)
        assert 0 <= verdict.least_regret.value <= verdict.regret.value
        assert verdict.same_optimal_actions == (not verdict.differing)
        best, worst, equivalent = worst_over_ties(mdp, true, learned)
        assert verdict.equivalent == equivalent
        assert number(verdict.regret) == worst
        assert number(verdict.least_regret) == best
        other += 1
    assert same >= 10
    assert other >= 7


def test_states_that_nobody_reaches_do_not_count():
    rows = [[[1, 0], [1, 0]], [[0, 1], [1, 0]]]
    for mdp in (MDP(rows, [1, 0], horizon=None, discount=HALF), MDP(rows, [1, 0], horizon=3)):
        verdict = judge_reward([[0, 1], [5, 0]], mdp, true_reward=[[0, 1], [0, 5]])
        assert verdict.equivalent
        assert verdict.same_optimal_actions
        assert verdict.regret.exact == 0
    everywhere = MDP(rows, [HALF, HALF], horizon=None, discount=HALF)
    seen = judge_reward([[0, 1], [5, 0]], everywhere, true_reward=[[0, 1], [0, 5]])
    assert [tuple(x) for x in seen.differing] == [(None, 1, (1,), (0,))]


def worst_over_ties(mdp, true, learned):
    """Regrets of the stationary deterministic policies that are optimal; and whether all returns differ alike."""
    choices = [np.flatnonzero(row) if row.any() else [0] for row in mdp.available]
    best = None
    values = []
    for actions in itertools.product(*choices):
        table = np.where((np.arange(mdp.n_actions) == np.array(actions)[:, None]) & mdp.available, fmpq(1), fmpq(0))
        ours, theirs = ((mdp.initial * policy_value(mdp, r, table)).sum() for r in (learned, true))
        values.append((ours, theirs))
        best = ours if best is None or ours > best else best
    top = extreme([y for _, y in values], 1)
    chosen = [y for x, y in values if x == best]
    alike = all(x - y == values[0][0] - values[0][1] for x, y in values)
    return top - extreme(chosen, 1), top - extreme(chosen, -1), alike


def test_forms_of_rewards():
    mdp, _ = gallery.lottery()
    table = np.arange(mdp.n_states * mdp.n_actions * mdp.n_states).reshape(mdp.n_states, mdp.n_actions, -1) / 4
    expected = judge_reward(table, mdp, true_reward=[0, 1, 3])
    one = np.eye(mdp.n_states)
    for reward, options in (
        (table.tolist(), {}),
        (table.astype(np.float32), {}),
        (lambda s, a, x: table[s, a, x], {}),
        (lambda s, a, x: table[s, a, [x]], {}),
        (lambda s, a, x: (s @ table[:, a]) @ x, {"observation": lambda s: one[s]}),
    ):
        verdict = judge_reward(reward, mdp, true_reward=[0, 1, 3], **options)
        assert (verdict.angle, verdict.regret) == (expected.angle, expected.regret)
        assert str(verdict.epic) == str(expected.epic)
    of_pairs = judge_reward(lambda s, a: s * a, mdp, true_reward=[0, 1, 3], axes="sa")
    assert of_pairs.axes == "sa"
    assert of_pairs.angle == judge_reward(np.outer(range(3), range(mdp.n_actions)), mdp, true_reward=[0, 1, 3]).angle
    assert judge_reward(lambda s: s, mdp, true_reward=[0, 1, 2], axes="s").equivalent
    for alike in (lambda s: s, {0: 0, 1: 1, 2: 2}, np.arange(3.0)):
        for true in (lambda state: state, {0: 0, 1: 1, 2: 2}):
            assert judge_reward(alike, mdp, true_reward=true).equivalent
    of_transitions = {(s, a, x): table[s, a, x] for s, a, x in np.ndindex(table.shape)}
    assert judge_reward(of_transitions, mdp, true_reward=lambda s, a, x: table[s, a, x]).equivalent
    assert judge_reward(lambda s, a, bias=1: s * a, mdp, true_reward=[0, 1, 3]).angle == of_pairs.angle


def test_a_function_that_does_not_know_impossible_transitions():
    mdp, _ = gallery.fork()
    known = {(s, a, x): float(s + x) for s, a, x in np.argwhere(mdp.support).tolist()}
    verdict = judge_reward(lambda s, a, x: known[s, a, x], mdp, true_reward=[0, 1, 3])
    assert verdict.epic is None
    assert "no EPIC distance: reward(0, 0, 0) raises an error, and EPIC asks for impossible transitions" in str(verdict)
    with pytest.raises(ZeroDivisionError):
        judge_reward(lambda s, a, x: 1 / 0, mdp, true_reward=[0, 1, 3])
    two = MDP([[[1, 0], [0, 1]], [[HALF, HALF], [0, 0]]], [1, 0], horizon=2)
    assert "EPIC draws actions among those that are available" in str(judge_reward([1, 0], two, true_reward=[0, 1]))


@pytest.mark.parametrize(
    "reward, options, message",
    [
        ([0, 1], {}, r"reward has shape \(2,\); expected \(3,\) or \(3, 2\) or \(3, 2, 3\)"),
        ([0, 1, np.nan], {}, r"reward\[2\] is nan; expected finite numbers"),
        ([0, 1, -np.inf], {}, r"reward\[2\] is -inf; expected finite numbers"),
        (["a", "b", "c"], {}, "dtype <U1; expected numbers"),
        (lambda s, a, x: [1, 2], {}, r"reward\(0, 0, 0\) has shape \(2,\); expected one number"),
        (lambda s, a, x, done: 1, {}, r"reward needs 4 arguments \(s, a, x, done\)"),
        (lambda s: 1, {"axes": "sas"}, r"reward is a function of \(s\); expected 3 arguments, since axes='sas'"),
        ({0: 1, (1, 1): 2}, {}, r"expected keys that are all s, all \(s, a\), or all \(s, a, s'\)"),
        ({0: 1, 1: 2}, {"true_reward": {0: 1}}, "true_reward has no entry 1"),
        (None, {}, "reward is a NoneType; expected an array"),
        (lambda s, a, x: 1, {"axes": "as"}, "axes is 'as'; expected 's', 'sa' or 'sas'"),
        ([0, 1, 2], {"level": "field"}, "level is 'field'"),
        ([0, 1, 2], {"true_reward": [0, 1]}, "true_reward has shape"),
        ([0, 1, 2], {"temperature": -1}, "temperature is -1"),
    ],
)
def test_what_is_no_reward(reward, options, message):
    mdp, _ = gallery.fork()
    with pytest.raises(InvalidArgument, match=message):
        judge_reward(reward, mdp, **{"true_reward": [0, 1, 3], **options})


def test_a_model_has_no_reward():
    mdp, _ = gallery.fork()
    with pytest.raises(InvalidArgument, match=r"expected true_reward=\.\.\., or an environment"):
        judge_reward([0, 1, 2], mdp)


def test_trivial_and_opposite_rewards():
    mdp, _ = gallery.fork()
    nothing = judge_reward([5, 0, 0], mdp, true_reward=[0, 1, 3])
    assert nothing.starc.exact == HALF
    assert nothing.scale is None
    assert nothing.regret.exact == 2
    assert nothing.least_regret.exact == 0
    assert judge_reward([5, 0, 0], mdp, true_reward=[0, 2, 2]).equivalent
    opposite = judge_reward([0, 3, 1], mdp, true_reward=[0, 1, 3])
    assert (opposite.starc.exact, opposite.angle.exact, opposite.regret.exact, opposite.share.exact) == (1, -1, 2, 1)


def test_long_problems_are_answered_in_balls():
    rng = np.random.default_rng(5)
    mdp = MDP.normalized(rng.random((5, 3, 5)), np.ones(5) / 5, horizon=40)
    true = rng.normal(size=(5, 3))
    verdict = judge_reward(true + rng.normal(size=(5, 3)) / 8, mdp, true_reward=true, temperature=1)
    assert verdict.level == "ball"
    assert verdict.equivalent is False
    assert verdict.regret.value > 0
    assert verdict.starc.radius < 1e-60
    assert verdict.starc_minimal is None
    assert "the minimal form is left out" in str(verdict)
    again = judge_reward(true, mdp, true_reward=true)
    assert again.equivalent


def test_report():
    mdp, _ = gallery.fork()
    text = str(judge_reward([0, 3, 1], mdp, true_reward=[0, 1, 3], temperature=1, name="learned"))
    assert text.startswith(
        "learned is not the true reward up to shaping; optimal actions differ\njudged: [s], in exact"
    )
    assert "t=0, s=0   true: [1]   learned: [0]" in text
    assert "soft-optimal policies leave" in text
    same = judge_reward([0, 1, 3], mdp, true_reward=[0, 1, 3], name="learned")
    assert str(same).startswith("learned is the true reward up to shaping: it has the same soft-optimal policies")
    twice = judge_reward([0, 2, 6], mdp, true_reward=[0, 1, 3], name="learned")
    assert str(twice).startswith("learned is 2 times the true reward up to shaping: it has the same optimal policies")
    row = json.loads(json.dumps(twice.as_json()))
    assert row["scale"] == {"value": 2.0, "exact": "2"}
    assert row["equivalent"] is False


def test_an_environment_has_the_true_reward(require_extra):
    require_extra("gym")
    mdp, _ = gallery.fork()
    env = to_gymnasium(mdp, [0, 1, 3])
    assert judge_reward([0, 1, 3], env).equivalent
    assert judge_reward([0, 1, 3], env, true_reward=[0, 3, 1]).starc.exact == 1
    stub = SimpleNamespace(unwrapped=SimpleNamespace(mdp=mdp, reward=np.array([0.0, 0.5, 1.5])))
    assert judge_reward([0, 1, 3], stub).scale.exact == 2


def test_multiples_of_the_true_reward_are_decided_where_the_problem_is_long():
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(5), size=(5, 3))
    reward = rng.integers(-8, 8, size=(5, 3)) / 4
    for final in (0, 1):
        mdp = MDP(transition, np.full(5, 0.2), horizon=40, final_value=np.full(5, final / 2) * np.arange(5))
        for k in (0.5, 1, 3):
            verdict = judge_reward(k * reward, mdp, true_reward=reward, temperature=1)
            assert verdict.level == "ball"
            assert verdict.starc.is_zero == (k == 1 or not final)
            assert verdict.equivalent is (k == 1)
        assert verdict.starc.value < 1
        assert judge_reward(reward + 2.0**-40 * np.eye(5, 3), mdp, true_reward=reward).equivalent is False
    policy = np.full((5, 3), 1 / 3)  # floats, read as every policy
    assert judge_reward(
        2 * reward, MDP(transition, np.full(5, 0.2), horizon=2), true_reward=reward, policy=policy
    ).scale


@pytest.mark.parametrize("kind", KINDS)
def test_shaping_alone_is_what_the_canonical_form_forgets(kind, monkeypatch):
    """Where the value-adjusted form is 0; at horizons of one step, and of more steps than there are states, too.

    Modulo 1 everything agrees, and what is left to do is to prove equality.
    """
    found = []
    for mdp, _, axes, _, _, _, rng in drawn(kind, every=23):
        for horizon in (1, 2, mdp.n_states, mdp.n_states + 3):
            final = np.array([fmpq(1 + 4 * s, 4) for s in range(mdp.n_states)])
            model = replace(mdp, horizon=horizon).with_final_value(int(rng.integers(2)) * final)
            basis = identifiability.invariance(model, axes=axes, reached=True)
            shape = shape_of(model, axes)
            small = np.array([fmpq(int(k), 2) for k in rng.integers(-2, 3, size=int(np.prod(shape)))]).reshape(shape)
            at = np.zeros(shape, dtype=bool)
            at.flat[0] = True
            gaps = [small, 0 * small, *basis[:2], *(direction + at * fmpq(1, 2**70) for direction in basis[:1])]
            f = model.final_value / 3
            ends = f[:, None] - model.discount * model.expectation(f)  # with the potential f, whatever is left to go
            for gap, end in [*itertools.product(gaps, (0, fmpq(1, 3))), (ends, fmpq(1, 3))]:
                ending = model.with_final_value(end * model.final_value)
                form = reward_distances.value_adjusted(ending, gap, reached=True)
                for modulus in (up_to_shaping.PRIME, 1):
                    with monkeypatch.context() as patched:
                        patched.setattr(up_to_shaping, "PRIME", modulus)
                        told = up_to_shaping.shaping_alone(model, gap, of_end=end)
                    assert told == bool(scalars.zero_mask(form).all())
                    found.append(told)
    assert set(found) >= ({True} if "unavailable" in kind else {True, False})


def test_an_equation_that_holds_at_the_only_time_that_it_is_asked():
    """From state 0 all leave at once; what its actions differ by counts at t = 0 alone, where it is 0 by accident."""
    transition = np.array([[[0, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0]]])
    for horizon in (5, 9):
        mdp = MDP(transition, [1, 0, 0], horizon=horizon).to("exact")
        reward = np.array([[fmpq(0), fmpq(1 - horizon)], [fmpq(0), fmpq(0)], [fmpq(1), fmpq(0)]])
        assert up_to_shaping.shaping_alone(mdp, reward)
        assert not up_to_shaping.shaping_alone(replace(mdp, horizon=horizon + 1), reward)


def two_chains():
    """State 0 leads into one of two chains: with few steps to go, a reward at their ends does not tell which."""
    transition = np.zeros((7, 2, 7))
    for s, a, x in ((0, 0, 1), (0, 1, 2), (1, 0, 3), (2, 0, 4), (3, 0, 5), (4, 0, 6), (5, 0, 5), (6, 0, 6)):
        transition[s, a, x] = 1
    return MDP(transition, np.eye(7)[0], horizon=12).to("exact")


def test_what_shows_after_some_steps_alone(monkeypatch):
    mdp = two_chains()
    for modulus in (up_to_shaping.PRIME, 1):
        monkeypatch.setattr(up_to_shaping, "PRIME", modulus)
        assert not up_to_shaping.shaping_alone(mdp, np.array([fmpq(s == 5) for s in range(7)]))
        assert up_to_shaping.shaping_alone(mdp, np.array([fmpq(s >= 5) for s in range(7)]))


def test_the_prime_tells_rewards_apart_where_fractions_are_too_long(monkeypatch):
    monkeypatch.setattr(up_to_shaping, "LARGEST", 0)
    mdp = two_chains()
    assert up_to_shaping.shaping_alone(mdp, np.array([fmpq(s == 5, 3) for s in range(7)])) is False
    assert up_to_shaping.shaping_alone(mdp, np.full(7, fmpq(1))) is None
    for prime in (2, 3):  # those of the denominators
        assert up_to_shaping._agree_modulo(prime, mdp, *(np.array([[fmpq(1, 6)]]),) * 3, np.ones((1, 2, 2))) is None


def test_shaping_is_decided_where_the_problem_is_long():
    rng = np.random.default_rng(3)
    transition = rng.multinomial(64, np.full(5, 0.2), size=(5, 3)) / 64
    reward = rng.integers(-8, 8, size=(5, 3)) / 4
    mdp = MDP(transition, np.full(5, 0.2), horizon=200)
    for factor, equivalent in ((1, True), (0.75, False)):
        verdict = judge_reward(factor * reward + 1.5, mdp, true_reward=reward, temperature=1)
        assert verdict.level == "ball"
        assert (verdict.equivalent, verdict.scale.exact) == (equivalent, Fraction(factor))
        assert verdict.same_optimal_actions
        assert verdict.starc.is_zero
        assert verdict.regret.is_zero
        assert verdict.share.is_zero
        assert verdict.soft_regret.is_zero == equivalent
    bent = reward + 1.5 + 2.0**-40 * np.eye(5, 3)
    assert judge_reward(bent, mdp, true_reward=reward).equivalent is False
    ending = mdp.with_final_value(np.arange(5.0))
    assert judge_reward(reward + 1.5, ending, true_reward=reward).equivalent
    assert judge_reward(2 * reward + 1.5, ending, true_reward=reward).scale is None


def test_shaping_in_floats_is_within_one_rounding():
    """Shaping that is exact until it is written down in floats, of each width, and multiples of it."""
    rounded = 0
    for mdp, _, axes, _, _, _, rng in itertools.chain(*(drawn(kind, every=46) for kind in KINDS)):
        model = replace(mdp, final_value=0)
        true = rng.normal(size=shape_of(model, axes))
        basis = identifiability.invariance(model, axes=axes, reached=True)
        unseen = sum((fmpq(int(rng.integers(1, 9)), 3) * direction for direction in basis), 0)
        for k, dtype in ((1, np.float64), (3, np.float64), (1, np.float32)):
            learned = scalars.convert(k * scalars.convert(true, "exact") + unseen, "float").astype(dtype)
            verdict = judge_reward(learned, model, true_reward=true)
            if verdict.but_for_rounding is None:
                assert verdict.equivalent or verdict.scale is not None or verdict.starc.exact == HALF
                continue
            rounded += 1
            assert verdict.but_for_rounding.units <= 1
            assert verdict.but_for_rounding.scale.exact == k or model.horizon == 1
            assert not verdict.equivalent
    assert rounded >= 10


def test_what_is_more_than_rounding():
    mdp, _ = gallery.noisy_walk()
    true = np.log([[1, 2], [3, 0.5]])
    verdict = judge_reward(np.pi * true + 1, mdp, true_reward=true, name="learned")
    assert str(verdict).startswith("learned is 3.14159 times the true reward up to shaping, but for rounding (at most")
    assert str(judge_reward(true + 1, mdp, true_reward=true)).startswith("reward is the true reward up to shaping, but")
    for learned in (true + 1e-9 * np.eye(2), -true, np.array([[fmpq(1, 3), fmpq(2, 3)], [fmpq(1), fmpq(0)]])):
        assert judge_reward(learned, mdp, true_reward=true).but_for_rounding is None
    ending = mdp.to("float").with_final_value(np.array([1.0, 2.0]))
    assert judge_reward(3 * true, ending, true_reward=true).but_for_rounding is None
    json.dumps(verdict.as_json())
