"""What is learned of an endpoint before the first case, and while the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from evalperf.errors import ConfigError, StoppedError
from evalperf.providers import Provider, Unreachable
from tests.support.http_server import (
    Action,
    Received,
    Script,
    ScriptedServer,
    chat_reply,
    http_reply,
    json_reply,
    scripted_server,
)
from tests.support.requests import make_request, openai_config, opened

LISTED = json_reply({"object": "list", "data": [{"id": "qwen3-8b"}, {"id": "org/llama-4"}]})


def models(about_one: bytes, listed: bytes = LISTED) -> Script:
    """A server with a list of models, and `about_one` to say about any of them."""
    return lambda received: listed if received.path == "/v1/models" else about_one


async def check(script: Script | bytes | Action, model: str = "qwen3-8", **fields: Any) -> ScriptedServer:
    async with scripted_server(script) as server:
        async with opened(openai_config(server.url, model=model, **fields)) as provider:
            await provider.check()
        return server


class TestModel:
    @pytest.mark.parametrize(
        "denial",
        [
            json_reply({"error": {"message": "The model 'qwen3-8' does not exist", "code": "model_not_found"}}, 404),
            json_reply({"type": "error", "error": {"type": "not_found_error", "message": "model: qwen3-8"}}, 404),
        ],
    )
    @pytest.mark.parametrize("protocol", ["openai", "anthropic"])
    async def test_one_that_the_server_denies_ends_the_run_before_it_begins(self, denial: bytes, protocol: str) -> None:
        with pytest.raises(ConfigError, match='does not know the model "qwen3-8"') as caught:
            await check(models(denial), type=protocol)
        assert caught.value.hint == 'did you mean "qwen3-8b"?'

    async def test_one_with_no_near_name_is_told_what_there_is(self) -> None:
        denial = json_reply({"error": {"message": "no model zebra"}}, 404)
        with pytest.raises(ConfigError) as caught:
            await check(models(denial), "zebra")
        assert caught.value.hint == "it has qwen3-8b, org/llama-4"

    async def test_one_that_is_listed_is_not_asked_for(self) -> None:
        server = await check(models(http_reply(500)), "org/llama-4")
        assert [received.path for received in server.requests] == ["/v1/models"]

    @pytest.mark.parametrize(
        "about_one",
        [
            json_reply({"id": "qwen3-8"}),
            json_reply({"detail": "Not Found"}, 404),
            json_reply({"error": {"message": "no model endpoint at /v1/models/qwen3-8"}}, 404),
            http_reply(500),
            b"\x00\r\n\r\n",
        ],
        ids=["it is there", "no such path", "no such path, quoted", "trouble", "not HTTP"],
    )
    async def test_one_that_is_only_not_listed_may_be_there(self, about_one: bytes) -> None:
        """Lists are cut, leave out other names of a model, or mean nothing at all."""
        await check(models(about_one))

    @pytest.mark.parametrize(
        "listed", [json_reply({"data": []}), json_reply({"models": []}), http_reply(200, b"<html>")]
    )
    async def test_a_list_that_says_nothing_is_left_at_that(self, listed: bytes) -> None:
        denial = json_reply({"error": {"message": "The model 'qwen3-8' does not exist"}}, 404)
        server = await check(models(denial, listed))
        assert len(server.requests) == 1

    async def test_a_name_with_odd_letters_is_asked_for_as_it_is(self) -> None:
        server = await check(models(http_reply(404)), "org/a b?c#d")
        assert server.requests[1].path == "/v1/models/org/a%20b%3Fc%23d"


class TestAnthropic:
    async def test_the_key_goes_out_as_with_every_call(self) -> None:
        async with scripted_server(LISTED) as server:
            config = openai_config(
                server.url, type="anthropic", endpoint={"api_key": "sk-ant-secret"}, model="qwen3-8b"
            )
            async with opened(config) as provider:
                await provider.check()
        (received,) = server.requests
        assert received.path == "/v1/models"
        assert (received.headers["x-api-key"], received.headers["anthropic-version"]) == ("sk-ant-secret", "2023-06-01")

    async def test_refused_credentials_stop_the_run(self) -> None:
        body = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
        with pytest.raises(StoppedError, match="refuses the credentials: HTTP 401: invalid x-api-key"):
            await check(json_reply(body, 401), type="anthropic")

    async def test_a_dead_port_is_named(self) -> None:
        async with scripted_server(b"") as gone:
            pass
        async with opened(openai_config(gone.url, type="anthropic")) as provider:
            with pytest.raises(ConfigError, match="connection refused"):
                await provider.check()


@asynccontextmanager
async def probed(script: Script | bytes | Action) -> AsyncIterator[tuple[ScriptedServer, Provider]]:
    async with scripted_server(script) as server, opened(openai_config(server.url), connections=1) as provider:
        yield server, provider


class Changing:
    """A server whose replies by path can be changed; 404 for any other path."""

    def __init__(self, **replies: bytes) -> None:
        self.replies = replies

    def __call__(self, received: Received) -> bytes:
        return self.replies.get(received.path.rpartition("/")[2], http_reply(404))


class TestProbe:
    async def test_the_health_page_beside_the_base_is_asked_first(self) -> None:
        async with probed(Changing(health=http_reply(200), models=LISTED)) as (server, provider):
            assert await provider.probe(5) is None
            assert await provider.probe(5) is None
        assert [received.path for received in server.requests] == ["/health", "/health"]

    async def test_where_there_is_none_the_list_of_models_is_asked_for(self) -> None:
        async with probed(Changing(models=LISTED)) as (server, provider):
            assert await provider.probe(5) is None
            assert await provider.probe(5) is None
        assert [received.path for received in server.requests] == ["/health", "/v1/models", "/v1/models"]

    async def test_where_there_is_neither_nothing_is_asked_any_more(self) -> None:
        async with probed(Changing()) as (server, provider):
            for _ in range(3):
                assert await provider.probe(5) is None
        assert len(server.requests) == 2

    async def test_a_page_that_was_well_and_is_not_any_more_is_told(self) -> None:
        script = Changing(health=http_reply(200))
        async with probed(script) as (_, provider):
            assert await provider.probe(5) is None
            script.replies["health"] = json_reply({"error": "no worker left"}, 503)
            trouble = await provider.probe(5)
            assert trouble is not None
            assert "no worker left" in trouble.message
            script.replies["health"] = http_reply(200)
            assert await provider.probe(5) is None

    @pytest.mark.parametrize("reply", [http_reply(500), http_reply(503), http_reply(429)])
    async def test_trouble_at_an_address_that_was_never_well_proves_nothing(self, reply: bytes) -> None:
        """Gateways answer a path that they do not know as they like."""
        script = Changing(health=reply, models=reply)
        async with probed(script) as (server, provider):
            assert await provider.probe(5) is None
            script.replies["health"] = http_reply(200)
            assert await provider.probe(5) is None
        assert server.requests[-1].path == "/health"

    async def test_a_refusal_of_a_proven_address_is_no_illness(self) -> None:
        script = Changing(health=http_reply(200))
        async with probed(script) as (_, provider):
            await provider.probe(5)
            script.replies["health"] = http_reply(401)
            assert await provider.probe(5) is None

    async def test_a_server_that_is_gone_is_told(self) -> None:
        async with scripted_server(b"") as gone:
            pass
        async with opened(openai_config(gone.url)) as provider:
            assert isinstance(await provider.probe(5), Unreachable)

    async def test_a_black_hole_that_was_well_before_is_told_in_time(self) -> None:
        async def silence(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(5)

        first = True

        def script(_: Received) -> bytes | Action:
            nonlocal first
            reply: bytes | Action = http_reply(200) if first else silence
            first = False
            return reply

        async with probed(script) as (_, provider):
            assert await provider.probe(5) is None
            async with asyncio.timeout(2):
                trouble = await provider.probe(0.05)
        assert trouble is not None
        assert trouble.kind == "timeout"

    async def test_calls_that_keep_all_connections_busy_do_not_make_it_ill(self) -> None:
        answer = asyncio.Event()

        async def late(writer: asyncio.StreamWriter) -> None:
            await answer.wait()
            writer.write(chat_reply("x"))
            await writer.drain()

        async with probed(lambda received: http_reply(200) if received.method == "GET" else late) as (server, provider):
            call = asyncio.create_task(provider.complete(make_request()))
            while not server.requests:
                await asyncio.sleep(0.001)
            assert await provider.probe(1) is None
            assert server.requests[-1].path == "/health"
            answer.set()
            assert (await call).text == "x"
        assert server.connections == 2
