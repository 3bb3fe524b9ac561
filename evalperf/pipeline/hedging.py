"""At the end of a run, a second copy of a call that lasts long, at another endpoint: the first answer counts.

The last few calls of a run decide when it ends, and one stuck server holds up all the rest. While there is other work
to do, copies would only cost; so nothing is copied before the last case has been taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from evalperf import clock
from evalperf.config.resilience import HedgingConfig
from evalperf.pipeline.endpoint import Seat
from evalperf.pipeline.router import Router
from evalperf.records import Response
from evalperf.stats import Sketch

__all__ = ["Hedging", "hedging"]

LOOK_S = 0.05
LEAST_ANSWERS = 20
"""Fewer latencies than this do not say what is long."""

T = TypeVar("T")


class _Open:
    """A call on its way, and the wish for a copy of it."""

    __slots__ = ("began_s", "wanted")

    def __init__(self) -> None:
        self.began_s = clock.now()
        self.wanted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Hedging:
    """Races calls against their copies. One per run; `watch` decides which calls get one."""

    def __init__(self, config: HedgingConfig, router: Router, at_end: Callable[[], bool]) -> None:
        self._config = config
        self._router = router
        self._at_end = at_end
        self._open: dict[int, _Open] = {}
        self._numbers = 0
        self._latencies = Sketch()
        self.copies = 0
        """Second calls that were made."""

    async def race(self, seat: Seat, exchange: Callable[[Seat], Coroutine[Any, Any, T]]) -> T:
        """What `exchange` brings, from this seat or from one at another endpoint: the first Response, else the first.

        The loser is cancelled, and its seat tells its endpoint nothing.
        """
        self._numbers += 1
        number, call = self._numbers, _Open()
        self._open[number] = call
        tasks = [asyncio.create_task(exchange(seat))]
        spare: Seat | None = None
        try:
            awaited: set[asyncio.Future[Any]] = {tasks[0], call.wanted}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if not tasks[0].done():
                spare = await self._router.spare(seat)
                if spare is not None:
                    self.copies += 1
                    tasks.append(asyncio.create_task(exchange(spare)))
            outcome = await _first_response(tasks)
            self._latencies.add(clock.now() - call.began_s)
            return outcome
        finally:
            del self._open[number]
            call.wanted.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if spare is not None:
                self._router.leave(spare)

    async def watch(self) -> None:
        """Looks for ever; owned by the block that opened the hedging."""
        while True:
            await asyncio.sleep(LOOK_S)
            if not self._at_end() or self._latencies.count < LEAST_ANSWERS:
                continue
            long_s = self._latencies.quantile(self._config.quantile)
            for call in self._open.values():
                if self.copies >= self._config.max_share * self._numbers:
                    break
                if long_s is not None and clock.now() - call.began_s > long_s and not call.wanted.done():
                    call.wanted.set_result(None)


async def _first_response(tasks: Sequence[asyncio.Task[T]]) -> T:
    """The first Response; where none of them brings one, what the first of them has brought."""
    waiting: set[asyncio.Task[T]] = set(tasks)
    first: asyncio.Task[T] | None = None
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            first = first or task
            if task.exception() is not None or isinstance(task.result(), Response):
                return task.result()
    assert first is not None  # noqa: S101 - there is at least one task
    return first.result()


@asynccontextmanager
async def hedging(
    config: HedgingConfig | None, router: Router | None, at_end: Callable[[], bool]
) -> AsyncIterator[Hedging | None]:
    """The hedging of a run, watched while the block runs; None where none is asked for."""
    if config is None or router is None:
        yield None
        return
    opened = Hedging(config, router, at_end)
    watching = asyncio.create_task(opened.watch())
    try:
        yield opened
    finally:
        watching.cancel()
        await asyncio.wait([watching])
