"""What `examine` finds in a run's files, held against what reading and recovering them come to."""

import random
import shutil
from pathlib import Path

import pytest

from evalperf.errors import ConfigError, DamageError
from evalperf.results import (
    CallId,
    Examination,
    Finding,
    RunDirectory,
    RunInfo,
    examine,
    open_store,
    read_results,
)
from evalperf.results.member import make_member
from evalperf.results.rows import encode_rows
from tests.results.helpers import (
    HASH,
    FaultyDisk,
    ignore,
    make_result,
    make_run,
    member_starts,
    options,
    three_members,
    write,
)


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunDirectory, RunInfo]:
    return make_run(tmp_path)


def only(found: Examination) -> Finding:
    (finding,) = found.findings
    return finding


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


async def test_a_finished_run_is_whole_and_nothing_is_changed(run: tuple[RunDirectory, RunInfo]) -> None:
    await three_members(run, finish=True)
    before = snapshot(run[0].path)
    found = examine(run[0])
    assert snapshot(run[0].path) == before
    assert (found.state, found.results, found.failures, found.expected) == ("complete", 30, 0, 100)
    assert found.sound
    assert found.findings == ()


async def test_an_unfinished_run_is_whole_as_far_as_it_goes(run: tuple[RunDirectory, RunInfo]) -> None:
    await write(*run, [make_result(1), make_result(2, failed=True)])
    found = examine(run[0])
    assert (found.state, found.results, found.failures) == ("unfinished", 1, 1)
    assert found.sound


async def test_a_run_that_is_worked_on_says_by_whom(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(flush_s=0.0), ignore) as store:
        await store.put(make_result(1))
        found = examine(run[0])
        assert found.state == "running"
        assert found.holder is not None
        assert "process" in found.holder
    assert examine(run[0]).holder is None


async def test_a_torn_end_is_what_a_kill_leaves_and_no_damage(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run)
    part.write_bytes(part.read_bytes()[:-7])
    found = examine(run[0])
    assert found.sound
    assert found.results == 20
    assert only(found).level == "unfinished"


async def test_damaged_rows_are_counted_and_named(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run, finish=True)
    data = bytearray(part.read_bytes())
    data[member_starts(part)[1] - 20] ^= 1
    part.write_bytes(data)
    found = examine(run[0])
    assert (found.sound, found.lost) == (False, 10)
    lost = found.findings[0]
    assert (lost.level, lost.path, lost.results) == ("lost", "results/part-00001.jsonl.gz", 10)
    assert lost.resume is not None


async def test_a_missing_part_is_lost_and_resume_refuses(run: tuple[RunDirectory, RunInfo]) -> None:
    (await three_members(run, finish=True)).unlink()
    found = examine(run[0])
    assert found.lost == 30
    assert "refuses" in (found.findings[0].resume or "")
    with pytest.raises(DamageError):
        async with open_store(*run, options(), ignore):
            pass


async def test_a_part_cut_between_members_lost_its_rows(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run, finish=True)
    with part.open("r+b") as file:
        file.truncate(member_starts(part)[2])
    assert examine(run[0]).lost == 10


async def test_members_in_another_order_break_an_invariant_and_lose_nothing(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run, finish=True)
    data = part.read_bytes()
    second, third = member_starts(part)[1:]
    part.write_bytes(data[:second] + data[third:] + data[second:third])
    finding = only(examine(run[0]))
    assert (finding.level, finding.invariant) == ("broken", "I6")


async def test_a_second_row_of_a_case_breaks_i2(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run)
    with part.open("ab") as file:
        file.write(make_member(encode_rows([make_result(7)]), [6], 1))
    found = examine(run[0])
    assert [finding.invariant for finding in found.findings] == ["I2"]
    assert found.results == 30


async def test_a_member_with_other_rows_than_it_names_breaks_i7(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run)
    with part.open("ab") as file:
        file.write(make_member(encode_rows([make_result(41), make_result(42)]), [40, 42], 1))
    assert [finding.invariant for finding in examine(run[0]).findings] == ["I7"]


async def test_a_row_of_a_line_that_is_not_there_is_told(run: tuple[RunDirectory, RunInfo]) -> None:
    await write(*run, [make_result(101)])
    assert "lines that the input does not have" in only(examine(run[0])).message


async def test_failures_may_come_again_and_results_win(run: tuple[RunDirectory, RunInfo]) -> None:
    await write(*run, [make_result(1, failed=True), make_result(2, failed=True)])
    await write(*run, [make_result(1, failed=True), make_result(2)], retry_failed=True)
    found = examine(run[0])
    assert (found.results, found.failures, found.sound) == (1, 1, True)


