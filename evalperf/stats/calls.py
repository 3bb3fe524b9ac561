"""What endpoints did for a run: times, attempts, tokens, cost."""

from __future__ import annotations

from evalperf.records import Result
from evalperf.stats.exact import ExactSum
from evalperf.stats.examples import Shortlist
from evalperf.stats.sketch import Sketch
from evalperf.stats.summary import Retries, TokenUsage

__all__ = ["CallTotals"]

_SERVED = frozenset({"content_filter", "truncated", "empty", "bad_reply", "scorer"})
"""Failures after the endpoint had answered: their latency is the endpoint's."""


class CallTotals:
    """Folds the calls of results; about 1.5 µs each."""

    __slots__ = (
        "alternatives",
        "attempts",
        "cached",
        "cost",
        "cost_cases",
        "counted",
        "input_tokens",
        "latency",
        "output_tokens",
        "queue",
        "recovered",
        "retried",
        "slowest",
        "timeouts",
        "ttft",
    )

    def __init__(self, examples: int) -> None:
        self.latency, self.ttft, self.queue = Sketch(), Sketch(), Sketch()
        self.timeouts = 0
        self.attempts = self.retried = self.recovered = 0
        self.cached = self.alternatives = 0
        self.input_tokens = self.output_tokens = self.counted = 0
        self.cost, self.cost_cases = ExactSum(), 0
        self.slowest = Shortlist(examples)

    def add(self, result: Result) -> None:
        """Takes one result."""
        attempts = result.attempts
        self.attempts += attempts
        if attempts > 1:
            self.retried += 1
            self.recovered += result.failure is None
        if result.alternatives:
            self.alternatives += len(result.alternatives)
        if result.queue_s is not None:
            self.queue.add(result.queue_s)
        if result.cost_usd is not None:
            self.cost.add(result.cost_usd)
            self.cost_cases += 1
        if result.cached is None:
            self._add_call(result)
        else:
            self.cached += 1

    def _add_call(self, result: Result) -> None:
        latency_s, usage = result.latency_s, result.usage
        if latency_s is not None and self._counts(result):
            self.latency.add(latency_s)
            self.slowest.offer(result, -latency_s)
        if result.ttft_s is not None:
            self.ttft.add(result.ttft_s)
        if usage is not None:
            self.input_tokens += usage.input_tokens
            self.output_tokens += usage.output_tokens
            self.counted += 1

    def _counts(self, result: Result) -> bool:
        """Whether the latency is the endpoint's own; a timeout's is the least that it would have been."""
        failure = result.failure
        if failure is None:
            return True
        if failure.kind == "timeout":
            self.timeouts += 1
            return True
        return failure.kind in _SERVED

    def merge(self, other: CallTotals) -> None:
        """Takes all results that the other has seen."""
        for name in ("timeouts", "attempts", "retried", "recovered", "cached", "alternatives", "cost_cases"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("input_tokens", "output_tokens", "counted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("latency", "ttft", "queue", "cost", "slowest"):
            getattr(self, name).merge(getattr(other, name))

    def usage(self) -> TokenUsage | None:
        """Tokens; None where no endpoint counted."""
        if not self.counted:
            return None
        return TokenUsage(input_tokens=self.input_tokens, output_tokens=self.output_tokens, cases=self.counted)

    def retries(self) -> Retries:
        """Attempts and what the further ones brought."""
        return Retries(cases=self.retried, recovered=self.recovered, attempts=self.attempts)
