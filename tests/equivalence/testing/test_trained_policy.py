"""`judge_policy` against sums over every trajectory and every deterministic policy, and what it refuses."""

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
    expected_counts,
    law_of_policy,
    nested,
    paths,
    plain,
    soft_value,
)
from equivalence.testing.trained import judge_policy
from instances import KINDS, models_of, shape_of
from mdps import (
    MDP,
    InvalidArgument,
    InvalidModel,
    OutOfReach,
    gallery,
    normalized,
    occupancy,
    optimal_solution,
    policy_value,
    scalars,
)
from mdps.interop import to_gymnasium
from mdps.random_models import random_policy, random_reward
from mdps.scalars import LogRational
from mdps.scalars.balls import precision

HALF = Fraction(1, 2)
MOST_POLICIES = 90


def number(figure):
    """A figure's exact number, comparable with those of the enumeration."""
    return (
        fmpq(figure.exact.numerator, figure.exact.denominator) if isinstance(figure.exact, Fraction) else figure.exact
    )


def drawn(kind, every=5):
    for i, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if i % every == 0:
            policies = [random_policy(rng, mdp, steps=bool(rng.integers(2)), full_support=j > 0) for j in range(2)]
            yield mdp, temperature, axes, random_reward(rng, shape_of(mdp, axes)), policies, rng


def deterministic_policies(mdp):
    """Every way to choose an action at each (t, s); None if there are many."""
    places = [(t, s) for t in range(mdp.horizon) for s in np.flatnonzero(~mdp.terminal)]
    choices = [np.flatnonzero(mdp.available[s]) for _, s in places]
    if np.prod([float(len(x)) for x in choices]) > MOST_POLICIES:
        return None
    tables = []
    for actions in itertools.product(*choices):
        table = np.full((mdp.horizon, *mdp.available.shape), fmpq(0), dtype=object)
        for (t, s), a in zip(places, actions, strict=True):
            table[t, s, a] = fmpq(1)
        tables.append(table)
    return tables


def decides(mdp):
    """Whether some start is not terminal."""
    return bool((~mdp.terminal & np.asarray(mdp.initial != 0, dtype=bool)).any())


def in_time(mdp, policy):
    return np.broadcast_to(policy, (mdp.horizon, *mdp.available.shape))


def mean(law, values):
    return sum((p * x for p, x in zip(law, values, strict=True)), fmpq(0))


@pytest.mark.parametrize("kind", KINDS)
def test_returns_and_regret(kind):
    compared = 0
    for mdp, _, axes, reward, (policy, _), _ in drawn(kind):
        verdict = judge_policy(policy, SimpleNamespace(mdp=mdp, reward=reward))
        model = plain(mdp, EXACT)
        walked, r = paths(model), nested(reward, EXACT)
        returns = [discounted_return(model, path, r, axes) for path in walked]
        value = mean(law_of_policy(walked, nested(in_time(mdp, policy), EXACT)), returns)
        assert number(verdict.value) == value
        assert verdict.level == "exact"
        assert sum((number(loss.regret) for loss in verdict.losses), fmpq(0)) == number(verdict.regret)
        assert verdict.is_optimal == (number(verdict.regret) == 0)
        others = deterministic_policies(mdp)
        if others is None:
            continue
        compared += 1
        values = [mean(law_of_policy(walked, nested(other, EXACT)), returns) for other in others]
        best, worst = values[0], values[0]
        for x in values:
            best, worst = (x if x > best else best), (x if x < worst else worst)
        assert number(verdict.best) == best
        assert number(verdict.worst) == worst
        assert number(verdict.regret) == best - value
        if best != worst:
            with precision(BITS):
                share = (BALLS.number(best) - BALLS.number(value)) / (BALLS.number(best) - BALLS.number(worst))
                assert share.overlaps(scalars.convert([verdict.share.exact], "ball")[0])
        else:
            assert verdict.share is None
    assert compared >= 7


