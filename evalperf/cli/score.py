"""`evalperf score`: the answers of a finished run under other scorers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evalperf.cli.console import load, session_of, start_logging
from evalperf.cli.grammar import complete_config
from evalperf.cli.run import Json, NoCache, Output, Progress, ProgressOption, Quiet, Set, Verbose, execute_and_print

__all__ = ["score"]

Run = Annotated[
    str, typer.Argument(metavar="RUN", help="The run with the answers: its directory, id, beginning of it, or latest.")
]
Config = Annotated[
    Path,
    typer.Option(
        "--config", metavar="FILE", help="The configuration with the scorers.", autocompletion=complete_config
    ),
]


def score(
    ctx: typer.Context,
    run: Run,
    *,
    config: Config,
    set_: Set = None,
    output: Output = None,
    no_cache: NoCache = False,
    progress: ProgressOption = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    r"""Scores the answers of a run again, into a new run that names it as its parent; no model is called for answers.

    Cases, scorers, statistics, gates and output are those of the configuration; its prompt and provider don't count.

    \b
    Examples:
      evalperf score latest --config stricter.json
      evalperf score 20261120-1430 --config eval.json --set scorers.0.type=squad_f1
    """
    from evalperf.config import environment
    from evalperf.config.overrides import Override, RecordedAnswers
    from evalperf.rescore import recorded_answers
    from evalperf.results import find_run
    from evalperf.run import RunOptions

    session = session_of(ctx)
    start_logging(session, quiet=quiet, verbose=verbose)
    chosen: list[Override] = []
    if output is not None:
        chosen.append(Override(("output", "dir"), str(output.absolute()), "--output"))
    first = load(session, config, [*(set_ or []), *chosen, RecordedAnswers(None)])
    parent = find_run(run, first.base_dir / first.config.output.dir)
    loaded = load(session, config, [*(set_ or []), *chosen, recorded_answers(parent)])
    shown: Progress = "none" if quiet and progress == "auto" else progress
    options = RunOptions(parent=parent, cache=not no_cache, progress=shown, environ=environment(), stderr=sys.stderr)
    raise typer.Exit(execute_and_print(session, loaded, options, as_json=json))
