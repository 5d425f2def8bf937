"""Relations hold of right code, are violated by wrong code, and say undecided where nobody can tell."""

import json
from fractions import Fraction
from inspect import signature
from typing import Any

import numpy as np
import pytest

from equivalence.testing import NotEstablished, Refuted
from equivalence.testing.museum import PIECES, causal, control, held_out, paths, policies, spaces
from equivalence.testing.museum.passes import backups, masks, visits_of
from equivalence.testing.relations import RELATIONS, assert_relation, check_relation, related
from equivalence.testing.relations.invariances import ends_in_time
from mdps import MDP, InvalidArgument, soft_solution

RETURNS = {
    "soft_solution.v": "v",
    "soft_solution.q": "q",
    "soft_solution.policy": "policy",
    "policy_value": "v",
    "state_marginals": "state_marginals",
    "marginals": "marginals",
    "occupancy": "occupancy",
    "boltzmann.law": "law",
    "boltzmann.log_partition": "number",
    "boltzmann.occupancy": "occupancy",
    "ebm.law": "law",
    "ebm.log_partition": "number",
    "ebm.log_likelihood": "number",
    "ebm.gradient": "gradient",
    "causal.gradient": "gradient",
    "causal.dual": "number",
    "maxent.gradient": "gradient",
    "maxent.log_likelihood": "number",
    "gan.discriminator_gradient.energy": "gradient",
    "gan.discriminator_loss": "number",
    "gan.generator_loss": "number",
    "gcl.loss": "number",
}
NOT_TRUE = {  # theorems that these targets do not satisfy, rightly
    ("boltzmann.occupancy", "conservation"): "the law over trajectories tilts the dynamics",
    ("boltzmann.occupancy", "shaping"): "and shaping tilts the starts",
    ("boltzmann.law", "shaping"): "likewise",
    ("maxent.gradient", "shaping"): "likewise",
    ("causal.dual", "constant_shift"): "what the expert earns of it is not known",
    ("maxent.log_likelihood", "constant_shift"): "likewise",
}


def questions(piece, function):
    """Every relation that the signature of a function of the museum fits, with options."""
    returns = RETURNS.get(piece.target)
    takes_temperature = "temperature" in signature(function).parameters
    for name, relation in RELATIONS.items():
        options = dict(piece.options)
        with_temperature = options.pop("temperature", False)
        if returns not in relation.returns or (piece.target, name) in NOT_TRUE:
            continue
        if name == "scaling" and not takes_temperature:
            continue
        if takes_temperature and (with_temperature or name == "scaling"):
            options["takes"] = f"mdp {' '.join([*signature(function).parameters][4:])}"
        if "mdp" not in options.get("takes", "mdp") or (
            name != "normalization" and len(relation.needs) and returns == ""
        ):
            continue
        if name == "shaping":
            if options.get("terminal") is False or options.get("reward_axes") == "s":
                continue
            options.pop("terminal_start", None)
            options.pop("max_states", None)
        if name == "constant_shift":
            options.pop("terminal", None)
        yield name, returns, options


def found(name, function, returns, **options):
    """The verdict; None where the relation is not about such a function."""
    try:
        return check_relation(function, name, returns=returns, **options)
    except InvalidArgument as error:
        if "needs a subject" in str(error) or "of their own" in str(error):
            return None
        raise


def twins():
    seen = {}
    for piece in PIECES:
        if piece.framework == "numpy":
            for name, returns, options in questions(piece, piece.twin):
                seen.setdefault((piece.twin.__name__, name), (piece.twin, name, returns, options))
    return list(seen.values())


@pytest.mark.parametrize("function", {x[0].__name__: x[0] for x in twins()}.values(), ids=lambda f: f.__name__)
def test_right_twins_hold(function):
    rows = [row for row in twins() if row[0] is function]
    verdicts = [found(name, function, returns, instances=5, seed=3, **options) for _, name, returns, options in rows]
    assert any(verdicts)
    for verdict in filter(None, verdicts):
        assert verdict.outcome == "holds", verdict
        assert verdict.violating == 0
        assert verdict.margin <= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_false_alarm(seed):
    for function, name, returns, options in twins():
        verdict = found(name, function, returns, seed=seed, field=False, **options)
        assert verdict is None or verdict.outcome == "holds", verdict


