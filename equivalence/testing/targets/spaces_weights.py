"""Targets on a finite space of outcomes: what samples weigh, and what estimates from them are on average."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from equivalence.objectives import bridge, ebm, estimators, proposals, score_function
from equivalence.testing.targets.argument import FIXED, NUMBER
from equivalence.testing.targets.references import part_of, where_defined, whole_number
from equivalence.testing.targets.rows import row, with_form
from equivalence.testing.targets.spaces_arguments import positive
from equivalence.testing.targets.target import Target
from mdps import scalars

CONVERGED = "iterate until the last digits stand still"
MODERATE = {"largest_energy": 10}  # beyond, exponentials that nothing normalizes leave the floats
OF_OUTCOMES = {"cost": "n"}
BESIDE_LOGS = {"sampler": FIXED, "data": FIXED}


def _variance_from_moments(cost: Any, sampler: Any, baseline: Any, score: Any = None) -> Any:
    """E[G^2] - E[G]^2, which cancels."""
    drawn = score_function.estimates(cost, sampler, score=score, baseline=baseline)
    mean = (sampler[:, None] * drawn).sum(axis=0)
    return (sampler[:, None] * drawn * drawn).sum(axis=0) - mean * mean


def _score_function() -> Iterator[Target]:
    numbers: dict[str, Any] = {"axes": OF_OUTCOMES, "roles": {"cost": NUMBER}}
    yield row(
        "score_function.logit_score",
        "sampler",
        "nn",
        score_function.logit_score,
        "s_k(x) = d log q(x) / dl_k = 1[x = k] - q(k), [x, k]",
    )
    yield row(
        "score_function.gradient",
        "cost sampler",
        "n",
        score_function.gradient,
        "E_q[s c] to logits of q: q (c - E_q c)",
        **numbers,
    )
    yield row(
        "score_function.gradient.with_score",
        "cost sampler score",
        "k",
        score_function.gradient,
        "E_q[s c]",
        **numbers,
    )
    yield row(
        "score_function.estimates",
        "cost sampler baseline",
        "nn",
        score_function.estimates,
        "s_k(x) (c(x) - b), [x, k], s of logits",
        **numbers,
    )
    yield row(
        "score_function.variance",
        "cost sampler baseline",
        "n",
        score_function.variance,
        "Var of s_k(x) (c(x) - b) under q, s of logits; of one draw",
        roads=(_variance_from_moments,),
        **numbers,
    )
    yield row(
        "score_function.variance.with_score",
        "cost sampler score baseline",
        "k",
        score_function.variance,
        "Var of s_k(x) (c(x) - b) under q; of one draw",
        roads=(_variance_from_moments,),
        **numbers,
    )
    yield row(
        "score_function.optimal_baseline",
        "cost sampler",
        "",
        where_defined(score_function.optimal_baseline),
        "E[|s|^2 c] / E[|s|^2], s of logits: the least sum of variances",
        **numbers,
    )
    yield row(
        "score_function.optimal_baseline.by_entry",
        "cost sampler",
        "n",
        where_defined(with_form(score_function.optimal_baseline, by_entry=True)),
        "E[s_k^2 c] / E[s_k^2], s of logits",
        whole=("sampler",),
        **numbers,
    )


PROPOSALS: dict[str, tuple[str, Callable[..., proposals.Proposal], str]] = {
    "sampler": ("sampler", proposals.sampler_proposal, "samples of q, w = e^-E / q"),
    "true_mixture": (
        "sampler data",
        proposals.true_mixture_proposal,
        "samples of mu = (p + q) / 2, w = e^-E / mu",
    ),
    "mixture": (
        "sampler data log_normalizer",
        proposals.mixture_proposal,
        "samples of mu = (p + q) / 2, w = e^-E / mu~, mu~ = (e^-E / Z_0 + q) / 2, log_normalizer is log Z_0",
    ),
}


def _with_proposal(function: Callable[..., Any], form: str) -> Callable[..., Any]:
    """A function of energy, proposal and others as one of the laws that the proposal is made of."""
    names, proposal, _ = PROPOSALS[form]

    def asked(energy: Any, **values: Any) -> Any:
        made = proposal(energy, **{name: values[name] for name in names.split()})
        return function(energy=energy, proposal=made, **values)

    return where_defined(asked)


def _without(function: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """The function that ignores these arguments."""
    return lambda **values: function(**{name: x for name, x in values.items() if name not in names})


LAWS = ("sampler", "data", "log_normalizer")


def _proposals() -> Iterator[Target]:
    for form, (names, proposal, text) in PROPOSALS.items():
        with_data = names if "data" in names else f"{names} data"
        yield row(
            f"proposals.log_weight.{form}",
            f"energy {names}",
            "n",
            where_defined(part_of(proposal, "log_weight")),
            f"log w, 0 where nothing is drawn; {text}",
        )
        yield row(
            f"proposals.log_partition.{form}",
            f"energy {names}",
            "",
            _with_proposal(_without(proposals.log_partition, *LAWS), form),
            f"log E[w], what log Z^ converges to; {text}",
        )
        yield row(
            f"proposals.gradient.{form}",
            f"energy {with_data}",
            "n",
            _with_proposal(_without(proposals.gradient, "sampler", "log_normalizer"), form),
            f"p - m w / E_m[w], the weights frozen; {text}",
        )
    yield row(
        "proposals.zero_variance_law",
        "energy values",
        "n",
        where_defined(proposals.zero_variance_law),
        "the law in proportion to e^-E f, for values f that are not negative",
        draws={"values": positive},
    )
    rows = (
        ("least_self_normalized_variance", "energy values", "", "(E|f - E f|)^2 under exp(-E) / Z"),
        (
            "least_self_normalized_variance_law",
            "energy values",
            "n",
            "the law in proportion to p |f - E f|, p = exp(-E) / Z",
        ),
        ("self_normalized_variance", "energy sampler values", "", "E_q[(p/q)^2 (f - E f)^2], p = exp(-E) / Z"),
        ("self_normalized_bias", "energy sampler values", "", "-E_q[(p/q)^2 (f - E f)], p = exp(-E) / Z"),
    )
    for name, arguments, axes, meaning in rows:
        function = where_defined(getattr(proposals, name))
        yield row(f"proposals.{name}", arguments, axes, function, meaning, whole=("sampler",), kinds=MODERATE)


def _estimators() -> Iterator[Target]:
    rows: tuple[tuple[str, Callable[..., Any], str, tuple[str, ...], str, str], ...] = (
        ("relative_partition", estimators.relative_partition, "", LAWS, "", "the mean of w / Z"),
        ("log_partition", estimators.log_partition, "", LAWS, "", "log Z^, the log of the mean of w"),
        ("self_normalized", estimators.self_normalized, " values", LAWS, "", "sum w f / sum w"),
        ("gradient", estimators.gradient, "", LAWS[::2], "n", "p - (share of each outcome in sum w)"),
    )
    for name, function, others, ignored, axes, meaning in rows:
        for form, (names, _, text) in PROPOSALS.items():
            laws = names if "data" in names or name != "gradient" else f"{names} data"
            estimate = _with_proposal(_of_samples(_without(function, *ignored)), form)
            # means of logarithms, which their probabilities multiply
            roles = BESIDE_LOGS if name == "log_partition" else {}
            for part in ("mean", "bias", "variance"):
                yield row(
                    f"estimators.{name}.{form}.{part}",
                    f"energy {laws}{others} n_samples",
                    axes,
                    part_of(estimate, part),
                    f"the {part} of {meaning} over N samples; {text}",
                    roles=roles,
                )


def _of_samples(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda n_samples, **values: function(**values, n_samples=whole_number(n_samples))


# The closed forms, of which most cancel


def _closed_variance(name: str) -> Callable[..., Any]:
    def road(energy: Any, sampler: Any, noise_ratio: Any) -> Any:
        p, nu = ebm.law(energy), np.asarray(noise_ratio)[()]
        drawn, zero = ~scalars.zero_mask(sampler), scalars.constant(0, sampler)
        if name == "bennett":
            return 1 / (p * nu * sampler / (p + nu * sampler)).sum() - (1 + nu) / nu
        if name == "importance":
            return ((p * p / sampler).sum() - 1) / nu
        if name == "reciprocal":
            return (sampler * sampler / p).sum() - 1
        roots = scalars.over(
            drawn, lambda p, q: scalars.exp((scalars.log(p) + scalars.log(q)) / 2), p, sampler, otherwise=zero
        )
        return (1 + 1 / nu) * (1 / (roots.sum() * roots.sum()) - 1)

    return road


def _bridge() -> Iterator[Target]:
    bridges = {
        "bennett": "1 / (p_theta + nu q)",
        "geometric": "1 / sqrt(p_theta q)",
        "constant": "1",
        "importance": "1 / q",
        "reciprocal": "1 / p_theta",
    }
    covered = ("sampler",)
    for name, formula in bridges.items():
        yield row(
            f"bridge.asymptotic_variance.{name}",
            "energy sampler noise_ratio",
            "",
            where_defined(with_form(bridge.asymptotic_variance, bridge=name)),
            f"Var_q(a p_theta) / (nu A^2) + Var_p_theta(a q) / A^2, A = sum a p_theta q, a = {formula}",
            whole=covered if name in ("importance", "geometric") else (),
            roads=() if name == "constant" else (_closed_variance(name),),
            kinds=MODERATE,
        )
        if name == "bennett":  # it is nce.optimal_log_normalizer
            yield row(
                "bridge.log_normalizer.bennett",
                "energy sampler data noise_ratio",
                "",
                where_defined(with_form(bridge.log_normalizer, bridge=name)),
                f"the self-consistent log(E_q[a e^-E] / E_p[a q]), a = 1 / (e^-E / Z + nu q); {CONVERGED}",
            )
        else:
            yield row(
                f"bridge.log_normalizer.{name}",
                "energy sampler data",
                "",
                where_defined(with_form(bridge.log_normalizer, bridge=name)),
                f"log(E_q[a e^-E] / E_p[a q]), a = {formula.replace('p_theta', 'e^-E')}",
                whole=covered if name == "importance" else (),
            )


WEIGHTS = (*_score_function(), *_proposals(), *_estimators(), *_bridge())
