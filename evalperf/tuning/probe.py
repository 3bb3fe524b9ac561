"""How many workers an endpoint pays for, measured at a few levels."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from evalperf.errors import StoppedError

__all__ = ["Level", "LimitedBy", "Measure", "Recommendation", "probe"]

LimitedBy = Literal["server", "rate_limit", "client_cpu", "errors", "latency", "max_workers", "max_levels"]

_NEAR_LINEAR = 0.9  # elasticity of throughput to workers above which the next step is four times as large
_GAIN = 1.03  # a step that brings less is flat
_DROP = 0.9  # of the best throughput; below, the server is past its peak
_GOOD_ENOUGH = 0.97  # of the best throughput
_LOST = 0.98  # of the best throughput; a level above the best that lost more may hide a peak before it
_GAP = 1.3  # ratio of two levels between which another one is worth measuring
_MAX_SHARE = 0.01  # of 429s, and of other errors, beyond what smaller levels had
_MAX_SHARE_AT_FIRST = 0.5  # of either, at the first level
_MANY = 1_000_000  # attempts of a level that does not count them
_DEVIATIONS = 3.0  # standard errors of a difference between shares that chance does not explain
_MAX_CPU_SHARE = 0.85  # of one core: the client's loop is full


class Level(Struct, frozen=True, kw_only=True):
    """One number of workers as measured in a steady state."""

    workers: int
    cases_per_s: float
    """Answered cases; refused and failed ones don't count."""
    latency_p50_s: float | None
    """None where nothing was answered."""
    latency_p95_s: float | None
    error_share: float
    """Failed attempts other than 429s, of all attempts."""
    share_429: float
    """Attempts refused with 429, of all attempts."""
    cpu_share: float
    """Of one core, by this process."""
    attempts: int | None = None
    """How many the shares are of; None = so many that they are exact."""


class Recommendation(Struct, frozen=True, kw_only=True):
    """The number to use, and the evidence."""

    workers: int
    limited_by: LimitedBy
    """What ended the growth."""
    why: str
    """A sentence or two."""
    levels: tuple[Level, ...]
    """In the order of measuring."""


Measure = Callable[[int], Awaitable[Level]]
"""Brings the endpoint to a steady state at that many workers, and measures."""


async def probe(
    measure: Measure, *, max_workers: int = 512, max_levels: int = 9, max_latency_s: float | None = None
) -> Recommendation:
    """The smallest number of workers with 97 % of the best throughput that was measured on a server at ease.

    Grows from 1 by four while throughput grows nearly as fast, else by two; one more level halves the gap beside the
    answer. 429s and failures end the growth when they come with load; a server that fails as often at every level is
    only flaky. `max_latency_s` bounds the 95th percentile. Raises StoppedError where the first level brings no answer.
    """
    levels, stop = await _grow(measure, max_workers, max_levels, max_latency_s)
    if len(levels) < max_levels:
        between = _gap(_clean(levels, max_latency_s))
        if between is not None:
            levels.append(await measure(between))
    clean = _clean(levels, max_latency_s) or levels[:1]
    best = max(clean, key=lambda level: level.cases_per_s)
    answer = min(_good_enough(clean), key=lambda level: level.workers)
    limited_by: LimitedBy = "server" if stop == "max_workers" and answer.workers < max_workers else stop
    return Recommendation(
        workers=answer.workers,
        limited_by=limited_by,
        why=_why(answer, best, limited_by),
        levels=tuple(levels),
    )


async def _grow(
    measure: Measure, max_workers: int, max_levels: int, max_latency_s: float | None
) -> tuple[list[Level], LimitedBy]:
    levels = [await measure(1)]
    if levels[0].cases_per_s <= 0:
        raise StoppedError(
            "the endpoint answered none of the cases it was probed with",
            hint="try one case first: evalperf run CONFIG --limit 1",
        )
    while True:
        stop = _stop(levels, max_workers, max_latency_s)
        if stop is not None:
            return levels, stop
        if len(levels) >= max_levels:
            return levels, "max_levels"
        factor = 4 if len(levels) == 1 or _elasticity(levels[-2], levels[-1]) >= _NEAR_LINEAR else 2
        levels.append(await measure(min(max_workers, levels[-1].workers * factor)))


def _stop(levels: list[Level], max_workers: int, max_latency_s: float | None) -> LimitedBy | None:
    last = levels[-1]
    fault = _fault(last, levels, max_latency_s)
    if fault is not None:
        return fault
    best = max(level.cases_per_s for level in levels)
    if last.cases_per_s < _DROP * best or _flat_steps(levels) >= 2:
        return "server"
    return "max_workers" if last.workers >= max_workers else None


