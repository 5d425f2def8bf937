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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from flint import arb, fmpq_mat

from equivalence.objectives import causal, exponential_family, maxent
from equivalence.objectives.reward_distances import counted, uniform_policy, value_adjusted
from equivalence.testing.trained.door import Problem, exact_numbers, problem
from equivalence.testing.trained.figures import Figure, as_json, figure, norm, rows
from mdps import (
    MDP,
    InvalidArgument,
    InvalidModel,
    OutOfReach,
    boltzmann,
    identifiability,
    occupancy,
    policy_value,
    scalars,
    soft_solution,
)
from mdps.arguments import checked_expert, checked_temperature, reward_axes
from mdps.scalars.balls import precision

OBJECTIVES = ("causal", "maxent", "exponential_family")
ENCLOSED, NO_OPTIMUM, UNDECIDED = "enclosed", "no optimum", "undecided"
BITS = 256
ROUNDING = 2.0**-24  # as in `feature_matching`


@dataclass(frozen=True, eq=False)
class ParametersVerdict:
    """How far theta is from the optimum.

    distance      |P (theta - theta*)|, in a ball; None unless enclosed
    gap           what the objective loses, L(theta*) - L(theta) in nats, in a ball; None unless enclosed
    gradient      dL/dtheta at theta, [k], in balls, and its Euclidean norm
    optimum       a theta near theta* [k] whose coordinates that nothing determines are 0, and its error
    unidentified  directions of theta that change nothing, a basis [d][k] in rational numbers
    reason        why the distance is not enclosed
    """

    name: str
    objective: str
    outcome: str
    distance: Figure | None
    gap: Figure | None
    gradient: tuple[Figure, ...]
    gradient_norm: Figure
    optimum: tuple[float, ...]
    optimum_error: float
    unidentified: tuple[tuple[Figure, ...], ...]
    reason: str
    notes: tuple[str, ...]
    seconds: float

    @property
    def message(self) -> str:
        """The whole report."""
        return "\n".join(_report(self))

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, Any]:
        """The verdict as a plain object; the keys are stable."""
        return {name: as_json(getattr(self, name)) for name in self.__dataclass_fields__}


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
        family = _of_outcomes(phi, expert, notes)
    else:
        if env_or_mdp is None:
            raise InvalidArgument(f"objective {objective!r} needs a model or an environment; got None")
        family = _of_model(problem(env_or_mdp), phi, expert, objective, temperature, notes)
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


class _Family(NamedTuple):
    """A concave objective of theta.

    telling   a rational matrix [m, k]: M u = 0 iff u changes nothing
    value     of an exact theta [k]: the objective and its gradient [k], in balls
    optimum   of coordinates [k] that have one, from a start or of its own accord: (theta [m], error, rank)
    size      of what is collected: a gradient below 2^-24 of it, where nothing changes, is rounding of the counts
    """

    telling: np.ndarray
    value: Callable[[np.ndarray], tuple[Any, np.ndarray]]
    optimum: Callable[[np.ndarray, np.ndarray | None], tuple[np.ndarray, float, int]]
    size: float


class NoOptimum(ValueError):
    """The supremum is not attained, by proof."""


class _Found(NamedTuple):
    outcome: str
    theta: np.ndarray | None = None
    error: float = float("inf")
    reason: str = ""


def _idle(family: _Family, basis: np.ndarray, gradient: np.ndarray) -> _Found | None:
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


def _optimum(family: _Family, told: np.ndarray, point: np.ndarray) -> _Found:
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
    family: _Family, basis: np.ndarray, told: np.ndarray, point: np.ndarray, found: _Found
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


# Objectives on a model -------------------------------------------------------------------------------------------


def _of_model(
    given: Problem, phi: np.ndarray, expert: Any, objective: str, temperature: Any, notes: list[str]
) -> _Family:
    notes += given.notes
    floats = (given.given or given.mdp).to("float")
    mdp = floats.to("exact")  # as the certificate of the optimum reads it
    if not mdp.equals(given.mdp):
        notes.append("the model was rounded to float64")
    axes = reward_axes(mdp, phi[..., 0], "features[..., k]")
    counts = _rounded(expert, "expert", notes)
    checked_expert(floats, counts, axes)
    float_phi = _rounded(phi, "features", notes)
    alpha = float(
        _rounded(checked_temperature(exact_numbers(temperature, "temperature")[()], "exact"), "temperature", notes)
    )
    exact_phi, exact_counts, exact_alpha = (scalars.convert(x, "exact") for x in (float_phi, counts, [alpha]))
    module = causal if objective == "causal" else maxent

    def value(theta: np.ndarray) -> tuple[Any, np.ndarray]:
        model, one = mdp.to("ball"), scalars.convert(exact_alpha, "ball")[0]
        reward, table = (scalars.convert(x, "ball") for x in ((exact_phi * theta).sum(axis=-1), exact_counts))
        visits, lost = _visits(model, reward, one, axes, objective)
        summed = tuple(range(len(axes)))
        slope = ((table - visits)[..., None] * scalars.convert(exact_phi, "ball")).sum(axis=summed) / one
        return (table * reward).sum() / one - lost, slope

    def optimum(told: np.ndarray, start: np.ndarray | None) -> tuple[np.ndarray, float, int]:
        found = module.optimum(floats, float_phi[..., told], counts, temperature=alpha, start=start)
        return found.theta, found.distance, found.range.shape[1]

    size = float(np.abs(float_phi).max(initial=0.0)) * (1 + float(counts.sum())) / alpha
    return _Family(_telling(mdp, exact_phi, objective), value, optimum, size)


