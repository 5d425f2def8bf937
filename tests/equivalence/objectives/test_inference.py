"""Control as inference: messages, posterior and bounds against the list of all trajectories."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from agreement import array, assert_agrees, assert_equals, margin, objects
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    continuations,
    discounted_return,
    entry,
    law_of_policy,
    marginal,
    nested,
    paths,
    plain,
    probability,
    state_marginal,
)
from equivalence.objectives import inference, path_ratios
from instances import AXES, each_kind, in_reach, models_of, shape_of
from mdps import MDP, InvalidArgument, OutOfReach, gallery, scalars, soft_solution, trajectories
from mdps.random_models import random_policy, random_reward
from mdps.scalars import duals
from mdps.scalars.balls import precision
from refusals import assert_refuses
from within_rounding import assert_within_rounding, rounding_of

PRIORS = ("uniform", "positive", "steps", "thin")


def drawn_prior(rng, mdp, kind):
    """An exact prior; `thin` ones leave actions out."""
    if kind == "uniform":
        return inference.uniform_prior(mdp)
    return random_policy(rng, mdp, steps=kind == "steps", full_support=kind != "thin")


def drawn_policy(rng, mdp, prior):
    """A policy [t, s, a] that does only what the prior does."""
    possible = np.broadcast_to(prior != 0, (mdp.horizon, *mdp.available.shape))
    weights = np.where(possible, rng.integers(1, 9, size=possible.shape), 0)
    total = np.maximum(weights.sum(axis=-1, keepdims=True), 1)
    return scalars.convert(weights, "exact") / scalars.convert(total, "exact")


def arguments_of(mdp, temperature, axes, rng, number):
    kind = PRIORS[number % 4]
    mdp = replace(mdp, discount=Fraction(99, 100)) if number % 9 == 4 else mdp
    prior = drawn_prior(rng, mdp, kind)
    reward = random_reward(rng, shape_of(mdp, axes))
    return mdp, reward, drawn_policy(rng, mdp, prior), prior, temperature


def numbers_of(mdp, reward, policy, prior, temperature):
    """Evidence and bounds, the two backups, posterior and marginals, the three parts of the gap, its KL."""
    given = {"prior": prior, "temperature": temperature}
    bound = inference.elbo(mdp, reward, policy, **given)
    found = inference.posterior(mdp, reward, **given)
    marginals = inference.smoothing(mdp, reward, **given)
    causal = inference.causal_messages(mdp, reward, **given)
    return (
        found.log_evidence,
        bound,
        inference.best_elbo(mdp, reward, **given),
        inference.optimistic_messages(mdp, reward, **given).v,
        causal.v,
        found.initial,
        *marginals,
        marginals.marginals[..., None] * found.dynamics,
        marginals.state_marginals[:-1, :, None] * found.policy,
        *inference.gap(mdp, reward, policy, **given),
    )


def steps_of(mdp, policy):
    return np.broadcast_to(policy, (mdp.horizon, *policy.shape[-2:]))


def by_enumeration(f, mdp, reward, policy, prior, temperature):
    model, r, alpha = plain(mdp, f), nested(reward, f), f.number(temperature)
    pi, pi0 = (nested(steps_of(mdp, x), f) for x in (policy, prior))
    axes, walked = AXES[reward.ndim - 1], paths(model)
    n_states, n_actions, horizon = len(model.moves), model.n_actions, model.horizon

    def weights_of(listed, t):
        gained = [model.gamma**t * discounted_return(model, p, r, axes) / alpha for p in listed]
        return [probability(p, pi0, t) * f.exp(x) for p, x in zip(listed, gained, strict=True)]

    weights = weights_of(walked, 0)
    total = sum(weights)
    law = [w / total for w in weights]
    acting = law_of_policy(walked, pi)
    bound, divergence = 0, 0
    for p, q, path in zip(acting, law, walked, strict=True):
        if p != 0:
            ratio = f.log(probability(path, pi)) - f.log(probability(path, pi0))
            bound = bound + p * (discounted_return(model, path, r, axes) / alpha - ratio)
            divergence = divergence + p * (f.log(p) - f.log(q))

    def optimistic(t, s):
        return f.log(sum(weights_of(list(continuations(model, s, horizon - t)), t)))

    def causal(t, s):
        if t == horizon or not model.moves[s]:
            return model.gamma**t * model.final[s] / alpha
        weight = 0
        for a, row in model.moves[s].items():
            if pi0[t][s][a] != 0:
                q = 0
                for x, p in row:
                    q = q + p * (model.gamma**t * entry(r, (s, a, x)[: len(axes)]) / alpha + causal(t + 1, x))
                weight = weight + pi0[t][s][a] * f.exp(q)
        return f.log(weight)

    states = np.stack([array(keyed(state_marginal(law, walked, t)), (n_states,)) for t in range(horizon + 1)])
    decisions = np.stack([array(marginal(law, walked, t), (n_states, n_actions)) for t in range(horizon)])
    moves = np.stack([array(moved(law, walked, t), (n_states, n_actions, n_states)) for t in range(horizon)])
    # Divergences of conditionals, from the marginals of both laws.
    start = sum(p * (f.log(p) - f.log(states[0][s])) for s, p in model.starts)
    choices, chance = 0, 0
    for t in range(horizon):
        here = state_marginal_of_decisions(decisions[t])
        for (s, a), p in marginal(acting, walked, t).items():
            if p != 0:
                choices = choices + p * (f.log(pi[t][s][a]) - f.log(decisions[t][s, a] / here[s]))
                for x, chance_of_x in model.moves[s][a]:
                    tilted = moves[t][s, a, x] / decisions[t][s, a]
                    chance = chance + p * chance_of_x * (f.log(chance_of_x) - f.log(tilted))
    best = sum(p * causal(0, s) for s, p in model.starts)
    # The three parts are all of the divergence of the two laws, which is evidence minus bound.
    assert_same(start + choices + chance, divergence)
    assert_same(f.log(total) - bound, divergence)
    tables = [[[g(t, s) for s in range(n_states)] for t in range(horizon + 1)] for g in (optimistic, causal)]
    scalars_found = (objects(x) for x in (f.log(total), bound, best))
    return (
        *scalars_found,
        *(objects(table) for table in tables),
        states[0],
        states,
        decisions,
        moves,
        decisions,
        *(objects(x) for x in (start, choices, chance)),
    )


def keyed(table):
    return {(s,): p for s, p in table.items()}


def moved(law, walked, t):
    found = {}
    for p, path in zip(law, walked, strict=True):
        if t < len(path.actions):
            at = path.states[t], path.actions[t], path.states[t + 1]
            found[at] = found.get(at, 0) + p
    return found


def state_marginal_of_decisions(decisions):
    return [sum(row) for row in decisions.tolist()]


def assert_same(x, y):
    assert x.overlaps(y) if hasattr(x, "overlaps") else x == y


@each_kind
def test_agrees_with_enumeration(kind):
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if number % 7 == 0:
            arguments = arguments_of(mdp, temperature, axes, rng, number // 7)
            with precision(BITS):
                truth = by_enumeration(BALLS, *arguments)
            assert_agrees(numbers_of, truth, *arguments)


@each_kind
def test_equals_enumeration_exactly(kind):
    """Where the causal backup is out of reach the numbers that need no expectation of it are not."""
    reached = 0
    for number, (mdp, reward, temperature, rng) in enumerate(in_reach(kind)):
        if number % 6 == 0:
            prior = drawn_prior(rng, mdp, PRIORS[number // 6 % 4])
            arguments = mdp, reward, drawn_policy(rng, mdp, prior), prior, temperature
            reached += assert_equals(numbers_of, lambda given: by_enumeration(EXACT, *given), *arguments)
    assert reached >= 2


def test_default_prior_is_uniform():
    for name, model in gallery.MODELS.items():
        mdp, reward = model()
        prior = inference.uniform_prior(mdp)
        assert (prior.sum(axis=-1) == np.where(mdp.terminal, 0, 1)).all(), name
        for mine, default in zip(
            inference.optimistic_messages(mdp, reward, prior=prior),
            inference.optimistic_messages(mdp, reward),
            strict=True,
        ):
            assert (mine == default).all()


def test_best_bound_is_that_of_the_causal_policy():
    """best - ELBO(pi) = sum_t E_pi[KL(pi_t || causal policy)] for every pi, which is 0 at the causal policy alone."""
    seen = 0
    for kind in ("plain", "terminal", "unavailable", "single_start-terminal"):
        for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
            if number % 3:
                continue
            exact = arguments_of(mdp, temperature, axes, rng, number)
            with precision(BITS):
                mdp, reward, policy, prior = exact[0].to("ball"), *(scalars.convert(x, "ball") for x in exact[1:4])
                given = {"prior": prior, "temperature": temperature}
                best = inference.best_elbo(mdp, reward, **given)
                causal = inference.causal_messages(mdp, reward, **given).policy
                assert inference.elbo(mdp, reward, causal, **given).overlaps(best)
                listed = trajectories(mdp)
                law = listed.law(policy)
                ratio = path_ratios.log_ratios(listed, policy, prior=prior)
                of_best = path_ratios.log_ratios(listed, causal, prior=prior)
                regret = sum(p * (x - y) for p, x, y in zip(law, ratio, of_best, strict=True) if p != 0)
                assert (inference.elbo(mdp, reward, policy, **given) + regret).overlaps(best)
                seen += 1
    assert seen >= 100


@each_kind
def test_ratio_of_the_best_policy_is_return_minus_value_minus_luck(kind):
    """R-06, at every discount; luck has mean 0 under any policy, and is nothing where dynamics are deterministic."""
    for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if number % 5:
            continue
        exact = arguments_of(mdp, temperature, axes, rng, number // 5)
        with precision(BITS):
            mdp, reward, policy, prior = exact[0].to("ball"), *(scalars.convert(x, "ball") for x in exact[1:4])
            given = {"prior": prior, "temperature": temperature}
            listed = trajectories(mdp)
            _, v, causal = inference.causal_messages(mdp, reward, **given)
            luck = path_ratios.luck(listed, reward, **given)
            ratio = path_ratios.log_ratios(listed, causal, prior=prior)
            gained = listed.returns(reward) / BALLS.number(temperature) - v[0, listed.states[:, 0]] - luck
            possible = listed.law(prior) != 0
            for x, y in zip(ratio[possible], gained[possible], strict=True):
                assert x.overlaps(y)
            assert (listed.law(policy) * np.where(listed.law(policy) != 0, luck, 0)).sum().contains(0)
            if kind.startswith("deterministic"):
                assert all(x.contains(0) for x in luck)


def test_discounted_policy_has_another_law():
    """M-15, along deterministic paths; where the discount is 1 it says log p_pi = (R - V_0) / alpha."""
    for kind in ("deterministic", "deterministic-terminal", "deterministic-unavailable"):
        for mdp, temperature, axes, rng in models_of(kind):
            reward = random_reward(rng, shape_of(mdp, axes))
            with precision(BITS):
                balls = mdp.to("ball"), scalars.convert(reward, "ball")
                listed = trajectories(balls[0])
                _, v, policy = soft_solution(*balls, temperature=temperature)
                counting = path_ratios.log_ratios(listed, policy)
                uniform = inference.uniform_prior(balls[0])
                for i, (states, actions) in enumerate(zip(listed.states, listed.actions, strict=True)):
                    length = listed.lengths[i]
                    log_law = counting[i]
                    total = -v[0, states[0]]
                    for t in range(length):
                        at = (states[t], actions[t], states[t + 1])[: len(axes)]
                        log_law += uniform[states[t], actions[t]].log()
                        total += balls[1][at] - ((1 - balls[0].discount) * v[t, states[t]] if t else 0)
                    last = v[length, states[length]] * (balls[0].discount if length else 1)
                    assert (BALLS.number(temperature) * log_law).overlaps(total + last)


def test_undiscounted_values_are_those_of_soft_control_relative_to_the_prior():
    """Soft control of r + alpha log pi0, which another solver finds."""
    for kind in ("plain", "terminal", "unavailable", "deterministic-terminal-unavailable"):
        for mdp, temperature, _, rng in models_of(kind):
            if mdp.discount != 1:
                continue
            prior = random_policy(rng, mdp)
            reward = random_reward(rng, mdp.available.shape)
            with precision(BITS):
                mdp, reward, prior = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, prior))
                log_prior = scalars.over(prior != 0, scalars.log, prior, otherwise=prior[0, 0] * 0)
                alpha = BALLS.number(temperature)
                found = soft_solution(mdp, reward + alpha * log_prior, temperature=temperature)
                ours = inference.causal_messages(mdp, reward, prior=prior, temperature=temperature)
                for x, y in zip((alpha * ours.v).ravel(), found.v.ravel(), strict=True):
                    assert x.overlaps(y)
                for x, y in zip(ours.policy.ravel(), found.policy.ravel(), strict=True):
                    assert x.overlaps(y) or x == y


def test_bound_has_the_gradient_of_its_definition():
    """Derivatives to the reward: of the evidence, posterior counts; of the best bound, counts of its policy."""
    mdp, reward = gallery.risky_path()
    slope = duals.gradient(lambda r: inference.log_evidence(mdp, r), reward)
    listed = trajectories(mdp)
    uniform = inference.uniform_prior(mdp)
    weights = listed.law(uniform) * scalars.exp(listed.returns(reward))
    assert (slope == listed.occupancy(weights / weights.sum(), axes="s")).all()


EXTREME = {"reward": (1000, 1), "temperature": (1, Fraction(1, 1000)), "both": (-1000, Fraction(1, 1000))}


@pytest.mark.parametrize("case", EXTREME)
def test_extreme_numbers_are_finite_and_right(case):
    """Rewards of +-1,000 a step, temperature 1e-3, probabilities of 1e-300."""
    size, temperature = EXTREME[case]
    tiny = Fraction(1, 10**300)
    for seed in range(30):
        rng = np.random.default_rng([seed, 5])
        rows = np.full((2, 2, 2), Fraction(1, 2), dtype=object)
        rows[seed % 2, 0] = [tiny, 1 - tiny]
        mdp = MDP(rows, [1 - tiny, tiny], horizon=1 + seed % 3, discount=(1, Fraction(1, 2))[seed % 2])
        reward = size * scalars.convert(rng.integers(-1, 2, size=shape_of(mdp, AXES[seed % 3])), "exact")
        prior = scalars.convert(np.array([[1 - tiny, tiny], [Fraction(1, 3), Fraction(2, 3)]], dtype=object), "exact")
        policy = np.broadcast_to(prior, (mdp.horizon, 2, 2))
        arguments = mdp, reward, policy, prior, temperature

        def bounds(*given):
            return numbers_of(*given)[:8]

        with precision(2_000):
            truth = by_enumeration(BALLS, *arguments)[:8]
        assert margin(bounds, truth, *arguments) <= 1


def test_stack_of_models_is_solved_as_each_of_them():
    for kind in ("plain", "terminal-unavailable"):
        alike = {}
        for mdp, temperature, _, rng in models_of(kind):
            if temperature == 1 and mdp.discount != Fraction(1, 2):
                alike.setdefault((mdp.n_states, mdp.n_actions, mdp.horizon, str(mdp.discount)), []).append((mdp, rng))
        for group in alike.values():
            models = [mdp.to("float") for mdp, _ in group]
            rewards = [rng.normal(size=mdp.available.shape) for mdp, rng in group]
            stack = MDP(
                np.stack([m.transition for m in models]),
                np.stack([m.initial for m in models]),
                horizon=models[0].horizon,
                discount=models[0].discount,
                final_value=np.stack([m.final_value for m in models]),
            )
            priors = np.stack([inference.uniform_prior(m) for m in models])
            given = stack, np.stack(rewards), priors
            whole = batched(*given)
            for i, (model, reward) in enumerate(zip(models, rewards, strict=True)):
                allowed = rounding_of(batched, model, reward, priors[i])
                assert_within_rounding(
                    tuple(np.asarray(x)[i] for x in whole), batched(model, reward, priors[i]), allowed
                )


def test_truncated_models_enclose_what_has_no_end():
    """Enclosures of evidence and best bound at T = 1, 3 and 25 overlap, the last within 1e-3."""
    seen = 0
    for kind in ("plain", "terminal", "deterministic-unavailable", "single_start-terminal-unavailable"):
        for number, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
            if number % 4 or mdp.horizon == 3:
                continue
            seen += 1
            endless = replace(mdp, horizon=None, discount=Fraction(1, 2))
            reward, prior = random_reward(rng, shape_of(mdp, axes)), random_policy(rng, mdp)
            with precision(BITS):
                model, r, given = endless.to("ball"), scalars.convert(reward, "ball"), {"temperature": temperature}
                prior = scalars.convert(prior, "ball")
                found = []
                for horizon in (1, 3, 25):
                    first, error = inference.truncated(model, r, horizon=horizon, **given)
                    radius = arb(0, arb(error).upper())
                    bounds = inference.log_evidence, inference.best_elbo
                    found.append([f(first, r, prior=prior, **given) + radius for f in bounds])
                for x, y, z in zip(*found, strict=True):
                    assert all(u.overlaps(v) for u, v in ((x, y), (x, z), (y, z)))
                    assert z.rad() < 1e-3
    assert seen >= 40


def test_truncation_error_is_attained():
    """Where the prior always takes the better of two rewards the rest is worth hi: the middle is off by the bound."""
    for k in range(1, 20):
        gamma, temperature = Fraction(k, 20), (1, Fraction(1, 10), 10)[k % 3]
        mdp = MDP([[[1], [1]]], [1], horizon=None, discount=gamma)
        reward = [[Fraction(k), Fraction(-1)]]
        first, error = inference.truncated(mdp, reward, horizon=1 + k % 4, temperature=temperature)
        with precision(BITS):
            found = inference.best_elbo(
                first.to("ball"), scalars.convert(reward, "ball"), prior=[[1, 0]], temperature=temperature
            )
            off = BALLS.number(k / (1 - gamma) / temperature) - found
            assert off.overlaps(BALLS.number(error))
            assert off > 0


def test_truncation_of_a_sure_thing_is_exact():
    """One action for ever: R = r / (1 - gamma), after any number of steps."""
    for k in range(1, 20):
        sure = MDP([[[1]]], [1], horizon=None, discount=Fraction(k, 20))
        reward = scalars.log(np.array([Fraction(k + 1, 3)], dtype=object))
        first, error = inference.truncated(sure, reward, horizon=1 + k % 4)
        assert error == 0
        with precision(BITS):
            evidence = inference.log_evidence(first.to("ball"), scalars.convert(reward, "ball"))
            assert evidence.overlaps((arb(k + 1) / 3).log() * 20 / (20 - k))


def batched(mdp, reward, prior):
    return (
        inference.log_evidence(mdp, reward, prior=prior),
        inference.best_elbo(mdp, reward, prior=prior),
        inference.elbo(mdp, reward, prior, prior=prior),
        *inference.gap(mdp, reward, prior, prior=prior),
        *inference.smoothing(mdp, reward, prior=prior),
    )


def test_by_hand_in_the_lottery():
    """The sure thing or the toss, prior 1/2: p(O) = 1/2 (1/2 4 + 1/2 1/4) + 1/2 = 25/16: the second visit weighs."""
    mdp, reward = gallery.lottery()
    found = inference.posterior(mdp, reward)
    assert (found.policy[0, 0] * 25 == [8, 17]).all()
    assert inference.best_elbo(mdp, reward) == 0
    assert found.log_evidence == scalars.log(np.array([Fraction(25, 16)], dtype=object))[0]


def test_refusals():
    mdp, reward = gallery.lottery()
    only = np.array([[1, 0], [1, 0], [1, 0]])
    other = np.array([[0, 1], [1, 0], [1, 0]])
    for function in (inference.elbo, inference.gap):
        assert_refuses(
            lambda function=function: function(mdp, reward, other, prior=only),
            InvalidArgument,
            "the prior is 0 at [0, 0, 1], where the policy goes",
        )
    assert_refuses(
        lambda: path_ratios.log_ratios(trajectories(mdp), other, prior=only), InvalidArgument, "where the prior is 0"
    )
    assert_refuses(lambda: inference.log_evidence(mdp, reward, prior=only / 2.0), InvalidArgument, "prior is float")
    assert_refuses(lambda: inference.log_evidence(mdp, reward, prior=2 * only), InvalidArgument, "prior[", "sums to 2")
    assert_refuses(lambda: inference.log_evidence(mdp, reward, temperature=0), InvalidArgument, "temperature is 0")
    assert_refuses(lambda: inference.truncated(mdp, reward, horizon=3), InvalidArgument, "discounted without end")
    endless = replace(mdp, horizon=None)
    assert_refuses(lambda: inference.log_evidence(endless, reward), OutOfReach, "finite horizons")
