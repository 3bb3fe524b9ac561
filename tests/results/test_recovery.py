import shutil
from pathlib import Path

import pytest

from evalperf.errors import DamageError
from evalperf.results import CallId, Recovered, RunDirectory, RunInfo, examine, open_store
from evalperf.results.disk import LocalDisk
from evalperf.results.frames import INTENT, Frame, encode_frame
from evalperf.results.manifest import read_manifest
from tests.results.helpers import (
    HASH,
    FaultyDisk,
    ignore,
    make_result,
    make_run,
    member_starts,
    options,
    read_keys,
    three_members,
    write,
)


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunDirectory, RunInfo]:
    return make_run(tmp_path)


async def recovered(run: tuple[RunDirectory, RunInfo], **changes: object) -> Recovered:
    disk = FaultyDisk()
    async with open_store(*run, options(**changes), ignore, disk=disk) as store:
        found = store.recovered
    assert not disk.opened
    return found


async def test_a_growing_part_cut_anywhere_in_its_last_member_goes_on_from_there(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    """At every byte: what was in whole members is done, the rest is cut and kept, and nothing is called damage."""
    part = await three_members(run)
    data = part.read_bytes()
    for end in range(member_starts(part)[2] + 1, len(data)):
        part.write_bytes(data[:end])
        assert await recovered(run) == Recovered(done=20)
        assert len(read_keys(run[0])) == 20
        shutil.rmtree(run[0].quarantine)


async def test_the_cut_bytes_are_kept(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run)
    data, start = part.read_bytes(), member_starts(part)[2]
    part.write_bytes(data[:-1])
    await recovered(run)
    (kept,) = run[0].quarantine.iterdir()
    assert kept.read_bytes() == data[start:-1]
    part.write_bytes(data[:-1])
    await recovered(run)
    assert len(list(run[0].quarantine.iterdir())) == 2  # never overwritten


async def test_a_hole_in_a_growing_part_costs_only_what_was_in_it(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run)
    data = bytearray(part.read_bytes())
    data[member_starts(part)[1] + 60] ^= 255
    part.write_bytes(data)
    found = await recovered(run)
    assert found.done == 20
    assert len(found.damage) == 1
    assert "with 10 results" in found.damage[0]
    assert await recovered(run) == Recovered(done=20)  # a second recovery finds nothing to do
    await write(*run, [make_result(seq) for seq in range(11, 21)], finish=True)
    assert read_keys(run[0]) == [(seq, 1, "ok") for seq in range(1, 31)]


async def test_a_sealed_part_with_a_damaged_header_is_repaired_and_its_entry_renewed(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    part = await three_members(run, finish=True)
    data = bytearray(part.read_bytes())
    second, third = member_starts(part)[1:]
    data[second + 20] ^= 255
    part.write_bytes(data)
    found = await recovered(run)
    stretch = f"{third - second:,} bytes from byte {second:,} were damaged and are now in quarantine/"
    assert (found.done, found.damage) == (20, (f"results/part-00001.jsonl.gz: {stretch}",))
    entries, _ = read_manifest(LocalDisk(), run[0].manifest)
    assert (entries["results/part-00001.jsonl.gz"].rows, part.stat().st_size) == (
        20,
        entries["results/part-00001.jsonl.gz"].size_bytes,
    )
    assert await recovered(run) == Recovered(done=20)


async def test_damaged_rows_behind_a_sound_header_are_found_by_the_digest(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run, finish=True)
    data = bytearray(part.read_bytes())
    data[member_starts(part)[2] - 20] ^= 255
    part.write_bytes(data)
    found = await recovered(run)
    assert (found.done, len(found.damage)) == (20, 1)
    assert await recovered(run) == Recovered(done=20)


async def test_a_sealed_part_that_was_changed_and_is_whole_is_told_and_named_anew(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    part = await three_members(run, finish=True)
    data = part.read_bytes()
    second, third = member_starts(part)[1:]
    part.write_bytes(data[:second] + data[third:] + data[second:third])
    found = await recovered(run)
    assert found.done == 30
    assert "was changed since it was sealed" in found.damage[0]
    assert await recovered(run) == Recovered(done=30)


async def test_a_sealed_part_cut_between_two_members_is_noticed(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run, finish=True)
    with part.open("r+b") as file:
        file.truncate(member_starts(part)[2])
    found = await recovered(run)
    assert found.done == 20
    assert "10 results at its end are gone" in found.damage[0]


async def test_a_missing_part_is_refused(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run, finish=True)
    part.unlink()
    with pytest.raises(DamageError, match="with 30 results is missing") as caught:
        await recovered(run)
    assert caught.value.hint


async def test_a_sealed_part_that_is_there_as_a_growing_one_is_missing(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await three_members(run, finish=True)
    part.rename(part.with_name(f"_{part.name}"))
    with pytest.raises(DamageError, match="with 30 results is missing"):
        await recovered(run)


async def test_a_sealed_part_that_the_manifest_does_not_name_yet_is_added(run: tuple[RunDirectory, RunInfo]) -> None:
    """A kill between renaming the part and writing its entry."""
    await three_members(run, finish=True)
    run[0].manifest.unlink()
    assert await recovered(run) == Recovered(done=30)
    assert list(read_manifest(LocalDisk(), run[0].manifest)[0]) == ["results/part-00001.jsonl.gz"]


async def test_a_manifest_cut_at_any_byte_is_made_whole_again(run: tuple[RunDirectory, RunInfo]) -> None:
    await three_members(run, finish=True)
    whole = run[0].manifest.read_bytes()
    for end in range(0, len(whole), 7):
        run[0].manifest.write_bytes(whole[:end])
        assert await recovered(run) == Recovered(done=30)
        assert run[0].manifest.read_bytes() == whole


async def test_an_edited_manifest_line_is_told_and_made_anew(run: tuple[RunDirectory, RunInfo]) -> None:
    await three_members(run, finish=True)
    whole = run[0].manifest.read_bytes()
    run[0].manifest.write_bytes(whole.replace(b'"rows":30', b'"rows":31'))
    found = await recovered(run)
    assert found.done == 30
    assert "1 damaged line" in found.damage[0]
    assert run[0].manifest.read_bytes() == whole


async def test_left_over_temporary_files_are_removed_and_foreign_files_are_let_be(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    part = await three_members(run)
    (run[0].results / (part.name + ".tmp")).write_bytes(part.read_bytes())
    (run[0].results / "notes.txt").write_text("mine")
    (run[0].results / "part-1.jsonl.gz").write_text("mine")
    assert await recovered(run) == Recovered(done=30)
    assert sorted(path.name for path in run[0].results.iterdir()) == [
        "_part-00001.jsonl.gz",
        "notes.txt",
        "part-1.jsonl.gz",
    ]


async def test_rows_of_a_growing_part_count_in_its_manifest_entry(run: tuple[RunDirectory, RunInfo]) -> None:
    await three_members(run, finish=True)
    (entry,) = read_manifest(LocalDisk(), run[0].manifest)[0].values()
    assert entry.rows == 30


async def test_an_empty_growing_part_is_gone_on_with(run: tuple[RunDirectory, RunInfo]) -> None:
    """A kill between making the file and writing to it."""
    (run[0].results / "_part-00001.jsonl.gz").touch()
    await write(*run, [make_result(1)], finish=True)
    assert read_keys(run[0]) == [(1, 1, "ok")]
    (run[0].failures / "_part-00001.jsonl.gz").touch()
    await write(*run, [], finish=True)
    assert list(run[0].failures.iterdir()) == []


async def test_what_a_kill_has_left_is_on_the_disk_before_it_counts(run: tuple[RunDirectory, RunInfo]) -> None:
    """The names in each folder, the manifest, and the growing part, but not what was sealed; once a session."""
    await write(*run, [make_result(1)], seal_bytes=1)
    await write(*run, [make_result(2)])
    disk = FaultyDisk()
    async with open_store(*run, options(), ignore, disk=disk):
        assert (disk.calls["sync_folder"], disk.calls["datasync"]) == (2, 2)


async def test_what_a_journal_can_not_tell_is_told(run: tuple[RunDirectory, RunInfo]) -> None:
    run[0].journal.mkdir()
    (run[0].journal / "000001.wal").write_bytes(b"garbage" + encode_frame(Frame(INTENT, 0, 0, 1)))
    assert "7 bytes" in (await recovered(run, journal=True)).damage[0]


@pytest.mark.parametrize("content", ['{"results": 1, "failures": 0, "in_doubt": "many"}', '{"results": [1]}', "[]"])
async def test_counts_of_an_end_that_are_no_numbers_are_passed_over(
    run: tuple[RunDirectory, RunInfo], content: str
) -> None:
    await write(*run, [make_result(1)], finish=True)
    run[0].success.write_text(content)
    assert await recovered(run) == Recovered(done=1)


class RemovingDisk(LocalDisk):
    """Knows which folders a power cut would bring a removed name back to."""

    def __init__(self) -> None:
        super().__init__()
        self.unsynced: set[Path] = set()

    def remove(self, path: Path) -> None:
        if path.exists():
            self.unsynced.add(path.parent)
        super().remove(path)

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.unsynced.discard(folder)


async def test_a_run_that_has_lost_rows_is_no_longer_finished(run: tuple[RunDirectory, RunInfo]) -> None:
    """From recovery on, also where that is killed before the lost cases have run again; a power cut changes nothing."""
    part = await three_members(run, finish=True)
    data = bytearray(part.read_bytes())
    data[-20] ^= 255
    part.chmod(0o600)
    part.write_bytes(data)
    assert examine(run[0]).state == "complete"
    disk = RemovingDisk()
    async with open_store(*run, options(), ignore, disk=disk) as store:
        assert store.recovered.damage
    assert disk.unsynced == set()
    assert examine(run[0]).state == "unfinished"
    assert examine(run[0]).sound


async def test_damage_in_a_journal_is_told_once(run: tuple[RunDirectory, RunInfo]) -> None:
    """A call that it told of may be made again, and whoever pays for that should know."""
    async with open_store(*run, options(journal=True), ignore) as store:
        assert store.journal is not None
        for seq in (1, 2, 3):
            await store.journal.intent(CallId(seq, 1, 0, 1), HASH)
            store.journal.response(CallId(seq, 1, 0, 1), HASH, b"answer")
    (journal,) = run[0].journal.iterdir()
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 255
    journal.write_bytes(data)
    (told,) = (await recovered(run, journal=True)).damage
    assert told.startswith(f"journal/{journal.name}: ")
    assert (await recovered(run, journal=True)).damage == ()
