"""torch code over a field: each operation beside torch itself, right variants proved, what cannot be followed named."""

import ctypes
import functools
import importlib
import math
import sys
from functools import partial

import numpy as np
import pytest
import torch
from flint import arb, fmpq
from torch import nn
from torch.distributions import Categorical
from torch.nn import functional

from equivalence.testing import TARGETS, judge, museum
from equivalence.testing.adapters import torch_code, torch_names, torch_performed
from equivalence.testing.adapters.arrays import numbers_of, traced_array
from equivalence.testing.adapters.numbers import at_most, shadow_of
from equivalence.testing.adapters.over_field import judged_on, over_field
from equivalence.testing.adapters.subject import framework_of, subject_of
from equivalence.testing.adapters.torch_operations import OPERATIONS
from equivalence.testing.adapters.untraceable import Untraceable
from equivalence.testing.answer import asked
from equivalence.testing.diagnosis import diagnose
from equivalence.testing.generator import instances
from equivalence.testing.kinds import kinds_for, kinds_of
from equivalence.testing.museum.in_torch import PIECES
from equivalence.testing.question import question
from equivalence.testing.targets import find_target
from equivalence.testing.targets.layout import Layout
from mdps.random_models import random_expert, random_model
from mdps.scalars.elementary import log_of
from mdps.scalars.field import Field
from mdps.scalars.primes import derived_prime
from right_variants_in_torch import VARIANTS, gradient_of_autograd, gradient_of_backward, gradient_of_counts

F64 = torch.float64
PRIME = derived_prime(b"operations of torch", 521, coprime_to=3)
U = 2.0**-53
# torch's own code for torch.func.jvp warns when it is first imported.
OF_FORWARD_DERIVATIVES = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
ROUNDED = 2000  # more operations than any case below makes, each of which rounds by u of the largest number

# What the functions below are given, by the names of their arguments: logarithms x [3, 4], w [4], z []; other numbers
# y [3, 4] > 0, v [4] > 0, m [4, 4], b [2, 3, 4], c [2, 4, 3].
LOGARITHMS = {"x": (3, 4), "w": (4,), "z": ()}
NUMBERS = {"y": (3, 4), "v": (4,), "m": (4, 4), "b": (2, 3, 4), "c": (2, 4, 3)}
ROWS = torch.tensor([[0, 2, 1], [1, 1, 0]])
PLACES = torch.tensor([2, 0, 2])
EVERY_OTHER = torch.tensor([True, False, True, False])


def floats_of(name):
    """Different numbers k / 7 with signs, or k / 16 > 0."""
    shape = LOGARITHMS.get(name, NUMBERS.get(name))
    rng = np.random.default_rng(len(name) + ord(name))
    size = math.prod(shape)
    if name in LOGARITHMS:
        return (rng.permutation([k for k in range(-20, 21) if k])[:size].reshape(shape) / 7)[()]
    return rng.permutation(np.arange(1, 60))[:size].reshape(shape) / 16


def on_numbers(function, names):
    """What a function returns over free numbers that stand for these floats, as shadows; and as torch computes it."""
    floats = [floats_of(name) for name in names]
    field = Field(PRIME, b"point")
    with field.current(), at_most(10**6):

        def free(name, x):
            return log_of(field.free(arb(x).exp())) if name in LOGARITHMS else field.free(arb(x))

        held = [
            traced_array(np.asarray(np.frompyfunc(partial(free, name), 1, 1)(x), dtype=object))
            for name, x in zip(names, floats, strict=True)
        ]
        found = torch_code.followed(function, floats, held)
        found = found if isinstance(found, tuple) else (found,)
        shadows = [np.vectorize(lambda x: float(shadow_of(x).mid()), otypes=[float])(numbers_of(x)) for x in found]
    tensors = [torch.tensor(x, dtype=F64) for x in floats]
    truth = function(*tensors)
    return shadows, [np.asarray(x.detach().double()) for x in (truth if isinstance(truth, tuple) else (truth,))]


def with_gradient(function):
    """A function and its gradient to its first argument, of its entries with different weights."""

    def both(first, *others):
        first = first.clone().requires_grad_()
        value = function(first, *others)
        weights = torch.arange(1, value.numel() + 1, dtype=value.dtype).reshape(value.shape)
        return value, torch.autograd.grad((weights * value).sum(), first)[0]

    return both


def in_place(operation):
    """A function that changes a copy of its first argument."""

    def changed(first, *others):
        copy = first.clone()
        operation(copy, *others)
        return copy

    return changed


