"""Responses token by token, against the same responses as a whole."""

from fractions import Fraction

import numpy as np
import pytest

from agreement import margin, objects
from drawn_responses import TEMPERATURES
from enumeration import BALLS, BITS, nested
from equivalence.objectives import rlhf, token_mdp
from equivalence.objectives.token_mdp import (
    paid_at_the_end,
    sequence_law,
    sequence_reward,
    soft_solution,
    token_policy,
)
from mdps import InvalidArgument, OutOfReach, occupancy, scalars, soft_solution as soft_solution_of_mdp
from mdps.random_models import random_distribution, random_policy, random_reward
from mdps.scalars.balls import precision
from refusals import assert_refuses

SHAPES = [
    (n, length, end, prompts)
    for n, length in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2))
    for end in (None, 0)
    for prompts in (1, 2)
]


def drawn(number, series=0):
    """A tree, a reference policy (every third leaves tokens out), rewards of tokens and responses, a temperature."""
    for i in range(number):
        rng = np.random.default_rng([i, series])
        n, length, end, n_prompts = SHAPES[i % len(SHAPES)]
        prompts = random_distribution(rng, n_prompts, full_support=True)
        tokens = token_mdp.token_mdp(n, length, end=end, prompts=prompts)
        reference = random_policy(rng, tokens.mdp, full_support=i % 3 > 0)
        reward = random_reward(rng, tokens.mdp.available.shape)
        final = random_reward(rng, tokens.responses.shape)
        yield tokens, reference, reward, final, TEMPERATURES[i // len(SHAPES) % 5], rng


def strings(n, length, end):
    """Every response, by recursion on its definition."""
    if length == 0:
        return [()]
    found = []
    for a in range(n):
        found += [(a, *rest) for rest in ([()] if a == end else strings(n, length - 1, end))]
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_tree(shape):
    n, length, end, n_prompts = shape
    prompts = [Fraction(1, n_prompts)] * n_prompts
    tokens = token_mdp.token_mdp(n, length, end=end, prompts=prompts)
    expected = strings(n, length, end)
    for x in range(n_prompts):
        assert [tokens.texts[s] for s in tokens.responses[x]] == [(x, *y) for y in expected]
    begun = {(x, *y[:t]) for x in range(n_prompts) for y in expected for t in range(len(y) + 1)}
    assert sorted(tokens.texts) == sorted(begun)
    finished = set(tokens.responses.ravel().tolist())
    for s, text in enumerate(tokens.texts):
        assert tokens.mdp.terminal[s] == (s in finished)
        for a in range(n):
            follows = [tokens.texts[i] for i in np.flatnonzero(tokens.mdp.transition[s, a] != 0)]
            assert follows == ([] if s in finished else [(*text, a)])
    assert tokens.mdp.horizon == length
    assert tokens.to("float").mdp.level == "float"


def in_balls(tokens, *tables):
    return tokens.to("ball"), *(scalars.convert(x, "ball") for x in tables)


def test_tokens_and_responses_have_the_same_optimum():
    """R-05: pi* of whole responses is the product of the soft-optimal tokens, and V*(prompt) = alpha log Z."""
    for tokens, reference, reward, final, temperature, _ in drawn(240):
        with precision(BITS):
            tokens, reference, reward, final = in_balls(tokens, reference, reward, final)
            tokens = paid_at_the_end(tokens, final)
            whole = rlhf.optimum(
                sequence_reward(tokens, reward), sequence_law(tokens, reference), temperature=temperature
            )
            _, v, policy = soft_solution(tokens, reward, reference, temperature=temperature)
            law = sequence_law(tokens, policy)
            for x, y in zip(law.ravel(), whole.policy.ravel(), strict=True):
                assert x.overlaps(y)
            for x, y in zip(v[: len(law)], whole.value, strict=True):
                assert x.overlaps(y)
            back = token_policy(tokens, law)
            reached = occupancy(tokens.mdp, policy, axes="s") != 0
            for x, y in zip(back[reached].ravel(), policy[reached].ravel(), strict=True):
                assert x.overlaps(y)


def test_log_ratios_of_tokens_are_an_advantage():
    """R-04: along each response they sum to its reward minus V*(prompt), from each prefix on to that minus V* there."""
    for tokens, reference, reward, final, temperature, _ in drawn(240, series=1):
        with precision(BITS):
            tokens, reference, reward, final = in_balls(tokens, reference, reward, final)
            tokens = paid_at_the_end(tokens, final)
            alpha = BALLS.number(temperature)
            q, v, policy = soft_solution(tokens, reward, reference, temperature=temperature)
            place = {text: s for s, text in enumerate(tokens.texts)}
            r, p0, p = (x.tolist() for x in (reward, reference, policy))
            for x, y in np.ndindex(tokens.responses.shape):
                text = tokens.texts[tokens.responses[x, y]]
                prefixes = [place[text[:t]] for t in range(1, len(text))]
                if any(p0[s][a] == 0 for s, a in zip(prefixes, text[1:], strict=True)):
                    continue
                gained, ratio = final[x, y], 0
                for s, a in reversed(list(zip(prefixes, text[1:], strict=True))):
                    gained = gained + r[s][a]
                    ratio = ratio + alpha * (p[s][a] / p0[s][a]).log()
                    assert ratio.overlaps(gained - v[s])
                    assert (alpha * (p[s][a] / p0[s][a]).log()).overlaps(q[s, a] - v[s])


def test_values_are_sums_over_all_that_can_follow():
    """V*(s) = alpha log sum over the responses from s of ref exp(reward / alpha), by listing them."""

    def numbers_of(mdp, reward, reference, temperature):
        return soft_solution(tokens._replace(mdp=mdp), reward, reference, temperature=temperature).v

    for tokens, reference, reward, final, temperature, _ in drawn(120, series=2):
        tokens = paid_at_the_end(tokens, final)
        with precision(BITS):
            r, p0, paid = nested(reward, BALLS), nested(reference, BALLS), nested(tokens.mdp.final_value, BALLS)
            alpha = BALLS.number(temperature)
            place = {text: s for s, text in enumerate(tokens.texts)}
            values = []
            for prefix in tokens.texts:
                total = 0
                for end in tokens.responses.ravel():
                    text = tokens.texts[end]
                    if text[: len(prefix)] != prefix:
                        continue
                    weight, gained = BALLS.number(Fraction(1)), paid[end]
                    for t in range(len(prefix), len(text)):
                        at = place[text[:t]]
                        weight, gained = weight * p0[at][text[t]], gained + r[at][text[t]]
                    total = total + weight * (gained / alpha).exp()
                values.append(alpha * total.log())
        assert margin(numbers_of, objects(values), tokens.mdp, reward, reference, temperature) <= 1


def test_is_soft_control_relative_to_the_reference():
    for tokens, reference, reward, final, temperature, _ in drawn(100, series=3):
        with precision(BITS):
            tokens, reference, reward, final = in_balls(tokens, reference, reward, final)
            tokens = paid_at_the_end(tokens, final)
            ours = soft_solution(tokens, reward, reference, temperature=temperature)
            theirs = soft_solution_of_mdp(tokens.mdp, reward, temperature=temperature, prior=reference)
            for s, text in enumerate(tokens.texts):
                assert ours.v[s].overlaps(theirs.v[len(text) - 1, s])
                if not tokens.mdp.terminal[s]:
                    for a, (x, y) in enumerate(zip(ours.q[s], theirs.q[len(text) - 1, s], strict=True)):
                        assert x.overlaps(y), (s, a)


def test_laws_and_policies_of_tokens():
    """A law is the product of its conditionals, in exact numbers; a prefix of no mass has some row."""
    for tokens, _, _, _, _, rng in drawn(200, series=4):
        law = np.stack([random_distribution(rng, tokens.responses.shape[1]) for _ in tokens.responses])
        policy = token_policy(tokens, law)
        assert (sequence_law(tokens, policy) == law).all()
        assert (policy.sum(axis=-1) == np.where(tokens.mdp.terminal, 0, 1)).all()


def test_rewards_of_tokens_in_exact_numbers():
    for tokens, _, reward, final, _, _ in drawn(100, series=5):
        place = {text: s for s, text in enumerate(tokens.texts)}
        found = sequence_reward(paid_at_the_end(tokens, final), reward)
        for (x, y), s in np.ndenumerate(tokens.responses):
            text = tokens.texts[s]
            assert found[x, y] == final[x, y] + sum(reward[place[text[:t]], text[t]] for t in range(1, len(text)))


def test_refusals():
    tokens = token_mdp.token_mdp(2, 2)
    for arguments, error, text in [
        ((0, 2), InvalidArgument, "n_tokens is 0"),
        ((2, 0), InvalidArgument, "length is 0"),
        ((2, 1.5), InvalidArgument, "length is 1.5"),
        ((10, 10), OutOfReach, "too many"),
    ]:
        assert_refuses(lambda a=arguments: token_mdp.token_mdp(*a), error, text)
    assert_refuses(lambda: token_mdp.token_mdp(2, 2, end=2), InvalidArgument, "end is 2")
    assert_refuses(lambda: token_mdp.token_mdp(2, 2, prompts=[[1]]), InvalidArgument, "expected their law [x]")
    assert_refuses(lambda: paid_at_the_end(tokens, [1, 2]), InvalidArgument, "expected (1, 4), [x, y]")
    assert_refuses(lambda: token_policy(tokens, [[1, 0, 0, -1]]), InvalidArgument, "law")
    assert_refuses(lambda: token_policy(tokens, [[1, 1, 0, 0]]), InvalidArgument, "law", "sums to 2")
    assert_refuses(lambda: sequence_law(tokens, np.ones((7, 2), dtype=int)), InvalidArgument, "policy")
