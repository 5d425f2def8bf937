"""Targets on a finite space of outcomes: models that are energies, and how they are fitted.

ebm and exponential_family with base measures and features, contrastive divergence and
its kernels, pseudo-likelihood on product spaces, minimum probability flow.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from equivalence.objectives import (
    contrastive,
    ebm,
    exponential_family,
    markov_chains,
    probability_flow,
    pseudo_likelihood,
)
from equivalence.objectives.tables import indicators
from equivalence.testing.targets.argument import FIXED, HALVED
from equivalence.testing.targets.references import (
    newton_step,
    rides_on_floats,
    values_of,
    where_defined,
    whole_number,
    whole_numbers,
)
from equivalence.testing.targets.rows import row, with_form
from equivalence.testing.targets.spaces_arguments import identifying_features
from equivalence.testing.targets.target import Target

CONVERGED = "iterate until the last digits stand still"
OUTCOMES = {"features": "nk"}
MODERATE = {"largest_energy": 10}  # beyond, exponentials that nothing normalizes leave the floats
BESIDE_LOGS = {"noise": FIXED, "data": FIXED, "noise_ratio": FIXED, "sampler": FIXED}


def _covariance_from_moments(energy: Any, features: Any) -> Any:
    """E[F] E[F]' - E[F F'], which cancels where one outcome has nearly all of the mass."""
    law = ebm.law(energy)
    mean = (law[:, None] * features).sum(axis=0)
    return mean[:, None] * mean - (features[:, :, None] * features[:, None, :] * law[:, None, None]).sum(axis=0)


def _covariance_of_a_table(energy: Any) -> Any:
    return _covariance_from_moments(energy, indicators(energy))


def _ebm() -> Iterator[Target]:
    base = "densities relative to a measure b that need not sum to 1"
    yield row("ebm.log_partition.with_base", "energy base", "", ebm.log_partition, f"log sum b exp(-E); {base}")
    yield row("ebm.law.with_base", "energy base", "n", ebm.law, f"b exp(-E) / sum b exp(-E); {base}")
    yield row(
        "ebm.log_likelihood.with_base",
        "energy data base",
        "",
        where_defined(ebm.log_likelihood),
        f"E_p[-E] - log sum b exp(-E); {base}",
        roles=BESIDE_LOGS,
    )
    yield row(
        "ebm.gradient.with_base",
        "energy data base",
        "n",
        where_defined(ebm.gradient),
        f"d log-likelihood / dE = b exp(-E) / Z - p; {base}",
    )
    yield row(
        "ebm.hessian",
        "energy",
        "nn",
        ebm.hessian,
        "d2LL/dE2 = p_theta p_theta' - diag p_theta",
        roads=(_covariance_of_a_table,),
    )
    yield row(
        "ebm.hessian.with_features",
        "energy features",
        "kk",
        ebm.hessian,
        "d2LL/dtheta2 = -Cov(F) under exp(-E) / Z, for E = F theta",
        roads=(_covariance_from_moments,),
        axes=OUTCOMES,
    )
    yield row(
        "ebm.optimal_energy",
        "data",
        "n",
        where_defined(ebm.optimal_energy),
        "-log p, the table of largest likelihood whose log Z is 0",
        whole=("data",),
    )
    yield row(
        "ebm.optimal_energy.with_base",
        "data base",
        "n",
        where_defined(ebm.optimal_energy),
        "log b - log p, the table of largest likelihood whose log Z is 0; 0 where b = 0",
        whole=("data",),
    )


def _family_optimum(features: Any, data: Any) -> np.ndarray:
    if not rides_on_floats(features, data):
        return exponential_family.optimum(features, data).theta
    theta = exponential_family.optimum(values_of(features), values_of(data)).theta
    energy = (features * theta).sum(axis=-1)
    slope = ((data - ebm.law(energy))[:, None] * features).sum(axis=0)
    return newton_step(theta, slope, -ebm.hessian(values_of(energy), features=values_of(features)))


def _exponential_family() -> Iterator[Target]:
    yield row(
        "exponential_family.energy",
        "features theta",
        "n",
        exponential_family.energy,
        "E = sum_k theta_k F_k: costs are linear here, not rewards",
        axes=OUTCOMES,
    )
    yield row(
        "exponential_family.optimum",
        "features data",
        "k",
        where_defined(_family_optimum),
        f"the theta of largest likelihood, E_theta[F] = E_p[F] under exp(-F theta) / Z; {CONVERGED}",
        axes=OUTCOMES,
        draws={"features": identifying_features},
        whole=("data",),
    )


def _in_steps(function: Callable[..., Any]) -> Callable[..., Any]:
    return where_defined(lambda steps, **values: function(**values, steps=whole_number(steps)))


def _on_product(function: Callable[..., Any]) -> Callable[..., Any]:
    return where_defined(lambda shape, **values: function(**values, shape=whole_numbers(shape)))


def _contrastive() -> Iterator[Target]:
    yield row(
        "contrastive.update",
        "data kernel steps",
        "n",
        _in_steps(contrastive.update),
        "p K^k - p, in the direction of ascent",
    )
    yield row(
        "contrastive.bias",
        "energy data kernel steps",
        "n",
        _in_steps(contrastive.bias),
        "p K^k - p_theta, update minus gradient of the likelihood",
    )
    yield row(
        "contrastive.bias.with_features",
        "energy data kernel steps features",
        "k",
        _in_steps(contrastive.bias),
        "E_{pK^k}[F] - E_{p_theta}[F]",
        axes=OUTCOMES,
    )
    yield row(
        "contrastive.jacobian.barker",
        "energy data proposal",
        "nn",
        lambda energy, data, proposal: contrastive.jacobian(
            lambda moved: markov_chains.barker_kernel(moved, proposal), energy, data
        ),
        "d(p K - p)(x) / dE(y) of CD-1, [x, y], Barker's kernel moving with the energy",
    )
    yield row(
        "contrastive.jacobian.gibbs",
        "energy data shape",
        "nn",
        _on_product(
            lambda energy, data, shape: contrastive.jacobian(
                lambda moved: markov_chains.gibbs_kernel(moved, shape), energy, data
            )
        ),
        "d(p K - p)(x) / dE(y) of CD-1, [x, y], a scan of Gibbs steps moving with the energy",
    )
    yield row(
        "contrastive.barker_loss",
        "energy data proposal",
        "",
        contrastive.barker_loss,
        "sum over x != y of p(x) S(x, y) softplus(E(x) - E(y))",
        roles=BESIDE_LOGS,
    )
    yield row(
        "contrastive.negative_phase_update",
        "sampler data",
        "n",
        contrastive.negative_phase_update,
        "q - p, in the direction of ascent",
    )
    yield row(
        "contrastive.negative_phase_bias",
        "energy sampler",
        "n",
        contrastive.negative_phase_bias,
        "q - p_theta, update minus gradient of the likelihood",
    )
    yield row(
        "contrastive.negative_phase_bias.with_features",
        "energy sampler features",
        "k",
        contrastive.negative_phase_bias,
        "E_q[F] - E_{p_theta}[F]",
        axes=OUTCOMES,
    )
    yield row(
        "markov_chains.barker_kernel",
        "energy proposal",
        "nn",
        markov_chains.barker_kernel,
        "K(x, y) = S(x, y) sigmoid(E(x) - E(y)) for y != x; the rest of each row stays at x",
    )
    yield row(
        "markov_chains.gibbs_kernel",
        "energy shape",
        "nn",
        _on_product(markov_chains.gibbs_kernel),
        "K = K_1 ... K_d, a scan over the factors of a product space, the first factor first",
    )
    yield row(
        "markov_chains.dobrushin_coefficient",
        "kernel",
        "",
        markov_chains.dobrushin_coefficient,
        "max over x, x' of TV(K(x, .), K(x', .))",
    )


def _pseudo_likelihood() -> Iterator[Target]:
    arguments = "energy data shape"
    product = "i runs over the components of a product space, shape has their sizes, the last one varies fastest"
    yield row(
        "pseudo_likelihood.log_likelihood",
        arguments,
        "",
        _on_product(pseudo_likelihood.log_likelihood),
        f"sum_i E_p[log p_theta(x_i | x_-i)]; {product}",
        roles=BESIDE_LOGS,
    )
    yield row(
        "pseudo_likelihood.gradient",
        arguments,
        "n",
        _on_product(pseudo_likelihood.gradient),
        f"dPL/dE(x) = sum_i p(x_-i) p_theta(x_i | x_-i) - p(x); {product}",
    )
    yield row(
        "pseudo_likelihood.hessian",
        arguments,
        "nn",
        _on_product(pseudo_likelihood.hessian),
        f"d2PL/dE2 = -sum_i sum_{{x_-i}} p(x_-i) Cov of p_theta(. | x_-i); {product}",
    )


def _probability_flow() -> Iterator[Target]:
    arguments = "energy data connectivity"
    more: dict[str, Any] = {"kinds": MODERATE, "roles": {"energy": HALVED}}

    rows = (
        ("flow", "nn", "p(x) g(x, y) e^((E(x) - E(y)) / 2), from x to y"),
        ("loss", "", "K = sum over x != y of p(x) g(x, y) e^((E(x) - E(y)) / 2)"),
        ("gradient", "n", "dK/dE(x) = (flow that leaves x - flow that arrives) / 2"),
        ("hessian", "nn", "d2K/dE2: the Laplacian of the flow, symmetrized, / 4"),
    )
    for name, axes, meaning in rows:
        function = where_defined(getattr(probability_flow, name))
        yield row(f"probability_flow.{name}", arguments, axes, function, meaning, **more)
    for name, axes, meaning in rows[1:3]:
        function = where_defined(getattr(probability_flow, name))
        yield row(
            f"probability_flow.{name}.unseen_only",
            arguments,
            axes,
            with_form(function, unseen_only=True),
            f"{meaning}; flow to outcomes that have data is left out",
            **more,
        )


MODELS = (*_ebm(), *_exponential_family(), *_contrastive(), *_pseudo_likelihood(), *_probability_flow())
