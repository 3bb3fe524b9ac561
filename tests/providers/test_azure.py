"""Azure's way to speak OpenAI's protocol, on a loopback server that answers as Azure does."""

from __future__ import annotations

from typing import Any

import pytest

from evalperf.errors import ProviderError
from evalperf.records import Completion
from tests.support.http_server import Received, ScriptedServer, chat_reply, json_reply, scripted_server, sse_reply
from tests.support.requests import make_request, openai_config, opened

KEY = "azure-very-secret-key"
SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
VIOLENT = {**SAFE, "violence": {"filtered": True, "severity": "high"}}


def azure(server: ScriptedServer, **fields: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{server.port}/openai/deployments/my-gpt?api-version=2026-10-21"
    return openai_config(url, endpoint={"auth": "api-key", "api_key": KEY}, **fields)


async def ask(reply: bytes, **fields: Any) -> Completion:
    async with scripted_server(reply) as server, opened(azure(server, **fields)) as provider:
        return await provider.complete(make_request())


async def failure(reply: bytes, **fields: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(reply, **fields)
    return caught.value


def choice(text: str | None, *, finish: str = "stop", filters: dict[str, Any] = SAFE) -> dict[str, Any]:
    return {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
        "content_filter_results": filters,
    }


def reply(*choices: dict[str, Any]) -> bytes:
    prompt = [{"prompt_index": 0, "content_filter_results": SAFE}]
    return json_reply({"choices": choices, "model": "gpt", "prompt_filter_results": prompt})


async def test_the_deployment_the_version_and_the_key_stand_where_azure_looks_for_them() -> None:
    async with scripted_server(chat_reply("x")) as server, opened(azure(server)) as provider:
        await provider.check()
        await provider.complete(make_request())
    paths = [received.path for received in server.requests]
    assert paths[-1] == "/openai/deployments/my-gpt/chat/completions?api-version=2026-10-21"
    assert all(path.endswith("?api-version=2026-10-21") for path in paths)
    assert all(received.headers["api-key"] == KEY for received in server.requests)
    assert all("authorization" not in received.headers for received in server.requests)


async def test_an_azure_endpoint_has_no_list_of_models_and_no_health_page() -> None:
    """So neither the check nor the probe says anything against it."""

    def script(received: Received) -> bytes:
        missing = json_reply({"error": {"code": "404", "message": "Resource not found"}}, 404)
        return missing if received.method == "GET" else chat_reply("x")

    async with scripted_server(script) as server, opened(azure(server)) as provider:
        await provider.check()
        assert await provider.probe(5) is None
        assert (await provider.complete(make_request())).text == "x"
        assert await provider.probe(5) is None
    assert [received.method for received in server.requests].count("GET") == 3


async def test_a_prompt_that_the_filter_refuses_is_a_matter_of_content() -> None:
    body = {
        "error": {
            "code": "content_filter",
            "message": "The response was filtered due to the prompt triggering Azure OpenAI's policy.",
            "status": 400,
            "param": "prompt",
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": VIOLENT},
        }
    }
    error = await failure(json_reply(body, 400))
    assert (error.kind, error.status, error.retryable) == ("content_filter", 400, False)


@pytest.mark.parametrize("text", [None, "", "half an ans"])
async def test_an_answer_that_the_filter_has_taken_away_is_none(text: str | None) -> None:
    """Also where it let the beginning pass: the model did not stop there."""
    error = await failure(reply(choice(text, finish="content_filter", filters=VIOLENT)))
    assert (error.kind, error.retryable) == ("content_filter", False)
    assert "(violence)" in error.message


async def test_a_streamed_answer_that_the_filter_has_cut_off_is_none() -> None:
    chunks = [
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}]},
        {
            "choices": [
                {"index": 0, "delta": {"content": "half"}, "finish_reason": None, "content_filter_results": SAFE}
            ]
        },
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter", "content_filter_results": VIOLENT}]},
    ]
    error = await failure(sse_reply(*chunks), stream=True)
    assert (error.kind, error.retryable) == ("content_filter", False)
    assert "(violence)" in error.message


async def test_an_answer_that_the_filter_lets_pass_is_one() -> None:
    assert (await ask(reply(choice("fine")))).text == "fine"


async def test_a_filtered_alternative_is_left_out() -> None:
    other = {**choice("half", finish="content_filter", filters=VIOLENT), "index": 1}
    assert (await ask(reply(choice("fine"), other, {**choice("too"), "index": 2}))).alternatives == ("too",)


async def test_the_wait_in_milliseconds_goes_first() -> None:
    body = {"error": {"code": "429", "message": "Requests to the API have exceeded the call rate limit."}}
    headers = {"retry_after_ms": "250", "retry_after": "1", "x_ratelimit_remaining_tokens": "-1"}
    error = await failure(json_reply(body, 429, **headers))
    assert (error.kind, error.retry_after_s) == ("rate_limited", 0.25)
    assert error.limit_headers == {"retry-after-ms": "250", "retry-after": "1", "x-ratelimit-remaining-tokens": "-1"}


async def test_an_unknown_deployment_says_what_to_check() -> None:
    body = {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}}
    assert '"model"' in ((await failure(json_reply(body, 404))).hint or "")
