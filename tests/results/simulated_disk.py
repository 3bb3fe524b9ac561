"""A disk in memory whose power can be cut: what was not synced survives in part, torn, as zeros, or not at all.

Bytes: of each write since the last `datasync` every 512-byte sector survives or does not. Names: of all creations,
renames and removals since the last `sync_folder` of their folder a prefix survives (`ordered`, as on ext4 and XFS) or
any subset (`any`, the worst that POSIX allows).
"""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Literal

SECTOR = 512


class PowerCut(BaseException):
    """From here on nothing is written."""


class _File:
    def __init__(self, content: bytes = b"") -> None:
        self.durable = content
        self.current = bytearray(content)
        self.pending: list[tuple[int, bytes | None]] = []  # (offset, bytes) of a write, (size, None) of a cut


class _Change:
    """A change of names: `path` gets the file, or loses its own; a rename also takes it from `source`."""

    def __init__(self, path: Path, file: _File | None, source: Path | None = None) -> None:
        self.path = path
        self.file = file
        self.source = source

    def apply(self, names: dict[Path, _File]) -> None:
        if self.source is not None:
            names.pop(self.source, None)
        if self.file is None:
            names.pop(self.path, None)
        else:
            names[self.path] = self.file


class SimulatedDisk:
    """Implements `Disk`; after `cut_after` calls that change something, the power is cut."""

    def __init__(self, cut_after: int | None = None) -> None:
        self.cut_after = cut_after
        self.calls = 0
        self.files: dict[Path, _File] = {}
        self._durable_names: dict[Path, _File] = {}
        self._changes: list[_Change] = []
        self._open: dict[int, _File] = {}
        self.synced: list[Path] = []
        """Files in the order of their syncs, by their names at that time."""

    @property
    def powerless(self) -> bool:
        """Whether the power is cut."""
        return self.cut_after is not None and self.calls >= self.cut_after

    def _tick(self) -> None:
        self.calls += 1
        if self.powerless:
            raise PowerCut

    def open_append(self, path: Path) -> int:
        self._tick()
        if path not in self.files:
            self._change(_Change(path, _File()))
        return self.open_read(path)

    def open_read(self, path: Path) -> int:
        if path not in self.files:
            raise FileNotFoundError(path)
        fd = len(self._open) + 1
        self._open[fd] = self.files[path]
        return fd

    def close(self, fd: int) -> None:
        """Descriptors are never used again, so that none of them is mistaken for another."""

    def size(self, fd: int) -> int:
        return len(self._open[fd].current)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        return bytes(self._open[fd].current[offset : offset + size])

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self._tick()
        file = self._open[fd]
        file.pending.append((len(file.current), bytes(data)))
        file.current += data
        return len(data)

    def truncate(self, fd: int, size: int) -> None:
        self._tick()
        file = self._open[fd]
        file.pending.append((size, None))
        del file.current[size:]

    def datasync(self, fd: int) -> None:
        self._tick()
        file = self._open[fd]
        self.synced += [path for path, other in self.files.items() if other is file]
        file.durable = bytes(file.current)
        file.pending.clear()

    def sync_folder(self, folder: Path) -> None:
        self._tick()
        for change in self._changes:
            if change.path.parent == folder:
                change.apply(self._durable_names)
        self._changes = [change for change in self._changes if change.path.parent != folder]

    def make_folder(self, folder: Path) -> None:
        """Folders are always there."""

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self.files if path.parent == folder)

    def exists(self, path: Path) -> bool:
        return path in self.files

    def rename(self, source: Path, target: Path) -> None:
        self._tick()
        self._change(_Change(target, self.files[source], source))

    def remove(self, path: Path) -> None:
        if path in self.files:
            self._tick()
            self._change(_Change(path, None))

    def allocate(self, path: Path, size: int) -> None:
        self.open_append(path)

    def copy(self) -> SimulatedDisk:
        """The same files on a disk of their own, all of them synced."""
        copy = SimulatedDisk()
        copy.files = {path: _File(bytes(file.current)) for path, file in self.files.items()}
        copy._durable_names = dict(copy.files)
        return copy

    def _change(self, change: _Change) -> None:
        change.apply(self.files)
        self._changes.append(change)

    def after_power_cut(self, chance: random.Random, names: Literal["ordered", "any"]) -> SimulatedDisk:
        """What is found when the power is back."""
        survived = dict(self._durable_names)
        kept = chance.randint(0, len(self._changes)) if names == "ordered" else None
        for number, change in enumerate(self._changes):
            if number < kept if kept is not None else chance.random() < 0.5:
                change.apply(survived)
        disk = SimulatedDisk()
        torn: dict[int, _File] = {}
        for path, file in survived.items():
            disk.files[path] = torn.setdefault(id(file), _File(_torn(file, chance)))
        disk._durable_names = dict(disk.files)
        return disk


def _torn(file: _File, chance: random.Random) -> bytes:
    content = bytearray(file.durable)
    share = chance.choice([0.0, 0.6, 0.6, 1.0])  # of the sectors that made it
    for offset, data in file.pending:
        if data is None:
            if chance.random() < 0.5:
                del content[offset:]
            continue
        for start, end in _sectors(offset, len(data)):
            if chance.random() < share:
                content.extend(bytes(max(end - len(content), 0)))
                content[start:end] = data[start - offset : end - offset]
        if chance.random() < 0.2:  # the size made it, the bytes did not
            content.extend(bytes(max(offset + len(data) - len(content), 0)))
    return bytes(content)


def _sectors(offset: int, size: int) -> list[tuple[int, int]]:
    edges = [offset, *range((offset // SECTOR + 1) * SECTOR, offset + size, SECTOR), offset + size]
    return list(pairwise(edges))
