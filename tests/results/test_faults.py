"""Disks that are full or fail: nothing acknowledged is lost, nothing is there twice, and the error says what to do."""

import gzip
import random
from pathlib import Path

import pytest

from evalperf.errors import OutputError
from evalperf.results import CallId, RunDirectory, RunInfo, open_store, read_results
from tests.results.helpers import HASH, FaultyDisk, ignore, make_result, make_run, options, read_keys, write

CASES = 40


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunDirectory, RunInfo]:
    return make_run(tmp_path)


async def session(
    run: tuple[RunDirectory, RunInfo], disk: FaultyDisk, acknowledged: set[int], **changes: object
) -> None:
    """Does what is left to do, with a paid call for each case; raises what the disk makes it raise."""
    async with open_store(
        *run, options(journal=True, flush_s=0.0, flush_results=4, **changes), ignore, disk=disk
    ) as store:
        assert store.journal is not None
        try:
            for seq in range(1, CASES + 1):
                if store.is_done(seq, 1):
                    continue
                if store.journal.recorded(seq, 1, 0, HASH) is None:
                    await store.journal.intent(CallId(seq, 1, 0, 1), HASH)
                    store.journal.response(CallId(seq, 1, 0, 1), HASH, b"answer" * 20)
                await store.put(make_result(seq, output="x" * 300))
            await store.finish()
        finally:
            acknowledged.update(seq for seq in range(1, CASES + 1) if store.is_done(seq, 1))


async def survive(run: tuple[RunDirectory, RunInfo], disk: FaultyDisk) -> bool:
    """Whether the disk failed; either way the next session finds all that was acknowledged and ends the run."""
    acknowledged: set[int] = set()
    failed = False
    try:
        await session(run, disk, acknowledged)
    except OutputError as error:
        failed = error.hint is not None
    seen = [result.seq for result in read_results(run[0])]
    assert len(seen) == len(set(seen))
    assert acknowledged <= set(seen)
    async with open_store(*run, options(journal=True), ignore) as store:
        assert all(store.is_done(seq, 1) for seq in acknowledged)
    await session(run, FaultyDisk(), set())
    assert read_keys(run[0]) == [(seq, 1, "ok") for seq in range(1, CASES + 1)]
    rows = sum(len(part.read_bytes().split(b"\x1f\x8b\x08\x04")) - 1 for part in run[0].results.glob("part-*"))
    assert rows
    return failed


POSITIONS = {"write": 60, "datasync": 60, "rename": 2, "sync_folder": 6, "remove": 2}
"""Calls that fail one by one: 130 in all, and 52 more from which on every call fails."""


@pytest.mark.parametrize("kind", POSITIONS)
async def test_any_single_call_may_fail(tmp_path: Path, kind: str) -> None:
    """The first, the second, … until a run has none left to fail, or the 60th has."""
    number, met = 0, True
    while met and number < 60:
        number += 1
        disk = FaultyDisk({kind: {number}})
        await survive(make_run(tmp_path / str(number)), disk)
        met = disk.calls.get(kind, 0) >= number
    assert number - (not met) == POSITIONS[kind]


@pytest.mark.parametrize(("kind", "positions"), [("open", 10), ("read", 20)])
async def test_a_resumed_run_whose_files_can_not_be_opened_or_read_says_so(
    tmp_path: Path, kind: str, positions: int
) -> None:
    """At the first call, the second, …; no answer is bought for what could not be read."""
    for number in range(1, positions + 1):
        run = make_run(tmp_path / str(number))
        with pytest.raises(OutputError):
            await session(run, FaultyDisk({"write": set(range(50, 10_000))}), set())
        before = read_keys(run[0])
        with pytest.raises(OutputError, match="Input/output error"):
            await session(run, FaultyDisk({kind: {number}}), set())
        assert set(before) <= set(read_keys(run[0]))
        await session(run, FaultyDisk(), set())
        assert read_keys(run[0]) == [(seq, 1, "ok") for seq in range(1, CASES + 1)]


async def test_a_torn_end_that_can_not_be_cut_off_stops_the_run(tmp_path: Path) -> None:
    """Of a write that failed half-way; the next session cuts it off."""
    disk = FaultyDisk({"write": {7, 8}, "truncate": {1}}, room=None)
    disk.short_writes = True
    assert await survive(make_run(tmp_path), disk)
    assert disk.calls["truncate"] == 1


