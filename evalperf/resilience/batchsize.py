"""How large a batch should be, found from the times and outcomes of the batches before it."""

from __future__ import annotations

import math
from collections import deque

from msgspec import Struct

__all__ = ["BatchRecord", "BatchSize"]

HEADROOM = 0.8
"""Aimed at, as a share of the target time: latencies vary, and half of them are above their mean."""

SMOOTHING = 0.5
"""Weight of the newest rate in the running one."""

FIRST_GROWTH = 2.0
LATER_GROWTH = 1.25
"""Most growth by one batch before the first failure, and after it."""

MOST_OWED = 10
"""Failures that are made up for at most: a server that was ill for an hour is not shunned for a day."""

SHORTEST_S = 1e-6
"""A clock may say that a batch took no time at all."""

HISTORY = 1000
"""Batches that are remembered; of more, the last ones."""


class BatchRecord(Struct, frozen=True, gc=False):
    """What came of one batch."""

    at_s: float
    """When it was sent, on the clock of the loop."""
    size: int
    latency_s: float
    ok: bool


class BatchSize:
    """A controller: told what came of each batch, it says how large the next ones should be.

    A full batch within the target time moves the size towards 0.8 · target · rate, where rate is a running mean
    (weight ½ for the newest) of items per second; one batch at most doubles it, and after the first failure raises it
    by a quarter. A batch over the target time lowers it in the same way, at most to its half. A batch that was not
    full says nothing about larger ones and counts only where even it was too slow.

    A batch that failed halves the size. Then it does not grow until so many batches have succeeded that the failure
    is within the target (19 at 95 %), so that trying a server's limit again and again keeps it. Several batches of one
    size that fail at once halve it once, but each has to be made up for.
    """

    def __init__(
        self, *, start: int, least: int = 1, most: int, target_s: float = 2.0, target_success: float = 0.95
    ) -> None:
        self._least = least
        self._most = most
        self._size = float(min(max(start, least), most))
        self._target_s = target_s
        self._successes_per_failure = math.ceil(target_success / (1 - target_success) - 1e-9)
        self._owed = 0  # successes that must come before the size may grow again
        self._growth = FIRST_GROWTH
        self._rate: float | None = None
        self._history: deque[BatchRecord] = deque(maxlen=HISTORY)

    @property
    def now(self) -> int:
        """Items that a batch may hold as of now."""
        return max(self._least, min(self._most, int(self._size)))

    def history(self) -> tuple[BatchRecord, ...]:
        """The last 1,000 batches, in the order in which they ended."""
        return tuple(self._history)

    def record(self, batch: BatchRecord, *, counts: bool = True) -> None:
        """Learns from a batch that has ended; one that does not count (its failure was not its size's) is only kept."""
        self._history.append(batch)
        if not counts:
            return
        if batch.ok:
            self._owed = max(0, self._owed - 1)
            self._follow(batch)
        else:
            self._owed = min(self._owed, MOST_OWED * self._successes_per_failure) + self._successes_per_failure
            self._growth = LATER_GROWTH
            self._set(min(self._size, batch.size / 2))

    def _follow(self, batch: BatchRecord) -> None:
        slow = batch.latency_s > self._target_s
        if batch.size < self.now and not slow:
            return
        rate = batch.size / max(batch.latency_s, SHORTEST_S)
        self._rate = rate if self._rate is None else SMOOTHING * rate + (1 - SMOOTHING) * self._rate
        want = HEADROOM * self._target_s * self._rate
        if slow or want < self._size:
            self._set(min(self._size, max(want, max(batch.size, self._size) / 2)))
        elif not self._owed:
            self._set(max(self._size, min(want, max(batch.size * self._growth, batch.size + 1))))

    def _set(self, size: float) -> None:
        self._size = max(float(self._least), min(float(self._most), size))
