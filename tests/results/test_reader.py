import asyncio
import random
from pathlib import Path

import pytest

from evalperf.errors import ConfigError, DamageError
from evalperf.results import Damage, RunDirectory, RunInfo, open_store, read_results, read_success
from evalperf.results.member import make_member
from evalperf.results.rows import encode_rows
from tests.results.helpers import (
    ignore,
    make_result,
    make_run,
    member_starts,
    open_descriptors,
    options,
    read_keys,
    write,
)


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunDirectory, RunInfo]:
    return make_run(tmp_path)


async def ten_members(run: tuple[RunDirectory, RunInfo], *, finish: bool = True) -> Path:
    for first in range(1, 101, 10):
        rows = [make_result(seq, output=random.Random(seq).randbytes(40).hex()) for seq in range(first, first + 10)]
        await write(*run, rows, finish=finish and first == 91)
    (part,) = run[0].results.glob("*part*")
    return part


async def test_a_run_without_results_is_empty(run: tuple[RunDirectory, RunInfo]) -> None:
    assert read_keys(run[0]) == []


async def test_any_damaged_byte_costs_one_member_and_is_told(run: tuple[RunDirectory, RunInfo]) -> None:
    """Every other row is read as it was; what is missing is named and counted."""
    part = await ten_members(run)
    whole = part.read_bytes()
    rows = {result.seq: result for result in read_results(run[0])}
    chance = random.Random(3)
    for _ in range(300):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        part.write_bytes(data)
        damage: list[Damage] = []
        found = list(read_results(run[0], damage.append))
        assert all(rows[result.seq] == result for result in found)
        assert len(found) == (90 if damage else 100)
        assert all(piece.results in (10, None) for piece in damage)


