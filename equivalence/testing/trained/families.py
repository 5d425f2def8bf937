"""Concave objectives of the parameters theta of a linear reward, or energy, with what each of them can tell apart."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives import causal, exponential_family, maxent
from equivalence.objectives.reward_distances import counted, uniform_policy, value_adjusted
from equivalence.testing.trained.numbers import exact_numbers
from equivalence.testing.trained.problem import Problem
from mdps import (
    MDP,
    InvalidArgument,
    boltzmann,
    occupancy,
    policy_value,
    scalars,
    soft_solution,
)
from mdps.arguments import checked_expert, checked_temperature, reward_axes

ROUNDING = 2.0**-24  # as in `feature_matching`


class Family(NamedTuple):
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


def of_model(
    given: Problem, phi: np.ndarray, expert: Any, objective: str, temperature: Any, notes: list[str]
) -> Family:
    """The objective 'causal' or 'maxent' of features [s, k], [s, a, k] or [s, a, s', k], and an expert's counts."""
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
    return Family(_telling(mdp, exact_phi, objective), value, optimum, size)


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


def of_outcomes(phi: np.ndarray, expert: Any, notes: list[str]) -> Family:
    """The likelihood of an exponential family with features [n, k] and data [n]."""
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

    return Family(table - table[:1], value, optimum, float(np.abs(features).max(initial=0.0)))
