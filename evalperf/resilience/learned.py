"""From the limits that a server states with each reply: the rate that it means."""

from __future__ import annotations

from evalperf.resilience.ratelimit_headers import StatedLimit

__all__ = ["LearnedLimit"]

USUAL_PERIOD_S = 60.0
SHORTEST_PERIOD_S = 1.0
LONGEST_PACED_S = 90.0
"""Limits per hour or day are for spending, not for pacing: at an even pace a short run would never end."""


class LearnedLimit:
    """One kind of limit; no dialect says for which period it holds, but `reset` tells it over time.

    A bucket states when it will be full again, so period = reset · limit / used. A window states when it ends, so
    period ≥ reset, and the same formula gives too much at first and too little in the end. The period is therefore
    taken as the larger of the longest reset and the least of those estimates: exact for buckets, right for windows
    from the first one that was seen from its start.
    """

    __slots__ = ("_least_estimate_s", "_limit", "_longest_reset_s")

    def __init__(self) -> None:
        self._limit: float | None = None
        self._least_estimate_s: float | None = None
        self._longest_reset_s: float | None = None

    def observe(self, stated: StatedLimit) -> None:
        """One reply's statement."""
        if self._limit != stated.limit:
            self._limit, self._least_estimate_s, self._longest_reset_s = stated.limit, None, None
        if not stated.reset_s or stated.remaining is None or stated.remaining >= stated.limit:
            return  # a reset in no time, or with nothing used, says nothing about the period
        estimate_s = stated.reset_s * stated.limit / (stated.limit - stated.remaining)
        least_s, longest_s = self._least_estimate_s, self._longest_reset_s
        self._least_estimate_s = estimate_s if least_s is None else min(least_s, estimate_s)
        self._longest_reset_s = stated.reset_s if longest_s is None else max(longest_s, stated.reset_s)

    @property
    def period_s(self) -> float:
        """For how long the stated limit is meant; a minute, where nothing tells otherwise."""
        if self._least_estimate_s is None or self._longest_reset_s is None:
            return USUAL_PERIOD_S
        return max(SHORTEST_PERIOD_S, self._least_estimate_s, self._longest_reset_s)

    @property
    def rate_per_s(self) -> float | None:
        """The pace that uses the limit up evenly; None where nothing is stated, or for a period too long to pace."""
        if self._limit is None or self.period_s > LONGEST_PACED_S:
            return None
        return self._limit / self.period_s

    def exhausted(self, stated: StatedLimit) -> bool:
        """Whether nothing is left until the reset.

        An empty bucket states its whole period, and yet has room again after a fraction of it: not exhausted.
        """
        if stated.remaining is None or stated.remaining > 0 or stated.reset_s is None:
            return False
        whole_period = stated.reset_s >= 0.95 * self.period_s
        return not whole_period or self.period_s > LONGEST_PACED_S
