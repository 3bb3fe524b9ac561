"""Measures an endpoint at a number of workers with a configuration's own cases, for `tuning.probe`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from evalperf import clock
from evalperf.cases import Prompt, read_batches
from evalperf.config.load import LoadedConfig
from evalperf.errors import InputError, ProviderError, StoppedError
from evalperf.pipeline.assemble import open_parts
from evalperf.providers import Provider
from evalperf.records import Case, Request
from evalperf.sizing import BATCH_BYTES, batch_size
from evalperf.tuning import Level, Measure

__all__ = ["open_measure"]

MEASURE_S = 20.0
"""A level is measured for at most that long, once it has `LEAST_ANSWERS`."""

LEAST_ANSWERS = 8
DEFAULT_REST_S = 0.5
LONGEST_REST_S = 5.0
"""The longest that a refused worker rests; a level full of 429s is not worth a longer wait."""


@asynccontextmanager
async def open_measure(loaded: LoadedConfig, *, max_workers: int) -> AsyncIterator[Measure]:
    """Asks real cases, over and over if they are few; no answer is kept. Raises what opening the parts raises."""
    async with (
        open_parts(loaded.config, loaded.base_dir, connections=max_workers, cache_dir=None) as parts,
        aclosing(_endless(loaded, parts.prompt)) as requests,
    ):
        lock = asyncio.Lock()  # an async generator serves one reader at a time

        async def take() -> Request:
            async with lock:
                return await anext(requests)

        async def measure(workers: int) -> Level:
            sample = _Sample(workers)
            async with asyncio.TaskGroup() as group:
                for number in range(workers):
                    provider = parts.providers[number % len(parts.providers)]
                    group.create_task(_work(provider, take, sample))
            return sample.level()

        yield measure


async def _endless(loaded: LoadedConfig, prompt: Prompt) -> AsyncGenerator[Request, None]:
    config = loaded.config
    while True:
        reading = read_batches(config.cases, loaded.base_dir, max_cases=batch_size(config), max_bytes=BATCH_BYTES)
        found = False
        async with aclosing(reading) as batches:
            async for batch in batches:
                if not found:
                    prompt.check(batch)
                found = True
                for case in batch:
                    yield _request(case, prompt)
        if not found:
            raise InputError(str(config.cases.path), "no case to probe with")


def _request(case: Case, prompt: Prompt) -> Request:
    return Request(case=case, messages=prompt.render(case))


async def _work(provider: Provider, take: Callable[[], Awaitable[Request]], sample: _Sample) -> None:
    while not sample.enough():
        request = await take()
        began_s = clock.now()
        try:
            await provider.complete(request)
        except ProviderError as error:
            if error.kind in ("auth", "quota"):
                raise StoppedError(f"endpoint {provider.name}: {error.message}") from error
            sample.failed(error)
            if error.kind == "rate_limited":
                rest_s = DEFAULT_REST_S if error.retry_after_s is None else error.retry_after_s
                await asyncio.sleep(min(rest_s, LONGEST_REST_S))
        else:
            sample.answered(clock.now() - began_s)


class _Sample:
    """What one level shows: the first answer of each worker only warms up, the rest counts."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._wanted = max(24, 4 * workers)
        self._to_settle = workers
        self._latencies_s: list[float] = []
        self._refused = 0
        self._errors = 0
        self._began_s = clock.now()
        self._began_cpu_s = clock.cpu_s()

    def enough(self) -> bool:
        """Whether the figures stand; an endpoint that only fails is given up after as many attempts."""
        seen = len(self._latencies_s)
        late = clock.now() - self._began_s > MEASURE_S and seen + self._refused + self._errors >= LEAST_ANSWERS
        return late or seen + self._refused + self._errors >= self._wanted

    def answered(self, latency_s: float) -> None:
        """Counts an answer."""
        if self._to_settle > 0:
            self._settle()
            return
        self._latencies_s.append(latency_s)

    def failed(self, error: ProviderError) -> None:
        """Counts a failure."""
        if self._to_settle > 0:
            self._settle()
        elif error.kind == "rate_limited":
            self._refused += 1
        else:
            self._errors += 1

    def _settle(self) -> None:
        self._to_settle -= 1
        if self._to_settle == 0:
            self._began_s = clock.now()
            self._began_cpu_s = clock.cpu_s()

    def level(self) -> Level:
        """The level as measured."""
        wall_s = max(clock.now() - self._began_s, 1e-9)
        ordered = sorted(self._latencies_s)
        attempts = len(ordered) + self._refused + self._errors
        return Level(
            workers=self._workers,
            attempts=attempts,
            cases_per_s=len(ordered) / wall_s,
            latency_p50_s=_quantile(ordered, 0.5),
            latency_p95_s=_quantile(ordered, 0.95),
            error_share=self._errors / attempts if attempts else 0.0,
            share_429=self._refused / attempts if attempts else 0.0,
            cpu_share=(clock.cpu_s() - self._began_cpu_s) / wall_s,
        )


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
