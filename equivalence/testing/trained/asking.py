"""What a function, an object with `predict`, or a dict says in each state.

    f(observation)                                  outputs: probabilities, logits or actions
    f(observation, t)                               with timed=True, or if its second argument is called t or step
    predict(observation[, state, episode_start])    actions, alone or first in a tuple; `deterministic=True` is passed
                                                    where it is an argument, and None for a state of its own
    {s: action}, {s: [a]}, {s: {a: probability}}    or of (t, s); keys are observations where `observation` is given

A distribution with `probs` and `logits` (torch, tensorflow) answers with those. Each is asked three times in each
state; where answers differ it is random, and an error says so.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from equivalence.testing.trained.numbers import plain
from mdps import MDP, InvalidArgument

ASKED_AGAIN = 2  # times in each state: what draws an action at random hardly gives the same one everywhere
TIMES = ("t", "time", "step", "timestep")
NOT_ASKED = ("state", "episode_start", "mask")  # arguments of predict() of recurrent policies, None if they have to be


class Asked(NamedTuple):
    """How to ask a policy: a function of (observation) or (observation, t), None for a table; and what it gives."""

    ask: Callable[..., Any] | None
    outputs: str
    timed: bool
    source: str


def asked(policy: Any, name: str, *, outputs: str | None = None, timed: bool = False) -> Asked:
    """How to ask a policy, by its signature.

    Errors: `InvalidArgument` for arguments that nobody could know.
    """
    if isinstance(policy, Mapping):
        return _of_mapping(policy, name, outputs)
    predict = getattr(policy, "predict", None)
    if callable(predict) and outputs in (None, "actions"):
        return _of_predict(predict, name, timed)
    kind = outputs or "probabilities"
    if callable(policy):
        return Asked(policy, kind, _takes_time(policy, name, timed), f"a function that gives {kind}")
    if callable(predict):
        raise InvalidArgument(
            f"an object with predict() gives actions, not {kind}; give a function of the observation that returns them"
        )
    return Asked(None, kind, False, f"a table of {kind}")


def required(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """The names of the arguments that have to be given by position; None where that cannot be seen.

    A module of torch says so in `forward`.
    """
    try:
        parameters = inspect.signature(getattr(function, "forward", function)).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return tuple(
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    )


def fits(function: Callable[..., Any], n: int) -> bool:
    """Whether a function can be called with n arguments, as far as that can be seen."""
    try:
        inspect.signature(getattr(function, "forward", function)).bind(*range(n))
    except TypeError:
        return False
    except ValueError:  # a builtin function without a signature
        return True
    return True


def _takes_time(policy: Callable[..., Any], name: str, timed: bool) -> bool:
    names = required(policy) or ()
    told = timed or (len(names) == 2 and names[1] in TIMES)
    if not fits(policy, 2 if told else 1):
        wanted = "(observation, t), since timed=True" if timed else "(observation), or (observation, t) with timed=True"
        raise InvalidArgument(f"{name} is a function of ({', '.join(names)}); expected one of {wanted}")
    return told


def _of_predict(predict: Callable[..., Any], name: str, timed: bool) -> Asked:
    try:
        parameters = dict(inspect.signature(predict).parameters)
    except (TypeError, ValueError):
        parameters = {}
    others = [x for x in required(predict) or () if x not in ("deterministic", *NOT_ASKED)]
    if timed and len(parameters) > 1 and list(parameters)[1] in (*NOT_ASKED, "deterministic"):
        raise InvalidArgument(f"predict({', '.join(parameters)}) of {name} takes no t; leave out timed=True")
    if len(others) > 1 + timed:
        raise InvalidArgument(f"predict of {name} needs ({', '.join(others)}); expected predict(observation)")
    options: dict[str, Any] = {x: None for x in NOT_ASKED if x in (required(predict) or ())}
    if "deterministic" in parameters:
        options["deterministic"] = True
    source = "predict(..., deterministic=True)" if "deterministic" in parameters else "predict(...)"
    return Asked(lambda *x: _first(predict(*x, **options)), "actions", timed, source)


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def _of_mapping(policy: Mapping[Any, Any], name: str, outputs: str | None) -> Asked:
    if not policy:
        raise InvalidArgument(f"{name} is an empty dict; expected an entry for each state")
    key, value = next(iter(policy.items()))
    timed = isinstance(key, tuple) and len(key) == 2
    single = not isinstance(value, Mapping) and plain(value).ndim == 0
    kind = outputs or ("actions" if single else "probabilities")

    def entry(observation: Any, *t: int) -> Any:
        at = (*t, observation) if t else observation
        try:
            return policy[at]
        except (KeyError, TypeError):
            raise InvalidArgument(
                f"{name} has no entry {at!r}; expected one for each state that goes on"
                + (", of keys (t, s)" if t else ": an action, or a row of probabilities")
            ) from None

    return Asked(entry, kind, timed, f"a dict of {kind}")


def tabulated(mdp: MDP, policy: Asked, name: str, observation: Callable[[int], Any]) -> np.ndarray:
    """What a policy gives in every state that goes on (and at every step), as a table; 0 in terminal states."""
    kind = policy.outputs
    wanted = () if kind == "actions" else (mdp.n_actions,)
    steps = range(mdp.horizon) if policy.timed and mdp.horizon is not None else (None,)
    rows: dict[tuple[int, ...], np.ndarray] = {}
    for t in steps:
        for s in np.flatnonzero(~mdp.terminal).tolist():
            where = f"{name} in state {s}"
            given = (observation(s),) if t is None else (observation(s), t)
            row = _answer(policy, given, mdp, where)
            for _ in range(ASKED_AGAIN):
                _check_same(row, _answer(policy, given, mdp, where), kind, where)
            at = (s,) if t is None else (t, s)
            if row.shape not in (wanted, (1, *wanted)):
                hint = "; for one action in each state give outputs='actions'" if wanted and row.size == 1 else ""
                raise InvalidArgument(f"{name} gives shape {row.shape} in state {s}; expected {wanted}, {kind}{hint}")
            rows[at] = row.reshape(wanted)
    shape = (mdp.n_states,) if not policy.timed else (len(steps), mdp.n_states)
    dtype = np.result_type(*(row.dtype for row in rows.values())) if rows else np.dtype(float)
    table = np.zeros((*shape, *wanted), dtype=dtype)
    for at, row in rows.items():
        table[at] = row
    return table


def _answer(policy: Asked, given: tuple[Any, ...], mdp: MDP, where: str) -> np.ndarray:
    assert policy.ask is not None
    try:
        answer = policy.ask(*given)
    except InvalidArgument:
        raise
    except Exception as error:
        error.add_note(
            f"raised by {where}, which was given {', '.join(map(repr, given))}; observation= says what it is given"
        )
        raise
    name = {"probabilities": "probs", "logits": "logits"}.get(policy.outputs, "")
    answer = getattr(answer, name, answer) if name else answer
    if isinstance(answer, Mapping):
        stray = [a for a in answer if a not in range(mdp.n_actions)]
        if stray:
            raise InvalidArgument(f"{where} has an action {stray[0]!r}; expected one of 0 ... {mdp.n_actions - 1}")
        missing = 0 if policy.outputs == "probabilities" else -np.inf
        answer = [answer.get(a, missing) for a in range(mdp.n_actions)]
    return plain(answer)


def _check_same(row: np.ndarray, again: np.ndarray, kind: str, where: str) -> None:
    if not np.array_equal(row, again, equal_nan=row.dtype.kind == "f" and again.dtype.kind == "f"):
        hint = (
            "give a table, or a function that returns probabilities: outputs='probabilities'"
            if kind == "actions"
            else "turn off what is random in it, such as dropout: model.eval()"
        )
        said = f"{where} gives {row.tolist()}, and {again.tolist()} when asked again"
        raise InvalidArgument(f"{said}; expected the same {kind}. {hint}")
