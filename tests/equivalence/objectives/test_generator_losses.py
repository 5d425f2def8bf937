"""Losses of the sampler with a given discriminator, and the divergences that they follow at the optimal one."""

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, assert_equals, objects, stacked
from enumeration import BALLS, BITS, EXACT, derivatives, nested
from equivalence.objectives import divergences, f_divergences as fd, gan, generator_losses as gl
from equivalence.objectives.tangent import projected
from instances import drawn_games, stacks
from mdps import InvalidArgument, OutOfReach, scalars
from mdps.scalars.balls import precision

# By the probability D of being data, as the papers print them.
BY_DISCRIMINATOR = {
    "saturating": lambda f, weight: f.log(1 - weight / (1 + weight)),
    "non_saturating": lambda f, weight: -f.log(weight / (1 + weight)),
    "logit": lambda f, weight: f.log(1 - weight / (1 + weight)) - f.log(weight / (1 + weight)),
    "maximum_likelihood": lambda f, weight: -weight,
}


def by_definition(f, name, logit, sampler):
    costs = [BY_DISCRIMINATOR[name](f, f.exp(x)) for x in nested(logit, f)]
    loss = sum(q * c for q, c in zip(nested(sampler, f), costs, strict=True))
    return objects(loss), objects(costs)


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("name", gl.LOSSES)
def test_agrees_with_definitions(name, extreme):
    """`extreme`: logits of +-700 nats and beyond, finite and right, or too large for floats and said so."""

    def numbers_of(logit, sampler):
        return gl.loss(name, logit, sampler), gl.gradient(name, logit)

    met = 0
    for games in stacks(drawn_games(240, extreme=extreme), 12):
        if extreme and name == "maximum_likelihood":
            games = [game for game in games if max(float(-e) for e in game.energy) < 700]
        arguments = [(-game.energy, game.sampler) for game in games]
        if not arguments:
            continue
        met += len(arguments)
        with precision(8_000 if extreme else BITS):
            truths = [by_definition(BALLS, name, *one) for one in arguments]
        assert_agrees(numbers_of, stacked(truths), *stacked(arguments), bits=8_000 if extreme else BITS)
        for one in arguments[::4]:
            assert assert_equals(numbers_of, lambda given: by_definition(EXACT, name, *given), *one)
    assert met >= (50 if extreme else 200)


@pytest.mark.parametrize("name", gl.LOSSES)
def test_moving_gradient(name):
    """By power series in q, where the logit is that of a discriminator that is given q: E + log Z stay."""
    met = 0
    for games in stacks((g for g in drawn_games(440) if g.sampler.all()), 12):
        arguments = [(-g.energy - g.log_normalizer - scalars.log(g.sampler),) for g in games]
        met += len(games)
        with precision(BITS):
            truths = []
            for game in games:
                e, z = nested(game.energy, BALLS), BALLS.number(game.log_normalizer)

                def loss(q, e=e, z=z):
                    models = [(-x - z).exp() for x in e]
                    return sum(y * BY_DISCRIMINATOR[name](BALLS, m / y) for y, m in zip(q, models, strict=True))

                truths.append(objects(derivatives(loss, nested(game.sampler, BALLS))))
        assert_agrees(lambda logit: gl.moving_gradient(name, logit), stacked(truths), *stacked(arguments))
    assert met >= 200


def test_what_each_follows_at_the_optimal_discriminator():
    """Exactly, on the simplex: the table in the module's docstring, with the slopes of `f_divergences`."""
    met = 0
    for game in drawn_games(440):
        p, q = game.data, game.sampler
        if not (p * q).all():
            continue
        met += 1
        logit = gan.optimal_logit(q, p)
        middle = (p + q) / 2
        jsd = fd.gradient_to_q("jensen_shannon", p, q)
        reverse = fd.gradient_to_q("reverse_kl", p, q)
        frozen = {
            "saturating": 2 * jsd,
            "non_saturating": reverse - 2 * jsd,
            "logit": reverse,
            "maximum_likelihood": fd.gradient_to_q("kl", p, q),
        }
        kl_to_middle = scalars.log(q) - scalars.log(middle) + 1 - q / (2 * middle)
        moving = {
            "saturating": kl_to_middle,
            "non_saturating": reverse - kl_to_middle,
            "logit": reverse,
            "maximum_likelihood": 0 * q,
        }
        for name in gl.LOSSES:
            assert (projected(gl.gradient(name, logit)) == projected(frozen[name])).all()
            assert (projected(gl.moving_gradient(name, logit)) == projected(moving[name])).all()
        assert gl.loss("maximum_likelihood", logit, q) == -1
        assert gl.loss("logit", logit, q) == divergences.kl(q, p)
        assert gl.loss("saturating", logit, q) == divergences.kl(q, middle) - scalars.log(fmpq(2))
    assert met >= 200


def test_logit_loss_is_the_generator_loss_of_finn():
    for energy, sampler, _, log_normalizer in drawn_games(240):
        sampled = sampler != 0
        logit = np.where(sampled, -energy - log_normalizer, 0 * energy)
        logit = logit - scalars.over(sampled, scalars.log, sampler, otherwise=0 * logit[0])
        assert gl.loss("logit", logit, sampler) == gan.generator_loss(energy, sampler, log_normalizer)


def test_where_the_data_are_never():
    """p = 0 < q: l = -infinity; two losses are 0 there, and two infinite."""
    logit, half = [0.0, -np.inf], [0.5, 0.5]
    assert gl.loss("saturating", logit, half) == -0.5 * np.log(2.0)
    assert gl.gradient("maximum_likelihood", logit).tolist() == [-1.0, 0.0]
    for name in ("non_saturating", "logit"):
        with pytest.raises(InvalidArgument, match=r"logit\[1\] is minus infinity \(p = 0 < q\)"):
            gl.loss(name, logit, half)
        assert np.isfinite(gl.loss(name, logit, [1.0, 0.0]))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: gl.loss("hinge", [0.0], [1.0]), InvalidArgument, "the loss is 'hinge'; expected one of saturating,"),
        (lambda: gl.loss("logit", [0.0, np.nan], [0.5, 0.5]), InvalidArgument, "logit[1] is nan"),
        (lambda: gl.loss("logit", [0.0, np.inf], [0.5, 0.5]), InvalidArgument, "logit[1] is inf"),
        (lambda: gl.loss("logit", [0.0, 0.0], [0.5, 0.6]), InvalidArgument, "sampler sums to 1.1"),
        (lambda: gl.loss("logit", [0.0], [0.5, 0.5]), InvalidArgument, "sampler has shape (2,)"),
        (lambda: gl.gradient("maximum_likelihood", [800.0]), OutOfReach, "is beyond the floats"),
        (lambda: gl.moving_gradient("maximum_likelihood", [800.0]), OutOfReach, "is beyond the floats"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)
