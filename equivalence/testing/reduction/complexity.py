"""Which of two instances is the simpler one: the one with less, in lexicographic order, of

    (S, A, T, other conventions in use, numbers other than 0 and +-1, numbers other than 0, digits)

of a model (with the number of features after T, where there are any), or with n for S, A, T of a finite space. Other
conventions are rows of zeros, a discount below 1 and a temperature other than 1. Digits are those of numerators and
denominators, in bits; a float has those of the simple fraction that it is.
"""

from functools import lru_cache, total_ordering
from typing import Any

import numpy as np

from equivalence.testing.reduction.arrays import KNOBS, Raw, missing_rows
from mdps.exactness import simplest_near
from mdps.scalars.rationals import rational

UNREADABLE = 128  # digits of what is no rational number


@total_ordering
class Complexity:
    """The order; digits are counted only where all else is equal."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self.coarse = _coarse(raw)
        self._digits: int | None = None

    @property
    def digits(self) -> int:
        """Bits of all numbers other than 0."""
        if self._digits is None:
            self._digits = sum(_digits(x) for x in _numbers(self._raw) if x != 0)
        return self._digits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Complexity) and self.coarse == other.coarse and self.digits == other.digits

    def __lt__(self, other: "Complexity") -> bool:
        return self.digits < other.digits if self.coarse == other.coarse else self.coarse < other.coarse

    def __hash__(self) -> int:
        return hash(self.coarse)


def _coarse(raw: Raw) -> tuple[int, ...]:
    arrays = [x for name, x in raw.items() if name not in KNOBS]
    if "transition" in raw:
        shape: tuple[int, ...] = (*raw["transition"].shape[:2], raw["horizon"] or 0)
        others = int(missing_rows(raw).sum()) + (raw["discount"] != 1) + (raw.get("temperature", 1) != 1)
    else:
        shape, others = (max(max(x.shape) for x in arrays if x.ndim),), 0
    if "features" in raw:
        shape += (raw["features"].shape[-1],)
    odd = nonzero = 0
    for array in arrays:
        nonzeros = np.asarray(array != 0, dtype=bool)
        nonzero += int(nonzeros.sum())
        odd += int((nonzeros & ~np.asarray(abs(array) == 1, dtype=bool)).sum())
    knobs = _knobs(raw)
    odd += sum(x not in (0, 1, -1) for x in knobs)
    nonzero += sum(x != 0 for x in knobs)
    return (*shape, int(others), odd, nonzero)


def _knobs(raw: Raw) -> list[Any]:
    return [raw[name] for name in ("discount", "temperature") if name in raw]


def _numbers(raw: Raw) -> list[Any]:
    return [x for name, array in raw.items() if name not in KNOBS for x in array.ravel().tolist()] + _knobs(raw)


@lru_cache(maxsize=100_000)
def _digits_of_float(x: float) -> int:
    simple = simplest_near(x) if np.isfinite(x) else None
    return UNREADABLE if simple is None else int(abs(simple.p)).bit_length() + int(simple.q).bit_length()


def _digits(x: Any) -> int:
    if isinstance(x, float):
        return _digits_of_float(x)
    exact = rational(x)
    return UNREADABLE if exact is None else int(abs(exact.p)).bit_length() + int(exact.q).bit_length()
