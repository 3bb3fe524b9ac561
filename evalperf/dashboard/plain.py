"""One line now and then, for logs and pipes."""

from __future__ import annotations

from typing import TextIO

from evalperf.dashboard.histogram import quantile_s
from evalperf.dashboard.numbers import clean, clock_time, count, duration, eta_range, money, percent, rate
from evalperf.dashboard.snapshot import Happening, Snapshot

__all__ = ["PlainDisplay", "encodable", "first_line", "progress_line"]

LOOKS_S = 0.5
TENTHS = 10


class PlainDisplay:
    """A line every `every_s`, at each tenth of the run, for each notice, and at the end."""

    def __init__(self, stderr: TextIO, *, every_s: float) -> None:
        self._stderr = stderr
        self._every_s = every_s
        self._next_s = every_s
        self._tenth = 0
        self._said: set[tuple[str, str]] = set()
        self._begun = False

    def open(self) -> None:
        """Nothing to take."""

    async def show(self, snapshot: Snapshot) -> float:
        """Writes what is due, which mostly is nothing."""
        self._write(self._due(snapshot))
        return LOOKS_S

    def close(self, snapshot: Snapshot) -> None:
        """The last line, with what has become of the run."""
        lines = self._due(snapshot, regular=False)
        if self._begun:
            lines.append(progress_line(snapshot))
        self._write(lines)

    def _due(self, snapshot: Snapshot, *, regular: bool = True) -> list[str]:
        lines: list[str] = []
        if snapshot.status == "starting":
            return lines
        if not self._begun:
            self._begun = True
            self._tenth = int((snapshot.share or 0) * TENTHS)
            lines.append(first_line(snapshot))
        lines.extend(_notice_line(notice) for notice in self._fresh(snapshot))
        tenth = int((snapshot.share or 0) * TENTHS)
        if regular and (tenth > self._tenth or snapshot.elapsed_s >= self._next_s):
            lines.append(progress_line(snapshot))
            self._tenth = tenth
            self._next_s = snapshot.elapsed_s + self._every_s
        return lines

    def _fresh(self, snapshot: Snapshot) -> list[Happening]:
        """Notices that were not written yet, the oldest first; retries and failures are counts in the lines."""
        notices = [notice for notice in reversed(snapshot.happenings) if notice.label not in {"retry", "failed"}]
        fresh = [notice for notice in notices if (notice.label, notice.text) not in self._said]
        self._said = {(notice.label, notice.text) for notice in notices}
        return fresh

    def _write(self, lines: list[str]) -> None:
        if lines:
            self._stderr.write(encodable("".join(line + "\n" for line in lines), self._stderr))
            self._stderr.flush()


def first_line(snapshot: Snapshot) -> str:
    """What is run, on one line."""
    parts = [f"{clean(snapshot.name)} {_cases(snapshot)}"]
    if snapshot.model is not None:
        parts.append(clean(snapshot.model))
    parts.append(f"{count(snapshot.workers)} workers")
    if snapshot.resumed:
        parts.append(f"{count(snapshot.resumed)} done before")
    return f"evalperf run {clean(snapshot.run_id)} · " + " · ".join(parts)


def progress_line(snapshot: Snapshot) -> str:
    """How far the run is, on one line."""
    p95, unit = duration(quantile_s(snapshot.latency, 0.95))
    parts = [f"[{clock_time(snapshot.elapsed_s)}]"]
    if snapshot.share is not None:
        parts.append(f"{percent(snapshot.share):>5}")
    parts.append(count(snapshot.done) if snapshot.total is None else f"{count(snapshot.done)}/{count(snapshot.total)}")
    if snapshot.cases_per_s is not None:
        parts.append(f"{rate(snapshot.cases_per_s)} cases/s")
    if unit:
        parts.append(f"p95 {p95} {unit}")
    parts.append(f"ok {count(snapshot.ok)}  failed {count(snapshot.failed)}  retried {count(snapshot.retried)}")
    if snapshot.cached or snapshot.caches:
        share = "" if snapshot.cache_hit_rate is None else f" ({percent(snapshot.cache_hit_rate)})"
        parts.append(f"cached {count(snapshot.cached)}{share}")
    if snapshot.cost_usd is not None:
        parts.append(f"cost {money(snapshot.cost_usd)}")
    return "  ".join(parts + _outlook(snapshot))


def _outlook(snapshot: Snapshot) -> list[str]:
    if snapshot.status != "running":
        return [snapshot.status]
    parts = [f"in flight {count(snapshot.in_flight)}"]
    if snapshot.limited_by is not None:
        parts.append(f"limited by {clean(snapshot.limited_by)}")
    if snapshot.eta is not None:
        parts.append(f"left {eta_range(snapshot.eta)}")
    return parts


def _cases(snapshot: Snapshot) -> str:
    return "cases" if snapshot.total is None else f"{count(snapshot.total)} cases"


def _notice_line(notice: Happening) -> str:
    return f"[{clock_time(notice.elapsed_s)}] {notice.label}: {clean(notice.text)}"


def encodable(text: str, stream: TextIO) -> str:
    """The text with a question mark for each character that the stream's encoding lacks."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
