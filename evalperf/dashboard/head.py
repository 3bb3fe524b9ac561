"""The head of the picture: what runs, how far it is, how the cases came out; and the hint at its foot."""

from __future__ import annotations

from evalperf.dashboard.draw import Glyphs, Line, bar, ends, joined, width_of
from evalperf.dashboard.numbers import clean, clock_time, count, percent, rate
from evalperf.dashboard.pieces import BAD, GOOD, LIVELY, QUIET, WARM, left, tally
from evalperf.dashboard.snapshot import Snapshot

__all__ = ["counts", "hint", "progress", "title", "vitals"]

STATUS_STYLES = {"complete": GOOD, "running": GOOD, "starting": QUIET, "interrupted": WARM, "failed": BAD}
SHORTEST_BAR = 5


def title(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """What runs, whether it runs, since when, and for how much longer; the run's id where it has room."""
    style = STATUS_STYLES.get(snapshot.status, "")
    state: Line = [(f"{glyphs.running} ", style), (f"{snapshot.status} ", ""), (clock_time(snapshot.elapsed_s), "bold")]
    remaining = left(snapshot, glyphs)
    right = joined([state, remaining] if remaining else [state], "  ")
    parts: list[Line] = [[("evalperf ", "bold"), (clean(snapshot.name), "")]]
    if snapshot.model is not None:
        parts.append([(clean(snapshot.model), "")])
    with_id = joined([*parts, [("run ", QUIET), (clean(snapshot.run_id), LIVELY)]], glyphs.dot)
    has_room = width_of(with_id) + width_of(right) < width
    return ends(with_id if has_room else joined(parts, glyphs.dot), right, width, glyphs.ellipsis)


def progress(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """The bar over the whole width, with its share and counts at the end."""
    if snapshot.share is None or snapshot.total is None:
        return [(count(snapshot.done), "bold"), (" cases, and the end is not known yet", QUIET)]
    of = f"{count(snapshot.done)}/{count(snapshot.total)}"
    right: Line = [(f"{percent(snapshot.share):>6}", "bold"), (f" {of}", "")]
    room = width - width_of(right)
    return [*bar(snapshot.share, room, GOOD, glyphs), *right] if room >= SHORTEST_BAR else right


def counts(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """How many came out how, and as much of what is under way as there is room for."""
    parts = [
        tally(glyphs.ok, snapshot.ok, "ok", GOOD),
        tally(glyphs.failed, snapshot.failed, "failed", BAD),
        tally(glyphs.retried, snapshot.retried, "retried", WARM),
        _cached(snapshot, glyphs),
    ]
    if snapshot.resumed:
        before = tally("", snapshot.resumed, "done before", LIVELY)
        parts += [before] if width_of(joined([*parts, before], "  ")) <= width else []
    under_way = [f"{count(snapshot.in_flight)} in flight"]
    if snapshot.machine is not None:
        under_way.append(f"{count(snapshot.machine.queued_cases)} queued")
        if snapshot.machine.waiting_retries:
            under_way.append(f"{count(snapshot.machine.waiting_retries)} to try again")
    line = joined(parts, "  ")
    for shown in range(len(under_way), 0, -1):
        longer = joined([*parts, [(", ".join(under_way[:shown]), QUIET)]], "  ")
        if width_of(longer) <= width:
            return longer
    return line


def _cached(snapshot: Snapshot, glyphs: Glyphs) -> Line:
    """With the share of the cases where there is a cache."""
    line = tally(glyphs.cached, snapshot.cached, "cached", LIVELY)
    share = snapshot.cache_hit_rate
    return line if share is None else [*line, (f" {percent(share)}", QUIET)]


def vitals(snapshot: Snapshot, glyphs: Glyphs) -> Line:
    """The second of two lines, where there is room for no more."""
    parts: list[Line] = []
    if snapshot.cases_per_s is not None:
        parts.append([(rate(snapshot.cases_per_s), "bold"), ("/s", QUIET)])
    parts.append([(count(snapshot.in_flight), "bold"), (" in flight", QUIET)])
    parts.append(tally(glyphs.failed, snapshot.failed, "failed", BAD))
    remaining = left(snapshot, glyphs)
    return joined([*parts, remaining] if remaining else parts, "  ")


def hint(glyphs: Glyphs) -> Line:
    """What can be done now."""
    parts = ("Ctrl-C: finish what is in flight", "again: stop now", "--resume goes on later")
    return [(glyphs.dot.join(parts), QUIET)]
