"""Fewer components of a product space, shorter strings and fewer tokens, where the sizes of arrays depend on these.

a product space   outcomes in lexicographic order of their components, of the sizes `shape`
strings           of `n_tokens` letters v, all of one length; prefixes u in order of their length, then
                  lexicographic; full strings w are prefixes of that length
"""

from collections.abc import Iterator, Sequence

import numpy as np

from equivalence.testing.reduction.arrays import Indices, Raw, kept_alone
from equivalence.testing.reduction.search import Search


def smaller_structures(search: Search) -> None:
    """Components, lengths and tokens that can go."""
    changed = True
    while changed:
        changed = any(search.take(candidate) for candidate in (*_products(search), *_strings(search)))


def _products(search: Search) -> Iterator[Raw]:
    """Without a component, and with one value less of it."""
    if "shape" not in search.raw:
        return
    shape = [int(size) for size in search.raw["shape"]]
    if not search.size("n"):
        return
    outcomes = np.arange(int(np.prod(shape))).reshape(shape)
    for j, size in enumerate(shape):
        if len(shape) > 1:
            yield _merged(search, outcomes, j, 1, shape[:j] + shape[j + 1 :])
        if size > 1:
            yield _merged(search, outcomes, j, size - 1, [*shape[:j], size - 1, *shape[j + 1 :]])


def _merged(search: Search, outcomes: np.ndarray, j: int, left: int, shape: list[int]) -> Raw:
    """The first values of component j, to which the others are added as the first one."""
    kept = outcomes.take(range(left), axis=j)
    places = np.arange(kept.size).reshape(kept.shape)
    own = [value if value < left else 0 for value in range(outcomes.shape[j])]
    merged = search.kept("n", kept.ravel(), places.take(own, axis=j).ravel())
    return merged | {"shape": np.array(shape, dtype=search.raw["shape"].dtype)}


def _strings(search: Search) -> Iterator[Raw]:
    """Strings that are one token shorter, and strings without the last token."""
    n_prefixes, n_tokens, n_strings = (search.size(letter) for letter in "uvw")
    if "n_tokens" in search.raw:
        n_tokens = int(search.raw["n_tokens"][()])
    if not n_tokens or not (n_prefixes or n_strings):
        return
    length = 0
    while (n_prefixes and sum(n_tokens**t for t in range(length)) < n_prefixes) or n_tokens**length < n_strings:
        length += 1
    if length > 1:
        fewer = sum(n_tokens**t for t in range(length - 1))
        whole = np.arange(n_tokens**length)
        yield _cut(search, range(fewer), None, whole[::n_tokens], whole // n_tokens)
    if n_tokens > 1 and length:
        starts = [sum(n_tokens**t for t in range(level)) for level in range(length)]
        prefixes = [start + u for level, start in enumerate(starts) for u in _without_last(n_tokens, level)]
        digits = _tokens(n_tokens, length)
        digits[digits == n_tokens - 1] = 0
        powers = (n_tokens - 1) ** np.arange(length)[::-1]
        yield _cut(search, prefixes, range(n_tokens - 1), _without_last(n_tokens, length), powers @ digits)


def _tokens(n_tokens: int, length: int) -> np.ndarray:
    """The tokens [place, string] of the strings of a length."""
    powers = n_tokens ** np.arange(length)[::-1]
    return np.arange(n_tokens**length) // powers[:, None] % n_tokens


def _without_last(n_tokens: int, length: int) -> list[int]:
    """The strings of a length without the last token."""
    return [int(i) for i in np.flatnonzero((_tokens(n_tokens, length) != n_tokens - 1).all(axis=0))]


def _cut(
    search: Search, prefixes: Sequence[int], tokens: Sequence[int] | None, strings: Indices, labels: np.ndarray
) -> Raw:
    raw = search.raw
    for letter, kept, into in (("u", prefixes, None), ("v", tokens, None), ("w", strings, labels)):
        if kept is not None and search.size(letter):
            raw = kept_alone(raw, search.table, letter, kept, into)
    if tokens is not None and "n_tokens" in raw:
        raw = raw | {"n_tokens": np.asarray(raw["n_tokens"] - 1, dtype=raw["n_tokens"].dtype)}
    return raw
