"""The one table of arguments: every name that an argument of a target may have, in the order in which they are drawn.

What is not said here the rest of the judge does not know: the generator and the cases of a field draw by it, questions
and reports name by it, the reducer merges by it, a field frees by it. `spaces_arguments` has those of finite spaces.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from equivalence.testing.targets import drawing
from equivalence.testing.targets.argument import (
    COST,
    DISTRIBUTION,
    EXPONENTS,
    FIXED,
    LIMITED,
    LOGARITHM,
    NUMBER,
    SCALE,
    Argument,
)
from equivalence.testing.targets.axes import OF_A_MODEL
from equivalence.testing.targets.responses_arguments import RESPONSE_ARGUMENTS
from equivalence.testing.targets.spaces_arguments import SPACE_ARGUMENTS
from mdps import scalars

MODEL = ("transition", "initial", "horizon", "discount")

MODEL_ARGUMENTS: dict[str, Argument] = {
    "reward": Argument("R", LOGARITHM, drawing.numbers, "reward"),
    "other_reward": Argument("R", LOGARITHM, drawing.numbers, "another reward"),
    "features": Argument("Rk", FIXED, drawing.small_integers, "features of what is rewarded"),
    "theta": Argument("k", LOGARITHM, drawing.numbers, "parameters: the reward is features @ theta"),
    "expert": Argument("R", FIXED, drawing.expert, "expected discounted visits", measure=True),
    "policy": Argument("P", DISTRIBUTION, drawing.policy, "probabilities of actions"),
    "expert_policy": Argument("P", DISTRIBUTION, drawing.policy, "the policy of the expert"),
    "trial": Argument("P", DISTRIBUTION, drawing.policy, "another policy"),
    "prior": Argument("P", DISTRIBUTION, drawing.policy, "a policy before anything is known"),
    "q": Argument("P", LOGARITHM, drawing.numbers, "soft action values"),
    "f": Argument("P", LOGARITHM, drawing.numbers, "AIRL's f, in nats"),
    "logit": Argument("P", LOGARITHM, drawing.numbers, "logits of a discriminator"),
    "cost": Argument("P", COST, drawing.numbers, "costs"),
    "nu": Argument("P", LOGARITHM, drawing.numbers, "a critic, in nats"),
    "v": Argument("V", NUMBER, drawing.numbers, "values"),
    "slope": Argument("R", NUMBER, drawing.numbers, "a slope to visits"),
    "direction": Argument("R", NUMBER, drawing.numbers, "a direction in rewards"),
    "table": Argument("sax", NUMBER, drawing.numbers, "numbers of transitions"),
    "potential": Argument("s", NUMBER, drawing.numbers, "a potential of shaping"),
    "airl_reward": Argument("R", LOGARITHM, drawing.numbers, "AIRL's g, in nats"),
    "airl_potential": Argument("s", LOGARITHM, drawing.numbers, "AIRL's h, in nats"),
    "path_cost": Argument("n", NUMBER, drawing.numbers, "a cost of each trajectory"),
    "constant": Argument("", NUMBER, drawing.numbers, "a number"),
    "visits": Argument("P", FIXED, drawing.visits, "expected visits of a policy", measure=True),
    "marginals": Argument("tsa", FIXED, drawing.visits, "marginals of a policy", measure=True),
    "occupancy": Argument("C", FIXED, drawing.visits, "expected discounted visits", measure=True),
    "difference": Argument("P", FIXED, drawing.difference_of_visits, "visits of a policy less the expert's"),
    "counts": Argument("sax", FIXED, drawing.counts, "numbers of transitions that were seen", measure=True),
    "demonstrations": Argument("sax", FIXED, drawing.counts, "numbers of transitions of an expert", measure=True),
    "samples": Argument("sax", FIXED, drawing.counts, "numbers of transitions of a policy", measure=True),
    "states": Argument("ih", FIXED, drawing.seen_states, "states, -1 past the end", integer=True),
    "actions": Argument("it", FIXED, drawing.seen_actions, "actions, -1 past the end", integer=True),
    "law": Argument("n", DISTRIBUTION, drawing.distribution, "probabilities of trajectories", measure=True),
    "entropy_weight": Argument("", SCALE, drawing.weight, "what an entropy weighs"),
    "chi_square": Argument("", FIXED, drawing.weight, "a > 0 of a penalty r^2 / (4 a)"),
    "kl_weight": Argument("", SCALE, drawing.weight, "what a divergence weighs"),
    "trust_weight": Argument("", SCALE, drawing.weight, "what staying near weighs"),
    "step": Argument("", FIXED, drawing.share, "the length of a step"),
    "weight": Argument("", FIXED, drawing.weight, "a weight"),
    "sample_weight": Argument("", FIXED, drawing.weight, "what samples weigh"),
    "temperature": Argument("", SCALE, drawing.temperature, "reward a nat"),
}

ARGUMENTS: dict[str, Argument] = {**MODEL_ARGUMENTS, **SPACE_ARGUMENTS, **RESPONSE_ARGUMENTS}


TABLES_OF_EXPONENTS = tuple(name for name, x in ARGUMENTS.items() if x.role in EXPONENTS and x.axes)


def is_integer(name: str) -> bool:
    """Whether an argument is an array of whole numbers, in every arithmetic."""
    return name in ARGUMENTS and ARGUMENTS[name].integer


def sizes(instance: Mapping[str, Any]) -> dict[str, int]:
    """How long the axes of an instance on a finite space are, by letter.

    >>> sizes({"energy": np.zeros(3)})
    {'n': 3}
    """
    found: dict[str, int] = {}
    for name, value in instance.items():
        axes = ARGUMENTS[name].axes if name in ARGUMENTS else ""
        if len(axes) == np.ndim(value) and not set(axes) & set("RPVC"):
            found |= dict(zip(axes, np.shape(value), strict=True))
    return {letter: size for letter, size in found.items() if letter not in OF_A_MODEL}


def largest_number(instance: Mapping[str, Any]) -> float:
    """The largest absolute value of what the kinds limit: rewards, energies, logits; 0 where there is none."""
    limited = [value for name, value in instance.items() if name in ARGUMENTS and ARGUMENTS[name].role in LIMITED]
    return max((_largest(value) for value in limited), default=0.0)


def _largest(array: Any) -> float:
    return float(np.abs(scalars.convert(np.asarray(array, dtype=object), "float")).max(initial=0.0))
