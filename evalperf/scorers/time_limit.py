"""A user's pattern or function may take for ever; here it may not, and the event loop never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

__all__ = ["INLINE_S", "UNLIMITED", "PatternThreads", "TimeLimit", "within"]

T = TypeVar("T")

INLINE_S: Final = 0.02
"""How long a pattern may hold the event loop before it has to move to a thread."""

_THREADS: Final = 2


class TimeLimit:
    """What is left of the time for all patterns of one answer.

    The regex library counts the processor time of the whole process, so that two patterns in two threads would each
    get half of their limit; `busy` is the number of threads that count at the moment.
    """

    __slots__ = ("_busy", "_time", "_until", "concurrent")

    def __init__(self, time: Callable[[], float], seconds: float, busy: Callable[[], int], *, concurrent: bool) -> None:
        self._time = time
        self._until = time() + seconds
        self._busy = busy
        self.concurrent = concurrent
        """Whether the interpreter lock is released while a pattern runs."""

    def left_s(self) -> float | None:
        """The `timeout` of the next search; raises TimeoutError where nothing is left."""
        left = self._until - self._time()
        if left <= 0:
            raise TimeoutError
        return left * self._busy()


class _Unlimited(TimeLimit):
    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lambda: 0.0, 0.0, lambda: 1, concurrent=False)

    def left_s(self) -> float | None:
        return None


UNLIMITED: Final[TimeLimit] = _Unlimited()
"""For patterns that are known to be harmless."""


class PatternThreads:
    """Runs pattern work in the event loop as long as it is quick, and in a thread from there on."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None  # most runs never need one
        self._busy = 0  # threads at work; written under the interpreter lock, read for a rough share only

    async def run(self, work: Callable[[TimeLimit], T], limit_s: float) -> T:
        """What `work` returns; raises TimeoutError past `limit_s`.

        The first try holds the loop for up to 20 ms. A slower pattern starts again in a thread that releases the
        interpreter lock; the time it waits for a free thread is not counted.
        """
        loop = asyncio.get_running_loop()
        inline_s = min(INLINE_S, limit_s)
        try:
            return work(TimeLimit(loop.time, inline_s, self._busy_with_loop, concurrent=False))
        except TimeoutError:
            if limit_s <= inline_s:
                raise
        if self._executor is None:
            self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="evalperf-pattern")
        return await loop.run_in_executor(self._executor, self._in_thread, work, loop.time, limit_s - inline_s)

    async def close(self) -> None:
        """Wait for the patterns at work, each of which ends within its limit; the loop stays free meanwhile."""
        if self._executor is not None:
            await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

    def _in_thread(self, work: Callable[[TimeLimit], T], time: Callable[[], float], seconds: float) -> T:
        self._busy += 1
        try:
            return work(TimeLimit(time, seconds, self._busy_threads, concurrent=True))
        finally:
            self._busy -= 1

    def _busy_threads(self) -> int:
        return max(1, self._busy)

    def _busy_with_loop(self) -> int:
        return self._busy + 1


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Cancels the block after that many seconds with a TimeoutError that says so; the block's own errors pass."""
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise TimeoutError(f"took longer than {seconds:g} s") from error
