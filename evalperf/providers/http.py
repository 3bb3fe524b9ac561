"""The transport over connections of our own: HTTP/1.1 on asyncio's protocols and llhttp, for calls by the million.

A call costs about a fifth of what a client library takes, because all that is the same for every call is done once: the
head of the request is rendered per URL, the parser lives as long as its connection, and one timer watches all calls.

Redirects are never followed (neither the key nor the prompt goes to a host that the configuration does not name),
cookies are not kept, the environment is not read, metadata services of clouds are never called, and no reply can fill
the memory.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from msgspec import structs

from evalperf.config.providers import OWN_HEADERS
from evalperf.errors import ProviderError
from evalperf.providers import faults
from evalperf.providers.base import ConnectionStatistics
from evalperf.providers.connection import Connection, StaleConnectionError
from evalperf.providers.dial import Dialer, Origin
from evalperf.providers.endpoint import HttpEndpoint
from evalperf.providers.exchange import Exchange
from evalperf.providers.faults import fault_error
from evalperf.providers.headers import Headers
from evalperf.providers.pool import Pool
from evalperf.providers.proxy import Proxy
from evalperf.providers.transport import HttpLimits, Reply, Stream
from evalperf.providers.trust import tls_context

__all__ = ["HttpTransport", "open_transport"]

_DRAIN_S = 0.1
_SWEEPS_PER_LIMIT = 20
_LONGEST_SWEEP_S = 1.0

_SAFE_IN_PATH = "/%:@!$&'()*+,;=-._~"
_SAFE_IN_QUERY = _SAFE_IN_PATH + "?"


def open_transport(
    endpoint: HttpEndpoint, limits: HttpLimits, *, connections: int, verify_tls: bool = True
) -> HttpTransport:
    """The transport to an endpoint, with its headers, certificates and proxy; needs a running loop.

    Raises ConfigError for a `ca_file` that can't be read.
    """
    return HttpTransport(
        endpoint.headers,
        limits,
        connections=connections,
        verify_tls=verify_tls,
        ca_file=endpoint.ca_file,
        proxy=endpoint.proxy,
    )


class _Target(NamedTuple):
    """What is the same for all calls to a URL."""

    pool: Pool
    post_head: bytes
    """Up to the length of the body."""
    get_head: bytes


class HttpTransport:
    """A transport with at most `connections` to each origin; needs a running loop.

    `headers` go out with every call and are secrets: no message repeats them. Certificates in `ca_file` are trusted
    beside the system's; raises ConfigError where it can't be read. Time limits are kept by a sweep, so a call ends up
    to a twentieth of its limit late, and never more than a second.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        limits: HttpLimits,
        *,
        connections: int,
        verify_tls: bool = True,
        ca_file: Path | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._headers = _rendered(headers)
        self._limits = limits
        self._connections = connections
        self._verify_tls = verify_tls
        self._loop = asyncio.get_running_loop()
        self._tls = None if ca_file is None else tls_context(verify=verify_tls, ca_file=ca_file)
        self._proxy = proxy
        self._calls = 0
        self._targets: dict[str, _Target] = {}
        self._pools: dict[Origin, Pool] = {}
        self._underway: set[Exchange] = set()
        self._sweep_s = min(min(limits.attempt_s, limits.idle_s) / _SWEEPS_PER_LIMIT, _LONGEST_SWEEP_S)
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def post(self, url: str, body: bytes) -> Reply:
        """The whole reply to a JSON body."""
        exchange = Exchange(self._limits, self._loop.time() + self._limits.attempt_s)
        target = self._targets.get(url) or self._target(url)
        connection = await self._open(target, exchange, b"%b%d\r\n\r\n" % (target.post_head, len(body)), body)
        self._close(target, exchange, connection)
        return _reply(exchange)

    @asynccontextmanager
    async def stream(self, url: str, body: bytes) -> AsyncIterator[Stream]:
        """The reply to a JSON body, as soon as its head has come."""
        exchange = Exchange(self._limits, self._loop.time() + self._limits.attempt_s, streamed=True)
        target = self._targets.get(url) or self._target(url)
        connection = await self._open(target, exchange, b"%b%d\r\n\r\n" % (target.post_head, len(body)), body)
        try:
            yield _StreamedReply(exchange, connection)
        finally:
            self._close(target, exchange, connection)

    async def get(self, url: str, *, within_s: float) -> Reply:
        """The whole reply to a GET; `within_s` takes the place of the time for an attempt."""
        limits = structs.replace(self._limits, attempt_s=within_s)
        exchange = Exchange(limits, self._loop.time() + within_s)
        target = self._targets.get(url) or self._target(url)
        timer = self._loop.call_later(within_s, lambda: exchange.expire(exchange.deadline_s))
        try:
            connection = await self._open(target, exchange, target.get_head, b"")
        finally:
            timer.cancel()
        self._close(target, exchange, connection)
        return _reply(exchange)

    def connection_statistics(self) -> ConnectionStatistics:
        """The calls so far, and the connections that were opened for them."""
        opened = sum(pool.opened for pool in self._pools.values())
        return ConnectionStatistics(calls=self._calls, connections_opened=opened)

    async def aclose(self) -> None:
        """Closes all connections; calls under way end with an error."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pool in self._pools.values():
            pool.close()
        for exchange in tuple(self._underway):
            exchange.fail(fault_error(faults.CLOSED, exchange.limits))
        for _ in range(3):  # the calls end in one turn of the loop, and their sockets are closed in the next
            await asyncio.sleep(0)

    async def _open(self, target: _Target, exchange: Exchange, head: bytes, body: bytes) -> Connection:
        """The connection on which the exchange became ready: to be closed by the caller. Raises ProviderError."""
        if self._closed:
            raise fault_error(faults.CLOSED, self._limits)
        self._calls += 1
        self._underway.add(exchange)
        if self._timer is None:
            self._timer = self._loop.call_later(self._sweep_s, self._sweep)
        connection: Connection | None = None
        try:
            connection = target.pool.idle() or await target.pool.acquire(exchange)
            try:
                await connection.exchange(exchange, head, body)
            except StaleConnectionError:
                exchange.error = None
                stale, connection = connection, None
                connection = await target.pool.replace(stale, exchange)
                await connection.exchange(exchange, head, body)
        except BaseException:
            self._underway.discard(exchange)
            if connection is not None:
                target.pool.release(connection)
            raise
        return connection

    def _close(self, target: _Target, exchange: Exchange, connection: Connection) -> None:
        self._underway.discard(exchange)
        target.pool.release(connection)

    def _sweep(self) -> None:
        """Ends the calls whose time is over; sleeps while there are none."""
        now_s = self._loop.time()
        for exchange in self._underway:
            exchange.expire(now_s)
        self._timer = self._loop.call_later(self._sweep_s, self._sweep) if self._underway else None

    def _target(self, url: str) -> _Target:
        """Parses and renders what is the same for all calls to the URL; raises Unreachable for a name that is none."""
        parts = urlsplit(url)
        host, tls = parts.hostname or "", parts.scheme == "https"
        if not host.isascii():
            try:
                host = host.encode("idna").decode()
            except UnicodeError as error:
                raise fault_error(faults.NO_ADDRESS, self._limits, host=host, reason="not a host name") from error
        origin = Origin(host, parts.port or (443 if tls else 80), tls)
        if origin not in self._pools:
            self._pools[origin] = Pool(Dialer(origin, self._limits, self._tls_context, self._proxy), self._connections)
        path = quote(parts.path, safe=_SAFE_IN_PATH) or "/"
        if parts.query:
            path += "?" + quote(parts.query, safe=_SAFE_IN_QUERY)
        shown = f"[{host}]" if ":" in host else host
        if parts.port is not None and parts.port != (443 if tls else 80):
            shown += f":{parts.port}"
        login = ""
        if self._proxy is not None and not tls:
            path, login = f"http://{shown}{path}", self._proxy.header
        rest = f" {path} HTTP/1.1\r\nHost: {shown}\r\n{login}{self._headers}"
        post = f"POST{rest}Content-Type: application/json\r\nContent-Length: "
        target = _Target(self._pools[origin], post.encode("ascii"), f"GET{rest}\r\n".encode("ascii"))
        self._targets[url] = target
        return target

    def _tls_context(self) -> ssl.SSLContext:
        """Made once, when the first connection needs it: loading the system's certificates takes a while."""
        if self._tls is None:
            self._tls = tls_context(verify=self._verify_tls)
        return self._tls


