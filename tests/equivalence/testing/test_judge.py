"""The judge refutes known mistakes, agrees with right code in other algebra, and says what it did."""

import json

import numpy as np
import pytest

import mdps
from equivalence.testing import TARGETS, judge
from equivalence.testing.targets import Layout, find_target
from mdps import InvalidArgument
from mistakes import MISTAKES
from right_variants import VARIANTS, backups_of_scipy, causal_gradient, masks

FEW = 60

mistakes = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.number}-{m.subject.__name__}")
variants = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
precisions = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["double", "single"])


@mistakes
def test_known_mistakes_are_refuted(mistake):
    verdict = judge(mistake.subject, to=mistake.to, instances=FEW, **mistake.options)
    assert not verdict.agrees
    assert verdict.outcome in ("differs", "refuted")
    assert verdict.margin > 1
    assert mistake.says in verdict.message.split(f"\nOf {FEW} instances")[1]
    # and on a tiny instance
    assert max(max(np.shape(argument), default=1) for argument in verdict.arguments) <= 2
    numbers = np.concatenate([np.ravel(x) for x in verdict.arguments if isinstance(x, np.ndarray)])
    assert (~np.isin(numbers, [0, 1, -1])).sum() <= 4


def test_there_are_enough_of_both():
    assert len({mistake.number for mistake in MISTAKES}) >= 12
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS) >= 12


@precisions
@variants
def test_right_variants_agree(variant, dtype):
    if dtype == np.float32 and not variant.in_single:
        pytest.skip("not made for single precision")
    verdict = judge(variant.subject, to=variant.to, dtype=dtype, instances=FEW, **variant.options)
    assert verdict.agrees, verdict
    assert verdict.margin <= 1
    assert verdict.unit_roundoff == (2.0**-53 if dtype == np.float64 else 2.0**-24)


@pytest.mark.slow
@variants
def test_no_false_alarm_on_200_seeds(variant):
    for seed in range(200):
        for dtype in (np.float64, np.float32) if variant.in_single else (np.float64,):
            verdict = judge(variant.subject, to=variant.to, dtype=dtype, instances=30, seed=seed, **variant.options)
            assert verdict.agrees, f"seed {seed}\n{verdict}"


@pytest.mark.slow
@mistakes
def test_mistakes_are_refuted_whatever_the_seed(mistake):
    for seed in range(1, 20):
        assert not judge(mistake.subject, to=mistake.to, instances=FEW, seed=seed, **mistake.options).agrees


# The library itself as a subject, in every layout; test_targets asks the other targets, of fewer and smaller instances

ASKED = (
    "soft_solution",
    "policy_value",
    "state_marginals",
    "boltzmann.law",
    "boltzmann.occ",
    "causal.dual",
)
ASKED += ("causal.gradient", "maxent.gradient", "ebm.", "gan.discriminator_", "gan.generator_loss", "gcl.", "airl.d")

LAYOUTS = [
    {},
    {"reward_axes": "s"},
    {"reward_axes": "sas"},
    {"axes": "s"},
    {"axes": "sas"},
    {"policy_axes": "sa"},
    {"temperature": True},
]


FIELD = {"reward_axes": "reward", "axes": "counts", "policy_axes": "policy", "temperature": "temperature"}


def asked_here(name):
    return name.startswith(ASKED) or name == "occupancy"


def fits(name, layout):
    try:
        find_target(name, Layout(**{FIELD[option]: value for option, value in layout.items()}))
    except InvalidArgument:
        return False
    return True


def library(name, layout):
    """The library's function of floats as a subject."""
    target = find_target(name, Layout(**layout))

    def subject(*arguments):
        named = dict(zip(target.passed, arguments, strict=True))
        values = {name: named[name] for name in target.arguments if name in named}
        if target.on_model:
            model = named["transition"], named["initial"]
            values["mdp"] = mdps.MDP(*model, horizon=named["horizon"], discount=named["discount"])
        parts = target.value({"temperature": 1.0} | values)
        return parts if len(parts) > 1 else parts[0]

    return subject


@pytest.mark.parametrize(
    "name, layout",
    [(name, layout) for name in TARGETS for layout in LAYOUTS if asked_here(name) and fits(name, layout)],
    ids=lambda x: x if isinstance(x, str) else "-".join(f"{k}={v}" for k, v in x.items()) or "plain",
)
def test_the_library_agrees_with_itself(name, layout):
    subject = library(name, {FIELD[option]: value for option, value in layout.items()})
    verdict = judge(subject, to=name, instances=40, **layout)
    assert verdict.agrees, verdict


# What it is sure to see


def planted(condition):
    """The right gradient, off by a percent where a condition on the arguments holds."""

    def subject(transition, initial, horizon, discount, reward, expert):
        right = causal_gradient(transition, initial, horizon, discount, reward, expert)
        return right * 1.01 if condition(transition, horizon, reward) else right

    return subject


