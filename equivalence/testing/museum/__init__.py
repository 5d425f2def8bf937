"""A museum of wrong implementations: what people write, each beside a right twin.

Every piece is one small function of plain numpy arrays that is right on some inputs, with a docstring that says what
is wrong and where it is seen; its twin computes the same target rightly by another road than the library. The judge
must refute each piece and agree with each twin, and the diagnosis should name the mistake: `matrix` tabulates that.
What goes wrong in JAX and torch alone is in modules of their own, `in_jax.PIECES` and `in_torch.PIECES`, which import
these.

piece      what a piece is            passes    right backward and forward passes that pieces share
control    soft control               policies  what a policy does
causal     causal likelihood          paths     laws over trajectories
spaces     energies, discriminators, guided costs
noise      noise-contrastive estimation, no partition function, margins, importance weights, divergences
preferences  rewards of responses, comparisons
held_out   pieces that were written after the diagnosis, to measure it
as_written others, in the manner of public code; `held_out_jax` and `held_out_torch` have those of frameworks
matrix     piece by what refutes it and how it is diagnosed
"""

from equivalence.testing.museum import (
    as_written,
    causal,
    control,
    held_out,
    noise,
    paths,
    policies,
    preferences,
    spaces,
)
from equivalence.testing.museum.piece import Piece

PIECES: tuple[Piece, ...] = (
    *control.PIECES,
    *policies.PIECES,
    *causal.PIECES,
    *paths.PIECES,
    *spaces.PIECES,
    *noise.PIECES,
    *preferences.PIECES,
    *held_out.PIECES,
    *as_written.PIECES,
)

__all__ = ["PIECES", "Piece"]