WRONG = [
    (causal.one_state_too_many_is_counted, "symmetric_jacobian", None, {"reward_axes": "s"}),
    (causal.counts_without_discount, "symmetric_jacobian", None, {}),
    (causal.policy_without_discount, "symmetric_jacobian", None, {}),
    (causal.first_policy_for_every_step, "symmetric_jacobian", None, {}),
    (causal.soft_policy_of_hard_values, "symmetric_jacobian", None, {}),
    (causal.forward_pass_transposed, "symmetric_jacobian", None, {"unavailable": False, "terminal": False}),
    (paths.policy_of_messages_in_true_dynamics, "symmetric_jacobian", None, paths.LISTED),
    (spaces.guided_gradient_of_weights, "symmetric_jacobian", None, {}),
    (policies.undiscounted_occupancy, "conservation", "occupancy", {}),
    (policies.marginals_overwritten_while_read, "conservation", "occupancy", {}),
    (policies.occupancy_from_uniform_starts, "conservation", "occupancy", {}),
    (policies.occupancy_as_a_distribution, "conservation", "occupancy", {}),
    (policies.the_end_is_visited, "conservation", "occupancy", {"axes": "s"}),
    (policies.ended_mass_is_lost, "conservation", "state_marginals", {}),
    (policies.marginals_go_backwards, "conservation", "state_marginals", {}),
    (paths.visits_by_listing, "conservation", "occupancy", paths.LISTED),
    (control.optimistic_backup, "shaping", "v", {}),
    (control.policies_appended_backwards, "shaping", "policy", {}),
    (held_out.values_clipped, "shaping", "v", {}),
    (held_out.gradient_with_weight_decay, "shaping", "gradient", {}),
    (control.rows_of_zeros_are_actions, "constant_shift", "v", {}),
    (held_out.gradient_of_a_rescaled_reward, "constant_shift", "gradient", {}),
    (policies.value_without_discount, "constant_shift", "v", {}),
    (control.temperature_in_v_alone, "scaling", "policy", {}),
    (control.temperature_in_the_policy_alone, "scaling", "policy", {}),
    (causal.derivative_to_the_scaled_reward, "scaling", "gradient", {}),
    (control.values_overwritten_while_read, "permuted_states", "v", {}),
    (control.policies_appended_backwards, "horizon_splitting", "policy", {}),
    (policies.decisions_of_the_last_policy, "horizon_splitting", "marginals", {}),
    (control.policy_of_ratios_of_q, "normalization", "policy", {}),
    (spaces.weights_for_probabilities, "normalization", "law", {}),
    (policies.ended_mass_is_lost, "normalization", "state_marginals", {}),
]
wrong = pytest.mark.parametrize(
    "function, relation, returns, options",
    [pytest.param(*row, marks=[pytest.mark.slow] if i % 2 else []) for i, row in enumerate(WRONG)],
    ids=lambda x: x if isinstance(x, str) else getattr(x, "__name__", ""),
)


@wrong
def test_wrong_pieces_violate(function, relation, returns, options):
    few = {"returns": returns, "instances": 24, "field": False, "reduction": 0.01}
    verdict = check_relation(function, relation, **few, **options)
    assert verdict.outcome == "violated", verdict
    assert verdict.level == "float"
    assert verdict.margin > 1
    assert verdict.violating >= 1
    assert verdict.defect > verdict.allowed > 0
    assert verdict.arguments
    assert f"{relation} is violated by {function.__name__}" in verdict.message


BY_PROOF = [row for row in WRONG if row[0].__name__ not in (
    "policies_appended_backwards", "values_clipped", "gradient_of_a_rescaled_reward", "policy_of_ratios_of_q",
    "rows_of_zeros_are_actions", "policy_of_messages_in_true_dynamics", "the_end_is_visited",
)]  # fmt: skip


