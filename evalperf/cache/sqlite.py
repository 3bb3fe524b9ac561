"""The disk tier: an SQLite file in WAL mode, read in one thread and written in another.

A write is one transaction; when it returns, the values survive the death of the process (a power cut may take the last
ones, but damages nothing). Several processes may use one file. A full disk, or damage, turns the tier off with one
warning and never ends the run, unless it was asked to stop for damage.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from evalperf import clock
from evalperf.cache import sqlite_rows
from evalperf.cache.backend import DiskTallies, Row, Warn
from evalperf.cache.sqlite_file import DAMAGE, NO_ROOM, OnDamaged, connect, open_file, primary_code, set_aside
from evalperf.cache.sqlite_rows import DiskFacts, Selection
from evalperf.errors import StoppedError

__all__ = ["SqliteTier", "open_sqlite"]

P = ParamSpec("P")
T = TypeVar("T")

USE_GRAIN_S = 60
"""The time of an entry's last use is kept this coarsely, so that hits cost no writes to speak of."""
PURGED_AT_ONCE = 1000


@asynccontextmanager
async def open_sqlite(
    path: Path,
    *,
    max_bytes: int,
    on_damaged: OnDamaged,
    warn: Warn,
    now: Callable[[], float] = clock.unix_s,
) -> AsyncIterator[SqliteTier]:
    """Opens the file and makes it where it is missing; raises ConfigError, or StoppedError for damage with `stop`."""
    tier = SqliteTier(path, max_bytes=max_bytes, on_damaged=on_damaged, warn=warn, now=now)
    try:
        await tier.open()
        yield tier
    finally:
        await tier.aclose()


