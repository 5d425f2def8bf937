"""Targets on finite spaces and responses: their instances, their references by second roads, and code in plain numpy.

That every reference is right over floats and a spoiled one is not stands in test_targets; that every piece of the
museum is refuted and every twin agrees, in test_museum.
"""

from functools import cache

import numpy as np
import pytest
from flint import arb, fmpq
from scipy.special import expit, logsumexp, softmax

from equivalence.objectives import bridge, f_generators, generator_losses
from equivalence.testing import TARGETS, judge
from equivalence.testing.adapters.cases import cases
from equivalence.testing.adapters.free import free_arguments, odd_part
from equivalence.testing.adapters.over_field import over_field
from equivalence.testing.adapters.subject import subject_of
from equivalence.testing.generator import instances
from equivalence.testing.kinds import kinds_for
from equivalence.testing.museum import noise, preferences
from equivalence.testing.question import question
from equivalence.testing.targets import target_and_rest
from equivalence.testing.targets.responses import RESPONSES
from equivalence.testing.targets.responses_arguments import TREES
from equivalence.testing.targets.spaces_divergences import CRITICS, DIVERGENCES
from equivalence.testing.targets.spaces_games import GAMES
from equivalence.testing.targets.spaces_models import MODELS
from equivalence.testing.targets.spaces_noise import NOISE
from equivalence.testing.targets.spaces_weights import WEIGHTS
from mdps import OutOfReach, scalars
from mdps.scalars.balls import precision
from mdps.scalars.field import Field
from mdps.scalars.primes import derived_prime
from mdps.scalars.rounding import Tape

NAMES = [row.name for row in (*MODELS, *NOISE, *GAMES, *WEIGHTS, *DIVERGENCES, *RESPONSES)]
PIECES = (*noise.PIECES, *preferences.PIECES)
FEW = 12


def drawn(name, count=40, **options):
    target = TARGETS[name]
    return target, list(instances(target, kinds_for(target, options), count, 5))


# Which there are


def test_names_are_different_and_forms_are_all_there():
    assert len(set(NAMES)) == len(NAMES) >= 240
    for function, forms in (
        ("bridge.asymptotic_variance", bridge.BRIDGES),
        ("bridge.log_normalizer", bridge.BRIDGES),
        ("generator_losses.loss", generator_losses.LOSSES),
        ("generator_losses.moving_gradient", generator_losses.LOSSES),
        ("f_divergences.f_divergence", f_generators.GENERATORS),
        ("f_divergences.critic_gradient", f_generators.GENERATORS),
    ):
        assert {name for name in NAMES if name.startswith(f"{function}.")} == {f"{function}.{form}" for form in forms}


@pytest.mark.parametrize("name", NAMES)
def test_subjects_are_given_plain_arrays_and_numbers(name):
    target, found = drawn(name, 8)
    asked = next(q for instance in found if (q := question(target, instance)) is not None)
    for argument, value in zip(target.passed, asked.arguments(np.float64), strict=True):
        assert type(value) in (np.ndarray, float, int), argument
        assert not isinstance(value, np.ndarray) or value.dtype in (np.float64, np.int64)


# What their instances are


def test_noise_ratios_are_one_and_other_numbers():
    _, found = drawn("nce.loss", 60)
    assert {instance["noise_ratio"] for instance in found} >= {fmpq(1), fmpq(3), fmpq(1, 2)}
    assert any((instance["noise"] == 0).any() for instance in found)


def test_features_of_a_family_tell_its_members_apart():
    for name in ("exponential_family.optimum", "nce_family.optimum"):
        for instance in drawn(name)[1]:
            features = np.array(instance["features"], dtype=float)
            if len(features) > 1:
                assert np.linalg.matrix_rank(features - features[:1]) == features.shape[1] < len(features)


def test_kernels_proposals_and_connections_are_such():
    for instance in drawn("contrastive.update")[1]:
        assert (instance["kernel"].sum(axis=-1) == 1).all()
    for instance in drawn("contrastive.barker_loss")[1]:
        proposal = instance["proposal"]
        assert (proposal.sum(axis=-1) == 1).all()
        assert (proposal == proposal.T).all()
        assert (proposal >= 0).all()
    found = [instance["connectivity"] for instance in drawn("probability_flow.loss")[1]]
    assert all((g == g.T).all() and (np.diagonal(g) == 0).all() for g in found)
    assert any((g != 0).any() for g in found)


def test_product_spaces_have_as_many_outcomes_as_energies():
    found = drawn("pseudo_likelihood.gradient", 60)[1]
    assert all(np.prod([int(size) for size in instance["shape"]]) == len(instance["energy"]) for instance in found)
    assert {len(instance["shape"]) for instance in found} == {1, 2, 3}


