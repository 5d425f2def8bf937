"""The reward r = phi theta under which the model visits what the expert does, feature by feature.

The dual L(theta) (trajectory or causal) is concave, with

    dL/dtheta = (E_expert[phi] - E_theta[phi]) / alpha = g,        -d2L/dtheta2 = H(theta) >= 0,

so features match exactly where L is largest. Directions u with H u = 0 change nothing that is observed, whatever theta
is: they are left out, theta lies in the range of H, and an expert that differs from the model along one of them is
refused. Newton's steps with a line search find theta. A box of radius delta around it, on which balls enclose H and
show that its smallest eigenvalue on the range is at least m > 0, then contains the optimum if |g| / m <= delta, and

    |theta - theta*| <= |g| / m.

Where the expert's features lie on the boundary of what can be had (a deterministic expert, say) the supremum is not
attained: theta runs off to infinity, H vanishes as fast as g does, and steps never become small.
Source: ziebart2010; rockafellar1970.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from equivalence.objectives.features import linear_reward
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, scalars
from mdps.arguments import checked_expert, reward_axes
from mdps.scalars.balls import precision

NEWTON_STEPS = 100
SMALL_STEP = 2.0**-30  # a Newton step below this, relative to 1 + |theta|, is one of the last
FLAT = 2.0**-36  # eigenvalues of H below this share of the largest, or of their scale, count as 0
BITS = 106
BOX_BITS = (106, 80, 66, 53)  # two thirds of the digits are left for the width of the box
POLISHES = 3
WIDEST = 2.0**-12  # of a box, in units of theta


class FeatureMatch(NamedTuple):
    """theta [k], the gradient [k] that is left there, and distance >= |theta - theta*| in the Euclidean norm.

    theta* is the optimum in the range [k, m] of the Hessian, the subspace that data can identify, of the model as
    `mdp.to('exact')` makes it exact.
    """

    theta: np.ndarray
    gradient: np.ndarray
    distance: float
    range: np.ndarray


class Objective(NamedTuple):
    """The value of (mdp, reward, expert), the visits of (mdp, reward), the Hessian of (mdp, features, theta)."""

    value: Callable[..., Any]
    visits: Callable[..., np.ndarray]
    hessian: Callable[..., np.ndarray]


def matched(
    objective: Objective, mdp: MDP, features: Any, expert: Any, *, temperature: Any, start: Any = None
) -> FeatureMatch:
    """The theta of largest objective, of one model of floats; `start` [k] is where the search begins, 0 if None.

    Errors: `InvalidArgument` where no theta is best, or the expert differs where nothing can be chosen; `OutOfReach`
    where the distance cannot be certified, and for models that are not floats.
    """
    if mdp.level != "float":
        raise OutOfReach(f"the optimum is found by iteration in floats, and the model is {mdp.level}: mdp.to('float')")
    phi, _ = linear_reward(mdp, features, np.zeros(np.shape(features)[-1:]))
    axes = reward_axes(mdp, phi[..., 0], "features[..., k]")
    expert = checked_expert(mdp, expert, axes)

    def value(theta: np.ndarray) -> float:
        try:
            return float(objective.value(mdp, phi @ theta, expert, temperature=temperature))
        except (InvalidModel, OutOfReach):  # no value so far out
            return -np.inf

    def gradient(theta: np.ndarray) -> np.ndarray:
        visits = objective.visits(mdp, phi @ theta, temperature=temperature, axes=axes)
        return np.tensordot((expert - visits) / float(temperature), phi, axes=len(axes))

    def curvature(theta: np.ndarray) -> np.ndarray:
        return -np.asarray(objective.hessian(mdp, phi, theta, temperature=temperature))

    start = np.zeros(phi.shape[-1]) if start is None else _checked_start(mdp, phi, start)
    # As large as the covariance of what is collected can be, to the first power of its length.
    scale = float(np.abs(phi).max(initial=0.0) ** 2 * expert.sum() / float(temperature) ** 2)
    basis = _range(curvature(start), scale)
    _check_identified(gradient(start), basis, phi, expert)
    theta = _ascended(value, gradient, curvature, start, basis)
    theta, distance = _polished(objective, mdp, phi, expert, theta, basis, temperature)
    return FeatureMatch(theta, gradient(theta), distance, basis)


def _checked_start(mdp: MDP, phi: np.ndarray, start: Any) -> np.ndarray:
    linear_reward(mdp, phi, start)
    return np.array(start, dtype=float)


def _range(curvature: np.ndarray, scale: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(curvature)
    return vectors[:, values > FLAT * max(values.max(initial=0.0), scale)]


def _check_identified(gradient: np.ndarray, basis: np.ndarray, phi: np.ndarray, expert: np.ndarray) -> None:
    left = gradient - basis @ (basis.T @ gradient)
    scale = np.abs(phi).max(initial=0.0) * (1 + float(expert.sum()))
    if np.linalg.norm(left) > 2.0**-24 * scale:
        raise InvalidArgument(
            f"along {left / np.linalg.norm(left)} every policy has the same features, and the expert's differ by "
            f"{np.linalg.norm(left):.3g}: no theta matches them, and the likelihood has no upper bound"
        )


def _ascended(
    value: Callable[[np.ndarray], float],
    gradient: Callable[[np.ndarray], np.ndarray],
    curvature: Callable[[np.ndarray], np.ndarray],
    theta: np.ndarray,
    basis: np.ndarray,
) -> np.ndarray:
    """Newton's steps in the range, halved until the value rises; two more once they are small."""
    last = 2
    if not basis.shape[1]:
        return theta
    here = value(theta)
    for _ in range(NEWTON_STEPS):
        slope = basis.T @ gradient(theta)
        bend = basis.T @ curvature(theta) @ basis
        try:
            step = basis @ np.linalg.solve(bend, slope)
        except np.linalg.LinAlgError:
            break
        size = float(np.linalg.norm(step))
        if not np.isfinite(size):
            break
        if size <= SMALL_STEP * (1 + np.linalg.norm(theta)):
            theta, last = theta + step, last - 1
            here = value(theta)
            if not last:
                return theta
            continue
        length = min(1.0, 8.0 * (1 + np.linalg.norm(theta)) / size)
        gain, steepness = float(basis @ slope @ step), float(np.linalg.norm(slope))
        while value(theta + length * step) < here + length * gain / 4 and length > 2.0**-30:
            # Near the top rounding hides what the value gains; the gradient still tells.
            if length == 1.0 and np.linalg.norm(basis.T @ gradient(theta + step)) <= steepness / 2:
                break
            length /= 2
        theta = theta + length * step
        here = value(theta)
    raise InvalidArgument(
        f"no theta is best: after {NEWTON_STEPS} steps theta has norm {np.linalg.norm(theta):.3g} and still moves. The "
        "expert's features lie on the boundary of what policies can have, or outside (a deterministic expert, counts "
        "that violate the dynamics); mix the expert with a policy of full support"
    )


