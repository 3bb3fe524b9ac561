"""A part grows, is sealed in an order that survives a power cut, and the next one begins from nothing."""

from pathlib import Path
from typing import Any

import pytest

from evalperf.errors import OutputError
from evalperf.results.append import Reserve
from evalperf.results.disk import LocalDisk
from evalperf.results.manifest import Manifest, read_manifest
from evalperf.results.member import parse_header
from evalperf.results.parts import Active, PartLimits, PartWriter, part_name, part_number
from evalperf.results.rows import encode_rows
from tests.results.helpers import FaultyDisk, make_result

LIMITS: dict[str, Any] = {"seal_bytes": 1 << 20, "seal_s": 600.0, "member_rows": 10, "level": 1, "durable": True}


class NotingDisk(FaultyDisk):
    """Keeps the order of the calls that change something."""

    def __init__(self, faults: dict[str, set[int]] | None = None) -> None:
        super().__init__(faults)
        self.order: list[str] = []

    def _tick(self, kind: str) -> None:
        if kind not in ("open", "read"):
            self.order.append(kind)
        super()._tick(kind)


def writer(disk: FaultyDisk, run: Path, active: Active | None = None, **changes: Any) -> PartWriter:
    return PartWriter(
        disk,
        run / "results",
        Manifest(disk, run / "manifest.jsonl"),
        Reserve(disk, run / "reserve", 0),
        limits=PartLimits(**{**LIMITS, **changes}),
        active=active or Active(),
    )


def put(parts: PartWriter, *seqs: int, now_s: float = 0.0) -> int:
    return parts.write([(seq - 1, make_result(seq)) for seq in seqs], now_s)


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "results").iterdir())


def entries(run: Path) -> dict[str, int]:
    return {name: entry.rows for name, entry in read_manifest(LocalDisk(), run / "manifest.jsonl")[0].items()}


@pytest.mark.parametrize("number", [1, 99_999, 100_000])
@pytest.mark.parametrize("sealed", [True, False])
def test_names_and_numbers_are_inverse(number: int, sealed: bool) -> None:
    assert part_number(part_name(number, sealed=sealed)) == number


@pytest.mark.parametrize(
    "name", ["notes.txt", "part-1.jsonl.gz", "part-00001.jsonl.gz.tmp", "__part-00001.jsonl.gz", "part-0000x.jsonl.gz"]
)
def test_other_files_are_no_parts(name: str) -> None:
    assert part_number(name) is None


def test_every_part_counts_its_own_rows(tmp_path: Path) -> None:
    disk = FaultyDisk()
    parts = writer(disk, tmp_path)
    put(parts, 1, 2)
    put(parts, 3)
    parts.seal()
    put(parts, 4)
    parts.seal()
    parts.seal()  # nothing has grown since
    assert entries(tmp_path) == {"results/part-00001.jsonl.gz": 3, "results/part-00002.jsonl.gz": 1}
    assert names(tmp_path) == ["part-00001.jsonl.gz", "part-00002.jsonl.gz"]
    assert not disk.opened


def test_a_part_goes_on_where_an_earlier_process_has_left_it(tmp_path: Path) -> None:
    parts = writer(FaultyDisk(), tmp_path)
    put(parts, 1, 2)
    parts.close()
    parts = writer(FaultyDisk(), tmp_path, Active(number=1, growing=True, rows=2))
    put(parts, 3)
    parts.seal()
    assert entries(tmp_path) == {"results/part-00001.jsonl.gz": 3}


def test_a_part_is_sealed_in_the_order_that_survives_a_power_cut(tmp_path: Path) -> None:
    """Bytes, name of the growing part; the sealed one's name; its entry."""
    disk = NotingDisk()
    parts = writer(disk, tmp_path)
    put(parts, 1)
    assert disk.order == ["sync_folder", "write", "datasync"]
    disk.order.clear()
    parts.seal()
    assert disk.order == ["rename", "sync_folder", "write", "datasync", "sync_folder"]


def test_what_need_not_survive_a_power_cut_is_brought_to_the_disk_when_it_is_sealed(tmp_path: Path) -> None:
    disk = NotingDisk()
    parts = writer(disk, tmp_path, durable=False)
    put(parts, 1)
    assert "datasync" not in disk.order
    disk.order.clear()
    parts.seal()
    assert disk.order[:3] == ["datasync", "rename", "sync_folder"]


