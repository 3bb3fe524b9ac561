"""Calls through the caller, charged to a budget: answers, failures, fallbacks, replays and embeddings."""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from evalperf.config.model import FunctionProvider, OpenAIProvider
from evalperf.errors import ProviderError, StoppedError
from evalperf.pipeline.batching import batched_embedder
from evalperf.pipeline.spending import EmbeddingSpending, Spending
from evalperf.providers import Unreachable
from evalperf.providers.embedding import Embeddings
from evalperf.records import Call, Completion, Response, Unanswered, Usage
from evalperf.resilience import BatchLimits, Budget, RetryPolicy
from tests.support.fakes import FakeJournal, ScriptedProvider, caller, job, request
from tests.support.virtual_loop import run_virtual

ONCE = RetryPolicy(attempts=1, base_s=0.5, max_s=4.0, retry_after_max_s=60.0)


def section(input_usd: float | None = 1.0, output_usd: float = 2.0, **more: Any) -> FunctionProvider:
    prices = None if input_usd is None else {"input_usd_per_mtok": input_usd, "output_usd_per_mtok": output_usd}
    return FunctionProvider.model_validate({"type": "function", "call": "a:b", "prices": prices, **more})


def plenty() -> Budget:
    return Budget(max_tokens=10**9, max_cost_usd=None)


def used(input_tokens: int, output_tokens: int) -> Completion:
    return Completion(text="42", usage=Usage(input_tokens, output_tokens))


def response(completion: Completion, *, fallback: bool = False) -> Response:
    return Response(completion=completion, call=Call(fallback=fallback))


async def spent_by(happens: Completion | ProviderError, *, journal: FakeJournal | None = None) -> tuple[Any, Budget]:
    """One attempt of one case."""
    budget, one = plenty(), job()
    provider = ScriptedProvider(lambda _, __: happens)
    calls = caller([provider], spending=budget, policy=ONCE, journal=journal)
    return await calls.attempt(one, request(one)), budget


def test_an_answer_costs_what_it_has_used() -> None:
    async def work() -> None:
        _, budget = await spent_by(used(100, 11))
        assert (budget.spent_tokens, budget.assumed_tokens) == (111, 0)

    run_virtual(work())


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("rejected", "no", status=400),
        ProviderError("server_error", "busy", status=503, retryable=True),
        Unreachable("connection", "refused", retryable=True),
    ],
)
def test_an_attempt_that_was_refused_costs_nothing(error: ProviderError) -> None:
    async def work() -> None:
        outcome, budget = await spent_by(error)
        assert isinstance(outcome, Unanswered)
        assert budget.spent_tokens == 0

    run_virtual(work())


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("timeout", "too slow", retryable=True),
        ProviderError("connection", "the stream broke off", retryable=True),
        ProviderError("empty", "no text", status=200),
    ],
)
def test_an_attempt_that_may_have_been_billed_counts_with_its_estimate(error: ProviderError) -> None:
    async def work() -> None:
        _, budget = await spent_by(error)
        assert budget.spent_tokens == budget.assumed_tokens > 0

    run_virtual(work())


def test_a_call_that_is_cancelled_on_the_wire_counts_with_its_estimate() -> None:
    async def work() -> None:
        budget, one = plenty(), job()
        calls = caller([ScriptedProvider(lambda _, __: used(1, 1), latency_s=10)], spending=budget)
        task = asyncio.create_task(calls.attempt(one, request(one)))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert budget.spent_tokens == budget.assumed_tokens > 0

    run_virtual(work())


def test_an_answer_without_usage_counts_with_its_estimate() -> None:
    async def work() -> None:
        _, budget = await spent_by(Completion(text="42"))
        assert budget.spent_tokens == budget.assumed_tokens > 0

    run_virtual(work())


def test_an_answer_that_an_earlier_process_has_bought_is_charged_once_and_not_asked_again() -> None:
    async def work() -> None:
        kept = msgspec.json.encode(response(used(100, 11)))
        _, budget = await spent_by(ProviderError("rejected", "no"), journal=FakeJournal({(1, 1): kept}))
        assert budget.spent_tokens == 111

    run_virtual(work())


def test_a_budget_that_is_used_up_stops_the_run_and_says_how_to_go_on() -> None:
    async def work() -> None:
        one = job()
        provider = ScriptedProvider(lambda _, __: used(1, 1))
        calls = caller([provider], spending=Budget(max_tokens=10, max_cost_usd=None))
        with pytest.raises(StoppedError, match="0 of 10 tokens are spent, and the next call may take") as raised:
            await calls.attempt(one, request(one))
        assert raised.value.hint == "raise budget.max_tokens, then continue with --resume"
        assert not provider.asked

    run_virtual(work())


