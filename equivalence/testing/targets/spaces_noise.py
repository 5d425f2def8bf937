"""Targets on a finite space of outcomes: noise-contrastive estimation."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from equivalence.objectives import nce, nce_family
from equivalence.testing.targets.argument import FIXED
from equivalence.testing.targets.references import newton_step, rides_on_floats, values_of, where_defined
from equivalence.testing.targets.rows import members, row
from equivalence.testing.targets.spaces_arguments import identifying_features
from equivalence.testing.targets.target import Target
from mdps import scalars

CONVERGED = "iterate until the last digits stand still"
OUTCOMES = {"features": "nk"}
MODERATE = {"largest_energy": 10}  # beyond, e^-E / Z leaves the floats, and the model underflows as noise
BESIDE_LOGS = {"noise": FIXED, "data": FIXED, "noise_ratio": FIXED}


# Ways to write the same numbers down that lose digits where D is near 0 or 1.


def _nce_gradient_of_one_term(energy: Any, noise: Any, data: Any, log_normalizer: Any, noise_ratio: Any = 1) -> Any:
    d = nce.discriminator(energy, noise, log_normalizer, noise_ratio=noise_ratio)
    to_energy = data - (data + noise_ratio * noise) * d
    return nce.NoiseContrastiveGradient(to_energy, to_energy.sum())


def _nce_loss_from_discriminator(energy: Any, noise: Any, data: Any, log_normalizer: Any, noise_ratio: Any) -> Any:
    d = nce.discriminator(energy, noise, log_normalizer, noise_ratio=noise_ratio)
    present, zero = ~scalars.zero_mask(noise), scalars.constant(0, noise)
    real = scalars.over(present, lambda x, p: -p * scalars.log(x), d, data, otherwise=zero)
    fake = scalars.over(present, lambda x, q: -q * scalars.log(1 - x), d, noise, otherwise=zero)
    return real.sum() + noise_ratio * fake.sum()


def _nce_hessian_from_discriminator(
    energy: Any, noise: Any, data: Any, log_normalizer: Any, noise_ratio: Any, features: Any = None
) -> Any:
    other = 1 - nce.discriminator(energy, noise, log_normalizer, noise_ratio=noise_ratio)
    n = len(energy)
    one, zero = scalars.constant(1, data), scalars.constant(0, data)
    table = np.where(np.eye(n, dtype=bool), one, zero) if features is None else features
    rows = np.concatenate([table, np.full((n, 1), one, dtype=table.dtype)], axis=1)
    return rows.T @ (((data + noise_ratio * noise) * other * (1 - other))[:, None] * rows)


def _nce_family_optimum(features: Any, noise: Any, data: Any, noise_ratio: Any) -> tuple[np.ndarray, Any]:
    if not rides_on_floats(features, noise, data, noise_ratio):
        found = nce_family.optimum(features, noise, data, noise_ratio=noise_ratio)
        return found.theta, found.log_normalizer
    phi, q, p, nu = map(values_of, (features, noise, data, noise_ratio))
    found = nce_family.optimum(phi, q, p, noise_ratio=nu[()])
    theta, log_z = found.theta, found.log_normalizer
    energy = (features * theta).sum(axis=-1)
    to_energy, to_log_z = nce.gradient(energy, noise, data, log_z + 0 * noise_ratio, noise_ratio=noise_ratio)
    slope = np.array([*(to_energy[:, None] * features).sum(axis=0), to_log_z], dtype=object)
    hessian = nce.hessian(phi @ theta, q, p, log_z, noise_ratio=nu[()], features=phi)
    moved = newton_step(np.array([*theta, log_z]), slope, hessian)
    return moved[:-1], moved[-1]


def _nce() -> Iterator[Target]:
    space = "energy noise data log_normalizer noise_ratio"
    yield row(
        "nce.discriminator",
        "energy noise log_normalizer noise_ratio",
        "n",
        nce.discriminator,
        "D = p~ / (p~ + nu q), p~ = e^-E / Z; 1 where q = 0",
    )
    yield row(
        "nce.loss",
        space,
        "",
        nce.loss,
        "E_p[-log D] + nu E_q[-log(1 - D)], D = sigmoid(-E - log Z - log(nu q))",
        roads=(_nce_loss_from_discriminator,),
        roles=BESIDE_LOGS,
    )
    yield from members(
        "nce.gradient",
        space,
        (
            ("energy", "n", "dL/dE = p (1 - D) - nu q D, of a sum over outcomes and not of a mean"),
            ("log_normalizer", "", "dL/dlog Z = sum_x p (1 - D) - nu q D"),
        ),
        nce.gradient,
        "dL/dE = p (1 - D) - nu q D, a sum over outcomes and not a mean, and its sum dL/dlog Z",
        roads=(_nce_gradient_of_one_term,),
    )
    yield row(
        "nce.hessian",
        space,
        "NN",
        nce.hessian,
        "d2L of (E, log Z), [n + 1, n + 1]: sum (p + nu q) D (1 - D) X X', X = (1[x = k], 1)",
        roads=(_nce_hessian_from_discriminator,),
    )
    yield row(
        "nce.hessian.with_features",
        f"{space} features",
        "KK",
        nce.hessian,
        "d2L of (theta, log Z), [k + 1, k + 1]: sum (p + nu q) D (1 - D) X X', X = (F, 1), for E = F theta",
        roads=(_nce_hessian_from_discriminator,),
        axes=OUTCOMES,
    )
    yield row(
        "nce.optimal_energy",
        "data noise log_normalizer",
        "n",
        where_defined(nce.optimal_energy),
        "-log p - log Z, whatever noise and nu; 0 where p = q = 0",
    )
    yield row(
        "nce.optimal_loss",
        "data noise noise_ratio",
        "",
        nce.optimal_loss,
        "E_p[log((p + nu q) / p)] + nu E_q[log((p + nu q) / (nu q))]",
        roles=BESIDE_LOGS,
    )
    yield row(
        "nce.optimal_log_normalizer",
        "energy noise data noise_ratio",
        "",
        where_defined(nce.optimal_log_normalizer),
        f"the log Z that minimizes L, the root of sum over q > 0 of (p + nu q) D = p(q > 0); {CONVERGED}",
    )
    yield from members(
        "nce.limit_gradient",
        "energy data log_normalizer",
        (("energy", "n", "p - e^-E / Z: dL/dE as nu -> infinity"), ("log_normalizer", "", "1 - sum e^-E / Z")),
        where_defined(nce.limit_gradient),
        "p - e^-E / Z, and its sum: the gradient as nu -> infinity",
        kinds=MODERATE,
    )
    yield row(
        "nce.self_contrastive_gradient",
        "energy data noise_ratio",
        "n",
        nce.self_contrastive_gradient,
        "nu / (1 + nu) (p - p_theta): the noise is a frozen copy of the normalized model",
        kinds=MODERATE,
    )
    yield from members(
        "nce_family.optimum",
        "features noise data noise_ratio",
        (
            ("theta", "k", f"the theta of least loss, log Z being free; {CONVERGED}"),
            ("log_normalizer", "", f"the log Z of least loss, theta being free; {CONVERGED}"),
        ),
        where_defined(_nce_family_optimum),
        f"theta and log Z that minimize the loss, E = F theta; {CONVERGED}",
        axes=OUTCOMES,
        draws={"features": identifying_features},
        whole=("noise", "data"),
    )


NOISE = tuple(_nce())
