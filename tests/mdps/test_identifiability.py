"""Which rewards share a policy: dimensions by another elimination, directions by soft control itself."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise, product

import numpy as np
import pytest
import scipy.sparse
from flint import fmpq

from agreement import overlap
from enumeration import BITS
from instances import AXES, each_kind, models_of, shape_of
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, gallery, scalars, soft_solution, state_marginals
from mdps.identifiability import blind_potentials, invariance, null_space, rank, rank_of_pair
from mdps.periods import period, periods
from mdps.random_models import random_distribution, random_model, random_reward
from mdps.scalars.balls import precision
from mdps.scalars.rationals import fraction
from refusals import assert_refuses


def some(kind, step=5):
    return islice(models_of(kind), 0, None, step)


def rank_by_fractions(rows):
    """Gauss on Fractions, one pivot after another."""
    rows = [[x if isinstance(x, Fraction) else fraction(fmpq(x)) for x in row] for row in rows]
    found = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for i in range(found + 1, len(rows)):
            factor = rows[i][column] / rows[found][column]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found


def flat(*tables):
    """Directions [k, ...] as rows."""
    return np.concatenate([x.reshape(len(x), math.prod(x.shape[1:])) for x in tables])


def constraints(mdp, axes, reached=False):
    """What must vanish of a change of reward, with the values eliminated down from the horizon by a first action.

    u_t(s) = d(s, a_0) + gamma E u_{t+1}, and each other action of s must give the same.
    """
    index = {at: i for i, at in enumerate(map(tuple, np.argwhere(used(mdp, axes)).tolist()))}
    n = len(index)
    ahead = [[Fraction(0)] * n for _ in range(mdp.n_states)]
    rows = []
    uniform = np.where(mdp.available, fmpq(1), fmpq(0)) / np.maximum(mdp.available.sum(axis=1), 1)[:, None]
    visits = state_marginals(mdp, uniform)
    for t in reversed(range(mdp.horizon)):
        now = []
        for s in range(mdp.n_states):
            changes = []
            for a in np.flatnonzero(mdp.available[s]).tolist():
                row = [Fraction(0)] * n
                for x, p in enumerate(map(fraction, mdp.transition[s, a])):
                    if p:
                        row[index[(s, a, x)[: len(axes)]]] += p
                        row = [y + p * fraction(mdp.discount) * z for y, z in zip(row, ahead[x], strict=True)]
                changes.append(row)
            now.append(changes[0] if changes else [Fraction(0)] * n)
            if visits[t, s] > 0 or not reached:
                rows += [[x - y for x, y in zip(row, changes[0], strict=True)] for row in changes[1:]]
        ahead = now
    return n, rows


def used(mdp, axes):
    return {"s": ~mdp.terminal, "sa": mdp.available, "sas": mdp.support}[axes]


@each_kind
def test_the_dimension_with_a_horizon(kind):
    for (mdp, _, axes, _), reached in product(some(kind, 8), (False, True)):
        n, rows = constraints(mdp, axes, reached)
        basis = invariance(mdp, axes=axes, reached=reached)
        assert basis.shape == (n - rank_by_fractions(rows), *shape_of(mdp, axes))
        assert rank(flat(basis)) == len(basis)
        assert not basis[:, ~used(mdp, axes)].any()


@each_kind
def test_the_directions_keep_the_policy_and_no_others_do(kind):
    for mdp, temperature, axes, rng in some(kind):
        basis = invariance(mdp, axes=axes)
        reward, other = random_reward(rng, shape_of(mdp, axes)), rng.integers(-2, 3, size=shape_of(mdp, axes))
        other = np.where(used(mdp, axes), scalars.convert(other, "exact"), fmpq(0))
        outside = rank(flat(basis, other[None])) > len(basis)
        inside = np.tensordot(rng.integers(-3, 4, size=len(basis)), basis, axes=1) if len(basis) else 0 * other
        with precision(BITS):
            ball, r = mdp.to("ball"), scalars.convert(reward, "ball")
            policy, moved, changed = (
                soft_solution(ball, r + scalars.convert(d, "ball"), temperature=temperature).policy
                for d in (0 * other, inside, other)
            )
            assert overlap(moved, policy)
            differs = any(not x.overlaps(y) for x, y in zip(changed.ravel(), policy.ravel(), strict=True))
        assert differs == outside


@each_kind
def test_without_end_every_potential_counts_once(kind):
    for mdp, _, _, rng in some(kind):
        for gamma in (Fraction(1, 2), Fraction(99, 100)):
            endless = replace(mdp, horizon=None, discount=gamma)
            goes_on = ~mdp.terminal
            assert len(invariance(endless)) == goes_on.sum()
            potential = np.where(goes_on, random_distribution(rng, mdp.n_states), fmpq(0))
            shaped = potential[:, None] - endless.discount * endless.expectation(potential)
            shaped = np.where(mdp.available, shaped, fmpq(0))
            basis = invariance(endless)
            assert rank(flat(basis, shaped[None])) == len(basis)
            assert len(invariance(endless, axes="s")) == len(blind_potentials(endless))


@each_kind
def test_blind_potentials(kind):
    for mdp, _, _, _ in some(kind):
        basis = blind_potentials(mdp)
        rows = [[Fraction(int(s == x)) for x in range(mdp.n_states)] for s in np.flatnonzero(mdp.terminal)]
        for s in range(mdp.n_states):
            actions = np.flatnonzero(mdp.available[s])
            for a, b in pairwise(actions):
                rows.append([fraction(x - y) for x, y in zip(mdp.transition[s, a], mdp.transition[s, b], strict=True)])
        assert len(basis) == mdp.n_states - rank_by_fractions(rows)
        for u in basis:
            ahead = np.where(mdp.available, mdp.expectation(u), fmpq(0))
            for s in range(mdp.n_states):
                assert len({str(x) for x in ahead[s][mdp.available[s]]}) <= 1
            assert not u[mdp.terminal].any()


def linked(mdp):
    """Whether all states are in one class of the relation: some state can move to both."""
    classes = [{s} for s in range(mdp.n_states)]
    for s in range(mdp.n_states):
        followers = set(np.flatnonzero(mdp.support[s].any(axis=0)).tolist())
        touched = [c for c in classes if c & followers]
        classes = [c for c in classes if not c & followers] + ([set().union(*touched)] if touched else [])
    return len(classes) == 1


def test_a_reward_of_states_is_known_up_to_a_constant_iff_all_states_are_linked():
    """A-09, deterministic and without end; both answers occur often."""
    answers = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        mdp = random_model(rng, int(rng.integers(1, 5)), 2, 1, deterministic=True, discount=Fraction(9, 10))
        answers.append(linked(mdp))
        assert (len(invariance(replace(mdp, horizon=None), axes="s")) == 1) == answers[-1]
    assert 60 < sum(answers) < 240


def test_links_are_not_enough_where_chance_moves():
    """A-10: two actions, (1/2, 0, 1/2) and (0, 1, 0) everywhere; linked, and still ambiguous."""
    rows = [[Fraction(1, 2), 0, Fraction(1, 2)], [0, 1, 0]]
    mdp = MDP([rows] * 3, [1, 0, 0], horizon=None, discount=Fraction(1, 2))
    assert linked(mdp)
    assert blind_potentials(mdp).shape[0] == invariance(mdp, axes="s").shape[0] == 2
    assert rank(np.concatenate([blind_potentials(mdp), [[1, 2, 3]]])) == 2
    assert len(blind_potentials(gallery.deaf_dynamics()[0])) == 2


def test_the_period_is_the_dimension_of_long_horizons():
    """I-03: deterministic, strongly connected, r(s, a), discount 1, T = 14."""
    seen = []
    for seed in range(600):
        rng = np.random.default_rng([3, seed])
        n = int(rng.integers(1, 5))
        mdp = random_model(rng, n, int(rng.integers(1, 3)), 14, deterministic=True, unavailable=seed % 3 == 0)
        try:
            seen.append(period(mdp))
        except InvalidModel:
            continue
        assert len(invariance(mdp)) == seen[-1]
    assert len(seen) >= 200
    assert {1, 2, 3, 4} <= set(seen)


def test_one_step_tells_nothing_of_the_states():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mdp = random_model(rng, 4, 2, 1, deterministic=True)
        assert len(invariance(mdp)) == 4


@each_kind
def test_periods(kind):
    """Against the lengths of all closed walks: s has one of length n iff (M^n)(s, s) > 0; 2 S^2 of them tell."""
    for mdp, _, _, _ in some(kind):
        moves = mdp.support.any(axis=1)
        walks, gcds = np.eye(mdp.n_states, dtype=bool), np.zeros(mdp.n_states, dtype=int)
        for n in range(1, 2 * mdp.n_states**2 + 2):
            walks = walks @ moves
            gcds = np.where(np.diagonal(walks), np.gcd(gcds, n), gcds)
        assert periods(mdp).tolist() == gcds.tolist()


def test_two_environments():
    """I-02: the space that both leave has 2 S - rank[B_1, -B_2] dimensions; another dynamics or discount helps."""
    known = []
    for seed in range(200):
        rng = np.random.default_rng([4, seed])
        n = int(rng.integers(1, 4))
        first = random_model(rng, n, 2, 1, deterministic=seed % 2 == 0, discount=Fraction(1, 2))
        second = random_model(rng, n, 2, 1, deterministic=seed % 3 == 0, discount=Fraction(9, 10))
        second = replace(first, discount=second.discount) if seed % 4 == 0 else second
        pair = [replace(mdp, horizon=None) for mdp in (first, second)]
        blocks = [
            [
                [int(s == x) - fraction(mdp.discount) * fraction(mdp.transition[s, a, x]) for x in range(n)]
                for s, a in np.ndindex(n, 2)
            ]
            for mdp in pair
        ]
        rows = [[*x, *(-y for y in z)] for x, z in zip(*blocks, strict=True)]
        assert rank_of_pair(*pair) == rank_by_fractions(rows)
        both = invariance(*pair)
        assert len(both) == 2 * n - rank_of_pair(*pair)
        known.append(len(both) == 1)
        constant = scalars.convert(np.ones((1, n, 2), dtype=int), "exact")
        assert rank(flat(both, constant)) == len(both)
        for mdp in pair:
            alone = invariance(mdp)
            assert rank(flat(alone, both)) == len(alone)
    assert 50 < sum(known) < 200


def test_several_horizons_are_several_models():
    mdp, _ = gallery.cycle()
    assert len(invariance(mdp)) == 2
    assert len(invariance(mdp, replace(mdp, horizon=8, discount=Fraction(1, 2)))) <= 2


def test_what_is_not_reached_is_free():
    mdp, _ = gallery.closed_door()
    everywhere, seen = invariance(mdp), invariance(mdp, reached=True)
    assert len(seen) > len(everywhere)
    outside = np.zeros((1, 3, 2), dtype=int)
    outside[0, 2, 0] = 1  # state 2 is never reached
    for axes in AXES:
        seen = invariance(mdp, axes=axes, reached=True)
        n, _ = constraints(mdp, axes)
        unreached = mdp.support[2] if axes == "sas" else mdp.available[2]
        assert len(seen) >= (unreached.sum() if axes != "s" else 1)
        assert len(seen) <= n
    endless = replace(mdp, horizon=None, discount=Fraction(1, 2))
    assert len(invariance(endless, reached=True)) == 2 + mdp.available[2].sum()


def test_models_of_floats_are_read_exactly():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        mdp = random_model(rng, 3, 2, 3, discount=Fraction(9, 10), terminal=seed % 2 == 0, denominator=10)
        floats = mdp.to("float")
        if floats.to("exact").equals(mdp):
            assert (invariance(floats) == invariance(mdp)).all()
            assert (blind_potentials(floats) == blind_potentials(mdp)).all()
            assert periods(floats).tolist() == periods(mdp).tolist()
        assert len(invariance(floats)) == len(invariance(floats.to("exact")))


def test_null_space_and_rank():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = rng.integers(-2, 3, size=(int(rng.integers(1, 6)), int(rng.integers(1, 6))))
        basis = null_space(rows)
        assert rank(rows) == rank_by_fractions([[Fraction(int(x)) for x in row] for row in rows])
        assert basis.shape == (rows.shape[1] - rank(rows), rows.shape[1])
        assert rank(basis) == len(basis)
        assert not (rows @ basis.T).any()
    assert null_space(np.zeros((2, 3), dtype=int)).tolist() == np.eye(3, dtype=int).tolist()
    assert null_space([[Fraction(1, 3), 1]]).tolist() == [[-3, 1]]


MDP_ = gallery.fork()[0]
STACK = MDP_.broadcast_to((2,))
SPARSE = MDP(scipy.sparse.eye_array(2, format="csr"), [1.0, 0.0], horizon=2)


@pytest.mark.parametrize(
    "call, error, fragments",
    [
        (invariance, InvalidArgument, ("got nothing; expected models",)),
        (lambda: invariance(3), InvalidArgument, ("got int; expected models",)),  # pyright: ignore
        (lambda: invariance(STACK), InvalidArgument, ("stack of batch shape (2,)", "mdp.at(i)")),
        (lambda: invariance(MDP_, gallery.cycle()[0]), InvalidArgument, ("[(3, 2), (2, 2)]",)),
        (lambda: invariance(MDP_, axes="as"), InvalidArgument, ("axes is 'as'",)),
        (lambda: invariance(MDP_.to("ball")), OutOfReach, ("the model is ball",)),
        (lambda: invariance(SPARSE), OutOfReach, ("sparse",)),
        (lambda: blind_potentials(SPARSE), OutOfReach, ("sparse",)),
        (lambda: periods(SPARSE), OutOfReach, ("sparse",)),
        (lambda: period(MDP_), InvalidModel, ("3 strongly connected components",)),
        (lambda: period(STACK), InvalidArgument, ("stack",)),
        (lambda: rank_of_pair(MDP_, MDP_), InvalidArgument, ("horizon=None",)),
    ],
)
def test_refusals(call, error, fragments):
    assert_refuses(call, error, *fragments)
