"""What all protocols over HTTP share: rate limit headers, connections, redirects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec import UNSET

from evalperf.errors import ProviderError
from evalperf.providers.base import WrongAddress
from tests.support.http_server import Action, chat_reply, http_reply, json_reply, scripted_server, sse_reply
from tests.support.requests import make_request, openai_config, opened

KEY = "sk-very-secret-key"
LIMITS = {"x_ratelimit_limit_requests": "60", "retry_after_ms": "250"}
STATED = {"x-ratelimit-limit-requests": "60", "retry-after-ms": "250"}

ANSWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "chat": ({}, {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}),
    "responses": (
        {"api": "responses"},
        {"status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}]},
    ),
    "anthropic": ({"type": "anthropic"}, {"content": [{"type": "text", "text": "x"}]}),
}
"""Of each protocol, its configuration and an answer."""


def with_limits(raw: bytes) -> bytes:
    """A stream with the headers."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in STATED.items()).encode()
    return raw.replace(b"content-type:", lines + b"content-type:", 1)


CHUNK = {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}


class TestLimitHeaders:
    @pytest.mark.parametrize("protocol", ANSWERS)
    async def test_an_answer_brings_what_its_headers_say(self, protocol: str) -> None:
        fields, body = ANSWERS[protocol]
        async with (
            scripted_server(json_reply(body, **LIMITS)) as server,
            opened(openai_config(server.url, **fields)) as provider,
        ):
            assert (await provider.complete(make_request())).limit_headers == STATED

    async def test_a_streamed_answer_does_too(self) -> None:
        async with (
            scripted_server(with_limits(sse_reply(CHUNK))) as server,
            opened(openai_config(server.url, stream=True)) as provider,
        ):
            assert (await provider.complete(make_request())).limit_headers == STATED

    async def test_an_answer_without_them_has_none(self) -> None:
        async with scripted_server(chat_reply("x")) as server, opened(openai_config(server.url)) as provider:
            assert (await provider.complete(make_request())).limit_headers is UNSET

    @pytest.mark.parametrize(
        "reply",
        [
            json_reply({"error": {"message": "slow down"}}, 429, **LIMITS),
            json_reply({"error": {"message": "slow down", "code": 429}}, 200, **LIMITS),
            json_reply({"error": {"message": "oh"}}, 500, **LIMITS),
            http_reply(200, b"<html>", **LIMITS),
            with_limits(sse_reply({"error": {"message": "slow down", "code": 429}})),
            with_limits(sse_reply({"choices": []}, done=False)),
        ],
    )
    async def test_a_refusal_brings_them_too(self, reply: bytes) -> None:
        async with scripted_server(reply) as server, opened(openai_config(server.url, stream=True)) as provider:
            with pytest.raises(ProviderError) as caught:
                await provider.complete(make_request())
        assert caught.value.limit_headers == STATED

    async def test_a_refusal_without_them_has_none(self) -> None:
        async with scripted_server(http_reply(500)) as server, opened(openai_config(server.url)) as provider:
            with pytest.raises(ProviderError) as caught:
                await provider.complete(make_request())
        assert caught.value.limit_headers is None


class TestConnections:
    async def test_calls_one_after_another_take_one(self) -> None:
        async with scripted_server(chat_reply("x")) as server, opened(openai_config(server.url)) as provider:
            for _ in range(20):
                await provider.complete(make_request())
            counted = provider.connection_statistics()
        assert counted is not None
        assert (counted.calls, counted.connections_opened) == (20, 1)
        assert server.connections == 1

    async def test_calls_at_once_take_as_many_as_there_are(self) -> None:
        together = asyncio.Barrier(5)

        async def meet(writer: asyncio.StreamWriter) -> bool:
            await together.wait()
            writer.write(chat_reply("x"))
            await writer.drain()
            return True

        async with scripted_server(meet) as server, opened(openai_config(server.url), connections=5) as provider:
            for _ in range(3):
                await asyncio.gather(*(provider.complete(make_request()) for _ in range(5)))
            counted = provider.connection_statistics()
        assert counted is not None
        assert (counted.calls, counted.connections_opened) == (15, 5)

    async def test_a_server_that_closes_after_each_answer_shows(self) -> None:
        async def close(writer: asyncio.StreamWriter) -> None:
            writer.write(chat_reply("x").replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
            await writer.drain()

        async with scripted_server(close) as server, opened(openai_config(server.url)) as provider:
            for _ in range(4):
                await provider.complete(make_request())
            counted = provider.connection_statistics()
        assert counted is not None
        assert (counted.calls, counted.connections_opened) == (4, 4)

    async def test_a_connection_that_did_not_come_about_is_not_counted(self) -> None:
        async with scripted_server(b"") as gone:
            pass
        async with opened(openai_config(gone.url)) as provider:
            with pytest.raises(ProviderError):
                await provider.complete(make_request())
            counted = provider.connection_statistics()
        assert counted is not None
        assert (counted.calls, counted.connections_opened) == (1, 0)


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("auth", ["bearer", "x-api-key", "api-key"])
    @pytest.mark.parametrize("stream", [False, True])
    async def test_neither_key_nor_prompt_goes_where_a_server_points(
        self, status: int, auth: str, stream: bool
    ) -> None:
        async with scripted_server(chat_reply("x")) as other:
            async with scripted_server(http_reply(status, location=other.url)) as server:
                endpoint = {"api_key": KEY, "auth": auth}
                async with opened(openai_config(server.url, endpoint=endpoint, stream=stream)) as provider:
                    with pytest.raises(WrongAddress, match="redirects are not followed") as caught:
                        await provider.complete(make_request())
                    await provider.check()
                    assert await provider.probe(5) is None
            assert (other.connections, other.requests) == (0, [])
        assert other.url in caught.value.message


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
async def test_a_stream_that_breaks_off_while_the_model_thinks_is_not_bought_again(field: str) -> None:
    """What it has thought is paid for."""

    async def act(writer: asyncio.StreamWriter) -> None:
        chunk = sse_reply({"choices": [{"delta": {"content": "", field: "hm"}}]}, done=False)
        writer.write(chunk.removesuffix(b"0\r\n\r\n"))
        await writer.drain()

    action: Action = act
    async with scripted_server(action) as server, opened(openai_config(server.url, stream=True)) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.complete(make_request())
    assert (caught.value.kind, caught.value.retryable) == ("connection", False)
