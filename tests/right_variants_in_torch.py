"""Right implementations in torch, for the judge: none of them may be refused.

Derivatives by autograd, by torch.func and by hand, modules with parameters that are copied or exchanged, loops and
whole batches, products as einsum and as sums, in place and not, with and without a shift.
"""

import copy

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from right_variants import NO_SHIFT, Variant

VARIANTS: list[Variant] = []
SMALL = {"largest_energy": 10}


def right(to, *, in_single=True, **options):
    """Register a right variant."""

    def register(subject):
        VARIANTS.append(Variant(subject, to, options, in_single))
        return subject

    return register


def masks(transition):
    """Which actions are available [s, a], and which states are terminal [s]."""
    available = transition.sum(-1) > 0
    return available, ~available.any(-1)


def backup(transition, discount, reward, values):
    """Q [s, a] and V [s] of one step, without slices of -inf."""
    available, terminal = masks(transition)
    q = (reward + discount * (transition @ values)).masked_fill(~available, -torch.inf)
    safe = torch.where(terminal[:, None], 0.0, q)
    return q, torch.where(terminal, 0.0, torch.logsumexp(safe, 1))


def value_of_starts(transition, initial, horizon, discount, reward):
    """rho V_0."""
    values = torch.zeros_like(initial)
    for _ in range(horizon):
        _, values = backup(transition, discount, reward, values)
    return initial @ values


def likelihood(transition, initial, horizon, discount, reward, expert):
    """<expert, r> - rho V_0."""
    return (expert * reward).sum() - value_of_starts(transition, initial, horizon, discount, reward)


def policies(transition, horizon, discount, reward):
    """Soft-optimal policies, T of them."""
    available, terminal = masks(transition)
    values, found = torch.zeros_like(reward[:, 0]), []
    for _ in range(horizon):
        q, values = backup(transition, discount, reward, values)
        weights = torch.softmax(torch.where(terminal[:, None], 0.0, q), dim=1)
        found.insert(0, torch.where(available, weights, 0.0))
    return found


# Causal entropy


@right("causal.dual")
def dual_of_logsumexp(*arguments):
    return likelihood(*arguments)


@right("causal.dual", in_single=False, **NO_SHIFT)
def dual_in_exponentials(transition, initial, horizon, discount, reward, expert):
    available, terminal = masks(transition)
    values = torch.zeros_like(initial)
    for _ in range(horizon):
        weights = torch.exp(reward + discount * torch.einsum("sax,x->sa", transition, values)) * available
        total = weights.sum(1)
        values = torch.log(torch.where(terminal, torch.ones_like(total), total))
    return torch.tensordot(expert, reward) - torch.dot(initial, values)


@right("causal.gradient")
def gradient_of_autograd(transition, initial, horizon, discount, reward, expert):
    reward = reward.clone().requires_grad_()
    return torch.autograd.grad(likelihood(transition, initial, horizon, discount, reward, expert), reward)[0]


@right("causal.gradient")
def gradient_of_backward(transition, initial, horizon, discount, reward, expert):
    reward = reward.detach().clone().requires_grad_(True)
    loss = -likelihood(transition, initial, horizon, discount, reward, expert)
    loss.backward()
    return -reward.grad


@right("causal.gradient")
def gradient_of_functional_transform(transition, initial, horizon, discount, reward, expert):
    return torch.func.grad(lambda r: likelihood(transition, initial, horizon, discount, r, expert))(reward)


@right("causal.gradient")
def gradient_of_reverse_jacobian(transition, initial, horizon, discount, reward, expert):
    return expert - torch.func.jacrev(lambda r: value_of_starts(transition, initial, horizon, discount, r))(reward)


@right("causal.gradient", max_states=4, max_actions=3)
def gradient_of_forward_derivatives(transition, initial, horizon, discount, reward, expert):
    def of_one(direction):
        function = lambda r: likelihood(transition, initial, horizon, discount, r, expert)  # noqa: E731
        return torch.func.jvp(function, (reward,), (direction,))[1]

    directions = torch.eye(reward.numel(), dtype=reward.dtype).reshape(-1, *reward.shape)
    return torch.stack([of_one(direction) for direction in directions]).reshape(reward.shape)


