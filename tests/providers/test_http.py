"""Hostile, broken and slow servers: every call ends as a classified failure, within its time."""

from __future__ import annotations

import asyncio
import gzip
import resource
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from evalperf import clock
from evalperf.errors import ProviderError
from evalperf.providers.base import LocalFault, Unreachable
from evalperf.providers.http import HttpTransport
from evalperf.providers.transport import HttpLimits, Transport
from tests.support.certificates import Certificate
from tests.support.http_server import Action, Script, http_reply, scripted_server

LIMITS = HttpLimits(connect_s=1, attempt_s=0.3, idle_s=0.1, max_reply_bytes=1_000_000)
PATIENT = HttpLimits(connect_s=5, attempt_s=20, idle_s=20, max_reply_bytes=1_000_000)


@asynccontextmanager
async def transport(limits: HttpLimits = PATIENT, *, verify_tls: bool = True) -> AsyncIterator[Transport]:
    opened = HttpTransport({}, limits, connections=4, verify_tls=verify_tls)
    try:
        yield opened
    finally:
        await opened.aclose()


async def failure(script: Script | bytes | Action, limits: HttpLimits = PATIENT) -> ProviderError:
    """What a post to the scripted server fails with."""
    async with scripted_server(script) as server, transport(limits) as client:
        with pytest.raises(ProviderError) as caught:
            await client.post(server.url, b"{}")
    return caught.value


async def _endless_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def _gzip_bomb(writer: asyncio.StreamWriter) -> None:
    """100 MB of zeros in 100 kB."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb))
    writer.write(bomb)
    await writer.drain()


async def _drip(writer: asyncio.StreamWriter) -> None:
    """One byte now and then, so that the server never seems idle."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def _drip_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-filler: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _stall(writer: asyncio.StreamWriter) -> None:
    """A first piece, then nothing."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx")
    await asyncio.sleep(5)


async def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Closes without a word."""


async def _hang_up_in_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"choices":')
    await writer.drain()


async def _hang_up_in_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    await writer.drain()


async def test_an_endless_body_is_cut_at_the_limit() -> None:
    error = await failure(_endless_body)
    assert (error.kind, error.retryable) == ("bad_reply", False)
    assert "longer than 1000000 bytes" in error.message


async def test_a_gzip_bomb_does_not_fill_the_memory() -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = await failure(_gzip_bomb)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert error.kind == "bad_reply"
    assert grown_kb < 50_000


async def test_the_limit_counts_decompressed_bytes_and_lets_the_last_one_pass() -> None:
    packed = http_reply(200, gzip.compress(b"x" * 1_000_000), content_encoding="gzip")
    async with scripted_server(packed) as server, transport() as client:
        assert (await client.post(server.url, b"{}")).body == b"x" * 1_000_000


async def test_one_byte_over_the_limit_is_too_many() -> None:
    assert (await failure(http_reply(200, b"x" * 1_000_001))).kind == "bad_reply"


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (_drip, "no complete answer within 0.3 s"),
        (_silence, "no complete answer within 0.3 s"),
        (_drip_head, "no complete answer within 0.3 s"),
        (_stall, "nothing more came for 0.1 s"),
    ],
)
async def test_a_slow_server_meets_a_limit(action: Action, words: str) -> None:
    started_s = clock.now()
    error = await failure(action, LIMITS)
    assert clock.now() - started_s < 1
    assert (error.kind, error.retryable) == ("timeout", True)
    assert words in error.message


async def test_the_idle_limit_leaves_a_model_time_to_think() -> None:
    """It counts between pieces; before the first one only the attempt's limit holds."""

    async def think(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(http_reply(200, b"{}"))
        await writer.drain()

    async with scripted_server(think) as server, transport(LIMITS) as client:
        assert (await client.post(server.url, b"{}")).status == 200


@pytest.mark.parametrize("action", [_reset, _hang_up, _hang_up_in_head, _hang_up_in_body])
async def test_a_connection_that_breaks_may_be_tried_again(action: Action) -> None:
    error = await failure(action)
    assert (error.kind, error.retryable) == ("connection", True)
    assert not isinstance(error, Unreachable)


async def test_a_body_shorter_than_announced_is_not_taken_for_whole() -> None:
    async def short(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}")
        await writer.drain()

    assert (await failure(short)).kind == "connection"


async def test_a_body_longer_than_announced_ends_where_it_was_said_to() -> None:
    """What is left over never becomes the next call's reply."""
    async with (
        scripted_server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}trailing") as server,
        transport() as client,
    ):
        found = [await asyncio.gather(client.post(server.url, b"{}"), return_exceptions=True) for _ in range(3)]
    for (one,) in found:
        assert one.kind in {"bad_reply", "connection"} if isinstance(one, ProviderError) else one.body == b"{}"


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\x00" * 200])
async def test_what_is_not_http_is_called_so(raw: bytes) -> None:
    error = await failure(raw)
    assert error.kind in {"bad_reply", "connection"}


async def test_a_body_that_is_not_gzip_as_announced_is_a_bad_reply() -> None:
    error = await failure(http_reply(200, b"plainly not", content_encoding="gzip"))
    assert (error.kind, error.retryable) == ("bad_reply", False)


