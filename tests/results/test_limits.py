"""What a stranger's run directory may cost: every limit, at its edge and beyond."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from evalperf.errors import DamageError, OutputError
from evalperf.results import RunDirectory, RunInfo, examine, open_store, read_results, read_run_info
from evalperf.results import disk as disk_module
from evalperf.results.disk import LocalDisk, read_file
from evalperf.results.done import MOST_KEYS
from evalperf.results.examination import MOST_TOLD, Finding, Findings
from evalperf.results.facts import journal_name, read_facts
from evalperf.results.frames import INTENT, RESPONSE, TALLY, Frame, encode_frame, locate_frames
from evalperf.results.lock import holder_of
from evalperf.results.member import MAGIC, MEMBER_BYTES, make_member, parse_header, unpack_rows
from evalperf.results.parts import part_name
from evalperf.results.rows import decode_rows, encode_rows
from evalperf.results.walk import MOST_GAPS, Gap, walk
from tests.results.helpers import FaultyDisk, frames_in, ignore, make_result, make_run, options, read_keys, write


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunDirectory, RunInfo]:
    return make_run(tmp_path)


# members --------------------------------------------------------------------------------------------------------------


def test_a_key_beyond_any_run_is_no_header() -> None:
    assert parse_header(make_member(b"x\n", [MOST_KEYS - 1], 1)) is not None
    assert parse_header(make_member(b"x\n", [MOST_KEYS], 1)) is None
    assert parse_header(make_member(b"x\ny\n", [5, 2**63], 1)) is None


@pytest.mark.parametrize("rows", [0, 2, 2**32 - 1])
def test_a_header_names_as_many_rows_as_keys(rows: int) -> None:
    data = bytearray(make_member(b"x\n", [5], 1))
    data[22:26] = rows.to_bytes(4, "little")
    data[26:30] = zlib.crc32(data[30:31], zlib.crc32(data[16:26])).to_bytes(4, "little")
    assert parse_header(bytes(data)) is None


def test_rows_of_several_unpack_to_no_more_than_a_member_holds() -> None:
    data = make_member(bytes(MEMBER_BYTES + 1), [1, 2], 1)
    header = parse_header(data)
    assert header is not None
    with pytest.raises(DamageError, match=r"would have 4,194,305 bytes, of at most 4,194,304"):
        unpack_rows(data, header)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalperf.results.member.BOMB_BYTES", 100_000)
    data = make_member(bytes(100_001), [1], 1)
    header = parse_header(data)
    assert header is not None
    with pytest.raises(DamageError, match="200-fold"):
        unpack_rows(data, header)


def test_rows_that_go_on_behind_their_stated_size_are_not_unpacked_further() -> None:
    data = bytearray(make_member(bytes(10_000_000), [1], 1))
    data[-4:] = (100).to_bytes(4, "little")
    header = parse_header(bytes(data))
    assert header is not None
    with pytest.raises(DamageError, match="go on behind their end"):
        unpack_rows(bytes(data), header)


async def test_a_row_too_large_to_be_read_loses_its_case_and_keeps_its_answer(
    run: tuple[RunDirectory, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalperf.results.parts.MEMBER_BYTES", 1_000)
    monkeypatch.setattr("evalperf.results.parts.MOST_ROW_BYTES", 3_000)
    await write(*run, [make_result(1, input="x" * 5_000, metadata={"y": "z" * 5_000}), make_result(2)], finish=True)
    first, second = sorted(read_results(run[0]), key=lambda result: result.seq)
    assert (first.input, first.output, first.scores) == (None, "It is 2.", second.scores)
    assert "unwritable" in first.metadata
    with pytest.raises(OutputError, match="of at most 3,000"):
        await write(*run, [make_result(3, output="x" * 5_000)])


def test_planted_beginnings_of_members_are_not_searched_for_ever() -> None:
    """Each claims 60 KB of keys and lies inside the one before: searched in full, a megabyte would be read as 2 GB."""
    planted = (MAGIC + (60_000).to_bytes(2, "little") + b"EP") * 70_000
    read = 0

    def read_at(size: int, offset: int) -> bytes:
        nonlocal read
        piece = planted[offset : offset + size]
        read += len(piece)
        return piece

    assert list(walk(read_at, len(planted), bodies=True)) == [Gap(0, len(planted), "damaged")]
    assert read < 100 * len(planted)


def test_of_very_many_gaps_the_rest_is_one() -> None:
    member = make_member(b"", [1], 1)
    data = (member + b"!") * (MOST_GAPS + 10)
    gaps = [one for one in walk(lambda n, at: data[at : at + n], len(data), bodies=False) if isinstance(one, Gap)]
    assert len(gaps) == MOST_GAPS + 1
    assert gaps[-1].end == len(data)


# rows -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 5_000])
def test_a_number_that_is_none_makes_no_row_even_beside_half_a_surrogate_pair(number: str) -> None:
    row = encode_rows([make_result(1, metadata={"n": "HERE", "lone": "\ud800"})]).replace(b'"HERE"', number.encode())
    with pytest.raises(DamageError, match="a row is no result"):
        decode_rows(row)


def test_deep_nesting_makes_no_row() -> None:
    row = encode_rows([make_result(1, metadata={"n": "HERE"})]).replace(b'"HERE"', b"[" * 9_000 + b"]" * 9_000)
    with pytest.raises(DamageError, match="a row is no result"):
        decode_rows(row)


@pytest.mark.parametrize("change", [{"epoch": 0}, {"latency_s": -1.0}, {"attempts": -1}, {"overall_score": 1e200}])
def test_a_row_that_no_run_writes_is_not_read(change: dict[str, float]) -> None:
    with pytest.raises(DamageError, match="a row is no result"):
        decode_rows(encode_rows([make_result(1, **change)]))


# journals -------------------------------------------------------------------------------------------------------------


def test_frames_larger_than_a_block_and_across_its_end_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalperf.results.frames.BLOCK_BYTES", 100)
    frames = [Frame(RESPONSE, key, payload=b"\xe5EPJ" * (7 * key)) for key in range(12)]
    data = b"\xe5EP".join(map(encode_frame, frames))
    assert frames_in(data) == frames


def test_planted_beginnings_of_frames_are_not_read_for_ever() -> None:
    planted = b"\xe5EPJ" + (900_000).to_bytes(4, "little")
    data = planted * 200_000
    read = 0

    def read_at(size: int, offset: int) -> bytes:
        nonlocal read
        piece = data[offset : offset + size]
        read += len(piece)
        return piece

    assert list(locate_frames(read_at, len(data))) == []
    assert read < 35 * len(data)


def test_a_journal_of_more_than_was_ever_in_flight_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalperf.results.facts.MOST_HELD_BYTES", 12_000)
    frames = [Frame(RESPONSE, key, payload=bytes(1_000)) for key in range(8)]
    (tmp_path / journal_name(1)).write_bytes(b"".join(map(encode_frame, frames)))
    with pytest.raises(DamageError, match="calls that were under way"):
        read_facts(LocalDisk(), tmp_path, lambda _: False)
    facts, _ = read_facts(LocalDisk(), tmp_path, lambda key: key < 2)
    assert facts.replayable == 6


def test_calls_that_are_settled_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was stopped has many that ended well: they do not count."""
    monkeypatch.setattr("evalperf.results.facts.MOST_HELD_BYTES", 2_000)
    frames = [Frame(kind, key) for key in range(50) for kind in (INTENT, 3)]
    (tmp_path / journal_name(1)).write_bytes(b"".join(map(encode_frame, frames)))
    assert read_facts(LocalDisk(), tmp_path, lambda _: False)[0].in_doubt == 0


