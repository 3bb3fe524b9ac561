"""The rate that an endpoint lets pass, from its refusals alone: concurrency is the wrong knob for a rate limit."""

from __future__ import annotations

import math
from collections import deque

from evalperf.resilience.scatter import Scatter, Sent

__all__ = ["Pacer"]

SPAN_S = 5.0
"""Accepted requests are counted over so long a time."""
FIRST_SHARE = 0.9
CUT_SHARE = 0.95
LOWEST_CUT = 0.5
SAFE_SHARE = 0.98
"""Of the last rate that was refused: approached quickly, then left slowly."""
STEP_S = 5.0
FIRST_PROBE, PROBE_GROWTH, LARGEST_PROBE = 0.005, 1.4, 0.25
BLIND_PROBE = 0.08
"""The first probe after the first refusal: what was accepted until then tells little of the rate."""
BLIND_ACCEPTED = 20
"""A first refusal after fewer answers than this says next to nothing of the rate: it is then found by doubling."""
DOUBLING_S = 1.0
VOLLEY_S = 0.1
SAME_RATE = 0.05
MOST_PATIENT = 15
"""Steps at the safe rate before probing; doubled when the same rate is refused again."""
MIN_GAP_S = 2.0
LEAST_ACCEPTED_PER_S = 0.2


