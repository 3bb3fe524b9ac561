from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evalperf.cache import Cache, Hit, Provenance, Selection, open_cache
from evalperf.cache.keep import worth_keeping
from evalperf.config.cache import ResponseCacheConfig, TieredCacheConfig
from evalperf.errors import ConfigError


class Clock:
    def __init__(self) -> None:
        self.s = 1_000_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def now() -> Clock:
    return Clock()


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


@asynccontextmanager
async def opened(folder: Path, now: Clock | None = None, **config: Any) -> AsyncIterator[Cache]:
    warnings: list[str] = []
    async with open_cache(
        TieredCacheConfig(**config), "responses", folder, warn=warnings.append, now=now or Clock()
    ) as cache:
        yield cache
    assert not warnings


async def test_memory_answers_first_and_the_disk_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.set(key(1), b"one")
        assert await cache.get(key(1)) == Hit(b"one", "memory")
    async with opened(tmp_path) as cache:
        assert cache.peek(key(1)) is None
        assert await cache.get(key(1)) == Hit(b"one", "disk")
        assert cache.peek(key(1)) == Hit(b"one", "memory")


async def test_what_memory_had_no_room_for_is_found_before_and_after_it_is_on_disk(tmp_path: Path) -> None:
    async with opened(tmp_path, max_entries=1) as cache:
        await cache.set(key(1), b"one")
        await cache.set(key(2), b"two")
        assert await cache.get(key(1)) == Hit(b"one", "memory")  # it waits for the disk, in memory
        await cache.set(key(2), b"two")
        await cache.flush()
        assert await cache.get(key(1)) == Hit(b"one", "disk")


async def test_many_at_once_come_from_where_each_is(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.set_many([(key(number), b"%d" % number, Provenance()) for number in range(3)])
    async with opened(tmp_path) as cache:
        await cache.get(key(0))
        found = await cache.get_many([key(0), key(9), key(1), key(0)])
        assert found == [Hit(b"0", "memory"), None, Hit(b"1", "disk"), Hit(b"0", "memory")]


async def test_an_entry_lives_no_longer_in_memory_than_where_it_came_from(tmp_path: Path, now: Clock) -> None:
    async with opened(tmp_path, now, ttl_s=100) as cache:
        await cache.set(key(1), b"one")
    now.s += 60
    async with opened(tmp_path, now, ttl_s=100) as cache:
        assert await cache.get(key(1)) == Hit(b"one", "disk")
        now.s += 41
        assert await cache.get(key(1)) is None


async def test_a_longer_life_in_the_configuration_wakes_nothing_and_forgets_nothing(tmp_path: Path, now: Clock) -> None:
    """The time to live is in no key."""
    async with opened(tmp_path, now, ttl_s=100) as cache:
        await cache.set(key(1), b"one")
    async with opened(tmp_path, now, ttl_s=200) as cache:
        assert await cache.get(key(1)) is not None
        now.s += 101
        assert await cache.get(key(1)) is None


async def test_a_shorter_life_in_the_configuration_holds_for_old_entries_too(tmp_path: Path, now: Clock) -> None:
    async with opened(tmp_path, now, ttl_s=1000) as cache:
        await cache.set(key(1), b"one")
    now.s += 60
    async with opened(tmp_path, now, ttl_s=50) as cache:
        assert await cache.get(key(1)) is None


@pytest.mark.parametrize("config", [{"strategy": "lru"}, {"ttl_s": None}])
async def test_without_a_time_to_live_nothing_expires(tmp_path: Path, now: Clock, config: dict[str, Any]) -> None:
    async with opened(tmp_path, now, **config) as cache:
        await cache.set(key(1), b"one")
    now.s += 1e9
    async with opened(tmp_path, now, **config) as cache:
        assert await cache.get(key(1)) == Hit(b"one", "disk")
        now.s += 1e9
        assert await cache.get(key(1)) == Hit(b"one", "memory")


async def test_turned_off_it_finds_and_keeps_nothing_and_makes_no_file(tmp_path: Path) -> None:
    async with opened(tmp_path, strategy="off") as cache:
        await cache.set(key(1), b"one")
        assert await cache.get(key(1)) is None
    assert not list(tmp_path.iterdir())


async def test_without_a_disk_it_makes_no_file(tmp_path: Path) -> None:
    async with opened(tmp_path, disk=False) as cache:
        await cache.set(key(1), b"one")
        assert await cache.get(key(1)) == Hit(b"one", "memory")
    assert not list(tmp_path.iterdir())


async def test_a_call_is_made_once_and_found_afterwards(tmp_path: Path) -> None:
    calls = 0

    async def call() -> bytes:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.001)
        return b"answer"

    async with opened(tmp_path) as cache:
        together = await asyncio.gather(*(cache.get_or_call(key(1), call) for _ in range(3)))
        assert together == [(b"answer", None), (b"answer", "coalesced"), (b"answer", "coalesced")]
        assert await cache.get_or_call(key(1), call) == (b"answer", "memory")
    async with opened(tmp_path) as cache:
        assert await cache.get_or_call(key(1), call) == (b"answer", "disk")
    assert calls == 1


async def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    async def fail() -> bytes:
        raise ValueError("no")

    async def succeed() -> bytes:
        return b"answer"

    async with opened(tmp_path) as cache:
        with pytest.raises(ValueError, match="no"):
            await cache.get_or_call(key(1), fail)
        assert await cache.get_or_call(key(1), succeed) == (b"answer", None)


