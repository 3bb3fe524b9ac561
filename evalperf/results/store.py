"""The store: takes each result to the disk once, and knows which cases are done.

Intent on disk -> call -> answer in the journal -> score -> member written and synced -> counted as done -> struck from
the journal. One task drains the results, one commits the journal; both are closed, then awaited, when the block ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from evalperf import clock
from evalperf.errors import EvalperfError, OutputError
from evalperf.events import Emit, MemberWritten
from evalperf.records import Result
from evalperf.results.append import Reserve, unwritable
from evalperf.results.disk import Disk, LocalDisk, write_file
from evalperf.results.done import MOST_KEYS
from evalperf.results.intake import Intake, Row
from evalperf.results.journal import Journal
from evalperf.results.layout import RunDirectory
from evalperf.results.lock import RunLock
from evalperf.results.options import StoreOptions
from evalperf.results.parts import Active, PartLimits, PartWriter
from evalperf.results.recovery import Recovered, Recovery, recover
from evalperf.results.run_info import FORMAT_VERSION, RunInfo

__all__ = ["Store", "open_store"]

WAITING_BYTES = 64 << 20
"""Most bytes of results that wait for the writer."""

SPARE_DESCRIPTORS = 8
"""Two parts, two journals, the manifest, and what is open for a moment: writing must go on when connections can't."""

T = TypeVar("T")


