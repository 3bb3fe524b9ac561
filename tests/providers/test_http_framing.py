"""What only the transport over our own connections has to prove: framing, reuse, and the end of a connection."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf import clock
from evalperf.errors import ProviderError
from evalperf.providers.base import Unreachable
from evalperf.providers.connection import Connection
from evalperf.providers.exchange import Exchange
from evalperf.providers.headers import Headers
from evalperf.providers.http import HttpTransport
from evalperf.providers.transport import HttpLimits, Reply
from tests.support.http_server import Action, Received, http_reply, scripted_server

PATIENT = HttpLimits(connect_s=5, attempt_s=20, idle_s=20, max_reply_bytes=1_000_000)
SMALL = HttpLimits(connect_s=5, attempt_s=20, idle_s=20, max_reply_bytes=1000)
BODY = b'{"choices": [{"message": {"content": "forty-two"}}]}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def chunks(body: bytes, size: int, *, end: bytes = b"0\r\n\r\n") -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


WHOLE = {
    "with a length": http_reply(200, BODY, content_type="application/json"),
    "with headers that are empty, repeated, in any case": (
        b"HTTP/1.1 200 OK\r\nX-None:\r\nX-Two: 1\r\nx-two: 2\r\nCONTENT-LENGTH: %d \r\n\r\n%b" % (len(BODY), BODY)
    ),
    "in chunks": CHUNKED + b"\r\n" + chunks(BODY, 10),
    "in chunks with extensions and trailers": CHUNKED
    + b"\r\n"
    + b"4;name=value\r\n"
    + BODY[:4]
    + b"\r\n"
    + chunks(BODY[4:], 7, end=b"0\r\nStatus: 500\r\n\r\n"),
    "up to the close": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY,
    "of HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "after interim ones": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n"
    + http_reply(200, BODY),
    "in gzip": http_reply(200, gzip.compress(BODY), content_encoding="gzip"),
    "in gzip of two members": http_reply(
        200, gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), content_encoding="X-GZip"
    ),
    "in gzip and chunks": CHUNKED + b"Content-Encoding: gzip\r\n\r\n" + chunks(gzip.compress(BODY), 5),
    "in deflate": http_reply(200, zlib.compress(BODY), content_encoding="deflate"),
    "in deflate without a header": http_reply(200, bare_deflate(BODY), content_encoding="deflate"),
    "with a content encoding that is none": http_reply(200, BODY, content_encoding="utf-8"),
}

FAULTY = {
    "gzip that is cut": http_reply(200, gzip.compress(BODY)[:-3], content_encoding="gzip"),
    "deflate with a tail": http_reply(200, zlib.compress(BODY) + b"tail", content_encoding="deflate"),
    "brotli, not asked for": http_reply(200, BODY, content_encoding="br"),
    "a body that is too long": http_reply(200, b"x" * 1001),
    "a bomb": http_reply(200, gzip.compress(bytes(100_000)), content_encoding="gzip"),
    "a body cut short": http_reply(200, BODY)[:-1],
    "a last chunk missing": CHUNKED + b"\r\n" + chunks(BODY, 10, end=b""),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": CHUNKED + b"Content-Length: 2\r\n\r\n" + chunks(BODY, 10),
    "a status of nothing": b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "another protocol": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n{}",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X: %b\r\n" % (b"y" * 1000) * 80 + b"\r\n",
}


class Wire(asyncio.Transport):
    """The socket's end of a connection: takes all, and knows whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def write(self, data: Any) -> None:
        pass

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0


async def exchanged(segments: list[bytes], limits: HttpLimits) -> tuple[Any, ...]:
    exchange = Exchange(limits, deadline_s=20)
    connection = Connection(lambda: 5.0)
    connection.connection_made(Wire())
    caller = asyncio.create_task(connection.exchange(exchange, b"", b""))
    await asyncio.sleep(0)
    for segment in segments:
        connection.data_received(segment)
    reusable = connection.reusable
    connection.eof_received()
    connection.connection_lost(None)
    async with asyncio.timeout(1):
        (ended,) = await asyncio.gather(caller, return_exceptions=True)
    if isinstance(ended, ProviderError):
        return (ended.kind, ended.message)
    assert ended is None
    return (exchange.status, dict(Headers(exchange.headers)), bytes(exchange.body), reusable)


