"""How bytes get to an endpoint and back, seen from a protocol: the seam behind which the HTTP client stands."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from evalperf.providers.base import ConnectionStatistics
from evalperf.providers.headers import Headers

__all__ = ["HttpLimits", "Reply", "Stream", "Transport"]


class HttpLimits(Struct, frozen=True, kw_only=True):
    """What one call may take."""

    connect_s: float
    """To reach the server."""
    attempt_s: float
    """From sending to the last byte."""
    idle_s: float
    """Between two pieces of a body; the first may take as long as the attempt."""
    max_reply_bytes: int
    """Size of a whole body, decompressed."""


class Reply(Struct, frozen=True):
    """A whole reply; header names are found in any case."""

    status: int
    headers: Headers
    body: bytes


class Stream(Protocol):
    """A reply whose body is still coming."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Headers:
        """Names are found in any case."""

    async def piece(self) -> bytes:
        """What has come since the last call, decompressed, as soon as something has; b"" after the end."""

    async def rest(self) -> bytes:
        """All that still comes, up to the size limit."""

    async def drain(self) -> None:
        """Reads over the end where that comes at once, so that the connection can be used again."""


class Transport(Protocol):
    """Carries calls to one endpoint, whose headers it knows. Raises ProviderError and nothing else."""

    async def post(self, url: str, body: bytes) -> Reply:
        """Sends a JSON body."""

    def stream(self, url: str, body: bytes) -> AbstractAsyncContextManager[Stream]:
        """Sends a JSON body and yields the reply once its head has come; leaving the block ends the call."""

    async def get(self, url: str, *, within_s: float) -> Reply:
        """Asks for a resource."""

    def connection_statistics(self) -> ConnectionStatistics:
        """How often a connection served again, so far."""

    async def aclose(self) -> None:
        """Closes the connections; a second call does nothing."""
