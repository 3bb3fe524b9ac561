"""Endless requests at an endpoint: so many in flight, or so many a second, one setting after the other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from evalperf import clock
from evalperf.tuning.level import Level, PaceTrial
from evalperf.tuning.sample import THOROUGH, Precision, Reply, Sample
from evalperf.tuning.trial import Refusals, Ticket, Trial

__all__ = ["Call", "Load", "open_load"]

Call = Callable[[], Awaitable[Reply]]
"""Asks the next case. A failed request is a reply; what it raises (an EvalperfError) ends the measuring."""

DRAIN_S = 20.0
"""How long a larger setting's requests are waited for, before a smaller one is measured with some of them still out."""
DEFAULT_REST_S = 1.0
LONGEST_REST_S = 5.0
"""The longest that a refused worker rests in a level: one full of 429s is not worth a longer wait."""
REST_SPREAD = 0.1
LOOK_S = 0.25
LATE_S = 0.002
"""By how much a late timer may be made up for; more would be a burst."""


def _never(_: int) -> bool:
    return False


@asynccontextmanager
async def open_load(
    call: Call,
    *,
    max_requests: int | None = None,
    max_seconds: float | None = None,
    enough: Callable[[int], bool] = _never,
    precision: Precision = THOROUGH,
    cpu_s: Callable[[], float] = clock.cpu_s,
    seed: int = 0,
) -> AsyncIterator[Load]:
    """A load on whatever `call` asks; leaving the block lets the last requests land, since they are paid for.

    They are cancelled after `DRAIN_S`, and at once where the block ends with an error. `enough` says whether a budget
    of another kind is used up, given how many requests are out; `cpu_s` counts this process's.
    """
    load = Load(
        call,
        max_requests=max_requests,
        max_seconds=max_seconds,
        enough=enough,
        precision=precision,
        cpu_s=cpu_s,
        seed=seed,
    )
    try:
        yield load
        await load.drain()
    finally:
        await load.cancel()


class Load:
    """Keeps requests in flight; made by `open_load`, and measured by one caller at a time."""

    def __init__(
        self,
        call: Call,
        *,
        max_requests: int | None,
        max_seconds: float | None,
        enough: Callable[[int], bool],
        precision: Precision,
        cpu_s: Callable[[], float],
        seed: int,
    ) -> None:
        self.sent = 0
        """Requests so far."""
        self._call = call
        self._max_requests = max_requests
        self._enough = enough
        self._end_s = None if max_seconds is None else clock.now() + max_seconds
        self._precision = precision
        self._cpu_s = cpu_s
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._limit = 0
        self._rate_per_s: float | None = None
        self._next_s = self._paused_until_s = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._refusals = Refusals(clock.now())
        self._observe: Callable[[Reply], None] = _nobody
        self._news = asyncio.Event()
        self._error: BaseException | None = None

    @property
    def spent(self) -> bool:
        """Whether the budget of requests, of time or of another kind is used up."""
        late = self._end_s is not None and clock.now() >= self._end_s
        return (
            late
            or self._enough(len(self._tasks))
            or (self._max_requests is not None and self.sent >= self._max_requests)
        )

    async def level(self, workers: int) -> Level | None:
        """A number of workers in its steady state; None if the budget ends before there is a figure."""
        self._set(workers, None)
        await self._until(lambda: len(self._tasks) <= workers, DRAIN_S)
        sample = Sample(workers, self._precision, clock.now(), self._cpu_s())
        self._observe = lambda reply: sample.add(reply, clock.now(), self._cpu_s())
        await self._until(lambda: sample.over)
        self._observe = _nobody
        return sample.level() if sample.over or sample.tells_something else None

    async def pace(self, rate_per_s: float, workers: int) -> PaceTrial | None:
        """Whether the server grants that many requests a second, strictly spaced; None if the budget ends before."""
        sent_before = self.sent
        trial = Trial(rate_per_s, workers, self._refusals, clock.now())
        self._observe = trial.add
        self._set(workers + len(self._tasks), rate_per_s)
        while not self.spent and not trial.over:
            await self._until(lambda: trial.over, LOOK_S)
            trial.look(clock.now())
        self._observe = _nobody
        return trial.result(clock.now(), self.sent - sent_before) if trial.over else None

    async def drain(self) -> None:
        """Sends nothing more and waits for what is in flight, but not longer than `DRAIN_S`."""
        self._set(0, None)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_S)

    async def cancel(self) -> None:
        """Ends what is still in flight."""
        self._set(0, None)
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _set(self, limit: int, rate_per_s: float | None) -> None:
        self._limit, self._rate_per_s = limit, rate_per_s
        self._pump()

    async def _until(self, holds: Callable[[], bool], within_s: float | None = None) -> None:
        """Returns when it holds, looked at after each reply; also when time or budget are over."""
        ends_s = [end for end in (self._end_s, None if within_s is None else clock.now() + within_s) if end is not None]
        while self._error is None and not holds() and not (self.spent and not self._tasks):
            self._news.clear()
            try:
                async with asyncio.timeout_at(min(ends_s) if ends_s else None):
                    await self._news.wait()
            except TimeoutError:
                break
        if self._error is not None:
            raise self._error

    # one request -----------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Sends what may be sent now; where the pace or a pause forbids it, a timer looks again."""
        now_s = clock.now()
        while len(self._tasks) < self._limit and self._error is None and not self.spent:
            if self._rate_per_s is not None:
                may_s = max(self._next_s, self._paused_until_s)
                if may_s > now_s:
                    self._look_at(may_s)
                    return
                self._next_s = max(self._next_s, now_s - LATE_S) + 1 / self._rate_per_s
            self._send()

    def _look_at(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at_s, self._pump)

    def _send(self) -> None:
        self.sent += 1
        task = asyncio.get_running_loop().create_task(self._ask(self._refusals.ticket(), clock.now()))
        self._tasks.add(task)
        task.add_done_callback(self._landed)

    async def _ask(self, ticket: Ticket, sent_s: float) -> None:
        reply = await self._call()
        rest_s = 0.0
        if reply.kind == "refused":
            self._refusals.note(ticket, sent_s)
            rest_s = self._rest_s(reply)
        self._observe(reply)
        self._news.set()
        if rest_s and self._rate_per_s is None:  # on trial, a pace stops as a whole instead
            await asyncio.sleep(min(rest_s, LONGEST_REST_S))

    def _rest_s(self, reply: Reply) -> float:
        """The rest that a 429 asks for."""
        wish_s = DEFAULT_REST_S if reply.retry_after_s is None else reply.retry_after_s
        rest_s = wish_s * (1 + REST_SPREAD * self._random.random())
        self._paused_until_s = max(self._paused_until_s, clock.now() + rest_s)
        return rest_s

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._error = task.exception()
        self._news.set()
        self._pump()


def _nobody(reply: Reply) -> None:
    """Between two settings nobody counts."""
