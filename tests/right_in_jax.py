"""Right implementations in JAX, for the judge: none of them may be refused.

Gradients by jax.grad, by hand and by rules of one's own; loops unrolled, scanned, counted and until a condition;
vmapped, jitted, rematerialized; exponentials with a shift and without; sums in other orders.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import log_sigmoid, log_softmax, logsumexp, sigmoid, softmax, softplus

SMALL = {"largest_energy": 10}
NO_SHIFT = {"largest_reward": 5}


@dataclass(frozen=True, eq=False)
class Variant:
    """A right function, its target and the options of `judge`.

    in_single  whether it is made for float32 too.    proved  whether a field proves it.
    """

    subject: Callable[..., Any]
    to: str
    options: dict[str, Any] = field(default_factory=dict)
    in_single: bool = True
    proved: bool = True

    @property
    def name(self) -> str:
        """Its name, for the test's id."""
        return self.subject.__name__


VARIANTS: list[Variant] = []


def right(to: str, *, in_single: bool = True, proved: bool = True, **options: Any) -> Callable[..., Any]:
    """Register a right variant."""

    def register(subject: Callable[..., Any]) -> Callable[..., Any]:
        VARIANTS.append(Variant(subject, to, options, in_single, proved))
        return subject

    return register


# Energies


@right("ebm.log_partition")
def log_partition_of_jax(energy):
    return logsumexp(-energy)


@right("ebm.log_partition")
def log_partition_by_a_scan(energy):
    return lax.scan(lambda total, e: (jnp.logaddexp(total, -e), None), -jnp.inf, energy)[0]


@right("ebm.log_partition")
def log_partition_by_a_tree(energy):
    return lax.associative_scan(jnp.logaddexp, -energy)[-1]


@right("ebm.log_partition")
def log_partition_that_is_accumulated(energy):
    return lax.cumlogsumexp(-energy, reverse=True)[0]


@right("ebm.log_partition")
def log_partition_shifted_by_hand(energy):
    shift = lax.stop_gradient(energy.min())
    return jnp.log(jnp.sum(jnp.exp(shift - energy))) - shift


@right("ebm.log_partition", largest_energy=50)
def log_partition_without_a_shift(energy):
    return jnp.log(jnp.sum(jnp.exp(-energy)))


@right("ebm.log_partition")
def log_partition_of_sorted_terms(energy):
    low = jnp.sort(energy)
    return jnp.log1p(jnp.exp(low[0] - low[1:]).sum()) - low[0]


@right("ebm.law")
def law_of_softmax(energy):
    return softmax(-energy)


@right("ebm.law")
def law_by_grad(energy):
    return -jax.grad(lambda e: logsumexp(-e))(energy)


@right("ebm.law")
def law_by_pairs(energy):
    return jax.vmap(lambda e: 1 / jnp.exp(e - energy).sum())(energy)


@right("ebm.law", largest_energy=50)
@jax.jit
def law_without_a_shift(energy):
    weight = jnp.exp(-energy)
    return weight / weight.sum()


@right("ebm.law")
def law_in_a_loop(energy):
    log_z = logsumexp(-energy)
    return lax.fori_loop(0, len(energy), lambda i, p: p.at[i].set(jnp.exp(-energy[i] - log_z)), jnp.zeros_like(energy))


@right("ebm.log_likelihood")
def log_likelihood_of_log_softmax(energy, data):
    return data @ log_softmax(-energy)


@right("ebm.log_likelihood")
def log_likelihood_where_there_is_data(energy, data):
    return -jnp.where(data > 0, data * energy, 0).sum() - logsumexp(-energy)


@right("ebm.gradient")
def gradient_by_grad(energy, data):
    return jax.grad(log_likelihood_of_log_softmax)(energy, data)


@right("ebm.gradient")
def gradient_by_forward_mode(energy, data):
    return jax.jacfwd(log_likelihood_of_log_softmax)(energy, data)


