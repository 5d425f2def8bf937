"""Level `symbolic`: free symbols in place of the numbers of an instance, for tiny shapes.

What is free is said in `equivalence.evidence.free`: energies are -log w with a free positive weight w for each outcome,
rewards log w, distributions free probabilities. Equality of expressions is then a proof for all parameters of this
shape: `proved for all`.

sympy decides rational functions and logarithms of products; where it does not, the verdict is `undecided`.
Inequalities are `out of reach`.
"""

from typing import Any

from equivalence.claims import AtMost, Claim
from equivalence.evidence.balls import Finding
from equivalence.evidence.free import Free, free_values
from equivalence.evidence.instance import Instance
from equivalence.evidence.sides import flat_sides, place
from equivalence.evidence.verdict import PROVED_FOR_ALL, REFUTED, UNDECIDED
from mdps import OutOfReach, trajectory_count

MOST_SYMBOLS = 8
MOST_TRAJECTORIES = 64


def check_symbolically(claim: Claim, instance: Instance, **holes: Any) -> Finding:
    """Proved for all, refuted or undecided; `OutOfReach` for a large shape or an inequality."""
    free = free_symbols(claim, instance)
    conclusion = claim(free.values, **holes)
    if isinstance(conclusion, AtMost):
        raise OutOfReach("inequalities between expressions are not decided; take balls or exact numbers")
    from mdps.scalars import symbols

    lhs, rhs, shape = flat_sides(conclusion)
    for index, (x, y) in enumerate(zip(lhs, rhs, strict=True)):
        zero = symbols.is_zero(x - y)
        if zero is not True:
            detail = f"lhs{place(index, shape)} = {x}, rhs{place(index, shape)} = {y}"
            return Finding(UNDECIDED if zero is None else REFUTED, None, detail[:600])
    return Finding(PROVED_FOR_ALL, None, f"for all {', '.join(free.names)}")


def free_symbols(claim: Claim, instance: Instance) -> Free:
    """The arguments of a claim with free symbols for the numbers that it quantifies over.

    Errors: `OutOfReach` for more trajectories or symbols than simplify in reasonable time.
    """
    import sympy

    mdp = instance.values.get("mdp")
    if mdp is not None and (count := trajectory_count(mdp)) > MOST_TRAJECTORIES:
        raise OutOfReach(f"{count} trajectories make expressions too large; at most {MOST_TRAJECTORIES} are tried")
    counted = 0

    def number(name: str, value: Any) -> Any:
        nonlocal counted
        counted += 1
        if counted > MOST_SYMBOLS:
            raise OutOfReach(f"more than {MOST_SYMBOLS} free symbols; take a smaller shape")
        return sympy.Symbol(name, positive=True)

    def logarithm(name: str, value: Any) -> Any:
        return sympy.log(number(name, value))

    return free_values(claim, instance, "symbolic", number, logarithm)
