"""Whether a reward is another one up to shaping, decided on problems of any length.

With a horizon T, r and r' are the same up to shaping iff the potentials of d = r - r', which end in 0, can be had:

    u_0 = 0,   u_{k+1}(s) = d(s, a) + gamma sum_s' P(s' | s, a) u_k(s')     for every available a alike

at all (t, s), k + 1 = T - t steps to go, that some policy reaches: a chain of linear equations.

*Unequal* is proved by one equation that fails modulo a prime, which costs T products of a matrix, however long the
fractions of u_k would be. *Equal* is proved in rational numbers: where potentials are simple, as those that somebody
chose are, so is u_k. Few steps will do, k = 0 ... S, since (u_k, 1) are the powers of one linear map on S + 1 numbers:
an equation that holds for these holds for all k. (It is asked in all states that are reached at any time, which is more
than needed; where that fails, all T steps are taken.)

The final value belongs to both rewards: r = k r' up to shaping means that of r - k r' with the end (1 - k) f.
Source: ng1999; puterman1994; derived.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat

from equivalence.objectives.reward_distances import counted
from mdps import MDP
from mdps.arguments import expected_reward

PRIME = 2**521 - 1
LARGEST = 4 * 10**9  # bits of all products that a proof of equality may take: some seconds


def shaping_alone(mdp: MDP, reward: np.ndarray, *, of_end: Any = 0) -> bool | None:
    """Whether a reward is shaping alone, at all (t, s) that some policy reaches.

    None where that takes too long, and where numbers are not rational.

    mdp     in exact numbers, with a horizon
    of_end  the final value is taken times this number

    >>> from flint import fmpq
    >>> from mdps import gallery
    >>> mdp, _ = gallery.fork()
    >>> [shaping_alone(mdp, np.array([fmpq(x) for x in r])) for r in ([1, 0, 0], [1, 2, 2], [0, 1, 2])]
    [True, True, False]
    """
    assert mdp.horizon is not None
    zero = 0 * mdp.discount
    paid = np.where(mdp.available, expected_reward(mdp, reward), zero)
    end = np.broadcast_to(of_end * mdp.final_value if of_end else zero, mdp.n_states)
    if {type(x) for x in (*paid[mdp.available], *end)} != {fmpq}:
        return None
    ahead = (mdp.discount * mdp.transition).reshape(-1, mdp.n_states)
    met = counted(mdp, reached=True)[::-1]  # [k, s, a], k + 1 steps to go
    if _agree_modulo(PRIME, mdp, paid, end, ahead, met) is False:
        return False
    rational = fmpq_mat(ahead.tolist())
    entries = int((ahead != 0).sum())

    def product(now: list[Any]) -> list[Any]:
        return (rational * fmpq_mat([[x] for x in now])).entries()

    def agree(met: np.ndarray) -> bool | None:
        return _agree(mdp, paid.ravel().tolist(), end.tolist(), product, met, entries)

    enough = mdp.n_states + 1
    if mdp.horizon > enough and agree(np.broadcast_to(met.any(axis=0), (enough, *met.shape[1:]))):
        return True
    return agree(met)


def _agree_modulo(
    prime: int, mdp: MDP, paid: np.ndarray, end: np.ndarray, ahead: np.ndarray, met: np.ndarray
) -> bool | None:
    """Whether all equations hold modulo a prime; None where that divides a denominator."""
    inverses: dict[int, int] = {}

    def residues(table: np.ndarray) -> list[int]:
        for x in table.flat:
            if (q := int(x.q)) not in inverses:
                inverses[q] = pow(q, -1, prime)
        return [int(x.p) * inverses[int(x.q)] % prime for x in table.flat]

    try:
        start, stop, rows = residues(paid), residues(end), residues(ahead)
    except ValueError:
        return None
    matrix = fmpz_mat(len(ahead), mdp.n_states, rows)

    def product(now: list[Any]) -> list[Any]:
        return [x % prime for x in (matrix * fmpz_mat([[x % prime] for x in now])).entries()]

    return _agree(mdp, start, stop, product, met, 0, modulus=prime)


def _agree(
    mdp: MDP,
    paid: list[Any],
    end: list[Any],
    product: Callable[[list[Any]], list[Any]],
    met: np.ndarray,
    entries: int,
    *,
    modulus: int | None = None,
) -> bool | None:
    """Whether all actions [k, s, a] that are met agree on the potential with k + 1 steps to go; None if that is long.

    paid     r(s, a) in a row, end  u_0, product  gamma P u of a potential, entries  how many of gamma P are not 0
    """
    first, now, bits = mdp.available.argmax(axis=-1).tolist(), list(end), 0
    for mask in met:
        there = [x + y for x, y in zip(paid, product(now), strict=True)]
        if modulus is not None:
            there = [x % modulus for x in there]
        now = [end[s] if mdp.terminal[s] else there[s * mdp.n_actions + first[s]] for s in range(mdp.n_states)]
        if any(there[s * mdp.n_actions + a] != now[s] for s, a in np.argwhere(mask).tolist()):
            return False
        if entries:
            bits += entries * max(int(x.p).bit_length() + int(x.q).bit_length() for x in now)
            if bits > LARGEST:
                return None
    return True
