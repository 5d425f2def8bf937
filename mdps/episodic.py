"""Trajectory MaxEnt over episodes without a bound on their length (discount 1, no horizon).

The sum over all trajectories that end, Z = sum_tau rho prod P exp(R(tau) / alpha), solves linear equations in the
weights of what can follow a state,

    W(s, s') = sum_a P(s' | s, a) exp(r(s, a, s') / alpha),      z = W z among states that go on,
    z(s) = exp(f(s) / alpha) in terminal states,                 Z = sum_s rho(s) z(s).

The sum converges exactly where the spectral radius of W is below 1, on the states that can reach the end (and are
reached, for Z). A z > 0 with z > W z, entry by entry, is the certificate (Collatz and Wielandt): it exists or the
radius is at least 1, and then the ratios min (W x) / x over a class of states bound it from below. Exact numbers solve
for z itself; floats and balls for log z, by Newton's method (`mdps.fixed_points`), whose derivative is the law of the
next state

    p(a, s' | s) = P(s' | s, a) exp((r + alpha log z(s')) / alpha) / z(s),

so that no exponential overflows. What cannot reach the end has z = 0.

A discounted trajectory without end has no such law: returns stay bounded while the number of choices grows without
bound, and so does Z.
Source: ziebart2008; berman1994.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csgraph

from mdps import graphs, linear, recorded, scalars
from mdps.arguments import reward_axes
from mdps.door import UNIT_ROUNDOFF
from mdps.errors import InvalidModel, OutOfReach
from mdps.fixed_points import Enclosed, accepted, fixed_point
from mdps.model import MDP
from mdps.stationary import bounded_growth, named


class Episodes(NamedTuple):
    """log z [s] in nats, log 0 where the end is out of reach; a bound on its error; p(a, s' | s) [s, a, s']."""

    log_message: np.ndarray
    error: Any
    step: np.ndarray


@dataclass(frozen=True)
class PathBackup:
    """log z -> log sum_a,s' exp(exponent + log z(s')), over the possible transitions [s, a, s']."""

    exponent: np.ndarray
    possible: np.ndarray
    final: np.ndarray
    discount: Any = 1

    def __call__(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T v, and p(a, s' | s) [s, a, s']."""
        n_states = len(v)
        exponents = self.exponent + np.where(self.possible, v, scalars.constant(0, v))
        log_total, step = scalars.log_normalized(
            exponents.reshape(n_states, -1), where=self.possible.reshape(n_states, -1), otherwise=self.final
        )
        return log_total, step.reshape(exponents.shape)

    def chain(self, weights: np.ndarray) -> np.ndarray:
        """p(s' | s), [s, s']."""
        return np.where(self.possible, weights, scalars.constant(0, self.final)).sum(axis=1)

    def rounding(self, v: np.ndarray) -> float:
        """A log-sum-exp over A S terms, and one rounding of each input."""
        reach = float(np.abs(self.exponent).max(initial=0.0) + np.abs(v).max())
        return UNIT_ROUNDOFF * (16 * reach + 3 * self.exponent[0].size + 16) + 2.0**-1000

    def in_floats(self) -> "PathBackup":
        """The same over the floats that recorded numbers are."""
        return PathBackup(recorded.floats_of(self.exponent), self.possible, recorded.floats_of(self.final))


def check_exists(mdp: MDP) -> None:
    """Trajectory MaxEnt without a horizon needs a discount of 1.

    Errors: `InvalidModel` for a discount below 1.
    """
    if mdp.discount != 1:
        raise InvalidModel(
            f"trajectory MaxEnt with discount {mdp.discount} and without end (horizon=None) does not exist: returns "
            "stay bounded while the number of trajectories grows without bound, and so does Z; give the model a "
            "horizon, or a discount of 1 and terminal states, or ask for causal entropy (soft_solution)"
        )


def episodes(mdp: MDP, reward: np.ndarray, alpha: Any, *, everywhere: bool = False) -> Episodes:
    """log z and the law of the next state, of one model; arguments are checked already.

    everywhere  also where the model does not get to from its initial states (there Z may diverge, too).

    Errors: `InvalidModel` where nothing that starts can end, and where Z diverges, with a bound on the spectral radius.
    """
    check_exists(mdp)
    rows, support = graphs.moves(mdp), mdp.support
    edges = graphs.steps(rows, mdp.available)
    starts = ~scalars.zero_mask(mdp.initial)
    ends = np.isfinite(graphs.distance_to(edges, mdp.terminal))
    asked = ends if everywhere else ends & graphs.reached(edges, starts)
    if not (starts & ends).any():
        raise InvalidModel(
            f"no episode ends: from {named(np.flatnonzero(starts))}, where they start, no terminal state can be "
            "reached, and there are no trajectories to sum over; give the model terminal states, or a horizon"
        )
    possible = support & asked[:, None, None] & asked
    weight = reward[(..., *(None,) * (3 - len(reward_axes(mdp, reward))))] / alpha
    final = np.where(mdp.terminal, mdp.final_value, scalars.constant(0, mdp.final_value)) / alpha
    level = scalars.level_of(np.concatenate([mdp.transition.ravel(), np.asarray(weight).ravel()]))
    if level == "exact":
        return _exact(mdp, weight, possible, final, asked)
    zero = scalars.constant(0, mdp.transition)
    log_dynamics = scalars.over(possible, scalars.log, mdp.transition, otherwise=zero)
    exponent = np.where(possible, log_dynamics + weight, zero)
    backup = PathBackup(exponent, possible, final)
    found = fixed_point(backup, _start(backup, edges, mdp.terminal))
    if found is None:
        raise _divergence(backup, asked & ~mdp.terminal)
    found = accepted(found, None, "log z")
    if found.value.dtype == object:
        after = np.where(possible, found.value, scalars.constant(0, found.value))
        step = scalars.over(
            possible,
            lambda e, z, here: scalars.exp(e + z - here),
            exponent,
            after,
            found.value[:, None, None],
            otherwise=zero,
        )
    else:
        step = backup(found.value)[1]
    return _with_zeros(found, step, asked)


def _with_zeros(found: Enclosed, step: np.ndarray, asked: np.ndarray) -> Episodes:
    return Episodes(np.where(asked, found.value, scalars.log_zero(found.value)), found.error, step)


def _start(backup: PathBackup, edges: Any, terminal: np.ndarray) -> np.ndarray:
    """The log weight of a single way to the end from each state, the shortest: a lower bound on log z."""
    distance = graphs.distance_to(edges, terminal)
    v = backup.final.copy()
    n_states = len(v)
    going = np.flatnonzero(backup.possible.any(axis=(1, 2)))
    for s in going[np.argsort(distance[going], kind="stable")]:
        nearer = np.flatnonzero((backup.possible[s] & (distance == distance[s] - 1)).ravel())[0]
        v[s] = backup.exponent[s].ravel()[nearer] + v[nearer % n_states]
    return v


def _exact(mdp: MDP, weight: np.ndarray, possible: np.ndarray, final: np.ndarray, asked: np.ndarray) -> Episodes:
    """z from its linear equations, in rational numbers."""
    zero = scalars.constant(0, mdp.transition)
    weights = scalars.over(
        possible,
        lambda p, w: p * scalars.exp(w),
        mdp.transition,
        np.broadcast_to(weight, possible.shape),
        otherwise=zero,
    )
    chain = weights.sum(axis=1)
    ending = np.where(mdp.terminal, scalars.exp(final), zero)
    if linear.lengths(chain) is None:
        in_floats = PathBackup(
            scalars.convert(np.where(possible, scalars.log(np.where(possible, weights, 1)), 0), "float"),
            possible,
            scalars.convert(final, "float"),
        )
        raise _divergence(in_floats, asked & ~mdp.terminal, certain=True)
    z = linear.solution(chain, ending)
    after = np.where(asked, z, zero)
    here = np.where(asked, z, zero + 1)
    step = scalars.over(
        possible, lambda w, z, y: w * z / y, weights, after[None, None, :], here[:, None, None], otherwise=zero
    )
    log_message = scalars.over(asked, scalars.log, z, otherwise=scalars.LogRational.LOG_ZERO)
    return Episodes(log_message, zero, step)


def _divergence(backup: PathBackup, going: np.ndarray, *, certain: bool = False) -> Exception:
    """Why no z was certified: the spectral radius of W by classes of states, bounded on both sides."""
    _, label = csgraph.connected_components(
        backup.possible.any(axis=1) & going & going[:, None], directed=True, connection="strong"
    )
    inside = backup.possible & (label == label[:, None])[:, None, :] & (going & going[:, None])[:, None, :]
    label = np.where(inside.any(axis=(1, 2)), label, -1)
    exponent = backup.exponent
    if exponent.dtype == object:
        exponent = scalars.convert(exponent, "float")
    floats = PathBackup(np.where(inside, exponent, 0.0), inside, np.zeros(len(label)))
    growth = bounded_growth(floats, label)
    if growth is None or (growth.high < 0 and not certain):
        return OutOfReach(
            "the partition function exists, but no bound on its error could be certified in this arithmetic: episodes "
            "are too long for it; take level 'exact', or 'ball' with more bits"
        )
    with np.errstate(over="ignore"):
        low, high = np.exp(growth.low), np.exp(growth.high)
    amount = f"at least {low:.6g}" if growth.low > 0 else f"between {low:.9g} and {high:.9g}"
    verdict = "diverges" if growth.low > 0 else "cannot be shown to converge"
    return InvalidModel(
        f"the partition function {verdict}: the spectral radius of sum_a P exp(r / alpha) on {named(growth.states)} is "
        f"{amount}, and expected certainly below 1. Lower the reward there by more than {max(growth.high, 0):.6g} "
        "temperatures a step, or give the model a horizon"
    )
