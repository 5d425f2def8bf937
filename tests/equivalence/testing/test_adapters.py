"""Code over a prime field: right code is proved, a difference below all rounding is refuted, and the rest is named."""

import math
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
from flint import arb, fmpq

from equivalence.testing import TARGETS, judge
from equivalence.testing.adapters import numbers, numpy_code
from equivalence.testing.adapters.arrays import numbers_of, traced_array
from equivalence.testing.adapters.cases import cases
from equivalence.testing.adapters.numbers import Traced, Untraceable, read, shadow_of, traced
from equivalence.testing.adapters.over_field import OPERATIONS, judged_on, over_field
from equivalence.testing.kinds import kinds_of, traits
from equivalence.testing.targets import Layout, find_target
from mdps.random_models import random_expert, random_model
from mdps.scalars.balls import precision
from mdps.scalars.elementary import log_of
from mdps.scalars.field import Field, LogField
from mdps.scalars.primes import derived_prime
from mistakes import MISTAKES
from right_variants import VARIANTS, causal_gradient, causal_gradient_in_log_space, masks

OPTIONS = {"reward_axes": "reward", "policy_axes": "policy", "axes": "counts", "temperature": "temperature"}
FLOATS_ONLY = {
    "occupancy_of_complex_steps": "complex",
    "log_normalizer_of_brentq": "the root of an algebraic equation",
}
NOT_REFUTED = {
    "policy_outside_log_space": "proved for all",  # it overflows, which a field does not see
    "policy_of_ratios_of_q": "out of reach",
}


def asked(piece):
    """The finding on a variant or a mistake with the options of its own."""
    options = dict(piece.options)
    layout = Layout(**{OPTIONS[name]: options.pop(name) for name in list(options) if name in OPTIONS})
    target = find_target(piece.to, layout)
    fixed = {"temperatures": (1,)} if target.on_model and not layout.temperature else {}
    return over_field(piece.subject, target, kinds_of(target.on_model, fixed | options))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_right_variants_are_proved(variant):
    found = asked(variant)
    if variant.name in FLOATS_ONLY:
        assert found.outcome == "out of reach"
        assert FLOATS_ONLY[variant.name] in found.detail
        return
    assert found.outcome == "proved for all", found.detail
    assert found.detail == ""
    assert found.proof is not None
    assert found.proof.log2_error <= -128
    assert len(found.instances) >= 4


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.number}-{m.subject.__name__}")
def test_known_mistakes_are_refuted(mistake):
    found = asked(mistake)
    assert found.outcome == NOT_REFUTED.get(mistake.subject.__name__, "refuted"), found.detail
    assert found.proof is None or found.outcome == "proved for all"


# One formula with and without a shift, and an error that no float shows


def soft_gradient(transition, initial, horizon, discount, reward, expert, *, shift=True, error=0):
    """The causal gradient as people write it: zeros that are filled, a maximum, loops."""
    available, terminal = masks(transition)
    n_states, n_actions = reward.shape
    values = np.zeros((horizon + 1, n_states))
    policy = np.zeros((horizon, n_states, n_actions))
    for t in reversed(range(horizon)):
        q = reward + discount * transition @ values[t + 1]
        for s in range(n_states):
            if terminal[s]:
                continue
            row = q[s, available[s]]
            top = np.max(row) if shift else 0.0
            weights = np.exp(row - top)
            values[t, s] = top + np.log(weights.sum())
            policy[t, s, available[s]] = weights / weights.sum()
    visits, mu = np.zeros((n_states, n_actions)), initial.copy()
    for t in range(horizon):
        joint = mu[:, None] * policy[t]
        visits += discount**t * joint
        mu = np.einsum("sa,sax->x", joint, transition)
    return (expert - visits) * (1 + error)


