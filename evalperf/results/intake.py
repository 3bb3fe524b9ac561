"""Results on their way to the writer: bounded by number and by bytes, handed over in batches.

The writer is woken once a batch, not once a result: at 25,000 results a second the difference is most of a core.
"""

from __future__ import annotations

import asyncio

from evalperf.records import Result

__all__ = ["Intake"]

Row = tuple[int, Result]


class Intake:
    """Any number of producers, one consumer."""

    def __init__(self, *, max_rows: int, max_bytes: int, batch_rows: int, batch_s: float) -> None:
        self._rows: list[Row] = []
        self._bytes = 0
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._batch_rows = batch_rows
        self._batch_s = batch_s
        self._room: list[asyncio.Future[None]] = []  # producers that wait
        self._ready: asyncio.Future[None] | None = None  # the consumer, when it waits
        self._due = False  # whether the oldest row has waited long enough
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._error: BaseException | None = None
        self.full = False
        """Whether a producer has to call `room` first; one oversized row may always pass alone."""

    def __len__(self) -> int:
        return len(self._rows)

    async def room(self) -> None:
        """Waits while it is full; raises what the consumer died of."""
        while self.full and self._error is None:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._room.append(waiter)
            await waiter
        if self._error is not None:
            raise self._error

    def add(self, row: Row, size_bytes: int) -> None:
        """Takes the row, at once."""
        self._rows.append(row)
        self._bytes += size_bytes
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._batch_s, self._fall_due)
        waiting = len(self._rows)
        if waiting >= self._max_rows or self._bytes >= self._max_bytes:
            self.full = True
            self._wake()
        elif waiting == self._batch_rows:
            self._wake()

    async def take(self) -> list[Row]:
        """All rows, once they are a batch or the oldest has waited `batch_s`; empty after the last ones."""
        while not (self._closed or self._due or self.full or len(self._rows) >= self._batch_rows):
            self._ready = asyncio.get_running_loop().create_future()
            await self._ready
        rows, self._rows = self._rows, []
        self._bytes = 0
        self.full = self._error is not None
        self._due = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._let_in()
        return rows

    def close(self) -> None:
        """Nothing more will be added."""
        self._closed = True
        self._wake()

    def break_(self, error: BaseException) -> None:
        """The consumer has died: every producer gets the error."""
        self._error = error
        self.full = True
        self._let_in()

    def _fall_due(self) -> None:
        self._due = True
        self._wake()

    def _wake(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def _let_in(self) -> None:
        waiters, self._room = self._room, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