# operation: a function that performs it, by the names above; `D:` where its gradient is taken too.
CASES = {
    "add": ("D:xx", lambda x, y: torch.add(x, y, alpha=3)),
    "sub": ("D:xy", lambda x, y: torch.sub(x, y, alpha=2)),
    "rsub": ("D:x", lambda x: torch.rsub(x, 2)),
    "mul": ("D:xy", lambda x, y: x * y * 0.3),
    "div": ("D:yv", lambda y, v: y / v),
    "neg": ("D:x", lambda x: -x),
    "exp": ("D:x", torch.exp),
    "log": ("D:y", torch.log),
    "log1p": ("D:y", torch.log1p),
    "expm1": ("D:x", torch.expm1),
    "sigmoid": ("D:x", torch.sigmoid),
    "sigmoid_backward": ("D:x", torch.sigmoid),
    "log_sigmoid_forward": ("D:x", functional.logsigmoid),
    "log_sigmoid_backward": ("D:x", functional.logsigmoid),
    "tanh": ("D:x", torch.tanh),
    "tanh_backward": ("D:x", torch.tanh),
    "softplus": ("D:x", functional.softplus),
    "softplus_backward": ("D:x", lambda x: functional.softplus(x, beta=2, threshold=3)),
    "logaddexp": ("D:xw", torch.logaddexp),
    "xlogy": ("D:yv", torch.xlogy),
    "special_entr": ("D:y", torch.special.entr),
    "pow": ("D:y", lambda y: y**3),
    "reciprocal": ("D:y", torch.reciprocal),
    "abs": ("D:x", torch.abs),
    "sgn": ("D:x", torch.abs),
    "sign": ("x", torch.sign),
    "relu": ("D:x", torch.relu),
    "threshold_backward": ("D:x", torch.relu),
    "threshold": ("D:x", lambda x: functional.threshold(x, 1, -2)),
    "leaky_relu": ("D:x", lambda x: functional.leaky_relu(x, 0.125)),
    "leaky_relu_backward": ("D:x", lambda x: functional.leaky_relu(x, 0.125)),
    "elu": ("D:x", functional.elu),
    "elu_backward": ("D:x", functional.elu),
    "silu": ("D:x", functional.silu),
    "hardtanh": ("D:x", functional.hardtanh),
    "hardtanh_backward": ("D:x", functional.hardtanh),
    "clamp": ("D:x", lambda x: torch.clamp(x, -1, 1)),
    "clamp_min": ("D:x", lambda x: x.clamp_min(0)),
    "clamp_max": ("D:x", lambda x: x.clamp_max(1)),
    "maximum": ("D:xw", torch.maximum),
    "minimum": ("D:xw", torch.minimum),
    "lerp": ("D:yv", lambda y, v: torch.lerp(y, v, 0.25)),
    "addcmul": ("D:yv", lambda y, v: torch.addcmul(y, v, v, value=2)),
    "addcdiv": ("D:yv", lambda y, v: torch.addcdiv(y, v, v + 1, value=2)),
    "where": ("D:x", lambda x: torch.where(x > 0, x, 2 * x)),
    "masked_fill": ("D:x", lambda x: x.masked_fill(EVERY_OTHER, -3)),
    "nan_to_num": ("x", lambda x: torch.nan_to_num(torch.where(EVERY_OTHER, x, -torch.inf), neginf=5)),
    "eq": ("x", lambda x: (x == x.amax()) * x),
    "ne": ("x", lambda x: (x != x.amax()) * x),
    "lt": ("xw", lambda x, w: x < w),
    "le": ("x", lambda x: x <= x[0]),
    "gt": ("xw", lambda x, w: x > w),
    "ge": ("x", lambda x: x >= x[0]),
    "logical_not": ("x", lambda x: torch.logical_not(x - x[0])),
    "logical_and": ("x", lambda x: torch.logical_and(x, x - x[0])),
    "logical_or": ("x", lambda x: torch.logical_or(x - x[0], x - x[1])),
    "logical_xor": ("x", lambda x: torch.logical_xor(x - x[0], x)),
    "isposinf": ("y", lambda y: torch.isposinf(1 / (y - y[0]))),
    "isneginf": ("x", lambda x: torch.isneginf(torch.log(0 * x))),
    "isnan": ("y", lambda y: torch.isnan((y - y[0]) / (y - y[0]))),
    "sum": ("D:x", lambda x: x.sum(1, keepdim=True)),
    "mean": ("D:x", lambda x: x.mean((0, 1))),
    "prod": ("D:y", lambda y: y.prod(1)),
    "var": ("D:y", lambda y: y.var(1)),
    "linalg_vector_norm": ("D:x", lambda x: torch.linalg.vector_norm(x, 1)),
    "amax": ("D:x", lambda x: x.amax(0)),
    "amin": ("D:x", lambda x: x.amin((0, 1))),
    "max": ("D:x", lambda x: x.max(1).values + x.max()),
    "min": ("D:x", lambda x: x.min(0).values + x.min()),
    "argmax": ("x", lambda x: torch.argmax(x, 1)),
    "argmin": ("x", lambda x: torch.argmin(x)),
    "sort": ("D:x", lambda x: torch.sort(x, dim=1, descending=True).values),
    "topk": ("D:x", lambda x: torch.topk(x, 2).values),
    "logsumexp": ("D:x", lambda x: torch.logsumexp(x, 1)),
    "cumsum": ("D:x", lambda x: torch.cumsum(x, 1)),
    "cumprod": ("D:y", lambda y: torch.cumprod(y, 0)),
    "logcumsumexp": ("x", lambda x: torch.logcumsumexp(x, 1)),
    "trace": ("D:m", torch.trace),
    "any": ("x", lambda x: (x > 2).any(1)),
    "all": ("x", lambda x: (x > -9).all()),
    "count_nonzero": ("x", lambda x: torch.count_nonzero(x - x[0])),
    "_softmax": ("D:x", lambda x: torch.softmax(x, 1)),
    "_softmax_backward_data": ("D:x", lambda x: torch.softmax(x, 0)),
    "_log_softmax": ("D:x", lambda x: torch.log_softmax(x, 1)),
    "_log_softmax_backward_data": ("D:x", lambda x: torch.log_softmax(x, 0)),
    "mm": ("D:xm", lambda x, m: x @ m),
    "mv": ("D:xv", lambda x, v: x @ v),
    "dot": ("D:wv", torch.dot),
    "bmm": ("D:bc", torch.bmm),
    "addmm": ("D:xym", lambda x, y, m: torch.addmm(x, y, m, beta=2, alpha=3)),
    "addmv": ("D:wmv", torch.addmv),
    "addr": ("D:mv", lambda m, v: torch.addr(m, v, v)),
    "baddbmm": ("D:bc", lambda b, c: torch.baddbmm(b[:, :, :3], b, c)),
    "addbmm": ("D:bc", lambda b, c: torch.addbmm(b[0, :, :3], b, c)),
    "_linalg_solve_ex": ("D:mv", lambda m, v: torch.linalg.solve(m, v)),
    "linalg_lu_solve": ("D:bc", lambda b, c: torch.linalg.solve(b[:, :, :3], c[:, :3])),
    "linalg_inv_ex": ("D:m", torch.linalg.inv),
    "_linalg_det": ("D:m", torch.linalg.det),
    "linalg_solve_triangular": ("mv", lambda m, v: torch.linalg.solve_triangular(m.triu(), v[:, None], upper=True)),
    "cat": ("D:xy", lambda x, y: torch.cat([x, y], 1)),
    "stack": ("D:xy", lambda x, y: torch.stack([x, y], 1)),
    "flip": ("D:x", lambda x: x.flip(0, 1)),
    "roll": ("D:x", lambda x: torch.roll(x, (1, 2), (0, 1))),
    "repeat": ("D:x", lambda x: x.repeat(2, 1, 2)),
    "tril": ("D:m", lambda m: m.tril(1)),
    "triu": ("D:m", lambda m: m.triu(-1)),
    "diag_embed": ("D:v", torch.diag_embed),
    "diagonal_backward": ("D:b", lambda b: torch.diagonal(b, 1, 1, 2)),
    "slice_backward": ("D:x", lambda x: x[1:, ::2]),
    "select_backward": ("D:x", lambda x: x[:, 1]),
    "constant_pad_nd": ("D:x", lambda x: functional.pad(x, (1, -1, 0, 2), value=0.5)),
    "index_select": ("D:x", lambda x: x.index_select(0, PLACES)),
    "index_add": ("D:xy", lambda x, y: x.index_add(0, PLACES, y, alpha=2)),
    "index_copy": ("D:xy", lambda x, y: x.index_copy(0, torch.tensor([2, 0, 1]), y)),
    "index_fill": ("D:x", lambda x: x.index_fill(1, torch.tensor([3]), 7)),
    "take": ("x", lambda x: x.take(ROWS)),
    "gather": ("D:x", lambda x: x.gather(1, ROWS)),
    "scatter": ("D:xy", lambda x, y: x.scatter(1, torch.tensor([[1, 0], [3, 2]]), y)),
    "scatter_add": ("D:xy", lambda x, y: x.scatter_add(1, ROWS, y)),
    "scatter_reduce": ("xy", lambda x, y: x.scatter_reduce(1, ROWS, y, "amax")),
    "index": ("D:x", lambda x: x[PLACES, 1:] + x[:, EVERY_OTHER][PLACES].sum()),
    "index_put": ("D:xy", lambda x, y: x.index_put((PLACES,), y, accumulate=True)),
    "bincount": ("v", lambda v: torch.bincount(PLACES, weights=v[1:], minlength=5)),
    "searchsorted": ("x", lambda x: torch.searchsorted(x.sort(1).values, x - 0 * x[:1], right=True)),
    "bucketize": ("v", lambda v: torch.bucketize(v, v.sort().values[1:3])),
    "masked_select": ("D:x", lambda x: x.masked_select(EVERY_OTHER)),
    "masked_scatter": ("xy", lambda x, y: x.masked_scatter(EVERY_OTHER, y)),
    "embedding": ("D:x", lambda x: functional.embedding(ROWS, x)),
    "embedding_dense_backward": ("D:x", lambda x: functional.embedding(ROWS, x, padding_idx=1)),
    "clone": ("D:x", torch.clone),
    "_to_copy": ("D:x", lambda x: x.to(torch.float64, copy=True)),
    "copy": ("xy", in_place(lambda x, y: x[1].copy_(y[0]))),
    "fill": ("x", in_place(lambda x: x[:, 1].fill_(0.25))),
    "zero": ("x", in_place(lambda x: x.T[0].zero_())),
    "mse_loss": ("D:yv", lambda y, v: functional.mse_loss(y, v.expand(3, -1))),
    "mse_loss_backward": ("D:yv", lambda y, v: functional.mse_loss(y, v.expand(3, -1), reduction="sum")),
    "binary_cross_entropy": ("D:x", lambda x: functional.binary_cross_entropy(torch.sigmoid(x), x.detach() * 0 + 0.25)),
    "binary_cross_entropy_backward": (
        "D:xv",
        lambda x, v: functional.binary_cross_entropy(torch.sigmoid(x), 0 * x.detach() + 1, v, reduction="sum"),
    ),
    "binary_cross_entropy_with_logits": (
        "D:xv",
        lambda x, v: functional.binary_cross_entropy_with_logits(x, 0 * x.detach() + 0.5, v, pos_weight=v),
    ),
    "soft_margin_loss": ("D:x", lambda x: functional.soft_margin_loss(x, 0 * x.detach() - 1)),
    "soft_margin_loss_backward": ("D:x", lambda x: functional.soft_margin_loss(x, 0 * x.detach() + 1, reduction="sum")),
    "nll_loss_forward": ("D:xv", lambda x, v: functional.cross_entropy(x, PLACES, weight=v)),
    "nll_loss_backward": ("D:xv", lambda x, v: functional.cross_entropy(x, PLACES, v, ignore_index=0, reduction="sum")),
}
OTHERS = {  # made of those above
    "kl_div": ("D:xv", lambda x, v: functional.kl_div(torch.log_softmax(x, 1), v.expand(3, -1), reduction="batchmean")),
    "cross_entropy of probabilities": ("D:xv", lambda x, v: functional.cross_entropy(x, v.expand(3, -1))),
    "einsum": ("D:bc", lambda b, c: torch.einsum("nij,njk->ik", b, c)),
    "l1": ("D:x", lambda x: functional.l1_loss(x, 0 * x.detach())),
    "one_hot": ("x", lambda x: functional.one_hot(x.argmax(1), 4) * x),
    "unbind": ("D:x", lambda x: sum(row * i for i, row in enumerate(x))),
    "split": ("D:x", lambda x: torch.cat(torch.split(x, 2, dim=1)[::-1])),
    "chunk": ("D:x", lambda x: torch.hstack(x.chunk(2, 1))),
    "movedim": ("D:b", lambda b: b.movedim(0, 1).flatten(1).T.contiguous().view(-1, 3)),
    "unfold": ("D:v", lambda v: v.unfold(0, 2, 1).prod(1)),
    "nonzero": ("x", lambda x: x.flatten()[torch.nonzero(x > 0)[:, 0]]),
    "item": ("x", lambda x: x + x[0, 0].item()),
    "full": ("z", lambda z: torch.full((2, 2), z, dtype=F64)),
    "tensor": ("xz", lambda x, z: torch.tensor([[x[0, 0], x[1, 1]], [z, 2.5]], dtype=F64)),
    "data": ("x", in_place(lambda x: x.data.mul_(2))),
    "layer normalization": ("y", lambda y: (y - y.mean(1, keepdim=True)) / y.var(1, unbiased=False, keepdim=True)),
    "out": ("xy", lambda x, y: torch.add(x, y, out=torch.empty(3, 4, dtype=F64))),
    "views in place": ("xv", in_place(lambda x, v: x.T[1:3].unsqueeze(0).transpose(1, 2)[0, :, 0].add_(v[:3]))),
    "mul by log": ("x", lambda x: (x * 2).square_().fill_(1)),
    "numpy": ("x", lambda x: torch.tensor(np.exp(x.numpy()).sum(axis=0), dtype=F64)),
    "vmap": ("D:bm", lambda b, m: torch.func.vmap(lambda row: (row @ m).log().softmax(-1))(b)),
    "jacobian": ("x", lambda x: torch.func.jacrev(torch.func.grad(lambda e: torch.logsumexp(e, 0)))(x[0])),
    "hessian": ("x", lambda x: torch.func.hessian(lambda e: torch.logsumexp(e, 0))(x[0])),
    "decomposed": ("D:x", lambda x: torch.special.expit(x).logit().tanh()),
    "silu": ("v", lambda v: functional.silu(torch.ones_like(v) * 0) + v),
    "glu": ("y", lambda y: functional.glu(torch.cat([y, y.log()], 1))),
    "checkpoint": ("D:x", lambda x: torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False)),
}


