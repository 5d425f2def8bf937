"""Pieces in JAX and torch in the manner of public code: refuted, twins agree, and the diagnosis is as it says."""

import importlib

import pytest

from equivalence.testing import judge
from equivalence.testing.diagnosis import diagnose

FEW = {"jax": ("ebm.log_likelihood",), "torch": ("divergences", "ebm")}


def pieces_of(extra, *, all_of_them):
    pieces = importlib.import_module(f"equivalence.testing.museum.held_out_{extra}").PIECES
    own = importlib.import_module(f"equivalence.testing.museum.in_{extra}").PIECES
    assert len({piece.name for piece in (*pieces, *own)}) == len(pieces) + len(own)
    assert len(pieces) >= 10
    assert all(piece.framework == extra and len(piece.text) > 10 for piece in pieces)
    return [piece for piece in pieces if all_of_them or piece.target.startswith(FEW[extra])]


@pytest.mark.parametrize("extra", ["jax", "torch"])
def test_pieces_differ_twins_agree_and_the_mistake_is_named(extra, require_extra):
    require_extra(extra)
    check(pieces_of(extra, all_of_them=False))


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["jax", "torch"])
def test_all_of_them(extra, require_extra):
    require_extra(extra)
    check(pieces_of(extra, all_of_them=True))


def check(pieces):
    for piece in pieces:
        asked = {"to": piece.target, "field": False, "instances": 30, **piece.options}
        assert not judge(piece.function, **asked).agrees, piece.name
        assert judge(piece.twin, **asked).agrees, piece.name
        found = diagnose(piece.function, to=piece.target, **piece.options)
        assert (" + ".join(found.names) or "unknown") == piece.mistake, (piece.name, found.text)