@pytest.mark.parametrize(
    "condition, says",
    [
        (lambda p, horizon, r: len(p) > 6, "S <= 6 ("),
        (lambda p, horizon, r: horizon > 5, "T <= 5 ("),
        (lambda p, horizon, r: np.abs(r).max() > 10, "|reward| <= 10 ("),
        (lambda p, horizon, r: not masks(p)[0].all() and not masks(p)[1].any(), "every action available ("),
        (lambda p, horizon, r: r.shape[1] > 1 and np.ptp(r) == 0, ""),
    ],
    ids=["S > 6", "T > 5", "large rewards", "unavailable", "ties"],
)
def test_mistakes_of_a_kind_are_refuted(condition, says):
    verdict = judge(planted(condition), to="causal.gradient")
    assert not verdict.agrees
    assert says in verdict.message


def test_what_makes_it_right_is_found_in_combination():
    """Trajectory MaxEnt is maximum causal entropy where nothing is left to chance and nothing is discounted."""
    verdict = judge(causal_gradient, to="maxent.gradient")
    assert "with deterministic dynamics and discount 1 and a single start (" in verdict.message
    assert "judge(..., deterministic=True, discounts=(1,), single_start=True)" in verdict.message
    assert judge(causal_gradient, to="maxent.gradient", deterministic=True, discounts=(1,), single_start=True).agrees


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda x: x.T, "its axes are [a, s]; expected [s, a]"),
        (lambda x: 2 * x, "half its answer is right"),
        (lambda x: -x, "its negative is right"),
    ],
)
def test_remedies_are_named_where_they_heal_every_instance(change, says):
    verdict = judge(lambda *arguments: change(causal_gradient(*arguments)), to="causal.gradient", instances=FEW)
    assert f"On every instance {says}." in verdict.message


def test_factors_and_rows_are_named():
    right = library("causal.gradient", {"temperature": True})
    verdict = judge(lambda *a: right(*a) * a[-1], to="causal.gradient", temperature=True, instances=FEW)
    assert "On every instance its answer divided by the temperature is right." in verdict.message
    verdict = judge(lambda *a: library("soft_solution.v", {})(*a)[::-1], to="soft_solution.v", instances=FEW)
    assert "On every instance its steps are in reverse order: t = 0 comes first." in verdict.message
    verdict = judge(lambda *a: library("soft_solution.v", {})(*a)[:-1], to="soft_solution.v", instances=FEW)
    assert "On every instance its rows are right, and the last one is missing." in verdict.message
    verdict = judge(lambda *a: library("soft_solution.q", {})(*a) / 3, to="soft_solution.q", instances=FEW)
    assert "On every instance" not in verdict.message
    verdict = judge(lambda *a: right(*a, 1.0) / a[2], to="causal.gradient", instances=FEW)
    assert "On every instance its answer times T is right." in verdict.message
    verdict = judge(lambda *a: right(*a, 1.0) * (a[2] + 0.5), to="causal.gradient", instances=FEW)
    assert "On every instance" not in verdict.message


@pytest.mark.parametrize("name", ["soft_solution.v", "occupancy", "boltzmann.log_partition"])
def test_a_relative_error_of_2_to_the_minus_40_is_refuted(name):
    right = library(name, {})
    assert not judge(lambda *arguments: right(*arguments) * (1 + 2.0**-40), to=name).agrees


def _softmax(x):
    weight = np.exp(x - x.max(axis=-1, keepdims=True))
    return weight / weight.sum(axis=-1, keepdims=True)


def _log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _of_comparisons(score, comparisons):
    """Derivatives of the loss to scores as cross entropies have them: probabilities minus labels."""
    pairs = np.stack(np.broadcast_arrays(score[..., :, None], score[..., None, :]), axis=-1)
    surprise = comparisons * (1 - _softmax(pairs)[..., 0])
    return np.swapaxes(surprise, -1, -2).sum(axis=-1) - surprise.sum(axis=-1)


def _dpo_gradient(logits, reference, comparisons, alpha):
    with np.errstate(divide="ignore"):
        log_reference = np.where(reference > 0, np.log(reference), 0)
    return alpha * _of_comparisons(alpha * (_log_softmax(logits) - log_reference), comparisons)


@pytest.mark.parametrize("subject, to", [(_of_comparisons, "bradley_terry"), (_dpo_gradient, "dpo")])
def test_cross_entropies_of_comparisons_are_right(subject, to):
    assert judge(subject, to=f"{to}.gradient", field=False).agrees


def test_a_mean_over_comparisons_is_named():
    def subject(reward, comparisons):
        margin = reward[..., :, None] - reward[..., None, :]
        return (comparisons * np.logaddexp(0, -margin)).mean()

    message = judge(subject, to="bradley_terry.loss", instances=FEW).message
    assert "its answer times the number of comparisons is right" in message


