"""Options that say which kinds of instances a subject is asked on, checked for what they are: they come from a command.

What their values mean, and which of them go together, is said in `kinds`.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from mdps import InvalidArgument
from mdps.scalars.rationals import rational

STRUCTURE = ("deterministic", "single_start", "terminal", "terminal_start", "unavailable", "full_support")
SIZES = ("max_states", "max_actions", "max_outcomes", "max_trajectories")
LISTS = ("discounts", "temperatures", "horizons")
LIMITS = ("largest_reward", "largest_energy")
LARGEST_SIZE = 1000  # of models that are generated: exact numbers of larger ones take hours


def checked_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options, where each has a value of its kind; those of unknown names are left alone.

    Errors: `InvalidArgument` with the option, its value and what is expected.
    """
    for name, value in options.items():
        if name in STRUCTURE and not (value is None or isinstance(value, (bool, np.bool_))):
            raise InvalidArgument(f"{name} is {value!r}; expected True (such instances alone), False (none) or None")
        if name in SIZES and not (_is_whole(value) or (value is None and name == "max_trajectories")):
            raise InvalidArgument(f"{name} is {_text(value)}; expected a whole number")
        if name in LIMITS and not _is_number(value):
            raise InvalidArgument(f"{name} is {value!r}; expected a number")
        if name in LISTS:
            _check_list(name, value)
    return options


def _check_list(name: str, value: Any) -> None:
    what = "whole numbers" if name == "horizons" else "numbers"
    members = list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)) else None
    fits = _is_whole if name == "horizons" else _is_number
    if members is None or not all(fits(x) or (x is None and name == "horizons") for x in members):
        example = f"[{_text(value)}]" if fits(value) else "[1, 2]" if name == "horizons" else "[1, 0.5]"
        raise InvalidArgument(f"{name} is {_text(value)}; expected a list of {what}, as {example}")


def check_sizes(options: Mapping[str, Any]) -> None:
    """Nothing, where models of these sizes can be generated.

    Errors: `InvalidArgument` where they are larger by far.
    """
    for name in ("max_states", "max_actions", "max_outcomes"):
        if options.get(name, 0) > LARGEST_SIZE:
            raise InvalidArgument(
                f"{name} is {options[name]}; models of at most {LARGEST_SIZE} are generated (smallest_failure begins "
                "at a model of yours)"
            )
    longest = max((steps or 0 for steps in options.get("horizons", ())), default=0)
    if longest > LARGEST_SIZE:
        raise InvalidArgument(f"horizons has {longest}; at most {LARGEST_SIZE} steps are asked")


def _text(value: Any) -> str:
    """A value as one writes it, in Python and on the command line."""
    return str(float(value)) if isinstance(value, Fraction) else repr(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_, str)):
        return False
    return isinstance(value, (float, np.floating)) or rational(value) is not None