def judged_beside_torch(what, function):
    names, gradient = what.removeprefix("D:"), what.startswith("D:")
    names = "xw"[: len(names)] if names == "xx" else names
    shadows, truth = on_numbers(with_gradient(function) if gradient else function, names)
    for mine, true in zip(shadows, truth, strict=True):
        assert mine.shape == true.shape
        finite = np.isfinite(true)
        np.testing.assert_array_equal(mine[~finite], true[~finite])
        allowed = ROUNDED * U * max(1.0, np.abs(true[finite]).max(initial=0.0))
        assert (np.abs(mine - true)[finite] <= allowed).all()


@pytest.mark.parametrize("name", CASES)
def test_operations_do_to_numbers_what_torch_does_to_floats(name, monkeypatch):
    performed = set()
    meaning = torch_performed.meaning
    monkeypatch.setattr(
        torch_performed, "meaning", lambda name, overload: performed.add(name.rstrip("_")) or meaning(name, overload)
    )
    judged_beside_torch(*CASES[name])
    assert name in performed


@pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)  # torch's own, of torch.func.jvp
@pytest.mark.parametrize("name", OTHERS)
def test_what_is_made_of_operations_is_followed(name):
    judged_beside_torch(*OTHERS[name])


def test_there_are_at_least_eighty_operations():
    assert len(CASES) >= 130
    assert set(CASES) <= set(OPERATIONS)


