"""Every piece of the museum is refuted, every right twin agrees, and the guide's matrix is the one that is computed."""

import importlib
import inspect
from pathlib import Path

import pytest

from equivalence.testing import TARGETS, Diagnosis, judge
from equivalence.testing.museum import PIECES
from equivalence.testing.museum.matrix import kill_matrix, line, markdown

INSTANCES = 40
GUIDE = Path(__file__).parents[3] / "equivalence" / "guides" / "museum.md"

# By scope the tests of a piece follow each other, and ask the same questions.
pieces = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name, scope="module")


@pytest.fixture
def without_diagnosis(monkeypatch):
    """The diagnosis has tests of its own."""
    module = importlib.import_module("equivalence.testing.judge")
    monkeypatch.setattr(module, "explained", lambda *_, **__: Diagnosis((), ""))


def test_there_are_enough_pieces():
    assert len(PIECES) >= 90
    assert len({piece.name for piece in PIECES}) == len(PIECES)
    assert 5 * sum(piece.held_out for piece in PIECES) >= len(PIECES)
    assert {piece.number for piece in PIECES} >= {*range(1, 11), *range(12, 19), 21, 22, 25, 29}


def test_every_target_has_a_piece():
    judged = {piece.target for piece in PIECES}
    assert {name.rsplit(".", 1)[0] for name in judged} | judged >= set(TARGETS_AT_WRITING)
    assert judged <= set(TARGETS)


TARGETS_AT_WRITING = (
    "soft_solution.q",
    "soft_solution.v",
    "soft_solution.policy",
    "policy_value",
    "state_marginals",
    "marginals",
    "occupancy",
    "boltzmann.log_partition",
    "boltzmann.law",
    "boltzmann.occupancy",
    "ebm.log_partition",
    "ebm.law",
    "ebm.log_likelihood",
    "ebm.gradient",
    "gan.discriminator",
    "gan.discriminator_loss",
    "gan.discriminator_gradient",
    "gan.discriminator_gradient.energy",
    "gan.discriminator_gradient.log_normalizer",
    "gan.optimal_log_normalizer",
    "gan.generator_loss",
    "gcl.loss",
    "gcl.gradient",
    "gcl.importance_weights",
    "maxent.log_likelihood",
    "maxent.gradient",
    "causal.dual",
    "causal.gradient",
)


@pieces
def test_the_piece_says_what_is_wrong_and_stands_beside_a_twin_of_the_same_arguments(piece):
    assert len(piece.text) > 20
    wrong, right = (list(inspect.signature(f).parameters) for f in (piece.function, piece.twin))
    assert right[: len(wrong)] == wrong


@pieces
@pytest.mark.usefixtures("without_diagnosis")
def test_the_piece_is_refuted(piece):
    verdict = judge(piece.function, to=piece.target, instances=INSTANCES, **piece.options)
    assert not verdict.agrees
    assert verdict.margin > 1


@pieces
def test_the_twin_agrees(piece):
    verdict = judge(piece.twin, to=piece.target, instances=INSTANCES, **piece.options)
    assert verdict.agrees, verdict


@pytest.mark.slow
@pieces
def test_the_twin_agrees_whatever_the_seed(piece):
    for seed in range(1, 10):
        verdict = judge(piece.twin, to=piece.target, instances=100, seed=seed, **piece.options)
        assert verdict.agrees, f"seed {seed}\n{verdict}"
        assert not judge(piece.function, to=piece.target, instances=INSTANCES, seed=seed, **piece.options).agrees


def listed(heading=None):
    """The pieces of the guide's table under a heading, or of the first one."""
    text = GUIDE.read_text(encoding="utf-8").split("## The kill matrix")[1]
    part = text.split("\n### ")[0] if heading is None else text.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    return [row.split("`")[1] for row in part.splitlines() if row.startswith("| `")]


def test_the_guide_has_a_line_of_every_piece():
    assert listed() == [piece.name for piece in PIECES]


@pytest.mark.parametrize("extra, heading", [("jax", "In JAX"), ("torch", "In torch")])
def test_the_guide_has_a_line_of_every_piece_of_a_framework(extra, heading, require_extra):
    require_extra(extra)
    modules = (importlib.import_module(f"equivalence.testing.museum.{name}_{extra}") for name in ("in", "held_out"))
    framed = [piece for module in modules for piece in module.PIECES]
    assert listed(heading) == [piece.name for piece in framed]
    text = GUIDE.read_text(encoding="utf-8").splitlines()
    for row in kill_matrix(framed[3::12]):
        assert line(row) in text


def test_four_in_five_are_named():
    """Of the pieces that were not held out, in all frameworks: a name, and the right one."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    rows = [row for row in lines if row.startswith("| `") and "`\\*" not in row]
    named = [row for row in rows if "unknown" not in row and "(it is:" not in row]
    assert 5 * len(named) >= 4 * len(rows)
    assert not [row for row in rows if "(it is:" in row]


def test_lines_of_the_guide_are_computed():
    text = GUIDE.read_text(encoding="utf-8").splitlines()
    for row in kill_matrix(PIECES[5::18]):
        assert line(row) in text


@pytest.mark.slow
def test_the_matrix_of_the_guide_is_computed():
    assert markdown(kill_matrix()) in GUIDE.read_text(encoding="utf-8")
