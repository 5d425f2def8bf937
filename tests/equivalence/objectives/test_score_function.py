"""The score-function gradient against derivatives in the logits and against every sample of one and two draws."""

from itertools import product

import numpy as np
import pytest
from flint import fmpq

from agreement import assert_agrees, objects, stacked
from enumeration import BALLS, BITS, derivatives, nested
from equivalence.objectives import adversarial_ebm, ebm, score_function as sf
from equivalence.objectives.tangent import to_logits
from instances import drawn_games, stacks
from mdps import InvalidArgument, scalars
from mdps.scalars.balls import precision


def draws(number):
    """Costs, a sampler, a baseline, and a table of scores with mean 0: mixtures of the score of logits."""
    for i, game in enumerate(drawn_games(number)):
        rng = np.random.default_rng(i)
        cost = scalars.convert(rng.integers(-9, 10, size=len(game.energy)), "exact") / int(rng.integers(1, 9))
        mix = scalars.convert(rng.integers(-2, 3, size=(len(cost), 2)), "exact")
        yield cost, game.sampler, fmpq(int(rng.integers(-5, 6)), 3), sf.logit_score(game.sampler) @ mix


def test_gradient_is_the_derivative_to_the_logits():
    """Of E_q[c] and, with c = E + log q, of E_q[E] - H(q), by power series."""
    for games in stacks((g for g in drawn_games(440) if g.sampler.all()), 12):
        arguments = [(game.energy, game.sampler) for game in games]
        with precision(BITS):
            truths = []
            for energy, sampler in arguments:
                e, q = nested(energy, BALLS), nested(sampler, BALLS)

                def loss(moved, entropy, e=e, q=q):
                    weights = [x * m.exp() for x, m in zip(q, moved, strict=True)]
                    total = sum(weights)
                    laws = [w / total for w in weights]
                    return sum(y * (x + entropy * y.log()) for x, y in zip(e, laws, strict=True))

                still = [0 * x for x in q]
                truths.append(tuple(objects(derivatives(lambda m, h=h, f=loss: f(m, h), still)) for h in (0, 1)))

        def numbers_of(energy, sampler):
            return sf.gradient(energy, sampler), sf.gradient(energy + scalars.log(sampler), sampler)

        assert_agrees(numbers_of, stacked(truths), *stacked(arguments))
        for energy, sampler in arguments:
            slope = adversarial_ebm.gradient_to_sampler(energy, sampler)
            assert (sf.gradient(energy + scalars.log(sampler), sampler) == to_logits(slope, sampler)).all()


def moments(cost, sampler, baseline, score, n_draws):
    """Mean and variance of the mean of so many draws, over every sample."""
    k = score.shape[-1]
    first, second = np.full(k, fmpq(0), dtype=object), np.full(k, fmpq(0), dtype=object)
    for sample in product(range(len(cost)), repeat=n_draws):
        probability = fmpq(1)
        for x in sample:
            probability *= sampler[x]
        estimate = sum(score[x] * (cost[x] - baseline) for x in sample) / n_draws
        first, second = first + probability * estimate, second + probability * estimate * estimate
    return first, second - first * first


def test_mean_and_variance_over_every_sample():
    for cost, sampler, baseline, score in draws(240):
        for table in (None, score):
            s = sf.logit_score(sampler) if table is None else table
            mean, variance = moments(cost, sampler, baseline, s, 1)
            assert (sf.gradient(cost, sampler, score=table) == mean).all()
            assert (sf.variance(cost, sampler, score=table, baseline=baseline) == variance).all()
            each = sf.estimates(cost, sampler, score=table, baseline=baseline)
            assert ((sampler[:, None] * each).sum(axis=0) == mean).all()
            if len(cost) < 5:
                mean_of_two, variance_of_two = moments(cost, sampler, baseline, s, 2)
                assert (mean_of_two == mean).all()
                assert (variance_of_two == variance / 2).all()


def test_floats_and_balls():
    def numbers_of(cost, sampler, baseline, score):
        return (
            sf.gradient(cost, sampler, score=score),
            sf.estimates(cost, sampler, score=score, baseline=baseline),
            sf.variance(cost, sampler, score=score, baseline=baseline),
            sf.variance(cost, sampler, baseline=baseline),
        )

    for given in draws(210):
        cost, sampler, baseline, score = given
        with precision(BITS):
            truth = (
                moments(cost, sampler, baseline, score, 1)[0],
                score * (cost - baseline)[:, None],
                moments(cost, sampler, baseline, score, 1)[1],
                moments(cost, sampler, baseline, sf.logit_score(sampler), 1)[1],
            )
            balls = tuple(scalars.convert(x, "ball") for x in truth)
        assert_agrees(numbers_of, balls, *given)