def test_plans_potentials_and_critics_are_feasible():
    for instance in drawn("transport.plan_cost")[1]:
        plan = instance["plan"]
        assert (plan.sum(axis=1) == instance["data"]).all()
        assert (plan.sum(axis=0) == instance["sampler"]).all()
        assert (plan >= 0).all()
    for instance in drawn("transport.potential_value")[1]:
        assert (instance["source"][:, None] + instance["target"] <= instance["cost_between"]).all()
    for instance in drawn("transport.lipschitz_value")[1]:
        h = instance["lipschitz_critic"]
        assert (h[:, None] - h <= instance["distance"]).all()


@pytest.mark.parametrize("name", CRITICS)
def test_critics_are_in_the_domain_of_the_conjugate(name):
    target, found = drawn(f"f_divergences.variational_bound.{name}", 20)
    assert all(question(target, instance) is not None for instance in found)
    assert len({str(instance["critic"]) for instance in found}) >= 15


def test_policies_do_what_the_reference_may_do_and_sometimes_less():
    found = drawn("rlhf.gradient", 60)[1]
    assert all((instance["reference"][instance["policy"] != 0] != 0).all() for instance in found)
    assert any((instance["reference"] == 0).any() for instance in found)
    assert any(((instance["policy"] == 0) & (instance["reference"] != 0)).any() for instance in found)
    assert {instance["alpha"] for instance in found} >= {fmpq(1), fmpq(1, 2), fmpq(3)}


def test_comparisons_are_a_law_and_preferences_mirror_each_other():
    for instance in drawn("dpo.gradient")[1]:
        assert instance["comparisons"].sum() == 1
        assert (instance["reference"] > 0).all()
    for instance in drawn("dpo.comparisons")[1]:
        p = instance["preferences"]
        assert (p + np.swapaxes(p, -1, -2) == 1).all()
        assert instance["pairs"].sum() == 1


def test_tables_of_tokens_list_the_prefixes_of_a_tree():
    for instance in drawn("token_mdp.sequence_law")[1]:
        n_prefixes, n_tokens = instance["token_policy"].shape
        lengths = {length for tokens, length in TREES if tokens == n_tokens}
        assert n_prefixes in {sum(n_tokens**t for t in range(length)) for length in lengths}


# Second roads to the references that are written beside the tables


def balls(name, count=FEW, **options):
    target, found = drawn(name, count, **options)
    for instance in found:
        with precision(192):
            given = {key: scalars.convert(np.asarray(x, dtype=object), "ball")[()] for key, x in instance.items()}
            yield target, given


def overlap(x, y):
    return all(arb(a).overlaps(arb(b)) for a, b in zip(np.ravel(x), np.ravel(y), strict=True))


@pytest.mark.parametrize("name", [name for name in NAMES if TARGETS[name].roads])
def test_roads_lead_to_the_same_numbers(name):
    seen = 0
    for target, values in balls(name, largest_energy=10):
        with precision(192):
            expected = target.value(values)
            for road in target.roads:
                assert all(map(overlap, target.parts_of(road, values), expected))
        seen += 1
    assert seen == FEW


def test_strings_weigh_the_product_of_their_tokens():
    for instance in drawn("token_mdp.sequence_law")[1]:
        n_prefixes, n_tokens = instance["token_policy"].shape
        law, here = [], [(0, fmpq(1))]
        while here:
            s, mass = here.pop(0)
            ahead = [(n_tokens * s + 1 + a, mass * instance["token_policy"][s, a]) for a in range(n_tokens)]
            (here if ahead[0][0] < n_prefixes else law).extend(ahead)
        exact = TARGETS["token_mdp.sequence_law"].value(instance)[0]
        assert exact.tolist() == [mass for _, mass in law]


def test_tokens_of_a_law_over_strings_give_that_law():
    for instance in drawn("token_mdp.token_policy")[1]:
        policy = TARGETS["token_mdp.token_policy"].value(instance)[0]
        again = TARGETS["token_mdp.sequence_law"].value({"token_policy": policy})[0]
        assert again.tolist() == instance["string_law"].tolist()


def test_tokens_are_optimal_as_whole_strings_are():
    for instance in drawn("token_mdp.soft_solution", 20, largest_energy=10)[1]:
        with precision(192):
            given = {key: scalars.convert(np.asarray(x, dtype=object), "ball")[()] for key, x in instance.items()}
            _, v, policy = TARGETS["token_mdp.soft_solution"].value(given)
            law = TARGETS["token_mdp.sequence_law"].value({"token_policy": policy})[0]
            paid = TARGETS["token_mdp.sequence_reward"].value({"token_reward": given["token_reward"]})[0]
            before = TARGETS["token_mdp.sequence_law"].value({"token_policy": given["token_reference"]})[0]
            whole = {"reward": paid[None], "reference": before[None], "alpha": given["alpha"]}
            best, value = TARGETS["rlhf.optimum"].value(whole)
        assert overlap(best, law)
        assert overlap(value, v[:1])


