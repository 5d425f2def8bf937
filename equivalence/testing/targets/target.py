"""One function that can be judged: its arguments, what it returns, and the reference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from equivalence.testing.targets import layout as layouts
from equivalence.testing.targets.arguments import ARGUMENTS, MODEL
from equivalence.testing.targets.axes import axes_text, lettered
from equivalence.testing.targets.drawing import Draw
from equivalence.testing.targets.layout import Layout
from equivalence.testing.targets.without_end import WITHOUT_END

Instance = Mapping[str, Any]  # the exact objects that a target is asked about, by the names of its arguments


@dataclass(frozen=True, eq=False)
class Target:
    """One function that can be judged.

    arguments  names of `arguments.ARGUMENTS`, in the order in which a subject takes them; `mdp` stands for four.
    parts      what it returns: pairs of a name ('' if there is only one) and axes, letters of `axes`.
    reference  the function, by keywords, over numbers of any type.
    roads      other right ways to compute it that lose more digits: their rounding is allowed too.
    meaning    what it is, in a line.
    axes       of arguments that have others here than in the table.     roles  the same of what is free over a field.
    draws      of arguments that are drawn otherwise than the table says.
    whole      arguments that have to be positive wherever they can be.
    unseen     arguments that only make the instance: a subject is not given them.
    kinds      options of kinds that its instances need, such as `{"terminal": False}`.
    policy     the axes of policies where a subject does not say: 'tsa' or 'sa'.
    mean       of `layout.MEANS`, what a mean of it is, or ''.
    paid       the names of parts that are in the unit of the reward: with costs they have the other sign.
    row        the target of the table that this one is, in a layout.
    canonical  this one with the arguments and the answer of its reference, before features, costs and means.
    """

    name: str
    arguments: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    reference: Callable[..., Any]
    meaning: str
    roads: tuple[Callable[..., Any], ...] = ()
    axes: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    draws: Mapping[str, Callable[[Draw], Any]] = field(default_factory=dict)
    whole: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    kinds: Mapping[str, Any] = field(default_factory=dict)
    policy: str = "tsa"
    mean: str = ""
    paid: tuple[str, ...] = ()
    layout: Layout = field(default_factory=Layout)
    row: "Target | None" = None
    canonical: "Target | None" = None

    @property
    def on_model(self) -> bool:
        """Whether it is about an MDP, and not about a finite space."""
        return "mdp" in self.arguments

    @property
    def options(self) -> list[str]:
        """The options that say what a subject takes and returns, beyond the signature."""
        return layouts.options_of(self)

    @property
    def of_trajectories(self) -> bool:
        """Whether trajectories of an MDP are an axis of its arguments or its answer."""
        letters = [self.axes_of(name) for name in self.arguments] + [axes for _, axes in self.parts]
        return self.on_model and "n" in "".join(letters)

    @property
    def passed(self) -> tuple[str, ...]:
        """The names of the subject's arguments."""
        seen = [name for name in self.arguments if name not in self.unseen]
        names = [x for name in seen for x in (MODEL if name == "mdp" else (name,))]
        left_out = {"temperature": not self.layout.temperature, "horizon": self.layout.infinite}
        kept = [name for name in names if not left_out.get(name)]
        return tuple(layouts.shown(name, self.layout) for name in kept)

    @property
    def signature(self) -> str:
        """What a subject takes and returns."""
        returned = ", ".join(f"{name} {axes_text(axes)}".strip() for name, axes in self.parts)
        return f"({', '.join(self.passed)}) -> {returned if len(self.parts) == 1 else f'({returned})'}"

    def own_axes(self, name: str) -> str:
        """The axes of one of `arguments` as its table says: R, P and C are those of a layout."""
        return self.axes.get(name, ARGUMENTS[name].axes if name in ARGUMENTS else "")

    def axes_of(self, name: str) -> str:
        """The axes of one of `arguments`, as instances have them (or of `transition`, `initial`); '' of a number."""
        of_model = {"transition": "sax", "initial": "s"}
        return of_model.get(name) or self._lettered(self.own_axes(name))

    def argument_axes(self, name: str) -> str | None:
        """The axes of one of the subject's arguments, one of `passed`; None for a number."""
        own = {layouts.shown(argument, self.layout): argument for argument in self.arguments}.get(name, name)
        if name == "transition":
            return self.layout.transition
        if name == "expert" and self.layout.features is True:
            return "k"
        return self.axes_of(own) or None

    def role_of(self, name: str) -> str:
        """What of an argument is free over a field, see `argument`."""
        return self.roles.get(name, ARGUMENTS[name].role)

    def given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What a subject is given of an instance, by the names in `passed`, in the arithmetic of the values."""
        named = layouts.given(values, self.layout)
        return {name: named[name] for name in self.passed}

    def value(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parts of the reference, from arguments by name in any arithmetic."""
        return self.parts_of(self.reference, values)

    def parts_of(self, function: Callable[..., Any], values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parts of what a function of the same arguments returns."""
        result = function(**{name: values[name] for name in self.arguments})
        if len(self.parts) == 1:
            return (result,)
        known = len(self.parts) if self.layout.infinite else None  # a bound on the error comes last there
        return tuple(result)[:known]

    def in_layout(self, layout: Layout) -> "Target":
        """A row of a table as the target for subjects of a layout that it has."""
        axes = "".join([self.own_axes(name) for name in self.arguments] + [axes for _, axes in self.parts])
        functions = [self.reference, *self.roads]
        if "C" in axes:
            functions = [partial(function, axes=layout.counts) for function in functions]
        reference, *roads = functions
        own = replace(self, layout=layout, row=self, reference=reference, roads=tuple(roads))
        arguments, parts = layouts.adapted(self, layout)
        meaning = f"{self.meaning}; {WITHOUT_END}" if layout.infinite else self.meaning
        laid_out = replace(
            own,
            meaning=meaning,
            arguments=arguments,
            parts=tuple((name, own._lettered(axes)) for name, axes in parts),
            canonical=replace(own, parts=tuple((name, own._lettered(axes)) for name, axes in self.parts)),
        )
        return laid_out.with_reference(reference, tuple(roads))

    def with_reference(self, function: Callable[..., Any], roads: tuple[Callable[..., Any], ...] = ()) -> "Target":
        """The target with another function of the arguments of `canonical`, which answers in its conventions."""
        row = self.row or self
        reference, *others = (layouts.around(f, row, self.layout) for f in (function, *roads))
        return replace(self, reference=reference, roads=tuple(others))

    def drawn(self, draw: Draw) -> dict[str, Any]:
        """An instance: what was drawn already, and the other arguments in the order of their table."""
        for name in ARGUMENTS:
            if name in self.arguments and name not in draw.values:
                drawn = self.draws.get(name, ARGUMENTS[name].draw)
                draw.values[name] = drawn(draw.of(name, self.axes_of(name)))
        return draw.values

    def _lettered(self, axes: str) -> str:
        x = self.layout
        policy = x.policy or self.policy
        return lettered(axes, reward=x.reward, policy=policy, counts=x.counts, infinite=x.infinite)