def _polished(
    objective: Objective,
    mdp: MDP,
    phi: np.ndarray,
    expert: np.ndarray,
    theta: np.ndarray,
    basis: np.ndarray,
    temperature: Any,
) -> tuple[np.ndarray, float]:
    """theta after last steps with a gradient from balls, and |g| / m on a box around it, in balls."""
    if not basis.shape[1]:
        return theta, 0.0
    best, kept = arb("inf"), theta
    axes = reward_axes(mdp, phi[..., 0])
    bend = -(basis.T @ objective.hessian(mdp, phi, theta, temperature=temperature) @ basis)
    smallest = max(float(np.linalg.eigvalsh(bend)[0]), 1e-300)
    with precision(BITS):
        model = mdp.to("ball")
        features, counts, directions = (_in_balls(x) for x in (phi, expert, basis))
        alpha = _in_balls(np.asarray(temperature))[()]
        for _ in range(POLISHES):
            point = _in_balls(theta)
            visits = objective.visits(model, (features * point).sum(axis=-1), temperature=alpha, axes=axes)
            left = (((counts - visits) / alpha)[..., None] * (features @ directions)).sum(axis=tuple(range(len(axes))))
            size = arb(sum((arb(abs(x).upper()) ** 2 for x in left), arb(0)).sqrt().upper())
            if size < best:
                best, kept = size, point
            theta = theta + basis @ np.linalg.solve(bend, scalars.convert(left, "float"))
        radius = 2 * best / smallest
    if not radius < WIDEST:
        raise _no_bound(kept, best, smallest)
    for bits in BOX_BITS:
        with precision(bits):
            box = kept + (np.abs(directions) * arb(0, radius.upper())).sum(axis=-1)
            try:
                around = objective.hessian(model, features, box, temperature=alpha)
            except OutOfReach:
                continue
            least = _least_eigenvalue(-(directions.T @ around @ directions))
            if least > 0 and best / least <= radius:
                return scalars.convert(kept, "float"), float((best / least).upper()) * (1 + 2.0**-50)
    raise _no_bound(kept, best, smallest)


def _no_bound(theta: np.ndarray, size: arb, smallest: float) -> OutOfReach:
    norm = np.linalg.norm(scalars.convert(theta, "float"))
    return OutOfReach(
        f"theta has norm {norm:.3g}, a gradient of norm {float(size):.3g} is left, and the smallest eigenvalue of "
        f"-Hessian, about {smallest:.3g}, cannot be bounded around it: the expert's features are too close to the "
        "boundary of what policies can have"
    )


def _in_balls(x: np.ndarray) -> np.ndarray:
    """Floats as the numbers that they are."""
    return scalars.convert(scalars.convert(x, "exact"), "ball")


def _least_eigenvalue(matrix: np.ndarray) -> arb:
    """A lower bound: Rayleigh quotients of the float eigenvectors, less all that is off the diagonal (Gershgorin)."""
    middle = scalars.convert(matrix, "float")
    _, vectors = np.linalg.eigh((middle + middle.T) / 2)
    frame = scalars.convert(scalars.convert(vectors, "exact"), "ball")
    turned, gram = frame.T @ matrix @ frame, frame.T @ frame
    m = len(turned)
    rows = [turned[i, i] - sum((abs(turned[i, j]) for j in range(m) if j != i), arb(0)) for i in range(m)]
    lengths = [sum((abs(gram[i, j]) for j in range(m)), arb(0)) for i in range(m)]
    return arb(min(arb(x.lower()) for x in rows)) / max(arb(x.upper()) for x in lengths)
