"""The command: `python -m benchmarks [NAME]`."""

import importlib
import os
import pkgutil
from typing import Annotated

import typer

# One core, which the libraries read when numpy is imported; so this comes first, and the benchmarks later.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

PARTS = {"__main__", "agreement", "gradients", "timing"}


def names() -> list[str]:
    """The questions, one a file."""
    return [module.name for module in pkgutil.iter_modules([os.path.dirname(__file__)]) if module.name not in PARTS]


def main(
    name: Annotated[str, typer.Argument(help="Which benchmark; without it, the list.")] = "",
    size: Annotated[list[int] | None, typer.Option(help="Instead of the usual sizes; any number of them.")] = None,
    runs: Annotated[int, typer.Option(help="Turns for each size, other than the usual number.")] = 0,
) -> None:
    """Time this library against the plain version of the same computation, on one core."""
    if not name:
        for known in names():
            question = importlib.import_module(f"benchmarks.{known}").__doc__ or ""
            typer.echo(f"{known:18}{question.splitlines()[0]}")
        return
    if name not in names():
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(names())}")
    timing = importlib.import_module("benchmarks.timing")
    benchmark = importlib.import_module(f"benchmarks.{name}")
    if hasattr(benchmark, "report"):  # a table of its own
        benchmark.report(size or ())
        return
    timing.report(benchmark.__doc__.splitlines()[0], benchmark.comparisons(size or ()), runs)


if __name__ == "__main__":
    typer.run(main)
