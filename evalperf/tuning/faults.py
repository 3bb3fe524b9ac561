"""Which levels a server took at ease, and what was wrong with the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from evalperf.tuning.level import Level, LimitedBy

__all__ = ["elasticity", "fault", "flat_steps", "usable"]

_GAIN = 1.03
"""A step that brings less is flat."""
_MAX_SHARE = 0.01
"""Of 429s, and of other errors, beyond what smaller levels had."""
_MAX_REFUSED = 0.3
"""Of 429s at any level: a server that is only flaky sends fewer, and one worker alone may be above a limit."""
_MAX_FAILED = 0.5
"""Of other errors at any level."""
_DEVIATIONS = 3.0
"""Standard errors of a difference between shares that chance does not explain."""
_MAX_CPU_SHARE = 0.85
"""Of one core: the client's event loop is full."""


def fault(level: Level, levels: Sequence[Level], max_latency_s: float | None) -> LimitedBy | None:
    """What is wrong with a level, held against the smaller ones of `levels`; `client_cpu` alone leaves it usable."""
    below = [other for other in levels if other.workers < level.workers]
    if _comes_with_load(level, below, lambda other: other.refused, _MAX_REFUSED):
        return "rate_limit"
    if _comes_with_load(level, below, lambda other: other.failed, _MAX_FAILED):
        return "errors"
    if max_latency_s is not None and level.latency_p95_s is not None and level.latency_p95_s > max_latency_s:
        return "latency"
    return "client_cpu" if level.cpu_share >= _MAX_CPU_SHARE else None


def usable(levels: Sequence[Level], max_latency_s: float | None) -> list[Level]:
    """Those that may be recommended, by their number of workers."""
    found = [level for level in levels if fault(level, levels, max_latency_s) in (None, "client_cpu")]
    return sorted(found, key=lambda level: level.workers)


def flat_steps(levels: Sequence[Level]) -> int:
    """How many of the last steps brought no more than 3 % over the best before them."""
    flat = 0
    best = levels[0].cases_per_s
    for level in levels[1:]:
        flat = flat + 1 if level.cases_per_s < best * _GAIN else 0
        best = max(best, level.cases_per_s)
    return flat


def elasticity(before: Level, after: Level) -> float:
    """Growth of throughput over growth of workers, in logarithms: 1 = in proportion, 0 = none."""
    if min(before.cases_per_s, after.cases_per_s) <= 0:
        return 0.0
    return math.log(after.cases_per_s / before.cases_per_s) / math.log(after.workers / before.workers)


def _comes_with_load(level: Level, below: Sequence[Level], count: Callable[[Level], int], most: float) -> bool:
    """Whether more than `most` fail, or more than at all smaller levels, by more than chance (two shares, pooled)."""
    here = max(1, level.attempts)
    share = count(level) / here
    if not below or share > most:
        return share > most
    before = max(1, sum(other.attempts for other in below))
    usual = sum(count(other) for other in below) / before
    whole = (usual * before + share * here + 0.5) / (before + here + 1)
    error = math.sqrt(whole * (1 - whole) * (1 / before + 1 / here))
    return share - usual > max(_MAX_SHARE, _DEVIATIONS * error)
