"""Parts: one growing file of members (`_part-…`), sealed from time to time into one that never changes (`part-…`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from evalperf.errors import OutputError
from evalperf.records import Result
from evalperf.results.append import AppendFile, Reserve, recover_sync, unwritable
from evalperf.results.disk import Disk
from evalperf.results.manifest import Entry, Manifest, file_sha256
from evalperf.results.member import MAX_ROWS, MEMBER_BYTES, MOST_ROW_BYTES, make_member
from evalperf.results.rows import encode_rows, without_case

__all__ = ["Active", "PartLimits", "PartWriter", "part_name", "part_number"]

_SEALED = "part-"
_ENDING = ".jsonl.gz"

Row = tuple[int, Result]
"""Key and result."""


class PartLimits(Struct, frozen=True, kw_only=True):
    """When a part is sealed, and how members are made."""

    seal_bytes: int
    seal_s: float
    member_rows: int
    level: int
    durable: bool
    """Whether rows are brought to the disk at once, or only when their part is sealed."""


class Active(Struct, frozen=True, kw_only=True):
    """The growing part that recovery has left, if any, and the highest number of all parts."""

    number: int = 0
    growing: bool = False
    rows: int = 0


def part_name(number: int, *, sealed: bool) -> str:
    """File name of the n-th part."""
    return f"{'' if sealed else '_'}{_SEALED}{number:05d}{_ENDING}"


def part_number(name: str) -> int | None:
    """The inverse; None for other files."""
    stem = name.removeprefix("_").removeprefix(_SEALED).removesuffix(_ENDING)
    return int(stem) if stem.isdecimal() and name.removeprefix("_") == part_name(int(stem), sealed=True) else None


class PartWriter:
    """Writes the parts of one folder; used by one thread at a time."""

    def __init__(
        self, disk: Disk, folder: Path, manifest: Manifest, reserve: Reserve, *, limits: PartLimits, active: Active
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._manifest = manifest
        self._reserve = reserve
        self._limits = limits
        self._number = active.number
        self._rows = active.rows
        self._file = self._open() if active.growing else None
        self._since_s: float | None = None

    def write(self, rows: list[Row], now_s: float) -> int:
        """The rows are on disk when this returns, all of them; how many bytes they took.

        Raises OutputError; then no row may be counted as written, and nothing more may be written.
        """
        rows.sort(key=_key)
        members = b"".join(self._members(rows))
        try:
            file = self._file = self._file or self._create()
            file.append(members)
            self._sync(file)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        self._rows += len(rows)
        if self._since_s is None:
            self._since_s = now_s  # of a part that an earlier process began, too: the clock is this process's
        if self._file.size >= self._limits.seal_bytes or now_s - self._since_s >= self._limits.seal_s:
            self.seal()
        return len(members)

    def seal(self) -> None:
        """The growing part, if any, is final and named in the manifest; raises OutputError."""
        if self._file is None:
            return
        try:
            if not self._limits.durable:  # otherwise `write` has done it, or recovery
                self._file.datasync()
            self._seal_file(self._file)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        self._file = None

    def close(self) -> None:
        """The descriptor is free; a growing part stays one."""
        if self._file is not None:
            self._file.close()

    def _members(self, rows: list[Row]) -> Iterator[bytes]:
        count = min(self._limits.member_rows, MAX_ROWS)
        for start in range(0, len(rows), count):
            yield from self._split(rows[start : start + count])

    def _split(self, rows: list[Row]) -> Iterator[bytes]:
        data = encode_rows([result for _, result in rows])
        if len(data) > MEMBER_BYTES and len(rows) > 1:
            half = len(rows) // 2
            yield from self._split(rows[:half])
            yield from self._split(rows[half:])
            return
        if len(data) > MOST_ROW_BYTES:  # nobody would read it again
            data = encode_rows([without_case(rows[0][1])])
            if len(data) > MOST_ROW_BYTES:
                reason = f"a result has {len(data):,} bytes, of at most {MOST_ROW_BYTES:,}"
                raise OutputError(self._folder, reason, hint="lower max_reply_bytes")
        yield make_member(data, [key for key, _ in rows], self._limits.level)

    def _sync(self, file: AppendFile) -> None:
        try:
            file.sync()
        except OSError:
            self._file = recover_sync(file, lambda: self._replace(file))

    def _replace(self, file: AppendFile) -> AppendFile:
        """Seals what is certain of the part that can't be synced, and opens the next."""
        self._seal_file(file)
        return self._create()

    def _seal_file(self, file: AppendFile) -> None:
        """After a sync: rename, folder, manifest, in this order."""
        sealed = self._folder / part_name(self._number, sealed=True)
        file.close()
        if not file.size:
            self._disk.remove(file.path)
            return
        self._disk.rename(file.path, sealed)
        self._disk.sync_folder(self._folder)
        size, digest = file_sha256(self._disk, sealed)
        name = f"{self._folder.name}/{sealed.name}"
        self._manifest.add(Entry(part=name, rows=self._rows, size_bytes=size, sha256=digest))
        self._rows = 0
        self._since_s = None

    def _create(self) -> AppendFile:
        self._disk.make_folder(self._folder)
        self._number += 1
        file = self._file = self._open()  # known to `close` from here on
        self._disk.sync_folder(self._folder)
        return file

    def _open(self) -> AppendFile:
        return AppendFile(
            self._disk,
            self._folder / part_name(self._number, sealed=False),
            self._reserve,
            durable=self._limits.durable,
        )


def _key(row: Row) -> int:
    return row[0]
