"""The semantic cache: the key of the answer to the nearest earlier prompt, where one is near enough.

It holds no answers, only vectors and the keys under which the cache of responses has them. A hit is an answer to
another question: it is as good as the embedder and the threshold, and is marked as such wherever it shows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from msgspec import Struct

from evalperf.cache.backend import CacheBackend, Warn
from evalperf.cache.vectors import VectorIndex
from evalperf.cache.vectors_kept import KeptVector, KeptVectors
from evalperf.cache.vectors_thread import IndexThread
from evalperf.config.semantic import SemanticCacheConfig
from evalperf.errors import ProviderError

__all__ = ["Embed", "SemanticCache", "SemanticHit", "SemanticStatistics"]

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Vectors of texts, in order; raises ProviderError where there are none."""

FRESH: Final = 1024
"""Texts that were just looked up, whose vectors are there when their answers are."""


class SemanticHit(Struct, frozen=True, gc=False):
    """An earlier prompt that is near enough."""

    key: bytes
    """Of its answer, in the cache of responses."""
    similarity: float


class SemanticStatistics(Struct):
    """What has happened so far."""

    hits: int = 0
    misses: int = 0
    failures: int = 0
    """Texts that could not be looked up, or not be remembered, because there were no vectors for them."""


class SemanticCache:
    """Finds earlier prompts of the same group, by meaning; used as a context.

    `group` is the digest of all that decides an answer besides the prompt: prompts of other groups are never seen. The
    threshold is inclusive, and of equally similar prompts the oldest wins. `identity` names the embedder: vectors of
    another one are never compared. With a `backend` the vectors outlive the process.

    An embedder that fails makes misses, counted and told once: the model is asked then, as without this cache.
    Searches run one after the other in a thread; one among 100,000 entries for 32 texts takes about 30 ms there.
    """

    def __init__(
        self,
        config: SemanticCacheConfig,
        embed: Embed,
        *,
        identity: str,
        backend: CacheBackend | None = None,
        warn: Warn | None = None,
    ) -> None:
        self._embed = embed
        self._threshold = config.threshold
        self._warn = warn
        self._index = IndexThread(VectorIndex(max_entries=config.max_entries, max_bytes=int(config.memory_mb * 1e6)))
        self._kept = None if backend is None else KeptVectors(backend, identity, most=config.max_entries)
        self._fresh: OrderedDict[str, Sequence[float]] = OrderedDict()
        self.statistics = SemanticStatistics()

    async def __aenter__(self) -> Self:
        if self._kept is not None:
            for group, vectors in (await self._kept.load()).items():
                await self._index.add_many(group, vectors)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._kept is not None:
                await self._kept.flush()
        finally:
            self._index.close()

    async def lookup_many(self, texts: Sequence[str], group: bytes) -> list[SemanticHit | None]:
        """For each text the nearest earlier prompt of the group at or above the threshold."""
        found = await self._nearest(texts, group, 1, self._threshold)
        hits = [near[0] if near else None for near in found]
        self.statistics.hits += sum(hit is not None for hit in hits)
        self.statistics.misses += sum(hit is None for hit in hits)
        return hits

    async def retrieve_batch(self, texts: Sequence[str], group: bytes, k: int) -> list[list[SemanticHit]]:
        """For each text the `k` nearest earlier prompts of the group, however far: one embedding, one search."""
        return await self._nearest(texts, group, k, -1.0)

    async def remember_many(self, answered: Sequence[tuple[str, bytes]], group: bytes) -> None:
        """Keeps prompts with the keys of their answers; the vectors of prompts that were just looked up are there."""
        vectors = await self._vectors([text for text, _ in answered])
        if vectors is None:
            return
        for text, _ in answered:
            self._fresh.pop(text, None)
        entries = [(key, vector) for (_, key), vector in zip(answered, vectors, strict=True)]
        await self._index.add_many(group, entries)
        if self._kept is not None:
            await self._kept.add([KeptVector(group, key, vector) for key, vector in entries])

    async def _nearest(self, texts: Sequence[str], group: bytes, k: int, threshold: float) -> list[list[SemanticHit]]:
        vectors = await self._vectors(texts) if texts else None
        if vectors is None:
            return [[] for _ in texts]
        found = await self._index.search_many(group, vectors, k, threshold)
        return [[SemanticHit(one.key, one.similarity) for one in near] for near in found]

    async def _vectors(self, texts: Sequence[str]) -> list[Sequence[float]] | None:
        """One a text, those that are still fresh without a call; None where the embedder failed."""
        known = {text: self._fresh[text] for text in texts if text in self._fresh}
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        if missing:
            try:
                known.update(zip(missing, await self._embed(missing), strict=True))
            except ProviderError as error:
                self._failed(error, len(texts))
                return None
        for text in missing:
            self._fresh[text] = known[text]
        while len(self._fresh) > FRESH:
            self._fresh.popitem(last=False)
        return [known[text] for text in texts]

    def _failed(self, error: ProviderError, texts: int) -> None:
        if self._warn is not None and not self.statistics.failures:
            self._warn(f"semantic cache: no vectors, so the model is asked: {error.message}")
        self.statistics.failures += texts
