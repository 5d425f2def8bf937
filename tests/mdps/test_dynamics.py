"""Changed dynamics, entry by entry from their definitions, and what they do to control."""

from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import scipy.sparse
import sympy
from flint import fmpq

from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, gallery, policy_value, scalars, soft_solution
from mdps.door import UNIT_ROUNDOFF
from mdps.dynamics import disabled_actions, permuted_actions, slippery, with_transition
from mdps.random_models import random_model, random_policy, random_reward
from mdps.scalars.levels import exact_fraction
from refusals import assert_refuses


def some(kind, step=5):
    return islice(models_of(kind), 0, None, step)


def same_frame(mdp, other):
    """Everything but the transition."""
    return (
        (mdp.horizon, mdp.discount, mdp.level) == (other.horizon, other.discount, other.level)
        and (mdp.initial == other.initial).all()
        and (mdp.final_value == other.final_value).all()
    )


@each_kind
def test_permuted_actions_are_other_names(kind):
    """A policy of the new names earns what the same choices earn under the old ones, for rewards of (s, a)."""
    for mdp, _, _, rng in some(kind):
        sigma = np.array([rng.permutation(mdp.n_actions) for _ in range(mdp.n_states)])
        renamed = permuted_actions(mdp, sigma)
        assert same_frame(mdp, renamed)
        for s, a in np.ndindex(mdp.n_states, mdp.n_actions):
            assert (renamed.transition[s, a] == mdp.transition[s, sigma[s, a]]).all()
        reward, policy = random_reward(rng, sigma.shape), random_policy(rng, mdp)
        new_names = np.take_along_axis(reward, sigma, axis=1), np.take_along_axis(policy, sigma, axis=1)
        assert (policy_value(renamed, *new_names) == policy_value(mdp, reward, policy)).all()
        inverse = np.argsort(sigma, axis=1)
        assert permuted_actions(renamed, inverse).equals(mdp)
        row = rng.permutation(mdp.n_actions)
        assert permuted_actions(mdp, row).equals(permuted_actions(mdp, [row] * mdp.n_states))


@each_kind
def test_disabled_actions_are_gone_and_the_others_stay(kind):
    for mdp, _, _, rng in some(kind):
        mask = rng.integers(2, size=mdp.available.shape) == 1
        kept = rng.integers(mdp.n_actions, size=mdp.n_states)
        mask[np.arange(mdp.n_states), kept] = False
        without = disabled_actions(mdp, mask, may_end=True)
        assert same_frame(mdp, without)
        for s, a in np.ndindex(mask.shape):
            expected = [0] * mdp.n_states if mask[s, a] else mdp.transition[s, a].tolist()
            assert without.transition[s, a].tolist() == expected
        assert (without.available == (mdp.available & ~mask)).all()
        floats = disabled_actions(mdp.to("float"), mask, may_end=True)
        assert (floats.transition == without.to("float").transition).all()
        # A policy that never uses them earns the same without them.
        policy = random_policy(rng, without)
        stay = without.available.any(axis=1) == mdp.available.any(axis=1)
        if stay.all():
            reward = random_reward(rng, mask.shape)
            assert (policy_value(without, reward, policy) == policy_value(mdp, reward, policy)).all()


@each_kind
def test_slippery_rows_are_mixtures(kind):
    for mdp, _, _, rng in some(kind):
        e = Fraction(int(rng.integers(0, 8)), 7)
        mixed = slippery(mdp, e)
        assert same_frame(mdp, mixed)
        assert (mixed.available == mdp.available).all()
        for s, a in np.ndindex(mdp.available.shape):
            others = [b for b in range(mdp.n_actions) if mdp.available[s, b]]
            for x in range(mdp.n_states):
                average = sum((mdp.transition[s, b, x] for b in others), fmpq(0)) / max(len(others), 1)
                expected = fmpq(7 - int(7 * e), 7) * mdp.transition[s, a, x] + fmpq(int(7 * e), 7) * average
                assert mixed.transition[s, a, x] == (expected if mdp.available[s, a] else 0)
        # P' of floats: P and e are rounded, and A + 5 operations on numbers up to 1; a division where a sum is off.
        floats = slippery(mdp.to("float"), float(e))
        bound = fmpq(mdp.n_actions + 8 + 2 * mdp.n_states) * exact_fraction(UNIT_ROUNDOFF)
        distance = scalars.convert(floats.transition, "exact") - mixed.transition
        assert all(-bound <= x <= bound for x in distance.ravel())


def test_slipping_never_and_always():
    mdp, _ = gallery.risky_path()
    assert slippery(mdp, 0).equals(mdp)
    assert slippery(mdp, 1).transition[0, 0].tolist() == [0, fmpq(1, 2), fmpq(1, 4), fmpq(1, 4)]


def test_rows_of_floats_that_rounding_puts_beyond_the_door_are_divided_and_said():
    u = UNIT_ROUNDOFF
    ends = [1 + 2 * u, 0.0], [0.0, 1 + 2 * u]
    mdp = MDP([[*ends], [*ends]], [1.0, 0.0], horizon=1, changes=("by hand",))
    for e in np.linspace(0.1, 0.9, 9):
        mixed = slippery(mdp, e)
        assert mixed.changes[0] == "by hand"
        assert (abs(mixed.transition.sum(axis=-1) - 1) <= 4 * u).all()


def test_a_probability_that_floats_lose():
    mdp = MDP([[[1.0, 0.0], [1 - 1e-300, 1e-300]], [[0.0, 1.0]] * 2], [1.0, 0.0], horizon=1)
    assert_refuses(lambda: slippery(mdp, 1e-300), OutOfReach, "transition[0, 0, 1]", "too small for a float")
    assert slippery(mdp.to("exact"), Fraction(1, 10**300)).transition[0, 0, 1] > 0


