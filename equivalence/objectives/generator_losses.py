"""What a sampler descends when a discriminator is given: the losses of GANs by name, and what each follows.

A loss is E_q[c(l)], the expected cost of an outcome whose logit is l = log D - log(1 - D), D the probability of data:

| name                 | cost c(l)                  | c'(l)    | D* frozen: gradient of   | D* moves: gradient of  |
|----------------------|----------------------------|----------|--------------------------|------------------------|
| `saturating`         | log(1 - D) = -softplus(l)  | -D       | 2 JSD(p, q)              | KL(q || m)             |
| `non_saturating`     | -log D     = softplus(-l)  | -(1 - D) | KL(q || p) - 2 JSD(p, q) | KL(q || p) - KL(q || m)|
| `logit`              | log(1 - D) - log D = -l    | -1       | KL(q || p)               | KL(q || p)             |
| `maximum_likelihood` | -exp(l)                    | -exp(l)  | KL(p || q)               | nothing: E_q[c] = -1   |

with m = (p + q)/2 and D* = p / (p + q), up to a constant, which is no gradient on the simplex (`tangent`). Away from
D*, and where q = 0, none of this holds.

    frozen        dE_q[c]/dq(x) = c(l(x))
    moving        dE_q[c]/dq(x) = c(l(x)) - c'(l(x)),      for l = ... - log q, so that dl/dq = -1/q

The second is for a discriminator that is given the sampler's density, l = -E - log Z - log q, and moves with it at
fixed E and log Z; and for D*, l = log p - log q. For the logit loss, `gan.generator_loss`, the two differ by the
constant 1, so it alone has one gradient on the simplex however it is read.

The names are those of the field. `saturating` has a gradient that vanishes where the discriminator is sure of a sample:
c' -> 0 as l -> -infinity. A reward is -c.
Source: goodfellow2014; goodfellow2014criteria; finn2016; arjovsky2017principled.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.f_divergences import without_log_zero
from equivalence.objectives.laws import checked_tables, first, in_range
from mdps import InvalidArgument, scalars


class GeneratorLoss(NamedTuple):
    """A cost c(l) of logits and its slope c'(l), entry by entry; `vanishes`: c(-infinity) = c'(-infinity) = 0."""

    cost: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    vanishes: bool


LOSSES: Mapping[str, GeneratorLoss] = MappingProxyType(
    {
        "saturating": GeneratorLoss(
            cost=lambda logit: -scalars.softplus(logit), slope=lambda logit: -scalars.sigmoid(logit), vanishes=True
        ),
        "non_saturating": GeneratorLoss(
            cost=lambda logit: scalars.softplus(-logit), slope=lambda logit: -scalars.sigmoid(-logit), vanishes=False
        ),
        "logit": GeneratorLoss(cost=lambda logit: -logit, slope=lambda logit: 0 * logit - 1, vanishes=False),
        "maximum_likelihood": GeneratorLoss(
            cost=lambda logit: -scalars.exp(logit), slope=lambda logit: -scalars.exp(logit), vanishes=True
        ),
    }
)


def loss(name: str, logit: Any, sampler: Any) -> Any:
    """E_q[c(l)] of a sampler q [..., n], in nats (`maximum_likelihood`: a number); minimized by q.

    logit [..., n]; it does not matter where q is 0, and may be log 0 where the cost is then 0.

    >>> from fractions import Fraction
    >>> half = [Fraction(1, 2), Fraction(1, 2)]
    >>> loss("saturating", [0, 0], half)
    -log(2)
    """
    table, bottom = without_log_zero(logit)
    table, sampler = checked_tables(laws=("sampler",), logit=table, sampler=sampler)
    sampled = ~scalars.zero_mask(sampler)
    costs = _costs(name, table, np.broadcast_to(bottom, table.shape), sampled, moving=False)
    terms = scalars.over(sampled, np.multiply, sampler, costs, otherwise=scalars.constant(0, sampler + table))
    return terms.sum(axis=-1)


def gradient(name: str, logit: Any) -> np.ndarray:
    """d loss / dq(x) = c(l(x)) with the discriminator frozen, [..., n]: the cost of each outcome.

    Errors: `InvalidArgument` for an infinite cost (a logit of log 0), `OutOfReach` for one beyond the floats.
    """
    table, bottom = without_log_zero(logit)
    (table,) = checked_tables(logit=table)
    return _costs(name, table, np.broadcast_to(bottom, table.shape), np.ones(table.shape, dtype=bool), moving=False)


def moving_gradient(name: str, logit: Any) -> np.ndarray:
    """d loss / dq(x) = c(l(x)) - c'(l(x)) where the logit moves with q as -log q, [..., n].

    The same errors as `gradient`.

    >>> from fractions import Fraction
    >>> from mdps import log
    >>> moving_gradient("maximum_likelihood", log([Fraction(2), Fraction(1, 3)]))
    array([0, 0], dtype=object)
    """
    table, bottom = without_log_zero(logit)
    (table,) = checked_tables(logit=table)
    return _costs(name, table, np.broadcast_to(bottom, table.shape), np.ones(table.shape, dtype=bool), moving=True)


def _costs(name: str, logit: np.ndarray, bottom: np.ndarray, where: np.ndarray, *, moving: bool) -> np.ndarray:
    """c(l), or c(l) - c'(l) where it moves, at the outcomes that count."""
    if name not in LOSSES:
        raise InvalidArgument(f"the loss is {name!r}; expected one of {', '.join(LOSSES)}")
    c = LOSSES[name]
    lost = bottom & where
    if lost.any() and not c.vanishes:
        raise InvalidArgument(f"logit{first(lost)} is minus infinity (p = 0 < q): the {name} loss is infinite")
    at = where & ~bottom
    with np.errstate(all="ignore"):
        costs = scalars.over(
            at,
            (lambda logit: c.cost(logit) - c.slope(logit)) if moving else c.cost,
            logit,
            otherwise=scalars.constant(0, logit),
        )
    return in_range(costs, f"the {name} loss at logit")
