"""A GAN over trajectories against its definition as a ratio of densities of trajectories, dynamics included."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq

from agreement import assert_agrees, assert_equals, at, margin, objects
from enumeration import (
    BALLS,
    BITS,
    EXACT,
    derivatives,
    discounted_return,
    law_of_policy,
    nested,
    paths,
    plain,
)
from equivalence.objectives import gan, generator_losses, trajectory_gan as tg
from instances import KINDS, models_of, shape_of
from mdps import MDP, InvalidArgument, OutOfReach, boltzmann, causal_entropy, scalars, soft_solution, trajectories
from mdps.random_models import random_distribution, random_policy, random_reward
from mdps.scalars.balls import precision


def games(kind, every=6):
    """A model, reward, policy, law of the data and log normalizer; policies leave actions out in every second one."""
    for i, (mdp, temperature, axes, rng) in enumerate(models_of(kind)):
        if i % every == 0:
            reward = random_reward(rng, shape_of(mdp, axes))
            policy = random_policy(rng, mdp, steps=True, full_support=bool(i % 4))
            data = random_distribution(rng, len(trajectories(mdp)))
            yield mdp, reward, policy, data, random_reward(rng, ()), temperature, axes


def densities(f, model, walked, reward, axes, policy, log_normalizer, alpha):
    """p~ and q of each trajectory, with the dynamics in both."""
    models = [
        path.dynamics * f.exp(discounted_return(model, path, reward, axes) / alpha - log_normalizer) for path in walked
    ]
    return models, law_of_policy(walked, policy)


def positive(x):
    return (x[0] if hasattr(x, "length") else x) > 0


def loss_by_ratio(f, models, law, data):
    total = 0
    for m, q, p in zip(models, law, data, strict=True):
        if positive(q):
            total = total + p * f.log((m + q) / m) + q * f.log((m + q) / q)
    return total


def numbers_of(mdp, reward, policy, data, log_normalizer, temperature):
    given = mdp, reward, policy
    return (
        tg.discriminator(*given, log_normalizer, temperature=temperature),
        tg.discriminator_loss(*given, data, log_normalizer, temperature=temperature),
        *tg.discriminator_gradient(*given, data, log_normalizer, temperature=temperature),
    )


def generator_loss(mdp, reward, policy, log_normalizer, temperature):
    return tg.generator_loss(mdp, reward, policy, log_normalizer, temperature=temperature)


@pytest.mark.parametrize("kind", KINDS)
def test_discriminator(kind):
    """D, the loss and its slopes, these by power series in the entries of the reward."""
    for mdp, reward, policy, data, log_normalizer, temperature, axes in games(kind):

        def truth(f, mdp=mdp, reward=reward, policy=policy, data=data, z=log_normalizer, alpha=temperature, axes=axes):
            model = plain(mdp, f)
            walked = paths(model)
            r, pi, p, a = nested(reward, f), nested(policy, f), nested(data, f), f.number(fmpq(alpha_of(alpha)))
            models, law = densities(f, model, walked, r, axes, pi, f.number(z), a)
            probability = [m / (m + q) for m, q in zip(models, law, strict=True)]

            def loss(r, z):
                return loss_by_ratio(f, densities(f, model, walked, r, axes, pi, z, a)[0], law, p)

            if f is EXACT:
                return objects(probability), objects(loss(r, f.number(z)))
            slopes = derivatives(lambda r: loss(r, f.number(z)), r), derivatives(lambda z: loss(r, z[0]), [f.number(z)])
            return objects(probability), objects(loss(r, f.number(z))), objects(slopes[0]), objects(slopes[1][0])

        given = mdp, reward, policy, data, log_normalizer, temperature
        with precision(BITS):
            balls = truth(BALLS)
        assert_agrees(numbers_of, balls, *given)
        assert_equals(lambda *given: numbers_of(*given)[:2], lambda _, truth=truth: truth(EXACT), *given)


def alpha_of(temperature):
    fraction = Fraction(temperature)
    return fmpq(fraction.numerator, fraction.denominator)


@pytest.mark.parametrize("kind", KINDS)
def test_generator(kind):
    """L_G as KL of densities; its gradient to logits of the policy, by power series, moving discriminator included."""
    for mdp, reward, policy, _, log_normalizer, temperature, axes in games(kind):
        with precision(BITS):
            model = plain(mdp, BALLS)
            walked = paths(model)
            r, pi, alpha = nested(reward, BALLS), nested(policy, BALLS), BALLS.number(alpha_of(temperature))
            z = BALLS.number(log_normalizer)
            models, law = densities(BALLS, model, walked, r, axes, pi, z, alpha)
            value = sum(q * (q / m).log() for m, q in zip(models, law, strict=True) if q > 0)

            def loss_of_logits(moved, pi=pi, walked=walked, models=models, mdp=mdp):
                tilted = []
                for t, table in enumerate(pi):
                    weights = [[p * (moved[t][s][a]).exp() for a, p in enumerate(row)] for s, row in enumerate(table)]
                    tilted.append(
                        [
                            row if mdp.terminal[s] else [w / sum(row[1:], row[0]) for w in row]
                            for s, row in enumerate(weights)
                        ]
                    )
                law = law_of_policy(walked, tilted)
                return sum(q * (q / m).log() for m, q in zip(models, law, strict=True) if positive(q))

            still = [[[arb(0) for _ in row] for row in table] for table in pi]
            slope = objects(derivatives(loss_of_logits, still))

        given = mdp, reward, policy, log_normalizer, temperature
        assert_agrees(generator_loss, objects(value), *given)

        if not policy[:, mdp.available].all():
            continue

        def slope_of(mdp, reward, policy, log_normalizer, temperature):
            logit = tg.logit(mdp, reward, policy, log_normalizer, temperature=temperature)
            return tg.policy_gradient(mdp, policy, -logit)

        assert_agrees(slope_of, slope, *given)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_gan_over_the_set_of_trajectories(kind):
    """Exactly, with energies -R/alpha - log(rho prod P): the dynamics cancel."""
    for mdp, reward, policy, data, log_normalizer, temperature, axes in games(kind, 7):
        listed = trajectories(mdp)
        alpha = alpha_of(temperature)
        energy = -listed.returns(reward) / alpha - scalars.log(listed.dynamics)
        law = listed.law(policy)
        given = mdp, reward, policy
        value = tg.generator_loss(*given, log_normalizer, temperature=temperature)
        assert value == gan.generator_loss(energy, law, log_normalizer)
        if mdp.discount == 1:
            earned = (law * listed.returns(reward)).sum() / alpha
            assert value == log_normalizer - earned - causal_entropy(mdp, policy)
        try:
            loss = gan.discriminator_loss(energy, law, data, log_normalizer)
            slope = gan.discriminator_gradient(energy, law, data, log_normalizer)
        except OutOfReach:
            continue
        assert loss == tg.discriminator_loss(*given, data, log_normalizer, temperature=temperature)
        mine = tg.discriminator_gradient(*given, data, log_normalizer, temperature=temperature)
        assert (mine.reward == listed.pullback(-slope.energy / alpha, axes=axes)).all()
        assert mine.log_normalizer == slope.log_normalizer


@pytest.mark.parametrize("kind", KINDS)
def test_the_expert_is_optimal(kind):
    """For an expert policy, l* is the ratio of the two laws, and the reward log pi_E with log Z = 0 reaches it."""
    for mdp, _, _, _, _, _, _ in games(kind, 7):
        rng = np.random.default_rng(mdp.n_states)
        policy, expert = random_policy(rng, mdp, steps=True), random_policy(rng, mdp)
        listed = trajectories(mdp)
        optimal = tg.optimal_logit(mdp, policy, expert)
        ratio = listed.law(expert) / listed.law(policy)
        assert (scalars.exp(optimal) == ratio).all()
        undiscounted = MDP(mdp.transition, mdp.initial, horizon=mdp.horizon)
        reward = scalars.over(mdp.available, scalars.log, expert, otherwise=0 * scalars.log(fmpq(2)))
        reached = tg.logit(undiscounted, reward, policy, 0)
        assert (reached == optimal).all()
        gradient = tg.discriminator_gradient(undiscounted, reward, policy, listed.law(expert), 0)
        assert not gradient.reward.any()
        assert gradient.log_normalizer == 0
        frozen = tg.policy_gradient(mdp, policy, generator_losses.gradient("logit", optimal))
        assert (frozen.sum(axis=-1) == 0).all()


def test_the_sampler_can_be_the_model_only_without_chance():
    """With log Z, at the soft policy L_G is 0 for deterministic dynamics and one start; else positive: the gap."""
    for kind, reachable in (("deterministic-single_start", True), ("plain", False)):
        gaps = []
        for mdp, reward, *_ in games(kind):
            if mdp.discount != 1:
                continue
            floats, r = mdp.to("ball"), scalars.convert(reward, "ball")
            with precision(BITS):
                floats = mdp.to("ball")
                policy = soft_solution(floats, r).policy
                gaps.append(tg.generator_loss(floats, r, policy, boltzmann.log_partition(floats, r)))
        assert len(gaps) >= 3
        if reachable:
            assert all(gap.contains(0) for gap in gaps)
        else:
            assert not any(gap < 0 for gap in gaps)
            assert sum(bool(gap > 0) for gap in gaps) >= 3


def test_extremes():
    """Rewards of +-1000 a step at temperature 1e-3, and probabilities of 1e-300: finite and right."""
    tiny = fmpq(1, 10**300)
    move = scalars.convert([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], "exact")
    mdp = MDP(move, move[0, 0], horizon=2)
    policy = np.array([[tiny, 1 - tiny], [fmpq(1, 3), fmpq(2, 3)]], dtype=object)
    data = np.full(4, fmpq(1, 4), dtype=object)

    def numbers_of(mdp, reward, policy, data, log_normalizer, temperature):
        return (
            tg.discriminator_loss(mdp, reward, policy, data, log_normalizer, temperature=temperature),
            tg.generator_loss(mdp, reward, policy, log_normalizer, temperature=temperature),
        )

    for reward in ([[1000, -1000], [-1000, 1000]], [[0, 0], [0, 0]]):
        for temperature in (fmpq(1), fmpq(1, 1000)):
            r = scalars.convert(np.array(reward), "exact")
            with precision(5 * BITS):
                model = plain(mdp, BALLS)
                walked = paths(model)
                steps = [nested(policy, BALLS)] * 2
                alpha = BALLS.number(temperature)
                models, law = densities(BALLS, model, walked, nested(r, BALLS), "sa", steps, arb(0), alpha)
                loss = loss_by_ratio(BALLS, models, law, nested(data, BALLS))
                follows = sum(q * (q / m).log() for m, q in zip(models, law, strict=True))
            given = mdp, r, policy, data, fmpq(0), temperature
            assert margin(numbers_of, (objects(loss), objects(follows)), *given) <= 1
    floats = mdp.to("float")
    with pytest.raises((OutOfReach, InvalidArgument)):
        tg.discriminator(floats, np.full((2, 2), 1e308), at("float", policy), 0.0, temperature=1e-3)


HALVES = np.full((2, 2), 0.5)
FLOATS = MDP([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]], [1.0, 0.0], horizon=2)
ZEROS, DATA = np.zeros((2, 2)), np.full(4, 0.25)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: tg.logit(FLOATS, ZEROS, [[1.0, 0.0], [1.0, 0.0]], 0.0), InvalidArgument, "never takes trajectory 1"),
        (lambda: tg.optimal_logit(FLOATS, [[1.0, 0.0], [1.0, 0.0]], HALVES), InvalidArgument, "never takes trajectory"),
        (lambda: tg.discriminator(FLOATS, ZEROS, HALVES, [0.0, 1.0]), InvalidArgument, "log_normalizer has shape (2,)"),
        (lambda: tg.discriminator(FLOATS, ZEROS, HALVES, np.nan), InvalidArgument, "log_normalizer is nan"),
        (lambda: tg.discriminator_loss(FLOATS, ZEROS, HALVES, DATA[:2], 0.0), InvalidArgument, "data has shape (2,)"),
        (lambda: tg.discriminator_loss(FLOATS, ZEROS, HALVES, DATA * 2, 0.0), InvalidArgument, "data sums to 2.0"),
        (lambda: tg.generator_loss(FLOATS, ZEROS * np.inf, HALVES, 0.0), InvalidArgument, "reward[0, 0] is nan"),
        (lambda: tg.generator_loss(FLOATS, ZEROS, HALVES / 2, 0.0), InvalidArgument, "policy[0] sums to 0.5"),
        (lambda: tg.generator_loss(FLOATS, ZEROS, HALVES, 0.0, temperature=0), InvalidArgument, "temperature is 0"),
        (lambda: tg.policy_gradient(FLOATS, HALVES, [1.0]), InvalidArgument, "cost has shape (1,); expected (4,)"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_refusals(call, error, text):
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)
