"""What a reward does to a soft-optimal policy's occupancy n, and to an expert's, tilted: q = n_E exp(-r / beta) / sum.

    n = rho_{pi_r} / M,        M = sum_t gamma^t (1 / (1 - gamma) without a horizon)

are the two halves of the gradient of the dual of `trust_region`. Logarithms are kept beside probabilities, so that far
rewards lose nothing, and reached entries are told by the support of the model and never by what floats underflow to.
Source: diwan2026.
"""

from typing import Any, NamedTuple

import numpy as np

from mdps import MDP, InvalidArgument, OutOfReach, occupancy, scalars, soft_solution
from mdps.arguments import checked_expert, checked_reward, numbers, reward_axes
from mdps.kernels import Sparse


class State(NamedTuple):
    """What the dual knows of a reward: pi_r, rho V_r / M, n and q in the shape of the reward, log q, log of q's sum.

    reached  where policies go: there n and n_E are positive, elsewhere 0, and log q is 0.
    n_axes   of the reward, beside those of a batch.
    """

    policy: np.ndarray
    value: Any
    occupancy: np.ndarray
    tilted: np.ndarray
    log_tilted: np.ndarray
    log_total: Any
    reached: np.ndarray
    n_axes: int


def solved(mdp: MDP, reward: Any, expert: Any, *, kl_weight: Any, temperature: Any = 1) -> State:
    """The soft solution of a reward, what it visits, and the tilted expert."""
    reward = checked_reward(mdp, reward)
    axes, mass = reward_axes(mdp, reward), normalizer(mdp)
    weight = positive("kl_weight", kl_weight, mdp.level)
    reached = reached_by_policies(mdp, axes)
    table = checked_expert(mdp, expert, axes) / mass
    wrong = reached == scalars.zero_mask(table)
    if wrong.any():
        here = "0, where policies go: KL(n || n_E) is infinite" if reached[wrong][0] else "positive, where none goes"
        raise InvalidArgument(f"expert{first_of(wrong)} is {here}; expected positive counts exactly where policies go")
    solution = soft_solution(mdp, reward, temperature=temperature)
    n = occupancy(mdp, solution.policy, axes=axes) / mass
    if (reached & scalars.zero_mask(n)).any():
        raise OutOfReach(f"the occupancy at {first_of(reached & scalars.zero_mask(n))} underflows; take balls")
    zero, where = scalars.constant(0, mdp.initial), tuple(range(-len(axes), 0))
    exponent = scalars.over(reached, lambda p, r: scalars.log(p) - r / weight, table, reward, otherwise=zero)
    log_total = np.asarray(scalars.logsumexp(exponent, axis=where, where=reached))
    log_q = np.where(reached, exponent - log_total[(..., *(None,) * len(axes))], zero)
    q = scalars.over(reached, scalars.exp, log_q, otherwise=zero)
    value = from_start(mdp, solution.v) / mass
    return State(solution.policy, value, n, q, log_q, log_total[()], reached, len(axes))


def delta(weight: Any, state: State) -> np.ndarray:
    """beta (log n - log q), which is delta up to a constant, the log of q's sum, that it lacks here; 0 elsewhere."""
    return weight * scalars.over(
        state.reached,
        lambda n, log_q: scalars.log(n) - log_q,
        state.occupancy,
        state.log_tilted,
        otherwise=scalars.constant(0, state.occupancy),
    )


def descent(weight: Any, state: State) -> Any:
    """-<dG/dr, delta> = -beta sum (n - q) (log n - log q)."""
    return -weight * weighted_log_ratio(state.occupancy - state.tilted, state)


def normalizer(mdp: MDP) -> Any:
    """M = sum_t gamma^t, the discounted number of decisions."""
    if mdp.horizon is not None:
        return sum(mdp.discount**t for t in range(mdp.horizon))
    if mdp.discount == 1:
        raise OutOfReach(
            "normalized occupancies need a mass that all policies share; episodes without a bound have none: "
            "give a horizon, or a discount below 1"
        )
    return 1 / (1 - mdp.discount)


def reached_by_policies(mdp: MDP, axes: str) -> np.ndarray:
    """Where some policy goes before the horizon, over 's', 'sa' or 'sas'.

    Errors: `InvalidArgument` where a terminal state is among them.
    """
    states = ~scalars.zero_mask(mdp.initial)
    for _ in range(mdp.n_states if mdp.horizon is None else mdp.horizon - 1):
        if isinstance(mdp.kernel, Sparse):
            moved = mdp.pushforward(np.where(states[:, None], 1.0, 0.0) * mdp.available) > 0
        else:
            moved = (mdp.support & states[..., None, None]).any(axis=(-3, -2))
        if not (moved & ~states).any():
            break
        states = states | moved
    if (states & mdp.terminal).any():
        raise InvalidArgument(
            f"state {first_of(states & mdp.terminal)} is terminal and reached before the horizon: the mass of an "
            "occupancy would depend on the policy; let one stay in it instead of ending"
        )
    if axes == "s":
        return states
    return states[..., None] & mdp.available if axes == "sa" else states[..., None, None] & mdp.support


def positive(name: str, value: Any, level: str) -> Any:
    """One positive number, in the arithmetic of the model."""
    array = numbers(name, value, level)
    if array.shape != () or not array[()] > 0:
        raise InvalidArgument(f"{name} is {array}; expected one positive number")
    return array[()]


def first_of(mask: np.ndarray) -> list[int]:
    """The first index at which a mask holds."""
    return [int(i) for i in np.argwhere(mask)[0]]


def from_start(mdp: MDP, v: np.ndarray) -> Any:
    """sum_s rho(s) v_0(s), for values [..., t, s], or [..., s] without a horizon."""
    first = v if mdp.horizon is None else v[..., 0, :]
    return np.where(scalars.zero_mask(mdp.initial), scalars.constant(0, mdp.initial), mdp.initial * first).sum(axis=-1)


def weighted_log_ratio(weight: np.ndarray, state: State) -> Any:
    """sum of weight (log n - log q)."""
    return (weight * delta(1, state)).sum(axis=tuple(range(-state.n_axes, 0)))
