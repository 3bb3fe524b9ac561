"""Replies that are none: what exactly goes over the wire, and what the project's own client makes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest

from evalperf.errors import ProviderError
from evalperf.simulator import PROFILES, SimulatorOptions, serve
from tests.support.requests import make_request, openai_config, opened

BODY = {"model": "large", "messages": [{"role": "user", "content": "What is 2 + 3?"}]}
Ask = Callable[[str], Awaitable[str | ProviderError]]
FORMS = [name for name, profile in PROFILES.items() if profile.options.malformed is not None]


@asynccontextmanager
async def _asked(form: str, *, stream: bool = False, pause_s: float = 0.001) -> AsyncIterator[asyncio.StreamReader]:
    """The bytes that come back."""
    options = SimulatorOptions(latency_s=0, rate_malformed=1, malformed=form, malformed_pause_s=pause_s)
    async with serve(options) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        body = json.dumps({**BODY, "stream": stream}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        yield reader
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _message(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes, bytes]:
    """Headers, status line, and the bytes up to the end that the headers promise or the connection has."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    try:
        body = await reader.readexactly(int(headers["content-length"]))
    except asyncio.IncompleteReadError as error:
        body = error.partial
    return headers, status.encode(), body


async def test_truncated_json_looks_whole_to_http():
    async with _asked("truncated-json") as reader:
        headers, status, body = await _message(reader)
    assert status.startswith(b"HTTP/1.1 200")
    assert len(body) == int(headers["content-length"])
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(body)


async def test_an_html_page_comes_under_502():
    async with _asked("html-error") as reader:
        headers, status, body = await _message(reader)
    assert status.startswith(b"HTTP/1.1 502")
    assert headers["content-type"].startswith("text/html")
    assert b"<title>502 Bad Gateway</title>" in body


async def test_a_wrong_content_length_promises_twice_of_what_comes():
    async with _asked("wrong-content-length") as reader:
        headers, _, body = await _message(reader)
    assert len(body) * 2 == int(headers["content-length"])
    assert json.loads(body)["choices"]


async def test_slow_headers_come_byte_by_byte_and_then_the_whole_answer():
    async with _asked("slow-headers") as reader:
        assert await reader.read(4096) == b"H"
        headers, _, body = await _message(reader)
    assert len(body) == int(headers["content-length"])
    assert json.loads(body)["choices"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_endless_answer_goes_on(stream):
    async with _asked("endless-stream", stream=stream, pause_s=0) as reader:
        received = 0
        while received < 200_000:
            piece = await asyncio.wait_for(reader.read(65_536), 5)
            assert piece
            assert b"[DONE]" not in piece
            received += len(piece)


async def test_what_never_answers_says_nothing():
    async with _asked("never-answers") as reader:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)


async def test_only_their_share_is_malformed():
    options = SimulatorOptions(latency_s=0, rate_malformed=0.3, malformed="html-error")
    async with serve(options) as url, _provider(url) as ask:
        outcomes = [await ask(f"What is {number} + 1?") for number in range(60)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, ProviderError)]
    assert 5 <= len(failed) <= 33
    assert {failure.status for failure in failed} == {502}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("truncated-json", "bad_reply"),
        ("html-error", "server_error"),
        ("wrong-content-length", "connection"),
        ("slow-headers", "timeout"),
        ("endless-stream", "timeout"),
        ("never-answers", "timeout"),
    ],
)
async def test_the_project_s_client_names_the_failure(form, kind, stream):
    """A stream is whole with its [DONE]: what lies behind it doesn't matter, so a wrong length may pass there."""
    options = SimulatorOptions(latency_s=0, rate_malformed=1, malformed=form, malformed_pause_s=0.01)
    async with serve(options) as url, _provider(url, stream=stream) as ask:
        outcome = await ask("What is 2 + 3?")
    if stream and form == "wrong-content-length":
        assert outcome == "2 + 3 = 5. The answer is 5."
    else:
        assert isinstance(outcome, ProviderError), outcome
        assert outcome.kind == kind


def test_every_form_is_a_profile():
    assert set(FORMS) == {
        "slow-headers",
        "endless-stream",
        "truncated-json",
        "html-error",
        "wrong-content-length",
        "never-answers",
    }


@asynccontextmanager
async def _provider(url: str, *, stream: bool = False) -> AsyncIterator[Ask]:
    """Asks and returns the text or the error."""
    timeouts = {"attempt_s": 0.3, "idle_s": 0.3}
    config = openai_config(url, model="large", stream=stream, timeouts=timeouts, max_reply_bytes=100_000)
    async with opened(config) as provider:

        async def ask(question: str) -> str | ProviderError:
            try:
                return (await provider.complete(make_request(question))).text
            except ProviderError as error:
                return error

        yield ask
