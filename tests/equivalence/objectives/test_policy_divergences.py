"""Divergences between policies against sums over every trajectory."""

from typing import Any

import numpy as np
import pytest
from flint import arb, fmpq

from agreement import assert_agrees, assert_equals, at, objects, overlap
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    derivatives,
    expected_counts,
    law_of_policy,
    nested,
    paths,
    plain,
)
from equivalence.objectives import f_divergences as fd, policy_divergences as pd
from equivalence.objectives.f_generators import GENERATORS
from instances import KINDS, models_of, shape_of
from mdps import MDP, InvalidArgument, occupancy, scalars, trajectories
from mdps.random_models import random_distribution, random_policy, random_reward
from mdps.scalars.balls import precision
from textbook_divergences import divergence
from within_rounding import assert_within_rounding, rounding_of


def pairs(kind, every=5):
    """A model and two policies of steps; the expert's everywhere positive, the policy's in half of them."""
    for i, (mdp, _, axes, rng) in enumerate(models_of(kind)):
        if i % every == 0:
            policy = random_policy(rng, mdp, steps=True, full_support=bool(i % 2))
            yield mdp, policy, random_policy(rng, mdp, steps=True), axes


def centered(table, available):
    """Rows (t, s) less their mean over available actions: what of a gradient counts on policies."""
    n_available = np.maximum(available.sum(axis=-1, keepdims=True), 1)
    mean = np.where(available, table, 0 * table).sum(axis=-1, keepdims=True) / n_available
    return np.where(available, table - mean, 0 * table)


def log_ratio_of_laws(f, model, walked, ours, theirs):
    total = 0
    for p, q in zip(law_of_policy(walked, ours), law_of_policy(walked, theirs), strict=True):
        if (p[0] if hasattr(p, "length") else p) > 0:
            total = total + p * f.log(p / q)
    return total


@pytest.mark.parametrize("kind", KINDS)
def test_trajectory_kl_is_that_of_the_laws(kind):
    for mdp, policy, expert, _ in pairs(kind):

        def truth(f, mdp=mdp, policy=policy, expert=expert):
            model = plain(mdp, f)
            return objects(log_ratio_of_laws(f, model, paths(model), nested(policy, f), nested(expert, f)))

        with precision(BITS):
            value = truth(BALLS)
        assert_agrees(pd.trajectory_kl, value, mdp, policy, expert)
        assert assert_equals(pd.trajectory_kl, lambda given, truth=truth: truth(EXACT), mdp, policy, expert)
        listed = trajectories(mdp)
        assert pd.trajectory_kl(mdp, policy, expert) == fd.f_divergence("kl", listed.law(policy), listed.law(expert))


@pytest.mark.parametrize("kind", KINDS)
def test_trajectory_kl_gradient(kind):
    """Against power series in the entries of both tables, of sum p log prod(pi / pi_E): dynamics left out by hand."""
    for mdp, _, expert, _ in pairs(kind, 6):
        policy = random_policy(np.random.default_rng(mdp.n_states), mdp, steps=True)
        with precision(BITS):
            model = plain(mdp, BALLS)
            walked = paths(model)
            ours, theirs = nested(policy, BALLS), nested(expert, BALLS)

            def divergence_of_tables(ours, theirs, walked=walked):
                total = 0
                for path, p in zip(walked, law_of_policy(walked, ours), strict=True):
                    for t, action in enumerate(path.actions):
                        s = path.states[t]
                        total = total + p * (ours[t][s][action].log() - theirs[t][s][action].log())
                return total

            to_policy = objects(derivatives(lambda x, y=theirs: divergence_of_tables(x, y), ours))
            to_policy = centered(to_policy, mdp.available)
            to_expert = objects(derivatives(lambda y, x=ours: divergence_of_tables(x, y), theirs))

        def numbers_of(mdp, policy, expert):
            found = pd.trajectory_kl_gradient(mdp, policy, expert)
            return centered(found.policy, mdp.available), found.expert_policy

        assert_agrees(numbers_of, (to_policy, to_expert), mdp, policy, expert)


