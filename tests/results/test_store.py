import asyncio
import gzip
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalperf.errors import OutputError, RunLockedError
from evalperf.events import MemberWritten
from evalperf.results import open_store, read_results, read_success
from evalperf.results.disk import LocalDisk
from evalperf.results.done import MOST_KEYS
from evalperf.results.manifest import file_sha256, read_manifest
from tests.results.helpers import (
    ignore,
    make_result,
    make_run,
    options,
    read_keys,
    write,
)


async def test_every_result_put_is_read_back_as_it_was(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    results = [make_result(seq, failed=seq % 3 == 0) for seq in range(1, 101)]
    await write(*run, results, finish=True)
    assert sorted(read_results(run[0]), key=lambda result: result.seq) == results


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    order=st.permutations(range(1, 31)), flush=st.integers(1, 40), seal=st.integers(1, 5000), level=st.integers(0, 3)
)
def test_any_split_into_members_and_parts_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], flush: int, seal: int, level: int
) -> None:
    run = make_run(tmp_path_factory.mktemp("run"), lines=30)
    chosen: dict[str, Any] = {"flush_results": flush, "seal_bytes": seal, "level": level}
    asyncio.run(write(*run, [make_result(seq) for seq in order], finish=True, **chosen))
    assert read_keys(run[0]) == [(seq, 1, "ok") for seq in range(1, 31)]


async def test_sealed_parts_are_gzip_files_for_everyone(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(seq) for seq in range(1, 101)], finish=True, flush_results=7)
    (part,) = directory.results.glob("*.gz")
    assert part.name == "part-00001.jsonl.gz"
    with gzip.open(part, "rt") as lines:
        assert sum(1 for _ in lines) == 100
    listed = subprocess.run(["zcat", part], capture_output=True, check=True, text=True)
    assert listed.stdout.count("\n") == 100
    assert listed.stderr == ""


async def test_members_hold_their_rows_in_the_order_of_keys(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path, epochs=2)
    results = [make_result(seq, epoch=epoch) for epoch in (2, 1) for seq in (3, 1, 2)]
    await write(directory, info, results)
    assert [(row.seq, row.epoch) for row in read_results(directory)] == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]


async def test_a_part_that_still_grows_is_hidden_from_globs_and_read_all_the_same(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(1)])
    assert [path.name for path in directory.results.iterdir()] == ["_part-00001.jsonl.gz"]
    assert read_keys(directory) == [(1, 1, "ok")]
    assert read_success(directory) is None


async def test_parts_are_sealed_by_size_and_named_in_the_manifest(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    for first in range(1, 51, 10):
        await write(directory, info, [make_result(seq) for seq in range(first, first + 10)], seal_bytes=1)
    parts = sorted(directory.results.glob("part-*"))
    assert len(parts) == 5
    entries, damaged = read_manifest(LocalDisk(), directory.manifest)
    assert damaged == 0
    for part in parts:
        entry = entries[f"results/{part.name}"]
        assert (entry.size_bytes, entry.sha256) == file_sha256(LocalDisk(), part)
        assert entry.rows == 10


async def test_parts_are_sealed_by_age(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(1)], seal_s=0.0)
    assert [path.name for path in directory.results.iterdir()] == ["part-00001.jsonl.gz"]


async def test_results_are_written_when_the_first_has_waited_long_enough(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    written = asyncio.Event()
    async with open_store(directory, info, options(flush_s=0.01), lambda _: written.set()) as store:
        await store.put(make_result(1))
        assert store.waiting() == 1
        assert not store.is_done(1, 1)
        await asyncio.wait_for(written.wait(), 10)
        assert store.is_done(1, 1)
        assert store.waiting() == 0


async def test_observers_hear_of_every_row_from_the_loop(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    heard: list[Any] = []
    async with open_store(directory, info, options(flush_results=10), heard.append) as store:
        for seq in range(1, 26):
            await store.put(make_result(seq, failed=seq > 20))
    assert all(isinstance(event, MemberWritten) for event in heard)
    assert sum(event.results for event in heard) == 25
    assert sum(event.size_bytes for event in heard) == sum(
        path.stat().st_size for folder in (directory.results, directory.failures) for path in folder.iterdir()
    )


async def test_a_second_result_of_a_case_is_refused(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    async with open_store(directory, info, options(), ignore) as store:
        await store.put(make_result(1))
        with pytest.raises(ValueError, match="has a result already"):
            await store.put(make_result(1))
    assert read_keys(directory) == [(1, 1, "ok")]


async def test_a_case_beyond_those_that_a_run_can_have_is_refused(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path, lines=None)
    async with open_store(directory, info, options(), ignore) as store:
        with pytest.raises(OutputError, match="cases at most") as caught:
            await store.put(make_result(MOST_KEYS + 1))
        assert caught.value.hint
        await store.put(make_result(MOST_KEYS))
    assert read_keys(directory) == [(MOST_KEYS, 1, "ok")]


async def test_success_counts_what_is_there(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(seq, failed=seq == 2) for seq in (1, 2, 3)], finish=True)
    success = read_success(directory)
    assert success is not None
    assert (success["results"], success["failures"], success["in_doubt"]) == (2, 1, 0)
    assert success["format_version"] == 1


async def test_a_session_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(1), make_result(2, failed=True)])
    async with open_store(directory, info, options(), ignore) as store:
        assert (store.recovered.done, store.recovered.failed) == (2, 1)
        assert [store.is_done(seq, 1) for seq in (1, 2, 3)] == [True, True, False]
        await store.put(make_result(3))
        await store.finish()
    assert read_keys(directory) == [(1, 1, "ok"), (2, 1, "failed"), (3, 1, "ok")]
    assert len(list(directory.results.iterdir())) == 2  # one part, and _SUCCESS


