"""The claims of the main job on drawn games and models: they hold, and nothing near them does.

MaxEnt IRL, discriminator and energy-based gradients agree where they must, at every level, and at `exact` with a
difference of 0. Where they must not agree they differ by the gap formula, which is then not 0. And an error of one part
in 10^30 in any implementation that a claim has a hole for is refuted.
"""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import assume, given, settings, strategies as st

from equivalence.claims import REGISTRY, AtMost
from equivalence.claims.assumptions import optimal_normalizer
from equivalence.claims.trajectories import trajectory_energy
from equivalence.evidence import Instance, check
from equivalence.evidence.verdict import CONSISTENT, DIFFERS, ENCLOSED, OUT_OF_REACH, PROVED_HERE, REFUTED, VACUOUS
from equivalence.objectives import causal, ebm, gan, gcl, maxent
from mdps import boltzmann, scalars, soft_solution, strategies, trajectories
from mdps.bellman import SoftSolution
from mdps.random_models import random_distribution, random_policy, random_reward

IDS = ("F-01", "F-03", "F-03a", "F-03b", "F-03c", "F-03d", "F-04", "F-04c", "F-04d", "F-05", "F-13", "F-15")
CLAIMS = [c for c in REGISTRY.values() if c.catalogue in (*IDS, "F-19", "M-01", "M-02") and not c.known_false]
ON_SPACES = [c for c in CLAIMS if "mdp" not in c.arguments]
ON_MODELS = [c for c in CLAIMS if "mdp" in c.arguments]
HOLES = [(c, hole) for c in CLAIMS for hole in c.holes]
SPECK = Fraction(1, 10**30)

named = {"ids": lambda x: getattr(x, "name", x)}


def structure_of(claim) -> dict:
    return {key: value for needed in claim.assumes for key, value in needed.structure.items()}


@st.composite
def instances(draw, claim, **keywords):
    """An exact instance of what the claim is about, built to meet what it assumes."""
    if "mdp" not in claim.arguments:
        game = draw(strategies.games(full_support=True if optimal_normalizer in claim.assumes else None))
        return Instance(game._asdict(), "a drawn game")
    shape = {"max_trajectories": 40, "max_states": 3, "max_actions": 2} | keywords | structure_of(claim)
    if optimal_normalizer in claim.assumes:  # it is made so in exact numbers, which need rational weights
        shape["discounts"] = (1,)
    mdp = draw(strategies.models(**shape))
    reward = draw(strategies.rewards(mdp))
    temperature = draw(st.sampled_from([fmpq(1), fmpq(1, 2), fmpq(1, 3)]))
    return Instance(values_on(mdp, reward, temperature, draw(strategies.seeds)), "a drawn model")


def values_on(mdp, reward, temperature, seed):
    """On an MDP the outcomes are its trajectories."""
    rng = np.random.default_rng(seed)
    paths = trajectories(mdp)
    policy = random_policy(rng, mdp)
    return {
        "mdp": mdp,
        "reward": reward,
        "temperature": temperature,
        "policy": policy,
        "energy": trajectory_energy(paths, reward, temperature),
        "sampler": paths.law(policy),
        "data": random_distribution(rng, len(paths), full_support=True),
        "log_normalizer": random_reward(rng, (1,))[0],
    }


@pytest.mark.parametrize("claim", CLAIMS, **named)
@settings(max_examples=20)
@given(data=st.data())
def test_holds_at_every_level(claim, data):
    instance = data.draw(instances(claim))
    exactly = check(claim, instance, "exact")
    assert exactly.outcome in (PROVED_HERE, OUT_OF_REACH), exactly
    in_balls = check(claim, instance, "ball")
    assert in_balls.outcome == ENCLOSED, in_balls
    in_floats = check(claim, instance, "float")
    assert in_floats.outcome == CONSISTENT, in_floats
    assert in_floats.margin <= 1