def finite(name, p, q):
    one_sided = {"kl": (q == 0) & (p != 0), "pearson": (q == 0) & (p != 0), "reverse_kl": (p == 0) & (q != 0)}
    return not one_sided.get(name, (p == 0) & (q != 0) if name == "neyman" else np.array(False)).any()


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_occupancy_divergence(kind, normalized):
    names = list(GENERATORS)
    met = 0
    for i, (mdp, policy, expert_policy, axes) in enumerate(pairs(kind)):
        name = names[i % len(names)]
        expert = occupancy(mdp, expert_policy, axes=axes)
        if not finite(name, occupancy(mdp, policy, axes=axes), expert) or not expert.any():
            continue

        def truth(f, mdp=mdp, policy=policy, expert=expert, axes=axes, name=name):
            model = plain(mdp, f)
            walked = paths(model)
            visits = expected_counts(model, law_of_policy(walked, nested(policy, f)), walked, axes)
            ours = [visits.get(index, f.number(fmpq(0))) for index in np.ndindex(shape_of(mdp, axes))]
            theirs = [f.number(x) for x in expert.ravel().tolist()]
            if normalized:
                ours, theirs = ([x / sum(table) for x in table] for table in (ours, theirs))
            return objects(divergence(name, f, ours, theirs))

        def numbers_of(mdp, policy, expert, axes=axes, name=name):
            return pd.occupancy_divergence(mdp, policy, expert, f=name, axes=axes, normalized=normalized)

        with precision(BITS):
            value = truth(BALLS)
        assert_agrees(numbers_of, value, mdp, policy, expert)
        assert_equals(numbers_of, lambda given, truth=truth: truth(EXACT), mdp, policy, expert)
        met += 1
    assert met >= 5


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_occupancy_divergence_gradient(kind, normalized):
    """Against power series through the counts of every trajectory."""
    names = [name for name in GENERATORS if name != "total_variation"]
    for i, (mdp, _, expert_policy, axes) in enumerate(pairs(kind, 6)):
        name = names[i % len(names)]
        policy = random_policy(np.random.default_rng(i), mdp, steps=True)
        expert = occupancy(mdp, expert_policy, axes=axes)
        if not expert.any():
            continue
        with precision(BITS):
            model = plain(mdp, BALLS)
            walked = paths(model)
            theirs = [BALLS.number(x) for x in expert.ravel().tolist()]
            if normalized:
                theirs = [x / sum(theirs) for x in theirs]

            def of_policy(policy, model=model, walked=walked, theirs=theirs, mdp=mdp, axes=axes, name=name):
                visits = expected_counts(model, law_of_policy(walked, policy), walked, axes)
                ours = [visits.get(index, 0) for index in np.ndindex(shape_of(mdp, axes))]
                mass = sum(ours) if normalized else 1
                pairs = [(x / mass, y) for x, y in zip(ours, theirs, strict=True) if y > 0]
                return divergence(name, BALLS, [x for x, _ in pairs], [y for _, y in pairs])

            slope = centered(objects(derivatives(of_policy, nested(policy, BALLS))), mdp.available)

        def numbers_of(mdp, policy, expert, axes=axes, name=name):
            found = pd.occupancy_divergence_gradient(mdp, policy, expert, f=name, axes=axes, normalized=normalized)
            return centered(found, mdp.available)

        assert_agrees(numbers_of, slope, mdp, policy, expert)


def test_gradient_where_the_policy_leaves_actions_out():
    """Chi-square is a polynomial of the policy, so power series go through probabilities of 0."""
    met = 0
    for kind in ("plain", "terminal", "unavailable", "deterministic"):
        for i, (mdp, _, expert_policy, axes) in enumerate(pairs(kind, 4)):
            policy = random_policy(np.random.default_rng(i), mdp, steps=True, full_support=False)
            expert = occupancy(mdp, expert_policy, axes=axes)
            with precision(BITS):
                model = plain(mdp, BALLS)
                walked = paths(model)
                theirs = [BALLS.number(x) for x in expert.ravel().tolist()]

                def chi_square(policy, model=model, walked=walked, theirs=theirs, mdp=mdp, axes=axes):
                    visits = expected_counts(model, law_of_policy(walked, policy), walked, axes)
                    ours = [visits.get(index, 0) for index in np.ndindex(shape_of(mdp, axes))]
                    return sum((x - y) * (x - y) / y for x, y in zip(ours, theirs, strict=True) if y > 0)

                slope = centered(objects(derivatives(chi_square, nested(policy, BALLS))), mdp.available)

            def numbers_of(mdp, policy, expert, axes=axes):
                found = pd.occupancy_divergence_gradient(mdp, policy, expert, f="pearson", axes=axes, normalized=False)
                return centered(found, mdp.available)

            assert_agrees(numbers_of, slope, mdp, policy, expert)
            met += not policy[:, mdp.available].all()
    assert met >= 50