@pytest.mark.parametrize("shift", [True, False])
def test_it_is_proved_with_and_without_a_shift(shift):
    def subject(*arguments):
        return soft_gradient(*arguments, shift=shift)

    verdict = judge(subject, to="causal.gradient", instances=20, largest_reward=10)
    assert (verdict.outcome, verdict.level) == ("proved for all", "field")
    assert verdict.proof is not None
    assert (verdict.proof.branches > 0) == shift
    assert ("on this path of" in str(verdict)) == shift
    assert verdict.as_json()["proof"]["log2_error"] <= -128


@pytest.mark.parametrize("error", [Fraction(1, 10**30), Fraction(-1, 10**100), Fraction(1, 2**60)])
def test_an_error_below_all_floats_is_refuted(error):
    def subject(*arguments):
        return soft_gradient(*arguments, error=error)

    verdict = judge(subject, to="causal.gradient", instances=20)
    assert (verdict.outcome, verdict.level, verdict.differing) == ("refuted", "field", 0)
    assert not verdict.agrees
    assert verdict.margin <= 1
    assert "floats are too coarse to show it" in str(verdict)
    assert "off by" in str(verdict)
    assert max(max(np.shape(argument), default=1) for argument in verdict.arguments) <= 2


@pytest.mark.parametrize("subject", [causal_gradient, causal_gradient_in_log_space, soft_gradient])
def test_ten_states_and_ten_steps_take_less_than_a_second(subject):
    rng = np.random.default_rng(0)
    mdp = random_model(rng, 10, 4, 10, deterministic=True)
    numbers = [fmpq(int(k), 41) for k in rng.permutation(np.arange(-60, 60))[:40]]
    instance = {
        "mdp": mdp,
        "reward": np.array(numbers, dtype=object).reshape(10, 4),
        "expert": random_expert(rng, mdp, axes="sa", kind="table"),
        "temperature": fmpq(1),
    }
    found = judged_on(subject, TARGETS["causal.gradient"], [instance])
    assert found.outcome == "proved for all", found.detail
    assert found.seconds < 1


# What cannot be followed is named, and floats decide


UNTRACEABLE = {
    "float": (lambda e: np.array([np.float64(x) for x in np.exp(-e)]) / np.exp(-e).sum(), "float(x)"),
    "fill": (lambda e: scipy.special.softmax(np.fromiter(-e, dtype=np.float64)), "array of floats"),
    "guard": (lambda e: np.exp(-e) / (np.exp(-e).sum() + 1e-300), "adding 1e-300, a guard against 0"),
    "ufunc": (lambda e: np.exp(-e) / np.exp(-e).sum() * (1 + 0 * np.arctan(e)), "numpy.arctan, which has no meaning"),
    "special": (lambda e: np.exp(-e) / np.exp(-e).sum() + 0 * scipy.special.erf(e), "scipy.special.erf"),
    "float on the way": (lambda e: np.exp(-e - math.exp(1)) / np.exp(-e - math.exp(1)).sum(), "2.718281828459045"),
    "raises": (
        lambda e: np.exp(-e).astype(dtype=e.dtype) / np.exp(-e).sum() * np.finfo(e.dtype).max ** 0,
        "ValueError",
    ),
    "tolerance": (lambda e: scipy.special.softmax(-e) * (2 if np.allclose(e, e + 1) else 1), "numpy.allclose"),
    "types": (lambda e: scipy.special.softmax(-e if e.dtype == np.float64 else e), "other numbers than over floats"),
}


@pytest.mark.parametrize("what", UNTRACEABLE)
def test_what_cannot_be_followed_is_named_and_falls_to_floats(what):
    subject, says = UNTRACEABLE[what]
    verdict = judge(subject, to="ebm.law", instances=20, largest_energy=10)
    assert (verdict.outcome, verdict.level, verdict.proof) == ("consistent", "float", None)
    assert verdict.over_field.startswith("field: out of reach: ")
    assert says in verdict.over_field
    assert "(test_adapters.py:" in verdict.over_field or what in ("types",)
    assert verdict.over_field in str(verdict)


