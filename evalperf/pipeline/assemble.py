"""The configuration becomes open parts: providers, prompt, scorers; all closed when the block ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

from msgspec import Struct

from evalperf.cache import MEGABYTE, Cache, open_cache, open_sqlite
from evalperf.cases import Prompt, build_prompt
from evalperf.config.cache import TieredCacheConfig
from evalperf.config.embedders import EmbedderConfig
from evalperf.config.model import (
    AnswerProvider,
    EndpointConfig,
    FunctionProvider,
    OpenAIProvider,
    RunConfig,
    SimulatorProvider,
)
from evalperf.errors import ConfigError, StoppedError
from evalperf.pipeline.asking import AskedEmbedder, AskedModels
from evalperf.pipeline.batching import (
    MAX_BATCH_BYTES,
    BatchedEmbedder,
    TakesMany,
    batched_embedder,
    batched_provider,
)
from evalperf.pipeline.deciding import REPEATABLE
from evalperf.pipeline.notices import Notices
from evalperf.pipeline.precedents import Retriever, open_precedents
from evalperf.pipeline.scorecache import cached_scorers, states_version
from evalperf.pipeline.semantic import SemanticIndex, open_semantic_index
from evalperf.pipeline.spending import EmbeddingSpending
from evalperf.pricing import find_price
from evalperf.providers import Provider, open_providers
from evalperf.providers.embedding import open_embedder
from evalperf.records import Usage
from evalperf.resilience import BatchLimits, Budget, RetryPolicy
from evalperf.results import EmbeddingCall, EmbeddingCalls, EmbeddingsFor
from evalperf.scorers import Scorer, open_scorers

__all__ = ["Parts", "open_parts"]


class Parts(Struct, frozen=True, kw_only=True):
    """What a case meets on its way, ready to use."""

    prompt: Prompt
    providers: tuple[Provider, ...]
    fallbacks: tuple[Provider, ...]
    scorers: tuple[Scorer, ...]
    models: AskedModels
    """What the scorers ask; `asked` are their providers, in the same order."""
    asked: tuple[tuple[Provider, ...], ...]
    embedders: tuple[BatchedEmbedder, ...]
    responses: Cache | None
    """The cache of answers, if it is used."""
    embeddings: Cache | None
    scores: Cache | None
    near: SemanticIndex | None
    """Earlier questions by meaning, if answers to them are wanted."""
    precedents: Retriever | None
    embedding_calls: EmbeddingCalls
    """Those that were paid for so far; to be kept in the run's folder once there is one."""
    synthetic: tuple[str, ...]
    """What of this run is simulated, in sentences for the summary."""
    notices: Notices
    """What the user should know, before the first case and while the run is on."""

    @property
    def paid(self) -> bool:
        """Whether an answer costs enough to be kept in the journal until its result is written."""
        return any(provider.paid for provider in (*self.providers, *(one for each in self.asked for one in each)))

    @property
    def caches(self) -> tuple[Cache, ...]:
        """Those that are used."""
        return tuple(cache for cache in (self.responses, self.embeddings, self.scores) if cache is not None)


@asynccontextmanager
async def open_parts(
    config: RunConfig, base_dir: Path, *, connections: int, cache_dir: Path | None, budget: Budget | None = None
) -> AsyncIterator[Parts]:
    """Opens the parts and tries the endpoints; raises ConfigError or StoppedError before any case is sent.

    `cache_dir` is where caches are kept; None for a run without any. Calls for embeddings are charged to `budget`.
    """
    async with AsyncExitStack() as stack:
        opening = _Opening(config, base_dir, connections, stack, budget)
        prompt = build_prompt(config.prompt, base_dir, fields=config.cases.fields)
        models = AskedModels()
        versioned = states_version(config.scorers)
        scores = await opening.cache(config.cache.scores, "scores", cache_dir) if versioned else None
        scorers = await stack.enter_async_context(
            open_scorers(config.scorers, base_dir, models, wrap=cached_scorers(scores))
        )
        providers = await opening.providers(config.provider)
        fallbacks = () if config.fallback is None else await opening.providers(config.fallback)
        asked = [await opening.providers(model.section) for model in models.models]
        sections = [config.provider, *(model.section for model in models.models)]
        caches = config.cache
        cached = any(section.type in REPEATABLE for section in sections)
        responses = await opening.cache(caches.responses, "responses", cache_dir) if cached else None
        embeds = models.embedders or config.precedents or (responses and caches.semantic)
        embeddings = await opening.cache(caches.embeddings, "embeddings", cache_dir) if embeds else None
        yield Parts(
            prompt=prompt,
            providers=providers,
            fallbacks=fallbacks,
            scorers=scorers,
            models=models,
            asked=tuple(asked),
            embedders=tuple([await opening.asked_embedder(one, embeddings) for one in models.embedders]),
            responses=responses,
            embeddings=embeddings,
            scores=scores,
            near=await opening.near(cache_dir, embeddings) if responses is not None else None,
            precedents=await opening.precedents(embeddings),
            embedding_calls=opening.embedding_calls,
            synthetic=tuple(opening.synthetic),
            notices=opening.notices,
        )


