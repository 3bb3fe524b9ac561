"""A file that grows by whole frames: a frame is there entirely or, after an error, not at all."""

from __future__ import annotations

import contextlib
import errno
from collections import deque
from collections.abc import Callable
from pathlib import Path

from evalperf.errors import OutputError
from evalperf.results.disk import Disk, write_all

__all__ = ["AppendFile", "Reserve", "recover_sync", "unwritable"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Reserve:
    """Bytes of the disk held back, so that answers in flight still find room when it is full."""

    def __init__(self, disk: Disk, path: Path, size_bytes: int) -> None:
        self._disk = disk
        self._path = path
        self._size_bytes = size_bytes
        self._held = False
        self.used = False
        """Whether the disk was full: from then on no new call may be made."""

    def hold(self) -> None:
        """Takes the space; raises OutputError if the disk has not that much."""
        if self._size_bytes:
            try:
                self._disk.allocate(self._path, self._size_bytes)
            except OSError as error:
                self._disk.remove(self._path)
                raise unwritable(self._path, error) from error
            self._held = True

    def release(self) -> bool:
        """Gives the space back; whether there was any to give."""
        held, self._held = self._held, False
        if held:
            self._disk.remove(self._path)
        return held

    def rescue(self, error: OSError) -> bool:
        """Whether the write that met this error is worth another try, because the disk was full and now is not."""
        if error.errno not in FULL:
            return False
        self.used = True
        return self.release()


class AppendFile:
    """An open file with the frames that are not yet known to have reached the disk.

    Where the run need not survive a power cut (`durable` is false), none are kept, and `synced` follows `size`.
    """

    def __init__(self, disk: Disk, path: Path, reserve: Reserve, *, durable: bool) -> None:
        self.path = path
        self._durable = durable
        self._disk = disk
        self._reserve = reserve
        self._fd = disk.open_append(path)
        self.size = disk.size(self._fd)
        self.synced = self.size
        """Bytes that are known to be on disk, or that recovery has found."""
        self._unsynced: deque[bytes] = deque()

    def append(self, frame: bytes) -> None:
        """Puts the frame at the end; on OSError the file is as long as before."""
        try:
            self._write(frame)
        except OSError as error:
            if not self._reserve.rescue(error):
                raise
            self._write(frame)
        self.size += len(frame)
        if self._durable:
            self._unsynced.append(frame)
        else:
            self.synced = self.size

    def datasync(self) -> None:
        """Brings what is written to the disk; tell the file with `mark_synced`."""
        self._disk.datasync(self._fd)

    def mark_synced(self, size: int) -> None:
        """The first `size` bytes, an end of a frame, are on the disk."""
        while self.synced < size:
            self.synced += len(self._unsynced.popleft())

    def sync(self) -> None:
        """All frames are on the disk; raises OSError if that is not certain."""
        if self.synced < self.size:
            self.datasync()
            self.synced = self.size
            self._unsynced.clear()

    def unsynced(self) -> bytes:
        """Every frame that may not be on the disk: after a failed sync nobody knows which are."""
        return b"".join(self._unsynced)

    def cut_unsynced(self) -> None:
        """Takes these frames back; on OSError they are still there."""
        self._disk.truncate(self._fd, self.synced)
        self._unsynced.clear()
        self.size = self.synced

    def close(self) -> None:
        """The descriptor is free; a second call does nothing."""
        if self._fd >= 0:
            self._disk.close(self._fd)
            self._fd = -1

    def _write(self, frame: bytes) -> None:
        try:
            write_all(self._disk, self._fd, frame)
        except OSError:
            self._disk.truncate(self._fd, self.size)
            raise


def recover_sync(file: AppendFile, open_next: Callable[[], AppendFile]) -> AppendFile:
    """After a failed sync: the file that now holds all frames durably, the same one or the next.

    The kernel may have dropped the pages it could not write and report success for the next sync, so the tail is cut
    and written anew; if that fails, too, it goes to a new file; if even that fails, OutputError.
    """
    frames = file.unsynced()
    with contextlib.suppress(OSError):
        file.cut_unsynced()
        file.append(frames)
        file.sync()
        return file
    with contextlib.suppress(OSError):  # what can't be cut may be there twice: better than not at all
        file.cut_unsynced()
    following = open_next()
    try:
        following.append(frames)
        following.sync()
    except OSError as error:
        following.close()
        raise unwritable(following.path, error) from error
    return following


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error for the user, with what to do."""
    if error.errno in FULL:
        hint = "free space, then continue with --resume; everything written so far is kept"
        return OutputError(path, "the disk is full", hint=hint)
    return OutputError(path, error.strerror or str(error), hint="repair the disk, then continue with --resume")