async def test_a_broken_chunk_is_told() -> None:
    error = await failure(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nxx\r\n")
    assert error.kind in {"bad_reply", "connection"}


async def test_redirects_are_not_followed() -> None:
    """Neither the prompt nor the key reaches a host that nobody has named."""
    async with scripted_server(http_reply(200, b"{}")) as other:
        reply = http_reply(307, location=other.url)
        async with scripted_server(reply) as server, transport() as client:
            assert (await client.post(server.url, b"{}")).status == 307
            assert (await client.get(server.url, within_s=1)).status == 307
        assert other.connections == 0


async def test_cookies_are_not_kept() -> None:
    reply = http_reply(200, b"{}", set_cookie="session=1; Path=/")
    async with scripted_server(reply) as server, transport() as client:
        await client.post(server.url, b"{}")
        await client.post(server.url, b"{}")
        assert "cookie" not in server.requests[1].headers


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with scripted_server(http_reply(200, b"{}")) as server, transport() as client:
        assert (await client.post(server.url, b"{}")).status == 200


async def test_a_dead_port_is_unreachable() -> None:
    async with scripted_server(b"") as server:
        dead = server.url
    async with transport() as client:
        with pytest.raises(Unreachable, match="connection refused") as caught:
            await client.post(dead, b"{}")
    assert (caught.value.kind, caught.value.retryable) == ("connection", True)
    assert caught.value.hint is not None


async def test_a_name_without_an_address_is_unreachable() -> None:
    async with transport() as client:
        with pytest.raises(Unreachable, match=r"DNS: no address for nobody\.invalid"):
            await client.post("http://nobody.invalid/v1", b"{}")


async def test_http_spoken_to_an_https_client_is_unreachable() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with listener, transport() as client:
        with pytest.raises(Unreachable, match="TLS: no agreement"):
            await client.post(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1", b"{}")


async def test_a_certificate_that_nobody_has_signed_is_unreachable(certificate: Certificate) -> None:
    async with scripted_server(http_reply(200, b"{}"), tls=certificate.server) as server, transport() as client:
        with pytest.raises(Unreachable, match=r"certificate of 127\.0\.0\.1:\d+ is not trusted: self-signed") as caught:
            await client.post(server.url, b"{}")
        assert server.requests == []
    assert "ca_file" in (caught.value.hint or "")


async def test_a_certificate_can_be_left_unchecked(certificate: Certificate) -> None:
    async with (
        scripted_server(http_reply(200, b"{}"), tls=certificate.server) as server,
        transport(verify_tls=False) as client,
    ):
        assert (await client.post(server.url, b"{}")).status == 200


async def test_no_file_descriptor_left_is_this_machines_fault() -> None:
    async with scripted_server(http_reply(200, b"{}")) as server, transport() as client:
        await asyncio.sleep(0)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            with suppress(OSError):
                while True:
                    held.append(Path("/dev/null").open("rb"))  # noqa: SIM115 - closed below
            with pytest.raises(LocalFault, match="no file descriptor left") as caught:
                await client.post(server.url, b"{}")
        finally:
            for file in held:
                file.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert "ulimit -n" in (caught.value.hint or "")
        assert (await client.post(server.url, b"{}")).status == 200


async def test_connections_are_used_again_and_never_more_than_allowed() -> None:
    async with scripted_server(lambda received: http_reply(200, received.body)) as server, transport() as client:
        replies = await asyncio.gather(*(client.post(server.url, str(number).encode()) for number in range(40)))
        assert [reply.body for reply in replies] == [str(number).encode() for number in range(40)]
        assert server.connections <= 4


async def test_a_large_body_arrives_whole() -> None:
    body = b"x" * 3_000_000
    async with scripted_server(http_reply(200, b"{}")) as server, transport() as client:
        await client.post(server.url, body)
        assert server.requests[0].body == body


async def test_a_closed_transport_fails_like_a_connection() -> None:
    async with scripted_server(http_reply(200, b"{}")) as server, transport() as client:
        await client.aclose()
        with pytest.raises(ProviderError) as caught:
            await client.post(server.url, b"{}")
    assert caught.value.kind == "connection"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (_endless_body, "bad_reply"),
        (_drip, "timeout"),
        (_silence, "timeout"),
        (_stall, "timeout"),
        (_reset, "connection"),
        (_hang_up, "connection"),
        (_hang_up_in_body, "connection"),
    ],
)
def test_the_loop_of_a_run_fails_in_the_same_way(action: Action, kind: str) -> None:
    """The sockets of uvloop are its own."""
    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner:
        assert runner.run(failure(action, LIMITS)).kind == kind


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_loop_of_a_run_knows_a_dead_port(scheme: str) -> None:
    async def call() -> None:
        async with scripted_server(b"") as server:
            dead = server.url.replace("http", scheme, 1)
        async with transport() as client:
            await client.post(dead, b"{}")

    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner, pytest.raises(Unreachable, match="refused"):
        runner.run(call())
