"""What endpoints did for a run: times, attempts, tokens, cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evalperf.records import Result
from evalperf.stats.endpoints import EndpointSummary, EndpointTotals, by_endpoint, latency_counts
from evalperf.stats.exact import ExactSum
from evalperf.stats.examples import Shortlist
from evalperf.stats.sketch import Sketch
from evalperf.stats.summary import Retries, TokenUsage

__all__ = ["CallTotals"]

_COUNTS = (
    "retried", "recovered", "alternatives", "cost_cases", "input_tokens", "output_tokens", "counted"
)  # fmt: skip


class CallTotals:
    """Folds the calls of results, many at once; about 1.2 µs each."""

    __slots__ = ("cached_from", "cost", "endpoints", "queue", "slowest", "ttft", *_COUNTS)

    def __init__(self, examples: int) -> None:
        self.endpoints: dict[str | None, EndpointTotals] = {}
        """None = cases for which no endpoint was asked."""
        self.cached_from: Counter[str] = Counter()
        """Answers from a cache, by its tier."""
        self.ttft, self.queue = Sketch(), Sketch()
        self.retried = self.recovered = self.alternatives = 0
        self.input_tokens = self.output_tokens = self.counted = 0
        self.cost, self.cost_cases = ExactSum(), 0
        self.slowest = Shortlist(examples)

    def add_all(self, results: Sequence[Result]) -> None:
        """Takes results."""
        for name, part in by_endpoint(results).items():
            self._endpoint(name).add_all(part)
        retried = [result for result in results if result.attempts > 1]
        self.retried += len(retried)
        self.recovered += sum(result.failure is None for result in retried)
        self.alternatives += sum([len(result.alternatives) for result in results])
        self.queue.add_all([result.queue_s for result in results if result.queue_s is not None])
        costs = [result.cost_usd for result in results if result.cost_usd is not None]
        self.cost_cases += len(costs)
        self.cost.add_all(costs)
        fresh = [result for result in results if result.cached is None]
        if len(fresh) < len(results):
            self.cached_from.update(result.cached for result in results if result.cached is not None)
        self._add_calls(fresh)

    def _add_calls(self, results: Sequence[Result]) -> None:
        """Those that an endpoint answered, or did not."""
        self.ttft.add_all([result.ttft_s for result in results if result.ttft_s is not None])
        usages = [result.usage for result in results if result.usage is not None]
        self.counted += len(usages)
        self.input_tokens += sum([usage.input_tokens for usage in usages])
        self.output_tokens += sum([usage.output_tokens for usage in usages])
        least_s = -self.slowest.worst_rank
        for result in results:
            latency_s = result.latency_s
            if latency_s is not None and latency_s >= least_s and latency_counts(result):
                self.slowest.offer(result, -latency_s)

    def _endpoint(self, name: str | None) -> EndpointTotals:
        totals = self.endpoints.get(name)
        if totals is None:
            totals = self.endpoints[name] = EndpointTotals()
        return totals

    def merge(self, other: CallTotals) -> None:
        """Takes all results that the other has seen."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("ttft", "queue", "cost", "slowest"):
            getattr(self, name).merge(getattr(other, name))
        self.cached_from.update(other.cached_from)
        for endpoint, totals in other.endpoints.items():
            self._endpoint(endpoint).merge(totals)

    @property
    def cached(self) -> int:
        """Results that a cache answered."""
        return self.cached_from.total()

    @property
    def timeouts(self) -> int:
        """Latencies that are timeouts."""
        return sum(totals.timeouts for totals in self.endpoints.values())

    def latency(self) -> Sketch:
        """The times of all endpoints together."""
        latency = Sketch()
        for totals in self.endpoints.values():
            latency.merge(totals.latency)
        return latency

    def by_endpoint(self) -> dict[str, EndpointSummary]:
        """The figures of each endpoint that has a name, in the order of their names."""
        named = {name: totals for name, totals in self.endpoints.items() if name is not None}
        return {name: named[name].summary() for name in sorted(named)}

    def usage(self) -> TokenUsage | None:
        """Tokens; None where no endpoint counted."""
        if not self.counted:
            return None
        return TokenUsage(input_tokens=self.input_tokens, output_tokens=self.output_tokens, cases=self.counted)

    def retries(self) -> Retries:
        """Attempts and what the further ones brought."""
        attempts = sum(totals.attempts for totals in self.endpoints.values())
        return Retries(cases=self.retried, recovered=self.recovered, attempts=attempts)