@pytest.mark.parametrize(
    "function, relation, returns, options",
    [pytest.param(*row, marks=[pytest.mark.slow] if i % 3 else []) for i, row in enumerate(BY_PROOF)],
    ids=lambda x: x if isinstance(x, str) else getattr(x, "__name__", ""),
)
def test_wrong_pieces_violate_over_a_field(function, relation, returns, options):
    verdict = check_relation(function, relation, returns=returns, instances=1, reduction=0, **options)
    assert (verdict.outcome, verdict.level) == ("violated", "field"), verdict
    assert "field: violated, a proof" in verdict.message


# What is sure to be seen


TINY = Fraction(1, 10**30)


def planted_gradient(tiny):
    """The right gradient, but for a part of it that is no gradient."""

    def gradient(transition, initial, horizon, discount, reward, expert):
        right = causal.gradient_by_adjoints(transition, initial, horizon, discount, reward, expert)
        return right + tiny * np.roll(right, 1)

    return gradient


def planted(function, tiny):
    """What a function returns, the first entry off by a tiny share."""

    def subject(transition, initial, horizon, discount, reward):
        right = function(transition, initial, horizon, discount, reward)
        change = np.ones(right.shape, dtype=int).astype(right.dtype)
        change[(0,) * right.ndim] = change[(0,) * right.ndim] + tiny
        return right * change

    return subject


def test_a_share_of_1e_30_is_seen_over_a_field():
    verdict = check_relation(planted_gradient(TINY), "symmetric_jacobian", instances=4, terminal=False)
    assert (verdict.outcome, verdict.level, verdict.violating) == ("violated", "field", 0), verdict
    for relation in ("shaping", "constant_shift", "permuted_states"):
        verdict = check_relation(planted(control.values_by_logaddexp, TINY), relation, returns="v", instances=4)
        assert (verdict.outcome, verdict.level, verdict.violating) == ("violated", "field", 0), verdict


@pytest.mark.parametrize("share", [1e-9])
def test_what_floats_see(share):
    verdict = check_relation(planted_gradient(share * 10), "symmetric_jacobian", field=False, reduction=0)
    assert verdict.outcome == "violated"
    for relation in ("shaping", "constant_shift", "permuted_states"):
        verdict = check_relation(planted(control.values_by_logaddexp, share), relation, returns="v", field=False,
                                 instances=20, reduction=0)  # fmt: skip
        assert verdict.outcome == "violated"
        assert 0 < verdict.floor < 1e-12


def test_the_digits_of_a_thick_field_are_derivatives():
    """A quadratic form of rational numbers has the Jacobian that it says, whatever is symmetric about it."""
    for off, outcome in ((0, "holds"), (1, "violated")):

        def form(energy, off=off):
            n = len(energy)
            matrix = np.array([[1 + abs(i - j) for j in range(n)] for i in range(n)])
            matrix[0, -1] += off
            return (matrix * energy).sum(axis=1)

        verdict = check_relation(form, "symmetric_jacobian", returns="gradient", instances=5)
        assert verdict.outcome == outcome
        assert verdict.level == "field"
    assert verdict.proof is None


def test_steps_and_differences_and_proofs_agree():
    """Three roads to the same Jacobian say the same of right code and of wrong code."""

    def real_parts_alone(*arguments):
        return causal.gradient_by_adjoints(*(np.real(x) if isinstance(x, np.ndarray) else x for x in arguments))

    for function, told in ((causal.gradient_by_adjoints, "complex step"), (real_parts_alone, "central differences")):
        takes = "mdp reward expert"
        verdict = check_relation(function, "symmetric_jacobian", takes=takes, instances=10, field=False)
        assert verdict.outcome == "holds", told
        assert (verdict.floor < 1e-12) == (told == "complex step")
    wrong = check_relation(causal.forward_pass_transposed, "symmetric_jacobian", instances=10, field=False, reduction=0)
    assert "central differences" in wrong.message


# One vector


def test_functions_of_one_vector():
    def gradient(theta):
        return np.array([2 * theta[0] + theta[1], theta[0] + np.exp(theta[1])])

    def other(theta):
        return np.array([2 * theta[0] + theta[1], 1.0001 * theta[0] + np.exp(theta[1])])

    points = np.random.default_rng(0).normal(size=(5, 2))
    assert check_relation(gradient, "symmetric_jacobian", at=points).holds
    verdict = check_relation(other, "symmetric_jacobian", at=points)
    assert verdict.outcome == "violated"
    assert "theta = np.array(" in verdict.message
    with pytest.raises(InvalidArgument, match="not asked at points"):
        check_relation(gradient, "shaping", returns="policy", at=points)