class _StreamedReply:
    """A reply whose body is still coming; whoever opened it closes it."""

    __slots__ = ("_connection", "_exchange", "headers", "status")

    def __init__(self, exchange: Exchange, connection: Connection) -> None:
        self._exchange = exchange
        self._connection = connection
        self.status = exchange.answered_status
        self.headers = Headers(exchange.headers)

    async def piece(self) -> bytes:
        """What has come since the last call."""
        exchange = self._exchange
        while not exchange.body:
            if exchange.complete:
                return b""
            await exchange.news()
        piece, exchange.body = bytes(exchange.body), b""
        self._connection.resume_reading()
        return piece

    async def rest(self) -> bytes:
        """All that still comes; a body beyond the limit is not read on."""
        exchange = self._exchange
        exchange.streamed = False
        self._connection.resume_reading()
        while not exchange.complete and len(exchange.body) <= exchange.limits.max_reply_bytes:
            await exchange.news()
        if len(exchange.body) > exchange.limits.max_reply_bytes:
            raise faults.too_long(exchange.limits, exchange.status)
        return bytes(exchange.body)

    async def drain(self) -> None:
        """Gives the server a moment to end the body; where it does not, the connection is closed instead."""
        exchange = self._exchange
        if exchange.complete:
            return
        with suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while await self.piece():
                    pass


def _reply(exchange: Exchange) -> Reply:
    return Reply(exchange.answered_status, Headers(exchange.headers), bytes(exchange.body))


def _rendered(headers: Mapping[str, str]) -> str:
    """The header lines of every request; a configured one takes the place of ours."""
    names = {name.lower() for name in headers}
    ours = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
    lines = {name: value for name, value in ours.items() if name.lower() not in names}
    lines.update((name, value) for name, value in headers.items() if name.lower() not in OWN_HEADERS)
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items())
