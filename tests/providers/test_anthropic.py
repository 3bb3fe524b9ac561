"""Anthropic's Messages API against a scripted server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from evalperf.errors import ProviderError
from evalperf.providers.base import WrongAddress
from evalperf.records import Completion, Message, Usage
from tests.support.http_server import Action, Received, Script, http_reply, json_reply, scripted_server, sse_reply
from tests.support.requests import make_request, openai_config, opened

KEY = "sk-ant-very-secret"
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def config(url: str, **fields: Any) -> dict[str, Any]:
    return openai_config(url, type="anthropic", **fields)


async def ask(reply: bytes | Script | Action, **fields: Any) -> Completion:
    async with scripted_server(reply) as server, opened(config(server.url, **fields)) as provider:
        return await provider.complete(make_request())


async def failure(reply: bytes | Script | Action, **fields: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(reply, **fields)
    return caught.value


async def received_by(reply: bytes, *messages: Message, **fields: Any) -> Received:
    """The request that goes out."""
    async with scripted_server(reply) as server, opened(config(server.url, **fields)) as provider:
        await provider.complete(make_request("question", *messages))
    return server.requests[0]


async def sent(*messages: Message, **fields: Any) -> dict[str, Any]:
    """The body that goes out."""
    body: dict[str, Any] = (await received_by(message("x"), *messages, **fields)).json
    return body


def message(*texts: str, **fields: Any) -> bytes:
    """A whole message of blocks of text."""
    return blocks(*({"type": "text", "text": text} for text in texts), **fields)


def blocks(*content: dict[str, Any], stop_reason: str = "end_turn", **fields: Any) -> bytes:
    usage = {"input_tokens": 5, "output_tokens": 7}
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": "served-model", "content": content}
    return json_reply({**whole, "stop_reason": stop_reason, "stop_sequence": None, "usage": usage, **fields})


def error(kind: str, words: str = "no") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_1"}


class TestRequests:
    async def test_the_headers_are_those_of_the_protocol(self) -> None:
        received = await received_by(message("x"), endpoint={"api_key": KEY})
        assert received.path == "/v1/messages"
        assert (received.headers["x-api-key"], received.headers["anthropic-version"]) == (KEY, "2023-06-01")
        assert "authorization" not in received.headers

    async def test_another_header_for_the_key_and_other_headers_win(self) -> None:
        """As gateways and tokens of a login want it."""
        endpoint = {
            "api_key": KEY,
            "auth": "bearer",
            "headers": {"Anthropic-Version": "2099-01-01", "anthropic-beta": "b"},
        }
        headers = (await received_by(message("x"), endpoint=endpoint)).headers
        assert (headers["authorization"], headers["anthropic-version"]) == (f"Bearer {KEY}", "2099-01-01")
        assert "x-api-key" not in headers
        assert headers["anthropic-beta"] == "b"

    async def test_the_body_has_the_tokens_that_the_api_wants(self) -> None:
        assert await sent() == {
            "model": "m",
            "messages": [{"role": "user", "content": "question"}],
            "max_tokens": 4096,
        }

    async def test_parameters_go_out_as_they_are(self) -> None:
        body = await sent(params={"max_tokens": 5, "temperature": 0, "thinking": {"type": "disabled"}})
        assert (body["max_tokens"], body["temperature"], body["thinking"]) == (5, 0, {"type": "disabled"})

    async def test_system_messages_stand_apart_from_the_turns(self) -> None:
        body = await sent(
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        )
        assert body["system"] == "Be brief.\n\nBe kind."
        assert body["messages"] == [{"role": "user", "content": "Hi"}]

    async def test_a_system_message_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(ProviderError, match="system message") as caught:
            await sent({"role": "system", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]})
        assert (caught.value.kind, caught.value.retryable) == ("rejected", False)

    async def test_pictures_are_put_into_the_apis_form(self) -> None:
        parts = [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": PIXEL}},
            {"type": "image_url", "image_url": {"url": "https://h/a.png"}},
            {"type": "document", "source": {}},
        ]
        body = await sent({"role": "user", "content": parts})
        assert body["messages"][0]["content"] == [
            parts[0],
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
            {"type": "image", "source": {"type": "url", "url": "https://h/a.png"}},
            parts[3],
        ]


class TestAnswers:
    async def test_an_answer(self) -> None:
        assert await ask(message("forty-two")) == Completion(
            text="forty-two", model="served-model", usage=Usage(5, 7), finish_reason="stop"
        )

    async def test_blocks_of_text_are_joined_and_thinking_is_left_out(self) -> None:
        thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
        reply = blocks(thinking, {"type": "text", "text": "for"}, {"type": "text", "text": "ty"})
        assert (await ask(reply)).text == "forty"

    async def test_calls_of_tools_are_the_answer_where_there_is_no_text(self) -> None:
        call = {"type": "tool_use", "id": "toolu_random", "name": "add", "input": {"a": 1}}
        completion = await ask(blocks(call, stop_reason="tool_use"))
        assert json.loads(completion.text) == [{"name": "add", "arguments": {"a": 1}}]
        assert completion.finish_reason == "tool_calls"

    @pytest.mark.parametrize(
        ("stop_reason", "finish_reason"),
        [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("pause_turn", "pause_turn"),
        ],
    )
    async def test_a_stop_reason_has_the_name_it_has_elsewhere(self, stop_reason: str, finish_reason: str) -> None:
        assert (await ask(message("x", stop_reason=stop_reason))).finish_reason == finish_reason

    async def test_cached_input_is_input(self) -> None:
        usage = {
            "input_tokens": 5,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 1000,
            "output_tokens": 7,
        }
        assert (await ask(message("x", usage=usage))).usage == Usage(1105, 7)

    @pytest.mark.parametrize(
        "usage", [None, {}, {"input_tokens": 5}, {"output_tokens": 7, "cache_read_input_tokens": 1}]
    )
    async def test_missing_usage_is_none_and_not_zero(self, usage: Any) -> None:
        assert (await ask(message("x", usage=usage))).usage is None


class TestFailures:
    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (blocks(), "empty"),
            (message(""), "empty"),
            (blocks({"type": "thinking", "thinking": "hm"}, stop_reason="max_tokens"), "truncated"),
            (blocks(stop_reason="refusal"), "content_filter"),
            (message("Half an ans", stop_reason="refusal"), "content_filter"),
        ],
    )
    async def test_no_answer_is_a_failure_of_its_own_kind(self, reply: bytes, kind: str) -> None:
        found = await failure(reply)
        assert (found.kind, found.retryable) == (kind, False)

    @pytest.mark.parametrize(
        ("status", "type_", "kind", "retryable"),
        [
            (400, "invalid_request_error", "rejected", False),
            (401, "authentication_error", "auth", False),
            (402, "billing_error", "quota", False),
            (403, "permission_error", "auth", False),
            (413, "request_too_large", "rejected", False),
            (429, "rate_limit_error", "rate_limited", True),
            (500, "api_error", "server_error", True),
            (504, "timeout_error", "server_error", True),
            (529, "overloaded_error", "server_error", True),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    async def test_an_error_has_its_kind(
        self, status: int, type_: str, kind: str, retryable: bool, stream: bool
    ) -> None:
        found = await failure(json_reply(error(type_), status), stream=stream)
        assert (found.kind, found.status, found.retryable) == (kind, status, retryable)

    async def test_an_unknown_model_is_a_wrong_address_that_says_what_to_check(self) -> None:
        found = await failure(json_reply(error("not_found_error", "model: m"), 404))
        assert isinstance(found, WrongAddress)
        assert '"model"' in (found.hint or "")

    async def test_want_of_credit_is_no_fault_of_the_request(self) -> None:
        words = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing"
        found = await failure(json_reply(error("invalid_request_error", words), 400))
        assert (found.kind, found.retryable) == ("quota", False)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"{}", "no content"),
            (b'{"content": 5}', "not the reply of a completion"),
            (b'{"content": [', "broken JSON"),
        ],
    )
    async def test_a_reply_that_is_none_is_bad(self, body: bytes, words: str) -> None:
        found = await failure(http_reply(200, body))
        assert (found.kind, found.retryable) == ("bad_reply", True)
        assert words in found.message

    async def test_an_error_under_status_200_is_no_answer(self) -> None:
        assert (await failure(json_reply(error("overloaded_error")))).kind == "server_error"


START = {
    "type": "message_start",
    "message": {"model": "served-model", "content": [], "usage": {"input_tokens": 25, "output_tokens": 1}},
}
END = {"type": "message_stop"}


def begin(index: int = 0, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": "", **block}}


def text(piece: str, index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}}


def stop(reason: str = "end_turn", **usage: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 15, **usage}}


def events(*items: Any) -> bytes:
    """A stream as the API sends it: each event named."""
    named = [b"event: %b\ndata: %b\n\n" % (item["type"].encode(), json.dumps(item).encode()) for item in items]
    return sse_reply(*named, done=False)


PING = {"type": "ping"}
THINKING = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}


class TestStreams:
    async def test_the_events_are_put_together(self) -> None:
        completion = await ask(
            events(START, begin(), PING, text("for"), text("ty"), {"type": "content_block_stop"}, stop(), END),
            stream=True,
        )
        assert completion.text == "forty"
        assert (completion.model, completion.usage, completion.finish_reason) == ("served-model", Usage(25, 15), "stop")
        assert completion.ttft_s is not None
        assert 0 < completion.ttft_s < 1

    async def test_the_request_asks_for_a_stream(self) -> None:
        assert (await received_by(events(START, text("x"), stop(), END), stream=True)).json["stream"] is True

    async def test_events_of_kinds_to_come_are_passed_over(self) -> None:
        new = {"type": "something_new", "delta": {"type": "new_delta", "amount": 5}, "index": 7}
        assert (await ask(events(new, START, text("x"), new, stop(), END), stream=True)).text == "x"

    async def test_the_last_count_holds_and_cached_input_is_input(self) -> None:
        start = {"type": "message_start", "message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 100}}}
        reply = events(start, text("x"), stop(output_tokens=3), stop(output_tokens=9), END)
        assert (await ask(reply, stream=True)).usage == Usage(105, 9)

    async def test_a_call_of_a_tool_in_pieces_is_put_together(self) -> None:
        def piece(part: str) -> dict[str, Any]:
            return {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": part},
            }

        call = begin(1, type="tool_use", name="add", input={})
        reply = events(START, call, piece('{"a"'), piece(": 1}"), stop("tool_use"), END)
        assert json.loads((await ask(reply, stream=True)).text) == [{"name": "add", "arguments": {"a": 1}}]

    async def test_a_call_without_arguments_has_none(self) -> None:
        reply = events(START, begin(type="tool_use", name="now", input={}), stop("tool_use"), END)
        assert json.loads((await ask(reply, stream=True)).text) == [{"name": "now", "arguments": {}}]

    @pytest.mark.parametrize(
        ("reason", "kind"), [("end_turn", "empty"), ("max_tokens", "truncated"), ("refusal", "content_filter")]
    )
    async def test_a_stream_without_text_is_a_failure_of_its_own_kind(self, reason: str, kind: str) -> None:
        assert (await failure(events(START, THINKING, stop(reason), END), stream=True)).kind == kind

    async def test_an_answer_that_a_classifier_has_cut_off_is_none(self) -> None:
        found = await failure(events(START, text("Half an ans"), stop("refusal"), END), stream=True)
        assert (found.kind, found.retryable) == ("content_filter", False)

    @pytest.mark.parametrize(
        ("before", "retryable"),
        [([START, PING], True), ([START, begin()], True), ([START, text("half")], False), ([START, THINKING], False)],
    )
    @pytest.mark.parametrize("named", [True, False])
    async def test_an_error_in_the_stream_may_be_tried_again_only_before_the_first_token(
        self, before: list[Any], retryable: bool, named: bool
    ) -> None:
        trouble = error("overloaded_error", "Overloaded")
        reply = events(*before, trouble) if named else sse_reply(*before, trouble, done=False)
        found = await failure(reply, stream=True)
        assert (found.kind, found.retryable) == ("server_error", retryable)
        assert "Overloaded" in found.message

    @pytest.mark.parametrize(
        ("type_", "kind"),
        [
            ("rate_limit_error", "rate_limited"),
            ("invalid_request_error", "rejected"),
            ("authentication_error", "auth"),
            ("billing_error", "quota"),
            ("api_error", "server_error"),
            ("something_new", "server_error"),
        ],
    )
    async def test_an_error_in_the_stream_has_its_kind(self, type_: str, kind: str) -> None:
        assert (await failure(events(START, error(type_)), stream=True)).kind == kind

    @pytest.mark.parametrize(("before", "retryable"), [([START, PING], True), ([START, text("half")], False)])
    async def test_a_stream_that_breaks_off_is_no_answer(self, before: list[Any], retryable: bool) -> None:
        found = await failure(events(*before), stream=True)
        assert (found.kind, found.retryable) == ("connection", retryable)

    async def test_a_missing_last_event_is_forgiven_after_a_stop_reason(self) -> None:
        assert (await ask(events(START, text("x"), stop()), stream=True)).text == "x"

    @pytest.mark.parametrize("endless", [text("x" * 100), begin()])
    async def test_an_endless_answer_is_cut_at_a_limit(self, endless: dict[str, Any]) -> None:
        found = await failure(events(START, *[endless] * 1500), stream=True, max_reply_bytes=1000)
        assert (found.kind, found.retryable) == ("bad_reply", False)

    async def test_a_server_that_does_not_stream_is_understood(self) -> None:
        assert (await ask(message("whole"), stream=True)).text == "whole"

    async def test_a_stream_that_stops_meets_the_idle_limit(self) -> None:
        async def stall(writer: asyncio.StreamWriter) -> None:
            writer.write(events(START, text("half")).removesuffix(b"0\r\n\r\n"))
            await writer.drain()
            await asyncio.sleep(5)

        found = await failure(stall, stream=True, timeouts={"idle_s": 0.1})
        assert (found.kind, found.retryable) == ("timeout", False)
