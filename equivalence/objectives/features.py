"""Linear rewards r = sum_k theta_k phi_k, for second derivatives.

features  phi [s, k], [s, a, k] or [s, a, s', k]; theta [k].
"""

from typing import Any

import numpy as np

from mdps import MDP, InvalidArgument
from mdps.arguments import numbers, reward_axes


def linear_reward(mdp: MDP, features: Any, theta: Any) -> tuple[np.ndarray, np.ndarray]:
    """The features as an array in the model's arithmetic, and the reward phi theta.

    Errors: `InvalidArgument` for shapes that do not fit each other or the model.
    """
    phi, theta = numbers("features", features, mdp.level), numbers("theta", theta, mdp.level)
    if theta.ndim != 1 or phi.shape[-1:] != theta.shape:
        raise InvalidArgument(f"features {phi.shape} and theta {theta.shape}; expected [..., k] and [k]")
    if mdp.batch_shape:
        raise InvalidArgument(f"the model is a stack of shape {mdp.batch_shape}; Hessians are of one model at a time")
    reward_axes(mdp, phi[..., 0], "features[..., k]")
    return phi, (phi * theta).sum(axis=-1)


def weighted_outer(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    """sum over all leading entries of weight x x', [k, k], for x [..., k]."""
    rows = x.reshape(-1, x.shape[-1])
    return rows.T @ (weight.reshape(-1, 1) * rows)