def _fault(level: Level, levels: list[Level], max_latency_s: float | None) -> LimitedBy | None:
    """What is wrong with a level; `client_cpu` alone leaves it usable."""
    below = [other for other in levels if other.workers < level.workers]
    if _comes_with_load(level, below, lambda other: other.share_429):
        return "rate_limit"
    if _comes_with_load(level, below, lambda other: other.error_share):
        return "errors"
    if max_latency_s is not None and level.latency_p95_s is not None and level.latency_p95_s > max_latency_s:
        return "latency"
    return "client_cpu" if level.cpu_share >= _MAX_CPU_SHARE else None


def _comes_with_load(level: Level, below: list[Level], share: Callable[[Level], float]) -> bool:
    """Whether more attempts fail than at all smaller levels together, by more than chance (two shares, pooled)."""
    if not below:
        return share(level) > _MAX_SHARE_AT_FIRST
    weights = [_weight(other) for other in below]
    before, here = sum(weights), _weight(level)
    usual = sum(share(other) * weight for other, weight in zip(below, weights, strict=True)) / before
    pooled = (usual * before + share(level) * here + 0.5) / (before + here + 1)
    error = math.sqrt(pooled * (1 - pooled) * (1 / before + 1 / here))
    return share(level) - usual > max(_MAX_SHARE, _DEVIATIONS * error)


def _weight(level: Level) -> int:
    return _MANY if level.attempts is None else max(1, level.attempts)


def _flat_steps(levels: list[Level]) -> int:
    """How many of the last steps brought no more than 3 % over the best before them."""
    flat = 0
    best = levels[0].cases_per_s
    for level in levels[1:]:
        flat = flat + 1 if level.cases_per_s < best * _GAIN else 0
        best = max(best, level.cases_per_s)
    return flat


def _elasticity(before: Level, after: Level) -> float:
    """Growth of throughput over growth of workers, in logarithms: 1 = in proportion, 0 = none."""
    if min(before.cases_per_s, after.cases_per_s) <= 0:
        return 0.0
    return math.log(after.cases_per_s / before.cases_per_s) / math.log(after.workers / before.workers)


def _clean(levels: list[Level], max_latency_s: float | None) -> list[Level]:
    return [level for level in levels if _fault(level, levels, max_latency_s) in (None, "client_cpu")]


def _good_enough(clean: list[Level]) -> list[Level]:
    best = max(level.cases_per_s for level in clean)
    return [level for level in clean if level.cases_per_s >= _GOOD_ENOUGH * best]


def _gap(clean: list[Level]) -> int | None:
    """The geometric middle of the gap where a smaller good level, or a higher peak, is most likely."""
    if not clean:
        return None
    rising = sorted(clean, key=lambda level: level.workers)
    best = max(rising, key=lambda level: level.cases_per_s)
    first = min(_good_enough(rising), key=lambda level: level.workers)
    below = max((level for level in rising if level.workers < first.workers), key=lambda x: x.workers, default=None)
    above = min((level for level in rising if level.workers > best.workers), key=lambda x: x.workers, default=None)
    gaps: list[tuple[float, int]] = []
    if below is not None and first.workers / below.workers > _GAP:
        gaps.append((below.cases_per_s, round(math.sqrt(below.workers * first.workers))))
    if above is not None and above.workers / best.workers > _GAP and above.cases_per_s < _LOST * best.cases_per_s:
        gaps.append((above.cases_per_s, round(math.sqrt(best.workers * above.workers))))
    measured = {level.workers for level in clean}
    open_gaps = [gap for gap in gaps if gap[1] not in measured]
    return max(open_gaps)[1] if open_gaps else None


def _why(answer: Level, best: Level, limited_by: LimitedBy) -> str:
    who = "1 worker brings" if answer.workers == 1 else f"{answer.workers} workers bring"
    what = f"{who} {answer.cases_per_s:.1f} cases/s"
    if answer.workers != best.workers:
        share = answer.cases_per_s / best.cases_per_s
        what += f", {share:.0%} of the {best.cases_per_s:.1f} at {best.workers}"
    return f"{what}. {_BECAUSE[limited_by]}"


_BECAUSE: dict[LimitedBy, str] = {
    "server": "The server is the limit: more workers only wait longer.",
    "rate_limit": "The server's rate limit is the limit: more workers only collect 429s.",
    "client_cpu": "This process is the limit: its event loop is full.",
    "errors": "The server is the limit: with more workers its answers fail.",
    "latency": "The bound on latency is the limit: with more workers the 95th percentile exceeds it.",
    "max_workers": "Throughput still grows: the limit is max_workers, and more would bring more.",
    "max_levels": "Throughput still grows: the probe ended before a limit was found.",
}
