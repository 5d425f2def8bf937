"""Hypothesis strategies for exact models, rewards, policies, experts and sample-space games.

    from hypothesis import given, strategies as st
    from mdps import strategies

    @given(st.data(), strategies.models(deterministic=True, discounts=(1,)))
    def test(data, mdp):
        reward = data.draw(strategies.rewards(mdp))

Hypothesis draws shapes, structure and a seed; the numbers come from `mdps.random_models`. One example costs Hypothesis
as much as hundreds of small models cost the library, so a test that wants many draws a structure and a seed, and makes
its instances itself.

A structural keyword is True (the model has it), False (it has not) or None (drawn: it may have it):

    deterministic   every available row is a point mass
    single_start    one state is the only start
    terminal        there is a terminal state            terminal_start  one of them may be the start
    unavailable     some action is not available in a state that has others
    full_support    every available row reaches every state
    final_value     final values are not all 0

Replay. When a test fails, Hypothesis prints the falsifying example, for each draw the call that makes it again

    random_model(np.random.default_rng([17, 0]), 2, 1, 1, deterministic=True)

of a function of `mdps.random_models`, and (with `print_blob=True`) a decorator `@reproduce_failure(...)`, which replays
it under the same version of Hypothesis.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import note, reject, strategies as st

from mdps import scalars
from mdps.errors import InvalidArgument
from mdps.model import MDP
from mdps.random_models import (
    EXPERTS,
    Game,
    random_expert,
    random_game,
    random_model,
    random_policy,
    random_reward,
)
from mdps.trajectories import trajectory_count

DISCOUNTS = (1, Fraction(1, 2), Fraction(9, 10))
LAST_ATTEMPT = 1_000

seeds = st.integers(0, 2**32 - 1)


def starts(mdp: MDP) -> np.ndarray:
    """Which states a trajectory may start in, [s]."""
    return ~scalars.zero_mask(mdp.initial)


STRUCTURE: dict[str, Callable[[MDP], Any]] = {
    "deterministic": lambda mdp: (mdp.support.sum(axis=-1) <= 1).all(),
    "single_start": lambda mdp: starts(mdp).sum() == 1,
    "terminal": lambda mdp: mdp.terminal.any(),
    "terminal_start": lambda mdp: (mdp.terminal & starts(mdp)).any(),
    "unavailable": lambda mdp: (~mdp.available & ~mdp.terminal[:, None]).any(),
    "full_support": lambda mdp: mdp.support[mdp.available].all(),
    "final_value": lambda mdp: (mdp.final_value != 0).any(),
}


def _fewest(wanted: dict[str, bool | None]) -> tuple[int, int, int]:
    """The least and the largest number of states, and the least number of actions, of a model of this structure."""
    is_true = {name for name, value in wanted.items() if value is True}
    is_false = {name for name, value in wanted.items() if value is False}
    fewest = 1
    if is_true & {"terminal", "terminal_start"} or is_false & {"deterministic", "single_start", "full_support"}:
        fewest = 2
    if {"deterministic", "full_support"} <= is_false or ("single_start" in is_false and "terminal" in is_true):
        fewest = 3
    most = 1 if {"deterministic", "full_support"} <= is_true else 10**6
    return fewest, most, 2 if "unavailable" in is_true else 1


@st.composite
def models(
    draw: st.DrawFn,
    *,
    deterministic: bool | None = None,
    single_start: bool | None = None,
    terminal: bool | None = None,
    terminal_start: bool | None = False,
    unavailable: bool | None = None,
    full_support: bool | None = None,
    final_value: bool | None = None,
    discounts: Sequence[Any] = DISCOUNTS,
    horizons: Sequence[int] = (1, 2, 3),
    min_states: int = 1,
    max_states: int = 3,
    min_actions: int = 1,
    max_actions: int = 3,
    max_trajectories: int | None = None,
    denominator: int = 12,
) -> MDP:
    """Exact models of a structure, see above; simplest first: small, short, undiscounted.

    max_trajectories  the horizon is shortened until there are no more than this; a model that has more at the
                      shortest of `horizons` is not drawn.
    denominator       of the probabilities.

    Errors: `InvalidArgument` for a structure that no model of these sizes has.
    """
    wanted = {
        "deterministic": deterministic,
        "single_start": single_start,
        "terminal": True if terminal_start else terminal,
        "terminal_start": terminal_start,
        "unavailable": unavailable,
        "full_support": full_support,
        "final_value": final_value,
    }
    fewest, most, fewest_actions = _fewest(wanted)
    fewest, most = max(fewest, min_states), min(most, max_states)
    fewest_actions = max(fewest_actions, min_actions)
    if fewest > most or fewest_actions > max_actions or (terminal is False and terminal_start):
        asked = ", ".join(f"{name}={value}" for name, value in wanted.items() if value is not None)
        raise InvalidArgument(
            f"no model has {asked} with {min_states} to {max_states} states and {min_actions} to {max_actions} actions"
        )
    n_states = draw(st.integers(fewest, most))
    n_actions = draw(st.integers(fewest_actions, max_actions))
    horizon = draw(st.sampled_from(horizons))
    discount = draw(st.sampled_from(discounts))
    asked = {name: draw(st.booleans()) if value is None else value for name, value in wanted.items()}
    if asked["deterministic"] and asked["full_support"] and n_states > 1:
        asked["full_support" if full_support is None else "deterministic"] = False
    seed = draw(seeds)
    arguments: dict[str, Any] = {name: True for name, value in asked.items() if value}
    if discount != 1:
        arguments["discount"] = discount
    if denominator != 12:
        arguments["denominator"] = denominator

    def has_structure(mdp: MDP) -> bool:
        return all(value is None or bool(STRUCTURE[name](mdp)) == value for name, value in wanted.items())

    def make(rng: np.random.Generator) -> MDP:
        return random_model(rng, n_states, n_actions, horizon, **arguments)

    mdp, attempt = _first(make, has_structure, seed)
    for shorter in sorted((h for h in horizons if h <= horizon), reverse=True):
        if max_trajectories is None or trajectory_count(replace(mdp, horizon=shorter)) <= max_trajectories:
            _note("random_model", [seed, attempt], n_states, n_actions, shorter, **arguments)
            return replace(mdp, horizon=shorter)
    return reject()


def _first(make: Callable[[np.random.Generator], Any], wanted: Callable[[Any], bool], seed: int) -> tuple[Any, int]:
    """The first wanted one of those made from [seed, 0], [seed, 1], ..., and its number."""
    for attempt in range(LAST_ATTEMPT):
        made = make(np.random.default_rng([seed, attempt]))
        if wanted(made):
            return made, attempt
    return reject()


def _note(function: str, seed: Any, *arguments: Any, **keywords: Any) -> None:
    shown = [f"np.random.default_rng({seed})", *map(str, arguments)]
    shown += [f"{name}={value!r}" for name, value in keywords.items()]
    note(f"{function}({', '.join(shown)})")


@st.composite
def rewards(draw: st.DrawFn, mdp: MDP, axes: str | None = None, *, largest: int = 9) -> np.ndarray:
    """Rewards log(i / j), 1 <= i, j <= largest, of shape `axes` 's', 'sa' or 'sas' (None: drawn)."""
    table = {"s": (0,), "sa": (0, 1), "sas": (0, 1, 0)}
    names = list(table) if axes is None else [axes]
    if axes is not None and axes not in table:
        raise InvalidArgument(f"axes is {axes!r}; expected 's', 'sa', 'sas' or None")
    sizes = (mdp.n_states, mdp.n_actions)
    shape = tuple(sizes[i] for i in table[draw(st.sampled_from(names))])
    seed = draw(seeds)
    _note("random_reward", seed, shape, largest=largest)
    return random_reward(np.random.default_rng(seed), shape, largest=largest)


@st.composite
def policies(draw: st.DrawFn, mdp: MDP, *, steps: bool | None = None, full_support: bool | None = True) -> np.ndarray:
    """Policies of rational probabilities: [s, a], or [t, s, a] with `steps` (None: drawn).

    full_support  True: positive at every available action; None or False: some may have none.
    """
    with_steps = draw(st.booleans()) if steps is None else steps
    positive = draw(st.booleans()) if full_support is None else full_support
    seed = draw(seeds)
    _note("random_policy", seed, "mdp", steps=with_steps, full_support=positive)
    return random_policy(np.random.default_rng(seed), mdp, steps=with_steps, full_support=positive)


@st.composite
def experts(draw: st.DrawFn, mdp: MDP, axes: str = "sa", *, kinds: Sequence[str] = EXPERTS) -> np.ndarray:
    """Tables of expected discounted counts over `axes`, of every kind of `random_models.random_expert`."""
    kind = draw(st.sampled_from(kinds))
    seed = draw(seeds)
    _note("random_expert", seed, "mdp", axes=axes, kind=kind)
    return random_expert(np.random.default_rng(seed), mdp, axes=axes, kind=kind)


@st.composite
def games(
    draw: st.DrawFn,
    *,
    full_support: bool | None = None,
    extreme: bool | None = False,
    min_outcomes: int = 1,
    max_outcomes: int = 6,
) -> Game:
    """Sample-space games: energy, sampler, data [n] and a log normalizer.

    full_support  True: sampler and data are positive everywhere; False: one of them leaves an outcome out.
    extreme       True: there are energies of +-700 nats and beyond.

    Errors: `InvalidArgument` where a single outcome would have to be left out.
    """
    fewest = max(min_outcomes, 2 if full_support is False else 1)
    if fewest > max_outcomes:
        raise InvalidArgument(f"no game of {min_outcomes} to {max_outcomes} outcomes leaves one out")
    n = draw(st.integers(fewest, max_outcomes))
    keywords = {
        "full_support": draw(st.booleans()) if full_support is None else full_support,
        "extreme": draw(st.booleans()) if extreme is None else extreme,
    }
    wanted = {"full_support": full_support, "extreme": extreme}
    seed = draw(seeds)

    def has_structure(game: Game) -> bool:
        has = {
            "full_support": not (scalars.zero_mask(game.sampler) | scalars.zero_mask(game.data)).any(),
            "extreme": bool((np.abs(scalars.convert(game.energy, "float")) >= 690).any()),
        }
        return all(value is None or has[name] == value for name, value in wanted.items())

    game, attempt = _first(lambda rng: random_game(rng, n, **keywords), has_structure, seed)
    _note("random_game", [seed, attempt], n, **keywords)
    return game
