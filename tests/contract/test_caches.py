"""What every place for cached bytes keeps to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from evalperf import clock
from evalperf.cache import CacheBackend, MemoryTier, open_redis, open_sqlite
from tests.support.redis_server import RedisServer, redis_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


def fail(text: str) -> None:
    raise AssertionError(f"a healthy tier has nothing to warn of: {text}")


@asynccontextmanager
async def memory(strategy: str) -> AsyncIterator[CacheBackend]:
    yield MemoryTier(strategy, max_entries=10_000, max_bytes=10_000_000)  # type: ignore[arg-type]


def disk(folder: Path) -> AbstractAsyncContextManager[CacheBackend]:
    return open_sqlite(folder / "c.sqlite", max_bytes=10**9, on_damaged="stop", warn=fail)


KINDS: dict[str, Callable[[pytest.FixtureRequest, Path], AbstractAsyncContextManager[CacheBackend]]] = {
    "ttl": lambda _request, _folder: memory("ttl"),
    "hybrid": lambda _request, _folder: memory("hybrid"),
    "sqlite": lambda _request, folder: disk(folder),
    "redis": lambda request, _folder: open_redis(
        request.getfixturevalue("server").url, "contract", on_away="stop", warn=fail
    ),
}


@pytest.fixture(params=KINDS)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CacheBackend]:
    async with KINDS[request.param](request, tmp_path) as found:
        await found.clear()
        yield found


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


async def test_what_was_set_is_found_and_nothing_else(backend: CacheBackend) -> None:
    await backend.set_many([(key(1), b"one"), (key(2), b"two")], None)
    assert await backend.get_many([key(2), key(3), key(1)]) == [b"two", None, b"one"]


async def test_nothing_asked_is_nothing_found(backend: CacheBackend) -> None:
    await backend.set_many([], 10)
    assert await backend.get_many([]) == []
    assert await backend.delete_many([]) == 0


async def test_a_key_asked_twice_is_answered_twice(backend: CacheBackend) -> None:
    await backend.set_many([(key(1), b"one")], None)
    assert await backend.get_many([key(1), key(1)]) == [b"one", b"one"]


async def test_the_last_value_of_a_key_wins(backend: CacheBackend) -> None:
    await backend.set_many([(key(1), b"first"), (key(1), b"second")], None)
    assert await backend.get_many([key(1)]) == [b"second"]
    await backend.set_many([(key(1), b"third")], None)
    assert await backend.get_many([key(1)]) == [b"third"]


@pytest.mark.parametrize("value", [b"", b"\x00\xff" * 7, bytes(1_000_000)], ids=["empty", "binary", "1 MB"])
async def test_any_bytes_come_back_as_they_were(backend: CacheBackend, value: bytes) -> None:
    await backend.set_many([(key(1), value)], 60)
    assert await backend.get_many([key(1)]) == [value]


async def test_many_at_once_keep_their_order(backend: CacheBackend) -> None:
    """More than one statement, or one packet, takes."""
    items = [(key(number), b"%d" % number) for number in range(1_000)]
    await backend.set_many(items, 60)
    assert await backend.get_many([k for k, _ in items]) == [value for _, value in items]


async def test_what_has_expired_is_a_miss(backend: CacheBackend) -> None:
    await backend.set_many([(key(1), b"short")], 0.02)
    await backend.set_many([(key(2), b"long")], 60)
    began_s = clock.now()
    while (await backend.get_many([key(1)]))[0] is not None:
        assert clock.now() - began_s < 5
        await asyncio.sleep(0.005)
    assert await backend.get_many([key(2)]) == [b"long"]


async def test_a_value_set_again_lives_by_its_new_time(backend: CacheBackend) -> None:
    await backend.set_many([(key(1), b"old")], 0.01)
    await backend.set_many([(key(1), b"new")], None)
    await asyncio.sleep(0.03)
    assert await backend.get_many([key(1)]) == [b"new"]


async def test_what_was_deleted_is_counted_and_gone(backend: CacheBackend) -> None:
    await backend.set_many([(key(number), b"x") for number in range(3)], None)
    assert await backend.delete_many([key(0), key(2), key(9)]) == 2
    assert await backend.get_many([key(0), key(1), key(2)]) == [None, b"x", None]


async def test_clearing_leaves_nothing_and_counts(backend: CacheBackend) -> None:
    await backend.set_many([(key(number), b"x") for number in range(300)], 60)
    assert await backend.clear() == 300
    assert await backend.get_many([key(1)]) == [None]
    assert await backend.clear() == 0


async def test_many_users_at_once_are_not_mixed_up(backend: CacheBackend) -> None:
    async def use(user: int) -> None:
        mine = [(key(user * 100 + number), b"%d-%d" % (user, number)) for number in range(20)]
        await backend.set_many(mine, 60)
        assert await backend.get_many([k for k, _ in mine]) == [value for _, value in mine]

    await asyncio.gather(*(use(user) for user in range(20)))


async def test_a_cancelled_lookup_leaves_it_usable(backend: CacheBackend) -> None:
    await backend.set_many([(key(1), b"one")], None)
    task = asyncio.create_task(backend.get_many([key(1)]))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await backend.get_many([key(1)]) == [b"one"]