@right("causal.gradient", max_states=4, max_actions=3)
def gradient_of_all_directions_at_once(transition, initial, horizon, discount, reward, expert):
    starts = torch.func.vjp(lambda r: value_of_starts(transition, initial, horizon, discount, r), reward)[1]
    ones = torch.ones(2, dtype=reward.dtype)
    both = torch.func.vmap(starts)(ones)[0]
    return expert - both.mean(0)


@right("causal.gradient")
def gradient_of_counts(transition, initial, horizon, discount, reward, expert):
    visits, mu = torch.zeros_like(reward), initial
    for t, pi in enumerate(policies(transition, horizon, discount, reward)):
        visits += discount**t * mu[:, None] * pi
        mu = torch.einsum("s,sa,sax->x", mu, pi, transition)
    return expert - visits


@right("causal.gradient")
def gradient_of_counts_filled_in_place(transition, initial, horizon, discount, reward, expert):
    n_states, n_actions = reward.shape
    visits = torch.empty(horizon, n_states, n_actions, dtype=reward.dtype)
    mu = torch.zeros(horizon + 1, n_states, dtype=reward.dtype)
    mu[0].copy_(initial)
    for t, pi in enumerate(policies(transition, horizon, discount, reward)):
        torch.mul(mu[t].unsqueeze(-1), pi, out=visits[t])
        mu[t + 1].add_((visits[t].reshape(1, -1) @ transition.flatten(0, 1)).squeeze(0))
        visits[t].mul_(discount**t)
    return visits.sum(0).neg_().add_(expert)


@right("causal.hessian", max_states=2, max_actions=2, horizons=(1, 2))
def hessian_of_functional_transforms(transition, initial, horizon, discount, features, theta):
    def starts(weights):
        return value_of_starts(transition, initial, horizon, discount, features @ weights)

    return -torch.func.hessian(starts)(theta)


@right("nce.hessian")
def hessian_of_backward_twice(energy, noise, data, log_normalizer, noise_ratio):
    on = noise > 0

    def loss(x):
        logit = -x[:-1][on] - x[-1] - (noise_ratio * noise[on]).log()
        on_noise = noise_ratio * noise[on] @ functional.logsigmoid(-logit)
        return -data[on] @ functional.logsigmoid(logit) - on_noise

    point = torch.cat([energy, torch.as_tensor(log_normalizer, dtype=energy.dtype).reshape(1)])
    return torch.autograd.functional.hessian(loss, point)


class Table(nn.Module):
    """A reward for each state and action."""

    def __init__(self, n_states, n_actions, dtype):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(n_states, n_actions, dtype=dtype))

    def forward(self):
        return self.table


@right("causal.gradient")
def gradient_of_a_copied_parameter(transition, initial, horizon, discount, reward, expert):
    module = Table(*reward.shape, reward.dtype)
    module.table.data.copy_(reward)
    loss = -likelihood(transition, initial, horizon, discount, module(), expert)
    loss.backward()
    return -module.table.grad


KEPT = {}


@right("causal.gradient")
def gradient_of_a_module_that_stays(transition, initial, horizon, discount, reward, expert):
    module = KEPT.setdefault((*reward.shape, reward.dtype), Table(*reward.shape, reward.dtype))
    with torch.no_grad():
        module.table.copy_(reward)
    module.zero_grad(set_to_none=False)
    (-likelihood(transition, initial, horizon, discount, module(), expert)).backward()
    return -module.table.grad.clone()


@right("causal.gradient")
def gradient_of_functional_call(transition, initial, horizon, discount, reward, expert):
    module = Table(*reward.shape, reward.dtype)

    def loss(parameters):
        r = torch.func.functional_call(module, parameters, ())
        return likelihood(transition, initial, horizon, discount, r, expert)

    return torch.func.grad(loss)({"table": reward})["table"]


