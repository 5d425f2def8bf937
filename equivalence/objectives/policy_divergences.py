"""Divergences between policies of an MDP: of their trajectories, and of what they visit.

Over trajectories the dynamics cancel (chain rule):

    KL(p_pi || p_E)   = sum_tau p_pi log(p_pi / p_E) = sum_t sum_s,a mu_t(s, a) log(pi_t(a | s) / pi_E,t(a | s))
                      = sum_t E_{mu_t}[KL(pi_t || pi_E,t)]                            mu_t: marginals of pi
    W_t(s)            = sum_a pi_t (log(pi_t / pi_E,t) + sum_s' P W_{t+1}(s')),       W_T = 0: what is still to come
    dKL/dpi_t(a | s)  = mu_t(s) (log(pi_t / pi_E,t) + 1 + sum_s' P W_{t+1}(s'))
    dKL/dpi_E,t(a | s) = -mu_t(s, a) / pi_E,t(a | s)

Laws of trajectories are undiscounted whatever the discount of the model. Other divergences of these laws have no chain
rule; take `f_divergence(f, trajectories(mdp).law(policy), trajectories(mdp).law(expert))`.

Over occupancies rho = sum_t gamma^t mu_t, of mass M,

    D_f(rho || rho_E)      unnormalized
    D_f(n || n_E)          normalized: n = rho / M

With one mass M for both, D_f(rho || rho_E) = M D_f(n || n_E): M = sum_{t<T} gamma^t where nothing is terminal. With
terminal states masses differ, the unnormalized divergence depends on the affine part of f and may be negative.
The gradient to the policy has the slope to rho for a reward, and its value to go Q_t:

    dD/dpi_t(a | s) = gamma^t mu_t(s) Q_t(s, a),    Q_t = g + gamma P V_{t+1},   V_t = sum_a pi_t Q_t,   V_T = 0
    g = dD_f/drho = f'(rho / rho_E), and normalized g = (f'(n / n_E) - E_n f'(n / n_E)) / M

Without a horizon a policy is [s, a], and so are its gradients, with rho(s) for gamma^t mu_t(s) and one V. Episodes have
the trajectory KL sum_s,a rho(s, a) log(pi / pi_E). Trajectories without end, whatever the discount, come to stay in
states that are visited for ever: if the policies differ in one of them, KL is infinite; else what they do before is an
episode, and its KL that of the whole.

Tables are free in these gradients; a policy stays one, so only differences within a row (t, s) count, and formulas that
agree on policies give rows that differ by a constant.

Averaging loses information: KL(n || n_E) <= KL(p_pi || p_E), for discount 1 and no terminal states, and likewise JSD.
So a discriminator of trajectories and one of (s, a) pairs follow different divergences.
Source: cover2006; ghasemipour2020.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.f_divergences import divergence_of_measures, gradient_to_p
from equivalence.objectives.f_generators import Generator, generator
from equivalence.objectives.laws import first
from mdps import MDP, InvalidArgument, marginals, occupancy, policy_value, scalars
from mdps.arguments import checked_expert, checked_policy, expected_reward
from mdps.occupancy import checked_axes, state_marginals


class PolicyGradient(NamedTuple):
    """Partial derivatives to both tables, each [..., t, s, a] ([..., s, a] without a horizon); 0 where unavailable."""

    policy: np.ndarray
    expert_policy: np.ndarray


def trajectory_kl(mdp: MDP, policy: Any, expert_policy: Any) -> Any:
    """KL(p_pi || p_E) = sum_t E_{mu_t}[KL(pi_t || pi_E,t)] of the laws of trajectories, in nats; none is listed.

    policy and expert_policy [s, a] or [t, s, a].
    Errors: `InvalidArgument` where it is infinite: where the policy gets to do what the expert never does, and where
    the two differ in a state that is visited for ever. `OutOfReach` for sparse models that are discounted without end.
    Cost: one forward recursion; without a horizon a linear system.

    >>> from fractions import Fraction
    >>> from mdps import gallery
    >>> mdp, _ = gallery.fork()
    >>> half = [[Fraction(1, 2), Fraction(1, 2)] if live else [0, 0] for live in mdp.available.any(axis=1)]
    >>> trajectory_kl(mdp, half, half)
    0
    """
    mdp, visited, ours, theirs = _policies(mdp, policy, expert_policy)
    seen = ~scalars.zero_mask(visited)
    terms = scalars.over(
        seen,
        lambda m, x, y: m * (scalars.log(x) - scalars.log(y)),
        visited,
        ours,
        theirs,
        otherwise=scalars.constant(0, visited),
    )
    return terms.sum(axis=(-2, -1) if mdp.horizon is None else (-3, -2, -1))


def trajectory_kl_gradient(mdp: MDP, policy: Any, expert_policy: Any) -> PolicyGradient:
    """dKL/dpi = mu_t(s) (log(pi/pi_E) + 1 + P W) and dKL/dpi_E = -mu_t(s, a) / pi_E, each [..., t, s, a].

    Only differences within a row (t, s) count, see `tangent`.
    Errors: `InvalidArgument` where KL is infinite, and where its slope is: pi = 0 at a state that is reached, or a
    choice in a state that is visited for ever.
    """
    choices = mdp.available.sum(axis=-1) > 1
    mdp, visited, ours, theirs = _policies(mdp, policy, expert_policy)
    cut = choices & mdp.terminal
    if cut.any():
        raise InvalidArgument(
            f"the slope of KL is infinite at policy{first(cut)}: that state is visited for ever, and any other policy "
            "there is infinitely far; give a horizon, or take occupancies"
        )
    zero = scalars.constant(0, visited)
    endless = mdp.horizon is None
    reached = occupancy(mdp, ours, axes="s") if endless else state_marginals(mdp, ours)[..., :-1, :]
    available = mdp.available if endless else mdp.available[..., None, :, :]
    here = ~scalars.zero_mask(reached)[..., None] & available
    steep = here & scalars.zero_mask(ours)
    if steep.any():
        raise InvalidArgument(f"the slope of KL is infinite at policy{first(steep)}, an action of probability 0")
    ratio = scalars.over(here, lambda x, y: scalars.log(x) - scalars.log(y), ours, theirs, otherwise=zero)
    to_expert = scalars.over(~scalars.zero_mask(visited), lambda m, y: -m / y, visited, theirs, otherwise=zero)
    if endless:
        to_policy = through_occupancy(mdp, ours, ratio) + np.where(here, reached[..., None], zero)
        return PolicyGradient(to_policy, to_expert)
    ahead = np.full(mdp.initial.shape, zero, dtype=visited.dtype)
    slopes = []
    for pi, log_ratio, mu, live in _backwards(ours, ratio, reached[..., None], here):
        to_go = log_ratio + mdp.expectation(ahead)
        slopes.append(np.where(live, mu * (to_go + 1), zero))
        ahead = np.where(live, pi * to_go, zero).sum(axis=-1)
    return PolicyGradient(np.stack(slopes[::-1], axis=-3), to_expert)


def occupancy_divergence(
    mdp: MDP, policy: Any, expert: Any, *, f: str | Generator = "kl", axes: str = "sa", normalized: bool = True
) -> Any:
    """D_f(n || n_E) of occupancies, each divided by its own mass; with `normalized=False` D_f(rho || rho_E).

    expert: expected discounted counts over `axes`. D_f(second || first) is that of the generator u f(1/u):
    `kl` and `reverse_kl`, `pearson` and `neyman`.
    Errors: `InvalidArgument` where it is infinite.
    """
    f = generator(f)
    ours, theirs = _occupancies(mdp, policy, expert, axes)
    if normalized:
        ours, theirs = ours / _mass(ours), theirs / _mass(theirs)
    return divergence_of_measures(f, ours, theirs)


def occupancy_divergence_gradient(
    mdp: MDP, policy: Any, expert: Any, *, f: str | Generator = "kl", axes: str = "sa", normalized: bool = True
) -> np.ndarray:
    """d occupancy_divergence / dpi_t(a | s) = gamma^t mu_t(s) Q_t(s, a), [..., t, s, a].

    Only differences within a row (t, s) count, see `tangent`.
    Errors: `InvalidArgument` where the divergence or its slope is infinite, and where neither of the two does what some
    policy could do: the divergence has no derivative there.
    """
    f = generator(f)
    ours, theirs = _occupancies(mdp, policy, expert, axes)
    mass = scalars.constant(1, ours)
    shape = (*mdp.batch_shape, *(mdp.n_states, mdp.n_actions, mdp.n_states)[: len(axes)])
    if normalized:
        mass = _mass(ours)
        ours, theirs = ours / mass, theirs / _mass(theirs)
    possible = _possible(mdp, axes).reshape(ours.shape)  # what no policy visits has no part in the derivative
    neither = possible & scalars.zero_mask(ours) & scalars.zero_mask(theirs)
    if neither.any():
        at = [int(i) for i in np.argwhere(neither.reshape(shape))[0]]
        raise InvalidArgument(f"no gradient: neither policy nor expert visits {at} (axes '{axes}'), though they could")
    slope = np.full(ours.shape, scalars.constant(0, ours), dtype=ours.dtype)
    slope[possible] = gradient_to_p(f, ours[possible], theirs[possible])
    if normalized:
        slope = (slope - (ours * slope).sum(axis=-1, keepdims=True)) / mass
    return through_occupancy(mdp, policy, slope.reshape(shape))


def through_occupancy(mdp: MDP, policy: Any, slope: np.ndarray) -> np.ndarray:
    """dL/dpi_t(a | s) = gamma^t mu_t(s) Q_t(s, a), [..., t, s, a], for a slope dL/drho in a reward's shape.

    Q_t is the value of acting so, and by the policy from there on, with the slope for a reward, nothing at the end.
    Without a horizon it is rho(s) Q(s, a), [..., s, a].
    """
    values = policy_value(mdp.with_final_value(0 * mdp.final_value), slope, policy)
    if mdp.horizon is None:
        to_go = expected_reward(mdp, slope) + mdp.discount * mdp.expectation(values)
        reached = occupancy(mdp, policy, axes="s")[..., None]
        return np.where(mdp.available, reached * to_go, scalars.constant(0, mdp.initial))
    reached = state_marginals(mdp, policy)
    weight: Any = 1
    paid = expected_reward(mdp, slope)
    zero = scalars.constant(0, mdp.initial)
    steps = []
    for t in range(values.shape[-2] - 1):
        to_go = paid + mdp.discount * mdp.expectation(values[..., t + 1, :])
        steps.append(np.where(mdp.available, weight * reached[..., t, :, None] * to_go, zero))
        weight = weight * mdp.discount
    return np.stack(steps, axis=-3)


def _policies(mdp: MDP, policy: Any, expert_policy: Any) -> tuple[MDP, np.ndarray, np.ndarray, np.ndarray]:
    """The marginals of a policy (without a horizon its visits), and both policies, where KL is finite.

    The model comes first: of endless trajectories it is that of the episodes before they come to stay.
    """
    ours, theirs = checked_policy(mdp, policy), checked_policy(mdp, expert_policy, "expert_policy")
    if mdp.horizon is None and mdp.discount != 1:
        mdp, ours, theirs = _until_they_stay(mdp, ours, theirs)
    visited = occupancy(mdp, ours) if mdp.horizon is None else marginals(mdp, ours)
    stray = ~scalars.zero_mask(visited) & scalars.zero_mask(theirs)
    if stray.any():
        raise InvalidArgument(
            f"KL of trajectories is infinite: expert_policy{first(stray)} is 0, and the policy gets to do that"
        )
    return mdp, visited, ours, theirs


def _until_they_stay(mdp: MDP, ours: np.ndarray, theirs: np.ndarray) -> tuple[MDP, np.ndarray, np.ndarray]:
    """Undiscounted episodes that end in states visited for ever, and both policies of them.

    Such a state can be come back to from wherever the policy leads from it.
    """
    taken = ~scalars.zero_mask(ours)
    leads: Any = np.eye(mdp.n_states, dtype=bool) | (mdp.support & taken[..., None]).any(axis=-2)
    for _ in range(mdp.n_states.bit_length()):
        leads = leads @ leads
    reached = (leads & ~scalars.zero_mask(mdp.initial)[..., None]).any(axis=-2)
    staying = reached & taken.any(axis=-1) & (leads <= np.swapaxes(leads, -1, -2)).all(axis=-1)
    zero, one = scalars.constant(0, mdp.initial), scalars.constant(1, mdp.initial)
    gap = scalars.over(np.broadcast_to(staying[..., None], ours.shape), np.subtract, ours, theirs, otherwise=zero)
    different = ~scalars.zero_mask(gap)
    if different.any():
        raise InvalidArgument(
            f"KL of trajectories is infinite: policy and expert_policy differ at {first(different)}, and that state is "
            "visited for ever; give a horizon, or take occupancies"
        )
    transition = np.where(staying[..., None, None], zero, mdp.transition)
    ours, theirs = (np.where(staying[..., None], zero, table) for table in (ours, theirs))
    return MDP(transition, mdp.initial, horizon=None, discount=one), ours, theirs


def _occupancies(mdp: MDP, policy: Any, expert: Any, axes: str) -> tuple[np.ndarray, np.ndarray]:
    """Both tables of counts as vectors [..., n]."""
    theirs = checked_expert(mdp, expert, checked_axes(axes))
    ours = occupancy(mdp, policy, axes=axes)
    flat = (*mdp.batch_shape, -1)
    return ours.reshape(flat), theirs.reshape(flat)


def _mass(visits: np.ndarray) -> np.ndarray:
    """The sum of visits [..., n], with its axis kept."""
    mass = visits.sum(axis=-1, keepdims=True)
    if scalars.zero_mask(mass).any():
        raise InvalidArgument("there are no visits to normalize: every start is terminal; take normalized=False")
    return mass


def _possible(mdp: MDP, axes: str) -> np.ndarray:
    """What some policy visits, over 's', 'sa' or 'sas'."""
    zero, one = scalars.constant(0, mdp.initial), scalars.constant(1, mdp.initial)
    reached = ~scalars.zero_mask(mdp.initial)
    for _ in range(mdp.n_states if mdp.horizon is None else min(mdp.horizon - 1, mdp.n_states)):
        tried = np.where(mdp.available & reached[..., None], one, zero)
        reached = reached | ~scalars.zero_mask(mdp.pushforward(tried))
    if axes == "s":
        return reached & ~mdp.terminal
    pairs = mdp.available & reached[..., None]
    return pairs if axes == "sa" else pairs[..., None] & mdp.support


def _backwards(*tables: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """The steps of tables [..., t, s, a], the last one first."""
    return zip(*(np.moveaxis(table, -3, 0)[::-1] for table in tables), strict=True)