def test_symbols():
    """A free slip probability, and no level is lost where only numbers are left."""
    mdp = gallery.noisy_walk()[0].to("symbolic")
    e = sympy.Symbol("e")
    assert [sympy.expand(x) for x in slippery(mdp, e).transition[0, 0]] == [
        sympy.Rational(2, 3) - e / 6,
        sympy.Rational(1, 3) + e / 6,
    ]
    mask = np.array([[True, False]] * 2)
    for changed in (permuted_actions(mdp, [1, 0]), disabled_actions(mdp, mask), with_transition(mdp, mdp.transition)):
        assert changed.level == "symbolic"


def test_stacks_and_sparse_models():
    rng = np.random.default_rng(1)
    models = [random_model(rng, 3, 2, 2, unavailable=True) for _ in range(4)]
    stack = MDP(np.stack([mdp.transition for mdp in models]), np.stack([mdp.initial for mdp in models]), horizon=2)
    mask = np.zeros((3, 2), dtype=bool)
    mask[0, 1] = True
    for i, mdp in enumerate(models):
        assert permuted_actions(stack, [1, 0]).at(i).equals(permuted_actions(mdp, [1, 0]))
        assert slippery(stack, Fraction(1, 5)).at(i).equals(slippery(mdp, Fraction(1, 5)))
        assert disabled_actions(stack, mask, may_end=True).at(i).equals(disabled_actions(mdp, mask, may_end=True))
        other = with_transition(stack, stack.transition[::-1])
        assert other.at(i).equals(with_transition(mdp, models[-1 - i].transition))
        sparse = MDP(
            scipy.sparse.csr_array(mdp.to("float").transition.reshape(6, 3)),
            mdp.to("float").initial,
            horizon=2,
        )
        without = disabled_actions(sparse, mask, may_end=True)
        dense = disabled_actions(mdp.to("float"), mask, may_end=True).transition.reshape(6, 3)
        assert (without.transition.toarray() == dense).all()
        assert with_transition(mdp.to("float"), without.transition).equals(without)
    with pytest.raises(OutOfReach, match="sparse"):
        slippery(sparse, 0.5)
    with pytest.raises(OutOfReach, match="sparse"):
        permuted_actions(sparse, [1, 0])


def test_a_shaped_reward_does_not_transfer_and_a_reward_of_states_does():
    """A-08: shaped for one fork, the reward misleads where the actions are swapped; TR-01: that of states does not."""
    mdp, reward = gallery.fork()
    potential = scalars.log(np.array([1, 8, 1], dtype=object))
    of_actions = np.broadcast_to(reward[:, None], (3, 2))
    shaped = of_actions + mdp.expectation(potential) - potential[:, None]
    ended = mdp.with_final_value(-potential)
    assert (soft_solution(ended, shaped).policy == soft_solution(mdp, reward).policy).all()
    swapped = permuted_actions(mdp, [1, 0])
    truth = soft_solution(swapped, reward).policy
    assert (truth[0, 0] == soft_solution(mdp, reward).policy[0, 0, ::-1]).all()
    misled = soft_solution(swapped.with_final_value(-potential), shaped).policy
    assert not (misled == truth).all()


def test_the_frame_and_the_arithmetic_stay():
    mdp = replace(gallery.noisy_walk()[0], discount=Fraction(1, 2), changes=("by hand",))
    other = with_transition(mdp, [[[1, 0], [0, 1], [1, 0]]] * 2)
    assert same_frame(mdp, other)
    assert (other.n_actions, other.changes) == (3, ("by hand",))


MDP_, FLOATS = gallery.fork()[0], gallery.fork()[0].to("float")


@pytest.mark.parametrize(
    "call, error, fragments",
    [
        (lambda: with_transition(MDP_, np.eye(2)[:, None]), InvalidArgument, ("is float and the model is exact",)),
        (lambda: with_transition(FLOATS, np.eye(2)[:, None]), InvalidArgument, ("(2, 1, 2)", "(3, A, 3)")),
        (lambda: with_transition(FLOATS, 1.0), InvalidArgument, ("shape ()",)),
        (lambda: with_transition(FLOATS, np.ones((3, 1, 3))), InvalidModel, ("transition[0, 0] sums to 3.0",)),
        (lambda: with_transition(FLOATS, np.eye(3)[None, :, None]), InvalidArgument, ("(1, 3, 1, 3)",)),
        (lambda: permuted_actions(MDP_, [0, 0]), InvalidArgument, ("each of the actions 0 ... 1 once",)),
        (lambda: permuted_actions(MDP_, [0, 2]), InvalidArgument, ("once",)),
        (lambda: permuted_actions(MDP_, [[0, 1]]), InvalidArgument, ("(2,) or (3, 2)",)),
        (lambda: disabled_actions(MDP_, np.ones((3, 2), dtype=int)), InvalidArgument, ("truth values", "int64")),
        (lambda: disabled_actions(MDP_, [True, False]), InvalidArgument, ("(3, 2)",)),
        (
            lambda: disabled_actions(MDP_, [[False] * 2, [True] * 2, [False] * 2]),
            InvalidArgument,
            ("state 1 is left without an action", "may_end=True"),
        ),
        (lambda: slippery(MDP_, Fraction(3, 2)), InvalidArgument, ("between 0 and 1",)),
        (lambda: slippery(FLOATS, np.nan), InvalidArgument, ("expected finite numbers",)),
        (lambda: slippery(FLOATS, [0.1, 0.2]), InvalidArgument, ("one probability",)),
        (lambda: slippery(MDP_, 0.5), InvalidArgument, ("write slip in exact numbers",)),
    ],
)
def test_refusals(call, error, fragments):
    assert_refuses(call, error, *fragments)
