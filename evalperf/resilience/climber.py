"""How many requests to keep in flight, found by climbing the goodput: successes per second, and nothing else.

Latency says too little: on a server that batches it grows from the second request on, long before throughput stops
growing, so that limits driven by latency (Vegas, gradients) stay at an eighth of what such a server can do. Refusals
say too little, too: many servers never refuse, they only get slower.
"""

from __future__ import annotations

import math
from enum import Enum

from evalperf.resilience.epoch import Epoch, Measured

__all__ = ["GoodputClimber"]

FAST = 0.5
"""Elasticity (Δ ln goodput / Δ ln limit) that is worth doubling for; 1 is linear, 0 is a plateau."""
WORTHWHILE = 0.15
RESUME = 0.6
"""Elasticity of an upward probe that shows the server to be far from its limit again."""
LOSS_OK = 0.03
"""Goodput that may be given up for fewer requests in flight: lower latency, and room for other users."""
STEP = 1.25
LONG_STEP = 1.5
"""Of a probe upwards where the goodput is noisier than STEADY: a short one would drown in the noise."""
STEADY = 0.04
KNEE_ROOM = 1.1
DRIFT = 0.2
HOPELESS = 0.8
"""Share of the goodput before a step up, below which the step needs no further looking at."""
SATURATED = 0.85
"""Mean in-flight over the limit, below which something else has limited the epoch."""
MOST_FAILED = 0.05
LONGEST_WAIT = 16


class _Phase(Enum):
    STARTUP = "startup"  # doubles while that pays
    RESTING = "resting"  # stays, and watches for drift
    PROBING = "probing"  # the B of an A-B-A probe
    CLOSING = "closing"  # its second A


