"""What its author can do about a function that cannot be asked, or that is given something else than it expects.

A subject is called by position, with plain arrays. Somebody's function has another signature as a rule, and the way to
judge it is a function of the expected arguments around it. Where the subject cannot be called, raises at what it is
given, or has parameters with names of other arguments, that function is drafted here, to be pasted: what the names of
its parameters tell is filled in, and the rest is `...`.

Nothing here takes part in a verdict.
"""

import inspect
import linecache
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from equivalence.testing.targets import MODEL, Target, axes_text

# What parameters are called that mean an argument; small letters, and only names that mean nothing else.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "transition": (
        *("transitions", "transition_probability", "transition_probabilities", "transition_matrix", "p_transition"),
        *("trans_probs", "trans_prob", "transition_function", "dynamics", "p_a"),
    ),
    "initial": ("rho0", "p0", "mu0", "p_initial", "initial_distribution", "initial_state_distribution", "start"),
    "horizon": ("n_steps", "max_steps", "trajectory_length", "episode_length", "trajectory_len"),
    "discount": ("gamma", "discount_factor"),
    "reward": ("rewards", "reward_function", "reward_vector"),
    "cost": ("costs", "cost_function"),
    "features": ("feature_matrix", "feature_map", "feat_map", "state_features"),
    "theta": ("weights", "params", "parameters"),
    "policy": ("pi",),
    "expert": ("expert_visits", "expert_svf", "feature_expectations", "expert_feature_expectations", "mu_e", "rho_e"),
    "energy": ("energies", "energy_function"),
    "log_normalizer": ("log_z", "logz", "log_partition"),
    "temperature": ("temp",),
}
SINGLE: dict[str, tuple[str, ...]] = {  # for a draft alone: letters mean many things
    "transition": ("p",),
    "initial": ("rho", "mu"),
    "horizon": ("t", "h"),
    "reward": ("r",),
    "features": ("phi",),
    "theta": ("w",),
    "energy": ("e",),
    "sampler": ("q",),
    "data": ("p",),
    "temperature": ("alpha",),
}
SIZES = {"n_states": "initial", "num_states": "initial", "n_actions": "transition", "num_actions": "transition"}

Parameters = list[inspect.Parameter]


def parameters_of(function: Callable[..., Any]) -> Parameters | None:
    """Its parameters; None where it does not tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def can_be_called(function: Callable[..., Any], target: Target) -> bool:
    """Whether it can be called with as many arguments by position as subjects of the target are."""
    try:
        inspect.signature(function).bind(*target.passed)
    except TypeError:
        return False
    except ValueError:  # it has no signature
        return True
    return True


def on_signature(function: Callable[..., Any], target: Target) -> list[str]:
    """Lines: what is to be done where the signature is another one; none where it may be the one that is expected."""
    parameters = parameters_of(function)
    if parameters is None:
        return []
    inner = getattr(function, "function", function)  # of a subject
    names = ", ".join(map(_shown, parameters))
    if not can_be_called(function, target):
        if inspect.isclass(inner):
            return [f"{inner.__name__} is a class: give an object of it that can be called, or a method of one."]
        if parameters and parameters[0].name == "self":
            owner = inner.__qualname__.rpartition(".")[0].rpartition(".")[2]
            return [f"It is a method: give that of an object, {owner}(...).{inner.__name__}."]
        return [f"Its parameters are ({names}). Give a function around it, such as", "", *draft(inner, target)]
    misplaced = list(_misplaced(parameters, target))
    if not misplaced:
        return []
    told = ", ".join(f"`{own}` is given `{given}`" for own, given in misplaced)
    return [
        f"It is called by position, and its {told}. Its parameters are ({names}): if they mean what they are called,",
        "give a function around it, such as",
        "",
        *draft(inner, target),
    ]


def on_error(error: Exception, target: Target, arguments: Sequence[Any]) -> str:
    """What to do where code was given an array, and expected a function or another structure; '' otherwise."""
    if isinstance(error, AttributeError) and isinstance(error.obj, np.ndarray):
        return "; arguments are plain arrays: make what it works with of them in a function around it"
    if not (isinstance(error, TypeError) and "ndarray' object is not callable" in str(error)):
        return ""
    called = _called(error)
    named = next((name for name, x in zip(target.passed, arguments, strict=True) if x is called), None)
    axes = target.argument_axes(named) if named else None
    if named is None or not axes:
        return "; arguments are plain arrays: where it calls one, give `lambda *i: array[i]` in a function around it"
    letters = [letter if letter != "x" else "s2" for letter in axes]
    wrapped = f"lambda {', '.join(letters)}: {named}[{', '.join(letters)}]"
    return f"; `{named}` is an array {axes_text(axes)}: where it calls that, give `{wrapped}` in a function around it"


def draft(function: Callable[..., Any], target: Target) -> list[str]:
    """A function of the expected arguments around another one, as code; `...` where names do not tell."""
    parameters = parameters_of(function) or []
    name = getattr(function, "__name__", "")
    name = name if name.isidentifier() else "f"  # of a lambda, or a functools.partial
    given = []
    for x in parameters:
        if x.kind in (x.VAR_POSITIONAL, x.VAR_KEYWORD):
            continue
        value = _meant(x.name, target)
        if value is None and x.default is not x.empty:
            continue
        by_name = x.kind is x.KEYWORD_ONLY or x.default is not x.empty
        given.append(f"{x.name}={value or '...'}" if by_name else value or "...")
    return [
        f"    def subject({', '.join(target.passed)}):",
        f"        return {name}({', '.join(given)})",
    ]


def _meant(name: str, target: Target, *, letters: bool = True) -> str | None:
    """The argument that a parameter of this name stands for, as an expression; None if nobody can tell."""
    if name in target.passed:
        return name
    own = name.lower()
    for table in (SYNONYMS, SINGLE) if letters else (SYNONYMS,):
        found = [x for x, names in table.items() if own in names and x in target.passed]
        if found:
            return found[0]
    if letters and own in SIZES and set(MODEL) <= set(target.passed):
        return "len(initial)" if SIZES[own] == "initial" else "transition.shape[1]"
    return None


def _misplaced(parameters: Parameters, target: Target) -> Iterator[tuple[str, str]]:
    """Parameters by position that are given another argument than the one of their name, and that argument."""
    by_position = [x for x in parameters if x.kind in (x.POSITIONAL_ONLY, x.POSITIONAL_OR_KEYWORD)]
    for x, given in zip(by_position, target.passed, strict=False):
        if _meant(x.name, target, letters=False) not in (None, given):
            yield x.name, given


def _shown(parameter: inspect.Parameter) -> str:
    """A parameter without its annotation, and with a default in short."""
    bare = parameter.replace(annotation=parameter.empty)
    if bare.default is not bare.empty and len(repr(bare.default)) > 20:
        return f"{bare.name}=..."
    return str(bare)


def _called(error: Exception) -> Any:
    """The array that the line of an error calls; None if nobody can tell."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return None
    frame, number = frames[-1]
    line = linecache.getline(frame.f_code.co_filename, number)
    arrays = [(name, value) for name, value in frame.f_locals.items() if isinstance(value, np.ndarray)]
    return next((value for name, value in arrays if re.search(rf"\b{re.escape(name)}\(", line)), None)
