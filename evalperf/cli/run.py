"""`evalperf run`: flags become changes of the configuration, the run does the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from evalperf.cli.console import Session, complain, load, session_of, start_logging, write
from evalperf.cli.dry_run import dry_run as dry_run_of
from evalperf.cli.grammar import complete_config
from evalperf.cli.report import print_report

if TYPE_CHECKING:
    from evalperf.config.load import LoadedConfig
    from evalperf.config.overrides import Change
    from evalperf.run import RunOptions

__all__ = ["execute_and_print", "run"]

Progress = Literal["auto", "live", "tqdm", "plain", "json", "none"]

_CASES = "Which cases"
_HOW = "How they are run"
_RUN = "Runs and their files"
_SHOW = "What is shown"

Config = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="The configuration: JSON, YAML or TOML.", autocompletion=complete_config),
]
Limit = Annotated[
    int | None,
    typer.Option("-n", "--limit", metavar="N", help="Take only the first N cases.", rich_help_panel=_CASES),
]
Sample = Annotated[
    int | None, typer.Option(metavar="N", help="Take N cases at random, by the seed.", rich_help_panel=_CASES)
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPR", help="Take cases for which this holds, as in \"category == 'sums'\".", rich_help_panel=_CASES
    ),
]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="Ask each case N times.", rich_help_panel=_CASES)]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Decides the random sample.", rich_help_panel=_CASES)]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="Ask this model.", rich_help_panel=_HOW)]
Endpoint = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Ask this OpenAI-compatible server, as http://127.0.0.1:8000/v1, instead of the configured provider.",
        rich_help_panel=_HOW,
    ),
]
Workers = Annotated[
    str | None,
    typer.Option("-j", "--workers", metavar="N|auto", help="Work on N cases at once.", rich_help_panel=_HOW),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change any setting: --set retry.attempts=3. Repeatable.",
        rich_help_panel=_HOW,
    ),
]
Output = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Put the run's directory in here.", rich_help_panel=_RUN)
]
Resume = Annotated[
    str | None,
    typer.Option(
        metavar="[RUN]",
        help="Go on with a run: its id, a prefix or its directory; without one the latest unfinished run.",
        rich_help_panel=_RUN,
    ),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Try the failed cases of the resumed run again.", rich_help_panel=_RUN)
]
InDoubt = Annotated[
    Literal["retry", "skip", "ask"] | None,
    typer.Option(
        "--in-doubt",
        help="Calls that were under way when an earlier session died: make them again, give their cases up, or stop.",
        rich_help_panel=_RUN,
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither read nor write caches.", rich_help_panel=_RUN)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; ask nothing.", rich_help_panel=_RUN)]
ProgressOption = Annotated[
    Progress,
    typer.Option("--progress", help="How progress is shown on stderr.", show_default=True, rich_help_panel=_SHOW),
]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON document.", rich_help_panel=_SHOW)]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only errors, and the result.", rich_help_panel=_SHOW)]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Log what happens.", rich_help_panel=_SHOW)]


def run(
    ctx: typer.Context,
    config: Config,
    *,
    limit: Limit = None,
    sample: Sample = None,
    where: Where = None,
    epochs: Epochs = None,
    seed: Seed = None,
    model: Model = None,
    endpoint: Endpoint = None,
    workers: Workers = None,
    set_: Set = None,
    output: Output = None,
    resume: Resume = None,
    retry_failed: RetryFailed = False,
    in_doubt: InDoubt = None,
    no_cache: NoCache = False,
    dry_run: DryRun = False,
    progress: ProgressOption = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Runs the cases of a configuration and prints a summary.

    Examples:
      evalperf run configs/quickstart.json
      evalperf run eval.json -n 100 --endpoint http://127.0.0.1:8000/v1 --model my-model
      evalperf run eval.json --resume
    """
    session = session_of(ctx)
    start_logging(session, quiet=quiet, verbose=verbose)
    cases = {"limit": limit, "sample": sample, "where": where, "epochs": epochs, "seed": seed}
    changes = _changes(endpoint, set_ or [], **cases, model=model, workers=workers, output=output, in_doubt=in_doubt)
    loaded = load(session, config, list(changes))
    if dry_run:
        write(dry_run_of(loaded, cache=not no_cache, resumes=resume is not None, as_json=json))
        return
    progress = "none" if quiet and progress == "auto" else progress
    raise typer.Exit(
        execute_and_print(session, loaded, _options(resume, retry_failed, progress, cache=not no_cache), as_json=json)
    )


def _changes(endpoint: str | None, settings: list[str], **flags: Any) -> Iterator[str | Change]:
    """The flags as changes, in the order in which they win: a flag with a name of its own comes last."""
    from evalperf.config.overrides import Override, Redirect

    sections = {"model": "provider", "workers": "concurrency", "output": "output", "in_doubt": "output"}
    if endpoint is not None:
        yield Redirect(endpoint)
    yield from settings
    for name, value in flags.items():
        if value is not None:
            # a path on the command line starts at the working directory, one in the file at the file's folder
            wanted = str(value.absolute()) if isinstance(value, Path) else value
            place = (sections.get(name, "cases"), "dir" if name == "output" else name)
            yield Override(place, wanted, f"--{name.replace('_', '-')}")


def _options(resume: str | None, retry_failed: bool, progress: Progress, *, cache: bool) -> RunOptions:
    from evalperf.config import environment
    from evalperf.run import RunOptions

    return RunOptions(
        resume=resume,
        retry_failed=retry_failed,
        cache=cache,
        progress=progress,
        environ=environment(),
        stderr=sys.stderr,
    )


def execute_and_print(session: Session, loaded: LoadedConfig, options: RunOptions, *, as_json: bool) -> int:
    """Runs, prints what came out, and returns the exit code."""
    from evalperf.report import RENDERERS
    from evalperf.run import execute

    outcome = execute(loaded, options)
    if as_json:
        write(RENDERERS["json"](outcome.report))
    else:
        print_report(outcome.report)
    if outcome.error is not None:
        complain(outcome.error, session)
    return outcome.exit_code
