"""When a level has been seen for long enough: one generation to settle, then batches until their means agree."""

from __future__ import annotations

import math
import statistics
from typing import Literal

from msgspec import Struct

from evalperf.tuning.level import Level

__all__ = ["QUICK", "THOROUGH", "Precision", "Reply", "Sample", "most_replies"]

_MIN_BATCHES = 4
_T90 = (2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)
"""Student's t for 90 %, from 3 degrees of freedom on; beyond 10 it stays below 1.8."""
_T90_BEYOND = 1.796
_HOPELESS = 3
"""Failures, and at least one of each worker, without a single answer."""
_MANY_REFUSED = 10
_REFUSED_SHARE = 0.1


class Precision(Struct, frozen=True, kw_only=True):
    """How exactly a level is measured."""

    half_width: float
    """Of the 90 % interval of the throughput, relative to it; reached, the level ends."""
    within_s: float
    """A level that has not come so far ends after that time, with what it has."""


THOROUGH = Precision(half_width=0.05, within_s=20.0)
QUICK = Precision(half_width=0.08, within_s=10.0)


class Reply(Struct, frozen=True, gc=False):
    """What became of one request."""

    kind: Literal["answered", "refused", "failed"]
    latency_s: float
    """The endpoint's own time."""
    retry_after_s: float | None = None
    """The server's own wish, with a 429."""
    reason: str | None = None
    """Why there is no answer."""


def most_replies(workers: int) -> int:
    """What a level takes at most: one generation to settle, then enough of them for a figure."""
    return workers + _enough(workers)


def _enough(workers: int) -> int:
    return max(24, 4 * workers)


class Sample:
    """Counts the replies of one level. The first `workers` of them only bring the level to its steady state."""

    def __init__(self, workers: int, precision: Precision, now_s: float, cpu_s: float) -> None:
        self._workers = workers
        self._precision = precision
        self._batch = max(8, workers // 2)
        self._enough = _enough(workers)
        self._least = min(8, max(4, workers))
        self._to_settle = workers
        self._began_s = self._batch_began_s = self._last_s = now_s
        self._began_cpu_s = self._last_cpu_s = cpu_s
        self._latencies_s: list[float] = []
        self._batches: list[tuple[int, float]] = []  # answers, and the seconds in which they came
        self._seen = self._in_batch = self._answered_in_batch = 0
        self._attempts = self._refused = self._failed = 0
        self._reason: str | None = None

    def add(self, reply: Reply, now_s: float, cpu_s: float) -> None:
        """Counts a reply that came at that time, when this process had used so much CPU."""
        self._attempts += 1
        self._refused += reply.kind == "refused"
        self._failed += reply.kind == "failed"
        self._reason = self._reason if reply.reason is None else reply.reason
        if self._to_settle > 0:
            self._to_settle -= 1
            if self._to_settle == 0 or now_s - self._began_s > self._precision.within_s:
                self._to_settle = 0
                self._began_s = self._batch_began_s = now_s
                self._began_cpu_s = cpu_s
        else:
            self._count(reply, now_s)
        self._last_s, self._last_cpu_s = now_s, cpu_s

    @property
    def over(self) -> bool:
        """Whether the figures stand, or won't get better."""
        if self._refused >= _MANY_REFUSED and self._refused > _REFUSED_SHARE * self._attempts:
            return True
        if self._failed == self._attempts >= max(_HOPELESS, self._workers):
            return True
        if self._to_settle > 0:
            return False
        late = self._last_s - self._began_s > self._precision.within_s and self._seen >= self._least
        return late or self._seen >= self._enough or self._means_agree()

    @property
    def tells_something(self) -> bool:
        """Whether there is enough for a figure, if only a rough one."""
        return self._to_settle == 0 and self._seen >= max(self._least, self._workers // 2)

    def level(self) -> Level:
        """What has been seen."""
        seconds = self._last_s - self._began_s
        return Level(
            workers=self._workers,
            answered=len(self._latencies_s),
            seconds=seconds,
            latencies_s=tuple(sorted(self._latencies_s)),
            cpu_share=(self._last_cpu_s - self._began_cpu_s) / seconds if seconds > 0 else 0.0,
            half_width_per_s=self._half_width_per_s(),
            attempts=self._attempts,
            refused=self._refused,
            failed=self._failed,
            reason=self._reason,
        )

    def _count(self, reply: Reply, now_s: float) -> None:
        self._seen += 1
        self._in_batch += 1
        if reply.kind == "answered":
            self._latencies_s.append(reply.latency_s)
            self._answered_in_batch += 1
        if self._in_batch == self._batch and now_s > self._batch_began_s:
            self._batches.append((self._answered_in_batch, now_s - self._batch_began_s))
            self._in_batch = self._answered_in_batch = 0
            self._batch_began_s = now_s

    def _means_agree(self) -> bool:
        half_width = self._half_width_per_s()
        return half_width is not None and half_width <= self._precision.half_width * self._rate_per_s()

    def _rate_per_s(self) -> float:
        return sum(answered for answered, _ in self._batches) / math.fsum(seconds for _, seconds in self._batches)

    def _half_width_per_s(self) -> float | None:
        """As of a ratio of two means: answers that come in bursts make batches of no time at all."""
        count = len(self._batches)
        if count < _MIN_BATCHES:
            return None
        t = _T90[count - _MIN_BATCHES] if count - _MIN_BATCHES < len(_T90) else _T90_BEYOND
        rate_per_s = self._rate_per_s()
        off = statistics.stdev(answered - rate_per_s * seconds for answered, seconds in self._batches)
        return t * off / (math.sqrt(count) * statistics.fmean(seconds for _, seconds in self._batches))
