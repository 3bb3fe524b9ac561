"""What is kept outside any process: the file and the Redis entries of a cache, for those who look after them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import Struct

from evalperf import clock
from evalperf.cache.backend import Warn
from evalperf.cache.opening import MEGABYTE
from evalperf.cache.redis import RedisTier, open_redis
from evalperf.cache.sqlite import SqliteTier, open_sqlite
from evalperf.cache.sqlite_rows import DiskFacts, Selection
from evalperf.config.cache import TieredCacheConfig

__all__ = ["Stored", "StoredFacts", "open_stored"]


class StoredFacts(Struct, frozen=True, kw_only=True):
    """What there is of one cache."""

    name: str
    path: str
    disk: DiskFacts | None
    """None where there is no file."""
    redis: str | None
    """The address, where one is configured."""
    redis_entries: int | None


class Stored(Struct, frozen=True, kw_only=True):
    """The tiers of one cache that outlive a process; what a command changes here, it changes in each of them."""

    name: str
    path: Path
    disk: SqliteTier | None
    redis: RedisTier | None

    async def facts(self) -> StoredFacts:
        """Counts everything; reads no value."""
        return StoredFacts(
            name=self.name,
            path=str(self.path),
            disk=None if self.disk is None else await self.disk.describe(),
            redis=None if self.redis is None else self.redis.address,
            redis_entries=None if self.redis is None else await self.redis.count(),
        )

    async def has(self, key: bytes) -> list[str]:
        """The tiers that have an entry of this key."""
        tiers = {"disk": self.disk, "redis": self.redis}
        return [
            name for name, tier in tiers.items() if tier is not None and (await tier.get_many([key]))[0] is not None
        ]

    async def select(self, selection: Selection) -> list[bytes]:
        """Keys of the entries that are meant; the file knows them."""
        return [] if self.disk is None else await self.disk.select(selection)

    async def delete(self, keys: list[bytes]) -> int:
        """How many entries the tier had that had most of them."""
        return max([await tier.delete_many(keys) for tier in self._tiers()], default=0)

    async def clear(self) -> int:
        """How many entries the fullest tier had."""
        return max([await tier.clear() for tier in self._tiers()], default=0)

    async def prune(self, max_bytes: int | None) -> tuple[int, int]:
        """Of the file, all that has expired and what is above `max_bytes`; Redis drops what has expired by itself."""
        return (0, 0) if self.disk is None else await self.disk.prune(max_bytes)

    def _tiers(self) -> list[SqliteTier | RedisTier]:
        return [tier for tier in (self.disk, self.redis) if tier is not None]


@asynccontextmanager
async def open_stored(config: TieredCacheConfig, name: str, path: Path, warn: Warn) -> AsyncIterator[Stored]:
    """Opens what is there and makes nothing; raises StoppedError for a damaged file, ConfigError for Redis."""
    async with AsyncExitStack() as stack:
        disk = redis = None
        if await asyncio.to_thread(os.path.lexists, path):
            max_bytes = int(config.disk_mb * MEGABYTE)
            opening = open_sqlite(path, max_bytes=max_bytes, on_damaged="stop", warn=warn, now=clock.unix_s)
            disk = await stack.enter_async_context(opening)
        if config.redis_url is not None:
            redis = await stack.enter_async_context(open_redis(config.redis_url, name, on_away="stop", warn=warn))
        yield Stored(name=name, path=path, disk=disk, redis=redis)
