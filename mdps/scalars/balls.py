"""Real balls: `flint.arb`, at the level `ball`.

A ball [m +/- r] is proved to contain the number. The precision, `flint.ctx.prec` in bits, is global to all threads;
`precision(bits)` sets it for a block. A ball neither pickles nor deep-copies, so balls live between an exact instance
and a verdict and nowhere else.

Comparisons of balls answer True only where they are certain, so `>=` cannot choose the larger of two overlapping
balls; the enclosure of the maximum can be had all the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flint import arb, ctx

from mdps.errors import OutOfReach
from mdps.scalars.elementary import exp_of, larger_of, log_of, sigmoid_of, softplus_of

LOG_ZERO = arb.neg_inf()


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Ball arithmetic with `bits` bits inside the block."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


@exp_of.register
def _(x: arb) -> arb:
    return x.exp()


@log_of.register
def _(x: arb) -> arb:
    if x == 0:
        return LOG_ZERO
    if not x > 0:
        raise OutOfReach(f"log of the ball {x}, which is not certainly positive; raise the precision")
    return x.log()


@softplus_of.register
def _(x: arb) -> arb:
    return x.exp().log1p()


@sigmoid_of.register
def _(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


@larger_of.register
def _(x: arb, y: Any) -> arb:
    return x.max(y)