async def test_failures_stay_until_a_retry_has_a_result(tmp_path: Path) -> None:
    """Results win over failures, and of several failures the last wins."""
    directory, info = make_run(tmp_path)
    await write(
        directory, info, [make_result(1, failed=True), make_result(2, failed=True), make_result(3)], finish=True
    )
    async with open_store(directory, info, options(retry_failed=True), ignore) as store:
        assert (store.recovered.done, store.recovered.failed) == (1, 2)
        assert [store.is_done(seq, 1) for seq in (1, 2, 3)] == [False, False, True]
        assert read_keys(directory) == [(1, 1, "failed"), (2, 1, "failed"), (3, 1, "ok")]
        await store.put(make_result(1))
        await store.put(make_result(2, failed=True, attempts=9))
    rows = {row.seq: row for row in read_results(directory)}
    assert [rows[seq].status for seq in (1, 2, 3)] == ["ok", "failed", "ok"]
    assert rows[2].attempts == 9
    async with open_store(directory, info, options(), ignore) as store:
        assert (store.recovered.done, store.recovered.failed) == (3, 1)


async def test_a_finished_run_that_goes_on_is_unfinished_until_it_ends(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(1, failed=True)], finish=True)
    assert read_success(directory) is not None
    await write(directory, info, [], retry_failed=True)
    assert read_success(directory) is not None  # nothing was changed
    await write(directory, info, [make_result(1)], retry_failed=True)
    assert read_success(directory) is None


async def test_the_number_of_lines_need_not_be_known(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path, lines=None, epochs=2)
    await write(directory, info, [make_result(seq, epoch=2) for seq in (1, 100_000)])
    async with open_store(directory, info, options(), ignore) as store:
        assert store.is_done(100_000, 2)
        assert not store.is_done(100_000, 1)
        assert not store.is_done(10**9, 1)


async def test_two_stores_on_one_run_are_refused(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    async with open_store(directory, info, options(), ignore):
        with pytest.raises(RunLockedError):
            await write(directory, info, [])
    await write(directory, info, [])


async def test_what_was_put_is_written_when_the_block_is_left_by_an_error_or_cancelled(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)

    async def session(seq: int, error: BaseException) -> None:
        async with open_store(directory, info, options(), ignore) as store:
            await store.put(make_result(seq))
            raise error

    with pytest.raises(KeyError):
        await session(1, KeyError())
    with pytest.raises(asyncio.CancelledError):
        await session(2, asyncio.CancelledError())
    assert read_keys(directory) == [(1, 1, "ok"), (2, 1, "ok")]


async def test_lines_that_are_done_in_every_epoch_are_passed_over(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=2)
    await write(
        *run, [make_result(seq, epoch=epoch) for seq in range(1, 51) for epoch in (1, 2) if (seq, epoch) != (40, 2)]
    )
    async with open_store(*run, options(), ignore) as store:
        assert [store.done_until(*span) for span in [(1, 41), (1, 40), (1, 30), (41, 99), (40, 99)]] == [
            40,
            40,
            30,
            51,
            40,
        ]


async def test_producers_wait_while_the_writer_is_behind(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path, lines=5000)
    most = 0
    async with open_store(directory, info, options(queue_size=20, flush_results=10), ignore) as store:

        async def produce(first: int) -> None:
            nonlocal most
            for seq in range(first, 2001, 50):
                await store.put(make_result(seq))
                most = max(most, store.waiting())

        await asyncio.gather(*[produce(first) for first in range(1, 51)])
    assert most <= 40  # a batch in the writer's hands and one that waits
    assert len(read_keys(directory)) == 2000


async def test_big_results_are_split_into_members_that_fit_in_memory(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(seq, output="x" * 1_500_000) for seq in range(1, 9)], finish=True)
    assert len(read_keys(directory)) == 8
    data = next(directory.results.glob("part-*")).read_bytes()
    assert data.count(b"\x1f\x8b\x08\x04") == 4


async def test_no_file_or_folder_is_open_to_others(tmp_path: Path) -> None:
    directory, info = make_run(tmp_path)
    await write(directory, info, [make_result(1), make_result(2, failed=True)], finish=True, journal=True)
    for path in directory.path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