def test_optimal_baseline():
    """Moving b by h adds h^2 E[s^2] to the variance, exactly, and nothing linear in h."""
    met = 0
    for cost, sampler, h, score in draws(400):
        for table in (None, score):
            s = sf.logit_score(sampler) if table is None else table
            squares = (sampler[:, None] * s * s).sum(axis=0)
            if not squares.all():
                with pytest.raises(InvalidArgument, match="the score is 0 at every draw"):
                    sf.optimal_baseline(cost, sampler, score=table, by_entry=True)
                continue
            met += 1
            best = sf.optimal_baseline(cost, sampler, score=table)
            least = sf.variance(cost, sampler, score=table, baseline=best).sum()
            moved = sf.variance(cost, sampler, score=table, baseline=best + h).sum()
            assert moved - least == h * h * squares.sum()
            each = sf.optimal_baseline(cost, sampler, score=table, by_entry=True)
            least = sf.variance(cost, sampler, score=table, baseline=each)
            assert (sf.variance(cost, sampler, score=table, baseline=each + h) - least == h * h * squares).all()
    assert met >= 200


def test_the_mean_of_the_batch_is_no_baseline():
    """With two draws it halves the gradient; the cost of the other draw does not."""
    for cost, sampler, _, _ in draws(60):
        if len(cost) > 4:
            continue
        s = sf.logit_score(sampler)
        shrunk, fair = (np.full(len(cost), fmpq(0), dtype=object) for _ in range(2))
        for x, y in product(range(len(cost)), repeat=2):
            mean = (cost[x] + cost[y]) / 2
            shrunk = shrunk + sampler[x] * sampler[y] * (s[x] * (cost[x] - mean) + s[y] * (cost[y] - mean)) / 2
            fair = fair + sampler[x] * sampler[y] * (s[x] * (cost[x] - cost[y]) + s[y] * (cost[y] - cost[x])) / 2
        gradient = sf.gradient(cost, sampler)
        assert (2 * shrunk == gradient).all()
        assert (fair == gradient).all()


def test_zero_variance_at_the_model():
    """With q = p_theta the costs E + log q are all -log Z: that baseline has no variance at all."""
    for energy, *_ in drawn_games(60):
        law = ebm.law(energy)
        cost = energy + scalars.log(law)
        assert not sf.variance(np.zeros(len(law), dtype=int), law).any()
        assert (sf.estimates(cost, law, baseline=-ebm.log_partition(energy)) == 0).all()


def test_leading_axes_broadcast():
    cost, sampler = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    assert sf.gradient(cost[:, None], sampler).shape == (2, 2, 2)
    for i in range(2):
        assert (sf.variance(cost, sampler, baseline=1.0)[i] == sf.variance(cost[i], sampler[i], baseline=1.0)).all()
        assert sf.optimal_baseline(cost, sampler)[i] == sf.optimal_baseline(cost[i], sampler[i])


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: sf.gradient([1.0, np.nan], [0.5, 0.5]), "cost[1] is nan"),
        (lambda: sf.gradient([1.0], [0.5, 0.5]), "cost has shape (1,)"),
        (lambda: sf.gradient([1.0, 2.0], [0.5, 0.6]), "sampler sums to 1.1"),
        (lambda: sf.gradient([1.0, 2.0], 1.0), "sampler has shape ()"),
        (lambda: sf.gradient([1.0, 2.0], [0.5, 0.5], score=[1.0, 2.0]), "score has shape (2,)"),
        (lambda: sf.variance([1.0, 2.0], [0.5, 0.5], baseline=[1.0, 2.0, 3.0]), "baseline has shape (3,)"),
        (lambda: sf.optimal_baseline([1.0, 2.0], [1.0, 0.0]), "the score is 0 at every draw"),
        (lambda: sf.logit_score([0.5, 0.6]), "sampler sums to 1.1"),
    ],
)
def test_refusals(call, text):
    with pytest.raises(InvalidArgument) as raised:
        call()
    assert text in str(raised.value)
