"""The gradient of maximum causal entropy in each framework, as one writes it there, for the judge to read.

By hand in numpy, and by automatic differentiation of the dual in JAX and torch, which are optional.
"""

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special
from flint import fmpq

from mdps import MDP, scalars

TARGET = "causal.gradient"

Gradient = Callable[..., Any]


def in_numpy() -> Gradient:
    """By hand: backwards through the values, forwards through the visits."""

    def gradient(transition: Any, initial: Any, horizon: int, discount: Any, reward: Any, expert: Any) -> Any:
        v, policies = np.zeros(len(initial)), []
        for _ in range(horizon):
            q = reward + discount * transition @ v
            policies.insert(0, scipy.special.softmax(q, axis=1))
            v = scipy.special.logsumexp(q, axis=1)
        visits, mu = np.zeros(reward.shape), initial
        for t, policy in enumerate(policies):
            visits += discount**t * mu[:, None] * policy
            mu = np.einsum("s,sa,sax->x", mu, policy, transition)
        return expert - visits

    return gradient


def in_jax() -> Gradient:
    """jax.grad of the dual, whose values are scanned."""
    jax: Any = importlib.import_module("jax")

    def gradient(transition: Any, initial: Any, horizon: int, discount: Any, reward: Any, expert: Any) -> Any:
        def dual(reward: Any) -> Any:
            def backup(v: Any, _: Any) -> Any:
                return jax.nn.logsumexp(reward + discount * transition @ v, axis=1), None

            v, _ = jax.lax.scan(backup, jax.numpy.zeros(len(initial)), None, length=horizon)
            return (expert * reward).sum() - initial @ v

        return jax.grad(dual)(reward)

    return gradient


def in_torch() -> Gradient:
    """torch.autograd.grad of the dual."""
    torch: Any = importlib.import_module("torch")

    def gradient(transition: Any, initial: Any, horizon: int, discount: Any, reward: Any, expert: Any) -> Any:
        reward = reward.detach().requires_grad_()
        v = torch.zeros_like(initial)
        for _ in range(horizon):
            v = torch.logsumexp(reward + discount * (transition @ v), dim=1)
        [slope] = torch.autograd.grad((expert * reward).sum() - initial @ v, reward)
        return slope

    return gradient


GRADIENTS: dict[str, Callable[[], Gradient]] = {"numpy": in_numpy, "jax": in_jax, "torch": in_torch}


def reward(shape: Sequence[int]) -> np.ndarray:
    """Different rational rewards k / 7, so that no two actions tie."""
    size = math.prod(shape)
    ranks = np.random.default_rng(0).permutation(size).reshape(shape)
    return scalars.convert(ranks - size // 2, "exact") / 7


def instance(mdp: MDP, reward: np.ndarray, expert: np.ndarray) -> Mapping[str, Any]:
    """What the target is asked about."""
    return {"mdp": mdp, "reward": reward, "expert": expert, "temperature": fmpq(1)}


def times_factor(framework: str, mask: np.ndarray, error: Any) -> Gradient:
    """The gradient with a factor 1 + error where the mask [s, a] is; JAX and torch have it as a float."""
    right = GRADIENTS[framework]()

    def wrong(*arguments: Any) -> Any:
        gradient, factor = right(*arguments), 1 + error
        if framework == "numpy":
            return np.where(mask, gradient * factor, gradient)
        library: Any = importlib.import_module({"jax": "jax.numpy"}.get(framework, framework))
        return library.where(library.asarray(mask), gradient * float(factor), gradient)

    return wrong