def test_a_proof_without_free_numbers_says_so():
    verdict = judge(lambda p, q: np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0])), to="divergences.kl", instances=FEW)
    assert "field, the numbers of the instances alone without a branch" in verdict.message


def test_single_precision_is_named_where_it_explains_everything():
    def subject(*arguments):
        single = [x.astype(np.float32) if isinstance(x, np.ndarray) else x for x in arguments]
        return causal_gradient(*single).astype(float)

    verdict = judge(subject, to="causal.gradient", instances=FEW)
    assert not verdict.agrees
    assert "judge it with dtype=np.float32" in verdict.message


def test_floats_of_single_precision_are_judged_as_such():
    verdict = judge(lambda *a: causal_gradient(*a).astype(np.float32), to="causal.gradient", instances=FEW)
    assert verdict.agrees
    assert verdict.unit_roundoff == 2.0**-24


# What it says


def test_agreement_is_reported_with_what_was_covered():
    verdict = judge(causal_gradient, to="causal.gradient", instances=FEW, deterministic=True, discounts=(1, 0.25))
    assert verdict.agrees
    first, second, *_ = str(verdict).splitlines()
    assert first.startswith("causal_gradient agrees with causal.gradient: field, all reward without a branch, S = 1...")
    assert second.strip().startswith("float, 60 instances, at most 0.")
    assert "8 derived bounds, u = 2^-53" in str(verdict)
    assert "none with stochastic dynamics" in str(verdict)
    assert "asked for deterministic=True, discounts=(1, 0.25)" in str(verdict)
    assert verdict.arguments == ()
    assert verdict.covered["terminal states"] + verdict.covered["no terminal state"] == FEW


def test_a_verdict_is_json():
    for subject in (causal_gradient, lambda *a: -causal_gradient(*a), lambda *a: None):
        verdict = judge(subject, to="causal.gradient", instances=20)
        row = json.loads(json.dumps(verdict.as_json()))
        assert row["target"] == "causal.gradient"
        assert "NaN" not in json.dumps(row)
        assert "Infinity" not in json.dumps(row)
        assert row["outcome"] == verdict.outcome
        assert (row["outcome"] == "proved for all") == verdict.agrees == (row["proof"] is not None)


def test_the_shown_arguments_show_the_difference():
    def subject(transition, initial, horizon, discount, reward, expert):
        return causal_gradient(transition, initial, horizon, 1.0, reward, expert)

    verdict = judge(subject, to="causal.gradient", instances=FEW)
    assert (subject(*verdict.arguments) != causal_gradient(*verdict.arguments)).any()


