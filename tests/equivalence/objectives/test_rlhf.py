"""The KL-regularized optimum of a table of prompts and responses, against its definitions."""

from fractions import Fraction

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, margin, objects, overlap
from drawn_responses import drawn_tables, within
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import ebm, gan, rlhf
from mdps import InvalidArgument, scalars
from mdps.scalars.balls import precision
from refusals import assert_refuses

HALF = Fraction(1, 2)


def numbers_of(reward, policy, reference, temperature):
    given = {"temperature": temperature}
    return (
        *rlhf.optimum(reward, reference, **given),
        rlhf.optimal_logits(reward, reference, **given),
        rlhf.value(reward, policy, reference, **given),
        rlhf.gradient(reward, policy, reference, **given),
        rlhf.regret(reward, policy, reference, **given),
        rlhf.implicit_reward(policy, reference, **given),
    )


def objective(f, r, p, p0, alpha):
    """E_p[r] - alpha KL(p || p0), term by term, of one prompt."""
    total = 0
    for x, y, z in zip(r, p, p0, strict=True):
        if y != 0:
            total = total + y * x - alpha * y * f.log(y / z)
    return total


def by_definition(f, reward, policy, reference, temperature):
    alpha, rows = f.number(temperature), []
    for r, p, p0 in zip(*(nested(x, f) for x in (reward, policy, reference)), strict=True):
        weights = [z * f.exp(x / alpha) if z != 0 else z for x, z in zip(r, p0, strict=True)]
        total = sum(weights)
        best = [w / total for w in weights]
        value, best_value = objective(f, r, p, p0, alpha), objective(f, r, best, p0, alpha)
        slopes = [y * (x - alpha * f.log(y / z) - value) if y != 0 else y for x, y, z in zip(r, p, p0, strict=True)]
        rows.append(
            (
                best,
                best_value,
                [f.log(b) if b != 0 else None for b in best],
                value,
                slopes,
                best_value - value,
                [alpha * f.log(y / z) if y != 0 else None for y, z in zip(p, p0, strict=True)],
            )
        )
    return tuple(objects(list(column)) for column in zip(*rows, strict=True))


def test_agrees_with_definitions():
    """The value of the optimum is that of its policy, the regret a difference of two values."""
    for tables in drawn_tables(400):
        arguments = tables[:4]
        with precision(BITS):
            truth = by_definition(BALLS, *arguments)
        assert_agrees(numbers_of, truth, *arguments)


def test_equals_definitions_exactly():
    reached = 0
    for tables in drawn_tables(300, factor=10, series=1):
        if tables.temperature != Fraction(1, 10):
            reached += assert_equals(numbers_of, lambda given: by_definition(EXACT, *given), *tables[:4])
    assert reached >= 200


def test_gradient_is_the_derivative_to_the_logits():
    """Power series through softmax: at policies of full support, which are interior points."""
    seen = 0
    for reward, policy, reference, temperature, _ in drawn_tables(400, series=2):
        if (policy == 0).any():
            continue
        seen += 1
        with precision(BITS):
            alpha = BALLS.number(temperature)
            r, p0 = nested(reward, BALLS), nested(reference, BALLS)

            def total(theta, r=r, p0=p0, alpha=alpha):
                value = 0
                for row, x, z in zip(theta, r, p0, strict=True):
                    weights = [t.exp() for t in row]
                    value = value + objective(BALLS, x, [w / sum(weights) for w in weights], z, alpha)
                return value

            theta = [[x.log() + 3 for x in row] for row in nested(policy, BALLS)]
            balls = (scalars.convert(x, "ball") for x in (reward, policy, reference))
            found = rlhf.gradient(*balls, temperature=temperature)
            assert overlap(found, objects(derivatives(total, theta)))
    assert seen >= 100


def test_optimum_is_where_the_gradient_vanishes():
    for reward, _, reference, temperature, _ in drawn_tables(200, series=3):
        with precision(BITS):
            balls = [scalars.convert(x, "ball") for x in (reward, reference)]
            best = rlhf.optimum(*balls, temperature=temperature).policy
            slopes = rlhf.gradient(balls[0], best, balls[1], temperature=temperature)
            assert overlap(slopes, 0 * slopes)
            # the implicit reward of the optimum is the reward up to one constant a prompt, alpha log Z.
            value = rlhf.optimum(*balls, temperature=temperature).value
            implicit = rlhf.implicit_reward(best, balls[1], temperature=temperature)
            for index in np.argwhere(reference != 0):
                x, y = index
                assert implicit[x, y].overlaps(balls[0][x, y] - value[x])


