from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from evalperf.cache import write_behind
from evalperf.cache.backend import Row
from evalperf.cache.write_behind import BATCH, FLUSH_INTERVAL_S, WriteBehind
from tests.support.virtual_loop import run_virtual


def row(number: int, value: bytes = b"v") -> Row:
    return Row(key=b"%d" % number, value=value, created_s=0.0, expires_s=None)


class Store:
    def __init__(self) -> None:
        self.batches: list[list[Row]] = []
        self.at_s: list[float] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None

    async def __call__(self, rows: Sequence[Row]) -> None:
        await self.go.wait()
        self.at_s.append(asyncio.get_running_loop().time())
        if self.error is not None:
            raise self.error
        self.batches.append(list(rows))


def test_rows_are_stored_within_the_flush_interval() -> None:
    async def work() -> None:
        store = Store()
        writes = WriteBehind(store)
        await writes.put([row(1)])
        await asyncio.sleep(FLUSH_INTERVAL_S / 2)
        await writes.put([row(2)])
        await asyncio.sleep(1)
        assert store.batches == [[row(1), row(2)]]
        assert store.at_s == [pytest.approx(FLUSH_INTERVAL_S)]

    run_virtual(work())


def test_a_full_batch_does_not_wait() -> None:
    async def work() -> None:
        store = Store()
        writes = WriteBehind(store)
        await writes.put([row(number) for number in range(BATCH)])
        for _ in range(10):
            await asyncio.sleep(0)
        assert [len(batch) for batch in store.batches] == [BATCH]
        assert store.at_s == [0.0]
        await writes.aclose()

    run_virtual(work())


async def test_closing_stores_what_is_left_at_once() -> None:
    store = Store()
    writes = WriteBehind(store)
    await writes.put([row(1)])
    await writes.aclose()
    assert store.batches == [[row(1)]]


async def test_a_row_is_found_until_it_is_stored() -> None:
    store = Store()
    store.go.clear()
    writes = WriteBehind(store)
    await writes.put([row(1)])
    assert writes.find(b"1") == row(1)
    flushing = asyncio.create_task(writes.flush())
    await asyncio.sleep(0.001)
    assert writes.find(b"1") == row(1)  # now it is under way
    store.go.set()
    await flushing
    assert writes.find(b"1") is None


async def test_of_one_key_the_last_value_is_stored() -> None:
    store = Store()
    writes = WriteBehind(store)
    await writes.put([row(1, b"a"), row(1, b"b")])
    await writes.flush()
    assert store.batches == [[row(1, b"b")]]


async def test_more_than_fits_in_memory_waits_for_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind, "MOST_WAITING_BYTES", 1_000)
    store = Store()
    store.go.clear()
    writes = WriteBehind(store)
    await writes.put([row(1, bytes(900))])
    putting = asyncio.create_task(writes.put([row(2, bytes(900))]))
    await asyncio.sleep(0.001)
    assert not putting.done()
    store.go.set()
    await putting
    assert writes.find(b"2") is None


async def test_an_error_is_raised_by_the_next_call() -> None:
    store = Store()
    store.error = ValueError("no")
    writes = WriteBehind(store)
    await writes.put([row(1)])
    with pytest.raises(ValueError, match="no"):
        await writes.flush()
    store.error = None
    await writes.put([row(2)])
    await writes.aclose()
    assert store.batches == [[row(2)]]
