"""The workers: each takes a job, has it evaluated, delivers its result, and takes the next. There are no barriers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from evalperf import clock
from evalperf.errors import EvalperfError
from evalperf.events import CaseFinished, CaseRetried, CaseStarted, Emit, InputEnded
from evalperf.pipeline.feed import Feed
from evalperf.pipeline.job import Again, Job
from evalperf.pipeline.watch import Slot, Watch
from evalperf.records import Case, Result

__all__ = ["Deliver", "Evaluates", "Pool"]


class Evaluates(Protocol):
    """Makes a result of a job."""

    async def evaluate(self, job: Job) -> Result | Again:
        """The result, or Again; raises EvalperfError for what ends the run."""

    def timed_out(self, job: Job) -> Result:
        """The result of a job that kept its worker for too long."""


Deliver = Callable[[Result], Awaitable[None]]


class Pool:
    """Takes every case of the input to its result with a fixed number of workers.

    The first exception of a worker (a fault of the run, never of a case) stops the feed, lets the other workers finish
    what they hold, and is raised at the end: an answer that is on its way has been paid for.
    """

    def __init__(
        self, feed: Feed, evaluator: Evaluates, deliver: Deliver, emit: Emit, *, workers: int, limit: Watch
    ) -> None:
        self._feed = feed
        self._evaluator = evaluator
        self._limit = limit
        self._deliver = deliver
        self._emit = emit
        self.workers = workers
        self.delivering = 0
        """Workers that wait for the writer."""
        self.on_error = feed.stop
        """Called when a worker has met a fault of the run."""
        self._error: EvalperfError | None = None

    def fail(self, error: EvalperfError) -> None:
        """Ends the run with that error; what workers hold may still finish."""
        self._error = self._error or error
        self.on_error()

    async def run(self, batches: AsyncIterator[list[Case]]) -> None:
        """Returns when all is delivered or the feed was stopped; raises what ended the input or the run early."""
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(self._read(batches))
            await asyncio.wait([group.create_task(self._work()) for _ in range(self.workers)])
            reader.cancel()  # it still reads only if the workers were stopped; stdin may never answer
        if self._error is not None:
            raise self._error
        if self._feed.error is not None:
            raise self._feed.error

    async def _read(self, batches: AsyncIterator[list[Case]]) -> None:
        await self._feed.read(batches)
        self._emit(InputEnded(clock.now(), self._feed.taken + self._feed.queued))

    async def _work(self) -> None:
        feed = self._feed
        slot = self._limit.slot()
        while (job := await feed.next()) is not None:
            try:
                await self._take_through(job, slot)
            except EvalperfError as error:
                feed.finished()
                self.fail(error)
                return

    async def _take_through(self, job: Job, slot: Slot) -> None:
        self._emit(CaseStarted(clock.now(), job.case.seq))
        result: Result | Again
        job.slot = slot
        try:
            with slot:
                result = await self._evaluator.evaluate(job)
        except TimeoutError:
            result = self._evaluator.timed_out(job)
        if isinstance(result, Again):
            if result.kind is not None:
                self._emit(CaseRetried(clock.now(), job.case.seq, result.kind, result.endpoint, result.delay_s))
            self._feed.put_back(job, result.delay_s)
            return
        self.delivering += 1
        try:
            await self._deliver(result)
        finally:
            self.delivering -= 1
        self._feed.finished()
        self._emit(CaseFinished(clock.now(), result))
