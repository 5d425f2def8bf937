"""What is written in an option, read; what cannot be read is `InvalidArgument`."""

import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from equivalence.claims import REGISTRY, Claim, find
from equivalence.evidence import LEVELS, NUMERIC_LEVELS
from mdps import InvalidArgument

LITERALS = {"True": True, "False": False, "None": None}
NOT_OF_THE_ENVIRONMENT = {
    "horizon": "the horizon is --horizon",
    "discount": "a model with another discount is given by --model",
    "initial": "a model with another first state is given by --model",
    "exact": "models are always made exact",
}


def chosen_claims(names: Sequence[str] | None) -> list[Claim]:
    """The claims of these names and ids, each once, or all; in the order of the catalogue."""
    claims = [claim for name in names for claim in find(name)] if names else list(REGISTRY.values())
    return sorted(dict.fromkeys(claims), key=lambda claim: claim.catalogue)


def chosen_levels(given: Sequence[str] | None) -> tuple[str, ...]:
    """The levels of `--level exact --level float,ball`, each once; by default all but symbols.

    >>> chosen_levels(["exact", "float,exact"])
    ('float', 'exact')
    """
    wanted = [name.strip() for text in given or NUMERIC_LEVELS for name in text.split(",")]
    for name in wanted:
        if name not in LEVELS:
            raise InvalidArgument(f"--level {name!r} is unknown; expected {', '.join(LEVELS)}, repeated or with commas")
    return tuple(level for level in LEVELS if level in wanted)


def environment_id(text: str) -> str:
    """The id in `gym:ID`."""
    kind, _, name = text.partition(":")
    if kind != "gym" or not name:
        raise InvalidArgument(f"--env {text!r} is not understood; expected gym:ID, as in gym:FrozenLake-v1")
    return name


def environment_arguments(given: Iterable[str] | None) -> dict[str, Any]:
    """The arguments in `KEY=VALUE`; a value is JSON (or True, False, None), and otherwise a string.

    >>> environment_arguments(["is_slippery=False", "map_name=8x8", "success_rate=0.5"])
    {'is_slippery': False, 'map_name': '8x8', 'success_rate': 0.5}
    """
    arguments: dict[str, Any] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise InvalidArgument(f"--env-arg {text!r} is not understood; expected KEY=VALUE, as in is_slippery=false")
        if key in arguments:
            raise InvalidArgument(f"--env-arg {key} is given twice")
        if key in NOT_OF_THE_ENVIRONMENT:
            raise InvalidArgument(
                f"--env-arg {key} is not an argument of an environment; {NOT_OF_THE_ENVIRONMENT[key]}"
            )
        arguments[key] = literal(value)
    return arguments


def kinds_of_instances(given: Iterable[str] | None) -> dict[str, Any]:
    """The kinds in `KEY=VALUE`, keywords of `equivalence.testing.judge`; a value is JSON, and decimals are exact.

    >>> kinds_of_instances(["terminal=false", "discounts=[1, 0.9]", "max_states=3"])
    {'terminal': False, 'discounts': [1, Fraction(9, 10)], 'max_states': 3}
    """
    kinds: dict[str, Any] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise InvalidArgument(f"--kind {text!r} is not understood; expected KEY=VALUE, as in terminal=false")
        if key in kinds:
            raise InvalidArgument(f"--kind {key} is given twice")
        if value in LITERALS:
            kinds[key] = LITERALS[value]
            continue
        try:
            kinds[key] = json.loads(value, parse_float=Fraction)
        except json.JSONDecodeError:
            raise InvalidArgument(f"--kind {key} is {value!r}; expected JSON, as in {key}=false or {key}=[1]") from None
    return kinds


def literal(text: str) -> Any:
    """A value as JSON writes it, or True, False, None; anything else is a string."""
    if text in LITERALS:
        return LITERALS[text]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
