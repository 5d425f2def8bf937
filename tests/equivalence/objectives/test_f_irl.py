"""f-IRL: loss and gradient against power series over every trajectory, and where the policy's covariance is wrong."""

from functools import partial

import numpy as np
import pytest

from agreement import assert_agrees, objects, overlap
from enumeration import (
    BALLS,
    BITS,
    boltzmann,
    derivatives,
    nested,
    paths,
    plain,
    soft_action_value,
    soft_value,
)
from equivalence.objectives import f_irl
from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, OutOfReach, gallery, occupancy, scalars
from mdps.random_models import random_policy, random_reward
from mdps.scalars.balls import precision

GENERATORS = {
    "kl": lambda p, q: p * (p / q).log(),
    "reverse_kl": lambda p, q: q * (q / p).log(),
    "jensen_shannon": lambda p, q: (p * (2 * p / (p + q)).log() + q * (2 * q / (p + q)).log()) / 2,
    "pearson": lambda p, q: (p - q) * (p - q) / q,
}


def numbers_of(f, law, mdp, reward, expert, temperature):
    given = {"f": f, "law": law, "temperature": temperature}
    return f_irl.divergence_loss(mdp, reward, expert, **given), f_irl.gradient(mdp, reward, expert, **given)


def law_of(model, walked, law, alpha, reward):
    """The MaxEnt law, or that of the soft policy, step by step down the tree."""
    if law == "trajectories":
        return boltzmann(model, walked, BALLS, reward, "s", alpha).law
    memo = {}

    def choice(t, s, a):
        if (t, s, a) not in memo:
            q = soft_action_value(model, BALLS, reward, "s", alpha, t, s, a)
            memo[t, s, a] = ((q - soft_value(model, BALLS, reward, "s", alpha, t, s)) / alpha).exp()
        return memo[t, s, a]

    found = []
    for path in walked:
        p = path.dynamics
        for t, a in enumerate(path.actions):
            p = p * choice(t, path.states[t], a)
        found.append(p)
    return found


def loss_of(model, walked, f, law, alpha, expert, reward):
    mass = sum(model.gamma**t for t in range(model.horizon))
    n = {}
    for p, path in zip(law_of(model, walked, law, alpha, reward), walked, strict=True):
        for t, _ in enumerate(path.actions):
            s = path.states[t]
            n[s] = n.get(s, 0) + model.gamma**t * p / mass
    return sum(GENERATORS[f](expert[s] / mass, n[s]) for s in n)


@each_kind
def test_agrees_with_power_series(kind):
    for number, (mdp, temperature, _, rng) in enumerate(models_of(kind)):
        if number % 6 != len(kind) % 6 or (mdp.terminal & (mdp.initial != 0)).any():
            continue
        reward = random_reward(rng, (mdp.n_states,))
        expert = occupancy(mdp, random_policy(rng, mdp), axes="s")
        f, law = list(GENERATORS)[number % 4], ("trajectories", "policy")[number // 6 % 2]
        with precision(BITS):
            model = plain(mdp, BALLS)
            loss = partial(loss_of, model, paths(model), f, law, BALLS.number(temperature), nested(expert, BALLS))
            r = nested(reward, BALLS)
            expected = objects(loss(r)), objects(derivatives(loss, r))
        assert_agrees(partial(numbers_of, f, law), expected, mdp, reward, expert, temperature)


def test_the_two_laws_agree_where_the_paper_says():
    """T-09: deterministic dynamics, one start, discount 1; there the policy's covariance is the gradient, too."""
    for kind in ("deterministic-single_start", "deterministic-single_start-unavailable"):
        for number, (mdp, _, _, rng) in enumerate(models_of(kind)):
            if mdp.discount != 1 or (mdp.terminal & (mdp.initial != 0)).any():
                continue
            reward, expert = random_reward(rng, (mdp.n_states,)), occupancy(mdp, random_policy(rng, mdp), axes="s")
            with precision(BITS):
                ball, r, counts = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, expert))
                f = list(GENERATORS)[number % 4]
                right = f_irl.gradient(ball, r, counts, f=f, law="policy")
                assert overlap(f_irl.gradient(ball, r, counts, f=f, law="trajectories"), right)
                assert overlap(f_irl.covariance_of_policy(ball, r, counts, f=f), right)


