"""What the journal's writer does: which syncs are made, what they cost when they fail, and when files go."""

import asyncio
import threading
from pathlib import Path

import pytest

from evalperf.errors import OutputError
from evalperf.results import CallId, Journal, RunDirectory, RunInfo, open_store
from evalperf.results.frames import INTENT, RESPONSE, Frame, encode_frame
from tests.results.helpers import HASH, FaultyDisk, ignore, make_result, make_run, options


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunDirectory, RunInfo]:
    return make_run(tmp_path)


def leave(directory: RunDirectory, *frames: Frame, number: int = 1) -> None:
    """What a killed process has left in its journal."""
    directory.journal.mkdir(exist_ok=True)
    (directory.journal / f"{number:06d}.wal").write_bytes(b"".join(map(encode_frame, frames)))


def _journal(journal: Journal | None) -> Journal:
    assert journal is not None
    return journal


@pytest.mark.parametrize("failures", [1, 2])
async def test_failed_syncs_stop_no_run_and_cost_no_answer(tmp_path: Path, failures: int) -> None:
    """Of a journal that goes on, of one that is full, or of a part; the second of them is that of the new try."""
    number, met = 0, True
    while met:
        number += 1
        run = make_run(tmp_path / str(number))
        disk = FaultyDisk({"datasync": set(range(number, number + failures))})
        chosen = options(journal=True, rotate_bytes=400, flush_results=2)
        async with open_store(*run, chosen, ignore, disk=disk) as store:
            journal = _journal(store.journal)
            for seq in range(1, 13):
                await journal.intent(CallId(seq, 1, 0, 1), HASH)
                journal.response(CallId(seq, 1, 0, 1), HASH, b"answer" * 20)
                if seq % 2:
                    await store.put(make_result(seq))
        met = disk.calls["datasync"] >= number
        assert not disk.opened
        async with open_store(*run, options(journal=True), ignore) as store:
            assert (store.recovered.done, store.recovered.replayable, store.recovered.in_doubt) == (6, 6, 0)
    assert number > 10


class SyncedDisk(FaultyDisk):
    """Counts the syncs of journals."""

    async def next_sync(self, before: int) -> None:
        async with asyncio.timeout(10):
            while self.calls.get("datasync", 0) <= before:
                await asyncio.sleep(0.001)