@right("ebm.gradient")
def gradient_by_a_mapped_jvp(energy, data):
    along = jax.vmap(lambda d: jax.jvp(lambda e: log_likelihood_of_log_softmax(e, data), (energy,), (d,))[1])
    return along(jnp.eye(len(energy), dtype=energy.dtype))


@jax.custom_vjp
def cross_entropy(energy, data):
    """-E_p log p_theta with a backward pass by hand."""
    return data @ energy + logsumexp(-energy)


cross_entropy.defvjp(
    lambda energy, data: (cross_entropy(energy, data), (energy, data)),
    lambda kept, g: (g * (kept[1] - softmax(-kept[0])), g * kept[0]),
)


@right("ebm.gradient")
def gradient_by_a_custom_vjp(energy, data):
    return -jax.jit(jax.grad(cross_entropy))(energy, data)


# Discriminators


def logit_of(energy, sampler, log_normalizer):
    return -energy - log_normalizer - jnp.log(sampler)


@right("gan.discriminator")
def discriminator_of_a_logit(energy, sampler, log_normalizer):
    return sigmoid(logit_of(energy, sampler, log_normalizer))


@right("gan.discriminator", **SMALL)
def discriminator_of_densities(energy, sampler, log_normalizer):
    density = jnp.exp(-energy - log_normalizer)
    return density / (density + sampler)


@right("gan.discriminator", full_support=True)
def discriminator_of_a_softmax(energy, sampler, log_normalizer):
    return softmax(jnp.stack([-energy - log_normalizer, jnp.log(sampler)]), axis=0)[0]


@right("gan.discriminator", full_support=True, largest_energy=1)
def discriminator_by_tanh(energy, sampler, log_normalizer):
    return (1 + jnp.tanh(logit_of(energy, sampler, log_normalizer) / 2)) / 2


@right("gan.discriminator_loss", full_support=True)
def loss_of_softplus(energy, sampler, data, log_normalizer):
    logit = logit_of(energy, sampler, log_normalizer)
    return data @ softplus(-logit) + sampler @ softplus(logit)


@right("gan.discriminator_loss")
def loss_of_log_sigmoids(energy, sampler, data, log_normalizer):
    on = sampler > 0
    logit = logit_of(energy, jnp.where(on, sampler, 1), log_normalizer)
    return -jnp.where(on, data * log_sigmoid(logit) + sampler * log_sigmoid(-logit), 0).sum()


@right("gan.discriminator_loss", full_support=True)
def loss_of_two_classes(energy, sampler, data, log_normalizer):
    both = log_softmax(jnp.stack([-energy - log_normalizer, jnp.log(sampler)], axis=1), axis=1)
    return -jnp.einsum("nk,nk", both, jnp.stack([data, sampler], axis=1))


@right("gan.discriminator_gradient")
def gradients_by_grad(energy, sampler, data, log_normalizer):
    return jax.grad(loss_of_log_sigmoids, argnums=(0, 3))(energy, sampler, data, log_normalizer)


@right("gan.discriminator_gradient", full_support=True)
def gradients_beside_the_value(energy, sampler, data, log_normalizer):
    pair = jax.jit(jax.value_and_grad(lambda theta: loss_of_softplus(theta[0], sampler, data, theta[1])))
    return pair((energy, jnp.asarray(log_normalizer)))[1]


@right("gan.discriminator_gradient.energy", full_support=True)
def gradient_by_vjp(energy, sampler, data, log_normalizer):
    _, back = jax.vjp(lambda e: loss_of_two_classes(e, sampler, data, log_normalizer), energy)
    return back(jnp.ones((), energy.dtype))[0]


@right("gan.discriminator_gradient.log_normalizer", full_support=True)
def gradient_to_log_z_in_forward_mode(energy, sampler, data, log_normalizer):
    return jax.jacfwd(loss_of_softplus, argnums=3)(energy, sampler, data, log_normalizer)


