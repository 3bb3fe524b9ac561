"""OpenAI's Responses API against a scripted server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalperf.errors import ProviderError
from evalperf.records import Completion, Message, Usage
from tests.support.http_server import Action, Script, http_reply, json_reply, scripted_server, sse_reply
from tests.support.requests import make_request, openai_config, opened


def config(url: str, **fields: Any) -> dict[str, Any]:
    return openai_config(url, api="responses", **fields)


async def ask(reply: bytes | Script | Action, **fields: Any) -> Completion:
    async with scripted_server(reply) as server, opened(config(server.url, **fields)) as provider:
        return await provider.complete(make_request())


async def failure(reply: bytes | Script | Action, **fields: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(reply, **fields)
    return caught.value


async def sent(*messages: Message, **fields: Any) -> dict[str, Any]:
    """The body that goes out."""
    async with scripted_server(json_reply(response("x"))) as server, opened(config(server.url, **fields)) as provider:
        await provider.complete(make_request("question", *messages))
    assert server.requests[0].path == "/v1/responses"
    body: dict[str, Any] = server.requests[0].json
    return body


def item(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": list(parts)}


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


REASONING = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
CALL = {"type": "function_call", "call_id": "random", "name": "add", "arguments": '{"a": 1}'}


def response(*texts: str, output: list[Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A whole response of one message."""
    usage = {"input_tokens": 5, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}}
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "served-model",
        "output": [REASONING, item(*map(output_text, texts))] if output is None else output,
        "usage": usage,
        **fields,
    }


def incomplete(reason: str, *texts: str) -> dict[str, Any]:
    return response(*texts, status="incomplete", incomplete_details={"reason": reason})


class TestRequests:
    async def test_the_body_is_model_input_and_parameters(self) -> None:
        assert await sent(params={"temperature": 0, "max_output_tokens": 5}) == {
            "model": "m",
            "input": [{"role": "user", "content": "question"}],
            "temperature": 0,
            "max_output_tokens": 5,
        }

    async def test_the_system_messages_at_the_top_are_the_instructions(self) -> None:
        body = await sent(
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
            {"role": "user", "content": "Hi"},
            {"role": "system", "content": "And now?"},
        )
        assert body["instructions"] == "Be brief.\n\nBe kind."
        assert body["input"] == [{"role": "user", "content": "Hi"}, {"role": "system", "content": "And now?"}]

    async def test_parts_are_put_into_the_apis_form(self) -> None:
        picture = {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}}
        file = {"type": "input_file", "file_id": "f"}
        body = await sent(
            {"role": "user", "content": [{"type": "text", "text": "a"}, picture, file]},
            {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
            {"role": "user", "content": "c"},
        )
        assert body["input"] == [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "a"},
                    {"type": "input_image", "image_url": "https://h/a.png", "detail": "low"},
                    file,
                ],
            },
            {"role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
            {"role": "user", "content": "c"},
        ]


class TestAnswers:
    async def test_an_answer(self) -> None:
        assert await ask(json_reply(response("forty-two"))) == Completion(
            text="forty-two", model="served-model", usage=Usage(5, 7), finish_reason="stop"
        )

    async def test_texts_are_joined_over_parts_and_messages(self) -> None:
        output = [item(output_text("a"), output_text("b")), REASONING, item(output_text("c"))]
        assert (await ask(json_reply(response(output=output)))).text == "abc"

    async def test_calls_of_functions_are_the_answer_where_there_is_no_text(self) -> None:
        completion = await ask(json_reply(response(output=[REASONING, CALL])))
        assert json.loads(completion.text) == [{"name": "add", "arguments": {"a": 1}}]
        assert completion.finish_reason == "tool_calls"

    async def test_a_text_that_was_cut_off_is_still_an_answer(self) -> None:
        completion = await ask(json_reply(incomplete("max_output_tokens", "half an ans")))
        assert (completion.text, completion.finish_reason) == ("half an ans", "length")

    @pytest.mark.parametrize("usage", [None, {}, {"input_tokens": 5}])
    async def test_missing_usage_is_none_and_not_zero(self, usage: Any) -> None:
        assert (await ask(json_reply(response("x", usage=usage)))).usage is None