TROUBLES = {
    "raises": (lambda *a: 1 / 0, "There it raised ZeroDivisionError: division by zero (test_judge.py:"),
    "signature": (
        lambda p, r: r,
        "There it cannot be called with (transition, initial, horizon, discount, reward, expert)",
    ),
    "nothing": (lambda *a: None, "There it returned None; expected [s, a] of shape (1, 1)."),
    "text": (lambda *a: "1", "There it returned a str; expected [s, a] of shape"),
    "complex": (lambda *a: causal_gradient(*a) + 0j, "There it returned an array of dtype complex128; expected [s, a]"),
    "ragged": (lambda *a: [[1], [1, 2]], "There it returned a list of 2; expected [s, a]"),
    "shape": (lambda *a: causal_gradient(*a)[0], "There it returned shape (1,); expected [s, a] of shape (1, 1)."),
    "nan": (lambda *a: causal_gradient(*a) * np.nan, "1 of 1 entries differ, most at [s=0, a=0]: it is nan, allowed"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_troubles_are_reported(trouble):
    subject, says = TROUBLES[trouble]
    verdict = judge(subject, to="causal.gradient", instances=FEW)
    assert verdict.outcome == ("refuted" if trouble == "nan" else "differs")
    assert says in verdict.message
    assert verdict.differing == FEW


def test_changed_arguments_are_reported():
    def subject(transition, initial, horizon, discount, reward, expert):
        expert -= causal_gradient(transition, initial, horizon, discount, reward, 0 * expert) * -1
        return expert

    verdict = judge(subject, to="causal.gradient", instances=FEW)
    assert verdict.outcome == "differs"
    assert "it changed its argument `expert` in place: work on a copy" in verdict.message
    assert "what it returned is right" in verdict.message
    assert "Diagnosis" not in verdict.message


def test_what_raises_is_not_diagnosed():
    def subject(energy):
        raise RuntimeError("not today")

    verdict = judge(subject, to="ebm.law", instances=FEW)
    assert "it raised RuntimeError: not today (test_judge.py:" in verdict.message
    assert "Diagnosis" not in verdict.message


def test_an_overflow_of_the_right_formula_is_no_unknown_mistake():
    verdict = judge(lambda energy: np.exp(-energy) / np.exp(-energy).sum(), to="ebm.law")
    assert verdict.outcome == "differs"
    assert "what differs is rounding, overflow" in verdict.message
    assert "Diagnosis" not in verdict.message


def test_parts_of_a_tuple_are_told_apart():
    def halved(*arguments):
        q, v, policy = backups_of_scipy(*arguments)
        return q, v, policy / 2

    verdict = judge(halved, to="soft_solution", instances=FEW)
    assert "`q` is right there." in verdict.message
    assert "`policy`: 1 of 1 entries differ, most at [t=0, s=0, a=0]: off by 0.5" in verdict.message
    verdict = judge(lambda *a: backups_of_scipy(*a)[:2], to="soft_solution", instances=FEW)
    assert (
        "it returned a tuple of 2; expected a tuple of 3: (q [t, s, a], v [t, s], policy [t, s, a])" in verdict.message
    )
    verdict = judge(lambda *a: (*backups_of_scipy(*a)[:2], None), to="soft_solution", instances=FEW)
    assert "expected" in verdict.message
    verdict = judge(
        lambda *a: (backups_of_scipy(*a)[0], backups_of_scipy(*a)[1][1:], 0), to="soft_solution", instances=FEW
    )
    assert "its `v` has shape (1, 1); expected [t, s] of shape (2, 1)" in verdict.message


def test_the_smallest_gross_difference_is_shown_before_a_smaller_one_of_rounding():
    def subject(transition, initial, horizon, discount, reward, expert):
        right = causal_gradient(transition, initial, horizon, discount, reward, expert)
        return right + (1 if horizon > 2 else 1e-12)

    verdict = judge(subject, to="causal.gradient", instances=FEW)
    assert verdict.arguments[2] == 3


def test_what_is_shown_is_of_the_kinds_asked_for():
    def subject(*arguments):
        return causal_gradient(*arguments[:-1]) + 1

    options = {
        "temperature": True,
        "temperatures": (2,),
        "discounts": (0.5,),
        "horizons": (3, 4),
        "single_start": False,
    }
    verdict = judge(subject, to="causal.gradient", instances=FEW, **options)
    transition, initial, horizon, discount, *_, temperature = verdict.arguments
    assert (horizon, discount, temperature, (initial > 0).sum()) == (3, 0.5, 2.0, 2)
    assert len(transition) == 2


@pytest.mark.parametrize(
    "to, options, says",
    [
        ("causal.gradiant", {}, "no target is called 'causal.gradiant'; did you mean causal.gradient"),
        ("gradient", {}, "did you mean ebm.gradient or gan.discriminator_gradient or"),
        ("zzz", {}, "there are soft_solution, soft_solution.q"),
        ("causal.gradient", {"reward_axes": "as"}, "reward_axes is 'as'; expected 's' or 'sa' or 'sas'"),
        (
            "causal.gradient",
            {"axes": "s"},
            "takes no axes: (transition, initial, horizon, discount, reward, expert) -> [s, a]",
        ),
        ("occupancy", {"temperature": True}, "occupancy takes no temperature"),
        ("causal.gradient", {"determinstic": True}, "no option is called 'determinstic'"),
        ("causal.gradient", {"max_outcomes": 2}, "no option is called 'max_outcomes' for a target on an MDP"),
        ("ebm.law", {"discounts": (1,)}, "no option is called 'discounts' for a target on a finite space"),
        ("causal.gradient", {"discounts": (2,)}, "expected numbers between 0 and 1"),
        ("causal.gradient", {"temperatures": (1,)}, "say temperature=True"),
        ("causal.gradient", {"temperature": True, "temperatures": (0,)}, "expected positive numbers"),
        ("causal.gradient", {"horizons": (0,)}, "at least 1"),
        ("causal.gradient", {"terminal": True, "max_states": 1}, "no model of these kinds has terminal=True"),
        ("causal.gradient", {"deterministic": False, "max_states": 1}, "no instance was of the kinds"),
        ("causal.gradient", {"largest_reward": 0}, "expected at least 1"),
        ("ebm.law", {"max_outcomes": 0}, "expected at least 1"),
        ("causal.gradient", {"instances": 0}, "expected at least 1"),
        ("causal.gradient", {"dtype": np.int64}, "expected np.float64 or np.float32"),
    ],
)
def test_options_are_checked(to, options, says):
    with pytest.raises(InvalidArgument) as caught:
        judge(causal_gradient, to=to, **options)
    assert says in str(caught.value)


def test_a_subject_is_a_function():
    with pytest.raises(InvalidArgument, match="expected a function"):
        judge(np.zeros(3), to="causal.gradient")  # pyright: ignore[reportArgumentType]
