"""Free numbers in place of those that a claim quantifies over: what the levels `field` and `symbolic` run on.

Energies become -log w with a free positive weight w for each outcome, rewards, potentials, theta and log Z log w;
distributions and policies become free probabilities where the instance has positive ones, the last of each 1 minus the
others; directions are free. Everything else stays the numbers that it is: dynamics, discount, horizon, temperature,
features, what no name below says is free, and whatever an assumption is about that cannot be established. (An
assumption about a model alone is about its dynamics: final values are free with the reward.)

An assumption that can be established is established in the free numbers, and those that were before it are then asked
again; the others are about what stays, and are checked on the exact instance. On an MDP the energies are those of its
trajectories.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from equivalence.claims import Assumption, Claim
from equivalence.claims.trajectories import trajectory_energy
from equivalence.evidence.instance import Instance
from mdps import MDP, OutOfReach, scalars, trajectories

LOGARITHMIC = (
    "energy",
    "reward",
    "airl_reward",
    "log_normalizer",
    "potential",
    "constant",
    "theta",
    "continuation",
)
DISTRIBUTIONS = ("sampler", "data", "policy", "dynamics")
NUMBERS = ("direction", "discounting", "noise_ratio", "reward_slope", "continuation_slope", "continuation_curvature")

Fresh = Callable[[str, Any], Any]
"""A free number for a name and the exact number that it stands for; of a logarithm, the exact number is that."""


class Free(NamedTuple):
    """The arguments of a claim at a level, and the names of those that hold free numbers of their own."""

    values: dict[str, Any]
    names: tuple[str, ...]


def wanted_names(claim: Claim, instance: Instance) -> list[str]:
    """What the claim, or an assumption of it that is established, is about, and no other part gives."""
    wanted = {*claim.arguments, *_established_names(claim)} & set(instance.values)
    return sorted(wanted - {"energy"} if _follows_from_reward(wanted) else wanted)


def _established_names(claim: Claim) -> set[str]:
    return {name for needed in claim.assumes if needed.establish is not None for name in needed.arguments}


def _follows_from_reward(names: set[str]) -> bool:
    """Whether the energies are those of trajectories."""
    return {"mdp", "energy", "reward"} <= names


def fixed_names(claim: Claim) -> set[str]:
    """What keeps its numbers, apart from the model."""
    needed = {name for needed in claim.assumes if needed.establish is None for name in needed.arguments}
    if "energy" in needed and "mdp" in claim.arguments:
        needed.add("reward")
    return needed | {name for name in claim.arguments if name not in (*LOGARITHMIC, *DISTRIBUTIONS, *NUMBERS, "mdp")}


def free_values(claim: Claim, instance: Instance, level: str, number: Fresh, logarithm: Fresh) -> Free:
    """The arguments of a claim at a level, with free numbers for what it quantifies over.

    Errors: `OutOfReach` where establishing one assumption breaks another.
    """
    fixed = fixed_names(claim)
    values: dict[str, Any] = {}
    drawn: dict[str, Any] = {}
    for name in wanted_names(claim, instance):
        value = instance.values[name]
        if isinstance(value, MDP):
            values[name] = value.to(level)
            if "reward" not in fixed and has_final_value(value):
                drawn["final_value"] = _free_array("final_value", value.final_value, logarithm)
                values[name] = values[name].with_final_value(drawn["final_value"])
            continue
        array = np.asarray(value)
        if name in fixed:
            values[name] = scalars.convert(array, level)[()] if array.dtype.kind in "iufO" else value
        elif name in DISTRIBUTIONS:
            values[name], drawn[name] = _free_distribution(name, array, level, number)
        else:
            values[name] = drawn[name] = _free_array(name, array, logarithm if name in LOGARITHMIC else number)
    if _follows_from_reward({*claim.arguments, *_established_names(claim)}):
        temperature = values.get("temperature", scalars.constant(1, values["mdp"].initial))
        values["energy"] = trajectory_energy(trajectories(values["mdp"]), values["reward"], temperature)
    _establish(claim, values, checked=level == "field")
    names = (*claim.arguments, "final_value")
    return Free(values, tuple(name for name in names if name in drawn and _remains(name, drawn[name], values)))


def _establish(claim: Claim, values: dict[str, Any], *, checked: bool) -> None:
    """Change the values so that what is assumed holds; `checked` where equality is decided."""
    done: list[Assumption] = []
    for needed in claim.assumes:
        if needed.establish is None:
            continue
        changes = needed.establish(values)
        values |= changes
        for other in done if changes else [*done, needed]:
            if checked and not other(values):
                raise OutOfReach(f"{other.name} does not hold for free numbers where {needed.name} does")
        done.append(needed)


def _remains(name: str, numbers: Any, values: dict[str, Any]) -> bool:
    """Whether any of the free numbers is still there, and not replaced where assumptions were established."""
    if name == "final_value":
        return True
    kept = {id(x) for x in _entries(values[name])}
    return any(id(x) in kept for x in _entries(numbers))


def _entries(numbers: Any) -> list[Any]:
    return list(np.asarray(numbers, dtype=object).flat)


def has_final_value(mdp: MDP) -> bool:
    """Whether any final value is not 0; then all of them are free."""
    return not bool(scalars.zero_mask(mdp.final_value).all())


def _free_array(name: str, array: np.ndarray, fresh: Fresh) -> Any:
    result = np.empty(array.shape, dtype=object)
    for place, index in enumerate(np.ndindex(*array.shape)):
        number = fresh(f"{name}{place}", -array[index] if name == "energy" else array[index])
        result[index] = -number if name == "energy" else number  # of an energy e^-E is the weight
    return result[()]


def _free_distribution(name: str, array: np.ndarray, level: str, number: Fresh) -> tuple[np.ndarray, list[Any]]:
    """Free probabilities where the instance has positive ones, the last of a row 1 minus the others; and their list."""
    positive = ~scalars.zero_mask(array)
    result = scalars.convert(array, level)
    drawn = []
    for row in np.ndindex(array.shape[:-1]):
        *entries, last = np.flatnonzero(positive[row]).tolist() or [None]
        if not entries:
            continue
        rest = scalars.constant(1, result)
        for place, entry in enumerate(entries):
            fresh = number(f"{name}{''.join(map(str, row))}_{place}", array[(*row, entry)])
            result[(*row, entry)] = fresh
            rest = rest - fresh
            drawn.append(fresh)
        result[(*row, last)] = rest
        drawn.append(rest)
    return result, drawn
