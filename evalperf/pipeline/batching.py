"""Providers and embedders that take many at once, behind the interface of those that take one."""

from __future__ import annotations

import asyncio
import random
import sys
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

from msgspec import UNSET, Struct

from evalperf import clock
from evalperf.cache import Cache, KeyMaker, Provenance
from evalperf.errors import ProviderError, StoppedError
from evalperf.pipeline.spending import EmbeddingSpending
from evalperf.providers import ConnectionStatistics, Provider
from evalperf.providers.embedding import Embeddings, RawEmbedder, Vector
from evalperf.records import Completion, Request, Spent, Usage
from evalperf.resilience import Batcher, BatchLimits, BatchRecord, RetryPolicy
from evalperf.scorers.asking import Embedded
from evalperf.scorers.spent import total_spent

__all__ = ["MAX_BATCH_BYTES", "BatchedEmbedder", "BatchedProvider", "TakesMany", "batched_embedder", "batched_provider"]

MAX_BATCH_BYTES = 1_000_000
"""Of text in one call for embeddings: OpenAI takes 300,000 tokens at most, of about four bytes each."""

FATAL = frozenset({"auth", "quota"})
"""Failures that all further calls would share."""


_FROM_CACHE = Spent(calls=0, cached=1, usage=Usage(0, 0), cost_usd=0.0)


@runtime_checkable
class TakesMany(Provider, Protocol):
    """A provider that answers many requests in one call; `isinstance` tells whether one does."""

    async def complete_many(self, requests: Sequence[Request]) -> list[Completion | ProviderError]:
        """An answer, or why there is none, for each request; raises ProviderError where the whole call failed."""


@asynccontextmanager
async def batched_provider(provider: TakesMany, limits: BatchLimits) -> AsyncIterator[BatchedProvider]:
    """The provider behind batches, which the end of the block sends and answers; the provider itself stays open."""
    async with Batcher(provider.complete_many, limits) as batcher:
        yield BatchedProvider(provider, batcher)


class BatchedProvider:
    """Answers requests one by one that travel together; a request's time includes its wait for the others."""

    def __init__(self, provider: Provider, batcher: Batcher[Request, Completion | ProviderError]) -> None:
        self.name = provider.name
        self.model = provider.model
        self.paid = provider.paid
        self.in_process = provider.in_process
        self._provider = provider
        self._batcher = batcher

    async def check(self) -> None:
        """As the provider inside."""
        await self._provider.check()

    async def complete(self, request: Request) -> Completion:
        """The answer to one request, out of a batch."""
        answer = await self._batcher.ask(request)
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    async def probe(self, within_s: float) -> ProviderError | None:
        """As the provider inside."""
        return await self._provider.probe(within_s)

    def connection_statistics(self) -> ConnectionStatistics | None:
        """As the provider inside."""
        return self._provider.connection_statistics()

    def history(self) -> tuple[BatchRecord, ...]:
        """The last batches."""
        return self._batcher.history()

    async def aclose(self) -> None:
        """Closes the provider inside."""
        await self._provider.aclose()


class _Part(Struct, frozen=True):
    """One text's part of a call."""

    vector: Vector[float]
    spent: Spent


@asynccontextmanager
async def batched_embedder(
    embedder: RawEmbedder,
    limits: BatchLimits,
    retry: RetryPolicy,
    *,
    rng: random.Random,
    cache: Cache | None = None,
    cost_usd: Callable[[Usage], float | None] = lambda _: None,
    spending: EmbeddingSpending | None = None,
    note: Callable[[int, Usage | None, float | None], None] = lambda *_: None,
) -> AsyncIterator[BatchedEmbedder]:
    """The embedder behind retries, batches and the cache of vectors; does not close what is inside.

    `note` hears of each answered call that is paid for: number of texts, usage, dollars.
    """
    calls = _Calls(embedder, retry, rng, cost_usd=cost_usd, spending=spending, note=note)
    async with Batcher(calls.send, limits, weigh=_bytes) as batcher:
        yield BatchedEmbedder(embedder, batcher, cache)


