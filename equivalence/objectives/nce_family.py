"""Noise-contrastive estimation in a linear family of energies, with a certificate.

    E_theta(x) = sum_k theta_k F_k(x),      u = (log Z, theta),     X(x) = (1, F(x))
    L(u)       = E_p[softplus(X u + log(nu q))] + nu E_q[softplus(-X u - log(nu q))]
    dL/du      = sum_x (p (1 - D) - nu q D) X,      Hessian = sum_x (p + nu q) D (1 - D) X X'

a logistic regression with the offset -log(nu q): convex in theta and log Z together. If the data have a density in the
family, p = e^-E_theta / Z, the optimum is that theta and that Z for every noise of full support and every nu. If they
have not, the optimum depends on the noise, differs from maximum likelihood (`exponential_family`), and e^-E / Z does
not sum to 1.

*Existence.* Only outcomes with q(x) > 0 count. The optimum exists iff no direction u has X u = 0 wherever p > 0,
X u >= 0 elsewhere, and > 0 for one outcome: along it D falls to 0 where there is noise alone, and L falls for ever.

*Uniqueness.* Features that are affine combinations of others where q > 0 are compensated by these and by log Z. Their
theta is set to 0, and the optimum is unique in the others (`identified`) and log Z.

*Certificate.* Third derivatives of the logistic loss are at most R times second ones, R the largest |X(x)|; see
`certified_newton`. Floats are taken for the dyadic numbers that they are, data and noise divided by their exact sums.
Source: gutmann2010; bach2010; derived.
"""

from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_mat

from equivalence.objectives import certified_newton
from equivalence.objectives.certified_newton import Derivatives, column
from equivalence.objectives.exact_rank import exactly, is_exact, null_space, pivots, rising_direction, shown
from equivalence.objectives.space import common_arithmetic
from equivalence.objectives.tables import checked_tables
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.elementary import entrywise


class Optimum(NamedTuple):
    """theta [k] and log Z that minimize L, and how far (log Z, theta) may be from the true optimum (Euclidean).

    identified  [k] which features the loss determines; the theta of the others is 0.
    """

    theta: np.ndarray
    log_normalizer: Any
    distance: Any
    identified: np.ndarray


def optimum(features: Any, noise: Any, data: Any, *, noise_ratio: Any = 1) -> Optimum:
    """The theta and log Z that minimize the noise-contrastive loss, certified.

    features [n, k]; noise, data [n]; noise_ratio nu > 0; floats or balls (then the results are balls that contain the
    optimum).

    >>> import numpy as np
    >>> found = optimum([[0.0], [1.0]], [0.5, 0.5], [0.25, 0.75])  # one odds, one feature: the data are in the family
    >>> bool(found.theta[0] == -np.log(3)), bool(found.log_normalizer == np.log(4)), bool(found.distance < 1e-15)
    (True, True, True)

    Errors: `InvalidArgument` where L falls for ever in some direction, which is shown, and where the noise covers none
    of the data. `OutOfReach` for exact numbers and symbols (the optimum is not rational), and where nothing is
    certified.
    """
    shape = common_arithmetic(features=features)["features"].shape
    given = {"features": features, "noise": noise, "data": data, "noise_ratio": noise_ratio}
    features, noise, data, nu = checked_tables(energy=np.zeros(shape[:1] or 1, dtype=int), **given)[1:]
    level = scalars.level_of(np.concatenate([x.ravel() for x in (features, noise, data, nu)]))
    if level not in ("float", "ball"):
        raise OutOfReach(f"the optimum of a family is the root of an equation, no number of level {level}; take balls")
    if noise.ndim != 1 or data.ndim != 1:
        raise InvalidArgument("data and noise have leading axes; expected one problem at a time, [n]")
    present = ~scalars.zero_mask(noise)
    if scalars.zero_mask(data[present]).all():
        raise InvalidArgument("the noise covers none of the data: L falls for ever as log Z grows")
    exact = all(is_exact(x) for array in (features, noise, data, nu) for x in array.flat)
    one = np.full((len(features), 1), scalars.constant(1, features), dtype=features.dtype)
    rows = np.concatenate([one, features], axis=1)[present]
    determined = pivots(exactly(rows), all(is_exact(x) for x in features.flat))
    rows, mass, law = rows[:, determined], noise[present] * nu[()], data[present]
    if exact:
        p, q = exactly(data), exactly(noise)
        rows, mass, law = exactly(rows), exactly(nu)[()] * (q / q.sum())[present], (p / p.sum())[present]
        _check_attained(rows, law)
    found, distance = _located(rows, mass, law, determined, level, exact)
    return Optimum(found[1:], found[0], distance, determined[1:])


def _located(
    rows: np.ndarray, mass: np.ndarray, law: np.ndarray, determined: np.ndarray, level: str, exact: bool
) -> tuple[np.ndarray, Any]:
    """The minimum over u for rows X, mass nu q and law p where q > 0."""

    def balls(array: np.ndarray) -> np.ndarray:
        return entrywise(arb)(array)

    def derivatives(u: list[arb]) -> Derivatives:
        table, noise, data = arb_mat(balls(rows).tolist()), balls(mass), balls(law)
        models = [(-x).exp() for x in (table * column(u)).entries()]
        slopes = [q / (m + q) * p - q * (m / (m + q)) for m, q, p in zip(models, noise, data, strict=True)]
        weights = [(p + q) * (m / (m + q)) * (q / (m + q)) for m, q, p in zip(models, noise, data, strict=True)]
        weighted = arb_mat([[w * x for x in row] for w, row in zip(weights, table.tolist(), strict=True)])
        return Derivatives(table.transpose() * column(slopes), table.transpose() * weighted)

    def diameter() -> arb:
        return max((certified_newton.norm(column(row)) for row in balls(rows)), key=lambda x: x.upper())

    return certified_newton.located(derivatives, diameter, determined, level=level, exact=exact)


def _check_attained(rows: np.ndarray, law: np.ndarray) -> None:
    """That no direction lets L fall for ever, as far as one can be found."""
    seen = np.array([p > 0 for p in law])
    free = null_space(rows[seen])
    if seen.all() or not free.shape[1]:
        return
    direction = rising_direction(rows[~seen] @ free)
    if direction is not None:
        raise InvalidArgument(
            f"along (log Z, theta) = t {shown(free @ direction)} of what is identified the loss falls for ever, and "
            "its infimum is not attained: noise without data can be told apart. Give every outcome some probability, "
            "or fewer features"
        )