# Right code


@pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)  # torch's own, of torch.func.jvp
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_right_variants_are_proved_and_none_is_refused(variant):
    options = {"to": variant.to, "framework": "torch", "instances": 15, **variant.options}
    verdict = judge(variant.subject, **options)
    assert verdict.outcome == "proved for all", str(verdict)
    assert verdict.proof.log2_error <= -128
    if variant.in_single:
        verdict = judge(variant.subject, dtype=np.float32, field=False, **options)
        assert verdict.agrees, str(verdict)


@pytest.mark.slow
@OF_FORWARD_DERIVATIVES
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_no_right_variant_is_refused_on_many_instances(variant):
    options = {"to": variant.to, "framework": "torch", "field": False, **variant.options}
    for dtype in (np.float64, np.float32)[: 1 + variant.in_single]:
        verdict = judge(variant.subject, dtype=dtype, **options)
        assert verdict.agrees, str(verdict)


def test_the_framework_is_found_out():
    assert len(VARIANTS) >= 50
    found = [variant.name for variant in VARIANTS if subject_of(variant.subject).framework == "torch"]
    assert {variant.name for variant in VARIANTS} - {*found} == {"log_partition_shifted"}  # methods of tensors alone
    assert subject_of(Law(3)).framework == "torch"


class _Shifted(nn.Module):
    def __init__(self, energy):
        super().__init__()
        self.energy = nn.Parameter(energy.clone())

    def forward(self):
        return self.energy.neg().softmax(0)