@right("causal.gradient")
def gradient_to_a_linear_layer(transition, initial, horizon, discount, reward, expert):
    n_states, n_actions = reward.shape
    layer = nn.Linear(n_states, n_actions, bias=False, dtype=reward.dtype)
    layer.weight = nn.Parameter(reward.t().clone())
    states = functional.one_hot(torch.arange(n_states), n_states).to(reward.dtype)
    likelihood(transition, initial, horizon, discount, layer(states), expert).backward()
    return layer.weight.grad.t()


@right("causal.gradient")
def gradient_to_an_embedding(transition, initial, horizon, discount, reward, expert):
    n_states, n_actions = reward.shape
    layer = nn.Sequential(nn.Embedding(n_states * n_actions, 1, dtype=reward.dtype), nn.Flatten(0))
    with torch.no_grad():
        layer[0].weight.copy_(reward.reshape(-1, 1))
    flat = layer(torch.arange(n_states * n_actions))
    loss = likelihood(transition, initial, horizon, discount, flat.view(n_states, n_actions), expert)
    (grad,) = torch.autograd.grad(loss, layer[0].weight)
    return grad.reshape(n_states, n_actions)


@right("causal.gradient")
def gradient_of_one_step_of_descent(transition, initial, horizon, discount, reward, expert):
    module = copy.deepcopy(Table(*reward.shape, reward.dtype))
    module.table.data.copy_(reward)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    # of a linear function, so that a step is as exact as the gradient
    starts = gradient_of_autograd(transition, initial, horizon, discount, reward, torch.zeros_like(expert))
    loss = -((expert + starts) * module.table).sum()
    optimizer.zero_grad()
    loss.backward()
    module.table.data.zero_()
    optimizer.step()
    return 2 * module.table.data


@right("causal.gradient", temperature=True)
def gradient_with_a_temperature(transition, initial, horizon, discount, reward, expert, temperature):
    reward = reward.clone().requires_grad_()
    loss = likelihood(transition, initial, horizon, discount, reward / temperature, expert)
    return torch.autograd.grad(loss, reward)[0]


@right("causal.gradient", reward_axes="s")
def gradient_of_state_rewards(transition, initial, horizon, discount, reward, expert):
    reward = reward.clone().requires_grad_()
    full = reward[:, None].expand(-1, transition.shape[1])
    starts = value_of_starts(transition, initial, horizon, discount, full)
    (expert @ reward - starts).backward()
    return reward.grad


# Soft control


@right("soft_solution")
def solution_in_lists(transition, initial, horizon, discount, reward):
    _, terminal = masks(transition)
    v = [torch.zeros_like(initial)]
    q = []
    for _ in range(horizon):
        new_q, new_v = backup(transition, discount, reward, v[0])
        q.insert(0, new_q)
        v.insert(0, new_v)
    q, v = torch.stack(q), torch.stack(v)
    logits = torch.where(terminal[:, None], -torch.inf, q - v[:-1, :, None])
    return q, v, torch.exp(logits)


@right("soft_solution.v")
def values_with_a_shift(transition, initial, horizon, discount, reward):
    available, terminal = masks(transition)
    values = torch.zeros(horizon + 1, len(initial), dtype=reward.dtype)
    for t in reversed(range(horizon)):
        q = reward + discount * torch.matmul(transition, values[t + 1])
        q = torch.where(available | terminal[:, None], q, torch.full_like(q, -float("inf")))
        top = q.amax(dim=1, keepdim=True)
        values[t] = torch.where(terminal, 0, (top + torch.log(torch.exp(q - top).sum(1, keepdim=True))).squeeze(1))
    return values


@right("soft_solution.v")
def values_of_logaddexp(transition, initial, horizon, discount, reward):
    rows = [torch.zeros_like(initial)]
    available, terminal = masks(transition)
    for _ in range(horizon):
        q = reward + discount * (transition * rows[-1]).sum(-1)
        total = torch.full_like(initial, -torch.inf)
        for a in range(reward.shape[1]):
            total = torch.where(available[:, a], torch.logaddexp(total, q[:, a]), total)
        rows.append(total.masked_fill(terminal, 0))
    return torch.stack(rows).flip(0)


