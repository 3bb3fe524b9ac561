import asyncio
from pathlib import Path

import pytest

from evalperf.results import CallId, Journal, RunDirectory, RunInfo, open_store, read_success
from evalperf.results.disk import LocalDisk
from evalperf.results.facts import read_facts
from evalperf.results.frames import INTENT, RESPONSE, Frame, encode_frame
from tests.results.helpers import HASH, frames_in, ignore, make_result, make_run, options

OTHER = bytes(16)


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunDirectory, RunInfo]:
    return make_run(tmp_path)


def leave(directory: RunDirectory, *frames: Frame, number: int = 1) -> None:
    """What a killed process has left in its journal."""
    directory.journal.mkdir(exist_ok=True)
    (directory.journal / f"{number:06d}.wal").write_bytes(b"".join(map(encode_frame, frames)))


@pytest.mark.parametrize("durability", ["power", "process"])
async def test_an_answer_is_in_the_file_when_response_returns(
    run: tuple[RunDirectory, RunInfo], durability: str
) -> None:
    async with open_store(*run, options(journal=True, durability=durability), ignore) as store:
        journal = _journal(store.journal)
        await journal.intent(CallId(1, 1, 0, 1), HASH)
        facts, _ = read_facts(LocalDisk(), run[0].journal, lambda _: False)
        assert facts.in_doubt == 1
        journal.response(CallId(1, 1, 0, 1), HASH, b"answer")
        facts, _ = read_facts(LocalDisk(), run[0].journal, lambda _: False)
        assert (facts.in_doubt, facts.replayable) == (0, 1)


async def test_an_intent_names_its_request(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(journal=True), ignore) as store:
        await _journal(store.journal).intent(CallId(5, 1, 2, 3), HASH)
        (frame,) = frames_in((run[0].journal / "000001.wal").read_bytes())
        assert frame == Frame(INTENT, 4, 2, 3, HASH)


async def test_an_answer_is_not_bought_again_for_the_same_request_only(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(journal=True), ignore) as store:
        journal = _journal(store.journal)
        await journal.intent(CallId(5, 1, 0, 1), HASH)
        journal.response(CallId(5, 1, 0, 1), HASH, b"answer")
        assert journal.recorded(5, 1, 0, HASH) is None  # this session has it in its hands
    for _ in range(3):  # recovery of a recovery changes nothing
        async with open_store(*run, options(journal=True), ignore) as store:
            assert (store.recovered.replayable, store.recovered.in_doubt) == (1, 0)
            journal = _journal(store.journal)
            assert journal.recorded(5, 1, 0, HASH) == b"answer"
            assert journal.recorded(5, 1, 0, OTHER) is None
            assert journal.recorded(5, 1, 1, HASH) is None
            assert journal.recorded(6, 1, 0, HASH) is None


async def test_calls_without_an_end_are_in_doubt_and_counted_once(run: tuple[RunDirectory, RunInfo]) -> None:
    leave(run[0], Frame(INTENT, 3, 0, 1), Frame(INTENT, 4, 0, 1), Frame(INTENT, 4, 0, 2))
    for _ in range(3):
        async with open_store(*run, options(journal=True), ignore) as store:
            assert store.recovered.in_doubt == 3


async def test_a_call_in_doubt_may_be_withheld(run: tuple[RunDirectory, RunInfo]) -> None:
    """Only where that was chosen, only that call of that case, and not where its answer is there."""
    async with open_store(*run, options(journal=True), ignore) as store:
        assert store.journal is not None
        await store.journal.intent(CallId(1, 1, 0, 1), HASH)
        await store.journal.intent(CallId(2, 1, 0, 1), HASH)
        store.journal.response(CallId(2, 1, 0, 1), HASH, b"answer")
    async with open_store(*run, options(journal=True), ignore) as store:
        assert store.journal is not None
        assert not store.journal.withheld(1, 1, 0)
    async with open_store(*run, options(journal=True, retry_doubts=False), ignore) as store:
        assert store.journal is not None
        assert [store.journal.withheld(seq, 1, call) for seq, call in ((1, 0), (1, 1), (2, 0), (3, 0))] == [
            True,
            False,
            False,
            False,
        ]


