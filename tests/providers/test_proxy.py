"""Calls through an HTTP proxy, on real sockets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from evalperf import clock
from evalperf.errors import ConfigError, ProviderError
from evalperf.providers import Provider
from evalperf.providers.base import Unreachable
from tests.support.certificates import Certificate
from tests.support.http_server import Action, ScriptedServer, chat_reply, http_reply, json_reply, scripted_server
from tests.support.names import resolve_to
from tests.support.requests import make_request, openai_config, opened

KEY = "sk-very-secret-key"


class TunnelProxy:
    """Answers CONNECT with `reply`, and then carries bytes to `port` of this machine; keeps the heads it was sent."""

    def __init__(self, port: int, reply: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.heads: list[str] = []
        self.carried = b""
        self._port = port
        self._reply = reply
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        listener = await asyncio.start_server(self._take, "127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                writer.write(self._reply)
                await writer.drain()
                if b" 200" in self._reply:
                    await self._carry(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)

        async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                self.carried += data
                sink.write(data)
                await sink.drain()
            sink.close()

        try:
            await asyncio.gather(pipe(reader, there_writer), pipe(there_reader, writer))
        finally:
            there_writer.close()


@asynccontextmanager
async def through(
    proxy: TunnelProxy, server: ScriptedServer, certificate: Certificate, *, login: str = "", **fields: Any
) -> AsyncIterator[Provider]:
    """A provider that reaches the TLS server through the proxy."""
    async with proxy.serve() as address:
        endpoint = {"api_key": KEY, "ca_file": str(certificate.path), "proxy": f"http://{login}{address}"}
        async with opened(openai_config(server.url, endpoint=endpoint, **fields)) as provider:
            yield provider


async def test_tls_goes_through_a_tunnel_which_the_proxy_can_not_look_into(certificate: Certificate) -> None:
    async with scripted_server(chat_reply("x"), tls=certificate.server) as server:
        proxy = TunnelProxy(server.port)
        async with through(proxy, server, certificate) as provider:
            for _ in range(3):
                assert (await provider.complete(make_request())).text == "x"
            counted = provider.connection_statistics()
        assert len(server.requests) == 3
        assert server.requests[0].path == "/v1/chat/completions"
    assert proxy.heads == [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"]
    assert KEY.encode() not in proxy.carried
    assert counted is not None
    assert (counted.calls, counted.connections_opened) == (3, 1)


def test_the_loop_of_a_run_knows_tunnels_too(certificate: Certificate) -> None:
    """TLS within a connection is its own there."""

    async def call() -> str:
        async with (
            scripted_server(chat_reply("x"), tls=certificate.server) as server,
            through(TunnelProxy(server.port), server, certificate) as provider,
        ):
            return (await provider.complete(make_request())).text

    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner:
        assert runner.run(call()) == "x"


async def test_the_name_is_resolved_by_the_proxy(certificate: Certificate) -> None:
    async with scripted_server(chat_reply("x"), tls=certificate.server) as server:
        proxy = TunnelProxy(server.port)
        server.url = server.url.replace("127.0.0.1", "nobody.invalid")
        async with through(proxy, server, certificate) as provider:
            with pytest.raises(Unreachable, match=r"certificate of nobody\.invalid:\d+ is not trusted"):
                await provider.complete(make_request())
    assert proxy.heads[0].startswith("CONNECT nobody.invalid:")


async def test_the_proxys_password_goes_to_the_proxy_alone(certificate: Certificate) -> None:
    async with scripted_server(chat_reply("x"), tls=certificate.server) as server:
        proxy = TunnelProxy(server.port)
        async with through(proxy, server, certificate, login="me:pass%20word@") as provider:
            await provider.complete(make_request())
        assert "proxy-authorization" not in server.requests[0].headers
    basic = base64.b64encode(b"me:pass word").decode()
    assert f"Proxy-Authorization: Basic {basic}\r\n" in proxy.heads[0]


@pytest.mark.parametrize(
    ("reply", "words", "hint", "retryable"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "HTTP 407 Proxy Auth", "name:password", False),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP 403 Forbidden", "right proxy", False),
        (b"HTTP/1.0 503 \x1b[2JBusy\r\n\r\n", "HTTP 503", "right proxy", True),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "what came back is not HTTP", "right proxy", True),
    ],
)
async def test_a_proxy_that_refuses_is_named_with_its_reason(
    certificate: Certificate, reply: bytes, words: str, hint: str, retryable: bool
) -> None:
    async with scripted_server(chat_reply("x"), tls=certificate.server) as server:
        async with through(TunnelProxy(server.port, reply), server, certificate) as provider:
            with pytest.raises(Unreachable, match="no way through the proxy 127") as caught:
                await provider.complete(make_request())
            with pytest.raises(ConfigError, match="no way through the proxy 127"):
                await provider.check()
        assert server.connections == 0
    assert words in caught.value.message
    assert caught.value.message.isprintable()
    assert hint in (caught.value.hint or "")
    assert caught.value.retryable is retryable


async def test_a_proxy_that_is_not_there_is_named(certificate: Certificate) -> None:
    async with scripted_server(b"") as gone:
        pass
    endpoint = {"ca_file": str(certificate.path), "proxy": f"http://127.0.0.1:{gone.port}"}
    async with opened(openai_config("https://models.example/v1", endpoint=endpoint)) as provider:
        with pytest.raises(ConfigError, match=rf"no connection to the proxy 127\.0\.0\.1:{gone.port}: .*refused"):
            await provider.check()


async def _silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Closes without a word."""