@right("gan.generator_loss")
def generator_loss_of_entropy(energy, sampler, log_normalizer):
    return sampler @ energy + log_normalizer + jax.scipy.special.xlogy(sampler, sampler).sum()


# Guided costs


@right("gcl.importance_weights")
def weights_of_a_discriminator(energy, sampler, log_normalizer):
    return 2 * discriminator_of_a_logit(energy, sampler, log_normalizer)


@right("gcl.loss")
def guided_loss(energy, sampler, data, log_normalizer):
    log_mixture = jnp.logaddexp(-energy - log_normalizer, jnp.log(sampler))
    return data @ energy + logsumexp(jnp.log(data + sampler) - energy - lax.stop_gradient(log_mixture))


@right("gcl.loss", **SMALL)
def guided_loss_of_densities(energy, sampler, data, log_normalizer):
    mixture = (jnp.exp(-energy - log_normalizer) + sampler) / 2
    return data @ energy + jnp.log(jnp.sum((data + sampler) / 2 * jnp.exp(-energy) / mixture))


@right("gcl.gradient")
def guided_gradient(energy, sampler, data, log_normalizer):
    return jax.grad(guided_loss)(energy, sampler, data, log_normalizer)


@right("gcl.gradient", **SMALL)
def guided_gradient_of_frozen_weights(energy, sampler, data, log_normalizer):
    """The gradient of a surrogate, linear in the energies of data and samples."""

    def surrogate(energy):
        weighted = (data + sampler) * weights_of_a_discriminator(energy, sampler, log_normalizer)
        return (data - lax.stop_gradient(weighted / weighted.sum())) @ energy

    return jax.grad(surrogate)(energy)


# Soft control


def masks(transition):
    available = transition.sum(axis=-1) > 0
    return available, ~available.any(axis=-1)


def backup(transition, discount, reward, v):
    available, terminal = masks(transition)
    q = jnp.where(available, reward + discount * jnp.einsum("sax,x->sa", transition, v), -jnp.inf)
    safe = jnp.where(terminal[:, None], 0, q)
    return q, jnp.where(terminal, 0, logsumexp(safe, axis=1)), jnp.where(available, softmax(safe, axis=1), 0)


@right("soft_solution.v")
def values_of_a_scan(transition, initial, horizon, discount, reward):
    def step(v, _):
        return backup(transition, discount, reward, v)[1], v

    first, later = lax.scan(step, jnp.zeros_like(initial), None, length=horizon, reverse=True)
    return jnp.concatenate([first[None], later])


@right("soft_solution.v")
def values_of_a_loop(transition, initial, horizon, discount, reward):
    def step(k, v):
        t = horizon - 1 - k
        return v.at[t].set(backup(transition, discount, reward, v[t + 1])[1])

    return lax.fori_loop(0, horizon, step, jnp.zeros((horizon + 1, len(initial)), reward.dtype))


@right("soft_solution.policy")
def policy_until_a_condition(transition, initial, horizon, discount, reward):
    def step(carry):
        t, v, policy = carry
        _, v, row = backup(transition, discount, reward, v)
        return t - 1, v, lax.dynamic_update_slice(policy, row[None], (t, 0, 0))

    empty = jnp.zeros((horizon, *reward.shape), reward.dtype)
    return lax.while_loop(lambda carry: carry[0] >= 0, step, (horizon - 1, jnp.zeros_like(initial), empty))[2]


@right("soft_solution.q", largest_reward=20)
def q_of_logaddexp(transition, initial, horizon, discount, reward):
    v, rows = jnp.zeros_like(initial), []
    for _ in range(horizon):
        q = backup(transition, discount, reward, v)[0]
        v = jnp.zeros_like(v) - jnp.inf
        for column in q.T:
            v = jnp.logaddexp(v, column)
        v = jnp.where(masks(transition)[1], 0, v)
        rows.append(q)
    return jnp.stack(rows[::-1])


