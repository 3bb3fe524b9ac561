"""The fold: results go in, in any order and any split, and the same summary comes out, byte for byte."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from evalperf.records import Result
from evalperf.stats.calls import CallTotals
from evalperf.stats.examples import Shortlist
from evalperf.stats.scorebook import Scorebook
from evalperf.stats.summary import Summary, quantiles_of

__all__ = ["Summariser"]


class Summariser:
    """Folds results, in about 5 µs each with one scorer and in memory that does not grow with their number.

    `scorers` fixes the order in which they are listed, and lists also those that never scored; `epochs` is how often
    the run asks each case (see `Scorebook` for what that costs); `by` is a field as `group_reader` takes it; `examples`
    is how many cases of each sort are kept. Scorers of weight 0 are `weightless`: they make no case wrong.
    """

    def __init__(
        self,
        *,
        scorers: Sequence[str] = (),
        weightless: Collection[str] = (),
        epochs: int = 1,
        by: str | None = None,
        examples: int = 5,
    ) -> None:
        self._scorers = tuple(scorers)
        self._weightless = frozenset(weightless)
        self._total = 0
        self._failures: dict[str, int] = {}
        self._scores = Scorebook(epochs=epochs, by=by)
        self._calls = CallTotals(examples)
        self._failing = Shortlist(examples)
        self._wrong = Shortlist(examples)

    def add(self, result: Result) -> None:
        """Takes one result, each (line, epoch) once; ConfigError when `by` makes more than 10,000 groups."""
        self._total += 1
        failure = result.failure
        if failure is not None:
            self._failures[failure.kind] = self._failures.get(failure.kind, 0) + 1
            self._failing.offer(result)
        self._calls.add(result)
        if self._scores.add(result) and self._is_wrong(result):
            self._wrong.offer(result)

    def _is_wrong(self, result: Result) -> bool:
        ignored = self._weightless
        return any(score.passed is False and name not in ignored for name, score in result.scores.items())

    def merge(self, other: Summariser) -> None:
        """Takes all results that the other has seen; ValueError where it was made with other epochs or groups."""
        self._scores.merge(other._scores)
        self._calls.merge(other._calls)
        self._failing.merge(other._failing)
        self._wrong.merge(other._wrong)
        self._total += other._total
        for kind, count in other._failures.items():
            self._failures[kind] = self._failures.get(kind, 0) + count
        self._scorers = tuple(dict.fromkeys((*self._scorers, *other._scorers)))

    def summary(self) -> Summary:
        """The numbers so far; the fold can go on. ConfigError where no result has the field of `by`."""
        failed = sum(self._failures.values())
        calls = self._calls
        scores, by = self._scores.summary(self._scorers)
        return Summary(
            total=self._total,
            ok=self._total - failed,
            failed=failed,
            cached=calls.cached,
            failures=dict(sorted(self._failures.items(), key=lambda item: (-item[1], item[0]))),
            scores=scores,
            latency_s=quantiles_of(calls.latency),
            timeouts=calls.timeouts,
            ttft_s=quantiles_of(calls.ttft),
            queue_s=quantiles_of(calls.queue),
            usage=calls.usage(),
            cost_usd=calls.cost.value() if calls.cost_cases else None,
            cost_cases=calls.cost_cases,
            retries=calls.retries(),
            alternatives=calls.alternatives,
            slowest=calls.slowest.cases(),
            failing=self._failing.cases(),
            wrong=self._wrong.cases(),
            by=by,
        )
