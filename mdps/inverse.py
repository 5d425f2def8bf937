"""Rewards from policies: the soft backup, backwards.

A policy pi > 0 is soft-optimal with the soft values v for exactly one reward,

    r_t(s, a) = alpha log pi_t(a | s) - gamma sum_s' P(s' | s, a) v_{t+1}(s') + v_t(s),

where v is the final value f at the horizon and in terminal states and otherwise free: without end S dimensions of
potential shaping, all of which leave the policy as it is. Something more has to be known to choose among them. With an
anchor, an action a_0(s) whose reward k(s) is known,

    v = k + gamma P_{a_0} v - alpha log pi(a_0 | s)

has one solution, and so does the reward. r = alpha log pi, with v = 0, is the one in which the policy reads its own
advantage.
Source: cao2021; geng2020.
"""

from typing import Any

import numpy as np

from mdps import linear, scalars
from mdps.arguments import checked_policy, checked_temperature, numbers
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.identifiability import one_shape
from mdps.kernels import Sparse
from mdps.model import MDP


def reward_of_policy(mdp: MDP, policy: Any, v: Any, *, temperature: Any = 1) -> np.ndarray:
    """alpha log pi - gamma P v + v: the reward for which a policy is soft-optimal, with these soft values.

    Without end  policy [..., s, a] and v [..., s] give r [..., s, a]; v is f in terminal states.
    With T       policy [..., t, s, a] and v [..., t, s] of T+1 rows, the last f, give r_t [..., t, s, a].

    0 at unavailable actions. Every v makes one, and these are all.

    >>> from mdps import gallery, soft_solution
    >>> mdp, reward = gallery.fork()
    >>> solution = soft_solution(mdp, reward)
    >>> bool((reward_of_policy(mdp, solution.policy, solution.v)[0] == reward[:, None]).all())
    True
    """
    alpha = checked_temperature(temperature, mdp.level)
    pi = _checked_policy(mdp, policy)
    values = numbers("v", v, mdp.level)
    steps = () if mdp.horizon is None else (mdp.horizon + 1,)
    expected = (*mdp.batch_shape, *steps, mdp.n_states)
    if values.shape != expected:
        raise InvalidArgument(f"v has shape {values.shape}; expected {expected}")
    ended = ~mdp.terminal if mdp.horizon is None else ~mdp.terminal[..., None, :] & _before_the_end(mdp)
    final = mdp.final_value if mdp.horizon is None else mdp.final_value[..., None, :]
    wrong = ~ended & np.asarray(values != final, dtype=bool)  # balls: certainly so
    if wrong.any():
        at = np.argwhere(wrong)[0].tolist()
        raise InvalidArgument(f"v{at} is {values[tuple(at)]}; expected the final value at the end, {_at(final, at)}")
    if mdp.horizon is None:
        return _inverse_backup(mdp, alpha, pi, values, values)
    backups = [
        _inverse_backup(mdp, alpha, pi[..., t, :, :], values[..., t, :], values[..., t + 1, :])
        for t in range(mdp.horizon)
    ]
    return np.stack(backups, axis=-3)


