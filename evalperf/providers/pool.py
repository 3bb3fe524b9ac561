"""The connections to one origin: a free list, and a queue for when all are busy."""

from __future__ import annotations

import asyncio
from collections import deque

from evalperf.providers.connection import Connection
from evalperf.providers.dial import Dialer
from evalperf.providers.exchange import Exchange

__all__ = ["Pool"]


class _Slot:
    """The right to one connection that does not stand yet."""


_SLOT = _Slot()


class Pool:
    """At most `size` connections to one origin, the one used last first; who comes when all are busy waits in line.

    Whoever acquires a connection releases it.
    """

    def __init__(self, dialer: Dialer, size: int) -> None:
        self._dialer = dialer
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._slots = 0  # that are taken: connections in use, on their way or in the free list, also dead ones there
        self._free: list[Connection] = []
        self._waiting: deque[asyncio.Future[object]] = deque()
        self._closed = False

    @property
    def opened(self) -> int:
        """Connections that were opened, so far."""
        return self._dialer.opened

    def idle(self) -> Connection | None:
        """A connection that is free now."""
        while self._free:
            connection = self._free.pop()
            if connection.reusable:
                return connection
            connection.close()
            self._slots -= 1
        return None

    async def acquire(self, exchange: Exchange) -> Connection:
        """A connection of the caller's own, as soon as there is one; raises ProviderError."""
        connection = self.idle()
        if connection is not None:
            return connection
        if self._slots < self._size:
            self._slots += 1
            return await self._connect(exchange)
        granted = await self._turn(exchange)
        if isinstance(granted, Connection):
            if granted.reusable:
                return granted
            granted.close()
        return await self._connect(exchange)

    async def replace(self, stale: Connection, exchange: Exchange) -> Connection:
        """A new connection in the place of one that turned out closed, which thereby is released."""
        stale.rest()
        stale.close()
        return await self._connect(exchange)

    def release(self, connection: Connection) -> None:
        """Lets the next one use the connection, or closes it where its exchange has left it unusable."""
        reusable = connection.reusable and not self._closed
        connection.rest()
        if reusable:
            self._grant(connection)
        else:
            connection.close()
            self._grant(_SLOT)

    def close(self) -> None:
        """Closes what lies idle, and from now on what is released; calls under way are ended by their owner."""
        self._closed = True
        while self._free:
            self._free.pop().close()

    async def _turn(self, exchange: Exchange) -> object:
        """The connection or slot that another call has left; the exchange's limits hold meanwhile."""
        waiter: asyncio.Future[object] = self._loop.create_future()
        exchange.waiter = waiter
        self._waiting.append(waiter)
        try:
            granted = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result() is not None:
                self._grant(waiter.result())  # it came too late for us
            raise
        if granted is None:
            assert exchange.error is not None  # noqa: S101 - nothing else wakes a call in line
            raise exchange.error
        return granted

    def _grant(self, granted: object) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(granted)
                return
        if isinstance(granted, Connection):
            self._free.append(granted)
        else:
            self._slots -= 1

    async def _connect(self, exchange: Exchange) -> Connection:
        """A new connection in a slot that the caller holds, and that is free again if this fails."""
        try:
            return await self._dialer.connect(exchange.deadline_s)
        except BaseException:
            self._grant(_SLOT)
            raise
