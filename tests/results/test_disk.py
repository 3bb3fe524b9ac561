"""The calls to the operating system: what is asked of it, and that no descriptor is left open or taken for good."""

import fcntl
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalperf.results.disk import LocalDisk, copy_range, read_file, write_all, write_file
from tests.results.helpers import FaultyDisk, open_descriptors


@pytest.fixture
def few_descriptors() -> Iterator[list[int]]:
    """A process that may open few files; what is put into the list is closed at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 200), hard))
    yield taken
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for fd in taken:
        os.close(fd)


def take_all(taken: list[int]) -> None:
    """Opens files until the system refuses."""
    while True:
        try:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return


def test_held_descriptors_serve_when_all_others_are_taken(tmp_path: Path, few_descriptors: list[int]) -> None:
    disk = LocalDisk(2)
    take_all(few_descriptors)
    for _ in range(3):  # what was used is held again after `close`
        first = disk.open_append(tmp_path / "first")
        second = disk.open_read(tmp_path / "first")
        with pytest.raises(OSError, match="Too many open files"):
            disk.open_append(tmp_path / "third")
        disk.close(first)
        disk.close(second)
        take_all(few_descriptors)
    disk.sync_folder(tmp_path)
    disk.allocate(tmp_path / "space", 10)
    fd = disk.open_read(tmp_path / "space")
    disk.close(fd)
    disk.release()


def test_released_descriptors_are_not_taken_again(tmp_path: Path) -> None:
    before = open_descriptors()
    disk = LocalDisk(3)
    assert open_descriptors() == before + 3
    disk.release()
    assert open_descriptors() == before
    disk.close(disk.open_append(tmp_path / "file"))
    disk.sync_folder(tmp_path)
    disk.allocate(tmp_path / "space", 10)
    assert open_descriptors() == before


def test_a_file_that_can_not_be_opened_for_another_reason_costs_no_held_descriptor(tmp_path: Path) -> None:
    disk = LocalDisk(2)
    held = open_descriptors()
    with pytest.raises(FileNotFoundError):
        disk.open_read(tmp_path / "missing")
    assert open_descriptors() == held
    disk.release()


def test_bytes_and_names_are_brought_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no test without a power cut can see: the calls are made."""
    calls: list[tuple[str, int]] = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd, name=name: calls.append((name, os.fstat(fd).st_ino)))
    monkeypatch.delattr(fcntl, "F_FULLFSYNC", raising=False)
    write_file(LocalDisk(), tmp_path / "file", b"content")
    assert calls == [("fdatasync", (tmp_path / "file").stat().st_ino), ("fsync", tmp_path.stat().st_ino)]


def test_where_fsync_does_not_reach_the_platter_the_stronger_call_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda fd, command: calls.append(command))
    disk = LocalDisk()
    fd = disk.open_append(tmp_path / "file")
    disk.datasync(fd)
    disk.close(fd)
    assert calls == [51]


def test_space_is_really_taken(tmp_path: Path) -> None:
    LocalDisk().allocate(tmp_path / "space", 100_000)
    assert (tmp_path / "space").stat().st_blocks * 512 >= (tmp_path / "space").stat().st_size == 100_000


def test_where_space_can_not_be_taken_the_file_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    LocalDisk().allocate(tmp_path / "space", 100_000)
    assert (tmp_path / "space").read_bytes() == b""


def test_a_file_is_written_whole_whatever_lay_there_before(tmp_path: Path) -> None:
    (tmp_path / "file.tmp").write_bytes(b"what a killed process has left")
    (tmp_path / "file").write_bytes(b"old")
    write_file(LocalDisk(), tmp_path / "file", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"new")]


@pytest.mark.parametrize("kind", ["write", "datasync", "rename", "sync_folder", "remove"])
def test_a_file_whose_writing_fails_is_as_it_was_or_new_and_none_stays_open(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_bytes(b"old")
    disk = FaultyDisk({kind: {1}})
    with pytest.raises(OSError, match="Input/output error"):
        write_file(disk, tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == (b"new" if kind == "sync_folder" else b"old")
    assert not disk.opened


def test_a_read_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    disk = FaultyDisk({"read": {1}})
    with pytest.raises(OSError, match="Input/output error"):
        read_file(disk, tmp_path / "file", 1000)
    assert not disk.opened


def test_a_range_is_copied_across_blocks_and_ends_where_the_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalperf.results.disk.BLOCK_BYTES", 4)
    disk = LocalDisk()
    fd, target = disk.open_append(tmp_path / "source"), disk.open_append(tmp_path / "target")
    write_all(disk, fd, b"0123456789")
    copy_range(disk, fd, target, 1, 8)
    assert (tmp_path / "target").read_bytes() == b"1234567"
    copy_range(disk, fd, target, 8, 100)
    assert (tmp_path / "target").read_bytes() == b"123456789"
    disk.close(fd)
    disk.close(target)
