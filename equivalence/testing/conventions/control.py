"""Soft control, what a policy does, and the causal gradient, with their conventions as switches.

    Q_t = r + gamma_1 P V_{t+1},    V_t = alpha log sum_a exp(Q_t / alpha),    pi_t = exp((Q_t - V_t) / alpha)
    mu_0 = rho,   mu_{t+1} = mu_t pi_t P,   visits = sum_t<T gamma_2^t mu_t pi_t,   gradient = (expert - visits) / alpha

gamma_1 = gamma_2 = gamma. Each place where public code was seen to differ is one field of `Control`; what does not
reach a target (counts in a value, say) changes nothing there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from equivalence.testing.conventions.output import finished
from equivalence.testing.targets import Target
from mdps import MDP, OutOfReach, scalars
from mdps.arguments import checked_horizon
from mdps.scalars.elementary import anchor_of


@dataclass(frozen=True)
class Control:
    """The library's conventions; any other value is a mistake."""

    dynamics: str = "given"  # transposed, transposed backward, transposed forward
    initial: str = "given"  # uniform, first state
    reward: str = "given"  # of the next state, unweighted mean, largest, optimistic, opposite, delayed
    backup: str = "logsumexp"  # max, mean, logmeanexp, no entropy, optimistic
    update: str = "in turn"  # overwritten
    policy: str = "soft"  # greedy, ratio of q, uniform, ratio of positive q
    steps: str = "each its own"  # first, last, reversed
    actions: str = "available"  # all
    terminal: str = "ends"  # pays, pays once, goes on backward, goes on forward, goes on, decides
    final: str = "zero"  # reward
    sweeps: str = "T"  # T+1, T-1, twice T
    policy_discount: str = "given"  # none, squared
    count_discount: str = "given"  # none, one more, in reverse
    counted: str = "decisions"  # T+1 states, arrivals, terminal too
    ended: str = "stays"  # vanishes, leaves
    forward: str = "in turn"  # overwritten, index swapped
    temperature: str = "both"  # v alone, policy alone, nowhere, twice, reward divided, inverse
    gradient: str = "divided by temperature"  # not divided, multiplied
    expert: str = "given"  # frequencies, absent
    visits: str = "given"  # frequencies, mean over steps
    sign: str = "given"  # opposite
    factor: str = "one"  # times 2, over 2, over T, times T, over horizon, ...
    shift: str = "none"
    layout: str = "given"  # steps reversed, last two axes swapped, first axis last


class Setting(NamedTuple):
    """The arrays of a problem as the switches read them: P of the two passes, rho, masks, rewards [s, a], numbers."""

    backward: np.ndarray
    forward: np.ndarray
    initial: np.ndarray
    available: np.ndarray
    terminal: np.ndarray
    reward: np.ndarray
    discount: Any
    alpha_v: Any
    alpha_policy: Any
    horizon: int


def control(target: Target, c: Control) -> Any:
    """The formula of a target of this family under the switches, from its arguments by keyword."""

    def formula(**given: Any) -> Any:
        parts = finished(target, _parts(target, given, c), given, c)
        return parts if len(target.parts) > 1 else parts[0]

    return formula


def _parts(target: Target, given: dict[str, Any], c: Control) -> tuple[Any, ...]:
    name = target.name
    x = _setting(target, given, c)
    if name.startswith("soft_solution"):
        q, v, policy = _solution(x, c)
        if not q:
            raise OutOfReach("no step is left")
        q, v, policy = (np.array(rows) for rows in (q, v, policy))
        q = np.where(x.available if c.actions == "available" else True, q, scalars.log_zero(q))
        return {"soft_solution": (q, v, policy), "soft_solution.q": (q,), "soft_solution.v": (v,)}.get(name, (policy,))
    if name == "causal.dual":
        return (_dual(x, given, c),)
    if name == "causal.gradient":
        _, _, policies = _solution(x, c)
        return (_gradient(x, given, target.layout.reward, policies, c),)
    policies = list(given["policy"]) if target.layout.policy == "tsa" else [given["policy"]] * x.horizon
    if name == "policy_value":
        return (np.array(_values(x, policies, c)),)
    if name == "occupancy":
        return (_visits(x, policies[: x.horizon], target.layout.counts, given["mdp"], c),)
    rows, joints = _marginals(x, policies, c)
    return (np.array(rows if name == "state_marginals" else joints),)


