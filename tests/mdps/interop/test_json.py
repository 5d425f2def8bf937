"""JSON files are read back, equal; what is no model is refused with the name of the file."""

import json
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import scipy.sparse
from flint import fmpq

from instances import each_kind, models_of, shape_of
from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach, gallery, scalars
from mdps.interop import load_json, save_json
from mdps.random_models import random_reward
from refusals import assert_refuses


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.json"


def same(mdp, other):
    return mdp.equals(other) and mdp.changes == other.changes and type(mdp.discount) is type(other.discount)


@each_kind
def test_round_trips(kind, path):
    """Rationals, logs of rationals and floats, bit for bit."""
    for number, (mdp, _, axes, rng) in enumerate(islice(models_of(kind), 0, None, 6)):
        reward = random_reward(rng, shape_of(mdp, axes)) + fmpq(number, 7)
        for level in ("exact", "float"):
            model, paid = mdp.to(level), scalars.convert(reward, level)
            save_json(path, model, paid)
            read, read_reward = load_json(path)
            assert same(read, model)
            assert read_reward is not None
            assert (read_reward == paid).all()
            assert read_reward.dtype == paid.dtype
            json.loads(path.read_text())  # any reader will do


def test_extreme_floats(path):
    mdp = MDP([[[1 - 1e-300, 1e-300]], [[5e-324, 1.0]]], [0.1, 0.9], horizon=2, discount=0.1 + 0.2)
    reward = np.array([1e308, -0.1])
    save_json(path, mdp, reward)
    read, paid = load_json(path)
    assert same(read, mdp)
    assert paid is not None
    assert (paid == reward).all()


def test_frames(path):
    mdp, _ = gallery.fork()
    for model in (
        MDP(mdp.transition, mdp.initial, horizon=None, discount=Fraction(1, 2), changes=("by hand", "and γ too")),
        mdp.broadcast_to((2,)),
        MDP(scipy.sparse.csr_array(np.full((4, 2), 0.5)), [0.5, 0.5], horizon=3),
    ):
        save_json(path, model)
        read, reward = load_json(path)
        assert same(read, model)
        assert reward is None
    save_json(str(path), mdp)
    assert [file.name for file in path.parent.iterdir()] == ["model.json"]


def test_files_written_by_hand(path):
    path.write_text(
        '{"transition": [[["1/2", "1/2"], [0, 0]], [[1, 0], [0, 1]]], "initial": [1, 0], "horizon": 2,'
        ' "discount": "9/10", "reward": ["log(3)", "-1/2 + 2*log(5)"]}'
    )
    mdp, reward = load_json(path)
    log = scalars.LogRational.log
    assert (mdp.level, mdp.horizon, mdp.discount, mdp.changes) == ("exact", 2, fmpq(9, 10), ())
    assert not mdp.available[0, 1]
    assert reward is not None
    assert reward.tolist() == [log(3), 2 * log(5) - Fraction(1, 2)]
    path.write_text('{"transition": [[[0.5, 0.5]], [[0, 1]]], "initial": [1, 0], "horizon": null, "discount": 0.5}')
    mdp, reward = load_json(path)
    assert (mdp.level, mdp.horizon, reward) == ("float", None, None)


def test_what_cannot_be_written(path):
    assert_refuses(lambda: save_json(path, gallery.fork()[0].to("ball")), OutOfReach, "ball")
    assert_refuses(lambda: save_json(path, gallery.fork()[0], [0]), InvalidArgument, "reward has shape (1,)")
    assert not path.exists()


def test_large_whole_numbers_stay(path):
    n = 2**70 + 1
    path.write_text(json.dumps({"transition": [[["1"]]], "initial": ["1"], "horizon": 1, "reward": [n]}))
    assert load_json(path)[1] == [n]


GOOD = {"transition": [[[0.5, 0.5]], [[0.0, 1.0]]], "initial": [1.0, 0.0], "horizon": 2}


def text(**changed):
    return json.dumps({name: value for name, value in (GOOD | changed).items() if value is not ...})


@pytest.mark.parametrize(
    "content, error, fragments",
    [
        ("", InvalidArgument, ("this is not a JSON file",)),
        ("{", InvalidArgument, ("this is not a JSON file",)),
        (b"\xff\xfe\x00", InvalidArgument, ("this is not a JSON file",)),
        ("[" * 100_000, InvalidArgument, ("this is not a JSON file",)),
        ("[1, 2]", InvalidArgument, ("a JSON list; expected an object",)),
        (text(initial=...), InvalidArgument, ("initial missing",)),
        (text(gamma=0.9), InvalidArgument, ("gamma unknown",)),
        (text(reward=[1.0, float("nan")]), InvalidArgument, ("NaN; expected finite numbers",)),
        (text(reward=[1.0, float("inf")]), InvalidArgument, ("Infinity",)),
        ('{"horizon": 1, "horizon": 2}', InvalidArgument, ("'horizon' comes twice",)),
        (text(reward=[[1.0], 2.0]), InvalidArgument, ("reward",)),
        (text(reward=[[1.0, 2.0], [3.0]]), InvalidArgument, ("reward holds list",)),
        (text(reward=[None, 1.0]), InvalidArgument, ("NoneType",)),
        (text(reward=[True, 1.0]), InvalidArgument, ("reward holds bool, float",)),
        (text(reward=["1/2", 1.0]), InvalidArgument, ("reward holds float, str",)),
        (text(reward={"a": 1}), InvalidArgument, ("reward holds dict",)),
        (text(reward=["1/x", "1"]), InvalidArgument, ("'1/x' is not a number",)),
        (text(reward=[1.0]), InvalidArgument, ("reward has shape (1,)",)),
        (text(horizon=2.5), InvalidArgument, ("horizon holds float",)),
        (text(horizon=0), InvalidModel, ("horizon is 0",)),
        (text(horizon="ten"), InvalidModel, ("horizon is 'ten'",)),
        (text(horizon=[2]), InvalidModel, ("horizon has shape (1,)",)),
        (text(changes=[1]), InvalidArgument, ("changes holds int",)),
        (text(transition=[]), InvalidModel, ("transition has shape (0,)",)),
        (text(transition=[[[0.4, 0.5]], [[0.0, 1.0]]]), InvalidModel, ("transition[0, 0] sums to 0.9",)),
        (text(discount="9/10"), InvalidModel, ("one arithmetic",)),
    ],
)
def test_files_that_hold_no_model(path, content, error, fragments):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refuses(lambda: load_json(path), error, f"{path}: ", *fragments)


def test_files_that_are_none(path, tmp_path):
    assert_refuses(lambda: load_json(path), InvalidArgument, "model.json: the file cannot be read: No such file")
    assert_refuses(lambda: load_json(tmp_path), InvalidArgument, "cannot be read: Is a directory")