async def test_an_edited_manifest_is_told(run: tuple[RunDirectory, RunInfo]) -> None:
    await three_members(run, finish=True)
    manifest = run[0].manifest
    manifest.write_bytes(manifest.read_bytes().replace(b'"rows":30', b'"rows":31'))
    found = examine(run[0])
    assert not found.sound
    assert {finding.path for finding in found.findings} >= {"manifest.jsonl", "results/_SUCCESS"}


async def test_success_is_held_against_what_is_there(run: tuple[RunDirectory, RunInfo]) -> None:
    await three_members(run, finish=True)
    success = run[0].success
    success.write_bytes(success.read_bytes().replace(b'"results":30', b'"results":31'))
    assert "says 31 results, and 30 are there" in only(examine(run[0])).message


async def test_answers_that_wait_and_calls_in_doubt_are_notes(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(journal=True), ignore, disk=FaultyDisk()) as store:
        assert store.journal is not None
        for seq in (1, 2, 3):
            await store.journal.intent(CallId(seq, 1, 0, 1), HASH)
        store.journal.response(CallId(1, 1, 0, 1), HASH, b"answer")
    found = examine(run[0])
    assert (found.replayable, found.in_doubt, found.sound) == (1, 2, True)
    assert [finding.level for finding in found.findings] == ["note", "note"]


async def test_a_damaged_journal_is_told_and_its_torn_end_is_no_damage(run: tuple[RunDirectory, RunInfo]) -> None:
    async with open_store(*run, options(journal=True), ignore, disk=FaultyDisk()) as store:
        assert store.journal is not None
        for seq in (1, 2, 3):
            await store.journal.intent(CallId(seq, 1, 0, 1), HASH)
    (journal,) = run[0].journal.iterdir()
    data = bytearray(journal.read_bytes())
    journal.write_bytes(data[:-5])
    assert examine(run[0]).sound
    data[60] ^= 255
    journal.write_bytes(data)
    found = examine(run[0])
    assert [finding.invariant for finding in found.findings if finding.level == "broken"] == ["I3"]


async def test_files_open_to_others_are_noted(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run, finish=True)
    part.chmod(0o644)
    finding = only(examine(run[0]))
    assert (finding.level, finding.path) == ("note", "results/part-00001.jsonl.gz")


async def test_what_a_kill_left_half_written_is_named(run: tuple[RunDirectory, RunInfo]) -> None:
    await three_members(run)
    (run[0].results / "_SUCCESS.tmp").write_bytes(b"{")
    (run[0].results / "_SUCCESS.tmp").chmod(0o600)
    finding = only(examine(run[0]))
    assert (finding.level, finding.path) == ("unfinished", "results/_SUCCESS.tmp")


def test_a_folder_that_is_no_run_and_a_damaged_one(tmp_path: Path, run: tuple[RunDirectory, RunInfo]) -> None:
    with pytest.raises(ConfigError):
        examine(RunDirectory(tmp_path))
    run[0].run_json.write_bytes(b"{")
    with pytest.raises(DamageError):
        examine(run[0])


@pytest.mark.parametrize("seeds", [60, pytest.param(2_000, marks=pytest.mark.slow)])
async def test_any_damage_is_found_by_all_three_or_by_none(tmp_path: Path, seeds: int) -> None:
    """Bits flipped, stretches zeroed, ends cut in parts and manifest: examining, reading and resuming agree."""
    directory, info = make_run(tmp_path)
    for first in range(1, 81, 8):
        rows = [make_result(seq, failed=seq % 5 == 0) for seq in range(first, first + 8)]
        await write(directory, info, rows, seal_bytes=3_000)
    whole = {result.seq for result in read_results(directory)}
    copy = RunDirectory(tmp_path / "copy")
    for seed in range(seeds):
        chance = random.Random(seed)
        shutil.rmtree(copy.path, ignore_errors=True)
        shutil.copytree(directory.path, copy.path)
        _damage(copy, chance)
        told: list[object] = []
        read = {result.seq for result in read_results(copy, told.append)}
        found = examine(copy)
        assert found.results + found.failures == len(read), seed
        assert read <= whole
        if read != whole or told:
            torn = all(finding.level == "unfinished" for finding in found.findings)
            assert not found.sound or torn, seed
        async with open_store(copy, info, options(), ignore, disk=FaultyDisk()) as store:
            assert {seq for seq in range(1, 81) if store.is_done(seq, 1)} == read, seed
        assert examine(copy).sound, seed  # a resume has repaired what was broken; what is lost runs again
        assert {result.seq for result in read_results(copy)} == read, seed


def _damage(run: RunDirectory, chance: random.Random) -> None:
    path = chance.choice([*run.results.glob("*part*"), *run.failures.glob("*part*"), run.manifest])
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            data[at : at + 64] = bytes(len(data[at : at + 64]))
        case 2:
            del data[at:]
        case _:
            data[at:at] = chance.randbytes(30)
    path.write_bytes(data)