def test_averaging_over_time_loses_information():
    """KL and JSD of averaged occupancies are at most those of trajectories; discount 1, nothing terminal. Exactly."""
    met = strict = 0
    for kind in ("plain", "deterministic", "unavailable", "single_start"):
        for mdp, policy, expert, _ in pairs(kind, 1):
            if mdp.discount != 1:
                continue
            listed = trajectories(mdp)
            laws = listed.law(policy), listed.law(expert)
            table = occupancy(mdp, expert)
            for name in ("kl", "jensen_shannon"):
                of_laws = fd.f_divergence(name, *laws)
                of_visits = pd.occupancy_divergence(mdp, policy, table, f=name)
                assert of_visits <= of_laws
                assert pd.occupancy_divergence(mdp, policy, table, f=name, normalized=False) == mdp.horizon * of_visits
                strict += of_visits < of_laws
            met += 1
    assert met >= 100
    assert strict >= 50


@pytest.mark.parametrize("number", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_without_a_horizon(number):
    """Against the same at horizon T: what is left out is bounded by a geometric series.

    Every step ends an episode with probability 1/2 or more, or is discounted by 1/2, so what is still to come at t has
    a weight of 2^-t, and values to go are off by at most 2 G 2^-(T - t), G the largest slope: T such terms, and a tail.
    """
    last, met = 60, 0
    for i in range(number):
        rng = np.random.default_rng(i)
        ends = bool(i % 2)
        transition = np.full((3, 2, 3), fmpq(0), dtype=object)
        for s, a in np.ndindex(2 if ends else 3, 2):
            if ends:
                transition[s, a, :2] = random_distribution(rng, 2, full_support=True) / 2
                transition[s, a, 2] = fmpq(1, 2)
            else:
                transition[s, a] = random_distribution(rng, 3, full_support=True)
        initial = np.array([fmpq(1, 2), fmpq(1, 2), fmpq(0)], dtype=object)
        discount = 1 if ends else fmpq(1, 2)
        endless = MDP(transition, initial, horizon=None, discount=discount)
        finite = MDP(transition, initial, horizon=last, discount=discount)
        policy, expert = (random_policy(rng, endless) for _ in range(2))
        with precision(BITS):
            endless, finite = endless.to("ball"), finite.to("ball")
            policy, expert = (scalars.convert(x, "ball") for x in (policy, expert))
            slope = scalars.convert(random_reward(rng, (3, 2)), "ball")
            bound = arb(8 * last) * arb(2) ** -last * 10  # log ratios and slopes are below 2 log 9 < 10

            def near(x, y, bound=bound):
                return all(abs(a - b) <= bound for a, b in zip(np.ravel(x), np.ravel(y), strict=True))

            through = pd.through_occupancy(endless, policy, slope)
            assert near(through, pd.through_occupancy(finite, policy, slope).sum(axis=0))
            assert through.shape == (3, 2)
            table = occupancy(endless, expert)
            for f in ("kl", "gail"):
                ours = occupancy(endless, policy)
                visited = endless.available.ravel()
                value = pd.occupancy_divergence(endless, policy, table, f=f, normalized=False)
                assert overlap(value, fd.f_divergence(f, ours.ravel(), table.ravel()))
                found = pd.occupancy_divergence_gradient(endless, policy, table, f=f, normalized=False)
                slopes = 0 * ours.ravel()
                slopes[visited] = fd.gradient_to_p(f, ours.ravel()[visited], table.ravel()[visited])
                assert near(found, pd.through_occupancy(finite, policy, slopes.reshape(3, 2)).sum(axis=0))
            if ends:
                met += 1
                assert near(pd.trajectory_kl(endless, policy, expert), pd.trajectory_kl(finite, policy, expert))
                mine, theirs = (pd.trajectory_kl_gradient(m, policy, expert) for m in (endless, finite))
                assert near(mine.policy, theirs.policy.sum(axis=0))
                assert near(mine.expert_policy, theirs.expert_policy.sum(axis=0))
    assert met == number // 2


def test_endless_trajectories_that_come_to_stay():
    """Where policies agree in what is visited for ever, KL is that of episodes; where not, it is infinite."""
    half = fmpq(1, 2)
    zero: Any = fmpq(0)
    for i in range(200):
        rng = np.random.default_rng(i)
        transition = np.full((4, 2, 4), zero, dtype=object)
        for s, a in np.ndindex(2, 2):  # 0 and 1 are left for 2 and 3, which follow one another for ever
            transition[s, a, :2] = random_distribution(rng, 2, full_support=True) * half
            transition[s, a, 2:] = random_distribution(rng, 2, full_support=True) * half
        transition[2, :, 3] = transition[3, 0, 2] = fmpq(1)
        if i % 2:
            transition[2, 1] = fmpq(0)  # no choice is left: there is a gradient, too
        initial = np.append(random_distribution(rng, 2, full_support=True), [zero, zero])
        endless = MDP(transition, initial, horizon=None, discount=fmpq(int(rng.integers(0, 4)), 4))
        policy, expert = (random_policy(rng, endless, full_support=True) for _ in range(2))
        expert[2:] = policy[2:]
        stopped = np.where(np.arange(4)[:, None, None] < 2, transition, zero)
        episodes = MDP(stopped, initial, horizon=None, discount=1)
        ours, theirs = (np.where(np.arange(4)[:, None] < 2, x, zero) for x in (policy, expert))
        assert pd.trajectory_kl(endless, policy, expert) == pd.trajectory_kl(episodes, ours, theirs)
        if i % 2:
            found = pd.trajectory_kl_gradient(endless, policy, expert)
            truth = pd.trajectory_kl_gradient(episodes, ours, theirs)
            assert all((x == y).all() for x, y in zip(found, truth, strict=True))
        else:
            finite = MDP(transition, initial, horizon=1 + i % 5, discount=1)
            shorter, longer = (pd.trajectory_kl(m, policy, expert) for m in (finite, endless))
            assert all(float(x) >= 0 for x in (shorter, longer - shorter))
            expert[2] = expert[2, ::-1]
            if (policy[2] != expert[2]).any():
                with pytest.raises(InvalidArgument, match="that state is visited for ever"):
                    pd.trajectory_kl(endless, policy, expert)


@pytest.mark.parametrize("discount", [0.5, 0.99])
def test_unlikely_actions(discount):
    """Probabilities of 1e-300 in floats: log-ratios of some 690 nats."""
    tiny = fmpq(1, 10**300)
    move = [[[1, 0], [0, 1]], [[0, 1], [1, 0]]]
    exact = MDP(move, [1, 0], horizon=2, discount=fmpq(1, 2))
    policy = np.array([[tiny, 1 - tiny], [fmpq(1, 2), fmpq(1, 2)]], dtype=object)
    other = np.array([[1 - tiny, tiny], [fmpq(1, 3), fmpq(2, 3)]], dtype=object)
    for ours, theirs in ((policy, other), (other, policy)):
        with precision(5 * BITS):
            model = plain(exact, BALLS)
            walked = paths(model)
            steps = [[nested(x, BALLS)] * 2 for x in (ours, theirs)]
            truth = objects(log_ratio_of_laws(BALLS, model, walked, *steps))
        assert_agrees(pd.trajectory_kl, truth, exact, ours, theirs, bits=5 * BITS)
    floats = MDP(np.array(move, dtype=float), [1.0, 0.0], horizon=2, discount=discount)
    value = pd.occupancy_divergence(floats, at("float", policy), occupancy(floats, at("float", other)), f="kl")
    assert np.isfinite(value)
    assert value > 300


HALVES = np.full((2, 2), 0.5)
FLOATS = MDP([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]], [1.0, 0.0], horizon=2)
OTHERS = np.array([[0.75, 0.25], [0.5, 0.5]])
FIRST = np.array([[1.0, 0.0], [1.0, 0.0]])
ENDED = np.zeros((2, 1))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: pd.trajectory_kl(FLOATS, HALVES, FIRST), InvalidArgument, "expert_policy[0, 0, 1] is 0"),
        (lambda: pd.trajectory_kl(FLOATS, HALVES, HALVES / 2), InvalidArgument, "expert_policy[0] sums to 0.5"),
        (lambda: pd.trajectory_kl(FLOATS, HALVES[:1], HALVES), InvalidArgument, "policy has shape (1, 2)"),
        (lambda: pd.trajectory_kl_gradient(FLOATS, FIRST, HALVES), InvalidArgument, "infinite at policy[0, 0, 1]"),
        (
            lambda: pd.occupancy_divergence(FLOATS, HALVES, occupancy(FLOATS, FIRST)),
            InvalidArgument,
            "kl is infinite: q = 0 < p",
        ),
        (
            lambda: pd.occupancy_divergence(FLOATS, HALVES, HALVES / 2),
            InvalidArgument,
            "expert has mass 1.0; expected 2",
        ),
        (lambda: pd.occupancy_divergence(FLOATS, HALVES, HALVES, axes="as"), InvalidArgument, "axes is 'as'"),
        (lambda: pd.occupancy_divergence(FLOATS, HALVES, HALVES, f="js"), InvalidArgument, "f is 'js'"),
        (
            lambda: pd.occupancy_divergence_gradient(FLOATS, FIRST, occupancy(FLOATS, FIRST), f="gail"),
            InvalidArgument,
            "neither policy nor expert visits [0, 1] (axes 'sa'), though they could",
        ),
        (
            lambda: pd.occupancy_divergence(MDP(np.zeros((2, 1, 2)), [1.0, 0.0], horizon=1), ENDED, ENDED),
            InvalidArgument,
            "no visits to normalize",
        ),
        (
            lambda: pd.trajectory_kl(MDP(FLOATS.transition, [1.0, 0.0], horizon=None, discount=0.5), HALVES, OTHERS),
            InvalidArgument,
            "differ at [0, 0], and that state is visited for ever",
        ),
        (
            lambda: pd.trajectory_kl_gradient(
                MDP(FLOATS.transition, [1.0, 0.0], horizon=None, discount=0.5), HALVES, HALVES
            ),
            InvalidArgument,
            "infinite at policy[0]: that state is visited for ever",
        ),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)


