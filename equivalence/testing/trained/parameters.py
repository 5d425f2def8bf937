"""How far parameters of a linear reward are from the best ones, certified.

    objective            reward or energy        maximized
    causal               r = phi theta           dual of maximum causal entropy, `equivalence.objectives.causal`
    maxent               r = phi theta           likelihood of trajectories, `equivalence.objectives.maxent`
    exponential_family   E = F theta             likelihood of outcomes, `equivalence.objectives.exponential_family`

All are concave. Directions u along which nothing changes, whatever theta is, are found by exact elimination:

    causal               the canonical form of phi u is 0 at every (t, s, a) that can be reached: shaping alone
    maxent               all trajectories have the same return under phi u
    exponential_family   F u is constant

theta* is determined up to these. Each of them sets one coordinate to 0, as `unidentified` shows, and the others have
one optimum; distance is measured orthogonally to them, |P (theta - theta*)|. A point near theta* is found and its
distance from theta* certified (see `feature_matching`, `certified_newton`); P does not expand, and the difference of
the two points is exact. So the distance is in a ball. What the objective loses is at least what it loses beside that
point, and more by |gradient| times the distance of the point at the most. Counts in floats do not have exactly the mass
of a policy's: along directions that change nothing a gradient of that rounding is left.

    enclosed          the distance is in the ball
    no optimum        proved: an exponential family whose data lie on the boundary, or an expert who collects something
                      else where no theta makes a difference
    undecided         no bound could be certified: where theta runs off to infinity (a deterministic expert, say), or
                      curvature is lost in rounding; the reason says which

The optimum is that of float64 numbers: exact ones are rounded first, which a note says.
Source: ziebart2010; bach2010; derived.
"""

import time
from typing import Any, NamedTuple

import numpy as np
from flint import arb, fmpq_mat

from equivalence.testing.trained.families import ROUNDING, Family, NoOptimum, of_model, of_outcomes
from equivalence.testing.trained.figures import Figure, figure, norm
from equivalence.testing.trained.numbers import exact_numbers
from equivalence.testing.trained.parameters_verdict import ENCLOSED, NO_OPTIMUM, UNDECIDED, ParametersVerdict
from equivalence.testing.trained.problem import problem
from mdps import (
    InvalidArgument,
    InvalidModel,
    OutOfReach,
    identifiability,
    scalars,
)
from mdps.scalars.balls import precision

OBJECTIVES = ("causal", "maxent", "exponential_family")
BITS = 256


def judge_parameters(
    theta: Any,
    env_or_mdp: Any = None,
    *,
    features: Any,
    expert: Any,
    objective: str = "causal",
    temperature: Any = 1,
    name: str = "theta",
) -> ParametersVerdict:
    """The certified distance of theta from the parameters that are best for an objective.

    theta        [k]
    env_or_mdp   an environment of `to_gymnasium`, or a model; None for an exponential family
    features     [s, k], [s, a, k] or [s, a, s', k]; of an exponential family [n, k]
    expert       expected discounted counts in the shape of a reward; of an exponential family probabilities [n]
    objective    'causal', 'maxent' or 'exponential_family' (whose theta are of energies: costs)
    temperature  alpha of causal and maxent

    Errors: `InvalidArgument` for shapes that do not fit, and experts that are none.

    >>> import numpy as np
    >>> features = np.array([[0.0], [1.0]])
    >>> fair = judge_parameters([0.0], features=features, expert=[0.5, 0.5], objective="exponential_family")
    >>> fair.outcome, fair.distance.value < 1e-15
    ('enclosed', True)
    """
    started = time.perf_counter()
    if objective not in OBJECTIVES:
        raise InvalidArgument(f"objective is {objective!r}; expected one of {', '.join(OBJECTIVES)}")
    phi, point = exact_numbers(features, "features"), exact_numbers(theta, "theta")
    if point.ndim != 1 or phi.shape[-1:] != point.shape or phi.ndim < 2:
        raise InvalidArgument(f"features {phi.shape} and theta {point.shape}; expected [..., k] and [k]")
    notes: list[str] = []
    if objective == "exponential_family":
        if env_or_mdp is not None:
            raise InvalidArgument(
                "an exponential family has no model: expected features [n, k], probabilities [n] alone"
            )
        family = of_outcomes(phi, expert, notes)
    else:
        if env_or_mdp is None:
            raise InvalidArgument(f"objective {objective!r} needs a model or an environment; got None")
        family = of_model(problem(env_or_mdp), phi, expert, objective, temperature, notes)
    basis = identifiability.null_space(family.telling)
    told = np.ones(len(point), dtype=bool)
    told[[np.flatnonzero(np.asarray(row != 0, dtype=bool))[-1] for row in basis]] = False
    with precision(BITS):
        _, gradient = family.value(point)
        found = _idle(family, basis, gradient) or _optimum(family, told, _at_zero(basis, told, point))
        figures: dict[str, Any] = {"distance": None, "gap": None}
        if found.outcome == ENCLOSED:
            figures = _enclosed(family, basis, told, point, found)
        length = figure(norm(gradient))
        slopes = tuple(map(figure, gradient))
    return ParametersVerdict(
        name=name,
        objective=objective,
        outcome=found.outcome,
        **figures,
        gradient=slopes,
        gradient_norm=length,
        optimum=() if found.theta is None else tuple(map(float, found.theta)),
        optimum_error=found.error,
        unidentified=tuple(tuple(map(figure, row)) for row in basis),
        reason=found.reason,
        notes=tuple(notes),
        seconds=time.perf_counter() - started,
    )


