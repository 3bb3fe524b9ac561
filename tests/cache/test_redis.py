"""The Redis tier against a real server that is stopped and started in mid-use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evalperf.cache import Cache, Hit, Provenance, Selection, open_cache
from evalperf.cache import redis as redis_tier
from evalperf.config.cache import TieredCacheConfig
from evalperf.errors import ConfigError, StoppedError
from tests.support.redis_server import RedisServer, redis_server

KEY = b"k" * 16


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as running:
        yield running


@asynccontextmanager
async def opened(folder: Path, url: str, **config: Any) -> AsyncIterator[tuple[Cache, list[str]]]:
    warnings: list[str] = []
    async with open_cache(
        TieredCacheConfig(redis_url=url, **config), "responses", folder, warn=warnings.append
    ) as cache:
        yield cache, warnings


async def test_what_one_machine_has_paid_for_another_one_finds(server: RedisServer, tmp_path: Path) -> None:
    async with opened(tmp_path / "here", server.url) as (cache, _):
        await cache.set(KEY, b"answer" * 1_000, Provenance("case-1", "m", 0.5))
    async with opened(tmp_path / "there", server.url) as (cache, _):
        assert await cache.get(KEY) == Hit(b"answer" * 1_000, "redis", 0.5)
        assert await cache.get(KEY) == Hit(b"answer" * 1_000, "memory", 0.5)


async def test_what_redis_had_is_on_the_disk_afterwards_with_where_it_comes_from(
    server: RedisServer, tmp_path: Path
) -> None:
    async with opened(tmp_path / "here", server.url) as (cache, _):
        await cache.set(KEY, b"answer", Provenance("case-1", "m", 0.5))
    async with opened(tmp_path / "there", server.url) as (cache, _):
        await cache.get(KEY)
    server.stop()
    server.start()
    async with opened(tmp_path / "there", server.url) as (cache, _):
        assert await cache.get(KEY) == Hit(b"answer", "disk", 0.5)
        assert await cache.invalidate(Selection(id="case-1", model="m")) == 1


async def test_redis_lets_entries_expire_by_itself(server: RedisServer, tmp_path: Path) -> None:
    from redis.asyncio import Redis

    async with opened(tmp_path, server.url, ttl_s=100) as (cache, _):
        await cache.set(KEY, b"answer")
    async with Redis.from_url(server.url) as client:
        (name,) = await client.keys("*")
        assert name == b"evalperf:1:responses:" + KEY.hex().encode()
        assert 90 < await client.ttl(name) <= 100


async def test_clearing_leaves_what_others_keep_in_redis(server: RedisServer, tmp_path: Path) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(server.url) as client:
        await client.set("evalperf:1:scores:00", b"another cache")
        await client.set("somebody", b"else")
        async with opened(tmp_path, server.url) as (cache, _):
            await cache.set(KEY, b"answer")
            assert await cache.clear() == 1
        assert sorted(await client.keys("*")) == [b"evalperf:1:scores:00", b"somebody"]


async def test_a_foreign_value_under_our_name_is_no_answer(server: RedisServer, tmp_path: Path) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(server.url) as client:
        await client.set(b"evalperf:1:responses:" + KEY.hex().encode(), b"not what anybody of us has written")
    async with opened(tmp_path, server.url) as (cache, _):
        assert await cache.get(KEY) is None
        assert cache.statistics().damaged == 1


async def test_redis_that_goes_away_is_done_without_and_taken_back(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_tier, "RETRY_S", 0.0)
    monkeypatch.setattr(redis_tier, "MAX_RETRY_S", 0.0)
    async with opened(tmp_path, server.url, disk=False, max_entries=1) as (cache, warnings):
        await cache.set(KEY, b"answer")
        await cache.flush()
        server.stop()
        for number in range(5):
            assert await cache.get(b"%016d" % number) is None
        await cache.set(b"j" * 16, b"other")
        await cache.flush()
        assert len(warnings) == 1
        assert "is away" in warnings[0]
        assert cache.statistics().redis_failures == 6
        assert cache.statistics().redis_skipped == 6
        server.start()
        await cache.set(KEY, b"answer again")
        await cache.flush()
        await cache.set(b"j" * 16, b"drives the first one out of memory")
        await cache.flush()
        assert await cache.get(KEY) == Hit(b"answer again", "redis")
        assert len(warnings) == 2
        assert "is back" in warnings[1]


async def test_redis_that_is_away_is_left_alone_for_a_while(server: RedisServer, tmp_path: Path) -> None:
    async with opened(tmp_path, server.url, disk=False) as (cache, warnings):
        server.stop()
        for number in range(50):
            await cache.get(b"%016d" % number)
        found = cache.statistics()
        assert found.redis_failures == 1
        assert found.redis_skipped == 50
        assert len(warnings) == 1


async def test_redis_that_goes_away_stops_the_run_where_that_is_wanted(server: RedisServer, tmp_path: Path) -> None:
    async with opened(tmp_path, server.url, on_redis_away="stop") as (cache, _):
        server.stop()
        with pytest.raises(StoppedError, match="is away"):
            await cache.get(KEY)


async def test_a_write_that_redis_misses_stops_the_run_where_that_is_wanted(
    server: RedisServer, tmp_path: Path
) -> None:
    async def work() -> None:
        async with opened(tmp_path, server.url, on_redis_away="stop") as (cache, _):
            server.stop()
            await cache.set(KEY, b"answer")

    with pytest.raises(StoppedError, match="is away"):
        await work()


async def test_nobody_at_the_address_is_said_before_anything_else(server: RedisServer, tmp_path: Path) -> None:
    server.stop()
    with pytest.raises(ConfigError, match="can't be reached"):
        async with opened(tmp_path, server.url):
            pass


@pytest.mark.parametrize("credentials", ["", ":wrong-password@", "nobody:secret@"])
async def test_a_wrong_password_is_said_before_anything_else_and_not_shown(tmp_path: Path, credentials: str) -> None:
    with redis_server(tmp_path, password="right") as server:
        url = server.url.replace(":right@", credentials)
        with pytest.raises(ConfigError, match="refuses") as caught:
            async with opened(tmp_path / "cache", url):
                pass
        assert "wrong-password" not in caught.value.message
        async with opened(tmp_path / "cache", server.url):
            pass
