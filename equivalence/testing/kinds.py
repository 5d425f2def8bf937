"""Kinds of instances: which ones a subject is asked on, and which ones it was asked on.

A structural keyword is True (only such instances), False (none of them) or None (both): a user whose code does not
support a feature says so, and the verdict repeats it. The keywords are those of `mdps.strategies`.

    on an MDP          deterministic   every available row is a point mass
                       single_start    one state is the only start
                       terminal        there is a terminal state      terminal_start  one of them may be the start
                       unavailable     some action is not available in a state that has others
    on a finite space  full_support    sampler and data are positive everywhere
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from equivalence.testing.targets import TABLES_OF_EXPONENTS, Instance, Target, largest_number, sizes
from equivalence.testing.targets.without_end import DISCOUNTS, LARGEST_REWARD, SECOND_ORDER, open_log_policy
from equivalence.testing.wanted import check_sizes, checked_options
from mdps import InvalidArgument, scalars, trajectory_count
from mdps.exactness import exact_discount
from mdps.scalars.rationals import rational

Predicate = Callable[[Instance], bool]


@dataclass(frozen=True)
class ModelKinds:
    """Kinds of MDPs; `largest_reward` limits |r| and other values, `max_trajectories` the trajectories of a model.

    horizons (None,) is without a horizon, with discounts below 1.
    """

    deterministic: bool | None = None
    single_start: bool | None = None
    terminal: bool | None = None
    terminal_start: bool | None = None
    unavailable: bool | None = None
    discounts: Sequence[Any] = (1, Fraction(9, 10), Fraction(1, 2))
    temperatures: Sequence[Any] = (1, Fraction(1, 2), 3)
    horizons: Sequence[int | None] = (1, 2, 3, 4, 5, 6, 7, 8)
    max_states: int = 8
    max_actions: int = 4
    max_trajectories: int | None = None
    largest_reward: float = 1000

    def __post_init__(self) -> None:
        discounts = tuple(map(_exact, self.discounts))
        if not discounts or not all(0 <= gamma <= 1 for gamma in discounts):
            raise InvalidArgument(f"discounts is {self.discounts!r}; expected numbers between 0 and 1")
        temperatures = tuple(map(_exact, self.temperatures))
        if not temperatures or not all(alpha > 0 for alpha in temperatures):
            raise InvalidArgument(f"temperatures is {self.temperatures!r}; expected positive numbers")
        without_end = tuple(self.horizons) == (None,)
        if without_end and 1 in discounts:
            raise InvalidArgument("discounts has 1; without a horizon a discount is below 1")
        horizons = [1] if without_end else [t for t in self.horizons if t is not None]
        if not without_end and None in self.horizons:
            raise InvalidArgument(f"horizons is {self.horizons!r}; without a horizon say infinite_horizon=True")
        if not horizons or min(horizons) < 1 or self.max_states < 1 or self.max_actions < 1:
            raise InvalidArgument("horizons, max_states and max_actions are at least 1")
        if self.largest_reward < 1:
            raise InvalidArgument(f"largest_reward is {self.largest_reward}; expected at least 1")
        for name, wanted, possible in (
            ("terminal=True", self.terminal, self.max_states > 1),
            ("unavailable=True", self.unavailable, self.max_actions > 1),
            ("terminal_start=True", self.terminal_start, self.max_states > 1 and self.terminal is not False),
        ):
            if wanted and not possible:
                raise InvalidArgument(f"no model of these kinds has {name}")
        for name, value in (
            ("discounts", discounts),
            ("temperatures", temperatures),
            ("horizons", (None,) if without_end else tuple(sorted(horizons))),
        ):
            object.__setattr__(self, name, value)

    def admit(self, instance: Instance) -> bool:
        """Whether an instance is of these kinds."""
        mdp = instance["mdp"]
        sizes = mdp.horizon in self.horizons and mdp.n_states <= self.max_states and mdp.n_actions <= self.max_actions
        few = self.max_trajectories is None or trajectory_count(mdp) <= self.max_trajectories
        numbers = (
            mdp.discount in self.discounts and instance.get("temperature", self.temperatures[0]) in self.temperatures
        )
        small = largest_number(instance) <= self.largest_reward
        return sizes and few and numbers and small and _has_structure(self, MODEL_STRUCTURE, instance)


@dataclass(frozen=True)
class SpaceKinds:
    """Kinds of finite spaces; `largest_energy` limits |E|, |log Z| and other values."""

    full_support: bool | None = None
    max_outcomes: int = 8
    largest_energy: float = 1000

    def __post_init__(self) -> None:
        if self.max_outcomes < 1 or (self.full_support is False and self.max_outcomes < 2):
            raise InvalidArgument(f"max_outcomes is {self.max_outcomes}; expected at least 1, and 2 to leave one out")
        if self.largest_energy < 1:
            raise InvalidArgument(f"largest_energy is {self.largest_energy}; expected at least 1")

    def admit(self, instance: Instance) -> bool:
        """Whether an instance is of these kinds."""
        small = largest_number(instance) <= self.largest_energy
        few = sizes(instance).get("n", 1) <= self.max_outcomes
        return small and few and _has_structure(self, SPACE_STRUCTURE, instance)


Kinds = ModelKinds | SpaceKinds


MAX_TRAJECTORIES = 500  # of a model whose trajectories are an axis of arguments or of the answer


def kinds_for(target: Target, options: Mapping[str, Any]) -> Kinds:
    """The kinds that options ask for, of instances that the target can be asked on.

    A subject that takes no temperature is asked at 1; one that answers for every trajectory, where these are few; one
    that takes no horizon, at discounts below 1.
    """
    check_sizes(checked_options(options))
    fixed = dict(target.kinds)
    if target.of_trajectories:
        fixed["max_trajectories"] = MAX_TRAJECTORIES
    if target.on_model and not target.layout.temperature:
        fixed["temperatures"] = (1,)
    if not target.layout.infinite:
        return kinds_of(target.on_model, fixed | dict(options))
    if "horizons" in options:
        raise InvalidArgument("horizons are of targets with a horizon, and infinite_horizon is asked for")
    fixed |= {"horizons": (None,), "discounts": tuple(map(Fraction, DISCOUNTS))}
    fixed["largest_reward"] = min(LARGEST_REWARD, fixed.get("largest_reward", LARGEST_REWARD))
    kinds = kinds_of(True, fixed | dict(options))
    _check_derived(target, kinds)
    return kinds


def _check_derived(target: Target, kinds: Any) -> None:
    """Nothing, where what `stops_at` leaves open is derived for all discounts and temperatures.

    Errors: `InvalidArgument` where it is not, with what is.
    """
    gamma, alpha = max(kinds.discounts), min(kinds.temperatures)
    share = open_log_policy(target, _float(gamma), _float(alpha))
    if share > SECOND_ORDER:
        least = target.layout.stops_at * SECOND_ORDER / share
        raise InvalidArgument(
            f"stops_at is {target.layout.stops_at}, which at discount {gamma} and temperature {alpha} leaves the "
            f"policy more open than can be derived; stop at {least:.1g} or below, or be asked on smaller discounts="
        )


def _float(x: Any) -> float:
    return float(scalars.convert(np.asarray(x, dtype=object), "float"))


def kinds_of(on_model: bool, options: Mapping[str, Any]) -> Kinds:
    """The kinds that options ask for.

    Errors: `InvalidArgument` for an option that there is not.
    """
    family = ModelKinds if on_model else SpaceKinds
    known = [f.name for f in fields(family)]
    for name in options:
        if name not in known:
            where = "an MDP" if on_model else "a finite space"
            raise InvalidArgument(f"no option is called {name!r} for a target on {where}; there are {', '.join(known)}")
    return family(**checked_options(options))


def _exact(x: Any) -> fmpq:
    number = rational(x)
    return exact_discount(float(x)) if number is None else number


def largest(array: Any) -> float:
    """The largest absolute value of exact numbers; 0 of none."""
    return float(np.abs(scalars.convert(array, "float")).max(initial=0.0))


def _zeros(instance: Instance, name: str) -> bool:
    return name in instance and bool(scalars.zero_mask(instance[name]).any())


def _starts(instance: Instance) -> np.ndarray:
    return ~scalars.zero_mask(instance["mdp"].initial)


MODEL_STRUCTURE: dict[str, Predicate] = {
    "deterministic": lambda instance: bool((instance["mdp"].kernel.support.sum(axis=-1) <= 1).all()),
    "single_start": lambda instance: bool(_starts(instance).sum() == 1),
    "terminal": lambda instance: bool(instance["mdp"].terminal.any()),
    "terminal_start": lambda instance: bool((instance["mdp"].terminal & _starts(instance)).any()),
    "unavailable": lambda instance: bool((~instance["mdp"].available & ~instance["mdp"].terminal[:, None]).any()),
}
SPACE_STRUCTURE: dict[str, Predicate] = {
    "full_support": lambda instance: not (_zeros(instance, "sampler") or _zeros(instance, "data")),
}


def _has_structure(kinds: Kinds, structure: Mapping[str, Predicate], instance: Instance) -> bool:
    wanted = ((getattr(kinds, name), has) for name, has in structure.items())
    return all(want is None or has(instance) == want for want, has in wanted)


class Trait(NamedTuple):
    """Something that an instance may have: what it is where it has it not, what it is about, and whether it has it."""

    opposite: str
    about: tuple[str, ...]
    has: Predicate


def _without(name: str) -> Predicate:
    return lambda instance: not MODEL_STRUCTURE[name](instance)


def _at_most(limit: int, name: str) -> Predicate:
    return lambda instance: largest(instance[name]) <= limit


class Size(NamedTuple):
    """A trait of size: a table of exponents of which no entry is larger than the limit."""

    name: str
    limit: int

    @property
    def trait(self) -> Trait:
        """|name| <= limit."""
        return Trait(f"|{self.name}| > {self.limit}", (self.name,), _at_most(self.limit, self.name))


# Of rewards, energies, logits, ...: as the table of arguments has them.
SIZES: dict[str, Size] = {
    f"|{name}| <= {limit}": Size(name, limit) for name in TABLES_OF_EXPONENTS for limit in (10, 100)
}

# For what the instances covered, and to say where code is right.
TRAITS: dict[str, Trait] = {
    "deterministic dynamics": Trait("stochastic dynamics", ("mdp",), MODEL_STRUCTURE["deterministic"]),
    "discount 1": Trait("discount below 1", ("mdp", "T"), lambda instance: instance["mdp"].discount == 1),
    "discount <= 9/10": Trait("discount > 9/10", ("mdp", "no T"), lambda instance: instance["mdp"].discount * 10 <= 9),
    "no terminal state": Trait("terminal states", ("mdp",), _without("terminal")),
    "no terminal start": Trait("a terminal start", ("mdp",), _without("terminal_start")),
    "every action available": Trait("unavailable actions", ("mdp",), _without("unavailable")),
    "no rows of zeros": Trait("rows of zeros", ("mdp",), lambda instance: instance["mdp"].available.all()),
    "a single start": Trait("several starts", ("mdp",), MODEL_STRUCTURE["single_start"]),
    "temperature 1": Trait("other temperatures", ("temperature",), lambda instance: instance["temperature"] == 1),
    **{name: size.trait for name, size in SIZES.items()},
    "S <= 6": Trait("S > 6", ("mdp",), lambda instance: instance["mdp"].n_states <= 6),
    "T <= 5": Trait("T > 5", ("mdp", "T"), lambda instance: instance["mdp"].horizon <= 5),
    "S = 1": Trait("S > 1", ("mdp",), lambda instance: instance["mdp"].n_states == 1),
    "A = 1": Trait("A > 1", ("mdp",), lambda instance: instance["mdp"].n_actions == 1),
    "T = 1": Trait("T > 1", ("mdp", "T"), lambda instance: instance["mdp"].horizon == 1),
    "sampler > 0": Trait("sampler = 0 somewhere", ("sampler",), lambda instance: not _zeros(instance, "sampler")),
    "data > 0": Trait("data = 0 somewhere", ("data",), lambda instance: not _zeros(instance, "data")),
    "data = sampler": Trait(
        "data other than the sampler",
        ("data", "sampler"),
        lambda instance: (instance["data"] == instance["sampler"]).all(),
    ),
    "log Z = 0": Trait("other log Z", ("log_normalizer",), lambda instance: instance["log_normalizer"] == 0),
    "n = 1": Trait("n > 1", ("n",), lambda instance: sizes(instance)["n"] == 1),
}


def traits(instance: Instance) -> dict[str, bool]:
    """Whether an instance has each trait of what it is about."""
    if "mdp" in instance:
        about = {*instance, "T" if instance["mdp"].horizon is not None else "no T"}
    else:
        about = {*instance, *sizes(instance)}
    return {name: bool(t.has(instance)) for name, t in TRAITS.items() if about.issuperset(t.about)}