class TestFailures:
    @pytest.mark.parametrize(
        ("found", "kind"),
        [
            (response(output=[]), "empty"),
            (response(""), "empty"),
            (incomplete("max_output_tokens"), "truncated"),
            (incomplete("content_filter"), "content_filter"),
            (incomplete("content_filter", "half an ans"), "content_filter"),
            (response(output=[item({"type": "refusal", "refusal": "I can't."})]), "content_filter"),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    async def test_no_answer_is_a_failure_of_its_own_kind(self, found: dict[str, Any], kind: str, stream: bool) -> None:
        error = await failure(events(ended(found)) if stream else json_reply(found), stream=stream)
        assert (error.kind, error.retryable) == (kind, False)

    @pytest.mark.parametrize(
        ("code", "kind", "retryable"),
        [
            ("server_error", "server_error", True),
            ("rate_limit_exceeded", "rate_limited", True),
            ("invalid_prompt", "rejected", False),
            ("insufficient_quota", "quota", False),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_response_that_failed_says_why(self, code: str, kind: str, retryable: bool, stream: bool) -> None:
        failed = response(output=[], status="failed", error={"code": code, "message": "it broke"})
        error = await failure(events(ended(failed)) if stream else json_reply(failed), stream=stream)
        assert (error.kind, error.retryable) == (kind, retryable)
        assert "it broke" in error.message

    @pytest.mark.parametrize("status", ["queued", "in_progress"])
    async def test_a_response_in_the_background_is_none(self, status: str) -> None:
        error = await failure(json_reply(response(output=[], status=status)))
        assert (error.kind, error.retryable) == ("bad_reply", False)
        assert '"background"' in error.message

    async def test_a_response_that_was_cancelled_is_none(self) -> None:
        assert (await failure(json_reply(response("x", status="cancelled")))).kind == "server_error"

    async def test_an_error_of_the_usual_form_is_understood(self) -> None:
        error = await failure(json_reply({"error": {"message": "slow down"}}, 429, retry_after="3"))
        assert (error.kind, error.retry_after_s) == ("rate_limited", 3.0)

    @pytest.mark.parametrize(("body", "words"), [(b"{}", "no output"), (b'{"output": 5}', "not the reply")])
    async def test_a_reply_that_is_none_is_bad(self, body: bytes, words: str) -> None:
        error = await failure(http_reply(200, body))
        assert (error.kind, error.retryable) == ("bad_reply", True)
        assert words in error.message


def delta(text: str, kind: str = "output_text") -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "item_id": "msg_1", "output_index": 0, "delta": text}


def ended(whole: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"response.{whole['status']}", "response": whole}


CREATED = {"type": "response.created", "response": response(output=[], status="in_progress", usage=None)}


def events(*items: Any) -> bytes:
    """A stream as the API sends it: each event named, and no mark of the end."""
    named = [b"event: %b\ndata: %b\n\n" % (item["type"].encode(), json.dumps(item).encode()) for item in items]
    return sse_reply(*named, done=False)


class TestStreams:
    async def test_the_last_event_has_the_whole_response(self) -> None:
        completion = await ask(events(CREATED, delta("for"), delta("ty"), ended(response("forty"))), stream=True)
        assert completion.text == "forty"
        assert (completion.model, completion.usage, completion.finish_reason) == ("served-model", Usage(5, 7), "stop")
        assert completion.ttft_s is not None
        assert 0 < completion.ttft_s < 1

    async def test_a_server_that_does_not_repeat_the_text_is_understood(self) -> None:
        reply = events(CREATED, delta("for"), delta("ty"), ended(response(output=[])))
        assert (await ask(reply, stream=True)).text == "forty"

    async def test_the_request_asks_for_a_stream(self) -> None:
        async with (
            scripted_server(events(ended(response("x")))) as server,
            opened(config(server.url, stream=True)) as provider,
        ):
            await provider.complete(make_request())
        assert server.requests[0].json["stream"] is True

    @pytest.mark.parametrize("kind", ["output_text", "refusal", "function_call_arguments", "reasoning_summary_text"])
    async def test_a_stream_that_breaks_off_after_a_token_is_not_bought_again(self, kind: str) -> None:
        error = await failure(events(CREATED, delta("half", kind)), stream=True)
        assert (error.kind, error.retryable) == ("connection", False)

    async def test_a_stream_that_breaks_off_before_its_first_token_may_be_tried_again(self) -> None:
        error = await failure(events(CREATED, {"type": "response.in_progress"}), stream=True)
        assert (error.kind, error.retryable) == ("connection", True)

    @pytest.mark.parametrize(("before", "retryable"), [([CREATED], True), ([CREATED, delta("half")], False)])
    @pytest.mark.parametrize("named", [True, False])
    async def test_an_error_in_the_stream_may_be_tried_again_only_before_the_first_token(
        self, before: list[Any], retryable: bool, named: bool
    ) -> None:
        trouble = {"type": "error", "code": "server_error", "message": "it broke", "sequence_number": 5}
        reply = events(*before, trouble) if named else sse_reply(*before, trouble, done=False)
        error = await failure(reply, stream=True)
        assert (error.kind, error.retryable) == ("server_error", retryable)
        assert "it broke" in error.message

    async def test_a_failure_at_the_end_is_not_tried_again_after_a_token(self) -> None:
        failed = response(output=[], status="failed", error={"code": "server_error", "message": "it broke"})
        error = await failure(events(CREATED, delta("half"), ended(failed)), stream=True)
        assert (error.kind, error.retryable) == ("server_error", False)

    async def test_an_endless_answer_is_cut_at_the_limit(self) -> None:
        error = await failure(events(*[delta("x" * 100)] * 30), stream=True, max_reply_bytes=1000)
        assert (error.kind, error.retryable) == ("bad_reply", False)

    async def test_a_server_that_does_not_stream_is_understood(self) -> None:
        assert (await ask(json_reply(response("whole")), stream=True)).text == "whole"