async def test_what_is_not_worth_keeping_is_returned_and_not_kept(tmp_path: Path) -> None:
    async def call() -> bytes:
        return b"cut"

    async with opened(tmp_path) as cache:
        assert await cache.get_or_call(key(1), call, keep=lambda value: value != b"cut") == (b"cut", None)
        assert await cache.get(key(1)) is None


@pytest.mark.parametrize(
    ("finish_reason", "config", "kept"),
    [
        ("stop", {}, True),
        (None, {}, True),
        ("length", {}, True),
        ("length", {"keep_truncated": False}, False),
        ("content_filter", {}, False),
        ("content_filter", {"keep_refusals": True}, True),
    ],
)
def test_which_answers_are_worth_keeping(finish_reason: str | None, config: dict[str, bool], kept: bool) -> None:
    assert worth_keeping(finish_reason, ResponseCacheConfig(**config)) is kept


async def test_a_damaged_value_is_a_miss_and_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.set(key(1), b"one")
        await cache.set(key(2), b"two")
        await cache.flush()
        assert cache._slow is not None
        assert cache._slow.disk is not None
        (sealed,) = await cache._slow.disk.get_many([key(1)])
        assert sealed is not None
        await cache._slow.disk.set_many([(key(2), sealed)], None)  # whole, and under another key
    async with opened(tmp_path) as cache:
        assert await cache.get_many([key(1), key(2)]) == [Hit(b"one", "disk"), None]
        assert cache.statistics().damaged == 1


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (Selection(id="qa-1"), [2, 3, 4]),
        (Selection(glob="qa-*"), [3, 4]),
        (Selection(regex=r"-\d$"), [4]),
        (Selection(model="large"), [1, 3]),
        (Selection(created_before_s=1_000_000.0 + 25), [3, 4]),
        (Selection(glob="qa-*", model="large"), [1, 3, 4]),
        (Selection(id="q"), [1, 2, 3, 4]),
    ],
)
async def test_entries_are_invalidated_by_what_is_said_of_them(
    tmp_path: Path, now: Clock, selection: Selection, left: list[int]
) -> None:
    entries = {1: ("qa-1", "small"), 2: ("qa-2", "large"), 3: ("sum-1", "small"), 4: (None, "large")}
    async with opened(tmp_path, now) as cache:
        for number, (case_id, model) in entries.items():
            now.s = 1_000_000.0 + number * 10
            await cache.set(key(number), b"v", Provenance(case_id, model))
        assert await cache.invalidate(selection) == 4 - len(left)
        assert [number for number in entries if await cache.get(key(number)) is not None] == left
    async with opened(tmp_path, now) as cache:
        assert [number for number in entries if await cache.get(key(number)) is not None] == left


async def test_entries_without_a_file_can_not_be_selected(tmp_path: Path) -> None:
    async with opened(tmp_path, disk=False) as cache:
        with pytest.raises(ConfigError, match="disk tier"):
            await cache.invalidate(Selection(id="x"))


async def test_clearing_reaches_every_tier(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.set(key(1), b"one")
        assert await cache.clear() == 1
        assert await cache.get(key(1)) is None
    async with opened(tmp_path) as cache:
        assert await cache.get(key(1)) is None


async def test_statistics_count_each_lookup_once_and_what_it_saved(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        assert cache.statistics().hit_rate is None
        await cache.set(key(1), b"one", Provenance(cost_usd=0.25))
        await cache.set(key(2), b"two")
    async with opened(tmp_path) as cache:
        await cache.get(key(1))
        await cache.get(key(1))
        await cache.get_many([key(1), key(2), key(3)])
        await cache.get(key(4))
        found = cache.statistics()
    assert found.hits == {"memory": 2, "disk": 2, "redis": 0}
    assert (found.misses, found.hit_rate, found.calls_saved) == (2, 4 / 6, 4)
    assert (found.cost_saved_usd, found.unpriced_hits) == (0.75, 1)
    assert found.lookup_s["disk"].p50_s is not None


async def test_a_cost_that_nobody_knows_is_not_zero(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.set(key(1), b"one")
        await cache.get(key(1))
        assert cache.statistics().cost_saved_usd is None


async def test_sums_over_all_runs_are_in_the_file(tmp_path: Path) -> None:
    for _ in range(2):
        async with opened(tmp_path) as cache:
            await cache.get(key(1))
            await cache.set(key(1), b"one")
            await cache.get(key(1))
            await cache.maintain()
    async with opened(tmp_path) as cache:
        assert cache._slow is not None
        assert cache._slow.disk is not None
        counters = (await cache._slow.disk.describe()).counters
    assert (counters["misses"], counters["hits_memory"], counters["hits_disk"], counters["writes"]) == (1, 2, 1, 2)


async def test_peeking_is_safe_in_other_threads(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.set(key(1), b"one")
        found: list[Hit | None] = []
        thread = threading.Thread(target=lambda: found.extend(cache.peek(key(1)) for _ in range(1_000)))
        thread.start()
        for number in range(1_000):
            await cache.set(key(2), b"%d" % number)
        thread.join()
        assert found == [Hit(b"one", "memory")] * 1_000


async def test_lookups_hold_up_nobody(tmp_path: Path) -> None:
    """The loop takes other turns while a lookup is in the disk's thread."""
    async with opened(tmp_path) as cache:
        turns = 0
        lookup = asyncio.create_task(cache.get(key(1)))
        while not lookup.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 2


async def test_what_was_set_is_stored_when_the_block_ends_by_an_error(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as cache:
            await cache.set(key(1), b"one")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await work()
    async with opened(tmp_path) as cache:
        assert await cache.get(key(1)) == Hit(b"one", "disk")
