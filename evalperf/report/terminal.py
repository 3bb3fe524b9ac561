"""The summary on a terminal: 80 columns do, and nothing is said by colour alone.

Everything that comes from data passes `text.safe` and reaches Rich as `Text`, never as markup, so neither an escape
sequence nor a `[red]` in an answer can do anything.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from evalperf.report.document import Report, RunRow
from evalperf.report.lines import (
    broken_gates,
    commands,
    fact_lines,
    failed_text,
    heading,
    loud_lines,
    status_text,
)
from evalperf.report.scorelines import contrast_texts, contrasts_note, qualifiers, score_notes
from evalperf.report.text import bound, gate_value, interval_text, safe, score, seconds

__all__ = ["ReportView", "RunList", "render"]

_LABEL = 12
_LONGEST_LINE = 120
_MAX_GROUPS = 50


class ReportView:
    """A report for a Rich console; `console.print(view, soft_wrap=True)` keeps long paths and commands whole."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the lines."""
        yield from _screen(self._report, min(options.max_width, _LONGEST_LINE))


class RunList:
    """Runs, the latest first, as something that a Rich console prints."""

    def __init__(self, runs: Sequence[RunRow]) -> None:
        self._runs = runs

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields one line per run."""
        width = max((len(safe(run.id)) for run in self._runs), default=2)
        yield Text(f"{'run':<{width}}  {'status':<11}  {'done':>9}  {'failed':>7}  score", style="dim")
        for run in self._runs:
            done, failed = (("–" if count is None else f"{count:,}") for count in (run.done, run.failed))
            headline = "" if run.score is None else f"{safe(run.score)} {score(run.mean)} {interval_text(run.ci95)}"
            status = Text(f"{run.status:<11}", style="" if run.status == "complete" else "bold")
            yield (
                Text(f"{safe(run.id):<{width}}  ")
                .append(status)
                .append(f"  {done:>9}  {failed:>7}  {headline}".rstrip())
            )


def render(view: ReportView | RunList, width: int = 80) -> bytes:
    """The same as plain text without any escape sequence."""
    page = io.StringIO()
    console = Console(
        file=page, width=width, color_system=None, force_terminal=False, legacy_windows=False, _environ={}
    )
    console.print(view, soft_wrap=True)
    return page.getvalue().encode()


def _screen(report: Report, width: int) -> Iterator[Text]:
    document = report.document
    blocks: list[Iterable[Text]] = [
        _head(document, width),
        _gates(document["gates"]),
        _scores(document, width),
        *_groups(document.get("by"), width),
        _facts(document, width),
        _examples(document, width),
        _notes(document, width),
        _end(report),
    ]
    first = True
    for block in blocks:
        shown = list(block)
        if shown and not first:
            yield Text("")
        first = first and not shown
        yield from shown


def _head(document: Mapping[str, Any], width: int) -> Iterator[Text]:
    for line in textwrap.wrap(heading(document), width):
        yield Text(line, style="bold")
    yield Text(status_text(document))
    for line in loud_lines(document):
        yield from _hanging("! ", line, width, style="bold bright_red")


def _gates(gates: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    width = max((len(bound(gate)) for gate in gates), default=0)
    for label, gate in _once("gates", gates):
        mark = Text("✔ held  ", style="green3") if gate["held"] else Text("✘ broken", style="bold bright_red")
        yield _label(label).append(mark).append(f"  {bound(gate):<{width}}  ").append(gate_value(gate), style="bold")


def _scores(document: Mapping[str, Any], width: int) -> Iterator[Text]:
    scores = document["scores"]
    names = min(max((cell_len(safe(name)) for name in scores), default=0), width - 60)
    if scores:
        header = f"{'scores':<{names + 2}}  {'mean':>8}  {'95 % interval':<16}  {'cases':>9}  failures as wrong"
        yield Text(header, style="dim")
    for name, row in scores.items():
        yield (
            Text("  ")
            .append(_column(safe(name), names))
            .append(f"  {score(row['mean']):>8}", style="bold")
            .append(f"  {interval_text(row['ci95']):<16}  {row['n']:>9,}  {score(row['mean_failures_as_wrong'])}")
        )
        for note in score_notes(row, document["clustering"]):
            yield from _indented(note, width)
    yield _label("failed").append(failed_text(document))
    for label, text in qualifiers(scores):
        yield from _labelled(label, text, width)


def _groups(by: Mapping[str, Any] | None, width: int) -> Iterator[Iterable[Text]]:
    """One table per scorer, and how to read them."""
    if by is None:
        return
    for name in by["groups"][0]["scores"] if by["groups"] else ():
        yield _group_table(by, name, width)
    if note := contrasts_note(by):
        yield _labelled("vs rest", note, width)


def _group_table(by: Mapping[str, Any], name: str, width: int) -> Iterator[Text]:
    groups = by["groups"]
    labels = [safe("(none)" if group["value"] is None else group["value"]) for group in groups]
    title = f"{safe(name)} by {safe(by['field'])}"
    names = min(max(cell_len(text) for text in [*labels, title]), width - 64)
    columns = f"  {'mean':>6}  {'95 % interval':<16}  {'cases':>7}  {'failed':>6}  {'vs rest':>7}  {'q':>7}"
    header = _column(title, names + 2).append(columns)
    header.stylize("dim")
    yield header
    for label, group in list(zip(labels, groups, strict=True))[:_MAX_GROUPS]:
        row = group["scores"][name]
        apart, q = contrast_texts(group["against_rest"][name])
        yield (
            Text("  ")
            .append(_column(label, names))
            .append(f"  {score(row['mean']):>6}", style="bold")
            .append(f"  {interval_text(row['ci95']):<16}  {row['n']:>7,}  {group['failed']:>6,}  {apart:>7}  {q:>7}")
        )
    if len(groups) > _MAX_GROUPS:
        yield Text(f"  … and {len(groups) - _MAX_GROUPS:,} smaller groups: --format markdown or json shows all")


def _facts(document: Mapping[str, Any], width: int) -> Iterator[Text]:
    for label, text in fact_lines(document):
        yield from _labelled(label, text, width)


def _examples(document: Mapping[str, Any], width: int) -> Iterator[Text]:
    for label, case in _once("slowest", document["slowest"]):
        tries = f"  {case['attempts']} attempts" if case["attempts"] > 1 else ""
        yield _fit(_label(label).append(f"{seconds(case['latency_s']):>8}  {_name(case)}{tries}"), width)
    for label, case in _once("failed", document["failing"]):
        yield _fit(_label(label).append(f"{_name(case)}  {case['failure']}: {safe(case['message'] or '')}"), width)
    for case in document["wrong"]:
        yield _fit(_label("wrong").append(_name(case)), width)
        for part, key in (("asked", "input"), ("answered", "output"), ("expected", "target")):
            if case[key] is not None:
                yield _fit(Text(f"  {part:<{_LABEL}}", style="dim").append(Text(safe(case[key]), style="none")), width)


def _notes(document: Mapping[str, Any], width: int) -> Iterator[Text]:
    for at, note in enumerate(document["synthetic"]):
        yield from _labelled("" if at else "simulated", safe(note), width)


def _end(report: Report) -> Iterator[Text]:
    for label, text in commands(report):
        yield _label(label).append(text)
    if broken := broken_gates(report.document):
        yield Text(f"✘ {broken}", style="bold bright_red")


def _once(label: str, items: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The label with the first item, and none with the others."""
    for at, item in enumerate(items):
        yield label if at == 0 else "", item


def _name(case: Mapping[str, Any]) -> str:
    return safe(case["id"]) + (f" (epoch {case['epoch']})" if case["epoch"] > 1 else "")


def _label(label: str) -> Text:
    return Text().append(f"{label:<{_LABEL}}", style="cyan")


def _labelled(label: str, text: str, width: int) -> Iterator[Text]:
    first, *others = textwrap.wrap(text, width - _LABEL, break_on_hyphens=False) or [""]
    yield _label(label).append(first)
    for line in others:
        yield Text(" " * _LABEL + line)


def _indented(text: str, width: int) -> Iterator[Text]:
    for line in textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False):
        yield Text(line)


def _hanging(mark: str, text: str, width: int, *, style: str) -> Iterator[Text]:
    for line in textwrap.wrap(text, width, initial_indent=mark, subsequent_indent=" " * len(mark)):
        yield Text(line, style=style)


def _column(text: str, width: int) -> Text:
    """The text in exactly `width` cells of the screen."""
    column = Text(text)
    column.truncate(width, overflow="ellipsis", pad=True)
    return column


def _fit(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    return line
