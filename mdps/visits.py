"""What one policy earns and visits without a horizon: discounted without end, or until the episode ends.

    V(s)     = sum_a pi(a | s) (r(s, a) + gamma sum_s' P(s' | s, a) V(s')),      V(s) = f(s) in terminal states
    mu(s)    = rho(s) + gamma sum_s',a mu(s') pi(a | s') P(s | s', a),            mu(s, a) = mu(s) pi(a | s)

A discount below 1 makes both well defined. With discount 1 they ask that the spectral radius of P_pi among states that
go on is below 1, which is so exactly where each of them reaches the end with positive probability: the support of P
and pi decides it. Visits ask it of the states that are reached alone, values of every state.

Exact numbers solve these equations exactly; floats and balls come with the bounds of `mdps.linear` on their error.
Source: puterman1994.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from mdps import graphs, linear, recorded, scalars
from mdps.arguments import expected_reward
from mdps.door import UNIT_ROUNDOFF
from mdps.errors import InvalidModel, OutOfReach
from mdps.fixed_points import Enclosed, accepted, fixed_point
from mdps.model import MDP
from mdps.stationary import entries_of_rows, named

REFINEMENTS = 4  # solutions for the residual, at the most


@dataclass(frozen=True)
class PolicyBackup:
    """T of one policy: affine, so that one Newton step ends it."""

    mdp: MDP
    r: np.ndarray
    policy: np.ndarray
    entries: int

    @property
    def discount(self) -> Any:
        """gamma."""
        return self.mdp.discount

    def __call__(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """sum_a pi (r + gamma P v), and pi."""
        q = self.r + self.mdp.discount * self.mdp.expectation(v)
        zero = scalars.constant(0, self.mdp.final_value)
        value = np.where(self.mdp.available, self.policy * q, zero).sum(axis=-1)
        return np.where(self.mdp.terminal, self.mdp.final_value, value), self.policy

    def chain(self, weights: np.ndarray) -> Any:
        """gamma P_pi, [s, s']."""
        return linear.chain_of_policy(self.mdp, weights)

    def rounding(self, v: np.ndarray) -> float:
        """Dot products of n entries and of A actions, and one rounding of each input."""
        reach = float(np.abs(self.r).max() + np.abs(v).max())
        return UNIT_ROUNDOFF * (self.entries + 4 * self.policy.shape[-1] + 12) * reach + 2.0**-1000

    def in_floats(self) -> "PolicyBackup":
        """The same over the floats that recorded numbers are."""
        floats = recorded.floats_of
        return PolicyBackup(recorded.model_in_floats(self.mdp), floats(self.r), floats(self.policy), self.entries)


def check_ends(mdp: MDP, policy: np.ndarray, *, everywhere: bool) -> np.ndarray:
    """Which states [s] are asked about: all, or those that the policy reaches. Undiscounted, each must reach the end.

    Errors: `InvalidModel` names the states that go on for ever.
    """
    asked = np.ones(mdp.n_states, dtype=bool)
    if everywhere and mdp.discount != 1:
        return asked
    edges = graphs.steps(graphs.moves(mdp), ~scalars.zero_mask(policy))
    if not everywhere:
        asked = graphs.reached(edges, ~scalars.zero_mask(mdp.initial))
    if mdp.discount != 1:
        return asked
    endless = np.flatnonzero(asked & ~np.isfinite(graphs.distance_to(edges, mdp.terminal)))
    if len(endless):
        raise InvalidModel(
            f"from {named(endless)} the policy never ends: the spectral radius of P_pi among states that go on is 1, "
            "expected below 1 where there is no discount and no horizon; give the policy a way to a terminal state, "
            "or the model a discount below 1 or a horizon"
        )
    return asked


def value_of_policy(mdp: MDP, reward: np.ndarray, policy: np.ndarray) -> Enclosed:
    """V [s] of one model and policy, with a bound on its error; arguments are checked already."""
    check_ends(mdp, policy, everywhere=True)
    r = expected_reward(mdp, reward)
    zero = scalars.constant(0, mdp.final_value)
    earned = np.where(mdp.available, policy * r, zero).sum(axis=-1)
    earned = np.where(mdp.terminal, mdp.final_value, earned)
    backup = PolicyBackup(mdp, r, policy, entries_of_rows(mdp))
    solution = linear.solution(backup.chain(policy), earned)
    if mdp.level == "field":
        return Enclosed(solution, scalars.constant(0, solution))
    found = fixed_point(backup, solution)
    if found is None:
        raise OutOfReach(
            "no bound on the error of the policy's value could be certified in this arithmetic: episodes are too long "
            "for it; take level 'exact', or 'ball' with more bits"
        )
    return accepted(found, None)


def visits_of_policy(mdp: MDP, policy: np.ndarray) -> Enclosed:
    """mu [s, a] of one model and policy; the error bounds sum_s,a |mu - true mu| of floats.

    Terminal states are not visited. Arguments are checked already.
    """
    asked = check_ends(mdp, policy, everywhere=False)
    zero = scalars.constant(0, mdp.initial)
    taken = np.where(asked[:, None], policy, zero)
    chain = linear.chain_of_policy(mdp, taken)
    start = np.where(mdp.terminal, zero, mdp.initial)
    slack = (2 * entries_of_rows(mdp) + 3 * mdp.n_actions + 12) * UNIT_ROUNDOFF  # P, pi, gamma and their products
    mu, error = _visits(chain, start, mdp.discount, slack)
    visits = np.where(asked & ~mdp.terminal, mu, zero)[:, None] * policy
    return accepted(Enclosed(visits, error), None, "the occupancy", size=visits.sum())


def certain_visits(mdp: MDP, chain: np.ndarray, start: np.ndarray, slack: float) -> np.ndarray:
    """mu = start + mu A of a chain [s, s'] that ends, its error certified to be small; 0 at terminal states.

    slack  the relative error of the entries of A and of start, for floats.
    """
    mu, error = _visits(chain, start, 1, slack + (mdp.n_states * mdp.n_actions + 20) * UNIT_ROUNDOFF)
    mu = np.where(mdp.terminal, scalars.constant(0, start), mu)
    return accepted(Enclosed(mu, error), None, "the occupancy", size=mu.sum()).value


def _visits(chain: Any, start: np.ndarray, discount: Any, slack: float) -> tuple[np.ndarray, Any]:
    mu = linear.solution(chain, start, transposed=True)
    if not linear.solved(mu):
        raise _no_bound()
    if scalars.level_of(mu) not in ("float", "ball"):
        return mu, scalars.constant(0, mu)
    return _bounded_visits(chain, start, mu, discount, slack)


def _no_bound() -> OutOfReach:
    return OutOfReach(
        "no bound on the error of the occupancy could be certified in this arithmetic: episodes are too long for it; "
        "take level 'exact', or 'ball' with more bits"
    )


def _bounded_visits(
    chain: Any, start: np.ndarray, mu: np.ndarray, discount: Any, slack: float
) -> tuple[np.ndarray, Any]:
    """mu with a bound on its error by the residual (see `mdps.linear`): as balls, or floats and a number."""
    entries = linear.entries_of_rows(chain, transposed=True)
    if discount == 1:
        w = linear.lengths(chain, slack=slack)
    elif mu.dtype == object:
        w = 1 / (1 - discount) * np.ones(len(mu), dtype=int)
    else:
        rate = 1 - discount * (1 + slack)
        w = np.full(len(mu), 1 / rate * (1 + 4 * UNIT_ROUNDOFF)) if rate > 0 else None
    if w is None:
        raise _no_bound()
    if mu.dtype == object:
        residual = start - mu + linear.times(chain, mu, transposed=True)
        radius = (np.abs(residual) * w).sum()
        return mu + arb(0, radius.upper()), radius
    for _ in range(REFINEMENTS):
        residual = start - mu + linear.times(chain, mu, transposed=True)
        if np.abs(residual).sum() <= entries * UNIT_ROUNDOFF * np.abs(mu).sum():
            break
        mu = mu + linear.solution(chain, residual, transposed=True)
    ahead = linear.times(chain, mu, transposed=True)
    error = (slack + (entries + 6) * UNIT_ROUNDOFF) * (start + np.abs(mu) + np.abs(ahead))
    residual = np.abs(start - mu + ahead) + error
    total = float((residual * w).sum()) * (1 + (len(mu) + 8) * UNIT_ROUNDOFF)
    mu = np.maximum(mu, 0.0)  # no farther from the truth, which is not negative
    return mu, total + 4 * UNIT_ROUNDOFF * float(mu.sum())