async def test_a_second_attempt_does_not_settle_the_first_ones_doubt(run: tuple[RunDirectory, RunInfo]) -> None:
    leave(run[0], Frame(INTENT, 3, 0, 1))
    async with open_store(*run, options(journal=True), ignore) as store:
        journal = _journal(store.journal)
        await journal.intent(CallId(4, 1, 0, 1), HASH)  # key 3, and again attempt 1, in another process
        journal.response(CallId(4, 1, 0, 1), HASH, b"answer")
    async with open_store(*run, options(journal=True), ignore) as store:
        assert (store.recovered.replayable, store.recovered.in_doubt) == (1, 1)


async def test_an_aborted_call_is_not_in_doubt(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(journal=True), ignore) as store:
        journal = _journal(store.journal)
        await journal.intent(CallId(1, 1, 0, 1), HASH)
        journal.abort(CallId(1, 1, 0, 1))
    async with open_store(*run, options(journal=True), ignore) as store:
        assert store.recovered.in_doubt == 0


async def test_where_no_call_waits_for_the_disk_an_abort_is_in_the_file_at_once(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    async with open_store(*run, options(journal=True, durability="process"), ignore) as store:
        journal = _journal(store.journal)
        await journal.intent(CallId(1, 1, 0, 1), HASH)
        journal.abort(CallId(1, 1, 0, 1))
        assert read_facts(LocalDisk(), run[0].journal, lambda _: False)[0].in_doubt == 0


async def test_success_tells_how_many_calls_were_ever_in_doubt(run: tuple[RunDirectory, RunInfo]) -> None:
    """Also over several crashes, and when the cases were finished by different sessions."""
    leave(run[0], Frame(INTENT, 0, 0, 1), Frame(INTENT, 1, 0, 1))
    async with open_store(*run, options(journal=True), ignore) as store:
        await store.put(make_result(1))
        await store.put(make_result(2))
    name = max(path.name for path in run[0].journal.iterdir())
    with (run[0].journal / name).open("ab") as file:
        file.write(encode_frame(Frame(INTENT, 2, 0, 1)))
    async with open_store(*run, options(journal=True), ignore) as store:
        assert store.recovered.in_doubt == 1
        await store.put(make_result(3))
        await store.finish()
    success = read_success(run[0])
    assert success is not None
    assert success["in_doubt"] == 3
    assert list(run[0].journal.iterdir()) == []


async def test_a_finished_run_that_is_opened_again_keeps_that_count(run: tuple[RunDirectory, RunInfo]) -> None:
    """Its journals are gone by then; killed right after its end, it is opened by the next resume."""
    leave(run[0], Frame(INTENT, 0, 0, 1))
    for session in range(3):
        async with open_store(*run, options(journal=True), ignore) as store:
            if not session:
                await store.put(make_result(1))
            await store.finish()
        success = read_success(run[0])
        assert success is not None
        assert success["in_doubt"] == 1


async def test_a_journal_folder_that_is_gone_is_made_again(run: tuple[RunDirectory, RunInfo]) -> None:
    leave(run[0], Frame(INTENT, 0, 0, 1))
    async with open_store(*run, options(journal=True), ignore) as store:
        await store.finish()
    run[0].journal.rmdir()
    async with open_store(*run, options(journal=True), ignore) as store:
        assert store.recovered.ever_in_doubt == 1


async def test_a_session_without_a_journal_makes_no_folder_for_it(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(), ignore):
        pass
    assert not run[0].journal.exists()


async def test_a_session_without_a_journal_leaves_what_is_there_alone(run: tuple[RunDirectory, RunInfo]) -> None:
    leave(run[0], Frame(INTENT, 0, 0, 1))
    async with open_store(*run, options(), ignore) as store:
        await store.put(make_result(2))
        await store.finish()
    assert [path.name for path in run[0].journal.iterdir()] == ["000001.wal"]


async def test_facts_of_finished_cases_are_forgotten(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(journal=True), ignore) as store:
        journal = _journal(store.journal)
        for seq in (1, 2):
            await journal.intent(CallId(seq, 1, 0, 1), HASH)
            journal.response(CallId(seq, 1, 0, 1), HASH, b"answer")
            await store.put(make_result(seq))
    assert list(run[0].journal.iterdir()) == []


async def test_files_turn_over_and_go_when_none_of_their_cases_is_open(run: tuple[RunDirectory, RunInfo]) -> None:
    directory, _ = run
    async with open_store(
        *run, options(journal=True, rotate_bytes=2000, flush_results=10, flush_s=0.01), ignore
    ) as store:
        journal = _journal(store.journal)
        await journal.intent(CallId(100, 1, 0, 1), HASH)  # stays open in the first file
        for seq in range(1, 91):
            await journal.intent(CallId(seq, 1, 0, 1), HASH)
            journal.response(CallId(seq, 1, 0, 1), HASH, b"x" * 200)
            await store.put(make_result(seq))
        while store.waiting():
            await asyncio.sleep(0.001)
    names = sorted(path.name for path in directory.journal.iterdir())
    assert names[0] == "000001.wal"
    assert len(names) <= 2
    async with open_store(*run, options(journal=True), ignore) as store:
        assert (store.recovered.done, store.recovered.in_doubt, store.recovered.replayable) == (90, 1, 0)


async def test_a_new_journal_is_whole_before_the_old_ones_go(run: tuple[RunDirectory, RunInfo]) -> None:
    """Killed between the two, the next recovery counts nothing twice."""
    leave(run[0], Frame(INTENT, 1, 0, 1), Frame(RESPONSE, 2, 0, 1, HASH, b"answer"))
    old = (run[0].journal / "000001.wal").read_bytes()
    async with open_store(*run, options(journal=True), ignore):
        pass
    (run[0].journal / "000001.wal").write_bytes(old)
    async with open_store(*run, options(journal=True), ignore) as store:
        assert (store.recovered.in_doubt, store.recovered.replayable) == (1, 1)


async def test_an_unfinished_new_journal_counts_for_nothing(run: tuple[RunDirectory, RunInfo]) -> None:
    leave(run[0], Frame(INTENT, 1, 0, 1))
    (run[0].journal / "000002.wal.tmp").write_bytes(encode_frame(Frame(INTENT, 9, 0, 1)))
    async with open_store(*run, options(journal=True), ignore) as store:
        assert store.recovered.in_doubt == 1
    assert not list(run[0].journal.glob("*.tmp"))


async def test_intents_that_come_together_share_a_sync(run: tuple[RunDirectory, RunInfo]) -> None:
    class Counting(LocalDisk):
        syncs = 0

        def datasync(self, fd: int) -> None:
            Counting.syncs += 1
            super().datasync(fd)

    async with open_store(*run, options(journal=True), ignore, disk=Counting()) as store:
        journal = _journal(store.journal)
        Counting.syncs = 0
        await asyncio.gather(*[journal.intent(CallId(seq, 1, 0, 1), HASH) for seq in range(1, 101)])
        assert Counting.syncs <= 2
    facts, _ = read_facts(LocalDisk(), run[0].journal, lambda _: False)
    assert (facts.in_doubt, facts.damage) == (100, ())


async def test_an_intent_returns_only_after_its_sync(run: tuple[RunDirectory, RunInfo]) -> None:
    order: list[str] = []

    class Noting(LocalDisk):
        def datasync(self, fd: int) -> None:
            super().datasync(fd)
            order.append("synced")

    async with open_store(*run, options(journal=True), ignore, disk=Noting()) as store:
        order.clear()
        await _journal(store.journal).intent(CallId(1, 1, 0, 1), HASH)
        order.append("sent")
        assert order == ["synced", "sent"]


async def test_durability_process_never_waits_for_the_disk_in_a_call(run: tuple[RunDirectory, RunInfo]) -> None:
    class Refusing(LocalDisk):
        def datasync(self, fd: int) -> None:
            raise AssertionError

    async with open_store(*run, options(journal=True, durability="process"), ignore, disk=Refusing()) as store:
        journal = _journal(store.journal)
        await journal.intent(CallId(1, 1, 0, 1), HASH)
        journal.response(CallId(1, 1, 0, 1), HASH, b"answer")
        await store.put(make_result(1))


def _journal(journal: Journal | None) -> Journal:
    assert journal is not None
    return journal
