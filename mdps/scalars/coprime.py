"""Coprime bases: products of integer powers over pairwise coprime integers, by gcds alone.

    sum_i c_i log n_i = sum_j e_j log b_j,        b_j > 1 pairwise coprime, e_j /= 0

Nothing is factored. Two bases are merged by descending their product trees together, only where the products share a
factor, so the work is close to linear in the bits.

Source: bernstein2005, for the idea of merging coprime bases. The descent of two trees, with coefficients carried along,
is our own.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flint import fmpq, fmpz


class _Node(NamedTuple):
    """A node of a product tree over a list of integers; `position` is a leaf's place in the list, else -1."""

    product: fmpz
    position: int
    children: tuple["_Node", ...]


def coprime_powers(terms: Mapping[int, fmpq]) -> list[tuple[fmpz, fmpq]]:
    """Pairwise coprime integers b > 1 with exponents e /= 0 such that sum_i c_i log n_i = sum_j e_j log b_j.

    The terms are gathered by coefficient first: c log m - c log n = c log (m/n), in lowest terms, which alone
    undoes most identities.
    """
    return _refined(_gathered((fmpz(n), coefficient) for n, coefficient in terms.items()))


def _removed(n: fmpz, b: fmpz) -> tuple[int, fmpz]:
    """The largest k such that b^k divides n, and n / b^k; by squaring, so that log k divisions do."""
    quotient, remainder = divmod(n, b)
    if remainder != 0:
        return 0, n
    k, rest = _removed(quotient, b * b)
    quotient, remainder = divmod(rest, b)
    return (2 * k + 1, rest) if remainder != 0 else (2 * k + 2, quotient)


def _gathered(powers: Iterable[tuple[fmpz, fmpq]]) -> list[tuple[fmpz, fmpq]]:
    """The same sum with one pair of coprime integers for each absolute value of a coefficient."""
    groups: dict[fmpq, tuple[list[fmpz], list[fmpz]]] = {}
    for n, coefficient in powers:
        groups.setdefault(abs(coefficient), ([], []))[coefficient < 0].append(n)
    gathered = []
    for size, (above, below) in groups.items():
        m, n = product(above), product(below)
        common = m.gcd(n)
        gathered += [(m // common, size)] if m != common else []
        gathered += [(n // common, -size)] if n != common else []
    return gathered


def _refined(powers: list[tuple[fmpz, fmpq]]) -> list[tuple[fmpz, fmpq]]:
    """The same sum over pairwise coprime integers, exponents 0 left out."""
    if len(powers) < 2:
        return powers
    middle = len(powers) // 2
    return _merged(_refined(powers[:middle]), _refined(powers[middle:]))


def _merged(left: list[tuple[fmpz, fmpq]], right: list[tuple[fmpz, fmpq]]) -> list[tuple[fmpz, fmpq]]:
    """The sum of two sums, each over pairwise coprime integers, over pairwise coprime integers.

    A prime divides at most one integer of each list, so pairs with a common factor are few. The two product
    trees are descended together where their products have a common factor, and nowhere else. The primes of
    `shared` are those that the two subtrees share.
    """
    if not left or not right:
        return left + right
    ms, ns = [m for m, _ in left], [n for n, _ in right]
    merged: list[tuple[fmpz, fmpq]] = []

    def descend(a: _Node, b: _Node, shared: fmpz, swapped: bool) -> None:
        if a.children:
            for child in a.children:
                common = child.product.gcd(shared)
                if common != 1:
                    descend(b, child, common, not swapped)
        elif b.children:
            descend(b, a, shared, not swapped)
        else:
            i, j = (b.position, a.position) if swapped else (a.position, b.position)
            ms[i], ns[j], common_powers = _split(ms[i], ns[j])
            for g, e, f in common_powers:
                if total := e * left[i][1] + f * right[j][1]:
                    merged.append((g, total))

    a, b = _tree(ms), _tree(ns)
    shared = a.product.gcd(b.product)
    if shared != 1:
        descend(a, b, shared, False)
    for rests, powers in ((ms, left), (ns, right)):
        merged += [(rest, e) for rest, (_, e) in zip(rests, powers, strict=True) if rest != 1]
    return merged


def _split(m: fmpz, n: fmpz) -> tuple[fmpz, fmpz, list[tuple[fmpz, int, int]]]:
    """Pairwise coprime m', n', g_1, g_2, ... with m = m' prod_k g_k^e_k, n = n' prod_k g_k^f_k, all e, f > 0.

    A chain in which only neighbors can have common factors: (x, y) becomes (x/g^i, g, y/g^j), g = gcd(x, y).
    """
    chain = [(m, 1, 0), (n, 0, 1)]
    at = 0
    while at + 1 < len(chain):
        (x, e, f), (y, u, v) = chain[at : at + 2]
        g = x.gcd(y)
        if g == 1:
            at += 1
            continue
        i, x = _removed(x, g)
        j, y = _removed(y, g)
        chain[at : at + 2] = [(x, e, f), (g, i * e + j * u, i * f + j * v), (y, u, v)]
    common = [(g, e, f) for g, e, f in chain[1:-1] if g != 1]
    return chain[0][0], chain[-1][0], common


def _tree(integers: list[fmpz]) -> _Node:
    level = [_Node(n, i, ()) for i, n in enumerate(integers)]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [_Node(p[0].product * p[1].product, -1, tuple(p)) if len(p) == 2 else p[0] for p in pairs]
    return level[0]


def product(integers: list[fmpz]) -> fmpz:
    """The product of integers, by halves, so that the factors are of like size."""
    if len(integers) > 8:
        return _tree(integers).product
    total = fmpz(1)
    for n in integers:
        total = total * n
    return total
