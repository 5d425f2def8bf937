"""Slips of an argument, whatever the target is: what is forgotten, exchanged, or taken for something else.

    no discount at all        gamma = 1                  initial distribution ignored   rho uniform
    policy ... swapped        two laws change places     f with the other sign          -f
    expert normalized to 1    expert / sum expert        log(sampler + c)               sampler + c

The formula stays that of the reference: a slip is a function of what it is given. Of two laws the names are those of
the arguments, so a mistake is told in the words of the signature.
"""

import copy
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from equivalence.testing.conventions.mistake import KnownMistake, known
from equivalence.testing.targets import Target
from equivalence.testing.targets.argument import COST, DISTRIBUTION, LOGARITHM, NUMBER, SCALE
from equivalence.testing.targets.arguments import ARGUMENTS
from mdps import MDP, OutOfReach, scalars

ARGUMENT = "argument "  # before the name, in the changes of a mistake
MEASURES = ("expert", "visits", "occupancy", "marginals", "demonstrations", "samples")
LAWS = ("sampler", "data", "noise", "policy", "expert_policy", "reference", "prior", "trial", "law", "base")


def slips(target: Target) -> Iterator[KnownMistake]:
    """The slips of a target's arguments, the most frequent first."""
    names = target.arguments
    if "mdp" in names:
        yield known("no discount at all", "nothing is discounted", **{ARGUMENT + "mdp": "no discount"})
        yield known(
            "initial distribution ignored", "starts are taken to be uniform", **{ARGUMENT + "mdp": "uniform starts"}
        )
        yield known("start in state 0", "the start is taken to be state 0", **{ARGUMENT + "mdp": "start in state 0"})
        yield known("one sweep too many", "T+1 steps", **{ARGUMENT + "mdp": "T+1"})
        yield known("one sweep too few", "T-1 steps", **{ARGUMENT + "mdp": "T-1"})
    for name in names:
        if _role(target, name) in (LOGARITHM, COST, NUMBER):
            yield known(f"{name} with the other sign", f"-{name}", **{ARGUMENT + name: "opposite"})
    for one, other in combinations([name for name in names if name in (*LAWS, *MEASURES)], 2):
        if target.axes_of(one) == target.axes_of(other):
            changes = {ARGUMENT + one: f"from {other}", ARGUMENT + other: f"from {one}"}
            yield known(f"{one} and {other} swapped", "they have changed places", **changes)
    for name in names:
        if name in MEASURES:
            yield known(f"{name} normalized to 1", "divided by its sum", **{ARGUMENT + name: "normalized"})
        if _role(target, name) == SCALE:
            yield known(f"{name} ignored", f"{name} = 1 is used", **{ARGUMENT + name: "one"})
            yield known(f"{name} inverted", f"1 / {name} is used", **{ARGUMENT + name: "inverse"})


def _role(target: Target, name: str) -> str:
    return target.roles.get(name, ARGUMENTS[name].role if name in ARGUMENTS else "")


def laws_of(target: Target) -> list[str]:
    """The arguments of a target that are probabilities of which logarithms are taken."""
    return [name for name in target.arguments if name in LAWS and _role(target, name) == DISTRIBUTION]


def slipped(given: dict[str, Any], changes: dict[str, str]) -> dict[str, Any]:
    """The arguments as the slips take them; changes by name of an argument."""
    return given | {name: _slipped(given, name, how) for name, how in changes.items() if name in given}


def _slipped(given: dict[str, Any], name: str, how: str) -> Any:
    x = given[name]
    if isinstance(x, MDP):
        return _model(x, how)
    if how == "opposite":
        return -x
    if how.startswith("from "):
        return given[how.removeprefix("from ")]
    if how.startswith("plus "):
        return x + scalars.constant(1, x) * exact(how)
    if how == "one":
        return 0 * x + 1
    if how == "inverse":
        return 1 / x
    total = np.asarray(x).sum()
    if scalars.zero_mask(np.asarray(total)).any():
        raise OutOfReach("its sum is 0")
    return x / total


def exact(how: str) -> Any:
    """1e-8 from 'plus 1e-8', a float that is a power of 10 as people write it."""
    return float(how.split()[-1])


def _model(mdp: MDP, how: str) -> MDP:
    rho = mdp.initial
    one, zero = scalars.constant(1, rho), scalars.constant(0, rho)
    horizon, discount = mdp.horizon, mdp.discount
    if horizon is None:
        raise OutOfReach("slips of a model are those of a finite horizon")
    if how == "no discount":
        discount = 0 * discount + 1
    elif how == "uniform starts":
        rho = np.full(rho.shape, one / len(rho), dtype=rho.dtype)
    elif how == "start in state 0":
        rho = np.where(np.arange(len(rho)) == 0, one, zero)
    else:
        horizon = horizon + {"T+1": 1, "T-1": -1}[how]
        if not horizon:
            raise OutOfReach("no step is left")
    return changed_model(mdp, initial=rho, horizon=horizon, discount=discount)


def changed_model(mdp: MDP, **fields: Any) -> MDP:
    """The model with other numbers in the same arithmetic, which may be one that the door does not check."""
    other = copy.copy(mdp)
    for name, value in fields.items():
        object.__setattr__(other, name, value)
    return other
