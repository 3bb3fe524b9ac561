"""A run folded: results go in, in any order and any split, and the same summary comes out, byte for byte.

Memory does not grow with the number of results, with one exception: where cases are repeated (`epochs` > 1), the scores
of a case are kept until its last epoch has come. Files that hold the epochs of a case side by side cost nothing; a file
with all first epochs before all second ones costs one entry a case.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from msgspec import Struct

from evalperf.errors import ConfigError
from evalperf.records import Result
from evalperf.stats.examples import Example, Shortlist
from evalperf.stats.exact import ExactSum
from evalperf.stats.groups import Groups, group_reader, metadata_fields
from evalperf.stats.sketch import Sketch
from evalperf.stats.tally import Attempted, ScoreSummary, ScoreTable

__all__ = ["GroupSummary", "Grouping", "Quantiles", "Retries", "Summariser", "Summary", "TokenUsage"]

_MAX_GROUPS = 10_000
_SERVED = frozenset({"content_filter", "truncated", "empty", "bad_reply", "scorer"})
"""Failures after the endpoint had answered: their latency is the endpoint's."""


class Quantiles(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds, each quantile within 1 % of the true one; None where nothing was measured."""

    n: int
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float | None
    """Exact."""
    mean: float | None
    """Exact."""


class TokenUsage(Struct, frozen=True, kw_only=True):
    """Tokens that endpoints have counted for this run; answers from a cache cost none."""

    input_tokens: int
    output_tokens: int
    cases: int
    """Results that came with a count."""


class Retries(Struct, frozen=True, kw_only=True):
    """What it took."""

    cases: int
    """Results that needed more than one attempt."""
    recovered: int
    """Of these, the ones that got their answer."""
    attempts: int
    """In all."""


class GroupSummary(Struct, frozen=True, kw_only=True):
    """One group of results."""

    value: str | None
    """None = the results without that field."""
    total: int
    failed: int
    scores: dict[str, ScoreSummary]


class Grouping(Struct, frozen=True, kw_only=True):
    """The numbers by the values of a field, the largest group first."""

    field: str
    groups: tuple[GroupSummary, ...]


class Summary(Struct, frozen=True, kw_only=True):
    """A run's numbers, as far as its results tell them."""

    total: int
    """Results: one per case and epoch."""
    ok: int
    failed: int
    cached: int
    failures: dict[str, int]
    """By kind, the most frequent first."""
    scores: dict[str, ScoreSummary]
    latency_s: Quantiles
    """The endpoint's own time for the last attempt of each case it answered, and of those that timed out (at the time
    they were given up). Refusals, lost connections and cached answers are not in it."""
    timeouts: int
    """How many of `latency_s.n` are timeouts: the true time is longer."""
    ttft_s: Quantiles
    queue_s: Quantiles
    usage: TokenUsage | None
    """None where no endpoint counted."""
    cost_usd: float | None
    cost_cases: int
    """Results whose cost is known."""
    retries: Retries
    alternatives: int
    """Further answers, of requests for several."""
    slowest: tuple[Example, ...]
    failing: tuple[Example, ...]
    """The first that failed, in the order of the input."""
    wrong: tuple[Example, ...]
    """The first of which a scorer says that they are not right, in the order of the input."""
    by: Grouping | None


class Summariser:
    """Folds results; about 5 µs each, with one scorer.

    `scorers` fixes their order and lists also those that never scored; `epochs` is the number of repetitions that the
    run was to make of each case; `by` is a field as `groups.group_reader` takes it; `examples` is how many cases of
    each sort are kept.
    """

    def __init__(
        self, *, scorers: Sequence[str] = (), epochs: int = 1, by: str | None = None, examples: int = 5
    ) -> None:
        self._scorers = tuple(scorers)
        self._epochs = epochs
        self._by = by
        self._read_groups = group_reader(by) if by is not None else None
        self._table = ScoreTable(repeated=epochs > 1)
        self._groups: dict[str | None, ScoreTable] = {}
        self._open: dict[int, list[Attempted]] = {}
        """Cases of which an epoch is still to come, by line."""
        self._fields: set[str] = set()
        """Some of the fields that could be grouped by, for the message where `by` is none of them."""
        self._total = self._failed = self._cached = self._timeouts = self._alternatives = 0
        self._failures: dict[str, int] = {}
        self._latency, self._ttft, self._queue = Sketch(), Sketch(), Sketch()
        self._attempts = self._retried = self._recovered = 0
        self._input_tokens = self._output_tokens = self._counted = 0
        self._cost = ExactSum()
        self._cost_cases = 0
        self._slowest, self._failing, self._wrong = (Shortlist(examples) for _ in range(3))

    def add(self, result: Result) -> None:
        """Takes one result; ConfigError when `by` makes more than 10,000 groups."""
        self._total += 1
        failed = result.failure is not None
        if failed:
            self._add_failure(result)
        self._add_calls(result, failed=failed)
        groups = self._read_groups(result) if self._read_groups is not None else ()
        if groups and len(self._fields) < 50:
            self._fields.update(metadata_fields(result.metadata))
        if self._epochs > 1:
            self._add_epoch(result, Attempted(result.scores, failed, groups))
            if any(score.passed is False for score in result.scores.values()):
                self._wrong.offer(result)
            return
        if self._table.add(result.scores, failed=failed):
            self._wrong.offer(result)
        for label in groups:
            self._group(label).add(result.scores, failed=failed)

    def merge(self, other: Summariser) -> None:
        """Takes all results that the other has seen; ValueError where it was made differently."""
        if (self._epochs, self._by) != (other._epochs, other._by):
            raise ValueError("summaries of different epochs or groups do not merge")
        for counter in _COUNTERS:
            setattr(self, counter, getattr(self, counter) + getattr(other, counter))
        for kind, count in other._failures.items():
            self._failures[kind] = self._failures.get(kind, 0) + count
        for mine, theirs in zip(self._parts(), other._parts(), strict=True):
            mine.merge(theirs)  # type: ignore[arg-type]  # the same part of each
        for label, table in other._groups.items():
            self._group(label).merge(table)
        for seq, attempted in other._open.items():
            for epoch in attempted:
                self._open_case(seq, epoch)
        self._fields |= other._fields
        self._scorers = tuple(dict.fromkeys((*self._scorers, *other._scorers)))

    def summary(self) -> Summary:
        """The numbers so far; the fold can go on. ConfigError where no result has the field of `by`."""
        table, groups = self._closed()
        return Summary(
            total=self._total,
            ok=self._total - self._failed,
            failed=self._failed,
            cached=self._cached,
            failures=dict(sorted(self._failures.items(), key=lambda item: (-item[1], item[0]))),
            scores=table.summary(self._scorers),
            latency_s=_quantiles(self._latency),
            timeouts=self._timeouts,
            ttft_s=_quantiles(self._ttft),
            queue_s=_quantiles(self._queue),
            usage=self._usage(),
            cost_usd=self._cost.value() if self._cost_cases else None,
            cost_cases=self._cost_cases,
            retries=Retries(cases=self._retried, recovered=self._recovered, attempts=self._attempts),
            alternatives=self._alternatives,
            slowest=self._slowest.cases(),
            failing=self._failing.cases(),
            wrong=self._wrong.cases(),
            by=self._grouping(groups),
        )

    def _add_failure(self, result: Result) -> None:
        kind = result.failure.kind if result.failure is not None else "provider"
        self._failed += 1
        self._failures[kind] = self._failures.get(kind, 0) + 1
        self._failing.offer(result)

    def _add_calls(self, result: Result, *, failed: bool) -> None:
        """What the endpoint did: times, attempts, tokens, cost."""
        attempts = result.attempts
        self._attempts += attempts
        if attempts > 1:
            self._retried += 1
            self._recovered += not failed
        self._alternatives += len(result.alternatives)
        if result.queue_s is not None:
            self._queue.add(result.queue_s)
        if result.cost_usd is not None:
            self._cost.add(result.cost_usd)
            self._cost_cases += 1
        if result.cached is not None:
            self._cached += 1
            return
        if result.latency_s is not None:
            self._add_latency(result, result.latency_s)
        if result.ttft_s is not None:
            self._ttft.add(result.ttft_s)
        if result.usage is not None:
            self._input_tokens += result.usage.input_tokens
            self._output_tokens += result.usage.output_tokens
            self._counted += 1

    def _add_latency(self, result: Result, latency_s: float) -> None:
        kind = result.failure.kind if result.failure is not None else None
        if kind == "timeout":
            self._timeouts += 1
        elif kind is not None and kind not in _SERVED:
            return
        self._latency.add(latency_s)
        self._slowest.offer(result, -latency_s)

    def _add_epoch(self, result: Result, attempted: Attempted) -> None:
        self._open_case(result.seq, attempted)

    def _open_case(self, seq: int, attempted: Attempted) -> None:
        """Keeps one epoch of a case; with the last one the case is folded and forgotten."""
        epochs = self._open.setdefault(seq, [])
        epochs.append(attempted)
        if len(epochs) == self._epochs:
            del self._open[seq]
            _fold_case(epochs, self._table, self._groups)
            self._check_groups()

    def _closed(self) -> tuple[ScoreTable, dict[str | None, ScoreTable]]:
        """The tables with the open cases in them, as far as those have come."""
        if not self._open:
            return self._table, self._groups
        table, groups = self._table.copy(), {label: table.copy() for label, table in self._groups.items()}
        for epochs in self._open.values():
            _fold_case(epochs, table, groups)
        return table, groups