def _of_a_class(energy):
    return _Shifted(energy)()


@torch.no_grad()
def _decorated(energy):
    return energy.neg().softmax(0)


def answers(function, name, count, *, framework=None, **options):
    """What a function answers on some instances."""
    policy = options.pop("policy_axes", None)
    target = find_target(name, Layout(policy=policy) if policy else Layout())
    subject = subject_of(function, framework=framework)
    asks = (question(target, instance) for instance in instances(target, kinds_for(target, options), count, 0))
    return [asked(subject, one, np.float64) for one in asks if one is not None]


def _of_methods_alone(energy):
    return energy.neg().softmax(0)


def _imported_within(energy):
    import torch.nn.functional as f

    return f.softmax(-energy, 0)


def test_the_framework_is_found_behind_classes_decorators_and_imports():
    for subject in (_of_a_class, _decorated, _imported_within):
        assert subject_of(subject).framework == "torch"
        assert judge(subject, to="ebm.law", instances=15).outcome == "proved for all"


def _with_keywords_alone(energy):
    top = (-energy).max(dim=0).values
    return (-energy - top).exp() / (-energy - top).exp().sum(dim=0, keepdim=True)


def _of_an_array(energy):
    return torch.softmax(-torch.from_numpy(energy), 0).numpy()


def _of_a_copy(energy):
    logits = torch.as_tensor(-energy.copy())
    shifted = logits - np.max(-energy)
    return (shifted - torch.logsumexp(shifted, 0)).exp()


@pytest.mark.parametrize("subject", [_of_methods_alone, _with_keywords_alone, _of_an_array, _of_a_copy])
def test_another_way_to_call_it_is_found_where_the_first_one_raises(subject):
    found = subject_of(subject)
    assert judge(found, to="ebm.law", instances=15).outcome == "proved for all"
    assert found.framework == "torch"


def test_what_works_in_no_way_is_said_as_of_the_first_one():
    def wrong(energy):
        return energy.neg().sotfmax(0)

    answer = answers(wrong, "ebm.law", 1)[0]
    assert "'numpy.ndarray' object has no attribute 'neg'" in answer.detail
    assert "it was given numpy arrays: say framework='torch'" in answer.detail
    answer = answers(_of_an_array, "ebm.law", 1, framework="torch")[0]  # as it was asked for
    assert "expected np.ndarray (got Tensor)" in answer.detail


def test_a_way_that_changes_its_arguments_is_tried_on_copies():
    def subject(energy):
        energy *= 1
        energy.neg_()
        return energy.softmax(0)

    verdict = judge(subject, to="ebm.law", instances=15)
    assert "changed its argument `energy` in place" in verdict.message


def test_single_precision_is_proved_too():
    def gradient(energy, data):
        return torch.softmax(-energy, 0) - data + 0.1 - torch.tensor(0.1)

    verdict = judge(gradient, to="ebm.gradient", dtype=np.float32, instances=20)
    assert (verdict.outcome, verdict.unit_roundoff) == ("proved for all", 2.0**-24)


class Law(nn.Module):
    """exp(-E) / Z, with parameters that change nothing."""

    def __init__(self, n):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.3, dtype=F64))
        self.shift = nn.Linear(n, 1, dtype=F64)

    def forward(self, energy):
        shift = self.shift(torch.ones(3, dtype=F64))
        shifted = self.scale * (energy + 0 * shift)
        return torch.softmax(-shifted / self.scale, 0)


