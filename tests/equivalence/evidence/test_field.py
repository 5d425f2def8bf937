"""Level `field`: true claims are never refuted, what is near them is, and the error is what it is said to be.

Near-misses are put around one side of a claim (a sign, a factor, a dropped term, an index that is off by one), into its
arguments (the sampler where the data belong, the wrong sign of the energy, Z of another outcome), and into the holes.
"""

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
from flint import fmpq, fmpz

from equivalence.claims import REGISTRY, Claim, games
from equivalence.claims.claim import at_most, equal
from equivalence.evidence import Instance, check, generated_instances
from equivalence.evidence.field import (
    POINTS,
    TARGET,
    _free,
    check_in_field,
    compared,
    seed_of,
    source_digest,
    statement_of,
)
from equivalence.evidence.on_model import instances_on
from equivalence.evidence.sides import flat_sides
from equivalence.evidence.verdict import HOLDS, OUT_OF_REACH, PROVED_FOR_ALL, REFUTED, VACUOUS
from equivalence.objectives import causal, maxent
from mdps import MDP, scalars, soft_solution
from mdps.random_models import random_distribution, random_model, random_reward
from mdps.scalars.field import Field, log2_error
from mdps.scalars.primes import derived_prime, entropy

SPECK = fmpq(1, 10**30)
TRUE = [claim for claim in REGISTRY.values() if not claim.known_false]
SPACES = [claim for claim in TRUE if "mdp" not in claim.arguments]
IDS = ("F-03", "F-04", "F-04d", "F-05", "F-13", "F-15")
IDENTITIES = [claim for claim in SPACES if claim.catalogue in IDS]
ON_TRAJECTORIES = [claim for claim in TRUE if claim.family == "trajectories"]
STEPS = [claim for claim in TRUE if claim.family == "steps"]
named = {"ids": lambda x: getattr(x, "name", x)}


def game(seed: int, n: int = 3) -> Instance:
    rng = np.random.default_rng(seed)
    return Instance(
        {
            "energy": -random_reward(rng, (n,)),
            "sampler": random_distribution(rng, n, full_support=True),
            "data": random_distribution(rng, n, full_support=True),
            "log_normalizer": random_reward(rng, (1,))[0],
            "direction": scalars.convert(rng.integers(-3, 4, size=n), "exact"),
        },
        f"drawn space {seed}",
    )


def model(seed: int, *, horizon: int = 1, denominator: int = 6, **structure) -> Instance:
    rng = np.random.default_rng(seed)
    return instances_on(random_model(rng, 2, 2, horizon, denominator=denominator, **structure), None, seed=seed)[0]


# What holds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", TRUE, **named)
def test_a_true_claim_is_proved_or_out_of_reach(claim):
    for instance in generated_instances(claim):
        verdict = check(claim, instance, "field")
        assert verdict.outcome in (PROVED_FOR_ALL, OUT_OF_REACH), verdict
        if verdict.proof:
            assert verdict.proof.log2_error <= TARGET
            assert fmpz(verdict.proof.prime).is_probable_prime()
            assert verdict.proof.free


@pytest.mark.parametrize("claim", [*IDENTITIES, *STEPS], **named)
def test_the_identities_of_the_main_job_are_within_reach(claim):
    instances = (
        [game(0, 2), game(1, 5)] if claim in IDENTITIES else [model(0), model(1), model(2, discount=fmpq(9, 10))]
    )
    outcomes = [check(claim, instance, "field").outcome for instance in instances]
    assert set(outcomes) <= {PROVED_FOR_ALL, VACUOUS}
    assert PROVED_FOR_ALL in outcomes


PRIMES = [derived_prime(seed_of({}, i), 128) for i in range(3)]


def holds_at_points(claim: Claim, instance: Instance, points: range) -> int:
    """How many derived points there are at which both sides agree; a difference fails."""
    instance = instance.meeting(claim)
    agreed = 0
    for i in points:
        field = Field(PRIMES[i % len(PRIMES)], seed_of({"claim": claim.name}, i))
        with field.current():
            different, _ = compared(field, *flat_sides(claim(_free(field, claim, instance).values)))
        assert not different, (claim.name, i, different)
        agreed += 1
    return agreed


ALWAYS = [*IDENTITIES, *STEPS]


