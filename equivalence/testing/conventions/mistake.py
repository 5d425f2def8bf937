"""What a known mistake is, and those that there are whatever the target is: what is done to the numbers at the end."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownMistake:
    """A mistake: a short name, what it changes, and what it does in a sentence."""

    name: str
    changes: tuple[tuple[str, str], ...]
    text: str


def known(name: str, text: str, **changes: str) -> KnownMistake:
    """A mistake, its changes as keywords."""
    return KnownMistake(name, tuple(changes.items()), text)


OUTPUT = (
    known("opposite sign", "the negative of the right numbers", sign="opposite"),
    known("half", "half of the right numbers: a mean of two terms in place of their sum", factor="over 2"),
    known("twice", "twice the right numbers", factor="times 2"),
    known("steps reversed", "its rows are in reverse time; t = 0 comes first", layout="steps reversed"),
    known("axes swapped", "its last two axes are in the other order", layout="last two axes swapped"),
    known("first axis last", "its first axis comes last", layout="first axis last"),
    known("in bits", "divided by log 2: logarithms to base 2, expected nats", factor="over log2"),
    known("zero everywhere", "it is 0 whatever the arguments are", factor="times 0"),
)
