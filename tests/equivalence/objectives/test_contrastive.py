"""Contrastive divergence: its update, its bias, and whether it is the gradient of anything."""

import numpy as np
import pytest

from agreement import assert_agrees, assert_equals, objects, overlap
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import contrastive, ebm
from equivalence.objectives.markov_chains import barker_kernel, dobrushin_coefficient, gibbs_kernel
from instances import drawn_games
from mdps import InvalidArgument, scalars
from mdps.random_models import random_distribution
from mdps.scalars import duals
from mdps.scalars.balls import precision
from refusals import NOT_NUMBERS, assert_refuses

SHAPES = {1: (1,), 2: (2,), 3: (3,), 4: (2, 2), 5: (5,), 6: (2, 3)}


def random_kernel(rng, n):
    rows = [random_distribution(rng, n, full_support=bool(rng.integers(2))) for _ in range(n)]
    return np.stack(rows)


def random_proposal(rng, n):
    order = rng.permutation(n)
    table = np.zeros((n, n), dtype=int)
    table[np.arange(n), order] += 1
    table[order, np.arange(n)] += 1
    return (scalars.convert(table, "exact") + scalars.convert(2 * np.eye(n, dtype=int), "exact")) / 4


def numbers_of(steps):
    def function(energy, sampler, data, kernel, features):
        return (
            contrastive.update(data, kernel, steps=steps),
            contrastive.bias(energy, data, kernel, steps=steps),
            contrastive.bias(energy, data, kernel, steps=steps, features=features),
            contrastive.negative_phase_update(sampler, data),
            contrastive.negative_phase_bias(energy, sampler),
            contrastive.negative_phase_bias(energy, sampler, features=features),
        )

    return function


def walked(law, kernel, steps):
    """p K^k, along every path."""
    if steps == 0:
        return law
    n = len(law)
    return walked([sum(law[x] * kernel[x][y] for x in range(n)) for y in range(n)], kernel, steps - 1)


def by_enumeration(f, steps, energy, sampler, data, kernel, features):
    e, q, p, k, phi = (nested(x, f) for x in (energy, sampler, data, kernel, features))
    weights = [f.exp(-x) for x in e]
    model = [w / sum(weights) for w in weights]
    after = walked(p, k, steps)

    def moments(law):
        return [sum(m * row[j] for m, row in zip(law, phi, strict=True)) for j in range(len(phi[0]))]

    def difference(x, y):
        return objects([a - b for a, b in zip(x, y, strict=True)])

    return (
        difference(after, p),
        difference(after, model),
        difference(moments(after), moments(model)),
        difference(q, p),
        difference(q, model),
        difference(moments(q), moments(model)),
    )


@pytest.mark.parametrize("extreme, number", [(False, 240), (True, 60)], ids=["moderate", "extreme"])
def test_agrees_with_definitions(extreme, number):
    for i, (energy, sampler, data, _) in enumerate(drawn_games(number, extreme=extreme)):
        rng = np.random.default_rng(i)
        n, steps = len(energy), 1 + i % 3
        arguments = (
            energy,
            sampler,
            data,
            random_kernel(rng, n),
            scalars.convert(rng.integers(-2, 3, size=(n, 1 + i % 2)), "exact"),
        )
        with precision(BITS):
            truth = by_enumeration(BALLS, steps, *arguments)
        assert_agrees(numbers_of(steps), truth, *arguments)
        assert assert_equals(numbers_of(steps), lambda a, k=steps: by_enumeration(EXACT, k, *a), *arguments)


def test_bias_is_update_less_gradient_and_falls_with_the_steps():
    """Exactly: zero at p = p_theta, and at most d^k TV(p, p_theta) after k steps."""
    for i, (energy, _, data, _) in enumerate(drawn_games(240)):
        n = len(energy)
        proposal = random_proposal(np.random.default_rng(i), n)
        for kernel in (barker_kernel(energy, proposal), gibbs_kernel(energy, SHAPES[n])):
            gradient = ebm.gradient(energy, data)
            rate = dobrushin_coefficient(kernel)
            apart = abs(data - ebm.law(energy)).sum() / 2
            for steps in (1, 2, 4):
                bias = contrastive.bias(energy, data, kernel, steps=steps)
                assert (contrastive.update(data, kernel, steps=steps) - gradient == bias).all()
                assert abs(bias).sum() / 2 <= rate**steps * apart
            own = ebm.law(energy)
            assert (contrastive.bias(energy, own, kernel) == 0).all()
            assert (contrastive.update(own, kernel) == 0).all()


def test_negative_phase_bias_vanishes_at_matched_features():
    """A sampler other than the model with its feature moments: moved along what the features do not see."""
    count = 0
    for energy, *_ in drawn_games(240):
        n = len(energy)
        if n < 3:
            continue
        features = scalars.convert(np.arange(n)[:, None] ** 1, "exact")  # moving mass 1, -2, 1 leaves E[x] alone
        model = ebm.law(energy)
        moved = model.copy()
        share = min(model[0], model[1], model[2]) / 4
        moved[:3] = moved[:3] + share * scalars.convert(np.array([1, -2, 1]), "exact")
        assert (contrastive.negative_phase_bias(energy, moved, features=features) == 0).all()
        assert (contrastive.negative_phase_bias(energy, moved) != 0).any()
        assert (contrastive.negative_phase_bias(energy, model) == 0).all()
        count += 1
    assert count >= 150


# Whether it is a gradient ----------------------------------------------------------------------------------------


