"""A run's document, and the forms in which it is shown."""

from __future__ import annotations

from collections.abc import Callable

from evalperf.report.data import render_json
from evalperf.report.document import Report, RunFacts, RunHeader, RunRow, RunStatus, build_document, facts_of
from evalperf.report.markdown import render_markdown

__all__ = [
    "RENDERERS",
    "Renderer",
    "Report",
    "RunFacts",
    "RunHeader",
    "RunRow",
    "RunStatus",
    "build_document",
    "facts_of",
    "render_json",
    "render_markdown",
    "render_terminal",
]

Renderer = Callable[[Report], bytes]


def render_terminal(report: Report) -> bytes:
    """The summary as plain text, 80 columns wide; `terminal.ReportView` is the same for a Rich console."""
    from evalperf.report.terminal import ReportView, render  # noqa: PLC0415 - Rich is slow to import, others don't need it

    return render(ReportView(report))


RENDERERS: dict[str, Renderer] = {"terminal": render_terminal, "markdown": render_markdown, "json": render_json}
