"""How long the judge takes to prove a gradient for all rewards, in numpy, JAX and torch.

The gradient is that of maximum causal entropy, rho_E - rho_pi, at S = 10, A = 4, T = 10, once by hand in numpy and
twice by automatic differentiation of the dual. Each is run over a prime field with a free number in place of each
reward: the time is that of one case, from the function to the verdict, with the tracing of the program. Before it
counts, the verdict is `proved for all`, and the same function with a factor 1 + e is refuted: e = 1e-30 as a fraction
in numpy, 2^-40 in JAX, 2^-45 in torch.

torch and jax are optional.
"""

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import scipy.special
from flint import fmpq
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import detection_floors
from equivalence.evidence.verdict import PROVED_FOR_ALL, REFUTED
from equivalence.testing.adapters.over_field import judged_on
from equivalence.testing.targets import Layout, find_target
from mdps import scalars

SHAPE = (10, 4, 10)
GOAL = 1.0  # seconds
TURNS = 5
TARGET = "causal.gradient"

Gradient = Callable[..., Any]


class Row(NamedTuple):
    """A framework, what is planted into the wrong function, and seconds; without seconds, why."""

    framework: str
    error: str
    seconds: float = 0.0
    refuted: float = 0.0
    why_not: str = ""


def in_numpy() -> Gradient:
    """By hand: backwards through the values, forwards through the visits."""

    def gradient(transition: Any, initial: Any, horizon: int, discount: Any, reward: Any, expert: Any) -> Any:
        v, policies = np.zeros(len(initial)), []
        for _ in range(horizon):
            q = reward + discount * transition @ v
            policies.insert(0, scipy.special.softmax(q, axis=1))
            v = scipy.special.logsumexp(q, axis=1)
        visits, mu = np.zeros(reward.shape), initial
        for t, policy in enumerate(policies):
            visits += discount**t * mu[:, None] * policy
            mu = np.einsum("s,sa,sax->x", mu, policy, transition)
        return expert - visits

    return gradient


def in_jax() -> Gradient:
    """jax.grad of the dual, whose values are scanned."""
    jax: Any = importlib.import_module("jax")

    def gradient(transition: Any, initial: Any, horizon: int, discount: Any, reward: Any, expert: Any) -> Any:
        def dual(reward: Any) -> Any:
            def backup(v: Any, _: Any) -> Any:
                return jax.nn.logsumexp(reward + discount * transition @ v, axis=1), None

            v, _ = jax.lax.scan(backup, jax.numpy.zeros(len(initial)), None, length=horizon)
            return (expert * reward).sum() - initial @ v

        return jax.grad(dual)(reward)

    return gradient


def in_torch() -> Gradient:
    """torch.autograd.grad of the dual."""
    torch: Any = importlib.import_module("torch")

    def gradient(transition: Any, initial: Any, horizon: int, discount: Any, reward: Any, expert: Any) -> Any:
        reward = reward.detach().requires_grad_()
        v = torch.zeros_like(initial)
        for _ in range(horizon):
            v = torch.logsumexp(reward + discount * (transition @ v), dim=1)
        [slope] = torch.autograd.grad((expert * reward).sum() - initial @ v, reward)
        return slope

    return gradient


FRAMEWORKS: dict[str, tuple[Callable[[], Gradient], str, Any]] = {
    "numpy": (in_numpy, "1e-30", Fraction(1, 10**30)),
    "jax": (in_jax, "2^-40", 2.0**-40),
    "torch": (in_torch, "2^-45", 2.0**-45),
}


def rows(shape: tuple[int, int, int] = SHAPE, turns: int = TURNS) -> Iterator[Row]:
    """One row a framework: medians of some turns.

    Errors: `AssertionError` where the right function is not proved or the wrong one not refuted.
    """
    given = detection_floors.subject(*shape)
    target = find_target(TARGET, Layout())
    ranks = np.random.default_rng(0).permutation(given.expert.size).reshape(given.expert.shape)
    reward = scalars.convert(ranks - given.expert.size // 2, "exact") / 7
    instance = {"mdp": given.mdp, "reward": reward, "expert": given.expert, "temperature": fmpq(1)}
    for name, (made, text, error) in FRAMEWORKS.items():
        if importlib.util.find_spec(name) is None:
            yield Row(name, text, why_not="not installed")
            continue
        right = made()

        def wrong(*arguments: Any, right: Gradient = right, error: Any = error) -> Any:
            return right(*arguments) * (1 + error)

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