def iterated(energy):
    """log Z by Newton's method, until it stands still."""
    z = energy[0] * 0 + np.log(len(energy)) - energy.min()
    while True:
        step = (np.exp(-energy - z)).sum() - 1
        z = z + step
        if abs(step) < 1e-14:
            return z


def test_iterations_until_convergence_are_left_to_floats():
    verdict = judge(iterated, to="ebm.log_partition", instances=20, largest_energy=2)
    assert verdict.over_field.startswith("field: out of reach: ")


def test_endless_work_is_cut_off():
    def subject(energy):
        weights = np.exp(-energy)
        total = weights.sum()
        for _ in range(OPERATIONS):
            total = total * 1 + 0
        return weights / total

    found = over_field(subject, TARGETS["ebm.law"], kinds_of(False, {"max_outcomes": 1}))
    assert found.outcome == "out of reach"
    assert f"more than {OPERATIONS:,} operations" in found.detail


def test_a_field_that_proves_stands_beside_floats_that_differ():
    verdict = judge(lambda e: np.log(np.exp(-e).sum()), to="ebm.log_partition", instances=60)
    assert (verdict.outcome, verdict.level) == ("differs", "float")
    assert "But field, all energy without a branch" in str(verdict)
    assert "rounding, overflow, or a case that did not run there" in str(verdict)
    assert verdict.proof is not None


def soft_values(transition, initial, horizon, discount, reward, change=lambda v: v):
    available, terminal = masks(transition)
    v = [np.zeros(len(initial))]
    for _ in range(horizon):
        q = np.where(available, reward + discount * transition @ v[0], -np.inf)
        total = np.logaddexp.reduce(q, axis=1)
        v.insert(0, change(np.where(terminal, 0, total)))
    return np.array(v)


INFINITE = {
    "0 for log 0": (lambda q: np.where(q > -np.inf, q, 0), "is 0, exact -inf"),
    "log 0": (lambda q: np.where(q > q.max(), q, -np.inf), "is -inf, exact "),
    "inf": (lambda q: np.where(np.isfinite(q), q, np.inf), "is inf, exact -inf"),
    "nan": (lambda q: np.where(np.isfinite(q), q, np.nan), "is nan, exact -inf"),
}


@pytest.mark.parametrize("what", INFINITE)
def test_infinite_answers_are_compared(what):
    def subject(transition, initial, horizon, discount, reward):
        v = soft_values(transition, initial, horizon, discount, reward)
        q = reward + discount * np.stack([transition @ row for row in v[1:]])
        return change(np.where(masks(transition)[0], q, -np.inf))

    change = lambda q: q  # noqa: E731
    assert over_field(subject, TARGETS["soft_solution.q"], kinds_of(True, {})).outcome == "proved for all"
    change, says = INFINITE[what]
    found = over_field(subject, TARGETS["soft_solution.q"], kinds_of(True, {}))
    assert found.outcome == "refuted"
    assert says in found.detail


def test_sums_of_logarithms_that_cannot_be_compared_may_be_apart():
    def clipped(*arguments):
        return soft_values(*arguments, change=lambda v: np.clip(v, -100, 1))

    assert over_field(soft_values, TARGETS["soft_solution.v"], kinds_of(True, {})).outcome == "proved for all"
    found = over_field(clipped, TARGETS["soft_solution.v"], kinds_of(True, {}))
    assert found.outcome == "refuted"
    assert "off by" in found.detail


def law_in_loops(energy):
    total = 0.0
    for e in energy:
        total += math.exp(-e)
    return [math.exp(-e - math.log(total)) for e in energy]


def test_loops_over_numbers_are_followed():
    assert judge(law_in_loops, to="ebm.law", instances=20, largest_energy=10).outcome == "proved for all"


