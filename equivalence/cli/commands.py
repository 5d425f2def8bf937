"""The commands, their options and exit status.

Status 1 says that something that should hold is `refuted` or `differs`, 2 that the command or its input is
wrong, and 0 anything else: claims that are vacuous, undecided or out of reach do not change it. `judge` has 0
only where the function agrees.
"""

import importlib.metadata
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from equivalence.claims import Claim
from equivalence.cli import subjects
from equivalence.cli.imported import imported_function
from equivalence.cli.options import chosen_claims, chosen_levels, environment_arguments, kinds_of_instances
from equivalence.cli.progress import progress_bar
from equivalence.evidence import LEVELS, NUMERIC_LEVELS, Verdict, recheck as checker, verify as verified
from equivalence.reports.certificates import make_folder, write_certificates
from equivalence.reports.rows import claims_as_json, judgement_as_json, targets_as_json, verdicts_as_json
from equivalence.reports.standing import conclusion
from equivalence.reports.statement import claim_in_full, claim_list
from equivalence.reports.table import verdict_table
from equivalence.reports.targets import target_list
from equivalence.reports.wrapped import wrapped
from equivalence.testing import TARGETS, judge as judged
from equivalence.testing.targets import OPTIONS
from mdps import InvalidArgument, InvalidModel, OutOfReach

WRONG, INPUT, INTERRUPTED = 1, 2, 130
UNLIMITED = 10_000  # a pipe has no margin: one row, one line


class Commands(typer.core.TyperGroup):
    """The commands; an error of the project is one message and status 2, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (InvalidModel, InvalidArgument, OutOfReach) as error:
            typer.echo(f"equivalence: {error}", err=True)
            raise typer.Exit(INPUT) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line."""
    app(prog_name="equivalence")


def _version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"irl-equivalence {importlib.metadata.version('irl-equivalence')}")
        except importlib.metadata.PackageNotFoundError:
            print("irl-equivalence, not installed")
        raise typer.Exit()


