"""Which function of `equivalence.objectives` reaches which level: the table of `equivalence/guides/levels.md`.

`PYTHONPATH=. python tests/reached_levels.py` writes it anew. Each function is called with tiny exact arguments, which
are found by the names of its parameters, and its result is taken for both sides of a claim. A level is reached where
that holds: floats have a derived bound, balls become thin, exact numbers stay exact, and free numbers stay
rational functions or logs of these.
"""

import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from equivalence import objectives
from equivalence.claims.claim import Claim, equal
from equivalence.evidence import LEVELS, Instance
from equivalence.evidence.check import CHECKS
from equivalence.evidence.verdict import HOLDS
from equivalence.objectives import causal, estimators, path_ratios, proposals, trajectory_gan
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, marginals, occupancy, scalars, trajectories
from mdps.scalars import LogRational

GUIDE = Path(__file__).parent.parent / "equivalence" / "guides" / "levels.md"
YES, NO, WITHOUT_CHANCE, NO_BOUND = "yes", "–", "no chance", "no bound"


def exact(*numbers: Any) -> np.ndarray:
    return scalars.convert(np.array(numbers, dtype=object), "exact")


def model(*, chance: bool) -> MDP:
    """Two states, two actions, two steps."""
    third = fmpq(1, 3) if chance else fmpq(0)
    transition = np.array([[[1 - third, third], [third, 1 - third]], [[third, 1 - third], [1 - third, third]]])
    return MDP(transition, exact(fmpq(1, 2), fmpq(1, 2)), horizon=2)


@cache
def arguments(*, chance: bool) -> dict[str, tuple[Any, ...]]:
    """What a parameter of a name may be, in the order in which it is tried."""
    mdp = model(chance=chance)
    policy = exact([fmpq(1, 3), fmpq(2, 3)], [fmpq(1, 2), fmpq(1, 2)])
    other = exact([fmpq(3, 4), fmpq(1, 4)], [fmpq(2, 5), fmpq(3, 5)])
    weights = exact([1, 2], [3, 4])
    visited = occupancy(mdp, other)
    steps = marginals(mdp, other)
    paths = trajectories(mdp)
    law = exact(fmpq(2, 3), fmpq(1, 3))
    sampler = exact(fmpq(1, 4), fmpq(3, 4))
    energy = -scalars.log(exact(2, 3))
    cost = exact([0, 1], [2, 0])
    table = scalars.log(weights)
    prompted_log = scalars.log(exact([2, 3]))
    return {
        "mdp": (mdp,),
        "reward": (table, scalars.log(exact(2, 3)), prompted_log),
        "policy": (policy, np.array([policy, policy]), law, exact([fmpq(1, 4), fmpq(3, 4)])),
        "expert_policy": (other,),
        "trial": (other,),
        "prior": (other,),
        "expert": (visited, steps, other, occupancy(mdp, other, axes="s")),
        "visits": (occupancy(mdp, policy), marginals(mdp, policy)),
        "occupancy": (visited, steps),
        "demonstrations": (visited, steps, occupancy(mdp, other, axes="sas")),
        "samples": (occupancy(mdp, policy), occupancy(mdp, policy, axes="sas")),
        "counts": (visited, occupancy(mdp, other, axes="sas")),
        "q": (table, np.array([table, table]), sampler),
        "v": (scalars.log(exact(2, 3)), table),
        "nu": (exact([1, 2], [3, 4]),),
        "f": (table, "kl"),
        "logit": (table, np.array([table, table]), scalars.log(exact(2, 3))),
        "cost": (table, cost, np.array([table, table]), -scalars.log(1 + weights), exact(*range(len(paths)))),
        "direction": (exact([1, 2], [0, 1]),),
        "airl_reward": (table,),
        "airl_potential": (scalars.log(exact(2, 5)),),
        "energy": (energy, exact(fmpq(1, 2), fmpq(1, 3))),
        "sampler": (sampler,),
        "data": (law, paths.law(other)),
        "noise": (sampler,),
        "p": (law,),
        "critic": (exact(fmpq(1, 2), fmpq(1, 3)), exact(fmpq(-1, 2), fmpq(-1, 3)), scalars.log(exact(2, 3))),
        "reference": (exact([fmpq(2, 3), fmpq(1, 3)]),),
        "logits": (prompted_log,),
        "comparisons": (exact([[0, fmpq(1, 3)], [fmpq(2, 3), 0]]),),
        "preferences": (exact([[fmpq(1, 2), fmpq(1, 3)], [fmpq(2, 3), fmpq(1, 2)]]),),
        "pairs": (exact([[0, 1], [1, 0]]), exact([[0, 1], [0, 0]])),
        "distance": (exact([0, 1], [1, 0]),),
        "plan": (exact([fmpq(1, 4), fmpq(5, 12)], [0, fmpq(1, 3)]),),
        "source": (exact(-1, -2),),
        "target": (exact(0, 0),),
        "log_normalizer": (scalars.log(fmpq(5)),),
        "features": (exact([1], [2]), exact([[1], [0]], [[0], [2]])),
        "theta": (scalars.log(exact(2)),),
        "values": (exact(1, 3),),
        "margin": (fmpq(1, 2), fmpq(3)),
        "connectivity": (exact([0, 1], [1, 0]),),
        "proposal": (exact([0, 1], [1, 0]),),
        "kernel": (exact([fmpq(1, 3), fmpq(2, 3)], [fmpq(1, 2), fmpq(1, 2)]),),
        "gradient": (exact(1, 3),),
        "law": (law,),
        "kl_weight": (fmpq(1),),
        "trust_weight": (fmpq(1),),
        "weight": (fmpq(1, 2),),
        "step": (fmpq(1, 2),),
        "shape": ((2, 1),),
        "n_samples": (2,),
        "horizon": (1,),
        "chi_square": (fmpq(1, 2),),
        "name": ("-log D", "log(1 - D)", "log(1-D)", "minimax", "saturating", "kl"),
        "other_reward": (exact([3, 1], [0, 2]),),
        "x": (exact(3, 4),),
        "y": (exact(-4, 3),),
        "difference": (exact([fmpq(-1, 8), fmpq(-1, 8)], [fmpq(-1, 8), fmpq(-1, 8)]),),
    }


