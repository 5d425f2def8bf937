"""Two computations of the same numbers in floats: equal up to the rounding that a `Tape` allows for each."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mdps import MDP
from mdps.scalars.rounding import Tape


def rounding_of(function: Callable[..., Any], mdp: MDP, *arrays: np.ndarray) -> list[np.ndarray]:
    """What function(mdp, *arrays), given these very floats, may be off by; mdp is one dense model."""
    tape = Tape()

    def recorded(x: np.ndarray) -> np.ndarray:
        return tape.leaves(x, exact=True)

    results = function(mdp.with_numbers(recorded, "carrier"), *map(recorded, arrays))
    return [tape.bound(x) for x in parts(results)]


def parts(result: Any) -> tuple[np.ndarray, ...]:
    return result if isinstance(result, tuple) else (result,)


def assert_within_rounding(ours: Any, theirs: Any, allowed: list[np.ndarray]) -> None:
    """Both are within the bound of the true values, hence within twice the bound of each other; log 0 is log 0."""
    for x, y, bound in zip(parts(ours), parts(theirs), allowed, strict=True):
        assert np.shape(x) == np.shape(y)
        assert (np.isfinite(x) == np.isfinite(y)).all()
        finite = np.isfinite(x)
        assert (np.asarray(x)[~finite] == np.asarray(y)[~finite]).all()
        assert (np.abs(np.asarray(x)[finite] - np.asarray(y)[finite]) <= 2 * bound[finite]).all()
