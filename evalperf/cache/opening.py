"""Opens a cache as its section says: all its tiers, and the task that keeps house while it is open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from evalperf import clock
from evalperf.cache.backend import Warn
from evalperf.cache.cache import Cache
from evalperf.cache.memory import MemoryTier, Strategy
from evalperf.cache.redis import open_redis
from evalperf.cache.slow_tiers import SlowTiers
from evalperf.cache.sqlite import SqliteTier, open_sqlite
from evalperf.cache.statistics import Counts
from evalperf.config.cache import TieredCacheConfig

__all__ = ["MEGABYTE", "disk_path", "open_cache"]

logger = logging.getLogger(__name__)

MEGABYTE = 1_000_000
UPKEEP_S = 10.0
"""Expired entries are removed, and counts noted on disk, this often."""


def disk_path(config: TieredCacheConfig, name: str, folder: Path, base_dir: Path = Path()) -> Path:
    """The file of the disk tier: `path` from `base_dir` on, or NAME.sqlite in the folder for caches."""
    return folder / f"{name}.sqlite" if config.path is None else base_dir / config.path


@asynccontextmanager
async def open_cache(
    config: TieredCacheConfig,
    name: str,
    folder: Path,
    *,
    base_dir: Path = Path(),
    warn: Warn = logger.warning,
    now: Callable[[], float] = clock.unix_s,
) -> AsyncIterator[Cache]:
    """The cache, ready to use; with strategy `off` one that never has anything.

    Raises ConfigError for a file or a Redis that can't be used, StoppedError for a damaged file with `stop`; both
    before anything else happens. Leaving the block stores what is left.
    """
    ttl_s = None if config.strategy == "lru" else config.ttl_s
    counts = Counts()
    async with AsyncExitStack() as stack:
        disk, redis = None, None
        if config.disk and config.strategy != "off":
            path = disk_path(config, name, folder, base_dir)
            disk = await stack.enter_async_context(_open_disk(config, path, warn, now))
        if config.redis_url is not None and config.strategy != "off":
            opening = open_redis(config.redis_url, name, on_away=config.on_redis_away, warn=warn, now=now)
            redis = await stack.enter_async_context(opening)
        slow = None
        if disk is not None or redis is not None:
            slow = SlowTiers(disk, redis, counts, ttl_s=ttl_s, compress=config.compress, now=now)
        async with _kept(Cache(name, _memory(config, now), slow, counts, ttl_s=ttl_s, now=now)) as cache:
            yield cache


@asynccontextmanager
async def _kept(cache: Cache) -> AsyncIterator[Cache]:
    """Keeps house while the cache is used; then stores what is left."""
    upkeep = asyncio.create_task(_keep_house(cache))
    try:
        yield cache
    finally:
        upkeep.cancel()
        try:
            await cache.aclose()
        finally:
            with suppress(asyncio.CancelledError):
                await upkeep


async def _keep_house(cache: Cache) -> None:
    while True:
        await asyncio.sleep(UPKEEP_S)
        await cache.maintain()


def _open_disk(
    config: TieredCacheConfig, path: Path, warn: Warn, now: Callable[[], float]
) -> AbstractAsyncContextManager[SqliteTier]:
    return open_sqlite(path, max_bytes=int(config.disk_mb * MEGABYTE), on_damaged=config.on_damaged, warn=warn, now=now)


def _memory(config: TieredCacheConfig, now: Callable[[], float]) -> MemoryTier:
    strategy: Strategy = "lru" if config.strategy == "off" else config.strategy
    return MemoryTier(
        strategy,
        max_entries=0 if config.strategy == "off" else config.max_entries,
        max_bytes=int(config.memory_mb * MEGABYTE),
        now=now,
    )
