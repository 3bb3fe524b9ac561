"""A session of the store: what waits in it, how it ends, and that it leaves nothing open."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from evalperf.errors import OutputError
from evalperf.results import CallId, open_store
from evalperf.results.disk import LocalDisk
from evalperf.results.store import SPARE_DESCRIPTORS
from tests.results.helpers import (
    HASH,
    FaultyDisk,
    ignore,
    make_result,
    make_run,
    open_descriptors,
    options,
    read_keys,
    write,
)


class SlowDisk(LocalDisk):
    """Writes wait until they may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.may_go_on = threading.Event()

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self.begun.set()
        assert self.may_go_on.wait(30)
        return super().write(fd, data)


async def test_what_is_being_written_is_still_waiting(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    disk = SlowDisk()
    async with open_store(directory, info, options(flush_results=2), ignore, disk=disk) as store:
        for seq in (1, 2):
            await store.put(make_result(seq))
        await asyncio.to_thread(disk.begun.wait, 30)
        assert store.waiting() == 2
        await store.put(make_result(3))
        assert store.waiting() == 3
        disk.may_go_on.set()


async def test_calls_go_on_while_a_part_is_being_written(tmp_path: Path) -> None:
    class SlowParts(SlowDisk):
        def __init__(self) -> None:
            super().__init__()
            self.parts: set[int] = set()

        def open_append(self, path: Path) -> int:
            fd = super().open_append(path)
            if path.parent.name == "results":
                self.parts.add(fd)
            return fd

        def write(self, fd: int, data: bytes | memoryview) -> int:
            return super().write(fd, data) if fd in self.parts else os.write(fd, data)

    disk = SlowParts()
    async with open_store(*make_run(tmp_path), options(journal=True, flush_results=1), ignore, disk=disk) as store:
        assert store.journal is not None
        await store.put(make_result(1))
        await asyncio.to_thread(disk.begun.wait, 30)
        await asyncio.wait_for(store.journal.intent(CallId(2, 1, 0, 1), HASH), 10)
        disk.may_go_on.set()


async def test_a_session_that_is_cancelled_while_it_ends_writes_everything_and_is_cancelled(tmp_path: Path) -> None:
    """However often."""
    directory, info = make_run(tmp_path)
    disk = SlowDisk()

    async def session() -> None:
        async with open_store(directory, info, options(), ignore, disk=disk) as store:
            await store.put(make_result(1))

    task = asyncio.create_task(session())
    await asyncio.to_thread(disk.begun.wait, 30)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    disk.may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert read_keys(directory) == [(1, 1, "ok")]


@pytest.mark.parametrize("field", ["input", "output"])
async def test_big_results_do_not_wait_for_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    """What waits is bounded in bytes, too."""
    monkeypatch.setattr("evalperf.results.store.WAITING_BYTES", 10_000)
    directory, info = make_run(tmp_path)
    written = asyncio.Event()
    async with open_store(directory, info, options(), lambda _: written.set()) as store:
        for seq in range(1, 9):
            await store.put(make_result(seq))
        assert store.waiting() == 8
        await store.put(make_result(9, **{field: "x" * 2000}))
        await asyncio.wait_for(written.wait(), 10)
        assert store.waiting() == 0


async def test_descriptors_are_held_for_when_connections_have_taken_all_others(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    before = open_descriptors()
    async with open_store(*run, options(), ignore):
        assert open_descriptors() >= before + SPARE_DESCRIPTORS


async def test_a_finished_run_that_can_not_be_called_unfinished_gets_nothing_more(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(1)], finish=True)
    with pytest.raises(OutputError, match="_SUCCESS: Input/output error"):
        async with open_store(directory, info, options(), ignore, disk=FaultyDisk({"remove": {1}})) as store:
            await store.put(make_result(2))
    assert read_keys(directory) == [(1, 1, "ok")]


@pytest.mark.parametrize("journal", [False, True])
async def test_space_is_held_back_only_where_calls_may_cost_something(tmp_path: Path, journal: bool) -> None:
    directory, info = make_run(tmp_path)
    async with open_store(directory, info, options(journal=journal, reserve_bytes=1000), ignore):
        assert directory.reserve.exists() == journal


async def test_success_is_gone_from_the_disk_before_a_finished_run_gets_more(tmp_path: Path) -> None:
    order: list[str] = []

    class Noting(FaultyDisk):
        def _tick(self, kind: str) -> None:
            order.append(kind)
            super()._tick(kind)

    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(1)], finish=True)
    async with open_store(directory, info, options(flush_results=1), ignore, disk=Noting()) as store:
        order.clear()
        for seq in (2, 3):
            await store.put(make_result(seq))
            while store.waiting():
                await asyncio.sleep(0.001)
    assert order[:2] == ["remove", "sync_folder"]
    assert order.count("remove") == 1
    assert order.index("write") > 1


@pytest.mark.parametrize("journal", [False, True])
async def test_a_session_leaves_nothing_open_however_it_ends(tmp_path: Path, journal: bool) -> None:
    directory, info = make_run(tmp_path)
    before = open_descriptors()
    chosen = options(journal=journal, reserve_bytes=1000)
    with pytest.raises(KeyError):  # noqa: PT012 - the block's last line raises
        async with open_store(directory, info, chosen, ignore) as store:
            await store.put(make_result(1))
            await store.put(make_result(2, failed=True))
            raise KeyError
    assert open_descriptors() == before
    disk = FaultyDisk()
    async with open_store(directory, info, chosen, ignore, disk=disk) as store:
        await store.put(make_result(3))
        await store.put(make_result(4, failed=True))
    assert not disk.opened
    assert not directory.reserve.exists()
    assert open_descriptors() == before
    with pytest.raises(OutputError):
        async with open_store(directory, info, chosen, ignore, disk=FaultyDisk({"open": {1}})):
            pass
    assert open_descriptors() == before
    await write(directory, info, [], finish=True)
    assert open_descriptors() == before
