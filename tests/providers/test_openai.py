"""OpenAI's protocol against a scripted server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from evalperf.errors import ConfigError, ProviderError, StoppedError
from evalperf.providers.base import WrongAddress
from evalperf.records import Completion, Usage
from tests.support.http_server import (
    Action,
    Script,
    chat_reply,
    http_reply,
    json_reply,
    scripted_server,
    sse_reply,
)
from tests.support.requests import make_request, openai_config, opened

KEY = "sk-very-secret-key"


async def ask(reply: bytes | Script | Action, **fields: Any) -> Completion:
    async with scripted_server(reply) as server, opened(openai_config(server.url, **fields)) as provider:
        return await provider.complete(make_request())


async def failure(reply: bytes | Script | Action, **fields: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(reply, **fields)
    return caught.value


async def sent(request: Any = None, **fields: Any) -> dict[str, Any]:
    """The body that goes out."""
    reply = sse_reply({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]})
    if not fields.get("stream"):
        reply = json_reply({"choices": [{"text": "x", "message": {"content": "x"}}]})
    async with scripted_server(reply) as server, opened(openai_config(server.url, **fields)) as provider:
        await provider.complete(request or make_request())
    body: dict[str, Any] = server.requests[0].json
    return body


def choices(*texts: str | None, **fields: Any) -> bytes:
    return json_reply(
        {"choices": [{"index": i, "message": {"content": text}, **fields} for i, text in enumerate(texts)]}
    )


class TestRequests:
    async def test_a_chat_body_is_model_messages_and_parameters(self) -> None:
        assert await sent(params={"temperature": 0, "stop": ["\n"]}) == {
            "model": "m",
            "messages": [{"role": "user", "content": "question"}],
            "temperature": 0,
            "stop": ["\n"],
        }

    async def test_a_body_without_parameters(self) -> None:
        assert await sent() == {"model": "m", "messages": [{"role": "user", "content": "question"}]}

    async def test_a_completions_body_has_the_text_of_the_messages(self) -> None:
        request = make_request(
            "",
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        )
        assert await sent(request, api="completions") == {"model": "m", "prompt": "Be brief.\n\nHi"}

    async def test_a_picture_can_not_go_to_the_completions_api(self) -> None:
        request = make_request("", {"role": "user", "content": [{"type": "image_url", "image_url": {}}]})
        with pytest.raises(ProviderError, match="takes text only"):
            await sent(request, api="completions")

    async def test_a_stream_asks_for_its_usage(self) -> None:
        body = await sent(stream=True)
        assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})

    async def test_a_server_that_knows_no_stream_options_is_not_sent_them(self) -> None:
        assert "stream_options" not in await sent(stream=True, params={"stream_options": None})

    async def test_half_a_surrogate_pair_still_goes_out(self) -> None:
        body = await sent(make_request("\ud83d!"))
        assert body["messages"][0]["content"] == "\ud83d!"

    @pytest.mark.parametrize(
        ("auth", "header", "value"),
        [
            ("bearer", "authorization", f"Bearer {KEY}"),
            ("api-key", "api-key", KEY),
            ("x-api-key", "x-api-key", KEY),
            ("none", "authorization", None),
        ],
    )
    async def test_the_key_goes_into_the_header_of_its_form(self, auth: str, header: str, value: str | None) -> None:
        async with scripted_server(chat_reply("x")) as server:
            config = openai_config(server.url, endpoint={"api_key": KEY, "auth": auth, "headers": {"X-Team": "t"}})
            async with opened(config) as provider:
                await provider.complete(make_request())
        headers = server.requests[0].headers
        assert (headers.get(header), headers["x-team"]) == (value, "t")
        assert headers["content-type"] == "application/json"

    async def test_a_query_in_the_url_stays_behind_the_path(self) -> None:
        async with (
            scripted_server(chat_reply("x")) as server,
            opened(openai_config(server.url + "?api-version=1")) as provider,
        ):
            await provider.complete(make_request())
        assert server.requests[0].path == "/v1/chat/completions?api-version=1"


class TestAnswers:
    async def test_a_chat_answer(self) -> None:
        assert await ask(chat_reply("forty-two")) == Completion(
            text="forty-two", model="served-model", usage=Usage(5, 7), finish_reason="stop"
        )

    async def test_a_text_answer(self) -> None:
        reply = json_reply({"choices": [{"text": " 42", "finish_reason": "stop"}]})
        assert (await ask(reply, api="completions")).text == " 42"

    async def test_several_answers_come_in_the_order_of_their_index(self) -> None:
        reply = json_reply({"choices": [{"index": i, "message": {"content": f"t{i}"}} for i in (2, 0, 1)]})
        completion = await ask(reply, params={"n": 3})
        assert (completion.text, completion.alternatives) == ("t0", ("t1", "t2"))

    async def test_an_answer_in_parts_is_joined(self) -> None:
        reply = json_reply({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}}]})
        assert (await ask(reply)).text == "ab"

    async def test_missing_usage_is_none_and_not_zero(self) -> None:
        reply = json_reply({"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 5}})
        assert (await ask(reply)).usage is None

    async def test_tool_calls_are_the_answer_where_there_is_no_text(self) -> None:
        call = {"id": "random", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
        message = {"content": None, "tool_calls": [call]}
        reply = json_reply({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
        assert json.loads((await ask(reply)).text) == [{"name": "add", "arguments": {"a": 1}}]

    async def test_a_text_that_was_cut_off_is_still_an_answer(self) -> None:
        assert (await ask(chat_reply("half an ans", finish_reason="length"))).finish_reason == "length"

    @pytest.mark.parametrize(
        "body",
        [
            b'{"choices": [{"message": {"content": "x"}, "logprobs": {"p": [NaN, -Infinity]}}]}',
            b'\xef\xbb\xbf{"choices": [{"message": {"content": "x"}}]}',
            b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "5", "completion_tokens": 7.0}}',
            b'{"choices": [{"message": {"content": "x"}, "note": "\\ud83d"}]}',
        ],
        ids=["NaN", "BOM", "numbers in quotes", "half a surrogate pair"],
    )
    async def test_an_answer_is_not_lost_to_a_blemish_beside_it(self, body: bytes) -> None:
        assert (await ask(http_reply(200, body))).text == "x"

    async def test_an_answer_with_half_a_surrogate_pair_can_be_written_down(self) -> None:
        body = b'{"choices": [{"message": {"content": "a\\ud83db"}}]}'
        (await ask(http_reply(200, body))).text.encode()


class TestFailures:
    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (chat_reply(None), "empty"),
            (chat_reply(""), "empty"),
            (chat_reply("", finish_reason="length"), "truncated"),
            (chat_reply(None, finish_reason="content_filter"), "content_filter"),
            (json_reply({"choices": [{"message": {"content": None, "refusal": "I can't."}}]}), "content_filter"),
        ],
    )
    async def test_no_text_is_a_failure_of_its_own_kind(self, reply: bytes, kind: str) -> None:
        error = await failure(reply)
        assert (error.kind, error.retryable) == (kind, False)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"", "empty body"),
            (b'{"choices": [{"message": {"con', "broken JSON"),
            (b'{"choices": []}', "no choices"),
            (b"{}", "no choices"),
            (b"[]", "not the reply of a completion"),
            (b"null", "not the reply of a completion"),
            (b'{"choices": [{"message": {"content": 5}}]}', "not the reply of a completion"),
            (b'{"choices": [{}]}{"choices": [{}]}', "broken JSON"),
            (b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deep"),
            (b"\x1b[2Jboo", r"\x1b[2Jboo"),
        ],
    )
    async def test_a_reply_that_is_none_is_bad(self, body: bytes, words: str) -> None:
        error = await failure(http_reply(200, body, content_type="application/json"))
        assert (error.kind, error.retryable) == ("bad_reply", True)
        assert words in error.message

    @pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain"])
    async def test_a_web_page_in_place_of_an_answer_is_a_wrong_address(self, kind: str) -> None:
        page = b"\n<!DOCTYPE html><html><title>Welcome</title></html>"
        error = await failure(http_reply(200, page, content_type=kind))
        assert isinstance(error, WrongAddress)
        assert (error.kind, error.retryable) == ("bad_reply", False)
        assert 'an HTML page, "Welcome"' in error.message

    async def test_a_path_that_does_not_exist_is_a_wrong_address(self) -> None:
        assert isinstance(await failure(json_reply({"detail": "Not Found"}, 404)), WrongAddress)

    async def test_a_rate_limit_carries_the_wait(self) -> None:
        error = await failure(json_reply({"error": {"message": "slow down"}}, 429, retry_after="3"))
        assert (error.kind, error.status, error.retryable, error.retry_after_s) == ("rate_limited", 429, True, 3.0)

    async def test_an_error_under_status_200_is_no_answer(self) -> None:
        error = await failure(json_reply({"error": {"message": "upstream is busy", "code": 429}}))
        assert (error.kind, error.retryable) == ("rate_limited", True)

    async def test_a_null_error_beside_an_answer_means_none(self) -> None:
        assert (await ask(chat_reply("x", error=None))).text == "x"

    async def test_no_message_repeats_the_key(self) -> None:
        """Servers like to quote the key that they refuse."""
        body = {"error": {"message": f"Incorrect API key provided: {KEY}; team very-secret-team"}}
        async with scripted_server(json_reply(body, 400)) as server:
            endpoint = {"api_key": KEY, "headers": {"X-Team": "very-secret-team"}}
            async with opened(openai_config(server.url, endpoint=endpoint)) as provider:
                with pytest.raises(ProviderError) as caught:
                    await provider.complete(make_request())
        assert caught.value.message == "HTTP 400: Incorrect API key provided: [hidden]; team [hidden]"


def piece(text: str | None = None, *, index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    content = {} if text is None else {"content": text}
    return {"model": "served", "choices": [{"index": index, "delta": {**content, **delta}, "finish_reason": finish}]}


def events(*pieces: Any) -> bytes:
    """Pieces as raw events without the head of a reply."""
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in pieces)


def stream_then(raw: bytes, *, wait_s: float = 0.0) -> Action:
    """The head of a stream and `raw`; then the connection is cut after `wait_s`."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        if raw:
            writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
        await writer.drain()
        await asyncio.sleep(wait_s)

    return act


