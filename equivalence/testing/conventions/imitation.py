"""Discriminators of adversarial imitation, AIRL's f and GAIL's logit, with switches.

    D = sigmoid(l),   l = f - log pi in AIRL,   L = E_expert[-log D] + E_policy[-log(1 - D)], or with labels swapped

Each slip is one of the argument: without log pi the logit is f, which is AIRL's for f + log pi; with the labels swapped
L is that of -l, and its gradient to l the negative of the gradient there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from equivalence.testing.conventions.mistake import OUTPUT, known
from equivalence.testing.conventions.output import finished
from equivalence.testing.targets import Target
from mdps import scalars


@dataclass(frozen=True)
class Imitation:
    """The library's conventions; any other value is a mistake."""

    logit: str = "given"  # opposite
    density: str = "given"  # none
    labels: str = "given"  # swapped
    sign: str = "given"
    factor: str = "one"
    layout: str = "given"


MISTAKES = (
    *OUTPUT[:1],
    known("log pi missing", "the logit is f, expected f - log pi", density="none"),
    known("labels swapped", "expert and policy have each other's label", labels="swapped"),
    known("opposite logit", "D is the probability of the other side", logit="opposite"),
    *OUTPUT[1:],
)
FORMS = ("discriminator", "discriminator_loss", "discriminator_gradient")
ON_IMITATION = tuple(f"{name}.{form}" for name in ("airl", "gail") for form in FORMS)


def is_imitation(target: Target) -> bool:
    """Whether a target is about a discriminator on [s, a]."""
    rewards = target.name.startswith(("airl.policy_reward.", "gail.policy_reward."))
    return target.name in ON_IMITATION or (rewards and "transitions" not in target.name)


def imitation(target: Target, c: Imitation) -> Callable[..., Any]:
    """The formula of a target under the switches, from its arguments by keyword."""

    def formula(**given: Any) -> Any:
        parts = target.value(_changed(given, c))
        if c.labels == "swapped" and target.name.endswith("gradient"):
            parts = tuple(-part for part in parts)
        parts = finished(target, parts, given, c)
        return parts if len(target.parts) > 1 else parts[0]

    return formula


def _changed(given: dict[str, Any], c: Imitation) -> dict[str, Any]:
    """The arguments as the mistakes take them."""
    opposite = (c.labels == "swapped") != (c.logit == "opposite")
    if "f" not in given:
        return {**given, "logit": -given["logit"]} if opposite and "logit" in given else given
    pi = given["policy"]
    log_pi = scalars.over(~scalars.zero_mask(pi), scalars.log, pi, otherwise=scalars.constant(0, pi))
    f = given["f"] + log_pi if c.density == "none" else given["f"]
    return {**given, "f": np.asarray(2 * log_pi - f if opposite else f)}
