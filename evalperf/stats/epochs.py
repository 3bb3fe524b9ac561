"""Cases that are asked several times, folded as their epochs come in.

A case is kept as a few small counts until its last epoch is there, not as its results: about 0.25 KB with three
scorers. Runs write the epochs of a case one after the other, so few cases are open at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from evalperf.records import Score
from evalperf.stats.exact import SCALE, Exact, scaled

__all__ = ["CaseScores", "ClosedCase", "OpenCases", "is_number"]

_LARGEST = 1.7976931348623157e308
"""Beyond it is infinity; a score that is no finite number is no score."""
_COUNTS = ("answers", "ones", "passed", "judged", "failed_scored")


def is_number(value: float | None) -> bool:
    """Whether a score's value counts: None, NaN and infinities do not."""
    return value is not None and -_LARGEST <= value <= _LARGEST


class CaseScores(NamedTuple):
    """One scorer's view of one case, over its epochs."""

    answers: int
    """Scored epochs."""
    total: Exact
    """The sum of their values, in units of 1 / SCALE."""
    passed: int
    judged: int
    """Scored epochs with a verdict."""
    failed_scored: int
    """Scored epochs that count as failed all the same, since another scorer broke."""

    def tries(self, failed: int) -> int:
        """Scored epochs, and of the `failed` ones those without a score."""
        return self.answers + failed - self.failed_scored


class ClosedCase(NamedTuple):
    """A case with all epochs that it has."""

    epochs: int
    failed: int
    cluster: str | None
    """Of epochs that name several (they went to different endpoints), the first by the alphabet."""
    scores: dict[str, CaseScores]


class _Column:
    """One scorer's counts, one place per slot."""

    __slots__ = ("others", *_COUNTS)

    def __init__(self, size: int) -> None:
        self.answers, self.ones, self.passed, self.judged, self.failed_scored = (
            array("H", bytes(2 * size)) for _ in _COUNTS
        )
        self.others: dict[int, Exact] = {}
        """By slot, the sum of values that are neither 0 nor 1."""

    def grow(self) -> None:
        for name in _COUNTS:
            getattr(self, name).append(0)

    def take(self, slot: int) -> CaseScores:
        """What the slot holds; it is empty afterwards."""
        total = self.others.pop(slot, 0) + self.ones[slot] * SCALE
        found = CaseScores(self.answers[slot], total, self.passed[slot], self.judged[slot], self.failed_scored[slot])
        for name in _COUNTS:
            getattr(self, name)[slot] = 0
        return found


class OpenCases:
    """Cases of which an epoch is still to come, by line."""

    __slots__ = ("_clusters", "_columns", "_epochs", "_failed", "_free", "_seen", "_slots")

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self._seen, self._failed = array("H"), array("H")
        self._clusters: list[str | None] = []
        self._columns: dict[str, _Column] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, seq: int, scores: Mapping[str, Score], *, failed: bool, cluster: str | None) -> ClosedCase | None:
        """Takes one epoch; the case, if that was its last."""
        slot = self._slot(seq)
        self._seen[slot] += 1
        self._failed[slot] += failed
        self._clusters[slot] = _first(self._clusters[slot], cluster)
        for name, score in scores.items():
            self._add_score(self._column(name), slot, score, failed=failed)
        return self._close(seq) if self._seen[slot] >= self._epochs else None

    def merge(self, other: OpenCases) -> Iterator[ClosedCase]:
        """Takes the open cases of the other, which must not be used again; yields those that are whole now."""
        for seq in list(other._slots):
            case, slot = other._close(seq), self._slot(seq)
            self._seen[slot] += case.epochs
            self._failed[slot] += case.failed
            self._clusters[slot] = _first(self._clusters[slot], case.cluster)
            for name, part in case.scores.items():
                column = self._column(name)
                column.answers[slot] += part.answers
                column.passed[slot] += part.passed
                column.judged[slot] += part.judged
                column.failed_scored[slot] += part.failed_scored
                column.others[slot] = column.others.get(slot, 0) + part.total
            if self._seen[slot] >= self._epochs:
                yield self._close(seq)

    def close_all(self) -> Iterator[ClosedCase]:
        """Every open case as far as it has come; none is open afterwards."""
        for seq in list(self._slots):
            yield self._close(seq)

    def as_far_as(self, other: OpenCases) -> bool:
        """Whether each of these cases is open in the other too, with as many epochs."""
        return all(
            seq in other._slots and self._seen[slot] == other._seen[other._slots[seq]]
            for seq, slot in self._slots.items()
        )

    def copy(self) -> OpenCases:
        """An equal one with a life of its own."""
        twin = OpenCases(self._epochs)
        twin._slots, twin._free = dict(self._slots), list(self._free)
        twin._seen, twin._failed, twin._clusters = self._seen[:], self._failed[:], list(self._clusters)
        for name, column in self._columns.items():
            mine = twin._columns[name] = _Column(0)
            for part in _COUNTS:
                setattr(mine, part, getattr(column, part)[:])
            mine.others = dict(column.others)
        return twin

    def _add_score(self, column: _Column, slot: int, score: Score, *, failed: bool) -> None:
        value = score.value
        if value is None or not is_number(value):
            return
        column.answers[slot] += 1
        column.failed_scored[slot] += failed
        if score.passed is not None:
            column.judged[slot] += 1
            column.passed[slot] += score.passed
        if value == 1.0:
            column.ones[slot] += 1
        elif value != 0.0:
            column.others[slot] = column.others.get(slot, 0) + scaled(value)

    def _slot(self, seq: int) -> int:
        slot = self._slots.get(seq)
        if slot is None:
            slot = self._slots[seq] = self._free.pop() if self._free else self._grow()
        return slot

    def _grow(self) -> int:
        self._seen.append(0)
        self._failed.append(0)
        self._clusters.append(None)
        for column in self._columns.values():
            column.grow()
        return len(self._seen) - 1

    def _column(self, name: str) -> _Column:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = _Column(len(self._seen))
        return column

    def _close(self, seq: int) -> ClosedCase:
        slot = self._slots.pop(seq)
        scores = {name: column.take(slot) for name, column in self._columns.items()}
        case = ClosedCase(self._seen[slot], self._failed[slot], self._clusters[slot], scores)
        self._seen[slot] = self._failed[slot] = 0
        self._clusters[slot] = None
        self._free.append(slot)
        return case


def _first(cluster: str | None, other: str | None) -> str | None:
    """The same whichever epoch comes first."""
    if cluster is None or other is None:
        return other if cluster is None else cluster
    return min(cluster, other)