async def test_without_a_listener_damage_is_an_error_after_the_last_row(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await ten_members(run)
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 255
    part.write_bytes(data)
    reading = read_results(run[0])
    assert len([next(reading) for _ in range(90)]) == 90
    with pytest.raises(DamageError, match=r"part-00001\.jsonl\.gz at byte") as caught:
        next(reading)
    assert caught.value.hint


async def test_the_torn_end_of_a_growing_part_is_no_damage(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await ten_members(run, finish=False)
    data = part.read_bytes()
    for cut in range(1, 200, 3):
        part.write_bytes(data[:-cut])
        assert len(read_keys(run[0])) == 90


async def test_a_damaged_member_of_a_growing_part_is_damage(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await ten_members(run, finish=False)
    data = bytearray(part.read_bytes())
    second, third = member_starts(part)[1:3]
    data[second + 20] ^= 255
    part.write_bytes(data)
    damage: list[Damage] = []
    assert len(read_keys(run[0], damage)) == 90
    assert [(piece.reason, piece.offset, piece.size_bytes) for piece in damage] == [
        ("damaged bytes", second, third - second)
    ]


async def test_the_torn_end_of_a_sealed_part_is_damage(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await ten_members(run)
    part.write_bytes(part.read_bytes()[:-5])
    damage: list[Damage] = []
    assert len(read_keys(run[0], damage)) == 90
    assert [piece.results for piece in damage] == [10]


async def test_a_sealed_part_cut_between_members_and_one_that_is_missing_are_told(
    run: tuple[RunDirectory, RunInfo],
) -> None:
    part = await ten_members(run)
    data = part.read_bytes()
    part.write_bytes(data[: data.rindex(b"\x1f\x8b\x08\x04")])
    damage: list[Damage] = []
    assert len(read_keys(run[0], damage)) == 90
    assert [(piece.reason, piece.results) for piece in damage] == [("cut", 10)]
    part.unlink()
    damage.clear()
    assert read_keys(run[0], damage) == []
    assert [(piece.reason, piece.results) for piece in damage] == [("missing", 100)]


async def test_a_case_written_twice_is_read_once(run: tuple[RunDirectory, RunInfo]) -> None:
    part = await ten_members(run)
    part.write_bytes(part.read_bytes() * 2)
    assert len(read_keys(run[0])) == 100


async def test_a_lost_result_does_not_bring_back_its_old_failure(run: tuple[RunDirectory, RunInfo]) -> None:
    directory, info = run
    await write(directory, info, [make_result(1, failed=True)], finish=True)
    await write(directory, info, [make_result(1)], retry_failed=True, finish=True)
    part = next(directory.results.glob("part-*"))
    data = bytearray(part.read_bytes())
    data[-10] ^= 255
    part.write_bytes(data)
    damage: list[Damage] = []
    assert read_keys(directory, damage) == []
    assert [piece.results for piece in damage] == [1]


async def test_of_the_failures_of_a_case_in_one_part_the_last_is_read(run: tuple[RunDirectory, RunInfo]) -> None:
    for attempts in (1, 2, 3):
        await write(*run, [make_result(1, failed=True, attempts=attempts)], retry_failed=True)
    assert len(list(run[0].failures.iterdir())) == 1
    assert [row.attempts for row in read_results(run[0])] == [3]


async def test_rows_that_are_no_results_are_told(run: tuple[RunDirectory, RunInfo]) -> None:
    (run[0].results / "part-00001.jsonl.gz").write_bytes(make_member(b'{"seq": 1}\n', [0], 1))
    damage: list[Damage] = []
    assert read_keys(run[0], damage) == []
    assert [piece.results for piece in damage] == [1]


async def test_a_run_is_read_while_it_goes_on(run: tuple[RunDirectory, RunInfo]) -> None:
    directory, info = run
    async with open_store(directory, info, options(flush_s=0.0, seal_bytes=1), ignore) as store:
        await store.put(make_result(1))
        reading = read_results(directory)
        while not store.is_done(1, 1):
            await asyncio.sleep(0.001)
        assert next(reading).seq == 1


def test_damage_says_what_and_where() -> None:
    damage = Damage(path="results/part-00001.jsonl.gz", offset=1234, size_bytes=5, results=256, reason="cut")
    assert str(damage) == "results/part-00001.jsonl.gz at byte 1,234: cut (256 results)"
    damage = Damage(path="results/part-00001.jsonl.gz", offset=None, size_bytes=None, results=None, reason="gone")
    assert str(damage) == "results/part-00001.jsonl.gz: gone (an unknown number of results)"


@pytest.mark.parametrize("content", ["{", "[]", "1"])
def test_a_success_file_that_is_damaged_is_told(run: tuple[RunDirectory, RunInfo], content: str) -> None:
    run[0].success.write_text(content)
    with pytest.raises(DamageError):
        read_success(run[0])


def sealed_part(directory: RunDirectory, *members: tuple[list[int], list[int]]) -> None:
    """A part of members with (cases in it, cases that its header names)."""
    data = [
        make_member(encode_rows([make_result(seq) for seq in rows]), [seq - 1 for seq in named], 1)
        for rows, named in members
    ]
    (directory.results / "part-00001.jsonl.gz").write_bytes(b"".join(data))


def test_of_a_member_that_repeats_some_cases_the_others_are_read(run: tuple[RunDirectory, RunInfo]) -> None:
    sealed_part(run[0], ([1, 2], [1, 2]), ([2, 3], [2, 3]))
    assert read_keys(run[0]) == [(1, 1, "ok"), (2, 1, "ok"), (3, 1, "ok")]


def test_a_header_that_names_other_rows_than_there_are_is_told(run: tuple[RunDirectory, RunInfo]) -> None:
    sealed_part(run[0], ([1], [1, 2]), ([3], [3]))
    damage: list[Damage] = []
    assert read_keys(run[0], damage) == [(3, 1, "ok")]
    assert [(piece.offset, piece.results, piece.reason) for piece in damage] == [
        (0, 2, "1 rows where its header says 2")
    ]


async def test_reading_leaves_nothing_open_also_when_it_is_given_up(run: tuple[RunDirectory, RunInfo]) -> None:
    await ten_members(run)
    before = open_descriptors()
    assert [row.seq for row in read_results(run[0])] == list(range(1, 101))
    assert open_descriptors() == before
    reading = read_results(run[0])
    next(reading)
    assert open_descriptors() == before + 1
    del reading
    assert open_descriptors() == before


@pytest.mark.parametrize(("places", "listed", "more"), [(1, 1, ""), (10, 10, ""), (11, 10, "\nand 1 more")])
def test_damaged_places_are_listed_up_to_ten(
    run: tuple[RunDirectory, RunInfo], places: int, listed: int, more: str
) -> None:
    for number in range(1, places + 1):
        (run[0].results / f"part-{number:05d}.jsonl.gz").write_bytes(b"garbage")
    with pytest.raises(DamageError) as caught:
        list(read_results(run[0]))
    assert str(caught.value).count("\nresults/part-") == listed
    assert str(caught.value).endswith(f"(an unknown number of results){more}")


async def test_a_missing_part_is_told_beside_those_that_are_there(run: tuple[RunDirectory, RunInfo]) -> None:
    for seq in (1, 2):
        await write(*run, [make_result(seq)], seal_bytes=1)
    (run[0].results / "part-00001.jsonl.gz").unlink()
    damage: list[Damage] = []
    assert read_keys(run[0], damage) == [(2, 1, "ok")]
    assert [(piece.path, piece.reason) for piece in damage] == [("results/part-00001.jsonl.gz", "missing")]


async def test_a_part_that_is_sealed_before_its_turn_is_read_by_its_new_name(run: tuple[RunDirectory, RunInfo]) -> None:
    await write(*run, [make_result(1)], seal_bytes=1)
    await write(*run, [make_result(2)])
    reading = read_results(run[0])
    assert next(reading).seq == 1
    (run[0].results / "_part-00002.jsonl.gz").rename(run[0].results / "part-00002.jsonl.gz")
    assert [row.seq for row in reading] == [2]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with pytest.raises(ConfigError):
        list(read_results(RunDirectory(tmp_path)))
