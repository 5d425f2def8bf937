"""Energy-based models, discriminators that know the sampler's density, and guided costs, with switches.

    log Z = log sum exp(-E),   LL = E_p[-E] - log Z
    l = -E - log Z - log q,    D = sigmoid(l),   L_D = E_p[-log D] + E_q[-log(1 - D)],   L_G = E_q[-l]
    L_GCL = E_p[E] + log sum mu e^-E / mu~,   2 mu = p + q,   2 mu~ = e^-E / Z + q,   w = e^-E / Z / mu~ = 2 D

Where q = 0 the discriminator is 1 and adds nothing to a loss, unless the switches make the logit free of q.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from equivalence.objectives.space import inner
from equivalence.testing.conventions import logs
from equivalence.testing.conventions.output import finished
from equivalence.testing.targets import Target
from mdps import OutOfReach, scalars


@dataclass(frozen=True)
class Spaces:
    """The library's conventions; any other value is a mistake."""

    energy: str = "given"  # opposite, twice, half
    normalizer: str = "given"  # none, opposite, of the energy, twice
    density: str = "given"  # none, opposite, of the data, mixture, plus 1e-8
    labels: str = "given"  # swapped
    logs: str = "exact"  # softplus above 20, plus 1e-8, clipped 1e-6
    terms: str = "both"  # data alone, sampler alone
    generator: str = "log(1-D) - log D"  # log(1-D), -log D, no entropy, sum, no normalizer
    weights: str = "of the mixture"  # of the sampler, of the data, of the true mixture, one
    demonstrations: str = "with density"  # density 1, left out
    weight_gradient: str = "frozen"  # through
    normalized: str = "given"  # not, over n
    expectation: str = "given"  # under the sampler, under uniform, swapped
    discriminator: str = "given"  # D (1 - D) in place of D, logit
    base: str = "counting"  # uniform
    objective: str = "likelihood"  # reverse, softmax twice
    sign: str = "given"
    factor: str = "one"
    shift: str = "none"
    layout: str = "given"


def spaces(target: Target, c: Spaces, *, from_discriminator: bool = False) -> Any:
    """The formula of a target of this family under the switches, from its arguments by keyword.

    from_discriminator  compute losses from D in place of the logit: the same numbers, fewer digits.
    """

    def formula(**given: Any) -> Any:
        parts = finished(target, _parts(target, _Space(given, c, from_discriminator), given), given, c)
        return parts if len(target.parts) > 1 else parts[0]

    return formula


