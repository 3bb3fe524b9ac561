"""Providers and embedders that take many, behind the interface of those that take one; on virtual time."""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.cache import Cache, open_cache
from evalperf.config.batches import BatchingConfig
from evalperf.config.cache import TieredCacheConfig
from evalperf.config.embedders import LocalEmbedder
from evalperf.config.scorers import SemanticScorer
from evalperf.errors import ProviderError, StoppedError
from evalperf.pipeline.batching import BatchedEmbedder, _shares, batched_embedder, batched_provider
from evalperf.providers.embedding import Embeddings, open_embedder
from evalperf.records import Completion, Request, Spent, Usage
from evalperf.resilience import BatchLimits, RetryPolicy
from evalperf.scorers import open_scorers
from tests.scorers.samples import make_case, make_response
from tests.support.asking import EmbedderModels
from tests.support.requests import make_request
from tests.support.static_model import write_model
from tests.support.virtual_loop import run_virtual

RETRY = RetryPolicy(attempts=3, base_s=1.0, max_s=10.0, retry_after_max_s=60.0)


class Many:
    """Answers lists after a second."""

    name, model, paid, in_process = "many", "m", True, False

    def __init__(
        self, answer: Callable[[str], Completion | ProviderError] = lambda text: Completion(text=text)
    ) -> None:
        self._answer = answer
        self.sizes: list[int] = []
        self.closed = False

    async def check(self) -> None: ...

    async def complete(self, request: Request) -> Completion:
        raise AssertionError("asked for one")

    async def complete_many(self, requests: Sequence[Request]) -> list[Completion | ProviderError]:
        self.sizes.append(len(requests))
        await asyncio.sleep(1)
        return [self._answer(request.case.id) for request in requests]

    async def probe(self, within_s: float) -> ProviderError | None:
        return ProviderError("connection", "probed")

    def connection_statistics(self) -> None: ...

    async def aclose(self) -> None:
        self.closed = True


class Lengths:
    """The vector of a text is its length; a call costs a token a character, and fails as long as `failures` last."""

    def __init__(
        self,
        failures: Sequence[ProviderError] = (),
        *,
        paid: bool = True,
        usage: bool = True,
        refused: str | None = None,
    ) -> None:
        self.name, self.identity, self.paid = "lengths", "lengths 1", paid
        self._failures = list(failures)
        self._usage = usage
        self._refused = refused
        self.asked: list[list[str]] = []

    async def check(self) -> None: ...

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.asked.append(list(texts))
        await asyncio.sleep(1)
        if self._refused in texts:
            raise ProviderError("rejected", f"no {self._refused}", status=400)
        if self._failures:
            raise self._failures.pop(0)
        usage = Usage(sum(map(len, texts)), 0) if self._usage else None
        return Embeddings(vectors=[array("f", [len(text)]) for text in texts], usage=usage)

    async def aclose(self) -> None: ...


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def limits(**config: Any) -> BatchLimits:
    return BatchLimits.from_config(BatchingConfig(**config), most=100)


@virtual
async def test_requests_of_many_workers_share_a_call() -> None:
    many = Many()
    async with batched_provider(many, limits()) as provider:
        found = await asyncio.gather(*(provider.complete(make_request(text)) for text in "abc"))
        assert (provider.name, provider.model, provider.paid, provider.in_process) == ("many", "m", True, False)
        assert [(record.size, record.ok) for record in provider.history()] == [(3, True)]
        assert str(await provider.probe(1)) == "probed"
        await provider.aclose()
    assert [completion.text for completion in found] == ["id-a", "id-b", "id-c"]
    assert (many.sizes, many.closed) == ([3], True)


@virtual
async def test_an_answer_that_is_none_fails_its_own_request_only() -> None:
    no = ProviderError("provider", "odd")
    many = Many(lambda case_id: no if case_id == "id-b" else Completion(text="fine"))
    async with batched_provider(many, limits()) as provider:
        found = await asyncio.gather(*(provider.complete(make_request(t)) for t in "abc"), return_exceptions=True)
    assert [type(one) for one in found] == [Completion, ProviderError, Completion]
    assert many.sizes == [3]


def test_the_limits_are_those_of_the_configuration() -> None:
    assert limits(max_batch_wait_ms=250, max_concurrent_batches=2, target_batch_s=1, target_batch_success=0.9) == (
        BatchLimits(max_wait_s=0.25, max_concurrent=2, most=100, target_s=1, target_success=0.9)
    )


def opened(raw: Lengths, cache: Any = None, **fields: Any) -> Any:
    return batched_embedder(raw, limits(), RETRY, rng=random.Random(1), cache=cache, **fields)


def vectors_cache() -> AbstractAsyncContextManager[Cache]:
    return open_cache(TieredCacheConfig(disk=False), "embeddings", Path())


async def embedded(embedder: BatchedEmbedder, *requests: Sequence[str]) -> list[Any]:
    return await asyncio.gather(*(embedder.embed(texts) for texts in requests), return_exceptions=True)