def covariance(mdp, reward, expert, f, alpha):
    """Cov(sum gamma^t h(s_t), counts) / (M alpha) over every trajectory of the soft policy, h the slope of D_f to n."""
    model = plain(mdp, BALLS)
    walked, r = paths(model), nested(reward, BALLS)
    law = law_of(model, walked, "policy", alpha, r)
    mass = sum(model.gamma**t for t in range(model.horizon))
    counted = []
    for path in walked:
        counts = [BALLS.number(0)] * mdp.n_states
        for t, _ in enumerate(path.actions):
            counts[path.states[t]] = counts[path.states[t]] + model.gamma**t
        counted.append(counts)
    mean = [sum(p * c[s] for p, c in zip(law, counted, strict=True)) for s in range(mdp.n_states)]
    visited = [s for s in range(mdp.n_states) if any(c[s] != 0 for c in counted)]
    expert = nested(expert, BALLS)
    slopes = derivatives(
        lambda n: sum(GENERATORS[f](expert[s] / mass, x) for s, x in zip(visited, n, strict=True)),
        [mean[s] / mass for s in visited],
    )
    out = []
    for y in range(mdp.n_states):
        total = BALLS.number(0)
        for p, c in zip(law, counted, strict=True):
            h = sum(slope * c[s] for s, slope in zip(visited, slopes, strict=True))
            total = total + p * h * (c[y] - mean[y])
        out.append(total / mass / alpha)
    return objects(out)


def test_covariance_of_the_policy_is_no_gradient_in_general():
    wrong = 0
    for kind in ("plain", "terminal", "unavailable"):
        for number, (mdp, temperature, _, rng) in enumerate(models_of(kind)):
            if (mdp.terminal & (mdp.initial != 0)).any():
                continue
            reward, expert = random_reward(rng, (mdp.n_states,)), occupancy(mdp, random_policy(rng, mdp), axes="s")
            f = list(GENERATORS)[number % 4]
            with precision(BITS):
                ball, r, counts = mdp.to("ball"), *(scalars.convert(x, "ball") for x in (reward, expert))
                found = f_irl.covariance_of_policy(ball, r, counts, f=f, temperature=temperature)
                assert overlap(found, covariance(mdp, reward, expert, f, BALLS.number(temperature)))
                right = f_irl.gradient(ball, r, counts, f=f, law="policy", temperature=temperature)
                wrong += any(not x.overlaps(y) for x, y in zip(found, right, strict=True))
    assert wrong > 100


def test_far_numbers():
    """Rewards of +-1000 a step: the law is all but certain, and divergence and gradient are finite."""
    mdp, _ = gallery.fork()
    floats = mdp.to("float")
    expert = occupancy(floats, [[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]], axes="s")
    loss = f_irl.divergence_loss(floats, np.array([0.0, 300.0, -300.0]), expert)
    # n = (1/2, 1/2, e^-600 / 2) and n_E = (1/2, 1/4, 1/4): KL = 1/4 log(1/2) + 1/4 (600 - log 2)
    assert abs(loss - (150 - np.log(2) / 2)) <= 16 * np.spacing(150.0)
    assert np.isfinite(f_irl.gradient(floats, np.array([0.0, 300.0, -300.0]), expert)).all()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda m, e: f_irl.gradient(m, np.zeros((3, 2)), e), InvalidArgument, "expected (3,), a reward of states"),
        (lambda m, e: f_irl.gradient(m, np.zeros(3), e, law="soft"), InvalidArgument, "law is 'soft'"),
        (lambda m, e: f_irl.gradient(m, np.zeros(3), e, f="none"), InvalidArgument, "f is 'none'"),
        (lambda m, e: f_irl.gradient(m.broadcast_to(2), np.zeros((2, 3)), e), InvalidArgument, "the model is a stack"),
        (
            lambda m, e: f_irl.gradient(MDP(m.transition, m.initial, horizon=None, discount=0.5), np.zeros(3), e),
            OutOfReach,
            "horizon",
        ),
    ],
)
def test_bad_input(call, error, message):
    mdp = gallery.fork()[0].to("float")
    with pytest.raises(error) as raised:
        call(mdp, occupancy(mdp, [[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]], axes="s"))
    assert message in str(raised.value)
