"""Writes go to the slower tiers in batches, a moment later: nobody who has an answer waits for a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from evalperf.cache.backend import Row

__all__ = ["FLUSH_INTERVAL_S", "WriteBehind"]

FLUSH_INTERVAL_S = 0.1
"""A value that was given is with the disk tier this much later, and the time of one transaction."""
BATCH = 256
MOST_WAITING_BYTES = 32 * 1024 * 1024
"""More than this is not kept waiting: who writes then waits for the disk."""

Store = Callable[[Sequence[Row]], Awaitable[None]]


class WriteBehind:
    """Gathers rows and hands them to `store` in batches, one at a time, in a task that this owns.

    An exception of `store` is raised by the next call, and by `aclose`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[bytes, Row] = {}
        self._under_way: dict[bytes, Row] = {}
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._error: Exception | None = None

    def find(self, key: bytes) -> Row | None:
        """A row that is not stored yet."""
        return self._waiting.get(key) or self._under_way.get(key)

    async def put(self, rows: Sequence[Row]) -> None:
        """Takes rows; waits only while too many are not stored yet."""
        self._raise_error()
        for row in rows:
            earlier = self._waiting.pop(row.key, None)
            self._waiting[row.key] = row
            self._waiting_bytes += len(row.value) - (0 if earlier is None else len(earlier.value))
        if self._task is None and self._waiting:
            self._task = asyncio.create_task(self._serve())
        if len(self._waiting) >= BATCH:
            self._hurry.set()
        if self._waiting_bytes > MOST_WAITING_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Returns when everything that was given is stored."""
        while self._task is not None:
            self._hurry.set()
            await asyncio.wait({self._task})
        self._raise_error()

    async def aclose(self) -> None:
        """Stores what is left."""
        await self.flush()

    async def _serve(self) -> None:
        try:
            while self._waiting:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), FLUSH_INTERVAL_S)
                self._hurry.clear()
                await self._store_all()
        finally:
            self._task = None

    async def _store_all(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[:BATCH]
            self._under_way = {key: self._waiting.pop(key) for key in keys}
            rows = list(self._under_way.values())
            self._waiting_bytes -= sum(len(row.value) for row in rows)
            try:
                await self._store(rows)
            except Exception as error:  # noqa: BLE001 - not lost: raised where it can end the run
                self._error = error
            finally:
                self._under_way = {}

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
