"""Direct preference optimization: a policy from comparisons of its responses, without a reward.

A law c(x, w, l) says how often responses to prompt x are compared and w is preferred to l. A policy of logits
theta(x, y) is read as the reward alpha log(pi / ref), whose normalizer drops out of differences:

    m(x, w, l) = alpha [theta(w) - theta(l) - log ref(w) + log ref(l)]              the margin
    L          = sum_{x, w, l} c(x, w, l) (-log sigmoid(m))                        minimized
    dL/dtheta(x, y)   = alpha sum_z [c(z, y) sigmoid(-m(z, y)) - c(y, z) sigmoid(-m(y, z))]
    d2L/dtheta2(x)    = alpha^2 times the Laplacian of the weights (c(y, z) + c(z, y)) sigmoid(m) sigmoid(-m)

L is convex in theta, and in each prompt constant along every shift of a component of the graph of compared pairs: one
constant for the normalizer of the policy, and one more for each further component, which decides how much of the mass
each component gets, and which no comparison knows.

Bradley and Terry's preferences p(y > z) = sigmoid(r(y) - r(z)) make the optimum of `rlhf` a minimum, whatever pairs are
compared and however often; the only one, as a policy, where the pairs connect all responses. Under other preferences
the minimum is that of the Bradley-Terry rewards of largest likelihood, `bradley_terry.fit`: it depends on which pairs
are compared and how often. Comparisons across prompts have no margin here: each prompt has a normalizer of its own.
Source: rafailov2023; bradley1952.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives import bradley_terry
from equivalence.objectives.responses import checked
from mdps import InvalidArgument, scalars


class Optimum(NamedTuple):
    """The policy [..., x, y] of least loss, and a bound on the error of its log-probabilities [..., x], in nats.

    The bound is that of the fit; the rounding of the last step is not in it.
    """

    policy: np.ndarray
    error_bound: np.ndarray


def comparisons(preferences: Any, pairs: Any) -> np.ndarray:
    """c(x, w, l) of pairs drawn from a law [..., x, y, z] and judged with p(y > z) [..., x, y, z].

    c(w, l) = (pairs(w, l) + pairs(l, w)) p(w > l).
    """
    preferences, pairs = checked(preferences=preferences, pairs=pairs)
    return (pairs + np.swapaxes(pairs, -1, -2)) * preferences


def margins(logits: Any, reference: Any, *, temperature: Any = 1) -> np.ndarray:
    """alpha [theta(w) - theta(l) - log ref(w) + log ref(l)], [..., x, w, l]; 0 where ref(w) or ref(l) is 0."""
    logits, reference, alpha = checked(logits=logits, reference=reference, temperature=temperature)
    return _margins(logits, reference, alpha[()])


def loss(logits: Any, reference: Any, comparisons: Any, *, temperature: Any = 1) -> Any:
    """L = sum c (-log sigmoid(m)), in nats, for logits [..., x, y] of a policy; minimized.

    Only differences of logits within a prompt count, so log-probabilities will do.

    Errors: `InvalidArgument` where a response is compared that the reference never gives.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> half, c = Fraction(1, 2), [[[0, Fraction(1, 4)], [Fraction(3, 4), 0]]]
    >>> loss(log(np.array([[Fraction(1), Fraction(2)]], dtype=object)), [[half, half]], c)
    -3/4*log(2) + log(3)
    """
    logits, reference, counts, alpha = _checked(logits, reference, comparisons, temperature)
    lost = scalars.over(
        ~scalars.zero_mask(counts),
        lambda c, m: c * scalars.softplus(-m),
        counts,
        _margins(logits, reference, alpha),
        otherwise=scalars.constant(0, counts),
    )
    return lost.sum(axis=(-3, -2, -1))


def gradient(logits: Any, reference: Any, comparisons: Any, *, temperature: Any = 1) -> np.ndarray:
    """dL/dtheta, [..., x, y]: alpha times how often y lost by surprise minus how often it won by surprise."""
    logits, reference, counts, alpha = _checked(logits, reference, comparisons, temperature)
    surprise = scalars.over(
        ~scalars.zero_mask(counts),
        lambda c, m: c * scalars.sigmoid(-m),
        counts,
        _margins(logits, reference, alpha),
        otherwise=scalars.constant(0, counts),
    )
    return alpha * (np.swapaxes(surprise, -1, -2) - surprise).sum(axis=-1)


def hessian(logits: Any, reference: Any, comparisons: Any, *, temperature: Any = 1) -> np.ndarray:
    """d2L/dtheta2 of each prompt, [..., x, y, z]; prompts do not interact. Positive semidefinite, rows sum to 0."""
    logits, reference, counts, alpha = _checked(logits, reference, comparisons, temperature)
    return alpha**2 * bradley_terry.laplacian(counts, _margins(logits, reference, alpha))


def optimum(reference: Any, comparisons: Any, *, temperature: Any = 1) -> Optimum:
    """The policy of least loss, ref exp(f / alpha) / Z for the rewards f of `bradley_terry.fit`.

    Errors: `InvalidArgument` where the responses that the reference gives are not all connected by comparisons, with
    the components: then any split of the mass among them is as good; and where somebody wins or loses always:
    the infimum is at infinite logits. `OutOfReach` for exact numbers.
    """
    reference, counts, alpha = checked(reference=reference, comparisons=comparisons, temperature=temperature)
    _check_compared(reference, counts)
    possible = ~scalars.zero_mask(reference)
    found = bradley_terry.components(counts)
    first = np.where(possible, found, found.max(initial=0) + 1).min(axis=-1, keepdims=True)
    apart = possible & (found != first)
    if apart.any():
        at = [int(i) for i in np.argwhere(apart)[0]]
        raise InvalidArgument(
            f"response {at[-1]} to prompt {at[:-1]} is in another component of compared pairs than response "
            f"{int(first[tuple(at[:-1])][0])}: no comparison says how much of the mass each gets"
        )
    rewards, error = bradley_terry.fit(counts)
    exponents = scalars.over(
        possible,
        lambda p, f: scalars.log(p) + f / alpha[()],
        reference,
        rewards,
        otherwise=scalars.constant(0, reference),
    )
    _, policy = scalars.log_normalized(exponents, where=np.broadcast_to(possible, exponents.shape))
    return Optimum(policy, 2 * error / alpha[()])


def _checked(logits: Any, reference: Any, comparisons: Any, temperature: Any) -> tuple[Any, Any, Any, Any]:
    logits, reference, counts, alpha = checked(
        logits=logits, reference=reference, comparisons=comparisons, temperature=temperature
    )
    _check_compared(reference, counts)
    return logits, reference, counts, alpha[()]


def _check_compared(reference: np.ndarray, counts: np.ndarray) -> None:
    compared = ~scalars.zero_mask(counts)
    compared = compared.any(axis=-1) | compared.any(axis=-2)
    compared, unknown = np.broadcast_arrays(compared, scalars.zero_mask(reference))
    if (compared & unknown).any():
        at = [int(i) for i in np.argwhere(compared & unknown)[0]]
        raise InvalidArgument(
            f"response {at[-1]} to prompt {at[:-1]} is compared, and the reference never gives it: it has no margin"
        )


def _margins(logits: np.ndarray, reference: np.ndarray, alpha: Any) -> np.ndarray:
    possible = ~scalars.zero_mask(reference)
    zero = scalars.constant(0, reference)
    score = scalars.over(possible, lambda x, p: x - scalars.log(p), logits, reference, otherwise=zero)
    both = possible[..., :, None] & possible[..., None, :]
    return scalars.over(
        both, lambda won, lost: alpha * (won - lost), score[..., :, None], score[..., None, :], otherwise=zero
    )
