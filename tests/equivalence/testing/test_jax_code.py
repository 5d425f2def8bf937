"""Each operation of a jaxpr does to numbers that are followed what JAX does to floats."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flint import arb, fmpq
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from equivalence.testing import TARGETS, diagnose, judge, museum
from equivalence.testing.adapters import jax_code
from equivalence.testing.adapters.arrays import numbers_of, traced_array
from equivalence.testing.adapters.cases import cases
from equivalence.testing.adapters.jax_compiled import MOST_VALUES, PASSES_CAN_BE_DISABLED, Compiled, context
from equivalence.testing.adapters.numbers import at_most, shadow_of
from equivalence.testing.adapters.over_field import judged_on, over_field
from equivalence.testing.adapters.subject import subject_of
from equivalence.testing.generator import instances
from equivalence.testing.kinds import kinds_for
from equivalence.testing.museum.in_jax import PIECES
from equivalence.testing.targets import find_target
from equivalence.testing.targets.layout import Layout
from mdps.random_models import random_expert, random_model
from mdps.scalars.balls import precision
from mdps.scalars.field import Field
from mdps.scalars.primes import derived_prime
from right_in_jax import (
    VARIANTS,
    Variant,
    gradient_of_a_scan,
    gradient_unrolled,
    loss_of_log_sigmoids,
    values_of_a_scan,
)

X = np.array([1.25, 3.5, 0.75, 5.0, 2.75, 0.5])
A = np.array([[4.0, 1.0, 0.25], [0.5, 3.0, 1.5], [2.0, 0.75, 6.0]])
K = np.array([3, 0, 2])
CONTROL = ("scan", "while", "cond", "custom_linear_solve")
OLD_OR_NEW = {  # names that the installed release does not have
    *("pjit", "remat", "named_call", "call", "core_call", "core_closed_call", "closed_call"),
    *(
        "custom_vjp_call_jaxpr",
        "copy_p",
        "checkpoint",
        "expand_dims",
        "pvary",
        "real",
        "conj",
        "sharding_constraint",
        "device_put",
    ),
    *("jit", "remat2", "custom_vjp_call", "tile", "split", "stack", "unstack", "stop_gradient", "square"),
    *(f"scatter_{word}" for word in ("add", "sub", "mul", "min", "max")),
}


def ints(x):
    """Integers that a program makes of the shape of its argument."""
    return jnp.arange(x.shape[0])


@jax.custom_jvp
def doubled(x):
    return 2 * x


doubled.defjvp(lambda primals, tangents: (doubled(*primals), 2 * tangents[0]))


@jax.custom_vjp
def tripled(x):
    return 3 * x


tripled.defvjp(lambda x: (3 * x, None), lambda _, g: (3 * g,))


def solved_by(matrix, b):
    """custom_linear_solve itself."""
    return lax.custom_linear_solve(
        lambda v: matrix @ v, b, solve=lambda _, v: jnp.linalg.inv(matrix) @ v, transpose_solve=lambda _, v: v
    )


def permuted(factors, pivots, permutation):
    """P^T L U: which rows are exchanged is nobody's business."""
    upper, lower = jnp.triu(factors), jnp.tril(factors, -1) + jnp.eye(3)
    return (lower @ upper)[jnp.argsort(lax.linalg.lu_pivots_to_permutation(pivots, 3))] + 0 * permutation


