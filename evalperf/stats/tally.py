"""One scorer over many cases.

Repetitions (epochs) of a case are not independent, so a case counts once: its epochs are averaged first, and intervals
are taken over cases (Miller 2024, "Adding error bars to evals", section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import compress

from msgspec import UNSET

from evalperf.records import Score
from evalperf.stats.clusters import ClusterSums
from evalperf.stats.corpus import CorpusCounts
from evalperf.stats.epochs import ClosedCase, is_number
from evalperf.stats.exact import SCALE, Moments, ratio
from evalperf.stats.judged import JudgedTotals
from evalperf.stats.passk import PassCounts
from evalperf.stats.spent import SpentTotals

__all__ = ["Tally"]


class Tally:
    """What is known of one scorer."""

    __slots__ = (
        "answers", "answers_ok", "as_wrong", "clusters", "corpus", "judge", "judged", "moments", "n_with_failure",
        "passed", "passes", "spent",
    )  # fmt: skip

    def __init__(self) -> None:
        self.moments = Moments()
        """Of the scored cases, each with its mean over epochs."""
        self.as_wrong = Moments()
        """The same with failed epochs as 0; kept only where cases are repeated."""
        self.clusters = ClusterSums()
        self.passes = PassCounts()
        self.corpus = CorpusCounts()
        self.spent = SpentTotals()
        self.judge = JudgedTotals()
        self.n_with_failure = 0
        self.answers = 0
        self.answers_ok = 0
        self.judged = 0
        self.passed = 0

    def add_scores(self, scores: list[Score], owners: Sequence[str | None] | None, *, failed: bool) -> None:
        """Takes the scores of cases that were asked once; `owners` are their clusters."""
        self.add_details(scores)
        values = [score.value for score in scores]
        verdicts = [score.passed for score in scores]
        if None in values or not all(map(math.isfinite, values)):  # type: ignore[arg-type]  # None is looked for first
            kept = list(map(is_number, values))
            values, verdicts = list(compress(values, kept)), list(compress(verdicts, kept))
            owners = None if owners is None else list(compress(owners, kept))
        self.moments.add_all(values)  # type: ignore[arg-type]  # numbers, by now
        self.answers += len(values)
        if failed:
            self.n_with_failure += len(values)
        else:
            self.answers_ok += len(values)
        self.judged += len(values) - verdicts.count(None)
        self.passed += verdicts.count(True)
        if owners is not None:
            for owner, value in zip(owners, values, strict=True):
                self.clusters.add(owner, value)  # type: ignore[arg-type]

    def add_details(self, scores: Iterable[Score]) -> None:
        """Takes what scores say besides their value: counts for a corpus, facts on a judge, what they have cost."""
        for score in [score for score in scores if score.detail is not UNSET or score.spent is not UNSET]:
            if score.detail is not UNSET:
                if "corpus" in score.detail and is_number(score.value):
                    self.corpus.add(score.detail["corpus"])
                self.judge.add(score.value, score.detail)
            if score.spent is not UNSET:
                self.spent.add(score.spent)

    def add_cases(self, name: str, cases: Sequence[ClosedCase], *, clustered: bool) -> None:
        """Takes cases with all their epochs; `name` is that of the scorer."""
        seen = [(case, scores) for case in cases if (scores := case.scores.get(name)) is not None and scores.answers]
        means = [ratio(scores.total, SCALE * scores.answers) for _, scores in seen]
        self.moments.add_all(means)
        self.as_wrong.add_all(
            [
                mean if case.failed == scores.failed_scored else ratio(scores.total, SCALE * scores.tries(case.failed))
                for mean, (case, scores) in zip(means, seen, strict=True)
            ]
        )
        for (case, scores), mean in zip(seen, means, strict=True):
            self.n_with_failure += case.failed > 0
            self.answers += scores.answers
            self.answers_ok += scores.answers - scores.failed_scored
            self.judged += scores.judged
            self.passed += scores.passed
            self.passes.add(scores.judged, scores.passed)
            if clustered:
                self.clusters.add(case.cluster, mean)

    def merge(self, other: Tally) -> None:
        """Takes all that the other has seen."""
        for name in ("moments", "as_wrong", "clusters", "passes", "corpus", "spent", "judge"):
            getattr(self, name).merge(getattr(other, name))
        for name in ("n_with_failure", "answers", "answers_ok", "judged", "passed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