def test_a_gradient_of_comparisons_is_that_of_their_loss():
    loss, gradient = (TARGETS[f"bradley_terry.{name}"] for name in ("loss", "gradient"))
    for _, values in balls("bradley_terry.gradient", largest_energy=10):
        with precision(400):
            step = arb(2) ** -100
            slope = gradient.value(values)[0]
            for at in np.ndindex(slope.shape):
                moved = [values["reward"].copy() for _ in range(2)]
                moved[0][at] += step
                moved[1][at] -= step
                up, down = (loss.value(values | {"reward": x})[0] for x in moved)
                # the third derivative of -log sigmoid is below 1, and comparisons sum to 1
                assert (arb(0, step * step) + (up - down) / (2 * step)).overlaps(slope[at])


ROOTS = ("exponential_family.optimum", "nce_family.optimum", "bradley_terry.fit", "dpo.optimum")


@pytest.mark.parametrize("name", ROOTS)
def test_optima_in_floats_are_within_the_bound_that_one_newton_step_carries(name):
    """The balls of the library against its floats, whose derivatives to what is given come by a Newton step."""
    target, found = drawn(name, 20)
    for instance in found:
        asked = question(target, instance)
        assert asked is not None
        values = {key: scalars.convert(np.asarray(x, dtype=object), "float")[()] for key, x in instance.items()}
        tape = Tape()
        riding = target.value({key: tape.leaves(np.asarray(x, dtype=object))[()] for key, x in instance.items()})
        rows = zip(target.value(values), riding, asked.truth, asked.allowed(2.0**-53), strict=True)
        for part, stepped, truth, allowed in rows:
            assert (truth.distance(np.asarray(part, dtype=float)) <= allowed).all()
            assert (truth.distance(tape.values(stepped)) <= allowed).all()
            assert (allowed <= 1e-6).all()


# How far a field reaches

OUT_OF_REACH = (  # of every case: roots of equations, square roots, and exponentials of 1 + log w
    "exponential_family.optimum",
    "nce.optimal_log_normalizer",
    "nce_family.optimum",
    "nce_family.optimum.theta",
    "nce_family.optimum.log_normalizer",
    "gan.optimal_log_normalizer.with_ratio",
    "bridge.log_normalizer.bennett",
    "bridge.log_normalizer.geometric",
    "f_divergences.variational_bound.kl",
    "f_divergences.critic_gradient.kl",
    "f_divergences.variational_bound.neyman",
    "f_divergences.critic_gradient.neyman",
    "dpo.optimum",
    "bradley_terry.fit",
)


@cache
def prime(odd):
    return derived_prime(b"x" * 32, 160, coprime_to=odd)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_reaches_all_but_a_few(name):
    target = TARGETS[name]
    reached = 0
    for instance in cases(target, kinds_for(target, {})):
        field = Field(prime(odd_part(target, [instance])), b"s" * 32)
        with field.current(), precision(192):
            values, _ = free_arguments(field, target, instance)
            try:
                target.value(values)
            except OutOfReach:
                continue
        reached += 1
    assert (reached == 0) == (name in OUT_OF_REACH)


# Plain numpy


def nce_loss(energy, noise, data, log_normalizer, noise_ratio):
    d = nce_posterior(energy, noise, log_normalizer, noise_ratio)
    real = np.where(data > 0, -data * np.log(np.where(data > 0, d, 1)), 0)
    fake = np.where(noise > 0, -noise * np.log1p(-np.where(noise > 0, d, 0)), 0)
    return real.sum() + noise_ratio * fake.sum()


def nce_posterior(energy, noise, log_normalizer, noise_ratio):
    return 1 / (1 + noise_ratio * noise * np.exp(energy + log_normalizer))


def nce_gradient(energy, noise, data, log_normalizer, noise_ratio):
    d = nce_posterior(energy, noise, log_normalizer, noise_ratio)
    to_energy = data * (1 - d) - noise_ratio * noise * d
    return to_energy, np.sum(to_energy)


def rlhf_optimum(reward, reference, alpha):
    weight = reference * np.exp(reward / alpha)
    total = weight.sum(axis=-1, keepdims=True)
    return weight / total, alpha * np.log(total[:, 0])