class _Space:
    """The quantities of a finite space under the switches."""

    def __init__(self, given: dict[str, Any], c: Spaces, from_discriminator: bool):
        self.c, self.given, self.from_discriminator = c, given, from_discriminator
        energy = given["energy"]
        self.energy = {"opposite": -energy, "twice": 2 * energy, "half": energy / 2}.get(c.energy, energy)
        self.zero, self.one = scalars.constant(0, energy), scalars.constant(1, energy)
        names = ("data", "sampler") if c.expectation != "swapped" else ("sampler", "data")
        self._data, self._sampler = (given.get(name) for name in names)

    @property
    def data(self) -> np.ndarray:
        """The data p; not every target has them."""
        return _known(self._data)

    @property
    def sampler(self) -> np.ndarray:
        """The sampler q; not every target has one."""
        return _known(self._sampler)

    @property
    def log_partition(self) -> Any:
        total = scalars.logsumexp(-self.energy)
        return total - scalars.log(self.one * len(self.energy)) if self.c.base == "uniform" else total

    @property
    def log_normalizer(self) -> Any:
        if self.c.normalizer == "of the energy":
            return self.log_partition
        log_z = np.asarray(self.given["log_normalizer"])[()]
        return {"none": 0 * log_z, "opposite": -log_z, "twice": 2 * log_z}.get(self.c.normalizer, log_z)

    @property
    def sampled(self) -> np.ndarray:
        """Where the logit is finite."""
        if self.c.density == "none" or self.c.density.startswith("plus"):
            return np.ones(self.energy.shape, dtype=bool)
        return ~scalars.zero_mask(self._density)

    @property
    def _density(self) -> np.ndarray:
        if self.c.density == "mixture":
            return (self.data + self.sampler) / 2
        if self.c.density.startswith("plus"):
            return self.sampler + self.one * logs.number(self.c.density)
        return self.data if self.c.density == "of the data" else self.sampler

    @property
    def logit(self) -> np.ndarray:
        """l, and 0 where it is not finite; labels are not yet swapped."""
        plain = -self.energy - self.log_normalizer
        if self.c.density == "none":
            return plain
        log_q = scalars.over(self.sampled, scalars.log, self._density, otherwise=self.zero)
        return plain + log_q if self.c.density == "opposite" else np.where(self.sampled, plain - log_q, self.zero)

    def probability(self) -> np.ndarray:
        """D, of being data."""
        sign = -1 if self.c.labels == "swapped" else 1
        d = scalars.over(self.sampled, lambda x: scalars.sigmoid(sign * x), self.logit, otherwise=self.one)
        if sign < 0 or self.c.density == "opposite":  # q = 0: 1 - D = 0, and sigmoid(-inf) = 0
            d = np.where(self.sampled, d, self.zero)
        return d

    def surprise(self, *, of_data: bool) -> np.ndarray:
        """-log D or -log(1 - D), 0 where q = 0."""
        plus = of_data == (self.c.labels == "given")
        sign = -1 if plus else 1

        def from_logit(x: np.ndarray) -> np.ndarray:
            if self.c.logs != "exact":
                return logs.surprise(x, self.c.logs, plus=plus, by_difference=self.from_discriminator)
            if self.from_discriminator:
                d = scalars.sigmoid(x)
                return -scalars.log(d if plus else 1 - d)
            return scalars.softplus(sign * x)

        return scalars.over(self.sampled, from_logit, self.logit, otherwise=self.zero)

    def share(self, *, of_data: bool) -> np.ndarray:
        """D or 1 - D from the logit, 0 where q = 0."""
        plus = of_data == (self.c.labels == "given")

        def from_logit(x: np.ndarray) -> np.ndarray:
            if self.c.logs != "exact":  # 1 - D is minus the slope of -log D
                return -logs.slope(x, self.c.logs, plus=not plus, by_difference=self.from_discriminator)
            if self.from_discriminator:
                return scalars.sigmoid(x) if plus else 1 - scalars.sigmoid(x)
            return scalars.sigmoid(x if plus else -x)

        return scalars.over(self.sampled, from_logit, self.logit, otherwise=self.zero)

    def log_mixture(self) -> tuple[np.ndarray, np.ndarray]:
        """log(2 mu~), and where it is finite."""
        model = -self.energy - self.log_normalizer
        q = self.sampler
        densities = {
            "of the sampler": lambda: 2 * q,
            "of the data": lambda: 2 * self.data,
            "of the true mixture": lambda: self.data + q,
        }
        every = np.ones(model.shape, dtype=bool)
        if self.c.weights == "one":
            return model * 0 + scalars.log(2 * self.one), every
        if self.c.weights == "of the model":
            return model + scalars.log(2 * self.one), every
        if self.c.weights in densities:
            density = densities[self.c.weights]()
            known = ~scalars.zero_mask(density)
            return scalars.over(known, scalars.log, density, otherwise=self.zero), known
        known = ~scalars.zero_mask(q)
        log_q = scalars.over(known, scalars.log, q, otherwise=self.zero)
        stacked = np.stack([model, log_q], axis=-1)
        return scalars.logsumexp(stacked, where=np.stack([every, known], axis=-1)), every

    def guided_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """log of what is summed for the partition function, and where it is not 0."""
        if self.c.demonstrations == "density 1":
            on, shown = ~scalars.zero_mask(self.sampler), ~scalars.zero_mask(self.data)
            log_p = scalars.over(shown, scalars.log, self.data, otherwise=self.zero)
            both = np.stack([np.where(on, -self.energy, self.zero), log_p - self.energy], axis=-1)
            exists = np.stack([on, shown], axis=-1)
            return scalars.logsumexp(both, where=exists, otherwise=self.zero) - scalars.log(2 * self.one), on | shown
        mass = 2 * self.sampler if self.c.demonstrations == "left out" else self.data + self.sampler
        mixture, known = self.log_mixture()
        exists = ~scalars.zero_mask(mass)
        if (exists & ~known).any():
            raise OutOfReach("a weight is infinite")
        return scalars.over(exists, scalars.log, mass, otherwise=self.zero) - self.energy - mixture, exists


def _known(law: np.ndarray | None) -> np.ndarray:
    if law is None:
        raise OutOfReach("the target is not about this law")
    return law


def _parts(target: Target, x: _Space, given: dict[str, Any]) -> tuple[Any, ...]:
    name, c = target.name, x.c
    if name.startswith("ebm."):
        return (_of_model(name, x),)
    if name == "gan.discriminator":
        return (x.logit if c.discriminator == "logit" else x.probability(),)
    if name == "gan.discriminator_loss":
        loss = inner(x.data, x.surprise(of_data=True)) if c.terms != "sampler alone" else x.zero
        return (loss + inner(x.sampler, x.surprise(of_data=False)) if c.terms != "data alone" else loss,)
    if name.startswith("gan.discriminator_gradient"):
        sign = 1 if c.labels == "given" else -1
        first, second = x.data * x.share(of_data=False), x.sampler * x.share(of_data=True)
        to_energy = sign * {"data alone": first, "sampler alone": -second}.get(c.terms, first - second)
        both = (to_energy, to_energy.sum())
        return {"energy": both[:1], "log_normalizer": both[1:]}.get(name.rsplit(".", 1)[-1], both)
    if name == "gan.generator_loss":
        return (_generator_loss(x),)
    if name == "gan.optimal_log_normalizer":
        if c.normalizer != "of the energy":
            raise OutOfReach("no formula but the root")
        return (x.log_partition,)
    if name == "gcl.importance_weights":
        return (_importance_weights(x),)
    terms, exists = x.guided_terms()
    if name == "gcl.loss":
        data = x.sampler if c.expectation == "under the sampler" else x.data
        total = scalars.logsumexp(terms, where=exists)
        return (inner(data, x.energy) + (scalars.exp(total) if c.normalized == "no log" else total),)
    return (_guided_gradient(x, terms, exists),)


