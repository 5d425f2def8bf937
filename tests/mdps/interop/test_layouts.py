"""Layouts are named: each entry arrives where its name says, and what is ambiguous is not guessed."""

from fractions import Fraction
from itertools import islice, product

import numpy as np
import pytest
import scipy.sparse

from instances import each_kind, models_of
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach
from mdps.interop import from_array, from_sparse, guess_layout, reordered, to_sparse
from mdps.interop.layouts import LAYOUTS, SPARSE_LAYOUTS
from mdps.random_models import random_model, random_reward
from refusals import assert_refuses

# Where P(x | s, a) stands in an array of each layout.
PLACE = {
    "[s,a,s']": lambda s, a, x: (s, a, x),
    "[s,s',a]": lambda s, a, x: (s, x, a),
    "[a,s,s']": lambda s, a, x: (a, s, x),
    "[a,s',s]": lambda s, a, x: (a, x, s),
}


def laid_out(mdp, layout, table=None):
    """A transition, entry by entry."""
    table = mdp.transition if table is None else table
    n, n_actions = mdp.n_states, mdp.n_actions
    array = np.empty(PLACE[layout](n, n_actions, n), dtype=table.dtype)
    for s, a, x in np.ndindex(n, n_actions, n):
        array[PLACE[layout](s, a, x)] = table[s, a, x]
    return array


def some(kind):
    return islice(models_of(kind), 0, None, 5)


@each_kind
def test_round_trips(kind):
    for mdp, _, _, rng in some(kind):
        reward = random_reward(rng, mdp.transition.shape)
        for model, layout in product((mdp, mdp.to("float")), LAYOUTS):
            array = laid_out(model, layout)
            read = from_array(
                array,
                model.initial,
                layout=layout,
                horizon=model.horizon,
                discount=model.discount,
                final_value=model.final_value,
            )
            assert read.equals(model)
            assert (reordered(model.transition, layout="[s,a,s']", to=layout) == array).all()
            assert (reordered(laid_out(mdp, layout, reward), layout=layout) == reward).all()


@each_kind
def test_a_guess_is_right_or_an_error(kind):
    """It names a layout only if no other one makes the array a model."""
    for mdp, _, _, _ in some(kind):
        for model, layout in product((mdp, mdp.to("float")), LAYOUTS):
            array = laid_out(model, layout)
            fitting = []
            for name in LAYOUTS:
                try:
                    from_array(array, model.initial, layout=name, horizon=1)
                    fitting.append(name)
                except (InvalidArgument, InvalidModel):
                    pass
            assert layout in fitting
            if len(fitting) == 1:
                assert guess_layout(array) == layout
            else:
                assert_refuses(lambda array=array: guess_layout(array), InvalidArgument, *fitting, "say which one")


def test_square_arrays_are_the_trap():
    """Three states and three actions: stochastic rows along several axes, so four different models."""
    doubly = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]])
    rolled = np.stack([doubly, np.roll(doubly, 1, axis=0), np.roll(doubly, 2, axis=0)])
    models = [from_array(rolled, [1.0, 0, 0], layout=layout, horizon=1) for layout in LAYOUTS]
    assert sum(x.equals(y) for x in models for y in models) < len(models) ** 2
    assert_refuses(lambda: guess_layout(rolled), InvalidArgument, "[s,a,s'], [s,s',a], [a,s,s'], [a,s',s]")


def test_the_wrong_layout_says_which_would_do():
    rng = np.random.default_rng(1)
    mdp = random_model(rng, 3, 3, 1).to("float")
    array = laid_out(mdp, "[a,s',s]")
    for layout in ("[s,a,s']", "[a,s,s']"):
        assert_refuses(
            lambda layout=layout: from_array(array, mdp.initial, layout=layout, horizon=1),
            InvalidModel,
            "sums to",
            "In the layout [s,s',a] or [a,s',s] every row is one",
        )
    silent = from_array(array, mdp.initial, layout="[s,s',a]", horizon=1)
    assert not silent.equals(mdp)
    assert_refuses(lambda: guess_layout(array), InvalidArgument, "[s,s',a], [a,s',s]")


def test_stacks():
    rng = np.random.default_rng(2)
    models = [random_model(rng, 3, 2, 1) for _ in range(4)]
    initial = np.stack([mdp.initial for mdp in models])
    for layout in LAYOUTS:
        array = np.stack([laid_out(mdp, layout) for mdp in models])
        stack = from_array(array, initial, layout=layout, horizon=1)
        assert all(stack.at(i).equals(mdp) for i, mdp in enumerate(models))
        assert np.shares_memory(reordered(array, layout=layout), array)
        assert guess_layout(array) == layout


