"""What a claim is: a function that returns `equal(lhs, rhs)`.

    @claim("M-01", assumes=[deterministic_dynamics, undiscounted], source="ziebart2010; levine2018")
    def boltzmann_policy_eq_soft_policy(mdp, reward, *, solve=soft_solution):
        '''Conditioning the MaxEnt trajectory law on the state gives the soft-optimal policy. ...'''
        ...
        return equal(lhs, rhs)

The positional parameters are 'let', `assumes` is 'suppose', the docstring is the statement, the body is 'then'. A
keyword with a default is a hole for somebody's own implementation. The name is the conclusion, and the permanent id
beside the one in the catalogue. A claim has no tolerance, no level of evidence, no random numbers and no output: it
is a formula over arrays, and whoever checks it chooses the arithmetic.

Every assumption is there for a reason, and the reason is a witness: an instance on which all other assumptions hold,
this one does not, and the conclusion is false (`fails_without`). Where nobody has found one, the claim says so
(`open_without`). A statement that was published and is false is a claim too, with `known_false=True` and a witness.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from equivalence.claims.assumption import Assumption


class Equal(NamedTuple):
    """lhs = rhs, entry by entry."""

    lhs: Any
    rhs: Any


class AtMost(NamedTuple):
    """lhs <= rhs, entry by entry."""

    lhs: Any
    rhs: Any


Conclusion = Equal | AtMost


def equal(lhs: Any, rhs: Any) -> Equal:
    """The conclusion lhs = rhs."""
    return Equal(lhs, rhs)


def at_most(lhs: Any, rhs: Any) -> AtMost:
    """The conclusion lhs <= rhs."""
    return AtMost(lhs, rhs)


@dataclass(frozen=True, eq=False)
class Claim:
    """A statement about exact quantities, with named assumptions.

    `witnesses` maps the name of an assumption (or, for a known falsehood, 'as printed') to a function without arguments
    that returns an instance.
    """

    statement: Callable[..., Conclusion]
    catalogue: str
    assumes: tuple[Assumption, ...]
    source: str
    known_false: bool = False
    witnesses: dict[str, Callable[[], dict[str, Any]]] = field(default_factory=dict)
    open_questions: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The conclusion, as an identifier."""
        return self.statement.__name__

    @property
    def title(self) -> str:
        """The first line of the statement."""
        return self.text.splitlines()[0]

    @property
    def text(self) -> str:
        """The statement."""
        return inspect.getdoc(self.statement) or ""

    @property
    def family(self) -> str:
        """The module that the claim stands in."""
        return self.statement.__module__.rsplit(".", 1)[-1]

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the claim is about: the names of its positional parameters."""
        return tuple(n for n, p in self._parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD)

    @property
    def holes(self) -> tuple[str, ...]:
        """Where an implementation of one's own can be put: the names of its keywords."""
        return tuple(n for n, p in self._parameters.items() if p.kind is p.KEYWORD_ONLY)

    @property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.statement).parameters

    def __call__(self, instance: Mapping[str, Any], **holes: Any) -> Conclusion:
        """The conclusion on an instance, which may hold more than the claim asks for."""
        return self.statement(**{name: instance[name] for name in self.arguments}, **holes)

    def fails_without(self, assumption: Assumption) -> Callable[[Callable[[], dict[str, Any]]], Any]:
        """Register a witness: an instance that violates this assumption alone, and the conclusion."""
        if assumption not in self.assumes:
            raise ValueError(f"{self.name} does not assume {assumption.name}")
        return self._register(assumption.name)

    def fails_as_printed(self, witness: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        """Register an instance on which a known falsehood is false."""
        return self._register("as printed")(witness)

    def open_without(self, assumption: Assumption, question: str) -> None:
        """Say that nobody knows here whether the assumption is needed."""
        self.open_questions[assumption.name] = question

    def _register(self, key: str) -> Callable[[Callable[[], dict[str, Any]]], Any]:
        def register(witness: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
            self.witnesses[key] = witness
            return witness

        return register


REGISTRY: dict[str, Claim] = {}


def claim(
    catalogue: str, *, assumes: list[Assumption] | tuple[Assumption, ...] = (), source: str, known_false: bool = False
) -> Callable[[Callable[..., Conclusion]], Claim]:
    """Make a function a claim and put it into the registry under its name."""

    def register(statement: Callable[..., Conclusion]) -> Claim:
        made = Claim(statement, catalogue, tuple(assumes), source, known_false)
        if made.name in REGISTRY:
            raise ValueError(f"two claims are named {made.name}")
        REGISTRY[made.name] = made
        return made

    return register
