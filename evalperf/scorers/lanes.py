"""Where the user's code runs, if not in the event loop: threads, or processes that may die or be killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, Final

from evalperf.scorers.time_limit import within

__all__ = ["ProcessLanes", "ThreadLanes", "WorkerDiedError"]

_THREADS: Final = 8


class WorkerDiedError(RuntimeError):
    """The process in which a user's function ran has ended, or what it returned could not be brought back."""


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


class ProcessLanes:
    """At most `max_parallel` processes (default: one for each CPU), started when first needed.

    Each is a pool of one: in a pool of many, one crash breaks the calls of all the others.
    """

    def __init__(self, max_parallel: int | None, limit_s: float) -> None:
        self._limit_s = limit_s
        self._slots = asyncio.Semaphore(max_parallel if max_parallel is not None else _cpus())
        self._idle: list[_Lane] = []
        self._busy: set[_Lane] = set()
        self._ended: list[_Lane] = []  # their threads are still to be joined

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        """What `work(*args)` returns in another process; raises what it raised, or WorkerDiedError.

        Waits for a free process, which is not counted to the limit. A call past it, or cancelled, is killed with its
        process.
        """
        async with self._slots:
            await self._join_ended()
            lane = await self._free_lane()
            self._busy.add(lane)
            try:
                async with within(self._limit_s):
                    return await lane.run(work, *args)
            except BrokenProcessPool as error:
                raise WorkerDiedError("the process of the function died") from error
            finally:
                self._release(lane)

    async def close(self) -> None:
        """End all processes; those at work are killed."""
        for lane in list(self._busy):
            self._release(lane)
        self._ended += self._idle
        self._idle.clear()
        await self._join_ended()

    async def _free_lane(self) -> _Lane:
        while self._idle:
            lane = self._idle.pop()
            if lane.lives():
                return lane
            self._ended.append(lane)
        lane = _Lane()
        try:
            await lane.start()
        except BaseException:
            lane.kill()
            self._ended.append(lane)
            raise
        return lane

    def _release(self, lane: _Lane) -> None:
        if lane not in self._busy:
            return
        self._busy.discard(lane)
        if lane.has_answered():
            self._idle.append(lane)
        else:
            lane.kill()
            self._ended.append(lane)

    async def _join_ended(self) -> None:
        while self._ended:
            await self._ended.pop().join()


class _Lane:
    """One process."""

    def __init__(self) -> None:
        # never a fork of this process: it has threads, and locks that they hold
        start_method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context = multiprocessing.get_context(start_method)
        self._executor = ProcessPoolExecutor(1, mp_context=context, initializer=_follow_parent)
        self._pid: int | None = None
        self._call: Future[Any] | None = None

    async def start(self) -> None:
        """Start the process, and with the first of all the fork server: 0.1 s, so it is done in a thread."""
        started = await asyncio.to_thread(self._executor.submit, os.getpid)
        self._pid = await asyncio.wrap_future(started)

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        self._call = self._executor.submit(work, *args)
        return await asyncio.wrap_future(self._call)

    def lives(self) -> bool:
        """False if the process has died since its last call, by the system's hand."""
        if self._pid is None:
            return False
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    def has_answered(self) -> bool:
        """Whether the last call has come to its end in a process that lives on."""
        call = self._call
        return call is not None and call.done() and not call.cancelled() and not _died(call.exception())

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def join(self) -> None:
        """Wait until the process and the threads that served it are gone."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)


def _died(error: BaseException | None) -> bool:
    return isinstance(error, BrokenProcessPool)


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it even when it is killed: an idle worker would wait for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