def sparse_layout(mdp, layout):
    """The matrices, entry by entry."""
    n, n_actions = mdp.n_states, mdp.n_actions
    if layout.startswith("["):
        matrices = [np.zeros((n, n)) for _ in range(n_actions)]
        for s, a, x in np.ndindex(n, n_actions, n):
            matrices[a][(s, x) if layout == "[a][s,s']" else (x, s)] = mdp.transition[s, a, x]
        return matrices
    matrix = np.zeros((n * n_actions, n))
    for s, a, x in np.ndindex(n, n_actions, n):
        matrix[s * n_actions + a if layout == "s*A+a" else a * n + s, x] = mdp.transition[s, a, x]
    return matrix


KINDS_OF_SPARSE = (scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array)


@each_kind
def test_sparse_round_trips(kind):
    for number, (exact, _, _, _) in enumerate(some(kind)):
        mdp, sparse = exact.to("float"), KINDS_OF_SPARSE[number % 3]
        frame = {"horizon": mdp.horizon, "discount": mdp.discount, "final_value": mdp.final_value}
        plain = MDP(scipy.sparse.csr_array(mdp.transition.reshape(-1, mdp.n_states)), mdp.initial, **frame)
        for layout in SPARSE_LAYOUTS:
            dense = sparse_layout(mdp, layout)
            matrices = [sparse(x) for x in dense] if isinstance(dense, list) else sparse(dense)
            read = from_sparse(matrices, mdp.initial, layout=layout, **frame)
            assert read.equals(plain)
            for source in (mdp, read):
                written = to_sparse(source, layout=layout)
                pairs = zip(written, dense, strict=True) if isinstance(dense, list) else [(written, dense)]
                assert all((x.toarray() == y).all() for x, y in pairs)


EYE = scipy.sparse.eye_array(2, format="csr")
SQUARE = np.full((2, 2, 2), 0.5)
EXACT = MDP([[[Fraction(1, 3), Fraction(2, 3)]], [[0, 1]]], [1, 0], horizon=1)


@pytest.mark.parametrize(
    "call, error, fragments",
    [
        (lambda: from_array(SQUARE, [1, 0], layout="sas", horizon=1), InvalidArgument, ("layout is 'sas'", *LAYOUTS)),
        (lambda: reordered(SQUARE, layout=LAYOUTS[0], to="asa"), InvalidArgument, ("layout is 'asa'",)),
        (lambda: reordered(np.eye(2), layout=LAYOUTS[0]), InvalidArgument, ("shape (2, 2)", "three axes")),
        (
            lambda: from_array(np.zeros((3, 2, 2)), [1, 0], layout="[s,a,s']", horizon=1),
            InvalidArgument,
            ("shape (3, 2, 2)", "its shape fits [a,s,s'] and [a,s',s]"),
        ),
        (
            lambda: from_array(SQUARE, [1, 1], layout=LAYOUTS[0], horizon=1),
            InvalidModel,
            ("initial sums to 2",),
        ),
        (lambda: from_array("P", [1, 0], layout=LAYOUTS[0], horizon=1), InvalidModel, ("dtype",)),
        (lambda: guess_layout(np.full((2, 2, 2), 0.3)), InvalidArgument, ("a model in none of the layouts",)),
        (lambda: guess_layout(np.eye(2)), InvalidArgument, ("none of the layouts",)),
        (lambda: guess_layout(SQUARE), InvalidArgument, ("say which one it is",)),
        (lambda: from_sparse(EYE, [1, 0], layout="csr", horizon=1), InvalidArgument, ("expected one of [a][s,s']",)),
        (lambda: from_sparse(EYE, [1, 0], layout="[a][s,s']", horizon=1), InvalidArgument, ("list of A sparse",)),
        (lambda: from_sparse([], [1, 0], layout="[a][s,s']", horizon=1), InvalidArgument, ("shapes []",)),
        (lambda: from_sparse([np.eye(2)], [1, 0], layout="[a][s,s']", horizon=1), InvalidArgument, ("list of A",)),
        (
            lambda: from_sparse([EYE, EYE[:1]], [1, 0], layout="[a][s,s']", horizon=1),
            InvalidArgument,
            ("[(1, 2), (2, 2)]",),
        ),
        (lambda: from_sparse([EYE], [1, 0], layout="s*A+a", horizon=1), InvalidArgument, ("got a list",)),
        (lambda: from_sparse(EYE[:1], [1, 0], layout="a*S+s", horizon=1), InvalidArgument, ("shape (1, 2)",)),
        (lambda: from_sparse(2 * EYE, [1, 0], layout="a*S+s", horizon=1), InvalidModel, ("sums to 2.0",)),
        (lambda: to_sparse(EXACT, layout="s*A+a"), OutOfReach, ("of level exact",)),
        (lambda: to_sparse(EXACT.to("float").broadcast_to((2,)), layout="s*A+a"), OutOfReach, ("a stack",)),
        (lambda: to_sparse(EXACT.to("float"), layout="A*s+a"), InvalidArgument, ("layout is 'A*s+a'",)),
    ],
)
def test_refusals(call, error, fragments):
    assert_refuses(call, error, *fragments)