class Law:
    """A subject that is an object, with methods and a buffer that it fills."""

    def __call__(self, energy):
        weights = np.empty(energy.shape, dtype=float)
        weights[:] = self.weights(energy)
        return np.divide(weights, weights.sum(), out=np.zeros_like(weights), where=weights > 0)

    def weights(self, energy):
        return np.exp(-energy - scipy.special.logsumexp(-energy))


def test_objects_methods_and_partial_functions_are_followed():
    for subject in (Law(), Law().__call__, partial(law_in_loops), lambda energy: Law()(energy)):
        assert over_field(subject, TARGETS["ebm.law"], kinds_of(False, {})).outcome == "proved for all"
    numpy_alone = partial(lambda factor, energy: scipy.special.softmax(factor * energy), -1.0)
    assert over_field(numpy_alone, TARGETS["ebm.law"], kinds_of(False, {})).outcome == "proved for all"


def test_it_can_be_left_out():
    verdict = judge(causal_gradient, to="causal.gradient", instances=20, field=False)
    assert (verdict.outcome, verdict.level, verdict.over_field, verdict.proof) == ("consistent", "float", "", None)


def test_namespaces_are_as_they_were():
    before = dict(globals())
    judge(soft_gradient, to="causal.gradient", instances=5)
    judge(lambda e: 1 / 0, to="ebm.law", instances=5)
    assert all(globals()[name] is value for name, value in before.items())


def test_the_prime_depends_on_the_code():
    primes = set()
    for subject in (soft_gradient, causal_gradient):
        found = over_field(subject, TARGETS["causal.gradient"], kinds_of(True, {"temperatures": (1,)}))
        assert found.proof is not None
        primes.add(found.proof.prime)
    assert len(primes) == 2


# The cases


@pytest.mark.parametrize(
    "name", ["soft_solution", "policy_value", "boltzmann.law", "maxent.gradient", "causal.gradient", "gcl.loss"]
)
def test_cases_are_of_every_kind(name):
    target = TARGETS[name]
    fixed = {"temperatures": (1,)} if target.on_model else {}
    found = list(cases(target, kinds_of(target.on_model, fixed)))
    assert len(found) >= 5
    assert target.value is not None
    table = [traits(instance) for instance in found]
    if target.on_model:
        told = ("deterministic dynamics", "discount 1", "no terminal state", "every action available", "a single start")
        for trait in told:
            assert {row[trait] for row in table} == {True, False}, trait
        assert {instance["mdp"].horizon for instance in found} == {1, 2, 3}


def test_cases_are_of_the_kinds_asked_for():
    options = {"terminal": False, "unavailable": False, "horizons": (4, 6), "discounts": (Fraction(4, 5),)}
    found = list(cases(TARGETS["causal.gradient"], kinds_of(True, options | {"temperatures": (1,)})))
    assert {instance["mdp"].horizon for instance in found} == {4, 6}
    assert {instance["mdp"].discount for instance in found} == {fmpq(4, 5)}
    assert not any(instance["mdp"].terminal.any() for instance in found)
    assert all(instance["mdp"].available.all() for instance in found)


# The numbers


@pytest.fixture
def field():
    made = Field(derived_prime(b"test"), b"test")
    with made.current(), precision(128), numbers.at_most(10**6):
        yield made


def drawn(field, rng, n):
    """n free numbers and logarithms of free numbers with shadows, as followed numbers, and their floats."""
    floats = rng.permutation(np.arange(1, 400))[:n] / 64
    numbers = [field.free(arb(x)) for x in floats]
    return traced_array(np.array(numbers, dtype=object)), floats


