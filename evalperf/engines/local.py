"""The whole pipeline in this process, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from evalperf.config.model import OpenAIProvider, RunConfig, SimulatorProvider
from evalperf.events import Emit
from evalperf.pipeline.assemble import Parts
from evalperf.pipeline.caller import Caller
from evalperf.pipeline.evaluate import Evaluator
from evalperf.pipeline.feed import Feed
from evalperf.pipeline.pool import Pool
from evalperf.pipeline.sampler import Sampler
from evalperf.pipeline.watch import watch
from evalperf.records import Case
from evalperf.resilience import RetryPolicy
from evalperf.results import Store

__all__ = ["LocalEngine"]


class LocalEngine:
    """Takes every case of a run to its result. Built for one run; `feed` may be stopped from outside."""

    def __init__(self, config: RunConfig, *, workers: int) -> None:
        self._config = config
        self._workers = workers
        self.feed = Feed(read_ahead=config.concurrency.queue_size, max_waiting=max(workers, 16))
        self.limited_by: dict[str, float] = {}
        """Share of the time by what limited it; known when the run is over."""

    async def execute(self, batches: AsyncIterator[list[Case]], parts: Parts, store: Store, emit: Emit) -> None:
        """Returns when all results are with the store; raises what ended the run early."""
        config = self._config
        caller = Caller(
            parts.providers,
            RetryPolicy.from_config(config.retry),
            store.journal,
            emit,
            total_s=_total_s(config),
            config=config.provider,
            seed=config.cases.seed,
        )
        evaluator = Evaluator(parts.prompt, caller, parts.scorers, include_input=config.output.include_input)
        async with watch(config.concurrency.worker_timeout_s) as limit:
            pool = Pool(self.feed, evaluator, store.put, emit, workers=self._workers, limit=limit)
            await self._sampled(pool, batches, store, emit)

    async def _sampled(self, pool: Pool, batches: AsyncIterator[list[Case]], store: Store, emit: Emit) -> None:
        sampler = Sampler(self.feed, pool, store.waiting, emit)
        sampling = asyncio.create_task(sampler.sample())
        try:
            await pool.run(batches)
        finally:
            sampling.cancel()
            await asyncio.wait([sampling])
            self.limited_by = sampler.limited_by()


def _total_s(config: RunConfig) -> float:
    if isinstance(config.provider, OpenAIProvider | SimulatorProvider):
        return config.provider.timeouts.total_s
    return config.concurrency.worker_timeout_s
