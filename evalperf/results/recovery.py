"""What an earlier process has left, made whole: may itself be killed at any point and then begins again."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from evalperf.errors import DamageError
from evalperf.results.disk import Disk, read_file, sync_file
from evalperf.results.done import Bitmap
from evalperf.results.facts import MOST_CALLS, Facts, carry_over, read_facts
from evalperf.results.layout import MOST_SUCCESS_BYTES, RunDirectory
from evalperf.results.manifest import Entry, Manifest, file_sha256
from evalperf.results.options import StoreOptions
from evalperf.results.parts import Active, part_name, part_number
from evalperf.results.repair import repair
from evalperf.results.walk import Found, Gap, walk

__all__ = ["Recovered", "Recovery", "recover"]

MOST_TOLD = 100
"""Of the damaged stretches of one part, one by one."""


class Recovered(Struct, frozen=True, kw_only=True):
    """What a session starts from."""

    done: int = 0
    """Cases that need no work in this session: those with a result, and those given up unless they are tried again."""
    failed: int = 0
    """Cases that earlier sessions gave up; they have no result."""
    replayable: int = 0
    """Answers of open cases that were bought already."""
    in_doubt: int = 0
    """Calls of open cases that were on their way when a process died: they may be billed a second time."""
    ever_in_doubt: int = 0
    """The same over all sessions, those of cases that are done by now included."""
    damage: tuple[str, ...] = ()
    """What was not readable, one sentence each; its cases run again."""


class Recovery(Struct, kw_only=True):
    """What the store goes on with."""

    report: Recovered
    ok: Bitmap
    failed: Bitmap
    """Cases with a row in failures/, whether or not they have a result by now."""
    complete: bool
    """Whether the run has ended, and every row that it ended with is there."""
    manifest: Manifest
    results: Active
    failures: Active
    facts: Facts
    journal_number: int


def recover(disk: Disk, directory: RunDirectory, expected: int, options: StoreOptions) -> Recovery:
    """Reads and repairs everything; raises DamageError where a part is missing, OSError where the disk fails.

    `expected` is the number of cases times epochs, 0 where that is not known.
    """
    damage: list[str] = []
    _settle(disk, directory, journal=options.journal)
    manifest = Manifest(disk, directory.manifest)
    if manifest.damaged_lines:
        damage.append(f"manifest.jsonl: {manifest.damaged_lines} damaged lines; the parts they named were checked anew")
    ok, failed = Bitmap(expected), Bitmap()
    results = _Folder(disk, directory, directory.results, manifest, damage).read(ok)
    failures = _Folder(disk, directory, directory.failures, manifest, damage).read(failed)
    done = ok if options.retry_failed else ok.union(failed)
    success = _success(disk, directory.success)
    facts, number = Facts(success.get("in_doubt", 0)), 1
    if options.journal:
        facts, numbers = read_facts(disk, directory.journal, done.__contains__, ever_in_doubt=facts.ever_in_doubt)
        number = carry_over(disk, directory.journal, facts, numbers)
        damage += facts.damage
    report = Recovered(
        done=len(done),
        failed=failed.count_beyond(ok),
        replayable=facts.replayable,
        in_doubt=facts.in_doubt,
        ever_in_doubt=facts.ever_in_doubt,
        damage=tuple(damage),
    )
    return Recovery(
        report=report,
        ok=ok,
        failed=failed,
        complete=_is_complete(disk, directory, success, (len(ok), failed.count_beyond(ok))),
        manifest=manifest,
        results=results,
        failures=failures,
        facts=facts,
        journal_number=number,
    )


def _success(disk: Disk, path: Path) -> dict[str, int]:
    """The counts that a run has ended with; none where it has not, or where they can't be read."""
    try:
        raw = read_file(disk, path, MOST_SUCCESS_BYTES)
        found = msgspec.json.decode(raw, type=dict[str, int | str])
    except (FileNotFoundError, DamageError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: count for name, count in found.items() if isinstance(count, int) and 0 <= count <= MOST_CALLS}


def _is_complete(disk: Disk, directory: RunDirectory, success: dict[str, int], there: tuple[int, int]) -> bool:
    """Whether all rows are there that the run has ended with; a `_SUCCESS` that says more is removed."""
    complete = (success.get("results"), success.get("failures")) == there
    if not complete and disk.exists(directory.success):
        disk.remove(directory.success)
        disk.sync_folder(directory.results)
    return complete


