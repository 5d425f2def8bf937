"""Discriminators of adversarial imitation, AIRL's f and GAIL's logit, with switches.

    D = sigmoid(l),   l = f - log pi in AIRL,   L = E_expert[-log D] + E_policy[-log(1 - D)], or with labels swapped

Most slips are those of the argument: without log pi the logit is f, which is AIRL's for f + log pi; with the labels
swapped L is that of -l, and its gradient to l the negative of the gradient there. Visits that are normalized on one
side and logarithms that fear 0 (`logs`) have formulas of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from equivalence.testing.conventions import logs
from equivalence.testing.conventions.mistake import OUTPUT, known
from equivalence.testing.conventions.output import finished
from equivalence.testing.targets import Target
from mdps import OutOfReach, occupancy, scalars


@dataclass(frozen=True)
class Imitation:
    """The library's conventions; any other value is a mistake."""

    logit: str = "given"  # opposite
    density: str = "given"  # none, nowhere
    labels: str = "given"  # swapped
    visits: str = "given"  # frequencies, mean over steps
    expert: str = "given"  # frequencies
    logs: str = "exact"  # plus 1e-8, clipped 1e-6, softplus above 20
    sign: str = "given"
    factor: str = "one"
    shift: str = "none"
    layout: str = "given"


MISTAKES = (
    *OUTPUT[:1],
    known("log pi missing", "the logit is f, expected f - log pi", density="none"),
    known("log pi missing", "the logit is f, also where the policy never goes", density="nowhere"),
    known("labels swapped", "expert and policy have each other's label", labels="swapped"),
    known("opposite logit", "D is the probability of the other side", logit="opposite"),
    known(
        "visits normalized to 1",
        "visits of the policy are divided by their sum, those of the expert are not",
        visits="frequencies",
    ),
    known(
        "frequencies of the model",
        "visits of the policy are divided by T, those of the expert are not",
        visits="mean over steps",
    ),
    known(
        "expert normalized to 1",
        "visits of the expert are divided by their sum, those of the policy are not",
        expert="frequencies",
    ),
    known(
        "both normalized to 1",
        "frequencies of both sides: lengths of episodes are lost",
        expert="frequencies",
        visits="frequencies",
    ),
    *OUTPUT[1:],
)
LOSSES = ("discriminator_loss", "discriminator_gradient")
ON_IMITATION = tuple(f"{name}.{form}" for name in ("airl", "gail") for form in ("discriminator", *LOSSES))
OF_LOGARITHMS = ("airl", "gail", "log_d")  # forms of rewards that are made of log D and log(1 - D)


def is_imitation(target: Target) -> bool:
    """Whether a target is about a discriminator on [s, a]."""
    rewards = target.name.startswith(("airl.policy_reward.", "gail.policy_reward."))
    return target.name in ON_IMITATION or (rewards and "transitions" not in target.name)


def takes_logarithms(target: Target) -> bool:
    """Whether a target of this family is made of log D and log(1 - D)."""
    return _form(target) in (*LOSSES, *OF_LOGARITHMS)


def imitation(target: Target, c: Imitation, *, from_discriminator: bool = False) -> Callable[..., Any]:
    """The formula of a target under the switches, from its arguments by keyword.

    from_discriminator  compute 1 - D by a difference: the same numbers, fewer digits.
    """

    def formula(**given: Any) -> Any:
        changed = _changed(given, c)
        plain = c.density != "nowhere" or "f" not in given
        if plain and c.visits == c.expert == "given" and c.logs == "exact":
            parts = target.value(changed)
        elif target.name == "airl.discriminator" and c.logs == "exact":
            parts = (
                np.where(given["mdp"].available, scalars.sigmoid(changed["f"]), scalars.constant(1, changed["f"])),
            )
        elif not takes_logarithms(target) or (_form(target) in OF_LOGARITHMS and c.logs == "exact"):
            raise OutOfReach("it has no such formula")
        else:
            sides = _Sides(_logit(changed, c), c.logs, from_discriminator)
            own = _reward if _form(target) in OF_LOGARITHMS else _loss
            parts = (own(target, changed, c, sides),)
        if c.labels == "swapped" and target.name.endswith("gradient"):
            parts = tuple(-part for part in parts)
        parts = finished(target, parts, given, c)
        return parts if len(target.parts) > 1 else parts[0]

    return formula


