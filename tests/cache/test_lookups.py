from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from evalperf.cache.lookups import BATCH, Lookups


class Store:
    """Answers for the keys it has; waits where it is told to."""

    def __init__(self, *present: bytes) -> None:
        self.values = {key: key + b"!" for key in present}
        self.batches: list[list[bytes]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None

    async def __call__(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        self.batches.append(list(keys))
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return {key: self.values[key] for key in keys if key in self.values}


async def test_lookups_of_one_turn_are_one_batch() -> None:
    store = Store(b"a", b"b")
    lookups = Lookups(store)
    assert await asyncio.gather(*(lookups.get(key) for key in (b"a", b"b", b"c"))) == [b"a!", b"b!", None]
    assert store.batches == [[b"a", b"b", b"c"]]


async def test_what_comes_while_a_batch_is_under_way_is_the_next_one() -> None:
    store = Store(b"a", b"b", b"c")
    store.go.clear()
    lookups = Lookups(store)
    first = asyncio.create_task(lookups.get(b"a"))
    await asyncio.sleep(0.001)
    later = [asyncio.create_task(lookups.get(key)) for key in (b"b", b"c")]
    await asyncio.sleep(0.001)
    store.go.set()
    assert await asyncio.gather(first, *later) == [b"a!", b"b!", b"c!"]
    assert store.batches == [[b"a"], [b"b", b"c"]]


async def test_the_same_key_is_looked_up_once_a_batch() -> None:
    store = Store(b"a")
    lookups = Lookups(store)
    assert await asyncio.gather(lookups.get(b"a"), lookups.get(b"a")) == [b"a!", b"a!"]
    assert store.batches == [[b"a"]]


async def test_a_batch_has_a_size() -> None:
    store = Store()
    lookups = Lookups(store)
    await asyncio.gather(*(lookups.get(b"%d" % number) for number in range(BATCH + 1)))
    assert [len(batch) for batch in store.batches] == [BATCH, 1]


async def test_a_cancelled_lookup_takes_nothing_from_the_others() -> None:
    store = Store(b"a", b"b")
    store.go.clear()
    lookups = Lookups(store)
    tasks = [asyncio.create_task(lookups.get(key)) for key in (b"a", b"b")]
    await asyncio.sleep(0.001)
    tasks[0].cancel()
    store.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1] == b"b!"


async def test_an_error_reaches_all_who_asked_and_the_next_batch_is_served() -> None:
    store = Store(b"a")
    store.error = ValueError("no")
    lookups = Lookups(store)
    found = await asyncio.gather(lookups.get(b"a"), lookups.get(b"b"), return_exceptions=True)
    assert [type(one) for one in found] == [ValueError, ValueError]
    store.error = None
    assert await lookups.get(b"a") == b"a!"


async def test_closing_waits_for_the_batch_under_way() -> None:
    store = Store(b"a")
    store.go.clear()
    lookups = Lookups(store)
    task = asyncio.create_task(lookups.get(b"a"))
    await asyncio.sleep(0.001)
    closing = asyncio.create_task(lookups.aclose())
    await asyncio.sleep(0.001)
    assert not closing.done()
    store.go.set()
    await closing
    assert await task == b"a!"


@pytest.mark.parametrize("error", [ValueError("no"), None])
async def test_a_lookup_whose_every_waiter_has_gone_is_no_complaint(error: Exception | None) -> None:
    store = Store(b"a")
    store.error = error
    store.go.clear()
    lookups = Lookups(store)
    task = asyncio.create_task(lookups.get(b"a"))
    await asyncio.sleep(0.001)
    task.cancel()
    store.go.set()
    await lookups.aclose()
