"""What is written to a file is read back, equal; what is no model is refused with the name of the file."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from flint import fmpq

from mdps import MDP, InvalidArgument, InvalidModel, OutOfReach
from mdps.interop import load_npz, save_npz
from mdps.scalars import LogRational

TRANSITION = [[[0, 1 / 3, 2 / 3], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]], [[0.1, 0.2, 0.7], [0, 0, 0]]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def model(**options):
    return MDP(TRANSITION, [0.1, 0.9, 0], **{"horizon": 3, "discount": 0.9, "final_value": [0.1, 0, -2]} | options)


def same(mdp, other):
    return mdp.equals(other) and mdp.changes == other.changes and type(mdp.discount) is type(other.discount)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 3)])
def test_floats(path, shape):
    reward = np.random.default_rng(1).normal(size=shape)
    save_npz(path, model(changes=("rounded by hand", "and γ too")), reward)
    mdp, read = load_npz(path)
    assert same(mdp, model(changes=("rounded by hand", "and γ too")))
    assert np.array_equal(read, reward)


def test_exact_numbers(path):
    mdp = model().to("exact")
    big = fmpq(3**20_000, 2**30_001)
    reward = np.array([fmpq(-1, 3), fmpq(0), big], dtype=object)
    save_npz(path, mdp, reward)
    read, read_reward = load_npz(path)
    assert same(read, mdp)
    assert read.level == "exact"
    assert (read_reward == reward).all()
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["transition"][0, 0].tolist() == ["0", "1/3", "2/3"]
        assert arrays["discount"].tolist() == "9/10"


def test_logarithms(path):
    mdp = model().to("exact")
    reward = np.array(
        [
            [LogRational.log(Fraction(2, 3)), LogRational(Fraction(1, 2), {5: 3, 7: Fraction(-2, 3)})],
            [LogRational(-1, {2: -1}), fmpq(0)],
            [LogRational(0), LogRational.log(5) / 7],
        ],
        dtype=object,
    )
    save_npz(path, mdp, reward)
    read = load_npz(path)[1]
    assert (read == reward).all()
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["reward"][0, 1] == "1/2 + 3*log(5) - 2/3*log(7)"


def test_numbers_written_by_hand(path):
    texts = {
        "1/2+log(5)": LogRational(Fraction(1, 2), {5: 1}),
        "- 3 / 4": fmpq(-3, 4),
        "-log(6)": -LogRational.log(6),
    }
    np.savez(path, transition=np.full((3, 1, 3), "1/3"), initial=["1", "0", "0"], horizon=2, reward=list(texts))
    mdp, reward = load_npz(path)
    assert (mdp.level, mdp.horizon, mdp.discount, mdp.final_value.tolist()) == ("exact", 2, 1, [0, 0, 0])
    assert reward is not None
    assert (reward == np.array(list(texts.values()), dtype=object)).all()


def test_counts_written_by_hand(path):
    np.savez(path, transition=np.eye(2, dtype=int)[:, None], initial=[1, 0], horizon=np.int16(4), final_value=2)
    mdp, reward = load_npz(path)
    assert (mdp.level, mdp.horizon, reward) == ("float", 4, None)
    assert mdp.final_value.tolist() == [2, 2]


def test_a_model_without_a_horizon(path):
    save_npz(path, model(horizon=None))
    assert load_npz(path)[0].horizon is None


def test_a_stack(path):
    mdp = MDP([TRANSITION, TRANSITION], [[0.1, 0.9, 0], [1, 0, 0]], horizon=2)
    reward = np.arange(6.0).reshape(2, 3)
    save_npz(path, mdp, reward)
    read, read_reward = load_npz(path)
    assert same(read, mdp)
    assert np.array_equal(read_reward, reward)


def test_a_sparse_model(path):
    mdp = MDP(scipy.sparse.csr_array(np.reshape(TRANSITION, (6, 3))), [0.1, 0.9, 0], horizon=2, discount=0.9)
    save_npz(path, mdp, np.arange(6.0).reshape(3, 2))
    read, reward = load_npz(path)
    assert same(read, mdp)
    assert reward is not None
    assert scipy.sparse.issparse(read.transition)


def test_the_file_has_the_name_that_was_asked_for(tmp_path):
    save_npz(str(tmp_path / "model"), model())
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert load_npz(str(tmp_path / "model"))[0].equals(model())


def test_what_cannot_be_written(path):
    with pytest.raises(OutOfReach, match="ball"):
        save_npz(path, model().to("ball"))
    with pytest.raises(InvalidArgument, match="reward has shape"):
        save_npz(path, model(), np.zeros(4))
    assert not path.exists()


def arrays(**changed):
    """The arrays of a model file; None leaves one out."""
    everything = {"transition": TRANSITION, "initial": [0.1, 0.9, 0], "horizon": 3} | changed
    return {name: value for name, value in everything.items() if value is not None}


@pytest.mark.parametrize(
    "changed, error, text",
    [
        ({"transition": None}, InvalidArgument, "transition missing"),
        ({"transition": None, "horizon": None}, InvalidArgument, "transition, horizon missing"),
        (
            {"rewards": [0, 0, 0]},
            InvalidArgument,
            "rewards unknown. Expected transition, initial, horizon, discount",
        ),
        ({"transition": None, "transition_data": [1.0]}, InvalidArgument, "transition missing"),
        ({"transition": np.full((3, 1, 3), "1/x")}, InvalidArgument, "'1/x' is not a number; expected"),
        ({"transition": np.full((3, 1, 3), "1/0")}, InvalidArgument, "'1/0' is not a number"),
        ({"transition": np.full((3, 1, 3), "")}, InvalidArgument, "'' is not a number"),
        ({"transition": np.full((3, 1, 3), "2log(3)")}, InvalidArgument, r"'2log\(3\)' is not a number"),
        ({"transition": np.full((3, 1, 3), "1/3 1/3")}, InvalidArgument, "is not a number"),
        ({"transition": np.full((3, 1, 3), "log(0)")}, InvalidArgument, "is not a number"),
        ({"transition": np.eye(3)}, InvalidModel, r"transition has shape \(3, 3\)"),
        ({"transition": 0.875 * np.array(TRANSITION)}, InvalidModel, r"transition\[0, 0\] sums to 0.8"),
        ({"initial": [1.0, 0]}, InvalidModel, "initial has shape"),
        ({"initial": [True, False, False]}, InvalidModel, "initial has dtype bool"),
        ({"horizon": 0}, InvalidModel, "horizon is 0"),
        ({"horizon": 2.5}, InvalidModel, "horizon is 2.5"),
        ({"horizon": "three"}, InvalidModel, "horizon is 'three'"),
        ({"horizon": [3]}, InvalidModel, r"horizon has shape \(1,\)"),
        ({"discount": 1.5}, InvalidModel, "discount is 1.5"),
        ({"discount": "9/10"}, InvalidModel, "one arithmetic"),
        ({"reward": [0.0, 1.0]}, InvalidArgument, "reward has shape"),
        ({"reward": [0.0, 1.0, np.nan]}, InvalidArgument, r"reward\[2\] is nan"),
        ({"reward": [0.0, 1.0, np.inf]}, InvalidArgument, r"reward\[2\] is inf"),
    ],
)
def test_files_that_hold_no_model(path, changed, error, text):
    np.savez(path, **arrays(**changed))
    with pytest.raises(error, match=f"model.npz: .*{text}"):
        load_npz(path)


def test_a_sparse_matrix_that_is_none(path):
    parts = {f"transition_{part}": [0] for part in ("data", "indices", "indptr", "shape")}
    np.savez(path, **arrays(transition=None, **parts))
    with pytest.raises(InvalidArgument, match=r"model\.npz: the sparse transition is not a CSR matrix"):
        load_npz(path)


def test_files_that_are_none(path, tmp_path):
    with pytest.raises(InvalidArgument, match=r"model\.npz: the file cannot be read: No such file"):
        load_npz(path)
    with pytest.raises(InvalidArgument, match="cannot be read: Is a directory"):
        load_npz(tmp_path)
    for content in (b"", b"P = 1\n", b"PK\x03\x04 and then nothing", pickle.dumps(arrays())):
        path.write_bytes(content)
        with pytest.raises(InvalidArgument, match=r"model\.npz: this is not an \.npz file"):
            load_npz(path)
    np.savez(path, **arrays())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InvalidArgument, match=r"model\.npz: this is not an \.npz file"):
        load_npz(path)
    np.save(tmp_path / "array.npy", np.eye(2))
    with pytest.raises(InvalidArgument, match=r"array\.npy: this is a single array"):
        load_npz(tmp_path / "array.npy")


def test_nothing_is_unpickled(path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was loaded",))

    np.savez(path, **arrays(reward=np.array([Trap()], dtype=object)))
    with pytest.raises(InvalidArgument, match=r"model\.npz: this is not an \.npz file of numbers without pickles"):
        load_npz(path)
