"""Problems without a horizon: discounted without end (gamma < 1), and episodic without a bound (gamma = 1).

Time does not matter, so q [s, a], v [s] and policy [s, a] have no axis t. With V(s) = f(s) in terminal states,

    soft      V(s) = alpha log sum_a exp(Q(s, a) / alpha),     Q(s, a) = r(s, a) + gamma sum_s' P(s' | s, a) V(s')
    optimal   V(s) = max_a Q(s, a)

A discount below 1 makes both well defined. With discount 1, V is the supremum over policies that end. Every state must
be able to reach the end, and no policy may gain by staying: in each end component (see `mdps.graphs`) the largest mean
of reward, plus alpha times entropy, a step is below 0. A vector u with T u < u is the certificate, for then each
policy that stays loses a little at each step. Where every policy ends there is nothing to stay in; where the spectral
radius of sum_a P o exp(r / alpha) is below 1 trajectories have a partition function, which bounds V: both are cases of
this condition. What one policy earns and visits is in `mdps.visits`, trajectory MaxEnt in `mdps.episodic`.

Where it fails, `InvalidModel` names the states and bounds the gain of a step from below.
Source: puterman1994; bertsekas1991.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mdps import graphs, linear, recorded, scalars
from mdps.arguments import expected_reward
from mdps.door import UNIT_ROUNDOFF
from mdps.errors import InvalidModel, OutOfReach
from mdps.fixed_points import Backup, Enclosed, accepted, fixed_point
from mdps.kernels import Sparse
from mdps.model import MDP

SWEEPS_OF_GROWTH = 400  # damped sweeps after which the gain of staying is bounded
NAMED_STATES = 8


class StationarySolution(NamedTuple):
    """Control without a horizon: q and policy [..., s, a], v [..., s], error [...] >= |v - V| and |q - Q|.

    Floats: `error` bounds both in the sup norm. Balls contain the true values, and `error` is their largest radius.
    """

    q: np.ndarray
    v: np.ndarray
    policy: np.ndarray
    error: Any


def entries_of_rows(mdp: MDP) -> int:
    """The largest number of states that an action can lead to."""
    if isinstance(mdp.kernel, Sparse):
        return int(np.bincount(mdp.kernel.matrix.tocoo().row, minlength=1).max(initial=0))
    return int(mdp.kernel.support.sum(axis=-1).max())


@dataclass(frozen=True)
class ControlBackup:
    """T of one model: soft with a temperature, hard with None. r [s, a] holds alpha log prior, too."""

    mdp: MDP
    r: np.ndarray
    temperature: Any
    available: np.ndarray
    entries: int

    @property
    def discount(self) -> Any:
        """gamma."""
        return self.mdp.discount

    def action_values(self, v: np.ndarray) -> np.ndarray:
        """r(s, a) + gamma sum_s' P(s' | s, a) v(s'), [s, a]."""
        return self.r + self.mdp.discount * self.mdp.expectation(v)

    def __call__(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T v and the soft policy, or the first best action."""
        q = self.action_values(v)
        final, alpha = self.mdp.final_value, self.temperature
        if alpha is None:
            return scalars.largest(q, where=self.available, otherwise=final), self._best(q)
        log_total, policy = scalars.log_normalized(q / alpha, where=self.available, otherwise=final / alpha)
        return np.where(self.available.any(axis=-1), log_total * alpha, final), policy

    def _best(self, q: np.ndarray) -> np.ndarray:
        """The first best action; where balls leave it open that of the midpoints, since any will do for a step."""
        if q.dtype == object and scalars.level_of(q) == "ball":
            q = linear.middles(q)
        zero, one = scalars.constant(0, self.mdp.final_value), scalars.constant(1, self.mdp.final_value)
        return np.where(first_best(q, self.available), one, zero)

    def chain(self, weights: np.ndarray) -> Any:
        """gamma P_pi, [s, s']."""
        return linear.chain_of_policy(self.mdp, weights)

    def rounding(self, v: np.ndarray) -> float:
        """Dot products of n entries, a log-sum-exp over A actions, and one rounding of each input."""
        reach = float(np.abs(np.where(self.available, self.r, 0.0)).max(initial=0.0) + np.abs(v).max())
        alpha, n_actions = self.temperature or 0.0, self.available.shape[-1]
        return UNIT_ROUNDOFF * ((self.entries + 12) * reach + alpha * (3 * n_actions + 12)) + 2.0**-1000

    def in_floats(self) -> "ControlBackup":
        """The same over the floats that recorded numbers are."""
        mdp, alpha = recorded.model_in_floats(self.mdp), self.temperature
        r = recorded.floats_of(self.r)
        return ControlBackup(mdp, r, None if alpha is None else float(alpha), self.available, self.entries)


def first_best(q: np.ndarray, available: np.ndarray) -> np.ndarray:
    """One True a state that has actions, at the first action whose value is largest.

    Errors: `OutOfReach` where balls or symbols leave open which it is.
    """
    if q.dtype != object:
        first = np.where(available, q, -np.inf).argmax(axis=-1)
        return available & (np.arange(q.shape[-1]) == first[..., None])
    best = np.zeros(q.shape, dtype=bool)
    for state in np.ndindex(q.shape[:-1]):
        actions = np.flatnonzero(available[state])
        if len(actions) == 0:
            continue
        choice = actions[0]
        for a in actions[1:]:
            better, worse = q[state][a] > q[state][choice], q[state][a] <= q[state][choice]
            if better is not True and worse is not True and not (bool(better) or bool(worse)):
                raise OutOfReach(
                    f"which of actions {choice} and {a} is better in state {state} is open; raise the precision"
                )
            choice = a if bool(better) else choice
        best[(*state, choice)] = True
    return best


# Stacks ----------------------------------------------------------------------------------------------------------


def one_by_one(solve: Callable[..., Any], mdp: MDP, *arrays: np.ndarray) -> Any:
    """solve(mdp, *arrays), of a stack model by model; a tuple of arrays, stacked along the batch axes.

    Errors: `OutOfReach` for number types that iteration and linear systems do not know (duals).
    """
    unknown = {mdp.level, *map(scalars.level_of, arrays)} - {"float", "ball", "exact", "symbolic", "field"}
    if mdp.level == "carrier" and recorded.is_recorded(mdp.transition, mdp.initial, *arrays):
        unknown.discard("carrier")
    if unknown:
        raise OutOfReach(
            f"problems without a horizon are solved in floats, balls and exact numbers, not in this arithmetic "
            f"({', '.join(sorted(unknown))}); take one of those, or give the model a horizon"
        )
    if not mdp.batch_shape:
        return solve(mdp, *arrays)
    results = [solve(mdp.at(index), *(x[index] for x in arrays)) for index in np.ndindex(mdp.batch_shape)]
    kind = type(results[0])
    if not isinstance(results[0], tuple):
        return _in_stack(results, mdp.batch_shape)
    return kind(*(_in_stack([result[i] for result in results], mdp.batch_shape) for i in range(len(results[0]))))


def _in_stack(results: list[Any], batch_shape: tuple[int, ...]) -> np.ndarray:
    table = np.stack([np.asarray(x) for x in results])
    return table.reshape(batch_shape + table.shape[1:])


# Control ---------------------------------------------------------------------------------------------------------


def soft_control(mdp: MDP, reward: np.ndarray, alpha: Any, prior: np.ndarray | None, accuracy: Any) -> Any:
    """The soft solution of one model; arguments are checked already."""
    r, available = expected_reward(mdp, reward), mdp.available
    if prior is not None:
        available = ~scalars.zero_mask(prior)
        log_prior = scalars.over(available, scalars.log, prior, otherwise=scalars.constant(0, prior))
        r = r + alpha * log_prior
    # Where nothing is to be chosen the soft maximum is the hard one, which exact numbers can take.
    chosen = mdp.level != "exact" or bool((available.sum(axis=-1) > 1).any())
    backup = ControlBackup(mdp, r, alpha if chosen else None, available, entries_of_rows(mdp))
    found = accepted(_solved(backup), accuracy)
    q = expected_reward(mdp, reward) + mdp.discount * mdp.expectation(found.value)
    zero = scalars.constant(0, found.value)

    def probability(q: np.ndarray, v: np.ndarray) -> np.ndarray:
        return scalars.exp((q - v) / alpha)

    if found.value.dtype == object:
        merged = backup.action_values(found.value)
        policy = scalars.over(available, probability, merged, found.value[:, None], otherwise=zero)
    else:
        policy = backup(found.value)[1]  # whose rows sum to 1 as nearly as floats can
    return StationarySolution(np.where(mdp.available, q, scalars.log_zero(q)), found.value, policy, found.error)


def optimal_control(mdp: MDP, reward: np.ndarray, accuracy: Any) -> Any:
    """The optimal solution of one model; arguments are checked already."""
    backup = ControlBackup(mdp, expected_reward(mdp, reward), None, mdp.available, entries_of_rows(mdp))
    found = accepted(_solved(backup), accuracy)
    q = backup.action_values(found.value)
    best = first_best(q, mdp.available)
    zero, one = scalars.constant(0, found.value), scalars.constant(1, found.value)
    policy = np.where(best, one, zero)
    return StationarySolution(np.where(mdp.available, q, scalars.log_zero(q)), found.value, policy, found.error)


def _solved(backup: ControlBackup) -> Enclosed:
    start = _start(backup)
    found = fixed_point(backup, start)
    if found is not None:
        return found
    if backup.discount == 1:
        raise divergence_of_control(backup)
    raise OutOfReach("no bound on the error of the values could be certified in this arithmetic; take level 'ball'")


def _start(backup: ControlBackup) -> np.ndarray:
    """Values below T of them: of a policy that ends, by the shortest way, where nothing is discounted."""
    mdp = backup.mdp
    zero = scalars.constant(0, mdp.final_value)
    if backup.discount != 1:
        like = backup.r if mdp.level == "carrier" else mdp.final_value
        return np.where(mdp.terminal, mdp.final_value, zero if like.dtype == object else 0.0)
    policy = shortest_way(mdp, backup.available)
    one = scalars.constant(1, mdp.final_value)
    policy = np.where(policy, one, zero)
    earned = np.where(policy != zero, policy * backup.r, zero).sum(axis=-1)
    earned = np.where(mdp.terminal, mdp.final_value, earned)
    return linear.solution(linear.chain_of_policy(mdp, policy), earned)


def shortest_way(mdp: MDP, available: np.ndarray) -> np.ndarray:
    """A mask [s, a] of one action a state, which leads nearer to the end with positive probability.

    Errors: `InvalidModel` names the states from which there is no way.
    """
    rows = graphs.moves(mdp)
    distance = graphs.distance_to(graphs.steps(rows, available), mdp.terminal)
    lost = np.flatnonzero(~np.isfinite(distance))
    if len(lost):
        raise InvalidModel(
            f"from {named(lost)} no terminal state can be reached, and without a discount and a horizon values do not "
            "exist there; leave such states out, make the actions that lead there unavailable (rows of zeros), or give "
            "a discount below 1 or a horizon"
        )
    entries = rows.tocoo()
    nearest = np.full(available.size, np.inf)
    np.minimum.at(nearest, entries.row, distance[entries.col])
    return first_best(-np.where(available, nearest.reshape(available.shape), np.inf), available)


def named(states: np.ndarray) -> str:
    """'state 3' or 'states [0, 1, ...]'."""
    listed = ", ".join(map(str, states[:NAMED_STATES])) + (", ..." if len(states) > NAMED_STATES else "")
    return f"state {listed}" if len(states) == 1 else f"states [{listed}]"


def divergence_of_control(backup: ControlBackup) -> Exception:
    """Why no value was certified: the largest mean gain of a step among policies that stay, bounded on both sides."""
    mdp = backup.mdp
    components = graphs.end_components(graphs.moves(mdp), backup.available)
    alpha = backup.temperature
    staying = ControlBackup(
        mdp.to("float") if mdp.level != "carrier" else mdp,
        np.asarray(scalars.convert(np.where(components.actions, backup.r, 0), "float")),
        None if alpha is None else float(scalars.convert(np.array(alpha), "float")),
        components.actions,
        backup.entries,
    )
    growth = bounded_growth(staying, components.label)
    if growth is None or growth.high < 0:
        return OutOfReach(
            "the values exist, but no bound on their error could be certified in this arithmetic: episodes are too "
            "long for it; take level 'ball' with more bits"
        )
    kind = "reward" if alpha is None else "reward and temperature times entropy"
    amount = f"at least {growth.low:.6g}" if growth.low > 0 else f"between {growth.low:.6g} and {growth.high:.6g}"
    verdict = "diverges" if growth.low > 0 else "cannot be shown to have a value"
    return InvalidModel(
        f"the problem {verdict}: without a horizon and a discount, control that stays in {named(growth.states)} for "
        f"ever gains {amount} a step ({kind}); expected certainly less than 0. Lower the reward there, or give a "
        "discount below 1 or a horizon"
    )


class Growth(NamedTuple):
    """Bounds on the mean of T v - v a step in the component where it is largest, and its states."""

    low: float
    high: float
    states: np.ndarray


def bounded_growth(backup: Backup, label: np.ndarray) -> Growth | None:
    """min and max of T v - v over each component, after damped sweeps of v: they enclose its growth a step.

    Whatever v is, T^k v >= v + k min(T v - v): the lower bound proves divergence, the upper one convergence.
    """
    inside = label >= 0
    if not inside.any():
        return None
    _, component = np.unique(label[inside], return_inverse=True)
    n = component.max() + 1
    v = np.zeros(len(label))
    low, high = np.full(n, -np.inf), np.full(n, np.inf)
    for _ in range(SWEEPS_OF_GROWTH):
        change = (backup(v)[0] - v)[inside]
        rounding = backup.rounding(v)
        least, most = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(least, component, change)
        np.maximum.at(most, component, change)
        low, high = np.maximum(low, least - rounding), np.minimum(high, most + rounding)
        if (most - least <= 4 * rounding).all():
            break
        v[inside] += (change - ((least + most) / 2)[component]) / 2
    worst = int(np.argmax(low))
    if high.max() > 0 > low.max():
        worst = int(np.argmax(high))
    return Growth(float(low[worst]), float(high[worst]), np.flatnonzero(inside)[component == worst])
