"""Reads a run's rows back: each case's final one, in bounded memory, with everything unreadable named."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from evalperf.errors import DamageError
from evalperf.records import Result
from evalperf.results.disk import Disk, LocalDisk, read_file
from evalperf.results.done import Bitmap
from evalperf.results.layout import MOST_SUCCESS_BYTES, RunDirectory
from evalperf.results.manifest import read_manifest
from evalperf.results.parts import part_name, part_number
from evalperf.results.rows import decode_rows
from evalperf.results.run_info import read_run_info
from evalperf.results.walk import Found, header_at, read_member, walk

__all__ = ["Damage", "read_results", "read_success"]

MOST_TOLD = 100
"""Of the damages of one part, one by one; what is beyond is told as one."""


class Damage(Struct, frozen=True, kw_only=True):
    """A stretch of a file that can't be read, or a file that is missing."""

    path: str
    """In the run's folder."""
    offset: int | None
    size_bytes: int | None
    results: int | None
    """How many rows were lost; None where even that is not known."""
    reason: str

    def __str__(self) -> str:
        rows = "an unknown number of results" if self.results is None else f"{self.results:,} results"
        place = "" if self.offset is None else f" at byte {self.offset:,}"
        return f"{self.path}{place}: {self.reason} ({rows})"


def read_results(
    directory: RunDirectory, on_damage: Callable[[Damage], None] | None = None
) -> Generator[Result, None, None]:
    """One row for each case and epoch, in no particular order; also of a run that is going on.

    A result wins over failures, and of several failures the last. What can't be read is told to `on_damage`, and the
    rest is read; without `on_damage`, a DamageError follows after the last readable row. The torn end that a kill
    leaves in a growing part is no damage: nothing in it was ever counted as done. Costs about 3 µs a row of 1 KB.
    """
    damage: list[Damage] = []
    yield from _Reading(directory, on_damage or damage.append).rows()
    if damage:
        listed = "\n".join(map(str, damage[:10]))
        more = f"\nand {len(damage) - 10} more" if len(damage) > 10 else ""
        hint = "continue the run with --resume: what is lost runs again"
        raise DamageError(f"results of {directory.path} are damaged:\n{listed}{more}", hint=hint)


def read_success(directory: RunDirectory) -> dict[str, Any] | None:
    """The content of `_SUCCESS`, or None: the run is not finished. Raises DamageError if it can't be read."""
    try:
        raw = read_file(LocalDisk(), directory.success, MOST_SUCCESS_BYTES)
        return msgspec.json.decode(raw, type=dict[str, Any])
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError, UnicodeDecodeError, RecursionError) as error:
        raise DamageError(f"can't read {directory.success}: {error}") from error


class _Rows(Struct):
    """What the headers of a part say."""

    count: int = 0
    whole: bool = True
    """Whether nothing between them is damaged."""


