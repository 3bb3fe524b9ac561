"""What an examination of a run's files finds, and what became of it: read-only, nothing here repairs."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Examination", "Finding", "Level"]

Level = Literal["lost", "broken", "unfinished", "note"]
"""lost: rows can't be read · broken: an invariant does not hold, and every row can be read · unfinished: what a kill
leaves behind, nothing in it was counted as done · note: worth knowing."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing about one file."""

    level: Level
    invariant: str | None = None
    """I1 to I10 of docs/durability.md."""
    path: str
    """In the run's folder."""
    message: str
    results: int | None = 0
    """Rows that can't be read; None where their number is not known."""
    resume: str | None = None
    """What `--resume` does about it."""


class Examination(Struct, frozen=True, kw_only=True):
    """A run as its files show it."""

    run_id: str
    name: str
    state: Literal["complete", "unfinished", "running"]
    holder: str | None
    """The process that works on it."""
    expected: int | None
    """Lines times epochs, blank lines among them; None where that was not known."""
    results: int
    """Cases with a result."""
    failures: int
    """Cases that were given up and have no result."""
    replayable: int
    """Answers of open cases that were bought already."""
    in_doubt: int
    """Calls of open cases that were on their way when a process died."""
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is lost, and all invariants hold that files can show."""
        return not any(finding.level in {"lost", "broken"} for finding in self.findings)

    @property
    def lost(self) -> int | None:
        """Rows that can't be read; None where their number is not known."""
        counts = [finding.results for finding in self.findings if finding.level == "lost"]
        return None if None in counts else sum(count for count in counts if count is not None)
