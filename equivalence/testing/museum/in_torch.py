"""Mistakes that torch invites: what is detached, reductions, gradients that add up, silent cut-offs, default dtypes,
shapes that broadcast, options of modules and optimizers that change a gradient.

`PIECES` stand apart from those of `equivalence.testing.museum`, which needs no torch.
"""

import torch
from torch import nn
from torch.nn import functional

from equivalence.testing.museum.piece import Piece, collector

PIECES: list[Piece] = []
wrong = collector(PIECES, framework="torch")
SMALL = {"largest_energy": 10, "full_support": True}


# Right ones: energies


def log_likelihood(energy, data):
    """E_p[-E] - log Z."""
    return data @ torch.log_softmax(-energy, dim=0)


def likelihood_gradient(energy, data):
    """d/dE of E_p[-E] - log Z."""
    energy = energy.clone().requires_grad_()
    log_likelihood(energy, data).backward()
    return energy.grad


def law_in_order(energy):
    """exp(-E) / Z, computed in another order and put back."""
    logits, order = torch.sort(-energy)
    return torch.zeros_like(energy).scatter(0, order, torch.softmax(logits, dim=0))


# Right ones: discriminators that know a density, and guided costs


def discriminator_loss(energy, sampler, data, log_normalizer):
    """E_p[-log D] + E_q[-log(1 - D)] of the logits l = -E - log Z - log q, where they exist."""
    sampled = sampler > 0
    logit = (-energy - log_normalizer)[sampled] - sampler[sampled].log()
    return -data[sampled] @ functional.logsigmoid(logit) - sampler[sampled] @ functional.logsigmoid(-logit)


def gradient_to_energy(energy, sampler, data, log_normalizer):
    """dL_D/dE."""
    energy = energy.clone().requires_grad_()
    return torch.autograd.grad(discriminator_loss(energy, sampler, data, log_normalizer), energy)[0]


def gradient_to_log_z(energy, sampler, data, log_normalizer):
    """dL_D/dlog Z."""
    log_z = torch.as_tensor(log_normalizer, dtype=energy.dtype).clone().requires_grad_()
    return torch.autograd.grad(discriminator_loss(energy, sampler, data, log_z), log_z)[0]


def log_mixture(energy, sampler, log_normalizer):
    """log(e^-E / Z + q)."""
    return torch.logaddexp(-energy - log_normalizer, sampler.log())


def guided_gradient(energy, sampler, data, log_normalizer):
    """The gradient to E of E_p[E] + log E_mu[e^-E / mu~] with frozen mu~."""
    energy = energy.clone().requires_grad_()
    frozen = log_mixture(energy, sampler, log_normalizer).detach()
    loss = data @ energy + torch.logsumexp((data + sampler).log() - energy - frozen, dim=0)
    return torch.autograd.grad(loss, energy)[0]


# Right ones: control


def masks(transition):
    """Which actions are available [s, a], and which states are terminal [s]."""
    available = transition.sum(dim=-1) > 0
    return available, ~available.any(dim=-1)


def backup(transition, discount, reward, values):
    """Q and V of one step; rows of terminal states are made safe before the maximum is taken."""
    available, terminal = masks(transition)
    q = (reward + discount * transition @ values).masked_fill(~available, -torch.inf)
    q = q.masked_fill(terminal[:, None], 0)
    return q, torch.logsumexp(q, dim=1).masked_fill(terminal, 0)


def value_of_starts(transition, initial, horizon, discount, reward):
    """rho V_0."""
    values = torch.zeros_like(initial)
    for _ in range(horizon):
        _, values = backup(transition, discount, reward, values)
    return initial @ values


def causal_gradient(transition, initial, horizon, discount, reward, expert):
    """d/dr of <expert, r> - rho V_0."""
    reward = reward.clone().requires_grad_()
    starts = value_of_starts(transition, initial, horizon, discount, reward)
    return torch.autograd.grad((expert * reward).sum() - starts, reward)[0]


def soft_values(transition, initial, horizon, discount, reward):
    """V [t, s], T+1 rows."""
    rows = [torch.zeros_like(initial)]
    for _ in range(horizon):
        rows.append(backup(transition, discount, reward, rows[-1])[1])
    return torch.stack(rows[::-1])


