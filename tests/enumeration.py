"""The independent road: every number of `mdps` and of the objectives, from its definition, in plain Python.

Models are nested lists, laws are sums over trajectories that a recursion walks one by one, and derivatives are
coefficients of power series (`flint.arb_series`). Nothing here imports a solver of the library, and nothing is fast.

Numbers are of any type with + - * /, together with an `exp` and a `log` that know it: balls of 300 bits, which enclose
the truth, or exact numbers, which are the truth.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from flint import arb, arb_series, ctx, fmpq

from mdps.scalars import LogRational

BITS = 300


class Functions(NamedTuple):
    """What a number type knows: exp, log, and an exact number as one of this type."""

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    number: Callable[[Any], Any]


def as_ball(x: Any) -> arb:
    return x.arb() if hasattr(x, "arb") else arb(fmpq(int(x.numerator), int(x.denominator)))


def exactly(x: Any) -> Any:
    return x if hasattr(x, "arb") else fmpq(int(x.numerator), int(x.denominator))


def exp_exactly(x: Any) -> fmpq:
    if hasattr(x, "arb"):
        return x.exp()
    if x == 0:
        return fmpq(1)
    raise ArithmeticError(f"exp({x}) is irrational")


BALLS = Functions(lambda x: x.exp(), lambda x: x.log(), as_ball)  # and power series over balls
EXACT = Functions(exp_exactly, LogRational.log, exactly)


class Model(NamedTuple):
    """moves[s][a] is a list of (s', P) of positive P; starts a list of (s, rho); final[s], gamma, horizon."""

    moves: list[dict[int, list[tuple[int, Any]]]]
    starts: list[tuple[int, Any]]
    horizon: int
    gamma: Any
    final: list[Any]
    n_actions: int


class Path(NamedTuple):
    """s_0 ... s_L, a_0 ... a_L-1, and the product of the probabilities of its moves."""

    states: tuple[int, ...]
    actions: tuple[int, ...]
    dynamics: Any


def plain(mdp: Any, functions: Functions) -> Model:
    """An exact model of the library, read from its fields."""
    rows = mdp.transition.tolist()
    moves = []
    for row in rows:
        of_state = {}
        for a, probabilities in enumerate(row):
            positive = [(x, functions.number(p)) for x, p in enumerate(probabilities) if p > 0]
            if positive:
                of_state[a] = positive
        moves.append(of_state)
    starts = [(s, functions.number(p)) for s, p in enumerate(mdp.initial.tolist()) if p > 0]
    final = [functions.number(x) for x in mdp.final_value.tolist()]
    return Model(moves, starts, mdp.horizon, functions.number(mdp.discount), final, len(rows[0]))


def nested(array: Any, functions: Functions) -> Any:
    """An exact array as nested lists of numbers."""
    return mapped(functions.number, array.tolist())


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """f at the leaves of nested lists."""
    return [mapped(f, x) for x in tree] if isinstance(tree, list) else f(tree)


# Trajectories ----------------------------------------------------------------------------------------------------


def continuations(model: Model, s: int, steps: int) -> Iterator[Path]:
    """Everything that can happen from s in so many steps."""
    if steps == 0 or not model.moves[s]:
        yield Path((s,), (), 1)
        return
    for a, row in model.moves[s].items():
        for x, p in row:
            for rest in continuations(model, x, steps - 1):
                yield Path((s, *rest.states), (a, *rest.actions), p * rest.dynamics)


def paths(model: Model) -> list[Path]:
    """Every trajectory."""
    found = []
    for s, rho in model.starts:
        for path in continuations(model, s, model.horizon):
            found.append(path._replace(dynamics=rho * path.dynamics))
    return found


def visits(path: Path, axes: str) -> list[tuple[int, ...]]:
    """The entries of a table over `axes` that a trajectory visits at t = 0, 1, ..."""
    return [(path.states[t], action, path.states[t + 1])[: len(axes)] for t, action in enumerate(path.actions)]


def entry(table: Any, index: tuple[int, ...]) -> Any:
    for i in index:
        table = table[i]
    return table


def discounted_return(model: Model, path: Path, reward: Any, axes: str) -> Any:
    """sum_t gamma^t r + gamma^L f(s_L)."""
    total = model.gamma ** len(path.actions) * model.final[path.states[-1]]
    for t, index in enumerate(visits(path, axes)):
        total = total + model.gamma**t * entry(reward, index)
    return total


def counts(model: Model, path: Path, axes: str) -> dict[tuple[int, ...], Any]:
    """Discounted visits."""
    table: dict[tuple[int, ...], Any] = defaultdict(int)
    for t, index in enumerate(visits(path, axes)):
        table[index] = table[index] + model.gamma**t
    return table


def probability(path: Path, policy: Any, start: int = 0) -> Any:
    """The probability of a trajectory that starts at step `start`, under policy[t][s][a]."""
    p = path.dynamics
    for t, action in enumerate(path.actions):
        p = p * policy[start + t][path.states[t]][action]
    return p


def expected_counts(model: Model, law: list[Any], walked: list[Path], axes: str) -> dict[tuple[int, ...], Any]:
    """sum_tau p(tau) counts(tau), for the paths walked."""
    table: dict[tuple[int, ...], Any] = defaultdict(int)
    for p, path in zip(law, walked, strict=True):
        for t, index in enumerate(visits(path, axes)):
            table[index] = table[index] + model.gamma**t * p
    return table


def law_of_policy(walked: list[Path], policy: Any) -> list[Any]:
    return [probability(path, policy) for path in walked]


def state_marginal(law: list[Any], walked: list[Path], t: int) -> dict[int, Any]:
    """Where one is at step t, or has ended before."""
    table: dict[int, Any] = defaultdict(int)
    for p, path in zip(law, walked, strict=True):
        s = path.states[min(t, len(path.actions))]
        table[s] = table[s] + p
    return table


def marginal(law: list[Any], walked: list[Path], t: int) -> dict[tuple[int, int], Any]:
    """Which decision is made where at step t."""
    table: dict[tuple[int, int], Any] = defaultdict(int)
    for p, path in zip(law, walked, strict=True):
        if t < len(path.actions):
            at = path.states[t], path.actions[t]
            table[at] = table[at] + p
    return table


def value_of_policy(model: Model, reward: Any, axes: str, policy: Any, t: int, s: int) -> Any:
    """The expected return from s at t, by all that can happen."""
    total = 0
    for path in continuations(model, s, model.horizon - t):
        total = total + probability(path, policy, t) * discounted_return(model, path, reward, axes)
    return total


# Soft control ----------------------------------------------------------------------------------------------------


def soft_value(model: Model, f: Functions, reward: Any, axes: str, alpha: Any, t: int, s: int) -> Any:
    """V_t(s), down the tree of all that can happen."""
    if t == model.horizon or not model.moves[s]:
        return model.final[s]
    weights = 0
    for a in model.moves[s]:
        weights = weights + f.exp(soft_action_value(model, f, reward, axes, alpha, t, s, a) / alpha)
    return alpha * f.log(weights)


def soft_action_value(model: Model, f: Functions, reward: Any, axes: str, alpha: Any, t: int, s: int, a: int) -> Any:
    """Q_t(s, a)."""
    total = 0
    for x, p in model.moves[s][a]:
        after = soft_value(model, f, reward, axes, alpha, t + 1, x)
        total = total + p * (entry(reward, (s, a, x)[: len(axes)]) + model.gamma * after)
    return total


def entropy_regularized_value(
    model: Model, f: Functions, reward: Any, axes: str, alpha: Any, policy: Any, t: int, s: int
) -> Any:
    """E[return + alpha sum gamma^t (-log pi_t)] from s at t: what soft control maximizes, of any policy > 0."""
    total = 0
    for path in continuations(model, s, model.horizon - t):
        gained = discounted_return(model, path, reward, axes)
        for i, action in enumerate(path.actions):
            gained = gained - model.gamma**i * alpha * f.log(policy[t + i][path.states[i]][action])
        total = total + probability(path, policy, t) * gained
    return total


# The MaxEnt law over trajectories --------------------------------------------------------------------------------


class Boltzmann(NamedTuple):
    """The law over trajectories, and the log of its normalizer."""

    log_partition: Any
    law: list[Any]


def boltzmann(model: Model, walked: list[Path], f: Functions, reward: Any, axes: str, alpha: Any) -> Boltzmann:
    """p(tau) = rho prod P exp(R / alpha) / Z."""
    weights = [path.dynamics * f.exp(discounted_return(model, path, reward, axes) / alpha) for path in walked]
    total = sum(weights)
    return Boltzmann(f.log(total), [w / total for w in weights])


def earned(reward: Any, expert: Any) -> Any:
    """<rho_E, r>, over nested lists."""
    if isinstance(reward, list):
        return sum(earned(r, e) for r, e in zip(reward, expert, strict=True))
    return reward * expert


def maxent_log_likelihood(
    model: Model, walked: list[Path], f: Functions, reward: Any, axes: str, expert: Any, alpha: Any
) -> Any:
    return earned(reward, expert) / alpha - boltzmann(model, walked, f, reward, axes, alpha).log_partition


def causal_dual(model: Model, f: Functions, reward: Any, axes: str, expert: Any, alpha: Any) -> Any:
    value = 0
    for s, rho in model.starts:
        value = value + rho * soft_value(model, f, reward, axes, alpha, 0, s)
    return (earned(reward, expert) - value) / alpha


# Finite spaces ---------------------------------------------------------------------------------------------------


def ebm_log_partition(f: Functions, energy: list[Any]) -> Any:
    return f.log(sum(f.exp(-e) for e in energy))


def ebm_log_likelihood(f: Functions, energy: list[Any], data: list[Any]) -> Any:
    return sum(-p * e for p, e in zip(data, energy, strict=True)) - ebm_log_partition(f, energy)


def discriminator(f: Functions, energy: list[Any], sampler: list[Any], log_normalizer: Any) -> list[Any]:
    """p~ / (p~ + q)."""
    models = [f.exp(-e - log_normalizer) for e in energy]
    return [m / (m + q) for m, q in zip(models, sampler, strict=True)]


def discriminator_loss(
    f: Functions, energy: list[Any], sampler: list[Any], data: list[Any], log_normalizer: Any
) -> Any:
    """-sum p log(p~ / (p~ + q)) - sum q log(q / (p~ + q))."""
    total = 0
    for e, q, p in zip(energy, sampler, data, strict=True):
        if q > 0:
            model = f.exp(-e - log_normalizer)
            total = total + p * f.log((model + q) / model) + q * f.log((model + q) / q)
    return total


def generator_loss(f: Functions, energy: list[Any], sampler: list[Any], log_normalizer: Any) -> Any:
    """sum q log(q / p~)."""
    total = 0
    for e, q in zip(energy, sampler, strict=True):
        if q > 0:
            total = total + q * f.log(q / f.exp(-e - log_normalizer))
    return total


def importance_weights(f: Functions, energy: list[Any], sampler: list[Any], log_normalizer: Any) -> list[Any]:
    """p~ / mu~, mu~ = (p~ + q) / 2."""
    models = [f.exp(-e - log_normalizer) for e in energy]
    return [m / ((m + q) / 2) for m, q in zip(models, sampler, strict=True)]


def gcl_loss(
    f: Functions,
    energy: list[Any],
    sampler: list[Any],
    data: list[Any],
    log_normalizer: Any,
    frozen: list[Any] | None = None,
) -> Any:
    """E_p[E] + log E_mu[e^-E / mu~]; `frozen` are the energies that mu~ is made of."""
    frozen = energy if frozen is None else frozen
    earned_by_data, estimate = 0, 0
    for e, e_frozen, q, p in zip(energy, frozen, sampler, data, strict=True):
        earned_by_data = earned_by_data + p * e
        mixture = (f.exp(-e_frozen - log_normalizer) + q) / 2
        estimate = estimate + (p + q) / 2 * f.exp(-e) / mixture
    return earned_by_data + f.log(estimate)


def optimal_log_normalizer(energy: list[arb], sampler: list[arb], data: list[arb]) -> arb:
    """Where dL_D/dlogZ = sum over q > 0 of p (1 - D) - q D changes sign, by bisection on certified signs."""

    def slope(z: arb) -> arb:
        total = arb(0)
        for e, q, p in zip(energy, sampler, data, strict=True):
            if q > 0:
                model = (-e - z).exp()
                total = total + p * (q / (model + q)) - q * (model / (model + q))
        return total

    low, high = arb(-1), arb(13) / 10  # no midpoint of these is 0, a root that no sign shows
    while not slope(low) < 0:
        low = low * 2
    while not slope(high) > 0:
        high = high * 2
    while high - low > arb(2) ** -170:
        middle = arb(((low + high) / 2).mid())
        here = slope(middle)
        if not (here > 0 or here < 0):
            raise ArithmeticError(f"the sign of the slope at {middle} is open at {ctx.prec} bits")
        low, high = (low, middle) if here > 0 else (middle, high)
    return low.union(high)


# Derivatives -----------------------------------------------------------------------------------------------------


def derivatives(function: Callable[[Any], Any], x: Any) -> Any:
    """df/dx at nested lists x of balls, in their shape: the first coefficients of power series."""
    ctx.cap = 2
    leaves = _leaves(x)

    def derivative(moved: int) -> arb:
        entries = iter([arb_series([leaf, 1], 2) if i == moved else leaf for i, leaf in enumerate(leaves)])
        value = function(mapped(lambda _: next(entries), x))
        return value[1] if isinstance(value, arb_series) else arb(0)

    partials = iter([derivative(i) for i in range(len(leaves))])
    return mapped(lambda _: next(partials), x)


def _leaves(tree: Any) -> list[Any]:
    return [leaf for x in tree for leaf in _leaves(x)] if isinstance(tree, list) else [tree]
