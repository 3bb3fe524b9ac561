"""What is taken out of a part is kept, in full and for ever, before the part is changed."""

import random
from pathlib import Path

import pytest

from evalperf.results.member import make_member
from evalperf.results.repair import repair
from evalperf.results.walk import Gap, walk
from tests.results.helpers import FaultyDisk

MEMBERS = [make_member(random.Random(n).randbytes(300), [n], 1) for n in range(3)]


@pytest.fixture
def part(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results" / "part"


def mend(disk: FaultyDisk, part: Path, *, bodies: bool = True) -> None:
    data = part.read_bytes()
    pieces = list(walk(lambda size, offset: data[offset : offset + size], len(data), bodies=bodies))
    gaps = [piece for piece in pieces if isinstance(piece, Gap)]
    repair(disk, part, len(data), gaps, part.parent.parent / "quarantine")


def kept(part: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (part.parent.parent / "quarantine").iterdir()}


def test_a_gap_in_the_middle_is_taken_out(part: Path) -> None:
    part.write_bytes(MEMBERS[0] + b"garbage" + MEMBERS[1])
    part.with_name("part.tmp").write_bytes(b"what a killed process has left")
    disk = FaultyDisk()
    mend(disk, part)
    assert part.read_bytes() == MEMBERS[0] + MEMBERS[1]
    assert kept(part) == {f"results-part-{len(MEMBERS[0])}": b"garbage"}
    assert [path.name for path in part.parent.iterdir()] == ["part"]
    assert not disk.opened


def test_a_part_without_any_member_is_empty_afterwards(part: Path) -> None:
    part.write_bytes(b"garbage")
    mend(FaultyDisk(), part)
    assert part.read_bytes() == b""
    assert kept(part) == {"results-part-0": b"garbage"}


def test_what_is_cut_and_what_stays_is_on_the_disk(part: Path) -> None:
    """The kept bytes and their names before the part is cut; a part that is rewritten before it gets its name."""
    order: list[str] = []

    class Noting(FaultyDisk):
        def _tick(self, kind: str) -> None:
            if kind not in ("open", "read"):
                order.append(kind)
            super()._tick(kind)

    part.write_bytes(MEMBERS[0] + b"garbage")
    mend(Noting(), part)
    keep = ["sync_folder", "write", "datasync", "sync_folder"]
    assert order == [*keep, "truncate", "datasync"]
    order.clear()
    part.write_bytes(b"garbage" + MEMBERS[0])
    mend(Noting(), part)
    assert order == [*keep, "remove", "write", "datasync", "rename", "sync_folder"]


def test_equal_names_in_quarantine_get_a_number(part: Path) -> None:
    for text in (b"one", b"two", b"three"):
        part.write_bytes(MEMBERS[0] + text)
        mend(FaultyDisk(), part)
    start = len(MEMBERS[0])
    assert kept(part) == {
        f"results-part-{start}": b"one",
        f"results-part-{start}-2": b"two",
        f"results-part-{start}-3": b"three",
    }


@pytest.mark.parametrize("kind", ["open", "read", "write", "truncate", "datasync", "rename", "sync_folder", "remove"])
@pytest.mark.parametrize("data", [MEMBERS[0] + b"gap", b"gap" + MEMBERS[0] + b"gap" + MEMBERS[1]])
def test_a_repair_that_fails_anywhere_loses_nothing_and_leaves_nothing_open(part: Path, data: bytes, kind: str) -> None:
    number, failed = 0, True
    while failed:
        number += 1
        part.write_bytes(data)
        disk = FaultyDisk({kind: {number}})
        try:
            mend(disk, part)
        except OSError:
            assert part.read_bytes() == data or data.count(b"gap") == list(kept(part).values()).count(b"gap") > 0
        else:
            failed = False
        assert not disk.opened
        for path in part.parent.parent.glob("quarantine/*"):
            path.unlink()
    assert part.read_bytes() == data.replace(b"gap", b"")
