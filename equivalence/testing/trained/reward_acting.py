"""What acting on a learned reward costs, under the true one."""

from typing import Any

import numpy as np
from flint import arb, fmpq

from equivalence.objectives import reward_distances
from equivalence.testing.trained.figures import Figure, figure
from equivalence.testing.trained.problem import Problem, with_actions
from equivalence.testing.trained.returns import (
    NARROW,
    PRECISIONS,
    discounted_visits,
    optimal_values,
    summed,
    worst_return,
)
from equivalence.testing.trained.reward_question import RewardQuestion
from equivalence.testing.trained.reward_verdict import Choice
from mdps import MDP, InvalidModel, OutOfReach, scalars, soft_solution
from mdps.arguments import expected_reward
from mdps.scalars import LogRational
from mdps.scalars.balls import precision


def acting(asked: RewardQuestion, alike: bool) -> dict[str, Any]:
    """Optimal actions that differ, and the regret over all ways to break ties.

    alike  whether the rewards are known to have the same optimal policies, which balls do not see
    """
    if alike and asked.level == "ball" and asked.true.mdp.horizon is not None:
        return _alike(asked)
    mdp, learned, true = asked.at_level()
    problems = (asked.true._replace(reward=asked.learned), asked.true)
    try:
        values = [optimal_values(given, mdp, r) for given, r in zip(problems, (learned, true), strict=True)]
    except InvalidModel as error:
        asked.notes.append(f"no optimal actions: {error}")
        empty = dict.fromkeys(("same_optimal_actions", "regret", "least_regret", "share"))
        return empty | {"differing": ()}
    reached = reward_distances.counted(asked.true.mdp, reached=True)
    (ours, sure), (theirs, true_sure) = (_best(mdp, q, v, reached) for q, v in values)
    differing = []
    for at in np.argwhere((ours != theirs).any(axis=-1)).tolist():
        t, s = (None, at[0]) if mdp.horizon is None else at
        differing.append(Choice(t, s, _listed(theirs[tuple(at)]), _listed(ours[tuple(at)])))
    decided = bool((sure & true_sure).all())
    same: bool | None = not differing
    if not decided:
        certainly_apart = ((ours != theirs).any(axis=-1) & sure & true_sure).any() or (
            ~(ours & theirs).any(axis=-1) & reached.any(axis=-1)
        ).any()
        same = False if certainly_apart else None
    best = _start(mdp, values[1][1])
    least, most = (_return_within(asked, mdp, true, ours, sign) for sign in (1, -1))
    worst = worst_return(asked.true, mdp, true)
    regret = None if most is None else best - most
    share = None
    if regret is not None and worst is not None and best > worst:
        quotient = [scalars.convert([x], "ball")[0] for x in (regret, best - worst)]
        exact = not any(isinstance(x, (LogRational, arb)) for x in (regret, best, worst))
        share = figure(regret / (best - worst) if exact else quotient[0] / quotient[1])
    return {
        "same_optimal_actions": same,
        "differing": tuple(differing),
        "regret": None if regret is None else figure(regret),
        "least_regret": None if least is None else figure(best - least),
        "share": share,
    }


def _alike(asked: RewardQuestion) -> dict[str, Any]:
    mdp, _, true = asked.at_level()
    zero = figure(fmpq(0))
    ends = (_start(mdp, optimal_values(asked.true, mdp, true)[1]), worst_return(asked.true, mdp, true))
    share = zero if ends[1] is not None and ends[0] > ends[1] else None
    return {"same_optimal_actions": True, "differing": (), "regret": zero, "least_regret": zero, "share": share}


def _start(mdp: MDP, v: np.ndarray) -> Any:
    return summed(mdp.initial * (v if mdp.horizon is None else v[0]), ~scalars.zero_mask(mdp.initial))


def _listed(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())


def _best(mdp: MDP, q: np.ndarray, v: np.ndarray, reached: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Actions that are not certainly worse than the best, and where there is no doubt about them, [(t,) s]."""
    now = (v if mdp.horizon is None else v[:-1])[..., None]
    best = reached & ~np.asarray(q < now, dtype=bool)
    equal = np.asarray(q == now, dtype=bool)
    return best, (best.sum(axis=-1) <= 1) | (equal | ~best).all(axis=-1)


def _return_within(asked: RewardQuestion, mdp: MDP, true: np.ndarray, allowed: np.ndarray, sign: int) -> Any:
    """The largest return under the true reward of policies that take these actions, or with sign -1 the smallest.

    None where they can stay for ever, undiscounted, and there is none.
    """
    if mdp.horizon is None:
        exact = asked.true.mdp
        unreached = ~allowed.any(axis=-1) & ~exact.terminal
        model = with_actions(exact, np.where(unreached[:, None], exact.available, allowed))
        model = model.with_final_value(sign * exact.final_value)
        given = Problem(model, sign * asked.true.reward if asked.true.reward is not None else None, ())
        try:
            _, v = optimal_values(given, model.to(asked.level), given.reward)
        except (InvalidModel, OutOfReach) as error:
            asked.notes.append(f"no {'least' if sign > 0 else 'largest'} regret over ties: {error}")
            return None
        return sign * _start(mdp, scalars.convert(v, asked.level))
    r = sign * expected_reward(mdp, true)
    v = sign * mdp.final_value
    for now in allowed[::-1]:
        q = r + mdp.discount * mdp.expectation(v)
        v = scalars.largest(q, where=now, otherwise=sign * mdp.final_value)
    return sign * _start_of(mdp, v)


def _start_of(mdp: MDP, v: np.ndarray) -> Any:
    return summed(mdp.initial * v, ~scalars.zero_mask(mdp.initial))


def soft_regret(asked: RewardQuestion, alpha: Any, equivalent: bool | None) -> Figure:
    """alpha sum_t gamma^t E[KL(pi_learned || pi_true)] of soft-optimal policies, in balls."""
    if equivalent:
        return figure(fmpq(0))
    met = reward_distances.counted(asked.true.mdp, reached=True)
    for bits in PRECISIONS:
        with precision(bits):
            mdp = asked.true.mdp.to("ball")
            temperature = scalars.convert([alpha], "ball")[0]
            rewards = (scalars.convert(r, "ball") for r in (asked.learned, asked.true.reward))
            try:
                learned, true = (soft_solution(mdp, r, temperature=temperature) for r in rewards)
                visited = discounted_visits(mdp, learned.policy)
            except OutOfReach:
                if bits == PRECISIONS[-1]:
                    raise
                continue
            gaps = [x.q[met] - np.broadcast_to(_now(mdp, x.v)[..., None], met.shape)[met] for x in (learned, true)]
            lost = sum((w * (x - y) for w, x, y in zip(visited[met], *gaps, strict=True)), arb(0))
            found = figure(lost)
            if found.radius <= NARROW:
                return found
    raise OutOfReach(f"the soft regret is not known within {NARROW} at {PRECISIONS[-1]} bits")


def _now(mdp: MDP, v: np.ndarray) -> np.ndarray:
    return v if mdp.horizon is None else v[:-1]