def test_is_the_generator_of_an_energy_based_model():
    """R-01 = F-05: J / alpha = -L_G at Z = 1 for the energy -r / alpha - log ref, and log Z is its log partition."""
    for reward, policy, reference, temperature, _ in drawn_tables(200, series=4):
        if (reference == 0).any():
            continue
        with precision(BITS):
            r, p, p0 = (scalars.convert(x, "ball")[0] for x in (reward, policy, reference))
            alpha = BALLS.number(temperature)
            energy = -r / alpha - scalars.log(p0)
            value = rlhf.value(r[None], p[None], p0[None], temperature=temperature)[0]
            assert (value / alpha).overlaps(-gan.generator_loss(energy, p, 0))
            best = rlhf.optimum(r[None], p0[None], temperature=temperature).value[0]
            assert (best / alpha).overlaps(ebm.log_partition(energy))


@pytest.mark.parametrize("size", [1_000, -1_000])
@pytest.mark.parametrize("temperature", [1, Fraction(1, 1000)])
def test_extreme_numbers_are_finite_and_right(size, temperature):
    """Rewards of +-1,000, probabilities of 1e-300, temperature 1e-3."""
    tiny = Fraction(1, 10**300)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        reference = scalars.convert(np.array([[tiny, HALF, HALF - tiny], [HALF, 0, HALF]], dtype=object), "exact")
        reward = size * scalars.convert(rng.integers(-1, 2, size=(2, 3)), "exact")
        policy = within(rng, reference)
        with precision(2_000):
            truth = by_definition(BALLS, reward, policy, reference, temperature)
        assert margin(numbers_of, truth, reward, policy, reference, temperature) <= 1


def test_leading_axes_broadcast():
    alike = [t for t in drawn_tables(200, series=5) if t.reward.shape == (2, 3) and t.temperature == 1]
    reward, policy, reference = (np.stack([t[i] for t in alike]) for i in range(3))
    whole = numbers_of(reward, policy, reference, 1)
    for i, tables in enumerate(alike):
        for x, y in zip(whole, numbers_of(*tables[:3], 1), strict=True):
            assert (x[i] == y).all()
    shared = rlhf.optimum(reward, reference[0]).policy
    for i, tables in enumerate(alike):
        assert (shared[i] == rlhf.optimum(tables.reward, reference[0]).policy).all()


FLOATS = np.zeros((1, 2)), np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
CASES = {
    "reward of one axis": ((np.zeros(2), *FLOATS[1:]), "reward has shape (2,); expected [..., x, y]"),
    "infinite reward": ((np.array([[np.inf, 0]]), *FLOATS[1:]), "reward[0, 0] is inf"),
    "policy off": ((FLOATS[0], np.array([[0.5, 0.4]]), FLOATS[2]), "policy[0] sums to 0.9"),
    "negative": ((FLOATS[0], FLOATS[1], np.array([[1.5, -0.5]])), "reference"),
    "other responses": ((FLOATS[0], np.full((1, 4), 0.25), FLOATS[2]), "prompts and responses differ"),
    "uncovered": ((FLOATS[0], FLOATS[1], np.array([[1.0, 0.0]])), "policy[0, 1] is 0.5 where the reference is 0"),
    "mixed": ((FLOATS[0], [[HALF, HALF]], FLOATS[2]), "one call, one arithmetic"),
}


@pytest.mark.parametrize("case", CASES)
def test_refusals(case):
    arguments, text = CASES[case]
    for function in (rlhf.value, rlhf.gradient, rlhf.regret):
        assert_refuses(lambda function=function: function(*arguments), InvalidArgument, text)


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan])
def test_temperature(temperature):
    assert_refuses(lambda: rlhf.optimum(FLOATS[0], FLOATS[2], temperature=temperature), InvalidArgument, "temperature")
