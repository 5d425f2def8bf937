"""Changes of the reward that soft or hard control does not see, or sees as another unit.

    shaping          r' = r + gamma Phi(s') - Phi(s),  Phi = 0 in terminal states     Q' = Q - Phi,  V' = V - Phi
    constant shift   r' = r + c,  every episode of T steps            V'_t = V_t + c (1 + ... + gamma^(T-t-1)), so Q'_t
    scaling          r' = k r, alpha' = k alpha                       Q' = k Q,  V' = k V,  gradient' = gradient / k

Policies, advantages, counts, and gradients of a likelihood in the reward are the same before and after (but for the
factor of a scaled one). Theorems about optimal control, soft or not, at every temperature; the trajectory law of
maximum entropy keeps its odds under the last two only, and under shaping of r(s, a, s') where episodes start in one
state.

Assume: shaping, that every trajectory of the model has ended in a terminal state when the horizon comes; otherwise
Phi(s_T) is paid there, and the correction, a final value f - Phi, is no argument of the subject. Instances are made so:
moves go to states of higher number, and the last one is terminal. What is asked for is what is reached from any
state at any step with so many steps left. A constant shift, that no state is terminal: how long c is earned depends on
the policy otherwise, and the policy changes, rightly. Scaling, that the subject takes the temperature.
See: a policy, value or gradient of anything else than returns. Do not see mistakes that shaping, shifts or scales pass
through, as a discount that is left out everywhere, or another temperature.
Source: ng1999; gleave2022; skalse2023.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.testing.adapters.cases import Shape
from equivalence.testing.relations.relation import ONE, ZERO, Asked, Pair, Relation, added, constants
from equivalence.testing.targets import Instance
from mdps import MDP

SAME = ("policy", "advantage", "occupancy", "marginals", "state_marginals", "gradient")
FACTOR = 3  # of scaling: odd, so that roots are unique in a field
CONSTANT = fmpq(3, 2)
ENDLESS = np.iinfo(int).max  # decisions: more than any horizon has


def shaping(asked: Asked) -> Iterator[Pair]:
    """The answer to the shaped reward, and what follows from the answer to the reward."""
    mdp, reward = asked.values["mdp"], asked.values["reward"]
    phi = np.where(mdp.terminal, ZERO, asked.free(_potential(mdp.n_states)))
    if reward.ndim == 3:
        more = mdp.discount * phi - phi[:, None, None]
        change = np.broadcast_to(more, reward.shape)
    else:
        change = mdp.discount * (mdp.transition * phi).sum(axis=-1) - phi[:, None]
    before, after = asked(), asked(reward=reward + change)
    if asked.returns in ("v", "q"):
        before = added(before, -(phi[:, None] if asked.returns == "q" else phi))
    settled = _settled(mdp, asked.axes, len(before) if asked.axes[:1] == "t" else 0)
    yield Pair("with the shaped reward, and without", asked.axes, after, np.where(settled, before, after))


def _settled(mdp: MDP, axes: str, rows: int) -> np.ndarray:
    """Where every trajectory ends in the steps that are left, [t, s] with an axis for actions if there is one."""
    if rows:
        left = int(mdp.horizon or 0) - np.arange(rows)
        table = lengths(mdp) <= left[:, None]
        return table[..., None] if axes == "tsa" else table
    return np.array(ends_in_time(mdp))


def lengths(mdp: MDP) -> np.ndarray:
    """The most decisions in a trajectory from each state, [s]; `ENDLESS` where there is no end to them."""
    most = np.zeros(mdp.n_states, dtype=int)
    for _ in range(mdp.n_states + 1):
        most = np.where(mdp.terminal, 0, 1 + (support(mdp) * most).max(axis=(1, 2)))
    return np.where(most > mdp.n_states, ENDLESS, most)


def support(mdp: MDP) -> np.ndarray:
    """Which moves are possible, [s, a, s']."""
    return np.asarray(mdp.transition != 0, dtype=bool)


def ends_in_time(mdp: MDP) -> bool:
    """Whether every trajectory from a start has ended when the horizon comes."""
    starts = np.array([p != 0 for p in mdp.initial])
    return bool((lengths(mdp)[starts] <= int(mdp.horizon or 0)).all())


def forwards(instance: Instance) -> Instance:
    """The instance with moves to states of higher number alone, the last of which is terminal.

    Other moves go to the next one and to the last one, by turns of the action: walks of different lengths.
    """
    mdp = instance["mdp"]
    n = mdp.n_states
    ahead = np.triu(np.ones((n, n), dtype=bool), 1)[:, None]
    moved = np.where(ahead, mdp.transition, ZERO)
    other = np.where(ahead, ZERO, mdp.transition).sum(axis=-1)
    for s, a in np.ndindex(n - 1, mdp.n_actions):
        moved[s, a, s + 1 if (s + a) % 2 else -1] += other[s, a]
    fitted = MDP(moved, mdp.initial, horizon=mdp.horizon, discount=mdp.discount)
    longest = int(lengths(fitted).max())
    if longest > int(mdp.horizon or 0) and "policy" not in instance:
        fitted = fitted.with_horizon(longest)
    if "policy" not in instance and "expert" not in instance:
        return {**instance, "mdp": fitted}
    fitting: dict[str, Any] = {}
    if "policy" in instance:
        fitting["policy"] = np.where(fitted.terminal[:, None], ZERO, instance["policy"])
    if "expert" in instance:
        goes_on = fitted.available[..., None] & support(fitted) if instance["expert"].ndim == 3 else None
        allowed = {1: ~fitted.terminal, 2: fitted.available, 3: goes_on}[instance["expert"].ndim]
        fitting["expert"] = np.where(allowed, instance["expert"], ZERO)
    return {**instance, **fitting, "mdp": fitted}


def _potential(n_states: int) -> np.ndarray:
    """3/2, -1, 5/2, -2, ...: a number for each state."""
    return np.array([fmpq((-1) ** s * (s + 2 + (s + 1) % 2), 2) for s in range(n_states)], dtype=object)


def constant_shift(asked: Asked) -> Iterator[Pair]:
    """The answer to r + c, and what follows from the answer to r."""
    mdp = asked.values["mdp"]
    c = asked.free(constants(CONSTANT, ()))[()]
    before, after = asked(), asked(reward=asked.values["reward"] + c)
    if asked.returns in ("v", "q", "number"):
        horizon = int(mdp.horizon or 0)
        earned = [ZERO]
        for _ in range(horizon):
            earned.insert(0, 1 + mdp.discount * earned[0])
        rows = np.array(earned if asked.returns == "v" else earned[:-1], dtype=object)
        wide = {"v": rows[:, None], "q": rows[:, None, None], "number": rows[0] / asked.values.get("temperature", 1)}
        before = added(before, wide[asked.returns] * c)
    yield Pair("with a constant added to the reward, and without", asked.axes, after, before)


def scaling(asked: Asked) -> Iterator[Pair]:
    """The answer to k r at the temperature k alpha, and what follows from the answer to r at alpha."""
    alpha, reward = asked.values["temperature"], asked.values["reward"]
    before, after = asked(), asked(reward=FACTOR * reward, temperature=FACTOR * alpha)
    factor = {"v": fmpq(FACTOR), "q": fmpq(FACTOR), "advantage": fmpq(FACTOR), "gradient": fmpq(1, FACTOR)}
    k = factor.get(asked.returns, ONE)
    finite = [x if isinstance(x, float) else k * x for x in before.flat]
    expected = np.array([*finite, None], dtype=object)[:-1].reshape(before.shape)
    yield Pair(f"with {FACTOR} r and {FACTOR} alpha, and with r and alpha", asked.axes, after, expected)


SHAPING = Relation(
    "shaping",
    "r + gamma Phi(s') - Phi(s) has the same policies as r, Q - Phi and V - Phi; Phi = 0 in terminal states",
    "every trajectory ends before the horizon does; otherwise Phi(s_T) is owed",
    (*SAME, "q", "v"),
    ("mdp", "reward"),
    shaping,
    {"max_states": 6, "terminal": True},
    meets=lambda instance: instance["mdp"].n_states > 1 and ends_in_time(instance["mdp"]),
    fitted=forwards,
    shapes=(Shape(3, 2, 1, terminal=True, discounted=True, denominator=3),),
)
CONSTANT_SHIFT = Relation(
    "constant_shift",
    "r + c has the same policies as r, and values that are higher by c (1 + ... + gamma^(T-t-1))",
    "no terminal states: every episode has T steps",
    (*SAME, "q", "v", "law", "number"),
    ("mdp", "reward"),
    constant_shift,
    {"terminal": False},
    meets=lambda instance: not instance["mdp"].terminal.any(),
)
SCALING = Relation(
    "scaling",
    f"{FACTOR} r at the temperature {FACTOR} alpha has the same policies as r at alpha, and values in another unit",
    "the subject takes the temperature, and every reward and value is in one unit",
    (*SAME, "q", "v", "law", "number"),
    ("mdp", "reward", "temperature"),
    scaling,
)
