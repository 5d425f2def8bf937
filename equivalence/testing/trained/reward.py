"""How far a learned reward is from the true one, up to what no policy can tell apart.

    equivalent        the canonical forms are equal: the same soft-optimal policies at every temperature, and the same
                      differences of returns between any two policies
    scale             the rational factor > 0 by which the canonical form is that of the true reward: the same optimal
                      policies, and soft-optimal ones at a temperature that is multiplied by it, too
    STARC, EPIC       distances between 0 and 1, see `equivalence.objectives.reward_distances`
    optimal actions   {a: Q*_t(s, a) = V*_t(s)} at each (t, s) that some policy reaches, under both rewards
    regret            of policies that are optimal for the learned reward, under the true one: the largest and the
                      smallest over all ways to break ties
    soft regret       the same of the one policy that is soft-optimal for the learned reward
    undetermined      the dimension of changes of the reward that keep its soft-optimal policies where they go

With a horizon canonical forms have an axis t, and potentials may depend on time and are 0 at the end. The final value
of the model belongs to both problems. Both rewards are read exactly, so that shaping that was computed in floats is the
true reward `but_for_rounding` alone. Where fractions would grow too long figures are in balls; `equivalent` is still
decided, and `scale` where it is a simple number (see `up_to_shaping`). What is then undecided is None, and ties of
optimal actions that balls leave open make the largest regret an upper bound.
Source: skalse2024; gleave2021; skalse2023; derived.
"""

import time
from collections.abc import Callable
from typing import Any

from equivalence.testing.trained.numbers import exact_numbers
from equivalence.testing.trained.policies import given_policy
from equivalence.testing.trained.problem import problem
from equivalence.testing.trained.returns import is_long
from equivalence.testing.trained.reward_acting import acting, soft_regret
from equivalence.testing.trained.reward_distance import distances
from equivalence.testing.trained.reward_question import RewardQuestion
from equivalence.testing.trained.reward_verdict import RewardVerdict
from equivalence.testing.trained.rewards import given_reward
from mdps import MDP, InvalidArgument, identifiability
from mdps.arguments import checked_temperature, reward_axes
from mdps.scalars.balls import precision

BITS = 512
LARGEST_ELIMINATION = 120  # T S A up to which the undetermined dimension is computed


def judge_reward(
    reward: Any,
    env_or_mdp: Any,
    *,
    true_reward: Any = None,
    axes: str | None = None,
    observation: Callable[[int], Any] | None = None,
    policy: Any = None,
    temperature: Any = None,
    level: str | None = None,
    name: str = "reward",
) -> RewardVerdict:
    """The distance of a learned reward from the true one, and what acting on it costs.

    reward       [s], [s, a] or [s, a, s']; a function of (s), (s, a) or (s, a, s') that gives one number; or a dict
    env_or_mdp   an environment of `to_gymnasium`, or a model
    true_reward  as `reward`; that of the environment if None
    axes         what a function is a function of, 's', 'sa' or 'sas'; by its signature if None
    observation  what a function is given for a state; the number of the state if None
    policy       of the value-adjusted form, [s, a] or [t, s, a]; all available actions alike if None
    temperature  alpha, for the soft regret
    level        'exact' or 'ball'; by default exact where that is quick

    Cost: as `judge_policy`.

    Errors: `InvalidArgument` for shapes, and numbers that are none.

    >>> from mdps import gallery
    >>> mdp, _ = gallery.fork()
    >>> verdict = judge_reward([7, 0, 2], mdp, true_reward=[0, 1, 2])
    >>> verdict.scale.exact, verdict.starc.exact, verdict.regret.exact
    (Fraction(2, 1), Fraction(0, 1), Fraction(0, 1))
    """
    started = time.perf_counter()
    true = problem(env_or_mdp, true_reward, name="true_reward")
    mdp = true.mdp
    if true.reward is None:
        raise InvalidArgument("the model holds no reward; expected true_reward=..., or an environment, which has one")
    if level not in (None, "exact", "ball"):
        raise InvalidArgument(f"level is {level!r}; expected 'exact', 'ball' or None")
    learned, trouble = given_reward(mdp, reward, axes=axes, observation=observation, name=name)
    alpha = None if temperature is None else checked_temperature(exact_numbers(temperature, "temperature")[()], "exact")
    chosen = level or ("ball" if is_long(mdp) else "exact")
    asked = RewardQuestion(true, learned, chosen, None, [*true.notes])
    if policy is not None:
        reference = given_policy(mdp, policy)
        asked = asked._replace(policy=reference.exact, notes=[*true.notes, *reference.notes])
    own_axes = reward_axes(mdp, learned)
    entries = int({"s": ~mdp.terminal, "sa": mdp.available, "sas": mdp.support}[own_axes].sum())
    with precision(BITS):
        forms = distances(asked, trouble)
        costs = acting(asked, forms["equivalent"] or forms["scale"] is not None)
    soft = None if alpha is None else soft_regret(asked, alpha, forms["equivalent"])
    return RewardVerdict(
        name=name,
        level=chosen,
        axes=own_axes,
        **forms,
        **costs,
        soft_regret=soft,
        temperature=alpha,
        undetermined=_undetermined(mdp, own_axes),
        entries=entries,
        notes=tuple(asked.notes),
        seconds=time.perf_counter() - started,
    )


def _undetermined(mdp: MDP, axes: str) -> int | None:
    if (mdp.horizon or 1) * int(mdp.available.sum()) > LARGEST_ELIMINATION:
        return None
    return len(identifiability.invariance(mdp, axes=axes, reached=True))
