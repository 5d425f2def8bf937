"""How long it takes to make a failure on fifty states one that can be read.

Every wrong function of the museum is given a random model of S = 50, A = 4, T = 10 (a space of 50 outcomes): dense
rows of floats with all their digits, two terminal states and some unavailable actions where the function is made for
them, discount and temperature with two digits. `smallest_failure` finds a small instance on which it is wrong in the
same way; it is confirmed in exact arithmetic.

Counted are numbers other than 0 and +-1, calls of the function, and seconds in all. The goal is at most 3 states, at
most 2 such numbers and 2 seconds, where the mistake allows it; rows that miss it come first.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from equivalence.testing.museum import PIECES, Piece
from equivalence.testing.reducer import complexity
from equivalence.testing.reduction.arrays import MEASURE, ROWS, table_of
from equivalence.testing.smallest import smallest_failure
from equivalence.testing.targets import ARGUMENTS, Target, target_and_rest
from equivalence.testing.targets.argument import LIMITED
from mdps import MDP, InvalidArgument, OutOfReach, occupancy

SHAPE = (50, 4, 10)
STATES, NUMBERS, SECONDS = 3, 2, 2.0
SCALES = (2.0, 1000.0)  # of rewards and energies
LEFT_OUT = ("max_states", "max_outcomes", "horizons", "largest_reward", "largest_energy", "discounts", "temperature")
NOTHING = "right there, or not asked"
DRAWN = "satxhnmipyk"  # axes whose sizes are free
TERMINAL = 2
UNAVAILABLE = 0.1


class Row(NamedTuple):
    """A mistake: the sizes that were found, numbers other than 0 and +-1, calls and seconds."""

    piece: Piece
    sizes: str
    states: int
    numbers: int
    calls: int
    seconds: float

    @property
    def missed(self) -> bool:
        """Whether it is not as small as is hoped for, or took longer."""
        return self.states > STATES or self.numbers > NUMBERS or self.seconds > SECONDS


def drawn(
    target: Target, kinds: Mapping[str, Any], shape: Sequence[int], rng: np.random.Generator, scale: float = 2.0
) -> dict[str, Any]:
    """Arguments of a target by name, in floats; rewards and energies of some scale."""
    found: dict[str, Any] = {}
    sizes = {"n": shape[0], "m": 4, "i": 4, "p": 3, "y": 4, "k": 3}
    if target.on_model:
        found = model(kinds, shape, rng)
        sizes |= {"s": shape[0], "a": shape[1], "t": shape[2], "h": shape[2] + 1}
        if target.layout.temperature:
            found["temperature"] = 0.37
    for name, (axes, role) in table_of(target).items():
        own = tuple(sizes[letter] for letter in axes)
        if name in found:
            continue
        if role == MEASURE:
            mdp = MDP(**{key: found[key] for key in ("transition", "initial", "horizon", "discount")})
            found[name] = occupancy(mdp, _policy(found["transition"], (), rng), axes=axes)
        elif role == ROWS and axes[-1] == "a":
            found[name] = _policy(found["transition"], own[:-2], rng)
        elif role == ROWS:
            found[name] = rng.dirichlet(np.ones(own[-1]), size=own[:-1])
        elif not axes and ARGUMENTS[name].role not in LIMITED:  # a weight, a share
            found[name] = 0.37
        else:
            found[name] = rng.normal(scale=scale, size=own)
    return found


def model(kinds: Mapping[str, Any], shape: Sequence[int], rng: np.random.Generator) -> dict[str, Any]:
    """A random model of some kinds as arrays; a few states, where its trajectories have to be few."""
    n_states, n_actions, horizon = shape
    transition = rng.dirichlet(np.full(n_states, 0.3), size=(n_states, n_actions))
    if kinds.get("deterministic"):
        transition = np.eye(n_states)[transition.argmax(axis=-1)]
    if kinds.get("unavailable") is not False:
        missing = rng.random((n_states, n_actions)) < UNAVAILABLE
        transition[missing & (np.arange(n_actions) > 0)] = 0
    initial = rng.dirichlet(np.ones(n_states))
    if kinds.get("single_start"):
        initial = np.eye(n_states)[0]
    if kinds.get("terminal") is not False and n_states > TERMINAL:
        transition[-TERMINAL:] = 0
        if kinds.get("terminal_start") is False:
            initial[-TERMINAL:] = 0
            initial /= initial.sum()
    discount = 0.93 if "discounts" not in kinds else float(kinds["discounts"][-1])
    return {"transition": transition, "initial": initial, "horizon": horizon, "discount": discount}


def _policy(transition: np.ndarray, steps: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    available = transition.sum(axis=-1) > 0
    weights = rng.exponential(size=(*steps, *available.shape)) * available
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total == 0, 1, total)


def row(piece: Piece, shape: Sequence[int] = SHAPE, seed: int = 0) -> Row:
    """What becomes of a wrong function's failure on a random model; with large rewards, if it is right on others."""
    target, kinds = target_and_rest(piece.target, piece.options)
    if kinds.get("max_trajectories"):
        shape = (min(3, shape[0]), 2, min(3, shape[2]))
    shape = (shape[0], shape[1], min(shape[2], max(kinds.get("horizons", (shape[2],)))))
    options = {name: value for name, value in piece.options.items() if name not in LEFT_OUT}
    table = table_of(target)
    if any(set(x.axes) - set(DRAWN) or (x.role == MEASURE and name != "expert") for name, x in table.items()):
        return Row(piece, NOTHING, 0, 0, 0, 0.0)
    for scale in SCALES:
        given = drawn(target, kinds, shape, np.random.default_rng(seed), scale)
        start = time.perf_counter()
        try:
            failure = smallest_failure(piece.function, to=piece.target, **given | options)
        except (InvalidArgument, OutOfReach):  # it agrees there, or there is no answer
            continue
        seconds = time.perf_counter() - start
        order = complexity(failure.instance)
        numbers = order[4] if target.on_model else order[2]
        return Row(piece, failure.found, order[0], numbers, failure.calls, seconds)
    return Row(piece, NOTHING, 0, 0, 0, 0.0)


def rows(pieces: Sequence[Piece] = PIECES, shape: Sequence[int] = SHAPE) -> Iterator[Row]:
    """One row a piece."""
    for piece in pieces:
        if piece.framework == "numpy":
            yield row(piece, shape)


def report(sizes: Sequence[int] = ()) -> None:
    """The table, on models of `sizes` = S (A, T)."""
    shape = (*sizes, *SHAPE[len(sizes) :])
    found = sorted(rows(shape=shape), key=lambda row: (not row.missed, -row.seconds))
    title = (__doc__ or "").splitlines()[0]
    table = Table("wrong function", "target", "found", "numbers", "calls", "seconds", title=title, box=box.MARKDOWN)
    for column in table.columns[3:]:
        column.justify = "right"
    for piece, text, _, numbers, calls, seconds in found:
        table.add_row(piece.name, piece.target, text, str(numbers), str(calls), f"{seconds:.2f}")
    table.add_section()
    found = [row for row in found if row.sizes != NOTHING]
    within = sum(not row.missed for row in found)
    longest = max(row.seconds for row in found)
    table.add_row(f"{within} of {len(found)} within", "", "S = 3", str(NUMBERS), "", f"{longest:.2f}")
    Console(width=140).print(table)
