"""Factored actions: an action is a tuple of components, one for each light, joint or agent.

With n_k choices for component k there are A = n_1 ... n_K actions, numbered with the last component fastest, and a
table [..., a] is one over [..., a_1, ..., a_K]. Every policy factors autoregressively,

    pi(a | s) = prod_k pi_k(a_k | s, a_1 ... a_{k-1}),

and so do, by the chain rule, its causal entropy and its divergence from another policy:

    H(pi)        = sum_k sum_t gamma^t E[-log pi_k(a_k | s, a_<k)]
    KL(pi, pi')  = sum_k sum_t gamma^t E[log pi_k(a_k | s, a_<k) - log pi'_k(a_k | s, a_<k)],

expectations under pi; with gamma = 1 the second is the divergence of the laws of trajectories. A policy whose
components are independent given the state is a product of its marginals pi(a_k | s). No other product is nearer to
pi, and what is missing is the conditional total correlation

    TC(pi) = sum_t gamma^t E_{s_t}[sum_k H(pi_t(a_k | s_t)) - H(pi_t(a | s_t))]  >=  0,

which is 0 if and only if the components of pi are independent in each state that it visits. So the logit of a
discriminator is a sum over components for autoregressive policies, always, and for independent components where the
total correlation of both is 0.
Expectations over time are those of a finite horizon.
Source: cover2006.
"""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from mdps import scalars
from mdps.arguments import checked_horizon, checked_policy
from mdps.errors import InvalidArgument
from mdps.model import MDP
from mdps.occupancy import marginals


def action_index(sizes: Sequence[int], components: Any) -> np.ndarray:
    """The number of the action with these components [..., k], an integer [...].

    >>> int(action_index((2, 3), (1, 2))), action_components((2, 3), 5).tolist()
    (5, [1, 2])
    """
    sizes = _checked_sizes(sizes)
    chosen = np.asarray(components)
    fits = chosen.dtype.kind in "iu" and chosen.shape[-1:] == (len(sizes),)
    if not fits or ((chosen < 0) | (chosen >= np.array(sizes))).any():
        raise InvalidArgument(f"components is {components!r}; expected {len(sizes)} numbers, below {sizes}")
    return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(chosen, -1, 0)), sizes))


def action_components(sizes: Sequence[int], action: Any) -> np.ndarray:
    """The components of actions [...], integers [..., k]."""
    sizes = _checked_sizes(sizes)
    index = np.asarray(action)
    if index.dtype.kind not in "iu" or ((index < 0) | (index >= math.prod(sizes))).any():
        raise InvalidArgument(f"action is {action!r}; expected numbers from 0 to {math.prod(sizes) - 1}")
    return np.stack(np.unravel_index(index, sizes), axis=-1)


def by_component(table: Any, sizes: Sequence[int], *, axis: int = -1) -> np.ndarray:
    """A table [..., a] as one over [..., a_1, ..., a_K], without a copy where numpy can; -2 for a in [s, a, s']."""
    sizes, array = _checked_sizes(sizes), np.asarray(table)
    if not -array.ndim <= axis < 0 or array.shape[axis] != math.prod(sizes):
        raise InvalidArgument(
            f"table has shape {array.shape}; expected on axis {axis} {math.prod(sizes)} actions, the product of {sizes}"
        )
    return array.reshape(*array.shape[:axis], *sizes, *array.shape[array.ndim + axis + 1 :])


def of_components(table: Any, sizes: Sequence[int], *, axis: int = -1) -> np.ndarray:
    """A table [..., a_1, ..., a_K] as one over [..., a]; the inverse of `by_component`.

    >>> lights = np.zeros((4, 2, 2, 4))  # [s, a_1, a_2, s']: two switches
    >>> of_components(lights, (2, 2), axis=-2).shape
    (4, 4, 4)
    """
    sizes, array = _checked_sizes(sizes), np.asarray(table)
    last = array.ndim + axis + 1
    first = last - len(sizes)
    if axis >= 0 or first < 0 or array.shape[first:last] != sizes:
        raise InvalidArgument(f"table has shape {array.shape}; expected axes {sizes} that end at axis {axis}")
    return array.reshape(*array.shape[:first], -1, *array.shape[last:])


def conditionals(policy: Any, sizes: Sequence[int]) -> tuple[np.ndarray, ...]:
    """The factors pi_k(a_k | s, a_1 ... a_{k-1}) of a policy [..., s, a], the k-th of shape [..., s, a_1, ..., a_k].

    Where a_1 ... a_{k-1} has probability 0 the row of a_k is zero.
    """
    joint = by_component(policy, sizes)
    prefixes = _prefixes(joint, len(sizes))
    factors = []
    for shorter, longer in pairwise(prefixes):
        given = np.broadcast_to(shorter[..., None], longer.shape)
        possible = ~scalars.zero_mask(given)
        factors.append(scalars.over(possible, np.divide, longer, given, otherwise=scalars.constant(0, longer)))
    return tuple(factors)


def autoregressive_policy(factors: Sequence[Any]) -> np.ndarray:
    """The policy [..., s, a] of factors pi_k of shape [..., s, a_1, ..., a_k]; the inverse of `conditionals`."""
    tables = [np.asarray(factor) for factor in factors]
    if not tables or any(x.shape != y.shape[:-1] for x, y in pairwise(tables)):
        shapes = [x.shape for x in tables]
        raise InvalidArgument(f"factors have shapes {shapes}; expected [..., a_1], [..., a_1, a_2] and so on")
    joint = reduce(lambda prefix, factor: prefix[..., None] * factor, tables)
    return of_components(joint, joint.shape[joint.ndim - len(tables) :])


