"""Changes of the reward that soft control does not see.

Potential shaping, for a potential Phi(s) in the unit of reward:

    r'(s, a, s') = r(s, a, s') + gamma Phi(s') - Phi(s),        f'(s) = f(s) - Phi(s)

shifts values and keeps policies, Q'_t = Q_t - Phi, V'_t = V_t - Phi, pi' = pi, at every horizon and temperature. Along
a trajectory the potentials telescope: R'(tau) = R(tau) - Phi(s_0), so each start's trajectories keep their odds, too.
Without end nothing is paid at the end and f is idle, unless in terminal states. With a horizon, or with terminal
states, the final value must change along with the reward: shaping alone pays gamma^t Phi(s_t) for ending in s_t. Where
f has to stay (and the horizon does not bind), take a potential that is 0 in terminal states; the shaped reward of
entering one is then r - Phi(s), and not r: only gamma Phi(s') is masked.

Redistribution over next states, for any table x(s, a, s'):

    r'(s, a, s') = r(s, a, s') + x(s, a, s') - sum_y P(y | s, a) x(s, a, y)

keeps the expected reward, so everything about control. The trajectory MaxEnt law, which weighs exp of the reward
itself, changes where the dynamics are stochastic.

A constant added to the reward, r' = r + c, is the value of a longer life:

    V'_t = V_t + c (1 + gamma + ... + gamma^{T-t-1}),           without end V' = V + c / (1 - gamma)

where nothing is terminal. Policies stay. Where trajectories have unequal lengths they do not.
Source: ng1999; gleave2022; skalse2023.
"""

from typing import Any, NamedTuple

import numpy as np

from mdps import scalars
from mdps.arguments import checked_reward, expected_reward, numbers, reward_axes
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP


class Shaped(NamedTuple):
    """A model with the final value f - Phi, and the reward that goes with it."""

    mdp: MDP
    reward: np.ndarray


def shaped(mdp: MDP, reward: Any, potential: Any, *, axes: str | None = None) -> Shaped:
    """The problem with the same soft-optimal policies whose values are lower by Phi: reward and final value.

    potential  [..., s], in the unit of reward.
    axes       of the shaped reward, see `shaped_reward`.

    >>> from mdps import gallery, soft_solution
    >>> mdp, reward = gallery.fork()
    >>> problem = shaped(mdp, reward, scalars.log(np.array([1, 2, 3], dtype=object)))
    >>> bool((soft_solution(*problem).policy == soft_solution(mdp, reward).policy).all())
    True
    """
    phi = _checked_potential(mdp, potential)
    return Shaped(mdp.with_final_value(mdp.final_value - phi), shaped_reward(mdp, reward, phi, axes=axes))


def shaped_reward(mdp: MDP, reward: Any, potential: Any, *, axes: str | None = None) -> np.ndarray:
    """r + gamma Phi(s') - Phi(s), the reward alone; keeps policies only together with the final value f - Phi.

    axes  'sas': [..., s, a, s']. 'sa': [..., s, a], with the expected gamma sum_s' P Phi(s'), which control does not
          tell apart; for the law over trajectories only 'sas' telescopes. By default 'sas' for a reward [s, a, s']
          and 'sa' for the others. Where P is 0, and at unavailable actions, the entries are not used by anything.

    >>> from mdps import gallery
    >>> mdp, reward = gallery.fork()
    >>> shaped_reward(mdp, [0, 0, 0], [5, 1, 2]).tolist()
    [[-4, -3], [0, 0], [0, 0]]
    """
    r, phi = checked_reward(mdp, reward), _checked_potential(mdp, potential)
    own = reward_axes(mdp, r)
    chosen = ("sas" if own == "sas" else "sa") if axes is None else axes
    if chosen not in ("sa", "sas"):
        raise InvalidArgument(f"axes is {axes!r}; expected 'sa' or 'sas'")
    if chosen == "sa":
        return expected_reward(mdp, r) + mdp.discount * mdp.expectation(phi) - phi[..., None]
    _check_dense(mdp)
    wide = r[(..., *(None,) * (3 - len(own)))]
    table = wide + mdp.discount * phi[..., None, None, :] - phi[..., :, None, None]
    return np.broadcast_to(table, (*mdp.available.shape, mdp.n_states))


def potential_zero_at_ends(mdp: MDP, potential: Any) -> np.ndarray:
    """Phi(s) where s goes on and 0 in terminal states, [..., s]: shaping by it needs no final value there."""
    phi = _checked_potential(mdp, potential)
    return np.where(mdp.terminal, scalars.constant(0, phi), phi)


def redistributed_reward(mdp: MDP, reward: Any, table: Any) -> np.ndarray:
    """r(s, a, s') + x(s, a, s') - sum_y P(y | s, a) x(s, a, y), [..., s, a, s']: of the same expected reward.

    table  x [..., s, a, s'], in the unit of reward.
    """
    r = checked_reward(mdp, reward)
    _check_dense(mdp)
    x = _checked(mdp, "table", table, (*mdp.available.shape, mdp.n_states))
    wide = r[(..., *(None,) * (3 - len(reward_axes(mdp, r))))]
    return wide + x - expected_reward(mdp, x)[..., None]


def value_of_constant(mdp: MDP, constant: Any) -> np.ndarray:
    """What c at every decision adds to V where nothing is terminal: c (1 + ... + gamma^{T-t-1}), [t] of T+1 rows.

    Without end it is one number, c / (1 - gamma), the shaping potential -c / (1 - gamma).

    Errors: `InvalidModel` with terminal states, where no such number exists: how long the constant is earned depends
    on the policy.

    >>> from fractions import Fraction
    >>> value_of_constant(MDP([[[1]]], [1], horizon=3, discount=Fraction(1, 2)), 4).tolist()
    [7, 6, 4, 0]
    """
    c = _checked(mdp, "constant", constant, ())[()]
    if mdp.terminal.any():
        raise InvalidModel("the model has terminal states: what a constant reward is worth depends on the policy")
    if mdp.horizon is None:
        if mdp.discount == 1:
            raise InvalidModel("the model never ends and has discount 1: a constant reward has no finite value")
        return np.asarray(c / (1 - mdp.discount))
    values = [0 * c]
    for _ in range(mdp.horizon):
        values.append(c + mdp.discount * values[-1])
    return np.array(values[::-1], dtype=mdp.final_value.dtype)


def _checked_potential(mdp: MDP, potential: Any) -> np.ndarray:
    return _checked(mdp, "potential", potential, (*mdp.batch_shape, mdp.n_states))


def _checked(mdp: MDP, name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = numbers(name, value, mdp.level)
    if array.shape != shape:
        raise InvalidArgument(f"{name} has shape {array.shape}; expected {shape}")
    return array


def _check_dense(mdp: MDP) -> None:
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("a reward [s, a, s'] of a sparse model would be a dense array; take axes 'sa'")
