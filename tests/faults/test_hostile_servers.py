"""A call to a hostile server ends as a classified failure, within its time, in bounded memory."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from evalperf import clock
from evalperf.config.model import OpenAIProvider
from evalperf.errors import ProviderError
from evalperf.providers import open_providers
from evalperf.records import FAILURE_KINDS, Case, Completion, Request
from evalperf.tuning import peak_rss_bytes
from tests.faults.hostile_servers import MAX_REPLY_BYTES, Class, Scenario, scenarios
from tests.support.certificates import self_signed
from tests.support.http_server import chat_reply, http_reply, scripted_server

KEY = "sk-canary-0123456789"
ATTEMPT_S = 1.0
AT_ONCE = 8
LONGEST_S = 10.0
MOST_MB = 300

REQUEST = Request(case=Case(seq=1, id="a", input="x"), messages=({"role": "user", "content": "x"},))


async def call(scenario: Scenario, url: str) -> Completion | ProviderError:
    limits = {"connect_s": 2, "attempt_s": ATTEMPT_S, "idle_s": 0.5}
    endpoint = {"url": url, "api_key": KEY, "headers": {"x-api-key": KEY}}
    section = OpenAIProvider.model_validate(
        {"type": "openai", "model": "m", "endpoints": [endpoint], "timeouts": limits, "stream": scenario.stream,
         "max_reply_bytes": MAX_REPLY_BYTES}
    )  # fmt: skip
    async with open_providers(section, Path(), connections=1) as (provider,):
        try:
            return await provider.complete(REQUEST)
        except ProviderError as error:
            return error


def class_of(outcome: Completion | ProviderError) -> Class:
    if isinstance(outcome, Completion):
        return "ok"
    limited = ("timeout", "longer than", "redirect", "any that makes sense")
    return "policy" if outcome.kind == "timeout" or any(word in outcome.message for word in limited) else "bad_input"


async def test_every_server_ends_in_its_class() -> None:
    """Failures are of a known kind, short, and without anything that a terminal would obey; nobody else is called."""
    wrong: list[str] = []
    before_bytes = peak_rss_bytes()  # of the tests before this one
    room = asyncio.Semaphore(AT_ONCE)
    async with scripted_server(chat_reply("stolen")) as elsewhere:

        async def try_one(scenario: Scenario) -> None:
            async with room, scripted_server(scenario.reply) as server:
                began_s = clock.now()
                outcome = await call(scenario, server.url)
                took_s = clock.now() - began_s
            said = str(outcome)
            if class_of(outcome) != scenario.expected or took_s > LONGEST_S:
                wrong.append(f"{scenario.name}: expected {scenario.expected}, came to {said[:200]} in {took_s:.1f} s")
            if isinstance(outcome, Completion) and "usage" in scenario.name:
                assert outcome.usage is None, "a count that can be none is not known"
            if isinstance(outcome, ProviderError):
                assert outcome.kind in FAILURE_KINDS
                assert len(said) < 1_000, scenario.name
                assert said.isprintable(), scenario.name
                assert KEY not in said, scenario.name

        found = scenarios(elsewhere.url)
        assert len(found) >= 200
        await asyncio.gather(*map(try_one, found))
        assert elsewhere.requests == [], "a redirect was followed"
    assert not wrong, "\n".join(wrong)
    assert (peak_rss_bytes() - before_bytes) / 2**20 <= MOST_MB


async def test_what_is_sent_is_not_sent_on(tmp_path: Path) -> None:
    """Not the key under either name, not the body: a server that sends elsewhere gets them, and nobody else."""
    async with scripted_server(chat_reply("stolen")) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            location = elsewhere.url.replace("127.0.0.1", "localhost") + "/chat/completions"
            reply = http_reply(status, location=location)
            async with scripted_server(reply) as server:
                outcome = await call(Scenario("redirect", "policy", reply), server.url)
            assert isinstance(outcome, ProviderError)
            assert (outcome.kind, outcome.retryable) == ("rejected", False)
            assert server.requests[0].headers["x-api-key"] == KEY
    assert (elsewhere.connections, elsewhere.requests) == (0, [])


async def test_a_host_without_address_is_a_failure_to_connect() -> None:
    outcome = await call(Scenario("dns", "bad_input", b""), "http://nowhere.invalid:1/v1")
    assert isinstance(outcome, ProviderError)
    assert (outcome.kind, outcome.retryable) == ("connection", True)
    assert "nowhere.invalid" in outcome.message


async def test_a_port_that_nobody_listens_at_is_a_failure_to_connect(unused_tcp_port: int) -> None:
    outcome = await call(Scenario("refused", "bad_input", b""), f"http://127.0.0.1:{unused_tcp_port}/v1")
    assert isinstance(outcome, ProviderError)
    assert (outcome.kind, outcome.retryable) == ("connection", True)


async def test_a_host_that_never_takes_the_connection_ends_at_the_time_limit() -> None:
    """Its queue is full: what comes in is neither taken nor refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        port = listener.getsockname()[1]
        for _ in range(8):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        outcome = await call(Scenario("half-open", "policy", b""), f"http://127.0.0.1:{port}/v1")
    assert isinstance(outcome, ProviderError)
    assert (outcome.kind, outcome.retryable) == ("timeout", True)


async def test_a_certificate_that_does_not_verify_ends_the_call(tmp_path: Path) -> None:
    """Before the key has been sent."""
    certificate = self_signed(tmp_path)
    if certificate is None:
        pytest.skip("no openssl program")
    async with scripted_server(chat_reply("7"), tls=certificate.server) as server:
        outcome = await call(Scenario("tls", "policy", b""), server.url)
    assert isinstance(outcome, ProviderError)
    assert "certificate" in outcome.message
    assert server.requests == []