def outcome(*segments: bytes, limits: HttpLimits = SMALL) -> tuple[Any, ...]:
    """What an exchange has come to after these TCP segments and a close."""
    return asyncio.run(exchanged([segment for segment in segments if segment], limits))


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(raw) + 1) for place in places})
    return [raw[start:end] for start, end in zip([0, *marks], [*marks, len(raw)], strict=True)]


PLACES = st.lists(st.integers(0, 200), max_size=8)


class TestFraming:
    @pytest.mark.parametrize("name", WHOLE)
    def test_a_whole_reply_is_read_whole(self, name: str) -> None:
        assert outcome(WHOLE[name])[::2] == (200, BODY)

    @pytest.mark.parametrize("name", FAULTY)
    def test_a_faulty_reply_is_a_failure(self, name: str) -> None:
        assert outcome(FAULTY[name])[0] in {"bad_reply", "connection"}

    @pytest.mark.parametrize("name", [*WHOLE, *FAULTY])
    def test_bytes_may_come_one_by_one(self, name: str) -> None:
        raw = {**WHOLE, **FAULTY}[name]
        assert outcome(*(raw[at : at + 1] for at in range(len(raw)))) == outcome(raw)

    @given(name=st.sampled_from([*WHOLE, *FAULTY]), places=PLACES)
    def test_how_tcp_splits_a_reply_changes_nothing(self, name: str, places: list[int]) -> None:
        raw = {**WHOLE, **FAULTY}[name]
        assert outcome(*cut(raw, places)) == outcome(raw)

    def test_headers_are_found_in_any_case_the_first_of_two_counts_and_an_empty_one_is_empty(self) -> None:
        headers = outcome(WHOLE["with headers that are empty, repeated, in any case"])[1]
        assert headers == {"x-none": "", "x-two": "1", "content-length": str(len(BODY))}
        assert Headers({b"retry-after": b" 5 "})["Retry-After"] == "5"
        assert "später" not in Headers({b"retry-after": b"5"})

    def test_interim_headers_and_trailers_are_not_the_replys(self) -> None:
        assert "x-hint" not in outcome(WHOLE["after interim ones"])[1]
        assert "status" not in outcome(WHOLE["in chunks with extensions and trailers"])[1]

    @given(raw=st.binary(max_size=300), places=PLACES)
    def test_garbage_ends_as_a_failure_or_a_reply(self, raw: bytes, places: list[int]) -> None:
        assert outcome(*cut(raw, places))

    @given(
        name=st.sampled_from([*WHOLE, *FAULTY]),
        places=PLACES,
        at=st.integers(0, 200),
        put=st.binary(max_size=4),
        gone=st.integers(0, 4),
    )
    def test_a_damaged_reply_ends_as_a_failure_or_a_reply(
        self, name: str, places: list[int], at: int, put: bytes, gone: int
    ) -> None:
        raw = {**WHOLE, **FAULTY}[name]
        at %= len(raw)
        assert outcome(*cut(raw[:at] + put + raw[at + gone :], places))

    @settings(max_examples=30)
    @given(raw=st.binary(max_size=300))
    def test_garbage_from_a_server_ends_in_time(self, raw: bytes) -> None:
        """Through a socket; the server closes."""

        async def say(writer: asyncio.StreamWriter) -> None:
            writer.write(raw)
            await writer.drain()

        async def call() -> None:
            async with scripted_server(say) as server, transport() as client, asyncio.timeout(2):
                with suppress(ProviderError):
                    await client.post(server.url, b"{}")

        asyncio.run(call())


@asynccontextmanager
async def transport(
    limits: HttpLimits = PATIENT, *, connections: int = 4, headers: dict[str, str] | None = None
) -> AsyncIterator[HttpTransport]:
    opened = HttpTransport(headers or {}, limits, connections=connections)
    try:
        yield opened
    finally:
        await opened.aclose()