def soft_policies(transition, initial, horizon, discount, reward):
    """Policies [t, s, a]."""
    available, _ = masks(transition)
    values, found = torch.zeros_like(initial), []
    for _ in range(horizon):
        q, values = backup(transition, discount, reward, values)
        found.append(torch.softmax(q, dim=1) * available)
    return torch.stack(found[::-1])


def occupancy(transition, initial, horizon, discount, policy):
    """Discounted visits [s, a] of a policy [s, a]."""
    visits, mu = torch.zeros_like(policy), initial
    for t in range(horizon):
        visits += discount**t * mu[:, None] * policy
        mu = torch.einsum("s,sa,sax->x", mu, policy, transition)
    return visits


def counts(transition, initial, horizon, discount, states, actions):
    """Mean discounted counts [s, a] over demonstrations; -1 stands past the end of one."""
    n, steps = actions.shape
    on = actions >= 0
    weights = (discount ** torch.arange(steps, dtype=initial.dtype)).expand(n, -1)
    visits = torch.zeros(transition.shape[:2], dtype=initial.dtype)
    return visits.index_put((states[:, :-1][on], actions[on]), weights[on] / n, accumulate=True)


# Right ones: adversarial imitation


class Discriminator(nn.Module):
    """AIRL's: a table f whose logit is f - log pi."""

    def __init__(self, f):
        super().__init__()
        self.f = nn.Parameter(f.clone())

    def forward(self, log_pi):
        """The logit of being the expert's."""
        return self.f - log_pi


def cross_entropies(logit, expert, visits, chosen):
    """sum rho_E (-log D) + rho (-log(1 - D)) over what the policy does."""
    ones, zeros = torch.ones_like(logit), torch.zeros_like(logit)
    of_expert = functional.binary_cross_entropy_with_logits(logit, ones, weight=expert * chosen, reduction="sum")
    of_policy = functional.binary_cross_entropy_with_logits(logit, zeros, weight=visits * chosen, reduction="sum")
    return of_expert + of_policy


def airl_gradient(transition, initial, horizon, discount, f, policy, expert):
    """dL_D/df of the discriminator."""
    visits = occupancy(transition, initial, horizon, discount, policy)
    chosen = policy > 0
    module = Discriminator(f)
    logit = module(torch.where(chosen, policy, 1).log())
    cross_entropies(logit, expert, visits, chosen).backward()
    return module.f.grad


def gail_reward(transition, initial, horizon, discount, logit):
    """-log(1 - D)."""
    return (-functional.logsigmoid(-logit)).masked_fill(~masks(transition)[0], 0)


# Energies


@wrong("ebm.gradient", likelihood_gradient, "softmax twice")
def cross_entropy_of_probabilities(energy, data):
    """Probabilities are given to cross_entropy, which expects logits and takes their softmax again."""
    energy = energy.clone().requires_grad_()
    return -torch.autograd.grad(functional.cross_entropy(torch.softmax(-energy, dim=0), data), energy)[0]


@wrong("ebm.gradient", likelihood_gradient, "divergence the other way", full_support=True, largest_energy=100)
def divergence_the_other_way(energy, data):
    """The arguments of kl_div are exchanged: KL(model || data) is descended, for which the gradient is another."""
    energy = energy.clone().requires_grad_()
    loss = functional.kl_div(data.log(), torch.softmax(-energy, dim=0), reduction="sum")
    return -torch.autograd.grad(loss, energy)[0]


@wrong("ebm.gradient", likelihood_gradient, "mean over outcomes")
def batchmean_without_a_batch(energy, data):
    """reduction='batchmean' divides by the first axis, which is that of the outcomes here."""
    energy = energy.clone().requires_grad_()
    loss = functional.kl_div(torch.log_softmax(-energy, dim=0), data, reduction="batchmean")
    return -torch.autograd.grad(loss, energy)[0]