def test_a_module_is_a_subject_and_its_parameters_are_read():
    verdict = judge(Law(3), to="ebm.law", instances=20, largest_energy=50)
    # the parameters of the linear layer are random floats: no number that anybody wrote down
    assert "the float" in verdict.over_field
    assert "which was computed outside of the arrays" in verdict.over_field
    module = Law(3)
    with torch.no_grad():
        for parameter in module.shift.parameters():
            parameter.fill_(0.25)
    verdict = judge(module, to="ebm.law", instances=20, largest_energy=50)
    assert verdict.outcome == "proved for all"


# What torch runs in other ways, what is not public, what is not precise


def _of_a_script(transition: torch.Tensor, reward: torch.Tensor, discount: float, horizon: int):
    rows = [torch.zeros_like(reward[:, 0])]
    for _ in range(horizon):
        rows.append(torch.logsumexp(reward + discount * torch.matmul(transition, rows[-1]), 1))
    rows.reverse()
    return torch.stack(rows)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_a_script_is_followed():
    script = torch.jit.script(_of_a_script)

    def values(transition, initial, horizon, discount, reward):
        return script(transition, reward, discount, horizon)

    options = {"instances": 15, "terminal": False, "unavailable": False}
    assert judge(values, to="soft_solution.v", **options).outcome == "proved for all"


@pytest.mark.slow
def test_what_torch_would_compile_is_followed_as_it_is(caplog):
    compiled = torch.compile(lambda energy: torch.softmax(-energy, 0), backend="eager")
    assert judge(compiled, to="ebm.law", instances=15, framework="torch").outcome == "proved for all"
    assert not [record for record in caplog.records if record.levelname == "WARNING"]  # about our own code


@pytest.mark.parametrize("name", [*torch_names.TAKEN, *torch_names.USED[2:]], ids=".".join)
def test_without_a_name_of_torch_floats_decide(name, monkeypatch):
    *path, last = name[1].split(".")
    for module in ("torch_names", "torch_performed", "torch_followed"):
        monkeypatch.delitem(sys.modules, f"equivalence.testing.adapters.{module}")
    subject = subject_of(_decorated)
    with monkeypatch.context() as without:
        without.delattr(functools.reduce(getattr, path, importlib.import_module(name[0])), last)
        found = over_field(subject, TARGETS["ebm.law"], kinds_of(False, {}))
    assert found.outcome == "out of reach"
    says = f"torch {torch.__version__} has no {'.'.join(name)}: torch code is followed with 2.13"
    assert says in found.detail


def test_a_release_without_a_module_of_torch_is_told_too():
    with pytest.raises(Untraceable, match=r"has no torch\.nowhere\.what: torch code is followed with"):
        torch_names.taken("torch.nowhere", "what")


def test_distributions_keep_probabilities_off_zero_and_one_in_floats_alone():
    def divergence(transition, initial, horizon, discount, policy, expert_policy):
        total, mu = 0, initial
        for pi, expert in zip(policy, expert_policy, strict=True):
            of_states = torch.distributions.kl_divergence(Categorical(pi), Categorical(expert))
            total = total + mu @ of_states
            mu = torch.einsum("s,sa,sax->x", mu, pi, transition)
        return total

    options = {"instances": 15, "terminal": False, "unavailable": False}
    verdict = judge(divergence, to="policy_divergences.trajectory_kl", **options)
    assert verdict.outcome == "proved here"
    assert Categorical(torch.tensor([0.0, 1.0])).logits[0] > -50  # as ever


def test_what_comes_back_in_single_precision_is_judged_as_that_in_both():
    def returned(energy):
        return torch.softmax(-energy.float(), 0)

    def inside(energy):
        return torch.softmax(-energy * torch.tensor(0.1).double() ** 8 * 1e8, 0)

    verdict = judge(returned, to="ebm.law", instances=15)
    assert (verdict.outcome, verdict.unit_roundoff) == ("proved for all", 2.0**-24)
    found = over_field(subject_of(inside), TARGETS["ebm.law"], kinds_of(False, {}))
    assert found.outcome == "out of reach"
    assert "as if these were of single precision" in found.detail


@pytest.mark.parametrize("mask", [-1e9, torch.finfo(F64).min, -100.0])
def test_masks_stand_for_what_cannot_be(mask):
    def values(transition, initial, horizon, discount, reward):
        rows = [torch.zeros_like(initial)]
        for _ in range(horizon):
            q = (reward + discount * transition @ rows[-1]).masked_fill(transition.sum(-1) == 0, mask)
            rows.append(torch.logsumexp(q, 1))
        return torch.stack(rows[::-1])

    found = over_field(
        subject_of(values), TARGETS["soft_solution.v"], kinds_of(True, {"terminal": False, "temperatures": (1,)})
    )
    assert found.outcome == ("out of reach" if mask == -100 else "proved for all"), found.detail
    if found.proof is not None:
        assert found.proof.branches > 0


def test_numbers_among_tensors_are_followed():
    def loss(energy, noise, data, log_normalizer, noise_ratio):
        on = noise > 0
        logit = -energy[on] - log_normalizer - np.log(noise_ratio) - torch.from_numpy(np.log(noise[on].numpy()))
        first = noise_ratio * noise.numpy()[0]
        on_noise = noise_ratio * noise[on] @ functional.softplus(logit, threshold=1e3)
        return data[on] @ functional.softplus(-logit, threshold=1e3) + on_noise + torch.sin(0 * noise[0]) * first

    def gradient(energy, noise, data, log_normalizer, noise_ratio):
        energy = energy.clone().requires_grad_()
        return torch.autograd.grad(loss(energy, noise, data, log_normalizer, noise_ratio), energy)[0]

    verdict = judge(gradient, to="nce.gradient.energy", instances=15, framework="torch")
    assert verdict.outcome == "proved for all", str(verdict)


