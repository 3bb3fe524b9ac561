"""What each endpoint did, as far as results tell: a result names the endpoint of its last attempt."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from msgspec import UNSET, Struct

from evalperf.records import Result
from evalperf.stats.sketch import Sketch

__all__ = ["EndpointSummary", "EndpointTotals", "by_endpoint", "latency_counts"]

_SERVED = frozenset({"content_filter", "truncated", "empty", "bad_reply", "scorer"})
"""Failures after the endpoint had answered: their latency is the endpoint's."""


class EndpointSummary(Struct, frozen=True, kw_only=True):
    """The cases whose last attempt was at one endpoint."""

    cases: int
    ok: int
    failed: int
    cached: int
    """Of `cases`, those that a cache answered in its place."""
    attempts: int
    """Of these cases; earlier ones may have been at other endpoints."""
    failures: dict[str, int]
    """By kind, the most frequent first."""
    timeouts: int
    """How many of the latencies are timeouts: their true time is longer."""
    latency_s: dict[str, float | int | None]
    """n, p50 and p95 of what it served, as `Summary.latency_s` counts."""


def latency_counts(result: Result) -> bool:
    """Whether the latency is the endpoint's own; a timeout's is the least that it would have been."""
    failure = result.failure
    return failure is None or failure.kind == "timeout" or failure.kind in _SERVED


class EndpointTotals:
    """Folds the results of one endpoint, all its latencies among them."""

    __slots__ = ("attempts", "cached", "cases", "failures", "latency", "timeouts")

    def __init__(self) -> None:
        self.cases = self.cached = self.attempts = self.timeouts = 0
        self.failures: Counter[str] = Counter()
        self.latency = Sketch()

    def add_all(self, results: Sequence[Result]) -> None:
        """Takes results of the endpoint."""
        self.cases += len(results)
        self.attempts += sum([result.attempts for result in results])
        failures = [result.failure for result in results if result.failure is not None]
        if failures:
            self.failures.update(failure.kind for failure in failures)
        fresh = [result for result in results if result.cached is None]
        self.cached += len(results) - len(fresh)
        if failures:
            fresh = [result for result in fresh if latency_counts(result)]
        self.latency.add_all([result.latency_s for result in fresh if result.latency_s is not None])
        if failures:
            self.timeouts += sum(
                result.failure is not None and result.failure.kind == "timeout" and result.latency_s is not None
                for result in fresh
            )

    def merge(self, other: EndpointTotals) -> None:
        """Takes all results that the other has seen."""
        self.cases += other.cases
        self.cached += other.cached
        self.attempts += other.attempts
        self.timeouts += other.timeouts
        self.failures.update(other.failures)
        self.latency.merge(other.latency)

    def summary(self) -> EndpointSummary:
        """The figures."""
        failed = self.failures.total()
        return EndpointSummary(
            cases=self.cases,
            ok=self.cases - failed,
            failed=failed,
            cached=self.cached,
            attempts=self.attempts,
            failures=dict(sorted(self.failures.items(), key=lambda item: (-item[1], item[0]))),
            timeouts=self.timeouts,
            latency_s={
                "n": self.latency.count,
                "p50": self.latency.quantile(0.5),
                "p95": self.latency.quantile(0.95),
            },
        )


def by_endpoint(results: Sequence[Result]) -> dict[str | None, list[Result]]:
    """The results by the name of their endpoint; None = no endpoint was asked.

    A fallback may have the name of an endpoint that it took over from, so its results are told apart.
    """
    names = {result.endpoint for result in results}
    if len(names) == 1 and all([result.fallback is UNSET for result in results]):  # noqa: C419 - faster as a list
        return {names.pop(): list(results)}
    parts: defaultdict[str | None, list[Result]] = defaultdict(list)
    for result in results:
        parts[result.endpoint if result.fallback is UNSET else f"{result.endpoint} (fallback)"].append(result)
    return parts