PROGRAMS = {
    "add": lambda x: x + 1.5,
    "add_any": jax.grad(lambda x: (x * x).sum() + (x**3).sum()),
    "sub": lambda x: 1 - x + (ints(x) - 2),
    "mul": lambda x: x * x[::-1],
    "div": lambda x: x / (x + 1) + (ints(x) - 3) // 2 + lax.div(ints(x) - 3, jnp.array(2)),
    "rem": lambda x: x * (ints(x) % 3) + lax.rem(ints(x) - 3, jnp.array(2)) + 0.25 * lax.rem(7.5, 2.0),
    "neg": lambda x: -x - (-ints(x)),
    "abs": lambda x: jnp.abs(x - 2.25) + jnp.abs(ints(x) - 2),
    "sign": lambda x: jnp.sign(x - 2.25) + jnp.sign(x - x) + jnp.sign(ints(x) - 2),
    "max": lambda x: jnp.maximum(x, 2.25) + jnp.maximum(ints(x), 3),
    "min": lambda x: jnp.minimum(x, 2.25) + jnp.minimum(ints(x), 3),
    "pow": lambda x: jnp.power(x, jnp.arange(6)) + jnp.power(x * x, 0.5) + x ** (ints(x) - 2.0),
    "square": jnp.square,
    "sqrt": lambda x: jnp.sqrt(x * x) + jnp.sqrt(0 * x) + jnp.sqrt(jnp.exp(2 * jnp.log(x))),
    "rsqrt": lambda x: lax.rsqrt(x * x * x * x),
    "cbrt": lambda x: jnp.cbrt(x * x * x) + jnp.cbrt(0 * x - 8),
    "exp": lambda x: jnp.exp(jnp.log(x) + jnp.log(2.0)) + jnp.exp(jnp.where(x > 2, -jnp.inf, 0.0)),
    "exp2": lambda x: jnp.exp2(jnp.floor(0 * x) + 3),
    "log": lambda x: jnp.log(x) + jnp.exp(jnp.log(0 * x)),
    "log1p": jnp.log1p,
    "expm1": lambda x: jnp.expm1(jnp.log(x)),
    "logistic": lambda x: jax.nn.sigmoid(jnp.log(x)) + jax.nn.sigmoid(jnp.where(x > 2, -jnp.inf, jnp.inf)),
    "tanh": lambda x: jnp.tanh(jnp.log(x)) + jnp.tanh(jnp.where(x > 2, -jnp.inf, jnp.inf)),
    "sinh": lambda x: jnp.sinh(jnp.log(x)),
    "cosh": lambda x: jnp.cosh(jnp.log(x)),
    "floor": lambda x: x + jnp.floor(0 * x + 2.5),
    "ceil": lambda x: x + jnp.ceil(0 * x + 2.5),
    "round": lambda x: x + jnp.round(0 * x + 2.5) + lax.round(0 * x - 2.5, lax.RoundingMethod.AWAY_FROM_ZERO),
    "eq": lambda x: (x == jnp.max(x)) + (x == x) * 2.0 + (ints(x) == 2),
    "ne": lambda x: (x != jnp.max(x)) + 2.0 * (jnp.isnan(jnp.log(-1 - 0 * x)) != jnp.isnan(x)),
    "lt": lambda x: (x < 2.25) * 1.0 + (ints(x) < 2),
    "le": lambda x: (x <= x) * 1.0 + (x <= jnp.inf),
    "gt": lambda x: (x > 2.25) * 1.0 + (x > jnp.nan),
    "ge": lambda x: (x >= x[::-1]) * 1.0,
    "is_finite": lambda x: 1.0 * jnp.isfinite(x / (0 * x)) + jnp.isfinite(x),
    "and": lambda x: 1.0 * ((x > 1) & (x < 3)),
    "or": lambda x: 1.0 * ((x < 1) | (x > 3)) + (ints(x) | 5),
    "xor": lambda x: 1.0 * ((x < 1) ^ (x < 3)),
    "not": lambda x: 1.0 * ~(x < 1) + ~ints(x),
    "shift_left": lambda x: x * (ints(x) << 2),
    "shift_right_arithmetic": lambda x: x * ((ints(x) - 3) >> 1),
    "shift_right_logical": lambda x: x * lax.shift_right_logical(ints(x), ints(x) // ints(x).size + 1),
    "population_count": lambda x: x * lax.population_count(ints(x)),
    "integer_pow": lambda x: x**3 + x**-2 + lax.integer_pow(ints(x), 3),
    "clamp": lambda x: lax.clamp(1.0, x, 3.0) + lax.clamp(1, ints(x), 3),
    "stop_gradient": lambda x: lax.stop_gradient(x) + jax.grad(lambda y: (lax.stop_gradient(y) * y).sum())(x),
    "copy": lambda x: jnp.array(x, copy=True),
    "reduce_precision": lambda x: lax.reduce_precision(x, 8, 23),
    "name": lambda x: checkpoint_name(x, "x"),
    "optimization_barrier": lambda x: sum(lax.optimization_barrier((x, 2 * x))),
    "convert_element_type": lambda x: x + jnp.astype(x > 2, float) + jnp.astype(jnp.sign(x - 2.25), int),
    "select_n": lambda x: jnp.where(x > 2.25, x, -x) + lax.select_n(ints(x) % 3, x, 2 * x, 3 * x),
    "broadcast_in_dim": lambda x: x[:, None] + jnp.zeros((6, 2)),
    "reshape": lambda x: x.reshape(2, 3) + lax.reshape(x.reshape(3, 2), (2, 3), (1, 0)),
    "squeeze": lambda x: jnp.squeeze(x[:1]) + lax.squeeze(x[None], (0,)),
    "transpose": lambda x: x.reshape(1, 2, 3).transpose(2, 0, 1),
    "rev": lambda x: jnp.flip(x.reshape(2, 3), (0, 1)),
    "tile": lambda x: jnp.tile(x, (2, 2)),
    "concatenate": lambda x: jnp.concatenate([x[:2], 2 * x]),
    "split": lambda x: sum(jnp.split(x, 3)),
    "stack": lambda x: jnp.stack([x, 2 * x], axis=1),
    "unstack": lambda x: sum(jnp.unstack(x.reshape(2, 3))) + jnp.unstack(x)[0],
    "pad": lambda x: lax.pad(x.reshape(2, 3), 7.0, ((1, 0, 2), (-1, 2, 1))),
    "iota": lambda x: x + lax.iota(float, 6) + lax.broadcasted_iota(int, (6,), 0),
    "reduce_sum": lambda x: x.sum() + x.reshape(2, 3).sum(0) + x[:0].sum() + (x > 2).sum(),
    "reduce_prod": lambda x: x.prod() + jnp.prod(ints(x) + 1),
    "reduce_max": lambda x: x.max() + x.reshape(2, 3).max((0, 1)) + jnp.max(x[:0], initial=-1.0) + jnp.max(ints(x)),
    "reduce_min": lambda x: x.min() + jnp.min(ints(x)),
    "reduce_and": lambda x: x * jnp.all(x > 0) + jnp.all(x > 1),
    "reduce_or": lambda x: x * jnp.any(x > 4),
    "reduce_xor": lambda x: x * lax.reduce(ints(x), 0, lax.bitwise_xor, (0,)),
    "cumsum": lambda x: jnp.cumsum(x) + lax.cumsum(x, reverse=True) + jnp.cumsum(ints(x)),
    "cumprod": lambda x: jnp.cumprod(x.reshape(2, 3), axis=1),
    "cummax": lambda x: lax.cummax(x, reverse=True),
    "cummin": lambda x: lax.cummin(x),
    "cumlogsumexp": lambda x: lax.cumlogsumexp(jnp.log(x)),
    "argmax": lambda x: jnp.argmax(x) + jnp.argmax(x.reshape(2, 3), axis=0) + jnp.argmax(ints(x)) + 0 * x[0],
    "argmin": lambda x: jnp.argmin(x.reshape(2, 3), axis=1) + 0 * x[0],
    "sort": lambda x: jnp.sort(x.reshape(2, 3), axis=0).ravel() + jnp.argsort(x) + jnp.argsort(-x)[::-1],
    "top_k": lambda x: lax.top_k(x, 2)[0] + lax.top_k(x.reshape(3, 2), 2)[1],
    "slice": lambda x: x[1:5:2] + lax.slice(x, (0,), (2,)),
    "dynamic_slice": lambda x: lax.dynamic_slice(x, (jnp.argmax(x),), (4,)),
    "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:2], (jnp.argmax(x) + 9,)),
    "gather": lambda x: x[K] + jnp.take(x, jnp.array([7, -1, 0]), mode="fill") + x.reshape(2, 3)[jnp.array(1), K % 3],
    "gather of rows": lambda x: x.reshape(2, 3)[:, K % 3].sum() + jnp.take_along_axis(x, jnp.argsort(x), 0),
    "gather of batches": jax.vmap(lambda row: row[jnp.argmax(row) // 2] * row[K % 3]),
    "scatter": lambda x: x.at[K].set(2 * x[:3]).at[9].set(1.0, mode="drop"),
    "scatter-add": jax.grad(lambda x: (x[K] * x[jnp.array([3, 3, 0])]).sum()),
    "scatter-sub": lambda x: x.at[K].subtract(1.0) if hasattr(x.at[K], "subtract") else x.at[K].add(-1.0),
    "scatter-mul": lambda x: x.at[K].multiply(x[:3], unique_indices=True),
    "scatter-min": lambda x: x.at[K].min(2.25),
    "scatter-max": lambda x: x.reshape(2, 3).at[:, 1].max(2.25),
    "scatter of batches": jax.vmap(lambda row: row.at[jnp.argmax(row)].add(row[0])),
    "dot_general": lambda x: x.reshape(2, 3) @ x.reshape(3, 2) + jnp.dot(x, x) + jnp.dot(ints(x), ints(x)),
    "dot_general in batches": lambda x: jnp.einsum(
        "nij,njk->nk", x.reshape(2, 1, 3), A[None, :, :2] * x[:2, None, None]
    ),
    "lu": lambda x: jnp.linalg.det(A * x[:3]),
    "lu_pivots_to_permutation": lambda x: permuted(*lax.linalg.lu(jnp.tril(A * x[:3])[::-1])),
    "solve": lambda x: jnp.linalg.solve(jnp.diag(x[:3])[::-1], x[:3]),
    "triangular_solve": lambda x: sum(
        lax.linalg.triangular_solve(
            A, x[:3, None] if left else x[None, :3], left_side=left, lower=low, transpose_a=turn
        )
        for left in (True, False)
        for low in (True, False)
        for turn in (True, False)
    ),
    "custom_linear_solve": lambda x: solved_by(A * x[0], x[:3]) + jnp.linalg.inv(A * x[:3])[0],
    "jit": lambda x: jax.jit(lambda y: (y, y * y))(x)[1],
    "checkpoint": lambda x: jax.checkpoint(lambda y: y**3)(x) + jax.grad(jax.checkpoint(lambda y: (y**3).sum()))(x),
    "custom_jvp_call": doubled,
    "custom_vjp_call": tripled,
    "scan": lambda x: lax.scan(lambda c, y: (c * y, c), 1.0, x)[1] + lax.scan(lambda c, y: (c + y, y), 0.0, x)[0],
    "scan backwards": jax.grad(lambda x: lax.scan(lambda c, y: (c * y, c), 1.0, x, reverse=True)[1].sum()),
    "scan of nothing": lambda x: lax.scan(lambda c, y: (c, c), x, None, length=0)[0],
    "while": lambda x: (
        lax.fori_loop(0, 5, lambda i, c: c * x[i], x)
        + lax.while_loop(lambda c: c[0].sum() < 60.0, lambda c: (2 * c[0], c[1] + 1), (x, 0))[1]
    ),
    "cond": lambda x: lax.cond(x[0] > 1, lambda y: 2 * y, lambda y: -y, x) + lax.switch(K[0], [jnp.negative] * 2, x),
    "nan": lambda x: jax.grad(lambda y: jnp.where(y > 2, jnp.log(y - 2), 0.0).sum())(x),
    "softmax": lambda x: jax.nn.softmax(jnp.log(x).reshape(2, 3), axis=1),
    "logsumexp": jax.grad(lambda x: jax.nn.logsumexp(jnp.where(x > 2, jnp.log(x), -jnp.inf))),
    "softplus": jax.grad(lambda x: jax.nn.softplus(jnp.log(x)).sum() + jax.nn.log_sigmoid(jnp.log(x)).sum()),
    "logaddexp": lambda x: jnp.logaddexp(jnp.log(x), jnp.log(x[::-1]) + 1 * jnp.log(3.0)),
    "relu": jax.grad(lambda x: jax.nn.relu(x - 2.25).sum() * x.sum()),
    "one_hot": lambda x: jax.nn.one_hot(K, 6) @ x,
    "norm": lambda x: jnp.var(x) + jnp.mean(x) + jnp.median(x) + jnp.trace(A * x[0]) + jnp.kron(x, x),
    "jacobian": lambda x: jax.jacfwd(jax.grad(lambda y: (y[:3] @ A @ y[3:]) ** 2))(x),
    "map": lambda x: lax.map(lambda row: row @ x[:3], x.reshape(2, 3)),
    "associative scan": lambda x: lax.associative_scan(jnp.multiply, x),
}


def names_in(jaxpr):
    """The primitives of a jaxpr and of those in it."""
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for value in eqn.params.values():
            for inner in value if isinstance(value, (tuple, list)) else [value]:
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from names_in(inner)


@pytest.fixture
def field():
    made = Field(derived_prime(b"test"), b"test")
    with made.current(), precision(192), at_most(10**6):
        yield made


def numbers(field, floats):
    """Free numbers whose shadows are these floats."""
    return traced_array(np.array([field.free(arb(x)) for x in floats], dtype=object))


def argument(name):
    """What a program is asked."""
    return A if name in ("gather of batches", "scatter of batches") else X


@pytest.mark.parametrize("name", PROGRAMS)
def test_operations_are_those_of_jax(field, name):
    """Integers are the same; numbers are within 2^-46 of the largest, some dozen roundings."""
    function = PROGRAMS[name]
    x = argument(name)
    followed = numbers(field, x.ravel()).reshape(x.shape)
    mine = numbers_of(jax_code.followed(function, [x], [followed]))
    true = np.asarray(jax_code.in_floats(function, np.float64)(x), dtype=float)
    assert mine.shape == true.shape
    scale = max(1.0, np.abs(true[np.isfinite(true)]).max(initial=0.0))
    for index in np.ndindex(*true.shape):
        number = mine[index]
        if isinstance(number, float) or not np.isfinite(true[index]):
            assert str(shadow_of(number)) == str(arb(true[index])), index
        else:
            assert abs(shadow_of(number) - arb(true[index])) <= arb(2.0**-46 * scale), index


def test_at_least_sixty_operations_are_followed():
    met = set()
    with jax.experimental.enable_x64() if not hasattr(jax, "enable_x64") else jax.enable_x64(True):
        for name, function in PROGRAMS.items():
            met |= set(names_in(jax.make_jaxpr(function)(argument(name)).jaxpr))
    known = {*jax_code.OPERATIONS, *jax_code.CALLS, *CONTROL}
    assert len(met & known) >= 60
    assert known - met <= OLD_OR_NEW


# Right code


def first_case(variant, place):
    """The finding on one case."""
    options = dict(variant.options)
    layout = Layout(options.pop("reward_axes", "sa"), temperature=options.pop("temperature", False))
    target = find_target(variant.to, layout)
    return judged_on(variant.subject, target, list(cases(target, kinds_for(target, options)))[place:][:1])


def few_shapes(variant):
    """Options for few shapes: JAX compiles a program for each."""
    on_model = TARGETS[variant.to].on_model
    few = {"max_states": 2, "max_actions": 2, "horizons": (2,)} if on_model else {"max_outcomes": 3}
    return few | variant.options


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_right_variants_are_proved(variant):
    found = first_case(variant, 5 if TARGETS[variant.to].on_model else 2)
    assert found.outcome == "proved for all", found.detail
    assert found.detail == ""


def test_there_are_enough_of_them():
    assert len(VARIANTS) >= 55
    assert len({variant.to for variant in VARIANTS}) >= 18


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("variant", VARIANTS[::19], ids=lambda v: v.name)
def test_right_variants_agree_in_both_types(variant, dtype):
    verdict = judge(variant.subject, to=variant.to, instances=8, dtype=dtype, **few_shapes(variant))
    assert verdict.outcome == "proved for all", verdict
    assert verdict.unit_roundoff == float(np.finfo(dtype).eps) / 2


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_right_variants_are_never_refused(variant, dtype):
    verdict = judge(variant.subject, to=variant.to, instances=100, dtype=dtype, **variant.options)
    assert verdict.outcome == "proved for all", verdict


@pytest.mark.parametrize("variant", VARIANTS[-10:-8], ids=lambda v: v.name)
@pytest.mark.parametrize("error", [2**-40, -(2**-52)])
def test_small_errors_are_refuted(variant, error):
    """Planted in a gradient, they are refuted by proof; floats are too coarse for the last one."""

    def subject(*arguments):
        return variant.subject(*arguments) * (1 + error)

    verdict = judge(subject, to=variant.to, framework="jax", instances=4, **few_shapes(variant))
    assert (verdict.outcome, verdict.level) == ("refuted", "field")
    assert (verdict.differing > 0) == (abs(error) > 2**-50)


@pytest.mark.parametrize("subject", [gradient_of_a_scan, gradient_unrolled])
def test_ten_states_and_ten_steps_are_proved(subject):
    rng = np.random.default_rng(0)
    mdp = random_model(rng, 10, 4, 10, deterministic=True)
    rewards = [fmpq(int(k), 41) for k in rng.permutation(np.arange(-60, 60))[:40]]
    instance = {
        "mdp": mdp,
        "reward": np.array(rewards, dtype=object).reshape(10, 4),
        "expert": random_expert(rng, mdp, axes="sa", kind="table"),
        "temperature": fmpq(1),
    }
    found = judged_on(subject_of(subject), TARGETS["causal.gradient"], [instance])
    assert found.outcome == "proved for all", found.detail


# In floats


def curvature(objective):
    """The Hessian of minus something to its last argument."""
    return lambda *arguments: jax.hessian(lambda x: -objective(*arguments[:-1], x))(arguments[-1])


def soft_value(transition, initial, horizon, discount, features, theta):
    return initial @ values_of_a_scan(transition, initial, horizon, discount, features @ theta)[0]


def log_partition_of_paths(transition, initial, horizon, discount, features, theta):
    terminal, message = transition.sum(axis=(1, 2)) == 0, jnp.zeros_like(initial)
    for t in reversed(range(horizon)):
        weight = discount**t * (features @ theta)[:, :, None] + message
        rows = jnp.where(terminal[:, None, None], 1, transition)
        message = jnp.where(terminal, 0, jax.nn.logsumexp(weight, axis=(1, 2), b=rows))
    return jax.nn.logsumexp(message, b=initial)


def curvature_of_two_classes(features, theta, sampler, data, log_normalizer):
    def loss(x):
        return loss_of_log_sigmoids(features @ x[:-1], sampler, data, x[-1])

    return jax.hessian(loss)(jnp.append(theta, log_normalizer))


def curvature_to_energy_and_log_z(energy, noise, data, log_normalizer, noise_ratio):
    def loss(x):
        logit = -x[:-1] - x[-1] - jnp.log(noise_ratio * noise)
        return data @ jax.nn.softplus(-logit) + noise_ratio * noise @ jax.nn.softplus(logit)

    return jax.hessian(loss)(jnp.append(energy, log_normalizer))


@pytest.mark.parametrize(
    "to, subject, options",
    [
        ("causal.hessian", curvature(soft_value), {}),
        ("maxent.hessian", curvature(log_partition_of_paths), {}),
        ("gan.discriminator_hessian", curvature_of_two_classes, {}),
        ("nce.hessian", curvature_to_energy_and_log_z, {"full_support": True}),
    ],
)
def test_second_derivatives_cancel_and_are_not_refused(to, subject, options):
    """Moments less products of moments lose all their digits where one action is nearly certain."""
    few = {"max_states": 1, "max_actions": 2, "horizons": (2,)} if TARGETS[to].on_model else {"max_outcomes": 2}
    verdict = judge(subject, to=to, framework="jax", instances=40, field=False, **few, **options)
    assert verdict.agrees, verdict


def test_there_are_few_shapes_to_compile():
    target, kinds = TARGETS["causal.gradient"], kinds_for(TARGETS["causal.gradient"], {})
    shapes = {(m.n_states, m.n_actions, m.horizon) for m in models(instances(target, kinds, 300, 0, few_shapes=True))}
    assert len(shapes) <= 13
    assert [max(sizes) for sizes in zip(*shapes, strict=True)] == [8, 4, 8]
    assert {(m.n_states, m.n_actions, m.horizon) for m in models(cases(target, kinds))} <= shapes


def models(found):
    return [instance["mdp"] for instance in found]


def test_only_what_is_under_jit_is_rewritten():
    def log_of_exp(x):
        return jnp.log(jnp.exp(x))

    if jax.config.jax_platforms not in (None, "", "cpu"):
        pytest.skip("rewritings are those of another compiler")
    assert jax_code.in_floats(log_of_exp, np.float64)(np.array([800.0])) == np.inf
    with context(np.float64):
        own = np.asarray(jax.jit(log_of_exp)(jnp.array([800.0])))
    np.testing.assert_array_equal(jax_code.in_floats(jax.jit(log_of_exp), np.float64)(np.array([800.0])), own)


def test_a_program_serves_all_numbers_unless_they_are_asked_for():
    def scaled(x, scale):
        return scale * x

    def asked(x, scale):
        return scale * x if scale < 2 else -scale * x

    for function, programs in ((scaled, 1), (asked, 3), (jax.jit(asked, static_argnames="scale"), 3)):
        compiled = Compiled(function)
        with context(np.float64):
            answers = [abs(float(compiled(jnp.ones(2), scale)[0])) for scale in (1.0, 1.5, 3.0, 3.0)]
        assert answers == [1.0, 1.5, 3.0, 3.0]
        assert len(compiled.programs) == (0 if compiled.plain else programs)
        assert compiled.plain == (not compiled.under_jit and not PASSES_CAN_BE_DISABLED)


def test_many_values_are_not_compiled():
    compiled = Compiled(jax.jit(lambda x, scale: x if scale < 2 else -x, static_argnums=1))
    with context(np.float64):
        assert [float(compiled(jnp.ones(()), float(k))) for k in range(6)] == [1, 1, -1, -1, -1, -1]
    assert len(compiled.programs) == MOST_VALUES
    assert compiled.plain


class Agent:
    """Something with parameters that is called, its work in a method under jit."""

    @partial(jax.jit, static_argnums=0)
    def law(self, energy):
        return jax.nn.softmax(-energy)

    def __call__(self, energy):
        return self.law(energy)


def test_jitted_methods_are_found():
    assert subject_of(Agent()).framework == "jax"


def test_static_numbers_are_fixed_over_a_field():
    @partial(jax.jit, static_argnames=("horizon", "discount"))
    def subject(transition, initial, horizon, discount, policy):
        mu, total = initial, 0.0
        for t in range(horizon):
            total += discount**t * mu[:, None] * policy[t]
            mu = jnp.einsum("s,sa,sax->x", mu, policy[t], transition)
        return total

    found = first_case(Variant(subject, "occupancy"), 4)
    assert found.outcome == "proved for all", found.detail


# What is left out, and what cannot be followed


def entangled(x):
    """A number that a field cannot hold."""
    return jnp.log(x[0]) * jnp.log(x[1])


NOT_NEEDED = {
    "beside the answer": lambda x: (entangled(x), 2 * x)[1],
    "within a call": lambda x: jax.jit(lambda y: (entangled(y), 2 * y))(x)[1],
    "in a carry": lambda x: lax.scan(lambda c, y: ((c[0] + entangled(x), c[1] * y), c[1]), (0.0, 1.0), x)[1],
    "in a stack": lambda x: lax.scan(lambda c, y: (c * y, y * entangled(x)), 1.0, x)[0],
    "in a branch": lambda x: lax.cond(x[0] > 1, lambda: (2 * x[0], entangled(x)), lambda: (x[1], x[0]))[0],
    "in a choice": lambda x: jnp.where(x[0] > 1, x[0], entangled(x)),
    "in a loop": lambda x: lax.fori_loop(0, 3, lambda i, c: (c[0] * x[i], c[1] + entangled(x)), (1.0, 0.0))[0],
    "in a gradient": lambda x: jax.value_and_grad(lambda y: jnp.log(y[0]) * jnp.log(x[1]) + (y * y).sum())(x)[1][1:],
}


@pytest.mark.parametrize("where", NOT_NEEDED)
def test_what_is_not_needed_does_no_harm(field, where):
    function = NOT_NEEDED[where]
    mine = numbers_of(jax_code.followed(function, [X], [numbers(field, X)]))
    true = np.asarray(jax_code.in_floats(function, np.float64)(X))
    assert all(abs(shadow_of(a) - arb(b)) <= arb(2.0**-40) for a, b in zip(mine.flat, true.flat, strict=True))


UNTRACEABLE = {
    "no meaning": (lambda e: jax.nn.softmax(-e) + 0 * jnp.arctan(e), "atan: it has no meaning over a field"),
    "special": (lambda e: jax.nn.softmax(-e) + 0 * jax.scipy.special.erf(e), "erf: "),
    "float": (lambda e: jax.nn.softmax(-e) * (float(e.max()) * 0 + 1), "ConcretizationTypeError"),
    "numpy": (lambda e: np.exp(-e) / np.exp(-e).sum(), "TracerArrayConversionError"),
    "complex": (lambda e: jax.nn.softmax(-e) + 0 * jnp.real(e + 1j), "complex"),
    "constant": (lambda e: jax.nn.softmax(-e - np.exp(1.0)), "2.718281828459045"),
    "product": (lambda e: jax.nn.softmax(-e) + 0 * (e * e), "a product of two logarithms"),
    "tolerance": (
        lambda e: jax.nn.softmax(-e) + lax.while_loop(lambda c: jnp.abs(c).sum() > 1e-9, lambda c: 0 * c, e),
        "a comparison with 1e-09",
    ),
}


@pytest.mark.parametrize("what", UNTRACEABLE)
def test_what_cannot_be_followed_is_named_and_falls_to_floats(what):
    subject, says = UNTRACEABLE[what]
    verdict = judge(subject, to="ebm.law", framework="jax", instances=8, largest_energy=10, max_outcomes=2)
    assert (verdict.outcome, verdict.level, verdict.proof) == ("consistent", "float", None)
    assert verdict.over_field.startswith("field: out of reach: ")
    assert says in verdict.over_field
    assert "(test_jax_code.py:" in verdict.over_field


def test_numbers_that_decide_are_fixed():
    """discount is a Python number, and code may ask for it before it traces anything."""

    def subject(transition, initial, horizon, discount, policy):
        scale = jnp.ones(horizon) if discount == 1 else jnp.array([discount] * horizon) ** jnp.arange(horizon)
        moves = jnp.einsum("tsa,sax->tsx", policy, transition)
        mu, total = initial, 0.0
        for t in range(horizon):
            total += scale[t] * mu[:, None] * policy[t]
            mu = mu @ moves[t]
        return total

    found = first_case(Variant(subject, "occupancy"), 4)
    assert found.outcome == "proved for all", found.detail


def test_free_numbers_that_decide_are_not_fixed():
    def subject(energy, sampler, log_normalizer):
        return jax.nn.sigmoid(-energy - log_normalizer - jnp.log(sampler)) * (1 if log_normalizer < 1e6 else 2)

    verdict = judge(subject, to="gan.discriminator", instances=8, max_outcomes=2)
    assert (verdict.outcome, verdict.level) == ("consistent", "float")
    assert "TracerBoolConversionError" in verdict.over_field


def test_nothing_is_switched_on_for_others():
    before = jax.config.jax_enable_x64
    x = jnp.ones(2).dtype
    judge(lambda e: jax.nn.softmax(-e), to="ebm.law", instances=2, max_outcomes=2)
    assert jax.config.jax_enable_x64 == before
    assert jnp.ones(2).dtype == x


def test_code_that_changes_is_traced_again():
    factor = 2.0

    def subject(energy):
        return jax.nn.softmax(-factor * energy)

    assert not judge(subject, to="ebm.law", instances=4, max_outcomes=2).agrees
    factor = 1.0
    assert judge(subject, to="ebm.law", instances=4, max_outcomes=2).agrees


# The museum

pieces = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
ROUNDING = {"summed_in_single_precision"}


def test_there_are_enough_pieces():
    assert len({piece.name for piece in PIECES}) == len(PIECES) >= 16
    assert {piece.framework for piece in PIECES} == {"jax"}
    assert not {piece.name for piece in PIECES} & {piece.name for piece in museum.PIECES}
    assert all(len(piece.text) > 20 for piece in PIECES)


@pieces
def test_pieces_are_refuted_and_twins_proved(piece):
    target = find_target(piece.target, Layout(temperature=piece.options.get("temperature", False)))
    options = {name: value for name, value in piece.options.items() if name != "temperature"}
    found = over_field(subject_of(piece.function), target, kinds_for(target, options))
    assert (found.outcome == "refuted") == (piece.name not in ROUNDING), found.detail
    twin = judged_on(piece.twin, target, list(cases(target, kinds_for(target, options)))[2:3])
    assert twin.outcome == "proved for all", twin.detail


@pieces
@pytest.mark.parametrize("instances", [pytest.param(40, marks=pytest.mark.slow)])
def test_pieces_differ_and_twins_agree(piece, instances):
    verdict = judge(piece.function, to=piece.target, instances=instances, **piece.options)
    assert not verdict.agrees
    assert verdict.margin > 1
    verdict = judge(piece.twin, to=piece.target, instances=instances, **piece.options)
    assert verdict.agrees, verdict


@pytest.mark.slow
@pieces
def test_the_diagnosis_is_the_mistake(piece):
    found = diagnose(piece.function, to=piece.target, instances=30, **piece.options)
    assert (" + ".join(found.names) or "unknown") == piece.mistake


def test_rounding_is_found_by_floats():
    piece = next(piece for piece in PIECES if piece.name in ROUNDING)
    verdict = judge(piece.function, to=piece.target, instances=8, max_outcomes=3)
    assert (verdict.outcome, verdict.level) == ("differs", "float")