def _visits(mdp: MDP, reward: np.ndarray, alpha: Any, axes: str, objective: str) -> tuple[np.ndarray, Any]:
    """The visits of the model of a reward, and the log partition function, or rho V_0 / alpha."""
    if objective == "maxent":
        log_partition = boltzmann.log_partition(mdp, reward, temperature=alpha)
        return boltzmann.occupancy(mdp, reward, temperature=alpha, axes=axes), log_partition
    solution = soft_solution(mdp, reward, temperature=alpha)
    first = solution.v if mdp.horizon is None else solution.v[0]
    reached = ~scalars.zero_mask(mdp.initial)
    return occupancy(mdp, solution.policy, axes=axes), (mdp.initial[reached] * first[reached]).sum() / alpha


def _telling(mdp: MDP, phi: np.ndarray, objective: str) -> np.ndarray:
    """A rational matrix [m, k] whose null space are the directions of theta that change nothing."""
    ending_at_0 = mdp.with_final_value(0 * mdp.final_value)
    reached = counted(mdp, reached=True)
    if mdp.discount == 0:  # what is not decided at once has no weight
        first = mdp.available & ~scalars.zero_mask(mdp.initial)[:, None]
        reached = first if mdp.horizon is None else np.stack([first, *[first & False] * (mdp.horizon - 1)])
    columns = []
    for k in range(phi.shape[-1]):
        if objective == "causal":
            columns.append(value_adjusted(ending_at_0, phi[..., k])[reached])
            continue
        values = policy_value(ending_at_0, phi[..., k], uniform_policy(mdp))
        wide = phi[..., k][(..., *(None,) * (4 - phi.ndim))]
        now, ahead = (values, values) if mdp.horizon is None else (values[:-1], values[1:])
        table = wide + mdp.discount * ahead[..., None, None, :] - now[..., :, None, None]
        met = reached[..., None] & mdp.support
        starts = (values if mdp.horizon is None else values[0])[~scalars.zero_mask(mdp.initial)]
        columns.append(np.concatenate([np.broadcast_to(table, met.shape)[met], starts - starts[0]]))
    return np.stack(columns, axis=-1)


def _rounded(x: Any, name: str, notes: list[str]) -> np.ndarray:
    """The nearest float64, with a note where that is not the number itself."""
    exact = exact_numbers(x, name)
    floats = scalars.convert(exact, "float")
    if not np.asarray(scalars.convert(floats, "exact") == exact, dtype=bool).all():
        notes.append(f"{name}: rounded to float64")
    return floats


# An exponential family -------------------------------------------------------------------------------------------


def _of_outcomes(phi: np.ndarray, expert: Any, notes: list[str]) -> _Family:
    features, data = _rounded(phi, "features", notes), _rounded(expert, "expert", notes)
    if features.ndim != 2 or data.shape != features.shape[:1]:
        raise InvalidArgument(f"features {features.shape} and expert {data.shape}; expected [n, k] and [n]")
    table, law = scalars.convert(features, "exact"), scalars.convert(data, "exact")
    law = law / law.sum()

    def value(theta: np.ndarray) -> tuple[Any, np.ndarray]:
        energy = scalars.convert((table * theta).sum(axis=-1), "ball")
        log_partition, model = scalars.log_normalized(-energy)
        gap = model - scalars.convert(law, "ball")
        likelihood = -(scalars.convert(law, "ball") * energy).sum() - log_partition
        return likelihood, (gap[:, None] * scalars.convert(table, "ball")).sum(axis=0)

    def optimum(told: np.ndarray, _: np.ndarray | None) -> tuple[np.ndarray, float, int]:
        try:
            found = exponential_family.optimum(features[:, told], data)
        except InvalidArgument as error:
            raise NoOptimum(str(error)) from None
        return found.theta, float(found.distance), int(found.identified.sum())

    return _Family(table - table[:1], value, optimum, float(np.abs(features).max(initial=0.0)))


# The report ------------------------------------------------------------------------------------------------------


def _report(verdict: ParametersVerdict) -> list[str]:
    if verdict.outcome == ENCLOSED:
        first = f"{verdict.name} is {verdict.distance} from the optimum of {verdict.objective}, certified"
    else:
        first = f"{verdict.name}: {verdict.outcome} of {verdict.objective}: {verdict.reason}"
    lines = [first, f"judged in balls, {verdict.seconds:.2f} s", ""]
    gradient = ", ".join(f"{x.value:.6g}" for x in verdict.gradient)
    table = [("gradient there", f"({gradient}), norm {verdict.gradient_norm}")]
    if verdict.outcome == ENCLOSED:
        best = ", ".join(f"{x:.6g}" for x in verdict.optimum)
        table += [
            ("what the objective loses", f"{verdict.gap} nats"),
            ("the optimum", f"({best}), known within {verdict.optimum_error:.2g}"),
        ]
    lines += rows(table)
    if verdict.unidentified:
        shown = ["(" + ", ".join(str(x.exact) for x in row) + ")" for row in verdict.unidentified]
        lines += ["", f"Not determined by any data, and left out of the distance: {', '.join(shown)}"]
    return lines + [f"note: {note}" for note in verdict.notes]