def component_marginals(policy: Any, sizes: Sequence[int]) -> tuple[np.ndarray, ...]:
    """The marginals pi(a_k | s) of a policy [..., s, a], the k-th of shape [..., s, a_k]."""
    joint = by_component(policy, sizes)
    axes = range(-len(sizes), 0)
    return tuple(joint.sum(axis=tuple(axis for axis in axes if axis != kept)) for kept in axes)


def independent_policy(components: Sequence[Any]) -> np.ndarray:
    """The policy [..., s, a] whose components are independent, with the laws [..., s, a_k].

    >>> fair, sure = [[0.5, 0.5]], [[0.0, 1.0]]
    >>> independent_policy([fair, sure])
    array([[0. , 0.5, 0. , 0.5]])
    """
    laws = [np.asarray(law) for law in components]
    if not laws or len({law.shape[:-1] for law in laws}) > 1 or any(law.ndim == 0 for law in laws):
        raise InvalidArgument(f"components have shapes {[law.shape for law in laws]}; expected [..., s, a_k]")
    joint, n_before = laws[0], 1
    for law in laws[1:]:
        joint = joint[..., None] * law.reshape(*law.shape[:-1], *(1,) * n_before, law.shape[-1])
        n_before += 1
    return of_components(joint, joint.shape[joint.ndim - len(laws) :])


def causal_entropy_by_component(mdp: MDP, policy: Any, sizes: Sequence[int]) -> np.ndarray:
    """sum_t gamma^t E[-log pi_k(a_k | s_t, a_<k)], [..., k] in nats; its sum is the causal entropy."""
    _check_actions(mdp, sizes)
    steps = checked_policy(mdp, policy)
    return -_expected_logs(mdp, marginals(mdp, policy), steps, sizes)


def kl_by_component(mdp: MDP, policy: Any, other: Any, sizes: Sequence[int]) -> np.ndarray:
    """sum_t gamma^t E_pi[log pi_k - log pi'_k], [..., k] in nats; with gamma = 1 its sum is KL(p_pi || p_pi').

    Errors: `InvalidArgument` where pi' never does what pi does, so that the divergence is infinite.
    """
    _check_actions(mdp, sizes)
    steps, others = checked_policy(mdp, policy), checked_policy(mdp, other, "other")
    visited = marginals(mdp, policy)
    uncovered = ~scalars.zero_mask(visited) & scalars.zero_mask(others)
    if uncovered.any():
        at = np.argwhere(uncovered)[0].tolist()
        raise InvalidArgument(f"the divergence is infinite: other{at} ([t, s, a]) is 0 where the policy acts")
    return _expected_logs(mdp, visited, steps, sizes) - _expected_logs(mdp, visited, others, sizes)


def total_correlation(mdp: MDP, policy: Any, sizes: Sequence[int]) -> Any:
    """sum_t gamma^t E_{s_t}[KL(pi_t(. | s) || prod_k pi_t(a_k | s))] in nats, one number for each model of a stack.

    By how much the nearest policy with independent components misses this one, in the divergence of
    `kl_by_component`; that policy may do what is not available, and is then none of the model.
    """
    _check_actions(mdp, sizes)
    steps = checked_policy(mdp, policy)
    visited = by_component(marginals(mdp, policy), sizes)
    apart = by_component(independent_policy(component_marginals(steps, sizes)), sizes)
    joint = by_component(steps, sizes)
    return _discounted(mdp, _log_ratios(visited, joint, apart), len(sizes))


def _expected_logs(mdp: MDP, visited: np.ndarray, steps: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """sum_t gamma^t sum mu_t log pi_k, [..., k]."""
    reached = _prefixes(by_component(visited, sizes), len(sizes))
    prefixes = _prefixes(by_component(steps, sizes), len(sizes))
    logs = []
    for k in range(1, len(sizes) + 1):
        given = np.broadcast_to(prefixes[k - 1][..., None], prefixes[k].shape)
        logs.append(_discounted(mdp, _log_ratios(reached[k], prefixes[k], given), k))
    return np.stack(logs, axis=-1)


def _log_ratios(weight: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """w log(top / bottom), 0 where w is 0."""
    return scalars.over(
        ~scalars.zero_mask(weight),
        lambda w, x, y: w * (scalars.log(x) - scalars.log(y)),
        weight,
        top,
        bottom,
        otherwise=scalars.constant(0, weight),
    )


def _discounted(mdp: MDP, terms: np.ndarray, n_components: int) -> Any:
    """sum_t gamma^t of terms [..., t, s, a_1, ..., a_k]."""
    by_step = terms.sum(axis=tuple(range(-n_components - 1, 0)))
    weights = np.array([mdp.discount**t for t in range(by_step.shape[-1])], dtype=by_step.dtype)
    return (by_step * weights).sum(axis=-1)


def _prefixes(joint: np.ndarray, n_components: int) -> list[np.ndarray]:
    """Sums of [..., a_1, ..., a_K] over the last K, K-1, ..., 0 components."""
    tables = [joint]
    for _ in range(n_components):
        tables.append(tables[-1].sum(axis=-1))
    return tables[::-1]


def _checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    given = tuple(sizes)
    if not given or not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in given):
        raise InvalidArgument(f"sizes is {sizes!r}; expected how many choices each component has, such as (2, 2, 3)")
    return tuple(int(n) for n in given)


def _check_actions(mdp: MDP, sizes: Sequence[int]) -> None:
    checked_horizon(mdp)
    if math.prod(_checked_sizes(sizes)) != mdp.n_actions:
        raise InvalidArgument(
            f"sizes {tuple(sizes)} make {math.prod(sizes)} actions; the model has {mdp.n_actions} actions"
        )
