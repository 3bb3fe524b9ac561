"""From a snapshot to a picture that fits: a pure function, the same numbers give the same picture."""

from __future__ import annotations

from evalperf.dashboard import head, plots, tables
from evalperf.dashboard.draw import Glyphs, Line, beside, fit, rule
from evalperf.dashboard.snapshot import Snapshot

__all__ = ["picture"]

WIDE = (110, 30)
MEDIUM = (60, 16)
MEDIUM_ROWS = 22
GAP = 2
LIVE_INTERVAL = "95 % interval, live"


def picture(snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """At most `height - 1` lines of exactly `width` cells: the last row of the terminal stays free for the cursor."""
    rows = max(1, height - 1)
    if width >= WIDE[0] and height >= WIDE[1]:
        lines = _wide(snapshot, width, rows, glyphs)
    elif width >= MEDIUM[0] and height >= MEDIUM[1]:
        lines = _medium(snapshot, width, min(rows, MEDIUM_ROWS), glyphs)
    else:
        lines = [head.progress(snapshot, width, glyphs), head.vitals(snapshot, glyphs)]
    return [fit(line, width, glyphs.ellipsis) for line in lines[:rows]]


def _wide(snapshot: Snapshot, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """Everything, with air between the sections."""
    top = [*_head(snapshot, width, glyphs), [], *_measured(snapshot, width, glyphs), []]
    middle = [*_reasons(snapshot, width, glyphs), []]
    room = rows - len(top) - len(middle) - 2  # the hint below an empty line
    endpoints = tables.endpoints(snapshot, width, min(8, room - 5), glyphs)
    if endpoints:
        endpoints = [rule("endpoints", "", width, glyphs), *endpoints, []]
    events = tables.events(snapshot, min(6, room - len(endpoints) - 1), glyphs)
    return [*top, *endpoints, *middle, rule("events", "", width, glyphs), *events, [], head.hint(glyphs)]


def _medium(snapshot: Snapshot, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """Sections in their order; where the height does not do, the least needed go first."""
    top = _head(snapshot, width, glyphs)
    sections = {
        "plots": _two_plots(snapshot, width, glyphs),
        "endpoints": tables.endpoints(snapshot, width, 4, glyphs),
        "scores": plots.score_line(snapshot, glyphs),
        "trouble": tables.trouble_line(snapshot, glyphs),
        "load": tables.load_line(snapshot, glyphs),
    }
    for name in ("endpoints", "scores", "trouble", "load"):
        if sections[name]:
            note = LIVE_INTERVAL if name == "scores" else ""
            sections[name] = [rule(name, note, width, glyphs), *sections[name]]
    room = rows - len(top) - 2  # the heading of the events, and the hint
    for name in ("endpoints", "load", "trouble", "scores"):
        if sum(map(len, sections.values())) >= room:
            sections[name] = []
    body = [line for section in sections.values() for line in section]
    events = tables.events(snapshot, min(4, room - len(body)), glyphs)
    return [*top, *body, rule("events", "", width, glyphs), *events, head.hint(glyphs)]


def _head(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    return [
        head.title(snapshot, width, glyphs),
        head.progress(snapshot, width, glyphs),
        head.counts(snapshot, width, glyphs),
    ]


def _two_plots(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    widths = _columns(width, 2)
    blocks = [
        [rule("throughput", "", widths[0], glyphs), *plots.throughput(snapshot, widths[0], glyphs)],
        [rule("latency", "", widths[1], glyphs), *plots.latency(snapshot, widths[1], glyphs)],
    ]
    return beside(blocks, widths, GAP, glyphs.ellipsis)


def _measured(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    widths = _columns(width, 3)
    scores = plots.scores(snapshot, widths[2], 3, glyphs)
    blocks = [
        [rule("throughput", "", widths[0], glyphs), *plots.throughput(snapshot, widths[0], glyphs)],
        [rule("latency", "", widths[1], glyphs), *plots.latency(snapshot, widths[1], glyphs)],
        [rule("scores", LIVE_INTERVAL, widths[2], glyphs), *scores],
    ]
    return beside(blocks, widths, GAP, glyphs.ellipsis)


def _reasons(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    widths = _columns(width, 3)
    blocks = [
        [rule("trouble", "", widths[0], glyphs), *tables.trouble(snapshot, widths[0], 4, glyphs)],
        [rule("limited by", "", widths[1], glyphs), *tables.limits(snapshot, widths[1], 4, glyphs)],
        [rule("this machine", "", widths[2], glyphs), *tables.machine(snapshot, widths[2], glyphs)],
    ]
    rows = beside(blocks, widths, GAP, glyphs.ellipsis)
    return rows + [[]] * (5 - len(rows))  # as high as it will get: nothing below moves


def _columns(width: int, number: int) -> list[int]:
    each = (width - GAP * (number - 1)) // number
    return [each] * (number - 1) + [width - (each + GAP) * (number - 1)]