UNARY = {
    "exp of log": lambda x: np.exp(np.log(x)),
    "expm1": lambda x: np.expm1(np.log(x)),
    "log1p": lambda x: np.log1p(x),
    "abs": lambda x: np.abs(x - 3),
    "sign": lambda x: np.sign(x - 3),
    "square": np.square,
    "cumsum": np.cumsum,
    "max": lambda x: x.max() + np.min(x),
    "argmax": lambda x: np.argmax(x) + 0 * x[0],
    "clip": lambda x: np.clip(x, 1, 4),
    "sort": np.sort,
    "mean": lambda x: np.mean(x) - x.mean(axis=0) + np.mean(x),
    "where": lambda x: np.where(x > 3, x, -x),
    "einsum": lambda x: np.einsum("i,j->ij", x, x),
    "outer": lambda x: np.outer(x, x) @ x,
    "tensordot": lambda x: np.tensordot(np.stack([x, x]), x, 1),
    "expit": lambda x: scipy.special.expit(np.log(x)),
    "xlogy": lambda x: scipy.special.xlogy(0.5, x) + scipy.special.entr(np.array([0.25, 0.75])[0] + 0 * x),
    "relative entropy": lambda x: scipy.special.rel_entr(x, 3) + scipy.special.logit(x / 1000),
    "logaddexp": lambda x: np.logaddexp.reduce(np.log(x)),
    "power": lambda x: x**3 + x**-2 + x**0,
    "divide": lambda x: (x - 0.1) / (2 - x) + 1 / x,
    "literals": lambda x: 0.3 * x + x * (1 / 3) - np.log(2) * 0 - 1e-3,
    "minus infinity": lambda x: np.exp(np.where(x > 3, np.log(x), -np.inf)),
    "log of 0": lambda x: np.exp(np.log(x * 0)) + np.isfinite(np.log(x * 0)),
    "nan": lambda x: np.where(np.isnan(0 / (x - x)), 1, x),
    "infinite": lambda x: 1 / (1 + 1 / (x - x)) + np.isinf(-1 / (0 * x)),
}


@pytest.mark.parametrize("name", UNARY)
def test_functions_are_those_of_floats(field, name):
    """The shadow of what comes out holds the number that floats give, up to their rounding: 2^-40 of the largest."""
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 9):
        x, floats = drawn(field, rng, n)
        with np.errstate(all="ignore"):
            true = np.asarray(UNARY[name](floats), dtype=float)
        numbers = numbers_of(UNARY[name](x))
        assert numbers.shape == true.shape
        for index in np.ndindex(*true.shape):
            ball = shadow_of(numbers[index])
            scale = max(1.0, float(np.abs(true[np.isfinite(true)]).max(initial=0)))
            assert abs(ball - arb(float(true[index]))) < arb(2.0**-40 * scale) or float(ball.mid()) == true[index]


def test_functions_of_scipy_and_of_linear_algebra(field):
    x, floats = drawn(field, np.random.default_rng(1), 6)
    logs = np.log(x).reshape(2, 3)
    pairs: tuple[tuple[Any, dict[str, Any]], ...] = (
        (scipy.special.logsumexp, {"axis": 1}),
        (scipy.special.logsumexp, {}),
        (scipy.special.softmax, {"axis": 0}),
        (scipy.special.log_softmax, {"axis": 1}),
    )
    for function, keywords in pairs:
        mine = numbers_of(numpy_code.FUNCTIONS[function](logs, **keywords))
        true = np.asarray(function(np.log(floats).reshape(2, 3), **keywords))
        assert mine.shape == true.shape
        assert all(abs(shadow_of(a) - arb(b)) < arb(2.0**-40) for a, b in zip(mine.flat, true.flat, strict=True))
    matrix = np.concatenate([x, x[:3]]).reshape(3, 3) + np.diag([1, 2, 3])
    solved = numpy_code.FUNCTIONS[np.linalg.solve](matrix, x[:3])
    assert all(left == right for left, right in zip(matrix @ solved, x[:3], strict=True))
    inverse = numpy_code.FUNCTIONS[np.linalg.inv](matrix)
    assert (matrix @ inverse == np.eye(3, dtype=int)).all()
    swapped = numpy_code.FUNCTIONS[np.linalg.solve](traced_array([[0, 1], [1, 0]]), x[:2])
    assert (swapped[0] == x[1], swapped[1] == x[0]) == (True, True)
    with pytest.raises(Untraceable, match="singular"):
        numpy_code.FUNCTIONS[np.linalg.solve](traced_array([[1, 1], [1, 1]]), x[:2])


