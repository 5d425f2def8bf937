"""Tables of visits by enumeration, for tests of objectives that compare an expert with a policy.

A table is over (s, a) or (t, s, a), or with s' behind: a dictionary of its entries that are visited, each weighted by
gamma^t. Without a horizon visits are the solution of a linear system in rational numbers.
"""

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

import numpy as np
from flint import fmpq, fmpq_mat

from enumeration import paths, probability
from instances import KINDS
from mdps import marginals, trajectories
from mdps.random_models import EXPERTS, random_distribution, random_expert, random_model, random_policy

FORMS = ("sa", "tsa", "sas", "tsas")


def weighted_visits(model, walked, law, form):
    """sum_tau p(tau) gamma^t of each entry (s, a), (t, s, a), (s, a, s') or (t, s, a, s')."""
    table = defaultdict(int)
    for p, path in zip(law, walked, strict=True):
        for t, action in enumerate(path.actions):
            index = (path.states[t], action, path.states[t + 1])[: 3 if form.endswith("sas") else 2]
            index = (t, *index) if form.startswith("t") else index
            table[index] = table[index] + model.gamma**t * p
    return table


def visits_of_policy(model, policy, form):
    """Of a policy as nested lists [s][a], or [t][s][a] in a form with t."""
    walked = paths(model)
    steps = policy if form.startswith("t") else [policy] * model.horizon
    return weighted_visits(model, walked, [probability(path, steps) for path in walked], form)


def shape_of_form(mdp, form):
    length = {"t": mdp.horizon, "s": mdp.n_states, "a": mdp.n_actions}
    return tuple(length[axis] for axis in form)


def drawn_expert(rng, mdp, form, number):
    """An expert as it is given: an occupancy, or marginals in a form with t; often of no policy at all."""
    axes = form.removeprefix("t")
    if not form.startswith("t"):
        return random_expert(rng, mdp, axes=axes, kind=EXPERTS[number % 4])
    if axes == "sa" and number % 2:
        return marginals(mdp, random_policy(rng, mdp, steps=True, full_support=bool(rng.integers(2))))
    found = trajectories(mdp)
    return found.marginals(random_distribution(rng, len(found)), axes=axes)


def weighted_expert(mdp, expert, form):
    """{index: gamma^t expert} of an exact expert as it is given, without the zeros."""
    table = {}
    for index in np.ndindex(expert.shape):
        weight = mdp.discount ** index[0] if form.startswith("t") else 1
        if expert[index] != 0:
            table[index] = fmpq(1) * weight * expert[index]
    return table


def policy_like(rng, mdp, form, *, full_support=True):
    return random_policy(rng, mdp, steps=form.startswith("t"), full_support=full_support)


# Without end ------------------------------------------------------------------------------------------------------


def endless_models():
    """216 models that are discounted and have no horizon, of every kind, each with its own generator."""
    for kind, (deterministic, single_start, terminal, unavailable) in enumerate(KINDS.values()):
        for draw in range(14):
            rng = np.random.default_rng([29, kind, draw])
            n_states, n_actions = ((1, 2), (2, 2), (3, 2), (2, 3), (3, 3))[draw % 5]
            mdp = random_model(
                rng,
                max(n_states, 2) if terminal else n_states,
                n_actions,
                1,
                deterministic=deterministic,
                single_start=single_start,
                terminal=terminal,
                unavailable=unavailable,
                discount=(Fraction(1, 2), Fraction(9, 10), Fraction(99, 100))[draw % 3],
                final_value=draw % 2 == 1,
            )
            yield replace(mdp, horizon=None), rng


def endless_occupancy(mdp, policy):
    """rho(s, a) = d(s) pi(a | s), d = rho_0 + gamma P_pi' d over states that are not terminal, in rational numbers."""
    alive = [s for s in range(mdp.n_states) if not mdp.terminal[s]]
    n = len(alive)
    system, start = fmpq_mat(n, n), fmpq_mat(n, 1)
    for i, s in enumerate(alive):
        start[i, 0] = mdp.initial[s]
        for j, x in enumerate(alive):
            move = sum((policy[x, a] * mdp.transition[x, a, s] for a in range(mdp.n_actions)), fmpq(0))
            system[i, j] = fmpq(int(i == j)) - fmpq(1) * mdp.discount * move
    d = system.solve(start)
    rho = np.full(mdp.available.shape, fmpq(0), dtype=object)
    for i, s in enumerate(alive):
        rho[s] = d[i, 0] * policy[s]
    return rho


def endless_expert(rng, mdp, number):
    """An occupancy of a policy, or (where nothing is terminal) any table of the right mass."""
    if number % 2 or mdp.terminal.any():
        return endless_occupancy(mdp, random_policy(rng, mdp, full_support=bool(rng.integers(2))))
    table = np.full(mdp.available.shape, fmpq(0), dtype=object)
    table[mdp.available] = random_distribution(rng, int(mdp.available.sum())) / (fmpq(1) * (1 - mdp.discount))
    return table
