"""Counts of one endpoint and of one scorer, as the dashboard keeps them."""

from __future__ import annotations

from evalperf.dashboard.histogram import BUCKETS, quantile_s
from evalperf.dashboard.snapshot import EndpointNumbers, ScorerNumbers
from evalperf.events import EndpointSample

__all__ = ["EndpointTally", "ScorerTally"]


class EndpointTally:
    """What one endpoint has answered."""

    __slots__ = ("answered", "failed", "latency", "rate_limited", "retried")

    def __init__(self) -> None:
        self.answered = 0
        self.failed = 0
        self.retried = 0
        self.rate_limited = 0
        self.latency = [0] * BUCKETS

    def numbers(self, name: str, sample: EndpointSample | None) -> EndpointNumbers:
        """As it is shown; with the last sample, where there is one."""
        attempts = self.answered + self.retried
        errors = self.failed + self.retried
        error_share = errors / attempts if attempts else 0.0
        return EndpointNumbers(
            name=name,
            answered=self.answered,
            error_share=error_share,
            rate_limited=self.rate_limited,
            p95_s=quantile_s(self.latency, 0.95),
            in_flight=None if sample is None else sample.in_flight,
            limit=None if sample is None else sample.limit,
            requests_per_s=None if sample is None else sample.requests_per_s,
            breaker="closed" if sample is None else sample.breaker,
        )


class ScorerTally:
    """The values of one scorer."""

    __slots__ = ("n", "squares", "total")

    def __init__(self) -> None:
        self.n = 0
        self.total = 0.0
        self.squares = 0.0

    def numbers(self, name: str) -> ScorerNumbers:
        """As it is shown."""
        mean = self.total / self.n
        spread = self.squares - self.total * mean
        variance = spread / (self.n - 1) if self.n > 1 and spread > 1e-12 * self.squares else 0.0
        return ScorerNumbers(name, self.n, mean, variance)
