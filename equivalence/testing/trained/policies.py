"""Policies as people have them, read into exact tables.

A policy is a table, a dict from states to rows or actions, a function of an observation, or an object with `predict`;
`outputs` says what it gives:

    probabilities  [a] for each state. Floats are probabilities if a row sums to 1 within 2 A u, u the unit roundoff of
                   the dtype that they came in; then it is read as the simplest rationals nearby that sum to 1, or as
                   its dyadic numbers over their exact sum, and the report says which rows were changed and by how
                   much. A row that is farther off is an error: nothing is renormalized in silence.
    logits         [a] for each state: the softmax of the floats that they are, in balls; -inf is probability 0.
    actions        one number for each state: the policy that always does that.

Rows of terminal states are not read, since nothing is decided there. An action that is not available has probability
0, or it is an error; with `masked=True` rows are conditioned on the available actions, as action masks do.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flint import arb, fmpq

from equivalence.testing.trained.asking import asked, tabulated
from equivalence.testing.trained.numbers import ONE, ZERO, plain
from mdps import MDP, InvalidArgument, OutOfReach, scalars
from mdps.exactness import exact_rows, said

OUTPUTS = ("probabilities", "logits", "actions")


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
    if policy is None or isinstance(policy, str):
        raise InvalidArgument(
            f"{name} is a {type(policy).__name__}; expected a table, a function of an observation, an object with "
            "predict(), or a dict"
        )
    if outputs not in (None, *OUTPUTS):
        raise InvalidArgument(f"outputs is {outputs!r}; expected one of {', '.join(OUTPUTS)}")
    found = asked(policy, name, outputs=outputs, timed=timed)
    if found.timed and mdp.horizon is None:
        raise InvalidArgument(
            f"{name} depends on time, and the model has no horizon; expected a function of (observation)"
        )
    kind, source = found.outputs, found.source
    table = plain(policy) if found.ask is None else tabulated(mdp, found, name, observation or int)
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
