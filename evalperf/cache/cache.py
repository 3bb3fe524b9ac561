"""One cache over its tiers: memory, then disk, then Redis; filled upwards on a hit, written through a moment later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from evalperf import clock
from evalperf.cache.backend import Hit, Provenance, Row, Tier
from evalperf.cache.coalesce import Coalescer
from evalperf.cache.memory import MemoryEntry, MemoryTier
from evalperf.cache.slow_tiers import Found, SlowTiers
from evalperf.cache.sqlite_rows import Selection
from evalperf.cache.statistics import CacheStatistics, Counts
from evalperf.errors import ConfigError

__all__ = ["Cache", "From"]

TIMED_LOOKUPS = 64
"""One memory lookup in as many is timed."""

From = Tier | Literal["coalesced"] | None
"""Where a value was found; None = it was asked for."""

NO_PROVENANCE = Provenance()


class Cache:
    """Finds values by key, and keeps them; opened by `open_cache`. Belongs to one event loop, except `peek`."""

    def __init__(
        self,
        name: str,
        memory: MemoryTier,
        slow: SlowTiers | None,
        counts: Counts,
        *,
        ttl_s: float | None,
        now: Callable[[], float] = clock.unix_s,
    ) -> None:
        self.name = name
        self._memory = memory
        self._slow = slow
        self._counts = counts
        self._ttl_s = ttl_s
        self._now = now
        self._peeks = 0
        self._noted: dict[str, float] = {}
        self._coalescer: Coalescer[tuple[bytes, From]] = Coalescer()

    def peek(self, key: bytes) -> Hit | None:
        """What memory has, without waiting; counts a hit, but no miss."""
        self._peeks += 1
        entry = self._memory.get(key) if self._peeks % TIMED_LOOKUPS else self._timed_get(key)
        if entry is None:
            return None
        hit = Hit(entry.value, "memory", entry.cost_usd)
        self._counts.hit(hit)
        return hit

    async def get(self, key: bytes) -> Hit | None:
        """What the nearest tier has. Raises StoppedError where a tier that was lost is to stop the run."""
        hit = self.peek(key)
        if hit is not None:
            return hit
        found = await self._slow.get(key) if self._slow is not None else None
        if found is None:
            self._counts.misses += 1
            return None
        return self._taken(found)

    async def get_instead(self, key: bytes) -> Hit | None:
        """What the nearest tier has under another key, after a miss under the own one: one lookup in the counts."""
        hit = await self.get(key)
        self._counts.misses -= 1
        return hit

    async def get_many(self, keys: Sequence[bytes]) -> list[Hit | None]:
        """As `get` for each, by one round trip a tier at most."""
        hits = {key: self.peek(key) for key in dict.fromkeys(keys)}
        missing = [key for key, hit in hits.items() if hit is None]
        if missing and self._slow is not None:
            found = await self._slow.get_many(missing)
            hits.update((key, self._taken(one)) for key, one in found.items())
        self._counts.misses += sum(hit is None for hit in hits.values())
        return [hits[key] for key in keys]

    async def set(self, key: bytes, value: bytes, provenance: Provenance = NO_PROVENANCE) -> None:
        """Keeps a value: here at once, on disk and in Redis a moment later; waits only for a disk that lags behind."""
        await self.set_many([(key, value, provenance)])

    async def set_many(self, items: Sequence[tuple[bytes, bytes, Provenance]]) -> None:
        """As `set` for each."""
        created_s = self._now()
        expires_s = None if self._ttl_s is None else created_s + self._ttl_s
        rows = [
            Row(key=key, value=value, created_s=created_s, expires_s=expires_s, provenance=provenance)
            for key, value, provenance in items
        ]
        for row in rows:
            self._memory.put(row.key, row.value, until_s=expires_s, cost_usd=row.provenance.cost_usd)
        self._counts.writes += len(rows)
        if self._slow is not None:
            await self._slow.put(rows)

    async def get_or_call(
        self,
        key: bytes,
        call: Callable[[], Awaitable[bytes]],
        *,
        provenance: Callable[[bytes], Provenance] | None = None,
        keep: Callable[[bytes], bool] | None = None,
    ) -> tuple[bytes, From]:
        """The value and where it was found, None if `call` was asked for it; identical calls in flight are one.

        What `call` raises is raised and not kept; a value that `keep` refuses is returned and not kept.
        """

        async def find_or_call() -> tuple[bytes, From]:
            found = await self.get(key)
            if found is not None:
                return found.value, found.tier
            value = await call()
            if keep is None or keep(value):
                await self.set(key, value, NO_PROVENANCE if provenance is None else provenance(value))
            return value, None

        hit = self.peek(key)
        if hit is not None:
            return hit.value, hit.tier
        (value, tier), ours = await self._coalescer.share(key, find_or_call)
        if ours:
            return value, tier
        self.count_coalesced(None if provenance is None else provenance(value).cost_usd)
        return value, "coalesced"

    def count_coalesced(self, cost_usd: float | None = None) -> None:
        """Counts an answer that was taken from a call somebody else had in flight."""
        self._counts.shared(cost_usd)

    async def delete_many(self, keys: Sequence[bytes]) -> int:
        """Removes entries from every tier; how many of them the tier had that had most."""
        below = 0 if self._slow is None else await self._slow.delete_many(keys)
        return max(sum(map(self._memory.remove, keys)), below)

    async def invalidate(self, selection: Selection) -> int:
        """Removes the entries that are meant from every tier; how many. Raises ConfigError without a disk tier.

        The disk tier selects: only it knows where an entry comes from without reading it.
        """
        if self._slow is None or self._slow.disk is None:
            raise ConfigError(f"cache {self.name}: entries are selected in the disk tier, which is off")
        await self.flush()
        return await self.delete_many(await self._slow.disk.select(selection))

    async def clear(self) -> int:
        """Drops everything from every tier; how many entries the fullest one had."""
        below = 0 if self._slow is None else await self._slow.clear()
        return max(self._memory.remove_all(), below)

    async def flush(self) -> None:
        """Returns when everything that was set is with the disk and Redis."""
        if self._slow is not None:
            await self._slow.flush()

    async def maintain(self) -> None:
        """Removes what has expired and notes what was used; done now and then while the cache is open."""
        while self._memory.sweep():  # noqa: ASYNC110 - nothing is waited for, others only have their turn
            await asyncio.sleep(0)
        if self._slow is not None:
            sums = self._counts.sums()
            await self._slow.maintain({name: value - self._noted.get(name, 0) for name, value in sums.items()})
            self._noted = sums

    async def aclose(self) -> None:
        """Stores what is left; the tiers are closed by whoever opened them."""
        if self._slow is not None:
            await self._slow.aclose()
        await self.maintain()

    def statistics(self) -> CacheStatistics:
        """What the cache has done since it was opened; takes some ten microseconds."""
        disk, redis = (None, None) if self._slow is None else (self._slow.disk, self._slow.redis)
        return self._counts.statistics(
            self.name,
            self._memory,
            disk=None if disk is None else disk.tallies,
            redis=None if redis is None else redis.tallies,
        )

    def _timed_get(self, key: bytes) -> MemoryEntry | None:
        began_s = clock.monotonic_s()
        entry = self._memory.get(key)
        self._counts.lookups["memory"].add(clock.monotonic_s() - began_s)
        return entry

    def _taken(self, found: Found) -> Hit:
        """A hit in a slower tier, which memory has from now on."""
        row, tier = found
        self._memory.put(row.key, row.value, until_s=row.expires_s, cost_usd=row.provenance.cost_usd)
        hit = Hit(row.value, tier, row.provenance.cost_usd)
        self._counts.hit(hit)
        return hit
