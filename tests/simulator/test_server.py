"""The simulated endpoint, as a bare HTTP client sees it."""

from __future__ import annotations

import asyncio
import io
import ssl

import aiohttp
import orjson
import pytest

from evalperf.simulator import CERTIFICATE, CapacityOptions, LimitOptions, SimulatorOptions, serve

FAST = SimulatorOptions(latency_s=0)
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 12 + 4 × 3?"}]


@pytest.fixture
async def url():
    async with serve(FAST) as base:
        yield base


@pytest.fixture
async def http(url):
    async with aiohttp.ClientSession(base_url=url.removesuffix("v1")) as session:
        yield session


class TestHTTP:
    @pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"model": 3}', b'{"model": "small"}', b"\xff"])
    async def test_a_bad_body_is_400_in_the_protocol_s_form(self, http, body):
        async with http.post("v1/chat/completions", data=body) as reply:
            assert reply.status == 400
            error = (await reply.json())["error"]
        assert error["type"] == "invalid_request_error"
        assert error["message"]

    async def test_n_out_of_range_names_the_parameter(self, http):
        async with http.post("v1/chat/completions", json={"model": "small", "messages": QUESTION, "n": 0}) as reply:
            assert reply.status == 400
            assert (await reply.json())["error"]["param"] == "n"

    async def test_an_unknown_path_is_404_in_the_protocol_s_form(self, http):
        async with http.post("v1/nothing") as reply:
            assert reply.status == 404
            assert "/v1/nothing" in (await reply.json())["error"]["message"]

    async def test_health(self, http):
        async with http.get("health") as reply:
            assert await reply.json() == {"status": "ok", "models": ["small", "large", "judge", "embedding"]}

    async def test_a_429_says_when_to_come_back(self):
        body = {"model": "small", "messages": QUESTION}
        async with (
            serve(SimulatorOptions(rate_429=1, retry_after_s=2.5)) as url,
            aiohttp.ClientSession() as session,
            session.post(f"{url}/chat/completions", json=body) as reply,
        ):
            assert reply.status == 429
            assert reply.headers["Retry-After"] == "2.5"
            assert reply.headers["retry-after-ms"] == "2500"
            assert reply.headers["x-ratelimit-remaining-requests"] == "0"
            assert (await reply.json())["error"]["code"] == "rate_limit_exceeded"

    async def test_a_limit_is_told_with_every_reply(self):
        body = {"model": "small", "messages": QUESTION}
        limit = LimitOptions(requests_per_s=0.5, burst=1)
        async with (
            serve(SimulatorOptions(latency_s=0, limit=limit)) as url,
            aiohttp.ClientSession() as session,
        ):
            async with session.post(f"{url}/chat/completions", json=body) as passed:
                assert passed.status == 200
                assert passed.headers["x-ratelimit-limit-requests"] == "30"
                assert passed.headers["x-ratelimit-remaining-requests"] == "29"
            async with session.post(f"{url}/chat/completions", json=body) as refused:
                assert refused.status == 429
                assert 1900 <= int(refused.headers["retry-after-ms"]) <= 2000
                assert (await refused.json())["error"]["type"] == "requests"

    async def test_a_token_limit_counts_what_may_be_answered(self):
        """11 tokens are asked, 89 may be answered: the minute's 100 are used up."""
        body = {"model": "small", "messages": QUESTION, "max_tokens": 89}
        limit = LimitOptions(tokens_per_minute=100)
        async with serve(SimulatorOptions(latency_s=0, limit=limit)) as url, aiohttp.ClientSession() as session:
            async with session.post(f"{url}/chat/completions", json=body) as passed:
                assert passed.headers["x-ratelimit-remaining-tokens"] == "0"
            async with session.post(f"{url}/chat/completions", json=body) as refused:
                assert (await refused.json())["error"]["type"] == "tokens"

    async def test_a_full_queue_is_told_as_overloaded(self):
        capacity = CapacityOptions(slots=1, queue_size=0)
        options = SimulatorOptions(latency_s=30, latency_spread=0, capacity=capacity)
        async with serve(options) as url, aiohttp.ClientSession() as session:
            first = asyncio.create_task(session.post(f"{url}/completions", json={"model": "small", "prompt": "1"}))
            while (await _stats(session, url))["in_flight"] == 0:
                await asyncio.sleep(0.005)
            async with session.post(f"{url}/completions", json={"model": "small", "prompt": "2"}) as openai:
                assert openai.status == 503
            body = {"model": "small", "max_tokens": 9, "messages": QUESTION[1:]}
            async with session.post(f"{url}/messages", json=body) as anthropic:
                assert anthropic.status == 529
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)

    async def test_a_body_too_large_is_413_in_the_protocol_s_form(self, http):
        async with http.post("v1/chat/completions", data=io.BytesIO(b" " * 33 * 1024 * 1024)) as reply:
            assert reply.status == 413
            assert "larger than" in (await reply.json())["error"]["message"]

    async def test_a_stream_ends_with_done(self, http):
        body = {"model": "large", "messages": QUESTION, "stream": True}
        async with http.post("v1/chat/completions", json=body) as reply:
            assert reply.content_type == "text/event-stream"
            events = (await reply.read()).split(b"\n\n")
        assert events[-2:] == [b"data: [DONE]", b""]
        assert all(orjson.loads(event.removeprefix(b"data: ")) for event in events[:-2])

    async def test_stats_count_requests_outcomes_and_answers_per_prompt(self, http):
        body = {"model": "large", "messages": QUESTION}
        for document in (body, body, {"model": "huge", "messages": QUESTION}):
            async with http.post("v1/chat/completions", json=document):
                pass
        async with http.get("stats") as reply:
            stats = await reply.json()
        assert stats["requests"] == 3
        assert stats["in_flight"] == 0
        assert stats["statuses"] == {"200": 2, "404": 1}
        assert list(stats["answered"].values()) == [2]
        assert stats["answered_more_than_once"] == 1

    async def test_a_client_that_leaves_is_not_answered(self):
        async with serve(SimulatorOptions(latency_s=30, latency_spread=0)) as url, aiohttp.ClientSession() as session:
            body = {"model": "large", "messages": QUESTION}
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), session.post(f"{url}/chat/completions", json=body):
                    pass
            async with asyncio.timeout(2):
                while not (stats := await _stats(session, url))["statuses"]:
                    await asyncio.sleep(0.005)
        assert stats["statuses"] == {"away": 1}
        assert stats["answered"] == {}

    async def test_a_dropped_request_is_told_apart_from_an_answered_one(self):
        async with serve(SimulatorOptions(latency_s=0, rate_dropped=1)) as url, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await session.post(f"{url}/chat/completions", json={"model": "large", "messages": QUESTION})
            assert (await _stats(session, url))["statuses"] == {"dropped": 1}


