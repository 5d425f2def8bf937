"""Splitting the horizon: what T steps have to do with T1 steps and the T - T1 that are left.

Values, policies and everything else that looks forward are, from T1 on, those of a problem of T - T1 steps:

    V^T_t = V^(T-k)_(t-k),      for t >= k,     with the policy of the same steps where one is given.

Marginals look back. The first T1 steps do not depend on what comes after, and the others are those of a walk that
starts where the first ones end:

    mu^T_t = mu^T1_t  for t <= T1,      mu^T_t = mu^(T-T1)_(t-T1)[rho = mu^T_T1, policy of the steps from T1 on]

in which the second is asked of state marginals (a walk may start in a state where it has ended).
Assumes: dynamics and rewards are the same at every step, and nothing is paid at the horizon.
Sees: one policy for all steps, steps in reverse order, discounts that count from the wrong end. Does not see a
recursion whose every step is wrong in the same way.
"""

from collections.abc import Iterator
from typing import Any

from equivalence.testing.relations.relation import Asked, Pair, Relation

FORWARD = ("policy", "q", "v", "advantage")


def splitting(asked: Asked) -> Iterator[Pair]:
    """The answer at T, and what answers at shorter horizons say it is."""
    mdp = asked.values["mdp"]
    horizon = int(mdp.horizon or 0)
    if horizon == 1:
        return
    whole = asked()
    for first in sorted({1, horizon // 2}):
        left = mdp.with_horizon(horizon - first)
        rest: dict[str, Any] = {"mdp": left, **_steps(asked, slice(first, None))}
        if asked.returns in FORWARD:
            told = f"from step {first} on, and with T = {horizon - first}"
            yield Pair(told, asked.axes, whole[first:], asked(**rest))
            continue
        begun = asked(mdp=mdp.with_horizon(first), **_steps(asked, slice(0, first)))
        told = f"up to step {first}, and with T = {first}"
        yield Pair(told, asked.axes, whole[: len(begun)], begun)
        if asked.returns == "state_marginals":
            told = f"from step {first} on, and with T = {horizon - first} from where it is then"
            yield Pair(told, asked.axes, whole[first:], asked(**rest, initial=whole[first]))


def _steps(asked: Asked, steps: slice) -> dict[str, Any]:
    """The policy of some of the steps, where it depends on the step."""
    policy = asked.values.get("policy")
    return {"policy": policy[steps]} if policy is not None and policy.ndim == 3 else {}


HORIZON_SPLITTING = Relation(
    "horizon_splitting",
    "what looks forward is, from a step on, that of the shorter problem that is left; what looks back does not depend "
    "on what comes after",
    "dynamics and rewards are the same at every step",
    (*FORWARD, "marginals", "state_marginals"),
    ("mdp",),
    splitting,
    meets=lambda instance: instance["mdp"].horizon > 1,
)