@right("soft_solution.v", temperature=True)
def values_with_branches_of_python(transition, initial, horizon, discount, reward, temperature):
    values = [torch.zeros_like(initial)]
    for _ in range(horizon):
        row = []
        for s in range(len(initial)):
            exists = [a for a in range(reward.shape[1]) if transition[s, a].sum() > 0]
            if not exists:
                row.append(torch.zeros((), dtype=reward.dtype))
                continue
            q = torch.stack([reward[s, a] + discount * (transition[s, a] @ values[0]) for a in exists])
            best = max(q) if q.max() > 0 else q.max()
            row.append(best + temperature * torch.log(torch.sum(torch.exp((q - best) / temperature))))
        values.insert(0, torch.stack(row))
    return torch.stack(values)


@right("soft_solution.policy")
def policy_of_log_softmax(transition, initial, horizon, discount, reward):
    available, terminal = masks(transition)
    values, found = torch.zeros_like(initial), []
    for _ in range(horizon):
        q, values = backup(transition, discount, reward, values)
        pi = torch.log_softmax(q.masked_fill(terminal[:, None], 0), dim=-1).exp()
        found.append(pi * available)
    return torch.stack(found[::-1])


@right("soft_solution.policy", terminal=False)
def policy_with_a_large_mask(transition, initial, horizon, discount, reward):
    missing = (transition.sum(-1) == 0).to(reward.dtype)
    assert torch.allclose(transition.sum(-1) + missing, torch.ones_like(missing))
    values, found = torch.zeros_like(initial), []
    for _ in range(horizon):
        q = reward + discount * transition @ values - 1e9 * missing
        values = torch.logsumexp(q, -1)
        found.append(functional.softmax(q, -1))
    return torch.stack(found[::-1])


@right("soft_solution.policy")
def policy_of_derivatives(transition, initial, horizon, discount, reward):
    _, terminal = masks(transition)
    values, found = torch.zeros_like(initial), []
    for _ in range(horizon):
        q = backup(transition, discount, reward, values)[0].detach().requires_grad_()
        values = torch.logsumexp(torch.where(terminal[:, None], 0.0, q), 1).masked_fill(terminal, 0)
        found.append(torch.autograd.grad(values.sum(), q)[0])
        values = values.detach()
    return torch.stack(found).flip(0)


@right("soft_solution.q")
def q_by_batches(transition, initial, horizon, discount, reward):
    rows, values = [], torch.zeros_like(initial)
    for _ in range(horizon):
        q, _ = backup(transition, discount, reward, values)
        rows.append(q)
        expanded = values.expand(transition.shape[0], -1).unsqueeze(-1)
        again = reward + discount * torch.bmm(transition, expanded).squeeze(-1)
        rows[-1] = torch.where(q.isneginf(), q, again)
        _, values = backup(transition, discount, reward, values)
    return torch.stack(rows[::-1])


# What a policy does


@right("policy_value")
def value_of_a_policy(transition, initial, horizon, discount, reward, policy):
    rows = [torch.zeros_like(initial)]
    for pi in policy.flip(0):
        rows.append(((reward + discount * transition @ rows[-1]) * pi).sum(1))
    return torch.stack(rows[::-1])


@right("policy_value", policy_axes="sa")
def value_of_powers(transition, initial, horizon, discount, reward, policy):
    steps = torch.einsum("sa,sax->sx", policy, transition)
    paid = torch.einsum("sa,sa->s", policy, reward)
    rows = [torch.zeros_like(initial)]
    for _ in range(horizon):
        rows.append(torch.addmv(paid, steps, rows[-1], alpha=float(discount)))
    return torch.stack(rows).flip(0)


@right("occupancy", policy_axes="sa", in_single=False, horizons=(1, 2, 3), max_states=4)
def occupancy_of_one_system(transition, initial, horizon, discount, policy):
    n = len(initial)
    steps = discount * torch.einsum("sa,sax->sx", policy, transition)
    big = torch.eye(horizon * n, dtype=initial.dtype)
    for t in range(horizon - 1):
        big[(t + 1) * n : (t + 2) * n, t * n : (t + 1) * n] -= steps.T
    right_side = torch.cat([initial, torch.zeros((horizon - 1) * n, dtype=initial.dtype)])
    mu = torch.linalg.solve(big, right_side).view(horizon, n)
    return mu.sum(0)[:, None] * policy


