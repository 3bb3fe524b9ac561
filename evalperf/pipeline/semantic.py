"""Answers to nearly the same question: what a request asks, and under which earlier key its answer may be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from evalperf.cache import CacheBackend, KeyMaker, Warn
from evalperf.cache.semantic import SemanticCache, SemanticStatistics
from evalperf.config.cache import CacheConfig
from evalperf.config.semantic import SemanticCacheConfig
from evalperf.pipeline.batching import BatchedEmbedder
from evalperf.records import Request
from evalperf.resilience import Batcher, BatchLimits

__all__ = ["NearQuestions", "Question", "SemanticIndex", "open_semantic_index"]

AT_ONCE: Final = 256
"""Questions that are embedded and searched together."""

GATHERED_S: Final = 0.005
"""For so long a question waits for others; embedding takes longer."""


class Question(Struct, frozen=True, gc=False):
    """What is compared by meaning, among the questions of its group only."""

    text: str
    group: bytes


class SemanticIndex:
    """The questions that all models of a run were asked; one embedding and one search for those that come together."""

    def __init__(self, cache: SemanticCache, batcher: Batcher[Question, bytes | None]) -> None:
        self._cache = cache
        self._batcher = batcher

    async def find(self, question: Question) -> bytes | None:
        """The key of the answer to the nearest earlier question, if one is near enough."""
        return await self._batcher.ask(question)

    async def remember(self, question: Question, key: bytes) -> None:
        """Its answer is kept under this key."""
        await self._cache.remember_many([(question.text, key)], question.group)

    def statistics(self) -> SemanticStatistics:
        """What has happened so far."""
        return self._cache.statistics


@asynccontextmanager
async def open_semantic_index(
    config: SemanticCacheConfig, embedder: BatchedEmbedder, backend: CacheBackend | None, warn: Warn
) -> AsyncIterator[SemanticIndex]:
    """The index over the embedder; with a backend it knows the questions of earlier runs."""

    async def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return (await embedder.embed(texts)).vectors

    async with SemanticCache(config, embed, identity=embedder.identity, backend=backend, warn=warn) as cache:
        limits = BatchLimits(max_wait_s=GATHERED_S, most=AT_ONCE)
        async with Batcher(_by_group(cache), limits) as batcher:
            yield SemanticIndex(cache, batcher)


def _by_group(cache: SemanticCache) -> Callable[[Sequence[Question]], Any]:
    async def find_many(questions: Sequence[Question]) -> list[bytes | None]:
        found: dict[Question, bytes | None] = {}
        groups: dict[bytes, list[Question]] = {}
        for question in dict.fromkeys(questions):
            groups.setdefault(question.group, []).append(question)
        for group, asked in groups.items():
            hits = await cache.lookup_many([one.text for one in asked], group)
            found.update((one, None if hit is None else hit.key) for one, hit in zip(asked, hits, strict=True))
        return [found[question] for question in questions]

    return find_many


class NearQuestions:
    """The questions that one model is asked, in the run's index."""

    def __init__(self, index: SemanticIndex, static_parts: Mapping[str, Any], config: CacheConfig) -> None:
        self._index = index
        self._group = KeyMaker("question", static_parts, config.key_hash)

    def question(self, request: Request, epoch: int | None) -> Question | None:
        """The last message is compared by meaning; all that comes before it, and every setting, must be the same.

        None where the last message is not a text of the user's.
        """
        *before, last = request.messages
        text = last.get("content")
        if last.get("role") != "user" or not isinstance(text, str) or len(last) > 2:
            return None  # another field asks for more than the text says
        return Question(text, self._group(before, epoch))

    async def find(self, question: Question) -> bytes | None:
        """As the index."""
        return await self._index.find(question)

    async def remember(self, question: Question, key: bytes) -> None:
        """As the index."""
        await self._index.remember(question, key)
