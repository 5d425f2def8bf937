"""Each level says what it may say, and notices what it is sure to notice."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq

from equivalence.claims import REGISTRY, games
from equivalence.claims.assumption import assumption
from equivalence.claims.claim import Claim, at_most, equal
from equivalence.evidence import Instance, check, check_levels, generated_instances
from equivalence.evidence.verdict import (
    CONSISTENT,
    DIFFERS,
    ENCLOSED,
    OUT_OF_REACH,
    PROVED_FOR_ALL,
    PROVED_HERE,
    REFUTED,
    UNDECIDED,
    VACUOUS,
)
from equivalence.objectives import gan
from mdps import InvalidArgument, gallery, scalars

COIN = Instance(games.coin(), "coin")


def claim_that(statement, *, assumes=()):
    """A claim outside the registry."""
    return Claim(statement, "X-00", tuple(assumes), "nowhere")


def test_every_level_has_its_own_word():
    claim = REGISTRY["discriminator_eq_density_ratio"]
    words = [verdict.outcome for verdict in check_levels(claim, COIN, ("float", "ball", "exact", "symbolic"))]
    assert words == [CONSISTENT, ENCLOSED, PROVED_HERE, PROVED_FOR_ALL]


@pytest.mark.parametrize("level", ["ball", "exact"])
def test_a_factor_of_one_plus_1e_30_is_refuted(level):
    def slightly_wrong(energy, sampler, log_normalizer):
        right = gan.discriminator(energy, sampler, log_normalizer)
        speck = scalars.convert(np.array(1 + Fraction(1, 10**30), dtype=object), scalars.level_of(right))
        return right * speck[()]

    claim = REGISTRY["discriminator_eq_density_ratio"]
    assert check(claim, COIN, level, discriminator=slightly_wrong).outcome == REFUTED


@pytest.mark.parametrize("factor", [1 + 2.0**-44, 1 - 2.0**-44])
def test_floats_notice_some_hundred_units_of_roundoff(factor):
    def slightly_wrong(energy, sampler, log_normalizer):
        right = gan.discriminator(energy, sampler, log_normalizer)
        return right * factor if right.dtype == float else right

    claim = REGISTRY["discriminator_eq_density_ratio"]
    verdict = check(claim, COIN, "float", discriminator=slightly_wrong)
    assert verdict.outcome == DIFFERS
    assert verdict.margin is not None
    assert verdict.margin > 1


def test_floats_that_are_not_finite_differ():
    def broken(energy, sampler, log_normalizer):
        right = gan.discriminator(energy, sampler, log_normalizer)
        return np.full_like(right, np.nan) if right.dtype == float else right

    verdict = check(REGISTRY["discriminator_eq_density_ratio"], COIN, "float", discriminator=broken)
    assert verdict.outcome == DIFFERS


def test_balls_do_not_prove_and_leave_an_inequality_at_equality_enclosed():
    tight = claim_that(lambda energy: at_most(scalars.exp(energy), scalars.exp(energy)))
    verdict = check(tight, COIN, "ball")
    assert verdict.outcome == ENCLOSED
    assert verdict.radius is not None
    assert 0 <= verdict.radius < 2.0**-64


def test_a_false_inequality_is_refuted_by_balls_and_exactly():
    false = claim_that(lambda sampler: at_most(sampler, sampler - sampler / 10**30))
    assert check(false, COIN, "ball").outcome == REFUTED
    assert check(false, COIN, "exact").outcome == REFUTED


def test_a_ball_that_never_gets_thin_is_undecided():
    def fat(energy):
        from flint import arb

        blurred = np.array([x + arb(0, 1) for x in energy], dtype=object) if energy.dtype == object else energy
        return equal(blurred, energy)

    assert check(claim_that(fat), COIN, "ball").outcome == UNDECIDED


def test_what_exact_numbers_cannot_express_is_out_of_reach():
    root = claim_that(lambda energy: equal(scalars.exp(energy / 2), scalars.exp(energy / 2)))
    verdict = check(root, COIN, "exact")
    assert verdict.outcome == OUT_OF_REACH
    assert "irrational" in verdict.detail


def test_a_violated_assumption_makes_the_verdict_vacuous_and_is_named():
    @assumption()
    def heads_only(data):
        """The coin never falls on tails."""
        return bool(data[1] == 0)

    verdict = check(claim_that(lambda data: equal(data, data), assumes=[heads_only]), COIN)
    assert verdict.outcome == VACUOUS
    assert verdict.assumption == "heads_only"
    assert "never falls on tails" in verdict.detail


def test_assumptions_are_established_where_they_can_be():
    claim = REGISTRY["optimal_normalizer_eq_importance_estimate"]
    assert COIN.unmet(claim) is claim.assumes[0]
    met = COIN.meeting(claim)
    assert met.unmet(claim) is None
    assert met.values["data"].sum() == 1
    assert all(p > 0 for p in met.values["data"])


def test_symbols_are_free_and_a_wrong_formula_is_refuted():
    claim = REGISTRY["importance_weights_eq_twice_discriminator"]

    def without_the_two(energy, sampler, log_normalizer):
        return gan.discriminator(energy, sampler, log_normalizer)

    assert check(claim, COIN, "symbolic").outcome == PROVED_FOR_ALL
    assert check(claim, COIN, "symbolic", weights=without_the_two).outcome == REFUTED


def test_symbolic_shapes_are_tiny():
    values = dict(zip(("mdp", "reward"), gallery.noisy_walk(), strict=True)) | {"temperature": fmpq(1)}
    values |= {"data": games.probabilities(*range(1, 33))}
    verdict = check(REGISTRY["maxent_gradient_eq_ebm_gradient"], Instance(values, "noisy walk"), "symbolic")
    assert verdict.outcome == OUT_OF_REACH
    assert "free symbols" in verdict.detail


def test_symbols_do_not_refute_what_they_cannot_simplify():
    def with_roots(energy):
        weight = scalars.exp(energy / 2)
        total = weight.sum()
        return equal(total**2, scalars.exp(energy).sum() + 2 * weight.prod())

    assert check(claim_that(with_roots), COIN, "symbolic").outcome in (PROVED_FOR_ALL, UNDECIDED)


def test_an_unknown_level_is_an_error():
    with pytest.raises(InvalidArgument, match="float, ball, exact, field, symbolic"):
        check(REGISTRY["discriminator_eq_density_ratio"], COIN, "certain")


def test_an_inequality_says_how_tight_it_is():
    claim = REGISTRY["causal_entropy_le_minus_dual"]
    details = {check(claim, instance, "ball").detail for instance in generated_instances(claim)}
    assert all(detail.startswith(("rhs - lhs is at least", "tight: ")) for detail in details)
    assert len(details) > 5