@pytest.mark.parametrize("claim", ALWAYS, **named)
def test_true_claims_hold_at_every_derived_point(claim):
    instance = game(2, 2) if claim in IDENTITIES else model(3)
    assert holds_at_points(claim, instance, range(60)) == 60


@pytest.mark.slow
@pytest.mark.parametrize("claim", ALWAYS, **named)
def test_true_claims_hold_at_ten_thousand_derived_points_in_all(claim):
    each = math.ceil(10_000 / len(ALWAYS) / 20)
    for seed in range(20):
        instance = game(seed, 2 + seed % 2) if claim in IDENTITIES else model(seed)
        assert holds_at_points(claim, instance, range(seed * each, (seed + 1) * each)) == each


# What is near and false ----------------------------------------------------------------------------------------------


def at(side, i, change):
    """One entry changed."""
    flat = np.array(side, dtype=object).ravel()
    flat[i] = change(flat[i])
    return flat.reshape(np.shape(side))[()]


AROUND_A_SIDE = {
    "another sign": lambda x: -x,
    "twice": lambda x: 2 * x,
    "half": lambda x: x / 2,
    "two thirds": lambda x: x * fmpq(2, 3),
    "a mean over the outcomes": lambda x: x / 7,
    "1 + 1e-30 times": lambda x: x * (1 + SPECK),
    "1 - 1e-30 times": lambda x: x * (1 - SPECK),
    "1e-30 more": lambda x: x + SPECK,
    "1 more": lambda x: x + 1,
    "true modulo 2^521 - 1": lambda x: x * (2**521 - 1 + 1),
    "true modulo 2^521 - 1, added": lambda x: x + (2**521 - 1),
    "true modulo 2^61 - 1": lambda x: x + x * (2**61 - 1),
    "first entry 0": lambda x: at(x, 0, lambda y: 0 * y),
    "last entry twice": lambda x: at(x, -1, lambda y: 2 * y),
    "1e-30 in the last entry": lambda x: at(x, -1, lambda y: y + SPECK),
    "1 + 1e-30 in the first": lambda x: at(x, 0, lambda y: y * (1 + SPECK)),
    "first entry with another sign": lambda x: at(x, 0, lambda y: -y),
    "entries in another order": lambda x: x[::-1] if np.ndim(x) else x + x,
    "off by one entry": lambda x: np.roll(x, 1) if np.ndim(x) else x - 3 * x,
    "their sum": lambda x: np.cumsum(x).reshape(x.shape) if np.ndim(x) else x * 3,
    "first entry added to the last": lambda x: x + x[0] if np.ndim(x) else x * 5,
}


def with_arguments(change):
    """The right side of a claim for other arguments than the left."""

    def wrong(claim, values):
        return equal(claim(values).lhs, claim({**values, **change(values)}).rhs)

    return wrong


def around(change, side):
    def wrong(claim, values):
        sides = list(claim(values))
        sides[side] = change(sides[side])
        return equal(*sides)

    return wrong


IN_ARGUMENTS = {
    "the other sign of the energy": lambda v: {"energy": -v["energy"]},
    "energies off by one": lambda v: {"energy": np.roll(v["energy"], 1)},
    "half the energies": lambda v: {"energy": v["energy"] * 2},
    "sampler off by one": lambda v: {"sampler": np.roll(v["sampler"], 1)},
    "the other sign of log Z": lambda v: {"log_normalizer": -v["log_normalizer"]},
    "an energy forgotten": lambda v: {"energy": at(v["energy"], 0, lambda x: 0 * x)},
}
SWAPS = {
    "p and q swapped": lambda v: {"data": v["sampler"], "sampler": v["data"]},
    "p in place of q": lambda v: {"sampler": v["data"]},
    "q in place of p": lambda v: {"data": v["sampler"]},
}


def falsified(claim: Claim, wrong) -> Claim:
    """The claim with another conclusion."""

    @functools.wraps(claim.statement)
    def statement(**arguments):
        return wrong(claim, arguments)

    return replace(claim, statement=statement)


def near_misses(claim):
    for side in (0, 1):
        for name, change in AROUND_A_SIDE.items():
            yield f"{name} (side {side})", around(change, side)
    if "mdp" in claim.arguments:
        return
    for name, change in {**IN_ARGUMENTS, **(SWAPS if "data" in claim.arguments else {})}.items():
        yield name, with_arguments(change)


# Sums of logarithms of numbers that may depend on each other, log D and log(1 - D): most differences stay out of reach.
FORMAL_SUMS = ("generator_loss_eq_log_odds_of_discriminator",)


