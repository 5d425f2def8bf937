"""Canonical rewards and their distances against sums over trajectories, and the definitions in plain loops."""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq

from agreement import assert_agrees
from endless import endless
from enumeration import BALLS, BITS, EXACT, discounted_return, law_of_policy, nested, paths, plain
from equivalence.objectives import reward_distances as rd
from instances import AXES, KINDS, models_of, shape_of
from mdps import MDP, InvalidArgument, OutOfReach, gallery, identifiability, scalars, shaping
from mdps.random_models import random_distribution, random_policy, random_reward
from mdps.scalars.balls import precision


def drawn(kind, every=7):
    """A model, two rewards, and the generator."""
    for i, (mdp, _, axes, rng) in enumerate(models_of(kind)):
        if i % every == 0:
            shape = shape_of(mdp, axes)
            yield mdp, axes, random_reward(rng, shape), random_reward(rng, shape), rng


def rational_reward(rng, shape):
    return np.vectorize(lambda k: fmpq(int(k), 6), otypes=[object])(rng.integers(-9, 10, size=shape))


@pytest.mark.parametrize("kind", KINDS)
def test_value_adjusted_form_tells_all_differences_of_returns(kind):
    """J(pi') - J(pi) is what pi' collects of it, trajectory by trajectory, and pi collects nothing anywhere."""
    for mdp, axes, reward, _, rng in drawn(kind):
        policy, other = (random_policy(rng, mdp, steps=True) for _ in range(2))
        form = rd.value_adjusted(mdp, reward, policy=policy)
        model = plain(mdp, EXACT)
        walked, r, gamma = paths(model), nested(reward, EXACT), fmpq(mdp.discount)
        returns = [discounted_return(model, path, r, axes) for path in walked]
        collected = [
            sum((gamma**t * form[t, s, a] for t, (s, a) in enumerate(zip(path.states, path.actions, strict=False))), 0)
            for path in walked
        ]
        laws = [law_of_policy(walked, nested(pi, EXACT)) for pi in (policy, other)]
        ours, theirs = (sum((p * x for p, x in zip(law, returns, strict=True)), 0) for law in laws)
        assert theirs - ours == sum((p * x for p, x in zip(laws[1], collected, strict=True)), 0)
        assert (np.where(mdp.available, policy * form, fmpq(0)).sum(axis=-1) == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_forms_forget_shaping_and_redistribution(kind):
    for mdp, _, _, _, rng in drawn(kind, every=40):
        for axes in AXES:
            reward = rational_reward(rng, shape_of(mdp, axes))
            changed, other = shaping.shaped(mdp, reward, rational_reward(rng, mdp.n_states))
            table = rational_reward(rng, (mdp.n_states, mdp.n_actions, mdp.n_states))
            other = shaping.redistributed_reward(changed, other, table)
            for form in (rd.value_adjusted, rd.minimal):
                assert (form(mdp, reward) == form(changed, other)).all()
                assert (form(mdp, reward, reached=True) == form(changed, other, reached=True)).all()


def unit_shapings(mdp, mask):
    """u_t(s) - gamma P u_{t+1} of each unit potential, by loops over all entries."""
    steps = mdp.horizon or 1
    for t, s in itertools.product(range(steps), range(mdp.n_states)):
        if mdp.terminal[s]:
            continue
        table = np.full((steps, *mdp.available.shape), fmpq(0), dtype=object)
        for k, x, a in np.argwhere(mask.reshape(table.shape)).tolist():
            now = fmpq(int(k == t and x == s))
            later = t if mdp.horizon is None else t - 1
            ahead = mdp.discount * mdp.transition[x, a, s] if k == later else 0
            table[k, x, a] = now - ahead
        yield table


@pytest.mark.parametrize("kind", KINDS)
def test_minimal_form_is_the_foot_of_the_perpendicular(kind):
    """It is orthogonal to every shaping, and differs from the value-adjusted form by one."""
    for i, (mdp, axes, _, _, rng) in enumerate(drawn(kind, every=11)):
        mdp = replace(mdp, final_value=rational_reward(rng, mdp.n_states))
        if i % 3 == 0:
            mdp = replace(mdp, horizon=None, discount=Fraction(2, 3))
        reward, reached = rational_reward(rng, shape_of(mdp, axes)), bool(i % 2)
        mask = rd.counted(mdp, reached=reached)
        form = rd.minimal(mdp, reward, reached=reached)
        directions = [table.ravel() for table in unit_shapings(mdp, mask)]
        assert all((direction * form.ravel()).sum() == 0 for direction in directions)
        gap = (rd.value_adjusted(mdp, reward, reached=reached) - form).ravel()
        assert identifiability.rank(np.array([*directions, gap])) == identifiability.rank(np.array(directions))
        assert not form[~mask].any()


def test_forms_without_a_horizon():
    """The one table that a policy collects nothing of, and that differs from the reward by gamma P v - v."""
    for mdp, reward, _, rng in endless(30):
        policy = random_policy(rng, mdp)
        form = rd.value_adjusted(mdp, reward, policy=policy)
        assert (np.where(mdp.available, policy * form, fmpq(0)).sum(axis=-1) == 0).all()
        shaped = reward[(..., *(None,) * (3 - reward.ndim))] + 0 * mdp.transition
        expected = np.where(mdp.support, mdp.transition * shaped, fmpq(0)).sum(axis=-1)
        values = rd.policy_value(mdp, reward, policy)
        for s, a in np.argwhere(mdp.available).tolist():
            ahead = sum((mdp.transition[s, a, x] * values[x] for x in range(mdp.n_states)), fmpq(0))
            assert form[s, a] == expected[s, a] + mdp.discount * ahead - values[s]
        assert all(values[s] == mdp.final_value[s] for s in np.flatnonzero(mdp.terminal))


def by_definition(x, y, weights):
    """sqrt((1 - cos) / 2), the cosine by sums over entries."""

    def product(u, v):
        return sum((w * a * b for w, a, b in zip(weights, u, v, strict=True)), arb(0))

    cosine = product(x, y) / (product(x, x) * product(y, y)).sqrt()
    return ((1 - cosine) / 2).sqrt() if cosine < 1 else None


def in_balls(table):
    return list(scalars.convert(table, "ball").ravel())


@pytest.mark.parametrize("kind", KINDS)
def test_starc(kind):
    for i, (mdp, _, reward, other, _) in enumerate(drawn(kind)):
        canonical = rd.CANONICAL_FORMS[i % 2]

        def distance(*arguments, canonical=canonical):
            return np.asarray(rd.starc(*arguments, canonical=canonical, reached=True))

        with precision(BITS):
            model = mdp.to("ball")
            forms = [getattr(rd, canonical)(model, scalars.convert(r, "ball"), reached=True) for r in (reward, other)]
            zeros = [all(x.contains(0) for x in form.ravel()) for form in forms]
            if any(zeros):
                continue
            truth = by_definition(*(list(form.ravel()) for form in forms), [arb(1)] * forms[0].size)
            if truth is None:  # the same direction, which balls cannot tell from one nearby
                with pytest.raises(OutOfReach, match="contains 0"):
                    rd.half_chord(*forms)
                continue
        assert_agrees(distance, np.asarray(truth), mdp, reward, other)


def by_loops(mdp, reward, states, actions):
    """C(r)(s, a, s') of the definition, entry by entry, for a law of actions [a] or [s, a]."""
    actions = np.broadcast_to(actions, (mdp.n_states, mdp.n_actions))
    gamma, n, m = mdp.discount, range(mdp.n_states), range(mdp.n_actions)

    def r(s, a, x):
        return reward[(s, a, x)[: reward.ndim]] if mdp.available[s, a] else 0

    table = np.empty((mdp.n_states, mdp.n_actions, mdp.n_states), dtype=object)
    for s, a, x in np.ndindex(table.shape):
        table[s, a, x] = r(s, a, x) + sum(
            states[z] * (gamma * actions[x, b] * r(x, b, z) - actions[s, b] * r(s, b, z)) for b in m for z in n
        )
        table[s, a, x] -= gamma * sum(
            states[y] * actions[y, b] * states[z] * r(y, b, z) for y in n for b in m for z in n
        )
    return table


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "unavailable" not in kind])
def test_epic(kind):
    for i, (mdp, _, reward, other, rng) in enumerate(drawn(kind, every=7)):
        if mdp.available[~mdp.terminal].all() and mdp.n_states * mdp.n_actions < 8:
            states = random_distribution(rng, mdp.n_states, full_support=bool(i % 2))
            actions = random_distribution(rng, mdp.n_actions, full_support=True)
            shape = (mdp.n_states, mdp.n_actions, mdp.n_states)
            coverage = random_distribution(rng, int(np.prod(shape)), full_support=True).reshape(shape)
            for r in (reward, other):
                truth = by_loops(mdp, r, states, actions)
                assert (rd.canonically_shaped(mdp, r, state_law=states, action_law=actions) == truth).all()
            changed = shaping.shaped_reward(mdp, reward, random_reward(rng, (mdp.n_states,)), axes="sas")
            if not mdp.terminal.any():
                again = rd.canonically_shaped(mdp, changed, state_law=states, action_law=actions)
                assert (again == rd.canonically_shaped(mdp, reward, state_law=states, action_law=actions)).all()

            def distance(*arguments):
                model, first, second, *laws = arguments
                return np.asarray(
                    rd.epic(model, first, second, state_law=laws[0], action_law=laws[1], coverage=laws[2])
                )

            with precision(BITS):
                weights = in_balls(coverage)
                columns = []
                for r in (reward, other):
                    c = in_balls(by_loops(mdp, r, states, actions))
                    mean = sum((w * x for w, x in zip(weights, c, strict=True)), arb(0))
                    columns.append([x - mean for x in c])
                if any(all(x.contains(0) for x in column) for column in columns):
                    continue
                truth = by_definition(*columns, weights)
            if truth is not None:
                assert_agrees(distance, np.asarray(truth), mdp, reward, other, states, actions, coverage)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "unavailable" in kind])