def test_parameters_of_features():
    def gradient(transition, initial, horizon, discount, features, theta, expert):
        right = causal.gradient_by_adjoints(
            transition, initial, horizon, discount, (features * theta).sum(axis=-1), expert
        )
        return (right[..., None] * features).sum(axis=(0, 1))

    def twisted(*arguments):
        g = gradient(*arguments)
        return g[::-1] * 2 - g

    takes = "mdp features theta expert"
    assert check_relation(gradient, "symmetric_jacobian", takes=takes, instances=20).holds
    assert check_relation(twisted, "symmetric_jacobian", takes=takes, instances=20, reduction=0).outcome == "violated"


# Flow of one's own policy


def soft_visits(transition, initial, horizon, discount, reward):
    return visits_of(transition, initial, discount, backups(transition, initial, horizon, discount, reward)[2])


def test_visits_of_an_own_policy_are_conserved():
    assert check_relation(soft_visits, "conservation", returns="occupancy", instances=40).holds
    for change in (lambda x: 1.01 * x, lambda x: 0.99 * x, lambda x: x + 0.01):
        verdict = check_relation(lambda *x, c=change: c(soft_visits(*x)), "conservation", returns="occupancy",
                                 takes="mdp reward", instances=40, reduction=0)  # fmt: skip
        assert verdict.outcome == "violated"


def test_one_policy_for_all_steps_conserves_but_does_not_split():
    """A relation that holds is not enough."""

    def wrong(transition, initial, horizon, discount, policy):
        return policies.decisions_of_the_last_policy(transition, initial, horizon, discount, policy)

    assert check_relation(wrong, "conservation", returns="marginals", instances=30).holds
    assert (
        check_relation(wrong, "horizon_splitting", returns="marginals", instances=30, reduction=0).outcome == "violated"
    )


@pytest.mark.parametrize("policy_axes", ["sa", "tsa"])
@pytest.mark.parametrize("axes", ["s", "sa"])
def test_every_shape_of_visits(policy_axes, axes):
    def visits(transition, initial, horizon, discount, policy):
        steps = policy if policy.ndim == 3 else [policy] * horizon
        found = visits_of(transition, initial, discount, steps)
        return found if axes == "sa" else found.sum(axis=1)

    options = {"returns": "occupancy", "policy_axes": policy_axes, "axes": axes, "instances": 20, "reduction": 0}
    assert check_relation(visits, "conservation", **options).holds
    verdict = check_relation(lambda *x: visits(*x) * 2, "conservation", takes="mdp policy", **options)
    assert verdict.outcome == "violated"


# Assumptions


def test_a_constant_matters_where_episodes_end_early():
    values = control.values_by_logaddexp
    with pytest.raises(InvalidArgument, match="no terminal states"):
        check_relation(values, "constant_shift", returns="v", terminal=True)
    assert check_relation(values, "constant_shift", returns="v", instances=10).covered["stochastic dynamics"] > 0


def test_shaping_is_asked_where_episodes_end():
    verdict = check_relation(control.policy_of_advantages, "shaping", returns="policy", instances=40)
    assert verdict.holds
    assert "none with terminal" not in verdict.message
    with pytest.raises(InvalidArgument, match="depends on the action"):
        check_relation(control.values_of_state_rewards, "shaping", returns="v", reward_axes="s")
    moves = control.values_of_rewards_of_moves
    assert check_relation(moves, "shaping", returns="v", reward_axes="sas", instances=20).holds
    wrong = control.reward_averaged_without_dynamics
    assert (
        check_relation(wrong, "shaping", returns="v", reward_axes="sas", instances=60, reduction=0).outcome
        == "violated"
    )