def anchored_reward(mdp: MDP, policy: Any, anchor: Any, *, known: Any = 0, temperature: Any = 1) -> np.ndarray:
    """The one reward r(s, a) without end for which a policy is soft-optimal and the anchor action earns what is known.

    With r(s, a_0(s)) = k(s) the values solve v = k + gamma P_{a_0} v - alpha log pi(a_0 | s), which has one solution,
    and r = alpha log pi - gamma P v + v; [s, a], 0 at unavailable actions.

    anchor  a_0 [s], an available action of each state that goes on (any number for terminal ones); or one for all
    known   k [s], in the unit of reward; or one number for all

    Errors: `InvalidModel` with discount 1 where the anchor does not lead to the end; `OutOfReach` for a horizon, and
    for stacks. Cost: elimination on an [s, s] matrix.
    """
    (model,) = one_shape([mdp])
    if isinstance(model.kernel, Sparse):
        raise OutOfReach("elimination on a sparse model would be dense; build a small dense one")
    if model.horizon is not None:
        raise OutOfReach("an anchor of a finite horizon anchors each step: use reward_of_policy backwards from v_T = f")
    alpha = checked_temperature(temperature, mdp.level)
    pi = _checked_policy(mdp, policy)
    actions = _checked_anchor(mdp, anchor)
    earned = numbers("known", known, mdp.level)
    if earned.shape not in ((), (mdp.n_states,)):
        raise InvalidArgument(f"known has shape {earned.shape}; expected ({mdp.n_states},) or one number")
    states = np.arange(mdp.n_states)
    of_anchor = ~mdp.terminal
    log_pi = scalars.over(of_anchor, scalars.log, pi[states, actions], otherwise=scalars.constant(0, pi))
    v = np.where(of_anchor, earned - alpha * log_pi, mdp.final_value)
    rows = np.where(of_anchor[:, None], mdp.transition[states, actions], scalars.constant(0, mdp.transition))
    v = linear.eliminated(mdp.discount * rows, v)
    return _inverse_backup(mdp, alpha, pi, v, v)


def _inverse_backup(mdp: MDP, alpha: Any, policy: np.ndarray, v: np.ndarray, after: np.ndarray) -> np.ndarray:
    """alpha log pi - gamma P v_{t+1} + v_t over available actions, 0 elsewhere."""
    ahead = mdp.discount * mdp.expectation(after)
    return scalars.over(
        mdp.available,
        lambda p, q, x: alpha * scalars.log(p) - q + x,
        policy,
        ahead,
        np.broadcast_to(v[..., None], mdp.available.shape),
        otherwise=scalars.constant(0, v),
    )


def _before_the_end(mdp: MDP) -> np.ndarray:
    assert mdp.horizon is not None
    return (np.arange(mdp.horizon + 1) < mdp.horizon)[:, None]


def _at(final: np.ndarray, at: list[int]) -> Any:
    return final[tuple(0 if n == 1 else i for i, n in zip(at, final.shape, strict=True))]


def _checked_policy(mdp: MDP, policy: Any) -> np.ndarray:
    """[..., s, a] without end, [..., t, s, a] with a horizon; positive where an action is available."""
    pi = checked_policy(mdp, policy)
    available = mdp.available if mdp.horizon is None else np.broadcast_to(mdp.available[..., None, :, :], pi.shape)
    never = available & scalars.zero_mask(pi)
    if never.any():
        at = np.argwhere(never)[0].tolist()
        raise InvalidArgument(
            f"policy{at} is 0, but that action is available: no finite reward makes it soft-optimal. "
            "Expected a positive probability"
        )
    return pi


def _checked_anchor(mdp: MDP, anchor: Any) -> np.ndarray:
    given = np.asarray(anchor)
    if given.dtype.kind not in "iu" or given.shape not in ((), (mdp.n_states,)):
        raise InvalidArgument(f"anchor is {anchor!r}; expected an action for each of the {mdp.n_states} states, or one")
    actions = np.where(mdp.terminal, 0, np.broadcast_to(given, (mdp.n_states,)))
    inside = (actions >= 0) & (actions < mdp.n_actions)
    usable = inside & mdp.available[np.arange(mdp.n_states), np.where(inside, actions, 0)]
    if not (usable | mdp.terminal).all():
        s = int(np.argwhere(~(usable | mdp.terminal))[0, 0])
        raise InvalidArgument(f"the anchor of state {s} is action {actions[s]}; expected one that is available there")
    if mdp.level not in ("symbolic", "field") and mdp.discount == 1:
        moves = mdp.support[np.arange(mdp.n_states), actions]
        ends = mdp.terminal
        for _ in range(mdp.n_states):
            ends = ends | (moves & ends).any(axis=1)
        if not ends.all():
            s = int(np.flatnonzero(~ends)[0])
            raise InvalidModel(
                f"from state {s} the anchor never reaches the end, and the discount is 1: the reward is not determined"
            )
    return actions
