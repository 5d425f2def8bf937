"""The catalogue: statements about exact quantities, one file a family.

    finn          Finn et al. (2016) on a finite space
    trajectories  the same on an MDP, whose outcomes are its trajectories
    entropy       maximum entropy over trajectories against maximum causal entropy

    claim         what a claim is
    assumptions   what claims assume, each defined once

Importing this package fills `REGISTRY`, by name. `find` looks a claim up by its name or its id in the catalogue.
"""

import difflib

from equivalence.claims import (  # noqa: F401  (they register their claims)
    adversarial,
    consistency,
    duality,
    entropy,
    finn,
    identifiability,
    importance,
    shaping,
    steps,
    trajectories,
)
from equivalence.claims.assumption import Assumption
from equivalence.claims.claim import REGISTRY, AtMost, Claim, Conclusion, Equal
from mdps import InvalidArgument

__all__ = ["REGISTRY", "Assumption", "AtMost", "Claim", "Conclusion", "Equal", "find"]


def find(text: str) -> list[Claim]:
    """The claims of that name or catalogue id (one id may stand for several), without regard to case.

    Errors: `InvalidArgument` with the nearest names.
    """
    wanted = text.strip().lower()
    found = [c for c in REGISTRY.values() if wanted in (c.name.lower(), c.catalogue.lower())]
    if found:
        return found
    known = {
        **{name.lower(): name for name in REGISTRY},
        **{c.catalogue.lower(): c.catalogue for c in REGISTRY.values()},
    }
    near = [known[name] for name in difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)]
    near += [name for name in REGISTRY if wanted in name.lower() and name not in near][:3]
    hint = f"; did you mean {', '.join(near)}?" if near else "."
    raise InvalidArgument(f"no claim is called {text!r}{hint} `equivalence list` shows all")