def test_epic_of_available_actions(kind):
    """With a law of available actions in each state C is 0 for shaping alone, and the distance is that of the loops."""
    missing = 0
    for mdp, _, reward, other, rng in drawn(kind, every=7):
        states = random_distribution(rng, mdp.n_states, full_support=True)
        law = random_policy(rng, mdp)
        live = np.where(mdp.terminal[:, None], fmpq(1, mdp.n_actions), law)
        missing += bool((~mdp.available & ~mdp.terminal[:, None]).any())
        for r in (reward, other):
            truth = by_loops(mdp, r, states, live)
            assert (rd.canonically_shaped(mdp, r, state_law=states, action_law=law) == truth).all()
        if not mdp.terminal.any():
            potential = random_reward(rng, (mdp.n_states,))
            changed = shaping.shaped_reward(mdp, np.broadcast_to(fmpq(0), reward.shape), potential, axes="sas")
            form = rd.canonically_shaped(mdp, changed, state_law=states, action_law=law)
            assert scalars.zero_mask(form[mdp.available]).all()
        with precision(BITS):
            weights = in_balls((states[:, None, None] * live[..., None] * states).ravel())
            columns = []
            for r in (reward, other):
                c = in_balls(by_loops(mdp, r, states, live).ravel())
                mean = sum((w * x for w, x in zip(weights, c, strict=True)), arb(0))
                columns.append([x - mean for x in c])
            if any(all(x.contains(0) for x in column) for column in columns):
                continue
            truth = by_definition(*columns, weights)
            if truth is not None:
                model, *given = (mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, other, states, law)))
                assert rd.epic(model, *given[:2], state_law=given[2], action_law=given[3]).overlaps(truth)
    assert missing
    two = MDP([[[1, 0], [0, 1]], [[1, 0], [0, 0]]], [1, 0], horizon=2)
    with pytest.raises(InvalidArgument, match=r"action_law has shape \(1, 2\); expected \(2,\) or \(2, 2\)"):
        rd.canonically_shaped(two, [0, 1], action_law=[[1, 0]])
    with pytest.raises(InvalidArgument, match=r"action_law\[1\] sums to"):
        rd.canonically_shaped(two, [0, 1], action_law=[[1, 0], [0, 0]])


