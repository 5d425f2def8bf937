"""Detection floors: the smallest relative bug in a gradient that each checker is sure to see.

The gradient is that of maximum causal entropy, rho_E - rho_pi, S = 10 states, A = 4 actions, T = 20 steps, and the same
for all checkers. Three kinds of bug are planted into it: a factor 1 + e on all components, on the one of median size,
and on a small one (the one closest to 1% of the largest). The floor is the smallest e of the grid 1, 3e-1, 1e-1, ...,
1e-30 that is seen together with every larger one. Each checker is first given the correct gradient; one that objects to
it has no floor.

The checkers of others get floats, in which a factor 1 + e with e < 2^-53 is 1: such a bug does not exist there. So does
level `float`. Levels `ball`, `exact` and `field` get the factor as a fraction. Rewards are logs of rational numbers,
and every action has two successors, with probabilities 1/3 and 2/3: level `field` takes unique cubic roots. These are
irrational numbers, so level `exact` is asked on a model of the same shape without chance.

    scipy, check_grad        |gradient - forward differences| < 1e-5; its documentation leaves the rule to its users
    torch, gradcheck         its defaults: central differences of 1e-6, atol 1e-5, rtol 1e-3; slow: every component,
                             fast: one random projection
    jax, check_grads         its defaults in double precision: one fixed random direction, atol and rtol 1e-5; order 1,
                             reverse mode
    complex step             Im f(x + i h) / h with h = 1e-20, every component within a relative 1e-12
    level float              floats against balls of the exact gradient, within the derived bound on rounding
    levels ball, exact       every component against the derivative of the dual by dual numbers
    level field              <gradient, dr> against the derivative of the dual along dr, for free r and dr: so for all
                             components, and no tolerance
    judge                    `equivalence.testing` on code that computes the gradient, by hand in numpy or by the
                             derivatives of a framework: over a field, then in floats within the derived bound

The judge reads the code itself. numpy code is given the factor as a fraction. The code of a framework has it as a
float, which a field reads as the number that was written, 1 + 3e-14, or as the float itself, 1 + 2^-52. Its rewards are
rational numbers.

torch and jax are optional. Nothing here depends on the machine, but for the last digits of exp and log.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.special
from flint import fmpq
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import gradients
from equivalence.claims.claim import Claim, Conclusion, equal
from equivalence.evidence import Instance
from equivalence.evidence.check import CHECKS
from equivalence.evidence.verdict import FAILS
from equivalence.objectives import causal
from equivalence.testing.adapters.over_field import judged_on
from equivalence.testing.adapters.subject import subject_of
from equivalence.testing.answer import asked
from equivalence.testing.question import question
from equivalence.testing.targets import Layout, find_target
from mdps import MDP, occupancy, scalars
from mdps.random_models import random_policy, random_reward
from mdps.scalars.duals import gradient as dual_gradient, jacobian

SHAPE = (10, 4, 20)
SIZES = tuple(fmpq(k, 10**m) for m in range(31) for k in (3, 1) if (k, m) != (3, 0))  # 1, .3, .1, .03, ..., 1e-30
KINDS = ("all components", "median component", "small component")
SMALL = 0.01  # of the largest component
NOT_INSTALLED = "not installed"
FALSE_ALARM = "objects to correct code"

Gradient = Callable[..., np.ndarray]


class Subject(NamedTuple):
    """A model, a reward [s, a], an expert [s, a] and a direction dr [s, a], in exact numbers."""

    mdp: MDP
    reward: np.ndarray
    expert: np.ndarray
    reward_slope: np.ndarray

    @property
    def instance(self) -> Instance:
        """What the claims below are asked on."""
        return Instance(self._asdict(), "a random model")

    @property
    def floats(self) -> tuple[MDP, np.ndarray, np.ndarray]:
        """Model, reward and expert in float64."""
        return self.mdp.to("float"), scalars.convert(self.reward, "float"), scalars.convert(self.expert, "float")

    @property
    def gradient(self) -> np.ndarray:
        """The correct gradient in float64, [s, a]."""
        return causal.gradient(*self.floats)


Checker = Callable[[Subject, Gradient], bool]
"""Whether a checker objects to an implementation of the gradient."""


def subject(n_states: int, n_actions: int, horizon: int, *, deterministic: bool = False) -> Subject:
    """A random model of this shape, with chances of 1/3 and 2/3, or none."""
    rng = np.random.default_rng([n_states, n_actions, horizon])
    transition = np.full((n_states, n_actions, n_states), fmpq(0), dtype=object)
    for index in np.ndindex(n_states, n_actions):
        likely, unlikely = rng.choice(n_states, size=2, replace=False)
        transition[index][likely] = fmpq(1) if deterministic else fmpq(2, 3)
        transition[index][unlikely] += fmpq(0) if deterministic else fmpq(1, 3)
    mdp = MDP(transition, np.full(n_states, fmpq(1, n_states), dtype=object), horizon=horizon)
    expert = occupancy(mdp, random_policy(rng, mdp))
    slope = scalars.convert(rng.integers(1, 4, size=expert.shape), "exact")
    return Subject(mdp, random_reward(rng, expert.shape), expert, slope)


def subject_for(checker: str, shape: tuple[int, int, int]) -> Subject:
    """What a checker is asked on: without chance where roots are out of its reach, rational rewards for the judge."""
    given = subject(*shape, deterministic=checker.startswith("level exact"))
    return given._replace(reward=gradients.reward(given.expert.shape)) if checker.startswith("judge") else given


# Planting --------------------------------------------------------------------------------------------------------


def masks(gradient: np.ndarray) -> dict[str, np.ndarray]:
    """Which components [s, a] a bug of each kind is in."""
    size = np.abs(gradient)
    order = np.argsort(size, axis=None)
    median = order[len(order) // 2]
    small = np.abs(np.log(np.maximum(size / size.max(), 1e-300) / SMALL)).argmin()
    one = np.arange(size.size).reshape(size.shape)
    return dict(zip(KINDS, (np.ones(size.shape, dtype=bool), one == median, one == small), strict=True))


class Planted(NamedTuple):
    """The gradient with a factor 1 + error where the mask [s, a] is: a fraction, and in floats a float."""

    mask: np.ndarray
    error: fmpq

    def __call__(self, mdp: MDP, reward: Any, expert: Any) -> np.ndarray:
        """The gradient [s, a], wrong where the mask is."""
        correct = causal.gradient(mdp, reward, expert)
        exact = 1 + self.error
        factor = exact if scalars.level_of(correct) in ("ball", "exact", "field") else int(exact.p) / int(exact.q)
        return np.where(self.mask, correct * factor, correct)


# The levels here -------------------------------------------------------------------------------------------------


def _gradient_eq_derivative(
    mdp: MDP, reward: Any, expert: Any, *, gradient: Gradient = causal.gradient, derivative: Any = None
) -> Conclusion:
    """The gradient is the derivative of the dual, component by component."""
    if derivative is not None:
        return equal(gradient(mdp, reward, expert), derivative(mdp, reward, expert))
    return equal(gradient(mdp, reward, expert), dual_gradient(lambda r: causal.dual(mdp, r, expert), reward))


def _gradient_along_line_eq_derivative(
    mdp: MDP, reward: Any, expert: Any, reward_slope: Any, *, gradient: Gradient = causal.gradient
) -> Conclusion:
    """<gradient, dr> is the derivative of the dual along dr; for all dr, so for every component."""
    zero = np.full((), scalars.constant(0, mdp.initial), dtype=object)
    derivative = jacobian(lambda t: causal.dual(mdp, reward + t[()] * reward_slope, expert), zero)[()]
    return equal((gradient(mdp, reward, expert) * reward_slope).sum(), derivative)


EACH = Claim(_gradient_eq_derivative, "M-08", (), "")
ALONG = Claim(_gradient_along_line_eq_derivative, "M-08", (), "")


def at_level(level: str) -> Checker:
    """What a level of evidence says of the claim with an implementation of the gradient in its hole."""

    def objects(given: Subject, gradient: Gradient) -> bool:
        claim = ALONG if level == "field" else EACH
        # Floats are held against the exact gradient itself, as those of somebody's code are.
        holes = {"derivative": causal.gradient} if level == "float" else {}
        return CHECKS[level](claim, given.instance, gradient=gradient, **holes).outcome in FAILS

    return objects


# The checkers of others ------------------------------------------------------------------------------------------


def plain_dual(
    reward: Any, transition: Any, initial: Any, expert: Any, horizon: int, logsumexp: Callable[[Any], Any]
) -> Any:
    """<rho_E, r> - rho V_0 as one writes it, with arrays of any library."""
    v = 0 * reward[:, 0]
    for _ in range(horizon):
        v = logsumexp(reward + transition @ v)
    return (expert * reward).sum() - (initial * v).sum()


def _plain(given: Subject, array: Callable[[np.ndarray], Any], logsumexp: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The dual as a function of the reward alone."""
    mdp, _, expert = given.floats
    assert mdp.horizon is not None
    transition, initial, expert = (array(np.ascontiguousarray(x)) for x in (mdp.transition, mdp.initial, expert))
    horizon: int = mdp.horizon
    return lambda reward: plain_dual(reward, transition, initial, expert, horizon, logsumexp)


