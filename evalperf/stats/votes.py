"""How far several votes of a judge on the same answers agree, folded as answers come in.

Krippendorff's α (2011, "Computing Krippendorff's alpha-reliability") with n votes in answers of m >= 2 votes is

    α = 1 - (n - 1) · Σ_answers D(answer) / (m - 1) / D(all)

where D sums the distance over ordered pairs: 0 or 1 for labels, the squared difference for numbers. For numbers
D = 2 (m Σx² - (Σx)²), so sums do, and α is the same for any order of the answers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal

from msgspec import Struct

from evalperf.stats.epochs import is_number
from evalperf.stats.exact import Exact, ratio, scaled

__all__ = ["VoteSummary", "VoteTotals"]


class VoteSummary(Struct, frozen=True, kw_only=True):
    """Votes of one judge on the same answers."""

    answers: int
    """With two votes or more."""
    votes: int
    level: Literal["nominal", "interval"]
    """Whether votes are labels or numbers."""
    agreement: float
    """The share of pairs of votes that are equal; agreement by chance is in it."""
    alpha: float | None
    """Krippendorff's α: 1 = perfect, 0 = as by chance; None where all votes are equal."""


class VoteTotals:
    """Sums from which agreement is read, exact until they are."""

    __slots__ = ("_apart", "_equal", "_labels", "_numbers", "_pairs", "_square", "_sum", "answers", "votes")

    def __init__(self) -> None:
        self.answers = self.votes = 0
        self._pairs = self._equal = 0
        self._apart: dict[int, Exact] = {}
        """The sum of D by m."""
        self._labels: Counter[str] = Counter()
        self._numbers = 0
        self._sum: Exact = 0
        self._square: Exact = 0

    def add(self, votes: Sequence[float | None], verdicts: Sequence[str | None]) -> None:
        """Takes the votes on one answer, None for one that failed; their labels decide where there are some."""
        labels = [label for label in verdicts if label is not None]
        numbers = [scaled(vote) for vote in votes if vote is not None and is_number(vote)]
        if labels:
            self._add_labels(labels)
        else:
            self._add_numbers(numbers)

    def _add_labels(self, labels: Sequence[str]) -> None:
        if len(labels) > 1:
            counts = Counter(labels)
            self._labels.update(counts)
            self._count(labels, _apart(counts))

    def _add_numbers(self, units: Sequence[Exact]) -> None:
        if len(units) > 1:
            total, square = sum(units), sum(unit * unit for unit in units)
            self._numbers += len(units)
            self._sum += total
            self._square += square
            self._count(units, 2 * (len(units) * square - total * total))

    def _count(self, votes: Sequence[Any], apart: Exact) -> None:
        self.answers += 1
        self.votes += len(votes)
        self._add_apart(len(votes), apart)
        pairs = [a == b for a, b in combinations(votes, 2)]
        self._pairs += len(pairs)
        self._equal += sum(pairs)

    def _add_apart(self, m: int, apart: Exact) -> None:
        self._apart[m] = self._apart.get(m, 0) + apart

    def merge(self, other: VoteTotals) -> None:
        """Takes all votes that the other has seen."""
        for name in ("answers", "votes", "_pairs", "_equal", "_numbers", "_sum", "_square"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._labels.update(other._labels)
        for m, apart in other._apart.items():
            self._add_apart(m, apart)

    def summary(self) -> VoteSummary | None:
        """The figures; None where no answer has two votes."""
        if not self.answers:
            return None
        return VoteSummary(
            answers=self.answers,
            votes=self.votes,
            level="nominal" if self._labels else "interval",
            agreement=self._equal / self._pairs,
            alpha=self._alpha(),
        )

    def _alpha(self) -> float | None:
        if self._labels and self._numbers:  # some answers with labels, some with numbers: no distance between them
            return None
        n = self.votes
        numbers: Exact = 2 * (n * self._square - self._sum * self._sum)
        expected = _apart(self._labels) if self._labels else numbers
        if not expected:
            return None
        return 1 - math.fsum((n - 1) * ratio(apart, (m - 1) * expected) for m, apart in self._apart.items())


def _apart(counts: Counter[str]) -> int:
    """Ordered pairs of different labels."""
    return counts.total() ** 2 - sum(count * count for count in counts.values())
