"""What a policy does: marginals, occupancies, values."""

import numpy as np

from equivalence.testing.museum.passes import masks, visits_of
from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES)


def marginals_of_matrix_products(transition, initial, horizon, discount, policy):
    """Powers of P_pi, in which terminal states stay."""
    _, terminal = masks(transition)
    moves = np.einsum("tsa,sax->tsx", policy, transition)
    moves[:, terminal, terminal] += 1
    rows = [initial]
    for move in moves:
        rows.append(move.T @ rows[-1])
    return np.array(rows)


def decisions_of_matrix_products(transition, initial, horizon, discount, policy):
    """mu_t(s) pi_t(a | s)."""
    rows = marginals_of_matrix_products(transition, initial, horizon, discount, policy)
    return rows[:-1, :, None] * policy


def occupancy_of_one_linear_system(transition, initial, horizon, discount, policy):
    """(1 - M) d = (rho, 0, ..., 0), M the discounted moves from step t to t+1."""
    n, moves = len(initial), np.einsum("tsa,sax->tsx", policy, transition)
    system = np.eye(horizon * n)
    for t in range(horizon - 1):
        system[(t + 1) * n : (t + 2) * n, t * n : (t + 1) * n] -= discount * moves[t].T
    start = np.zeros(horizon * n)
    start[:n] = initial
    visits = np.linalg.solve(system, start).reshape(horizon, n)
    return np.einsum("ts,tsa->sa", visits, policy)


def state_occupancy_of_one_linear_system(transition, initial, horizon, discount, policy):
    """The same, summed over actions."""
    return occupancy_of_one_linear_system(transition, initial, horizon, discount, policy).sum(axis=1)


def value_forwards(transition, initial, horizon, discount, reward, policy):
    """The return from (t, s) is that of a walker that starts there."""
    n = len(initial)
    values = np.zeros((horizon + 1, n))
    for t, s in np.ndindex(horizon, n):
        values[t, s] = (visits_of(transition, np.eye(n)[s], discount, policy[t:]) * reward).sum()
    return values


@wrong("state_marginals", marginals_of_matrix_products, "next state in place of the state", 7, terminal_start=False)
def marginals_go_backwards(transition, initial, horizon, discount, policy):
    """The sum runs over the next state in place of the state, so that mass is not conserved."""
    moves = np.einsum("tsa,sax->tsx", policy, transition)
    rows = [initial]
    for move in moves:
        rows.append(move @ rows[-1])
    return np.array(rows)


@wrong("state_marginals", marginals_of_matrix_products, "ended mass vanishes", 10)
def ended_mass_is_lost(transition, initial, horizon, discount, policy):
    """Episodes that have ended are nowhere, and rows sum to less than 1."""
    rows = [initial]
    for pi in policy:
        rows.append(np.einsum("s,sa,sax->x", rows[-1], pi, transition))
    return np.array(rows)


@wrong("marginals", decisions_of_matrix_products, "last policy for every step", 4)
def decisions_of_the_last_policy(transition, initial, horizon, discount, policy):
    """A loop over steps that keeps its last policy: the variable outlives the loop that set it."""
    return decisions_of_matrix_products(transition, initial, horizon, discount, np.repeat(policy[-1:], horizon, axis=0))


@wrong("occupancy", occupancy_of_one_linear_system, "forward pass overwrites marginals", 7)
def marginals_overwritten_while_read(transition, initial, horizon, discount, policy):
    """Two loops in the wrong order: what arrives in this sweep moves on in the same one."""
    mu, visits = initial.copy(), np.zeros(policy.shape[1:])
    for t in range(horizon):
        visits += discount**t * mu[:, None] * policy[t]
        for s in range(len(mu)):
            leaving, mu[s] = mu[s], 0
            mu += leaving * np.einsum("a,ax->x", policy[t, s], transition[s])
    return visits


@wrong("occupancy", occupancy_of_one_linear_system, "no discount in the counts", 3)
def undiscounted_occupancy(transition, initial, horizon, discount, policy):
    """Visits are summed without gamma^t."""
    return visits_of(transition, initial, 1.0, policy)


@wrong("occupancy", occupancy_of_one_linear_system, "normalized by the discounted horizon", 29)
def occupancy_as_a_distribution(transition, initial, horizon, discount, policy):
    """Divided by sum gamma^t to sum to 1, and then compared with counts that do not."""
    return visits_of(transition, initial, discount, policy) / sum(discount**t for t in range(horizon))


@wrong("occupancy", occupancy_of_one_linear_system, "initial distribution ignored")
def occupancy_from_uniform_starts(transition, initial, horizon, discount, policy):
    """The first marginal is 1 / S, whatever the initial distribution."""
    return visits_of(transition, np.full(len(initial), 1 / len(initial)), discount, policy)


@wrong("occupancy", state_occupancy_of_one_linear_system, "terminal states counted", 10, axes="s")
def the_end_is_visited(transition, initial, horizon, discount, policy):
    """The step at which an episode ends counts as a visit, although nothing is decided or paid there."""
    mu, visits = initial, np.zeros(len(initial))
    for t in range(horizon):
        visits += discount**t * mu
        mu = np.einsum("s,sa,sax->x", mu, policy[t], transition)
    return visits


@wrong("policy_value", value_forwards, "P transposed", 8)
def transposed_dynamics(transition, initial, horizon, discount, reward, policy):
    """P read as [s', a, s], which stays square."""
    p = transition.transpose(2, 1, 0)
    v = [np.zeros(len(initial))]
    for pi in policy[::-1]:
        v.insert(0, (pi * (reward + discount * p @ v[0])).sum(axis=1))
    return np.array(v)


@wrong("policy_value", value_forwards, "entropy added", 13)
def value_with_entropy(transition, initial, horizon, discount, reward, policy):
    """The entropy bonus of training stays in the evaluation."""
    v = [np.zeros(len(initial))]
    for pi in policy[::-1]:
        bonus = -np.log(np.where(pi > 0, pi, 1))
        v.insert(0, (pi * (reward + bonus + discount * transition @ v[0])).sum(axis=1))
    return np.array(v)


@wrong("policy_value", value_forwards, "no discount in the policy", 2)
def value_without_discount(transition, initial, horizon, discount, reward, policy):
    """Returns of episodes as a benchmark reports them, in place of discounted ones."""
    return value_forwards(transition, initial, horizon, 1.0, reward, policy)
