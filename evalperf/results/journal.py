"""The journal: what is known about each call of an open case, on disk before anything else acts on it.

Frames are written by the event loop (a few microseconds into the page cache); only waiting for the disk happens in a
thread. With durability "power" an intent returns when it is on the disk, and all intents that come meanwhile share the
next wait (group commit). A journal file goes when none of its cases is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from evalperf.errors import EvalperfError, OutputError
from evalperf.results.append import AppendFile, Reserve, recover_sync, unwritable
from evalperf.results.disk import Disk
from evalperf.results.done import key_of
from evalperf.results.facts import Facts, journal_name
from evalperf.results.frames import ABORT, INTENT, RESPONSE, TALLY, CallId, Frame, encode_frame

__all__ = ["Journal"]

SYNC_AFTER_S = 0.05
"""The longest that an answer is only in the page cache."""

SYNC_AFTER_FRAMES = 256

T = TypeVar("T")

_key = attrgetter("key")


class _File:
    """One journal file and the open cases that have facts in it."""

    def __init__(self, file: AppendFile, keys: set[int]) -> None:
        self.file = file
        self.keys = keys


class Journal:
    """Written by the callers of one run, closed by its store."""

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        *,
        epochs: int,
        durable: bool,
        rotate_bytes: int,
        executor: Executor,
        reserve: Reserve,
        facts: Facts,
        number: int,
        retry_doubts: bool = True,
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._epochs = epochs
        self._durable = durable
        self._rotate_bytes = rotate_bytes
        self._executor = executor
        self._reserve = reserve
        self._recorded = facts.responses
        self._withheld = set() if retry_doubts else {(key, call) for key, call, _ in facts.doubts}
        self._number = number
        self._tally = facts.ever_in_doubt
        self._current = _File(self._create(), facts.keys())
        self._old: list[_File] = []
        self._delayed: list[Frame] = []  # frames not yet written
        self._waiters: list[asyncio.Future[None]] = []  # intents that wait for the next sync
        self._wake: asyncio.Future[None] | None = None  # the committer, when it waits
        self._due: asyncio.TimerHandle | None = None  # the sync that the last answers wait for
        self._frames = 0  # answers since the last sync
        self._work = False  # whether the committer has something to do
        self._closed = False
        self._error: EvalperfError | None = None

    # the callers -----------------------------------------------------------------------------------------------------

    async def intent(self, call: CallId, request_hash: bytes) -> None:
        """The call may be made now; raises OutputError where its answer could not be stored."""
        if self._reserve.used:
            raise OutputError(self._folder, "the disk is full", hint="free space, then continue with --resume")
        frame = self._frame(INTENT, call, request_hash)
        if not self._durable:
            self._append(frame)
        else:
            self._delay(frame)
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            self._notify()
            await waiter

    def response(self, call: CallId, request_hash: bytes, payload: bytes) -> None:
        """The answer survives the death of the process; within 50 ms, a power cut, too."""
        self._append(self._frame(RESPONSE, call, request_hash, payload))
        if self._durable:
            self._sync_soon()

    def abort(self, call: CallId) -> None:
        """The call was not made, or ended without an answer that costs anything: it is no longer in doubt."""
        frame = self._frame(ABORT, call)
        if self._durable:
            self._delay(frame)
            self._sync_soon()
        else:
            self._append(frame)

    def recorded(self, seq: int, epoch: int, call: int, request_hash: bytes) -> bytes | None:
        """The answer that an earlier process got to the very same request."""
        if not self._recorded:
            return None
        frame = self._recorded.get(key_of(seq, epoch, self._epochs), {}).get(call)
        return frame.payload if frame is not None and frame.request_hash == request_hash else None

    def withheld(self, seq: int, epoch: int, call: int) -> bool:
        """Whether the call may not be made: an earlier process has made it, and it may have been billed."""
        return bool(self._withheld) and (key_of(seq, epoch, self._epochs), call) in self._withheld

    # the store -------------------------------------------------------------------------------------------------------

    async def sync(self) -> None:
        """All that is written is on the disk, as far as this run's durability asks for that."""
        if self._error is not None:
            raise self._error
        file = self._current.file
        if self._durable and (self._delayed or file.synced < file.size):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            self._notify()
            await waiter

    def strike(self, keys: Iterable[int]) -> None:
        """These cases have their result on disk: the journal may forget them."""
        self._current.keys.difference_update(keys)
        for old in self._old:
            old.keys.difference_update(keys)
        if self._recorded:
            for key in keys:
                self._recorded.pop(key, None)
        if any(not old.keys for old in self._old) or self._current.file.size >= self._rotate_bytes:
            self._notify()

    def close(self) -> None:
        """No more calls; `commit` ends after one last sync."""
        self._closed = True
        self._notify()

    async def commit(self) -> None:
        """The task that brings frames to the disk, turns over full files and removes finished ones, until `close`."""
        try:
            while not (self._closed and not self._work):
                await self._wait_for_work()
                await self._commit_once()
            if not self._current.keys and not self._tally:
                self._remove([self._current])
        except EvalperfError as error:
            self._break(error)
            raise
        except OSError as error:
            fault = unwritable(self._folder, error)
            self._break(fault)
            raise fault from error
        except BaseException:
            self._break(OutputError(self._folder, "its writer has died"))
            raise
        finally:
            if self._due is not None:
                self._due.cancel()
            self._current.file.close()

    def remove_files(self) -> None:
        """Every case is done: nothing is left to say. Only after `commit` has ended; may raise OSError."""
        for name in self._disk.names(self._folder):
            self._disk.remove(self._folder / name)

    # inside ----------------------------------------------------------------------------------------------------------

    def _delay(self, frame: Frame) -> None:
        """Written with the next answer or before the next sync: nothing acts on it before."""
        if self._error is not None:
            raise self._error
        self._delayed.append(frame)

    def _frame(self, kind: int, call: CallId, request_hash: bytes = bytes(16), payload: bytes = b"") -> Frame:
        return Frame(kind, key_of(call.seq, call.epoch, self._epochs), call.call, call.attempt, request_hash, payload)

    def _append(self, frame: Frame) -> None:
        self._delay(frame)
        self._write_delayed()

    def _write_delayed(self) -> None:
        try:
            self._current.file.append(b"".join(map(encode_frame, self._delayed)))
        except OSError as error:
            raise unwritable(self._current.file.path, error) from error
        self._current.keys.update(map(_key, self._delayed))
        self._delayed.clear()

    def _sync_soon(self) -> None:
        self._frames += 1
        if self._frames >= SYNC_AFTER_FRAMES:
            self._notify()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(SYNC_AFTER_S, self._notify)

    def _notify(self) -> None:
        self._work = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _wait_for_work(self) -> None:
        if not self._work:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        self._work = False
        self._frames = 0
        if self._due is not None:
            self._due.cancel()
            self._due = None

    async def _commit_once(self) -> None:
        waiters, self._waiters = self._waiters, []
        try:
            await self._sync_current()
        except BaseException:
            self._waiters = waiters + self._waiters  # `_break` tells them
            raise
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._current.file.size >= self._rotate_bytes:
            await self._turn_over()
        finished = [old for old in self._old if not old.keys]
        if finished:
            self._old = [old for old in self._old if old.keys]
            await self._run(lambda: self._remove(finished))

    async def _sync_current(self) -> None:
        if self._delayed:
            self._write_delayed()
        file = self._current.file
        size = file.size
        if not self._durable or file.synced == size:
            return
        try:
            await self._run(file.datasync)
        except OSError:
            self._current.file = recover_sync(file, self._create_next)  # on the loop: nothing may be written meanwhile
            if self._current.file is not file:
                file.close()
                self._old.append(_File(file, set(self._current.keys)))
        else:
            file.mark_synced(size)

    async def _turn_over(self) -> None:
        following = await self._run(self._create_next)
        full, self._current = self._current, _File(following, set())
        self._old.append(full)
        try:
            await self._run(full.file.sync if self._durable else full.file.close)
        except OSError:
            if recover_sync(full.file, lambda: following) is following:
                self._current.keys |= full.keys
        if self._durable:
            full.file.close()

    def _remove(self, finished: list[_File]) -> None:
        for old in finished:
            self._disk.remove(old.file.path)

    def _create(self) -> AppendFile:
        file = AppendFile(self._disk, self._folder / journal_name(self._number), self._reserve, durable=self._durable)
        try:
            self._disk.sync_folder(self._folder)
        except OSError:
            file.close()
            raise
        return file

    def _create_next(self) -> AppendFile:
        self._number += 1
        file = self._create()
        if self._tally:
            file.append(encode_frame(Frame(TALLY, self._tally)))
        return file

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _break(self, error: EvalperfError) -> None:
        self._error = error
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
