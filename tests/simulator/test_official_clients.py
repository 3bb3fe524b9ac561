"""The simulated endpoint, as the vendors' own clients see it."""

from __future__ import annotations

import asyncio

import anthropic
import openai
import pytest

from evalperf.simulator import LimitOptions, SimulatorOptions, serve

FAST = SimulatorOptions(latency_s=0)
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 12 + 4 × 3?"}]
TURNS = QUESTION[1:]
ANSWER = "12 + 4 × 3 = 24. The answer is 24."
ANSWER_TOKENS = 13  # 12 + 4 × 3 = 24 . The answer is 24 .


@pytest.fixture
async def url():
    async with serve(FAST) as base:
        yield base


@pytest.fixture
async def client(url):
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as opened:
        yield opened


@pytest.fixture
async def claude(url):
    async with anthropic.AsyncAnthropic(base_url=url.removesuffix("/v1"), api_key="none", max_retries=0) as opened:
        yield opened


class TestOpenAICompletions:
    async def test_chat(self, client):
        reply = await client.chat.completions.create(model="large", messages=QUESTION)
        assert reply.choices[0].message.content == ANSWER
        assert reply.choices[0].finish_reason == "stop"
        assert reply.model == "large"
        assert reply.object == "chat.completion"

    async def test_usage_counts_words_and_marks_of_all_messages(self, client):
        reply = await client.chat.completions.create(model="large", messages=QUESTION)
        assert reply.usage.prompt_tokens == 3 + 8  # Be brief . + What is 12 + 4 × 3 ?
        assert reply.usage.completion_tokens == ANSWER_TOKENS
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
        assert "".join(deltas) == ANSWER
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
        assert chunks[-1].choices == []
        assert chunks[-1].usage.completion_tokens == ANSWER_TOKENS

    async def test_stream_without_the_option_has_no_usage(self, client):
        stream = await client.chat.completions.create(model="large", messages=QUESTION, stream=True)
        assert not any(chunk.usage for chunk in [chunk async for chunk in stream])

    async def test_stream_of_several_choices(self, client):
        stream = await client.chat.completions.create(model="large", messages=QUESTION, stream=True, n=2)
        texts = {0: "", 1: ""}
        async for chunk in stream:
            texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
        assert texts[0] == texts[1] == ANSWER

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
        assert [model.id async for model in client.models.list()] == ["small", "large", "judge", "embedding"]

    async def test_an_unknown_model(self, client):
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="huge", messages=QUESTION)
        assert caught.value.code == "model_not_found"

    async def test_missing_messages(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="large", messages=[])
        assert caught.value.type == "invalid_request_error"
        assert caught.value.param == "messages"


class TestOpenAIResponses:
    async def test_whole(self, client):
        reply = await client.responses.create(model="large", input="What is 12 + 4 × 3?", instructions="Be brief.")
        assert reply.output_text == ANSWER
        assert reply.status == "completed"
        assert reply.usage.output_tokens == ANSWER_TOKENS
        assert reply.usage.total_tokens == reply.usage.input_tokens + ANSWER_TOKENS

    async def test_a_conversation_as_items(self, client):
        parts = [{"type": "input_text", "text": "What is 2"}, {"type": "input_text", "text": " + 3?"}]
        reply = await client.responses.create(model="large", input=[{"role": "user", "content": parts}])
        assert reply.output_text.endswith("The answer is 5.")

    async def test_max_output_tokens_makes_it_incomplete(self, client):
        reply = await client.responses.create(model="large", input=TURNS, max_output_tokens=3)
        assert reply.output_text == "12 + 4"
        assert reply.status == "incomplete"
        assert reply.incomplete_details.reason == "max_output_tokens"

    async def test_a_stream_is_the_same_text_and_ends_with_the_whole(self, client):
        stream = await client.responses.create(model="large", input=TURNS, stream=True)
        events = [event async for event in stream]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER
        assert events[0].type == "response.created"
        assert events[-1].type == "response.completed"
        assert events[-1].response.output_text == ANSWER

    async def test_the_client_s_own_accumulation_of_a_stream(self, client):
        async with client.responses.stream(model="large", input=TURNS) as stream:
            final = await stream.get_final_response()
        assert final.output_text == ANSWER


