"""Processes for the user's code, each with one call at a time, so that one that dies takes one case with it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from evalperf.errors import EvalperfError

__all__ = ["ProcessLanes", "WorkerDiedError"]


class WorkerDiedError(EvalperfError):
    """The process in which a user's function ran has ended, or what it returned could not be brought back."""


class ProcessLanes:
    """At most `max_parallel` processes (default: one for each CPU), started when first needed.

    Each is a pool of one: in a pool of many, one crash breaks the calls of all the others.
    """

    def __init__(self, max_parallel: int | None) -> None:
        self._slots = asyncio.Semaphore(max_parallel if max_parallel is not None else _cpus())
        self._idle: list[_Lane] = []
        self._busy: set[_Lane] = set()
        self._killed: list[_Lane] = []  # their threads are still to be joined

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        """What `work(*args)` returns in another process; raises what it raised, or WorkerDiedError.

        Waits for a free process. A call that is cancelled is killed with its process.
        """
        async with self._slots:
            await self._join_killed()
            lane = self._idle.pop() if self._idle else _Lane()
            self._busy.add(lane)
            try:
                returned = await lane.run(work, *args)
            except BrokenProcessPool as error:
                self._kill(lane)
                raise WorkerDiedError("the process of the function died") from error
            except Exception:
                self._release(lane)  # the function has failed, its process has not
                raise
            except BaseException:
                self._kill(lane)
                raise
            self._release(lane)
            return returned

    async def close(self) -> None:
        """End all processes; those at work are killed."""
        for lane in list(self._busy):
            self._kill(lane)
        await self._join_killed()
        while self._idle:
            await self._idle.pop().join()

    def _release(self, lane: _Lane) -> None:
        self._busy.discard(lane)
        self._idle.append(lane)

    def _kill(self, lane: _Lane) -> None:
        if lane in self._busy:
            self._busy.discard(lane)
            lane.kill()
            self._killed.append(lane)

    async def _join_killed(self) -> None:
        while self._killed:
            await self._killed.pop().join()


class _Lane:
    """One process."""

    def __init__(self) -> None:
        # never a fork of this process: it has threads, and locks that they hold
        start_method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context = multiprocessing.get_context(start_method)
        self._executor = ProcessPoolExecutor(1, mp_context=context, initializer=_follow_parent)
        self._pid: int | None = None

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        if self._pid is None:
            # the first submit starts the process, and with it may start the fork server: 0.1 s
            started = await asyncio.to_thread(self._executor.submit, os.getpid)
            self._pid = await asyncio.wrap_future(started)
        return await asyncio.wrap_future(self._executor.submit(work, *args))

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def join(self) -> None:
        """Wait until the process and the threads that served it are gone."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)


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