@wrong("ebm.gradient", likelihood_gradient, "unknown")
def graph_cut_by_a_new_tensor(energy, data):
    """torch.tensor of a list of numbers knows nothing of where they come from: log Z has no gradient."""
    energy = energy.clone().requires_grad_()
    logits = torch.tensor([-x.item() for x in energy], dtype=energy.dtype)
    return torch.autograd.grad(-data @ energy - torch.logsumexp(logits, dim=0), energy)[0]


@wrong("ebm.gradient", likelihood_gradient, "unknown", largest_energy=100)
def weight_decay_in_the_step(energy, data):
    """The optimizer has weight_decay=0.01: its step is the gradient and a hundredth of the parameters."""
    table = nn.Parameter(energy.clone())
    optimizer = torch.optim.SGD([table], lr=1.0, weight_decay=0.01)
    (-log_likelihood(table, data)).backward()
    optimizer.step()
    return table.detach() - energy


@wrong("ebm.log_likelihood", log_likelihood, "log(model + 1e-8)")
def logarithm_of_a_little_more(energy, data):
    """1e-8 is added within the logarithm so that it is finite: small probabilities are worth too much."""
    return data @ (torch.softmax(-energy, dim=0) + 1e-8).log()


@wrong("ebm.law", law_in_order, "unknown")
def put_back_by_gather(energy):
    """What was sorted is put back by gather: that permutes by the order once more, which undoes swaps alone."""
    logits, order = torch.sort(-energy)
    return torch.softmax(logits, dim=0).gather(0, order)


@wrong("ebm.law", law_in_order, "unknown")
def shifted_in_place(energy):
    """The minimum is subtracted in place, from the tensor of the caller."""
    energy -= energy.min().clone()
    return torch.softmax(-energy, dim=0)


# Discriminators that know a density, and guided costs


@wrong("gan.discriminator_loss", discriminator_loss, "softplus cut off", full_support=True, largest_energy=30)
def softplus_cut_off(energy, sampler, data, log_normalizer):
    """torch's softplus is the identity above 20, where it is off by 2e-9."""
    logit = -energy - log_normalizer - sampler.log()
    return data @ functional.softplus(-logit) + sampler @ functional.softplus(logit)


@wrong("gan.discriminator_loss", discriminator_loss, "unknown", full_support=True)
def sigmoid_before_cross_entropy(energy, sampler, data, log_normalizer):
    """binary_cross_entropy of sigmoid(l) in place of that with logits: 1 - D is rounded, logarithms end at -100."""
    d = torch.sigmoid(-energy - log_normalizer - sampler.log())
    on_data = functional.binary_cross_entropy(d, torch.ones_like(d), weight=data, reduction="sum")
    return on_data + functional.binary_cross_entropy(d, torch.zeros_like(d), weight=sampler, reduction="sum")


@wrong("gan.discriminator_gradient.energy", gradient_to_energy, "term of the data alone", **SMALL)
def samples_detached(energy, sampler, data, log_normalizer):
    """The logits of samples are detached, as those of a frozen sampler's outputs would be: they do not train."""
    energy = energy.clone().requires_grad_()
    logit = -energy - log_normalizer - sampler.log()
    loss = -data @ functional.logsigmoid(logit) - sampler @ functional.logsigmoid(-logit.detach())
    return torch.autograd.grad(loss, energy)[0]


@wrong("gan.discriminator_gradient.energy", gradient_to_energy, "half + mean over outcomes", **SMALL)
def mean_over_one_batch(energy, sampler, data, log_normalizer):
    """Data and samples in one batch of 2 n with weights, reduction='mean': divided by 2 n."""
    energy = energy.clone().requires_grad_()
    logit = -energy - log_normalizer - sampler.log()
    labels = torch.cat([torch.ones_like(logit), torch.zeros_like(logit)])
    criterion = nn.BCEWithLogitsLoss(weight=torch.cat([data, sampler]))
    criterion(torch.cat([logit, logit]), labels).backward()
    return energy.grad


