"""AIRL's shaped reward, f = g + gamma h(s') - h(s), with switches.

end       h(s') = 0 in terminal s'; kept; or gamma h(s') - h(s) masked as a whole: (1 - d)(gamma h' - h)
discount  gamma h(s'); none; or on h(s)
order     gamma h(s') - h(s), or h(s) - gamma h(s')
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from equivalence.testing.conventions.mistake import OUTPUT, known
from equivalence.testing.conventions.output import finished
from equivalence.testing.targets import Target
from mdps import MDP, scalars


@dataclass(frozen=True)
class Shaped:
    """The library's conventions; any other value is a mistake."""

    end: str = "zero"  # kept, masks both
    discount: str = "of the next state"  # none, of the state
    order: str = "given"  # opposite, absent
    reward: str = "given"  # absent, opposite
    sign: str = "given"
    factor: str = "one"
    shift: str = "none"
    layout: str = "given"


MISTAKES = (
    *OUTPUT[:1],
    known("potential of the end kept", "h(s') is not 0 in terminal s'", end="kept"),
    known("shaping masked as a whole", "(1 - d)(gamma h' - h): the state before the end keeps its h", end="masks both"),
    known("no discount at all", "h(s') - h(s)", discount="none"),
    known("discount on the wrong potential", "h(s') - gamma h(s)", discount="of the state"),
    known("potentials swapped", "h(s) - gamma h(s')", order="opposite"),
    known("shaping left out", "g alone", order="absent"),
    known("reward left out", "the shaping alone", reward="absent"),
    known("cost as reward", "the reward is taken for a cost", reward="opposite"),
    *OUTPUT[1:],
)
ON_SHAPED = ("airl.f_of_transitions", "airl.f_of_actions")


def shaped(target: Target, c: Shaped) -> Callable[..., Any]:
    """The formula of a target under the switches, from its arguments by keyword."""

    def formula(**given: Any) -> Any:
        mdp: MDP = given["mdp"]
        h = given["airl_potential"]
        zero, one = scalars.constant(0, h), scalars.constant(1, h)
        (reward,) = target.value({**given, "airl_potential": 0 * h})  # g over the axes of the answer
        if c.reward != "given":
            reward = -reward if c.reward == "opposite" else 0 * reward
        after = h if c.end == "kept" else np.where(mdp.terminal, zero, h)
        gamma = mdp.discount * one
        first, second = {"none": (one, one), "of the state": (one, gamma)}.get(c.discount, (gamma, one))
        if target.name == "airl.f_of_actions":
            stays = np.where(mdp.terminal, zero, mdp.transition).sum(axis=-1)
            here = h[:, None] * (stays if c.end == "masks both" else one)
            slope = first * (mdp.transition * after).sum(axis=-1) - second * here
        else:
            here = np.broadcast_to(h[:, None, None], mdp.transition.shape)
            slope = first * after - second * (np.where(mdp.terminal, zero, here) if c.end == "masks both" else here)
        slope = {"opposite": -slope, "absent": 0 * slope}.get(c.order, slope)
        parts = finished(target, (reward + slope,), given, c)
        return parts[0]

    return formula
