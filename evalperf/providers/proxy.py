"""HTTP proxies: where one is, and the tunnel through it that TLS goes into."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import NamedTuple, cast
from urllib.parse import SplitResult, unquote

__all__ = ["Proxy", "Tunnel", "TunnelRefusedError", "http_basic"]

_MAX_HEAD_BYTES = 2**14
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n")


class Proxy(NamedTuple):
    """An HTTP proxy; `authorization` is the value of its header, a secret."""

    host: str
    port: int
    authorization: str | None

    def __str__(self) -> str:
        """As it stands in messages."""
        return f"the proxy {self.host}:{self.port}"

    @property
    def header(self) -> str:
        """The header line with the credentials, empty where there are none."""
        return "" if self.authorization is None else f"Proxy-Authorization: {self.authorization}\r\n"


class TunnelRefusedError(Exception):
    """The proxy was reached, and has answered something else than yes; `status` is None where that was not HTTP."""

    def __init__(self, status: int | None, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Tunnel(asyncio.Protocol):
    """Asks a proxy (CONNECT) for a way through to a host; then the transport belongs to whom it is handed on to."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._head = b""

    async def ask(self, authority: str, proxy: Proxy) -> None:
        """Returns when the way through to `authority` (host:port) is open; raises TunnelRefusedError or OSError."""
        self.transport.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{proxy.header}\r\n".encode("ascii"))
        head = await self._answer
        found = _STATUS_LINE.match(head)
        if found is None:
            raise TunnelRefusedError(None, "what came back is not HTTP")
        status = int(found[1])
        if not 200 <= status < 300:
            words = (found[2] or b"").decode("ascii", "replace")
            shown = "".join(c for c in words if c.isprintable())[:100].strip()
            raise TunnelRefusedError(status, f"HTTP {status} {shown}".rstrip())

    # what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy is reached."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Waits for the end of the head; beyond it nothing comes before we have spoken."""
        self._head += data
        if (b"\r\n\r\n" in self._head or len(self._head) > _MAX_HEAD_BYTES) and not self._answer.done():
            self._answer.set_result(self._head)

    def connection_lost(self, error: Exception | None) -> None:
        """The proxy has hung up."""
        if not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("hung up"))


def http_basic(parts: SplitResult) -> str | None:
    """The header value for the name and password in a URL, None where it has no password."""
    if parts.password is None:
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
