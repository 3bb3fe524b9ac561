"""What every provider keeps to."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evalperf.errors import ProviderError
from evalperf.providers import OPENERS, Provider
from evalperf.records import Completion, Request
from tests.support.http_server import Action, Received, chat_reply, http_reply, json_reply, scripted_server, sse_reply
from tests.support.requests import make_request, openai_config, opened

MODULE = """
import asyncio, time

def plain(prompt):
    if prompt == "fail":
        raise ValueError("no")
    time.sleep(0.001)
    return "answer to " + prompt

async def coroutine(prompt):
    if prompt == "fail":
        raise ValueError("no")
    await asyncio.sleep(0.001)
    return "answer to " + prompt
"""

PROGRAM = """
import json, sys
for line in sys.stdin:
    text = json.loads(line)["input"]
    reply = {"error": "no"} if text == "fail" else {"output": "answer to " + text}
    print(json.dumps(reply), flush=True)
"""


def chat(received: Received) -> bytes | Action:
    return _later(http_reply(400) if received.asked == "fail" else chat_reply(f"answer to {received.asked}"), received)


def completions(received: Received) -> bytes | Action:
    reply = json_reply({"choices": [{"text": f"answer to {received.asked}"}]})
    return _later(http_reply(400) if received.asked == "fail" else reply, received)


def stream(received: Received) -> bytes | Action:
    words = ["answer ", "to ", received.asked]
    pieces = [{"choices": [{"delta": {"content": word}, "finish_reason": None}]} for word in words]
    return _later(http_reply(400) if received.asked == "fail" else sse_reply(*pieces), received)


def responses(received: Received) -> bytes | Action:
    part = {"type": "output_text", "text": f"answer to {received.asked}"}
    reply = json_reply({"status": "completed", "output": [{"type": "message", "content": [part]}]})
    return _later(http_reply(400) if received.asked == "fail" else reply, received)


def responses_stream(received: Received) -> bytes | Action:
    deltas = [{"type": "response.output_text.delta", "delta": text} for text in ("answer to ", received.asked)]
    end = {"type": "response.completed", "response": {"status": "completed", "output": []}}
    return _later(http_reply(400) if received.asked == "fail" else sse_reply(*deltas, end, done=False), received)


def messages(received: Received) -> bytes | Action:
    reply = json_reply(
        {"content": [{"type": "text", "text": f"answer to {received.asked}"}], "stop_reason": "end_turn"}
    )
    return _later(http_reply(400) if received.asked == "fail" else reply, received)


def messages_stream(received: Received) -> bytes | Action:
    texts = [{"type": "text_delta", "text": text} for text in ("answer to ", received.asked)]
    events = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in texts]
    reply = sse_reply({"type": "ping"}, *events, {"type": "message_stop"}, done=False)
    return _later(http_reply(400) if received.asked == "fail" else reply, received)


def _later(reply: bytes, received: Received) -> bytes | Action:
    """A slow question's answer comes late, on a connection that is then closed."""

    async def act(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(reply)
        await writer.drain()

    return act if received.asked == "slow" else reply


@dataclass(frozen=True)
class Kind:
    """One way to be a provider: a section for it, and the server it needs."""

    config: dict[str, Any]
    server: Any = None


KINDS = {
    "openai chat": Kind({}, chat),
    "openai completions": Kind({"api": "completions"}, completions),
    "openai stream": Kind({"stream": True}, stream),
    "openai responses": Kind({"api": "responses"}, responses),
    "openai responses stream": Kind({"api": "responses", "stream": True}, responses_stream),
    "anthropic": Kind({"type": "anthropic"}, messages),
    "anthropic stream": Kind({"type": "anthropic", "stream": True}, messages_stream),
    "replay": Kind({"type": "replay"}),
    "function": Kind({"type": "function", "call": "contract_functions:plain"}),
    "async function": Kind({"type": "function", "call": "contract_functions:coroutine"}),
    "command": Kind({"type": "command", "argv": [sys.executable, "program.py"]}),
}


@asynccontextmanager
async def opened_kind(kind: Kind, folder: Path) -> AsyncIterator[Provider]:
    (folder / "contract_functions.py").write_text(MODULE)
    (folder / "program.py").write_text(PROGRAM)
    if kind.server is None:
        async with opened(kind.config, folder, connections=4) as provider:
            yield provider
        return

    def script(received: Received) -> bytes | Action:
        reply: bytes | Action = json_reply({"data": []}) if received.method == "GET" else kind.server(received)
        return reply

    async with (
        scripted_server(script) as server,
        opened(openai_config(server.url, **kind.config), folder, connections=4) as provider,
    ):
        yield provider


@pytest.fixture(params=KINDS)
async def provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    async with opened_kind(KINDS[request.param], tmp_path_factory.mktemp("config")) as found:
        yield found


def ask(text: str) -> Request:
    """A request to answer; a recorded answer stands in the case, and there is none for "fail"."""
    return make_request(text, output=None if text == "fail" else f"answer to {text}")


def test_every_type_of_provider_is_held_to_the_contract() -> None:
    assert {kind.config.get("type", "openai") for kind in KINDS.values()} == set(OPENERS)


async def test_it_knows_its_name_and_kind(provider: Provider) -> None:
    assert provider.name
    assert isinstance(provider.paid, bool)
    assert isinstance(provider.in_process, bool)
    assert provider.model is None or provider.model


async def test_a_request_is_answered(provider: Provider) -> None:
    await provider.check()
    completion = await provider.complete(ask("one"))
    assert isinstance(completion, Completion)
    assert completion.text == "answer to one"


async def test_a_failure_is_a_provider_error(provider: Provider) -> None:
    with pytest.raises(ProviderError):
        await provider.complete(ask("fail"))
    assert (await provider.complete(ask("one"))).text == "answer to one"


async def test_answers_at_once_are_not_mixed_up(provider: Provider) -> None:
    texts = [f"{number}" for number in range(40)]
    completions = await asyncio.gather(*(provider.complete(ask(text)) for text in texts))
    assert [completion.text for completion in completions] == [f"answer to {text}" for text in texts]


async def test_failures_do_not_touch_the_answers_beside_them(provider: Provider) -> None:
    asked = [provider.complete(ask(text)) for text in ["one", "fail"] * 10]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, Completion) for one in found[::2])
    assert all(isinstance(one, ProviderError) for one in found[1::2])


async def test_cancelled_calls_leave_it_usable(provider: Provider) -> None:
    """Cancelled at different points, also more of them than there are connections."""
    for turns in range(12):
        tasks = [asyncio.create_task(provider.complete(ask("slow"))) for _ in range(6)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, Completion | asyncio.CancelledError) for one in found)
    completions = await asyncio.gather(*(provider.complete(ask(str(number))) for number in range(8)))
    assert [completion.text for completion in completions] == [f"answer to {number}" for number in range(8)]


async def test_one_that_answers_is_well(provider: Provider) -> None:
    await provider.complete(ask("one"))
    assert await provider.probe(5) is None


async def test_connections_are_counted_where_there_are_some(provider: Provider) -> None:
    before = provider.connection_statistics()
    for number in range(3):
        await provider.complete(ask(str(number)))
    after = provider.connection_statistics()
    if before is None or after is None:
        assert (before, after) == (None, None)
    else:
        assert (after.calls - before.calls, after.connections_opened) == (3, 1)


async def test_closing_twice_is_closing_once(provider: Provider) -> None:
    await provider.complete(ask("one"))
    await provider.aclose()
    await provider.aclose()