class TestOpenAIEmbeddings:
    async def test_texts_that_share_words_are_near_each_other(self, client):
        texts = ["a cat on the mat", "the cat on a mat", "quarterly revenue grew"]
        reply = await client.embeddings.create(model="embedding", input=texts)
        same, other = (_dot(reply.data[0].embedding, reply.data[index].embedding) for index in (1, 2))
        assert same == pytest.approx(1, abs=1e-6)
        assert other < 0.5
        assert reply.usage.prompt_tokens == 13

    @pytest.mark.parametrize("encoding_format", ["float", "base64"])
    async def test_dimensions_and_encodings(self, client, encoding_format):
        reply = await client.embeddings.create(
            model="embedding", input="one text", dimensions=32, encoding_format=encoding_format
        )
        packed = reply.data[0].embedding
        assert len(packed) == (32 if encoding_format == "float" else 172)  # 128 bytes

    async def test_another_model_makes_none(self, client):
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="large", input="one text")

    async def test_no_text_is_a_bad_request(self, client):
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model="embedding", input=[])


class TestOpenAIErrors:
    async def test_a_wrong_key(self):
        async with serve(SimulatorOptions(latency_s=0, api_key="right")) as url:
            async with openai.AsyncOpenAI(base_url=url, api_key="wrong", max_retries=0) as client:
                with pytest.raises(openai.AuthenticationError) as caught:
                    await client.chat.completions.create(model="large", messages=QUESTION)
                assert caught.value.code == "invalid_api_key"
                with pytest.raises(openai.AuthenticationError):
                    await client.models.list()
            async with openai.AsyncOpenAI(base_url=url, api_key="right", max_retries=0) as client:
                assert (await client.models.retrieve("large")).id == "large"

    @pytest.mark.parametrize(
        ("fault", "error", "status"),
        [
            ("rate_429", openai.RateLimitError, 429),
            ("rate_500", openai.InternalServerError, 500),
            ("rate_overloaded", openai.InternalServerError, 503),
        ],
    )
    async def test_faults_are_the_client_s_own_errors(self, fault, error, status):
        async with (
            serve(SimulatorOptions(latency_s=0, **{fault: 1})) as url,
            openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client,
        ):
            for stream in (False, True):
                with pytest.raises(error) as caught:
                    await client.chat.completions.create(model="large", messages=QUESTION, stream=stream)
                assert caught.value.status_code == status
                assert caught.value.request_id.startswith("req_")
            with pytest.raises(error):
                await client.responses.create(model="large", input="What is 2 + 3?")

    async def test_a_cut_connection(self):
        async with (
            serve(SimulatorOptions(latency_s=0, rate_dropped=1)) as url,
            openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client,
        ):
            for stream in (False, True):
                with pytest.raises(openai.APIConnectionError):
                    await client.chat.completions.create(model="large", messages=QUESTION, stream=stream)

    async def test_a_model_that_is_not_there_can_be_asked_for(self, client):
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("huge")

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

    async def test_a_limit_that_is_hit_is_waited_for(self):
        """2 at once and 20/s: the client reads the headers and comes back in time."""
        options = SimulatorOptions(latency_s=0, limit=LimitOptions(requests_per_s=20, burst=2))
        async with (
            serve(options) as url,
            openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=20) as client,
        ):
            raw = await client.chat.completions.with_raw_response.create(model="small", messages=QUESTION)
            assert raw.headers["x-ratelimit-limit-requests"] == "1200"
            replies = await asyncio.gather(
                *(client.completions.create(model="small", prompt=f"What is {number} + 1?") for number in range(6))
            )
        assert len(replies) == 6


