"""Free numbers of a field in place of the arguments of a target.

    free         rewards, energies, logits (k log w with a free positive weight w each), policies, samplers, data
    not free     dynamics, discount, temperature, horizon, experts; and what multiplies logarithms of what is free

What an argument is its table says, and a target where it is another (`targets.argument`). k is such that roots that a
recursion takes are whole powers of the weights.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb

from equivalence.testing.targets import Instance, Target, is_integer
from equivalence.testing.targets.argument import AVERAGING, COST, DISTRIBUTION, HALVED, LIMITED, NUMBER, SCALE
from mdps import MDP, scalars
from mdps.scalars.elementary import log_of
from mdps.scalars.field import Field, FieldNumber, LogField
from mdps.scalars.levels import exact_fraction


def _whole(target: Target, instance: Instance) -> int:
    """k, such that exponents of weights w = e^(r/k) that occur are whole numbers, averages of values apart."""
    product = 1
    for name in target.arguments:
        role = target.role_of(name) if name != "mdp" else ""
        if role == SCALE:
            scale = exact_fraction(np.asarray(instance[name], dtype=object)[()])
            product *= int(scale.p) * int(scale.q if name != "temperature" else 1)
        if role == HALVED:
            product *= 2
        if role == AVERAGING:
            product *= _denominators(instance[name])
    if "mdp" not in instance:
        return product
    mdp = instance["mdp"]
    return product * _denominators(mdp.transition) * int(exact_fraction(mdp.discount).q) ** int(mdp.horizon or 1)


def _denominators(array: Any) -> int:
    return math.lcm(*(int(x.q) for x in {*map(exact_fraction, np.ravel(np.asarray(array, dtype=object)))}))


def odd_part(target: Target, instances: Sequence[Instance]) -> int:
    """The odd part of all that roots are taken of."""
    product = math.lcm(1, *(_whole(target, instance) for instance in instances))
    return product // (product & -product)


def free_arguments(field: Field, target: Target, instance: Instance) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments of the target over the field, and the names of the free ones."""
    whole = _whole(target, instance)

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
        if is_integer(name):
            values[name] = value
            continue
        array = np.asarray(value, dtype=object)
        role = target.role_of(name)
        if role in LIMITED:
            fresh = number if role == NUMBER else logarithm
            sign = -1 if role in (COST, HALVED) else 1  # of an energy e^-E is the weight
            values[name] = each(lambda x, fresh=fresh, sign=sign: sign * fresh(sign * x), array)
            names.append(name)
        elif role == DISTRIBUTION:
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
