"""One line that is written over, for terminals that can do no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from tqdm import tqdm

from evalperf.dashboard.histogram import quantile_s
from evalperf.dashboard.numbers import clean, count, duration
from evalperf.dashboard.snapshot import Snapshot

if TYPE_CHECKING:
    Bar = tqdm[None]
else:
    Bar = tqdm

__all__ = ["TqdmDisplay"]

EVERY_S = 0.5


class _Bar(Bar):
    monitor_interval = 0  # no thread of tqdm's own: the progress task draws


class TqdmDisplay:
    """A tqdm bar with failures, retries, latency and in flight behind it; the bar stays when the run ends."""

    def __init__(self, stderr: TextIO) -> None:
        self._stderr = stderr
        self._bar: _Bar | None = None

    def open(self) -> None:
        """Waits for the run's first event: before, there is nothing to draw."""

    async def show(self, snapshot: Snapshot) -> float:
        """Moves the bar."""
        if snapshot.status != "starting":
            self._draw(snapshot)
        return EVERY_S

    def close(self, snapshot: Snapshot) -> None:
        """Leaves the bar as it is in the end, and the cursor on a line of its own."""
        if snapshot.status != "starting":
            self._draw(snapshot)
        if self._bar is not None:
            self._bar.close()

    def _draw(self, snapshot: Snapshot) -> None:
        if self._bar is None:
            self._bar = self._begin(snapshot)
        self._bar.total = snapshot.total
        self._bar.n = snapshot.done
        self._bar.set_postfix_str(_postfix(snapshot), refresh=False)
        self._bar.refresh()

    def _begin(self, snapshot: Snapshot) -> _Bar:
        return _Bar(
            total=snapshot.total,
            initial=snapshot.resumed,
            desc=clean(snapshot.name)[:20],
            unit="case",
            file=self._stderr,
            dynamic_ncols=True,
            mininterval=0,
            miniters=1,
            smoothing=0.1,
        )


def _postfix(snapshot: Snapshot) -> str:
    number, unit = duration(quantile_s(snapshot.latency, 0.95))
    parts = [f"failed {count(snapshot.failed)}", f"retried {count(snapshot.retried)}"]
    if unit:
        parts.append(f"p95 {number} {unit}")
    parts.append(f"in flight {count(snapshot.in_flight)}")
    return ", ".join(parts)
