"""An argument of targets: what it is, how it is drawn, and what of it is free over a finite field.

LOGARITHM      k log w with a free positive weight w for each entry: rewards, logits, logarithms of normalizers
COST           the same with the other sign: energies and costs, of which e^-E is the weight
HALVED         a cost of which halves are exponents: 2 k log w
NUMBER         a free number for each entry
DISTRIBUTION   free probabilities where there are positive ones; each row along the last axis sums to 1
FIXED          the numbers of the instance
AVERAGING      those too; they average logarithms inside exponents, so that roots of their denominators are taken
SCALE          those too; values are divided by it, so that roots of its numerator's order are taken
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from equivalence.testing.targets.drawing import Draw

LOGARITHM, COST, HALVED = "logarithm", "cost", "halved"
NUMBER, DISTRIBUTION = "number", "distribution"
FIXED, AVERAGING, SCALE = "fixed", "averaging", "scale"
EXPONENTS = (LOGARITHM, COST, HALVED)  # rewards, energies and logits: where they are large, digits or floats are lost
LIMITED = (*EXPONENTS, NUMBER)  # whose size the kinds of instances limit


class Argument(NamedTuple):
    """One name that arguments of targets have.

    axes      letters of `axes`; '' for a number.
    role      what is free of it, unless a target says otherwise.
    draw      its exact value, given what was drawn before it.
    meaning   a few words.
    measure   whether the reducer adds entries up where it merges states or outcomes.
    integer   whether it is an array of whole numbers.
    """

    axes: str
    role: str
    draw: Callable[[Draw], Any]
    meaning: str
    measure: bool = False
    integer: bool = False
