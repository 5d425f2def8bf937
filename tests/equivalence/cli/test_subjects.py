"""Subjects: what is verified on, at which horizon, and what is said about how it was made."""

import numpy as np
import pytest
from flint import fmpq

from equivalence.cli import subjects
from mdps import OutOfReach, gallery, trajectory_count
from mdps.interop import save_npz

CHAIN = {"transition": np.array([[[1 / 3, 2 / 3]], [[1.0, 0.0]]]), "initial": np.array([1.0, 0.0])}


@pytest.fixture
def chain(tmp_path):
    """A file with a chain of two states, one of whose rows is in floats that sum to 1 within rounding."""

    def written(**arrays):
        np.savez(tmp_path / "chain.npz", **(CHAIN | {"horizon": 3} | arrays))
        return tmp_path / "chain.npz"

    return written


def model(subject):
    return subject.instances[0].values["mdp"]


def test_a_file_becomes_exact_and_says_so(chain):
    subject = subjects.file(chain(reward=np.array([0.1, 3.0]), discount=0.9), horizon=None, seed=0, quick=False)
    mdp = model(subject)
    assert (mdp.level, mdp.horizon, mdp.discount) == ("exact", 3, fmpq(9, 10))
    assert mdp.transition[0, 0].tolist() == [fmpq(1, 3), fmpq(2, 3)]
    assert subject.where == "on chain.npz, horizon 3 (5 trajectories)"
    said = "\n".join(subject.changes)
    for sentence in ("1/3", "discount", "reward: 1 float was read as simple rationals (such as 0.1 as 1/10)"):
        assert sentence in said
    assert len(set(subject.changes)) == len(subject.changes)


def test_an_exact_file_is_taken_as_it_is(tmp_path):
    mdp, reward = gallery.lottery()
    save_npz(tmp_path / "lottery.npz", mdp, reward)
    subject = subjects.file(tmp_path / "lottery.npz", horizon=None, seed=0, quick=False)
    assert model(subject).equals(mdp)
    assert not any("were read" in text for text in subject.changes)


def test_a_given_horizon_replaces_that_of_the_file(chain):
    assert model(subjects.file(chain(), horizon=2, seed=0, quick=False)).horizon == 2


def test_a_file_without_a_horizon_gets_the_default_and_says_so(chain):
    subject = subjects.file(chain(horizon="none", discount=0.5), horizon=None, seed=0, quick=False)
    horizon = model(subject).horizon
    assert trajectory_count(model(subject)) <= 2_000
    assert f"chain.npz has none, and these claims are about finite ones; {horizon} is taken" in "\n".join(
        subject.changes
    )


def test_too_many_trajectories_are_counted_and_not_listed(chain):
    path = chain(transition=np.ones((1, 10, 1)), initial=[1.0], horizon=12)
    with pytest.raises(OutOfReach, match=r"1,000,000,000,000 trajectories at horizon 12.*--horizon"):
        subjects.file(path, horizon=None, seed=0, quick=False)
    with pytest.raises(OutOfReach, match="1,000,000,000 trajectories at horizon 9"):
        subjects.file(path, horizon=9, seed=0, quick=False)


def test_an_environment_has_the_default_horizon(require_extra):
    require_extra("gym")
    subject = subjects.environment("FrozenLake-v1", {}, horizon=None, seed=0, quick=False)
    assert subject.where == "on FrozenLake-v1, horizon 3 (1,078 trajectories)"
    assert any("2/3" in text for text in subject.changes)


def test_an_environment_has_its_arguments(require_extra):
    require_extra("gym")
    subject = subjects.environment("FrozenLake-v1", {"is_slippery": False}, horizon=2, seed=0, quick=False)
    assert subject.where == "on FrozenLake-v1(is_slippery=False), horizon 2 (16 trajectories)"
    assert (model(subject).kernel.support.sum(axis=-1) <= 1).all()


def test_the_seed_draws(chain):
    def rewards(seed):
        return subjects.file(chain(), horizon=None, seed=seed, quick=False).instances[0].values["reward"].tolist()

    assert rewards(1) == rewards(1)
    assert rewards(1) != rewards(2)
