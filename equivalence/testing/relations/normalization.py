"""Probabilities sum to 1 and are at least 0.

A policy has rows that sum to 1 where there is an action, and are 0 in terminal states and at unavailable actions; a law
over outcomes or trajectories sums to 1, and so does each row of state marginals.
Assumes: nothing. Sees: weights that were not normalized, or along another axis; what unavailable actions are given.
Does not see any wrong law that sums to 1. Densities on intervals and the line: `densities`.
"""

from collections.abc import Iterator

import numpy as np

from equivalence.testing.relations.relation import ONE, ZERO, Asked, Pair, Relation, constants


def normalized(asked: Asked) -> Iterator[Pair]:
    """Sums of rows and what they are, entries and what they are at least."""
    law = asked()
    total = law.sum(axis=-1)
    rows = np.asarray(total, dtype=object)
    one = constants(ONE, rows.shape)
    if asked.returns == "policy":
        mdp = asked.values["mdp"]
        missing = np.broadcast_to(~mdp.available, law.shape)
        none = constants(ZERO, (int(missing.sum()),))
        yield Pair("the probability of unavailable actions", "", law[missing], none)
        one = np.where(np.broadcast_to(mdp.terminal, rows.shape), ZERO, one)
    yield Pair("sums of probabilities", asked.axes[:-1], rows, one)
    yield Pair("0 and a probability", asked.axes, constants(ZERO, law.shape), law, at_most=True)


NORMALIZATION = Relation(
    "normalization",
    "probabilities are at least 0 and sum to 1, over available actions, trajectories or states",
    "nothing",
    ("policy", "law", "state_marginals"),
    (),
    normalized,
    finite=True,
)
