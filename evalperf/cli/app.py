"""The commands of evalperf under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from evalperf import __version__
from evalperf.cli.cache import cache
from evalperf.cli.console import session_of, write
from evalperf.cli.doctor import doctor
from evalperf.cli.grammar import Command, Commands, RunCommand
from evalperf.cli.init import init
from evalperf.cli.report import report
from evalperf.cli.run import run
from evalperf.cli.schema import schema
from evalperf.cli.score import score
from evalperf.cli.simulate import simulate
from evalperf.cli.tune_workers import tune_workers
from evalperf.cli.validate import validate

__all__ = ["app"]

_WELCOME = """\
evalperf runs test cases through model endpoints, scores the answers and reports numbers.

  evalperf init demo && evalperf run demo/evalperf.json      a first run, without a key or a server
  evalperf report latest                                     its numbers once more

More: evalperf COMMAND --help. Commands: {commands}."""

app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,  # plain help: rich would take 0.5 s of CPU to draw boxes around it
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        write(f"evalperf {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def evalperf(
    ctx: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback has shown it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="EVALPERF_DEBUG", help="Show the traceback of an error of evalperf itself."),
    ] = False,
) -> None:
    """Runs test cases through model endpoints, scores the answers, and reports numbers that can be trusted.

    Examples:
      evalperf run configs/quickstart.json       a whole run with the bundled server
      evalperf report latest                     the numbers of the last run

    Exit codes:
      0    done, and every gate holds
      1    done, but a gate failed
      2    usage, configuration or input is wrong
      3    could not finish
      130  interrupted
    """
    session_of(ctx).debug = debug
    if ctx.invoked_subcommand is None:
        write(_WELCOME.format(commands=", ".join(ctx.command.list_commands(ctx))))  # type: ignore[attr-defined]


app.command("run", cls=RunCommand)(run)
app.command("report", cls=Command)(report)
app.command("score", cls=Command)(score)
app.command("simulate", cls=Command)(simulate)
app.command("tune-workers", cls=Command)(tune_workers)
app.command("validate", cls=Command)(validate)
app.command("doctor", cls=Command)(doctor)
app.command("schema", cls=Command)(schema)
app.command("init", cls=Command)(init)
app.add_typer(cache, name="cache")
