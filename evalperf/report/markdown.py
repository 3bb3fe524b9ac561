"""The report as Markdown: tables for issues, pull requests and wikis."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalperf.report.document import Report
from evalperf.report.lines import commands, fact_lines, failed_text, heading, loud_lines, status_text
from evalperf.report.scorelines import contrast_texts, contrasts_note, qualifiers, score_notes
from evalperf.report.text import bound, gate_value, interval_text, safe, score, seconds

__all__ = ["render_markdown"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def render_markdown(report: Report) -> bytes:
    """The whole report, all groups included; text from data can't become HTML, emphasis or another cell."""
    return ("\n".join(_page(report)) + "\n").encode()


def _page(report: Report) -> Iterator[str]:
    document = report.document
    yield f"# {_text(heading(document))}"
    yield from ("", _text(status_text(document)))
    for line in loud_lines(document):
        yield from ("", f"> **Warning:** {_text(line)}")
    yield from _gates(document["gates"])
    yield from _scores(document)
    yield from _groups(document.get("by"))
    yield from _facts(document)
    yield from _examples(document)
    yield from _notes(report)


def _gates(gates: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if gates:
        rows = [("✔ held" if gate["held"] else "✘ broken", bound(gate), gate_value(gate)) for gate in gates]
        yield from _section("Gates", _table(("state", "gate", "measured"), rows))


def _scores(document: Mapping[str, Any]) -> Iterator[str]:
    header = ("scorer", "mean", "95 % interval", "method", "cases", "passed", "not scored", "failures as wrong")
    rows = [
        (
            name,
            score(row["mean"]),
            interval_text(row["ci95"]),
            row["interval"] or "–",
            f"{row['n']:,}",
            "–" if row["passed"] is None else f"{row['passed']:,}",
            f"{row['unscored']:,}",
            score(row["mean_failures_as_wrong"]),
        )
        for name, row in document["scores"].items()
    ]
    yield from _section("Scores", _table(header, rows) if rows else ["No scorers."])
    notes = [
        f"- {_text(name)}: {_text(note)}"
        for name, row in document["scores"].items()
        for note in score_notes(row, document["clustering"])
    ]
    if notes:
        yield from ("", *notes)
    yield from ("", f"Failed: {_text(failed_text(document))}")
    for label, text in qualifiers(document["scores"]):
        if label != "intervals":  # they have a column
            yield from ("", f"{label.capitalize()}: {_text(text)}")


def _groups(by: Mapping[str, Any] | None) -> Iterator[str]:
    if by is None:
        return
    names = list(by["groups"][0]["scores"]) if by["groups"] else []
    header = (
        by["field"],
        "cases",
        "failed",
        *(part for name in names for part in (name, "95 % interval", "vs rest", "q")),
    )
    rows = []
    for group in by["groups"]:
        cells = []
        for name in names:
            row = group["scores"][name]
            cells += [score(row["mean"]), interval_text(row["ci95"]), *contrast_texts(group["against_rest"][name])]
        label = "(none)" if group["value"] is None else group["value"]
        rows.append((label, f"{group['total']:,}", f"{group['failed']:,}", *cells))
    note = contrasts_note(by)
    yield from _section(
        f"By {_text(by['field'])}", [*_table(header, rows), *(("", f"vs rest: {_text(note)}") if note else ())]
    )


def _facts(document: Mapping[str, Any]) -> Iterator[str]:
    rows = fact_lines(document)
    if rows:
        yield from _section("Speed and trouble", _table(("what", "value"), rows))


def _examples(document: Mapping[str, Any]) -> Iterator[str]:
    if document["slowest"]:
        rows = [(case["id"], seconds(case["latency_s"]), str(case["attempts"])) for case in document["slowest"]]
        yield from _section("Slowest cases", _table(("case", "latency", "attempts"), rows))
    if document["failing"]:
        rows = [(case["id"], case["failure"], case["message"] or "") for case in document["failing"]]
        yield from _section("First failures", _table(("case", "kind", "message"), rows))
    if document["wrong"]:
        keys = ("id", "input", "output", "target")
        examples = [tuple("–" if case[key] is None else case[key] for key in keys) for case in document["wrong"]]
        yield from _section("First wrong answers", _table(("case", "asked", "answered", "expected"), examples))


def _notes(report: Report) -> Iterator[str]:
    synthetic = report.document["synthetic"]
    if synthetic:
        yield from _section("What is simulated", [f"- {_text(note)}" for note in synthetic])
    rows = [f"- {label}: `{text.replace('`', '')}`" for label, text in commands(report)]
    yield from _section("Files and commands", rows)


def _section(title: str, body: Sequence[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "", *body)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---"] * len(header)
    return [f"| {' | '.join(row)} |" for row in (_cells(header), rule, *(_cells(row) for row in rows))]


def _cells(row: Sequence[str]) -> list[str]:
    return [_text(cell) for cell in row]


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", safe(text))
