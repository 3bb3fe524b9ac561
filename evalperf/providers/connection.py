"""One HTTP/1.1 connection: a request's way out, its reply's way back through llhttp, and whether it can serve again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from evalperf.providers import faults
from evalperf.providers.content_coding import CONTENT_CODINGS, ContentDecoder
from evalperf.providers.exchange import MAX_UNREAD_BYTES, Exchange
from evalperf.providers.faults import fault_error, system_reason

__all__ = ["Connection", "StaleConnectionError"]

_MAX_SILENT_BYTES = 2**16
"""Of a head, or of anything else that is not body (trailers, say) between two pieces of it."""

_STALE_S = 1.0
"""How long after a request a close can still have crossed it on the way: a generous round trip."""

_PIECE_BYTES = 2**18
"""Larger requests are written piece by piece, as fast as the server takes them."""


class StaleConnectionError(Exception):
    """The server had closed a connection that lay idle, and the request met the close on its way.

    Known by this: the connection was used before, not one byte of a reply has come, and it ended within a round trip
    of the request. A server that closes an idle connection has not read what was sent to it afterwards, so sending the
    same request on a new connection pays nothing twice. A close that comes later is a server that gave up while it
    worked on the request; that may have cost something, so it is a failure for those who count attempts.
    """


class Connection(asyncio.Protocol):
    """One connection, for one exchange at a time; `now` is the loop's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._transport: asyncio.Transport
        self._exchange: Exchange | None = None
        self._exchanges = 0
        self._sent_s = 0.0
        self._silent_bytes = 0
        self._answered = False
        self._keep_alive = True
        self._until_close = False
        self._writing = False
        self._write_paused = False
        self._read_paused = False
        self._closed = False
        self._parser = HttpResponseParser(self)
        # as much as browsers and aiohttp forgive; nothing of it moves the end of a body
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    @property
    def reusable(self) -> bool:
        """Whether another exchange can follow.

        That takes a whole reply with nothing after it, a request of which nothing is left to send, and a server that
        means to go on.
        """
        exchange = self._exchange
        return (
            self._keep_alive
            and not self._closed
            and not self._writing
            and (exchange is None or exchange.complete)
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() == 0
        )

    async def exchange(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Sends the request and returns when its exchange is ready.

        Raises what the exchange ended with before, which may be StaleConnectionError.
        """
        if exchange.error is not None:
            raise exchange.error
        self._exchange = exchange
        self._exchanges += 1
        self._sent_s = self._now()
        self._silent_bytes = 0
        self._answered = False
        if len(body) <= _PIECE_BYTES:
            self._transport.write(head + body)
        else:
            await self._write_pieces(exchange, head, body)
        while not exchange.ready:
            await exchange.news()

    def resume_reading(self) -> None:
        """The reader of a stream has caught up."""
        if self._read_paused and not self._closed:
            self._read_paused = False
            self._transport.resume_reading()
            if self._exchange is not None:
                self._exchange.quiet_since_s = self._now()

    def rest(self) -> None:
        """The exchange is over; what comes from now on belongs to none."""
        self._exchange = None

    def close(self) -> None:
        """Ends the connection at once; an exchange under way ends with it."""
        if self._exchange is not None:
            self._exchange.fail(fault_error(faults.CLOSED, self._exchange.limits))
        self._closed = True
        self._transport.abort()

    async def _write_pieces(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """A server that has replied before it had read everything is left alone with what it has."""
        self._writing = True
        self._transport.write(head)
        view = memoryview(body)
        for start in range(0, len(body), _PIECE_BYTES):
            while self._write_paused and not exchange.ready:
                await exchange.news()
            if exchange.ready:
                return
            self._sent_s = self._now()
            self._transport.write(view[start : start + _PIECE_BYTES])
        self._writing = False

    # what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parses what has come; between two exchanges nothing may."""
        exchange = self._exchange
        if exchange is None or exchange.over:
            self._keep_alive = False
            self._transport.abort()
            return
        self._answered = True
        self._silent_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._keep_alive = False
            exchange.fail(fault_error(faults.GARBLED, exchange.limits))
        if exchange.complete:
            exchange.wake()
            return
        if self._silent_bytes > _MAX_SILENT_BYTES:
            exchange.fail(fault_error(faults.HEAD_TOO_LONG, exchange.limits))
        if exchange.quiet_since_s is not None:
            exchange.quiet_since_s = self._now()
        if exchange.streamed:
            self._pace(exchange)

    def eof_received(self) -> None:
        """The server has said all it will say; the connection closes."""
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._end(error)

    def pause_writing(self) -> None:
        """The server reads more slowly than we write."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._write_paused = False
        if self._exchange is not None:
            self._exchange.wake()

    def _pace(self, exchange: Exchange) -> None:
        if exchange.status is not None:
            exchange.wake()
        if len(exchange.body) > MAX_UNREAD_BYTES and not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()
            exchange.quiet_since_s = None  # it is not the server who is slow

    def _end(self, error: Exception | None) -> None:
        if self._closed:
            return
        self._closed = True
        exchange = self._exchange
        if exchange is None or exchange.complete:
            return
        if error is None and self._until_close and exchange.status is not None and not exchange.over:
            exchange.finish()
            exchange.wake()
        else:
            exchange.fail(self._broken(exchange, error))

    def _broken(self, exchange: Exchange, error: Exception | None) -> Exception:
        """What a connection's end means for an exchange that is not complete."""
        if not self._answered and self._exchanges > 1 and self._now() - self._sent_s < _STALE_S:
            return StaleConnectionError()
        if error is not None:
            return fault_error(faults.CONNECTION_BROKE, exchange.limits, reason=system_reason(error))
        return fault_error(faults.BROKEN_OFF if self._answered else faults.NO_ANSWER, exchange.limits)

    # what the parser calls

    def on_message_begin(self) -> None:
        """A second reply to one request is none."""
        if self._exchange is None or self._exchange.complete:
            self._keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers and headers of surplus replies come when the status is known, and are not read."""
        exchange = self._exchange
        if exchange is not None and exchange.status is None:
            exchange.headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """Keeps the status, and how the body is coded and where it ends; an interim head (1xx) leaves no trace."""
        exchange = self._exchange
        if exchange is None or exchange.status is not None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            return
        headers = exchange.headers
        if status < 100:
            exchange.fail(fault_error(faults.NOT_HTTP, exchange.limits))
        if self._silent_bytes > _MAX_SILENT_BYTES < sum(map(len, headers)) + sum(map(len, headers.values())):
            exchange.fail(fault_error(faults.HEAD_TOO_LONG, exchange.limits))
        exchange.status = status
        self._until_close = b"content-length" not in headers and not _is_chunked(headers)
        if b"content-encoding" in headers and (coding := headers[b"content-encoding"].strip().lower()):
            self._decode(exchange, coding)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, without its framing."""
        exchange = self._exchange
        if exchange is None or exchange.over:
            return
        self._silent_bytes = 0
        exchange.quiet_since_s = 0.0  # set to the time once all that has come is parsed
        exchange.take(piece)

    def on_message_complete(self) -> None:
        """The end of a reply, or of an interim one."""
        exchange = self._exchange
        if exchange is None or exchange.complete:
            return
        if exchange.status is None:
            exchange.headers = {}
        elif exchange.error is None:
            self._keep_alive = self._keep_alive and self._parser.should_keep_alive()
            exchange.finish()

    @staticmethod
    def _decode(exchange: Exchange, coding: bytes) -> None:
        supported = CONTENT_CODINGS.get(coding)
        if supported:
            exchange.decoder = ContentDecoder(coding)
        elif supported is not None:
            exchange.fail(fault_error(faults.NOT_DECOMPRESSED, exchange.limits))


def _is_chunked(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"transfer-encoding", b"").rstrip().lower().endswith(b"chunked")
