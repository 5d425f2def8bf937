"""Arguments of targets on finite spaces, in the order in which they are drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import fmpq

from equivalence.testing.targets import drawing
from equivalence.testing.targets.argument import COST, DISTRIBUTION, FIXED, LOGARITHM, NUMBER, Argument
from equivalence.testing.targets.drawing import Draw
from mdps import scalars

ZERO: Any = fmpq(0)
ONE: Any = fmpq(1)
SMALL = 3  # of numbers whose exponentials are not normalized
SHAPES = {4: ((2, 2), (4,)), 6: ((2, 3), (3, 2)), 8: ((2, 2, 2), (2, 4), (4, 2))}


def _data(draw: Draw) -> np.ndarray:
    """A distribution, sometimes that of the sampler."""
    drawn = drawing.distribution(draw)
    same = not draw.few and "sampler" in draw.values and draw.rng.integers(8) == 0
    return draw.values["sampler"] if same else drawn


def _log_normalizer(draw: Draw) -> Any:
    """A number; often near where the discriminator is undecided, whatever the scale of the energies."""
    if draw.few:
        return drawing.numbers(draw)
    drawn: Any = fmpq(int(draw.rng.integers(-6, 7)), 2) if draw.largest >= 3 else fmpq(0)
    energy = draw.values.get("energy")
    if energy is not None and draw.rng.integers(2):
        drawn -= energy[draw.rng.integers(len(energy))]
    return np.asarray(drawn if abs(drawn) <= draw.largest else fmpq(0), dtype=object)


def _integers(draw: Draw, low: int, high: int) -> np.ndarray:
    """Whole numbers from low to below high, exact."""
    return scalars.convert(draw.rng.integers(low, high, size=draw.shape), "exact")


def _limited(draw: Draw) -> np.ndarray:
    """Numbers of at most 3."""
    draw.largest = min(draw.largest, SMALL)
    return drawing.numbers(draw)


def positive(draw: Draw) -> np.ndarray:
    """Absolute values; the sign of 0 apart."""
    return abs(drawing.numbers(draw))


def _base(draw: Draw) -> np.ndarray:
    """A measure that need not sum to 1, positive where something else must be."""
    drawn = _integers(draw, 1 if draw.few or draw.n == 1 else 0, 4)
    data = draw.values.get("data")
    drawn = drawn if data is None else np.where((data != 0) & (drawn == 0), ONE, drawn)
    return drawn if (drawn != 0).any() else drawn + 1


def identifying_features(draw: Draw) -> np.ndarray:
    """Features of which none is an affine combination of others, fewer than outcomes."""
    k = min(draw.size("k"), max(1, draw.n - 1))
    draw.sizes["k"] = k
    for _ in range(100):
        drawn = draw.rng.integers(-1, 3, size=(draw.n, k))
        if draw.n == 1 or np.linalg.matrix_rank(drawn - drawn[:1]) == k:
            return scalars.convert(drawn, "exact")
    return scalars.convert(np.eye(draw.n, k, dtype=int), "exact")


def _proposal(draw: Draw) -> np.ndarray:
    """A symmetric table of probabilities whose rows sum to 1."""
    above = np.triu(draw.rng.integers(0, 3, size=draw.shape), 1)
    moves = above + above.T
    rows = scalars.convert(moves, "exact") / fmpq(max(1, int(moves.sum(axis=1).max())))
    return rows + np.where(np.eye(draw.n, dtype=bool), (1 - rows.sum(axis=1))[:, None], ZERO)


def _connectivity(draw: Draw) -> np.ndarray:
    """A symmetric table that is not negative, 0 on the diagonal."""
    above = np.triu(draw.rng.integers(0, 3, size=draw.shape), 1)
    return scalars.convert(above + above.T, "exact")


def _kernel(draw: Draw) -> np.ndarray:
    draw.denominator = 15 if draw.few else draw.denominator
    return drawing.distribution(draw)


def _few(draw: Draw) -> int:
    """1, 2 or 3."""
    return draw.one_of((1, 2, 3))


def _shape(draw: Draw) -> np.ndarray:
    """Sizes of the factors of a product space of n outcomes; one of them may be all."""
    options = SHAPES.get(draw.n, ((draw.n,), (draw.n, 1), (1, draw.n)))
    return np.array(draw.one_of(options), dtype=object)


def _log_mixture(draw: Draw) -> np.ndarray:
    return drawing.numbers(draw)


def _margin(draw: Draw) -> Any:
    """A positive number, no energy k / 7 of the cases of a field."""
    top = max(1, int(2 * min(3, draw.largest)))
    return fmpq(int(draw.rng.integers(1, top + 1)), 2)


def _cost_between(draw: Draw) -> np.ndarray:
    """Costs k / 2, so that potentials that they bind are known exactly in floats and balls."""
    return _halves(draw, draw.shape)


def _halves(draw: Draw, shape: tuple[int, ...]) -> np.ndarray:
    return scalars.convert(draw.rng.integers(-6, 7, size=shape), "exact") / fmpq(2)


def _distance(draw: Draw) -> np.ndarray:
    """Distances of whole numbers of points in the plane, along its axes."""
    places = draw.rng.integers(-3, 4, size=(draw.n, 2))
    return scalars.convert(np.abs(places[:, None] - places).sum(axis=-1), "exact")


def _plan(draw: Draw) -> np.ndarray:
    """A plan between data and sampler: what is left of both is moved, from one corner of a permuted table on."""
    rows, columns = (np.array(draw.values[name]) for name in ("data", "sampler"))
    plan = np.full((len(rows), len(columns)), fmpq(0), dtype=object)
    order = [draw.rng.permutation(len(law)) for law in (rows, columns)]
    i = j = 0
    while i < len(rows) and j < len(columns):
        at = order[0][i], order[1][j]
        moved = min(rows[at[0]], columns[at[1]])
        plan[at] += moved
        rows[at[0]] -= moved
        columns[at[1]] -= moved
        i, j = (i + 1, j) if rows[at[0]] == 0 else (i, j + 1)
    return plan


def _source(draw: Draw) -> np.ndarray:
    return _halves(draw, draw.shape)


def _target(draw: Draw) -> np.ndarray:
    """Potentials below cost - source."""
    slack = abs(_halves(draw, draw.shape))
    return (draw.values["cost_between"] - draw.values["source"][:, None]).min(axis=0) - slack


def _lipschitz_critic(draw: Draw) -> np.ndarray:
    """h(i) = min_j d(i, j) + g(j), which is 1-Lipschitz whatever g is."""
    return (draw.values["distance"] + _halves(draw, draw.shape)).min(axis=1)


def critic_below(limit: fmpq | None, least: fmpq | None = None) -> Callable[[Draw], np.ndarray]:
    """A critic below f'(infinity), and above f'(0) where that is said."""

    def drawn(draw: Draw) -> np.ndarray:
        if limit is None:
            return _limited(draw)
        steps = scalars.convert(draw.rng.integers(1, 9, size=draw.shape), "exact") / fmpq(8)
        return limit - (steps if least is None else steps * (limit - least))

    return drawn


SPACE_ARGUMENTS: dict[str, Argument] = {
    "sampler": Argument("n", DISTRIBUTION, drawing.distribution, "probabilities of the sampler", measure=True),
    "data": Argument("n", DISTRIBUTION, _data, "probabilities of the data", measure=True),
    "energy": Argument("n", COST, drawing.numbers, "energies in nats"),
    "log_normalizer": Argument("", LOGARITHM, _log_normalizer, "log Z in nats"),
    "noise": Argument("n", DISTRIBUTION, drawing.distribution, "probabilities of the noise", measure=True),
    "noise_ratio": Argument("", NUMBER, drawing.weight, "nu, noise samples a data sample"),
    "sampler_ratio": Argument("", NUMBER, drawing.weight, "nu, samples of q to one of p"),
    "base": Argument("n", NUMBER, _base, "a base measure, positive somewhere"),
    "kernel": Argument("nn", DISTRIBUTION, _kernel, "K(x, y), whose rows sum to 1"),
    "proposal": Argument("nn", FIXED, _proposal, "a symmetric kernel"),
    "connectivity": Argument("nn", FIXED, _connectivity, "a symmetric table, 0 on the diagonal"),
    "steps": Argument("", FIXED, _few, "a number of steps", integer=True),
    "shape": Argument("d", FIXED, _shape, "the sizes of the components of a product space", integer=True),
    "margin": Argument("", NUMBER, _margin, "m, a positive number"),
    "values": Argument("n", NUMBER, drawing.numbers, "a number f of each outcome"),
    "score": Argument("nk", NUMBER, drawing.numbers, "d log q(x) / dtheta_k"),
    "baseline": Argument("", NUMBER, drawing.numbers, "a number that is subtracted from costs"),
    "log_mixture": Argument("n", LOGARITHM, _log_mixture, "log 2 mu~, as it was frozen"),
    "n_samples": Argument("", FIXED, _few, "N, a number of samples", integer=True),
    "cost_between": Argument("nn", FIXED, _cost_between, "a cost of moving from x to y"),
    "plan": Argument("nn", FIXED, _plan, "what moves from x to y, from data to sampler"),
    "source": Argument("n", FIXED, _source, "potentials u of the data"),
    "target": Argument("n", FIXED, _target, "potentials v of the sampler, u_i + v_j <= c_ij"),
    "distance": Argument("nn", FIXED, _distance, "distances of outcomes"),
    "lipschitz_critic": Argument("n", FIXED, _lipschitz_critic, "a 1-Lipschitz critic"),
    "critic": Argument("n", NUMBER, _limited, "a critic T"),
}
