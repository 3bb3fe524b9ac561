"""The calls to the operating system behind every file of a run, so that a simulated disk can stand in for them.

A name that was created, renamed or removed survives a power cut only after `sync_folder` of its folder, bytes only
after `datasync`. A `write` may be short, also on a full disk, and a kill may tear it: nothing here hides that.
"""
# ruff: noqa: D102 - `Disk` says what needs saying; the rest is in the names

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

from evalperf.errors import DamageError

__all__ = ["Disk", "LocalDisk", "copy_range", "read_file", "sync_file", "write_all", "write_file"]

BLOCK_BYTES = 1 << 20
USED_UP = frozenset({errno.EMFILE, errno.ENFILE})
"""No descriptor is left, of the process or of the machine."""
NO_FILE = frozenset({errno.ELOOP, errno.ENXIO})
"""It is a link; it is a socket."""
MOST_FILES = 1 << 16
"""In a folder of a run, which has a part for each 64 MiB or ten minutes. A million names would take minutes to open."""


class Disk(Protocol):
    """What a run directory needs of a file system; every call may raise OSError."""

    def open_append(self, path: Path) -> int:
        """A descriptor that writes at the end; the file is created with mode 0600."""
        ...

    def open_read(self, path: Path) -> int:
        """Raises DamageError for what is no file: a link may lead out of the run, and a pipe never ends."""
        ...

    def close(self, fd: int) -> None: ...
    def size(self, fd: int) -> int: ...

    def read(self, fd: int, size: int, offset: int) -> bytes:
        """The `size` bytes from `offset` on; fewer only where the file ends."""
        ...

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """How many of the bytes were written."""
        ...

    def truncate(self, fd: int, size: int) -> None: ...
    def datasync(self, fd: int) -> None: ...
    def sync_folder(self, folder: Path) -> None: ...

    def make_folder(self, folder: Path) -> None:
        """Made with mode 0700 if it is not there; its parents must be."""
        ...

    def names(self, folder: Path) -> list[str]:
        """The names in the folder, sorted; none where there is no such folder. Raises DamageError for too many."""
        ...

    def exists(self, path: Path) -> bool: ...
    def rename(self, source: Path, target: Path) -> None: ...

    def remove(self, path: Path) -> None:
        """The file is gone, whether or not it was there."""
        ...

    def allocate(self, path: Path, size: int) -> None:
        """The file holds that many bytes of the disk."""
        ...


class LocalDisk:
    """The real one; it may hold descriptors for the time when connections have taken all others."""

    def __init__(self, spare: int = 0) -> None:
        self._wanted = spare
        self._spare: list[int] = []
        self._hold()

    def release(self) -> None:
        """Gives the held descriptors back."""
        self._wanted = 0
        while self._spare:
            os.close(self._spare.pop())

    def open_append(self, path: Path) -> int:
        return self._open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)

    def open_read(self, path: Path) -> int:
        try:
            fd = self._open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in NO_FILE:
                raise _no_file(path) from error
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            self.close(fd)
            raise _no_file(path)
        return fd

    def close(self, fd: int) -> None:
        os.close(fd)
        self._hold()

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def read(self, fd: int, size: int, offset: int) -> bytes:
        data = os.pread(fd, size, offset)
        while len(data) < size and (more := os.pread(fd, size - len(data), offset + len(data))):
            data += more
        return data

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return os.write(fd, data)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def datasync(self, fd: int) -> None:
        full_sync = getattr(fcntl, "F_FULLFSYNC", None)
        if full_sync is not None:  # macOS: fsync does not reach the platter
            fcntl.fcntl(fd, full_sync)
        else:
            os.fdatasync(fd)

    def sync_folder(self, folder: Path) -> None:
        fd = self._open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            self.close(fd)

    def make_folder(self, folder: Path) -> None:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)

    def names(self, folder: Path) -> list[str]:
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in islice(entries, MOST_FILES + 1)]
        except FileNotFoundError:
            return []
        if len(names) > MOST_FILES:
            raise DamageError(f"{folder} holds more than {MOST_FILES:,} files, and a run never makes that many")
        return sorted(names)

    def exists(self, path: Path) -> bool:
        return path.exists()

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def allocate(self, path: Path, size: int) -> None:
        fd = self.open_append(path)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(fd, 0, size)
        finally:
            self.close(fd)

    def _open(self, path: Path, flags: int) -> int:
        """Tries again with each descriptor that was held: somebody else may be quicker to take it."""
        while True:
            try:
                return os.open(path, flags | os.O_CLOEXEC, 0o600)
            except OSError as error:
                if error.errno not in USED_UP or not self._spare:
                    raise
                os.close(self._spare.pop())

    def _hold(self) -> None:
        with contextlib.suppress(OSError):
            while len(self._spare) < self._wanted:
                self._spare.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def write_all(disk: Disk, fd: int, data: bytes) -> None:
    """Writes on after a short write, until all bytes are written or an OSError says why not."""
    written = disk.write(fd, data)
    while written < len(data):
        written += disk.write(fd, memoryview(data)[written:])


def read_file(disk: Disk, path: Path, most: int) -> bytes:
    """The whole of a small file; raises DamageError where it is larger than `most` bytes."""
    fd = disk.open_read(path)
    try:
        size = disk.size(fd)
        if size > most:
            raise DamageError(f"{path} has {size:,} bytes, and a run never writes more than {most:,} into it")
        return disk.read(fd, size, 0)
    finally:
        disk.close(fd)


def _no_file(path: Path) -> DamageError:
    return DamageError(f"{path} is a link or no file at all, and is not read", hint="put the file itself there")


def sync_file(disk: Disk, path: Path) -> None:
    """The bytes of the file, whoever wrote them, are on the disk."""
    fd = disk.open_read(path)
    try:
        disk.datasync(fd)
    finally:
        disk.close(fd)


def write_file(disk: Disk, path: Path, data: bytes | Iterable[bytes]) -> None:
    """The file holds exactly these bytes, or pieces, or is as it was before, whatever happens meanwhile."""
    temporary = path.with_name(path.name + ".tmp")
    disk.remove(temporary)
    fd = disk.open_append(temporary)
    try:
        for block in (data,) if isinstance(data, bytes) else _blocks(data):
            write_all(disk, fd, block)
        disk.datasync(fd)
    finally:
        disk.close(fd)
    disk.rename(temporary, path)
    disk.sync_folder(path.parent)


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, in few pieces."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def copy_range(disk: Disk, source: int, target: int, start: int, end: int) -> None:
    """Appends bytes `start` to `end` of one open file to another, in blocks."""
    while start < end:
        block = disk.read(source, min(BLOCK_BYTES, end - start), start)
        if not block:
            return
        write_all(disk, target, block)
        start += len(block)
