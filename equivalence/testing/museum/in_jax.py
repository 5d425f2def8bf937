"""Mistakes that JAX invites: what is differentiated, which axis is mapped, which way a scan goes, silent clamps.

`PIECES` stand apart from those of `equivalence.testing.museum`, which needs no JAX.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import log_softmax, logsumexp, sigmoid, softmax, softplus

from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES, framework="jax")
SMALL = {"largest_energy": 10, "full_support": True}


# Right ones: guided costs and discriminators


def guided_loss(energy, sampler, data, log_normalizer):
    """E_p[E] + log E_mu[e^-E / mu~]; mu~ is frozen where this is differentiated."""
    log_mixture = lax.stop_gradient(jnp.logaddexp(-energy - log_normalizer, jnp.log(sampler)))
    return data @ energy + logsumexp(jnp.log(data + sampler) - energy - log_mixture)


def guided_gradient(energy, sampler, data, log_normalizer):
    """The gradient to E of the loss with frozen weights."""
    return jax.grad(guided_loss)(energy, sampler, data, log_normalizer)


def discriminator_loss(energy, sampler, data, log_normalizer):
    """E_p softplus(-l) + E_q softplus(l), where the logit l exists."""
    sampled = sampler > 0
    logit = -energy - log_normalizer - jnp.log(jnp.where(sampled, sampler, 1))
    return jnp.where(sampled, data * softplus(-logit) + sampler * softplus(logit), 0).sum()


def gradient_to_energy(energy, sampler, data, log_normalizer):
    """dL_D/dE."""
    return jax.grad(discriminator_loss)(energy, sampler, data, log_normalizer)


def gradient_to_log_z(energy, sampler, data, log_normalizer):
    """dL_D/dlog Z."""
    return jax.grad(discriminator_loss, argnums=3)(energy, sampler, data, log_normalizer)


def likelihood_gradient(energy, data):
    """d/dE of E_p[-E] - log Z."""
    return jax.grad(lambda e: data @ log_softmax(-e))(energy)


def log_partition(energy):
    """log sum exp(-E)."""
    return logsumexp(-energy)


# Right ones: soft control


def masks(transition):
    """Which actions are available [s, a], and which states are terminal [s]."""
    available = transition.sum(axis=-1) > 0
    return available, ~available.any(axis=-1)


def backup(transition, discount, reward, v, soft_maximum=logsumexp):
    """Q and V of one step; rows of terminal states are made safe before the maximum is taken."""
    available, terminal = masks(transition)
    q = jnp.where(available, reward + discount * transition @ v, -jnp.inf)
    safe = jnp.where(terminal[:, None], 0, q)
    return safe, jnp.where(terminal, 0, jax.vmap(soft_maximum)(safe))


def soft_values(transition, initial, horizon, discount, reward):
    """V [t, s], T+1 rows."""

    def step(v, _):
        return backup(transition, discount, reward, v)[1], v

    first, later = lax.scan(step, jnp.zeros_like(initial), None, length=horizon, reverse=True)
    return jnp.concatenate([first[None], later])


def soft_policy(transition, initial, horizon, discount, reward):
    """The policy [t, s, a]; rows of terminal states are 0."""
    available, _ = masks(transition)

    def step(v, _):
        safe, v = backup(transition, discount, reward, v)
        return v, jnp.where(available, softmax(safe, axis=1), 0)

    return lax.scan(step, jnp.zeros_like(initial), None, length=horizon, reverse=True)[1]


def dual(reward, transition, initial, horizon, discount, expert):
    """<expert, r> - rho V_0."""
    return jnp.vdot(expert, reward) - initial @ soft_values(transition, initial, horizon, discount, reward)[0]


def dual_gradient(transition, initial, horizon, discount, reward, expert):
    """The gradient of the dual to the reward."""
    return jax.grad(dual)(reward, transition, initial, horizon, discount, expert)


def dual_of(soft_maximum, reward, transition, initial, horizon, discount, expert, temperature):
    """The dual with a soft maximum of one row and a temperature, divided by the latter."""
    v = jnp.zeros_like(initial)
    for _ in range(horizon):
        _, v = backup(transition, discount, reward, v, lambda row: soft_maximum(row, temperature))
    return (jnp.vdot(expert, reward) - initial @ v) / temperature


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def soft_maximum(row, temperature):
    """alpha log sum exp(row / alpha), whose derivative is the soft policy."""
    return temperature * logsumexp(row / temperature)


@soft_maximum.defjvp
def _(temperature, primals, tangents):
    return soft_maximum(*primals, temperature), softmax(primals[0] / temperature) @ tangents[0]


def gradient_by_custom_rule(transition, initial, horizon, discount, reward, expert, temperature):
    """The gradient of the dual, by the rule of the soft maximum."""
    loss = partial(dual_of, soft_maximum)
    return jax.grad(loss)(reward, transition, initial, horizon, discount, expert, temperature)


# Right ones: what a policy does


def moves(transition, policy):
    """P(s' | s) of each step [t, s, x]; terminal states stay."""
    _, terminal = masks(transition)
    return jnp.einsum("tsa,sax->tsx", policy, transition) + jnp.diag(terminal.astype(policy.dtype))


def marginals(transition, initial, horizon, discount, policy):
    """mu [t, s], T+1 rows."""
    last, before = lax.scan(lambda mu, move: (mu @ move, mu), initial, moves(transition, policy))
    return jnp.concatenate([before, last[None]])


def visits(transition, initial, horizon, discount, policy):
    """Discounted visits [s, a]: the derivative of the value to the reward."""

    def value(reward):
        mu, total = initial, 0.0
        for t in range(horizon):
            total += discount**t * jnp.einsum("s,sa,sa->", mu, policy[t], reward)
            mu = jnp.einsum("s,sa,sax->x", mu, policy[t], transition)
        return total

    return jax.grad(value)(jnp.zeros_like(transition[:, :, 0]))


# What is differentiated


@wrong("gcl.gradient", guided_gradient, "weights differentiated through", 22, **SMALL)
def stop_gradient_forgotten(energy, sampler, data, log_normalizer):
    """The weights of the importance samples are differentiated with the loss."""

    def loss(energy):
        log_mixture = jnp.logaddexp(-energy - log_normalizer, jnp.log(sampler))
        return data @ energy + logsumexp(jnp.log(data + sampler) - energy - log_mixture)

    return jax.grad(loss)(energy)


@wrong("gcl.gradient", guided_gradient, "term of the data alone", **SMALL)
def stop_gradient_around_the_partition_function(energy, sampler, data, log_normalizer):
    """More is frozen than the weights: nothing holds energies up that the data do not show."""

    def loss(energy):
        log_mixture = jnp.logaddexp(-energy - log_normalizer, jnp.log(sampler))
        return data @ energy + logsumexp(lax.stop_gradient(jnp.log(data + sampler) - energy - log_mixture))

    return jax.grad(loss)(energy)


@wrong("gan.discriminator_gradient.log_normalizer", gradient_to_log_z, "zero everywhere", **SMALL)
def log_z_frozen_with_the_target(energy, sampler, data, log_normalizer):
    """log Z stands under the stop_gradient of the density of the sampler, and never learns."""

    def loss(log_normalizer):
        log_ratio = lax.stop_gradient(jnp.log(sampler) + log_normalizer)
        return data @ softplus(energy + log_ratio) + sampler @ softplus(-energy - log_ratio)

    return jax.grad(loss)(log_normalizer)


@wrong("ebm.gradient", likelihood_gradient, "mean over outcomes", 25)
def gradient_of_a_mean(energy, data):
    """jnp.mean over outcomes in place of the sum: the step is smaller by the size of the space."""
    return jax.grad(lambda e: jnp.mean(data * log_softmax(-e)))(energy)


@wrong("causal.gradient", dual_gradient, "derivative to the expert")
def argnums_of_another_argument(transition, initial, horizon, discount, reward, expert):
    """argnums counts from 0: this is the derivative to the expert."""
    return jax.grad(dual, argnums=5)(reward, transition, initial, horizon, discount, expert)


@wrong("causal.gradient", dual_gradient, "unknown", terminal=True)
def nan_through_where(transition, initial, horizon, discount, reward, expert):
    """jnp.where hides log 0 of terminal states from the value, and not from its gradient: 0 times inf is nan."""
    available, terminal = masks(transition)

    def loss(reward):
        v = jnp.zeros_like(initial)
        for _ in range(horizon):
            q = reward + discount * transition @ v
            top = lax.stop_gradient(q.max(axis=1))
            total = (available * jnp.exp(q - top[:, None])).sum(axis=1)
            v = jnp.where(terminal, 0, top + jnp.log(total))
        return jnp.vdot(expert, reward) - initial @ v

    return jax.grad(loss)(reward)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def soft_maximum_of_nats(row, temperature):
    """A soft maximum whose derivative forgets the temperature."""
    return temperature * logsumexp(row / temperature)


@soft_maximum_of_nats.defjvp
def _(temperature, primals, tangents):
    return soft_maximum_of_nats(*primals, temperature), softmax(primals[0]) @ tangents[0]


@wrong("causal.gradient", gradient_by_custom_rule, "temperature in V alone", 13, temperature=True)
def rule_without_temperature(transition, initial, horizon, discount, reward, expert, temperature):
    """The values have the temperature; the custom_jvp of the soft maximum has it not."""
    loss = partial(dual_of, soft_maximum_of_nats)
    return jax.grad(loss)(reward, transition, initial, horizon, discount, expert, temperature)


@jax.custom_vjp
def loss_of_logits(logit, data, sampler):
    """E_p softplus(-l) + E_q softplus(l), with a backward pass by hand."""
    return data @ softplus(-logit) + sampler @ softplus(logit)


def _forwards(logit, data, sampler):
    return loss_of_logits(logit, data, sampler), (logit, data, sampler)


def _backwards(kept, g):
    logit, data, sampler = kept
    return g * (data + sampler) * sigmoid(logit) - data, jnp.zeros_like(data), jnp.zeros_like(sampler)


loss_of_logits.defvjp(_forwards, _backwards)


@wrong("gan.discriminator_gradient.energy", gradient_to_energy, "opposite sign", 18, **SMALL)
def backward_pass_of_flipped_labels(energy, sampler, data, log_normalizer):
    """The backward pass of a custom_vjp that is right for logits, and a forward pass of energies: a sign is lost."""
    return jax.grad(lambda e: loss_of_logits(e, data, sampler))(-energy - log_normalizer - jnp.log(sampler))


# Axes and order


@wrong("soft_solution.policy", soft_policy, "softmax over states", terminal=False, unavailable=False)
def softmax_mapped_over_actions(transition, initial, horizon, discount, reward):
    """vmap with in_axes=1: states compete within an action, and columns sum to 1."""

    def step(v, _):
        q, v = backup(transition, discount, reward, v)
        return v, jax.vmap(softmax, in_axes=1, out_axes=1)(q)

    return lax.scan(step, jnp.zeros_like(initial), None, length=horizon, reverse=True)[1]


@wrong("soft_solution.v", soft_values, "soft maximum over everything")
def logsumexp_without_an_axis(transition, initial, horizon, discount, reward):
    """logsumexp over all axes, which broadcasts: every state gets the soft maximum over all of them."""
    available, terminal = masks(transition)

    def step(v, _):
        q = jnp.where(available, reward + discount * transition @ v, -jnp.inf)
        return jnp.where(terminal, 0, logsumexp(q)), v

    first, later = lax.scan(step, jnp.zeros_like(initial), None, length=horizon, reverse=True)
    return jnp.concatenate([first[None], later])


@wrong("soft_solution.v", soft_values, "steps reversed")
def scan_stacked_as_it_went(transition, initial, horizon, discount, reward):
    """A scan without reverse=True stacks the values in the order of the backward pass."""

    def step(v, _):
        return backup(transition, discount, reward, v)[1], v

    last, before = lax.scan(step, jnp.zeros_like(initial), None, length=horizon)
    return jnp.concatenate([before, last[None]])


@wrong("state_marginals", marginals, "policies in reverse order")
def policies_scanned_in_reverse(transition, initial, horizon, discount, policy):
    """reverse=True in the forward pass: the policy of the last step comes first."""
    first, later = lax.scan(lambda mu, move: (mu @ move, mu), initial, moves(transition, policy), reverse=True)
    return jnp.concatenate([later[::-1], first[None]])


@wrong("state_marginals", marginals, "unknown")
def index_clamped_in_silence(transition, initial, horizon, discount, policy):
    """The policy of t+1 at step t; past the end JAX clamps the index and does not complain."""
    steps = moves(transition, policy)
    rows = jnp.zeros((horizon + 1, len(initial)), dtype=policy.dtype).at[0].set(initial)
    return lax.fori_loop(0, horizon, lambda t, mu: mu.at[t + 1].set(mu[t] @ steps[t + 1]), rows)


@wrong("state_marginals", marginals, "unknown")
def set_where_add_was_meant(transition, initial, horizon, discount, policy):
    """x.at[i].set with an index that occurs twice keeps one of the flows into a state."""
    n, steps = len(initial), moves(transition, policy)
    rows = [initial]
    for t in range(horizon):
        flows = (rows[-1][:, None] * steps[t]).ravel()
        rows.append(jnp.zeros_like(initial).at[jnp.tile(jnp.arange(n), n)].set(flows))
    return jnp.stack(rows)


@wrong("occupancy", visits, "one sweep too few")
@partial(jax.jit, static_argnums=2)
def loop_that_ends_one_step_early(transition, initial, horizon, discount, policy):
    """The last decision is not counted: the bound of a loop is where it ends, and not its last index."""

    def step(t, carry):
        mu, total = carry
        joint = mu[:, None] * policy[t]
        return jnp.einsum("sa,sax->x", joint, transition), total + discount**t * joint

    return lax.fori_loop(0, horizon - 1, step, (initial, jnp.zeros_like(policy[0])))[1]


@wrong("ebm.log_partition", log_partition, "single precision")
def summed_in_single_precision(energy):
    """A float32 on the way, from where digits are missing, though what comes out is float64."""
    return logsumexp(-energy.astype(jnp.float32)).astype(energy.dtype)