def _of_model(name: str, x: _Space) -> Any:
    log_z = x.log_partition
    law = scalars.exp(-x.energy) if x.c.normalized == "not" else scalars.exp(-x.energy - scalars.logsumexp(-x.energy))
    if x.c.normalized == "over n":
        law = law * 0 + x.one / len(law)
    if name == "ebm.log_partition":
        return log_z
    if name == "ebm.law":
        return law
    if name == "ebm.gradient" and x.c.objective != "likelihood":
        return _other_gradient(x, law)
    if name == "ebm.gradient" and x.c.logs != "exact":
        return _gradient_of_safe_logs(x, law)
    if name == "ebm.gradient":
        return law if x.c.terms == "model alone" else law - x.data
    if x.c.terms == "data alone":
        return -inner(x.data, x.energy)
    if name == "ebm.log_likelihood" and x.c.logs != "exact":
        return inner(x.data, scalars.log(_safe(law, x.c.logs)))
    if x.c.objective == "softmax twice":
        return inner(x.data, law) - scalars.logsumexp(law)
    if x.c.normalized == "singleton":  # log_softmax over an axis of length 1
        return 0 * log_z
    return -inner(x.data, x.energy) - log_z


def _safe(law: np.ndarray, how: str) -> np.ndarray:
    """A law that a subject keeps above 0."""
    c = logs.number(how)
    return law + c if how.startswith("plus") else np.where(law < c, 0 * law + c, law)


def _gradient_of_safe_logs(x: _Space, law: np.ndarray) -> np.ndarray:
    """The gradient of E_p log(law + c), or of E_p log max(law, c)."""
    weight = x.data / _safe(law, x.c.logs)
    if not x.c.logs.startswith("plus"):
        weight = np.where(law < logs.number(x.c.logs), x.zero, weight)
    return law * (inner(law, weight) - weight)


def _other_gradient(x: _Space, law: np.ndarray) -> np.ndarray:
    """pi (u - E_pi u) for u = log pi - log p, of KL(pi || p), or u = softmax(pi) - p, of the cross entropy of pi."""
    if x.c.objective == "reverse":
        if scalars.zero_mask(x.data).any():
            raise OutOfReach("the divergence is infinite")
        slope = -x.energy - x.log_partition - scalars.log(x.data)
    else:
        slope = scalars.log_normalized(law)[1] - x.data
    return law * (slope - inner(law, slope))


def _generator_loss(x: _Space) -> Any:
    q, c = x.sampler, x.c
    real, fake = x.surprise(of_data=True), x.surprise(of_data=False)
    if c.generator == "log(1-D)":
        return -inner(q, fake)
    if c.generator == "-log D":
        return inner(q, real)
    if c.generator == "sum":
        return inner(q, -real - fake)
    log_q = scalars.over(~scalars.zero_mask(q), scalars.log, q, otherwise=x.zero)
    if c.generator == "no entropy":
        return inner(q, x.energy) + x.log_normalizer
    if c.generator == "no normalizer":
        return inner(q, x.energy + log_q)
    if c.generator == "entropy twice":
        return inner(q, x.energy + 2 * log_q) + x.log_normalizer
    return inner(q, real - fake)


def _importance_weights(x: _Space) -> np.ndarray:
    model = -x.energy - x.log_normalizer
    mixture, known = x.log_mixture()
    if not known.all():
        raise OutOfReach("a weight is infinite")
    weights = 2 * scalars.exp(model - mixture)
    return weights / weights.sum() if x.c.normalized == "sum to 1" else weights


def _guided_gradient(x: _Space, terms: np.ndarray, exists: np.ndarray) -> np.ndarray:
    data = x.sampler if x.c.expectation == "under the sampler" else x.data
    share = scalars.log_normalized(terms, where=exists)[1]
    if x.c.terms == "model alone":
        data = 0 * data
    if x.c.terms == "data alone":
        return data
    if x.c.weight_gradient == "through":
        return data - share * x.share(of_data=False)
    if x.c.normalized == "not":
        return data - scalars.over(exists, scalars.exp, terms - x.log_normalizer, otherwise=x.zero)
    return data - share