class _Found(NamedTuple):
    outcome: str
    theta: np.ndarray | None = None
    error: float = float("inf")
    reason: str = ""


def _idle(family: Family, basis: np.ndarray, gradient: np.ndarray) -> _Found | None:
    """No optimum, where the expert collects something else along a direction that changes nothing."""
    for row in basis:
        direction = scalars.convert(row, "ball")
        slope = abs((direction * gradient).sum()) / norm(direction)
        if slope.lower() > ROUNDING * family.size:
            shown = "(" + ", ".join(map(str, row)) + ")"
            reason = f"along {shown} every theta collects the same, the expert's differs by {float(slope):.3g} a unit"
            return _Found(NO_OPTIMUM, reason=f"{reason}: the objective has no upper bound")
    return None


def _at_zero(basis: np.ndarray, told: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The theta that is the same to the objective, with 0 at coordinates that nothing determines."""
    return point - sum((x * row for x, row in zip(point[~told], basis, strict=True)), 0 * point)


def _optimum(family: Family, told: np.ndarray, point: np.ndarray) -> _Found:
    """A point near the optimum, from 0, else from the theta that was given."""
    if not told.any():
        return _Found(ENCLOSED, np.zeros(len(told)), 0.0)
    trouble: list[Exception] = []
    for start in (None, scalars.convert(point[told], "float")):
        try:
            theta, error, rank = family.optimum(told, start)
        except NoOptimum as found:
            return _Found(NO_OPTIMUM, reason=str(found))
        except (InvalidArgument, InvalidModel, OutOfReach) as found:
            trouble.append(found)
            continue
        if rank != told.sum():
            reason = f"the Hessian has rank {rank} in floats, and {told.sum()} exactly: some directions hardly matter"
            return _Found(UNDECIDED, reason=reason)
        wide = np.zeros(len(told))
        wide[told] = theta
        return _Found(ENCLOSED, wide, error)
    return _Found(UNDECIDED, reason=str(trouble[0]))


def _enclosed(
    family: Family, basis: np.ndarray, told: np.ndarray, point: np.ndarray, found: _Found
) -> dict[str, Figure]:
    near = scalars.convert(found.theta, "exact")
    distance = norm(scalars.convert(_orthogonal(basis, point - near), "ball")) + arb(0, found.error)
    value, _ = family.value(_at_zero(basis, told, point))
    best, left = family.value(near)
    gap = (best - value).union(best - value + norm(left[told]) * found.error)
    return {"distance": figure(_not_negative(distance)), "gap": figure(_not_negative(gap))}


def _not_negative(x: Any) -> Any:
    """The ball of what is known not to be negative."""
    return x if x > 0 else arb(0).union(arb(max(x.upper(), arb(0))))


def _orthogonal(basis: np.ndarray, x: np.ndarray) -> np.ndarray:
    """x less its projection on the rows of a rational basis [d, k]."""
    if not len(basis):
        return x
    gram, products = fmpq_mat((basis @ basis.T).tolist()), fmpq_mat([[y] for y in basis @ x])
    return x - np.array(gram.solve(products).entries(), dtype=object) @ basis