@pytest.mark.parametrize("claim", [*IDENTITIES, *ON_TRAJECTORIES, *STEPS], **named)
def test_near_misses_of_an_identity_are_refuted(claim):
    instance = game(5, 3) if claim in IDENTITIES else model(5, full_support=True)
    assert check(claim, instance, "field").outcome == PROVED_FOR_ALL
    outcomes = {}
    for name, wrong in near_misses(claim):
        false = falsified(claim, wrong)
        exactly = check(false, instance, "exact").outcome
        if exactly in HOLDS:  # it changes nothing on this instance: then it may change nothing at all
            continue
        outcomes[name] = check(false, instance, "field").outcome
    assert len(outcomes) >= 20
    refuted = sum(outcome == REFUTED for outcome in outcomes.values())
    assert set(outcomes.values()) <= ({REFUTED, OUT_OF_REACH} if claim.catalogue == "F-05" else {REFUTED}), outcomes
    assert refuted >= (1 if claim.name in FORMAL_SUMS else 20), outcomes


BACKUPS = {
    "hard maximum": lambda m, r, t: soft_solution(m, r * 2, temperature=t),
    "no continuation": lambda m, r, t: soft_solution(m.with_final_value(0 * m.final_value), r, temperature=t),
    "continuation twice": lambda m, r, t: soft_solution(m.with_final_value(2 * m.final_value), r, temperature=t),
    "one step too many": lambda m, r, t: soft_solution(replace_horizon(m, 2), r, temperature=t),
    "half the temperature": lambda m, r, t: soft_solution(m, r, temperature=t / 2),
    "temperature in v twice": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), v=lambda v: v * 2),
    "v is 1 + 1e-30 times": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), v=lambda v: v * (1 + SPECK)),
    "policy is 1 + 1e-30 times": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), p=lambda p: p * (1 + SPECK)),
    "policy off by one": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), p=lambda p: np.roll(p, 1, axis=-1)),
    "policy of another state": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), p=lambda p: p[:, ::-1]),
    "uniform policy": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), p=lambda p: 0 * p + fmpq(1, 2)),
    "squared policy": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), p=lambda p: p * p),
    "policy with another sign": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), p=lambda p: -p),
    "v of another state": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), v=lambda v: v[:, ::-1]),
    "v with another sign": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), v=lambda v: -v),
    "v without the temperature": lambda m, r, t: spoil(soft_solution(m, r, temperature=t), v=lambda v: v / 3),
    "first action alone": lambda m, r, t: spoil(
        soft_solution(m, r, temperature=t), p=lambda p: np.stack([p[..., 0] + p[..., 1], 0 * p[..., 1]], axis=-1)
    ),
    "reward forgotten": lambda m, r, t: soft_solution(m, 0 * r, temperature=t),
    "reward with another sign": lambda m, r, t: soft_solution(m, -r, temperature=t),
    "reward 1 + 1e-30 times, as a derivative": lambda m, r, t: spoil(
        soft_solution(m, r, temperature=t), v=lambda v: v + SPECK * v
    ),
    "reward twice in v": lambda m, r, t: spoil(
        soft_solution(m, r, temperature=t), v=lambda v: v + np.asarray(r).reshape(2, -1)[:, 0]
    ),
    "true modulo 2^521 - 1": lambda m, r, t: spoil(
        soft_solution(m, r, temperature=t), p=lambda p: p + p * (2**521 - 1)
    ),
}


def replace_horizon(m: MDP, horizon: int) -> MDP:
    import copy

    other = copy.copy(m)
    object.__setattr__(other, "horizon", horizon)
    return other


def spoil(solution, v=lambda v: v, p=lambda p: p):
    return solution._replace(v=v(solution.v), policy=p(solution.policy))


RIGHT_ALL_THE_SAME = {
    "soft_backup_derivative_eq_expected_derivative": "half the temperature",  # which the statement does not mention
    "soft_backup_curvature_eq_expected_curvature_plus_variance": "reward twice in v",  # of which the curvature is 0
}