@pytest.mark.parametrize("kind", KINDS)
def test_floats_and_balls_agree_with_exact_numbers(kind):
    """Floats of simple fractions are read as those; what was changed is said; balls contain the exact answer."""
    for mdp, _, _, reward, (policy, expert), _ in drawn(kind, every=23):
        if not decides(mdp):
            continue
        exact = judge_policy(policy, mdp, reward=reward, expert_policy=expert)
        floats = scalars.convert(policy, "float")
        again = judge_policy(floats, mdp, reward=reward, expert_policy=scalars.convert(expert, "float"))
        for name in ("value", "regret", "best", "worst"):
            assert getattr(exact, name).exact == getattr(again, name).exact
        rounded = scalars.convert(floats, "exact") != policy
        assert bool(np.asarray(rounded, dtype=bool).any()) == any("policy: " in note[:8] for note in again.notes)
        balls = judge_policy(policy, mdp, reward=reward, expert_policy=expert, level="ball")
        assert balls.level == "ball"
        pairs = [(getattr(exact, name), getattr(balls, name)) for name in ("value", "regret", "best", "worst", "share")]
        pairs += [(exact.divergences[name], balls.divergences[name]) for name in exact.divergences]
        for x, y in pairs:
            if x is None or x.exact is None:
                assert x == y
                continue
            with precision(BITS):
                enclosed, other = (scalars.convert([z.exact], "ball")[0] for z in (x, y))
                assert enclosed.overlaps(other)
                assert y.radius < 1e-60


def kl(p, q):
    return sum((x * (x.log() - y.log()) for x, y in zip(p, q, strict=True) if x != 0), arb(0))


def flat(table, shape, support):
    return [table.get(index, fmpq(0)) for index in np.ndindex(shape) if index in support]


@pytest.mark.parametrize("kind", KINDS)
def test_divergences_are_those_of_enumerated_counts(kind):
    """Over (s, a) of an expert policy, whatever features are over; of counts over the axes that these have."""
    for i, (mdp, _, axes, reward, (policy, expert), rng) in enumerate(drawn(kind, every=7)):
        if i % 4 == 1:
            policy, expert = expert, policy
        shape = shape_of(mdp, axes)
        features = np.vectorize(lambda k: fmpq(int(k), 3), otypes=[object])(rng.integers(-9, 9, size=(*shape, 2)))
        model = plain(mdp, EXACT)
        walked = paths(model)
        laws = [law_of_policy(walked, nested(in_time(mdp, pi), EXACT)) for pi in (policy, expert)]
        tables = [expected_counts(model, law, walked, axes) for law in laws]
        if not any(x != 0 for x in tables[0].values()):
            with pytest.raises(InvalidArgument, match="there are no visits of the policy"):
                judge_policy(policy, mdp, reward=reward, expert_policy=expert, features=features)
            continue
        verdict = judge_policy(policy, mdp, reward=reward, expert_policy=expert, features=features)
        found = verdict.divergences
        are_divergences_of(found, [expected_counts(model, law, walked, "sa") for law in laws])
        with precision(BITS):
            laws = [[arb(x) for x in law] for law in laws]
            for name, first, second in (
                ("KL of trajectories (policy || expert)", *laws),
                ("KL of trajectories (expert || policy)", *laws[::-1]),
            ):
                if any(x != 0 and y == 0 for x, y in zip(first, second, strict=True)):
                    assert found[name].value == np.inf
                else:
                    assert arb_of(found[name]).overlaps(kl(first, second))
        for k, gap in enumerate(verdict.feature_gap):
            both = {*tables[0], *tables[1]}
            expected = sum(
                ((tables[1].get(index, 0) - tables[0].get(index, 0)) * features[(*index, k)] for index in both),
                fmpq(0),
            )
            assert number(gap) == expected
        counts = occupancy(mdp, expert, axes=axes)
        from_counts = judge_policy(policy, mdp, reward=reward, expert=counts, features=features)
        are_divergences_of(from_counts.divergences, tables)
        assert list(map(str, from_counts.feature_gap)) == list(map(str, verdict.feature_gap))


