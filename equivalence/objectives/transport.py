"""Optimal transport between two laws, from both sides: Wasserstein distances and their critics.

    OT(p, q) = min_x  sum_ij x_ij c_ij         x >= 0 with row sums p and column sums q: a plan
             = max_{u, v}  p u + q v           u_i + v_j <= c_ij everywhere: potentials
    W(p, q)  = max_h  E_p h - E_q h            h(i) - h(j) <= d(i, j): a 1-Lipschitz critic, for a metric d

Any plan gives an upper bound and any potentials a lower one, so a pair whose bounds meet is optimal: `plan_cost` and
`potential_value` check a given pair in any arithmetic, and prove the optimum where the two are equal. In floats
`optimal_transport` and `wasserstein` find a pair by linear programming. The pair is then repaired to be exactly
feasible and its two bounds are computed in rationals and rounded outwards: the cost of transport between p / sum p and
q / sum q lies between `lower` and `upper`, whatever the solver did.

From potentials on a metric space, u'(i) = min_j d(i, j) - v_j is 1-Lipschitz and at least as good: a critic. Slopes,
where the potentials are unique up to a constant: dOT/dp = u, dOT/dq = v, dOT/dc = x. So a WGAN's sampler that descends
-E_q h with the optimal critic h frozen descends W; with weights clipped, or a Lipschitz constant L other than 1, the
critic's value is a lower bound, or up to L times W.
Source: villani2009; arjovsky2017.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.sparse
from flint import fmpq

from equivalence.objectives.laws import bool_of, check_law, exceeds, first
from equivalence.objectives.space import common_arithmetic, inner
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.rationals import dyadic

UNIT_ROUNDOFF = 2.0**-53
FEASIBILITY = 1e-10  # the smallest that HiGHS takes; what it leaves open shows in the gap


class Transport(NamedTuple):
    """A plan [n, m], potentials source [n] and target [m], and what they prove: lower <= OT <= upper."""

    plan: np.ndarray
    source: np.ndarray
    target: np.ndarray
    lower: float
    upper: float

    @property
    def gap(self) -> float:
        """upper - lower: how far either bound may be from the optimum, at most."""
        return _above(dyadic(self.upper) - dyadic(self.lower))


class Wasserstein(NamedTuple):
    """A plan [n, n], a 1-Lipschitz critic [n], and what they prove: lower <= W <= upper."""

    plan: np.ndarray
    critic: np.ndarray
    lower: float
    upper: float

    @property
    def gap(self) -> float:
        """upper - lower: how far either bound may be from the optimum, at most."""
        return _above(dyadic(self.upper) - dyadic(self.lower))


def optimal_transport(p: Any, q: Any, cost: Any) -> Transport:
    """A plan and potentials for laws p [n] and q [m] and a cost [n, m], with certified bounds; floats alone.

    Errors: `OutOfReach` for other arithmetics, where `plan_cost` and `potential_value` judge a given pair, and where
    the solver fails.
    Cost: a linear programme with n m variables, and as many operations on rationals.

    >>> found = optimal_transport([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]])
    >>> found.lower <= 0.25 <= found.upper
    True
    """
    p, q, cost = _instance(p, q, cost)
    if cost.dtype == object:
        raise OutOfReach(
            f"the linear programme is solved in floats, not at level {scalars.level_of(cost)}; "
            "plan_cost and potential_value prove a given pair optimal"
        )
    plan, target = _solved(p, q, cost)
    source = (cost - target).min(axis=1)
    target = (cost - source[:, None]).min(axis=0)
    exact = _Exact(p, q, cost)
    upper, repaired = exact.repaired(plan)
    return Transport(repaired, source, target, _below(exact.lower(source, target)), _above(upper))


def wasserstein(p: Any, q: Any, distance: Any) -> Wasserstein:
    """W(p, q) of laws [n] on a metric space with distances [n, n]: a plan and a 1-Lipschitz critic; floats alone.

    Errors: as `optimal_transport`, and `InvalidArgument` where the distances are no metric.

    >>> wasserstein([1.0, 0.0], [0.0, 1.0], [[0.0, 3.0], [3.0, 0.0]]).critic
    array([ 0., -3.])
    """
    p, q, distance = _instance(p, q, distance, name="distance")
    _check_metric(distance)
    found = optimal_transport(p, q, distance)
    critic = (distance - found.target).min(axis=1)
    critic = critic - critic.max()
    lower = _Exact(p, q, distance).lower(critic, -critic)
    return Wasserstein(found.plan, critic, _below(lower), found.upper)


def plan_cost(plan: Any, p: Any, q: Any, cost: Any) -> Any:
    """sum_ij x_ij c_ij of a plan x [n, m] from p [n] to q [m], at least OT(p, q), in any arithmetic.

    Errors: `InvalidArgument` where x is negative, or its sums are not p and q (floats: within their rounding).

    >>> from fractions import Fraction
    >>> half, cost = Fraction(1, 2), [[0, 1], [1, 0]]
    >>> plan_cost([[half, 0], [half, 0]], [half, half], [1, 0], cost)
    1/2
    """
    arrays = common_arithmetic(p=p, q=q, cost=cost, plan=plan)
    p, q, cost = _instance(arrays["p"], arrays["q"], arrays["cost"])
    plan = arrays["plan"]
    if plan.shape != cost.shape:
        raise InvalidArgument(f"plan has shape {plan.shape}; expected that of cost, {cost.shape}")
    negative = scalars.negative_mask(plan)
    if negative.any():
        raise InvalidArgument(f"plan{first(negative)} is {plan[tuple(first(negative))]}, which is negative")
    for axis, law, name in ((1, p, "p"), (0, q, "q")):
        sums = plan.sum(axis=axis)
        # Each entry of a plan may be a quotient of products of entries of p and q: some roundings beside those of sums.
        wrong = _differ(sums, law, 2 * (sum(plan.shape) + 8) * UNIT_ROUNDOFF)
        if wrong.any():
            at = first(wrong)
            kind = "row" if axis else "column"
            raise InvalidArgument(
                f"{kind} {at[0]} of plan sums to {sums[tuple(at)]}; expected {name}{at}, {law[tuple(at)]}"
            )
    return (plan * cost).sum(axis=(-2, -1))


def potential_value(source: Any, target: Any, p: Any, q: Any, cost: Any) -> Any:
    """p u + q v of potentials u [n] and v [m] with u_i + v_j <= c_ij, at most OT(p, q), in any arithmetic.

    Errors: `InvalidArgument` where u_i + v_j > c_ij (floats: beyond rounding), with the pair; `OutOfReach` where balls
    leave that open.

    >>> from fractions import Fraction
    >>> half, cost = Fraction(1, 2), [[0, 1], [1, 0]]
    >>> potential_value([0, 1], [0, -1], [half, half], [1, 0], cost)
    1/2
    """
    arrays = common_arithmetic(p=p, q=q, cost=cost, source=source, target=target)
    p, q, cost = _instance(arrays["p"], arrays["q"], arrays["cost"])
    source, target = arrays["source"], arrays["target"]
    for name, array, law in (("source", source, p), ("target", target, q)):
        if array.shape != law.shape:
            raise InvalidArgument(f"{name} has shape {array.shape}; expected {law.shape}, one number an outcome")
    _check_potentials(source, target, cost, ("source", "target", "cost"))
    return inner(p, source) + inner(q, target)


def lipschitz_value(critic: Any, p: Any, q: Any, distance: Any) -> Any:
    """E_p h - E_q h of a critic h [n] with h(i) - h(j) <= d(i, j), at most W(p, q), in any arithmetic.

    Errors: `InvalidArgument` where h is not 1-Lipschitz, with the pair, or d is no metric.
    """
    arrays = common_arithmetic(p=p, q=q, distance=distance, critic=critic)
    p, q, distance = _instance(arrays["p"], arrays["q"], arrays["distance"], name="distance")
    _check_metric(distance)
    critic = arrays["critic"]
    if critic.shape != p.shape:
        raise InvalidArgument(f"critic has shape {critic.shape}; expected {p.shape}, one number an outcome")
    _check_potentials(critic, -critic, distance, ("critic", "-critic", "distance"))
    return inner(p, critic) - inner(q, critic)


def _instance(p: Any, q: Any, cost: Any, name: str = "cost") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    arrays = common_arithmetic(p=p, q=q, **{name: cost})
    p, q, cost = arrays["p"], arrays["q"], arrays[name]
    for law_name, law in (("p", p), ("q", q)):
        if law.ndim != 1 or not law.size:
            raise InvalidArgument(f"{law_name} has shape {law.shape}; expected one law over at least one outcome")
        check_law(law_name, law)
    if cost.shape != (*p.shape, *q.shape):
        raise InvalidArgument(f"{name} has shape {cost.shape}; expected {(*p.shape, *q.shape)}, from each to each")
    return p, q, cost


def _differ(x: np.ndarray, y: np.ndarray, slack: float) -> np.ndarray:
    """Where x is certainly not y: floats beyond the slack, balls that do not overlap, exact numbers that differ."""
    if x.dtype != object:
        return np.abs(x - y) > slack
    if scalars.level_of(x) in ("carrier", "symbolic"):
        return np.zeros(x.shape, dtype=bool)
    return np.asarray(np.frompyfunc(lambda a, b: bool_of(a > b) or bool_of(a < b), 2, 1)(x, y), dtype=bool)


def _check_potentials(u: np.ndarray, v: np.ndarray, cost: np.ndarray, names: tuple[str, str, str]) -> None:
    if scalars.level_of(cost) == "carrier":
        return
    total = u[:, None] + v
    slack = 0
    if cost.dtype != object:
        slack = 4 * UNIT_ROUNDOFF * (np.abs(u)[:, None] + np.abs(v) + np.abs(cost))
    over = exceeds(total, cost + slack)
    if over.any():
        i, j = first(over)
        raise InvalidArgument(
            f"{names[0]}[{i}] + {names[1]}[{j}] is {total[i, j]}; expected at most {names[2]}[{i}, {j}], {cost[i, j]}"
        )


def _check_metric(distance: np.ndarray) -> None:
    """Zero on the diagonal, symmetric, not negative, with the triangle inequality."""
    if scalars.level_of(distance) in ("carrier", "symbolic"):
        return
    if not scalars.zero_mask(np.diagonal(distance)).all():
        raise InvalidArgument("distance is not 0 from an outcome to itself")
    negative = scalars.negative_mask(distance)
    if negative.any():
        raise InvalidArgument(f"distance{first(negative)} is {distance[tuple(first(negative))]}, which is negative")
    unequal = _differ(distance, distance.T, 0.0)
    if unequal.any():
        i, j = first(unequal)
        raise InvalidArgument(f"distance[{i}, {j}] is {distance[i, j]} and distance[{j}, {i}] is {distance[j, i]}")
    slack = 1 if distance.dtype == object else 1 + 4 * UNIT_ROUNDOFF
    for k in range(len(distance)):
        detour = (distance[:, k, None] + distance[k]) * slack
        longer = detour < distance if distance.dtype != object else _certainly_less(detour, distance)
        if longer.any():
            i, j = first(longer)
            raise InvalidArgument(f"distance[{i}, {j}] is {distance[i, j]}, longer than by way of {k}: no metric")


def _certainly_less(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.frompyfunc(lambda a, b: bool_of(a < b), 2, 1)(x, y), dtype=bool)


def _solved(p: np.ndarray, q: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A plan, and potentials of the targets, as HiGHS finds them for costs scaled to at most 1."""
    n, m = cost.shape
    scale = np.abs(cost).max()
    scale = 2.0 ** np.clip(np.frexp(scale)[1], -1000, 1000) if scale > 0 else 1.0
    rows = scipy.sparse.kron(scipy.sparse.eye_array(n), np.ones((1, m)))
    columns = scipy.sparse.kron(np.ones((1, n)), scipy.sparse.eye_array(m))
    # The last equation follows from the others, and would contradict them by the rounding of the sums.
    equations = scipy.sparse.vstack([rows, columns]).tocsr()[:-1]
    found = scipy.optimize.linprog(
        (cost / scale).ravel(),
        A_eq=equations,
        b_eq=np.concatenate([p, q])[:-1],
        method="highs",
        options={"primal_feasibility_tolerance": FEASIBILITY, "dual_feasibility_tolerance": FEASIBILITY},
    )
    if found.x is None:
        raise OutOfReach(f"the linear programme was not solved: {found.message}")
    return found.x.reshape(n, m), scale * np.append(found.eqlin.marginals[n:], 0.0)


