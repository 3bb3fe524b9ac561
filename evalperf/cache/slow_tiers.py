"""The tiers that take time: disk, then Redis. Lookups and writes of many callers go to them in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from evalperf import clock
from evalperf.cache.backend import Row, Tier
from evalperf.cache.lookups import Lookups
from evalperf.cache.redis import RedisTier
from evalperf.cache.seal import seal, unseal
from evalperf.cache.sqlite import SqliteTier
from evalperf.cache.statistics import Counts
from evalperf.cache.write_behind import WriteBehind

__all__ = ["Found", "SlowTiers"]

T = TypeVar("T")

INLINE_BYTES = 32 * 1024
"""More than this is compressed, or decompressed, in a thread: it would take the loop a third of a millisecond."""
SENT_AT_ONCE = 32
"""Rows in one packet to Redis, whose library takes 25 microseconds of the loop for each."""

Found = tuple[Row, Tier]


class SlowTiers:
    """Reads entries through disk and Redis and writes them to both; what Redis alone has is copied to the disk."""

    def __init__(
        self,
        disk: SqliteTier | None,
        redis: RedisTier | None,
        counts: Counts,
        *,
        ttl_s: float | None,
        compress: bool,
        now: Callable[[], float],
    ) -> None:
        self.disk = disk
        self.redis = redis
        self._counts = counts
        self._ttl_s = ttl_s
        self._compress = compress
        self._now = now
        self._lookups: Lookups[Found] = Lookups(self._fetch)
        self._writes = WriteBehind(self._store)
        self._copies = WriteBehind(self._store_copies)

    async def get(self, key: bytes) -> Found | None:
        """What the nearest tier has; shares a round trip with the lookups of others."""
        row = self._writes.find(key)
        return (row, "memory") if row is not None else await self._lookups.get(key)

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Found]:
        """What there is of different keys, by one round trip a tier."""
        found: dict[bytes, Found] = {
            key: (row, "memory") for key in keys if (row := self._writes.find(key)) is not None
        }
        missing = [key for key in keys if key not in found]
        return {**found, **(await self._fetch(missing) if missing else {})}

    async def put(self, rows: Sequence[Row]) -> None:
        """Takes plain rows; they are stored a moment later."""
        await self._writes.put(rows)

    async def delete_many(self, keys: Sequence[bytes]) -> int:
        """How many of the keys were in the tier that had most of them."""
        await self.flush()
        return max([await tier.delete_many(keys) for tier in self._tiers()])

    async def clear(self) -> int:
        """How many entries the fullest tier had."""
        await self.flush()
        return max([await tier.clear() for tier in self._tiers()])

    async def flush(self) -> None:
        """Returns when everything that was put is stored."""
        await self._writes.flush()
        await self._copies.flush()

    async def maintain(self, sums: Mapping[str, float]) -> None:
        """The disk's own housekeeping; `sums` are added to those of earlier runs."""
        if self.disk is not None:
            await self.disk.maintain(sums)

    async def aclose(self) -> None:
        """Stores what is left; the tiers are closed by whoever opened them."""
        await self._lookups.aclose()
        await self.flush()

    def _tiers(self) -> list[SqliteTier | RedisTier]:
        return [tier for tier in (self.disk, self.redis) if tier is not None]

    async def _fetch(self, keys: Sequence[bytes]) -> dict[bytes, Found]:
        found: dict[bytes, Found] = {}
        if self.disk is not None:
            began_s = clock.now()
            rows = await self._unseal(keys, await self.disk.get_many(keys))
            self._counts.lookups["disk"].add(clock.now() - began_s)
            found.update((row.key, (row, "disk")) for row in rows)
        missing = [key for key in keys if key not in found]
        if self.redis is not None and missing:
            began_s = clock.now()
            rows = await self._unseal(missing, await self.redis.get_many(missing))
            self._counts.lookups["redis"].add(clock.now() - began_s)
            found.update((row.key, (row, "redis")) for row in rows)
            if self.disk is not None and rows:
                await self._copies.put(rows)
        return found

    async def _unseal(self, keys: Sequence[bytes], sealed: Sequence[bytes | None]) -> list[Row]:
        """The entries that are whole and whose time, also by our own measure, is not over."""
        there = [(key, one) for key, one in zip(keys, sealed, strict=True) if one is not None]
        rows = await _inline_or_in_thread(
            lambda: [unseal(key, one) for key, one in there], sum(len(one) for _, one in there)
        )
        whole = [row for row in rows if row is not None]
        self._counts.damaged += len(rows) - len(whole)
        now_s = self._now()
        return [row for row in map(self._with_own_expiry, whole) if row.expires_s is None or row.expires_s > now_s]

    def _with_own_expiry(self, row: Row) -> Row:
        ends = [end for end in (row.expires_s, None if self._ttl_s is None else row.created_s + self._ttl_s) if end]
        return msgspec.structs.replace(row, expires_s=min(ends, default=None))

    async def _store(self, rows: Sequence[Row]) -> None:
        sealed = await self._seal(rows)
        if self.disk is not None:
            await self.disk.write(sealed)
        if self.redis is not None:
            for at in range(0, len(sealed), SENT_AT_ONCE):
                await self.redis.write(sealed[at : at + SENT_AT_ONCE])

    async def _store_copies(self, rows: Sequence[Row]) -> None:
        assert self.disk is not None  # noqa: S101 - copies are made for it
        await self.disk.write(await self._seal(rows))

    async def _seal(self, rows: Sequence[Row]) -> list[Row]:
        values = await _inline_or_in_thread(
            lambda: [seal(row, compress=self._compress) for row in rows], sum(len(row.value) for row in rows)
        )
        return [msgspec.structs.replace(row, value=value) for row, value in zip(rows, values, strict=True)]


async def _inline_or_in_thread(work: Callable[[], T], size_bytes: int) -> T:
    return work() if size_bytes <= INLINE_BYTES else await asyncio.to_thread(work)
