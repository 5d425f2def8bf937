"""A discriminator between what an expert and what a policy visits.

For a table of logits l, and visits rho_E of the expert and rho of the policy, entry by entry,

    D        = sigmoid(l)                                   the probability of being the expert's
    L_D      = sum rho_E (-log D) + rho (-log(1 - D))        = sum rho_E softplus(-l) + rho softplus(l)
    dL_D/dl  = rho D - rho_E (1 - D)
    l*       = log(rho_E / rho),        D* = rho_E / (rho_E + rho)

Visits are unnormalized: losses are sums, as large as the visits, and not means. With m = (rho_E + rho) / 2,

    -min_l L_D = KL(rho_E || m) + KL(rho || m) - (|rho_E| + |rho|) log 2

where KL(a || b) = sum a log(a / b) and |a| = sum a, which is 1 / (1 - gamma) without end and terminal states. The first
two terms are what Ho and Ermon call the Jensen-Shannon divergence: twice the one that is bounded by log 2.

What a policy may be paid, by name:

    "log D - log(1-D)"   l                    > 0 and < 0
    "-log(1-D)"          softplus(l)          never < 0: pays for each step that an episode goes on
    "log D"              -softplus(-l)        never > 0: pays for ending it
    "rho_E/rho"          e^l                  the density ratio at l*

All is computed from logits; log D - log(1 - D) from a D near 1 would lose e^l of its digits.
Source: ho2016; goodfellow2014.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mdps import InvalidArgument, scalars

LOG_RATIO = "log D - log(1-D)"
REWARDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    LOG_RATIO: lambda logit: logit,
    "-log(1-D)": scalars.softplus,
    "log D": lambda logit: -scalars.softplus(-logit),
    "rho_E/rho": scalars.exp,
}


def reward_named(form: str, logit: np.ndarray) -> np.ndarray:
    """What a policy is paid at a logit, entry by entry; `form` is one of `REWARDS`."""
    if form not in REWARDS:
        raise InvalidArgument(f"form is {form!r}; expected one of {', '.join(map(repr, REWARDS))}")
    return REWARDS[form](logit)


def loss_terms(logit: np.ndarray, expert: np.ndarray, visits: np.ndarray, *, where: Any = True) -> np.ndarray:
    """rho_E softplus(-l) + rho softplus(l) of each entry; 0 where there is no logit."""

    def terms(logit: np.ndarray, expert: np.ndarray, visits: np.ndarray) -> np.ndarray:
        return expert * scalars.softplus(-logit) + visits * scalars.softplus(logit)

    return scalars.over(where, terms, logit, expert, visits, otherwise=scalars.constant(0, visits))


def loss_gradient(logit: np.ndarray, expert: np.ndarray, visits: np.ndarray, *, where: Any = True) -> np.ndarray:
    """dL_D/dl = rho D - rho_E (1 - D) of each entry; 0 where there is no logit."""

    def terms(logit: np.ndarray, expert: np.ndarray, visits: np.ndarray) -> np.ndarray:
        return visits * scalars.sigmoid(logit) - expert * scalars.sigmoid(-logit)

    return scalars.over(where, terms, logit, expert, visits, otherwise=scalars.constant(0, visits))


def optimal_discriminator(expert: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """D* = rho_E / (rho_E + rho); 1/2 where nobody goes, since there any D is optimal."""
    visited = ~scalars.zero_mask(expert) | ~scalars.zero_mask(visits)
    half = scalars.constant(1, visits) / 2
    return scalars.over(visited, lambda e, v: e / (e + v), expert, visits, otherwise=half)


def optimal_logit(expert: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """l* = log(rho_E / rho); 0 where nobody goes.

    Errors: `InvalidArgument` where one side alone goes: the infimum is at an infinite logit, and none is attained.
    """
    expert_goes, policy_goes = ~scalars.zero_mask(expert), ~scalars.zero_mask(visits)
    alone = expert_goes ^ policy_goes
    if alone.any():
        at = [int(i) for i in np.argwhere(alone)[0]]
        who, other = ("expert", "policy") if expert_goes[tuple(at)] else ("policy", "expert")
        raise InvalidArgument(
            f"at {at} the {who} goes and the {other} never does: no finite logit is optimal there. "
            "optimal_discriminator(...) is 0 or 1 there"
        )

    def log_ratio(expert: np.ndarray, visits: np.ndarray) -> np.ndarray:
        return scalars.log(expert) - scalars.log(visits)

    return scalars.over(policy_goes, log_ratio, expert, visits, otherwise=scalars.constant(0, visits))


def divergence_terms(expert: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """rho_E log(rho_E / m) + rho log(rho / m) of each entry, m = (rho_E + rho) / 2; never negative."""
    return _against_mixture(expert, visits) + _against_mixture(visits, expert)


def _against_mixture(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    def terms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a * (scalars.log(a) - scalars.log((a + b) / 2))

    return scalars.over(~scalars.zero_mask(a), terms, a, b, otherwise=scalars.constant(0, a))
