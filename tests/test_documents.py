"""The code in README.md and in the guides runs as written, and their commands exist.

The ```python blocks of a document run in order in one namespace: those with `>>>` as doctests, whose output
is compared, the others as they are. A document whose first line is `<!-- needs: EXTRA -->` runs where that extra is
installed and is skipped elsewhere. Each command of a ```bash block must exist, and each command line of
`equivalence` must name a subcommand and options that its help knows.
"""

import doctest
import functools
import itertools
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import reached_levels
from mdps import scalars

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("README.md"), *sorted(ROOT.glob("equivalence/guides/**/*.md"))]

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


class Block(NamedTuple):
    """The text of a fenced block, and the number of its first line in the document."""

    text: str
    line: int


def blocks(document: Path, *languages: str) -> list[Block]:
    """The fenced blocks of the document in these languages."""
    text = document.read_text(encoding="utf-8")
    fences = re.finditer(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [
        Block(textwrap.dedent(fence[3]), text.count("\n", 0, fence.start(3)) + 1)
        for fence in fences
        if fence[2] in languages
    ]


def run_plain(block: Block, document: Path, namespace: dict) -> None:
    # The empty lines make a traceback name the line of the document.
    exec(compile("\n" * (block.line - 1) + block.text, document, "exec"), namespace)


def run_doctest(block: Block, document: Path, namespace: dict, flags: int) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, namespace, document.name, str(document), block.line - 1)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=flags)
    runner.run(test, out=report.append, clear_globs=False)
    if report:
        pytest.fail("".join(report), pytrace=False)
    namespace.update(test.globs)


def extras_needed(document: Path) -> list[str]:
    """The extras that the document's first line names: `<!-- needs: jax, torch -->`."""
    first = document.read_text(encoding="utf-8").partition("\n")[0]
    named = re.fullmatch(r"<!-- needs: ([\w, ]+) -->", first)
    return [extra.strip() for extra in named[1].split(",")] if named else []


@documents
def test_python_runs(document, pytestconfig, require_extra):
    for extra in extras_needed(document):
        require_extra(extra)
    flags = sum(doctest.OPTIONFLAGS_BY_NAME[name] for name in pytestconfig.getini("doctest_optionflags"))
    namespace = {"__name__": document.stem}
    for block in blocks(document, "python", "py", "pycon"):
        if re.search(r"^\s*>>> ", block.text, re.MULTILINE):
            run_doctest(block, document, namespace, flags)
        else:
            run_plain(block, document, namespace)


def test_the_report_in_the_readme_is_what_is_printed():
    [readme] = ROOT.glob("README.md")
    namespace: dict = {}
    run_plain(blocks(readme, "python")[0], readme, namespace)
    shown, printed = blocks(readme, "text")[0].text, str(namespace["verdict"])
    at = 0
    for part in shown.split("...\n"):
        at = printed.index(part, at) + len(part)


def test_extras_are_read_from_the_first_line_alone(tmp_path):
    document = tmp_path / "document.md"
    for text, extras in (
        ("<!-- needs: jax -->\n# A title", ["jax"]),
        ("<!-- needs: jax, torch -->\n# A title", ["jax", "torch"]),
        ("# A title\n<!-- needs: jax -->", []),
    ):
        document.write_text(text, encoding="utf-8")
        assert extras_needed(document) == extras


def commands(block: Block) -> Iterator[list[str]]:
    """The simple commands of a shell block, as words; of the lines with a prompt `$`, if there are any."""
    lines = block.text.replace("\\\n", " ").splitlines()
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    for line in prompted or lines:
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        for between, simple in itertools.groupby(words, {"&&", "||", "|", ";"}.__contains__):
            command = list(itertools.dropwhile(re.compile(r"\w+=").match, simple))
            if command and not between:
                yield command


@functools.cache
def help_of(*words: str) -> str:
    """What `equivalence WORDS --help` prints; it must succeed.

    Of the environment nothing is passed on that could color or wrap the text.
    """
    code = "import sys; sys.argv[0] = 'equivalence'; from equivalence.cli import main; main()"
    command = [sys.executable, "-c", code, *words, "--help"]
    wide = {"COLUMNS": "200", "TERM": "dumb"}
    done = subprocess.run(command, env=wide, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@documents
def test_commands_exist(document):
    for block in blocks(document, "bash", "sh", "shell", "console"):
        for program, *arguments in commands(block):
            where = f"{document.name}:{block.line}: {program} {' '.join(arguments)}"
            if program != "equivalence":
                assert shutil.which(program), where
                continue
            options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
            subcommand = [word for word in arguments[:1] if not word.startswith("-")]
            known = help_of(*subcommand)
            for option in options:
                assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", known), where


def test_the_table_of_levels_is_what_is_reached():
    assert reached_levels.GUIDE in DOCUMENTS
    message = "run `PYTHONPATH=. python tests/reached_levels.py`, and look at what it changed"
    assert reached_levels.GUIDE.read_text(encoding="utf-8") == reached_levels.text(), message


def test_levels_that_are_not_reached_are_told():
    """Functions whose answers are known: roots, an order, and a road that takes floats alone."""

    def a_root(sampler):
        return scalars.exp(scalars.log(sampler) / 2)

    def larger(sampler):
        return scalars.largest(sampler)

    def in_floats_alone(sampler):
        return np.linalg.inv(np.diag(sampler))

    assert reached_levels.row("", a_root).levels[1:4] == ("yes", "–", "–")
    assert reached_levels.row("", larger).levels[:4] == ("yes", "yes", "yes", "yes")
    assert reached_levels.row("", in_floats_alone).levels == ("no bound", "–", "–", "–", "–")
    assert reached_levels.row("", lambda unheard_of: unheard_of) is None