class _Opening:
    """Opens parts one after the other, for as long as the stack is open."""

    def __init__(
        self, config: RunConfig, base_dir: Path, connections: int, stack: AsyncExitStack, budget: Budget | None
    ) -> None:
        self._config = config
        self._budget = budget
        self._base_dir = base_dir
        self._connections = connections
        self._stack = stack
        self.synthetic: list[str] = []
        self.notices = Notices()
        self.embedding_calls = EmbeddingCalls()

    async def providers(self, section: AnswerProvider) -> tuple[Provider, ...]:
        """The endpoints of a section, tried."""
        real, synthetic = await _real_provider(section, self._stack)
        self.synthetic += [one for one in synthetic if one not in self.synthetic]
        opening = open_providers(real, self._base_dir, connections=self._connections)
        providers = await self._stack.enter_async_context(opening)
        if isinstance(real, FunctionProvider) and real.batch:
            limits = BatchLimits.from_config(
                self._config.concurrency, most=real.max_batch_size, least=real.min_batch_size
            )
            opened = [
                await self._stack.enter_async_context(batched_provider(cast("TakesMany", one), limits))
                for one in providers
            ]
            providers = tuple(opened)
        for trouble in await _check(providers):
            self.notices(trouble)
        return providers

    async def cache(self, section: TieredCacheConfig, name: str, folder: Path | None) -> Cache | None:
        """A cache, or None where it is off."""
        if folder is None or section.strategy == "off":
            return None
        opening = open_cache(section, name, folder, base_dir=self._base_dir, warn=self.notices)
        return await self._stack.enter_async_context(opening)

    async def near(self, folder: Path | None, cache: Cache | None) -> SemanticIndex | None:
        """The semantic cache, if there is to be one; what it knows is kept beside the disk tier of the answers."""
        config = self._config.cache
        if config.semantic is None or folder is None:
            return None
        backend = None
        if config.responses.disk:
            backend = await self._stack.enter_async_context(
                open_sqlite(
                    folder / "questions.sqlite",
                    max_bytes=2 * int(config.semantic.memory_mb * MEGABYTE),
                    on_damaged=config.responses.on_damaged,
                    warn=self.notices,
                )
            )
        embedder = await self._embedder(config.semantic.embedder, cache, "semantic_cache")
        opening = open_semantic_index(config.semantic, embedder, backend, self.notices)
        return await self._stack.enter_async_context(opening)

    async def precedents(self, cache: Cache | None) -> Retriever | None:
        """The precedents, embedded, if the configuration asks for some."""
        config = self._config.precedents
        if config is None:
            return None
        embedder = await self._embedder(config.embedder, cache, "precedents")
        return await self._stack.enter_async_context(open_precedents(config, embedder, self._base_dir))

    async def asked_embedder(self, asked: AskedEmbedder, cache: Cache | None) -> BatchedEmbedder:
        """The embedder of a scorer, connected."""
        embedder = await self._embedder(asked.section, cache, "scorers")
        asked.connect(embedder)
        return embedder

    async def _embedder(
        self, section: EmbedderConfig, cache: Cache | None, asked_for: EmbeddingsFor
    ) -> BatchedEmbedder:
        config = self._config
        limits = BatchLimits.from_config(config.concurrency, most=section.max_batch_size, max_weight=MAX_BATCH_BYTES)
        opening_raw = open_embedder(section, self._base_dir, connections=limits.max_concurrent)
        raw = await self._stack.enter_async_context(opening_raw)
        await raw.check()
        price = find_price(section)
        opening = batched_embedder(
            raw,
            limits,
            RetryPolicy.from_config(config.retry),
            rng=random.Random(config.cases.seed),
            cache=cache,
            cost_usd=_unknown if price is None else price.cost_usd,
            spending=None if self._budget is None else EmbeddingSpending(section, self._budget),
            note=self._note(asked_for),
        )
        return await self._stack.enter_async_context(opening)

    def _note(self, asked_for: EmbeddingsFor) -> Callable[[int, Usage | None, float | None], None]:
        def note(texts: int, usage: Usage | None, cost_usd: float | None) -> None:
            call = EmbeddingCall(asked_for=asked_for, texts=texts, usage=usage, cost_usd=cost_usd)
            self.embedding_calls.add(call)

        return note


def _unknown(_: Usage) -> float | None:
    return None


async def _check(providers: Sequence[Provider]) -> list[str]:
    """Tries each endpoint; the run can do without some of several, but not without the only one."""
    troubles = await asyncio.gather(*(_trouble(provider) for provider in providers))
    found = [trouble for trouble in troubles if trouble is not None]
    if found and len(found) == len(providers):
        raise found[0]
    return [f"{trouble.message}: the run begins without it" for trouble in found]


async def _trouble(provider: Provider) -> ConfigError | StoppedError | None:
    try:
        await provider.check()
    except (ConfigError, StoppedError) as error:
        return error
    return None


async def _real_provider(config: AnswerProvider, stack: AsyncExitStack) -> tuple[AnswerProvider, tuple[str, ...]]:
    """The provider to open; a simulator is started first and then called over HTTP like any other server."""
    if not isinstance(config, SimulatorProvider):
        return config, ()
    from evalperf.simulator import changed_profile, serve  # noqa: PLC0415 - a web server is loaded where one is asked for

    try:
        options = changed_profile(config.profile, config.model_dump(exclude_unset=True))
    except ValueError as error:
        raise ConfigError(f"provider: {error}") from None
    url = await stack.enter_async_context(serve(options))
    provider = OpenAIProvider(
        type="openai",
        model=config.model,
        api=config.api,
        stream=config.stream,
        params=config.params,
        endpoints=[EndpointConfig(name="simulator", url=url, auth="none")],
        timeouts=config.timeouts,
    )
    return provider, (
        f'answers: computed by the bundled rule-based solver "{config.model}", right or wrong by its own work',
        f"latency and faults: synthetic (seed {config.seed})",
    )