@virtual
async def test_texts_of_many_scorers_share_a_call_and_what_it_costs() -> None:
    raw = Lengths()
    async with opened(raw, cost_usd=lambda usage: usage.input_tokens * 0.5) as embedder:
        one, other = await embedded(embedder, ["a", "bb"], ["ccc", "dddd"])
    assert raw.asked == [["a", "bb", "ccc", "dddd"]]
    assert [list(vector) for vector in (*one.vectors, *other.vectors)] == [[1], [2], [3], [4]]
    assert (one.spent.calls, other.spent.calls) == (1, 0)
    assert one.spent.usage.input_tokens + other.spent.usage.input_tokens == 10
    assert one.spent.latency_s + other.spent.latency_s == pytest.approx(1)
    assert one.spent.cost_usd + other.spent.cost_usd == 5.0


@virtual
async def test_what_nobody_counted_is_not_known() -> None:
    async with opened(Lengths(usage=False), cost_usd=lambda _: 1.0) as embedder:
        (one,) = await embedded(embedder, ["a"])
    assert (one.spent.usage, one.spent.cost_usd) == (None, None)


@virtual
async def test_what_is_computed_here_costs_nothing() -> None:
    async with opened(Lengths(paid=False)) as embedder:
        (one,) = await embedded(embedder, ["a"])
    assert one.spent.cost_usd == 0.0


@virtual
async def test_a_failure_that_may_pass_is_tried_again_as_a_whole() -> None:
    raw = Lengths([ProviderError("rate_limited", "slow", retryable=True, retry_after_s=7)])
    async with opened(raw) as embedder:
        (one,) = await embedded(embedder, ["a", "b"])
    assert [list(vector) for vector in one.vectors] == [[1], [1]]
    assert raw.asked == [["a", "b"], ["a", "b"]]
    assert asyncio.get_running_loop().time() >= 9


@virtual
async def test_after_the_last_attempt_the_texts_fail() -> None:
    raw = Lengths([ProviderError("rate_limited", "slow", retryable=True)] * 3)
    async with opened(raw) as embedder:
        (one,) = await embedded(embedder, ["a", "b"])
    assert isinstance(one, ProviderError)
    assert len(raw.asked) == 3


@virtual
async def test_credentials_that_are_refused_end_the_run() -> None:
    async with opened(Lengths([ProviderError("auth", "who are you?")])) as embedder:
        one, other = await embedded(embedder, ["a"], ["b"])
    assert [type(one), type(other)] == [StoppedError, StoppedError]


@virtual
async def test_known_texts_come_from_the_cache_and_cost_nothing() -> None:
    raw = Lengths()
    async with vectors_cache() as cache, opened(raw, cache, cost_usd=lambda _: 1.0) as embedder:
        await embedded(embedder, ["a"])
        (one,) = await embedded(embedder, ["a", "bb"])
    assert raw.asked == [["a"], ["bb"]]
    assert [list(vector) for vector in one.vectors] == [[1], [2]]
    assert one.spent == Spent(
        calls=1, cached=1, latency_s=1.0, usage=Usage(2, 0), cost_usd=1.0, embedded_tokens=2, embedded_usd=1.0
    )


@virtual
async def test_a_text_that_fails_leaves_no_call_without_an_owner() -> None:
    raw = Lengths(refused="bad")
    async with vectors_cache() as cache, opened(raw, cache) as embedder:
        before = asyncio.all_tasks()
        with pytest.raises(ProviderError, match="no bad"):
            await embedder.embed(["bad", "good"])
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before


@virtual
async def test_the_same_text_asked_for_by_two_at_once_is_one_call() -> None:
    raw = Lengths()
    async with vectors_cache() as cache, opened(raw, cache) as embedder:
        one, other = await embedded(embedder, ["a"], ["a"])
    assert raw.asked == [["a"]]
    assert [(one.spent.calls, one.spent.cached), (other.spent.calls, other.spent.cached)] == [(1, 0), (0, 1)]


async def test_a_model_in_a_folder_serves_the_semantic_scorer(tmp_path: Path) -> None:
    """The whole way: configuration, model, batches, cosine."""
    write_model(tmp_path / "model")
    section = LocalEmbedder(type="local", path="model")
    config = SemanticScorer(type="semantic", embedder=section, threshold=0.5)
    async with (
        open_embedder(section, tmp_path) as raw,
        batched_embedder(raw, limits(max_batch_wait_ms=1), RETRY, rng=random.Random(1)) as embedder,
        open_scorers([config], tmp_path, EmbedderModels(embedder)) as (scorer,),
    ):
        found = await asyncio.gather(
            *(scorer.score(make_case("the cat"), make_response(text)) for text in ("kitten", "car", "xyzzy"))
        )
    assert [score.passed for score in found] == [True, False, None]
    assert sum(score.spent.calls for score in found) == 1
    assert {score.spent.cost_usd for score in found} == {0.0}


@given(st.lists(st.text(max_size=20), min_size=1, max_size=30), st.integers(0, 1000))
def test_the_parts_of_a_call_s_tokens_are_its_tokens(texts: list[str], tokens: int) -> None:
    shares = _shares(Usage(tokens, 0), [len(text) + 1 for text in texts])
    assert sum(share.input_tokens for share in shares if share is not None) == tokens
    assert all(share is not None and share.input_tokens >= 0 for share in shares)