async def test_an_answer_or_an_abort_reaches_the_disk_with_nobody_waiting_for_it(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    leave(run[0], Frame(INTENT, 0, 0, 1), Frame(INTENT, 1, 0, 1))
    disk = SyncedDisk()
    async with open_store(*run, options(journal=True), ignore, disk=disk) as store:
        journal = _journal(store.journal)
        for seq in (1, 2, 3):
            before = disk.calls["datasync"]
            journal.response(CallId(seq, 1, 0, 1), HASH, b"answer")
            await disk.next_sync(before)
        before = disk.calls["datasync"]
        journal.abort(CallId(4, 1, 0, 1))
        await disk.next_sync(before)


@pytest.fixture
def _no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalperf.results.journal.SYNC_AFTER_S", 3600.0)


@pytest.mark.usefixtures("_no_timer")
async def test_whoever_asks_for_a_sync_gets_it_at_once(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = SyncedDisk()
    async with open_store(*run, options(journal=True), ignore, disk=disk) as store:
        journal = _journal(store.journal)
        journal.response(CallId(1, 1, 0, 1), HASH, b"answer")
        await asyncio.wait_for(journal.sync(), 10)
        assert disk.calls["datasync"] == 1
        await journal.sync()
        assert disk.calls["datasync"] == 1  # nothing is new


async def test_a_journal_that_ends_with_nothing_new_is_not_synced_again(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = FaultyDisk()
    async with open_store(*run, options(journal=True), ignore, disk=disk) as store:
        await _journal(store.journal).intent(CallId(1, 1, 0, 1), HASH)
    assert disk.calls["datasync"] == 1


@pytest.mark.usefixtures("_no_timer")
async def test_many_answers_reach_the_disk_before_their_time(run: tuple[RunDirectory, RunInfo]) -> None:
    """256 of them, and again 256."""
    disk = SyncedDisk()
    async with open_store(*run, options(journal=True), ignore, disk=disk) as store:
        for first in (1, 257):
            for seq in range(first, first + 255):
                _journal(store.journal).response(CallId(seq, 1, 0, 1), HASH, b"")
            before = disk.calls.get("datasync", 0)
            await asyncio.sleep(0.01)
            assert disk.calls.get("datasync", 0) == before
            _journal(store.journal).response(CallId(first + 255, 1, 0, 1), HASH, b"")
            await disk.next_sync(before)


async def test_a_recorded_answer_is_let_go_when_its_case_has_a_result(run: tuple[RunDirectory, RunInfo]) -> None:
    leave(run[0], Frame(RESPONSE, 0, 0, 1, HASH, b"answer"), Frame(RESPONSE, 1, 0, 1, HASH, b"answer"))
    async with open_store(*run, options(journal=True, flush_results=1), ignore) as store:
        journal = _journal(store.journal)
        await store.put(make_result(1))
        while store.waiting():
            await asyncio.sleep(0.001)
        assert journal.recorded(1, 1, 0, HASH) is None
        assert journal.recorded(2, 1, 0, HASH) == b"answer"


async def test_a_file_goes_as_soon_as_its_last_case_is_done_and_once(run: tuple[RunDirectory, RunInfo]) -> None:
    """With no call after it."""
    disk = FaultyDisk()
    async with open_store(*run, options(journal=True, rotate_bytes=1, flush_results=1), ignore, disk=disk) as store:
        journal = _journal(store.journal)
        await journal.intent(CallId(1, 1, 0, 1), HASH)
        await journal.intent(CallId(2, 1, 0, 1), HASH)
        async with asyncio.timeout(10):
            while not (run[0].journal / "000003.wal").exists():
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)  # the writer has nothing to do any more
        assert (run[0].journal / "000001.wal").exists()
        await store.put(make_result(1))
        async with asyncio.timeout(10):
            while (run[0].journal / "000001.wal").exists():
                await asyncio.sleep(0.001)
        removed = disk.calls["remove"]
        await journal.intent(CallId(2, 1, 0, 2), HASH)
        await journal.intent(CallId(2, 1, 0, 3), HASH)
        assert disk.calls["remove"] == removed


async def test_a_file_whose_cases_are_done_goes_also_while_the_next_one_is_not_full(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    two = 2 * len(encode_frame(Frame(INTENT, 0)))
    async with open_store(*run, options(journal=True, rotate_bytes=two, flush_results=2), ignore) as store:
        async with asyncio.timeout(10):
            for seq in (1, 2):
                await _journal(store.journal).intent(CallId(seq, 1, 0, 1), HASH)
            while not (run[0].journal / "000002.wal").exists():
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)  # the writer has nothing to do any more
            for seq in (1, 2):
                await store.put(make_result(seq))
            while (run[0].journal / "000001.wal").exists():
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("durability", ["power", "process"])
async def test_full_files_do_not_stay_open(run: tuple[RunDirectory, RunInfo], durability: str) -> None:
    disk = FaultyDisk()
    chosen = options(journal=True, rotate_bytes=1, durability=durability)
    async with open_store(*run, chosen, ignore, disk=disk) as store:
        journal = _journal(store.journal)
        for seq in range(1, 6):
            await journal.intent(CallId(seq, 1, 0, 1), HASH)
        assert len(disk.opened) <= 2
    assert not disk.opened


class Gate(SyncedDisk):
    """The first sync waits until it may go on."""

    def __init__(self, faults: dict[str, set[int]] | None = None) -> None:
        super().__init__(faults)
        self.begun = threading.Event()
        self.may_go_on = threading.Event()

    def datasync(self, fd: int) -> None:
        self.begun.set()
        assert self.may_go_on.wait(30)
        super().datasync(fd)


async def test_a_file_that_took_over_another_ones_answer_stays_until_that_case_is_done(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    """The answer is written while the full file is synced; then that file can't be synced any more."""
    disk = Gate({"datasync": {2, 3}})
    chosen = options(journal=True, rotate_bytes=1, flush_results=1)
    async with open_store(*run, chosen, ignore, disk=disk) as store:
        journal = _journal(store.journal)
        intent = asyncio.create_task(journal.intent(CallId(1, 1, 0, 1), HASH))
        await asyncio.to_thread(disk.begun.wait, 30)
        journal.response(CallId(2, 1, 0, 1), HASH, b"answer")
        disk.may_go_on.set()
        await intent
        await disk.next_sync(3)
        await journal.intent(CallId(3, 1, 0, 1), HASH)
        for seq in (1, 3):
            await store.put(make_result(seq))
    async with open_store(*run, chosen, ignore) as store:
        assert _journal(store.journal).recorded(2, 1, 0, HASH) == b"answer"


@pytest.mark.usefixtures("_no_timer")
async def test_what_is_written_while_a_full_file_is_synced_is_synced_as_well(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = Gate()
    async with open_store(*run, options(journal=True, rotate_bytes=1), ignore, disk=disk) as store:
        journal = _journal(store.journal)
        intent = asyncio.create_task(journal.intent(CallId(1, 1, 0, 1), HASH))
        await asyncio.to_thread(disk.begun.wait, 30)
        journal.response(CallId(2, 1, 0, 1), HASH, b"answer")
        disk.may_go_on.set()
        await intent
        await disk.next_sync(1)


async def test_a_file_that_could_not_be_synced_goes_with_its_cases(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = FaultyDisk({"datasync": {1, 2}})
    async with open_store(*run, options(journal=True), ignore, disk=disk) as store:
        await _journal(store.journal).intent(CallId(1, 1, 0, 1), HASH)
        assert sorted(path.name for path in run[0].journal.iterdir()) == ["000001.wal", "000002.wal"]
        await store.put(make_result(1))
    assert list(run[0].journal.iterdir()) == []


async def test_a_journal_whose_writer_has_died_takes_nothing_any_more(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = FaultyDisk({"datasync": set(range(1, 100))})
    with pytest.raises(OutputError, match="Input/output error"):  # noqa: PT012 - leaving the block raises, too
        async with open_store(*run, options(journal=True), ignore, disk=disk) as store:
            journal = _journal(store.journal)
            both = [journal.intent(CallId(seq, 1, 0, 1), HASH) for seq in (1, 2)]
            for error in await asyncio.gather(*both, return_exceptions=True):
                assert isinstance(error, OutputError)
            with pytest.raises(OutputError):
                journal.response(CallId(1, 1, 0, 1), HASH, b"answer")
            with pytest.raises(OutputError):
                await asyncio.wait_for(journal.sync(), 10)
            with pytest.raises(OutputError):
                await asyncio.wait_for(journal.intent(CallId(3, 1, 0, 1), HASH), 10)


async def test_a_call_that_was_given_up_stops_no_other(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(journal=True), ignore) as store:
        journal = _journal(store.journal)
        given_up, other = [asyncio.create_task(journal.intent(CallId(seq, 1, 0, 1), HASH)) for seq in (1, 2)]
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait_for(other, 10)
        await asyncio.wait_for(journal.intent(CallId(3, 1, 0, 1), HASH), 10)


async def test_a_call_that_was_given_up_hides_no_error(run: tuple[RunDirectory, RunInfo]) -> None:
    disk = FaultyDisk({"datasync": set(range(1, 100))})
    with pytest.raises(OutputError, match="Input/output error"):  # noqa: PT012 - leaving the block raises, too
        async with open_store(*run, options(journal=True), ignore, disk=disk) as store:
            intents = [asyncio.create_task(_journal(store.journal).intent(CallId(n, 1, 0, 1), HASH)) for n in (1, 2)]
            await asyncio.sleep(0)
            intents[0].cancel()
            assert isinstance((await asyncio.gather(*intents, return_exceptions=True))[1], OutputError)


@pytest.mark.parametrize("durability", ["power", "process"])
async def test_a_file_that_is_just_full_turns_over(run: tuple[RunDirectory, RunInfo], durability: str) -> None:
    intent = len(encode_frame(Frame(INTENT, 0)))
    chosen = options(journal=True, rotate_bytes=intent, flush_results=1, durability=durability)
    async with open_store(*run, chosen, ignore) as store:
        await _journal(store.journal).intent(CallId(1, 1, 0, 1), HASH)
        await store.put(make_result(1))
        async with asyncio.timeout(10):
            while not (run[0].journal / "000002.wal").exists():
                await asyncio.sleep(0.001)


async def test_a_journal_whose_writer_was_cancelled_lets_nobody_wait(run: tuple[RunDirectory, RunInfo]) -> None:
    with pytest.raises(asyncio.CancelledError):  # noqa: PT012 - leaving the block raises, too
        async with open_store(*run, options(journal=True), ignore) as store:
            intent = asyncio.create_task(_journal(store.journal).intent(CallId(1, 1, 0, 1), HASH))
            await asyncio.sleep(0)
            store._tasks[1].cancel()
            with pytest.raises(OutputError, match="its writer has died"):
                await asyncio.wait_for(intent, 10)


async def test_a_journal_that_can_not_be_written_fails_the_run_even_with_nobody_waiting(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    with pytest.raises(OutputError, match="Input/output error"):
        async with open_store(*run, options(journal=True), ignore, disk=FaultyDisk({"write": {1}})) as store:
            _journal(store.journal).abort(CallId(1, 1, 0, 1))
