"""`evalperf report`: a run's numbers once more, computed from its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from evalperf.cli.console import write

if TYPE_CHECKING:
    from evalperf.report import Report
    from evalperf.results import RunDirectory

__all__ = ["print_report", "report"]

Format = Literal["terminal", "markdown", "json"]

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN]...",
        help="A run's directory, its id or the beginning of it, a folder of runs, or latest.",
        show_default="latest",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How it is written.")]
OutputFile = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it into FILE.")]
By = Annotated[
    str | None,
    typer.Option(metavar="FIELD", help="Numbers for each value of tags, model, endpoint or a field of the cases."),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Read all results again, and keep nothing of them.")]
OutputDir = Annotated[Path, typer.Option("--output-dir", metavar="DIR", help="Where runs are found by id.")]


def report(
    path: Paths = None,
    *,
    format_: FormatOption = "terminal",
    output: OutputFile = None,
    by: By = None,
    output_dir: OutputDir = Path("results"),
    no_cache: NoCache = False,
) -> None:
    r"""Computes the report of a run from its files; a folder of runs is listed, and its latest run reported.

    Exits with 1 where a gate of the run is not held.

    \b
    Examples:
      evalperf report latest
      evalperf report results/ --by category
      evalperf report 20261120-1430 --format markdown -o report.md
    """
    from evalperf.errors import ConfigError

    references = path or ["latest"]
    if format_ == "json" and len(references) > 1:
        raise ConfigError(f"a JSON document is about one run, not {len(references)}", hint="name one run at a time")
    held = True
    pages = []
    for reference in references:
        directory, others = _find(reference, output_dir)
        found = _summarise(directory, by, cache=not no_cache)
        held = held and all(gate["held"] for gate in found.document["gates"])
        if output is None and format_ == "terminal":
            print_report(found, others)
        else:
            pages.append(_render(found, format_))
    _deliver(pages, output)
    if not held:
        raise typer.Exit(1)


def print_report(report: Report, others: Sequence[RunDirectory] = ()) -> None:
    """Puts the report on stdout, with colours where that is a terminal; a list of `others` goes before it."""
    from rich.console import Console

    from evalperf.report.terminal import ReportView, RunList, render
    from evalperf.summarise import run_row

    views: list[RunList | ReportView] = [ReportView(report)]
    if others:
        views.insert(0, RunList([run_row(directory) for directory in reversed(others)]))
    console = Console(highlight=False)
    for view in views:
        if console.is_terminal:
            console.print(view, soft_wrap=True)
            console.print()
        else:
            write(render(view) + b"\n")


def _find(reference: str, output_dir: Path) -> tuple[RunDirectory, list[RunDirectory]]:
    """The run that is meant, and all runs where a folder of them was named."""
    from evalperf.results import find_run, list_runs

    others = list_runs(Path(reference)) if Path(reference).is_dir() else []
    return find_run(reference, output_dir), others


def _summarise(directory: RunDirectory, by: str | None, *, cache: bool) -> Report:
    from evalperf.summarise import summarise_run

    return summarise_run(directory, by=by, cache_dir=_cache_dir if cache else None)


def _cache_dir() -> Path:
    from evalperf.config.load import cache_dir

    return cache_dir()


def _render(report: Report, format_: Format) -> bytes:
    from evalperf.report import RENDERERS

    return RENDERERS[format_](report)


def _deliver(pages: Sequence[bytes], output: Path | None) -> None:
    from evalperf.errors import OutputError

    if output is None:
        for page in pages:
            write(page)
        return
    try:
        output.write_bytes(b"\n".join(pages))
    except OSError as error:
        raise OutputError(output, error.strerror or str(error), hint="name another file with -o") from error
