"""One measurement of an endpoint at one limit: first let the old requests go by, then count."""

from __future__ import annotations

import math

from msgspec import Struct

__all__ = ["Epoch", "Measured"]

LEAST_STARTUP, LEAST_CRUISE = 16, 32
STARTUP_GENERATIONS, CRUISE_GENERATIONS = 1.5, 3.0
LONGEST_S = 60.0
LEAST_ANSWERS = 4
SETTLE_LATENCIES = 2.0
BATCHES = 8
PRECISE = 0.03
MOST_EXTENDED = 3


class Measured(Struct, frozen=True, kw_only=True):
    """What an epoch has shown."""

    limit: int
    goodput_per_s: float
    """Successes per second."""
    error: float
    """Standard error of the goodput, as a share of it."""
    latency_s: float
    """Mean, of successes and failures."""
    in_flight: float
    """Mean, over the requests that left."""
    failed_share: float
    client_busy: bool
    """Whether this machine was too busy to be a fair judge, at any time of it."""


class Epoch:
    """Counts from the second generation on: the first was sent under another limit, and would tell of that.

    It counts until the goodput is known well enough, by the spread of the times that equal batches of answers took; at
    least a few generations of requests, since the short answers of a generation come first, and at most three times
    as many. It ends early once the goodput is below `hopeless_per_s`: each second there is one lost.
    """

    def __init__(
        self, limit: int, *, settle: int, latency_s: float | None, cruising: bool, hopeless_per_s: float = 0.0
    ) -> None:
        self._hopeless_per_s = hopeless_per_s
        self.limit = limit
        self._settle_for = settle
        self._usual_latency_s = latency_s
        least, generations = (LEAST_CRUISE, CRUISE_GENERATIONS) if cruising else (LEAST_STARTUP, STARTUP_GENERATIONS)
        self._precise = cruising
        self._needed = self._least_needed = max(least, generations * limit)
        self._opened_s: float | None = None
        self._from_s: float | None = None  # when the counting began
        self._settled = 0
        self._answered = self._succeeded = self._samples = self._in_flight = 0
        self._latency_s = 0.0
        self._client_busy = False
        self._batch = math.ceil(self._needed / BATCHES)
        self._batch_from_s = 0.0
        self._batches_s: list[float] = []

    def sent(self, in_flight: int, *, client_busy: bool) -> None:
        """A request has left."""
        if self._from_s is not None:
            self._samples += 1
            self._in_flight += in_flight
            self._client_busy |= client_busy

    def completed(self, now_s: float, latency_s: float, *, ok: bool) -> bool:
        """A request came back; True when the epoch has seen enough."""
        if self._from_s is None:
            self._settle(now_s)
            return False
        self._answered += 1
        self._succeeded += ok
        self._latency_s += latency_s
        if self._answered % self._batch == 0:
            self._batches_s.append(now_s - self._batch_from_s)
            self._batch_from_s = now_s
            if len(self._batches_s) >= 2 and self._succeeded < self._hopeless_per_s * (now_s - self._from_s):
                return True
            if self._answered >= self._needed:
                most = MOST_EXTENDED * self._least_needed
                return self._answered >= most or not self._precise or self._error() <= PRECISE
        return now_s - self._from_s > LONGEST_S and self._answered >= LEAST_ANSWERS

    def measured(self, now_s: float) -> Measured:
        """The result; only after `completed` has said so."""
        assert self._from_s is not None  # noqa: S101 - `completed` has said that enough was counted
        return Measured(
            limit=self.limit,
            goodput_per_s=self._succeeded / max(1e-6, now_s - self._from_s),
            error=self._error(),
            latency_s=self._latency_s / self._answered,
            in_flight=self._in_flight / self._samples if self._samples else 0.0,
            failed_share=1 - self._succeeded / self._answered,
            client_busy=self._client_busy,
        )

    def extend(self) -> bool:
        """Counts on for as long again; False if it has counted long enough."""
        if self._answered >= MOST_EXTENDED * self._least_needed:
            return False
        self._needed = self._answered + self._least_needed
        return True

    def _error(self) -> float:
        """Standard error of the goodput, as a share of it."""
        batches = len(self._batches_s)
        if batches < 2:
            return 1.0
        mean_s = sum(self._batches_s) / batches
        variance = sum((batch_s - mean_s) ** 2 for batch_s in self._batches_s) / (batches - 1)
        return math.sqrt(variance / batches) / max(1e-9, mean_s)

    def _settle(self, now_s: float) -> None:
        if self._opened_s is None:
            self._opened_s = now_s
        self._settled += 1
        patience_s = None if self._usual_latency_s is None else SETTLE_LATENCIES * self._usual_latency_s
        if self._settled >= self._settle_for or (patience_s is not None and now_s - self._opened_s > patience_s):
            self._from_s = self._batch_from_s = now_s