@right("soft_solution")
@partial(jax.jit, static_argnames="horizon")
def all_of_it(transition, initial, horizon, discount, reward):
    def step(v, _):
        q, new, policy = backup(transition, discount, reward, v)
        return new, (q, v, policy)

    first, (q, later, policy) = lax.scan(step, jnp.zeros_like(initial), length=horizon, reverse=True)
    return q, jnp.vstack([first, later]), policy


# What a policy does


@right("state_marginals")
def marginals_of_a_scan(transition, initial, horizon, discount, policy):
    stay = jnp.diag(masks(transition)[1].astype(policy.dtype))

    def step(mu, pi):
        return jnp.einsum("s,sa,sax->x", mu, pi, transition) + stay @ mu, mu

    last, before = lax.scan(step, initial, policy)
    return jnp.concatenate([before, last[None]])


@right("state_marginals")
def marginals_by_scattering(transition, initial, horizon, discount, policy):
    n = len(initial)
    ended = masks(transition)[1]
    rows = [initial]
    for t in range(horizon):
        flow = (rows[-1][:, None, None] * policy[t][:, :, None] * transition).ravel()
        arrived = jnp.zeros_like(initial).at[jnp.tile(jnp.arange(n), len(flow) // n)].add(flow)
        rows.append(arrived + jnp.where(ended, rows[-1], 0))
    return jnp.stack(rows)


@right("state_marginals")
def marginals_of_products_of_matrices(transition, initial, horizon, discount, policy):
    moves = jax.vmap(lambda pi: jnp.einsum("sa,sax->sx", pi, transition))(policy)
    moves = moves + jnp.diag(masks(transition)[1].astype(policy.dtype))
    return jnp.concatenate([initial[None], initial @ lax.associative_scan(jnp.matmul, moves)])


def value(reward, transition, initial, horizon, discount, policy):
    """The return from the start."""
    mu, total = initial, 0.0
    for t in range(horizon):
        total += discount**t * jnp.einsum("s,sa,sa->", mu, policy[t], reward)
        mu = jnp.einsum("s,sa,sax->x", mu, policy[t], transition)
    return total


@right("occupancy")
def occupancy_by_grad(transition, initial, horizon, discount, policy):
    zero = jnp.zeros_like(policy[0])
    return jax.grad(value)(zero, transition, initial, horizon, discount, policy)


@right("occupancy")
def occupancy_of_one_linear_system(transition, initial, horizon, discount, policy):
    n, moves = len(initial), jnp.einsum("tsa,sax->tsx", policy, transition)
    system = jnp.eye(horizon * n, dtype=policy.dtype)
    for t in range(horizon - 1):
        system = system.at[(t + 1) * n : (t + 2) * n, t * n : (t + 1) * n].add(-discount * moves[t].T)
    start = jnp.zeros(horizon * n, policy.dtype).at[:n].set(initial)
    return jnp.einsum("ts,tsa->sa", jnp.linalg.solve(system, start).reshape(horizon, n), policy)


@right("policy_value")
def value_of_a_scan(transition, initial, horizon, discount, reward, policy):
    def step(v, pi):
        return jnp.sum(pi * (reward + discount * transition @ v), axis=1), v

    first, later = lax.scan(step, jnp.zeros_like(initial), policy, reverse=True)
    return jnp.vstack([first, later])


@right("policy_value")
def value_of_walkers(transition, initial, horizon, discount, reward, policy):
    """The return from (t, s) is that of a walker that starts there."""
    starts = jnp.eye(len(initial), dtype=reward.dtype)
    rows = [
        jax.vmap(lambda mu, t=t: value(reward, transition, mu, horizon - t, discount, policy[t:]))(starts)
        for t in range(horizon)
    ]
    return jnp.stack([*rows, jnp.zeros_like(initial)])


# Inverse problems


@right("causal.dual")
def dual_of_a_scan(transition, initial, horizon, discount, reward, expert):
    v = values_of_a_scan(transition, initial, horizon, discount, reward)
    return jnp.vdot(expert, reward) - initial @ v[0]


def dual_unrolled(reward, transition, initial, horizon, discount, expert, backup=backup):
    v = jnp.zeros_like(initial)
    for _ in range(horizon):
        v = backup(transition, discount, reward, v)[1]
    return jnp.sum(expert * reward) - jnp.dot(initial, v)


@right("causal.gradient")
def gradient_unrolled(transition, initial, horizon, discount, reward, expert):
    return jax.grad(dual_unrolled)(reward, transition, initial, horizon, discount, expert)


@right("causal.gradient")
def gradient_of_a_scan(transition, initial, horizon, discount, reward, expert):
    return jax.grad(dual_of_a_scan, argnums=4)(transition, initial, horizon, discount, reward, expert)


@right("causal.gradient")
@partial(jax.jit, static_argnums=2)
def gradient_rematerialized(transition, initial, horizon, discount, reward, expert):
    kept = jax.checkpoint(backup)
    return jax.grad(dual_unrolled)(reward, transition, initial, horizon, discount, expert, kept)


@right("causal.gradient")
def gradient_by_hand(transition, initial, horizon, discount, reward, expert):
    policies = policy_until_a_condition(transition, initial, horizon, discount, reward)

    def step(carry, pi):
        mu, scale = carry
        joint = mu[:, None] * pi
        return (jnp.tensordot(joint, transition, 2), scale * discount), scale * joint

    return expert - lax.scan(step, (initial, 1.0), policies)[1].sum(axis=0)


@right("causal.gradient", reward_axes="s")
def gradient_of_state_rewards(transition, initial, horizon, discount, reward, expert):
    def loss(r):
        by_action = jnp.broadcast_to(r[:, None], transition.shape[:2])
        return dual_unrolled(by_action, transition, initial, horizon, discount, 0.0) + expert @ r

    return jax.grad(loss)(reward)


@jax.custom_jvp
def soft_maximum(q):
    """log sum exp over the last axis, with a derivative by hand."""
    top = q.max(axis=-1, keepdims=True)
    return jnp.log(jnp.exp(q - top).sum(axis=-1)) + top[..., 0]


soft_maximum.defjvp(lambda x, dx: (soft_maximum(*x), jnp.sum(softmax(x[0], axis=-1) * dx[0], axis=-1)))


@right("causal.gradient", temperature=True)
def gradient_by_a_custom_rule(transition, initial, horizon, discount, reward, expert, temperature):
    available, terminal = masks(transition)

    def loss(reward):
        v = jnp.zeros_like(initial)
        for _ in range(horizon):
            q = jnp.where(available, reward + discount * transition @ v, -jnp.inf) / temperature
            v = jnp.where(terminal, 0, temperature * soft_maximum(jnp.where(terminal[:, None], 0, q)))
        return (jnp.vdot(expert, reward) - initial @ v) / temperature

    return jax.grad(loss)(reward)


@right("maxent.gradient")
def maxent_gradient_of_messages(transition, initial, horizon, discount, reward, expert):
    _, terminal = masks(transition)

    def log_partition(reward):
        message = jnp.zeros_like(initial)
        for t in reversed(range(horizon)):
            weight = discount**t * reward[:, :, None] + message
            total = logsumexp(weight, axis=(1, 2), b=jnp.where(terminal[:, None, None], 1, transition))
            message = jnp.where(terminal, 0, total)
        return logsumexp(message, b=initial)

    return expert - jax.grad(log_partition)(reward)


@right("maxent.log_likelihood", **NO_SHIFT)
def log_likelihood_of_products(transition, initial, horizon, discount, reward, expert):
    _, terminal = masks(transition)
    weight = jnp.ones_like(initial)
    for t in reversed(range(horizon)):
        step = transition * jnp.exp(discount**t * reward)[:, :, None]
        weight = jnp.where(terminal, 1, jnp.sum(step, axis=1) @ weight)
    return jnp.vdot(expert, reward) - jnp.log(initial @ weight)