@wrong("gan.discriminator_gradient.energy", gradient_to_energy, "unknown", **SMALL)
def column_minus_row(energy, sampler, data, log_normalizer):
    """A layer returns [n, 1], from which log q of shape [n] is subtracted: [n, n], each energy with each density."""
    layer = nn.Embedding(len(energy), 1, dtype=energy.dtype)
    with torch.no_grad():
        layer.weight.copy_(energy[:, None])
    logit = -layer(torch.arange(len(energy))) - log_normalizer - sampler.log()
    loss = -(data * functional.logsigmoid(logit)).sum() - (sampler * functional.logsigmoid(-logit)).sum()
    return torch.autograd.grad(loss, layer.weight)[0][:, 0]


@wrong("gan.discriminator_gradient.energy", gradient_to_energy, "unknown", **SMALL)
def outcome_zero_is_padding(energy, sampler, data, log_normalizer):
    """padding_idx=0 of an embedding, kept from a model of text: outcome 0 has no gradient."""
    layer = nn.Embedding(len(energy), 1, padding_idx=0, dtype=energy.dtype)
    with torch.no_grad():
        layer.weight.copy_(energy[:, None])
    table = layer(torch.arange(len(energy)))[:, 0]
    loss = discriminator_loss(table, sampler, data, log_normalizer)
    return torch.autograd.grad(loss, layer.weight)[0][:, 0]


@wrong("gan.discriminator_gradient.log_normalizer", gradient_to_log_z, "mean over outcomes", **SMALL)
def log_z_and_its_energy_in_one(energy, sampler, data, log_normalizer):
    """log Z is broadcast to the outcomes before it is a leaf, and the mean of its gradient is returned."""
    log_z = torch.full_like(energy, log_normalizer).requires_grad_()
    return torch.autograd.grad(discriminator_loss(energy, sampler, data, log_z), log_z)[0].mean()


@wrong("gcl.gradient", guided_gradient, "weights differentiated through", 22, **SMALL)
def weights_not_detached(energy, sampler, data, log_normalizer):
    """detach() is forgotten, and the importance weights are differentiated through."""
    energy = energy.clone().requires_grad_()
    mixture = log_mixture(energy, sampler, log_normalizer)
    loss = data @ energy + torch.logsumexp((data + sampler).log() - energy - mixture, dim=0)
    return torch.autograd.grad(loss, energy)[0]


# Control


@wrong("causal.gradient", causal_gradient, "first step alone")
def values_detached(transition, initial, horizon, discount, reward, expert):
    """The next values are detached, as targets of Q-learning are: later steps do not count."""
    reward = reward.clone().requires_grad_()
    values = torch.zeros_like(initial)
    for _ in range(horizon):
        _, values = backup(transition, discount, reward, values.detach())
    return torch.autograd.grad((expert * reward).sum() - initial @ values, reward)[0]


@wrong("causal.gradient", causal_gradient, "twice")
def gradients_add_up(transition, initial, horizon, discount, reward, expert):
    """backward() is called for each of two epochs without zero_grad(): gradients add up."""
    table = nn.Parameter(reward.clone())
    for _ in range(2):
        likelihood = (expert * table).sum() - value_of_starts(transition, initial, horizon, discount, table)
        likelihood.backward()
    return table.grad


@wrong("causal.gradient", causal_gradient, "unknown", terminal=True)
def infinite_rows_behind_where(transition, initial, horizon, discount, reward, expert):
    """Values of terminal states are replaced after the logarithm of their sums, which are 0: 0 times nan remains."""
    reward = reward.clone().requires_grad_()
    available, terminal = masks(transition)
    values = torch.zeros_like(initial)
    for _ in range(horizon):
        q = torch.where(available, reward + discount * transition @ values, -torch.inf)
        values = torch.where(terminal, 0.0, torch.log(torch.exp(q).sum(dim=1)))
    return torch.autograd.grad((expert * reward).sum() - initial @ values, reward)[0]


@wrong("soft_solution.policy", soft_policies, "unknown")
def softmax_over_states(transition, initial, horizon, discount, reward):
    """softmax(dim=0): over the batch of states, not over actions."""
    available, _ = masks(transition)
    values, found = torch.zeros_like(initial), []
    for _ in range(horizon):
        q, values = backup(transition, discount, reward, values)
        found.append(torch.softmax(q, dim=0) * available)
    return torch.stack(found[::-1])