def _setting(target: Target, given: Mapping[str, Any], c: Control) -> Setting:
    mdp: MDP = given["mdp"]
    horizon = checked_horizon(mdp)
    p = mdp.transition
    turned = p.transpose(2, 1, 0)
    backward = turned if c.dynamics in ("transposed", "transposed backward") else p
    one, zero = scalars.constant(1, p), scalars.constant(0, p)
    initial = mdp.initial
    if c.initial == "uniform":
        initial = np.full(initial.shape, one / mdp.n_states, dtype=initial.dtype)
    elif c.initial == "first state":
        initial = np.where(np.arange(mdp.n_states) == 0, one, zero)
    alpha = given.get("temperature", one)
    alpha = alpha[()] if isinstance(alpha, np.ndarray) else alpha
    alpha_v = alpha if c.temperature in ("both", "v alone") else one
    alpha_policy = alpha if c.temperature in ("both", "policy alone") else one
    if c.temperature == "twice":
        alpha_v = alpha_policy = alpha * alpha
    if c.temperature == "inverse":
        alpha_v = alpha_policy = 1 / alpha
    reward = np.zeros_like(mdp.available, dtype=int)
    if "reward" in given:
        reward = _reward(given["reward"], target.layout.reward, mdp, backward, c)
        if c.temperature == "reward divided":
            reward = reward / alpha
    discount = {"none": one, "squared": mdp.discount * mdp.discount}.get(c.policy_discount, mdp.discount)
    sweeps = {"T+1": horizon + 1, "T-1": horizon - 1, "twice T": 2 * horizon}.get(c.sweeps, horizon)
    return Setting(
        backward,
        turned if c.dynamics in ("transposed", "transposed forward") else p,
        initial,
        mdp.available if c.actions == "available" else np.ones_like(mdp.available),
        mdp.terminal,
        reward,
        discount,
        alpha_v,
        alpha_policy,
        sweeps,
    )


def _reward(reward: np.ndarray, axes: str, mdp: MDP, p: np.ndarray, c: Control) -> np.ndarray:
    """The reward [s, a] that backups see."""
    if c.reward == "opposite":
        reward = -reward
    if axes == "s":
        own = reward[:, None] + np.zeros(mdp.available.shape, dtype=int)
        return (p * reward).sum(axis=-1) if c.reward == "of the next state" else own
    if axes == "sa":
        return reward
    support = mdp.support
    zero = scalars.constant(0, reward)
    if c.reward == "largest":
        return scalars.largest(reward, where=support, otherwise=zero)
    if c.reward == "optimistic":
        log_p = scalars.over(support, scalars.log, p, otherwise=zero)
        return scalars.logsumexp(log_p + reward, where=support, otherwise=zero)
    if c.reward == "unweighted mean":
        number = np.maximum(support.sum(axis=-1), 1)
        return np.where(support, reward, zero).sum(axis=-1) / number
    return (p * reward).sum(axis=-1)


def _final(x: Setting, c: Control) -> np.ndarray:
    zero = scalars.constant(0, x.initial)
    if c.final == "reward":
        return np.where(x.terminal, zero, scalars.largest(x.reward, where=x.available, otherwise=zero))
    return np.full(x.initial.shape, zero, dtype=x.initial.dtype)


def _at_terminal(x: Setting, v: np.ndarray, c: Control) -> np.ndarray:
    """What backups say where nothing can be decided, [s]; v is the value of the next step."""
    zero = scalars.constant(0, x.initial)
    if c.terminal == "ends":
        return np.full(x.initial.shape, zero, dtype=x.initial.dtype)
    if c.terminal == "pays once":
        return scalars.largest(x.reward)
    if c.terminal in ("goes on", "goes on backward"):
        return x.alpha_v * scalars.logsumexp((x.reward + x.discount * v[:, None]) / x.alpha_v)
    if c.terminal == "pays":
        return scalars.largest(x.reward) + x.discount * v
    return np.full(x.initial.shape, zero, dtype=x.initial.dtype)


def _action_values(x: Setting, v: np.ndarray, c: Control) -> np.ndarray:
    if c.reward == "delayed":
        return x.discount * (x.reward + (x.backward * v).sum(axis=-1))
    if c.backup != "optimistic":
        return x.reward + x.discount * (x.backward * v).sum(axis=-1)
    support = ~scalars.zero_mask(x.backward)
    log_p = scalars.over(support, scalars.log, x.backward, otherwise=scalars.constant(0, x.backward))
    zero = scalars.constant(0, x.initial)
    return x.reward + x.alpha_v * scalars.logsumexp(log_p + x.discount * v / x.alpha_v, where=support, otherwise=zero)


def _backup(x: Setting, q: np.ndarray, policy: np.ndarray, c: Control) -> np.ndarray:
    zero = scalars.constant(0, x.initial)
    number = np.maximum(x.available.sum(axis=-1), 1)
    if c.backup == "max":
        return scalars.largest(q, where=x.available, otherwise=zero)
    if c.backup == "over all":
        return (
            x.alpha_v * scalars.logsumexp(q / x.alpha_v, axis=(-2, -1), where=x.available, otherwise=zero) + 0 * q[:, 0]
        )
    if c.backup == "mean":
        return np.where(x.available, q, zero).sum(axis=-1) / number
    if c.backup == "no entropy":
        return np.where(x.available, policy * q, zero).sum(axis=-1)
    v = x.alpha_v * scalars.logsumexp(q / x.alpha_v, where=x.available, otherwise=zero)
    if c.backup == "logmeanexp":
        v = v - x.alpha_v * scalars.log(number * scalars.constant(1, x.initial))
    return v