def _form(target: Target) -> str:
    return target.name.rsplit(".", 1)[-1]


def _log_pi(pi: np.ndarray) -> np.ndarray:
    return scalars.over(~scalars.zero_mask(pi), scalars.log, pi, otherwise=scalars.constant(0, pi))


def _changed(given: dict[str, Any], c: Imitation) -> dict[str, Any]:
    """The arguments as the mistakes take them."""
    opposite = (c.labels == "swapped") != (c.logit == "opposite")
    if "f" not in given:
        return {**given, "logit": -given["logit"]} if opposite and "logit" in given else given
    if c.density == "nowhere":
        return {**given, "f": -given["f"] if opposite else given["f"]}
    log_pi = _log_pi(given["policy"])
    f = given["f"] + log_pi if c.density == "none" else given["f"]
    return {**given, "f": np.asarray(2 * log_pi - f if opposite else f)}


def _logit(given: dict[str, Any], c: Imitation) -> np.ndarray:
    if c.density == "nowhere" and "f" in given:
        return given["f"]
    return given["f"] - _log_pi(given["policy"]) if "f" in given else given["logit"]


class _Sides(NamedTuple):
    """-log D and -log(1 - D) of a logit, and their slopes, with the logarithms of a subject."""

    logit: np.ndarray
    how: str
    by_difference: bool

    def surprise(self, *, of_expert: bool) -> np.ndarray:
        if self.how == "exact":
            return scalars.softplus(-self.logit if of_expert else self.logit)
        return logs.surprise(self.logit, self.how, plus=of_expert, by_difference=self.by_difference)

    def slope(self, *, of_expert: bool) -> np.ndarray:
        if self.how == "exact":
            return -scalars.sigmoid(-self.logit) if of_expert else scalars.sigmoid(self.logit)
        own = logs.slope(self.logit, self.how, plus=of_expert, by_difference=self.by_difference)
        return own if of_expert else -own


def _reward(target: Target, given: dict[str, Any], c: Imitation, sides: _Sides) -> np.ndarray:
    available = given["mdp"].available
    if sides.logit.shape != available.shape:
        raise OutOfReach("rewards of [s, a] alone")
    log_d, log_rest = -sides.surprise(of_expert=True), -sides.surprise(of_expert=False)
    reward = {"airl": log_d - log_rest, "gail": -log_rest, "log_d": log_d}[_form(target)]
    return np.where(available, reward, scalars.constant(0, reward))


def _loss(target: Target, given: dict[str, Any], c: Imitation, sides: _Sides) -> Any:
    mdp, policy, expert = given["mdp"], given["policy"], given["expert"]
    if policy.shape != expert.shape:
        raise OutOfReach("policies of [s, a] alone")
    visits = occupancy(mdp, policy)
    if c.visits != "given":
        visits = visits / (_total(visits) if c.visits == "frequencies" else mdp.horizon)
    if c.expert == "frequencies":
        expert = expert / _total(expert)
    if "f" in given and c.density != "nowhere":  # where pi is 0 nothing is learned
        expert = np.where(scalars.zero_mask(policy), scalars.constant(0, policy), expert)
    if _form(target) == "discriminator_gradient":
        return expert * sides.slope(of_expert=True) + visits * sides.slope(of_expert=False)
    return (expert * sides.surprise(of_expert=True)).sum() + (visits * sides.surprise(of_expert=False)).sum()


def _total(counts: np.ndarray) -> Any:
    total = counts.sum()
    if scalars.zero_mask(np.asarray(total)).any():
        raise OutOfReach("there are no visits")
    return total
