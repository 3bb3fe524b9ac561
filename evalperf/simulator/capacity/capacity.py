"""The capacity of a server, put together from its options."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from evalperf.clock import now
from evalperf.simulator.capacity.sharing import ProcessorSharing, batch_pace
from evalperf.simulator.capacity.slots import Slots
from evalperf.simulator.capacity.weather import Weather
from evalperf.simulator.options import CapacityOptions

__all__ = ["Capacity", "Work"]

Work = Callable[[float], Awaitable[None]]
"""Takes as long as so many seconds of work, counted as if nothing else were to be done."""


class Capacity:
    """Lets requests in and says how long their work takes."""

    def __init__(self, options: CapacityOptions, *, seed: int) -> None:
        self._slots: Slots | None = None
        if options.slots is not None:
            schedule = ((0.0, options.slots), *options.slots_later)
            self._slots = Slots(schedule, queue_size=options.queue_size)
        self._sharing: ProcessorSharing | None = None
        if options.slowdown > 0 or options.pressure > 0:
            self._sharing = ProcessorSharing(batch_pace(options.slowdown, options.pressure_from, options.pressure))
        self._weather = Weather(options.weather, seed) if options.weather > 0 else None

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Work]:
        """A place to work, after a wait where all are taken; raises OverloadedError."""
        if self._slots is not None:
            await self._slots.enter()
        try:
            if self._sharing is not None:
                self._sharing.join()
            try:
                yield self._work(1.0 if self._weather is None else self._weather.factor(now()))
            finally:
                if self._sharing is not None:
                    self._sharing.leave()
        finally:
            if self._slots is not None:
                self._slots.leave()

    def _work(self, factor: float) -> Work:
        take = asyncio.sleep if self._sharing is None else self._sharing.work

        async def work(alone_s: float) -> None:
            if alone_s > 0:
                await take(alone_s * factor)

        return work
