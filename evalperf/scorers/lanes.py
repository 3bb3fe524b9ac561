"""Threads for calls that wait, and how many CPUs there are for those that compute."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from evalperf.scorers.time_limit import within

__all__ = ["ThreadLanes", "usable_cpus"]

_THREADS: Final = 8


class ThreadLanes:
    """At most `max_parallel` threads (default: 8).

    A thread can't be killed: a call past its limit is given up, but keeps its thread until it returns, and the end of
    the run waits for it.
    """

    def __init__(self, max_parallel: int | None, limit_s: float) -> None:
        threads = max_parallel if max_parallel is not None else _THREADS
        self._limit_s = limit_s
        self._slots = asyncio.Semaphore(threads)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="evalperf-function")

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        """What `work(*args)` returns or raises; waits for a free thread, which is not counted to the limit."""
        await self._slots.acquire()
        call = asyncio.get_running_loop().run_in_executor(self._executor, work, *args)
        call.add_done_callback(self._free)
        async with within(self._limit_s):
            return await asyncio.shield(call)

    async def close(self) -> None:
        """Wait for the calls at work."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

    def _free(self, call: asyncio.Future[Any]) -> None:
        self._slots.release()
        if not call.cancelled():
            call.exception()  # seen, even where nobody waits for it any more


def usable_cpus() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
