"""A frame is in the file entirely or not at all, and after a failed sync it is certain where it is."""

import errno
import os
from pathlib import Path

import pytest

from evalperf.errors import OutputError
from evalperf.results.append import AppendFile, Reserve, recover_sync, unwritable
from evalperf.results.disk import LocalDisk
from tests.results.helpers import FaultyDisk


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def open_file(disk: FaultyDisk, path: Path, *, durable: bool = True, reserve_bytes: int = 0) -> AppendFile:
    reserve = Reserve(disk, path.with_name("reserve"), reserve_bytes)
    reserve.hold()
    return AppendFile(disk, path, reserve, durable=durable)


def test_a_reserve_that_did_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    class Small(LocalDisk):
        def allocate(self, path: Path, size: int) -> None:
            path.write_bytes(bytes(size // 2))
            raise error(errno.ENOSPC)

    reserve = Reserve(Small(), tmp_path / "reserve", 1000)
    with pytest.raises(OutputError, match="the disk is full"):
        reserve.hold()
    assert list(tmp_path.iterdir()) == []
    assert not reserve.release()


def test_the_reserve_is_for_a_full_disk_only_and_there_once(tmp_path: Path) -> None:
    reserve = Reserve(LocalDisk(), tmp_path / "reserve", 1000)
    reserve.hold()
    assert not reserve.rescue(error(errno.EIO))
    assert not reserve.used
    assert [path.name for path in tmp_path.iterdir()] == ["reserve"]
    assert reserve.rescue(error(errno.ENOSPC))
    assert reserve.used
    assert list(tmp_path.iterdir()) == []
    assert not reserve.rescue(error(errno.EDQUOT))


def test_a_frame_that_was_written_in_part_is_taken_back(tmp_path: Path) -> None:
    disk = FaultyDisk({"write": {2}})
    disk.short_writes = True
    file = open_file(disk, tmp_path / "file")
    with pytest.raises(OSError, match="Input/output error"):
        file.append(b"first frame")
    assert (file.size, file.path.read_bytes()) == (0, b"")
    file.append(b"second frame")
    assert (file.size, file.path.read_bytes()) == (12, b"second frame")
    file.close()


def test_descriptor_0_is_closed_like_any_other(tmp_path: Path) -> None:
    """The first file of a process that was started without an input has it."""
    closed: list[int] = []

    class First(LocalDisk):
        def open_append(self, path: Path) -> int:
            return 0

        def size(self, fd: int) -> int:
            return 0

        def close(self, fd: int) -> None:
            closed.append(fd)

    file = AppendFile(First(), tmp_path / "file", Reserve(LocalDisk(), tmp_path / "reserve", 0), durable=True)
    file.close()
    file.close()
    assert closed == [0]


def test_an_error_is_told_in_its_words_with_what_to_do(tmp_path: Path) -> None:
    assert "--resume" in str(unwritable(tmp_path, error(errno.ENOSPC)).hint)
    assert "--resume" in str(unwritable(tmp_path, error(errno.EIO)).hint)
    assert str(unwritable(tmp_path, error(errno.EIO))) == f"can't write {tmp_path}: Input/output error"
    assert str(unwritable(tmp_path, OSError("of its own"))) == f"can't write {tmp_path}: of its own"


def test_only_a_full_disk_is_worth_another_try(tmp_path: Path) -> None:
    disk = FaultyDisk({"write": {1}})
    file = open_file(disk, tmp_path / "file", reserve_bytes=1000)
    with pytest.raises(OSError, match="Input/output error"):
        file.append(b"frame")
    assert disk.calls["write"] == 1
    file.close()


def test_what_is_synced_is_never_cut(tmp_path: Path) -> None:
    file = open_file(FaultyDisk(), tmp_path / "file")
    file.append(b"one")
    file.sync()
    file.append(b"two")
    file.append(b"three")
    file.mark_synced(6)
    assert file.synced == 6
    file.append(b"four")
    assert file.unsynced() == b"threefour"
    file.cut_unsynced()
    assert (file.size, file.synced, file.path.read_bytes()) == (6, 6, b"onetwo")
    file.close()


def test_what_is_cut_or_synced_is_not_handed_out_again(tmp_path: Path) -> None:
    file = open_file(FaultyDisk(), tmp_path / "file")
    file.append(b"one")
    assert file.unsynced() == b"one"
    file.cut_unsynced()
    file.append(b"two")
    assert file.unsynced() == b"two"
    file.sync()
    assert file.unsynced() == b""
    assert file.path.read_bytes() == b"two"
    file.close()


def test_what_need_not_be_durable_is_neither_kept_nor_waited_for(tmp_path: Path) -> None:
    disk = FaultyDisk()
    file = open_file(disk, tmp_path / "file", durable=False)
    file.append(b"one")
    file.sync()
    assert file.unsynced() == b""
    file.cut_unsynced()
    assert file.path.read_bytes() == b"one"
    assert "datasync" not in disk.calls
    file.close()


def test_a_sync_with_nothing_new_does_not_trouble_the_disk(tmp_path: Path) -> None:
    disk = FaultyDisk()
    file = open_file(disk, tmp_path / "file")
    file.append(b"one")
    for _ in range(3):
        file.sync()
    assert disk.calls["datasync"] == 1
    file.close()


def test_it_is_closed_once(tmp_path: Path) -> None:
    disk = FaultyDisk()
    file = open_file(disk, tmp_path / "file")
    assert len(disk.opened) == 1
    file.close()
    file.close()
    assert not disk.opened


@pytest.mark.parametrize("syncs", [1, 2, 3])
def test_after_failed_syncs_every_frame_is_in_one_file(tmp_path: Path, syncs: int) -> None:
    """In the same one, in the next one, or the error names the next one."""
    disk = FaultyDisk({"datasync": set(range(2, syncs + 2))})
    file = open_file(disk, tmp_path / "file")
    following = open_file(disk, tmp_path / "next")
    file.append(b"zero")
    file.sync()
    for frame in (b"one", b"two"):
        file.append(frame)
    with pytest.raises(OSError, match="Input/output error"):
        file.sync()
    if syncs == 3:
        with pytest.raises(OutputError) as caught:
            recover_sync(file, lambda: following)
        assert caught.value.path == following.path
    else:
        taken = recover_sync(file, lambda: following)
        assert taken is (file if syncs == 1 else following)
        assert taken.synced == taken.size
    assert file.path.read_bytes() == (b"zeroonetwo" if syncs == 1 else b"zero")
    assert following.path.read_bytes() == (b"" if syncs == 1 else b"onetwo")
    assert len(disk.opened) == (1 if syncs == 3 else 2)  # what nobody gets is closed
    file.close()
    following.close()


@pytest.mark.parametrize("truncates", [1, 2])
def test_frames_that_can_not_be_cut_are_written_anew_all_the_same(tmp_path: Path, truncates: int) -> None:
    """They may be there twice, never not at all."""
    disk = FaultyDisk({"datasync": {1}, "truncate": set(range(1, truncates + 1))})
    file = open_file(disk, tmp_path / "file")
    following = open_file(disk, tmp_path / "next")
    file.append(b"frame")
    with pytest.raises(OSError, match="Input/output error"):
        file.sync()
    assert recover_sync(file, lambda: following) is following
    assert following.path.read_bytes() == b"frame"
    assert (file.size, file.path.read_bytes()) == ((0, b"") if truncates == 1 else (5, b"frame"))
    file.close()
    following.close()