@pytest.mark.parametrize("claim", ON_SPACES, **named)
def test_is_proved_on_every_game(claim):
    """Nothing about a finite space with rational weights is out of reach of exact arithmetic, or vacuous."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        game = strategies.random_game(rng, 1 + seed % 6, full_support=seed % 2 == 0)
        assert check(claim, Instance(game._asdict(), f"game {seed}"), "exact").outcome in (PROVED_HERE, VACUOUS)


# Where the gradients differ, and by how much ---------------------------------------------------------------------


def pulled_back(paths, to_energy, reward, temperature):
    """A derivative to the energies of trajectories as one to the reward: dE/dr = -counts / alpha."""
    return -sum(x * n for x, n in zip(to_energy, paths.counts(axes="sas"[: reward.ndim]), strict=True)) / temperature


@settings(max_examples=50)
@given(st.data(), strategies.models(max_trajectories=40, max_actions=2, discounts=(1,)))
def test_three_gradients_on_a_model(data, mdp):
    """At the optimal Z the GAN's step is that of GCL, and misses MaxEnt IRL's by the gap of the energies."""
    reward = data.draw(strategies.rewards(mdp))
    temperature = data.draw(st.sampled_from([fmpq(1), fmpq(1, 2)]))
    given_values = values_on(mdp, reward, temperature, data.draw(strategies.seeds))
    values = given_values | optimal_normalizer.establish(given_values)
    energy, sampler, expert, log_z = (values[k] for k in ("energy", "sampler", "data", "log_normalizer"))
    paths = trajectories(mdp)

    def to_reward(to_energy):
        return pulled_back(paths, to_energy, reward, temperature)

    adversarial = to_reward(gan.discriminator_gradient(energy, sampler, expert, log_z).energy)
    guided = to_reward(gcl.gradient(energy, sampler, expert, log_z))
    counts = paths.occupancy(expert, axes="sas"[: reward.ndim])
    likelihood = maxent.gradient(mdp, reward, counts, temperature=temperature)
    assert (adversarial - guided == 0).all()
    assert (likelihood - to_reward(ebm.gradient(energy, expert)) == 0).all()
    share = (expert + sampler) * gan.discriminator(energy, sampler, log_z)
    gap = to_reward(ebm.law(energy) - share)
    assert (adversarial + likelihood == gap).all()  # a loss goes down, a likelihood up


@given(strategies.games(full_support=True, min_outcomes=2))
def test_discriminator_and_gcl_differ_off_the_optimal_normalizer(game):
    """By (p + q) D (1/K - 1), K = sum (p + q) D: at every outcome, unless K = 1."""
    share = (game.data + game.sampler) * gan.discriminator(game.energy, game.sampler, game.log_normalizer)
    difference = gan.discriminator_gradient(*game).energy - gcl.gradient(*game)
    assert (difference == share * (1 / share.sum() - 1)).all()
    assert (difference == 0).all() == (share.sum() == 1) == (gan.discriminator_gradient(*game).log_normalizer == 0)


@given(strategies.games(full_support=True, min_outcomes=2))
def test_discriminator_gradient_is_no_multiple_of_the_likelihood_gradient(game):
    """At q = p_theta it is half of it. Elsewhere no factor makes them the same, unless by chance."""
    own = game._replace(sampler=ebm.law(game.energy), log_normalizer=ebm.log_partition(game.energy))
    exact = -ebm.gradient(game.energy, game.data)
    assert (gan.discriminator_gradient(*own).energy == exact / 2).all()
    found = gan.discriminator_gradient(*game).energy
    gap = ebm.law(game.energy) - (game.data + game.sampler) * gan.discriminator(
        game.energy, game.sampler, game.log_normalizer
    )
    assert (found - exact == gap).all()


def test_a_game_in_which_every_gradient_is_another():
    """Energies log 1, log 2, log 4, uniform sampler, data on the first outcome, Z = 1: all by hand."""
    energy = scalars.log(np.array([1, 2, 4], dtype=object) * fmpq(1))
    sampler, data = np.array([fmpq(1, 3)] * 3), np.array([fmpq(1), fmpq(0), fmpq(0)])
    # p~ = 1, 1/2, 1/4;  D = p~ / (p~ + 1/3) = 3/4, 3/5, 3/7
    assert gan.discriminator(energy, sampler, 0).tolist() == [fmpq(3, 4), fmpq(3, 5), fmpq(3, 7)]
    found = gan.discriminator_gradient(energy, sampler, data, 0)
    assert found.energy.tolist() == [fmpq(0), fmpq(-1, 5), fmpq(-1, 7)]  # p - (p + q) D
    assert found.log_normalizer == fmpq(-12, 35)
    # K = 1 + 1/5 + 1/7 = 47/35
    assert gcl.gradient(energy, sampler, data, 0).tolist() == [fmpq(12, 47), fmpq(-7, 47), fmpq(-5, 47)]
    assert ebm.gradient(energy, data).tolist() == [fmpq(-3, 7), fmpq(2, 7), fmpq(1, 7)]


@given(st.data(), strategies.models(deterministic=False, max_trajectories=40, discounts=(1,)))
def test_maxent_and_causal_gradients_differ_by_their_occupancies(data, mdp):
    """In stochastic dynamics the two models of an expert are two: the same expert, other gradients."""
    reward = data.draw(strategies.rewards(mdp))
    axes = "sas"[: reward.ndim]
    expert = data.draw(strategies.experts(mdp, axes))
    difference = gradient_in_balls(maxent, mdp, reward, expert) - gradient_in_balls(causal, mdp, reward, expert)
    balls = mdp.to("ball"), scalars.convert(reward, "ball")
    policy = soft_solution(*balls).policy
    own = trajectories(balls[0]).occupancy(trajectories(balls[0]).law(policy), axes=axes)
    expected = own - boltzmann.occupancy(*balls, axes=axes)
    assert all(x.overlaps(y) for x, y in zip(difference.ravel(), expected.ravel(), strict=True))


def gradient_in_balls(objective, mdp, reward, expert):
    return objective.gradient(mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, expert)))


# Errors that are planted -----------------------------------------------------------------------------------------


def times(value, factor):
    return value * (fmpq(factor.numerator, factor.denominator))


def tilted(policy, factor):
    """The first action of each row a little more likely, the row normalized again."""
    weights = np.copy(policy)
    weights[..., 0] = times(weights[..., 0], factor)
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total == 0, fmpq(1), total)


def spoiled(right, factor=1 + SPECK, added=Fraction(0)):
    """An implementation that is off by a factor, or by something added."""

    def wrong(*arguments, **keywords):
        result = right(*arguments, **keywords)
        plus = fmpq(added.numerator, added.denominator)
        if isinstance(result, SoftSolution):
            return SoftSolution(result.q, times(result.v, factor) + plus, tilted(result.policy, factor))
        if isinstance(result, tuple):
            return type(result)(*(times(part, factor) + plus for part in result))
        return times(result, factor) + plus

    return wrong


def default_of(claim, hole):
    return claim.statement.__kwdefaults__[hole]


def is_zero(claim, instance) -> bool:
    """Whether both sides are 0, which a factor does not change."""
    conclusion = claim(instance.meeting(claim).values)
    return all(bool(np.all(np.asarray(side) == 0)) for side in conclusion)


@pytest.mark.parametrize("claim, hole", HOLES, **named)
@settings(max_examples=12)
@given(data=st.data())
def test_one_part_in_10_to_the_30_is_refuted(claim, hole, data):
    shape = {"deterministic": True, "min_actions": 2, "unavailable": False} if hole == "solve" else {}
    instance = data.draw(instances(claim, **shape))
    right = default_of(claim, hole)
    assume(check(claim, instance, "exact").outcome == PROVED_HERE)
    if isinstance(claim(instance.meeting(claim).values), AtMost):
        instance = tight(instance)
        wrong = [spoiled(right, 1 + SPECK), spoiled(right, 1 - SPECK)]
        assert check(claim, instance, "exact").outcome == PROVED_HERE
        value = default_of(claim, hole)(instance.values["mdp"], instance.values["reward"]).v[0]
        assume((value != 0).any())
        assert REFUTED in [check(claim, instance, "exact", **{hole: f}).outcome for f in wrong]
    elif is_zero(claim, instance):
        wrong = spoiled(right, Fraction(1), SPECK)
        assert check(claim, instance, "exact", **{hole: wrong}).outcome == REFUTED
    else:
        assert check(claim, instance, "exact", **{hole: spoiled(right)}).outcome == REFUTED


def tight(instance):
    """The instance with the soft-optimal policy itself, where `at most` is `equal`."""
    mdp, reward = instance.values["mdp"], instance.values["reward"]
    policy = soft_solution(mdp, reward, temperature=instance.values["temperature"]).policy
    return Instance({**instance.values, "policy": policy}, "with its soft-optimal policy")


def rolled(result):
    """Off by one outcome."""
    return np.roll(result, 1, axis=-1)


def without_the_last(result):
    """The last term dropped."""
    dropped = np.copy(result)
    dropped[..., -1] = 0 * dropped[..., -1]
    return dropped


COARSE = {"off by one": rolled, "a dropped term": without_the_last, "the other sign": lambda result: -result}
GRADIENTS = [
    (claim, hole) for claim, hole in HOLES if "gradient" in hole and claim.catalogue in ("F-04", "F-04d", "F-19")
]


@pytest.mark.parametrize("mistake", COARSE)
@pytest.mark.parametrize("claim, hole", GRADIENTS, **named)
@settings(max_examples=12)
@given(data=st.data())
def test_coarse_mistakes_are_refuted_wherever_they_change_anything(claim, hole, mistake, data):
    instance = data.draw(instances(claim))
    right, spoil = default_of(claim, hole), COARSE[mistake]
    changed = []

    def wrong(*arguments, **keywords):
        result = right(*arguments, **keywords)
        table = result.energy if isinstance(result, tuple) else result
        other = spoil(table)
        changed.append(bool((other != table).any()))
        return result._replace(energy=other) if isinstance(result, tuple) else other

    verdict = check(claim, instance, "exact", **{hole: wrong})
    if verdict.outcome == PROVED_HERE and "mdp" in claim.arguments and claim.catalogue != "F-19":
        return  # what is wrong about trajectories may add up to the right counts
    assert verdict.outcome in (
        (REFUTED, OUT_OF_REACH, VACUOUS) if any(changed) else (PROVED_HERE, OUT_OF_REACH, VACUOUS)
    )


def test_a_mean_in_place_of_a_sum_is_refuted():
    """Half the loss and its gradient, as of a mini-batch of 2N: the constant is part of the claim."""
    claim = REGISTRY["energy_gradient_of_discriminator_eq_gcl"]
    wrong = spoiled(gan.discriminator_gradient, Fraction(1, 2))
    game = strategies.random_game(np.random.default_rng(1), 4)
    assert check(claim, Instance(game._asdict(), ""), "exact", discriminator_gradient=wrong).outcome == REFUTED


def test_floats_see_a_part_in_10_to_the_12_and_never_prove():
    claim = REGISTRY["importance_weights_eq_twice_discriminator"]
    instance = Instance(strategies.random_game(np.random.default_rng(1), 4)._asdict(), "")

    def weights(*arguments):
        return gcl.importance_weights(*arguments) * (1 + 1e-12)

    assert check(claim, instance, "float").outcome == CONSISTENT
    verdict = check(claim, instance, "float", weights=weights)
    assert verdict.outcome == DIFFERS
    assert verdict.margin > 100