@right("occupancy")
def occupancy_of_derivatives(transition, initial, horizon, discount, policy):
    reward = torch.zeros(transition.shape[:2], dtype=initial.dtype, requires_grad=True)
    values = torch.zeros_like(initial)
    for t in reversed(range(horizon)):
        values = torch.einsum("sa,sa->s", policy[t], reward + discount * transition @ values)
    return torch.autograd.grad(initial @ values, reward)[0]


@right("occupancy")
def occupancy_by_scattering(transition, initial, horizon, discount, policy):
    n_states, n_actions = transition.shape[:2]
    visits = torch.zeros(n_states * n_actions, dtype=initial.dtype)
    pairs = torch.arange(n_states * n_actions)
    mu = initial
    for t in range(horizon):
        joint = (mu[:, None] * policy[t]).flatten()
        visits = visits.scatter_add(0, pairs, discount**t * joint)
        mu = torch.zeros_like(mu).index_put(
            (torch.arange(n_states).repeat(n_states * n_actions),),
            (joint[:, None] * transition.flatten(0, 1)).flatten(),
            accumulate=True,
        )
    return visits.view(n_states, n_actions)


@right("occupancy", policy_axes="sa")
def occupancy_of_bins(transition, initial, horizon, discount, policy):
    n_states, n_actions = policy.shape
    s, a, x = torch.ones(n_states, n_actions, n_states).nonzero(as_tuple=True)
    visits, mu = torch.zeros(n_states * n_actions, dtype=initial.dtype), initial
    for t in range(horizon):
        visits += discount**t * (mu[:, None] * policy).flatten()
        mu = torch.bincount(x, weights=mu[s] * policy[s, a] * transition[s, a, x], minlength=n_states)
    return visits.view(n_states, n_actions)


@right("state_marginals")
def marginals_with_stays(transition, initial, horizon, discount, policy):
    _, terminal = masks(transition)
    rows = [initial]
    for pi in policy:
        moved = torch.einsum("s,sa,sax->x", rows[-1], pi, transition)
        rows.append(moved + torch.where(terminal, rows[-1], torch.zeros_like(initial)))
    return torch.stack(rows)


@right("state_marginals", policy_axes="sa")
def marginals_of_a_chain(transition, initial, horizon, discount, policy):
    _, terminal = masks(transition)
    chain = torch.einsum("sa,sax->sx", policy, transition) + torch.diag_embed(terminal.to(initial.dtype))
    return torch.stack([initial @ torch.linalg.matrix_power(chain, t) for t in range(horizon + 1)])


# Trajectories


@right("maxent.gradient", deterministic=True)
def paths_of_autograd(transition, initial, horizon, discount, reward, expert):
    reward = reward.clone().requires_grad_()
    _, terminal = masks(transition)
    rows = torch.zeros_like(initial)
    log_p = torch.where(transition > 0, transition, 1.0).log().masked_fill(transition <= 0, -torch.inf)
    for t in reversed(range(horizon)):
        exponents = log_p + (discount**t * reward)[:, :, None] + rows
        flat = exponents.flatten(1).masked_fill(terminal[:, None], 0)
        rows = torch.logsumexp(flat, 1).masked_fill(terminal, 0)
    starts = torch.where(initial > 0, initial, 1.0).log().masked_fill(initial <= 0, -torch.inf)
    log_z = torch.logsumexp(starts + rows, 0)
    return torch.autograd.grad((expert * reward).sum() - log_z, reward)[0]


# Energies


@right("ebm.log_partition")
def log_partition_shifted(energy):
    top = (-energy).max()
    return top + (-energy - top).exp().sum().log()


@right("ebm.log_partition")
def log_partition_accumulated(energy):
    return torch.logcumsumexp(-energy, 0)[-1]


@right("ebm.law")
def law_of_softmin(energy):
    return functional.softmin(energy, dim=0)