def test_squared_cosine_of_rationals_is_rational():
    rng = np.random.default_rng(7)
    for n in range(1, 200):
        x, y = (rational_reward(rng, 1 + n % 5) for _ in range(2))
        x[0], y[-1] = fmpq(n, 7), fmpq(-1)
        weights = random_distribution(rng, len(x), full_support=True)
        product, xx, yy = (
            sum(Fraction(str(w * a * b)) for w, a, b in zip(weights, u, v, strict=True))
            for u, v in ((x, y), (x, x), (y, y))
        )
        cosine = rd.signed_squared_cosine(x, y, weights=weights)
        assert Fraction(str(cosine)) == product * abs(product) / (xx * yy)
        assert rd.signed_squared_cosine(x, 3 * x) == 1 == -rd.signed_squared_cosine(x, -x / 5)


def test_distances_of_known_angles():
    x, y = np.array([fmpq(3), fmpq(4)]), np.array([fmpq(-4), fmpq(3)])
    assert rd.half_chord(x, 2 * x) == 0
    assert rd.half_chord(x, -x) == 1
    assert rd.half_chord(x, 0 * x) == fmpq(1, 2)
    assert rd.half_chord(0 * x, 0 * x) == 0
    assert rd.signed_squared_cosine(x, y) == 0
    with precision(BITS):
        assert rd.half_chord(scalars.convert(x, "ball"), scalars.convert(y, "ball")).overlaps(arb("0.5").sqrt())


