"""Maximum likelihood in a linear family of energies, with a certificate.

    E_theta(x) = sum_k theta_k F_k(x),      p_theta = b e^-E_theta / Z
    LL         = -<theta, E_p[F]> - log Z                        concave in theta
    dLL/dtheta = E_{p_theta}[F] - E_p[F]                         zero where the model's moments are the data's
    Hessian    = -Cov_{p_theta}(F)

Costs, not rewards, are linear here: theta is minus the parameter of the reward.

*Existence.* The optimum exists iff the moments E_p[F] lie in the relative interior of the polytope spanned by the rows
F(x), b(x) > 0; else some direction u has <u, F(x) - E_p[F]> >= 0 for every x and > 0 for one: along it LL rises for
ever, and the supremum is not attained (a deterministic expert, say). Such a direction is looked for by a linear
programme and verified in rational numbers before it is reported.

*Uniqueness.* Features that are affine combinations of others on {b > 0} do not change the law. They are found by exact
elimination; their theta is set to 0, and the optimum is unique in the others (`identified`).

*Certificate.* Third cumulants are at most R times variances, R the diameter of the rows F(x), so a gradient that is
small against the least eigenvalue of the covariance proves that the optimum is there and how near
(`certified_newton`). Floats are taken for the dyadic numbers that they are, and data
divided by their exact sum.
Source: lehmann1998; bach2010; derived.
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
    """theta [k] that maximizes the likelihood, and how far it may be from the true optimum (Euclidean distance).

    identified  [k] which features determine the law; the theta of the others is 0.
    """

    theta: np.ndarray
    distance: Any
    identified: np.ndarray


class _Problem(NamedTuple):
    """Rows F(x) - F(x_0) of the identified features where b > 0 [m][k], and p and b there."""

    rows: np.ndarray
    data: np.ndarray
    base: np.ndarray


def energy(features: Any, theta: Any) -> np.ndarray:
    """E(x) = sum_k theta_k F_k(x), [n]; features [n, k], theta [k]."""
    arrays = common_arithmetic(features=features, theta=theta)
    f, t = arrays["features"], arrays["theta"]
    if t.ndim != 1 or f.ndim != 2 or f.shape[-1:] != t.shape:
        raise InvalidArgument(f"features {f.shape} and theta {t.shape}; expected [n, k] and [k]")
    return (f * t).sum(axis=-1)


def optimum(features: Any, data: Any, *, base: Any = None) -> Optimum:
    """The theta that maximizes the likelihood of the data, certified.

    features [n, k]; data, base [n]; floats or balls (then theta are balls that contain the optimum).

    >>> import numpy as np
    >>> found = optimum(np.array([[0.0], [1.0]]), [0.25, 0.75])
    >>> bool(found.theta[0] == -np.log(3)), bool(found.distance < 1e-15)  # odds of 3 to 1
    (True, True)

    Errors: `InvalidArgument` where the moments lie on the boundary: no optimum, with the direction in which LL rises.
    `OutOfReach` for exact numbers and symbols (the optimum is not rational), and where nothing is certified.
    """
    shape = common_arithmetic(features=features)["features"].shape
    given = {"data": data, "features": features} | ({} if base is None else {"base": base})
    arrays = dict(zip(given, checked_tables(energy=np.zeros(shape[:1] or 1, dtype=int), **given)[1:], strict=True))
    level = scalars.level_of(np.concatenate([x.ravel() for x in arrays.values()]))
    if level not in ("float", "ball"):
        raise OutOfReach(f"the optimum of a family is the root of an equation, no number of level {level}; take balls")
    if any(arrays[name].ndim != 1 for name in ("data", "base") if name in arrays):
        raise InvalidArgument("data and base have leading axes; expected one problem at a time, [n]")
    features, data = arrays["features"], arrays["data"]
    base = arrays.get("base", np.full(len(data), scalars.constant(1, data), dtype=data.dtype))
    exists = ~scalars.zero_mask(base)
    if (~exists & ~scalars.zero_mask(data)).any():
        at = int(np.argmax(~exists & ~scalars.zero_mask(data)))
        raise InvalidArgument(f"base is 0 at outcome {at}, where data is not: no energy gives it a likelihood")
    exact = all(is_exact(x) for array in arrays.values() for x in array.flat)
    rows = exactly(features[exists])
    rows = rows - rows[:1]
    identified = pivots(rows, all(is_exact(x) for x in features.flat))
    if not identified.any():
        zero = scalars.constant(0, data)
        return Optimum(np.full(shape[1], zero, dtype=data.dtype), zero, identified)
    if exact:
        p, b = exactly(data[exists]), exactly(base[exists])
        problem = _Problem(rows[:, identified], p / p.sum(), b)
        _check_attained(problem)
    else:
        problem = _Problem((features - features[exists][0])[exists][:, identified], data[exists], base[exists])
    return _solved(problem, identified, level, exact)


def _solved(problem: _Problem, identified: np.ndarray, level: str, exact: bool) -> Optimum:
    def balls(array: np.ndarray) -> np.ndarray:
        return entrywise(arb)(array)

    def derivatives(theta: list[arb]) -> Derivatives:
        """Of -LL: E_p[F] - E_{p_theta}[F], and the covariance."""
        rows, data, base = (balls(x) for x in problem)
        table = arb_mat(rows.tolist())
        energies = (table * column(theta)).entries()
        weights = [b * (-e).exp() for b, e in zip(base, energies, strict=True)]
        total = sum(weights, arb(0))
        law = [w / total for w in weights]
        mean = table.transpose() * column(law)
        centered = arb_mat([[x - m for x, m in zip(row, mean.entries(), strict=True)] for row in table.tolist()])
        weighted = arb_mat([[p * x for x in row] for p, row in zip(law, centered.tolist(), strict=True)])
        return Derivatives(table.transpose() * column(data) - mean, centered.transpose() * weighted)

    def diameter() -> arb:
        """At most twice the largest distance of a row from the first."""
        return 2 * max((certified_newton.norm(column(row)) for row in balls(problem.rows)), key=lambda x: x.upper())

    theta, distance = certified_newton.located(derivatives, diameter, identified, level=level, exact=exact)
    return Optimum(theta, distance, identified)


def _check_attained(problem: _Problem) -> None:
    """That no direction u has <u, F(x) - E_p[F]> >= 0 everywhere and > 0 somewhere, as far as one can be found.

    On the support of p such a u is orthogonal to every F(x) - E_p[F]. If these span everything, there is none.
    """
    seen = np.array([p > 0 for p in problem.data])
    if seen.all():
        return
    deviation = problem.rows - (problem.data[:, None] * problem.rows).sum(axis=0)
    free = null_space(deviation[seen])
    if not free.shape[1]:
        return
    direction = rising_direction(deviation[~seen] @ free)
    if direction is not None:
        raise InvalidArgument(
            "the moments of the data lie on the boundary of the polytope of features: along theta = "
            f"t {shown(free @ direction)} of the identified features the likelihood rises for ever, and its supremum "
            "is not attained. Give every outcome some probability, or fewer features"
        )