@app.callback()
def equivalence(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Verdicts on theorems of inverse reinforcement learning, imitation and energy-based models."""


Json = Annotated[
    bool, typer.Option("--json", help="Print JSON and nothing else; its keys are documented in README.md.")
]


@app.command()
def verify(
    claims: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CLAIM", help="Names or catalogue ids, as `equivalence list` shows them; all by default."
        ),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            metavar="gym:ID",
            help="An environment of gymnasium with a transition table, as gym:FrozenLake-v1.",
        ),
    ] = None,
    env_arg: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="An argument of the environment, as is_slippery=false; may be repeated. "
            "Values are JSON (or True, False, None), and otherwise strings.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="A model: keys transition, initial, horizon, and perhaps discount, final_value, reward.",
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="T",
            help="The number of decisions; at most 1,000,000 trajectories. By default that of the file, "
            "else the largest up to 50 with at most 2,000 trajectories.",
        ),
    ] = None,
    level: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LEVEL",
            help=f"The arithmetic: {', '.join(LEVELS)}; repeated or with commas. "
            f"By default {', '.join(NUMERIC_LEVELS)}.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="What rewards and policies are drawn from.")] = 0,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer instances: one on a model, two and a small stack of each claim without."),
    ] = False,
    certificates: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a certificate of each verdict that `recheck` can evaluate again, and name the rest.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check claims exactly, on a model or on generated instances, and say how strongly each holds.

    Without --env and --model the claims are asked on small generated instances, and in floats on stacks of
    thousands more.

    Exit status: 1 if something that should hold is refuted or differs, 2 if the command or its input is
    wrong, else 0.
    """
    chosen, levels = chosen_claims(claims), chosen_levels(level)
    arguments = environment_arguments(env_arg)
    if certificates is not None:
        make_folder(certificates)
    with progress_bar(Console(stderr=True)) as progress:
        subject = subjects.chosen_subject(env, model, arguments=arguments, horizon=horizon, seed=seed, quick=quick)
        verdicts = list(
            verified(chosen, subject.instances, levels, progress=progress, workers=subjects.worthwhile_workers(subject))
        )
        if subject.on_stacks is not None:
            verdicts += subject.on_stacks(chosen, levels, progress=progress)
    if json:
        print(verdicts_as_json(verdicts))
    else:
        _report(verdicts, chosen, levels, subject)
    if certificates is not None:
        written = write_certificates(verdicts, certificates)
        typer.echo(f"\n{written.text}", err=json)
    if any(verdict.alarming for verdict in verdicts):
        raise typer.Exit(WRONG)


def _report(verdicts: list[Verdict], claims: list[Claim], levels: tuple[str, ...], subject: subjects.Subject) -> None:
    if subject.changes:
        _show(Text("Changes", "bold"), *(Padding(Text(text), (0, 0, 0, 2)) for text in subject.changes), "")
    if verdicts:
        _show(verdict_table(verdicts, levels, width=_console().width), "")
    asked = {verdict.claim for verdict in verdicts}
    if missing := [f"{c.catalogue} {c.name}" for c in claims if c.name not in asked]:
        _show(Text(f"Not asked, for want of an instance: {', '.join(missing)}"), "")
    _show(Text(conclusion(verdicts, subject.where)))


@app.command()
def recheck(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Certificates that `verify` has written.")],
) -> None:
    """Check certificates again, with formulas that share no code with what made them.

    The checker is a single file on the standard library alone, which also runs without anything of this:
    `python recheck.py FILE...`.

    Exit status: 0 if all that can be recomputed is as stated, 1 if something is not, 2 if a file cannot be read,
    3 if there is no formula for what it is about.
    """
    raise typer.Exit(checker.main([str(file) for file in files]))


@app.command("list")
def list_claims(json: Json = False) -> None:
    """List the claims: catalogue id, name, and what they say."""
    claims = chosen_claims(None)
    if json:
        print(claims_as_json(claims))
    else:
        _show(claim_list(claims))


@app.command()
def show(claim: Annotated[str, typer.Argument(metavar="CLAIM", help="A name or a catalogue id.")]) -> None:
    """Show a claim: statement, assumptions, source, witnesses and open questions."""
    for i, found in enumerate(chosen_claims([claim])):
        _show(*([""] if i else []), claim_in_full(found))


@app.command()
def judge(
    subject: Annotated[
        str,
        typer.Argument(metavar="MODULE:FUNCTION", help="The function; modules of the current directory are found."),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="TARGET", help="What it should compute, as `equivalence targets` lists it.")
    ],
    reward_axes: Annotated[str | None, typer.Option(help="The shape of rewards and experts: s, sa or sas.")] = None,
    policy_axes: Annotated[str | None, typer.Option(help="The shape of policies: sa or tsa.")] = None,
    axes: Annotated[str | None, typer.Option(help="The shape of an occupancy: s, sa or sas.")] = None,
    transition_axes: Annotated[str | None, typer.Option(help="The order of those of the transition, as asx.")] = None,
    temperature: Annotated[
        bool, typer.Option("--temperature", help="It takes the temperature, as its last argument; else that is 1.")
    ] = False,
    features: Annotated[
        bool, typer.Option("--features", help="It takes features and theta in place of the reward.")
    ] = False,
    costs: Annotated[bool, typer.Option("--costs", help="It works with costs, which are negative rewards.")] = False,
    mean: Annotated[bool, typer.Option("--mean", help="It returns a mean where the target is a sum.")] = False,
    logs: Annotated[bool, typer.Option("--logs", help="It takes logarithms of policies.")] = False,
    infinite_horizon: Annotated[
        bool, typer.Option("--infinite-horizon", help="It takes no horizon, and a discount below 1.")
    ] = False,
    stops_at: Annotated[
        float | None,
        typer.Option(metavar="X", help="With --infinite-horizon, the last change at which its iterations stop."),
    ] = None,
    framework: Annotated[
        str | None, typer.Option(help="Whose arrays it takes: numpy, jax or torch; found out if not said.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="What it is given, and judged by: float64 or float32.")] = "float64",
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Instances to ask on alone, as terminal=false, discounts=[1], largest_reward=10; may be repeated.",
        ),
    ] = None,
    instances: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many instances: 300, without a horizon 100.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="What instances are drawn from.")] = 0,
    json: Json = False,
) -> None:
    """Judge a function of yours: does it compute what it should?

    It is called with plain arrays by position. Where it differs, the smallest instance found is shown as code,
    with what is exact beside what it returned.

    Exit status: 1 unless it agrees, 2 if the command or its input is wrong.
    """
    if dtype not in ("float64", "float32"):
        raise InvalidArgument(f"--dtype {dtype!r} is unknown; expected float64 or float32")
    kinds = kinds_of_instances(kind)
    if own := sorted(kinds.keys() & {*OPTIONS, "framework", "dtype", "instances", "seed"}):
        raise InvalidArgument(f"--kind {own[0]} is an option of its own: --{own[0].replace('_', '-')}")
    conventions = {
        "reward_axes": reward_axes,
        "policy_axes": policy_axes,
        "axes": axes,
        "transition_axes": transition_axes,
        "temperature": temperature,
        "features": features,
        "costs": costs,
        "mean": mean,
        "logs": logs,
        "infinite_horizon": infinite_horizon,
        "stops_at": stops_at,
    }
    with redirect_stdout(sys.stderr):  # what the subject prints is none of the answer
        verdict = judged(
            imported_function(subject),
            to=to,
            framework=framework,
            dtype=dtype,
            instances=instances,
            seed=seed,
            **{name: value for name, value in conventions.items() if value is not None and value is not False},
            **kinds,
        )
    console = _console()
    print(judgement_as_json(verdict) if json else wrapped(str(verdict), console.width))
    if not verdict.agrees:
        raise typer.Exit(WRONG)


@app.command()
def targets(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A module or a part of a name, as airl; without it, all of them.")
    ] = "",
    json: Json = False,
) -> None:
    """List what `judge` can judge: each target with what a function of it takes and returns, in plain arrays."""
    chosen = [target for target in TARGETS.values() if name.lower() in target.name.lower()]
    if not chosen:
        raise InvalidArgument(f"no target has {name!r} in its name; `equivalence targets` lists them all")
    if json:
        print(targets_as_json(chosen))
    else:
        _show(target_list(chosen))


def _console() -> Console:
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=UNLIMITED)


def _show(*parts: RenderableType) -> None:
    console = _console()
    if console.is_terminal:
        console.print(*parts, sep="\n")
        return
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    for line in captured.get().splitlines():
        print(line.rstrip())
