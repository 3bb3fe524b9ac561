"""The whole pipeline in this process, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from evalperf import clock
from evalperf.config.model import RunConfig
from evalperf.events import Emit
from evalperf.figures import CallingFigures
from evalperf.pipeline.assemble import Parts
from evalperf.pipeline.calling import Calling
from evalperf.pipeline.deadline import deadline
from evalperf.pipeline.evaluate import Answers, Evaluator
from evalperf.pipeline.feed import Feed
from evalperf.pipeline.figures import calling_figures
from evalperf.pipeline.health import watch_health
from evalperf.pipeline.hedging import Hedging, hedging
from evalperf.pipeline.pool import Pool
from evalperf.pipeline.recorded import Recorded
from evalperf.pipeline.router import Router
from evalperf.pipeline.sampler import Sampler
from evalperf.pipeline.watch import watch
from evalperf.records import Case
from evalperf.resilience import Budget
from evalperf.results import Store

__all__ = ["LocalEngine"]


class LocalEngine:
    """Takes every case of a run to its result. Built for one run, on its loop."""

    def __init__(
        self,
        config: RunConfig,
        parts: Parts,
        *,
        workers: int,
        known_limits: Mapping[int, int],
        budget: Budget | None,
        emit: Emit,
        earlier: Answers | None = None,
    ) -> None:
        """`earlier`: answers that are already there, instead of the provider's."""
        self._config = config
        self._parts = parts
        self._workers = workers
        self._emit = emit
        self._earlier = earlier
        self._calling = Calling(
            config,
            workers=workers,
            known_limits=known_limits,
            cache=parts.responses,
            near=parts.near,
            budget=budget,
            emit=emit,
        )
        self.router: Router | None = None
        """None where answers are recorded: nothing stands between a case and them."""
        if config.provider.type != "replay":
            self.router = self._calling.router(config.provider, parts.providers, config.fallback, parts.fallbacks)
        models = zip(parts.models.models, parts.asked, strict=True)
        self._asked = [self._calling.router(model.section, providers) for model, providers in models]
        self._feed = self._open_feed()
        self.limited_by: dict[str, float] = {}
        """Share of the time by what limited it; known when the run is over."""
        self._hedges: Hedging | None = None
        self._began_s = clock.now()

    def _open_feed(self) -> Feed:
        """Hands out a case as soon as an endpoint has room."""
        feed = Feed(
            read_ahead=self._config.concurrency.queue_size,
            max_waiting=max(self._workers, 16),
            has_room=None if self.router is None else self.router.has_room,
        )
        if self.router is not None:
            self.router.on_room = feed.wake
        return feed

    def stop(self) -> None:
        """No new case and no new call from now on; calls on the wire may still end."""
        self._feed.stop()
        for router in (self.router, *self._asked):
            if router is not None:
                router.close()

    def unfinished(self) -> int:
        """Cases that were read and have no result yet."""
        return self._feed.busy + self._feed.queued + self._feed.waiting

    def figures(self) -> CallingFigures:
        """What the calls came to so far."""
        hedged = None if self._hedges is None else self._hedges.copies
        return calling_figures(self._parts, self.router, self._asked, hedged=hedged, began_s=self._began_s)

    async def execute(self, batches: AsyncIterator[list[Case]], store: Store) -> None:
        """Returns when all results are with the store; raises what ended the run early."""
        self._began_s = clock.now()
        config, parts = self._config, self._parts
        for model, router in zip(parts.models.models, self._asked, strict=True):
            model.connect(self._calling.caller(model.section, router, store.journal))
        async with (
            watch(config.concurrency.worker_timeout_s) as limit,
            watch_health(self.router, config.balancing.health_check_s, self._emit),
            hedging(config.hedging, self.router, self._feed.at_end) as hedges,
        ):
            self._hedges = hedges
            evaluator = Evaluator(
                parts.prompt,
                self._answers(store, hedges),
                parts.scorers,
                include_input=config.output.include_input,
                asks=bool(parts.models.models or parts.models.embedders),
                precedents=parts.precedents,
            )
            pool = Pool(self._feed, evaluator, store.put, self._emit, workers=self._workers, limit=limit)
            pool.on_error = self.stop
            with deadline(config.budget.deadline_s, pool.fail):
                await self._sampled(pool, batches, store)

    def _answers(self, store: Store, hedges: Hedging | None) -> Answers:
        if self._earlier is not None:
            return self._earlier
        if self.router is None:
            return Recorded(self._parts.providers[0])
        return self._calling.caller(self._config.provider, self.router, store.journal, hedges)

    async def _sampled(self, pool: Pool, batches: AsyncIterator[list[Case]], store: Store) -> None:
        sampler = Sampler(self._feed, pool, self.router, store.waiting, self._emit)
        sampling = asyncio.create_task(sampler.sample())
        try:
            await pool.run(batches)
        finally:
            sampling.cancel()
            await asyncio.wait([sampling])
            self.limited_by = sampler.limited_by()
