"""What AIRL's policy step maximizes, and what it guarantees.

Let rho, rho', rho_E be the visits of the policy pi in the discriminator, of a trial policy pi', and of the expert, d
their state visits, all with the same weights. With the optimal discriminator of pi frozen, the soft value of pi' is

    A(pi') = E_rho'[log rho_E / rho + log pi - log pi'] = -KL(rho' || rho_E) + KL(d' || d)

since rho' / rho = d' pi' / (d pi). It is an upper bound of -KL(rho' || rho_E), tight at pi' = pi: a full best response
to the AIRL reward may move away from the expert. A lower bound takes the entropy terms of all steps to come,

    B(pi') = E_rho'[log rho_E / rho] - sum_t gamma^t E_t[KL(pi'_t || pi_t)] W_t,    W_t = 1 + ... + gamma^(T-1-t)

with W = 1 / (1 - gamma) without a horizon, where nothing is terminal: KL(d'_t || d_t) grows by the KL of each choice
before t. Its maximum never increases KL(rho || rho_E), B being tight at pi, too. KL(a || b) = sum a log(a / b), over
unnormalized visits.
Source: fu2018; ghasemipour2020.
"""

from typing import Any

import numpy as np

from equivalence.objectives.steps import (
    Sides,
    all_steps,
    checked_step_policy,
    policy_visits,
    sides,
    step_weights,
    total,
)
from mdps import MDP, InvalidArgument, scalars


def best_response_value(mdp: MDP, policy: Any, expert: Any, trial: Any) -> Any:
    """A(pi') = E_rho'[log rho_E / rho + log pi - log pi'], in nats times visits; the upper bound.

    policy, trial  both [s, a], or both [t, s, a]; expert as in `equivalence.objectives.steps`.

    Errors: `InvalidArgument` where the trial policy goes and the expert or the policy never does: minus infinity.
    """
    both, trial, visits = _checked(mdp, policy, expert, trial)
    _check_covered(visits, both.expert, "expert")
    _check_covered(visits, both.visits, "policy")

    def terms(v: np.ndarray, e: np.ndarray, r: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return v * (scalars.log(e) - scalars.log(r) + scalars.log(p) - scalars.log(q))

    zero = scalars.constant(0, visits)
    goes = ~scalars.zero_mask(visits)
    return total(mdp, scalars.over(goes, terms, visits, both.expert, both.visits, both.policy, trial, otherwise=zero))


def guaranteed_value(mdp: MDP, policy: Any, expert: Any, trial: Any) -> Any:
    """B(pi') = E_rho'[log rho_E / rho] - sum_t gamma^t E_t[KL(pi'_t || pi_t)] W_t; at most -KL(rho' || rho_E).

    Errors: `InvalidArgument` for terminal states, where visits lose mass and the bound is none.
    """
    if mdp.terminal.any():
        raise InvalidArgument("the model has terminal states; this bound needs visits of equal mass")
    both, pi, visits = _checked(mdp, policy, expert, trial)
    _check_covered(visits, both.expert, "expert")
    _check_covered(visits, both.visits, "policy")
    zero = scalars.constant(0, visits)

    def terms(v: np.ndarray, e: np.ndarray, r: np.ndarray) -> np.ndarray:
        return v * (scalars.log(e) - scalars.log(r))

    gained = total(
        mdp, scalars.over(~scalars.zero_mask(visits), terms, visits, both.expert, both.visits, otherwise=zero)
    )
    trial_steps, steps = all_steps(mdp, pi), all_steps(mdp, both.policy)
    by_state = policy_visits(mdp, trial_steps).sum(axis=-1)
    reached = ~scalars.zero_mask(by_state)
    divergence = scalars.over(reached[..., None], _log_ratio, trial_steps, steps, otherwise=zero)  # pi' log(pi' / pi)
    return gained - total(mdp, _to_come(mdp) * by_state * divergence.sum(axis=-1))


def _log_ratio(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    def terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return p * (scalars.log(p) - scalars.log(q))

    return scalars.over(~scalars.zero_mask(p), terms, p, q, otherwise=scalars.constant(0, p))


def _to_come(mdp: MDP) -> Any:
    """W_t, [t] and one axis; or 1 / (1 - gamma)."""
    if mdp.horizon is None:
        if mdp.discount == 1:
            raise InvalidArgument("discount is 1 and there is no horizon: W is infinite")
        return 1 / (1 - mdp.discount)
    powers = step_weights(mdp, 1)[:, 0]
    return np.array([powers[: mdp.horizon - t].sum() for t in range(mdp.horizon)], dtype=powers.dtype)[:, None]


def _checked(mdp: MDP, policy: Any, expert: Any, trial: Any) -> tuple[Sides, np.ndarray, np.ndarray]:
    """Both sides, the trial policy and its visits, all in one shape."""
    both = sides(mdp, policy, expert)
    pi = checked_step_policy(mdp, trial)
    if pi.shape != both.policy.shape:
        raise InvalidArgument(f"trial has shape {pi.shape}; expected {both.policy.shape}, that of the policy")
    return both, pi, policy_visits(mdp, pi)


def _check_covered(visits: np.ndarray, other: np.ndarray, name: str) -> None:
    alone = ~scalars.zero_mask(visits) & scalars.zero_mask(other)
    if alone.any():
        at = [int(i) for i in np.argwhere(alone)[0]]
        raise InvalidArgument(f"at {at} the trial policy goes and the {name} never does: the value is minus infinity")
