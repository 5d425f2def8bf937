"""Changes of dynamics: the same states, start, horizon and discount, under another transition.

A reward that is learned under one P is put to the test under another:

    other transition       P'
    permuted actions       P'(s' | s, a) = P(s' | s, sigma_s(a))              the buttons are wired differently
    disabled actions       P'(. | s, a)  = 0                                  some of them are out of order
    slippery               P'(s' | s, a) = (1 - e) P(s' | s, a) + e mean_b P(s' | s, b)

where the mean is over the actions b that are available in s. A permutation changes names alone: the optimal policy is
that of the old names, if the reward [s, a] is permuted along with it or is one of states. Under the others a reward of
states keeps its meaning; one of (s, a) that is shaped for P need not, since its potential is gone (`mdps.shaping`).
Source: fu2018; gleave2022.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse

from mdps import scalars
from mdps.arguments import numbers
from mdps.errors import InvalidArgument, OutOfReach
from mdps.kernels import Sparse
from mdps.model import MDP


def with_transition(mdp: MDP, transition: Any) -> MDP:
    """The model with another transition [..., s, a, s'] over the same states, in its arithmetic.

    There may be more or fewer actions than before. A sparse matrix (S A, S) with rows s A + a makes a sparse model.

    Errors: `InvalidArgument` for another number of states or another batch; `InvalidModel` for rows that are none.
    """
    if scipy.sparse.issparse(transition):
        table, n_states, batch = transition, transition.shape[-1], ()
    else:
        table = numbers("transition", transition, mdp.level)
        n_states, batch = table.shape[-1:], table.shape[:-3]
        n_states = n_states[0] if n_states else 0
    if n_states != mdp.n_states or batch != mdp.batch_shape:
        expected = f"{(*mdp.batch_shape, mdp.n_states, 'A', mdp.n_states)}".replace("'", "")
        raise InvalidArgument(f"transition has shape {np.shape(transition)}; expected {expected}: the same states")
    return replaced(mdp, transition=table)


def permuted_actions(mdp: MDP, permutation: Any) -> MDP:
    """The model in which action a does in s what action permutation[s, a] did.

    permutation  [a], or [s, a] for one of its own in each state: each row holds every action once. A stack has the
                 same for all its models.

    >>> from mdps import gallery
    >>> mdp, _ = gallery.fork()
    >>> [int(s) for s in permuted_actions(mdp, [1, 0]).transition[0].argmax(axis=-1)]  # next states of 0
    [2, 1]
    """
    rows = _dense(mdp)
    sigma = np.asarray(permutation)
    shape = (mdp.n_states, mdp.n_actions)
    every = np.arange(mdp.n_actions)
    if sigma.shape not in (shape, shape[1:]) or not (np.sort(sigma, axis=-1) == every).all():
        raise InvalidArgument(
            f"permutation is {permutation!r}; expected each of the actions 0 ... {mdp.n_actions - 1} once, "
            f"in an array of shape {shape[1:]} or {shape}"
        )
    sigma = np.broadcast_to(sigma, shape).astype(int)
    return replaced(mdp, transition=rows[..., np.arange(mdp.n_states)[:, None], sigma, :])


def disabled_actions(mdp: MDP, disabled: Any, *, may_end: bool = False) -> MDP:
    """The model without some actions: their rows are zero.

    disabled  [s, a] (or [..., s, a] for a stack), truth values.
    may_end   whether a state may lose all its actions and so become terminal, which changes the lengths of
              trajectories; by default that is an error.
    """
    mask = np.asarray(disabled)
    if mask.dtype != bool or mask.shape not in (mdp.available.shape, mdp.available.shape[-2:]):
        raise InvalidArgument(
            f"disabled has dtype {mask.dtype} and shape {mask.shape}; "
            f"expected truth values of shape {mdp.available.shape}"
        )
    left = (mdp.available & ~mask).any(axis=-1)
    if not may_end and (mdp.terminal | left).sum() < left.size:
        at = np.argwhere(~(mdp.terminal | left))[0].tolist()
        raise InvalidArgument(
            f"state {at[0] if len(at) == 1 else at} is left without an action, so it would end the episode; "
            "keep an action there, or say may_end=True"
        )
    if isinstance(mdp.kernel, Sparse):
        keep = scipy.sparse.diags_array((~mask).astype(float).ravel())
        return replaced(mdp, transition=keep @ mdp.transition)
    rows = mdp.transition
    return replaced(mdp, transition=np.where(mask[..., None], scalars.constant(0, rows), rows))


def slippery(mdp: MDP, slip: Any) -> MDP:
    """The model in which an action slips: with probability `slip` another one, uniform over the available, acts.

    slip  a number e in [0, 1], in the arithmetic of the model. The action itself is among those it may slip to.

    What is available stays so. Floats: a row that rounding puts beyond 2 n u of 1 is divided by its sum, and `changes`
    says so.
    """
    rows = _dense(mdp)
    e = numbers("slip", slip, mdp.level)
    if e.shape != () or (mdp.level not in ("symbolic", "field") and not (e >= 0 and e <= 1)):
        raise InvalidArgument(f"slip is {slip!r}; expected one probability, between 0 and 1")
    e = e[()]
    number = mdp.available.sum(axis=-1)[..., None, None]
    count = scalars.convert(np.maximum(number, 1), mdp.level)
    mean = rows.sum(axis=-2, keepdims=True) / count
    mixed = np.where(mdp.available[..., None], (1 - e) * rows + e * mean, scalars.constant(0, rows))
    if mdp.level == "float":
        reached = ((rows > 0) & (e < 1)) | ((mean > 0) & (e > 0))
        if (lost := mdp.available[..., None] & reached & (mixed == 0)).any():
            at = np.argwhere(lost)[0].tolist()
            raise OutOfReach(f"transition{at} is positive and too small for a float; take mdp.to('exact')")
    return derived(mdp, mixed, mdp.initial, mdp.final_value)


def _dense(mdp: MDP) -> np.ndarray:
    if isinstance(mdp.kernel, Sparse):
        raise OutOfReach("a sparse model keeps its rows as they are stored; give with_transition the changed matrix")
    return mdp.transition


def replaced(mdp: MDP, **fields: Any) -> MDP:
    """The model with other fields, in the same arithmetic: sympy's rationals alone would be taken for exact numbers."""
    return replace(mdp, **fields).to(mdp.level)


def derived(mdp: MDP, transition: Any, initial: Any, final_value: Any) -> MDP:
    """A model of rows that were computed: rounded ones that are off by more than a model may be are divided.

    `changes` says which. What is exact is left as it is.
    """
    if mdp.level != "float":
        return replaced(mdp, transition=transition, initial=initial, final_value=final_value)
    model = MDP.normalized(
        transition, initial, horizon=mdp.horizon, discount=mdp.discount, final_value=final_value, empty="unavailable"
    )
    said = tuple(line for line in model.changes if "divided" in line)  # not the actions that were unavailable before
    return replace(model, changes=(*mdp.changes, *said))