class _Reading:
    """One pass over a run's parts."""

    def __init__(self, directory: RunDirectory, tell: Callable[[Damage], None]) -> None:
        self._disk: Disk = LocalDisk()
        self._directory = directory
        self._tell = tell
        read_run_info(directory)  # refuses what is no run, or one of a newer format
        try:
            self._manifest, _ = read_manifest(self._disk, directory.manifest)
        except OSError as error:
            raise DamageError(f"can't read {directory.manifest}: {error.strerror}") from error
        self._seen = Bitmap()
        self._told = 0  # damages of the part that is being read
        self._untold: list[int | None] = []

    def rows(self) -> Iterator[Result]:
        """Results first; then failures from the last to the first, so that the last one of a case is met first."""
        for part in self._parts(self._directory.results):
            yield from self._read_part(part, newest_first=False)
        for part in reversed(self._parts(self._directory.failures)):
            yield from self._read_part(part, newest_first=True)

    def _parts(self, folder: Path) -> list[Path]:
        found: dict[int, Path] = {}
        for name in self._disk.names(folder):  # the sealed one comes after the growing one of the same number, and wins
            number = part_number(name)
            if number is not None:
                found[number] = folder / name
        for part, entry in self._manifest.items():
            place, _, name = part.partition("/")
            number = part_number(name)
            if place == folder.name and number not in found:
                self._tell(_damage(folder / name, None, None, entry.rows, "missing"))
        return [found[number] for number in sorted(found)]

    def _read_part(self, part: Path, *, newest_first: bool) -> Iterator[Result]:
        entry = self._manifest.get(f"{part.parent.name}/{part.name}")
        try:
            fd = self._open(part)
        except (DamageError, OSError) as error:
            self._report(part, None, None, None if entry is None else entry.rows, _reason(error))
            return
        rows = _Rows()
        try:
            yield from self._read_pieces(part, fd, rows, newest_first=newest_first)
        except OSError as error:
            rows.whole = False
            self._report(part, None, None, None if entry is None else entry.rows - rows.count, _reason(error))
        finally:
            self._disk.close(fd)
        if rows.whole and entry is not None and rows.count < entry.rows:
            self._report(part, None, None, entry.rows - rows.count, "cut")
        self._report_untold(part)

    def _read_pieces(self, part: Path, fd: int, rows: _Rows, *, newest_first: bool) -> Iterator[Result]:
        def read_at(size: int, offset: int) -> bytes:
            return self._disk.read(fd, size, offset)

        postponed = array("Q")  # where members begin; they themselves would take a hundred times as much memory
        for piece in walk(read_at, self._disk.size(fd), bodies=False):
            if isinstance(piece, Found):
                rows.count += piece.header.rows
                if newest_first:
                    postponed.append(piece.offset)
                else:
                    yield from self._read_member(part, fd, piece)
            elif piece.kind == "damaged" or not part.name.startswith("_"):
                rows.whole = False
                lost = None if piece.header is None else piece.header.rows
                self._report(part, piece.offset, piece.end - piece.offset, lost, f"{piece.kind} bytes")
        for offset in reversed(postponed):
            header = header_at(read_at, offset)
            if header is not None:
                yield from self._read_member(part, fd, Found(offset, header))

    def _open(self, part: Path) -> int:
        try:
            return self._disk.open_read(part)
        except FileNotFoundError:  # the run goes on and has sealed it meanwhile
            number = part_number(part.name)
            assert number is not None  # noqa: S101 - `_parts` only lists parts
            return self._disk.open_read(part.with_name(part_name(number, sealed=True)))

    def _read_member(self, part: Path, fd: int, found: Found) -> Iterator[Result]:
        keys = found.header.keys()
        new = [self._seen.add(key) for key in keys]
        try:
            rows = decode_rows(read_member(lambda size, offset: self._disk.read(fd, size, offset), found))
        except (DamageError, OSError) as error:
            self._report(part, found.offset, found.header.size_bytes, sum(new), str(error))
            return
        if len(rows) != len(new):
            reason = f"{len(rows)} rows where its header says {len(new)}"
            self._report(part, found.offset, found.header.size_bytes, sum(new), reason)
        elif all(new):
            yield from rows
        else:
            yield from (row for row, is_new in zip(rows, new, strict=True) if is_new)

    def _report(self, part: Path, offset: int | None, size: int | None, results: int | None, reason: str) -> None:
        if self._told >= MOST_TOLD:
            self._untold.append(results)
            return
        self._told += 1
        self._tell(_damage(part, offset, size, results, reason))

    def _report_untold(self, part: Path) -> None:
        """What is beyond `MOST_TOLD`, as one; the next part begins anew."""
        untold, self._untold, self._told = self._untold, [], 0
        if untold:
            known = [results for results in untold if results is not None]
            lost = sum(known) if len(known) == len(untold) else None
            self._tell(_damage(part, None, None, lost, f"{len(untold):,} more damages like these"))


def _damage(part: Path, offset: int | None, size: int | None, results: int | None, reason: str) -> Damage:
    path = f"{part.parent.name}/{part.name}"
    return Damage(path=path, offset=offset, size_bytes=size, results=results, reason=reason)


def _reason(error: DamageError | OSError) -> str:
    return error.message if isinstance(error, DamageError) else error.strerror or str(error)
