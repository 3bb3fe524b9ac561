"""Scores of many cases folded into one table: a row per scorer.

Repetitions (epochs) of a case are not independent, so a case counts once: its epochs are averaged first, and intervals
are taken over cases (Miller 2024, "Adding error bars to evals", section 3.1).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from evalperf.records import Score
from evalperf.stats.exact import Moments
from evalperf.stats.intervals import Interval, IntervalKind, mean_interval

__all__ = ["Epoch", "ScoreSummary", "ScoreTable"]

_LARGEST = sys.float_info.max
"""Beyond it is infinity; a score that is no finite number is no score."""


class ScoreSummary(Struct, frozen=True, kw_only=True):
    """One scorer over all cases, or over one group of them."""

    n: int
    """Cases with a score (of several epochs: at least one)."""
    mean: float | None
    """Over the scored cases, each with its mean over epochs."""
    ci95: Interval | None
    """Of the mean; None below two cases."""
    interval: IntervalKind | None
    """How `ci95` was made: Wilson where every score is 0 or 1, else Student's t."""
    std: float | None
    """Sample standard deviation between cases."""
    answers: int
    """Scored answers; more than `n` where cases were repeated."""
    passed: int | None
    """Answers that count as right; None where the scorer has no such notion."""
    unscored: int
    """Answers on which this scorer had no say: in no mean, and never a 0."""
    mean_failures_as_wrong: float | None
    """The mean when each case that failed without a score counts as 0."""


class Epoch(Struct, frozen=True):
    """One epoch of a case, as far as scores go."""

    scores: dict[str, Score]
    failed: bool
    groups: Sequence[str | None] = ()


class _Tally:
    """What is known of one scorer."""

    __slots__ = ("answers", "answers_ok", "as_wrong", "judged", "moments", "n_with_failure", "passed")

    def __init__(self) -> None:
        self.moments = Moments()
        self.as_wrong = Moments()
        self.n_with_failure = 0
        self.answers = 0
        self.answers_ok = 0
        self.judged = 0
        self.passed = 0

    def merge(self, other: _Tally) -> None:
        self.moments.merge(other.moments)
        self.as_wrong.merge(other.as_wrong)
        self.n_with_failure += other.n_with_failure
        self.answers += other.answers
        self.answers_ok += other.answers_ok
        self.judged += other.judged
        self.passed += other.passed


class ScoreTable:
    """Counts and means per scorer; `epochs` says whether cases come whole (`add_case`) or as one result (`add`)."""

    __slots__ = ("_repeated", "_tallies", "cases_failed", "failed", "ok")

    def __init__(self, *, repeated: bool) -> None:
        self._repeated = repeated
        self._tallies: dict[str, _Tally] = {}
        self.ok = 0
        self.failed = 0
        self.cases_failed = 0
        """Cases of which at least one epoch failed."""

    def add(self, scores: Mapping[str, Score], *, failed: bool) -> bool:
        """Takes a case that was asked once; True if a scorer found the answer wrong."""
        if failed:
            self.failed += 1
            self.cases_failed += 1
        else:
            self.ok += 1
        wrong = False
        tallies = self._tallies
        for name, score in scores.items():
            tally = tallies.get(name)
            if tally is None:
                tally = tallies[name] = _Tally()
            value, passed = score.value, score.passed
            if value is None or not -_LARGEST <= value <= _LARGEST:
                continue
            tally.moments.add(value)
            tally.answers += 1
            if failed:
                tally.n_with_failure += 1
            else:
                tally.answers_ok += 1
            if passed is not None:
                tally.judged += 1
                if passed:
                    tally.passed += 1
                else:
                    wrong = True
        return wrong

    def add_case(self, epochs: Sequence[Epoch]) -> None:
        """Takes a case with all its epochs; their order does not matter."""
        failures = sum(epoch.failed for epoch in epochs)
        self.failed += failures
        self.ok += len(epochs) - failures
        self.cases_failed += failures > 0
        for name in {name for epoch in epochs for name in epoch.scores}:
            self._add_scorer(name, epochs)

    def _add_scorer(self, name: str, epochs: Sequence[Epoch]) -> None:
        tally = self._tallies.setdefault(name, _Tally())
        values: list[float] = []
        failed_unscored = 0
        for epoch in epochs:
            score = epoch.scores.get(name)
            if score is None or score.value is None or not -_LARGEST <= score.value <= _LARGEST:
                failed_unscored += epoch.failed
                continue
            values.append(score.value)
            tally.answers_ok += not epoch.failed
            tally.judged += score.passed is not None
            tally.passed += score.passed is True
        if not values:
            return
        total = math.fsum(values)
        tally.answers += len(values)
        tally.moments.add(total / len(values))
        tally.as_wrong.add(total / (len(values) + failed_unscored))
        tally.n_with_failure += any(epoch.failed for epoch in epochs)

    def merge(self, other: ScoreTable) -> None:
        """Takes all cases that the other has seen."""
        self.ok += other.ok
        self.failed += other.failed
        self.cases_failed += other.cases_failed
        for name, tally in other._tallies.items():
            self._tallies.setdefault(name, _Tally()).merge(tally)

    def copy(self) -> ScoreTable:
        """An equal table with a life of its own."""
        table = ScoreTable(repeated=self._repeated)
        table.merge(self)
        return table

    def summary(self, order: Iterable[str] = ()) -> dict[str, ScoreSummary]:
        """Each scorer's numbers: those in `order` first (also those that never scored), then others by name."""
        names = dict.fromkeys([*order, *sorted(self._tallies)])
        return {name: self._summarise(self._tallies.get(name) or _Tally()) for name in names}

    def _summarise(self, tally: _Tally) -> ScoreSummary:
        interval = mean_interval(tally.moments)
        as_wrong = tally.as_wrong if self._repeated else tally.moments
        return ScoreSummary(
            n=tally.moments.n,
            mean=tally.moments.mean(),
            ci95=interval[0] if interval else None,
            interval=interval[1] if interval else None,
            std=tally.moments.std(),
            answers=tally.answers,
            passed=tally.passed if tally.judged else None,
            unscored=self.ok - tally.answers_ok,
            mean_failures_as_wrong=as_wrong.mean(extra_zeros=self.cases_failed - tally.n_with_failure),
        )
