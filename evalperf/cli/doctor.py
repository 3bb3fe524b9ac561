"""`evalperf doctor`: whether the files of a run are whole, and what a resume would do about those that are not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalperf.cli.console import write

if TYPE_CHECKING:
    from evalperf.results import Examination, Finding

__all__ = ["doctor"]

SCHEMA_VERSION = 1

Run = Annotated[
    str,
    typer.Argument(metavar="[RUN]", help="A run's directory, its id or the beginning of it, or latest."),
]
OutputDir = Annotated[Path, typer.Option("--output-dir", metavar="DIR", help="Where runs are found by id.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_STATES = {"complete": "complete", "unfinished": "unfinished, and nobody works on it", "running": "going on"}


def doctor(run: Run = "latest", *, output_dir: OutputDir = Path("results"), json: Json = False) -> None:
    r"""Examines the files of a run and changes nothing.

    It reads every row, holds the files against what they say about themselves and each other, and names what is
    damaged, what is lost, and what `evalperf run CONFIG --resume` would do about it. Exits with 1 if anything is
    damaged, with 0 if not; what a kill leaves behind is no damage.

    \b
    Examples:
      evalperf doctor latest
      evalperf doctor results/20261120-143005-quickstart-3f9a --json
    """
    from evalperf.results import examine, find_run

    directory = find_run(run, output_dir)
    found = examine(directory)
    write(_document(found, directory.path) if json else "\n".join(_lines(found, directory.path)))
    if not found.sound:
        raise typer.Exit(1)


def _document(found: Examination, path: Path) -> bytes:
    import msgspec

    facts = msgspec.to_builtins(found)
    run = {"id": facts.pop("run_id"), "dir": str(path), "name": facts.pop("name")}
    verdict = {"sound": found.sound, "lost": found.lost}
    document = {"schema_version": SCHEMA_VERSION, "run": run, **verdict, **facts}
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _lines(found: Examination, path: Path) -> list[str]:
    from evalperf.report.text import safe

    of = "" if found.expected is None else f" of at most {found.expected:,}"
    state = _STATES[found.state] + ("" if found.holder is None else f": {found.holder}")
    lines = [
        f"run {safe(found.run_id)} in {safe(str(path))}",
        f"  state      {safe(state)}",
        f"  cases      {found.results:,} with a result, {found.failures:,} given up{of}",
        f"  open       {found.replayable:,} answers not yet scored, {found.in_doubt:,} calls in doubt",
        "",
    ]
    for finding in found.findings:
        lines += _finding_lines(finding)
    return [*lines, *([""] if found.findings else []), _verdict(found)]


def _finding_lines(finding: Finding) -> list[str]:
    from evalperf.report.text import safe

    mark = {"lost": "✘ lost", "broken": "✘ broken", "unfinished": "· unfinished", "note": "· note"}[finding.level]
    rows = ""
    if finding.level == "lost":
        rows = " (an unknown number of rows)" if finding.results is None else f" ({finding.results:,} rows)"
    invariant = "" if finding.invariant is None else f" [{finding.invariant}]"
    lines = [f"{mark}{invariant} {safe(finding.path)}: {safe(finding.message)}{rows}"]
    return lines if finding.resume is None else [*lines, f"    --resume {safe(finding.resume)}"]


def _verdict(found: Examination) -> str:
    if not found.sound:
        lost = "an unknown number of rows" if found.lost is None else f"{found.lost:,} rows"
        return f"damaged: {lost} can't be read" if found.lost != 0 else "damaged, and every row can be read"
    if found.state == "complete":
        return "whole: every row can be read, and nothing is missing"
    return "whole as far as it goes: every row that was counted as done can be read"
