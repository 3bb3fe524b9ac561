"""The limit and the pace under which one endpoint gives the most, learned while it is used."""

from __future__ import annotations

from evalperf.resilience.climber import GoodputClimber
from evalperf.resilience.pacer import Pacer

__all__ = ["AdaptiveLimit"]

UNKNOWN_LATENCY_S = 1.0
LATENCY_SHARE = 0.05


class AdaptiveLimit:
    """A climber for what slows down, and a pacer for what refuses; one per endpoint.

    Feed it with this endpoint's own calls only: nothing from a cache, and no call of another endpoint.
    """

    def __init__(self, *, start: int = 16, least: int = 1, most: int = 512) -> None:
        self._climber = GoodputClimber(start=start, least=least, most=most)
        self._pacer = Pacer()
        self._latency_s: float | None = None
        self.client_busy = False
        """Set while this machine's CPU is the bottleneck: what is measured then says nothing for more requests."""

    @property
    def limit(self) -> int:
        """Requests to keep in flight."""
        return self._climber.limit

    @property
    def rate_per_s(self) -> float | None:
        """Requests per second to send, strictly spaced; None while nothing was refused."""
        return self._pacer.rate_per_s

    @property
    def climbing(self) -> bool:
        """Whether the limit is still being looked for: figures of this time are no forecast."""
        return self._climber.climbing

    def sent(self, now_s: float, in_flight: int) -> None:
        """A request has left; `in_flight` counts it, too."""
        self._pacer.sent(now_s)
        self._climber.sent(in_flight, client_busy=self.client_busy)

    def completed(self, now_s: float, latency_s: float, *, ok: bool) -> None:
        """An answer came back, or a failure other than a 429 (timeouts at the time they took)."""
        if ok:
            known_s = self._latency_s
            self._latency_s = latency_s if known_s is None else known_s + LATENCY_SHARE * (latency_s - known_s)
        self._climber.completed(now_s, latency_s, ok=ok)
        if self._pacer.rate_per_s is not None:
            self._pacer.tick(now_s)
            self._climber.raise_to(self._pacer.limit_for(self._known_latency_s()) or 0)

    def refused(self, now_s: float) -> None:
        """A 429 came back; pausing the endpoint for as long as it asks is the gate's part."""
        if self._pacer.refused(now_s, self._known_latency_s()):
            self._climber.hold(self._pacer.limit_for(self._known_latency_s()) or self.limit)

    def halve(self) -> None:
        """The endpoint was down and is back: begin with half of what it had."""
        self._climber.hold(self.limit // 2)

    def _known_latency_s(self) -> float:
        return UNKNOWN_LATENCY_S if self._latency_s is None else self._latency_s
