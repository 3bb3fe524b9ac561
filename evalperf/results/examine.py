"""A run's files held against the invariants of docs/durability.md, without changing any of them.

Files can show I2, I3, I6, I7, I8 and the absence of damage; I1, I4, I5, I9 and I10 are about what a process did, and
tests have to show them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalperf.errors import DamageError
from evalperf.results.disk import LocalDisk
from evalperf.results.done import Bitmap
from evalperf.results.examination import Examination, Finding, Findings
from evalperf.results.examine_parts import Folder, examine_parts
from evalperf.results.facts import Facts, journal_number, read_facts, read_frames
from evalperf.results.layout import RunDirectory
from evalperf.results.lock import holder_of
from evalperf.results.manifest import manifest_sha256, read_manifest
from evalperf.results.reader import read_success
from evalperf.results.run_info import RunInfo, read_run_info

__all__ = ["examine"]


def examine(directory: RunDirectory) -> Examination:
    """Reads every file of the run.

    Raises ConfigError where there is no run, DamageError where run.json is damaged or the disk does not give what is in
    a file other than a part.
    """
    info = read_run_info(directory)
    try:
        return _Examiner(directory, info).examine()
    except OSError as error:
        raise DamageError(f"can't read the files of {directory.path}: {error.strerror}") from error


class _Examiner:
    def __init__(self, directory: RunDirectory, info: RunInfo) -> None:
        self._disk = LocalDisk()
        self._directory = directory
        self._info = info
        self._holder = holder_of(directory.lock)
        self._findings = Findings()

    def examine(self) -> Examination:
        info, directory = self._info, self._directory
        expected = None if info.lines is None else info.lines * info.epochs
        self._manifest()
        results = self._parts(directory.results, expected)
        failures = self._parts(directory.failures, expected)
        facts = self._journal(results.union(failures))
        self._success(results, failures)
        self._leftovers()
        self._modes()
        complete = directory.success.exists()
        return Examination(
            run_id=info.run_id,
            name=info.name,
            state="running" if self._holder is not None else "complete" if complete else "unfinished",
            holder=self._holder,
            expected=expected,
            results=len(results),
            failures=failures.count_beyond(results),
            replayable=facts.replayable,
            in_doubt=facts.in_doubt,
            findings=self._findings.all(),
        )

    def _tell(self, level: Any, path: str, message: str, **more: Any) -> None:
        self._findings.tell(Finding(level=level, path=path, message=message, **more))

    def _manifest(self) -> None:
        _, damaged = read_manifest(self._disk, self._directory.manifest)
        if damaged:
            resume = "checks the parts that they named, and adds them anew"
            self._tell("broken", "manifest.jsonl", f"{damaged:,} lines are damaged", invariant="I6", resume=resume)

    def _parts(self, path: Path, expected: int | None) -> Bitmap:
        folder = Folder(
            path=path,
            epochs=self._info.epochs,
            expected=expected,
            entries=read_manifest(self._disk, self._directory.manifest)[0],
            running=self._holder is not None,
        )
        return examine_parts(self._disk, folder, self._findings.tell)

    def _journal(self, done: Bitmap) -> Facts:
        folder = self._directory.journal
        for name in self._disk.names(folder):
            if journal_number(name) is not None:
                self._frames(folder / name)
        facts, _ = read_facts(self._disk, folder, done.__contains__)
        if facts.replayable:
            message = f"{facts.replayable:,} answers of open cases are paid for"
            self._tell("note", "journal", message, resume="uses them instead of asking again")
        if facts.in_doubt:
            message = f"{facts.in_doubt:,} calls of open cases may have been answered, and nobody knows"
            self._tell("note", "journal", message, resume="does with them as its --in-doubt says: retry, skip or ask")
        return facts

    def _frames(self, path: Path) -> None:
        """Bytes at the end that are no frame are a write cut off; elsewhere they are damage."""
        end = 0
        for start, after, _ in read_frames(self._disk, path):
            if start > end:
                resume = "takes what is readable; a call whose answer is lost counts as in doubt"
                message = f"{start - end:,} bytes from byte {end:,} are damaged"
                self._tell("broken", f"journal/{path.name}", message, invariant="I3", resume=resume)
            end = after
        size = path.stat().st_size
        if end < size and self._holder is None:
            message = f"its last {size - end:,} bytes are of a write that was cut off"
            self._tell("unfinished", f"journal/{path.name}", message, resume="leaves them out")

    def _success(self, results: Bitmap, failures: Bitmap) -> None:
        path = "results/_SUCCESS"
        try:
            success = read_success(self._directory)
        except DamageError as error:
            self._tell("broken", path, str(error), resume="writes it anew")
            return
        if success is None or self._holder is not None:
            return
        for what, found in (("results", len(results)), ("failures", failures.count_beyond(results))):
            if success.get(what) != found:
                said = str(success.get(what))[:20]
                self._tell("broken", path, f"says {said} {what}, and {found:,} are there", invariant="I7")
        if success.get("manifest_sha256") != manifest_sha256(self._disk, self._directory.manifest):
            self._tell("broken", path, "the manifest is not the one that the run ended with", invariant="I6")
        growing = [name for name in self._disk.names(self._directory.results) if name.startswith("_part-")]
        if growing:
            self._tell("broken", path, f"the run has ended, and {growing[0]} still grows", invariant="I6")

    def _leftovers(self) -> None:
        directory = self._directory
        for folder in (directory.path, directory.results, directory.failures, directory.journal):
            for name in self._disk.names(folder):
                if name.endswith(".tmp") and self._holder is None:
                    path = (folder / name).relative_to(directory.path)
                    self._tell("unfinished", str(path), "was not finished", resume="removes it")
        for name in self._disk.names(directory.quarantine):
            size = (directory.quarantine / name).lstat().st_size
            self._tell("note", f"quarantine/{name}", f"{size:,} bytes that an earlier recovery has cut out")
        if directory.reserve.exists() and self._holder is None:
            self._tell("note", ".reserve", "space that a killed process held back", resume="uses it again")

    def _modes(self) -> None:
        for path in self._everything():
            if stat.S_IMODE(path.lstat().st_mode) & 0o077:
                name = os.path.relpath(path, self._directory.path)
                self._tell("note", name, f"is open to others (mode {stat.S_IMODE(path.lstat().st_mode):04o})")

    def _everything(self) -> Iterator[Path]:
        """All that a run has; what somebody else has put into folders of his own is not gone through."""
        directory = self._directory
        yield directory.path
        for folder in (directory.path, directory.results, directory.failures, directory.journal, directory.quarantine):
            yield from (folder / name for name in self._disk.names(folder))