class GoodputClimber:
    """Climbs to the knee of the goodput curve and stays there, with rare probes to both sides.

    Each decision rests on an epoch: a generation of answers is let go by after a change of the limit, then a few
    generations are measured. A probe is A-B-A, so that a slow drift of the server does not look like its effect.
    Epochs that did not use the limit, or in which too many requests failed, decide nothing; epochs in which this
    machine was too busy never speak for more requests in flight.
    """

    def __init__(self, *, start: int = 16, least: int = 1, most: int = 512) -> None:
        self._least = least
        self._most = most
        self.limit = self._clamp(start)
        """Requests to keep in flight."""
        self._phase = _Phase.STARTUP
        self._before: Measured | None = None  # the startup's last step, or a probe's first A
        self._probed: Measured | None = None  # the probe's B
        self._usual_per_s: float | None = None  # smoothed goodput at rest
        self._upwards = True  # the direction of the next probe
        self._rested = 0
        self._wait = 1  # epochs of rest between two probes
        self._epoch = Epoch(
            self.limit, settle=2 * self.limit, latency_s=None, cruising=False
        )  # short answers come first
        self.latency_s: float | None = None
        """Mean latency of the last epoch, None before the first."""

    @property
    def climbing(self) -> bool:
        """Whether it is still on its first way up, or on its way up again."""
        return self._phase is _Phase.STARTUP

    def sent(self, in_flight: int, *, client_busy: bool = False) -> None:
        """A request has left; `in_flight` counts it, too."""
        self._epoch.sent(in_flight, client_busy=client_busy)

    def completed(self, now_s: float, latency_s: float, *, ok: bool) -> None:
        """An answer or a failure other than a 429 came back. Never call it for what came from a cache."""
        if not self._epoch.completed(now_s, latency_s, ok=ok):
            return
        measured = self._epoch.measured(now_s)
        if self._is_unclear(measured) and self._epoch.extend():
            return
        self.latency_s = measured.latency_s
        if self._is_evidence(measured):
            self._decide(measured)
        elif self._phase is not _Phase.STARTUP:
            self._rest()
        self._begin()

    def hold(self, limit: int) -> None:
        """Takes over a limit that was found elsewhere (by a pacer, or after an outage); ends startup and probe."""
        self.limit = self._clamp(limit)
        self._rest(wait=LONGEST_WAIT)
        self._begin()

    def climb_again(self, limit: int) -> None:
        """Starts anew from that limit: what was learned meanwhile does not hold."""
        self.limit = self._clamp(limit)
        self._rest(wait=1)
        self._phase = _Phase.STARTUP
        self._begin()

    def raise_to(self, limit: int) -> None:
        """Allows more without a trial: a pace that has been raised needs more in flight."""
        if limit > self.limit:
            self.limit = self._clamp(limit)

    def _is_unclear(self, measured: Measured) -> bool:
        """Whether it can't be told yet if the startup's last step was worth while."""
        before = self._before
        if self._phase is not _Phase.STARTUP or before is None or measured.limit <= before.limit:
            return False
        return abs(_elasticity(before, measured) - WORTHWHILE) < _elasticity_error(before, measured)

    # decisions -------------------------------------------------------------------------------------------------------

    def _is_evidence(self, measured: Measured) -> bool:
        saturated = measured.in_flight >= SATURATED * measured.limit or self._phase is _Phase.CLOSING
        return saturated and measured.failed_share <= MOST_FAILED

    def _decide(self, measured: Measured) -> None:
        match self._phase:
            case _Phase.STARTUP:
                self._start_up(measured)
            case _Phase.RESTING:
                self._look_around(measured)
            case _Phase.PROBING:
                assert self._before is not None  # noqa: S101 - a probe begins with its A
                self._probed = measured
                self._phase = _Phase.CLOSING
                self.limit = self._before.limit
            case _Phase.CLOSING:
                self._judge(measured)

    def _start_up(self, measured: Measured) -> None:
        before = self._before
        if before is None or measured.limit <= before.limit:
            if measured.client_busy or measured.limit >= self._most:
                self._rest()
                return
            self._before = measured
            self.limit = self._clamp(measured.limit * 2)
            return
        gain = _elasticity(before, measured)
        in_doubt = gain < WORTHWHILE <= gain + _elasticity_error(before, measured)
        if (gain >= WORTHWHILE or in_doubt) and measured.limit < self._most and not measured.client_busy:
            self._before = before if in_doubt else measured  # a longer step tells more
            self.limit = self._clamp(round(measured.limit * (2 if gain >= FAST else 1.5)))
            return
        if gain < WORTHWHILE or measured.client_busy:
            best_per_s = max(measured.goodput_per_s, before.goodput_per_s)
            knee = round(KNEE_ROOM * best_per_s * before.latency_s)  # Little's law
            self.limit = self._clamp(min(measured.limit, max(before.limit, knee)))
            self._upwards = gain > 0
        self._rest()

    def _look_around(self, measured: Measured) -> None:
        goodput_per_s, usual_per_s = measured.goodput_per_s, self._usual_per_s
        if usual_per_s is not None and abs(goodput_per_s / usual_per_s - 1) > DRIFT:
            if goodput_per_s > usual_per_s and not measured.client_busy and measured.limit < self._most:
                self._climb_from(measured)  # the same requests in flight, and sooner answered: there is room
                return
            self._wait, self._upwards, usual_per_s = 1, False, goodput_per_s
        self._usual_per_s = goodput_per_s if usual_per_s is None else (usual_per_s + goodput_per_s) / 2
        self._rested += 1
        if self._rested < self._wait:
            return
        self._rested = 0
        limit = measured.limit
        up = self._upwards and not measured.client_busy
        self._upwards = not up
        step = STEP if measured.error <= STEADY or not up else LONG_STEP
        target = self._clamp(max(limit + 1, round(limit * step)) if up else min(limit - 1, round(limit / step)))
        if target != limit:
            self._before, self._phase, self.limit = measured, _Phase.PROBING, target

    def _judge(self, closing: Measured) -> None:
        before, probed = self._before, self._probed
        assert before is not None and probed is not None  # noqa: S101, PT018 - the two steps before this one
        base_per_s = (before.goodput_per_s + closing.goodput_per_s) / 2
        gain = math.log(max(1e-9, probed.goodput_per_s / base_per_s)) / math.log(probed.limit / before.limit)
        up = probed.limit > before.limit
        comparable = before.client_busy == probed.client_busy == closing.client_busy
        if up:
            accepted = gain >= WORTHWHILE and not probed.client_busy
        else:
            doubt = math.hypot(probed.error, before.error / 2, closing.error / 2) / 2
            accepted = comparable and probed.goodput_per_s >= (1 - LOSS_OK + doubt) * base_per_s
        if up and accepted and gain >= RESUME and probed.limit * 2 <= self._most:
            self._climb_from(probed)
            return
        if accepted:
            self.limit = probed.limit
            self._upwards = up
        self._rest(wait=1 if accepted else min(LONGEST_WAIT, 2 * self._wait))
        if not accepted:
            self._usual_per_s = closing.goodput_per_s  # the server may change while it is being probed

    def _climb_from(self, measured: Measured) -> None:
        self._phase, self._before = _Phase.STARTUP, measured
        self.limit = self._clamp(measured.limit * 2)

    # states ----------------------------------------------------------------------------------------------------------

    def _rest(self, wait: int | None = None) -> None:
        if self._phase in {_Phase.PROBING, _Phase.CLOSING} and self._before is not None and wait is None:
            self.limit = self._before.limit  # the probe was not finished
        if self._phase is _Phase.STARTUP:
            self._wait = 1
        if wait is not None:
            self._wait = wait
        self._phase = _Phase.RESTING
        self._before = self._probed = None
        self._usual_per_s = None
        self._rested = 0

    def _begin(self) -> None:
        settle = min(self._epoch.limit, self.limit)  # so many were sent under the last limit and still may answer
        cruising = self._phase is not _Phase.STARTUP
        before = self._before
        higher = before is not None and self.limit > before.limit
        self._epoch = Epoch(
            self.limit,
            settle=settle,
            latency_s=self.latency_s,
            cruising=cruising,
            hopeless_per_s=HOPELESS * before.goodput_per_s if before is not None and higher else 0.0,
        )

    def _clamp(self, limit: int) -> int:
        return max(self._least, min(self._most, limit))


def _elasticity(before: Measured, after: Measured) -> float:
    ratio = after.goodput_per_s / max(1e-9, before.goodput_per_s)
    return math.log(max(1e-9, ratio)) / math.log(after.limit / before.limit)


def _elasticity_error(before: Measured, after: Measured) -> float:
    """Its standard error."""
    return math.hypot(before.error, after.error) / math.log(after.limit / before.limit)