class SqliteTier:
    """Keeps values in a file, bounded by the bytes of its pages in use; made by `open_sqlite`."""

    def __init__(
        self, path: Path, *, max_bytes: int, on_damaged: OnDamaged, warn: Warn, now: Callable[[], float]
    ) -> None:
        self.path = path
        self.tallies = DiskTallies()
        self._max_bytes = max_bytes
        self._on_damaged = on_damaged
        self._warn = warn
        self._now = now
        self._reading = ThreadPoolExecutor(1, f"cache-read-{path.stem}")
        self._writing = ThreadPoolExecutor(1, f"cache-write-{path.stem}")
        self._reader: sqlite3.Connection | None = None  # used in the reading thread alone
        self._writer: sqlite3.Connection | None = None  # used in the writing thread alone
        self._inode: int | None = None
        self._readable = self._writable = True
        self._busy_told = False
        self._used: deque[int] = deque()  # filled by the reading thread, emptied by the writing one

    async def open(self) -> None:
        """Opens both connections."""
        warnings: list[str] = []
        try:
            await self._write_in_thread(self._open, warnings.append)
        except sqlite3.Error as error:
            self._give_up(error, 0)
        finally:
            for text in warnings:
                self._warn(text)

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys; all None once the file has proved to be damaged."""
        if not self._readable:
            return [None] * len(keys)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._reading, self._read, keys)
        except sqlite3.Error as error:
            self._give_up(error, 0)
            return [None] * len(keys)
        return [row.value if (row := found.get(key)) is not None else None for key in keys]

    async def set_many(self, items: Sequence[tuple[bytes, bytes]], ttl_s: float | None) -> None:
        """Keeps (key, value) pairs in one transaction."""
        now_s = self._now()
        expires_s = None if ttl_s is None else now_s + ttl_s
        await self.write([Row(key=key, value=value, created_s=now_s, expires_s=expires_s) for key, value in items])

    async def write(self, rows: Sequence[Row]) -> None:
        """Keeps rows in one transaction; those that can't be written are dropped and counted."""
        if not self._writable:
            self.tallies.dropped += len(rows)
            return
        try:
            await self._write_in_thread(self._write, rows)
        except sqlite3.Error as error:
            self._give_up(error, len(rows))

    async def delete_many(self, keys: Sequence[bytes]) -> int:
        """How many of them were there; raises StoppedError if they can't be removed."""
        return await self._change(sqlite_rows.delete_keys, keys, self._now())

    async def clear(self) -> int:
        """Drops everything and gives the disk its bytes back; how many entries there were. Raises StoppedError."""
        count = await self._change(sqlite_rows.delete_all, self._now())
        await self.compact()
        return count

    async def compact(self) -> None:
        """Gives the disk the bytes of free pages back; leaves it where another process is at work."""
        try:
            await self._write_in_thread(self._compact)
        except sqlite3.OperationalError as error:
            self._warn(f"cache {self.path}: not made smaller: {error}")

    async def maintain(self, counts: Mapping[str, float] = {}) -> None:
        """Notes what was used, removes what has expired, and adds to the sums over all runs."""
        if not self._writable:
            return
        try:
            await self._write_in_thread(self._maintain, dict(counts))
        except sqlite3.Error as error:
            self._give_up(error, 0)

    async def prune(self, max_bytes: int | None = None) -> tuple[int, int]:
        """Removes all that has expired, and of the rest what is above `max_bytes`: (expired, least recently used)."""
        expired = evicted = 0
        while gone := await self._change(sqlite_rows.purge_expired, self._now(), PURGED_AT_ONCE):
            expired += gone
        while max_bytes is not None:
            _, gone = await self._change(sqlite_rows.make_room, max_bytes, self._now())
            evicted += gone
            if not gone:
                break
        await self.compact()
        return expired, evicted

    async def select(self, selection: Selection) -> list[bytes]:
        """The keys of the entries that are meant."""
        return await self._change(sqlite_rows.select_keys, selection)

    async def describe(self) -> DiskFacts:
        """What the file holds."""
        return await self._change(sqlite_rows.describe, self._now())

    async def aclose(self) -> None:
        """Closes the connections and ends both threads; a damaged file is set aside. Closing twice is closing once."""
        loop = asyncio.get_running_loop()
        if self._reader is not None:
            await loop.run_in_executor(self._reading, self._reader.close)
            self._reader = None
        if self._writer is not None:
            await self._write_in_thread(self._writer.close)
            self._writer = None
        for executor in (self._reading, self._writing):
            await asyncio.to_thread(executor.shutdown)
        if not self._readable and self._inode is not None:
            inode, self._inode = self._inode, None
            await asyncio.to_thread(self._set_aside, inode)

    async def _write_in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writing, lambda: function(*args, **kwargs))

    async def _change(self, function: Callable[..., T], *args: object) -> T:
        """What a command asks for: a failure is told, not swallowed."""
        try:
            return await self._write_in_thread(self._in_transaction, function, *args)
        except sqlite3.Error as error:
            self._give_up(error, 0)
            raise StoppedError(f"cache {self.path}: {error}") from error

    def _open(self, warn: Warn) -> None:
        self._writer = open_file(self.path, on_damaged=self._on_damaged, warn=warn)
        self._reader = connect(self.path)
        self._inode = self.path.stat().st_ino

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, sqlite_rows.Found]:
        assert self._reader is not None  # noqa: S101 - opened before it is read
        now_s = self._now()
        found = sqlite_rows.read_rows(self._reader, keys, now_s)
        self._used.extend(row.id for row in found.values() if row.used_s < now_s - USE_GRAIN_S)
        return found

    def _write(self, rows: Sequence[Row]) -> None:
        now_s = self._now()
        with self._transaction() as database:
            sqlite_rows.write_rows(database, rows, now_s)
            self._make_room(database, now_s)

    def _maintain(self, counts: Mapping[str, float]) -> None:
        now_s = self._now()
        with self._transaction() as database:
            sqlite_rows.touch(database, {self._used.popleft() for _ in range(len(self._used))}, now_s)
            sqlite_rows.add_counters(database, counts)
            self.tallies.expired += sqlite_rows.purge_expired(database, now_s, PURGED_AT_ONCE)
            self._make_room(database, now_s)

    def _make_room(self, database: sqlite3.Connection, now_s: float) -> None:
        expired, evicted = sqlite_rows.make_room(database, self._max_bytes, now_s)
        self.tallies.expired += expired
        self.tallies.evicted += evicted

    def _in_transaction(self, function: Callable[..., T], *args: object) -> T:
        with self._transaction() as database:
            return function(database, *args)

    def _compact(self) -> None:
        assert self._writer is not None  # noqa: S101 - opened before it is written
        self._writer.execute("PRAGMA temp_store=FILE")  # the whole file is copied once, and memory may not hold it
        self._writer.execute("VACUUM")
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._writer
        assert database is not None  # noqa: S101 - opened before it is written
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise

    def _give_up(self, error: sqlite3.Error, dropped: int) -> None:
        """What a failure in a thread means, decided on the loop: told once, the tier does less, or nothing."""
        code = primary_code(error)
        self.tallies.dropped += dropped
        if code in DAMAGE:
            if self._on_damaged == "stop":
                raise StoppedError(
                    f"cache {self.path}: the file is damaged ({error})", hint="remove the file"
                ) from error
            if self._readable:
                self._warn(f"cache {self.path}: the file is damaged ({error}); going on without it")
            self._readable = self._writable = False
        elif code in NO_ROOM:
            if self._writable:
                self._warn(f"cache {self.path}: {error}; nothing more is written to it")
            self._writable = False
        elif not self._busy_told:
            self._warn(f"cache {self.path}: {error}; entries that can't be written are dropped and counted")
            self._busy_told = True

    def _set_aside(self, inode: int) -> None:
        """The file that proved to be damaged, unless another process has already begun a new one."""
        if self.path.exists() and self.path.stat().st_ino == inode:
            set_aside(self.path, "damaged")