# Errors below all floats, and time


@pytest.mark.parametrize("error", [2.0**-40, 2.0**-45, -(2.0**-48)])
def test_a_small_error_is_refuted_by_proof(error):
    def planted(*arguments):
        return gradient_of_autograd(*arguments) * (1 + error)

    found = over_field(subject_of(planted), TARGETS["causal.gradient"], kinds_of(True, {"temperatures": (1,)}))
    assert found.outcome == "refuted"
    assert "off by" in found.detail


@pytest.mark.parametrize("subject", [gradient_of_autograd, gradient_of_backward, gradient_of_counts])
def test_ten_states_and_ten_steps_are_proved(subject):
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


# What cannot be followed is named, and floats decide


LEAVES = {
    "erf": (lambda e: torch.softmax(-e, 0) + 0 * torch.erf(e), "prims.erf, which has no meaning over a field"),
    "float": (lambda e: torch.softmax(-e, 0) * (float(e[0]) / float(e[0]) if e[0] else 1), "float(x)"),
    "python number": (lambda e: torch.softmax(-e * math.exp(1) / math.e, 0), "the float 2.718281828459045"),
    "tolerance": (lambda e: torch.softmax(-e, 0) * (2 if torch.allclose(e, e + 1) else 1), "torch.allclose"),
    "sampled": (lambda e: e.softmax(0)[torch.multinomial(e.softmax(0), len(e), replacement=True)], "random numbers"),
    "small": (
        lambda e: torch.softmax(-e, 0) * (1.0 if (e - e[0]).abs().sum() < 1e-9 else 1),
        "a comparison with 1e-09",
    ),
    "random": (lambda e: torch.softmax(-e + 0 * torch.rand_like(e), 0), "random numbers"),
    "unfilled": (lambda e: torch.softmax(-e, 0) + 0 * torch.empty_like(e).clamp(0, 1), "memory that was not filled"),
    "bits": (lambda e: torch.softmax(-(e.view(torch.int64) + 0).view(F64), 0), "torch.float64 seen as torch.int64"),
    "sparse": (lambda e: torch.softmax(-e.to_sparse().to_dense(), 0), "layout"),
    "complex": (lambda e: torch.softmax(-(torch.complex(e, 0 * e) * 1).real, 0), "complex numbers"),
    "pickled": (
        lambda e: torch.softmax(-torch.frombuffer(bytearray(np.float64(e.detach().tolist())), dtype=F64), 0),
        "float(x)",
    ),
    "raises": (lambda e: torch.softmax(-e, 0) @ torch.eye(e.shape[0] + 0 * e.foo), "AttributeError"),
    "endless": (lambda e: sum((e * 1 for _ in range(10**7)), e), "more than 900 operations of torch"),
}


@pytest.mark.parametrize("what", LEAVES)
def test_what_cannot_be_followed_is_named(what, monkeypatch):
    monkeypatch.setattr(torch_performed, "MOST", 900)
    subject, says = LEAVES[what]
    found = over_field(subject_of(subject, framework="torch"), TARGETS["ebm.law"], kinds_of(False, {}))
    assert found.outcome == "out of reach"
    assert says in found.detail
    assert "(test_torch_code.py:" in found.detail


