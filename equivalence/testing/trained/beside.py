"""A policy beside an expert: what both visit, what their trajectories are, and what features they collect."""

from typing import Any

import numpy as np

from equivalence.testing.trained import divergences
from equivalence.testing.trained.figures import figure, norm
from equivalence.testing.trained.numbers import exact_numbers, exact_table
from equivalence.testing.trained.policies import GivenPolicy
from equivalence.testing.trained.same_policies import same_rows
from mdps import MDP, InvalidArgument, occupancy, scalars
from mdps.arguments import checked_expert, reward_axes
from mdps.scalars.balls import precision


def beside_expert(
    exact: MDP,
    mdp: MDP,
    given: GivenPolicy,
    theirs: GivenPolicy | None,
    expert: Any,
    features: Any,
    ours: np.ndarray,
    tables: tuple[Any, Any],
) -> dict[str, Any]:
    """Divergences and the feature gap, of an expert policy, over (s, a), or of an expert's counts, over their axes.

    exact   the model in exact numbers, mdp in the arithmetic of the answer
    ours    occupancy [s, a] of the policy; tables: both policies in that arithmetic
    """
    pi, expert_pi = tables
    axes, of_features = "sa", ""
    if features is not None:
        features = exact_numbers(features, "features")
        of_features = reward_axes(exact, features[..., 0], "features[..., k]")
    met: Any = divergences.reached_pairs(exact, given.support)
    ours_met = met if mdp.horizon is None else met.any(axis=0)
    same = False
    if theirs is None:
        counts = _expert_counts(exact, expert)
        expert_axes = reward_axes(exact, counts, "expert")
        if features is not None and expert_axes != of_features:
            raise InvalidArgument(
                f"expert has axes '{expert_axes}' and features '{of_features}'; expected counts over what features "
                "are of"
            )
        axes, expert_met = expert_axes, np.asarray(counts != 0, dtype=bool)
        expert_visits = scalars.convert(counts, mdp.level)
    else:
        their_met: Any = divergences.reached_pairs(exact, theirs.support)
        same = bool((same_rows(given, theirs) | ~met.any(axis=-1)).all())
        expert_visits = occupancy(mdp, expert_pi)
        expert_met = their_met if mdp.horizon is None else their_met.any(axis=0)
    visits, visits_met = _over(mdp, ours, axes), _met_over(exact, ours_met, axes)
    result: dict[str, Any] = {
        "divergences": divergences.between(visits, expert_visits, visits_met, expert_met, same=same)
    }
    if theirs is not None:
        names = ("the policy", "the expert")
        result["divergences"] |= {
            "KL of trajectories (policy || expert)": divergences.of_trajectories(
                mdp, given, theirs, (pi, expert_pi), names
            ),
            "KL of trajectories (expert || policy)": divergences.of_trajectories(
                mdp, theirs, given, (expert_pi, pi), (names[1], names[0])
            ),
        }
    if features is not None:
        phi = scalars.convert(features, mdp.level)
        more = expert_visits - visits
        more = more if axes == of_features else _over(mdp, more, of_features)
        gap = (more[..., None] * phi).sum(axis=tuple(range(len(of_features))))
        if same:
            gap = gap - gap
        with precision(divergences.BITS):
            result |= {
                "feature_gap": tuple(map(figure, gap)),
                "feature_distance": figure(norm(scalars.convert(gap, "ball"))),
            }
    return result


def _expert_counts(mdp: MDP, expert: Any) -> np.ndarray:
    """Exactly the numbers that they are; floats are checked as floats, whose mass is off by rounding."""
    counts = exact_table(mdp, expert, "expert")
    axes = reward_axes(mdp, counts, "expert")
    array = np.asarray(expert)
    if array.dtype == object or array.dtype.kind in "iu":
        return checked_expert(mdp, counts, axes)
    checked_expert(mdp.to("float"), scalars.convert(counts, "float"), axes)
    return counts


def _over(mdp: MDP, visits: np.ndarray, axes: str) -> np.ndarray:
    if axes == "sas":
        return np.where(mdp.support, visits[..., None] * mdp.transition, scalars.constant(0, mdp.initial))
    return visits.sum(axis=-1) if axes == "s" else visits


def _met_over(mdp: MDP, met: np.ndarray, axes: str) -> np.ndarray:
    if axes == "sas":
        return met[..., None] & mdp.support
    return np.asarray(met.any(axis=-1)) if axes == "s" else met
