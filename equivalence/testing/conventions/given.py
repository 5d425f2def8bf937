"""Targets on noise, margins, weights and responses, with switches: what is taken for what, and what is left out.

Most slips there are slips of an argument, and the reference does the rest:

    nu in the logit alone, not in the sum     nu = 1, log Z + log nu            E_p[-log D] + E_q[-log(1 - D)]
    log nu missing in the logit               log Z - log nu                    l = -E - log Z - log q
    reference ignored                         a uniform one
    divergence left out                       ref = pi
    alpha on the policy alone                 alpha theta, and alpha = 1        m = alpha (theta_w - theta_l) - ...

The others have a formula of their own (`FORMULAS`), or divide what is returned.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from equivalence.objectives import ebm, proposals, rlhf
from equivalence.objectives.space import inner
from equivalence.testing.conventions.output import finished
from equivalence.testing.targets import Target
from equivalence.testing.targets.references import where_defined, whole_numbers
from mdps import OutOfReach, scalars


@dataclass(frozen=True)
class Given:
    """The library's conventions; any other value is a mistake."""

    energy: str = "given"  # opposite, twice, half
    normalizer: str = "given"  # none, opposite, of the energy
    ratio: str = "given"  # none, in the logit alone, in the sum alone, in the logit too, inverse
    laws: str = "given"  # swapped
    reference: str = "given"  # ignored, the policy
    temperature: str = "given"  # none, inverse, of the policy alone
    pairs: str = "given"  # swapped
    formula: str = "given"  # of FORMULAS
    scale: str = "given"  # over prompts, over components, over alpha, over samples
    sign: str = "given"
    factor: str = "one"
    shift: str = "none"
    layout: str = "given"


Values = dict[str, Any]

# The arguments that a switch is about: one of them is enough
ABOUT = {
    "energy": ("energy",),
    "normalizer": ("log_normalizer",),
    "ratio": ("noise_ratio", "sampler_ratio"),
    "laws": ("sampler", "noise"),
    "reference": ("reference",),
    "temperature": ("alpha",),
    "pairs": ("comparisons",),
}
SCALES = {
    "over prompts": "comparisons",
    "over components": "shape",
    "over alpha": "alpha",
    "over samples": "noise_ratio",
}


def given(target: Target, c: Given) -> Callable[..., Any]:
    """The formula of a target under the switches, from its arguments by keyword."""
    own = FORMULAS.get((target.name, c.formula))

    def formula(**values: Any) -> Any:
        changed = _changed(target, dict(values), c)
        if c.formula == "given":
            parts = target.value(changed)
        elif own is None:
            raise OutOfReach("the target has no such formula")
        else:
            parts = (own(**changed),)
        divisor = _divisor(values, c.scale)
        if divisor is not None:
            parts = tuple(part / divisor for part in parts)
        parts = finished(target, parts, values, c)
        return parts if len(target.parts) > 1 else parts[0]

    return where_defined(formula)


def concerns(target: Target, switch: str, value: str) -> bool:
    """Whether a change of a switch may change what the target says."""
    if switch == "formula":
        return (target.name, value) in FORMULAS
    if switch == "scale":
        return SCALES[value] in target.arguments
    if switch == "laws":
        return "data" in target.arguments and bool(set(ABOUT[switch]) & set(target.arguments))
    if value == "the policy":
        return {"policy", "reference"} <= set(target.arguments)
    if value == "of the energy":
        return {"energy", "log_normalizer"} <= set(target.arguments)
    return switch not in ABOUT or bool(set(ABOUT[switch]) & set(target.arguments))


def _changed(target: Target, values: Values, c: Given) -> Values:
    """The arguments as the mistakes take them."""
    if "energy" in values:
        energy = values["energy"]
        values["energy"] = {"opposite": -energy, "twice": 2 * energy, "half": energy / 2}.get(c.energy, energy)
    if "log_normalizer" in values:
        log_z = np.asarray(values["log_normalizer"])[()]
        if c.normalizer == "of the energy":
            log_z = scalars.logsumexp(-values["energy"])
        values["log_normalizer"] = {"none": 0 * log_z, "opposite": -log_z}.get(c.normalizer, log_z)
    for name in {"noise_ratio", "sampler_ratio"} & set(values):
        values |= _with_ratio(values, name, c.ratio)
    for other in {"sampler", "noise"} & set(values) if c.laws == "swapped" and "data" in values else ():
        values["data"], values[other] = values[other], values["data"]
    if "reference" in values:
        values |= _with_reference(values, c.reference)
    if "alpha" in values:
        values |= _with_temperature(values, c.temperature)
    if c.pairs == "swapped" and "comparisons" in values:
        values["comparisons"] = np.swapaxes(values["comparisons"], -1, -2)
    return values


def _with_ratio(values: Values, name: str, ratio: str) -> Values:
    nu = np.asarray(values[name])[()]
    one = 0 * nu + 1
    if ratio in ("given", "none", "inverse"):
        return {name: {"given": nu, "none": one, "inverse": one / nu}[ratio]}
    if "log_normalizer" not in values:
        raise OutOfReach("there is no log Z that could absorb log nu")
    shift = -scalars.log(nu) if ratio == "in the sum alone" else scalars.log(nu)
    kept = one if ratio == "in the logit alone" else nu
    return {name: kept, "log_normalizer": values["log_normalizer"] + shift}