class Pacer:
    """No pace until the first refusal; from then on a rate close below what is refused.

    After a refusal the rate falls to what was accepted, comes back quickly to just below the rate that was refused, and
    then probes beyond it in steps that grow the longer nothing is refused (the shape of CUBIC, RFC 9438; switched on by
    the first refusal as in botocore's adaptive retries). Requests must then be spaced strictly: a server that allows no
    burst refuses every second of two that come together.

    Refusals that come at any pace have another reason than the rate (see `Scatter`): there is no pace then, either.
    """

    def __init__(self) -> None:
        self._sent: deque[float] = deque()
        self._refused: deque[float] = deque()
        self._refused_rate_per_s = 0.0
        self._cut_s = float("-inf")
        self._stepped_s = 0.0
        self._probe = BLIND_PROBE
        self._patience = 0
        self._waited = 0
        self._began_s: float | None = None
        self._doubling = False
        self._scatter = Scatter()
        self.rate_per_s: float | None = None
        """Requests per second to send; None while nothing was refused."""

    @property
    def scattered(self) -> bool:
        """Whether refusals have turned out to come at any pace: a pause of the endpoint is then of no use."""
        return self._scatter.found

    def sent(self, now_s: float) -> Sent:
        """A request has left."""
        if self._began_s is None:
            self._began_s = now_s
        self._sent.append(now_s)
        _forget(self._sent, now_s - SPAN_S)
        return self._scatter.sent(now_s)

    def accepted(self, now_s: float, sent: Sent) -> None:
        """A request was answered."""
        was_found = self._scatter.found
        if self._scatter.accepted(sent, now_s, self.rate_per_s):
            self._lift(now_s)
        elif was_found:
            self._take_back(now_s)

    def refused(self, now_s: float, latency_s: float, sent: Sent, *, allowed_per_s: float | None = None) -> bool:
        """A 429; True if the pace was cut for it: once for all refusals of the same moment.

        `latency_s` is the mean latency: what was on its way at the last cut is refused by the old pace. `allowed_per_s`
        is a limit that is stated, by the configuration or by the server.
        """
        self._refused.append(now_s)
        _forget(self._refused, now_s - SPAN_S)
        was_found = self._scatter.found
        if self._scatter.refused(sent, now_s, self.rate_per_s, after_cut=sent.at_s >= self._cut_s):
            self._lift(now_s)
            return False
        if was_found:
            self._take_back(now_s)
            return False
        if now_s - self._cut_s < max(MIN_GAP_S, latency_s):
            return False
        self._cut_s = self._stepped_s = now_s
        self._waited = 0
        self._cut(now_s, allowed_per_s)
        return True

    def tick(self, now_s: float) -> None:
        """Raises the pace after each 5 s without a refusal; called as often as one likes."""
        rate_per_s = self.rate_per_s
        if rate_per_s is None or now_s - self._stepped_s < (DOUBLING_S if self._doubling else STEP_S):
            return
        self._stepped_s = now_s
        safe_per_s = SAFE_SHARE * self._refused_rate_per_s
        if self._doubling:
            self.rate_per_s = 2 * rate_per_s
        elif rate_per_s < safe_per_s:
            step_per_s = max(0.3 * (safe_per_s - rate_per_s), 0.01 * rate_per_s)
            self.rate_per_s = min(safe_per_s, rate_per_s + step_per_s)
        elif self._waited < self._patience:
            self._waited += 1
        else:
            self.rate_per_s = rate_per_s * (1 + self._probe)
            self._probe = min(LARGEST_PROBE, self._probe * PROBE_GROWTH)

    def limit_for(self, latency_s: float) -> int | None:
        """Requests in flight that the pace needs, by Little's law with half as much again; None without a pace."""
        return None if self.rate_per_s is None else math.ceil(1.5 * self.rate_per_s * latency_s) + 2

    def _lift(self, now_s: float) -> None:
        if self.rate_per_s is not None:
            self._scatter.lift(self.rate_per_s, self._accepted_per_s(now_s))
            self.rate_per_s = None

    def _take_back(self, now_s: float) -> None:
        """Where the pace has turned out to matter after all, it is what it was before it was lifted."""
        if not self._scatter.found:
            self.rate_per_s = self._scatter.lifted_per_s
            self._cut_s = self._stepped_s = now_s

    def _cut(self, now_s: float, allowed_per_s: float | None) -> None:
        rate_per_s = self.rate_per_s
        accepted_per_s = self._accepted_per_s(now_s)
        if rate_per_s is None:
            self._scatter.begin(self._sent_per_s(now_s), stated=allowed_per_s is not None)
            self._doubling = allowed_per_s is None and len(self._sent) - len(self._refused) < BLIND_ACCEPTED
            if allowed_per_s is None:
                self._refused_rate_per_s = accepted_per_s
                self.rate_per_s = FIRST_SHARE * accepted_per_s
            else:  # it was kept: what was wrong is the spacing, which is strict from now on
                self._refused_rate_per_s = self.rate_per_s = allowed_per_s
            return
        self._scatter.cut()
        known_per_s = self._refused_rate_per_s
        same = abs(rate_per_s / known_per_s - 1) <= SAME_RATE
        self._patience = min(MOST_PATIENT, 2 * self._patience + 1) if same else 0
        self._probe = FIRST_PROBE
        self._refused_rate_per_s = rate_per_s
        lowest_per_s = LOWEST_CUT * rate_per_s
        if self._doubling:  # half of it was let pass a moment ago
            self._doubling = False
            self.rate_per_s = lowest_per_s
        else:
            self.rate_per_s = max(lowest_per_s, min(CUT_SHARE * rate_per_s, accepted_per_s))

    def _accepted_per_s(self, now_s: float) -> float:
        span_s = self._span_s(now_s)
        refused = sum(1 for at_s in self._refused if at_s >= now_s - span_s)
        return max(LEAST_ACCEPTED_PER_S, (len(self._sent) - refused) / span_s)

    def _sent_per_s(self, now_s: float) -> float:
        """Before there was a pace; the first requests of a run all leave at once."""
        began_s = now_s if self._began_s is None else self._began_s
        return len(self._sent) / min(SPAN_S, max(VOLLEY_S, now_s - began_s))

    def _span_s(self, now_s: float) -> float:
        began_s = now_s if self._began_s is None else self._began_s
        return min(SPAN_S, max(1.0, now_s - began_s))


def _forget(times: deque[float], before_s: float) -> None:
    while times and times[0] < before_s:
        times.popleft()
