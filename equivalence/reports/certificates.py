"""Certificates as files, one a verdict, and which verdicts have none."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from equivalence.evidence.certificate import text
from equivalence.evidence.verdict import Verdict
from mdps import InvalidArgument, OutOfReach


class Written(NamedTuple):
    """The files that were written, and for each claim without a certificate the words of its verdicts."""

    files: tuple[Path, ...]
    without: dict[str, Counter[str]]

    @property
    def text(self) -> str:
        """What was written and what was not, as sentences."""
        where = f" in {self.files[0].parent}" if self.files else ""
        lines = [f"{len(self.files)} certificates{where}"]
        if self.without:
            rest = "; ".join(f"{claim} ({', '.join(sorted(words))})" for claim, words in sorted(self.without.items()))
            lines.append(f"No certificate, since the checker has no formula for it or it says nothing: {rest}")
        return "\n".join(lines)


def make_folder(folder: Path) -> None:
    """Make the folder for certificates, before what they are about is worked out.

    Errors: `InvalidArgument` where it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidArgument(f"--certificates {folder}: {error.strerror or error}; expected a folder") from None


def write_certificates(verdicts: Iterable[Verdict], folder: Path) -> Written:
    """Write the certificate of every verdict that has one to `folder`, as CLAIM-LEVEL-NUMBER.json.

    Errors: `InvalidArgument` where the folder cannot be made.
    """
    make_folder(folder)
    files: list[Path] = []
    without: dict[str, Counter[str]] = {}
    number: Counter[str] = Counter()
    for verdict in verdicts:
        try:
            document = text(verdict.certificate())
        except OutOfReach:
            without.setdefault(verdict.claim, Counter())[verdict.outcome] += 1
            continue
        stem = f"{verdict.claim}-{verdict.level}"
        file = folder / f"{stem}-{number[stem]}.json"
        number[stem] += 1
        file.write_text(document + "\n", encoding="utf-8")
        files.append(file)
    return Written(tuple(files), without)
