"""About once a second: the machine, the queues, and what holds the run back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil

from evalperf import clock
from evalperf.events import Emit, Sampled
from evalperf.pipeline.feed import Feed
from evalperf.pipeline.pool import Pool

__all__ = ["Sampler"]

TICK_S = 0.1
TICKS_PER_SAMPLE = 10
BUSY_SHARE = 0.85
"""From this share of one core on, the event loop is what limits: it can't answer sockets any sooner."""


class Sampler:
    """Sums the time by what limited it; emits `Sampled`. One task, owned by the engine."""

    def __init__(self, feed: Feed, pool: Pool, queued_results: Callable[[], int], emit: Emit) -> None:
        self._feed = feed
        self._pool = pool
        self._queued_results = queued_results
        self._emit = emit
        self._limited_s: dict[str, float] = {}

    def limited_by(self) -> dict[str, float]:
        """Share of the time by limit: server, rate_limit, client_cpu, writer, input. Sums to 1; empty before a tick."""
        total_s = sum(self._limited_s.values())
        return {cause: seconds / total_s for cause, seconds in sorted(self._limited_s.items())}

    async def sample(self) -> None:
        """Samples until it is cancelled."""
        process = psutil.Process()
        last_s, last_cpu_s = clock.now(), clock.cpu_s()
        since: dict[str, float] = {}
        lag_s = 0.0
        while True:
            for _ in range(TICKS_PER_SAMPLE):
                before_s, cpu_before_s = clock.now(), clock.cpu_s()
                await asyncio.sleep(TICK_S)
                spent_s = clock.now() - before_s
                lag_s = max(lag_s, spent_s - TICK_S)
                cause = self._cause((clock.cpu_s() - cpu_before_s) / spent_s)
                self._limited_s[cause] = self._limited_s.get(cause, 0.0) + spent_s
                since[cause] = since.get(cause, 0.0) + spent_s
            now_s, cpu_s = clock.now(), clock.cpu_s()
            self._emit(
                Sampled(
                    at_s=now_s,
                    cpu_share=(cpu_s - last_cpu_s) / (now_s - last_s),
                    rss_bytes=process.memory_info().rss,
                    in_flight=self._feed.busy,
                    workers=self._pool.workers,
                    waiting_retries=self._feed.waiting,
                    queued_cases=self._feed.queued,
                    queued_results=self._queued_results(),
                    loop_lag_s=lag_s,
                    limited_by=max(since, key=since.__getitem__),
                )
            )
            last_s, last_cpu_s, lag_s = now_s, cpu_s, 0.0
            since.clear()

    def _cause(self, cpu_share: float) -> str:
        """What limits now, the nearest to the end of the pipe first: a full writer also idles all that is before it."""
        if self._pool.delivering > self._pool.workers / 2:
            return "writer"
        if cpu_share >= BUSY_SHARE:
            return "client_cpu"
        if self._feed.busy <= self._pool.workers / 2:
            if self._feed.waiting_for_limit:
                return "rate_limit"
            if self._feed.starving:
                return "input"
        return "server"
