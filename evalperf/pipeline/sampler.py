"""About once a second: the machine, the queues, and what holds the run back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil

from evalperf import clock
from evalperf.events import Emit, EndpointSample, Sampled
from evalperf.pipeline.feed import Feed
from evalperf.pipeline.pool import Pool
from evalperf.pipeline.router import Router

__all__ = ["Sampler"]

TICK_S = 0.1
TICKS_PER_SAMPLE = 10
TOO_BUSY_SHARE = 0.95
TOO_LATE_S = 0.1
"""From this CPU share or this delay of the loop on, measurements say nothing for more calls in flight."""
BUSY_SHARE = 0.85
"""From this share of one core on, the event loop is what limits: it can't answer sockets any sooner."""


class Sampler:
    """Sums the time by what limited it; emits `Sampled`. One task, owned by the engine."""

    def __init__(
        self, feed: Feed, pool: Pool, router: Router | None, queued_results: Callable[[], int], emit: Emit
    ) -> None:
        self._feed = feed
        self._pool = pool
        self._router = router
        self._queued_results = queued_results
        self._emit = emit
        self._limited_s: dict[str, float] = {}

    def limited_by(self) -> dict[str, float]:
        """Share of the time by limit: server, rate_limit, client_cpu, writer, breaker, input; empty before a tick."""
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
                late_s = spent_s - TICK_S
                lag_s = max(lag_s, late_s)
                cpu_share = (clock.cpu_s() - cpu_before_s) / spent_s
                self._tell_controls(busy=cpu_share >= TOO_BUSY_SHARE or late_s > TOO_LATE_S)
                cause = self._cause(cpu_share)
                self._limited_s[cause] = self._limited_s.get(cause, 0.0) + spent_s
                since[cause] = since.get(cause, 0.0) + spent_s
            now_s, cpu_s = clock.now(), clock.cpu_s()
            self._emit(
                Sampled(
                    at_s=now_s,
                    cpu_share=(cpu_s - last_cpu_s) / (now_s - last_s),
                    rss_bytes=process.memory_info().rss,
                    in_flight=self._feed.busy if self._router is None else self._router.calls,
                    workers=self._pool.workers if self._router is None else self._router.limit,
                    waiting_retries=self._feed.waiting,
                    queued_cases=self._feed.queued,
                    queued_results=self._queued_results(),
                    loop_lag_s=lag_s,
                    limited_by=max(since, key=since.__getitem__),
                    endpoints=self._endpoints(),
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
        held_by = None if self._router is None else self._router.held_by()
        if held_by is not None:
            return held_by
        if self._feed.waiting_for_limit > self._feed.busy:
            return "rate_limit"
        return "input" if self._feed.starving else "server"

    def _tell_controls(self, *, busy: bool) -> None:
        if self._router is not None:
            for endpoint in self._router.endpoints:
                endpoint.control.client_busy = busy

    def _endpoints(self) -> tuple[EndpointSample, ...]:
        if self._router is None:
            return ()
        return tuple(
            EndpointSample(
                name=endpoint.name,
                in_flight=endpoint.calls,
                limit=endpoint.control.limit,
                waiting=endpoint.gate.waiting,
                requests_per_s=endpoint.gate.limit.requests_per_s,
                breaker=endpoint.breaker.state.value,
            )
            for endpoint in self._router.endpoints
        )
