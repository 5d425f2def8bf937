"""Linear systems and fixed points over floats that record their rounding (`mdps.scalars.rounding`).

Nobody says how somebody's code solves x = F(x): by iteration, policy iteration, elimination. Whatever it does, what it
returns solves the equation up to errors d(s) of its floats, and these are carried to x by N = (I - A)^-1, A >= 0 the
derivative of F there:

    x' = F(x') + d        moves x by N d, to first order

So the solution is found in floats, where A and N are those of floats, and one step of Newton's method from there is
recorded, x + N (F(x) - x): derivatives to all inputs come along, for N is that of the implicit function, and so do the
roundings of F, which an iteration makes at each step. For the roundings of elimination each d(s) is charged with

    n (1 + |A|) max |x|       in units of u, n states and |A| = max_s sum_s' A(s, s')

since the factors of an M-matrix that is diagonally dominant (by rows, or by columns) have
|| |L| |U| || <= c ||I - A||: nothing grows (higham2002). This is a bound to the norm of x and not entry
by entry, which elimination does not have.

Stopping early. An iteration x_k+1 = F(x_k) that stops where |x_k+1 - x_k| <= tau in the sup norm (`Tape.last_change`)
returns an x_k+1 that is off by at most

    N A 1 tau   (x_k: N 1 tau)        of a linear system, entry by entry
    tau / (1 - gamma)                 of a contraction by gamma in the sup norm, Banach's bound, in every entry

The larger one, of x_k, is charged: code returns either.
Source: linnainmaa1976; higham2002; puterman1994.
"""

from typing import Any

import numpy as np

from mdps.errors import OutOfReach
from mdps.model import MDP
from mdps.scalars.rounding import EXACT, Rounding, Tape


def is_recorded(*arrays: Any) -> bool:
    """Whether numbers are those of one tape (or plain floats), and some of them are."""
    types = {type(x) for array in arrays for x in np.asarray(array, dtype=object).flat}
    return Rounding in types and types <= {Rounding, float, int, np.float64}


def floats_of(array: Any) -> np.ndarray:
    """The floats that recorded numbers are."""
    return np.asarray(array).astype(float)


def model_in_floats(mdp: MDP) -> MDP:
    """A recorded model over the floats that its numbers are."""
    return mdp.with_numbers(floats_of, "float")


def solution(chain: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x with (I - A) x = b, recorded; b [s] or [s, k].

    Errors: `OutOfReach` for numbers that ride on others but are not recorded, and for singular systems.
    """
    if not is_recorded(chain, b):
        raise OutOfReach("linear systems of problems without a horizon are not solved in this arithmetic (carrier)")
    if b.ndim == 2:
        return np.stack([solution(chain, b[:, k]) for k in range(b.shape[1])], axis=1)
    values = floats_of(chain)
    x = _solved(values, floats_of(b))
    return moved(x, b + chain @ x - x, values, entries_off=tape_of(chain, b).last_change)


def moved(
    x: np.ndarray, change: np.ndarray, chain: np.ndarray, *, entries_off: float = 0.0, values_off: float = 0.0
) -> np.ndarray:
    """x + N change, recorded: x [s] and A [s, s'] in floats, change = F(x) - x [s] recorded.

    entries_off  what each entry of F(x) - x is off by beside rounding, and values_off each entry of x, in units of u.
    """
    tape = tape_of(change)
    goes_on = (chain != 0).any(axis=1)
    rounding = len(x) * (1.0 + np.abs(chain).sum(axis=1).max(initial=0.0)) * np.abs(x).max(initial=0.0)
    charged = np.empty(len(x), dtype=object)
    charged[:] = [
        _charged(tape, d, rounding + entries_off if goes_on[s] else 0.0) if isinstance(d, Rounding) else d
        for s, d in enumerate(change)
    ]
    carried = _solved(chain, np.eye(len(x))) @ charged
    result = np.empty(len(x), dtype=object)
    for s, error in enumerate(carried):
        index = error.index if isinstance(error, Rounding) else EXACT
        early = values_off if goes_on[s] else 0.0
        moves = index != EXACT or early
        off = abs(x[s]) + early
        result[s] = tape.node(float(x[s]), index, 1.0, basic=off) if moves else tape.leaf(x[s], exact=True)
    return result


def _charged(tape: Tape, x: Rounding, charge: float) -> Rounding:
    return tape.node(x.value, x.index, 1.0, basic=charge) if charge else x


def tape_of(*arrays: np.ndarray) -> Tape:
    """The tape of recorded numbers."""
    return next(x.tape for array in arrays for x in array.flat if isinstance(x, Rounding))


def _solved(chain: np.ndarray, b: np.ndarray) -> np.ndarray:
    try:
        x = np.linalg.solve(np.eye(len(chain)) - chain, b)
    except np.linalg.LinAlgError:
        x = np.full(b.shape, np.nan)
    if not np.isfinite(x).all():
        raise OutOfReach("a linear system of long episodes could not be solved in floats; take level 'ball'")
    return x