def _with_reference(values: Values, reference: str) -> Values:
    rows = values["reference"]
    if reference == "the policy" and "policy" in values:
        return {"reference": values["policy"]}
    if reference != "ignored":
        return {}
    n = 0 * rows[0, 0] + rows.shape[-1]
    changed = {"reference": 0 * rows + 1 / n}
    if "reward" in values:  # the uniform one has densities 1 / n in place of none
        changed["reward"] = values["reward"] + np.asarray(values["alpha"])[()] * scalars.log(n)
    return changed


def _with_temperature(values: Values, temperature: str) -> Values:
    alpha = np.asarray(values["alpha"])[()]
    one = 0 * alpha + 1
    if temperature == "of the policy alone":
        if "logits" not in values:
            raise OutOfReach("there are no logits")
        return {"alpha": one, "logits": alpha * values["logits"]}
    return {"alpha": {"none": one, "inverse": one / alpha}.get(temperature, alpha)}


def _divisor(values: Values, scale: str) -> Any:
    if scale == "given" or SCALES[scale] not in values:
        return None
    if scale == "over prompts":
        return len(values["comparisons"])
    if scale == "over components":
        return len(values["shape"])
    return np.asarray(values["alpha"])[()] if scale == "over alpha" else 1 + np.asarray(values["noise_ratio"])[()]


# Formulas of their own


def _hinge_on_the_other_side(energy: Any, sampler: Any, data: Any, margin: Any) -> Any:
    over = energy - margin
    return inner(data, energy) + inner(sampler, scalars.largest(np.stack([over, 0 * over], axis=-1)))


def _no_hinge(energy: Any, sampler: Any, data: Any, margin: Any) -> Any:
    return inner(data, energy) + margin - inner(sampler, energy)


def _first_component(energy: Any, data: Any, shape: Any) -> Any:
    first, *others = whole_numbers(shape)
    rest = int(np.prod(others))
    flat = [np.swapaxes(x.reshape(first, rest), 0, 1) for x in (energy, data)]
    law = scalars.log_normalized(-flat[0])[1]
    slope = flat[1].sum(axis=-1, keepdims=True) * law - flat[1]
    return np.swapaxes(slope, 0, 1).ravel()


def _model_for_the_others(energy: Any, data: Any, shape: Any) -> Any:
    return len(shape) * (ebm.law(energy) - data)


def _baseline_added(reward: Any, policy: Any, reference: Any, alpha: Any) -> Any:
    arguments: dict[str, Any] = {"policy": policy, "reference": reference, "temperature": alpha}
    mean = np.asarray(rlhf.value(reward, **arguments))[..., None]
    return rlhf.gradient(reward, **arguments) + 2 * policy * mean


def _divergence_added(reward: Any, policy: Any, reference: Any, alpha: Any) -> Any:
    paid = (policy * reward).sum(axis=-1)
    return 2 * paid - rlhf.value(reward, policy, reference, temperature=alpha)


def _winners(logits: Any, reference: Any, comparisons: Any, alpha: Any) -> Any:
    score = alpha * (logits - scalars.log(reference))
    surprise = comparisons * scalars.sigmoid(score[..., None, :] - score[..., :, None])
    return -alpha * surprise.sum(axis=-1)


def _winners_of_rewards(reward: Any, comparisons: Any) -> Any:
    surprise = comparisons * scalars.sigmoid(reward[..., None, :] - reward[..., :, None])
    return -surprise.sum(axis=-1)


def _weighed(weights: str, *, mixture: bool) -> Callable[..., Any]:
    """p - m w / E_m[w] with other weights."""

    def formula(energy: Any, sampler: Any, data: Any, log_normalizer: Any = None) -> Any:
        law = (sampler + data) / 2 if mixture else sampler
        drawn, zero = ~scalars.zero_mask(law), scalars.constant(0, energy)
        if weights == "none":
            log_weight = 0 * energy
        elif weights == "exp(-E)":
            log_weight = -energy
        else:
            density = {"of the sampler": sampler, "of the data": data, "of the true mixture": law}[weights]
            if (drawn & scalars.zero_mask(density)).any():
                raise OutOfReach("a weight is infinite")
            log_weight = scalars.over(drawn, lambda e, m: -e - scalars.log(m), energy, density, otherwise=zero)
        return proposals.gradient(energy, data, proposals.Proposal(law, log_weight))

    return formula


WEIGHTS = ("none", "exp(-E)", "of the sampler", "of the data", "of the true mixture")
FORMULAS: dict[tuple[str, str], Callable[..., Any]] = {
    ("ebgan.discriminator_loss", "hinge on the other side"): _hinge_on_the_other_side,
    ("ebgan.discriminator_loss", "no hinge"): _no_hinge,
    ("pseudo_likelihood.gradient", "first component"): _first_component,
    ("pseudo_likelihood.gradient", "model for the others"): _model_for_the_others,
    ("score_function.optimal_baseline", "mean cost"): lambda cost, sampler: inner(sampler, cost),
    ("score_function.gradient", "score without its mean"): lambda cost, sampler: sampler * cost,
    ("rlhf.gradient", "baseline added"): _baseline_added,
    ("rlhf.value", "divergence added"): _divergence_added,
    ("dpo.gradient", "winners alone"): _winners,
    ("bradley_terry.gradient", "winners alone"): _winners_of_rewards,
    **{
        (f"proposals.gradient.{form}", f"weights {weights}"): _weighed(weights, mixture=form != "sampler")
        for form in ("sampler", "true_mixture", "mixture")
        for weights in WEIGHTS
    },
}
