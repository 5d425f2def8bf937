"""How long the judge takes to prove a gradient for all rewards, in numpy, JAX and torch.

The gradient is that of maximum causal entropy, rho_E - rho_pi, at S = 10, A = 4, T = 10, once by hand in numpy and
twice by automatic differentiation of the dual. Each is run over a prime field with a free number in place of each
reward: the time is that of one case, from the function to the verdict, with the tracing of the program. Before it
counts, the verdict is `proved for all`, and the same function with a factor 1 + e is refuted: e = 1e-30 as a fraction
in numpy, 2^-40 in JAX, 2^-45 in torch.

torch and jax are optional.
"""

import importlib.util
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import detection_floors, gradients
from equivalence.evidence.verdict import PROVED_FOR_ALL, REFUTED
from equivalence.testing.adapters.over_field import judged_on
from equivalence.testing.targets import Layout, find_target

SHAPE = (10, 4, 10)
GOAL = 1.0  # seconds
TURNS = 5
PLANTED = {  # the error, as it is printed and as a number
    "numpy": ("1e-30", Fraction(1, 10**30)),
    "jax": ("2^-40", Fraction(1, 2**40)),
    "torch": ("2^-45", Fraction(1, 2**45)),
}


class Row(NamedTuple):
    """A framework, what is planted into the wrong function, and seconds; without seconds, why."""

    framework: str
    error: str
    seconds: float = 0.0
    refuted: float = 0.0
    why_not: str = ""


def rows(shape: tuple[int, int, int] = SHAPE, turns: int = TURNS) -> Iterator[Row]:
    """One row a framework: medians of some turns.

    Errors: `AssertionError` where the right function is not proved or the wrong one not refuted.
    """
    given = detection_floors.subject_for("judge", shape)
    target = find_target(gradients.TARGET, Layout())
    instance = gradients.instance(given.mdp, given.reward, given.expert)
    everywhere = np.ones(given.expert.shape, dtype=bool)
    for name, (text, error) in PLANTED.items():
        if importlib.util.find_spec(name) is None:
            yield Row(name, text, why_not="not installed")
            continue
        right, wrong = gradients.GRADIENTS[name](), gradients.times_factor(name, everywhere, error)
        times: dict[str, list[float]] = {PROVED_FOR_ALL: [], REFUTED: []}
        for _ in range(turns):
            for function, word in ((right, PROVED_FOR_ALL), (wrong, REFUTED)):
                start = time.perf_counter()
                found = judged_on(function, target, [instance])
                times[word].append(time.perf_counter() - start)
                assert found.outcome == word, f"{name}: {found.outcome}, expected {word}: {found.detail}"
        yield Row(name, text, float(np.median(times[PROVED_FOR_ALL])), float(np.median(times[REFUTED])))


def report(sizes: Sequence[int] = ()) -> None:
    """The table, as Markdown; `sizes` = S, A, T other than the usual ones."""
    shape = (*sizes, *SHAPE[len(sizes) :])
    table = Table("framework", "proved for all rewards, s", "e", "1 + e refuted, s", box=box.MARKDOWN)
    for row in rows((shape[0], shape[1], shape[2])):
        seconds = [row.why_not, ""] if row.why_not else [f"{row.seconds:.2f}", f"{row.refuted:.2f}"]
        table.add_row(row.framework, seconds[0], row.error, seconds[1])
    console = Console(width=120)
    console.print((__doc__ or "").splitlines()[0], f"S = {shape[0]}, A = {shape[1]}, T = {shape[2]}; goal {GOAL:g} s.")
    console.print(table)