def test_stacks():
    """A stack of models says what each says."""
    models = [m for m, *_ in pairs("plain", 1) if (m.n_states, m.n_actions, m.horizon, m.discount) == (2, 2, 2, 1)][:4]
    assert len(models) == 4
    transition, initial = (
        np.stack([getattr(m.to("float"), name) for m in models]) for name in ("transition", "initial")
    )
    stack = MDP(transition, initial, horizon=2)
    policies = [
        np.stack([at("float", random_policy(np.random.default_rng(k), m, steps=True)) for m in models]) for k in (0, 1)
    ]
    values = pd.trajectory_kl(stack, *policies)
    slopes = pd.trajectory_kl_gradient(stack, *policies)
    tables = occupancy(stack, policies[1])
    visits = pd.occupancy_divergence(stack, policies[0], tables, f="gail")
    through = pd.occupancy_divergence_gradient(stack, policies[0], tables, f="gail")

    def numbers_of(mdp, policy, expert_policy, table):
        return (
            pd.trajectory_kl(mdp, policy, expert_policy),
            *pd.trajectory_kl_gradient(mdp, policy, expert_policy),
            pd.occupancy_divergence(mdp, policy, table, f="gail"),
            pd.occupancy_divergence_gradient(mdp, policy, table, f="gail"),
        )

    for i in range(4):
        given = stack.at(i), policies[0][i], policies[1][i], tables[i]
        of_stack = tuple(x[i] for x in (values, *slopes, visits, through))
        assert_within_rounding(of_stack, numbers_of(*given), rounding_of(numbers_of, *given))


def test_symbols():
    import sympy

    a, b = sympy.symbols("a b", positive=True)
    one = MDP([[[1], [1]]], [1], horizon=1).to("symbolic")
    value = pd.trajectory_kl(one, [[a, 1 - a]], [[b, 1 - b]])
    expected = a * (sympy.log(a) - sympy.log(b)) + (1 - a) * (sympy.log(1 - a) - sympy.log(1 - b))
    assert scalars.level_of(np.array([value])) == "symbolic"
    assert sympy.expand(value - expected) == 0
