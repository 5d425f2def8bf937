"""Every key that is cited is in the bibliography, and every work in it is cited."""

import re
from pathlib import Path

from equivalence.claims import REGISTRY
from mdps.bibliography import REFERENCES

ROOT = Path(__file__).parents[2]
KEY = re.compile(r"\b(?:[a-z]+(?:19|20)\d\d[a-z]*|in-toto)\b")


def cited() -> dict[str, str]:
    """The keys of `Source:` lines and of claims, with where they stand."""
    found = {key: claim.name for claim in REGISTRY.values() for key in claim.source.split("; ") if key != "derived"}
    for package in ("mdps", "equivalence"):
        for file in (ROOT / package).rglob("*.py"):
            for text in re.findall(r"Source: (.*?)(?:\n\s*\n|\"\"\")", file.read_text(encoding="utf-8"), re.DOTALL):
                found |= dict.fromkeys(KEY.findall(text), str(file))
    return found


def test_every_cited_work_is_in_the_bibliography():
    assert {key: where for key, where in cited().items() if key not in REFERENCES} == {}


def test_every_work_is_cited():
    assert set(REFERENCES) - set(cited()) == set()


def test_works_are_in_order():
    assert list(REFERENCES) == sorted(REFERENCES)