def test_the_first_answer_is_awaited_where_nothing_bounds_answers() -> None:
    """A thousand calls whose length nobody knows would be a thousand times the error."""

    async def work() -> None:
        provider = ScriptedProvider(lambda _, __: used(10, 20_000), latency_s=1)
        budget = Budget(max_tokens=100_000, max_cost_usd=None)
        calls = caller([provider], spending=budget)
        jobs = [job(seq) for seq in range(1, 51)]
        outcomes = await asyncio.gather(*(calls.attempt(one, request(one)) for one in jobs), return_exceptions=True)
        assert provider.most_in_flight <= 5
        assert budget.spent_tokens <= 100_000
        assert sum(isinstance(outcome, Response) for outcome in outcomes) == 4
        assert all(isinstance(outcome, Response | StoppedError) for outcome in outcomes)

    run_virtual(work())


def test_calls_go_on_one_by_one_until_one_is_answered() -> None:
    async def work() -> None:
        errors = iter([ProviderError("rejected", "no", status=400)] * 3)
        provider = ScriptedProvider(lambda _, __: next(errors, used(10, 10)), latency_s=1)
        calls = caller([provider], spending=plenty())
        jobs = [job(seq) for seq in range(1, 11)]
        started = asyncio.get_running_loop().time()
        outcomes = await asyncio.gather(*(calls.attempt(one, request(one)) for one in jobs))
        assert sum(isinstance(outcome, Response) for outcome in outcomes) == 7
        assert asyncio.get_running_loop().time() - started == pytest.approx(5.0)  # 3 failures, 1 answer, 6 at once

    run_virtual(work())


def test_where_max_tokens_bounds_answers_nobody_waits() -> None:
    async def work() -> None:
        spending = Spending(section(), plenty())
        reserved = await asyncio.gather(*(spending.reserve(400, 1000) for _ in range(3)))
        assert [one.tokens for one in reserved if one is not None] == [1100] * 3

    run_virtual(work())


def test_a_fallback_is_priced_as_itself_and_the_dearer_one_is_held_back() -> None:
    async def work() -> None:
        budget = Budget(max_tokens=None, max_cost_usd=100.0)
        spending = Spending(section(1.0, 1.0), budget, fallback=section(10.0, 10.0))
        million = used(500_000, 500_000)
        assert (spending.cost_usd(million), spending.cost_usd(million, fallback=True)) == (1.0, 10.0)
        reserved = await spending.reserve(400, 900)
        assert reserved is not None
        assert reserved.cost_usd == pytest.approx(0.01)
        spending.settle(reserved, 400, response(million, fallback=True))
        assert budget.spent_usd == 10.0

    run_virtual(work())


def test_an_unknown_price_is_no_price() -> None:
    spending = Spending(section(None), None)
    assert spending.cost_usd(used(5, 5)) is None


def test_a_prompt_longer_than_the_list_goes_counts_at_the_known_rates() -> None:
    """Its cost stays unknown in the results; the budget must count something."""

    async def work() -> None:
        provider = OpenAIProvider.model_validate(
            {"type": "openai", "model": "gpt-5.4", "endpoints": [{"url": "https://api.openai.com/v1"}]}
        )
        budget = Budget(max_tokens=None, max_cost_usd=100.0)
        spending = Spending(provider, budget)
        long = used(1_000_000, 0)
        assert spending.cost_usd(long) is None
        spending.settle(await spending.reserve(4_000_000, 10), 4_000_000, response(long))
        assert budget.spent_usd == pytest.approx(2.5)

    run_virtual(work())


class Embedding:
    """Embeds everything to the same vector, 10 tokens a text."""

    name = "e"
    identity = "e"
    paid = True

    def __init__(self) -> None:
        self.calls = 0

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.calls += 1
        return Embeddings(vectors=[array("f", [1.0])] * len(texts), usage=Usage(10 * len(texts), 0))


@pytest.mark.parametrize(("max_tokens", "embedded"), [(1000, True), (20, False)])
def test_embeddings_are_charged_too(max_tokens: int, embedded: bool) -> None:
    async def work() -> None:
        budget, raw = Budget(max_tokens=max_tokens, max_cost_usd=None), Embedding()
        spending = EmbeddingSpending(section(), budget)
        limits = BatchLimits(most=8, max_concurrent=1, max_wait_s=0.01)
        async with batched_embedder(raw, limits, ONCE, rng=random.Random(1), spending=spending) as embedder:  # type: ignore[arg-type]
            if embedded:
                await embedder.embed(["x" * 40] * 3)
                assert budget.spent_tokens == 30
            else:
                with pytest.raises(StoppedError, match="the budget is used up"):
                    await embedder.embed(["x" * 40] * 3)
                assert raw.calls == 0

    run_virtual(work())
