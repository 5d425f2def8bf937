"""An instance: the exact objects that a claim is about, by the names of its parameters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from equivalence.claims import Assumption, Claim
from mdps import MDP, scalars


@dataclass(frozen=True, eq=False)
class Instance:
    """Exact values by name, and where they come from.

    text      what it is, in a few words.
    changes   what was done to somebody's numbers to get here.
    requires  assumptions of the instance itself, without which it shows nothing.
    """

    values: Mapping[str, Any]
    text: str
    changes: tuple[str, ...] = ()
    requires: tuple[Assumption, ...] = field(default=())

    def mapped(
        self, names: Iterable[str], on_numbers: Callable[[np.ndarray], Any], on_model: Callable[[MDP], MDP]
    ) -> dict[str, Any]:
        """The values of these names, with functions applied to arrays of numbers and to models; anything else stays."""

        def convert(value: Any) -> Any:
            if isinstance(value, MDP):
                return on_model(value)
            array = np.asarray(value)
            return on_numbers(array) if array.dtype.kind in "iufO" else value

        return {name: convert(self.values[name]) for name in names}

    def at(self, level: str, names: Iterable[str]) -> dict[str, Any]:
        """The values of these names in the arithmetic of a level."""
        return self.mapped(names, lambda array: scalars.convert(array, level)[()], lambda mdp: mdp.to(level))

    def meeting(self, claim: Claim) -> "Instance":
        """The instance with what the claim assumes established, where that can be done by changing parts of it."""
        values = dict(self.values)
        for needed in claim.assumes:
            if needed.establish is not None and not needed(values):
                values |= needed.establish(values)
        return replace(self, values=values)

    def unmet(self, claim: Claim) -> Assumption | None:
        """The first assumption, of the instance itself or of the claim, that does not hold; None if all do."""
        for needed in (*self.requires, *claim.assumes):
            if not needed(self.values):
                return needed
        return None