class TestReuse:
    @pytest.mark.parametrize(
        ("raw", "reused"),
        [
            (http_reply(200, BODY), True),
            (CHUNKED + b"\r\n" + chunks(BODY, 10), True),
            (http_reply(204), True),
            (http_reply(200, BODY, connection="close"), False),
            (http_reply(200, BODY).replace(b"1.1", b"1.0", 1), False),
            (http_reply(200, BODY, connection="keep-alive").replace(b"1.1", b"1.0", 1), True),
            (http_reply(200, BODY) + b"more", False),
            (http_reply(200, BODY) + http_reply(500), False),
        ],
    )
    async def test_a_connection_is_used_again_where_nothing_speaks_against_it(self, raw: bytes, reused: bool) -> None:
        async with scripted_server(raw) as server, transport() as client:
            for _ in range(3):
                assert (await client.post(server.url, b"{}")).status in {200, 204}
            assert server.connections == (1 if reused else 3)

    async def test_what_comes_between_two_calls_is_nobodys_reply(self) -> None:
        async def act(writer: asyncio.StreamWriter) -> bool:
            writer.write(http_reply(200, BODY))
            await asyncio.sleep(0.01)
            writer.write(http_reply(500))
            return True

        async with scripted_server(act) as server, transport() as client:
            for _ in range(3):
                assert (await client.post(server.url, b"{}")).status == 200
                await asyncio.sleep(0.03)
            assert server.connections == 3

    async def test_the_connection_used_last_is_used_first(self) -> None:
        """So that a server's limit on idle connections closes those that nobody needs."""
        async with scripted_server(http_reply(200, BODY)) as server, transport() as client:
            await asyncio.gather(*(client.post(server.url, b"{}") for _ in range(4)))
            pool = client._target(server.url).pool
            before = list(pool._free)
            await client.post(server.url, b"{}")
            assert pool._free == before

    async def test_calls_wait_in_line_for_a_connection(self) -> None:
        async with scripted_server(http_reply(200, BODY)) as server, transport(connections=1) as client:
            await asyncio.gather(*(client.post(server.url, str(number).encode()) for number in range(20)))
            assert [request.body for request in server.requests] == [str(number).encode() for number in range(20)]
            assert server.connections == 1

    async def test_a_call_in_line_has_its_time_too(self) -> None:
        limits = HttpLimits(connect_s=1, attempt_s=0.1, idle_s=1, max_reply_bytes=1000)
        async with scripted_server(silent) as server, transport(limits, connections=1) as client:
            calls = [client.post(server.url, b"{}") for _ in range(3)]
            found = await asyncio.gather(*calls, return_exceptions=True)
        assert [str(error) for error in found] == ["no complete answer within 0.1 s"] * 3

    async def test_a_cancelled_call_in_line_passes_its_turn_on(self) -> None:
        async with scripted_server(slow) as server, transport(connections=1) as client:
            tasks = [asyncio.create_task(client.post(server.url, b"{}")) for _ in range(5)]
            await asyncio.sleep(0.01)
            for task in tasks[:4]:
                task.cancel()
            assert (await tasks[4]).status == 200
            await asyncio.gather(*tasks, return_exceptions=True)
            assert (await client.post(server.url, b"{}")).status == 200

    async def test_a_turn_that_comes_as_the_call_is_cancelled_is_not_lost(self) -> None:
        async with scripted_server(http_reply(200, BODY)) as server, transport(connections=1) as client:
            for turns in range(30):
                tasks = [asyncio.create_task(client.post(server.url, b"{}")) for _ in range(3)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                tasks[1].cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                async with asyncio.timeout(2):
                    assert (await client.post(server.url, b"{}")).status == 200
            assert client._target(server.url).pool._slots == 1

    async def test_a_cancelled_call_closes_its_connection(self) -> None:
        closed = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.read(1000):
                    pass
            finally:
                closed.set()

        async with serving(serve) as port, transport() as client:
            task = asyncio.create_task(client.post(f"http://127.0.0.1:{port}/", b"{}"))
            await asyncio.sleep(0.02)
            task.cancel()
            async with asyncio.timeout(1):
                await closed.wait()
            with pytest.raises(asyncio.CancelledError):
                await task


@asynccontextmanager
async def serving(handle: Callable[..., Awaitable[None]], host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server for one that reads requests its own way; yields its port, and leaves no socket open."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listener = await asyncio.start_server(serve, host, 0, limit=1000)
    async with listener:
        yield listener.sockets[0].getsockname()[1]
    await asyncio.gather(*tasks)


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def slow(writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(0.03)
    writer.write(http_reply(200, BODY))
    return True


class TestStaleConnections:
    """A server closes a connection that lay idle, and the request meets the close on its way."""

    @staticmethod
    def server(*, second: Action) -> Callable[[Received], bytes | Action]:
        """Replies to the first request and does `second` at the next; then it is good for ever."""
        seen: list[Received] = []

        def script(received: Received) -> bytes | Action:
            seen.append(received)
            return second if len(seen) == 2 else http_reply(200, BODY)

        return script

    async def test_the_request_is_sent_once_more(self) -> None:
        async def close(writer: asyncio.StreamWriter) -> None:
            pass

        async with scripted_server(self.server(second=close)) as server, transport() as client:
            assert (await client.post(server.url, b"1")).status == 200
            assert (await client.post(server.url, b"2")).status == 200
            assert [request.body for request in server.requests] == [b"1", b"2", b"2"]
            assert server.connections == 2
            assert client._target(server.url).pool._slots == 1

    async def test_also_where_the_close_is_a_reset(self) -> None:
        async def reset(writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        async with scripted_server(self.server(second=reset)) as server, transport() as client:
            await client.post(server.url, b"1")
            assert (await client.post(server.url, b"2")).status == 200

    async def test_a_close_noticed_while_idle_costs_nothing(self) -> None:
        async def reply_and_close(writer: asyncio.StreamWriter) -> None:
            writer.write(http_reply(200, BODY))
            await writer.drain()

        async with scripted_server(reply_and_close) as server, transport() as client:
            for _ in range(3):
                assert (await client.post(server.url, b"{}")).status == 200
                await asyncio.sleep(0.01)
            assert (server.connections, len(server.requests)) == (3, 3)

    async def test_not_where_a_byte_of_the_reply_has_come(self) -> None:
        async def begin(writer: asyncio.StreamWriter) -> None:
            writer.write(b"H")
            await writer.drain()

        async with scripted_server(self.server(second=begin)) as server, transport() as client:
            await client.post(server.url, b"1")
            with pytest.raises(ProviderError, match="broke off"):
                await client.post(server.url, b"2")
            assert len(server.requests) == 2

    async def test_not_where_the_server_had_time_to_work_on_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It may have cost something, so it counts as an attempt."""
        monkeypatch.setattr("evalperf.providers.connection._STALE_S", 0.02)

        async def give_up(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.06)

        async with scripted_server(self.server(second=give_up)) as server, transport() as client:
            await client.post(server.url, b"1")
            with pytest.raises(ProviderError, match="without an answer"):
                await client.post(server.url, b"2")
            assert len(server.requests) == 2

    async def test_not_on_a_connection_that_is_new(self) -> None:
        async def close(writer: asyncio.StreamWriter) -> None:
            pass

        async with scripted_server(close) as server, transport() as client:
            with pytest.raises(ProviderError, match="without an answer"):
                await client.post(server.url, b"1")
            assert len(server.requests) == 1


class TestRequests:
    async def test_one_request_carries_what_it_has_to_and_no_more(self) -> None:
        async with scripted_server(http_reply(200, BODY)) as server, transport(headers={"X-Key": "k"}) as client:
            await client.post(server.url + "/a b/ü?x=1&y=a b", b"{}")
        (request,) = server.requests
        assert request.path == "/v1/a%20b/%C3%BC?x=1&y=a%20b"
        assert request.headers == {
            "host": f"127.0.0.1:{server.port}",
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            "x-key": "k",
            "content-type": "application/json",
            "content-length": "2",
        }

    async def test_no_configured_header_breaks_the_framing(self) -> None:
        headers = {
            "content-length": "7",
            "Transfer-Encoding": "chunked",
            "HOST": "other",
            "accept-encoding": "identity",
        }
        async with scripted_server(http_reply(200, BODY)) as server, transport(headers=headers) as client:
            await client.post(server.url, b"{}")
            await client.get(server.url, within_s=1)
        assert [request.body for request in server.requests] == [b"{}", b""]
        assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"
        assert server.requests[0].headers["accept-encoding"] == "identity"

    async def test_a_reply_to_half_a_request_ends_the_connection(self) -> None:
        """As a 413 does; what is left of the body is not sent into the next request."""
        body = b"x" * 20_000_000

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(http_reply(413, b"too large"))
            await reader.read(-1)

        async with serving(serve) as port, transport() as client:
            url = f"http://127.0.0.1:{port}/"
            assert [(await client.post(url, body)).status for _ in range(2)] == [413, 413]

    async def test_a_slow_reader_is_not_sent_more_than_it_takes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The body waits in the caller, not in the socket's buffer."""
        begun, go = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            begun.set()
            await go.wait()
            await reader.readexactly(20_000_000)
            writer.write(http_reply(200, BODY, connection="close"))

        sockets: list[Connection] = []
        made = Connection.connection_made
        monkeypatch.setattr(Connection, "connection_made", lambda self, t: (sockets.append(self), made(self, t)))
        async with serving(serve) as port, transport() as client:
            task = asyncio.create_task(client.post(f"http://127.0.0.1:{port}/", b"x" * 20_000_000))
            await begun.wait()
            await asyncio.sleep(0.02)
            (connection,) = sockets
            assert connection._transport.get_write_buffer_size() < 1_000_000
            go.set()
            assert (await task).status == 200


class TestStreams:
    async def test_pieces_come_as_they_are_sent_and_the_connection_lives_on(self) -> None:
        go = asyncio.Event()

        async def act(writer: asyncio.StreamWriter) -> bool:
            writer.write(CHUNKED + b"\r\n3\r\none\r\n")
            await go.wait()
            writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
            return True

        async with scripted_server(act) as server, transport() as client:
            for _ in range(2):
                go.clear()
                async with client.stream(server.url, b"{}") as stream:
                    assert await stream.piece() == b"one"
                    go.set()
                    assert [await stream.piece(), await stream.piece()] == [b"two", b""]
            assert server.connections == 1

    async def test_a_stream_left_early_ends_its_connection(self) -> None:
        async def act(writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + b"\r\n3\r\none\r\n")
            await asyncio.sleep(5)

        async with scripted_server(act) as server, transport() as client:
            for _ in range(2):
                async with client.stream(server.url, b"{}") as stream:
                    assert await stream.piece() == b"one"
            assert server.connections == 2

    async def test_compressed_pieces_come_at_once(self) -> None:
        go = asyncio.Event()

        async def act(writer: asyncio.StreamWriter) -> None:
            packer = zlib.compressobj(wbits=31)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
            writer.write(packer.compress(b"one") + packer.flush(zlib.Z_SYNC_FLUSH))
            await go.wait()
            writer.write(packer.flush())

        async with (
            scripted_server(act) as server,
            transport() as client,
            client.stream(server.url, b"{}") as stream,
        ):
            assert await stream.piece() == b"one"
            go.set()
            assert await stream.piece() == b""

    async def test_the_server_waits_for_a_slow_reader(self) -> None:
        sent_bytes = 0

        async def flood(writer: asyncio.StreamWriter) -> None:
            nonlocal sent_bytes
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(1000):
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent_bytes += 65_536

        async with scripted_server(flood) as server, transport() as client:
            async with client.stream(server.url, b"{}") as stream:
                await stream.piece()
                await asyncio.sleep(0.1)
                assert sent_bytes < 30_000_000  # what the system's buffers hold
                read_bytes = 0
                while piece := await stream.piece():
                    read_bytes += len(piece)
            assert sent_bytes == 65_536_000
            assert 0 <= sent_bytes - read_bytes <= 5_000_000

    async def test_rest_keeps_the_limit(self) -> None:
        async with (
            scripted_server(http_reply(200, b"x" * 1_000_001)) as server,
            transport() as client,
            client.stream(server.url, b"{}") as stream,
        ):
            with pytest.raises(ProviderError, match="longer than 1000000 bytes"):
                await stream.rest()


class TestConnecting:
    async def test_a_host_that_does_not_take_the_call_meets_the_limit(self) -> None:
        """A listener whose backlog is full says nothing."""
        limits = HttpLimits(connect_s=0.1, attempt_s=5, idle_s=5, max_reply_bytes=1000)
        with socket.socket() as listener, fill_backlog(listener) as port:
            async with transport(limits) as client:
                with pytest.raises(Unreachable, match=r"no connection within 0\.1 s") as caught:
                    await client.post(f"http://127.0.0.1:{port}/", b"{}")
        assert caught.value.kind == "timeout"

    async def test_an_attempt_that_ends_before_the_connection_stands_is_too_slow(self) -> None:
        limits = HttpLimits(connect_s=5, attempt_s=0.1, idle_s=5, max_reply_bytes=1000)
        with socket.socket() as listener, fill_backlog(listener) as port:
            async with transport(limits) as client:
                with pytest.raises(ProviderError, match=r"no complete answer within 0\.1 s"):
                    await client.post(f"http://127.0.0.1:{port}/", b"{}")

    async def test_the_next_address_is_tried_and_then_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with scripted_server(http_reply(200, BODY)) as server, transport() as client:

            async def look_up(*_: Any, **__: Any) -> list[Any]:
                return [(0, 0, 0, "", (address, server.port)) for address in ("127.0.0.2", "127.0.0.1")]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
            url = f"http://name.invalid:{server.port}/"
            assert (await client.post(url, b"{}")).status == 200
            assert client._target(url).pool._dialer._addresses == ["127.0.0.1", "127.0.0.2"]

    async def test_ipv6(self) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(http_reply(200, head.split(b"\r\n")[1], connection="close"))

        if not socket.has_dualstack_ipv6():
            pytest.skip("no IPv6 here")
        async with serving(serve, "::1") as port, transport() as client:
            reply = await client.post(f"http://[::1]:{port}/", b"{}")
        assert reply.body == f"Host: [::1]:{port}".encode()

    async def test_a_name_that_is_none_is_unreachable(self) -> None:
        async with transport() as client:
            with pytest.raises(Unreachable, match="DNS"):
                await client.post(f"http://{'ü' * 100}.invalid/", b"{}")

    async def test_failed_calls_give_their_slots_back(self) -> None:
        async with scripted_server(b"") as server:
            dead = server.url
        async with transport(connections=2) as client:
            for _ in range(5):
                with pytest.raises(Unreachable):
                    await client.post(dead, b"{}")
            assert client._target(dead).pool._slots == 0


class TestClosing:
    async def test_calls_under_way_and_in_line_end(self) -> None:
        async with scripted_server(silent) as server, transport(connections=2) as client:
            tasks = [asyncio.create_task(client.post(server.url, b"{}")) for _ in range(4)]
            await asyncio.sleep(0.02)
            await client.aclose()
            await client.aclose()
            async with asyncio.timeout(1):
                found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [(type(error), str(error)) for error in found] == [(ProviderError, "the connection was closed")] * 4

    async def test_a_connection_that_is_released_afterwards_is_closed(self) -> None:
        async with scripted_server(http_reply(200, BODY)) as server, transport() as client:
            async with client.stream(server.url, b"{}") as stream:
                assert await stream.rest() == BODY
                await client.aclose()
            assert client._target(server.url).pool._free == []

    async def test_a_connection_that_comes_about_afterwards_is_closed(self) -> None:
        async with scripted_server(http_reply(200, BODY)) as server, transport() as client:
            task = asyncio.create_task(client.post(server.url, b"{}"))
            await asyncio.sleep(0)
            await client.aclose()
            with pytest.raises(ProviderError, match="was closed"):
                await task
            assert server.requests == []


def test_a_thousand_calls_on_the_loop_of_a_run() -> None:
    async def calls() -> list[Reply]:
        async with (
            scripted_server(lambda received: http_reply(200, received.body)) as server,
            transport(connections=50) as client,
        ):
            replies = await asyncio.gather(*(client.post(server.url, b"%d" % number) for number in range(1000)))
            assert server.connections == 50
            return replies

    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner:
        assert [reply.body for reply in runner.run(calls())] == [str(number).encode() for number in range(1000)]


@contextmanager
def fill_backlog(listener: socket.socket) -> Iterator[int]:
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    fillers = [socket.socket() for _ in range(4)]
    try:
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
    finally:
        for filler in fillers:
            filler.close()
