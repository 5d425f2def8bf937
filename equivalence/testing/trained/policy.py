"""What a policy is worth on an exact problem, and how far it is from an expert.

    return       J(pi) = sum_t gamma^t <mu_t, r> + the discounted final value
    regret       J* - J(pi) = sum_t gamma^t sum_s,a mu_t(s, a) (V*_t(s) - Q*_t(s, a))        mu_t: marginals of pi
    share        regret / (J* - J_worst): 0 is the best policy, 1 the worst one
    soft regret  J*_alpha - J_alpha(pi) = alpha sum_t gamma^t sum_s mu_t(s) KL(pi_t || pi*_t)
                 with J_alpha = J + alpha sum_t gamma^t E[entropy of pi_t], pi* the soft-optimal policy

The second form of the regret says where it comes from: `losses` lists (t, s) by their share, which is what a better
decision there alone would give back at the most, if all others were best. The optimum is over all policies, of a
horizon also those that depend on t.

Everything is rational where the policy is; where it is a softmax, and where fractions would grow too long, it is in
balls, whose radius the figures tell.
Source: puterman1994; ziebart2010; derived.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from equivalence.testing.trained.beside import beside_expert
from equivalence.testing.trained.figures import Figure, figure
from equivalence.testing.trained.numbers import exact_numbers
from equivalence.testing.trained.policies import GivenPolicy, given_policy
from equivalence.testing.trained.policy_verdict import PolicyVerdict
from equivalence.testing.trained.problem import Problem, problem
from equivalence.testing.trained.returns import (
    NARROW,
    PRECISIONS,
    discounted_visits,
    is_long,
    losses,
    optimal_values,
    return_of,
    soft_figures,
    summed,
    worst_return,
)
from mdps import MDP, InvalidArgument, OutOfReach, scalars
from mdps.arguments import checked_temperature
from mdps.scalars.balls import precision


def judge_policy(
    policy: Any,
    env_or_mdp: Any,
    *,
    reward: Any = None,
    expert: Any = None,
    expert_policy: Any = None,
    features: Any = None,
    temperature: Any = None,
    outputs: str | None = None,
    observation: Callable[[int], Any] | None = None,
    timed: bool = False,
    masked: bool = False,
    level: str | None = None,
    name: str = "policy",
) -> PolicyVerdict:
    """The exact return and regret of a policy, and its distances from an expert.

    policy         [s, a] or [t, s, a]; a function of (observation) or (observation, t); an object with predict();
                   or a dict of states
    env_or_mdp     an environment of `to_gymnasium`, or a model
    reward         [s], [s, a] or [s, a, s']; that of the environment if None
    expert         expected discounted counts [s], [s, a] or [s, a, s']: `occupancy` of a policy or of demonstrations
    expert_policy  a policy [s, a] or [t, s, a], instead of counts
    features       [s, k], [s, a, k] or [s, a, s', k], whose expectations are compared with the expert's
    temperature    alpha, for the soft regret
    outputs        what the policy gives: 'probabilities', 'logits' or 'actions'; see `trained.policies`
    observation    what a function or predict() is given for a state; the number of the state if None
    timed          whether a function is given (observation, t); so it is if its second argument is called t or step
    masked         whether rows are conditioned on the actions that are available
    level          'exact' or 'ball'; by default exact where that is quick

    Cost: with a horizon well under a second at S = 50, A = 4, T = 50; without one, elimination in rational numbers,
    some 10 s at S = 60.

    Errors: `InvalidArgument` for what is no policy of this model: rows that do not sum to 1 within the rounding of
    their dtype, actions that are not available, shapes. `InvalidModel` for an undiscounted problem without a horizon
    in which the policy never ends.

    >>> from mdps import gallery
    >>> mdp, _ = gallery.fork()
    >>> verdict = judge_policy([0, 0, 0], mdp, reward=[0, 1, 3], outputs="actions")
    >>> verdict.regret.exact, verdict.losses[0].s, verdict.losses[0].best
    (Fraction(2, 1), 0, (1,))
    """
    started = time.perf_counter()
    given_problem = problem(env_or_mdp, reward)
    mdp = given_problem.mdp
    if given_problem.reward is None:
        raise InvalidArgument("the model holds no reward; expected reward=[s], [s, a] or [s, a, s'], or an environment")
    if level not in (None, "exact", "ball"):
        raise InvalidArgument(f"level is {level!r}; expected 'exact', 'ball' or None")
    given = given_policy(mdp, policy, name=name, outputs=outputs, observation=observation, timed=timed, masked=masked)
    if given.logits is not None and level == "exact":
        raise OutOfReach("the probabilities of logits are irrational; expected level='ball' or None")
    if expert is not None and expert_policy is not None:
        raise InvalidArgument("expert (counts) and expert_policy were given; expected one of them")
    theirs = None if expert_policy is None else given_policy(mdp, expert_policy, name="expert_policy")
    if features is not None and expert is None and theirs is None:
        raise InvalidArgument("features were given without an expert; expected expert= or expert_policy=, too")
    alpha = None if temperature is None else checked_temperature(exact_numbers(temperature, "temperature")[()], "exact")
    irrational = given.logits is not None or (theirs is not None and theirs.logits is not None)
    chosen = level or (
        "ball"
        if irrational or is_long(mdp, [x.exact for x in (given, theirs) if x is not None and x.exact is not None])
        else "exact"
    )
    question = _Question(given_problem, given, theirs, expert, features, alpha)
    found = _exactly(question) if chosen == "exact" else _in_balls(question)
    notes = given_problem.notes + given.notes + (() if theirs is None else theirs.notes)
    return PolicyVerdict(
        name=name,
        level=chosen,
        source=given.source,
        temperature=alpha,
        notes=notes,
        seconds=time.perf_counter() - started,
        **found,
    )


class _Question(NamedTuple):
    """What was asked: an exact problem, policies that were read, and tables as they were given."""

    problem: Problem
    policy: GivenPolicy
    expert_policy: GivenPolicy | None
    expert: Any
    features: Any
    temperature: Any


def _exactly(question: _Question) -> dict[str, Any]:
    return _found(
        question, question.problem.mdp, question.problem.reward, question.policy.exact, _table(question.expert_policy)
    )


def _in_balls(question: _Question) -> dict[str, Any]:
    """The answer at the first precision at which everything is decided and the regret is narrow."""
    trouble: Exception | None = None
    for bits in PRECISIONS:
        with precision(bits):
            mdp, reward = question.problem.mdp.to("ball"), scalars.convert(question.problem.reward, "ball")
            theirs = None if question.expert_policy is None else question.expert_policy.in_balls()
            try:
                found = _found(question, mdp, reward, question.policy.in_balls(), theirs)
            except OutOfReach as error:
                trouble = error
                continue
            if found["regret"].radius <= NARROW * (1 + abs(found["value"].value)):
                return found
    raise trouble or OutOfReach(f"the regret is not known within {NARROW} of the return at {PRECISIONS[-1]} bits")


def _table(policy: GivenPolicy | None) -> np.ndarray | None:
    return None if policy is None else policy.exact


def _found(question: _Question, mdp: MDP, reward: Any, pi: Any, expert_pi: Any) -> dict[str, Any]:
    """All figures, in the arithmetic of the model."""
    visited = discounted_visits(mdp, pi)
    value = return_of(mdp, reward, visited)
    q, v = optimal_values(question.problem, mdp, reward)
    start = summed(mdp.initial * (v if mdp.horizon is None else v[0]), ~scalars.zero_mask(mdp.initial))
    worst = worst_return(question.problem, mdp, reward)
    regret = start - value
    where = losses(question.problem, question.policy, mdp, visited, q, v)
    result: dict[str, Any] = {
        "value": figure(value),
        "best": figure(start),
        "worst": None if worst is None else figure(worst),
        "regret": figure(regret),
        "share": None if worst is None or not start > worst else _share(regret, start - worst),
        "losses": where,
        "occupancy": visited if mdp.horizon is None else visited.sum(axis=0),
    }
    if question.temperature is not None:
        result |= soft_figures(question.problem, question.policy, question.temperature)
    if question.expert is not None or expert_pi is not None:
        result |= beside_expert(
            question.problem.mdp,
            mdp,
            question.policy,
            question.expert_policy,
            question.expert,
            question.features,
            result["occupancy"],
            (pi, expert_pi),
        )
    return result


def _share(part: Any, whole: Any) -> Figure | None:
    try:
        return figure(part / whole)
    except (OutOfReach, TypeError):  # a quotient of logarithms
        return figure(scalars.convert([part], "ball")[0] / scalars.convert([whole], "ball")[0])