def test_the_age_of_a_part_begins_with_its_first_rows_in_this_process(tmp_path: Path) -> None:
    parts = writer(FaultyDisk(), tmp_path, seal_s=10.0)
    put(parts, 1, now_s=100.0)
    put(parts, 2, now_s=109.0)
    assert names(tmp_path) == ["_part-00001.jsonl.gz"]
    put(parts, 3, now_s=110.0)
    assert names(tmp_path) == ["part-00001.jsonl.gz"]
    put(parts, 4, now_s=115.0)
    assert names(tmp_path) == ["_part-00002.jsonl.gz", "part-00001.jsonl.gz"]
    parts.close()


def test_a_part_that_is_just_full_is_sealed(tmp_path: Path) -> None:
    parts = writer(FaultyDisk(), tmp_path)
    size = put(parts, 1)
    parts.close()
    for limit, name in ((size, "part-00001.jsonl.gz"), (size + 1, "_part-00001.jsonl.gz")):
        parts = writer(FaultyDisk(), tmp_path / str(limit), seal_bytes=limit)
        (tmp_path / str(limit)).mkdir()
        put(parts, 1)
        assert names(tmp_path / str(limit)) == [name]
        parts.close()


def test_a_growing_part_without_rows_is_removed_instead_of_sealed(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "_part-00003.jsonl.gz").touch()
    disk = FaultyDisk()
    parts = writer(disk, tmp_path, Active(number=3, growing=True))
    parts.seal()
    assert names(tmp_path) == []
    assert entries(tmp_path) == {}
    assert not disk.opened


def test_a_member_holds_at_most_so_many_rows_and_says_how_many_bytes_it_took(tmp_path: Path) -> None:
    parts = writer(FaultyDisk(), tmp_path)
    size = put(parts, *range(1, 13))
    data = (tmp_path / "results" / "_part-00001.jsonl.gz").read_bytes()
    first = parse_header(data)
    assert first is not None
    second = parse_header(data[first.size_bytes :])
    assert second is not None
    assert (first.keys(), second.keys()) == (list(range(10)), [10, 11])
    assert len(data) == size == first.size_bytes + second.size_bytes
    parts.close()


def test_it_is_closed_once_and_stays_a_growing_part(tmp_path: Path) -> None:
    disk = FaultyDisk()
    parts = writer(disk, tmp_path)
    put(parts, 1)
    assert disk.opened
    parts.close()
    parts.close()
    assert not disk.opened
    assert names(tmp_path) == ["_part-00001.jsonl.gz"]


def test_rows_that_just_fit_into_a_member_stay_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalperf.results.parts.MEMBER_BYTES", len(encode_rows([make_result(seq) for seq in (1, 2)])))
    parts = writer(FaultyDisk(), tmp_path)
    put(parts, 1, 2)
    header = parse_header((tmp_path / "results" / "_part-00001.jsonl.gz").read_bytes())
    assert header is not None
    assert header.keys() == [0, 1]
    parts.close()


@pytest.mark.parametrize("kind", ["open", "write", "sync_folder", "rename", "read"])
def test_a_failure_names_the_folder_and_leaves_nothing_open(tmp_path: Path, kind: str) -> None:
    """The first call of its kind, the second, and so on."""
    number, failed = 0, True
    while failed:
        number += 1
        failed = False
        disk = FaultyDisk({kind: {number}})
        parts = writer(disk, tmp_path / str(number))
        try:
            (tmp_path / str(number)).mkdir()
            put(parts, 1)
            parts.seal()
        except OutputError as error:
            failed = error.path == tmp_path / str(number) / "results"
        parts.close()
        assert not disk.opened
    assert number > 1


def test_a_row_that_is_too_long_for_a_member_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalperf.results.parts.MEMBER_BYTES", 10)
    parts = writer(FaultyDisk(), tmp_path)
    put(parts, 1, 2, 3)
    data = (tmp_path / "results" / "_part-00001.jsonl.gz").read_bytes()
    for key in range(3):
        header = parse_header(data)
        assert header is not None
        assert header.keys() == [key]
        data = data[header.size_bytes :]
    parts.close()
