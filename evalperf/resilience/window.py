"""Failures and calls of the last seconds, in ten buckets: constant memory at any rate of calls."""

from __future__ import annotations

__all__ = ["FailureWindow"]

BUCKETS = 10


class FailureWindow:
    """Counts over a span of time, exact to a tenth of it.

    A window of time and not of calls: the last 100 calls are a second's at a high rate and an hour's at a low one.
    """

    __slots__ = ("_bucket_s", "_calls", "_epoch", "_failures")

    def __init__(self, window_s: float) -> None:
        self._bucket_s = window_s / BUCKETS
        self._epoch = 0
        self.clear()

    def clear(self) -> None:
        """Forgets all calls."""
        self._calls = [0] * BUCKETS
        self._failures = [0] * BUCKETS

    def add(self, failed: bool, now_s: float) -> None:
        """Counts one call."""
        self._expire(now_s)
        place = self._epoch % BUCKETS
        self._calls[place] += 1
        self._failures[place] += failed

    def counts(self, now_s: float) -> tuple[int, int]:
        """Failures and calls in the window."""
        self._expire(now_s)
        return sum(self._failures), sum(self._calls)

    def _expire(self, now_s: float) -> None:
        epoch = int(now_s // self._bucket_s)
        for passed in range(self._epoch + 1, min(epoch, self._epoch + BUCKETS) + 1):
            self._calls[passed % BUCKETS] = self._failures[passed % BUCKETS] = 0
        if epoch - self._epoch > BUCKETS:
            self.clear()
        self._epoch = max(self._epoch, epoch)