async def test_two_servers_with_equal_options_treat_equal_requests_equally():
    """Whatever the order of the requests."""
    options = SimulatorOptions(seed=5, latency_s=0.001, rate_429=0.2, rate_500=0.2)
    questions = [f"What is {number} + {number}?" for number in range(40)]
    first = await _statuses(options, questions)
    second = await _statuses(options, questions[::-1])
    assert first == second
    assert set(first.values()) == {200, 429, 500}


async def test_the_port_can_be_chosen_and_a_taken_one_is_an_os_error():
    async with serve(FAST) as url:
        port = int(url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match="address already in use"):
            async with serve(FAST, port=port):
                pass
    async with serve(FAST, port=port) as again:
        assert again == url


async def test_https_with_a_certificate_made_at_the_start(tmp_path):
    async with serve(FAST, tls_folder=tmp_path) as url, aiohttp.ClientSession() as session:
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(tmp_path / CERTIFICATE))
        async with session.get(f"{url}/models", ssl=trusted) as reply:
            assert reply.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{url}/models")


async def _statuses(options: SimulatorOptions, questions: list[str]) -> dict[str, int]:
    async with serve(options) as url, aiohttp.ClientSession() as session:

        async def ask(question: str) -> int:
            async with session.post(f"{url}/completions", json={"model": "small", "prompt": question}) as reply:
                return reply.status

        statuses = await asyncio.gather(*map(ask, questions))
    return dict(zip(questions, statuses, strict=True))


async def _stats(session: aiohttp.ClientSession, url: str) -> dict:
    async with session.get(url.removesuffix("/v1") + "/stats") as reply:
        return await reply.json()