class Store:
    """The open files of a run; made by `open_store`, which owns its two tasks."""

    def __init__(
        self,
        disk: Disk,
        directory: RunDirectory,
        info: RunInfo,
        options: StoreOptions,
        *,
        executor: Executor,
        emit: Emit,
    ) -> None:
        recovery = recover(disk, directory, 0 if info.lines is None else info.lines * info.epochs, options)
        self.recovered: Recovered = recovery.report
        self._disk, self._directory = disk, directory
        self._epochs = info.epochs
        self._executor = executor
        self._emit = emit
        self._ok, self._failed = recovery.ok, recovery.failed
        self._done = recovery.ok.copy() if options.retry_failed else recovery.ok.union(recovery.failed)
        self._taken = self._done.copy()  # handed in, perhaps not yet on disk: no case gets two results
        self._ever_in_doubt = recovery.facts.ever_in_doubt
        self._complete = recovery.complete
        self._writing = 0
        self._reserve = Reserve(disk, directory.reserve, options.reserve_bytes if options.journal else 0)
        self._manifest = recovery.manifest
        with contextlib.ExitStack() as opened:  # is closed again where the rest can't be opened
            self._reserve.hold()
            opened.callback(self._reserve.release)
            self._results = self._parts(directory.results, recovery.results, options)
            opened.callback(self._results.close)
            self._failures = self._parts(directory.failures, recovery.failures, options)
            opened.callback(self._failures.close)
            self.journal = self._open_journal(recovery, options) if options.journal else None
            opened.pop_all()
        self._intake = Intake(
            max_rows=max(options.queue_size, options.flush_results),
            max_bytes=WAITING_BYTES,
            batch_rows=options.flush_results,
            batch_s=options.flush_s,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def is_done(self, seq: int, epoch: int) -> bool:
        """Whether the case has its row on disk and needs no work in this session."""
        return (seq - 1) * self._epochs + epoch - 1 in self._done

    def done_until(self, seq: int, end: int) -> int:
        """The first line from `seq` on that needs work in some epoch; `end` if none before that does."""
        epochs = self._epochs
        return self._done.first_missing((seq - 1) * epochs, (end - 1) * epochs) // epochs + 1

    def waiting(self) -> int:
        """Results that are not on disk yet."""
        return len(self._intake) + self._writing

    async def put(self, result: Result) -> None:
        """Hands the result to the writer; waits while that is behind, raises what it died of.

        A second result of the same case is a bug of the caller: ValueError.
        """
        intake = self._intake
        if intake.full:
            await intake.room()
        key = (result.seq - 1) * self._epochs + result.epoch - 1
        if key >= MOST_KEYS:
            hint = "split the input into several runs"
            raise OutputError(self._directory.path, f"a run can have {MOST_KEYS:,} cases at most", hint=hint)
        if not self._taken.add(key):
            raise ValueError(f"case {result.seq}, epoch {result.epoch} has a result already")
        intake.add((key, result), _size_bytes(result))

    async def finish(self) -> None:
        """Every case is done: all rows are sealed and `_SUCCESS` says so. Nothing can be put any more."""
        await self.close()
        await self._run(self._seal)

    def start(self) -> None:
        """The tasks run until `close`."""
        self._tasks.append(asyncio.create_task(self._drain(), name="results to disk"))
        if self.journal is not None:
            self._tasks.append(asyncio.create_task(self.journal.commit(), name="journal to disk"))

    async def close(self) -> None:
        """Everything handed in is on disk; raises OutputError if it is not. A second call does nothing."""
        self._intake.close()
        tasks, self._tasks = self._tasks, []
        cancelled = False
        for task in tasks:  # the drain first: it still needs the journal
            cancelled |= await _wait_for(task)
            if self.journal is not None:
                self.journal.close()
        errors = [task.exception() for task in tasks]
        for error in errors:
            if error is not None:
                raise error
        if cancelled:
            raise asyncio.CancelledError

    def release(self) -> None:
        """The descriptors and the held space are free; after `close`."""
        self._results.close()
        self._failures.close()
        with contextlib.suppress(OSError):  # space that can't be given back is no reason to call the run failed
            self._reserve.release()

    async def _drain(self) -> None:
        try:
            while rows := await self._intake.take():
                self._writing = len(rows)
                await self._write(rows)
                self._writing = 0
        except BaseException as error:
            self._intake.break_(error)
            raise

    async def _write(self, rows: list[Row]) -> None:
        if self.journal is not None:
            await self.journal.sync()
        for writer, acknowledged, status in (
            (self._results, self._ok, "ok"),
            (self._failures, self._failed, "failed"),
        ):
            chosen = [row for row in rows if row[1].status == status]
            if chosen:
                now_s = clock.now()
                size_bytes = await self._run(lambda: self._put_on_disk(writer, chosen, now_s))  # noqa: B023 - awaited
                keys = [key for key, _ in chosen]
                acknowledged.update(keys)
                self._done.update(keys)
                if self.journal is not None:
                    self.journal.strike(keys)
                self._emit(MemberWritten(clock.now(), len(keys), size_bytes))

    def _put_on_disk(self, writer: PartWriter, rows: list[Row], now_s: float) -> int:
        if self._complete:  # a finished run goes on: from here it is unfinished
            try:
                self._disk.remove(self._directory.success)
                self._disk.sync_folder(self._directory.results)
            except OSError as error:
                raise unwritable(self._directory.success, error) from error
            self._complete = False
        return writer.write(rows, now_s)

    def _seal(self) -> None:
        self._results.seal()
        self._failures.seal()
        try:
            content = {
                "format_version": FORMAT_VERSION,
                "results": len(self._ok),
                "failures": self._failed.count_beyond(self._ok),
                "in_doubt": self._ever_in_doubt,
                "manifest_sha256": self._manifest.digest(),
            }
            write_file(self._disk, self._directory.success, msgspec.json.encode(content) + b"\n")
            if self.journal is not None:
                self.journal.remove_files()
        except OSError as error:
            raise unwritable(self._directory.path, error) from error

    def _parts(self, folder: Path, active: Active, options: StoreOptions) -> PartWriter:
        limits = PartLimits(
            seal_bytes=options.seal_bytes,
            seal_s=options.seal_s,
            member_rows=options.flush_results,
            level=options.level,
            durable=options.durability == "power",
        )
        return PartWriter(self._disk, folder, self._manifest, self._reserve, limits=limits, active=active)

    def _open_journal(self, recovery: Recovery, options: StoreOptions) -> Journal:
        return Journal(
            self._disk,
            self._directory.journal,
            epochs=self._epochs,
            durable=options.durability == "power",
            rotate_bytes=options.rotate_bytes,
            executor=self._executor,
            reserve=self._reserve,
            facts=recovery.facts,
            number=recovery.journal_number,
            retry_doubts=options.retry_doubts,
        )

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


@asynccontextmanager
async def open_store(
    directory: RunDirectory, info: RunInfo, options: StoreOptions, emit: Emit, *, disk: Disk | None = None
) -> AsyncIterator[Store]:
    """The run's store, with what earlier sessions left made whole; at the end everything handed in is on disk.

    Raises RunLockedError if another process works on the run, DamageError if a part is missing, OutputError if the disk
    does not take what is written. Without `finish` the run can be resumed.
    """
    lock = RunLock(directory.lock)
    lock.acquire()
    local = LocalDisk(SPARE_DESCRIPTORS)
    try:
        with ThreadPoolExecutor(2, "evalperf-store") as executor:  # one for the results, one for the journal
            store = await asyncio.get_running_loop().run_in_executor(
                executor, lambda: _open(disk or local, directory, info, options, (executor, emit))
            )
            store.start()
            try:
                yield store
            except BaseException:
                with contextlib.suppress(EvalperfError):  # the block's own error is the one to tell
                    await store.close()
                raise
            else:
                await store.close()
            finally:
                store.release()
    finally:
        local.release()
        lock.release()


def _open(
    disk: Disk, directory: RunDirectory, info: RunInfo, options: StoreOptions, surroundings: tuple[Executor, Emit]
) -> Store:
    executor, emit = surroundings
    try:
        return Store(disk, directory, info, options, executor=executor, emit=emit)
    except OSError as error:
        raise unwritable(directory.path, error) from error


async def _wait_for(task: asyncio.Task[None]) -> bool:
    """Waits to the end even when cancelled, because the task is about to write; whether it was cancelled."""
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


def _size_bytes(result: Result) -> int:
    """Roughly what the row keeps in memory."""
    size = 1000
    if result.output is not None:
        size += len(result.output)
    if type(result.input) is str:
        size += len(result.input)
    return size