@pytest.mark.parametrize(
    ("action", "words"), [(_silence, "no connection within 0.1 s"), (_hang_up, "no connection to the proxy")]
)
async def test_a_proxy_that_does_not_answer_ends_in_time(action: Action, words: str) -> None:
    async with scripted_server(action) as server:
        endpoint = {"proxy": f"http://127.0.0.1:{server.port}"}
        config = openai_config("https://models.example/v1", endpoint=endpoint, timeouts={"connect_s": 0.1})
        async with opened(config) as provider:
            with pytest.raises(Unreachable, match=words):
                await provider.complete(make_request())


async def test_a_head_without_end_is_cut() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 1000)
            await writer.drain()

    async with scripted_server(endless) as server:
        endpoint = {"proxy": f"http://127.0.0.1:{server.port}"}
        async with opened(openai_config("https://models.example/v1", endpoint=endpoint)) as provider:
            with pytest.raises(Unreachable, match="not HTTP"):
                await provider.complete(make_request())


async def test_a_cancelled_call_leaves_no_connection_to_the_proxy() -> None:
    closed = asyncio.Event()

    async def drip(writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.001)
        except ConnectionError:
            closed.set()

    async with scripted_server(drip) as server:
        endpoint = {"proxy": f"http://127.0.0.1:{server.port}"}
        async with opened(openai_config("https://models.example/v1", endpoint=endpoint)) as provider:
            call = asyncio.create_task(provider.complete(make_request()))
            while not server.requests:
                await asyncio.sleep(0.001)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            async with asyncio.timeout(2):
                await closed.wait()


class TestPlainHttp:
    async def test_the_whole_url_is_asked_of_the_proxy(self) -> None:
        async with scripted_server(chat_reply("x")) as proxy:
            endpoint = {"api_key": KEY, "proxy": f"http://me:password@127.0.0.1:{proxy.port}"}
            config = openai_config("http://models.example:8000/v1?a=b", endpoint=endpoint)
            async with opened(config) as provider:
                assert (await provider.complete(make_request())).text == "x"
        (received,) = proxy.requests
        assert received.path == "http://models.example:8000/v1/chat/completions?a=b"
        assert received.headers["host"] == "models.example:8000"
        assert received.headers["proxy-authorization"].startswith("Basic ")

    async def test_a_login_that_the_proxy_refuses_is_told_before_the_run(self) -> None:
        async with scripted_server(http_reply(407)) as proxy:
            endpoint = {"proxy": f"http://127.0.0.1:{proxy.port}"}
            async with opened(openai_config("http://models.example/v1", endpoint=endpoint)) as provider:
                with pytest.raises(ConfigError, match=r"the proxy .* refuses the credentials"):
                    await provider.check()
                with pytest.raises(ProviderError) as caught:
                    await provider.complete(make_request())
        assert caught.value.kind == "auth"

    async def test_no_message_repeats_the_proxys_password(self) -> None:
        async with scripted_server(json_reply({"error": {"message": "no such user: secret-word"}}, 400)) as proxy:
            endpoint = {"proxy": f"http://me:secret-word@127.0.0.1:{proxy.port}"}
            async with opened(openai_config("http://models.example/v1", endpoint=endpoint)) as provider:
                with pytest.raises(ProviderError) as caught:
                    await provider.complete(make_request())
        assert "secret-word" not in caught.value.message

    async def test_none_means_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resolve_to(monkeypatch, "127.0.0.1")
        async with scripted_server(chat_reply("x")) as server:
            url = server.url.replace("127.0.0.1", "models.example")
            async with opened(openai_config(url, endpoint={"proxy": "none"})) as provider:
                await provider.complete(make_request())
        assert server.requests[0].path == "/v1/chat/completions"