def test_a_tally_that_no_run_can_have_is_no_tally(tmp_path: Path) -> None:
    frames = [Frame(TALLY, 2**48 - 1), Frame(TALLY, 7), Frame(INTENT, MOST_KEYS)]
    (tmp_path / journal_name(1)).write_bytes(b"".join(map(encode_frame, frames)))
    assert read_facts(LocalDisk(), tmp_path, lambda _: False)[0].ever_in_doubt == 7


# places ---------------------------------------------------------------------------------------------------------------


def test_neither_links_nor_pipes_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("link", "pipe", "."):
        with pytest.raises(DamageError, match="is a link or no file"):
            LocalDisk().open_read(tmp_path / name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_small_file_is_small(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(11))
    assert len(read_file(LocalDisk(), tmp_path / "file", 11)) == 11
    with pytest.raises(DamageError, match="has 11 bytes"):
        read_file(LocalDisk(), tmp_path / "file", 10)


def test_a_folder_of_a_run_has_a_bounded_number_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "MOST_FILES", 3)
    for name in "abc":
        (tmp_path / name).touch()
    assert LocalDisk().names(tmp_path) == ["a", "b", "c"]
    (tmp_path / "d").touch()
    with pytest.raises(DamageError, match="more than 3 files"):
        LocalDisk().names(tmp_path)


def test_a_link_in_the_place_of_a_folder_is_refused(run: tuple[RunDirectory, RunInfo], tmp_path: Path) -> None:
    run[0].journal.symlink_to(tmp_path)
    with pytest.raises(DamageError, match="is a link or a file, and not a folder"):
        read_run_info(run[0])


def test_a_pipe_in_the_place_of_the_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    assert holder_of(tmp_path / "lock") is None


async def test_a_store_that_can_not_be_opened_leaves_nothing_open(run: tuple[RunDirectory, RunInfo]) -> None:
    await write(*run, [make_result(1), make_result(2, failed=True)])
    for number in range(1, 200):
        disk = FaultyDisk({"open": {number}})
        try:
            async with open_store(*run, options(journal=True, reserve_bytes=100), ignore, disk=disk):
                pass
        except OutputError:
            assert not disk.opened
            assert not run[0].reserve.exists()
        else:
            break
    assert 5 < number < 199


# what is told ---------------------------------------------------------------------------------------------------------


async def test_of_very_many_damages_of_a_part_some_are_told_and_the_rest_counted(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    part = run[0].results / part_name(1, sealed=True)
    members = [make_member(encode_rows([make_result(n + 1)]), [n], 1) for n in range(300)]
    part.write_bytes(b"!".join(members))
    damage: list[object] = []
    assert len(read_keys(run[0], damage)) == 300
    assert len(damage) == MOST_TOLD + 1
    assert "199 more damages like these" in str(damage[-1])
    lost = [one for one in examine(run[0]).findings if one.level == "lost"]
    assert [one.message for one in lost[-1:]] == ["199 more like these"]
    async with open_store(*run, options(), ignore) as store:
        assert store.recovered.done == 300
        assert len(store.recovered.damage) == MOST_TOLD + 1
    assert len(list(run[0].quarantine.iterdir())) == 1  # the whole part, as it was


def test_findings_beyond_the_most_keep_their_sum() -> None:
    findings = Findings()
    for results in (*[1] * (MOST_TOLD + 3), 5):
        findings.tell(Finding(level="lost", path="results/x", message="gone", results=results))
    findings.tell(Finding(level="note", path="journal", message="kept"))
    *_, note, more = findings.all()
    assert note.message == "kept"
    assert (more.message, more.results) == ("4 more like these", 8)