def are_divergences_of(found, tables):
    """The divergences found are those of two tables of counts by index."""
    indices = [{index for index, x in table.items() if x != 0} for table in tables]
    both = sorted(indices[0] | indices[1])
    p, q = ([table.get(index, fmpq(0)) for index in both] for table in tables)
    p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
    assert number(found["total variation"]) == sum(abs(x - y) for x, y in zip(p, q, strict=True)) / 2
    if indices[0] <= indices[1]:
        chi2 = sum(((x - y) ** 2 / y for x, y in zip(p, q, strict=True) if y != 0), fmpq(0))
        assert number(found["chi2(policy || expert)"]) == chi2
    with precision(BITS):
        p, q = ([arb(x) for x in law] for law in (p, q))
        m = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
        assert arb_of(found["Jensen-Shannon"]).overlaps((kl(p, m) + kl(q, m)) / 2)
        for name, first, second, ours, theirs in (
            ("KL(policy || expert)", p, q, *indices),
            ("KL(expert || policy)", q, p, *indices[::-1]),
        ):
            if ours <= theirs:
                assert arb_of(found[name]).overlaps(kl(first, second))
            else:
                assert found[name].value == np.inf
                assert "never does" in found[name].where


def arb_of(figure):
    return scalars.convert([figure.exact], "ball")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_soft_regret(kind):
    for mdp, alpha, axes, reward, (_, policy), _ in drawn(kind, every=13):
        verdict = judge_policy(policy, mdp, reward=reward, temperature=alpha)
        with precision(BITS):
            model, r, temperature = plain(mdp, BALLS), nested(reward, BALLS), BALLS.number(Fraction(alpha))
            pi = nested(in_time(mdp, policy), BALLS)
            best = sum((p * soft_value(model, BALLS, r, axes, temperature, 0, s) for s, p in model.starts), arb(0))
            value = sum(
                (p * entropy_regularized_value(model, BALLS, r, axes, temperature, pi, 0, s) for s, p in model.starts),
                arb(0),
            )
            for figure, true in (
                (verdict.soft_value, value),
                (verdict.soft_best, best),
                (verdict.soft_regret, best - value),
            ):
                assert arb_of(figure).overlaps(true)
                assert figure.radius < 1e-15 * (1 + abs(figure.value))


def test_without_a_horizon():
    """Values from linear systems, the best by policy iteration, the worst too; losses sum to the regret."""
    for i, (mdp, reward, alpha, rng) in enumerate(endless(40)):
        policy = random_policy(rng, mdp)
        value = (mdp.initial * policy_value(mdp, reward, policy)).sum()
        best = (mdp.initial * optimal_solution(mdp, reward).v).sum()
        verdict = judge_policy(policy, mdp, reward=reward, temperature=alpha if i % 3 == 0 else None)
        assert number(verdict.value) == value
        assert number(verdict.regret) == best - value
        assert sum((number(loss.regret) for loss in verdict.losses), fmpq(0)) == best - value
        assert all(loss.t is None for loss in verdict.losses)
        optimal = judge_policy(optimal_solution(mdp, reward).policy, mdp, reward=reward)
        assert optimal.is_optimal
        assert not optimal.losses
        assert "is optimal: no policy has a higher return" in str(optimal)


def test_logits_are_the_softmax_of_the_floats_that_they_are():
    compared = 0
    for kind in KINDS:
        for mdp, _, _, reward, (_, expert), rng in drawn(kind, every=23):
            if not decides(mdp):
                continue
            logits = np.where(
                in_time(mdp, mdp.available),
                rng.integers(-40, 40, size=(mdp.horizon, *mdp.available.shape)) / 8,
                -np.inf,
            )
            verdict = judge_policy(logits, mdp, reward=reward, outputs="logits", expert_policy=expert)
            with precision(BITS):
                model = mdp.to("ball")
                weights = np.array([arb(float(x)).exp() if np.isfinite(x) else arb(0) for x in logits.ravel()])
                weights = weights.reshape(logits.shape)
                total = np.where(mdp.terminal, arb(1), weights.sum(axis=-1))
                pi = weights / total[..., None]
                value = (model.initial * policy_value(model, scalars.convert(reward, "ball"), pi)[0]).sum()
                assert arb_of(verdict.value).overlaps(value)
            assert verdict.level == "ball"
            assert verdict.value.radius < 1e-15
            shifted = judge_policy(logits + 4, mdp, reward=reward, outputs="logits")
            assert arb_of(shifted.value).overlaps(arb_of(verdict.value))
            compared += 1
    assert compared >= 40


def test_equal_policies_have_divergence_zero_in_whatever_form_they_come():
    mdp, _ = gallery.lottery()
    fair = np.where(mdp.available, 1, 0) / np.maximum(mdp.available.sum(axis=1, keepdims=True), 1)
    for policy, outputs in ((fair, None), (np.where(mdp.available, 3.25, -np.inf), "logits")):
        verdict = judge_policy(policy, mdp, reward=[0, 1, 3], expert_policy=fair, outputs=outputs)
        assert all(x.is_zero for x in verdict.divergences.values())