@wrong("soft_solution.policy", soft_policies, "unknown", unavailable=True)
def mask_times_logits(transition, initial, horizon, discount, reward):
    """Logits are multiplied by the mask: unavailable actions have the logit 0, and a share of the softmax."""
    available, _ = masks(transition)
    values, found = torch.zeros_like(initial), []
    for _ in range(horizon):
        q = reward + discount * transition @ values
        _, values = backup(transition, discount, reward, values)
        found.append(torch.softmax(q * available, dim=1) * available)
    return torch.stack(found[::-1])


@wrong("soft_solution.v", soft_values, "unknown", unavailable=True)
def rewards_masked_in_place(transition, initial, horizon, discount, reward):
    """masked_fill_ writes into the rewards of the caller."""
    reward.masked_fill_(~masks(transition)[0], 0)
    return soft_values(transition, initial, horizon, discount, reward)


@wrong("causal.gradient", causal_gradient, "single precision")
def zeros_of_single_precision(transition, initial, horizon, discount, reward, expert):
    """torch.zeros has the dtype float32 by default, += keeps it, and the difference does not show it."""
    visits, mu = torch.zeros(reward.shape), initial
    for t, pi in enumerate(soft_policies(transition, initial, horizon, discount, reward)):
        visits += discount**t * mu[:, None] * pi
        mu = torch.einsum("s,sa,sax->x", mu, pi, transition)
    return expert - visits


@wrong("occupancy", occupancy, "unknown", policy_axes="sa")
def view_for_transposed(transition, initial, horizon, discount, policy):
    """Pairs are numbered a S + s and read by view(S, A): a reshape does not transpose."""
    visits = occupancy(transition, initial, horizon, discount, policy)
    return visits.t().flatten().view(policy.shape)


@wrong("demonstrations.occupancy", counts, "unknown")
def repeated_places_overwritten(transition, initial, horizon, discount, states, actions):
    """visits[s, a] += w adds once to a place that is named twice: of several visits the last one counts."""
    n, steps = actions.shape
    on = actions >= 0
    weights = (discount ** torch.arange(steps, dtype=initial.dtype)).expand(n, -1)
    visits = torch.zeros(transition.shape[:2], dtype=initial.dtype)
    visits[states[:, :-1][on], actions[on]] += weights[on] / n
    return visits


# Adversarial imitation


@wrong("airl.discriminator_gradient", airl_gradient, "unknown")
def probabilities_as_logits(transition, initial, horizon, discount, f, policy, expert):
    """Categorical(logits=policy) of probabilities: log pi is that of a softmax of them."""
    visits = occupancy(transition, initial, horizon, discount, policy)
    chosen = policy > 0
    module = Discriminator(f)
    law = torch.distributions.Categorical(logits=policy)
    cross_entropies(module(law.logits), expert, visits, chosen).backward()
    return module.f.grad


@wrong("airl.discriminator_gradient", airl_gradient, "log pi missing")
def log_pi_forgotten(transition, initial, horizon, discount, f, policy, expert):
    """The logit is f: a GAIL discriminator under the name of AIRL, whose f is off by log pi."""
    visits = occupancy(transition, initial, horizon, discount, policy)
    module = Discriminator(f)
    cross_entropies(module(torch.zeros_like(policy)), expert, visits, policy > 0).backward()
    return module.f.grad


@wrong("airl.discriminator_gradient", airl_gradient, "labels swapped")
def labels_swapped(transition, initial, horizon, discount, f, policy, expert):
    """The expert is labelled 0 and the policy 1, as in GAIL's paper, and f is still paid to the policy."""
    visits = occupancy(transition, initial, horizon, discount, policy)
    chosen = policy > 0
    module = Discriminator(f)
    logit = module(torch.where(chosen, policy, 1).log())
    cross_entropies(logit, visits, expert, chosen).backward()
    return module.f.grad


@wrong("gail.policy_reward.gail", gail_reward, "labels swapped")
def sign_within_logsigmoid(transition, initial, horizon, discount, logit):
    """-logsigmoid(l) is -log D, the reward of a discriminator whose labels are the other way."""
    return (-functional.logsigmoid(logit)).masked_fill(~masks(transition)[0], 0)
