"""Whether a server grants a pace, however large the burst that it allows.

A bucket that was empty at the last refusal holds at most rate · time since, less what was accepted since. So a pace
is granted for certain once so much was accepted that a rate a little lower could not have paid for it; and from one
refusal to the next a server has accepted no more than its rate.
"""

from __future__ import annotations

from typing import NamedTuple

from evalperf.tuning.level import PaceTrial
from evalperf.tuning.sample import Reply

__all__ = ["Refusals", "Ticket", "Trial"]

RESOLUTION = 1.04
"""A granted pace is at most that much above what the server grants."""
REFUSAL_S = 1.0
"""Within that time a refusal comes."""
LONGEST_S = 60.0
"""A pace that is not refused twice in that time is taken as granted."""
TOLERATED = 1
"""Refusals in a trial: the first empties the bucket, or was meant for an earlier setting."""


class Ticket(NamedTuple):
    """Where a request stands."""

    refusals: int
    """How many there had been when it left."""
    place: int
    """Among the requests since, from 1."""


class Refusals:
    """429s in the order of time; those of requests that left before the last one was known belong to it."""

    def __init__(self, now_s: float) -> None:
        self.number = 0
        self.at_s = now_s
        """When the request that was refused last had left: since then the bucket fills."""
        self.sent = 0
        """Requests since the refusal was known."""
        self.cycle_per_s: float | None = None
        """What was accepted between the last two."""

    def ticket(self) -> Ticket:
        """For a request that leaves now."""
        self.sent += 1
        return Ticket(self.number, self.sent)

    def note(self, ticket: Ticket, sent_s: float) -> None:
        """A request that left at that time was refused; those that left after it have probably been, too."""
        if ticket.refusals != self.number:
            return
        if self.number and sent_s > self.at_s:
            self.cycle_per_s = (ticket.place - 1) / (sent_s - self.at_s)
        self.number += 1
        self.at_s, self.sent = sent_s, 0


class Trial:
    """One pace from its first request to the verdict."""

    def __init__(self, rate_per_s: float, workers: int, refusals: Refusals, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._workers = workers
        self._refusals = refusals
        self._refusals_before = refusals.number
        self._began_s = now_s
        self._shown_s: float | None = None  # since when so much is accepted that the pace must be granted
        self._refused = 0
        self._latencies_s: list[float] = []
        self._granted: bool | None = None

    def add(self, reply: Reply) -> None:
        """Counts a reply."""
        if reply.kind == "refused":
            self._refused += 1
            if self._refusals.number - self._refusals_before > TOLERATED:
                self._granted = False
        elif reply.kind == "answered":
            self._latencies_s.append(reply.latency_s)

    def look(self, now_s: float) -> None:
        """Looks whether the pace is shown to be granted."""
        since = self._refusals
        if since.sent <= self._rate_per_s / RESOLUTION * (now_s - since.at_s) + 1:
            self._shown_s = None
        elif self._shown_s is None:
            self._shown_s = now_s
        shown = self._shown_s is not None and now_s - self._shown_s >= REFUSAL_S
        if self._granted is None and (shown or now_s - self._began_s > LONGEST_S):
            self._granted = True

    @property
    def over(self) -> bool:
        """Whether there is a verdict."""
        return self._granted is not None

    def result(self, now_s: float, sent: int) -> PaceTrial:
        """The verdict."""
        granted = self._granted is True
        return PaceTrial(
            rate_per_s=self._rate_per_s,
            workers=self._workers,
            granted=granted,
            sustained_per_s=None if granted else self._refusals.cycle_per_s,
            refused=self._refused,
            sent=sent,
            seconds=now_s - self._began_s,
            latency_mean_s=sum(self._latencies_s) / len(self._latencies_s) if self._latencies_s else None,
        )
