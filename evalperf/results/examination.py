"""What an examination of a run's files finds, and what became of it: read-only, nothing here repairs."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from msgspec import Struct

__all__ = ["Examination", "Finding", "Findings", "Level"]

MOST_TOLD = 100
"""Of the findings of one level in one folder, one by one; what is beyond is told as one."""

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


class Findings:
    """Collects findings, and counts those that nobody would read any more."""

    def __init__(self) -> None:
        self._listed: list[Finding] = []
        self._counts: Counter[tuple[Level, str]] = Counter()
        self._results: dict[tuple[Level, str], int | None] = {}

    def tell(self, finding: Finding) -> None:
        """Takes a finding."""
        kind = (finding.level, finding.path.partition("/")[0])
        self._counts[kind] += 1
        if self._counts[kind] <= MOST_TOLD:
            self._listed.append(finding)
            return
        known = self._results.get(kind, 0)
        self._results[kind] = None if known is None or finding.results is None else known + finding.results

    def all(self) -> tuple[Finding, ...]:
        """In the order in which they came."""
        more = [
            Finding(level=level, path=path, message=f"{count - MOST_TOLD:,} more like these", results=results)
            for (level, path), count in self._counts.items()
            if (results := self._results.get((level, path), 0)) != 0 or count > MOST_TOLD
        ]
        return (*self._listed, *more)


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
