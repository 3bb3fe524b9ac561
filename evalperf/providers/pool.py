"""The connections to one origin: a free list, a queue for when all are busy, and how new ones are made."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

from evalperf.errors import ProviderError
from evalperf.providers import faults
from evalperf.providers.connection import Connection
from evalperf.providers.exchange import Exchange
from evalperf.providers.faults import connecting_fault, fault_error, local_fault, system_reason
from evalperf.providers.transport import HttpLimits

__all__ = ["Origin", "Pool"]

_ADDRESSES_S = 10.0
"""For how long the addresses of a name are kept; a thousand connections at the start of a run ask once."""


class Origin(NamedTuple):
    """Whom a connection leads to; `host` without brackets, in ASCII."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        """As it stands in messages."""
        return f"{self.host}:{self.port}"


class _Slot:
    """The right to one connection that does not stand yet."""


_SLOT = _Slot()


class Pool:
    """At most `size` connections to one origin, the one used last first; who comes when all are busy waits in line.

    Whoever acquires a connection releases it.
    """

    def __init__(self, origin: Origin, limits: HttpLimits, size: int, tls: Callable[[], ssl.SSLContext]) -> None:
        self._origin = origin
        self._limits = limits
        self._size = size
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._slots = 0  # that are taken: connections in use, on their way or in the free list, also dead ones there
        self._free: list[Connection] = []
        self._waiting: deque[asyncio.Future[object]] = deque()
        self._closed = False
        self._resolving = asyncio.Lock()
        self._addresses: list[str] = []
        self._addresses_until_s = 0.0

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
        until_s = min(self._loop.time() + self._limits.connect_s, exchange.deadline_s)
        try:
            return await self._dial(until_s)
        except TimeoutError as error:
            self._grant(_SLOT)
            timed_out = error.errno is None and until_s == exchange.deadline_s
            raise self._unreachable(error, faults.TOO_SLOW if timed_out else None) from error
        except (OSError, RuntimeError, UnicodeError) as error:
            self._grant(_SLOT)
            raise self._unreachable(error) from error
        except BaseException:
            self._grant(_SLOT)
            raise

    def _unreachable(self, error: Exception, fault: faults.Fault | None = None) -> ProviderError:
        if (local := local_fault(error)) is not None:
            return local
        if isinstance(error, socket.gaierror | UnicodeError):
            fault = faults.NO_ADDRESS
        return fault_error(
            fault or connecting_fault(error), self._limits, host=str(self._origin), reason=system_reason(error)
        )

    async def _dial(self, until_s: float) -> Connection:
        """Tries the addresses in turn, each for its share of the time that is left.

        One that did not take the call goes to the end of the line.
        """
        async with asyncio.timeout_at(until_s):
            addresses = await self._resolve()
        for tried, address in enumerate(addresses):
            left = len(addresses) - tried
            now_s = self._loop.time()
            try:
                async with asyncio.timeout_at(now_s + (until_s - now_s) / left):
                    return await self._open(address)
            except OSError as error:
                if left == 1 or isinstance(error, ssl.SSLError) or local_fault(error) is not None:
                    raise
                if self._addresses[0] == address:
                    self._addresses = [*self._addresses[1:], address]
        raise OSError(0, "no address")

    async def _open(self, address: str) -> Connection:
        tls = self._tls() if self._origin.tls else None
        transport, connection = await self._loop.create_connection(
            lambda: Connection(self._loop.time),
            address,
            self._origin.port,
            ssl=tls,
            server_hostname=self._origin.host if tls is not None else None,
        )
        if (opened := transport.get_extra_info("socket")) is not None:
            # a model may think for minutes, and a router forgets a connection that says nothing
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection

    async def _resolve(self) -> list[str]:
        """The addresses in the system's order of preference, but those that failed last."""
        async with self._resolving:
            if self._loop.time() < self._addresses_until_s:
                return self._addresses
            self._addresses = await self._look_up(self._origin.host)
            self._addresses_until_s = self._loop.time() + _ADDRESSES_S
            return self._addresses

    async def _look_up(self, host: str) -> list[str]:
        try:
            return [str(ip_address(host))]
        except ValueError:
            found = await self._loop.getaddrinfo(host, self._origin.port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(address[0]) for *_, address in found))
