"""Targets on a finite space of outcomes: discriminators, samplers, and what samples of them weigh."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from equivalence.objectives import (
    adversarial_ebm,
    divergences,
    ebgan,
    gan,
    gcl,
    generator_losses,
)
from equivalence.testing.targets.argument import FIXED, NUMBER
from equivalence.testing.targets.references import where_defined
from equivalence.testing.targets.rows import members, row
from equivalence.testing.targets.spaces_arguments import positive
from equivalence.testing.targets.target import Target
from mdps import scalars

CONVERGED = "iterate until the last digits stand still"
MODERATE = {"largest_energy": 10}  # beyond, exponentials that nothing normalizes leave the floats
OF_OUTCOMES = {"logit": "n", "cost": "n"}
BESIDE_LOGS = {"sampler": FIXED, "data": FIXED, "sampler_ratio": FIXED}
_RATIO = "nu samples of q to one of p, the logit -E - log Z - log q not corrected for it"


# Ways to write the same numbers down that lose digits where D is near 0 or 1.


def _gradient_from_discriminator(energy: Any, sampler: Any, data: Any, log_normalizer: Any, sampler_ratio: Any) -> Any:
    d = gan.discriminator(energy, sampler, log_normalizer)
    to_energy = data - (data + sampler_ratio * sampler) * d
    return gan.DiscriminatorGradient(to_energy, to_energy.sum())


def _loss_from_discriminator(energy: Any, sampler: Any, data: Any, log_normalizer: Any, sampler_ratio: Any) -> Any:
    d = gan.discriminator(energy, sampler, log_normalizer)
    sampled, zero = ~scalars.zero_mask(sampler), scalars.constant(0, sampler)
    real = scalars.over(sampled, lambda x, p: -p * scalars.log(x), d, data, otherwise=zero)
    fake = scalars.over(sampled, lambda x, q: -q * scalars.log(1 - x), d, sampler, otherwise=zero)
    return real.sum() + sampler_ratio * fake.sum()


def _hessian_from_discriminator(features: Any, theta: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    other = 1 - gan.discriminator((features * theta).sum(axis=-1), sampler, log_normalizer)
    one = np.full((len(features), 1), scalars.constant(1, features), dtype=features.dtype)
    rows = np.concatenate([features, one], axis=1)
    return rows.T @ (((data + sampler) * other * (1 - other))[:, None] * rows)


def _gan() -> Iterator[Target]:
    space = "energy sampler data log_normalizer sampler_ratio"
    yield row(
        "gan.discriminator_loss.with_ratio",
        space,
        "",
        gan.discriminator_loss,
        f"E_p[-log D] + nu E_q[-log(1 - D)]; {_RATIO}",
        roads=(_loss_from_discriminator,),
        roles=BESIDE_LOGS,
    )
    yield from members(
        "gan.discriminator_gradient.with_ratio",
        space,
        (
            ("energy", "n", f"dL_D/dE = p (1 - D) - nu q D; {_RATIO}"),
            ("log_normalizer", "", f"dL_D/dlog Z = sum p (1 - D) - nu q D; {_RATIO}"),
        ),
        gan.discriminator_gradient,
        f"dL_D/dE = p (1 - D) - nu q D, and its sum dL_D/dlog Z; {_RATIO}",
        roads=(_gradient_from_discriminator,),
    )
    yield row(
        "gan.discriminator_hessian",
        "features theta sampler data log_normalizer",
        "KK",
        gan.discriminator_hessian,
        "d2L_D of (theta, log Z), [k + 1, k + 1]: sum (p + q) D (1 - D) x x', x = (-F, -1), for E = F theta; note "
        "that features come negative and the last row belongs to log Z",
        roads=(_hessian_from_discriminator,),
        axes={"features": "nk"},
    )
    yield row(
        "gan.optimal_discriminator",
        "sampler data",
        "n",
        gan.optimal_discriminator,
        "p / (p + q); 1 where q = 0",
    )
    yield row(
        "gan.optimal_discriminator.with_ratio",
        "sampler data sampler_ratio",
        "n",
        gan.optimal_discriminator,
        "p / (p + nu q); 1 where q = 0",
    )
    yield row(
        "gan.optimal_logit",
        "sampler data",
        "n",
        where_defined(gan.optimal_logit),
        "log p - log q; -inf where p = 0",
        whole=("sampler",),
    )
    yield row(
        "gan.optimal_logit.with_ratio",
        "sampler data sampler_ratio",
        "n",
        where_defined(gan.optimal_logit),
        "log p - log q - log nu; -inf where p = 0",
        whole=("sampler",),
    )
    yield row(
        "gan.optimal_discriminator_loss",
        "sampler data",
        "",
        gan.optimal_discriminator_loss,
        "min L_D = log 4 - 2 JSD(p, q)",
        roads=(_optimal_loss_from_divergence,),
        roles=BESIDE_LOGS,
    )
    yield row(
        "gan.optimal_discriminator_loss.with_ratio",
        "sampler data sampler_ratio",
        "",
        gan.optimal_discriminator_loss,
        "E_p log((p + nu q) / p) + nu E_q log((p + nu q) / (nu q))",
        roles=BESIDE_LOGS,
    )
    yield row(
        "gan.optimal_log_normalizer.with_ratio",
        "energy sampler data sampler_ratio",
        "",
        where_defined(gan.optimal_log_normalizer),
        f"the log Z that minimizes L_D, the root of sum (p + nu q) D = 1; {_RATIO}; {CONVERGED}",
    )


def _optimal_loss_from_divergence(sampler: Any, data: Any) -> Any:
    four = 4 * scalars.constant(1, data)
    return scalars.log(four) - 2 * divergences.jensen_shannon(data, sampler)


# Costs by name, and their slopes, from D in place of its logit
_COSTS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "saturating": (lambda d: scalars.log(1 - d), lambda d: -d),
    "non_saturating": (lambda d: -scalars.log(d), lambda d: d - 1),
    "logit": (lambda d: scalars.log(1 - d) - scalars.log(d), lambda d: 0 * d - 1),
    "maximum_likelihood": (lambda d: -d / (1 - d), lambda d: -d / (1 - d)),
}


def _from_discriminator(name: str, *, moving: bool = False) -> Callable[..., Any]:
    """Costs of outcomes, or with a sampler their mean."""
    cost, slope = _COSTS[name]

    def road(logit: Any, sampler: Any = None) -> Any:
        d = scalars.sigmoid(logit)
        costs = cost(d) - slope(d) if moving else cost(d)
        return costs if sampler is None else (sampler * costs).sum()

    return road


def _generator_losses() -> Iterator[Target]:
    costs = {
        "saturating": ("log(1 - D)", "D"),
        "non_saturating": ("-log D", "1 - D"),
        "logit": ("log(1 - D) - log D", "1"),
        "maximum_likelihood": ("-exp(l) = -D / (1 - D)", "exp(l)"),
    }
    for name, (cost, slope) in costs.items():
        kinds = MODERATE if name == "maximum_likelihood" else {}
        yield row(
            f"generator_losses.loss.{name}",
            "logit sampler",
            "",
            _named(generator_losses.loss, name),
            f"E_q[{cost}] of logits l = log D - log(1 - D); minimized by q",
            roads=(_from_discriminator(name),),
            axes=OF_OUTCOMES,
            roles=BESIDE_LOGS,
            kinds=kinds,
        )
        yield row(
            f"generator_losses.gradient.{name}",
            "logit",
            "n",
            _named(generator_losses.gradient, name),
            f"d loss / dq(x) = {cost}, the discriminator frozen",
            roads=(_from_discriminator(name),),
            axes=OF_OUTCOMES,
            kinds=kinds,
        )
        yield row(
            f"generator_losses.moving_gradient.{name}",
            "logit",
            "n",
            _named(generator_losses.moving_gradient, name),
            f"d loss / dq(x) = {cost} + {slope}, the logit moving with q as -log q",
            roads=(_from_discriminator(name, moving=True),),
            axes=OF_OUTCOMES,
            kinds=kinds,
        )


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    return where_defined(lambda **values: function(name, **values))


def _ebgan() -> Iterator[Target]:
    energy = "energies are not negative"

    more: dict[str, Any] = {"draws": {"energy": positive}, "roles": {"energy": NUMBER}}
    yield row(
        "ebgan.discriminator_loss",
        "energy sampler data margin",
        "",
        where_defined(ebgan.discriminator_loss),
        f"E_p[e] + E_q[max(m - e, 0)]; {energy}",
        **more,
    )
    yield row(
        "ebgan.discriminator_gradient",
        "energy sampler data margin",
        "n",
        where_defined(ebgan.discriminator_gradient),
        f"p - q 1[e < m]; {energy}",
        **more,
    )
    yield row(
        "ebgan.generator_loss",
        "energy sampler",
        "",
        where_defined(ebgan.generator_loss),
        f"E_q[e]; {energy}",
        **more,
    )
    yield row(
        "ebgan.optimal_energy",
        "sampler data margin",
        "n",
        ebgan.optimal_energy,
        "0 where p > q, m where p < q, m/2 where p = q",
    )
    yield row(
        "ebgan.optimal_discriminator_loss",
        "sampler data margin",
        "",
        ebgan.optimal_discriminator_loss,
        "m (1 - TV(p, q)) = m sum min(p, q)",
    )


def _adversarial_ebm() -> Iterator[Target]:
    yield row(
        "adversarial_ebm.value",
        "energy sampler data",
        "",
        adversarial_ebm.value,
        "E_q[E] - E_p[E] - H(q), maximized by the energy and minimized by the sampler",
        roles=BESIDE_LOGS,
    )
    yield row(
        "adversarial_ebm.gradient_to_energy",
        "energy sampler data",
        "n",
        adversarial_ebm.gradient_to_energy,
        "q - p",
    )
    yield row(
        "adversarial_ebm.gradient_to_sampler",
        "energy sampler",
        "n",
        where_defined(adversarial_ebm.gradient_to_sampler),
        "E + log q + 1, q a free table",
        whole=("sampler",),
    )
    yield row(
        "adversarial_ebm.gap",
        "energy sampler",
        "",
        adversarial_ebm.gap,
        "KL(q || exp(-E) / Z) = E_q[E] - H(q) + log Z",
        roles=BESIDE_LOGS,
    )
    yield row("adversarial_ebm.optimal_sampler", "energy", "n", adversarial_ebm.optimal_sampler, "exp(-E) / Z")
    yield row(
        "adversarial_ebm.optimal_energy",
        "data",
        "n",
        where_defined(adversarial_ebm.optimal_energy),
        "-log p",
        whole=("data",),
    )


def _gcl() -> Iterator[Target]:
    yield row(
        "gcl.log_mixture",
        "energy sampler log_normalizer",
        "n",
        gcl.log_mixture,
        "log(e^-E / Z + q), of twice the mixture",
    )
    yield row(
        "gcl.loss.frozen",
        "energy sampler data log_normalizer log_mixture",
        "",
        gcl.loss,
        "E_p[E] + log sum (p + q) e^(-E - log_mixture): log 2 mu~ is given, whatever E and log Z",
        roles=BESIDE_LOGS,
    )


GAMES = (*_gan(), *_generator_losses(), *_ebgan(), *_adversarial_ebm(), *_gcl())