def test_the_line_of_a_backward_pass_is_named():
    class Odd(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad * torch.special.erfc(0 * ctx.saved_tensors[0])

    def subject(energy, data):
        energy = energy.clone().requires_grad_()
        return torch.autograd.grad(-torch.logsumexp(-Odd.apply(energy), 0), energy)[0] - data

    verdict = judge(subject, to="ebm.gradient", instances=20)
    assert verdict.outcome == "consistent"
    assert "prims.erfc, which has no meaning over a field (test_torch_code.py:" in verdict.over_field


def test_what_is_not_returned_does_no_harm():
    def subject(energy):
        torch.erf(energy).sum()
        unused = torch.rand_like(energy) * math.pi
        masked = torch.where(torch.zeros_like(energy, dtype=torch.bool), unused, energy)
        return torch.softmax(-masked, 0)

    assert judge(subject, to="ebm.law", instances=20).outcome == "proved for all"


def test_branches_of_python_are_counted_and_said():
    def subject(energy):
        top = -energy[0]
        for x in -energy:
            if x > top:
                top = x
        return top + torch.log(torch.exp(-energy - top).sum())

    verdict = judge(subject, to="ebm.log_partition", instances=20)
    assert verdict.outcome == "proved for all"
    assert verdict.proof.branches > 0
    assert "on this path of" in str(verdict)


def test_numbers_that_leave_torch_and_come_back_are_followed_or_noticed():
    def through_numpy(energy):
        return torch.softmax(torch.tensor(-energy.numpy(), dtype=energy.dtype), 0)

    def through_memory(energy):
        address = energy.data_ptr()
        size = energy.numel() * energy.element_size()
        held = np.frombuffer((ctypes.c_char * size).from_address(address), dtype=np.float64)
        return torch.softmax(-torch.tensor(held.copy()), 0)

    verdict = judge(through_numpy, to="ebm.law", instances=20)
    assert verdict.outcome == "proved for all"
    verdict = judge(through_memory, to="ebm.law", instances=20)
    assert verdict.outcome == "consistent"
    assert "which was computed outside of the arrays" in verdict.over_field


def test_an_argument_that_is_changed_in_place_is_seen():
    def subject(energy):
        energy -= energy.min()
        return torch.softmax(-energy, 0)

    verdict = judge(subject, to="ebm.law", instances=20)
    assert verdict.outcome == "differs"
    assert "changed its argument `energy` in place" in str(verdict)


def test_probabilities_of_one_may_be_targets_of_cross_entropies():
    def subject(transition, initial, horizon, discount, policy):
        loss = functional.binary_cross_entropy(policy, policy.detach(), reduction="none")
        moved = [initial]
        for pi in policy:
            moved.append(torch.einsum("s,sa,sax->x", moved[-1], pi, transition))
        return torch.stack(moved) if loss.shape else loss

    target = TARGETS["state_marginals"]
    found = over_field(subject_of(subject), target, kinds_for(target, {"terminal": False}))
    assert found.outcome == "proved for all", found.detail


def test_floats_are_given_as_the_judge_has_them():
    array = np.arange(3.0, dtype=np.float32)

    def subject(x, horizon, discount):
        assert x.dtype == torch.float32
        assert (type(horizon), type(discount)) == (int, float)
        return x.requires_grad_() * 2, [x.sum(), discount]

    doubled, (total, discount) = torch_code.in_floats(subject, np.float32)(array, 3, 0.5)
    np.testing.assert_array_equal(doubled, 2 * array)
    assert (total, discount) == (3, 0.5)


def test_lost_numbers_spoil_what_depends_on_them_alone():
    def subject(x):
        lost = torch.erf(x)
        mixed = torch.cat([lost[:1], x[1:]])
        return mixed[1:].cumsum(0)

    shadows, truth = on_numbers(subject, "x")
    np.testing.assert_array_equal(shadows[0].shape, truth[0].shape)
    with pytest.raises(Untraceable, match=r"prims\.erf"):
        on_numbers(lambda x: torch.cat([torch.erf(x)[:1], x[1:]]).cumsum(0), "x")
    with pytest.raises(Untraceable, match=r"prims\.erf"):
        on_numbers(lambda x: x if torch.erf(x).sum() > 0 else -x, "x")


# The museum

pieces = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
IN_FLOATS_ALONE = {  # what differs is an argument that is changed, rounding, a cut-off, or what cannot be followed
    "cross_entropy_of_probabilities",
    "probabilities_as_logits",
    "shifted_in_place",
    "softplus_cut_off",
    "sigmoid_before_cross_entropy",
    "infinite_rows_behind_where",
    "rewards_masked_in_place",
    "zeros_of_single_precision",
}


def test_there_are_enough_pieces():
    assert len({piece.name for piece in PIECES}) == len(PIECES) >= 20
    assert {piece.framework for piece in PIECES} == {"torch"}
    assert not {piece.name for piece in PIECES} & {piece.name for piece in museum.PIECES}
    assert all(len(piece.text) > 20 for piece in PIECES)


@pieces
def test_pieces_are_refuted(piece):
    options = dict(piece.options)
    policy = options.pop("policy_axes", None)
    target = find_target(piece.target, Layout(policy=policy) if policy else Layout())
    if piece.name in IN_FLOATS_ALONE:
        found = answers(piece.function, piece.target, 60, framework="torch", **piece.options)
        assert max(answer.margin for answer in found) > 1
    else:
        found = over_field(subject_of(piece.function, framework="torch"), target, kinds_for(target, options))
        assert found.outcome == "refuted", found.detail


@pytest.mark.parametrize("piece", {piece.twin: piece for piece in PIECES}.values(), ids=lambda p: p.twin.__name__)
def test_twins_are_proved(piece):
    verdict = judge(piece.twin, to=piece.target, framework="torch", instances=20, **piece.options)
    nothing_free = piece.target.startswith("demonstrations")
    assert verdict.outcome == ("proved here" if nothing_free else "proved for all"), str(verdict)


@pytest.mark.slow
@pieces
def test_the_diagnosis_is_the_mistake(piece):
    found = diagnose(piece.function, to=piece.target, instances=60, **piece.options)
    assert (" + ".join(found.names) or "unknown") == piece.mistake


@pytest.mark.slow
@pieces
def test_pieces_and_twins_whatever_the_seed(piece):
    options = {"to": piece.target, "framework": "torch", "field": False, **piece.options}
    for seed in (1, 2):
        assert judge(piece.twin, instances=100, seed=seed, **options).agrees
        assert not judge(piece.function, instances=300, seed=seed, **options).agrees


def test_an_assertion_in_a_subject_says_nothing_of_its_framework():
    """pytest rewrites it to calls of its own, which know of torch."""

    def with_an_assertion(energy):
        assert energy.ndim == 1, energy
        return np.exp(-energy) / np.exp(-energy).sum()

    assert framework_of(with_an_assertion) == "numpy"