class BatchedEmbedder:
    """What a scorer sees of an embedder: texts asked for at the same time share calls, known ones cost none."""

    def __init__(self, embedder: RawEmbedder, batcher: Batcher[str, _Part], cache: Cache | None) -> None:
        self.name = embedder.name
        self.identity = embedder.identity
        self._batcher = batcher
        self._cache = cache
        # vectors are kept as this machine holds them
        self._key = KeyMaker("embedding", {"embedder": embedder.identity, "byteorder": sys.byteorder})

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text, in order; raises ProviderError for the first text without one.

        Raises StoppedError where the endpoint refuses the credentials or the quota is used up: no text would do better.
        """
        if self._cache is None:
            parts: list[_Part] = await self._batcher.ask_many(texts)
        else:
            # all are awaited: a text that fails must not leave the calls for the others without an owner
            found = await asyncio.gather(*(self._find(text, self._cache) for text in texts), return_exceptions=True)
            parts = [_or_raise(one) for one in found]
        spent = total_spent(part.spent for part in parts)
        return Embedded([part.vector for part in parts], Spent(calls=0) if spent is None else spent)

    def history(self) -> tuple[BatchRecord, ...]:
        """The last batches."""
        return self._batcher.history()

    async def _find(self, text: str, cache: Cache) -> _Part:
        asked: list[_Part] = []

        async def ask() -> bytes:
            asked.append(await self._batcher.ask(text))
            return asked[0].vector.tobytes()

        def provenance(_: bytes) -> Provenance:
            return Provenance(model=self.name, cost_usd=asked[0].spent.cost_usd if asked else None)

        raw, _ = await cache.get_or_call(self._key(text), ask, provenance=provenance)
        return asked[0] if asked else _Part(array("f", raw), _FROM_CACHE)


class _Calls:
    """Makes the calls, again where that may help, and divides what they cost among the texts."""

    def __init__(
        self,
        embedder: RawEmbedder,
        retry: RetryPolicy,
        rng: random.Random,
        *,
        cost_usd: Callable[[Usage], float | None],
        spending: EmbeddingSpending | None,
        note: Callable[[int, Usage | None, float | None], None],
    ) -> None:
        self._embedder = embedder
        self._retry = retry
        self._rng = rng
        self._cost_usd = cost_usd
        self._spending = spending
        self._note = note

    async def send(self, texts: Sequence[str]) -> list[_Part]:
        """The vectors of a batch; raises ProviderError once no further attempt is worth it."""
        attempts = 0
        while True:
            sent_s = clock.now()
            try:
                embeddings = await self._charged(texts)
            except ProviderError as error:
                attempts += 1
                if error.kind in FATAL:
                    raise StoppedError(f"embedder {self._embedder.name}: {error.message}", hint=error.hint) from error
                delay_s = self._retry.delay_s(error, attempts, self._rng.random())
                if delay_s is None:
                    raise
                await asyncio.sleep(delay_s)
            else:
                return self._divided(texts, embeddings, clock.now() - sent_s)

    async def _charged(self, texts: Sequence[str]) -> Embeddings:
        """One call, charged and noted where somebody is paid."""
        if not self._embedder.paid:
            return await self._embedder.embed(texts)
        embeddings = await self._within_budget(texts)
        self._note(len(texts), embeddings.usage, self._cost(embeddings.usage))
        return embeddings

    async def _within_budget(self, texts: Sequence[str]) -> Embeddings:
        if self._spending is None:
            return await self._embedder.embed(texts)
        reserved = await self._spending.reserve(texts)
        embeddings: Embeddings | None = None
        try:
            embeddings = await self._embedder.embed(texts)
        finally:
            usage = None if embeddings is None else embeddings.usage
            self._spending.settle(reserved, texts, usage, answered=embeddings is not None)
        return embeddings

    def _divided(self, texts: Sequence[str], embeddings: Embeddings, latency_s: float) -> list[_Part]:
        """Tokens go by length and time evenly; the first text bears the call, so that all sums are right."""
        tokens = _shares(embeddings.usage, [_bytes(text) for text in texts])
        return [
            _Part(vector, self._share(usage, latency_s / len(texts), first=place == 0))
            for place, (vector, usage) in enumerate(zip(embeddings.vectors, tokens, strict=True))
        ]

    def _share(self, usage: Usage | None, latency_s: float, *, first: bool) -> Spent:
        cost_usd = self._cost(usage)
        paid = self._embedder.paid
        return Spent(
            calls=1 if first else 0,
            latency_s=latency_s,
            usage=usage,
            cost_usd=cost_usd,
            embedded_tokens=usage.input_tokens if paid and usage is not None else UNSET,
            embedded_usd=cost_usd if paid and cost_usd is not None else UNSET,
        )

    def _cost(self, usage: Usage | None) -> float | None:
        if not self._embedder.paid:
            return 0.0
        return None if usage is None else self._cost_usd(usage)


def _shares(usage: Usage | None, weights: Sequence[int]) -> list[Usage | None]:
    """Whole tokens in proportion to the weights, with the right sum: differences of the rounded running total."""
    if usage is None:
        return [None] * len(weights)
    total = sum(weights)
    shares: list[Usage | None] = []
    before = running = 0
    for weight in weights:
        running += weight
        upto = usage.input_tokens * running // total
        shares.append(Usage(upto - before, 0))
        before = upto
    return shares


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) + 1


def _or_raise(found: _Part | BaseException) -> _Part:
    if isinstance(found, BaseException):
        raise found
    return found
