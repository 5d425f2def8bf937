"""What can be judged: the functions of the library that a subject may claim to compute.

A subject is called with plain arrays by position, in the order of `arguments`:

    mdp             as four arguments: transition [s, a, s'], initial [s], horizon (int), discount (float)
    reward, expert  in the shape `reward_axes`, by default [s, a]; expert is a table of expected discounted visits
    policy          [t, s, a], or [s, a] with `policy_axes="sa"`
    energy, sampler, data   [n]: energies in nats, probabilities
    log_normalizer  a float
    temperature     a float, and only where `temperature=True`; then it is the last argument

and returns an array with the axes of the target (or a tuple of them). Final values are 0. A row of zeros of
`transition` says that the action is not available, a state without actions is terminal; see `mdps`.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import mdps
from equivalence.objectives import causal, ebm, gan, gcl, maxent
from equivalence.objectives.space import inner
from mdps import InvalidArgument, boltzmann, scalars

Instance = Mapping[str, Any]  # the exact objects that a target is asked about, by the names of its arguments
MODEL = ("transition", "initial", "horizon", "discount")
AXIS_NAMES = {"x": "s'"}
AXES_OF = {"transition": "sax", "initial": "s", "energy": "n", "sampler": "n", "data": "n"}


class Layout(NamedTuple):
    """The shapes that a subject works with: axes of rewards (and experts), of policies and of counts."""

    reward: str = "sa"
    policy: str = "tsa"
    counts: str = "sa"
    temperature: bool = False


@dataclass(frozen=True)
class Target:
    """One function that can be judged.

    arguments  the names of what it is about; `mdp` stands for four arguments of the subject.
    parts      what it returns: pairs of a name ('' if there is only one) and axes: 's', 'a', 't', 'n', and 'x' for s'.
    reference  the function, by keywords, over numbers of any type.
    roads      other right ways to compute it that lose more digits: their rounding is allowed too.
    meaning    what it is, in a line.
    """

    name: str
    arguments: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    reference: Callable[..., Any]
    meaning: str
    roads: tuple[Callable[..., Any], ...] = ()
    layout: Layout = field(default_factory=Layout)

    @property
    def on_model(self) -> bool:
        """Whether it is about an MDP, and not about a finite space."""
        return "mdp" in self.arguments

    @property
    def passed(self) -> tuple[str, ...]:
        """The names of the subject's arguments."""
        names = [x for name in self.arguments for x in (MODEL if name == "mdp" else (name,))]
        return tuple(name for name in names if name != "temperature" or self.layout.temperature)

    @property
    def signature(self) -> str:
        """What a subject takes and returns."""
        returned = ", ".join(f"{name} {axes_text(axes)}".strip() for name, axes in self.parts)
        return f"({', '.join(self.passed)}) -> {returned if len(self.parts) == 1 else f'({returned})'}"

    def argument_axes(self, name: str) -> str | None:
        """The axes of an array argument; None for a number."""
        by_layout = {"reward": self.layout.reward, "expert": self.layout.reward, "policy": self.layout.policy}
        axes = (by_layout | AXES_OF).get(name)
        return "sax" if axes == "sas" else axes

    def value(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parts of the reference, from arguments by name in any arithmetic."""
        return self.parts_of(self.reference, values)

    def parts_of(self, function: Callable[..., Any], values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parts of what a function of the same arguments returns."""
        result = function(**{name: values[name] for name in self.arguments})
        return tuple(result) if len(self.parts) > 1 else (result,)


def axes_text(axes: str) -> str:
    """Axes as they are written: [s, a, s'].

    >>> axes_text("tsa"), axes_text("sax"), axes_text("")
    ('[t, s, a]', "[s, a, s']", 'a number')
    """
    return f"[{', '.join(AXIS_NAMES.get(letter, letter) for letter in axes)}]" if axes else "a number"


def _with_temperature(*names: str) -> tuple[str, ...]:
    return ("mdp", *names, "temperature")


# Ways to write the same numbers down that lose digits where the discriminator is near 1.


def _gradient_from_discriminator(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    to_energy = data - (data + sampler) * gan.discriminator(energy, sampler, log_normalizer)
    return to_energy, to_energy.sum()


def _logs(energy: Any, sampler: Any, log_normalizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """log D and log(1 - D); 0 where q = 0, where either is multiplied by 0 or is 0."""
    discriminator = gan.discriminator(energy, sampler, log_normalizer)
    sampled, zero = ~scalars.zero_mask(sampler), scalars.constant(0, sampler)
    log_data = scalars.over(sampled, scalars.log, discriminator, otherwise=zero)
    return log_data, scalars.over(sampled, lambda d: scalars.log(1 - d), discriminator, otherwise=zero)


def _loss_from_discriminator(energy: Any, sampler: Any, data: Any, log_normalizer: Any) -> Any:
    log_data, log_sample = _logs(energy, sampler, log_normalizer)
    return -inner(data, log_data) - inner(sampler, log_sample)


def _generator_loss_from_discriminator(energy: Any, sampler: Any, log_normalizer: Any) -> Any:
    log_data, log_sample = _logs(energy, sampler, log_normalizer)
    return inner(sampler, log_sample - log_data)


_SPACE = ("energy", "sampler", "data", "log_normalizer")
_SOFT = (("q", "tsa"), ("v", "ts"), ("policy", "tsa"))
_MEANING_OF_SOFT = "soft-optimal control: V_t = alpha log sum_a exp(Q_t / alpha) over available actions"
_MEANING_OF_GAN = "dL_D/dE = p (1 - D) - q D, a sum over outcomes and not a mean, and its sum dL_D/dlog Z"

# In `parts`, R stands for the axes of the reward and C for those of counts.
_ALL = (
    Target("soft_solution", _with_temperature("reward"), _SOFT, mdps.soft_solution, _MEANING_OF_SOFT),
    *(
        Target(
            f"soft_solution.{name}",
            _with_temperature("reward"),
            (("", axes),),
            lambda name=name, **values: getattr(mdps.soft_solution(**values), name),
            meaning,
        )
        for (name, axes), meaning in zip(
            _SOFT,
            (
                "soft action values Q_t = r + gamma E[V_t+1], -inf at unavailable actions",
                "soft values V_t = alpha log sum_a exp(Q_t / alpha), T+1 rows, 0 at the horizon and in terminal states",
                "exp((Q_t - V_t) / alpha), 0 at unavailable actions; rows of terminal states are 0",
            ),
            strict=True,
        )
    ),
    Target(
        "policy_value",
        ("mdp", "reward", "policy"),
        (("", "ts"),),
        mdps.policy_value,
        "expected discounted return from t on, T+1 rows, no entropy; 0 at the horizon and in terminal states",
    ),
    Target(
        "state_marginals",
        ("mdp", "policy"),
        (("", "ts"),),
        mdps.state_marginals,
        "probability of being in s at t, T+1 rows that sum to 1: what has ended stays where it ended; not discounted",
    ),
    Target(
        "marginals",
        ("mdp", "policy"),
        (("", "tsa"),),
        mdps.marginals,
        "probability of deciding a in s at t, T rows; nothing is decided in terminal states; not discounted",
    ),
    Target(
        "occupancy",
        ("mdp", "policy"),
        (("", "C"),),
        mdps.occupancy,
        "expected visits sum_t<T gamma^t mu_t, counted at decisions: not at s_T, not in terminal states",
    ),
    Target(
        "boltzmann.log_partition",
        _with_temperature("reward"),
        (("", ""),),
        boltzmann.log_partition,
        "log Z, Z = sum over trajectories of rho prod P exp(discounted return / alpha)",
    ),
    Target(
        "boltzmann.law",
        _with_temperature("reward"),
        (("", "n"),),
        boltzmann.law,
        "rho prod P exp(discounted return / alpha) / Z of each trajectory of positive probability, in lexicographic "
        "order of s_0, a_0, s_1, a_1, ...; a trajectory ends at the horizon or in a terminal state",
    ),
    Target(
        "boltzmann.occupancy",
        _with_temperature("reward"),
        (("", "C"),),
        boltzmann.occupancy,
        "expected visits sum_t<T gamma^t [s_t = s, a_t = a] under the law rho prod P e^(R / alpha) / Z of trajectories",
    ),
    Target("ebm.log_partition", ("energy",), (("", ""),), ebm.log_partition, "log Z = log sum_x exp(-E)"),
    Target("ebm.law", ("energy",), (("", "n"),), ebm.law, "exp(-E) / Z"),
    Target("ebm.log_likelihood", ("energy", "data"), (("", ""),), ebm.log_likelihood, "E_p[-E] - log Z"),
    Target("ebm.gradient", ("energy", "data"), (("", "n"),), ebm.gradient, "d log-likelihood / dE = exp(-E) / Z - p"),
    Target(
        "gan.discriminator",
        ("energy", "sampler", "log_normalizer"),
        (("", "n"),),
        gan.discriminator,
        "D = e^-E/Z / (e^-E/Z + q), the probability of being data; 1 where q = 0",
    ),
    Target(
        "gan.discriminator_loss",
        _SPACE,
        (("", ""),),
        gan.discriminator_loss,
        "E_p[-log D] + E_q[-log(1 - D)], a sum of two terms and not a mean",
        roads=(_loss_from_discriminator,),
    ),
    Target(
        "gan.discriminator_gradient",
        _SPACE,
        (("energy", "n"), ("log_normalizer", "")),
        gan.discriminator_gradient,
        _MEANING_OF_GAN,
        roads=(_gradient_from_discriminator,),
    ),
    *(
        Target(
            f"gan.discriminator_gradient.{name}",
            _SPACE,
            (("", axes),),
            lambda i=i, **values: gan.discriminator_gradient(**values)[i],
            meaning,
            roads=(lambda i=i, **values: _gradient_from_discriminator(**values)[i],),
        )
        for i, (name, axes, meaning) in enumerate(
            (
                ("energy", "n", "dL_D/dE = p (1 - D) - q D, of a sum over outcomes and not of a mean"),
                ("log_normalizer", "", "dL_D/dlog Z = sum_x p (1 - D) - q D"),
            )
        )
    ),
    Target(
        "gan.optimal_log_normalizer",
        ("energy", "sampler", "data"),
        (("", ""),),
        gan.optimal_log_normalizer,
        "the log Z that minimizes L_D, the root of sum (p + q) D = 1; iterate until the last digits stand still "
        "(scipy.optimize.brentq: xtol=1e-300, rtol=1e-15)",
    ),
    Target(
        "gan.generator_loss",
        ("energy", "sampler", "log_normalizer"),
        (("", ""),),
        gan.generator_loss,
        "E_q[log(1 - D) - log D] = E_q[E + log Z + log q]",
        roads=(_generator_loss_from_discriminator,),
    ),
    Target(
        "gcl.loss",
        _SPACE,
        (("", ""),),
        gcl.loss,
        "E_p[E] + log E_mu[e^-E / mu~], mu = (p + q) / 2, mu~ = (e^-E/Z + q) / 2",
    ),
    Target(
        "gcl.gradient",
        _SPACE,
        (("", "n"),),
        gcl.gradient,
        "p - mu w / sum mu w with the weights w = e^-E/Z / mu~ frozen, mu = (p + q) / 2, mu~ = (e^-E/Z + q) / 2",
    ),
    Target(
        "gcl.importance_weights",
        ("energy", "sampler", "log_normalizer"),
        (("", "n"),),
        gcl.importance_weights,
        "w = e^-E/Z / mu~, mu~ = (e^-E/Z + q) / 2",
    ),
    Target(
        "maxent.log_likelihood",
        _with_temperature("reward", "expert"),
        (("", ""),),
        maxent.log_likelihood,
        "<expert, r> / alpha - log Z, Z over trajectories relative to rho prod P",
    ),
    Target(
        "maxent.gradient",
        _with_temperature("reward", "expert"),
        (("", "R"),),
        maxent.gradient,
        "(expert - expected visits under the law over trajectories rho prod P exp(R / alpha) / Z) / alpha",
    ),
    Target(
        "causal.dual",
        _with_temperature("reward", "expert"),
        (("", ""),),
        causal.dual,
        "(<expert, r> - sum_s rho V_0) / alpha, V_0 the soft value",
    ),
    Target(
        "causal.gradient",
        _with_temperature("reward", "expert"),
        (("", "R"),),
        causal.gradient,
        "(expert - expected discounted visits of the soft-optimal policy) / alpha",
    ),
)


def _laid_out(target: Target, layout: Layout) -> Target:
    """The target for subjects of a layout."""
    axes = {"R": layout.reward, "C": layout.counts}
    parts = tuple((name, axes.get(own, own).replace("sas", "sax")) for name, own in target.parts)
    if ("", "C") not in target.parts:
        return replace(target, parts=parts, layout=layout)
    return replace(target, parts=parts, layout=layout, reference=partial(target.reference, axes=layout.counts))


_BY_NAME = {target.name: target for target in _ALL}
TARGETS = {target.name: _laid_out(target, Layout()) for target in _ALL}


def find_target(name: str, layout: Layout) -> Target:
    """The target of that name, for subjects of a layout.

    Errors: `InvalidArgument` for a name that is none, with the nearest ones, and for a layout that it has not.
    """
    if name not in TARGETS:
        near = [known for known in TARGETS if name.lower() in known][:5]
        near = near or difflib.get_close_matches(name, TARGETS, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(TARGETS)}"
        raise InvalidArgument(f"no target is called {name!r}; {hint}")
    target = _BY_NAME[name]
    for option, field_name, allowed, has in (
        ("reward_axes", "reward", ("s", "sa", "sas"), "reward" in target.arguments),
        ("policy_axes", "policy", ("sa", "tsa"), "policy" in target.arguments),
        ("axes", "counts", ("s", "sa", "sas"), ("", "C") in target.parts),
        ("temperature", "temperature", (False, True), "temperature" in target.arguments),
    ):
        value = getattr(layout, field_name)
        if value not in allowed:
            raise InvalidArgument(f"{option} is {value!r}; expected {' or '.join(map(repr, allowed))}")
        if not has and value != getattr(Layout(), field_name):
            raise InvalidArgument(f"{name} takes no {option}: {TARGETS[name].signature}")
    return _laid_out(target, layout)
