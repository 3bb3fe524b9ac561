"""Time limits on what workers do, with one timer for all of them.

`asyncio.timeout` costs about 4 µs a case, a tenth of what a recorded answer may cost in all; a sweep costs next to
nothing per case and is exact enough for limits of minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType

from evalperf import clock

__all__ = ["Slot", "Watch", "paused", "watch"]

SWEEPS_PER_LIMIT = 20


class Slot:
    """One task's stretches of limited work, each a `with` block that raises TimeoutError if it takes too long."""

    __slots__ = ("_interrupted", "_task", "began_s")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task
        self._interrupted = False
        self.began_s: float | None = None
        """When the work began, on the loop's clock; None between two stretches."""

    def __enter__(self) -> None:
        self.began_s = clock.now()

    def pause(self) -> None:
        """What comes now is no work: a wait for a rate limit, or for an endpoint to come back."""
        self.began_s = None

    def resume(self) -> None:
        """The work goes on, with the whole time that a stretch may take."""
        self.began_s = clock.now()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.began_s = None
        if self._interrupted:
            self._interrupted = False
            if self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def interrupt(self) -> None:
        """The work is cancelled where it waits; a second call does nothing."""
        if not self._interrupted:
            self._interrupted = True
            self._task.cancel()


@contextmanager
def paused(slot: Slot | None) -> Iterator[None]:
    """What the block waits for is no work of the slot's task, if it has a slot."""
    if slot is None:
        yield
        return
    slot.pause()
    try:
        yield
    finally:
        slot.resume()


class Watch:
    """Interrupts what takes longer than `limit_s` (late by up to a twentieth of it)."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._slots: list[Slot] = []

    def slot(self) -> Slot:
        """A slot for the running task, for as long as the watch lives."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        slot = Slot(task)
        self._slots.append(slot)
        return slot

    async def sweep(self) -> None:
        """Looks for ever; owned by the block that opened the watch."""
        while True:
            await asyncio.sleep(self._limit_s / SWEEPS_PER_LIMIT)
            latest_start_s = clock.now() - self._limit_s
            for slot in self._slots:
                if slot.began_s is not None and slot.began_s < latest_start_s:
                    slot.interrupt()


@asynccontextmanager
async def watch(limit_s: float) -> AsyncIterator[Watch]:
    """A watch that looks as long as the block runs."""
    watching = Watch(limit_s)
    sweeper = asyncio.create_task(watching.sweep())
    try:
        yield watching
    finally:
        sweeper.cancel()
        await asyncio.wait([sweeper])
