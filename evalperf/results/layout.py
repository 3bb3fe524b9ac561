"""Where a run keeps its files, and how runs are named and found."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from msgspec import Struct

from evalperf.errors import ConfigError, DamageError, OutputError

__all__ = ["MOST_SUCCESS_BYTES", "RunDirectory", "check_folders", "create_run", "find_run", "list_runs", "new_run_id"]

MAX_NAME = 48
RUN_JSON = "run.json"
MOST_SUCCESS_BYTES = 1 << 16
"""Of `_SUCCESS`: five counts."""


class RunDirectory(Struct, frozen=True):
    """One run's folder, mode 0700; no name of a file in it comes from the data."""

    path: Path

    @property
    def id(self) -> str:
        """The run's id, which is the folder's name."""
        return self.path.name

    @property
    def run_json(self) -> Path:
        """What the run is (`RunInfo`)."""
        return self.path / RUN_JSON

    @property
    def lock(self) -> Path:
        """Held by the process that works on the run."""
        return self.path / "lock"

    @property
    def input_index(self) -> Path:
        """Byte offset of every 1,024th line of the input."""
        return self.path / "input.idx"

    @property
    def journal(self) -> Path:
        """Folder of the facts about the calls of open cases."""
        return self.path / "journal"

    @property
    def results(self) -> Path:
        """Folder of the parts with results of status ok."""
        return self.path / "results"

    @property
    def success(self) -> Path:
        """Written last; absent = unfinished."""
        return self.results / "_SUCCESS"

    @property
    def failures(self) -> Path:
        """Folder of the parts with cases that were given up."""
        return self.path / "failures"

    @property
    def manifest(self) -> Path:
        """One checksummed line per sealed part."""
        return self.path / "manifest.jsonl"

    @property
    def quarantine(self) -> Path:
        """Folder of the bytes that recovery has cut."""
        return self.path / "quarantine"

    @property
    def reserve(self) -> Path:
        """Space kept for the answers in flight when the disk is full."""
        return self.path / ".reserve"

    @property
    def metrics(self) -> Path:
        """Samples of the machine and the queues."""
        return self.path / "metrics.jsonl.gz"

    @property
    def events(self) -> Path:
        """Events of the run."""
        return self.path / "events.jsonl.gz"

    @property
    def log(self) -> Path:
        """Log of the run."""
        return self.path / "log.jsonl"

    @property
    def rejected(self) -> Path:
        """Lines of the input that were skipped, with the reason."""
        return self.path / "rejected.jsonl"

    @property
    def embeddings(self) -> Path:
        """The calls for embeddings that were paid for."""
        return self.path / "embeddings.jsonl"

    @property
    def summary(self) -> Path:
        """The run folded."""
        return self.path / "summary.json"


def new_run_id(name: str, stamp: str) -> str:
    """An id that sorts by time, as 20261120-143005-quickstart-3f9a; `stamp` is RFC 3339 in UTC."""
    day, _, time_of_day = stamp.partition("T")
    moment = f"{day.replace('-', '')}-{time_of_day[:8].replace(':', '')}"
    safe = re.sub(r"[^A-Za-z0-9_]+", "-", name)[:MAX_NAME].strip("-") or "run"
    return f"{moment}-{safe}-{secrets.token_hex(2)}"


def create_run(output_dir: Path, run_id: str) -> RunDirectory:
    """Makes the run's folder, lasting on disk; raises OutputError where that can't be done or it exists already."""
    directory = RunDirectory(output_dir.absolute() / run_id)
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        directory.path.mkdir(mode=0o700)
        for folder in (directory.results, directory.failures):
            folder.mkdir(mode=0o700)
        for folder in (directory.path, output_dir):
            _sync(folder)
    except FileExistsError as error:
        if directory.path.is_dir():
            raise OutputError(directory.path, "a run of this id exists already") from error
        raise OutputError(output_dir, "it is a file, not a folder", hint='choose another "output.dir"') from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(output_dir, reason, hint="choose another folder with --output, or free space") from error
    return directory


def check_folders(directory: RunDirectory) -> None:
    """Raises DamageError where a link or a file is in the place of one of the run's folders: they are written to."""
    for folder in (directory.results, directory.failures, directory.journal, directory.quarantine):
        if os.path.lexists(folder) and not stat.S_ISDIR(folder.lstat().st_mode):
            raise DamageError(f"{folder} is a link or a file, and not a folder", hint="put the run's own folder there")


def list_runs(output_dir: Path) -> list[RunDirectory]:
    """The runs in the folder, oldest first; ids that begin in the same second go by the age of their run.json."""
    try:
        folders = [entry for entry in output_dir.iterdir() if (entry / RUN_JSON).is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [RunDirectory(folder) for folder in sorted(folders, key=_age)]


def find_run(reference: str | None, output_dir: Path) -> RunDirectory:
    """The run that a path, an id, a unique prefix of one, "latest" or nothing names; raises ConfigError otherwise.

    A path to a folder of runs names the latest of them.
    """
    if reference is None or reference == "latest":
        return _latest(output_dir)
    for path in (Path(reference), output_dir / reference):
        if (path / RUN_JSON).is_file():
            return RunDirectory(path.absolute())
    runs = list_runs(output_dir)
    named = [run for run in runs if run.id.startswith(reference)]
    if len(named) == 1:
        return named[0]
    if named:
        raise ConfigError(f'"{reference}" is the beginning of {len(named)} runs', hint=_choices(named))
    if Path(reference).is_dir():
        return _latest(Path(reference))
    raise ConfigError(f'no run "{reference}" in {output_dir}', hint=_choices(runs) if runs else "there are none there")


def _latest(output_dir: Path) -> RunDirectory:
    runs = list_runs(output_dir)
    if not runs:
        raise ConfigError(f"no runs in {output_dir}", hint="start one with: evalperf run CONFIG")
    return runs[-1]


def _choices(runs: list[RunDirectory]) -> str:
    shown = [run.id for run in runs[-5:]]
    return "one of: " + ", ".join(shown) + (f" and {len(runs) - 5} older ones" if len(runs) > 5 else "")


def _age(folder: Path) -> tuple[str, int, str]:
    return folder.name[:15], (folder / RUN_JSON).stat().st_mtime_ns, folder.name


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