def test_ties_broken_by_number_violate_a_permutation():
    def greedy(transition, initial, horizon, discount, reward):
        available, terminal = masks(transition)
        v, rows = np.zeros(len(initial)), []
        for _ in range(horizon):
            q = np.where(available, reward + discount * transition @ v, -np.inf)
            rows.insert(0, np.where(available, np.eye(q.shape[1])[q.argmax(axis=1)], 0))
            v = np.where(terminal, 0, q.max(axis=1))
        return np.array(rows)

    verdict = check_relation(greedy, "permuted_actions", returns="policy", instances=30, reduction=0)
    assert verdict.outcome == "violated"
    assert check_relation(greedy, "horizon_splitting", returns="policy", instances=30).holds


@pytest.mark.parametrize(
    "options, says",
    [
        ({"relation": "symmetry"}, "no relation is called"),
        ({"relation": "shaping"}, "say what the subject returns"),
        ({"relation": "conservation", "returns": "policy"}, "is about marginals"),
        ({"relation": "scaling", "returns": "policy"}, "takes temperature"),
        ({"relation": "permuted_states", "returns": "law"}, "names of their own"),
        ({"relation": "normalization", "returns": "policy", "takes": "reward mdp"}, "what the subject takes"),
        ({"relation": "normalization", "returns": "policy", "instances": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_asked_says_why(options, says):
    with pytest.raises(InvalidArgument, match=says):
        check_relation(control.policy_of_advantages, **options)


def test_parameters_with_other_names():
    def policy(p, rho, t, gamma, r):
        return control.policy_of_advantages(p, rho, t, gamma, r)

    with pytest.raises(InvalidArgument, match="takes='mdp reward'"):
        check_relation(policy, "normalization", returns="policy")
    assert check_relation(policy, "normalization", returns="policy", takes="mdp reward", instances=5).holds


# Nothing is held for true that was not seen


def test_no_answer_is_undecided():
    def failing(transition, initial, horizon, discount, reward):
        raise RuntimeError("not today")

    verdict = check_relation(failing, "normalization", returns="policy", instances=5)
    assert (verdict.outcome, verdict.undecided, verdict.holds) == ("undecided", 5, False)
    assert "not today" in verdict.message


def test_noise_is_undecided_or_violated_and_never_holds():
    rng = np.random.default_rng(0)

    def noisy(transition, initial, horizon, discount, reward):
        right = control.values_by_logaddexp(transition, initial, horizon, discount, reward)
        return right * (1 + 1e-3 * rng.normal(size=right.shape))

    verdict = check_relation(noisy, "constant_shift", returns="v", instances=20, field=False, reduction=0)
    assert not verdict.holds


def test_nan_violates():
    verdict = check_relation(
        control.policy_outside_log_space, "normalization", returns="policy", field=False, reduction=0
    )
    assert verdict.outcome == "violated"
    assert "returned nan" in verdict.message


# Single precision, and what is reported


def test_single_precision():
    single = control.values_by_logaddexp
    for relation in ("shaping", "constant_shift", "horizon_splitting"):
        verdict = check_relation(single, relation, returns="v", dtype=np.float32, field=False, instances=30)
        assert verdict.holds, verdict
    verdict = check_relation(held_out.values_clipped, "constant_shift", returns="v", dtype=np.float32, field=False,
                             reduction=0)  # fmt: skip
    assert verdict.outcome == "violated"


def test_code_that_computes_in_single_precision_is_judged_by_it():
    def single(*arguments):
        given = (x.astype(np.float32) if isinstance(x, np.ndarray) else x for x in arguments)
        return control.values_by_logaddexp(*given).astype(np.float32)

    options = {"returns": "v", "takes": "mdp reward", "field": False, "instances": 20}
    for relation in ("shaping", "permuted_states"):
        verdict = check_relation(single, relation, **options)
        assert verdict.holds, verdict
        assert verdict.floor > 1e-8


def test_reports():
    verdict = check_relation(causal.counts_without_discount, "symmetric_jacobian", instances=20)
    namespace = {"np": np}
    lines = [line.strip() for line in verdict.message.split("\n") if " = np.array(" in line or line.strip()[:7] in
             ("horizon", "discoun")]  # fmt: skip
    exec("\n".join(lines), namespace)
    names = ("transition", "initial", "horizon", "discount", "reward", "expert")
    for name, given in zip(names, verdict.arguments, strict=True):
        assert np.array_equal(namespace[name], given)
    row = json.loads(json.dumps(verdict.as_json()))
    assert row["outcome"] == "violated"
    assert row["relation"] == "symmetric_jacobian"
    assert "agrees" not in verdict.message
    for wanted in ("the gradient of no objective", "off by", "allowed", "covered: S = "):
        assert wanted in verdict.message
    held = check_relation(causal.gradient_by_adjoints, "symmetric_jacobian", instances=5)
    assert held.level == "field"
    assert "field: holds for all reward" in held.message
    assert "agrees" not in held.message


# In tests


@related("normalization", returns="policy", instances=5)
def test_policy():
    return control.policy_of_advantages


def test_tests_of_relations():
    @related("normalization", returns="policy", instances=10, reduction=0)
    def wrong():
        return control.policy_of_ratios_of_q

    with pytest.raises(Refuted, match="normalization is violated by policy_of_ratios_of_q"):
        wrong()

    @related("normalization", returns="policy", instances=3)
    def empty():
        return lambda transition, initial, horizon, discount, reward: None

    with pytest.raises(NotEstablished, match="undecided"):
        empty()
    with pytest.raises(NotEstablished, match="asked for is at least field"):
        related("normalization", returns="policy", instances=3, at_least="field")(
            lambda: control.policy_of_advantages
        )()
    with pytest.raises(Refuted):
        assert_relation(control.policy_of_ratios_of_q, "normalization", returns="policy", instances=10)
    assert assert_relation(control.policy_of_advantages, "normalization", returns="policy", instances=3).holds


def test_shaping_is_asked_where_every_trajectory_ends():
    """Staying for ever is no end, however long the horizon; code that is not made for ends is not asked."""
    stay: Any = [[[0, 1], [0, 1]], [[0, 1], [0, 1]]]
    for horizon in (1, 3, 100):
        assert not ends_in_time(MDP(stay, [1, 0], horizon=horizon))
    assert ends_in_time(MDP([[[0, 1]], [[0, 0]]], [1, 0], horizon=1))

    def without_discount(transition, initial, horizon, discount, reward):
        return soft_solution(MDP(transition, initial, horizon=horizon), reward).policy

    verdict = check_relation(without_discount, "shaping", returns="policy", largest_reward=10)
    assert verdict.outcome == "violated"
    assert verdict.arguments[3] < 1  # the smallest instance found shows the mistake
    with pytest.raises(InvalidArgument, match=r"shaping assumes every trajectory ends .*terminal=False does not"):
        check_relation(without_discount, "shaping", returns="policy", terminal=False)
    with np.errstate(all="ignore"):
        overflowing = check_relation(overflowing_policy, "permuted_states", returns="policy", terminal=False)
    assert "nan and nan; expected two equal numbers" in overflowing.message


def overflowing_policy(transition, initial, horizon, discount, reward):
    """Exponentials of large rewards are infinite."""
    available = transition.any(axis=2)
    v, steps = np.zeros(len(initial)), []
    for _ in range(horizon):
        weights = np.where(available, np.exp(reward + discount * transition @ v), 0)
        v = np.log(weights.sum(axis=1))
        steps.insert(0, weights / weights.sum(axis=1)[:, None])
    return np.array(steps)


def test_a_forgotten_discount_is_seen_by_shaping_over_a_field():
    def policy(transition, initial, horizon, discount, reward):
        available, v, rows = transition.any(axis=2), np.zeros(len(initial)), []
        for _ in range(horizon):
            q = np.where(available, reward + transition @ v, -np.inf)
            weights = np.exp(q)
            total = weights.sum(axis=1)
            rows.insert(0, np.where(available, weights / np.where(total == 0, 1, total)[:, None], 0))
            v = np.where(total == 0, 0, np.log(np.where(total == 0, 1, total)))
        return np.array(rows)

    options = {"returns": "policy", "instances": 10, "largest_reward": 10, "reduction": 0}
    verdict = check_relation(policy, "shaping", **options)
    assert (verdict.outcome, verdict.level) == ("violated", "field")
    assert check_relation(policy, "shaping", **options, discounts=(1,)).outcome == "holds"