@right("ebm.law")
def law_of_derivatives(energy):
    return -torch.func.grad(lambda e: torch.logsumexp(-e, 0))(energy)


@right("ebm.log_likelihood")
def likelihood_of_cross_entropy(energy, data):
    return -functional.cross_entropy(-energy[None], data[None])


@right("ebm.gradient")
def gradient_of_cross_entropy(energy, data):
    energy = energy.clone().requires_grad_()
    (-functional.cross_entropy(-energy, data, reduction="sum")).backward()
    return energy.grad


@right("ebm.gradient")
def gradient_of_a_divergence(energy, data):
    energy = energy.clone().requires_grad_()
    loss = functional.kl_div(torch.log_softmax(-energy, 0), data, reduction="sum")
    return -torch.autograd.grad(loss, energy)[0]


@right("ebm.gradient")
def gradient_in_random_batches(energy, data):
    table = nn.Parameter(energy.clone())
    for batch in torch.randperm(len(energy)).split(2):
        (data[batch] @ table[batch]).backward()  # gradients add up
    loss = torch.logsumexp(-table, 0)
    loss.backward()
    assert f"{loss.item():.3f} {loss}"
    return -table.grad


@right("ebm.gradient")
def gradient_of_a_loader(energy, data):
    table = nn.Embedding(len(energy), 1, dtype=energy.dtype)
    table.weight.data.copy_(energy.unsqueeze(1))
    batches = TensorDataset(torch.arange(len(energy)), data)
    for outcomes, weights in DataLoader(batches, batch_size=3, shuffle=True):
        (weights * table(outcomes).squeeze(-1)).sum().backward()
    torch.logsumexp(-table.weight, dim=0).sum().backward()
    return -table.weight.grad.flatten()


@right("ebm.gradient")
def gradient_of_categories(energy, data):
    energy = energy.clone().requires_grad_()
    law = torch.distributions.Categorical(logits=-energy)
    outcomes = torch.arange(len(energy))
    return torch.autograd.grad(data @ law.log_prob(outcomes), energy)[0]


# Discriminators that know the sampler's density


def logit_of(energy, sampler, log_normalizer):
    """-E - log Z - log q, 0 where q = 0."""
    return torch.where(sampler > 0, -energy - log_normalizer - torch.where(sampler > 0, sampler, 1.0).log(), 0.0)


@right("gan.discriminator")
def discriminator_of_sigmoid(energy, sampler, log_normalizer):
    return torch.where(sampler > 0, torch.sigmoid(logit_of(energy, sampler, log_normalizer)), 1.0)


@right("gan.discriminator_loss")
def loss_of_binary_cross_entropy(energy, sampler, data, log_normalizer):
    logit = logit_of(energy, sampler, log_normalizer)
    ones, zeros = torch.ones_like(logit), torch.zeros_like(logit)
    on_data = functional.binary_cross_entropy_with_logits(logit, ones, reduction="none")
    on_samples = functional.binary_cross_entropy_with_logits(logit, zeros, reduction="none")
    on = sampler > 0
    return (data * on_data)[on].sum() + (sampler * on_samples)[on].sum()


def both_by_autograd(loss):
    """The gradients of a loss of (energy, log Z)."""

    def gradient(energy, sampler, data, log_normalizer):
        energy = energy.clone().requires_grad_()
        log_z = torch.as_tensor(log_normalizer, dtype=energy.dtype).clone().requires_grad_()
        return torch.autograd.grad(loss(energy, sampler, data, log_z), (energy, log_z))

    return gradient


@right("gan.discriminator_gradient")
def gradients_of_log_sigmoid(energy, sampler, data, log_normalizer):
    def loss(energy, sampler, data, log_z):
        logit = logit_of(energy, sampler, log_z)
        on = (sampler > 0).to(energy.dtype)
        return -(data * on * functional.logsigmoid(logit) + sampler * functional.logsigmoid(-logit)).sum()

    return both_by_autograd(loss)(energy, sampler, data, log_normalizer)