@pytest.mark.parametrize("kind", ["write", "datasync", "rename", "sync_folder"])
async def test_a_call_may_fail_for_ever_from_any_point(tmp_path: Path, kind: str) -> None:
    for number in range(1, 40, 3):
        disk = FaultyDisk({kind: set(range(number, 10_000))})
        await survive(make_run(tmp_path / str(number)), disk)


async def test_a_failed_sync_is_written_anew_and_not_twice(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = FaultyDisk({"datasync": {1}})
    async with open_store(*run, options(), ignore, disk=disk) as store:
        await store.put(make_result(1))
    assert read_keys(run[0]) == [(1, 1, "ok")]
    part = next(run[0].results.iterdir())
    assert part.read_bytes().count(b"\x1f\x8b\x08\x04") == 1


async def test_after_a_second_failed_sync_a_new_part_is_begun(run: tuple[RunDirectory, RunInfo]) -> None:
    await write(*run, [make_result(1)])
    disk = FaultyDisk({"datasync": {2, 3}})  # the first one is recovery's
    async with open_store(*run, options(), ignore, disk=disk) as store:
        await store.put(make_result(2))
    assert sorted(part.name for part in run[0].results.iterdir()) == ["_part-00002.jsonl.gz", "part-00001.jsonl.gz"]
    assert read_keys(run[0]) == [(1, 1, "ok"), (2, 1, "ok")]


async def test_after_a_third_the_run_ends_with_an_error(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = FaultyDisk({"datasync": {1, 2, 3, 4, 5, 6}})
    with pytest.raises(OutputError, match="Input/output error"):
        async with open_store(*run, options(), ignore, disk=disk) as store:
            await store.put(make_result(1))


async def test_short_writes_are_gone_on_with(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = FaultyDisk()
    disk.short_writes = True
    await session(run, disk, set())
    assert len(read_keys(run[0])) == CASES


async def test_a_disk_that_fills_up_at_any_of_50_places_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Every 400 bytes of the 24,000 that a run writes, so the last write fits in part."""
    failures = 0
    for room in range(0, 26_000, 400):
        failures += await survive(make_run(tmp_path / str(room)), FaultyDisk(room=room))
    assert failures >= 50


async def test_the_reserve_takes_the_answers_in_flight_and_no_new_call_is_made(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    disk = FaultyDisk(room=20_000)
    with pytest.raises(OutputError, match="the disk is full") as told:  # noqa: PT012 - the last call of the block raises
        async with open_store(*run, options(journal=True, reserve_bytes=16_000), ignore, disk=disk) as store:
            assert store.journal is not None
            for seq in range(1, 11):
                await store.journal.intent(CallId(seq, 1, 0, 1), HASH)
            for seq in range(1, 11):
                store.journal.response(CallId(seq, 1, 0, 1), HASH, b"x" * 1000)
                await store.put(make_result(seq))
            await store.journal.intent(CallId(11, 1, 0, 1), HASH)
    assert told.value.hint
    assert len(read_keys(run[0])) == 10
    assert not run[0].reserve.exists()


async def test_rows_written_from_the_reserve_leave_no_half_member_behind(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = FaultyDisk(room=16_300)
    async with open_store(*run, options(journal=True, reserve_bytes=16_000), ignore, disk=disk) as store:
        await store.put(make_result(1, output=random.Random(0).randbytes(2000).hex()))
    part = next(run[0].results.iterdir())
    assert part.read_bytes().count(b"\x1f\x8b\x08\x04") == 1
    assert gzip.decompress(part.read_bytes()).count(b"\n") == 1


async def test_a_disk_too_full_for_the_reserve_is_told_at_once(run: tuple[RunDirectory, RunInfo]) -> None:
    with pytest.raises(OutputError, match="the disk is full"):
        async with open_store(*run, options(journal=True, reserve_bytes=16_000), ignore, disk=FaultyDisk(room=9_000)):
            pass


async def test_a_writer_that_died_tells_everyone_who_puts(run: tuple[RunDirectory, RunInfo]) -> None:
    with pytest.raises(OutputError):  # noqa: PT012 - some call of the block raises
        async with open_store(*run, options(flush_results=1, queue_size=1), ignore, disk=FaultyDisk(room=10)) as store:
            for seq in range(1, 100):
                await store.put(make_result(seq))
    assert read_keys(run[0]) == []