class Predicts:
    """As agents of stable-baselines3 do: an array of one action, and a state of the network."""

    def __init__(self, actions):
        self.actions = actions

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        assert deterministic
        return np.array(self.actions[int(observation)]), None


class Tensor:
    """As torch's tensors do."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array


def two_states(horizon=2, **options):
    return MDP([[[HALF, HALF], [0, 1]], [[1, 0], [HALF, HALF]]], [1, 0], horizon=horizon, **options)


def test_forms_of_policies():
    mdp, table = two_states(), np.array([[0.25, 0.75], [1.0, 0.0]])
    expected = judge_policy(table, mdp, reward=[0, 1]).value
    logits = np.array([[0.0, 0.0], [2.0, -np.inf]])
    for policy, options in (
        (np.array([table, table]), {}),
        (table.tolist(), {}),
        (table.astype(np.float32), {}),
        (lambda s: table[s], {}),
        (lambda s: table[[s]], {}),
        (lambda s, t: table[s] + 0 * t, {"timed": True}),
        (lambda x: x @ table, {"observation": lambda s: np.eye(2)[s]}),
        (lambda x: Tensor((x.array @ table)[None]), {"observation": lambda s: Tensor(np.eye(2)[s])}),
        (Tensor(table), {}),
    ):
        assert judge_policy(policy, mdp, reward=[0, 1], **options).value == expected
    actions = judge_policy([1, 0], mdp, reward=[0, 1], outputs="actions")
    assert judge_policy([[1, 0], [1, 0]], mdp, reward=[0, 1], outputs="actions").value == actions.value
    assert judge_policy(Predicts([1, 0]), mdp, reward=[0, 1]).value == actions.value
    assert judge_policy(Predicts([[1], [0]]), mdp, reward=[0, 1]).value == actions.value
    assert judge_policy(lambda s: 1 - s, mdp, reward=[0, 1], outputs="actions").value == actions.value
    half = judge_policy([[0.5, 0.5], [1, 0]], mdp, reward=[0, 1])
    assert arb_of(judge_policy(logits, mdp, reward=[0, 1], outputs="logits").value).overlaps(arb_of(half.value))


def test_usual_signatures():
    """Of stable-baselines3 and the like, of tables by state, of distributions, and of functions of time."""
    mdp, reward = two_states(), [0, 1]
    table = np.array([[0.25, 0.75], [1, 0]])
    in_time = np.stack([table[::-1], table])
    expected = judge_policy(table, mdp, reward=reward).value
    acting = judge_policy([1, 0], mdp, reward=reward, outputs="actions").value

    class Recurrent:
        def predict(self, observation, state, episode_start, deterministic=False):
            assert (state, episode_start, deterministic) == (None, None, True)
            return np.array([1 - observation]), state

    for policy, value in (
        (dict(enumerate(table)), expected),
        ({0: {0: 0.25, 1: 0.75}, 1: {0: 1.0}}, expected),
        (lambda s: SimpleNamespace(probs=table[s]), expected),
        ({0: 1, 1: 0}, acting),
        (Recurrent(), acting),
        (SimpleNamespace(predict=lambda observation, **more: 1 - observation), acting),
    ):
        assert judge_policy(policy, mdp, reward=reward).value == value
    value = judge_policy(in_time, mdp, reward=reward).value
    assert value != expected
    by_time = {(t, s): in_time[t, s] for t in range(2) for s in range(2)}
    for policy in (by_time, lambda s, t: in_time[t, s], lambda observation, step: in_time[step, observation]):
        assert judge_policy(policy, mdp, reward=reward).value == value
    named = {"left": 1, "right": 0}
    assert judge_policy(named, mdp, reward=reward, observation=["left", "right"].__getitem__).value == acting
    endless_model = MDP(mdp.transition, mdp.initial, horizon=None, discount=HALF)
    with pytest.raises(InvalidArgument, match="depends on time, and the model has no horizon"):
        judge_policy(lambda s, t: table[s], endless_model, reward=reward)
    with pytest.raises(KeyError) as raised:
        judge_policy(lambda s: {}[s], mdp, reward=reward)
    assert "raised by policy in state 0" in raised.value.__notes__[0]


def test_rows_are_distributions_as_stated_or_it_is_said():
    mdp = two_states()
    third = np.array([[1 / 3, 2 / 3], [0.1, 0.9]])
    verdict = judge_policy(third, mdp, reward=[0, 1])
    assert (
        verdict.value
        == judge_policy(
            [[Fraction(1, 3), Fraction(2, 3)], [Fraction(1, 10), Fraction(9, 10)]], mdp, reward=[0, 1]
        ).value
    )
    assert "2 rows were read as simple rationals (such as 0.3333333333333333 as 1/3)" in str(verdict)
    coarse = judge_policy(third.astype(np.float32), mdp, reward=[0, 1])
    assert "2 rows were divided by the exact sum" in str(coarse)
    with pytest.raises(
        InvalidArgument,
        match=r"policy\[0\] sums to 1\.0000000\d+; expected 1 within 4 \* 2\^-53 \(float64\). If it was computed in f",
    ):
        judge_policy(third.astype(np.float32).astype(float), mdp, reward=[0, 1])
    ulp = np.nextafter(0.5, 1)
    assert judge_policy([[ulp, 0.5], [1.0, 0.0]], mdp, reward=[0, 1]).notes


@pytest.mark.parametrize(
    "policy, options, message",
    [
        ([[0.5, 0.4], [1, 0]], {}, r"policy\[0\] sums to 0\.9; expected 1 within 4 \* 2\^-53"),
        ([[HALF, HALF], [HALF, Fraction(1, 3)]], {}, r"policy\[1\] sums to 0\.83\d*; expected 1 exactly"),
        ([[0.0, 0.0], [1, 0]], {}, "A state that was never visited needs a row, too"),
        ([[1.5, -0.5], [1, 0]], {}, r"policy\[0, 1\] is -0\.5, which is negative.*outputs='logits'"),
        ([[np.nan, 1], [1, 0]], {}, r"policy\[0, 0\] is nan; expected a probability"),
        ([[0.5, 0.5]], {}, r"policy has shape \(1, 2\); expected \(2, 2\) or \(2, 2, 2\) for probabilities"),
        ([0, 1], {}, r"shape \(2,\).*for one action in each state give outputs='actions'"),
        ([0, 2], {"outputs": "actions"}, r"policy\[1\] is action 2; expected one of 0 ... 1"),
        ([0.0, 1.0], {"outputs": "actions"}, "actions of dtype float64; expected whole numbers"),
        ([[np.inf, 0.0], [0, 0]], {"outputs": "logits"}, r"policy\[0, 0\] is inf; expected logits, finite or -inf"),
        ([[-np.inf, -np.inf], [0, 0]], {"outputs": "logits"}, r"policy\[0\] has no available action"),
        ([["a", "b"], ["c", "d"]], {}, "dtype <U1; expected probabilities"),
        (
            [[0.5, 0.5], [1, 0]],
            {"outputs": "odds"},
            "outputs is 'odds'; expected one of probabilities, logits, actions",
        ),
        ([[0.5, 0.5], [1, 0]], {"level": "float"}, "level is 'float'; expected 'exact', 'ball' or None"),
        (lambda s: s, {}, r"policy gives shape \(\) in state 0; expected \(2,\).*outputs='actions'"),
        (SimpleNamespace(predict=lambda s: s), {"outputs": "logits"}, "gives actions, not logits"),
        ({0: 1}, {}, "policy has no entry 1; expected one for each state"),
        ({}, {}, "an empty dict"),
        ({0: {2: 1}, 1: {0: 1}}, {}, "policy in state 0 has an action 2; expected one of 0 ... 1"),
        (lambda t, s: [1, 0], {}, r"policy is a function of \(t, s\); expected one of \(observation\), or"),
        (lambda: [1, 0], {}, r"policy is a function of \(\); expected"),
        (lambda s: [1, 0], {"timed": True}, r"expected one of \(observation, t\), since timed=True"),
        (SimpleNamespace(predict=lambda s, goal: 1), {}, r"predict of policy needs \(s, goal\)"),
        (SimpleNamespace(predict=lambda s, state=None: 1), {"timed": True}, "takes no t; leave out timed=True"),
        (None, {}, "policy is a NoneType; expected a table, a function"),
        ([[0.5, 0.5], [1, 0]], {"features": [[1], [1]]}, "features were given without an expert"),
        (
            [[0.5, 0.5], [1, 0]],
            {"expert": [[1, 0], [1, 0]], "expert_policy": [[1, 0], [1, 0]]},
            "expected one of them",
        ),
        ([[0.5, 0.5], [1, 0]], {"expert": [[1.0, 0], [2.0, 0]]}, "expert has mass 3"),
        ([[0.5, 0.5], [1, 0]], {"temperature": 0}, "temperature is 0; expected a positive number"),
    ],
)
def test_what_is_no_policy(policy, options, message):
    with pytest.raises(InvalidArgument, match=message):
        judge_policy(policy, two_states(), reward=[0, 1], **options)


def test_what_answers_at_random_is_no_policy():
    """Three answers in each of forty states are not all the same by accident."""
    rng = np.random.default_rng()
    mdp = MDP(np.tile(np.eye(40)[:, None], (1, 2, 1)), np.full(40, 1 / 40), horizon=1)
    drawing = SimpleNamespace(predict=lambda s: (rng.integers(2), None))
    for policy, options, hint in (
        (drawing, {}, "outputs='probabilities'"),
        (lambda s: rng.integers(2), {"outputs": "actions"}, "outputs='probabilities'"),
        (lambda s: rng.dirichlet([1, 1]), {}, "model.eval()"),
        (lambda s: rng.normal(size=2), {"outputs": "logits"}, "model.eval()"),
    ):
        with pytest.raises(InvalidArgument, match="when asked again; expected the same") as raised:
            judge_policy(policy, mdp, reward=np.zeros(40), **options)
        assert hint in str(raised.value)


def test_features_do_not_change_the_divergences():
    """Those of an expert policy are over (s, a), whatever features are over."""
    mdp, _ = gallery.noisy_walk()
    policy, expert_policy = [[0.5, 0.5], [0.25, 0.75]], [[0.75, 0.25], [0.5, 0.5]]
    plainly = judge_policy(policy, mdp, reward=[0, 1], expert_policy=expert_policy)
    counts = occupancy(mdp, scalars.convert(expert_policy, "exact")) - plainly.occupancy
    for shape in ((2,), (2, 2), (2, 2, 2)):
        features = np.arange(2 * np.prod(shape)).reshape(*shape, 2)
        verdict = judge_policy(policy, mdp, reward=[0, 1], expert_policy=expert_policy, features=features)
        assert list(map(str, verdict.divergences.values())) == list(map(str, plainly.divergences.values()))
        visits = {1: counts.sum(axis=1), 2: counts, 3: counts[..., None] * mdp.transition}[len(shape)]
        for k, gap in enumerate(verdict.feature_gap):
            assert gap.exact == sum(
                Fraction(int(x.p), int(x.q)) * int(y) for x, y in zip(visits.flat, features[..., k].flat, strict=True)
            )


def test_actions_that_are_not_available():
    mdp = MDP([[[0, 1], [0, 0]], [[1, 0], [0, 1]]], [1, 0], horizon=2)
    table = [[0.75, 0.25], [0.5, 0.5]]
    with pytest.raises(
        InvalidArgument, match=r"policy\[0, 1\] has a positive probability, and action 1 is not available"
    ):
        judge_policy(table, mdp, reward=[0, 1])
    verdict = judge_policy(table, mdp, reward=[0, 1], masked=True)
    assert verdict.value == judge_policy([[1, 0], [0.5, 0.5]], mdp, reward=[0, 1]).value
    assert "policy: 1 row conditioned on the available actions" in str(verdict)
    with pytest.raises(InvalidArgument, match="not available"):
        judge_policy([[0.0, 3.0], [0.0, 0.0]], mdp, reward=[0, 1], outputs="logits")
    logits = judge_policy([[0.0, 3.0], [0.0, 0.0]], mdp, reward=[0, 1], outputs="logits", masked=True)
    assert arb_of(logits.value).overlaps(arb_of(verdict.value))
    with pytest.raises(InvalidArgument, match=r"policy\[0\] has no available action of positive probability"):
        judge_policy([[0, 1], [0, 1]], mdp, reward=[0, 1], masked=True)
    with pytest.raises(InvalidArgument, match="action 1 is not available in state 0"):
        judge_policy([1, 0], mdp, reward=[0, 1], outputs="actions")


def test_what_is_no_problem():
    mdp, policy = two_states(), [[0.5, 0.5], [1, 0]]
    with pytest.raises(InvalidArgument, match="the model holds no reward; expected reward="):
        judge_policy(policy, mdp)
    with pytest.raises(InvalidArgument, match="has a transition table, and neither a horizon nor a discount"):
        judge_policy(policy, SimpleNamespace(P={}))
    with pytest.raises(InvalidArgument, match=r"SimpleNamespace has no model: expected env\.unwrapped\.mdp"):
        judge_policy(policy, SimpleNamespace())
    with pytest.raises(InvalidArgument, match="a stack of batch shape"):
        judge_policy(policy, mdp.broadcast_to(2), reward=[0, 1])
    with pytest.raises(OutOfReach, match="the model is ball"):
        judge_policy(policy, mdp.to("ball"), reward=[0, 1])
    with pytest.raises(InvalidArgument, match="timed=True, and the model has no horizon"):
        judge_policy(lambda s, t: 0, two_states(None, discount=HALF), reward=[0, 1], timed=True)
    with pytest.raises(InvalidArgument, match="its policies do not depend on time"):
        judge_policy([policy, policy], two_states(None, discount=HALF), reward=[0, 1])
    with pytest.raises(OutOfReach, match="the probabilities of logits are irrational"):
        judge_policy(policy, mdp, reward=[0, 1], outputs="logits", level="exact")
    around = MDP([[[1, 0], [0, 1]], [[0, 0], [0, 0]]], [1, 0], horizon=None)
    with pytest.raises(InvalidModel, match="the policy never ends"):
        judge_policy([0, 0], around, reward=[-1, 0], outputs="actions")


def test_trajectories_without_end():
    """Two that differ where one never comes back to are near; others are told apart in the long run."""
    leave = MDP([[[0, 1], [0, 1]], [[0, 1], [0, 1]]], [1, 0], horizon=None, discount=HALF)
    fair, biased = [[0.5, 0.5], [0.5, 0.5]], [[0.25, 0.75], [0.5, 0.5]]
    name = "KL of trajectories (policy || expert)"
    once = judge_policy(fair, leave, reward=[0, 1], expert_policy=biased).divergences[name]
    with precision(BITS):
        assert arb_of(once).overlaps((LogRational.log(Fraction(4, 3)) / 2).arb())
    always = judge_policy(fair, leave, reward=[0, 1], expert_policy=[[0.5, 0.5], [0.25, 0.75]]).divergences[name]
    assert always.value == np.inf
    assert "differ in state 1, which is visited for ever" in str(always)
    assert judge_policy(fair, leave, reward=[0, 1], expert_policy=fair).divergences[name].is_zero


def test_long_problems_are_answered_in_balls():
    rng = np.random.default_rng(3)
    rows = rng.random((6, 3, 6))
    mdp = MDP.normalized(rows, np.ones(6) / 6, horizon=60)
    verdict = judge_policy(normalized(rng.random((6, 3))), mdp, reward=rng.random((6, 3)))
    assert verdict.level == "ball"
    assert verdict.regret.value > 0
    assert verdict.regret.radius < 1e-60
    best = optimal_solution(mdp.to("float"), scalars.convert(rng.random((6, 3)), "float"))
    assert best.policy.shape == (60, 6, 3)
    assert len(verdict.losses) > 5
    assert "... and" in str(verdict)


def test_report():
    assert "soft return, temperature 0.1 " in str(
        judge_policy([[1, 0], [1, 0]], two_states(), reward=[0, 1], temperature=0.1)
    )
    mdp, _ = gallery.fork()
    verdict = judge_policy([0, 0, 0], mdp, reward=[0, 1, 3], outputs="actions", temperature=1, name="agent")
    text = str(verdict)
    assert text.startswith(
        "agent: regret 2, 100 % of the range from best to worst\njudged: a table of actions, in exact"
    )
    assert "step 0, state 0" in text
    assert "best action: 1" in text
    assert "soft regret" in text
    row = json.loads(json.dumps(verdict.as_json()))
    assert row["regret"] == {"value": 2.0, "exact": "2"}
    assert row["losses"][0]["best"] == [1]
    assert row["is_optimal"] is False


# With gymnasium --------------------------------------------------------------------------------------------------


def trained_by_q_learning(env, episodes, rng):
    """Tabular Q-learning with an exploring behavior policy; one value for each (t, s, a), as the horizon asks."""
    mdp = env.unwrapped.mdp
    q = np.zeros((mdp.horizon + 1, mdp.n_states, mdp.n_actions))
    visits = np.zeros_like(q)
    gamma = float(mdp.discount)
    for episode in range(episodes):
        s, info = env.reset(seed=episode)
        over, t = False, 0
        while not over:
            a = int(rng.choice(np.flatnonzero(info["action_mask"])))
            after, paid, terminated, truncated, info = env.step(a)
            over = terminated or truncated
            ahead = 0.0 if over else q[t + 1, after][info["action_mask"].astype(bool)].max()
            visits[t, s, a] += 1
            q[t, s, a] += (paid + gamma * ahead - q[t, s, a]) / visits[t, s, a] ** 0.8
            s, t = after, t + 1
    return np.where(mdp.available, q[:-1], -np.inf)


def test_q_learning_on_an_environment_is_judged(require_extra):
    gymnasium = require_extra("gym")
    slip = Fraction(1, 5)
    rows = np.zeros((4, 2, 4), dtype=object)
    for s in range(3):
        rows[s, 0, max(s - 1, 0)] = Fraction(1)
        rows[s, 1, s + 1], rows[s, 1, s] = 1 - slip, slip
    mdp = MDP(rows, [1, 0, 0, 0], horizon=5, discount=Fraction(9, 10))  # state 3 ends it
    reward = np.zeros((4, 2, 4))
    reward[2, 1, 3], reward[0, 0, 0] = 1, 0.25
    reward = scalars.convert(reward, "exact")
    env = to_gymnasium(mdp, reward)
    q = trained_by_q_learning(env, 600, np.random.default_rng(0))
    greedy = judge_policy(q.argmax(axis=-1), env, outputs="actions", name="greedy")
    soft = judge_policy(q * 20, env, outputs="logits", masked=True, temperature=Fraction(1, 20))
    best = optimal_solution(mdp, reward)
    assert number(greedy.best) == best.v[0, 0]
    assert arb_of(soft.best).overlaps(arb_of(greedy.best))
    assert (
        number(greedy.value)
        == policy_value(
            mdp, reward, np.where(np.arange(2) == q.argmax(axis=-1)[..., None], fmpq(1), fmpq(0)) * mdp.available
        )[0, 0]
    )
    assert greedy.regret.value <= judge_policy([0, 0, 0, 0], env, outputs="actions").regret.value
    assert soft.soft_regret.value > 0
    returns = []
    for episode in range(400):
        s, _ = env.reset(seed=10_000 + episode)
        total, t, over = 0.0, 0, False
        while not over:
            s, paid, terminated, truncated, _ = env.step(int(q[t, s].argmax()))
            total += 0.9**t * paid
            over, t = terminated or truncated, t + 1
        returns.append(total)
    # Returns are in [0, 1.03]: by Hoeffding they miss by 0.2 with probability 2 exp(-2 * 400 * 0.04 / 1.06) < 1e-12.
    assert abs(np.mean(returns) - greedy.value.value) < 0.2
    wrapped = gymnasium.wrappers.TimeLimit(env, 3)
    assert "wrappers are not seen (TimeLimit)" in str(judge_policy([0, 0, 0, 0], wrapped, outputs="actions"))
    idle = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.wrappers.TimeLimit(env, mdp.horizon))
    assert "wrappers" not in str(judge_policy([0, 0, 0, 0], idle, outputs="actions"))


def test_an_environment_has_its_own_reward(require_extra):
    require_extra("gym")
    mdp, _ = gallery.fork()
    env = to_gymnasium(mdp, [0, 1, 3])
    assert judge_policy([0, 0, 0], env, outputs="actions").regret.exact == 2
    assert judge_policy([0, 0, 0], env, reward=[0, 3, 1], outputs="actions").is_optimal
    assert judge_policy([0, 0, 0], replace(mdp, horizon=1), reward=[0, 3, 1], outputs="actions").is_optimal
