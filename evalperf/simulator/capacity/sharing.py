"""Requests that share one processor: the more of them are at work, the slower each gets on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from evalperf.clock import now

__all__ = ["ProcessorSharing", "batch_pace"]

_ROUNDING_S = 1e-9


def batch_pace(slowdown: float, pressure_from: int | None, pressure: float) -> Callable[[int], float]:
    """How many seconds a second of work takes when so many are at work.

    A step of a batch takes t₀ + t₁·b, so `slowdown` is t₁ / (t₀ + t₁); above `pressure_from` preemption comes on top,
    which grows with the square.
    """

    def pace(at_work: int) -> float:
        above = 0 if pressure_from is None else max(0, at_work - pressure_from)
        return 1.0 + slowdown * max(0, at_work - 1) + pressure * above * above

    return pace


class ProcessorSharing:
    """All requests at work advance alike, at a speed that depends on how many they are.

    One number counts the work that each of them has had since the beginning; a request waits until it has grown by its
    own. So a change of speed costs one timer, however many are at work.
    """

    def __init__(self, pace: Callable[[int], float]) -> None:
        self._pace = pace
        self._at_work = 0
        self._done_s = 0.0
        self._at_s = 0.0
        self._numbers = count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def at_work(self) -> int:
        """Requests that share the processor."""
        return self._at_work

    def join(self) -> None:
        """One more at work."""
        self._change(+1)

    def leave(self) -> None:
        """One less."""
        self._change(-1)

    async def work(self, alone_s: float) -> None:
        """Returns when a request that has joined has had so many seconds of work, counted as if it were alone."""
        self._advance()
        future = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (self._done_s + alone_s, next(self._numbers), future))
        self._schedule()
        await future

    def _change(self, by: int) -> None:
        self._advance()
        self._at_work += by
        self._schedule()

    def _advance(self) -> None:
        now_s = now()
        if self._at_work:
            self._done_s += (now_s - self._at_s) / self._pace(self._at_work)
        self._at_s = now_s

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._waiting[0][2].done():  # its client has left
            heappop(self._waiting)
        if self._waiting:
            left_s = max(0.0, self._waiting[0][0] - self._done_s) * self._pace(self._at_work)
            self._timer = asyncio.get_running_loop().call_at(self._at_s + left_s, self._finish)

    def _finish(self) -> None:
        self._advance()
        while self._waiting and self._waiting[0][0] <= self._done_s + _ROUNDING_S:
            future = heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)
        self._schedule()