def test_entries_one_by_one_and_functions_of_scipy_that_forget_are_followed():
    def discriminator(energy, sampler, log_normalizer):
        one = np.vectorize(lambda e, q: 1.0 if q == 0 else 1 / (1 + q * math.exp(e + log_normalizer)))
        return one(energy, sampler)

    def visits(transition, initial, horizon, discount, policy):
        n = len(initial)
        matrix, starts = np.eye(n * horizon), np.zeros(n * horizon)
        starts[:n] = initial
        for t in range(horizon - 1):
            step = np.einsum("sa,sax->xs", policy[t], transition)
            matrix[(t + 1) * n : (t + 2) * n, t * n : (t + 1) * n] -= discount * step
        return np.einsum("ts,tsa->sa", scipy.linalg.solve(matrix, starts).reshape(horizon, n), policy)

    def seen(transition, initial, horizon, discount, states, actions):
        shape, ends = transition.shape[:2], actions < 0
        steps = np.broadcast_to(np.arange(actions.shape[1]), actions.shape)
        flat = np.ravel_multi_index((states[:, :-1][~ends], actions[~ends]), shape)
        counts = np.bincount(flat, weights=discount ** steps[~ends], minlength=shape[0] * shape[1])
        return counts.reshape(shape) / len(states)

    for subject, target, outcome, kinds in (
        (discriminator, "gan.discriminator", "proved for all", {"largest_energy": 50}),
        (visits, "occupancy", "proved for all", {}),
        (seen, "demonstrations.occupancy", "proved here", {}),
        (lambda data: scipy.stats.entropy(data), "divergences.shannon_entropy", "proved here", {}),
        (lambda data, sampler: scipy.stats.entropy(data, sampler), "divergences.kl", "proved here", {}),
    ):
        verdict = judge(subject, to=target, instances=20, **kinds)
        assert verdict.outcome == outcome, verdict


IN_FLOATS = {
    "float": lambda e: np.array([float(x) for x in np.exp(-e)]) / float(np.exp(-e).sum()),
    "dtype": lambda e: scipy.special.softmax(np.asarray(-e, dtype=float)),
    "float64": lambda e: scipy.special.softmax(np.array([-x for x in e], dtype=np.float64)),
    "zeros": lambda e: np.zeros(len(e), dtype=float) + scipy.special.softmax(-e.astype(float)),
    "astype": lambda e: scipy.special.softmax(-e.astype(np.float64)),
    "type": lambda e: scipy.special.softmax(-e) if isinstance(0.5, float) and issubclass(np.float64, float) else e,
    "e": lambda e: np.e ** (e.min() - e) / (math.e ** (e.min() - e)).sum(),
    "fsum": lambda e: np.exp(min(e) - e) / math.fsum(math.exp(min(e) - x) for x in e),
    "where": lambda e: np.exp(e.min() - e) / np.sum(np.exp(e.min() - e), where=np.isfinite(e)),
}


@pytest.mark.parametrize("how", IN_FLOATS)
def test_what_makes_floats_of_floats_is_followed(how):
    verdict = judge(IN_FLOATS[how], to="ebm.law", instances=20, largest_energy=50)
    assert verdict.outcome == "proved for all", verdict
    assert "float" not in globals()


def test_roots_are_powers():
    def law(energy):
        weights = np.sqrt(np.exp(-2 * energy))
        return weights / weights.sum()

    assert judge(law, to="ebm.law", instances=20, largest_energy=50).outcome == "proved for all"


