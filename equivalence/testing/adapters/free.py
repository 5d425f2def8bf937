"""Free numbers of a field in place of the arguments of a target.

    free         reward, energy and log Z (r = k log w with a free positive weight w each), policy, and sampler and data
                 except where the target is a loss, in which they multiply logarithms
    not free     dynamics, discount, temperature, horizon, expert; sampler and data of losses

k is such that roots that a recursion takes are whole powers of the weights.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb, fmpq

from equivalence.testing.targets import Instance, Target
from mdps import MDP, scalars
from mdps.scalars.elementary import log_of
from mdps.scalars.field import Field, FieldNumber, LogField
from mdps.scalars.levels import exact_fraction

LOGARITHMIC = ("reward", "energy", "log_normalizer")
LOSSES = ("ebm.log_likelihood", "gan.discriminator_loss", "gan.generator_loss", "gcl.loss")
LINEAR = ("policy_value",)  # in the reward, which is a free number and not a logarithm


def _whole(instance: Instance) -> int:
    """k, such that exponents of weights w = e^(r/k) that occur are whole numbers, averages of values apart."""
    if "mdp" not in instance:
        return 1
    mdp = instance["mdp"]
    dynamics = math.lcm(*(int(x.q) for x in {*map(exact_fraction, mdp.transition.ravel())}))
    alpha = exact_fraction(np.asarray(instance.get("temperature", fmpq(1)), dtype=object)[()])
    return dynamics * int(alpha.p) * int(exact_fraction(mdp.discount).q) ** int(mdp.horizon)


def odd_part(instances: Sequence[Instance]) -> int:
    """The odd part of all that roots are taken of."""
    product = math.lcm(1, *map(_whole, instances))
    return product // (product & -product)


def free_arguments(field: Field, target: Target, instance: Instance) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments of the target over the field, and the names of the free ones."""
    whole = _whole(instance)

    def number(value: Any) -> FieldNumber:
        return field.free(arb(exact_fraction(value)))

    def logarithm(value: Any) -> LogField:
        return log_of(field.free((arb(exact_fraction(value)) / whole).exp())) * whole

    values: dict[str, Any] = {}
    names = []
    for name in target.arguments:
        value = instance[name]
        if isinstance(value, MDP):
            values[name] = value.to("field")
            continue
        array = np.asarray(value, dtype=object)
        if name in LOGARITHMIC:
            fresh = number if target.name in LINEAR else logarithm
            sign = -1 if name == "energy" else 1  # of an energy e^-E is the weight
            values[name] = each(lambda x, fresh=fresh, sign=sign: sign * fresh(sign * x), array)
            names.append(name)
        elif name == "policy" or (name in ("sampler", "data") and target.name not in LOSSES):
            values[name], drawn = _free_rows(array, number)
            names += [name] if drawn else []
        else:
            values[name] = scalars.convert(array, "field")[()]
    return values, tuple(names)


def each(function: Callable[[Any], Any], array: np.ndarray) -> Any:
    """The array of what a function makes of each entry."""
    result = np.empty(array.shape, dtype=object)
    for index in np.ndindex(*array.shape):
        result[index] = function(array[index])
    return result[()]


def _free_rows(array: np.ndarray, number: Callable[[Any], FieldNumber]) -> tuple[np.ndarray, bool]:
    """Free probabilities where there are positive ones, the last of a row 1 minus the others; and whether any is."""
    positive = ~scalars.zero_mask(array)
    result = scalars.convert(array, "field")
    drawn = False
    for row in np.ndindex(array.shape[:-1]):
        *entries, last = np.flatnonzero(positive[row]).tolist() or [None]
        rest: Any = scalars.constant(1, result)
        for entry in entries:
            result[(*row, entry)] = number(array[(*row, entry)])
            rest = rest - result[(*row, entry)]
            drawn = True
        if entries:
            result[(*row, last)] = rest
    return result, drawn
