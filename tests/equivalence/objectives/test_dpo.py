"""Direct preference optimization and Bradley-Terry fits, against their definitions, derivatives and exact roots."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from agreement import assert_agrees, assert_equals, margin, objects, overlap
from drawn_responses import TEMPERATURES, drawn_comparisons, drawn_tables
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import bradley_terry, dpo, rlhf
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.random_models import random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from refusals import assert_refuses

HALF = Fraction(1, 2)


def drawn(number, series=0):
    """Logits, reference, comparisons, temperature; every second one leaves responses out."""
    for tables in drawn_tables(number, series=series):
        possible = tables.reference != 0
        comparisons = drawn_comparisons(tables.rng, possible)
        yield tables.reward, tables.reference, comparisons, tables.temperature


def numbers_of(logits, reference, comparisons, temperature):
    given = {"temperature": temperature}
    return (
        dpo.loss(logits, reference, comparisons, **given),
        dpo.gradient(logits, reference, comparisons, **given),
        dpo.hessian(logits, reference, comparisons, **given),
        dpo.margins(logits, reference, **given),
    )


def loss_by_definition(f, logits, reference, comparisons, alpha):
    """sum c log(1 + (ratio of policy to reference of l over that of w)^alpha)."""
    total = 0
    for row, p0, c in zip(logits, reference, comparisons, strict=True):
        for w, l in np.ndindex(len(row), len(row)):  # noqa: E741
            if c[w][l] != 0:
                m = alpha * ((row[w] - f.log(p0[w])) - (row[l] - f.log(p0[l])))
                total = total + c[w][l] * f.log(1 + f.exp(-m))
    return total


def by_definition(f, logits, reference, comparisons, temperature):
    alpha = f.number(temperature)
    t, p0, c = (nested(x, f) for x in (logits, reference, comparisons))
    n_prompts, n = reference.shape
    slope = [[0] * n for _ in range(n_prompts)]
    curve = [[[0] * n for _ in range(n)] for _ in range(n_prompts)]
    margins = [[[0] * n for _ in range(n)] for _ in range(n_prompts)]
    for x, w, l in np.ndindex(n_prompts, n, n):  # noqa: E741
        if p0[x][w] == 0 or p0[x][l] == 0:
            continue
        m = alpha * (t[x][w] - t[x][l] - f.log(p0[x][w] / p0[x][l]))
        margins[x][w][l] = m
        if w == l or c[x][w][l] == 0:
            continue
        odds = f.exp(m)
        lost, weight = c[x][w][l] / (1 + odds), c[x][w][l] * odds / (1 + odds) ** 2
        for y, sign in ((w, -1), (l, 1)):
            slope[x][y] = slope[x][y] + sign * alpha * lost
            for z, other in ((w, -1), (l, 1)):
                curve[x][y][z] = curve[x][y][z] + sign * other * alpha**2 * weight
    return tuple(map(objects, (loss_by_definition(f, t, p0, c, alpha), slope, curve, margins)))


def test_agrees_with_definitions():
    for arguments in drawn(400):
        with precision(BITS):
            truth = by_definition(BALLS, *arguments)
        assert_agrees(numbers_of, truth, *arguments)


def test_equals_definitions_and_derivatives_exactly():
    reached = 0
    for number, (logits, reference, comparisons, temperature) in enumerate(drawn(400, series=1)):
        if temperature not in (1, 2, 10):
            continue
        arguments = logits, reference, comparisons, temperature
        reached += assert_equals(numbers_of, lambda given: by_definition(EXACT, *given), *arguments)
        if number % 3 == 0:
            given = {"temperature": temperature}
            gradient = duals.gradient(lambda t, g=given, a=arguments: dpo.loss(t, *a[1:3], **g), logits)
            assert (dpo.gradient(*arguments[:3], **given) == gradient).all()
            curve = duals.jacobian(lambda t, g=given, a=arguments: dpo.gradient(t, *a[1:3], **g), logits)
            hessian = dpo.hessian(*arguments[:3], **given)
            for x, z in np.ndindex(2 * (len(logits),)):
                assert (curve[x, :, z] == (hessian[x] if x == z else 0 * hessian[x])).all()
    assert reached >= 200


def test_gradient_encloses_derivative_of_the_loss():
    for logits, reference, comparisons, temperature in drawn(200, series=2):
        with precision(BITS):
            p0, c, alpha = nested(reference, BALLS), nested(comparisons, BALLS), BALLS.number(temperature)
            given = p0, c, alpha
            expected = derivatives(lambda t, g=given: loss_by_definition(BALLS, t, *g), nested(logits, BALLS))
            balls = (scalars.convert(x, "ball") for x in (logits, reference, comparisons))
            assert overlap(dpo.gradient(*balls, temperature=temperature), objects(expected))


def test_gradient_vanishes_at_the_optimum_of_rlhf():
    """R-03, for every law of pairs, under the Bradley-Terry preferences of the reward; with others it does not."""
    seen = 0
    for tables in drawn_tables(400, series=3):
        reward, reference = tables.reward, tables.reference
        pairs = drawn_comparisons(tables.rng, reference != 0)
        with precision(BITS):
            r, p0, law = (scalars.convert(x, "ball") for x in (reward, reference, pairs))
            given = {"temperature": tables.temperature}
            judged = dpo.comparisons(bradley_terry.preferences(r), law)
            best = np.where(reference != 0, rlhf.optimal_logits(r, p0, **given), r)
            slopes = dpo.gradient(best, p0, judged, **given)
            assert overlap(slopes, 0 * slopes)
            if (law != 0).sum(axis=(1, 2)).min() > 0 and reference.shape[1] > 1:
                off = dpo.gradient(best + scalars.convert(np.arange(reward.shape[1]), "ball"), p0, judged, **given)
                crossed = (pairs != 0) & ~np.eye(reward.shape[1], dtype=bool)
                if crossed.any():
                    seen += 1
                    assert not all(x.contains(0) for x in off.ravel())
    assert seen >= 100


def test_comparisons_are_a_law():
    for tables in drawn_tables(200, series=4):
        pairs = drawn_comparisons(tables.rng, tables.reference != 0)
        judged = dpo.comparisons(bradley_terry.preferences(tables.reward), pairs)
        assert judged.sum() == 1
        for (x, w, l), c in np.ndenumerate(judged):  # noqa: E741
            weights = scalars.exp(tables.reward[x])
            assert c == (pairs[x, w, l] + pairs[x, l, w]) * weights[w] / (weights[w] + weights[l])


def drawn_counts(number):
    """Comparisons of three to five responses in which everybody wins and loses sometimes, which no reward explains."""
    for i in range(number):
        rng = np.random.default_rng([i, 7])
        yield drawn_comparisons(rng, np.full((1 + i % 2, 2 + i % 4), True), connected=True), rng


def likelihood_slopes(counts, f):
    """sum_z c(z, y) p(y > z) - c(y, z) p(z > y), from weights e^f."""
    n = len(f)
    weights = [x.exp() for x in f]
    return [
        sum(
            (counts[z][y] * weights[y] - counts[y][z] * weights[z]) / (weights[y] + weights[z])
            for z in range(n)
            if z != y
        )
        for y in range(n)
    ]


def test_fit_is_a_certified_root():
    """Slopes contain 0 over the balls and change sign along each reward around their middles; floats are within bounds.

    A fit does not see the size of counts, so floats are made a law in exact numbers for the balls.
    """
    for counts, _ in drawn_counts(240):
        with precision(BITS):
            balls = nested(counts, BALLS)
            enclosed = bradley_terry.fit(scalars.convert(counts, "ball"))
            # The balls contain the root; their middles are nearly one.
            for x, rows in enumerate(balls):
                assert all(slope.contains(0) for slope in likelihood_slopes(rows, list(enclosed.reward[x])))
                assert sum(enclosed.reward[x]).contains(0)
                assert arb(enclosed.error_bound[x]) < arb(2) ** -200
                bound = arb(2) ** -150
                for y in range(len(rows)):
                    for sign in (1, -1):
                        moved = [arb(f.mid()) for f in enclosed.reward[x]]
                        moved[y] = moved[y] + sign * bound
                        assert sign * likelihood_slopes(rows, moved)[y] > 0
            floats = bradley_terry.fit(scalars.convert(counts, "float"))
            rounded = scalars.convert(scalars.convert(counts, "float"), "exact")
            exact = bradley_terry.fit(scalars.convert(rounded / rounded.sum(), "ball"))
            distance = abs(scalars.convert(floats.reward, "ball") - exact.reward)
            for x, y in np.ndindex(distance.shape):
                assert not distance[x, y] > arb(floats.error_bound[x])
                assert floats.error_bound[x] < 1e-14 * (1 + np.abs(floats.reward[x]).max())


def test_fit_finds_the_rewards_that_made_the_preferences():
    """Whatever pairs are compared, as long as they connect; and dpo.optimum then is that of rlhf (R-03)."""
    for i in range(200):
        rng = np.random.default_rng([i, 8])
        n = 2 + i % 4
        reward = random_reward(rng, (1, n))
        pairs = drawn_comparisons(rng, np.full((1, n), True), connected=i % 2 == 0)
        if len(set(bradley_terry.components(pairs)[0])) > 1:
            continue
        reference = scalars.convert(rng.integers(1, 5, size=(1, n)), "exact")
        reference = reference / reference.sum()
        temperature = TEMPERATURES[i % 5]
        with precision(BITS):
            r, p0, law = (scalars.convert(x, "ball") for x in (reward, reference, pairs))
            judged = dpo.comparisons(bradley_terry.preferences(r), law)
            if n > 1:
                found = bradley_terry.fit(judged).reward
                assert overlap(found, r - r.sum() / n)
            policy, error = dpo.optimum(p0, judged, temperature=temperature)
            expected = rlhf.optimum(r, p0, temperature=temperature).policy
            for x, y in zip(policy.ravel(), expected.ravel(), strict=True):
                assert x.overlaps(y)
            assert arb(error[0]) < arb(2) ** -150


def test_optimum_has_no_slope_under_preferences_of_no_reward():
    """And no other policy has less loss, though no reward explains the preferences (as in a cycle of winners)."""
    for i, (counts, rng) in enumerate(drawn_counts(200)):
        reference = scalars.convert(rng.integers(1, 5, size=counts.shape[:2]), "exact")
        reference = reference / reference.sum(axis=-1, keepdims=True)
        given = {"temperature": TEMPERATURES[i % 5]}
        with precision(BITS):
            p0, c = scalars.convert(reference, "ball"), scalars.convert(counts, "ball")
            policy = dpo.optimum(p0, c, **given).policy
            slopes = dpo.gradient(scalars.log(policy), p0, c, **given)
            assert all(x.contains(0) and x.rad() < arb(2) ** -120 for x in slopes.ravel())
            other = scalars.convert(random_reward(rng, counts.shape[:2]), "ball")
            assert not dpo.loss(other, p0, c, **given) < dpo.loss(scalars.log(policy), p0, c, **given)


def test_two_responses_have_a_closed_form():
    for wins in range(1, 30):
        counts = scalars.convert(np.array([[[0, wins], [30 - wins, 0]]]), "exact") / scalars.convert(30, "exact")
        with precision(BITS):
            fitted = bradley_terry.fit(scalars.convert(counts, "ball")).reward[0]
            assert (fitted[0] - fitted[1]).overlaps((arb(wins) / arb(30 - wins)).log())


def test_components_split_the_mass_at_will():
    """Without pairs between components the loss does not see how the mass is split among them."""
    counts = scalars.convert(np.array([[[0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 3], [0, 0, 4, 0]]]), "exact") / 10
    assert bradley_terry.components(counts).tolist() == [[0, 0, 2, 2]]
    reference = np.full((1, 4), Fraction(1, 4), dtype=object)
    for shift in range(1, 9):
        weights = np.array([[Fraction(1), Fraction(2), Fraction(3 * shift), Fraction(4 * shift)]], dtype=object)
        slopes = dpo.gradient(scalars.log(weights), reference, counts)
        assert (slopes == dpo.gradient(scalars.log(weights * [[1, 1, 5, 5]]), reference, counts)).all()
    floats = scalars.convert(counts, "float")
    assert_refuses(
        lambda: dpo.optimum(np.full((1, 4), 0.25), floats),
        InvalidArgument,
        "response 2 to prompt [0] is in another component of compared pairs than response 0",
    )


@pytest.mark.parametrize("nats", [1_000, 100_000])
def test_far_logits_are_finite_and_right(nats):
    tiny = Fraction(1, 10**300)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        logits = scalars.convert(nats * rng.integers(-1, 2, size=(1, 3)), "exact")
        reference = scalars.convert(np.array([[tiny, HALF, HALF - tiny]], dtype=object), "exact")
        comparisons = drawn_comparisons(rng, np.full((1, 3), True))
        arguments = logits, reference, comparisons, (1, Fraction(1, 1000))[seed % 2]
        with precision(2_000):
            truth = by_definition(BALLS, *arguments)
        assert margin(numbers_of, truth, *arguments) <= 1


def test_fit_of_rare_upsets():
    """A win of probability 1e-300 is 690 nats, which floats hold."""
    counts = np.array([[[0, 1 - 1e-300, 0], [1e-300, 0, 0.0], [0, 0, 0]]])
    reward, bound = bradley_terry.fit(counts)
    assert abs(reward[0, 0] - reward[0, 1] - np.log(1e300)) <= 2 * bound[0] + np.spacing(700.0)
    assert reward[0, 2] == 0
    assert bound[0] < 1e-12


REFERENCE = np.array([[0.5, 0.5, 0.0]])
COUNTS = np.array([[[0.0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]]])
CASES = {
    "unknown response": (np.array([[[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]]])[:, ::-1, ::-1], "the reference never gives"),
    "no law": (2 * COUNTS, "comparisons sums to 2.0"),
    "negative": (np.array([[[0, 1.5, 0], [-0.5, 0, 0], [0, 0, 0]]]), "negative"),
    "not square": (np.full((1, 3, 2), 1 / 6), "comparisons has shape (1, 3, 2)"),
    "other prompts": (np.concatenate([COUNTS, COUNTS]) / 2, "prompts and responses differ"),
}


@pytest.mark.parametrize("case", CASES)
def test_refusals(case):
    counts, text = CASES[case]
    for function in (dpo.loss, dpo.gradient, dpo.hessian):
        assert_refuses(lambda f=function: f(np.zeros((1, 3)), REFERENCE, counts), InvalidArgument, text)
    assert_refuses(lambda: dpo.optimum(REFERENCE, counts), InvalidArgument, text)


def test_refusals_of_fits():
    always = np.array([[[0, 0.5, 0], [0, 0, 0.5], [0, 0, 0]]])
    assert_refuses(lambda: bradley_terry.fit(always), InvalidArgument, "win always, or lose always")
    assert_refuses(lambda: bradley_terry.fit([[[0, HALF], [HALF, 0]]]), OutOfReach, "algebraic")
    assert_refuses(
        lambda: dpo.comparisons(np.full((1, 2, 2), 0.4), np.full((1, 2, 2), 0.25)), InvalidArgument, "and its mirror"
    )