class TestStreams:
    async def test_the_pieces_are_put_together(self) -> None:
        usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
        completion = await ask(
            sse_reply(piece(role="assistant"), piece("for"), piece("ty"), piece(finish="stop"), usage), stream=True
        )
        assert completion.text == "forty"
        assert (completion.model, completion.usage, completion.finish_reason) == ("served", Usage(3, 2), "stop")
        assert completion.ttft_s is not None
        assert 0 < completion.ttft_s < 1

    async def test_the_time_to_the_first_token_ends_with_the_first_text(self) -> None:
        """Neither the head of the reply nor an empty first delta is a token."""

        async def late(writer: asyncio.StreamWriter) -> None:
            await stream_then(events(piece("", role="assistant")), wait_s=0.05)(writer)
            body = events(piece("x", finish="stop")) + b"data: [DONE]\n\n"
            writer.write(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
            await writer.drain()

        completion = await ask(late, stream=True)
        assert completion.ttft_s is not None
        assert completion.ttft_s >= 0.05

    async def test_several_answers_are_kept_apart(self) -> None:
        reply = sse_reply(piece("a"), piece("x", index=1), piece("b", finish="stop"), piece("y", index=1))
        completion = await ask(reply, stream=True, params={"n": 2})
        assert (completion.text, completion.alternatives) == ("ab", ("xy",))

    async def test_a_text_completion_streams_too(self) -> None:
        reply = sse_reply({"choices": [{"text": "a"}]}, {"choices": [{"text": "b", "finish_reason": "stop"}]})
        assert (await ask(reply, stream=True, api="completions")).text == "ab"

    async def test_a_tool_call_in_pieces_is_put_together(self) -> None:
        def call(**function: str) -> dict[str, Any]:
            return piece(tool_calls=[{"index": 0, "function": function}])

        reply = sse_reply(
            call(name="add", arguments=""), call(arguments='{"a"'), call(arguments=": 1}"), piece(finish="x")
        )
        assert json.loads((await ask(reply, stream=True)).text) == [{"name": "add", "arguments": {"a": 1}}]

    async def test_a_server_that_does_not_stream_is_understood(self) -> None:
        completion = await ask(chat_reply("whole"), stream=True)
        assert (completion.text, completion.ttft_s) == ("whole", None)

    async def test_a_missing_mark_of_the_end_is_forgiven_after_a_finish_reason(self) -> None:
        assert (await ask(sse_reply(piece("x", finish="stop"), done=False), stream=True)).text == "x"

    async def test_the_connection_is_used_again_after_a_stream(self) -> None:
        """Also where the end of the body comes a moment after the mark of the end."""

        async def late_end(writer: asyncio.StreamWriter) -> bool:
            await stream_then(events(piece("x", finish="stop")) + b"data: [DONE]\n\n", wait_s=0.01)(writer)
            writer.write(b"0\r\n\r\n")
            return True

        async with scripted_server(late_end) as server, opened(openai_config(server.url, stream=True)) as provider:
            for _ in range(3):
                await provider.complete(make_request())
        assert server.connections == 1

    async def test_a_stream_that_breaks_off_is_no_answer_and_not_bought_again(self) -> None:
        error = await failure(stream_then(events(piece("half"))), stream=True)
        assert (error.kind, error.retryable) == ("connection", False)

    @pytest.mark.parametrize("raw", [b"", b": ping\n\n", events(piece("", role="assistant"))])
    async def test_a_stream_that_breaks_off_before_its_first_token_may_be_tried_again(self, raw: bytes) -> None:
        error = await failure(stream_then(raw), stream=True)
        assert (error.kind, error.retryable) == ("connection", True)

    async def test_a_stream_that_ends_well_but_unfinished_is_no_answer(self) -> None:
        error = await failure(sse_reply(piece("half"), done=False), stream=True)
        assert (error.kind, error.retryable) == ("connection", False)

    async def test_a_stream_that_stops_meets_the_idle_limit(self) -> None:
        error = await failure(stream_then(events(piece("half")), wait_s=5), stream=True, timeouts={"idle_s": 0.1})
        assert (error.kind, error.retryable) == ("timeout", False)
        assert "nothing more came for 0.1 s" in error.message

    async def test_a_server_that_leaves_the_stream_open_after_its_end_keeps_nobody(self) -> None:
        raw = events(piece("x", finish="stop")) + b"data: [DONE]\n\n"
        assert (await asyncio.wait_for(ask(stream_then(raw, wait_s=5), stream=True), 2)).text == "x"

    @pytest.mark.parametrize(
        "raw",
        [b'data: {"error": {"message": "overloaded"}}\n\n', b'event: error\ndata: {"message": "overloaded"}\n\n'],
    )
    @pytest.mark.parametrize("begun", [True, False])
    async def test_an_error_in_the_stream_may_be_tried_again_only_before_the_answer(
        self, raw: bytes, begun: bool
    ) -> None:
        error = await failure(sse_reply(*[piece("half")] * begun, raw), stream=True)
        assert (error.kind, error.retryable) == ("server_error", not begun)
        assert "overloaded" in error.message

    async def test_an_endless_answer_is_cut_at_the_limit(self) -> None:
        error = await failure(sse_reply(*[piece("x" * 100)] * 30), stream=True, max_reply_bytes=1000)
        assert (error.kind, error.retryable) == ("bad_reply", False)

    async def test_an_endless_line_is_cut_at_the_limit(self) -> None:
        error = await failure(sse_reply(b"data: " + b"x" * 2000), stream=True, max_reply_bytes=1000)
        assert error.kind == "bad_reply"

    @pytest.mark.parametrize(
        ("reason", "kind"), [("stop", "empty"), ("length", "truncated"), ("content_filter", "content_filter")]
    )
    async def test_a_stream_without_text_is_a_failure_of_its_own_kind(self, reason: str, kind: str) -> None:
        assert (await failure(sse_reply(piece(finish=reason)), stream=True)).kind == kind

    async def test_a_refused_stream_is_refused_as_any_request(self) -> None:
        assert (await failure(json_reply({}, 429, retry_after="1"), stream=True)).retry_after_s == 1.0


class TestCheck:
    async def test_the_key_is_sent_to_the_list_of_models(self) -> None:
        async with (
            scripted_server(json_reply({"data": []})) as server,
            opened(openai_config(server.url, endpoint={"api_key": KEY})) as provider,
        ):
            await provider.check()
        assert (server.requests[0].method, server.requests[0].path) == ("GET", "/v1/models")
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"

    @pytest.mark.parametrize("status", [401, 403])
    async def test_refused_credentials_stop_the_run(self, status: int) -> None:
        reply = json_reply({"error": {"message": f"bad key {KEY}"}}, status)
        async with (
            scripted_server(reply) as server,
            opened(openai_config(server.url, endpoint={"api_key": KEY})) as provider,
        ):
            with pytest.raises(StoppedError, match="refuses the credentials") as caught:
                await provider.check()
        assert KEY not in caught.value.message
        assert "api_key_env" in (caught.value.hint or "")

    @pytest.mark.parametrize(
        "reply", [json_reply({}, 404), http_reply(405), http_reply(500), http_reply(200, b"<html>"), b"\x00\r\n\r\n"]
    )
    async def test_anything_else_that_is_answered_is_inconclusive(self, reply: bytes) -> None:
        async with scripted_server(reply) as server, opened(openai_config(server.url)) as provider:
            await provider.check()

    async def test_a_server_that_is_slow_with_its_list_is_inconclusive(self) -> None:
        async def silence(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(5)

        config_fields = {"timeouts": {"connect_s": 0.05}}
        async with (
            scripted_server(silence) as server,
            opened(openai_config(server.url, **config_fields)) as provider,
        ):
            await provider.check()

    async def test_a_dead_port_names_the_endpoint_and_what_to_do(self) -> None:
        async with scripted_server(b"") as server:
            url = server.url
        async with opened(openai_config(url, endpoint={"name": "local"})) as provider:
            with pytest.raises(ConfigError, match=r"endpoint local \(http://127.*/v1/models\): .*refused") as caught:
                await provider.check()
        assert "is the server running" in (caught.value.hint or "")
