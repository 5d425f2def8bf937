"""Activations of torch, and their backward passes.

Each is a function of arrays of numbers that are followed, with the argument names of its ATen operation. What torch
decides by the value, where softplus becomes the identity say, the shadows decide here.
"""

from collections.abc import Callable
from typing import Any

import scipy.special

from equivalence.testing.adapters.numbers import is_less, traced
from equivalence.testing.adapters.torch_entries import (
    ADD,
    ENTRIES,
    MUL,
    NEG,
    SIGMOID,
    SUB,
    clamped,
    entrywise,
    meaning_of,
    registrar,
)

ACTIVATIONS: dict[str, Callable[..., Any]] = {}
called = registrar(ACTIVATIONS)


def is_positive(x: Any) -> bool:
    """Whether a number is above 0."""
    return is_less(traced(0).number, x.number)


@called("relu")
def _relu(self):
    return entrywise(lambda x: x if is_positive(x) else traced(0))(self)


def _softplus(x: Any, beta: Any, threshold: Any) -> Any:
    return x if is_less(threshold.number, (x * beta).number) else (1 + (x * beta).exp()).log() / beta


@called("softplus")
def _softplus_of(self, beta=1, threshold=20):
    return entrywise(_softplus, 3)(self, beta, threshold)


@called("softplus_backward")
def _softplus_backward(grad_output, self, beta=1, threshold=20):
    def factor(x: Any, scale: Any, most: Any) -> Any:
        return traced(1) if is_less(most.number, (x * scale).number) else meaning_of(scipy.special.expit)(x * scale)

    return MUL(grad_output, entrywise(factor, 3)(self, beta, threshold))


@called("log_sigmoid_forward")
def _log_sigmoid_forward(self):
    return ENTRIES["log_sigmoid"](self), None


@called("log_sigmoid_backward")
def _log_sigmoid_backward(grad_output, self, buffer=None):
    return MUL(grad_output, SIGMOID(NEG(self)))


@called("sigmoid_backward")
def _sigmoid_backward(grad_output, output):
    return MUL(grad_output, MUL(output, SUB(1, output)))


@called("tanh_backward")
def _tanh_backward(grad_output, output):
    return MUL(grad_output, SUB(1, MUL(output, output)))


@called("threshold_backward")
def _threshold_backward(grad_output, self, threshold):
    passes = entrywise(lambda x, most, g: g if is_less(most.number, x.number) else traced(0), 3)
    return passes(self, threshold, grad_output)


@called("threshold")
def _threshold(self, threshold, value):
    kept = entrywise(lambda x, most, other: x if is_less(most.number, x.number) else other, 3)
    return kept(self, threshold, value)


@called("hardtanh")
def _hard_tanh(self, min_val=-1, max_val=1):
    return clamped(self, min_val, max_val)


@called("hardtanh_backward")
def _hard_tanh_backward(grad_output, self, min_val, max_val):
    def passed(g: Any, x: Any, low: Any, high: Any) -> Any:
        return g if is_less(low.number, x.number) and is_less(x.number, high.number) else traced(0)

    return entrywise(passed, 4)(grad_output, self, min_val, max_val)


@called("leaky_relu")
def _leaky_relu(self, negative_slope=0.01):
    return entrywise(lambda x, slope: x if is_positive(x) else x * slope, 2)(self, negative_slope)


@called("leaky_relu_backward")
def _leaky_relu_backward(grad_output, self, negative_slope, self_is_result=False):
    sloped = entrywise(lambda g, x, slope: g if is_positive(x) else g * slope, 3)
    return sloped(grad_output, self, negative_slope)


@called("elu")
def _elu(self, alpha=1, scale=1, input_scale=1):
    def value(x: Any, a: Any, c: Any, k: Any) -> Any:
        return c * x if is_positive(x) else c * a * ((x * k).exp() - 1)

    return entrywise(value, 4)(self, alpha, scale, input_scale)


@called("elu_backward")
def _elu_backward(grad_output, alpha, scale, input_scale, is_result, self_or_result):
    def slope(g: Any, x: Any, a: Any, c: Any, k: Any) -> Any:
        if is_positive(x):
            return g * c
        return g * k * (x + c * a) if is_result else g * k * c * a * (x * k).exp()

    return entrywise(slope, 5)(grad_output, self_or_result, alpha, scale, input_scale)


@called("silu")
def _silu(self):
    return MUL(self, SIGMOID(self))


@called("silu_backward")
def _silu_backward(grad_output, self):
    x = self
    d = SIGMOID(x)
    return MUL(grad_output, MUL(d, ADD(1, MUL(x, SUB(1, d)))))