@pytest.mark.parametrize("claim", [c for c in STEPS if "solve" in c.holes], **named)
def test_wrong_backups_are_refuted_in_one_step(claim):
    instance = model(3, full_support=True, denominator=6)
    assert check(claim, instance, "field").outcome == PROVED_FOR_ALL
    outcomes = {
        name: check(
            claim, instance, "field", solve=lambda m, r, *, temperature=1, wrong=wrong: wrong(m, r, temperature)
        )
        for name, wrong in BACKUPS.items()
    }
    outcomes = {name: verdict.outcome for name, verdict in outcomes.items()}
    assert {name for name, outcome in outcomes.items() if outcome == PROVED_FOR_ALL} == {RIGHT_ALL_THE_SAME[claim.name]}
    assert set(outcomes.values()) <= {REFUTED, OUT_OF_REACH, PROVED_FOR_ALL}, outcomes
    assert sum(outcome == REFUTED for outcome in outcomes.values()) >= 20, outcomes


def test_an_implementation_that_is_wrong_by_a_speck_is_refuted_in_every_hole():
    for claim in IDENTITIES:
        instance = game(6, 3)
        for hole in claim.holes:
            right = claim.statement.__kwdefaults__[hole]

            def wrong(*arguments, right=right):
                result = right(*arguments)
                return (
                    type(result)(*(x * (1 + SPECK) for x in result))
                    if isinstance(result, tuple)
                    else result * (1 + SPECK)
                )

            outcome = check(claim, instance, "field", **{hole: wrong}).outcome
            assert outcome in ((REFUTED, OUT_OF_REACH) if claim.name in FORMAL_SUMS else (REFUTED,)), (claim.name, hole)


