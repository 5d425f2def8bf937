"""Sums of exponentials that somebody shifted by the largest of them.

As they come, e^(x_i - x_k) has what is above the line of e^x_k below its own, of every step before it, and roots of
roots. What they have in common is taken out.
"""

from collections.abc import Sequence
from typing import Any

from flint import fmpq

from equivalence.testing.adapters.numbers import Traced, traced
from mdps.scalars.elementary import exp_of, log_of
from mdps.scalars.field import FieldNumber, LogField, current_field


def is_shifted(x: Any) -> bool:
    """Whether a number is an exponential with a divisor."""
    number = x.number if type(x) is Traced else None
    if not isinstance(number, FieldNumber) or number.logarithm is None:
        return False
    return any(isinstance(c, fmpq) and c < 0 for _, c in number.logarithm.terms.values())


def total(entries: Sequence[Any]) -> Any:
    """The sum, e^g sum_i e^(x_i - g) where all entries that are not 0 are exponentials; g is what these have in common.

    log of it is g + log sum_i e^(x_i - g).
    """
    numbers = [traced(x).number for x in entries]
    present = [x for x in numbers if not (isinstance(x, FieldNumber) and x.constant is not None and not x.constant)]
    logarithms = [log_of(x) if _is_exponential(x) else None for x in present]
    common = _in_common([x for x in logarithms if x is not None]) if None not in logarithms else None
    if common is None or not common.terms:
        return sum(entries[1:], entries[0])
    rest = [traced(exp_of(x - common)) for x in logarithms]
    return Traced(exp_of(common)) * sum(rest[1:], rest[0])


def _is_exponential(x: Any) -> bool:
    if not isinstance(x, FieldNumber):
        return False
    return x.logarithm is not None or (x.constant is not None and x.constant > 0)


def _in_common(logarithms: Sequence[LogField]) -> LogField | None:
    """The sum of logarithms with the least of their coefficients each; None where some are not known."""
    terms: dict[Any, Any] = {}
    for key in {key for x in logarithms for key in x.terms}:
        found = [x.terms.get(key) for x in logarithms]
        coefficients = [fmpq(0) if term is None else term[1] for term in found]
        if not all(isinstance(c, fmpq) for c in coefficients):
            return None
        least = min(coefficients)
        if least:
            terms[key] = next(term[0] for term in found if term is not None), least
    return LogField(current_field(), terms)
