"""The simulated endpoint, as OpenAI's own client and a bare HTTP client see it."""

from __future__ import annotations

import asyncio

import aiohttp
import openai
import orjson
import pytest

from evalperf.simulator import SimulatorOptions, serve

FAST = SimulatorOptions(latency_s=0)
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 12 + 4 × 3?"}]


@pytest.fixture
async def url():
    async with serve(FAST) as base:
        yield base


@pytest.fixture
async def client(url):
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as opened:
        yield opened


@pytest.fixture
async def http(url):
    async with aiohttp.ClientSession(base_url=url.removesuffix("v1")) as session:
        yield session


class TestOpenAIClient:
    async def test_chat(self, client):
        reply = await client.chat.completions.create(model="large", messages=QUESTION)
        assert reply.choices[0].message.content == "12 + 4 × 3 = 24. The answer is 24."
        assert reply.choices[0].finish_reason == "stop"
        assert reply.model == "large"
        assert reply.object == "chat.completion"

    async def test_usage_counts_words_and_marks_of_all_messages(self, client):
        reply = await client.chat.completions.create(model="large", messages=QUESTION)
        assert reply.usage.prompt_tokens == 3 + 8  # Be brief . + What is 12 + 4 × 3 ?
        assert reply.usage.completion_tokens == 13  # 12 + 4 × 3 = 24 . The answer is 24 .
        assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens

    async def test_n_gives_so_many_choices(self, client):
        reply = await client.chat.completions.create(model="small", messages=QUESTION, n=3)
        assert [choice.index for choice in reply.choices] == [0, 1, 2]
        assert reply.usage.completion_tokens % 3 == 0

    async def test_max_tokens_truncates(self, client):
        reply = await client.chat.completions.create(model="large", messages=QUESTION, max_tokens=3)
        assert reply.choices[0].message.content == "12 + 4"
        assert reply.choices[0].finish_reason == "length"
        assert reply.usage.completion_tokens == 3

    async def test_stop_ends_the_answer(self, client):
        reply = await client.chat.completions.create(model="large", messages=QUESTION, stop=[" The"])
        assert reply.choices[0].message.content == "12 + 4 × 3 = 24."
        assert reply.choices[0].finish_reason == "stop"

    async def test_chat_stream_is_the_same_text_with_usage_at_the_end(self, client):
        stream = await client.chat.completions.create(
            model="large", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        assert chunks[0].choices[0].delta.role == "assistant"
        deltas = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(deltas) == "12 + 4 × 3 = 24. The answer is 24."
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
        assert chunks[-1].choices == []
        assert chunks[-1].usage.completion_tokens == 13

    async def test_stream_without_the_option_has_no_usage(self, client):
        stream = await client.chat.completions.create(model="large", messages=QUESTION, stream=True)
        assert not any(chunk.usage for chunk in [chunk async for chunk in stream])

    async def test_stream_of_several_choices(self, client):
        stream = await client.chat.completions.create(model="large", messages=QUESTION, stream=True, n=2)
        texts = {0: "", 1: ""}
        async for chunk in stream:
            texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
        assert texts[0] == texts[1] == "12 + 4 × 3 = 24. The answer is 24."

    async def test_completions_with_several_prompts(self, client):
        reply = await client.completions.create(model="large", prompt=["What is 2 + 3?", "Q: What is 2 × 3?\nA:"])
        assert [choice.text for choice in reply.choices] == [
            "2 + 3 = 5. The answer is 5.",
            "2 × 3 = 6. The answer is 6.",
        ]

    async def test_completions_stream(self, client):
        stream = await client.completions.create(model="large", prompt="What is 2 + 3?", stream=True)
        assert "".join([chunk.choices[0].text async for chunk in stream]) == "2 + 3 = 5. The answer is 5."

    async def test_content_in_parts(self, client):
        parts = [{"type": "text", "text": "What is 2"}, {"type": "text", "text": " + 3?"}]
        reply = await client.chat.completions.create(model="large", messages=[{"role": "user", "content": parts}])
        assert reply.choices[0].message.content.endswith("The answer is 5.")

    async def test_models(self, client):
        assert [model.id async for model in client.models.list()] == ["small", "large"]

    async def test_an_unknown_model(self, client):
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="huge", messages=QUESTION)
        assert caught.value.code == "model_not_found"

    async def test_missing_messages(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="large", messages=[])
        assert caught.value.type == "invalid_request_error"
        assert caught.value.param == "messages"

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            (SimulatorOptions(latency_s=0, rate_429=1), openai.RateLimitError),
            (SimulatorOptions(latency_s=0, rate_500=1), openai.InternalServerError),
            (SimulatorOptions(latency_s=0, rate_dropped=1), openai.APIConnectionError),
        ],
    )
    async def test_faults_are_the_client_s_own_errors(self, options, error):
        async with (
            serve(options) as url,
            openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client,
        ):
            with pytest.raises(error):
                await client.chat.completions.create(model="large", messages=QUESTION)
            with pytest.raises(error):
                await client.chat.completions.create(model="large", messages=QUESTION, stream=True)

    async def test_its_retries_recover(self):
        """Every content is refused half the time; five tries are enough for these."""
        options = SimulatorOptions(latency_s=0, rate_429=0.5, retry_after_s=0.001)
        async with (
            serve(options) as url,
            openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=20) as client,
        ):
            asked = [[{"role": "user", "content": f"What is {number} + 1?"}] for number in range(20)]
            replies = await asyncio.gather(
                *(client.chat.completions.create(model="large", messages=messages) for messages in asked)
            )
        assert [reply.choices[0].message.content.split()[-1] for reply in replies] == [
            f"{number + 1}." for number in range(20)
        ]


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
            assert await reply.json() == {"status": "ok", "models": ["small", "large"]}

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