def _solution(x: Setting, c: Control) -> tuple[list[Any], list[Any], list[Any]]:
    """Lists of q and policy of T rows, v of T+1."""
    v = _final(x, c)
    qs, vs, policies = [], [v], []
    for _ in range(x.horizon):
        q = _action_values(x, v, c)
        policy = _policy(x, q, c)
        after = np.where(x.terminal, _at_terminal(x, v, c), _backup(x, q, policy, c))
        if c.update == "overwritten":  # later states already see the new values of earlier ones
            for s in range(1, len(v)):
                part = np.where(np.arange(len(v)) < s, after, v)
                q = np.where(np.arange(len(v))[:, None] == s, _action_values(x, part, c), q)
                policy = _policy(x, q, c)
                after = np.where(x.terminal, _at_terminal(x, part, c), _backup(x, q, policy, c))
        v = after
        qs.insert(0, q)
        vs.insert(0, v)
        policies.insert(0, policy)
    return qs, vs, policies


def _policy(x: Setting, q: np.ndarray, c: Control) -> np.ndarray:
    zero, one = scalars.constant(0, x.initial), scalars.constant(1, x.initial)
    here = x.available & ~x.terminal[:, None]
    if c.terminal == "decides":
        chosen = _policy(x, q, replace(c, terminal="ends"))
        return np.where(x.terminal[:, None], one / q.shape[-1], chosen)
    if c.policy == "uniform":
        return np.where(here, one, zero) / np.maximum(here.sum(axis=-1), 1)[:, None]
    if c.policy == "greedy":
        return np.where(_greedy(q, here), one, zero)
    if c.policy == "ratio of q":
        values = np.where(here, q, zero)
        total = values.sum(axis=-1)
        if (scalars.zero_mask(total) & here.any(axis=-1)).any():
            raise OutOfReach("the action values of a state sum to 0")
        return values / np.where(here.any(axis=-1), total, one)[:, None]
    if c.policy == "over states":
        return scalars.log_normalized((q / x.alpha_policy).T, where=here.T, otherwise=zero)[1].T
    return scalars.log_normalized(q / x.alpha_policy, where=here, otherwise=zero)[1]


