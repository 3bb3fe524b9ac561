"""The only room of the HTTP client: bytes out, bytes in, and every way in which that fails, named.

Redirects are never followed (neither the key nor the prompt goes to a host that the configuration does not name),
cookies are not kept, proxies are not taken from the environment, and no reply can fill the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from io import BytesIO

import aiohttp
from aiohttp import http_exceptions
from msgspec import structs
from yarl import URL

from evalperf.errors import ProviderError
from evalperf.providers import faults
from evalperf.providers.faults import Fault
from evalperf.providers.transport import HttpLimits, Reply, Stream

__all__ = ["HttpTransport", "classify"]

_JSON_HEADERS = {"Content-Type": "application/json"}

_DRAIN_S = 0.1

_LARGEST_PLAIN_BODY_BYTES = 2**20
"""aiohttp writes a larger `bytes` body in one go and warns of it; a file is written piece by piece."""

_TRANSPORT_ERRORS = (aiohttp.ClientError, OSError, RuntimeError)
"""All that aiohttp raises: TimeoutError is an OSError, RuntimeError a connection that was closed under its reader."""


class HttpTransport:
    """The transport over aiohttp, with a pool of at most `connections` to one endpoint; needs a running loop.

    `headers` go out with every call and are secrets: no message repeats them.
    """

    def __init__(
        self, headers: Mapping[str, str], limits: HttpLimits, *, connections: int, verify_tls: bool = True
    ) -> None:
        self._limits = limits
        self._addresses: dict[str, URL] = {}  # parsed once: an endpoint has two or three
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=verify_tls),
            headers={"Accept-Encoding": "gzip, deflate", **headers},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=limits.attempt_s, sock_connect=limits.connect_s),
            trust_env=False,
        )

    async def post(self, url: str, body: bytes) -> Reply:
        """The whole reply to a JSON body."""
        call = await self._open_post(url, body)
        try:
            return Reply(call.status, call.headers, await call.rest())
        finally:
            call.close()

    @asynccontextmanager
    async def stream(self, url: str, body: bytes) -> AsyncIterator[Stream]:
        """The reply to a JSON body, as soon as its head has come."""
        call = await self._open_post(url, body)
        try:
            yield call
        finally:
            call.close()

    async def get(self, url: str, *, within_s: float) -> Reply:
        """The whole reply to a GET; `within_s` takes the place of the time for an attempt."""
        limits = structs.replace(self._limits, attempt_s=within_s)
        timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=limits.connect_s)
        try:
            response = await self._session.get(self._address(url), allow_redirects=False, timeout=timeout)
        except _TRANSPORT_ERRORS as error:
            raise classify(error, limits) from error
        call = _Call(response, limits)
        try:
            return Reply(call.status, call.headers, await call.rest())
        finally:
            call.close()

    async def aclose(self) -> None:
        """Closes all connections; calls under way end with an error."""
        await self._session.close()

    async def _open_post(self, url: str, body: bytes) -> _Call:
        data = body if len(body) <= _LARGEST_PLAIN_BODY_BYTES else BytesIO(body)
        try:
            response = await self._session.post(
                self._address(url), data=data, headers=_JSON_HEADERS, allow_redirects=False
            )
        except _TRANSPORT_ERRORS as error:
            raise classify(error, self._limits) from error
        return _Call(response, self._limits)

    def _address(self, url: str) -> URL:
        address = self._addresses.get(url)
        if address is None:
            address = self._addresses[url] = URL(url)
        return address


class _Call:
    """One reply of aiohttp's, whoever opens it closes it."""

    __slots__ = ("_limits", "_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, limits: HttpLimits) -> None:
        self._response = response
        self._limits = limits
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    async def piece(self) -> bytes:
        """What has come since the last call."""
        try:
            piece = await self._response.content.readany()
        except _TRANSPORT_ERRORS as error:
            raise classify(error, self._limits) from error
        self._watch_idleness()
        return piece

    async def rest(self) -> bytes:
        """All that still comes; a body beyond the limit is not read on."""
        pieces: list[bytes] = []
        size = 0
        while size <= self._limits.max_reply_bytes:
            piece = await self.piece()
            size += len(piece)
            if not piece or (self._response.content.at_eof() and size <= self._limits.max_reply_bytes):
                return b"".join((*pieces, piece)) if pieces else piece
            pieces.append(piece)
        raise faults.too_long(self._limits, self.status)

    async def drain(self) -> None:
        """Gives the server a moment to end the body; where it does not, the connection is closed instead."""
        content = self._response.content
        with suppress(*_TRANSPORT_ERRORS):
            async with asyncio.timeout(_DRAIN_S):
                while not content.at_eof():
                    await content.readany()

    def close(self) -> None:
        """Does nothing to a connection whose reply was complete (it is back in the pool), and closes any other."""
        self._response.close()

    def _watch_idleness(self) -> None:
        """From the first piece on, each further one has to come within `idle_s`; a model may think before it."""
        connection = self._response.connection
        if connection is not None and connection.protocol is not None and connection.protocol.read_timeout is None:
            connection.protocol.read_timeout = self._limits.idle_s
            connection.protocol.start_timeout()


_FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (aiohttp.ConnectionTimeoutError, faults.NO_CONNECTION_IN_TIME),
    (aiohttp.ClientConnectorCertificateError, faults.UNTRUSTED),
    (aiohttp.ClientConnectorDNSError, faults.NO_ADDRESS),
    (aiohttp.ClientSSLError, faults.NO_TLS),
    (aiohttp.ClientConnectorError, faults.NOT_CONNECTED),
    (http_exceptions.ContentEncodingError, faults.NOT_DECOMPRESSED),
    (http_exceptions.DecompressSizeError, faults.NOT_DECOMPRESSED),
    (http_exceptions.BadHttpMessage, faults.GARBLED),
    (aiohttp.SocketTimeoutError, faults.STALLED),
    (aiohttp.ServerDisconnectedError, faults.NO_ANSWER),
    (aiohttp.ClientPayloadError, faults.BROKEN_OFF),
    (aiohttp.ClientResponseError, faults.NOT_HTTP),
    (TimeoutError, faults.TOO_SLOW),
    (OSError, faults.CONNECTION_BROKE),
    (Exception, faults.CLOSED),
)
"""What an exception of aiohttp's means; the first row that fits counts, so the narrower class stands higher."""


def classify(error: Exception, limits: HttpLimits) -> ProviderError:
    """The failure of a call whose transport raised `error`; a later try is worth it but where the body is broken."""
    cause = error.__cause__ if isinstance(error.__cause__, http_exceptions.BadHttpMessage) else error
    os_error = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if (local := faults.local_fault(os_error)) is not None:
        return local
    fault = next(fault for kind, fault in _FAULTS if isinstance(cause, kind))
    host = f"{error.host}:{error.port}" if isinstance(error, aiohttp.ClientConnectorError) else "the host"
    return faults.fault_error(fault, limits, host=host, reason=faults.system_reason(os_error))
