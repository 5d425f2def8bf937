"""Policies, rewards and problems as people have them, read into exact tables.

A problem is exact: floats of a model become the rationals that they stand for (`mdps.exactness`), those of a reward the
dyadic numbers that they are. What that changed is said in the report.

A policy is a table, a function of an observation, or an object with `predict`; `outputs` says what it gives:

    probabilities  [a] for each state. Floats are probabilities if a row sums to 1 within 2 A u, u the unit roundoff of
                   the dtype that they came in; then it is read as the simplest rationals nearby that sum to 1, or as
                   its dyadic numbers over their exact sum, and the report says which rows were changed and by how
                   much. A row that is farther off is an error: nothing is renormalized in silence.
    logits         [a] for each state: the softmax of the floats that they are, in balls; -inf is probability 0.
    actions        one number for each state: the policy that always does that.

A function or `predict` is asked three times in each state; where answers differ it is random, and an error says so.

Rows of terminal states are not read, since nothing is decided there. An action that is not available has probability
0, or it is an error; with `masked=True` rows are conditioned on the available actions, as action masks do.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from flint import arb, fmpq

from mdps import MDP, InvalidArgument, OutOfReach, scalars
from mdps.arguments import reward_axes
from mdps.exactness import exact_rows, said

ASKED_AGAIN = 2  # times in each state: what draws an action at random hardly gives the same one everywhere
OUTPUTS = ("probabilities", "logits", "actions")
ZERO: Any = fmpq(0)
ONE: Any = fmpq(1)


class Problem(NamedTuple):
    """An exact model, an exact reward [s], [s, a] or [s, a, s'] (None if none is known), and what reading changed.

    given  the model as it came, if that is of interest
    """

    mdp: MDP
    reward: np.ndarray | None
    notes: tuple[str, ...]
    given: MDP | None = None


class GivenPolicy(NamedTuple):
    """A policy that was read: rationals `exact` [(t,) s, a], or rational `logits` of it, with the mask of its support.

    source  what was asked, in words
    """

    exact: np.ndarray | None
    logits: np.ndarray | None
    support: np.ndarray
    source: str
    notes: tuple[str, ...]

    def in_balls(self) -> np.ndarray:
        """The probabilities in balls of the current precision; 0 is exactly 0."""
        if self.logits is None:
            return scalars.convert(self.exact, "ball")
        some = self.support.any(axis=-1)
        return scalars.log_normalized(
            scalars.convert(self.logits, "ball"), where=self.support, otherwise=np.full(some.shape, arb(0))
        )[1]


def problem(env_or_mdp: Any, reward: Any = None, *, name: str = "reward") -> Problem:
    """The exact problem of an environment that `to_gymnasium` made, or of a model.

    Errors: `InvalidArgument` says what is missing, and how to have it.
    """
    if isinstance(env_or_mdp, MDP):
        mdp, own, notes = env_or_mdp, None, ()
    else:
        bare = getattr(env_or_mdp, "unwrapped", env_or_mdp)
        mdp, own = getattr(bare, "mdp", None), getattr(bare, "reward", None)
        if not isinstance(mdp, MDP):
            raise _no_model(bare)
        wrappers = _wrappers(env_or_mdp)
        notes = (f"wrappers are not seen ({', '.join(wrappers)}): judged is the problem beneath",) if wrappers else ()
    if mdp.batch_shape:
        raise InvalidArgument(f"a stack of batch shape {mdp.batch_shape}; expected one model: mdp.at(i) takes one")
    if mdp.level not in ("float", "exact"):
        raise OutOfReach(f"the model is {mdp.level}; a verdict needs floats, which are made exact, or exact numbers")
    exact = mdp.to("exact")
    notes += exact.changes[len(mdp.changes) :]
    chosen = own if reward is None else reward
    return Problem(exact, None if chosen is None else exact_table(exact, chosen, name), notes, mdp)


def _no_model(bare: Any) -> InvalidArgument:
    kind = type(bare).__name__
    if hasattr(bare, "P"):
        return InvalidArgument(
            f"{kind} has a transition table, and neither a horizon nor a discount; expected a model or an environment "
            "made from one. mdp, reward = mdps.interop.from_gymnasium(env, horizon=..., discount=...) makes both: give "
            "the model, and reward=reward"
        )
    return InvalidArgument(
        f"{kind} has no model: expected env.unwrapped.mdp, as environments of mdps.interop.to_gymnasium(mdp, reward) "
        "have it, or an MDP. Of a vectorized environment give one of its parts"
    )


def _wrappers(env: Any) -> list[str]:
    """The names of what is around an environment, of those that act; bookkeeping does not."""
    names = []
    while (inner := getattr(env, "env", None)) is not None and inner is not env:
        names.append(type(env).__name__)
        env = inner
    return [name for name in names if name not in ("OrderEnforcing", "PassiveEnvChecker", "Monitor")]


def plain(value: Any) -> np.ndarray:
    """An array, a tensor or nested lists as a numpy array, in the dtype that it has."""
    for method in ("detach", "cpu"):
        value = getattr(value, method, lambda value=value: value)()
    if not isinstance(value, np.ndarray) and callable(getattr(value, "numpy", None)):
        try:
            value = value.numpy()
        except TypeError as error:
            raise InvalidArgument(f"a tensor that numpy cannot hold ({error}); give tensor.float()") from None
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InvalidArgument(f"not a rectangular array: {error}") from None


def exact_table(mdp: MDP, value: Any, name: str) -> np.ndarray:
    """A reward [s], [s, a] or [s, a, s'] in exact numbers; floats are the dyadic numbers that they are."""
    array = plain(value)
    reward_axes(mdp, array, name)
    return exact_numbers(array, name)


def exact_numbers(value: Any, name: str) -> np.ndarray:
    """Finite numbers, exactly; floats of any dtype are the dyadic numbers that they are."""
    array = plain(value)
    if array.dtype.kind not in "iufO":
        raise InvalidArgument(f"{name} has dtype {array.dtype}; expected numbers")
    if array.dtype == object and scalars.level_of(array) not in ("exact", "float"):
        raise OutOfReach(f"{name} is {scalars.level_of(array)}; a verdict needs floats or exact numbers")
    if not scalars.finite_mask(array).all():
        at = np.argwhere(~scalars.finite_mask(array))[0].tolist()
        raise InvalidArgument(f"{name}{at or ''} is {array[tuple(at)]}; expected finite numbers")
    return scalars.convert(array, "exact")


# Rewards ---------------------------------------------------------------------------------------------------------


def given_reward(
    mdp: MDP, reward: Any, *, axes: str, observation: Callable[[int], Any] | None, name: str
) -> tuple[np.ndarray, str]:
    """A table, or a function of (s, a, s'), (s, a) or (s) asked everywhere, exactly; and why EPIC must not use it.

    A function of (s, a, s') is asked for impossible transitions, too; where it raises an error there, its value is
    taken for 0, which nothing but EPIC sees.
    """
    if not callable(reward):
        return exact_table(mdp, reward, name), ""
    if axes not in ("s", "sa", "sas"):
        raise InvalidArgument(f"axes is {axes!r}; expected 's', 'sa' or 'sas': what {name} is a function of")
    seen = observation or int
    shape = (mdp.n_states, mdp.n_actions, mdp.n_states)[: len(axes)]
    table, trouble = np.full(shape, ZERO, dtype=object), ""
    for at in np.argwhere(~mdp.terminal if axes == "s" else mdp.available):
        for index in _completed(at.tolist(), axes, mdp.n_states):
            given = [int(i) if k == 1 else seen(i) for k, i in enumerate(index)]
            try:
                value = plain(reward(*given))
            except Exception:
                if axes == "sas" and not mdp.support[tuple(index)]:
                    trouble = trouble or f"{name}{index} raises an error, and EPIC asks for impossible transitions, too"
                    continue
                raise
            if value.size != 1:
                raise InvalidArgument(f"{name}{tuple(index)} has shape {value.shape}; expected one number")
            table[tuple(index)] = exact_numbers(value.reshape(()), f"{name}{tuple(index)}")[()]
    return table, trouble


def _completed(at: list[int], axes: str, n_states: int) -> Iterator[list[int]]:
    return ([*at, end] for end in range(n_states)) if axes == "sas" else iter([at])


# Policies --------------------------------------------------------------------------------------------------------


def given_policy(
    mdp: MDP,
    policy: Any,
    *,
    name: str = "policy",
    outputs: str | None = None,
    observation: Callable[[int], Any] | None = None,
    timed: bool = False,
    masked: bool = False,
) -> GivenPolicy:
    """A policy of a model, read; see the module.

    outputs      'probabilities', 'logits' or 'actions'; by default 'actions' of objects with `predict`, else
                 'probabilities'
    observation  what the policy is given for a state; the number of the state if None
    timed        whether a function is given (observation, t) and not the observation alone
    masked       whether rows are conditioned on the actions that are available

    Errors: `InvalidArgument` with what was expected, what came, where, and what to do.
    """
    if timed and mdp.horizon is None:
        raise InvalidArgument("timed=True, and the model has no horizon: its policies do not depend on time")
    ask, kind, source = _asked(policy, outputs)
    if kind not in OUTPUTS:
        raise InvalidArgument(f"outputs is {kind!r}; expected one of {', '.join(OUTPUTS)}")
    if policy is None or isinstance(policy, (str, dict)):
        raise InvalidArgument(
            f"{name} is a {type(policy).__name__}; expected a table, a function of an observation, or an object with "
            "predict()"
        )
    table = plain(policy) if ask is None else _tabulated(mdp, ask, kind, name, observation or int, timed)
    expected = [(mdp.n_states, mdp.n_actions)[: 1 if kind == "actions" else 2]]
    if mdp.horizon is not None:
        expected.append((mdp.horizon, *expected[0]))
    if table.shape not in expected:
        raise InvalidArgument(
            f"{name} has shape {table.shape}; expected {' or '.join(map(str, expected))} for {kind} of this model"
            + (": it has no horizon, so its policies do not depend on time" if mdp.horizon is None else "")
            + ("; for one action in each state give outputs='actions'" if table.shape == (mdp.n_states,) else "")
        )
    if kind == "actions":
        return _of_actions(mdp, table, name, source)
    live = np.broadcast_to(~mdp.terminal, table.shape[:-1])
    available = np.broadcast_to(mdp.available, table.shape)
    if kind == "logits":
        return _of_logits(table, live, available, name, source, masked)
    return _of_probabilities(table, live, available, name, source, masked)


def _asked(policy: Any, outputs: str | None) -> tuple[Callable[..., Any] | None, str, str]:
    """The function to ask, what it gives, and how that is said; no function for a table."""
    predict = getattr(policy, "predict", None)
    if callable(predict) and outputs in (None, "actions"):
        if "deterministic" in _parameters(predict):
            return lambda *x: _first(predict(*x, deterministic=True)), "actions", "predict(..., deterministic=True)"
        return lambda *x: _first(predict(*x)), "actions", "predict(...)"
    kind = outputs or "probabilities"
    if callable(policy):
        return policy, kind, f"a function that gives {kind}"
    if callable(predict):
        raise InvalidArgument(
            f"an object with predict() gives actions, not {kind}; give a function of the observation that returns them"
        )
    return None, kind, f"a table of {kind}"


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def _tabulated(
    mdp: MDP, ask: Callable[..., Any], kind: str, name: str, observation: Callable[[int], Any], timed: bool
) -> np.ndarray:
    """What a function gives in every state that goes on (and at every step), as a table; 0 in terminal states."""
    wanted = () if kind == "actions" else (mdp.n_actions,)
    steps = range(mdp.horizon) if timed and mdp.horizon is not None else (None,)
    rows: dict[tuple[int, ...], np.ndarray] = {}
    for t in steps:
        for s in np.flatnonzero(~mdp.terminal).tolist():
            given = (observation(s),) if t is None else (observation(s), t)
            row = plain(ask(*given))
            for _ in range(ASKED_AGAIN):
                _check_same(row, plain(ask(*given)), kind, f"{name} in state {s}")
            at = (s,) if t is None else (t, s)
            if row.shape not in (wanted, (1, *wanted)):
                hint = "; for one action in each state give outputs='actions'" if wanted and row.size == 1 else ""
                raise InvalidArgument(f"{name} gives shape {row.shape} in state {s}; expected {wanted}, {kind}{hint}")
            rows[at] = row.reshape(wanted)
    shape = (mdp.n_states,) if not timed else (len(steps), mdp.n_states)
    dtype = np.result_type(*(row.dtype for row in rows.values())) if rows else np.dtype(float)
    table = np.zeros((*shape, *wanted), dtype=dtype)
    for at, row in rows.items():
        table[at] = row
    return table


def _check_same(row: np.ndarray, again: np.ndarray, kind: str, where: str) -> None:
    if not np.array_equal(row, again, equal_nan=row.dtype.kind == "f" and again.dtype.kind == "f"):
        hint = (
            "give a table, or a function that returns probabilities: outputs='probabilities'"
            if kind == "actions"
            else "turn off what is random in it, such as dropout: model.eval()"
        )
        said = f"{where} gives {row.tolist()}, and {again.tolist()} when asked again"
        raise InvalidArgument(f"{said}; expected the same {kind}. {hint}")


def _of_actions(mdp: MDP, table: np.ndarray, name: str, source: str) -> GivenPolicy:
    if table.dtype.kind not in "iu":
        raise InvalidArgument(f"{name} has actions of dtype {table.dtype}; expected whole numbers")
    live = np.broadcast_to(~mdp.terminal, table.shape)
    wrong = live & ((table < 0) | (table >= mdp.n_actions))
    if wrong.any():
        at = np.argwhere(wrong)[0].tolist()
        raise InvalidArgument(f"{name}{at} is action {table[tuple(at)]}; expected one of 0 ... {mdp.n_actions - 1}")
    chosen = (np.arange(mdp.n_actions) == table[..., None]) & live[..., None]
    _check_available(chosen, mdp.available, name)
    return GivenPolicy(np.where(chosen, ONE, ZERO), None, chosen, source, ())


def _of_logits(
    table: np.ndarray, live: np.ndarray, available: np.ndarray, name: str, source: str, masked: bool
) -> GivenPolicy:
    if table.dtype.kind not in "iuf":
        raise InvalidArgument(f"{name} has logits of dtype {table.dtype}; expected floats")
    wrong = live[..., None] & (np.isnan(table) | (table == np.inf))
    if wrong.any():
        at = np.argwhere(wrong)[0].tolist()
        raise InvalidArgument(f"{name}{at} is {table[tuple(at)]}; expected logits, finite or -inf")
    support = live[..., None] & (table > -np.inf)
    notes = ()
    if masked:
        notes = _masking(support & ~available, name)
        support = support & available
    _check_available(support, available, name)
    _check_some(support.any(axis=-1) | ~live, name)
    logits = np.full(table.shape, ZERO, dtype=object)
    logits[support] = scalars.convert(table[support], "exact")
    return GivenPolicy(None, logits, support, source, notes)


def _of_probabilities(
    table: np.ndarray, live: np.ndarray, available: np.ndarray, name: str, source: str, masked: bool
) -> GivenPolicy:
    if table.dtype.kind not in "iufO":
        raise InvalidArgument(f"{name} has dtype {table.dtype}; expected probabilities")
    if table.dtype == object and scalars.level_of(table) not in ("exact", "float"):
        raise OutOfReach(f"{name} is {scalars.level_of(table)}; a verdict needs floats or exact numbers")
    rows = np.where(live[..., None], table, table.dtype.type(0) if table.dtype != object else ZERO)
    finite = scalars.finite_mask(rows)
    if not finite.all():
        at = np.argwhere(~finite)[0].tolist()
        raise InvalidArgument(f"{name}{at} is {rows[tuple(at)]}; expected a probability")
    exact = scalars.convert(rows, "exact")
    negative = np.asarray(exact < 0, dtype=bool)
    if negative.any():
        at = np.argwhere(negative)[0].tolist()
        raise InvalidArgument(
            f"{name}{at} is {rows[tuple(at)]}, which is negative; expected a probability. If these are logits, give "
            "outputs='logits'"
        )
    _check_sums(exact, rows.dtype, live, name)
    notes: tuple[str, ...] = ()
    if rows.dtype != object and rows.dtype.kind == "f":
        read, reading = exact_rows(rows.astype(float))
        exact, notes = read, said(name, reading)
    support = np.asarray(exact != 0, dtype=bool)
    if masked:
        notes += _masking(support & ~available, name)
        support = support & available
        _check_some(support.any(axis=-1) | ~live, name)
        kept = np.where(support, exact, ZERO)
        exact = np.where(support, kept / np.where(live, kept.sum(axis=-1), ONE)[..., None], ZERO)
    _check_available(support, available, name)
    return GivenPolicy(exact, None, support, source, notes)


def _check_sums(exact: np.ndarray, dtype: np.dtype, live: np.ndarray, name: str) -> None:
    slack: Any = ZERO
    within = "exactly"
    if dtype.kind == "f":
        bits = int(np.log2(np.finfo(dtype).eps)) - 1
        slack, within = fmpq(2 * exact.shape[-1], 2**-bits), f"within {2 * exact.shape[-1]} * 2^{bits} ({dtype})"
    off = live & np.asarray(np.abs(exact.sum(axis=-1) - 1) > slack, dtype=bool)
    if off.any():
        at = np.argwhere(off)[0].tolist()
        total: Any = exact[tuple(at)].sum()
        shown = int(total.p) / int(total.q)
        hints = "Logits: give outputs='logits'. Counts or rounded numbers: mdps.normalized(...) divides by the sum"
        if dtype == np.float64 and abs(total - 1) < fmpq(exact.shape[-1], 2**20):
            hints = "If it was computed in float32, give it as float32. " + hints
        if total == 0:
            hints = "A state that was never visited needs a row, too: any distribution will do. " + hints
        raise InvalidArgument(f"{name}{at} sums to {shown!r}; expected 1 {within}. {hints}")


def _check_available(support: np.ndarray, available: np.ndarray, name: str) -> None:
    stray = support & ~np.broadcast_to(available, support.shape)
    if stray.any():
        at = np.argwhere(stray)[0].tolist()
        raise InvalidArgument(
            f"{name}{at} has a positive probability, and action {at[-1]} is not available in state {at[-2]}; expected "
            "0. masked=True conditions the policy on available actions, which info['action_mask'] marks"
        )


def _check_some(some: np.ndarray, name: str) -> None:
    if not some.all():
        at = np.argwhere(~some)[0].tolist()
        raise InvalidArgument(f"{name}{at} has no available action of positive probability; expected one at least")


def _masking(stray: np.ndarray, name: str) -> tuple[str, ...]:
    n = int(stray.any(axis=-1).sum())
    return (f"{name}: {n} row{'s' * (n != 1)} conditioned on the available actions",) if n else ()


def same_rows(policy: GivenPolicy, other: GivenPolicy) -> np.ndarray:
    """In which (t, s), or s, two policies are the same: decided, for e to a rational number but 0 is irrational.

    A softmax of rationals is rational where all logits are equal, and nowhere else.
    """
    shape = np.broadcast_shapes(policy.support.shape, other.support.shape)
    supports = [np.broadcast_to(x.support, shape) for x in (policy, other)]
    same = (supports[0] == supports[1]).all(axis=-1)
    first, second = (_rows_that_tell(x, shape) for x in (policy, other))
    for at in np.ndindex(shape[:-1]):
        on = supports[0][at]
        if not same[at] or not on.any():
            continue
        x, y = first[at][on], second[at][on]
        if (policy.logits is None) == (other.logits is None):
            gap = x - y
            same[at] = bool((gap == (gap[0] if policy.logits is not None else 0)).all())
        else:
            same[at] = bool((x == x[0]).all() and (y == y[0]).all())
    return same


def _rows_that_tell(policy: GivenPolicy, shape: tuple[int, ...]) -> np.ndarray:
    table: Any = policy.exact if policy.logits is None else policy.logits
    return np.broadcast_to(table, shape)


def with_actions(mdp: MDP, allowed: np.ndarray) -> MDP:
    """The exact model in which only these actions [s, a] are available."""
    return replace(mdp, transition=np.where(allowed[..., None], mdp.transition, ZERO))