def rlhf_gradient(reward, policy, reference, alpha):
    slope = np.zeros_like(policy)
    for x in range(len(policy)):
        taken = policy[x] > 0
        advantage = reward[x, taken] - alpha * np.log(policy[x, taken] / reference[x, taken])
        slope[x, taken] = policy[x, taken] * (advantage - policy[x, taken] @ advantage)
    return slope


def dpo_loss(logits, reference, comparisons, alpha):
    ratios = logits - np.log(reference)
    total = 0.0
    for x, w, k in zip(*np.nonzero(comparisons), strict=True):
        total = total + comparisons[x, w, k] * np.log1p(np.exp(-alpha * (ratios[x, w] - ratios[x, k])))
    return total


def dpo_gradient(logits, reference, comparisons, alpha):
    ratios = logits - np.log(reference)
    slope = np.zeros_like(logits)
    for x, w, k in np.ndindex(*comparisons.shape):
        pull = alpha * comparisons[x, w, k] * expit(alpha * (ratios[x, k] - ratios[x, w]))
        slope[x, w] -= pull
        slope[x, k] += pull
    return slope


def comparison_gradient(reward, comparisons):
    surprise = comparisons * (1 - expit(reward[:, :, None] - reward[:, None, :]))
    return np.sum(surprise, axis=1) - np.sum(surprise, axis=2)


def pseudo_log_likelihood(energy, data, shape):
    table, weights = -energy.reshape(shape), data.reshape(shape)
    return sum(np.sum(weights * (table - logsumexp(table, axis=i, keepdims=True))) for i in range(len(shape)))


def flow_gradient(energy, data, connectivity):
    root = np.exp(energy / 2)
    flow = np.outer(data * root, 1 / root) * connectivity
    return (flow.sum(1) - flow.sum(0)) / 2


def hinge(energy, sampler, data, margin):
    return data @ energy + sampler @ np.where(energy < margin, margin - energy, 0)


def weighted_gradient(energy, sampler, data, log_normalizer):
    mixture = (np.exp(-energy - log_normalizer) + sampler) / 2
    share = (data + sampler) / 2 * np.exp(-energy) / mixture
    return data - share / np.sum(share)


def jensen_shannon(p, q):
    def entropy(law):
        on = law > 0
        return -np.sum(law[on] * np.log(law[on]))

    return entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2


def model_of_features(energy, features):
    law = softmax(-energy)
    mean = law @ features
    return np.outer(mean, mean) - features.T @ (law[:, None] * features)


SMALL = {"largest_energy": 10}
NOTHING_FREE = ("divergences.jensen_shannon",)  # laws multiply logarithms there
HAND_WRITTEN = {
    "nce.loss": (nce_loss, SMALL),
    "nce.gradient": (nce_gradient, SMALL),
    "rlhf.optimum": (rlhf_optimum, SMALL),
    "rlhf.gradient": (rlhf_gradient, {}),
    "dpo.loss": (dpo_loss, {"largest_energy": 100}),
    "dpo.gradient": (dpo_gradient, {}),
    "bradley_terry.gradient": (comparison_gradient, {}),
    "pseudo_likelihood.log_likelihood": (pseudo_log_likelihood, {}),
    "probability_flow.gradient": (flow_gradient, {}),
    "ebgan.discriminator_loss": (hinge, {}),
    "proposals.gradient.mixture": (weighted_gradient, SMALL),
    "divergences.jensen_shannon": (jensen_shannon, {}),
    "ebm.hessian.with_features": (model_of_features, {}),
}


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_code_by_hand_is_proved_for_all(name):
    function, options = HAND_WRITTEN[name]
    verdict = judge(function, to=name, instances=24, **options)
    assert verdict.agrees, verdict
    free = name not in NOTHING_FREE
    assert verdict.outcome == ("proved for all" if free else "proved here"), verdict.over_field


def found_over_a_field(function, piece):
    target, kinds = target_and_rest(piece.target, piece.options)
    return over_field(subject_of(function, framework="numpy", dtype=np.float64), target, kinds_for(target, kinds))


TWINS = {piece.twin: piece for piece in PIECES}


@pytest.mark.parametrize("piece", TWINS.values(), ids=lambda piece: piece.twin.__name__)
def test_twins_are_proved_for_all(piece):
    found = found_over_a_field(piece.twin, piece)
    assert found.outcome == "proved for all", found.detail


NOT_FOLLOWED = (  # ties of what is largest, square roots, e^1
    "rewards_whitened",
    "divergence_from_the_geometric_mean",
    "wins_by_a_margin",
)


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_mistakes_are_refuted_by_proof(piece):
    found = found_over_a_field(piece.function, piece)
    assert found.outcome == ("out of reach" if piece.name in NOT_FOLLOWED else "refuted"), found.detail
