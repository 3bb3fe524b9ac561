"""How a reply leaves: in one piece, as a stream, or in a form that is no reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import orjson
from aiohttp import web
from msgspec import Struct

from evalperf.simulator.api import Chunk, Vendor
from evalperf.simulator.capacity import Work
from evalperf.simulator.options import Form

__all__ = ["Visit", "hang_up", "malform", "reply", "stream"]

_FIRST_TOKEN_SHARE: Final = 0.3  # of the latency, when streaming
_JSON, _EVENTS = "application/json", "text/event-stream"
_FILLER: Final = b"and so on " * 100

_PAGE: Final = b"""<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>simulated gateway</center></body></html>
"""


class Visit(Struct, frozen=True):
    """A request on its connection."""

    request: web.Request
    vendor: Vendor
    id: str
    headers: dict[str, str]
    """Of the reply; more may come in until it is sent."""

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self.request.transport is None or self.request.transport.is_closing()


def reply(visit: Visit, document: Any, *, status: int = 200) -> web.Response:
    """A reply in one piece."""
    return web.Response(
        body=orjson.dumps(document), status=status, headers=visit.headers, content_type=_JSON, charset="utf-8"
    )


async def stream(visit: Visit, chunks: Iterator[Chunk], latency_s: float, work: Work) -> web.StreamResponse:
    """The first token comes after a share of the latency, the others evenly over the rest of it."""
    pieces = tuple(chunks)
    first_s = latency_s * _FIRST_TOKEN_SHARE
    pause_s = (latency_s - first_s) / max(1, sum(has_text for _, has_text in pieces))
    await work(first_s)
    response = await _begin(visit, _EVENTS)
    for piece, has_text in pieces:
        await response.write(piece)
        if has_text:
            await work(pause_s)
    await response.write_eof()
    return response


def hang_up(visit: Visit, *, flush: bool = False) -> web.Response:
    """Cuts the connection, at once or once everything has been sent; what is returned never leaves."""
    transport = visit.request.transport
    if transport is not None:
        if flush:
            transport.close()
        else:
            transport.abort()
    return web.Response(status=500)


async def malform(form: Form, visit: Visit, right: bytes, *, streamed: bool, pause_s: float) -> web.StreamResponse:
    """Answers in this form; `right` is the body that would have been right."""
    return await _FORMS[form](visit, right, _EVENTS if streamed else _JSON, pause_s)


async def _slow_headers(visit: Visit, right: bytes, content_type: str, pause_s: float) -> web.StreamResponse:
    for byte in _head(content_type, len(right)):
        _write(visit, bytes((byte,)))
        await asyncio.sleep(pause_s)
    _write(visit, right)
    return hang_up(visit, flush=True)


async def _endless(visit: Visit, right: bytes, content_type: str, pause_s: float) -> web.StreamResponse:
    """A stream repeats the event in its middle; a document begins with a string that is never closed."""
    response = await _begin(visit, content_type)
    start, piece = b'{"id": "', _FILLER
    if content_type == _EVENTS:
        events = [event + b"\n\n" for event in right.split(b"\n\n")]
        middle = len(events) // 2
        start, piece = b"".join(events[:middle]), events[middle]
    await response.write(start)
    while True:  # until the client leaves, which cancels this
        await response.write(piece)
        await asyncio.sleep(pause_s)


async def _truncated(visit: Visit, right: bytes, content_type: str, _: float) -> web.StreamResponse:
    """Half of it, as if that were all."""
    return web.Response(body=right[: len(right) // 2], headers=visit.headers, content_type=content_type)


async def _page(visit: Visit, *_: Any) -> web.StreamResponse:
    return web.Response(body=_PAGE, status=502, headers=visit.headers, content_type="text/html")


async def _wrong_length(visit: Visit, right: bytes, content_type: str, _: float) -> web.StreamResponse:
    """The whole of it, under a head that promises twice as much."""
    _write(visit, _head(content_type, 2 * len(right)) + right)
    return hang_up(visit, flush=True)


async def _never(*_: Any) -> web.StreamResponse:
    await asyncio.Event().wait()  # cancelled when the client leaves
    raise AssertionError


_FORMS: Final[dict[Form, Callable[[Visit, bytes, str, float], Awaitable[web.StreamResponse]]]] = {
    "slow-headers": _slow_headers,
    "endless-stream": _endless,
    "truncated-json": _truncated,
    "html-error": _page,
    "wrong-content-length": _wrong_length,
    "never-answers": _never,
}


async def _begin(visit: Visit, content_type: str) -> web.StreamResponse:
    headers = {"Content-Type": content_type, "Cache-Control": "no-cache", **visit.headers}
    response = web.StreamResponse(headers=headers)
    await response.prepare(visit.request)
    return response


def _head(content_type: str, length: int) -> bytes:
    lines = ("HTTP/1.1 200 OK", f"Content-Type: {content_type}", f"Content-Length: {length}", "Connection: close")
    return "\r\n".join((*lines, "", "")).encode()


def _write(visit: Visit, data: bytes) -> None:
    """Past the library, which would not send a head of this kind."""
    if visit.request.transport is not None:
        visit.request.transport.write(data)
