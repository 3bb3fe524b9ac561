"""The memory tier: bounded by entries and by the bytes that the process really takes."""

from __future__ import annotations

import heapq
import math
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from evalperf import clock

__all__ = ["MemoryEntry", "MemoryTier", "Strategy", "allocated_bytes"]

Strategy = Literal["lru", "ttl", "hybrid"]

MMAP_BYTES = 128 * 1024
"""From here the allocator takes whole pages from the system."""
PAGE_BYTES = 4096
STALE_SHARE, STALE_SLACK = 0.2, 64
"""Expiries of entries that are gone, which may stay in the heap: so many for each entry, and a few."""


Expiry = tuple[float, bytes]
"""When, in Unix time, and whose."""


class MemoryEntry(Struct, gc=False):
    """A value in memory."""

    value: bytes
    expires_s: float
    """Unix time; infinity = never."""
    cost_usd: float | None
    size_bytes: int
    expiry: Expiry | None
    """Its pair in the heap; any other pair of its key there is stale."""


ENTRY_BYTES = 64 + 32 + 32
"""What an entry takes besides its key and value: the record, its time of expiry and its size, as objects."""
EXPIRY_BYTES = 64
"""A pair in the heap of expiries."""
STALE_BYTES = 64 + 32
"""What a pair keeps alive whose entry is gone: a key of 16 bytes and a time."""


def allocated_bytes(block: bytes) -> int:
    """What the allocator takes for an object: rounded up, with its own header, in pages where it is large."""
    size = sys.getsizeof(block)
    if size <= 512:
        return (size + 15) & ~15
    if size < MMAP_BYTES:
        return (size + 8 + 15) & ~15
    return (size + 16 + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1)


class MemoryTier:
    """Keeps values until they expire or make room; safe under threads, and no call waits for anything but a lock.

    `lru`: nothing expires, the least recently used makes room. `ttl`: what expires first makes room. `hybrid`: what has
    expired makes room, then the least recently used. A lookup and a write take about a microsecond; once in a fifth as
    many writes as there are entries the heap of expiries is made anew, which takes 0.3 s for a million.
    """

    def __init__(
        self, strategy: Strategy, *, max_entries: int, max_bytes: int, now: Callable[[], float] = clock.unix_s
    ) -> None:
        self._expires = strategy != "lru"
        self._by_use = strategy != "ttl"
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._now = now
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, MemoryEntry] = OrderedDict()  # the least recently used, or oldest, first
        self._expiries: list[Expiry] = []  # a heap; a pair is stale if it is not the one of its entry
        self._entry_bytes = 0
        self.evicted = {"entries": 0, "bytes": 0}
        """How many entries made room for others, by the bound that was reached."""
        self.expired = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """What the tier takes of the process's memory."""
        pairs = len(self._expiries)
        stale = max(0, pairs - len(self._entries))
        tables = sys.getsizeof(self._entries) + sys.getsizeof(self._expiries)
        return self._entry_bytes + tables + pairs * EXPIRY_BYTES + stale * STALE_BYTES

    def get(self, key: bytes) -> MemoryEntry | None:
        """The entry, if it is there and has not expired."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if entry.expires_s <= self._now():
                self._remove(key, entry)
                self.expired += 1
                return None
            if self._by_use:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: bytes, value: bytes, *, until_s: float | None, cost_usd: float | None = None) -> None:
        """Keeps a value until then (Unix time; None = for ever); one larger than the whole bound is not kept."""
        now_s = self._now()
        expires_s = until_s if self._expires and until_s is not None else math.inf
        size_bytes = allocated_bytes(key) + allocated_bytes(value) + ENTRY_BYTES
        with self._lock:
            earlier = self._entries.get(key)
            if earlier is not None:
                self._remove(key, earlier)
            if expires_s <= now_s or size_bytes > self._max_bytes:
                return
            expiry = None if expires_s == math.inf else (expires_s, key)
            self._entries[key] = MemoryEntry(value, expires_s, cost_usd, size_bytes, expiry)
            self._entry_bytes += size_bytes
            if expiry is not None:
                heapq.heappush(self._expiries, expiry)
            self._make_room(now_s)
            self._drop_stale()

    def remove(self, key: bytes) -> bool:
        """Whether it was there, and had not expired."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return False
            self._remove(key, entry)
            return entry.expires_s > self._now()

    def remove_all(self) -> int:
        """How many there were."""
        with self._lock:
            now_s = self._now()
            count = sum(entry.expires_s > now_s for entry in self._entries.values())
            self._entries = OrderedDict()
            self._expiries = []
            self._entry_bytes = 0
            return count

    def sweep(self, limit: int = 1000) -> int:
        """Removes expired entries, at most `limit`; how many. Takes a microsecond or two for each."""
        with self._lock:
            now_s = self._now()
            return sum(1 for _ in range(limit) if self._remove_expired(now_s))

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        return [None if entry is None else entry.value for entry in map(self.get, keys)]

    async def set_many(self, items: Sequence[tuple[bytes, bytes]], ttl_s: float | None) -> None:
        """Keeps (key, value) pairs."""
        until_s = None if ttl_s is None else self._now() + ttl_s
        for key, value in items:
            self.put(key, value, until_s=until_s)

    async def delete_many(self, keys: Sequence[bytes]) -> int:
        """How many of them were there."""
        return sum(map(self.remove, keys))

    async def clear(self) -> int:
        """Drops everything; how many entries there were."""
        return self.remove_all()

    def _make_room(self, now_s: float) -> None:
        while (full := self._full()) is not None:
            if self._remove_expired(now_s):
                continue
            key = next(iter(self._entries)) if self._by_use else self._expiring_first()
            self._remove(key, self._entries[key])
            self.evicted[full] += 1

    def _full(self) -> str | None:
        if len(self._entries) > self._max_entries:
            return "entries"
        return "bytes" if self.size_bytes > self._max_bytes and self._entries else None

    def _remove_expired(self, now_s: float) -> bool:
        """Whether there was an expired entry, and it is gone."""
        self._drop_stale_top()
        if not self._expiries or self._expiries[0][0] > now_s:
            return False
        _, key = heapq.heappop(self._expiries)
        self._remove(key, self._entries[key])
        self.expired += 1
        return True

    def _expiring_first(self) -> bytes:
        self._drop_stale_top()
        return self._expiries[0][1] if self._expiries else next(iter(self._entries))

    def _remove(self, key: bytes, entry: MemoryEntry) -> None:
        del self._entries[key]
        self._entry_bytes -= entry.size_bytes

    def _is_stale(self, expiry: Expiry) -> bool:
        entry = self._entries.get(expiry[1])
        return entry is None or entry.expiry is not expiry

    def _drop_stale_top(self) -> None:
        while self._expiries and self._is_stale(self._expiries[0]):
            heapq.heappop(self._expiries)

    def _drop_stale(self) -> None:
        if len(self._expiries) > (1 + STALE_SHARE) * len(self._entries) + STALE_SLACK:
            self._expiries = [expiry for expiry in self._expiries if not self._is_stale(expiry)]
            heapq.heapify(self._expiries)
