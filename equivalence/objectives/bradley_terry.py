"""Bradley and Terry's model of comparisons, and its rewards of largest likelihood with a certified error.

    p(y > z) = sigmoid(f(y) - f(z))
    F(f)     = sum_{w, l} c(w, l) (-log sigmoid(f(w) - f(l)))           minimized; c as in `dpo`

F is convex. Within a component of the graph of compared pairs it is strictly so, up to the constant that it does not
see, which is chosen such that f sums to 0 over the component. The minimum is attained if and only if nobody wins
always: in the directed graph of who has won against whom every component is strongly connected. It is the root of an
algebraic system, found by damped Newton steps in balls.

Certificate. Let G be the gradient at f, H the Hessian with one row and column of each component left out, and move f
along u, max u - min u = 1. The slope there is at least -|G|_1 / 2 and the curvature at least 1 / (2 |H^-1|), a
distance t later at least e^-t times that, since -log sigmoid has |F'''| <= F''. So the slope is positive, and the
minimum passed, once 1 - e^-t exceeds |G|_1 |H^-1|:

    max_y |f(y) - f*(y)| <= -log(1 - |G|_1 |H^-1|_inf).
Source: bradley1952; bach2010.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from flint import arb, arb_mat, ctx
from scipy.sparse.csgraph import connected_components

from equivalence.objectives.responses import checked
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision

LEAST_BITS, MOST_BITS = 256, 2**14
MOST_STEPS = 2_000


class Fit(NamedTuple):
    """Rewards f [..., x, y] in nats that sum to 0 over each component, and a bound on their error [..., x]."""

    reward: np.ndarray
    error_bound: np.ndarray


def preferences(reward: Any) -> np.ndarray:
    """p(y > z) = sigmoid(r(y) - r(z)), [..., x, y, z], for rewards [..., x, y] in nats.

    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from mdps import log
    >>> preferences(log(np.array([[Fraction(1), Fraction(2)]], dtype=object)))
    array([[[1/2, 1/3],
            [2/3, 1/2]]], dtype=object)
    """
    (reward,) = checked(reward=reward)
    return scalars.sigmoid(reward[..., :, None] - reward[..., None, :])


def laplacian(counts: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """The Laplacian of (c(y, z) + c(z, y)) sigmoid(m) sigmoid(-m), the Hessian of F, [..., x, y, z]."""
    both = counts + np.swapaxes(counts, -1, -2)
    weight = scalars.over(
        ~scalars.zero_mask(both) & ~np.eye(counts.shape[-1], dtype=bool),
        lambda c, m: c * scalars.sigmoid(m) * scalars.sigmoid(-m),
        both,
        margin,
        otherwise=scalars.constant(0, counts),
    )
    diagonal = np.eye(counts.shape[-1], dtype=bool)
    return np.where(diagonal, weight.sum(axis=-1)[..., None], -weight)


def components(comparisons: Any) -> np.ndarray:
    """The component of the graph of compared pairs that each response is in, [..., x, y]: the least response there."""
    (counts,) = checked(comparisons=comparisons)
    won = ~scalars.zero_mask(counts)
    found = np.empty(counts.shape[:-1], dtype=int)
    for index in np.ndindex(found.shape[:-1]):
        _, label = connected_components(scipy.sparse.csr_array(won[index]), directed=False)
        found[index] = [int(np.flatnonzero(label == own)[0]) for own in label]
    return found


def fit(comparisons: Any) -> Fit:
    """The rewards under which the comparisons are likeliest, and a certified bound on their error, rounding included.

    Errors: `InvalidArgument` where somebody always wins or always loses: the infimum is at infinite rewards.
    `OutOfReach` for exact numbers and symbols, whose minimum is algebraic: take balls.
    """
    (counts,) = checked(comparisons=comparisons)
    level = scalars.level_of(counts)
    if level not in ("float", "ball"):
        raise OutOfReach("the rewards of largest likelihood are roots of an algebraic system; take balls or floats")
    won = ~scalars.zero_mask(counts)
    reward = np.full(counts.shape[:-1], scalars.constant(0, counts), dtype=counts.dtype)
    bound = np.full(counts.shape[:-2], scalars.constant(0, counts), dtype=counts.dtype)
    for index in np.ndindex(bound.shape):
        _, label = connected_components(scipy.sparse.csr_array(won[index]), directed=False)
        n_strong, strong = connected_components(scipy.sparse.csr_array(won[index]), connection="strong")
        if n_strong > label.max() + 1:
            alone = [int(i) for i in np.flatnonzero(strong == strong[_always_one_way(won[index], label, strong)])]
            raise InvalidArgument(
                f"responses {alone} to prompt {list(index)} win always, or lose always, against the others that they "
                "are compared with: the likelihood grows for ever with their rewards, and none is the largest"
            )
        balls = scalars.convert(counts[index], "ball")
        for own in range(label.max() + 1):
            members = np.flatnonzero(label == own)
            if len(members) > 1:
                found, error = _fitted(balls[np.ix_(members, members)], level)
                reward[(*index, members)] = found
                bound[index] = max(bound[index], error)
    return Fit(reward, bound)


def _always_one_way(won: np.ndarray, label: np.ndarray, strong: np.ndarray) -> int:
    """A response whose strong component is less than its component."""
    for y in range(len(label)):
        if (label == label[y]).sum() > (strong == strong[y]).sum():
            return y
    raise AssertionError("every component is strongly connected")


def _fitted(counts: np.ndarray, level: str) -> tuple[np.ndarray, Any]:
    """The rewards of one component, and the bound on their error."""
    wanted = ctx.prec
    bits = max(LEAST_BITS, 2 * wanted)
    while bits <= MOST_BITS:
        with precision(bits):
            middles = _newton(counts)
            error = _error(counts, middles)
            if error is not None:
                scale = 1 + max(abs(x) for x in middles)
                if level == "ball":
                    radius = arb(0, error)
                    return np.array([x + radius for x in middles], dtype=object), arb(error)
                if error < scale * arb(2) ** -64:
                    floats = np.array([float(x) for x in middles])
                    rounding = max(abs(x - arb(y)) for x, y in zip(middles, floats, strict=True))
                    return floats, np.nextafter(float((error + rounding).upper()), np.inf)
        bits *= 2
    raise OutOfReach(f"the rewards of largest likelihood are not separated at {MOST_BITS} bits")


def _gradient(counts: np.ndarray, f: np.ndarray) -> np.ndarray:
    surprise = counts * scalars.sigmoid(f[None, :] - f[:, None])
    return (surprise.T - surprise).sum(axis=1)


def _reduced_hessian(counts: np.ndarray, f: np.ndarray) -> arb_mat:
    return arb_mat(laplacian(counts, f[:, None] - f[None, :])[1:, 1:].tolist())


def _newton(counts: np.ndarray) -> np.ndarray:
    """Middles of rewards that sum to 0, by steps damped by log(1 + R) / R for steps of range R, from 0 on."""
    middle: Any = np.frompyfunc(lambda x: arb(x.mid()), 1, 1)
    counts = middle(counts)
    f: Any = np.array([arb(0)] * len(counts), dtype=object)
    for _ in range(MOST_STEPS):
        slopes = arb_mat([[x] for x in middle(_gradient(counts, f))[1:]])
        try:
            steps = _reduced_hessian(counts, f).solve(slopes)
        except ZeroDivisionError:
            return f
        step = np.array([arb(0), *(arb(steps[i, 0].mid()) for i in range(len(f) - 1))], dtype=object)
        size = max(step) - min(step)
        damping = arb(((1 + size).log() / size).mid()) if size > arb(2) ** -20 else arb(1)
        f = middle(f - damping * step)
        f = middle(f - f.sum() / len(f))
        if size < arb(2) ** (-ctx.prec // 2):
            break
    return f


def _error(counts: np.ndarray, f: np.ndarray) -> arb | None:
    """The certified bound of the module's docstring; None where the precision does not show one."""
    try:
        inverse = _reduced_hessian(counts, f).inv()
    except ZeroDivisionError:
        return None
    norm = max((sum((abs(x) for x in row), arb(0)).upper() for row in inverse.tolist()), default=arb(0))
    moved = sum((abs(x) for x in _gradient(counts, f)), arb(0)) * norm + abs(f.sum())
    if not moved < 1:
        return None
    return arb((-(1 - moved).log()).upper())