def test_masked_arrays_are_named():
    def soft(transition, initial, horizon, discount, reward):
        return np.ma.masked_array(reward, ~transition.any(axis=2)).sum(axis=1).filled(0)

    verdict = judge(soft, to="soft_solution.v", instances=5)
    assert "out of reach: numpy.ma, masked arrays" in verdict.message


def test_floats_are_read_as_what_was_meant(field):
    for x, exact in (
        (0.9, Fraction(9, 10)),
        (1 / 3, Fraction(1, 3)),
        (1e-30, Fraction(1, 10**30)),
        (-2.5e-3, Fraction(-1, 400)),
        (7.0, 7),
        (2 / 225, Fraction(2, 225)),
        (123456.789, Fraction(123456789, 1000)),
    ):
        assert read(x).constant == fmpq(Fraction(exact).numerator, Fraction(exact).denominator)
    for n in (2, 3, 10, 97):
        assert isinstance(read(math.log(n)), LogField)
        assert read(-math.log(n)) == -log_of(field.constant(n))
    assert read(-math.inf) == -math.inf
    for x in (math.pi, math.exp(1), 0.1 + 0.2, 2.0**-53, 1 / 3 + 2.0**-54):
        with pytest.raises(Untraceable, match="computed outside"):
            read(x)


def test_comparisons_follow_the_shadows_and_are_counted(field):
    small, large = traced(field.free(arb(1))), traced(field.free(arb(2)))
    before = field.branches
    assert small < large <= large + 1
    assert large > small >= small - 1
    assert small != large
    assert field.branches > before
    assert (small + large) ** 2 == small**2 + 2 * small * large + large**2
    assert (small + large) ** 2 >= small**2 + 2 * small * large + large**2
    assert not (small + large) ** 2 < small**2 + 2 * small * large + large**2
    tie = traced(field.free(arb(1)))
    for compared in (lambda: small < tie, lambda: small == tie, lambda: small >= tie):
        with pytest.raises(Untraceable, match="tie"):
            compared()
    with pytest.raises(Untraceable, match="a comparison with 1e-08"):
        bool(small > 1e-8)
    before = field.branches
    assert traced(Fraction(1, 3)) < traced(Fraction(1, 2))
    assert not traced(math.nan) <= traced(1)
    assert field.branches == before


def test_what_is_known_may_be_a_float_again(field):
    assert float(traced(Fraction(1, 3))) == 1 / 3
    assert int(traced(Fraction(7, 2))) == 3
    assert [10, 20, 30][traced(2)] == 30
    free = traced(field.free(arb(1)))
    for leave in (float, int, complex, lambda x: [1][x], np.float64, lambda x: np.array([x], dtype=float)):
        with pytest.raises(Untraceable):
            leave(free)
    with pytest.raises(Untraceable, match="object of type str"):
        numbers_of(["a"])


def test_infinite_numbers_are_those_of_floats(field):
    free = traced(field.free(arb(3)))
    plus, minus, nan = traced(math.inf), traced(-math.inf), traced(math.nan)

    def same(x: Any, y: Any) -> None:
        assert type(x) is Traced
        number: Any = x.number
        assert number == y or (math.isnan(number) and math.isnan(y)), (x, y)

    same(free + plus, math.inf)
    same(plus + minus, math.nan)
    same(minus - free, -math.inf)
    same(free * minus, -math.inf)
    same((free - 5) * minus, math.inf)
    same(0 * plus, math.nan)
    same(free / plus, field.constant(0))
    same(plus / free, math.inf)
    same(plus / minus, math.nan)
    same(nan + free, math.nan)
    same(minus.exp(), field.constant(0))
    same(plus.exp(), math.inf)
    same(minus.log(), math.nan)
    same((free - free).log(), -math.inf)
    same(traced(-1).log(), math.nan)
    same(free / (free - free), math.inf)
    same(-free / 0, -math.inf)
    assert minus < free < plus
    assert not nan < free
    assert minus == -math.inf
    assert bool(minus)
