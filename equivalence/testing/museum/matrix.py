"""The kill matrix: for each piece, how often it is wrong, where it hides, and what the diagnosis says.

    for row in kill_matrix(): print(row.piece, row.wrong, row.diagnosis)

`markdown` is the table of the guide, which a test makes again.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from equivalence.testing import hints
from equivalence.testing.diagnosis import INSTANCES, answers_of, explained
from equivalence.testing.museum import PIECES
from equivalence.testing.museum.piece import Piece


class Row(NamedTuple):
    """One piece.

    wrong      on how many of `asked` instances it differs from the truth.     hides  where it is always right.
    diagnosis  the names of the mistakes that reproduce it, or 'unknown'.      named  whether that is what it is.
    """

    piece: Piece
    wrong: int
    asked: int
    hides: str
    diagnosis: str
    no_objective: bool

    @property
    def named(self) -> bool:
        """Whether the diagnosis is the mistake of the piece."""
        return self.diagnosis == self.piece.mistake


def row(piece: Piece) -> Row:
    """The row of a piece."""
    answers = answers_of(piece.function, to=piece.target, instances=INSTANCES, **piece.options)
    found = explained(piece.function, answers, np.float64)
    wrong = sum(not answer.right for answer in answers)
    right_where = re.search(r"right on all instances with (.*?);", " ".join(hints.where_right(answers)))
    hides = re.sub(r" \(\d+\)", "", right_where[1]) if right_where else ""
    return Row(piece, wrong, len(answers), hides, " + ".join(found.names) or "unknown", found.no_objective)


def kill_matrix(pieces: Iterable[Piece] = PIECES) -> Iterator[Row]:
    """The rows of all pieces.

    Cost: some tenths of a second a piece.
    """
    return map(row, pieces)


def line(row: Row) -> str:
    """A row in Markdown."""
    marks = " (no objective has this gradient)" if row.no_objective else ""
    known = f"{row.diagnosis}{'' if row.named else ' (it is: ' + row.piece.mistake + ')'}{marks}"
    star = "\\*" if row.piece.held_out else ""
    cells = (f"`{row.piece.name}`{star}", f"`{row.piece.target}`", f"{row.wrong} of {row.asked}", row.hides, known)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def markdown(rows: Iterable[Row]) -> str:
    """The table, and how many are named rightly."""
    listed = list(rows)
    own, held_out = ([r for r in listed if r.piece.held_out is which] for which in (False, True))
    told = [_told(own), _told(held_out)]
    head = ["| piece | target | wrong on | always right where | diagnosis |", "|---|---|---|---|---|"]
    tail = ["", f"Told rightly: {told[0]}; of those held out (\\*), {told[1]}."]
    return "\n".join([*head, *map(line, listed), *tail])


def _told(rows: list[Row]) -> str:
    right = [row for row in rows if row.named]
    unknown = sum(row.diagnosis == "unknown" for row in right)
    return f"{len(right)} of {len(rows)} ({len(right) - unknown} by name, {unknown} as unknown)"
