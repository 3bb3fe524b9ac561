"""The limit and the pace under which one endpoint gives the most, learned while it is used."""

from __future__ import annotations

from typing import Protocol

from evalperf.resilience.climber import GoodputClimber
from evalperf.resilience.pacer import Pacer
from evalperf.resilience.scatter import Sent

__all__ = ["AdaptiveLimit", "FixedLimit", "InFlightLimit"]

UNKNOWN_LATENCY_S = 1.0
LATENCY_SHARE = 0.05


class InFlightLimit(Protocol):
    """How many calls may be on their way to one endpoint, and how fast they may leave."""

    client_busy: bool
    """Set while this machine's CPU is the bottleneck: what is measured then says nothing for more requests."""

    @property
    def limit(self) -> int:
        """Requests to keep in flight."""

    @property
    def rate_per_s(self) -> float | None:
        """Requests per second to send, strictly spaced; None for no pace."""

    @property
    def climbing(self) -> bool:
        """Whether the limit is still being looked for: figures of this time are no forecast."""

    def sent(self, now_s: float, in_flight: int) -> Sent:
        """A request has left; `in_flight` counts it, too."""

    def completed(self, now_s: float, sent: Sent, *, ok: bool) -> None:
        """An answer came back, or a failure other than a 429 (timeouts at the time they took)."""

    @property
    def scattered(self) -> bool:
        """Whether 429s have turned out to come at any pace: then only the refused case waits, not the endpoint."""

    def refused(self, now_s: float, sent: Sent, *, allowed_per_s: float | None = None) -> None:
        """A 429 came back; `allowed_per_s` is the limit that the configuration or the server states, if any."""

    def halve(self) -> None:
        """The endpoint was down and is back."""


class FixedLimit:
    """What the configuration says, whatever happens."""

    rate_per_s: float | None = None
    climbing = False
    scattered = False

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.client_busy = False

    def sent(self, now_s: float, in_flight: int) -> Sent:  # noqa: ARG002 - as the protocol has it
        """Changes nothing."""
        return Sent(0, now_s)

    def completed(self, now_s: float, sent: Sent, *, ok: bool) -> None:
        """Changes nothing."""

    def refused(self, now_s: float, sent: Sent, *, allowed_per_s: float | None = None) -> None:
        """Changes nothing; the gate pauses."""

    def halve(self) -> None:
        """Changes nothing."""


class AdaptiveLimit:
    """A climber for what slows down, and a pacer for what refuses; one per endpoint.

    Feed it with this endpoint's own calls only: nothing from a cache, and no call of another endpoint.
    """

    def __init__(self, *, start: int = 16, least: int = 1, most: int = 512) -> None:
        self._climber = GoodputClimber(start=start, least=least, most=most)
        self._pacer = Pacer()
        self._latency_s: float | None = None
        self._limit_before = start  # what it was when the pace was found to matter
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

    def sent(self, now_s: float, in_flight: int) -> Sent:
        """A request has left; `in_flight` counts it, too."""
        self._climber.sent(in_flight, client_busy=self.client_busy)
        return self._pacer.sent(now_s)

    def completed(self, now_s: float, sent: Sent, *, ok: bool) -> None:
        """An answer came back, or a failure other than a 429 (timeouts at the time they took)."""
        latency_s = now_s - sent.at_s
        if ok:
            paced = self._pacer.rate_per_s is not None
            self._pacer.accepted(now_s, sent)
            if paced and self._pacer.scattered:
                self._climber.climb_again(self._limit_before)
            known_s = self._latency_s
            self._latency_s = latency_s if known_s is None else known_s + LATENCY_SHARE * (latency_s - known_s)
        self._climber.completed(now_s, latency_s, ok=ok)
        if self._pacer.rate_per_s is not None:
            self._pacer.tick(now_s)
            self._climber.raise_to(self._pacer.limit_for(self._known_latency_s()) or 0)

    @property
    def scattered(self) -> bool:
        """Whether 429s have turned out to come at any pace: then only the refused case waits, not the endpoint."""
        return self._pacer.scattered

    def refused(self, now_s: float, sent: Sent, *, allowed_per_s: float | None = None) -> None:
        """A 429 came back; pausing the endpoint for as long as it asks is the gate's part."""
        unpaced = self._pacer.rate_per_s is None
        if self._pacer.refused(now_s, self._known_latency_s(), sent, allowed_per_s=allowed_per_s):
            if unpaced:
                self._limit_before = self.limit
            self._climber.hold(self._pacer.limit_for(self._known_latency_s()) or self.limit)
        elif self._pacer.scattered and not unpaced:
            self._climber.climb_again(self._limit_before)

    def halve(self) -> None:
        """The endpoint was down and is back: begin with half of what it had."""
        self._climber.hold(self.limit // 2)

    def _known_latency_s(self) -> float:
        return UNKNOWN_LATENCY_S if self._latency_s is None else self._latency_s