def scipy_objects(given: Subject, gradient: Gradient) -> bool:
    """scipy.optimize.check_grad."""
    mdp, reward, expert = given.floats
    value = _plain(given, np.asarray, lambda q: scipy.special.logsumexp(q, axis=1))
    found = scipy.optimize.check_grad(
        lambda x: value(x.reshape(reward.shape)),
        lambda x: gradient(mdp, x.reshape(reward.shape), expert).ravel(),
        reward.ravel(),
    )
    return not found < 1e-5


def complex_step_objects(given: Subject, gradient: Gradient) -> bool:
    """Im f(x + i h) / h."""

    def logsumexp(q: Any) -> Any:
        top = q.real.max(axis=1)
        return top + np.log(np.exp(q - top[:, None]).sum(axis=1))

    value, reward, step = _plain(given, np.asarray, logsumexp), given.floats[1], 1e-20
    derivative = np.empty(reward.shape)
    for index in np.ndindex(*reward.shape):
        moved = reward.astype(complex)
        moved[index] += 1j * step
        derivative[index] = value(moved).imag / step
    return not (np.abs(gradient(*given.floats) - derivative) <= 1e-12 * np.abs(derivative)).all()


def torch_objects(given: Subject, gradient: Gradient, *, fast_mode: bool) -> bool:
    """torch.autograd.gradcheck."""
    torch: Any = importlib.import_module("torch")
    mdp, reward, expert = given.floats
    value = _plain(given, torch.tensor, lambda q: torch.logsumexp(q, dim=1))

    class Dual(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return value(x)

        @staticmethod
        def backward(ctx: Any, outer: Any) -> Any:
            [x] = ctx.saved_tensors
            return outer * torch.from_numpy(gradient(mdp, x.detach().numpy(), expert))

    start = torch.tensor(np.ascontiguousarray(reward), requires_grad=True)
    return not torch.autograd.gradcheck(Dual.apply, (start,), fast_mode=fast_mode, raise_exception=False)


def jax_objects(given: Subject, gradient: Gradient) -> bool:
    """jax.test_util.check_grads."""
    jax: Any = importlib.import_module("jax")
    check_grads = importlib.import_module("jax.test_util").check_grads
    double = jax.enable_x64 if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental").enable_x64
    with double(True):
        plain = jax.jit(_plain(given, jax.numpy.asarray, lambda q: jax.nn.logsumexp(q, axis=1)))
        value = jax.custom_vjp(plain)
        slope = jax.numpy.asarray(gradient(*given.floats))
        value.defvjp(lambda x: (plain(x), None), lambda _, outer: (outer * slope,))
        try:
            check_grads(value, (jax.numpy.asarray(given.floats[1]),), order=1, modes=["rev"])
        except AssertionError:
            return True
    return False


# The judge -------------------------------------------------------------------------------------------------------


def judge_objects(given: Subject, gradient: Gradient, framework: str) -> bool:
    """What the judge says of the code of a framework on one instance, over a field and then in floats."""
    code = gradients.GRADIENTS[framework]()
    if isinstance(gradient, Planted):
        error = Fraction(int(gradient.error.p), int(gradient.error.q))
        code = gradients.times_factor(framework, gradient.mask, error)
    target, instance = (
        find_target(gradients.TARGET, Layout()),
        gradients.instance(given.mdp, given.reward, given.expert),
    )
    if judged_on(code, target, [instance]).outcome in FAILS:
        return True
    posed = question(target, instance)
    assert posed is not None
    return not asked(subject_of(code), posed, np.float64).right


CHECKERS: dict[str, tuple[str, Checker]] = {
    "scipy.optimize.check_grad": ("", scipy_objects),
    "torch.autograd.gradcheck": ("torch", lambda given, gradient: torch_objects(given, gradient, fast_mode=False)),
    "torch.autograd.gradcheck, fast_mode": (
        "torch",
        lambda given, gradient: torch_objects(given, gradient, fast_mode=True),
    ),
    "jax.test_util.check_grads": ("jax", jax_objects),
    "complex step": ("", complex_step_objects),
    "level float": ("", at_level("float")),
    "level ball": ("", at_level("ball")),
    "level exact (no chance)": ("", at_level("exact")),
    "level field": ("", at_level("field")),
    "judge, numpy": ("", partial(judge_objects, framework="numpy")),
    "judge, jax": ("jax", partial(judge_objects, framework="jax")),
    "judge, torch": ("torch", partial(judge_objects, framework="torch")),
}


# Floors ----------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A checker and its floor for each kind of bug; None where not even e = 1 is seen. Without floors, why."""

    checker: str
    floors: tuple[fmpq | None, ...]
    why_not: str = ""


def floor(
    objects: Checker, given: Subject, mask: np.ndarray, sizes: Sequence[fmpq] = SIZES, plant: Any = Planted
) -> fmpq | None:
    """The smallest of the sizes, which fall, that is seen together with all before it; None if the first is not."""
    seen = None
    for size in sizes:
        if not objects(given, plant(mask, size)):
            break
        seen = size
    return seen


def rows(
    shape: tuple[int, int, int] = SHAPE, sizes: Sequence[fmpq] = SIZES, names: Sequence[str] = tuple(CHECKERS)
) -> Iterator[Row]:
    """One row a checker."""
    for name in names:
        package, objects = CHECKERS[name]
        if package and not _is_installed(package):
            yield Row(name, (), NOT_INSTALLED)
            continue
        given = subject_for(name, shape)
        if objects(given, causal.gradient):
            yield Row(name, (), FALSE_ALARM)
            continue
        where = masks(given.gradient)
        yield Row(name, tuple(floor(objects, given, where[kind], sizes) for kind in KINDS))


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def text(size: fmpq | None, least: fmpq = SIZES[-1]) -> str:
    """A floor as it is printed; the end of the grid as such."""
    if size is None:
        return "not at 1"
    return f"{'at most ' if size == least else ''}{float(size):.0e}"


def subject_text(shape: tuple[int, int, int]) -> str:
    """The shape, and how large the components are that a single bug is in."""
    gradient = subject(*shape).gradient
    share = np.abs(gradient) / np.abs(gradient).max()
    median, small = (float(share[masks(gradient)[kind]][0]) for kind in KINDS[1:])
    return (
        f"S = {shape[0]}, A = {shape[1]}, T = {shape[2]}; the median component is {median:.0%} of the largest, "
        f"the small one {small:.1%}."
    )


def report(sizes: Sequence[int] = ()) -> None:
    """The table, as Markdown; `sizes` = S, A, T other than the usual ones."""
    shape = (*sizes, *SHAPE[len(sizes) :])
    table = Table("checker", *(f"{kind} × (1 + e)" for kind in KINDS), box=box.MARKDOWN)
    console = Console(width=140)
    console.print((__doc__ or "").splitlines()[0], subject_text((shape[0], shape[1], shape[2])), "", sep="\n")
    for row in rows((shape[0], shape[1], shape[2])):
        cells = [text(size) for size in row.floors] or [row.why_not, "", ""]
        table.add_row(row.checker, *cells)
    console.print(table)
