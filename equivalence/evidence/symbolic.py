"""Level `symbolic`: free symbols in place of the numbers of an instance, for tiny shapes.

Energies become -log w with a free positive weight w for each outcome, rewards likewise; distributions and policies
become free probabilities, the last of each 1 minus the others; log Z, directions, potentials, features and theta are
free too. Dynamics, discount, horizon and temperature stay the numbers that they are, as does whatever an assumption is
about that cannot be established. Equality of expressions is then a
proof for all parameters of this shape: `proved for all`.

An assumption that can be established is established in symbols; the others are about what stays, and are checked on
the exact instance. sympy decides rational functions and logarithms of products; where it does not, the verdict is
`undecided`. Inequalities are `out of reach`.
"""

from typing import Any

import numpy as np

from equivalence.claims import AtMost, Claim
from equivalence.evidence.balls import Finding
from equivalence.evidence.instance import Instance
from equivalence.evidence.sides import flat_sides, place
from equivalence.evidence.verdict import PROVED_FOR_ALL, REFUTED, UNDECIDED
from mdps import MDP, OutOfReach, scalars, trajectories, trajectory_count

MOST_SYMBOLS = 8
MOST_TRAJECTORIES = 64
LOGARITHMIC = ("energy", "reward", "log_normalizer", "potential", "constant", "theta")
DISTRIBUTIONS = ("sampler", "data", "policy")


def check_symbolically(claim: Claim, instance: Instance, **holes: Any) -> Finding:
    """Proved for all, refuted or undecided; `OutOfReach` for a large shape or an inequality."""
    values = free(claim, instance)
    conclusion = claim(values, **holes)
    if isinstance(conclusion, AtMost):
        raise OutOfReach("inequalities between expressions are not decided; take balls or exact numbers")
    from mdps.scalars import symbols

    lhs, rhs, shape = flat_sides(conclusion)
    for index, (x, y) in enumerate(zip(lhs, rhs, strict=True)):
        zero = symbols.is_zero(x - y)
        if zero is not True:
            detail = f"lhs{place(index, shape)} = {x}, rhs{place(index, shape)} = {y}"
            return Finding(UNDECIDED if zero is None else REFUTED, None, detail[:600])
    return Finding(PROVED_FOR_ALL, None, f"for all {', '.join(_free_names(claim, values))}")


def free(claim: Claim, instance: Instance) -> dict[str, Any]:
    """The arguments of a claim with free symbols for the numbers that it quantifies over."""
    import sympy

    mdp = instance.values.get("mdp")
    if mdp is not None and (count := trajectory_count(mdp)) > MOST_TRAJECTORIES:
        raise OutOfReach(f"{count} trajectories make expressions too large; at most {MOST_TRAJECTORIES} are tried")
    wanted = set(claim.arguments) | {name for needed in claim.assumes if needed.establish for name in needed.arguments}
    fixed = {"temperature", "features"} | {
        name for needed in claim.assumes if needed.establish is None for name in needed.arguments
    }
    counted = 0
    values: dict[str, Any] = {}
    for name in sorted(wanted & set(instance.values)):
        value = instance.values[name]
        if isinstance(value, MDP):
            values[name] = value.to("symbolic")
            continue
        array = np.asarray(value)
        if name in fixed:
            values[name] = scalars.convert(array, "symbolic")[()]
            continue
        if name in DISTRIBUTIONS:
            values[name], used = _free_distribution(name, array, mdp)
        else:
            used = array.size
            values[name] = _free_numbers(name, array)
        counted += used
        if counted > MOST_SYMBOLS:
            raise OutOfReach(f"more than {MOST_SYMBOLS} free symbols; take a smaller shape")
    if mdp is not None and {"energy", "reward"} <= set(values):
        from equivalence.claims.trajectories import trajectory_energy

        temperature = values.get("temperature", sympy.Integer(1))
        values["energy"] = trajectory_energy(trajectories(values["mdp"]), values["reward"], temperature)
    for needed in claim.assumes:
        if needed.establish is not None:
            values |= needed.establish(values)
    return values


def _symbols(stem: str, n: int) -> np.ndarray:
    import sympy

    return np.array([sympy.Symbol(f"{stem}{i}", positive=True) for i in range(n)], dtype=object)


def _free_numbers(name: str, array: np.ndarray) -> Any:
    """log w of free positive w for what is in nats, a free symbol for anything else."""
    import sympy

    weights = _symbols(name, array.size).reshape(array.shape)
    if name in LOGARITHMIC:
        sign = -1 if name == "energy" else 1
        logs = np.empty(array.shape, dtype=object)
        for index in np.ndindex(*array.shape):
            logs[index] = sign * sympy.log(weights[index])
        return logs[()]
    return weights[()]


def _free_distribution(name: str, array: np.ndarray, mdp: MDP | None) -> tuple[np.ndarray, int]:
    """Free probabilities where the instance has positive ones; the last of each row is 1 minus the others."""
    positive = ~scalars.zero_mask(array)
    result = scalars.convert(array, "symbolic")
    used = 0
    for row in np.ndindex(array.shape[:-1]):
        entries = np.flatnonzero(positive[row])
        if len(entries) < 2:
            continue
        free_ones = _symbols(f"{name}{''.join(map(str, row))}_", len(entries) - 1)
        used += len(free_ones)
        for entry, symbol in zip(entries, free_ones, strict=False):
            result[(*row, entry)] = symbol
        result[(*row, entries[-1])] = 1 - free_ones.sum()
    return result, used


def _free_names(claim: Claim, values: dict[str, Any]) -> list[str]:
    def has_symbols(value: Any) -> bool:
        return not isinstance(value, MDP) and any(x.free_symbols for x in np.atleast_1d(np.asarray(value)).flat)

    return [name for name in claim.arguments if has_symbols(values[name])]