def _settle(disk: Disk, directory: RunDirectory, *, journal: bool) -> None:
    """No unfinished file is left, and the names are on the disk: the killed process may not have come to that."""
    if journal:
        disk.make_folder(directory.journal)
    for folder in (directory.path, directory.results, directory.failures, directory.journal):
        names = disk.names(folder)
        for name in names:
            if name.endswith(".tmp"):
                disk.remove(folder / name)
        if names:
            disk.sync_folder(folder)


class _Folder:
    """The parts of results/ or failures/."""

    def __init__(
        self, disk: Disk, directory: RunDirectory, folder: Path, manifest: Manifest, damage: list[str]
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._quarantine = directory.quarantine
        self._manifest = manifest
        self._damage = damage

    def read(self, keys: Bitmap) -> Active:
        """Adds the keys of all rows; the part to go on with."""
        numbers: dict[int, list[bool]] = {}
        for name in self._disk.names(self._folder):
            number = part_number(name)
            if number is not None:
                numbers.setdefault(number, []).append(not name.startswith("_"))
        self._refuse_missing(numbers)
        active = Active(number=max(numbers, default=0))
        for number, sealed in sorted(numbers.items()):
            for is_sealed in sealed:
                rows = self._read_part(part_name(number, sealed=is_sealed), keys, sealed=is_sealed)
                if not is_sealed and number == active.number and len(sealed) == 1:
                    active = Active(number=number, growing=True, rows=rows)
        return active

    def _refuse_missing(self, numbers: dict[int, list[bool]]) -> None:
        there = {part_name(number, sealed=True) for number, sealed in numbers.items() if True in sealed}
        for part, entry in self._manifest.entries.items():
            folder, _, name = part.partition("/")
            if folder == self._folder.name and name not in there:
                raise DamageError(
                    f"{part} with {entry.rows:,} results is missing from {self._folder.parent}",
                    hint="put it back; going on without it would pay for these cases again",
                )

    def _read_part(self, name: str, keys: Bitmap, *, sealed: bool) -> int:
        """How many rows it has, after repair.

        The digest of a sealed part is a quick way to know that all its rows are as they were: decompressing them takes
        five times as long, and is only done where the digest differs.
        """
        path = self._folder / name
        if not sealed:  # its rows count as done from here on, so no power cut may take what a kill has left
            sync_file(self._disk, path)
        entry = self._manifest.entries.get(f"{self._folder.name}/{name}")
        certain = sealed and entry is not None and (entry.size_bytes, entry.sha256) == file_sha256(self._disk, path)
        rows, size, gaps = self._walk(path, keys, bodies=not certain)
        if gaps:
            repair(self._disk, path, size, gaps, self._quarantine)
            self._tell(name, gaps)
        elif entry is not None and rows < entry.rows:
            self._damage.append(f"{self._folder.name}/{name}: {entry.rows - rows:,} results at its end are gone")
        elif entry is not None and not certain:
            self._damage.append(f"{self._folder.name}/{name}: was changed since it was sealed; all its rows are whole")
        if sealed and not certain:
            self._add_to_manifest(path, rows)
        return rows

    def _walk(self, path: Path, keys: Bitmap, *, bodies: bool) -> tuple[int, int, list[Gap]]:
        """Adds the keys; the rows, the size and what is no member."""
        rows, gaps = 0, []
        fd = self._disk.open_read(path)
        try:
            size = self._disk.size(fd)
            for piece in walk(lambda count, offset: self._disk.read(fd, count, offset), size, bodies=bodies):
                if isinstance(piece, Found):
                    keys.update(piece.header.keys())
                    rows += piece.header.rows
                else:
                    gaps.append(piece)
        finally:
            self._disk.close(fd)
        return rows, size, gaps

    def _tell(self, name: str, gaps: list[Gap]) -> None:
        damaged = [gap for gap in gaps if gap.kind == "damaged"]
        for gap in damaged[:MOST_TOLD]:
            rows = "" if gap.header is None else f" with {gap.header.rows} results"
            stretch = f"{gap.end - gap.offset:,} bytes{rows} from byte {gap.offset:,}"
            self._damage.append(f"{self._folder.name}/{name}: {stretch} were damaged and are now in quarantine/")
        if len(damaged) > MOST_TOLD:
            more = len(damaged) - MOST_TOLD
            self._damage.append(f"{self._folder.name}/{name}: and {more:,} more stretches like these")

    def _add_to_manifest(self, path: Path, rows: int) -> None:
        size, digest = file_sha256(self._disk, path)
        self._manifest.add(Entry(part=f"{self._folder.name}/{path.name}", rows=rows, size_bytes=size, sha256=digest))
