"""Cases for the workers: due retries first, then new ones, until neither is left nor can come.

A case that waits for another attempt holds no worker. So that an endpoint in trouble can't pile up cases without end,
no new case is handed out while `max_waiting` wait already: memory stays flat, and the trouble reaches the reader as
backpressure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from evalperf import clock
from evalperf.errors import EvalperfError
from evalperf.pipeline.job import Job
from evalperf.records import Case

__all__ = ["Feed"]


def _always() -> bool:
    return True


class Feed:
    """Hands jobs to any number of workers. `read` is a task of the pool; everything else is called by its workers."""

    def __init__(self, *, read_ahead: int, max_waiting: int, has_room: Callable[[], bool] | None = None) -> None:
        self._read_ahead = read_ahead
        self._max_waiting = max_waiting
        self._has_room = _always if has_room is None else has_room  # whether an endpoint would take another case
        self._new: deque[Case] = deque()  # read, not yet taken
        self._due: deque[Job] = deque()  # waited long enough
        self._waiting: dict[int, tuple[Job, asyncio.TimerHandle]] = {}  # by a running number; the timer moves it to due
        self._numbers = 0
        self._idle: deque[asyncio.Future[None]] = deque()  # workers with nothing to do
        self._room: asyncio.Future[None] | None = None  # the reader, when it is far enough ahead
        self._busy = 0  # jobs in the hands of workers
        self._input_ended = False
        self._stopped = False
        self.taken = 0
        """Cases handed out for the first time."""
        self.error: EvalperfError | None = None
        """What ended the reading early; the cases before it are finished all the same."""

    # what the pool shows ---------------------------------------------------------------------------------------------

    @property
    def busy(self) -> int:
        """Jobs in the hands of workers."""
        return self._busy

    @property
    def queued(self) -> int:
        """Cases read and not yet taken."""
        return len(self._new)

    @property
    def waiting(self) -> int:
        """Jobs that wait for another attempt."""
        return len(self._waiting) + len(self._due)

    @property
    def waiting_for_limit(self) -> int:
        """Of these, the ones that a rate limit sent away."""
        return sum(job.waiting_for_limit for job, _ in self._waiting.values())

    @property
    def starving(self) -> bool:
        """Whether workers are idle because the reader is behind."""
        return bool(self._idle) and not (self._new or self._due or self._waiting or self._input_ended)

    def at_end(self) -> bool:
        """Whether the last case has been taken, and none waits for another attempt."""
        return self._input_ended and not (self._new or self._due or self._waiting)

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    # the reader ------------------------------------------------------------------------------------------------------

    async def read(self, batches: AsyncIterator[list[Case]]) -> None:
        """Reads until the input ends; an error of the input ends it, too, and is kept in `error` for the pool."""
        try:
            async for batch in batches:
                self._new.extend(batch)
                self._wake(len(batch))
                while len(self._new) >= self._read_ahead and not self._stopped:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                if self._stopped:
                    return
        except EvalperfError as error:
            self.error = error
        finally:
            self._input_ended = True
            self._wake(len(self._idle))

    # the workers -----------------------------------------------------------------------------------------------------

    async def next(self) -> Job | None:
        """The next job, or None when there will be none; give it back with `finished` or `put_back`."""
        while True:
            if self._stopped:
                return None
            if self._has_room():
                if self._due:
                    self._busy += 1
                    return self._due.popleft()
                if self._new and len(self._waiting) < self._max_waiting:
                    return self._take()
            if self._input_ended and not (self._new or self._due or self._waiting or self._busy):
                self._wake(len(self._idle))
                return None
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter

    def wake(self, workers: int) -> None:
        """There is room for so many more cases."""
        self._wake(min(workers, len(self._new) + len(self._due)))

    def finished(self) -> None:
        """The job has its result."""
        self._busy -= 1
        if not self._busy and self._input_ended:
            self._wake(len(self._idle))  # those who waited in case it came back may go

    def put_back(self, job: Job, delay_s: float) -> None:
        """The job comes back after `delay_s`, unless the feed has been stopped by then."""
        self._busy -= 1
        if self._stopped:
            self._wake(len(self._idle))
            return
        self._numbers += 1
        number = self._numbers
        timer = asyncio.get_running_loop().call_later(delay_s, self._fall_due, number)
        self._waiting[number] = (job, timer)

    def stop(self) -> None:
        """Hands out nothing more: neither new cases nor retries. What workers hold may still finish."""
        self._stopped = True
        for _, timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._due.clear()
        self._new.clear()
        self._let_read()
        self._wake(len(self._idle))

    def _take(self) -> Job:
        case = self._new.popleft()
        self._busy += 1
        self.taken += 1
        if len(self._new) < self._read_ahead:
            self._let_read()
        return Job(case=case, ready_s=clock.now())

    def _fall_due(self, number: int) -> None:
        job, _ = self._waiting.pop(number)
        self._due.append(job)
        self._wake(2)  # one for the retry, one for the new case that may be handed out again

    def _let_read(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _wake(self, workers: int) -> None:
        while workers > 0 and self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                workers -= 1