@right("gan.discriminator_gradient")
def gradients_of_labels(energy, sampler, data, log_normalizer):
    def loss(energy, sampler, data, log_z):
        on = sampler > 0
        logit = (-energy - log_z)[on] - sampler[on].log()
        criterion = nn.BCEWithLogitsLoss(weight=torch.cat([data[on], sampler[on]]), reduction="sum")
        labels = torch.cat([torch.ones_like(logit), torch.zeros_like(logit)])
        return criterion(torch.cat([logit, logit]), labels)

    return both_by_autograd(loss)(energy, sampler, data, log_normalizer)


class Discriminator(nn.Module):
    """An energy for each outcome, and log Z."""

    def __init__(self, n, dtype):
        super().__init__()
        self.energy = nn.Embedding(n, 1, dtype=dtype)
        self.log_normalizer = nn.Parameter(torch.zeros((), dtype=dtype))

    def forward(self, outcomes, log_density):
        return -self.energy(outcomes).squeeze(-1) - self.log_normalizer - log_density


@right("gan.discriminator_gradient", full_support=True)
def gradients_of_a_module(energy, sampler, data, log_normalizer):
    module = Discriminator(len(energy), energy.dtype)
    with torch.no_grad():
        module.energy.weight.copy_(energy[:, None])
        module.log_normalizer.fill_(log_normalizer)
    logit = module(torch.arange(len(energy)), sampler.log())
    loss = -(data @ functional.logsigmoid(logit)) - sampler @ functional.logsigmoid(-logit)
    loss.backward()
    return module.energy.weight.grad[:, 0], module.log_normalizer.grad


@right("gan.discriminator_gradient.energy", full_support=True, **SMALL)
def gradient_of_softplus(energy, sampler, data, log_normalizer):
    def loss(energy):
        logit = -energy - log_normalizer - sampler.log()
        beyond = functional.softplus(logit, threshold=1e3)  # at 20, where it is cut off, floats would show it
        return data @ (beyond - logit) + sampler @ beyond

    return torch.func.grad(loss)(energy)


@right("gan.discriminator_gradient.energy")
def gradient_by_hand(energy, sampler, data, log_normalizer):
    logit = logit_of(energy, sampler, log_normalizer)
    on = sampler > 0
    return torch.where(on, data * torch.sigmoid(-logit) - sampler * torch.sigmoid(logit), 0.0)


@right("gan.generator_loss")
def generator_in_place(energy, sampler, log_normalizer):
    inside = (energy + log_normalizer).mul_(sampler)
    return inside.sub_(torch.special.entr(sampler)).sum()


# Guided costs


def log_weights(energy, sampler, log_normalizer):
    """log of e^-E / (2 mu~)."""
    model = -energy - log_normalizer
    mixed = torch.where(sampler > 0, torch.logaddexp(model, sampler.clamp(min=1e-300).log()), model)
    return -energy - mixed


@right("gcl.loss", in_single=False)
def guided_loss(energy, sampler, data, log_normalizer):
    exists = data + sampler > 0
    terms = (data + sampler)[exists].log() + log_weights(energy, sampler, log_normalizer)[exists]
    return torch.dot(data, energy) + torch.logsumexp(terms, dim=0)


@right("gcl.gradient", in_single=False)
def guided_gradient_of_frozen_weights(energy, sampler, data, log_normalizer):
    frozen = log_weights(energy, sampler, log_normalizer) + energy
    energy = energy.clone().requires_grad_()
    log_mu = (data + sampler).log()  # -inf where nothing is
    loss = data @ energy + torch.logsumexp(log_mu + frozen.detach() - energy, 0)
    return torch.autograd.grad(loss, energy)[0]


@right("gcl.gradient", **SMALL, in_single=False)
def guided_gradient_of_densities(energy, sampler, data, log_normalizer):
    density = torch.exp(-energy - log_normalizer)
    weighted = (data + sampler) * density / (density + sampler)
    return data - weighted / weighted.sum()


@right("gcl.importance_weights", **SMALL)
def weights_of_pairs(energy, sampler, log_normalizer):
    model = (-energy - log_normalizer).exp()
    pairs = torch.stack([model, sampler], dim=1)
    return 2 * pairs[:, 0] / torch.cumsum(pairs, dim=1)[:, -1]
