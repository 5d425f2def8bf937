"""Arguments of targets on prompts x and responses y, and on strings of tokens, in the order in which they are drawn."""

from typing import Any

import numpy as np
from flint import fmpq

from equivalence.testing.targets import drawing
from equivalence.testing.targets.argument import DISTRIBUTION, FIXED, LOGARITHM, SCALE, Argument
from equivalence.testing.targets.drawing import Draw
from mdps import scalars

HALF: Any = fmpq(1, 2)
TREES = ((1, 1), (2, 1), (3, 1), (2, 2), (1, 3), (3, 2), (2, 3), (4, 2))  # tokens and lengths, smallest first


def _reference(draw: Draw) -> np.ndarray:
    """Rows of probabilities, positive wherever a policy that was drawn before is."""
    drawn = drawing.distribution(draw)
    policy = draw.values.get("policy")
    if policy is None:
        return drawn
    needed = ((policy != 0) & (drawn == 0)).any(axis=-1, keepdims=True)
    return np.where(needed, (drawn + policy) / 2, drawn)


def _law_over_pairs(draw: Draw, least: int) -> np.ndarray:
    """Probabilities [x, y, z] that sum to 1 altogether, none of a response beside itself where there are others."""
    n = draw.shape[-1]
    counts = draw.rng.integers(least, 4, size=draw.shape)
    if n > 1:
        counts[:, range(n), range(n)] = 0
    if not counts.any():
        counts[0, 0, n - 1] = 1
    return scalars.convert(counts, "exact") / fmpq(int(counts.sum()))


def _some_pairs(draw: Draw) -> np.ndarray:
    return _law_over_pairs(draw, 0)


def all_pairs(draw: Draw) -> np.ndarray:
    """Such a law that is positive for each pair."""
    return _law_over_pairs(draw, 1)


def _preferences(draw: Draw) -> np.ndarray:
    """The probability that y is preferred to z; that and its mirror sum to 1."""
    n = draw.shape[-1]
    drawn = scalars.convert(draw.rng.integers(0, 7, size=draw.shape), "exact") / fmpq(6)
    above = np.triu(np.ones((n, n), dtype=bool), 1)
    mirrored = np.where(above, drawn, 1 - np.swapaxes(drawn, -1, -2))
    return np.where(np.eye(n, dtype=bool), HALF, mirrored)


def tree(draw: Draw) -> tuple[int, int, int, int]:
    """Prefixes, tokens, length and full strings of the tree that is drawn."""
    n_tokens, length = TREES[min(draw.n, len(TREES)) - 1]
    return sum(n_tokens**t for t in range(length)), n_tokens, length, n_tokens**length


def _token_rewards(draw: Draw) -> np.ndarray:
    draw.sizes.update(zip("uv", tree(draw), strict=False))
    return drawing.numbers(draw)


def _token_rows(draw: Draw) -> np.ndarray:
    draw.sizes.update(zip("uv", tree(draw), strict=False))
    return drawing.distribution(draw)


def _strings(draw: Draw) -> np.ndarray:
    draw.sizes["w"] = tree(draw)[-1]
    return drawing.distribution(draw)


def _n_tokens(draw: Draw) -> int:
    return tree(draw)[1]


RESPONSE_ARGUMENTS: dict[str, Argument] = {
    "logits": Argument("py", LOGARITHM, drawing.numbers, "logits of a policy over responses"),
    "reference": Argument("py", DISTRIBUTION, _reference, "probabilities of the reference policy"),
    "preferences": Argument("pyy", FIXED, _preferences, "the probability that y is preferred to z"),
    "pairs": Argument("pyy", FIXED, _some_pairs, "a law over a prompt and two responses to compare"),
    "comparisons": Argument("pyy", FIXED, _some_pairs, "a law over a prompt, winner and loser"),
    "alpha": Argument("", SCALE, drawing.weight, "the temperature, reward a nat (often called beta)"),
    "token_reward": Argument("uv", LOGARITHM, _token_rewards, "rewards of tokens after prefixes"),
    "token_reference": Argument("uv", DISTRIBUTION, _token_rows, "the reference policy of tokens"),
    "token_policy": Argument("uv", DISTRIBUTION, _token_rows, "a policy of tokens"),
    "string_law": Argument("w", DISTRIBUTION, _strings, "probabilities of full strings"),
    "n_tokens": Argument("", FIXED, _n_tokens, "how many tokens there are", integer=True),
}