GRADIENTS = {
    "causal_gradient_eq_derivative_of_dual": causal.gradient,
    "maxent_gradient_eq_derivative_of_likelihood": maxent.gradient,
    "maxent_gradient_eq_ebm_gradient": maxent.gradient,
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_wrong_gradients_of_several_steps_are_refuted(name):
    """With roots (odd denominators) too: a horizon that is off by one, counts of another policy, a wrong adjoint."""
    claim, right = REGISTRY[name], GRADIENTS[name]
    instance = model(8, horizon=3, denominator=5, full_support=True)
    assert check(claim, instance, "field").outcome == PROVED_FOR_ALL

    def swapped(m: MDP, r, expert, t):
        transposed = MDP(
            m.transition.swapaxes(0, 1) if m.n_actions == m.n_states else m.transition, m.initial, horizon=3
        )
        return right(transposed, r, expert, temperature=t)

    wrong = {
        "one step fewer": lambda m, r, e, t: right(replace(m, horizon=2), r, e / 2, temperature=t),
        "one step more": lambda m, r, e, t: right(replace(m, horizon=4), r, e * 2, temperature=t),
        "a speck": lambda m, r, e, t: right(m, r, e, temperature=t) * (1 + SPECK),
        "a speck in one entry": lambda m, r, e, t: at(right(m, r, e, temperature=t), 1, lambda x: x + SPECK),
        "another sign": lambda m, r, e, t: -right(m, r, e, temperature=t),
        "half": lambda m, r, e, t: right(m, r, e, temperature=t) / 2,
        "temperature forgotten": lambda m, r, e, t: right(m, 2 * r, e, temperature=t),
        "reward forgotten": lambda m, r, e, t: right(m, 0 * r, e, temperature=t),
        "another adjoint": swapped,
        "states in another order": lambda m, r, e, t: right(m, r, e, temperature=t)[::-1],
        "a dropped entry": lambda m, r, e, t: at(right(m, r, e, temperature=t), 0, lambda x: 0 * x),
        "true modulo 2^521 - 1": lambda m, r, e, t: right(m, r, e, temperature=t) * 2**521,
    }
    for text, gradient in wrong.items():
        hole = lambda m, r, e, *, temperature=1, g=gradient: g(m, r, e, temperature)  # noqa: E731
        verdict = check(claim, instance, "field", gradient=hole)
        assert verdict.outcome == REFUTED, (text, verdict)


@pytest.mark.parametrize("denominator", [3, 5, 7])
@pytest.mark.parametrize("horizon", [2, 3])
def test_unique_roots_reach_several_steps_of_odd_denominators(denominator, horizon):
    claim = REGISTRY["causal_gradient_eq_derivative_of_dual"]
    for seed in range(2):
        instance = model(seed, horizon=horizon, denominator=denominator, full_support=True)
        denominators = {int(x.q) for x in instance.values["mdp"].transition.ravel()}
        verdict = check(claim, instance, "field")
        assert verdict.outcome == PROVED_FOR_ALL, verdict
        assert verdict.proof is not None
        assert math.gcd(math.lcm(*denominators), verdict.proof.prime - 1) == 1


def test_even_denominators_of_several_steps_are_out_of_reach_and_those_of_one_are_not():
    claim = REGISTRY["causal_gradient_eq_derivative_of_dual"]
    verdict = check(claim, model(1, horizon=3, denominator=4, full_support=True), "field")
    assert verdict.outcome == OUT_OF_REACH
    assert "not unique in this field; the claims about one step hold for every horizon" in verdict.detail
    for step in STEPS:
        assert check(step, model(1, denominator=4, full_support=True), "field").outcome == PROVED_FOR_ALL


# What prime and point derive from ------------------------------------------------------------------------------------


def test_everything_outside_the_quantifier_moves_the_point_and_nothing_inside_does():
    claim = REGISTRY["soft_backup_derivative_eq_expected_derivative"]
    instance = model(4)
    mdp = instance.values["mdp"]

    def seed(**changed) -> bytes:
        return seed_of(statement_of(claim, Instance({**instance.values, **changed}, "")), 0)

    same = seed()
    assert seed(reward=2 * instance.values["reward"]) == same
    assert seed(continuation=instance.values["continuation"][::-1]) == same
    others = [
        seed(mdp=MDP(mdp.transition[::-1], mdp.initial, horizon=1)),
        seed(mdp=MDP(mdp.transition, mdp.initial[::-1] if mdp.initial[0] != mdp.initial[1] else [1, 0], horizon=1)),
        seed(mdp=replace(mdp, horizon=2)),
        seed(mdp=replace(mdp, discount=fmpq(1, 2))),
        seed(mdp=replace(mdp, final_value=1)),
        seed(temperature=fmpq(1, 3)),
        seed(
            reward=instance.values["reward"][:, :1]
            if instance.values["reward"].ndim > 1
            else instance.values["reward"][:1]
        ),
        seed_of(statement_of(claim, instance), 1),
        seed_of(statement_of(REGISTRY["soft_backup_curvature_eq_expected_curvature_plus_variance"], instance), 0),
        seed_of(statement_of(claim, instance, solve=lambda *a, **k: soft_solution(*a, **k)), 0),
    ]
    assert len({same, *others}) == 11


def test_zeros_of_distributions_move_the_point():
    claim = REGISTRY["energy_gradient_of_discriminator_eq_gcl"]
    full = game(0, 3).values
    pattern = {**full, "sampler": games.probabilities(1, 1, 0)}
    other = {**full, "sampler": games.probabilities(0, 1, 1)}
    same = {**full, "sampler": games.probabilities(1, 5, 0)}
    seeds = [seed_of(statement_of(claim, Instance(v, "")), 0) for v in (full, pattern, other, same)]
    assert seeds[1] == seeds[3]
    assert len(set(seeds)) == 3


def test_what_an_assumption_is_about_is_fixed_and_moves_the_point():
    claim = REGISTRY["dual_plus_final_value_eq_log_likelihood"]
    statement = statement_of(claim, model(2, horizon=2))
    assert "data" in statement["fixed"]
    assert "reward" not in statement["fixed"]
    assert statement["source"] == source_digest()


def test_a_claim_of_ones_own_and_its_numbers_are_in_the_hash():
    def claim_with(factor):
        return Claim(lambda energy: equal(energy * factor, energy * factor), "X-00", (), "nowhere")

    coin = Instance(games.coin(), "coin")
    texts = [str(statement_of(claim_with(factor), coin)["foreign"]) for factor in (2, 3, 2)]
    assert texts[0] == texts[2] != texts[1]


# What is said --------------------------------------------------------------------------------------------------------


def test_the_error_is_that_of_degree_height_and_prime():
    finding = check_in_field(REGISTRY["discriminator_gradient_gap_to_gcl"], game(1, 4))
    proof = finding.proof
    assert proof is not None
    assert (
        proof.log2_error
        == log2_error(proof.prime, entropy(proof.prime.bit_length()), proof.degree, proof.height) + POINTS
    )
    assert proof.log2_error <= TARGET
    assert proof.free == ("energy", "sampler", "data", "log_normalizer")
    assert proof.branches == 0


def test_only_what_is_free_is_said_to_be():
    proof = check_in_field(REGISTRY["discriminator_gradient_eq_half_likelihood_gradient"], game(1, 4)).proof
    assert proof is not None
    assert proof.free == ("energy", "data")  # q and Z follow from E


def test_longer_primes_are_taken_where_degrees_are_large():
    claim = Claim(lambda sampler: equal(sampler**2**120, sampler**2**119 * sampler**2**119), "X-00", (), "nowhere")
    finding = check_in_field(claim, Instance(games.coin(), "coin"))
    assert finding.outcome == PROVED_FOR_ALL
    assert finding.proof is not None
    assert finding.proof.degree >= 2**120
    assert finding.proof.prime.bit_length() > 521 or finding.proof.log2_error <= TARGET
    huge = Claim(lambda sampler: equal(sampler**2**9000, sampler**2**9000 * 1), "X-00", (), "nowhere")
    assert check(huge, Instance(games.coin(), "coin"), "field").outcome == OUT_OF_REACH


def test_comparisons_follow_the_instance_and_are_counted():
    claim = Claim(lambda sampler: equal(max(sampler), sampler[0]), "X-00", (), "nowhere")
    first = Instance({"sampler": games.probabilities(3, 1, 2)}, "first")
    verdict = check(claim, first, "field")
    assert verdict.outcome == PROVED_FOR_ALL  # on this path of branches
    assert verdict.proof is not None
    assert verdict.proof.branches == 2
    assert check(claim, Instance({"sampler": games.probabilities(1, 3, 2)}, "second"), "field").outcome == REFUTED
    tie = check(claim, Instance({"sampler": games.probabilities(1, 1, 2)}, "tie"), "field")
    assert tie.outcome == OUT_OF_REACH
    assert "tie" in tie.detail


def test_masks_on_the_way_are_counted():
    def masked(sampler):
        same = sampler - (sampler + 1 - 1)
        return equal(np.where(scalars.zero_mask(same), sampler, 0 * sampler), sampler)

    proof = check_in_field(Claim(masked, "X-00", (), "nowhere"), Instance(games.coin(), "coin")).proof
    assert proof is not None
    assert proof.height > 0


def test_a_denominator_that_is_identically_zero_is_out_of_reach():
    claim = Claim(lambda sampler: equal(1 / (sampler - sampler), sampler), "X-00", (), "nowhere")
    verdict = check(claim, Instance(games.coin(), "coin"), "field")
    assert verdict.outcome == OUT_OF_REACH
    assert "identically 0" in verdict.detail


def test_what_has_no_value_in_a_field_is_out_of_reach():
    coin = Instance(games.coin(), "coin")
    for statement, words in (
        (lambda sampler: at_most(sampler, sampler), "no order"),
        (lambda sampler: equal(scalars.exp(sampler), scalars.exp(sampler)), "no value in a finite field"),
        (lambda features: equal(features, features), "nothing that the claim is about is free"),
    ):
        instance = Instance({**coin.values, "features": games.numbers(1, 2)}, "coin")
        verdict = check(Claim(statement, "X-00", (), "nowhere"), instance, "field")
        assert verdict.outcome == OUT_OF_REACH
        assert words in verdict.detail


def test_arguments_that_nobody_declared_free_stay_what_they_are():
    """A name that is not known is no free number: what it must satisfy is not known either."""
    claim = Claim(lambda sampler, prior: equal(sampler * prior.sum(), sampler), "X-00", (), "nowhere")
    coin = Instance({"sampler": games.probabilities(1, 2), "prior": games.probabilities(1, 3)}, "coin")
    assert check(claim, coin, "field").outcome == PROVED_FOR_ALL
    assert statement_of(claim, coin)["fixed"] == {"prior": ["1/4", "3/4"]}


def test_discounted_identities_hold_for_all_policies_values_dynamics_and_discounts():
    for name in ("soft_backup_of_inverse_reward_eq_value", "soft_policy_of_inverse_reward_eq_policy"):
        claim = REGISTRY[name]
        for instance in generated_instances(claim):
            verdict = check(claim, instance, "field")
            assert verdict.outcome == PROVED_FOR_ALL
            assert {"continuation", "discounting"} <= set(verdict.proof.free)
            mdp = instance.values["mdp"]
            assert ("policy" in verdict.proof.free) == bool((mdp.available.sum(axis=-1) > 1).any())
            assert ("dynamics" in verdict.proof.free) == bool((mdp.support.sum(axis=-1) > 1).any())