class TestAnthropic:
    async def test_a_message(self, claude):
        reply = await claude.messages.create(model="large", max_tokens=100, system="Be brief.", messages=TURNS)
        assert reply.content[0].text == ANSWER
        assert reply.stop_reason == "end_turn"
        assert reply.usage.input_tokens == 3 + 8  # Be brief . + What is 12 + 4 × 3 ?
        assert reply.usage.output_tokens == ANSWER_TOKENS

    async def test_max_tokens_and_stop_sequences_end_it(self, claude):
        reply = await claude.messages.create(model="large", max_tokens=3, messages=TURNS)
        assert (reply.content[0].text, reply.stop_reason) == ("12 + 4", "max_tokens")
        reply = await claude.messages.create(model="large", max_tokens=99, messages=TURNS, stop_sequences=[" The"])
        assert reply.content[0].text == "12 + 4 × 3 = 24."
        assert (reply.stop_reason, reply.stop_sequence) == ("stop_sequence", " The")

    async def test_blocks_of_text(self, claude):
        blocks = [{"type": "text", "text": "What is 2"}, {"type": "text", "text": " + 3?"}]
        reply = await claude.messages.create(
            model="large", max_tokens=99, messages=[{"role": "user", "content": blocks}], system=[blocks[0]]
        )
        assert reply.content[0].text.endswith("The answer is 5.")

    async def test_a_stream_is_the_same_message(self, claude):
        async with claude.messages.stream(model="large", max_tokens=100, messages=TURNS) as stream:
            assert "".join([text async for text in stream.text_stream]) == ANSWER
            final = await stream.get_final_message()
        assert final.content[0].text == ANSWER
        assert final.stop_reason == "end_turn"
        assert final.usage.output_tokens == ANSWER_TOKENS

    async def test_raw_events_come_in_the_vendor_s_order(self, claude):
        stream = await claude.messages.create(model="large", max_tokens=100, messages=TURNS, stream=True)
        kinds = [event.type async for event in stream]
        assert kinds[0] == "message_start"
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]

    async def test_models(self, claude):
        listed = [model async for model in claude.models.list()]
        assert [model.id for model in listed] == ["small", "large", "judge", "embedding"]
        assert (await claude.models.retrieve("large")).created_at.year >= 2026

    async def test_what_is_not_there_and_what_is_not_right(self, claude):
        with pytest.raises(anthropic.NotFoundError) as caught:
            await claude.messages.create(model="huge", max_tokens=9, messages=TURNS)
        assert caught.value.body["error"]["type"] == "not_found_error"
        with pytest.raises(anthropic.BadRequestError) as refused:
            await claude.messages.create(model="large", max_tokens=9, messages=[])
        assert refused.value.body["error"]["type"] == "invalid_request_error"

    async def test_a_wrong_key(self):
        async with (
            serve(SimulatorOptions(latency_s=0, api_key="right")) as url,
            anthropic.AsyncAnthropic(base_url=url.removesuffix("/v1"), api_key="wrong", max_retries=0) as claude,
        ):
            with pytest.raises(anthropic.AuthenticationError) as caught:
                await claude.messages.create(model="large", max_tokens=9, messages=TURNS)
        assert caught.value.body["error"]["type"] == "authentication_error"

    @pytest.mark.parametrize(
        ("fault", "error", "status", "kind"),
        [
            ("rate_429", anthropic.RateLimitError, 429, "rate_limit_error"),
            ("rate_500", anthropic.InternalServerError, 500, "api_error"),
            ("rate_overloaded", anthropic.APIStatusError, 529, "overloaded_error"),
        ],
    )
    async def test_faults_are_the_client_s_own_errors(self, fault, error, status, kind):
        async with (
            serve(SimulatorOptions(latency_s=0, **{fault: 1})) as url,
            anthropic.AsyncAnthropic(base_url=url.removesuffix("/v1"), api_key="none", max_retries=0) as claude,
        ):
            for stream in (False, True):
                with pytest.raises(error) as caught:
                    await claude.messages.create(model="large", max_tokens=9, messages=TURNS, stream=stream)
                assert caught.value.status_code == status
                assert caught.value.body["error"]["type"] == kind
                assert caught.value.request_id == caught.value.body["request_id"]

    async def test_the_headers_of_its_limits(self):
        options = SimulatorOptions(latency_s=0, limit=LimitOptions(requests_per_s=0.01, dialect="anthropic"))
        async with (
            serve(options) as url,
            anthropic.AsyncAnthropic(base_url=url.removesuffix("/v1"), api_key="none", max_retries=0) as claude,
        ):
            await claude.messages.create(model="large", max_tokens=9, messages=TURNS)
            with pytest.raises(anthropic.RateLimitError) as caught:
                await claude.messages.create(model="large", max_tokens=9, messages=TURNS)
        assert caught.value.response.headers["retry-after"] == "100"
        assert caught.value.response.headers["anthropic-ratelimit-requests-limit"] == "1"


def _dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