def test_cd1_with_barkers_kernel_descends_a_loss():
    """u = -dPhi/dE, exactly, and the Jacobian is symmetric for every step size of the proposal."""
    for i, (energy, _, data, _) in enumerate(drawn_games(200)):
        proposal = random_proposal(np.random.default_rng(i), len(energy))
        kernel = barker_kernel(energy, proposal)
        slope = duals.gradient(lambda e, p=data, s=proposal: contrastive.barker_loss(e, p, s), energy)
        assert (contrastive.update(data, kernel) == -slope).all()
        jacobian = contrastive.jacobian(lambda e, s=proposal: barker_kernel(e, s), energy, data)
        assert (jacobian == jacobian.T).all()


def barker_loss_by_enumeration(f, energy, data, proposal):
    e, p, s = nested(energy, f), nested(data, f), nested(proposal, f)
    weights = [f.exp(-x) for x in e]
    total = 0 * p[0]
    for x, row in enumerate(s):
        for y, rate in enumerate(row):
            if y != x and rate > 0 and p[x] > 0:
                total = total + p[x] * rate * f.log((weights[x] + weights[y]) / weights[x])
    return (objects(total),)


@pytest.mark.parametrize("extreme, number", [(False, 240), (True, 60)], ids=["moderate", "extreme"])
def test_barker_loss_agrees_with_its_definition(extreme, number):
    """log((w(x) + w(y)) / w(x)) = softplus(E(x) - E(y))."""

    def loss(energy, data, proposal):
        return (contrastive.barker_loss(energy, data, proposal),)

    for i, (energy, _, data, _) in enumerate(drawn_games(number, extreme=extreme)):
        arguments = energy, data, random_proposal(np.random.default_rng(i), len(energy))
        with precision(BITS * (10 if extreme else 1)):
            truth = barker_loss_by_enumeration(BALLS, *arguments)
        assert_agrees(loss, truth, *arguments, bits=BITS * (10 if extreme else 1))
        assert assert_equals(loss, lambda a: barker_loss_by_enumeration(EXACT, *a), *arguments)


def test_jacobian_agrees_with_power_series():
    """Of the systematic scan, by the enumeration's own kernel; and it is not symmetric."""
    asymmetric = 0
    for i, (energy, _, data, _) in enumerate(drawn_games(240)):
        if len(energy) != 4:
            continue
        steps = 1 + i // 6 % 2
        with precision(BITS):
            e, p = (scalars.convert(x, "ball") for x in (energy, data))
            found = contrastive.jacobian(lambda e: gibbs_kernel(e, (2, 2)), e, p, steps=steps)
            law, at = nested(data, BALLS), nested(energy, BALLS)
            rows = [derivatives(lambda e, y=y, k=steps, p=law: walked(p, scan(e), k)[y] - p[y], at) for y in range(4)]
            assert overlap(found, objects(rows))
        exact = contrastive.jacobian(lambda e: gibbs_kernel(e, (2, 2)), energy, data, steps=steps)
        asymmetric += not (exact == exact.T).all()
    assert asymmetric >= 30


def scan(energy):
    """K_1 K_2 on {0, 1}^2: first the first component given the second, then the second given the first."""
    weights = [(-x).exp() for x in energy]
    first = [[weights[2 * a + b] / (weights[b] + weights[2 + b]) for b in range(2)] for a in range(2)]
    second = [[weights[2 * a + b] / (weights[2 * a] + weights[2 * a + 1]) for b in range(2)] for a in range(2)]
    return [[first[a][y % 2] * second[a][b] for a in range(2) for b in range(2)] for y in range(4)]


HALVES, SWAP = np.array([0.5, 0.5]), np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize("steps", [0, -1, 1.0, True, "two"])
def test_steps(steps):
    for call in (
        lambda: contrastive.update(HALVES, SWAP, steps=steps),
        lambda: contrastive.bias(HALVES, HALVES, SWAP, steps=steps),
        lambda: contrastive.jacobian(lambda e: barker_kernel(e, SWAP), HALVES, HALVES, steps=steps),
    ):
        assert_refuses(call, InvalidArgument, "expected a whole number of steps")


@pytest.mark.parametrize(
    "kernel, text",
    [
        ([[0.5, 0.4], [0.0, 1.0]], "kernel[0] sums to 0.9; expected 1"),
        ([[1.5, -0.5], [0.0, 1.0]], "kernel[0][1] is -0.5, which is negative"),
        (np.eye(3), "data has shape (2,)"),
        ([[1.0, 0.0]], "kernel has shape (1, 2)"),
    ],
)
def test_bad_kernels(kernel, text):
    assert_refuses(lambda: contrastive.update(HALVES, kernel), InvalidArgument, text)


@pytest.mark.parametrize("case", NOT_NUMBERS)
def test_what_is_no_number(case):
    value, text = NOT_NUMBERS[case]
    for call in (
        lambda: contrastive.update(value, SWAP),
        lambda: contrastive.update(HALVES, value),
        lambda: contrastive.bias(value, HALVES, SWAP),
        lambda: contrastive.barker_loss(HALVES, value, SWAP),
        lambda: contrastive.negative_phase_update(value, HALVES),
        lambda: contrastive.negative_phase_update(HALVES, value),
        lambda: contrastive.negative_phase_bias(HALVES, value),
    ):
        assert_refuses(call, InvalidArgument, text)


def test_one_problem_at_a_time():
    assert_refuses(
        lambda: contrastive.jacobian(lambda e: e, np.zeros((2, 2)), HALVES), InvalidArgument, "one problem at a time"
    )
    kernels = np.stack([SWAP, np.eye(2)])
    assert contrastive.update([[1.0, 0.0], [0.25, 0.75]], kernels).tolist() == [[-1.0, 1.0], [0.0, 0.0]]