def _greedy(q: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Where the largest q is; ties are nobody's convention.

    Errors: `OutOfReach` for a tie, which rounding decides.
    """
    chosen = np.zeros(q.shape, dtype=bool)
    for s in np.flatnonzero(here.any(axis=-1)):
        actions = np.flatnonzero(here[s])
        values = [q[s, a] if q.dtype == float or hasattr(q[s, a], "mid") else anchor_of(q[s, a]) for a in actions]
        best = [i for i, own in enumerate(values) if all(own > y for j, y in enumerate(values) if j != i)]
        if len(best) != 1:
            raise OutOfReach("two actions are equally good")
        chosen[s, actions[best[0]]] = True
    return chosen


def _taken(policies: list[Any], c: Control) -> list[Any]:
    """The policies in the order in which they are taken."""
    if c.steps == "reversed":
        return policies[::-1]
    if c.steps == "first":
        return policies[:1] * len(policies)
    return policies[-1:] * len(policies) if c.steps == "last" else policies


def _moved(x: Setting, mu: np.ndarray, joint: np.ndarray, pi: np.ndarray, c: Control) -> np.ndarray:
    zero = scalars.constant(0, x.initial)
    if c.forward == "overwritten":  # what arrives in this sweep moves on in the same one
        for s in range(len(mu)):
            leaving = mu[s]
            mu = np.where(np.arange(len(mu)) == s, zero, mu) + leaving * (pi[s][:, None] * x.forward[s]).sum(axis=0)
        return mu
    if c.forward == "index swapped":
        return ((pi[:, :, None] * x.forward).sum(axis=1) * mu).sum(axis=-1)
    return (joint[:, :, None] * x.forward).sum(axis=(0, 1))


def _marginals(x: Setting, policies: list[Any], c: Control) -> tuple[list[Any], list[Any]]:
    """Rows mu_t(s), T+1, and mu_t(s, a), T."""
    zero = scalars.constant(0, x.initial)
    mu, rows, joints = x.initial, [x.initial], []
    for pi in _taken(policies, c):
        joints.append(mu[:, None] * pi)
        arrived = _moved(x, mu, joints[-1], pi, c)
        mu = arrived + np.where(x.terminal, mu, zero) if c.ended == "stays" else arrived
        rows.append(mu)
    return rows, joints


def _visits(x: Setting, policies: list[Any], axes: str, mdp: MDP, c: Control) -> np.ndarray:
    """Counts over `axes`, as the switches count."""
    discount = scalars.constant(1, x.initial) if c.count_discount == "none" else mdp.discount
    steps = _taken(policies, c)
    if c.terminal in ("goes on", "goes on forward") and steps:  # terminal states stay, by any of their actions
        zero, share = scalars.constant(0, x.initial), scalars.constant(1, x.initial) / mdp.n_actions
        steps = [np.where(x.terminal[:, None], share, pi) for pi in steps]
        stay = np.where(x.terminal[:, None, None], np.eye(len(x.initial), dtype=int)[:, None, :], 0)
        x = x._replace(forward=x.forward + stay * (zero + 1))
    rows, joints = _marginals(x, steps, _vanishing(c))
    powers = [discount ** (t + (c.count_discount == "one more")) for t in range(len(steps) + 1)]
    if c.count_discount == "in reverse":  # a running sum G = gamma G + x that goes forwards
        powers = powers[: len(steps)][::-1] + powers[:1]
    zeros = x.initial[:, None] * np.zeros(mdp.n_actions, dtype=int)
    visits = sum((w * joint for w, joint in zip(powers, joints, strict=False)), zeros)
    if c.counted == "decisions" or not steps:
        counts = visits
    elif axes == "s":
        first, last = (1, len(rows)) if c.counted == "arrivals" else (0, len(rows) - (c.counted == "terminal too"))
        shift = first  # the first arrival weighs 1
        return sum((powers[t - shift] * rows[t] for t in range(first, last)), 0 * x.initial)
    elif c.counted == "T+1 states":
        counts = visits + powers[-1] * rows[-1][:, None] * steps[-1]
    else:
        counts = visits
    if axes == "s":
        return counts.sum(axis=-1)
    return counts if axes == "sa" else counts[:, :, None] * x.forward


def _vanishing(c: Control) -> Control:
    """Counts never let what has ended stay, unless terminal states go on."""
    return Control(steps="each its own", forward=c.forward, ended="vanishes")


def _gradient(x: Setting, given: Mapping[str, Any], axes: str, policies: list[Any], c: Control) -> np.ndarray:
    mdp, expert = given["mdp"], given["expert"]
    if c.gradient == "to the expert":
        return given["reward"]
    visits = _visits(x, policies[:1] if c.visits == "first" else policies, axes, mdp, c)
    if c.visits == "frequencies":
        visits = _frequencies(visits)
    elif c.visits == "mean over steps":
        visits = visits / mdp.horizon
    if c.expert == "frequencies":
        expert = _frequencies(expert)
    difference = -visits if c.expert == "absent" else expert - visits
    alpha = given.get("temperature", scalars.constant(1, x.initial))
    return {"not divided": difference, "multiplied": difference * alpha}.get(c.gradient, difference / alpha)


def _frequencies(counts: np.ndarray) -> np.ndarray:
    total = counts.sum()
    if scalars.zero_mask(np.asarray(total)).any():
        raise OutOfReach("there are no visits")
    return counts / total


def _dual(x: Setting, given: Mapping[str, Any], c: Control) -> Any:
    _, v, _ = _solution(x, c)
    alpha = given.get("temperature", scalars.constant(1, x.initial))
    expert = _frequencies(given["expert"]) if c.expert == "frequencies" else given["expert"]
    earned = 0 * alpha if c.expert == "absent" else (expert * given["reward"]).sum()
    reached = (x.initial * v[0]).sum()
    difference = earned - reached
    return {"not divided": difference, "multiplied": difference * alpha}.get(c.gradient, difference / alpha)


def _values(x: Setting, policies: list[Any], c: Control) -> list[Any]:
    """Expected returns of a given policy, T+1 rows."""
    v, zero = _final(x, c), scalars.constant(0, x.initial)
    values = [v]
    for pi in _taken(policies, c)[::-1]:
        q = _action_values(x, v, c)
        if c.backup == "with entropy":
            taken = ~scalars.zero_mask(pi)
            q = q - x.alpha_v * scalars.over(taken, scalars.log, pi, otherwise=zero)
        after = np.where(x.terminal, _at_terminal(x, v, c), (pi * q).sum(axis=-1))
        if c.update == "overwritten":
            for s in range(1, len(v)):
                part = np.where(np.arange(len(v)) < s, after, v)
                own = (pi * _action_values(x, part, c)).sum(axis=-1)
                after = np.where((np.arange(len(v)) == s) & ~x.terminal, own, after)
        v = after
        values.insert(0, v)
    return values