HELPERS = {
    "causal.ending_at_zero",
    "f_divergences.divergence_of_measures",
    "f_divergences.without_log_zero",
    "feature_matching.matched",
    "gail.expert_like",
    "gail.table_like",
    "gail.unpaid",
    "markov_chains.checked_shape",
    "markov_chains.conditionals",
    "markov_chains.same_elsewhere",
    "policy_divergences.through_occupancy",
    "policy_gradients.action_values",
    "proposals.checked_proposal",
    "q_learning.soft_step",
    "reward_distances.centered",
    "reward_distances.counted",
    "reward_distances.uniform_policy",
    "soft_messages.checked_prior",
    "soft_messages.exponents_of",
    "soft_messages.possible_transitions",
    "soft_messages.power_of",
}
"""Functions that modules lend each other."""


def _of_samples(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda energy, sampler: function(energy, proposals.sampler_proposal(energy, sampler), n_samples=2)


ADAPTED: dict[str, Callable[..., Any]] = {
    "causal.log_likelihood": lambda mdp, reward, policy: causal.log_likelihood(mdp, reward, policy=policy),
    "estimators.gradient": lambda energy, sampler, data: estimators.gradient(
        energy, data, proposals.sampler_proposal(energy, sampler), n_samples=2
    ),
    "estimators.log_partition": _of_samples(estimators.log_partition),
    "estimators.relative_partition": _of_samples(estimators.relative_partition),
    "estimators.self_normalized": lambda energy, sampler, values: estimators.self_normalized(
        energy, proposals.sampler_proposal(energy, sampler), values, n_samples=2
    ),
    "path_ratios.log_ratios": lambda mdp, policy: path_ratios.log_ratios(trajectories(mdp), policy),
    "path_ratios.luck": lambda mdp, reward: path_ratios.luck(trajectories(mdp), reward),
    "proposals.gradient": lambda energy, sampler, data: proposals.gradient(
        energy, data, proposals.sampler_proposal(energy, sampler)
    ),
    "proposals.log_partition": lambda energy, sampler: proposals.log_partition(
        energy, proposals.sampler_proposal(energy, sampler)
    ),
    "trajectory_gan.log_policy_product": lambda mdp, policy: trajectory_gan.log_policy_product(
        trajectories(mdp), policy
    ),
}
"""How functions are called whose arguments are no tables."""

# Names that `equivalence.evidence.free` knows, for what is a logarithm, a distribution, or another table.
LOGARITHMS = ("potential", "constant", "theta", "continuation", "airl_reward", "log_normalizer")
FREE_DISTRIBUTIONS = ("sampler", "data", "policy")
TABLES = ("reward_slope", "direction", "continuation_slope", "continuation_curvature")


class Row(NamedTuple):
    """A function, and for each level how far it is reached."""

    name: str
    levels: tuple[str, ...]


class Question(NamedTuple):
    """The claim that a function is what it is, and an instance of it."""

    claim: Claim
    instance: Instance


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public functions of the modules that `equivalence.objectives` lists."""
    for name in sorted(objectives.__all__):
        module = getattr(objectives, name)
        for own, function in vars(module).items():
            own_one = inspect.isfunction(function) and function.__module__ == module.__name__
            if own_one and not own.startswith("_") and f"{name}.{own}" not in HELPERS:
                yield f"{name}.{own}", ADAPTED.get(f"{name}.{own}", function)


def numbers(result: Any) -> list[Any]:
    """All numbers of a result, flat."""
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in numbers(part)]
    array = np.asarray(result)
    if array.dtype.kind not in "iufO":
        return []
    return [x for x in array.flat if not (x is None or callable(x) or isinstance(x, MDP))]


def role(value: np.ndarray) -> tuple[str, ...]:
    """The names under which a table is free: as logarithms, as distributions, or as it is."""
    if any(isinstance(x, LogRational) for x in value.flat):
        return LOGARITHMS
    sums = np.ravel(value.sum(axis=-1)) if value.ndim else ()
    one = len(sums) > 0 and all(total == 1 for total in sums) and not scalars.negative_mask(value).any()
    return FREE_DISTRIBUTIONS if one else TABLES


def question(function: Callable[..., Any], values: dict[str, Any], *, free_tables: bool) -> Question:
    """The question on these arguments; tables that are neither logarithms nor distributions are free if so asked."""
    left: dict[tuple[str, ...], list[str]] = {x: list(x) for x in (LOGARITHMS, FREE_DISTRIBUTIONS, TABLES)}
    alias = {}
    for name, value in values.items():
        if isinstance(value, (np.ndarray, fmpq, LogRational)):
            names = role(np.asarray(value, dtype=object))
            alias[name] = name + "_" if names is TABLES and not free_tables else left[names].pop(0)
        elif isinstance(value, MDP):
            alias[name] = "mdp"

    def statement(**given: Any) -> Any:
        own = {name: given[alias[name]] if name in alias else value for name, value in values.items()}
        result = numbers(function(**own))
        found = np.empty(len(result), dtype=object)
        found[:] = result
        if all(isinstance(x, (float, np.floating, int, np.integer)) for x in result):
            found = found.astype(float)
        return equal(found, found)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    statement.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in alias.values()]
    )
    return Question(
        Claim(statement, "", (), ""), Instance({alias[name]: values[name] for name in alias}, function.__name__)
    )


def reached(asked: Question, level: str) -> bool:
    try:
        return CHECKS[level](*asked).outcome in HOLDS
    except (OutOfReach, InvalidArgument, InvalidModel, TypeError):
        return False


REFUSALS = (
    InvalidArgument, InvalidModel, OutOfReach, TypeError, ValueError, IndexError, KeyError, AttributeError
)  # fmt: skip


def accepted(function: Callable[..., Any], *, chance: bool) -> dict[str, Any] | None:
    """The first arguments that a function takes in floats; None where there are none."""
    known = arguments(chance=chance)
    needed = [name for name, p in inspect.signature(function).parameters.items() if p.default is p.empty]
    if not set(needed) <= set(known):
        return None
    for chosen in itertools.product(*(known[name] for name in needed)):
        values = dict(zip(needed, chosen, strict=True))
        claim, instance = question(function, values, free_tables=False)
        try:
            if numbers(claim(instance.at("float", claim.arguments)).lhs):
                return values
        except REFUSALS:
            continue
    return None


def row(name: str, function: Callable[..., Any]) -> Row | None:
    """The levels that a function reaches; None where it takes something that has no place here."""
    with_chance, without = (accepted(function, chance=chance) for chance in (True, False))
    if with_chance is None or without is None:
        return None

    def word(level: str) -> str:
        for values, found in ((with_chance, YES), (without, WITHOUT_CHANCE)):
            free = (True, False) if level in ("field", "symbolic") else (False,)
            if any(reached(question(function, values, free_tables=f), level) for f in free):
                return found
            if "mdp" not in values:
                break
        return NO_BOUND if level == "float" else NO

    return Row(name, tuple(word(level) for level in LEVELS))


def rows() -> tuple[list[Row], list[str]]:
    """The table, and the functions that it has no arguments for."""
    found, left = [], []
    for name, function in functions():
        answer = row(name, function)
        if answer is None:
            left.append(name)
        else:
            found.append(answer)
    return found, left


HEAD = """# Which function reaches which level

Each public function of `equivalence.objectives` was called with tiny exact arguments, in which rewards, energies and
critics are logarithms of rationals, and its result taken for both sides of a claim.

- `yes`: the level can express it. Floats have a derived bound. Balls become thin. Exact numbers stay rationals or sums
  of logarithms of rationals. Free numbers stay rational functions, or logarithms of these. Symbols stay an expression.
- `no chance`: so it is where every action of the model has one successor. With chances of 1/3 and 2/3 soft control
  takes roots.
- `no bound`: it runs in floats, and no bound on rounding is derived for it.
- `–`: out of reach here. Roots, products of logarithms, orders and optima are the usual reasons.

It is one instance. A function may reach a level here and not elsewhere (with even denominators, say). At the levels
`field` and `symbolic` logarithms and distributions are free, and other tables where the function then still takes them.
That a level can express a function does not say that it can tell whether two are equal: two sums of logarithms of
free numbers may stay open.

`PYTHONPATH=. python tests/reached_levels.py`, in a checkout, writes this page, and a test compares it.
"""


def text() -> str:
    """The page."""
    found, left = rows()
    lines = [f"| function | {' | '.join(LEVELS)} |", "|---|" + "---|" * len(LEVELS)]
    lines += [f"| `{name}` | {' | '.join(levels)} |" for name, levels in found]
    names = textwrap.fill(", ".join(f"`{name}`" for name in left) + ".", width=118, break_long_words=False)
    return "\n".join([HEAD, *lines, "", "Not asked, because their arguments are not tables of numbers:", names, ""])


if __name__ == "__main__":
    GUIDE.write_text(text(), encoding="utf-8")
