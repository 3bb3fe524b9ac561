"""What a cache has done, counted."""

from __future__ import annotations

import math

from evalperf.cache.backend import DiskTallies, Hit, RedisTallies, Tier
from evalperf.cache.memory import MemoryTier
from evalperf.figures import CacheStatistics, Latencies

__all__ = ["CacheStatistics", "Counts", "Latencies", "LatencyHistogram"]


class LatencyHistogram:
    """Counts durations in buckets that grow by a tenth, from 100 ns to a quarter of an hour."""

    LEAST_S = 1e-7
    GROWTH = math.log(1.1)
    BUCKETS = 240

    def __init__(self) -> None:
        self._counts = [0] * self.BUCKETS

    def add(self, duration_s: float) -> None:
        """Counts one duration."""
        place = int(math.log(max(duration_s, self.LEAST_S) / self.LEAST_S) / self.GROWTH)
        self._counts[min(place, self.BUCKETS - 1)] += 1

    def __bool__(self) -> bool:
        return any(self._counts)

    def percentile_s(self, share: float) -> float | None:
        """The duration that this share stays below, as the middle of its bucket."""
        wanted = share * sum(self._counts)
        seen = 0
        for place, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return self.LEAST_S * math.exp(self.GROWTH * (place + 0.5))
        return None

    def summary(self) -> Latencies:
        """The usual percentiles."""
        return Latencies(p50_s=self.percentile_s(0.5), p90_s=self.percentile_s(0.9), p99_s=self.percentile_s(0.99))


class Counts:
    """Counts lookups; one per cache."""

    def __init__(self) -> None:
        self.hits: dict[Tier, int] = {"memory": 0, "disk": 0, "redis": 0}
        self.coalesced = 0
        self.misses = 0
        self.writes = 0
        self.damaged = 0
        self.cost_saved_usd = 0.0
        self.priced_hits = 0
        self.lookups: dict[Tier, LatencyHistogram] = {tier: LatencyHistogram() for tier in self.hits}

    def hit(self, hit: Hit) -> None:
        """Counts a hit and what it has saved."""
        self.hits[hit.tier] += 1
        self._save(hit.cost_usd)

    def shared(self, cost_usd: float | None) -> None:
        """Counts an answer that came from somebody else's call."""
        self.coalesced += 1
        self._save(cost_usd)

    @property
    def saved(self) -> int:
        """Calls that need not be made."""
        return sum(self.hits.values()) + self.coalesced

    def sums(self) -> dict[str, float]:
        """What is added up over runs in the file of the disk tier."""
        return {
            **{f"hits_{tier}": count for tier, count in self.hits.items()},
            "coalesced": self.coalesced,
            "misses": self.misses,
            "writes": self.writes,
            "cost_saved_usd": self.cost_saved_usd,
            "priced_hits": self.priced_hits,
        }

    def statistics(
        self, name: str, memory: MemoryTier, *, disk: DiskTallies | None, redis: RedisTallies | None
    ) -> CacheStatistics:
        """The counts together with what the tiers have counted."""
        disk, redis = disk or DiskTallies(), redis or RedisTallies()
        lookups = self.saved + self.misses
        return CacheStatistics(
            name=name,
            hits={str(tier): count for tier, count in self.hits.items()},
            coalesced=self.coalesced,
            misses=self.misses,
            hit_rate=self.saved / lookups if lookups else None,
            writes=self.writes,
            evicted={**memory.evicted, "disk_bytes": disk.evicted},
            expired=memory.expired + disk.expired,
            memory_entries=len(memory),
            memory_bytes=memory.size_bytes,
            calls_saved=self.saved,
            cost_saved_usd=self.cost_saved_usd if self.priced_hits else None,
            unpriced_hits=self.saved - self.priced_hits,
            damaged=self.damaged,
            dropped_writes=disk.dropped,
            redis_failures=redis.failures,
            redis_skipped=redis.skipped,
            lookup_s={tier: histogram.summary() for tier, histogram in self.lookups.items() if histogram},
        )

    def _save(self, cost_usd: float | None) -> None:
        if cost_usd is not None:
            self.cost_saved_usd += cost_usd
            self.priced_hits += 1