class _Exact:
    """An instance in rational numbers, both laws divided by their sums."""

    def __init__(self, p: np.ndarray, q: np.ndarray, cost: np.ndarray) -> None:
        self.p, self.q = (_rational(x) / _rational(x).sum() for x in (p, q))
        self.cost = _rational(cost)

    def repaired(self, plan: np.ndarray) -> tuple[fmpq, np.ndarray]:
        """The exact cost of a plan with the right sums near the one given, and its entries as floats.

        Rows, then columns, that are too large are scaled down, and what is missing is spread as the product of what
        rows and columns lack.
        """
        x = _rational(np.maximum(plan, 0.0))
        x = x * _scale_down(self.p, x.sum(axis=1))[:, None]
        x = x * _scale_down(self.q, x.sum(axis=0))
        lacking_rows, lacking_columns = self.p - x.sum(axis=1), self.q - x.sum(axis=0)
        lacking = lacking_rows.sum()
        if lacking != 0:
            x = x + lacking_rows[:, None] * lacking_columns / lacking
        return (x * self.cost).sum(), scalars.convert(x, "float")

    def lower(self, source: np.ndarray, target: np.ndarray) -> fmpq:
        """p u + q v, less the largest excess of u + v over the cost: u - excess is feasible."""
        u, v = _rational(source), _rational(target)
        excess = max((u[:, None] + v - self.cost).ravel())
        return (self.p * u).sum() + (self.q * v).sum() - max(excess, fmpq(0))


def _rational(x: np.ndarray) -> np.ndarray:
    return scalars.convert(np.asarray(x, dtype=object), "exact")


def _scale_down(law: np.ndarray, sums: np.ndarray) -> np.ndarray:
    factors = [p / s if s > p else fmpq(1) for p, s in zip(law, sums, strict=True)]
    return np.array(factors, dtype=object)


def _below(x: fmpq) -> float:
    """The largest float that is not above x."""
    nearest = int(x.p) / int(x.q)
    return nearest if dyadic(nearest) <= x else float(np.nextafter(nearest, -np.inf))


def _above(x: fmpq) -> float:
    """The smallest float that is not below x."""
    nearest = int(x.p) / int(x.q)
    return nearest if dyadic(nearest) >= x else float(np.nextafter(nearest, np.inf))
