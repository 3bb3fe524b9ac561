"""The parts of results/ or failures/ held against their manifest and themselves, row by row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from evalperf.errors import DamageError
from evalperf.results.disk import Disk
from evalperf.results.done import Bitmap, key_of
from evalperf.results.examination import Finding
from evalperf.results.manifest import Entry, file_sha256
from evalperf.results.parts import part_name, part_number
from evalperf.results.rows import decode_rows
from evalperf.results.walk import Found, Gap, read_member, walk

__all__ = ["Folder", "examine_parts"]

CUT_OUT = "takes the damaged bytes out, keeps them in quarantine/, and runs these cases again"


class Folder(Struct, frozen=True, kw_only=True):
    """What is examined, and by which rules."""

    path: Path
    epochs: int
    expected: int | None
    """Lines times epochs, where known."""
    entries: dict[str, Entry]
    running: bool
    """Whether a process works on the run: then the ends of its files are on the move."""

    @property
    def is_results(self) -> bool:
        """Whether the rows are results, and not failures."""
        return self.path.name == "results"


def examine_parts(disk: Disk, folder: Folder, tell: Callable[[Finding], None]) -> Bitmap:
    """Reads every row, in memory for one member and about 5 s a million; the keys of all that can be read."""
    return _Parts(disk, folder, tell).examine()


class _Parts:
    def __init__(self, disk: Disk, folder: Folder, tell: Callable[[Finding], None]) -> None:
        self._disk = disk
        self._folder = folder
        self._tell = tell
        self._keys = Bitmap(folder.expected or 0)
        self._twice = self._beyond = 0

    def examine(self) -> Bitmap:
        folder = self._folder
        names = [name for name in self._disk.names(folder.path) if part_number(name) is not None]
        self._missing(set(names))
        growing = [name for name in names if name.startswith("_")]
        if len(growing) > 1:
            listed = ", ".join(growing)
            self._note_broken("I6", growing[0], f"{len(growing)} parts grow at once: {listed}", None)
        for name in sorted(names, key=lambda name: (part_number(name), not name.startswith("_"))):
            self._examine_part(name)
        self._tell_of_keys()
        return self._keys

    def _missing(self, names: set[str]) -> None:
        for part, entry in self._folder.entries.items():
            place, _, name = part.partition("/")
            if place == self._folder.path.name and name not in names:
                self._tell(
                    Finding(
                        level="lost",
                        invariant="I6",
                        path=part,
                        message="the manifest names it, and it is not there",
                        results=entry.rows,
                        resume="refuses to go on: put the part back, or its cases would be paid for again",
                    )
                )

    def _examine_part(self, name: str) -> None:
        path = self._folder.path / name
        sealed = not name.startswith("_")
        try:
            fd = self._open(path)
        except DamageError as error:
            entry = self._folder.entries.get(self._path(name))
            self._tell_of_foreign(name, error, None if entry is None else entry.rows)
            return
        try:
            size = self._disk.size(fd)
            rows, whole = self._read(fd, size, name)
        finally:
            self._disk.close(fd)
        if sealed:
            self._compare(path, size, rows, whole=whole)

    def _open(self, path: Path) -> int:
        try:
            return self._disk.open_read(path)
        except FileNotFoundError:  # sealed by the process that works on the run
            return self._disk.open_read(path.with_name(part_name(part_number(path.name) or 0, sealed=True)))

    def _read(self, fd: int, size: int, name: str) -> tuple[int, bool]:
        """How many rows its headers name, and whether nothing of it is damaged."""
        rows, whole = 0, True

        def read_at(count: int, offset: int) -> bytes:
            return self._disk.read(fd, count, offset)

        try:
            for piece in walk(read_at, size, bodies=False):
                if isinstance(piece, Found):
                    whole &= self._examine_member(read_at, piece, name)
                    rows += piece.header.rows
                elif piece.kind == "damaged" or not name.startswith("_"):
                    whole = False
                    self._gap(name, piece)
                elif not self._folder.running:
                    self._torn(name, piece)
        except OSError as error:
            entry = self._folder.entries.get(self._path(name))
            self._unreadable(name, error, None if entry is None else entry.rows - rows)
            whole = False
        return rows, whole

    def _examine_member(self, read_at: Callable[[int, int], bytes], found: Found, name: str) -> bool:
        """Whether its rows are what its header says; its keys count as there."""
        keys = found.header.keys()
        try:
            rows = decode_rows(read_member(read_at, found))
        except DamageError as error:
            self._lost(name, f"the member at byte {found.offset:,}: {error}", found.header.rows)
            return False
        epochs = self._folder.epochs
        if [key_of(row.seq, row.epoch, epochs) for row in rows] != keys:
            self._note_broken("I7", name, f"the member at byte {found.offset:,} holds other rows than it names", None)
        status = "ok" if self._folder.is_results else "failed"
        strangers = sum(row.status != status for row in rows)
        if strangers:
            self._note_broken("I2", name, f"{strangers:,} rows in it are not of status {status}", None)
        self._twice += self._keys.update(keys)
        if self._folder.expected is not None:
            self._beyond += sum(key >= self._folder.expected for key in keys)
        return True

    def _compare(self, path: Path, size: int, rows: int, *, whole: bool) -> None:
        """A sealed part with its line in the manifest; that bytes are damaged was told already."""
        name = path.name
        entry = self._folder.entries.get(f"{self._folder.path.name}/{name}")
        if entry is None:
            if not self._folder.running:
                message = "is sealed, and the manifest does not name it yet"
                self._tell(
                    Finding(level="unfinished", path=self._path(name), message=message, resume="checks and adds it")
                )
            return
        if rows < entry.rows and whole:
            self._lost(name, f"its last {entry.rows - rows:,} rows are cut off", entry.rows - rows)
        elif whole and (size != entry.size_bytes or file_sha256(self._disk, path)[1] != entry.sha256):
            message = "is not as it was when it was sealed; all its rows can be read"
            self._note_broken("I6", name, message, "checks it and renews its line in the manifest")

    def _tell_of_keys(self) -> None:
        where = self._folder.path.name
        if self._twice and self._folder.is_results:  # of several failures the last one counts
            message = f"{self._twice:,} rows are of cases that have one already; the first one counts"
            self._tell(Finding(level="broken", invariant="I2", path=where, message=message))
        if self._beyond:
            message = f"{self._beyond:,} rows are of lines that the input does not have"
            self._tell(Finding(level="broken", invariant="I7", path=where, message=message))

    def _gap(self, name: str, gap: Gap) -> None:
        rows = None if gap.header is None else gap.header.rows
        self._lost(name, f"{gap.end - gap.offset:,} bytes from byte {gap.offset:,} are no rows", rows)

    def _torn(self, name: str, gap: Gap) -> None:
        message = f"its last {gap.end - gap.offset:,} bytes are of a write that was cut off; nothing in it had counted"
        resume = "cuts them off and keeps them in quarantine/"
        self._tell(Finding(level="unfinished", path=self._path(name), message=message, resume=resume))

    def _lost(self, name: str, message: str, results: int | None) -> None:
        self._tell(
            Finding(
                level="lost", invariant="I1", path=self._path(name), message=message, results=results, resume=CUT_OUT
            )
        )

    def _tell_of_foreign(self, name: str, error: DamageError, results: int | None) -> None:
        resume = "refuses to go on: put the part itself there"
        path, message = self._path(name), error.message
        self._tell(Finding(level="lost", invariant="I6", path=path, message=message, results=results, resume=resume))

    def _unreadable(self, name: str, error: OSError, results: int | None) -> None:
        resume = "refuses to go on while the disk does not give it: copy the run to a sound one"
        message = f"can't be read any further: {error.strerror}"
        self._tell(
            Finding(
                level="lost", invariant="I1", path=self._path(name), message=message, results=results, resume=resume
            )
        )

    def _note_broken(self, invariant: str, name: str, message: str, resume: str | None) -> None:
        self._tell(Finding(level="broken", invariant=invariant, path=self._path(name), message=message, resume=resume))

    def _path(self, name: str) -> str:
        return f"{self._folder.path.name}/{name}"
