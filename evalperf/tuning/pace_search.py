"""The pace that a server grants, where 429s and not its capacity are the limit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from evalperf.tuning.faults import usable
from evalperf.tuning.level import Level, MeasurePace, PaceTrial

__all__ = ["Pace", "search_pace", "workers_for"]

_CLOSE = 1.04
"""Ratio of a refused to a granted pace at which the search ends."""
_MARGIN = 0.99
"""Of the best pace that was granted."""
_FIRST_STEP = 2.0
_NUDGES = (1.02, 1.035)
"""Steps up from what a server sustained from refusal to refusal, which is exact for one that grants bursts."""
_UNKNOWN_LATENCY_S = 1.0


class Pace(Struct, frozen=True, kw_only=True):
    """The pace to keep, and workers that never bind at it."""

    requests_per_s: float | None
    """None where no trial came to an end."""
    workers: int
    trials: tuple[PaceTrial, ...]


async def search_pace(measure: MeasurePace, levels: Sequence[Level], *, max_workers: int, max_trials: int) -> Pace:
    """Brackets the pace between one that was granted, or sustained over a refusal, and one that was refused."""
    latency_s = max((level.latency_mean_s or 0.0 for level in levels), default=0.0) or _UNKNOWN_LATENCY_S
    bracket = _Bracket(max((level.cases_per_s for level in usable(levels, None)), default=1 / latency_s))
    trials: list[PaceTrial] = []
    while len(trials) < max_trials and not bracket.closed:
        rate_per_s = bracket.next_per_s()
        trial = await measure(rate_per_s, workers_for(rate_per_s, latency_s, max_workers))
        if trial is None:
            break
        trials.append(trial)
        bracket.narrow(trial)
    found_per_s = None if bracket.low is None else _MARGIN * bracket.low
    at_ease = [trial.latency_mean_s for trial in trials if trial.granted and trial.latency_mean_s is not None]
    latency_s = max([latency_s, *at_ease])
    workers = 1 if found_per_s is None else workers_for(found_per_s, latency_s, max_workers)
    return Pace(requests_per_s=found_per_s, workers=workers, trials=tuple(trials))


def workers_for(rate_per_s: float, latency_s: float, max_workers: int) -> int:
    """So many that the pace and not they are the limit: Little's law with room for slow answers."""
    return min(max_workers, math.ceil(1.5 * rate_per_s * latency_s) + 2)


class _Bracket:
    """`low` was granted or sustained, `high` was refused; None before there is one."""

    def __init__(self, clean_per_s: float) -> None:
        self.low: float | None = None
        self.high: float | None = None
        self._clean_per_s = clean_per_s  # a burst may have paid for it: a hint and no bound
        self._nudges: tuple[float, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether the two are as close as it takes."""
        return self.low is not None and self.high is not None and self.high <= _CLOSE * self.low

    def narrow(self, trial: PaceTrial) -> None:
        """Takes a verdict in."""
        self._nudges = self._nudges[1:]
        if trial.granted:
            self.low = trial.rate_per_s
            return
        self.high = trial.rate_per_s
        sustained_per_s = min(trial.sustained_per_s or 0.0, trial.rate_per_s)
        if sustained_per_s > (self.low or 0.0):
            self.low, self._nudges = sustained_per_s, _NUDGES

    def next_per_s(self) -> float:
        """What to try next."""
        if self.low is None and self.high is None:
            return _FIRST_STEP * self._clean_per_s
        if self.high is None:
            return _FIRST_STEP * (self.low or 0.0)
        if self.low is None:
            return self.high / _FIRST_STEP
        middle = math.sqrt(self.low * self.high)
        return min(middle, self._nudges[0] * self.low) if self._nudges else middle
