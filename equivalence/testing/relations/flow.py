"""Conservation of occupancy: what flows into a state leaves it.

With mu_t(s, a) the probability of deciding a in s at t, for states s' that are not terminal,

    sum_a mu_0(s', a) = rho(s'),      sum_a mu_t+1(s', a) = sum_s,a mu_t(s, a) P(s' | s, a).

Rows of state marginals mu_t(s) sum to 1 (what has ended stays), and mu_t+1 is mu_t moved by P and the policy. The
visits x_T(s, a) = sum_t<T gamma^t mu_t(s, a) of a given policy satisfy

    sum_a x_T+1(s', a) = rho(s') + gamma sum_s,a x_T(s, a) P(s' | s, a),

in which the subject is asked at two horizons: at one alone the flow leaves what arrives at the end, gamma^T mu_T(s').
Where the policy is the subject's own and depends on the horizon, that rest is not known. It is what is left of the
flow, and satisfies

    0 <= rho(s') + gamma sum x_T P - sum_a x_T(s', a),

and sums to at most gamma^T, to gamma^T where nothing ends.

Visits under the law over trajectories rho prod P e^R / Z violate it, rightly, where dynamics or starts are random: the
law tilts them, and its visits are those of no policy.

Assumes: visits are counted at decisions, with gamma^t, and not normalized; nothing is visited in terminal states.
Sees: any loss of mass. Does not see another policy, where it is the subject's own.
Source: puterman1994.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from equivalence.testing.relations.relation import ONE, ZERO, Asked, Pair, Relation, constants
from mdps import MDP


def _pushed(mdp: MDP, x: np.ndarray) -> np.ndarray:
    """sum_s,a x(s, a) P(s' | s, a), [s']."""
    return (x[:, :, None] * mdp.transition).sum(axis=(0, 1))


def conserved(asked: Asked) -> Iterator[Pair]:
    """The pairs of what leaves a state and what comes in."""
    yield from {
        "marginals": _marginals,
        "state_marginals": _state_marginals,
        "occupancy": _occupancy,
    }[asked.returns](asked)


def _marginals(asked: Asked) -> Iterator[Pair]:
    mdp, mu = asked.values["mdp"], asked()
    on = ~mdp.terminal
    arriving = [mdp.initial, *(_pushed(mdp, row) for row in mu[:-1])]
    leaving = mu.sum(axis=-1)
    yield Pair("decisions in a state, and what comes there", "ts", leaving[:, on], np.array(arriving)[:, on])
    yield from _nothing_in_ends(mdp, leaving, "ts")


def _state_marginals(asked: Asked) -> Iterator[Pair]:
    mdp, mu = asked.values["mdp"], asked()
    yield Pair("the sum of a row of state marginals", "t", mu.sum(axis=-1), constants(ONE, mu.shape[:1]))
    policy = asked.values.get("policy")
    if policy is None:
        return
    rows = [mdp.initial]
    for t in range(mdp.horizon or 0):
        pi = policy if policy.ndim == 2 else policy[t]
        rows.append(_pushed(mdp, mu[t][:, None] * pi) + np.where(mdp.terminal, mu[t], ZERO))
    yield Pair("being in a state, and coming there or having ended there", "ts", mu, np.array(rows))


def _occupancy(asked: Asked) -> Iterator[Pair]:
    mdp, visits = asked.values["mdp"], asked()
    on, by_state = ~mdp.terminal, asked.axes == "s"
    leaving = visits if by_state else visits.sum(axis=-1)
    yield from _nothing_in_ends(mdp, leaving, "s")
    if by_state:
        policy = asked.values.get("policy")
        one: dict[str, Any] = {} if policy is None or policy.ndim == 2 else {"policy": policy[:1]}
        begun = asked(mdp=mdp.with_horizon(1), **one)
        yield Pair("visits in one step, and starts", "s", begun[on], mdp.initial[on])
        if policy is None or policy.ndim != 2:  # which actions were taken is not known
            return
        visits = visits[:, None] * policy
    arriving = mdp.initial + mdp.discount * _pushed(mdp, visits)
    if "policy" in asked.values:
        longer: dict[str, Any] = {"mdp": mdp.with_horizon(mdp.horizon + 1)}
        policy = asked.values["policy"]
        if policy.ndim == 3:
            longer["policy"] = np.concatenate([policy, policy[-1:]])
        further = asked(**longer)
        further = further if by_state else further.sum(axis=-1)
        yield Pair("visits in T+1 steps, and starts and moves of T steps", "s", further[on], arriving[on])
        return
    rest = (arriving - leaving)[on]
    yield Pair("0 and what arrives at the end", "s", constants(ZERO, rest.shape), rest, at_most=True)
    end = mdp.discount**mdp.horizon
    if rest.size:
        total = np.array([rest.sum()], dtype=object)
        yield Pair("all that arrives at the end, and gamma^T", "", total, constants(end, (1,)), mdp.terminal.any())


def _nothing_in_ends(mdp: MDP, leaving: np.ndarray, axes: str) -> Iterator[Pair]:
    if mdp.terminal.any():
        ended = leaving[..., mdp.terminal]
        yield Pair("decisions in terminal states", axes, ended, constants(ZERO, ended.shape))


CONSERVATION = Relation(
    "conservation",
    "what leaves a state is what starts there and what comes there: sum_a x(s', a) = rho(s') + gamma sum x P, up to "
    "what arrives at the end",
    "visits at decisions, discounted, not normalized; none in terminal states",
    ("marginals", "state_marginals", "occupancy"),
    ("mdp", "policy|reward"),
    conserved,
    finite=True,
)