def test_what_is_refused():
    mdp, _ = gallery.fork()
    with pytest.raises(InvalidArgument, match="canonical is 'epic'; expected one of value_adjusted, minimal"):
        rd.starc(mdp, [0, 1, 2], [0, 2, 1], canonical="epic")
    with pytest.raises(InvalidArgument, match="the minimal form has no policy"):
        rd.starc(mdp, [0, 1, 2], [0, 2, 1], canonical="minimal", policy=rd.uniform_policy(mdp))
    with pytest.raises(InvalidArgument, match="has no angle to anything"):
        rd.signed_squared_cosine([fmpq(0)], [fmpq(1)])
    with pytest.raises(InvalidArgument, match=r"shapes \(1,\) and \(2,\)"):
        rd.signed_squared_cosine([fmpq(1)], [fmpq(1), fmpq(2)])
    with pytest.raises(InvalidArgument, match="reward has shape"):
        rd.value_adjusted(mdp, [0, 1])
    with pytest.raises(InvalidArgument, match="a stack of batch shape"):
        rd.minimal(mdp.broadcast_to(3), np.zeros((3, 3)))
    half = Fraction(1, 2)
    two = MDP([[[1, 0], [0, 1]], [[half, half], [0, 0]]], [1, 0], horizon=2)
    with pytest.raises(OutOfReach, match="action 1 is not available in state 1"):
        rd.epic(two, [0, 1], [1, 0])
    one = MDP([[[1, 0], [0, 1]], [[half, half], [1, 0]]], [1, 0], horizon=2, discount=half)
    with pytest.raises(InvalidArgument, match="potential shaping alone"):
        rd.epic(one, [3, 3], [1, 0])
    with pytest.raises(InvalidArgument, match="state_law has shape"):
        rd.canonically_shaped(one, [3, 3], state_law=[1])
    with pytest.raises(InvalidArgument, match="sums to"):
        rd.canonically_shaped(one, [3, 3], state_law=[1, 1])
    with pytest.raises(OutOfReach, match="irrational"):
        rd.starc(one, [0, 1], [[0, 1], [2, 3]])


def test_balls_that_may_be_zero_are_not_divided_by():
    with pytest.raises(OutOfReach):
        rd.half_chord(np.array([arb(0, 1)]), np.array([arb(1)]))
    assert BALLS.number(fmpq(1)) == 1
