"""The smallest number of workers with nearly the best throughput, in at most 13 measurements.

grow     from 1 by four while throughput grows nearly as fast, else by two, until something is the limit
refine   halve, in logarithms, the gap where a smaller good level or a higher peak is most likely
confirm  measure the answer and the best once more; both count together with what they showed before

Where 429s end the growth the number of workers is the wrong thing to turn: then a pace is looked for instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from evalperf.errors import StoppedError
from evalperf.tuning.faults import elasticity, fault, flat_steps, usable
from evalperf.tuning.level import Level, LimitedBy, Measure, MeasurePace, PaceTrial, pooled
from evalperf.tuning.pace_search import Pace, search_pace
from evalperf.tuning.sample import most_replies

__all__ = ["MAX_PROBES", "Bounds", "Findings", "most_requests", "search"]

MAX_PROBES = 13
_TO_GROW = 9
_TO_REFINE = 11
_TO_CONFIRM = 3
_NEAR_LINEAR = 0.9
"""Elasticity of throughput to workers above which the next step is four times as large."""
_DROP = 0.9
"""Of the best throughput; below, the server is past its peak."""
_GOOD_ENOUGH = 0.97
"""Of the best throughput: what the answer has at least."""
_NEARLY_BEST = 0.98
"""While levels are still measured: a stricter bar."""
_DOUBT, _DOUBT_BEFORE = 0.2, 0.5
"""Of the half width of a level, in its favour: when the answer is chosen, and while candidates are still measured."""
_WIDEST = 0.1
"""Of a throughput: a half width beyond that is no reason to believe more of it."""
_PLATEAU = 0.97
"""Of the highest figure: levels that may well be the same."""
_GAP = 1.3
"""Ratio of two levels between which another one is worth measuring."""
_WORTH_A_LOOK = 1.05
"""Of the best throughput: what a peak may have at most, were the growth below it to go on."""


class Bounds(Struct, frozen=True, kw_only=True):
    """What must not be exceeded."""

    max_workers: int = 512
    max_latency_s: float | None = None
    """For the 95th percentile."""


class Findings(Struct, frozen=True, kw_only=True):
    """The setting to use, and the evidence."""

    workers: int
    requests_per_s: float | None
    """The pace to keep; None where nothing was refused."""
    limited_by: LimitedBy
    """What ended the growth."""
    levels: tuple[Level, ...]
    """By workers; a level that was measured twice counts both."""
    paces: tuple[PaceTrial, ...]
    """In the order of trying."""
    probes: int

    @property
    def answer(self) -> Level | None:
        """The level that is recommended; None where a pace was found, which no level was measured at."""
        return next((level for level in self.levels if level.workers == self.workers), None)


def most_requests(max_workers: int) -> int:
    """An upper bound for all levels of a search, larger ones' requests that are still out among them.

    The growth from 1 by four, and every further level as large as it may be; a search usually takes less than half.
    A pace on trial may take more than any level: whoever holds to the bound must stop there.
    """
    grown = [1]
    while grown[-1] < max_workers:
        grown.append(min(max_workers, 4 * grown[-1]))
    grown += [max_workers] * (MAX_PROBES - len(grown))
    return sum(most_replies(workers) for workers in grown) + max_workers


async def search(measure: Measure, measure_pace: MeasurePace, bounds: Bounds) -> Findings:
    """Raises StoppedError where the first level brings no answer at all."""
    found = _Search(measure, bounds)
    limited_by = await found.grow()
    pace: Pace | None = None
    if limited_by == "rate_limit":
        left = MAX_PROBES - found.probes
        pace = await search_pace(measure_pace, found.levels, max_workers=bounds.max_workers, max_trials=left)
    else:
        await found.refine()
        await found.confirm()
    if pace is not None and pace.requests_per_s is not None:
        workers = pace.workers
    else:
        workers = found.answer(_GOOD_ENOUGH, doubt=_DOUBT).workers
    if limited_by == "max_workers" and workers < bounds.max_workers:
        limited_by = "server"
    return Findings(
        workers=workers,
        requests_per_s=None if pace is None else pace.requests_per_s,
        limited_by=limited_by,
        levels=tuple(sorted(found.levels, key=lambda level: level.workers)),
        paces=() if pace is None else pace.trials,
        probes=found.probes + (0 if pace is None else len(pace.trials)),
    )


class _Search:
    """The levels so far. Once the budget is spent, no step measures anything more."""

    def __init__(self, measure: Measure, bounds: Bounds) -> None:
        self._measure = measure
        self._bounds = bounds
        self._by_workers: dict[int, Level] = {}
        self._spent = False
        self.probes = 0

    @property
    def levels(self) -> list[Level]:
        """In the order of first measuring."""
        return list(self._by_workers.values())

    def usable(self) -> list[Level]:
        """By workers; the first level where none is."""
        return usable(self.levels, self._bounds.max_latency_s) or self.levels[:1]

    def best(self) -> Level:
        """The most throughput."""
        return max(self.usable(), key=lambda level: level.cases_per_s)

    def answer(self, share: float, *, doubt: float) -> Level:
        """The smallest level with that share of the best.

        The best of several noisy figures is too high, so all levels near it are taken together.
        """
        nearly_per_s = _PLATEAU * self.best().cases_per_s
        plateau = [level for level in self.usable() if level.cases_per_s >= nearly_per_s]
        best_per_s = sum(level.answered for level in plateau) / max(1e-9, sum(level.seconds for level in plateau))
        return next(level for level in self.usable() if _at_most_per_s(level, doubt) >= share * best_per_s)

    async def grow(self) -> LimitedBy:
        """Until something is the limit, and returns what."""
        workers = 1
        while True:
            level = await self._probe(workers)
            if level is None:
                return "budget" if self._by_workers else _no_time()
            stop = self._stop()
            if stop is not None:
                return stop
            near_linear = len(self.levels) == 1 or elasticity(*self.levels[-2:]) >= _NEAR_LINEAR
            workers = min(self._bounds.max_workers, level.workers * (4 if near_linear else 2))

    async def refine(self) -> None:
        """Measures between levels."""
        while self.probes < _TO_REFINE and not self._spent:
            workers = self._gap()
            if workers is None:
                return
            await self._probe(workers)

    async def confirm(self) -> None:
        """Measures again what decides."""
        confirmed: set[int] = set()
        while len(confirmed) < _TO_CONFIRM and self.probes < MAX_PROBES and not self._spent:
            decisive = [self.answer(_NEARLY_BEST, doubt=_DOUBT_BEFORE).workers, self.best().workers]
            left = [workers for workers in decisive if workers not in confirmed]
            if not left:
                return
            confirmed.add(left[0])
            await self._probe(left[0])

    async def _probe(self, workers: int) -> Level | None:
        level = await self._measure(workers)
        if level is None:
            self._spent = True
            return None
        self.probes += 1
        known = self._by_workers.get(workers)
        self._by_workers[workers] = level if known is None else pooled(known, level)
        if not any(one.answered for one in self.levels) and not level.refused:
            why = "" if level.reason is None else f": {level.reason}"
            raise StoppedError(
                f"the endpoint answered none of the cases it was probed with{why}",
                hint="try one case first: evalperf run CONFIG --limit 1",
            )
        return level

    def _stop(self) -> LimitedBy | None:
        levels = self.levels
        last = levels[-1]
        wrong = fault(last, levels, self._bounds.max_latency_s)
        if wrong is not None:
            return wrong
        best = max(level.cases_per_s for level in levels)
        if last.cases_per_s < _DROP * best or flat_steps(levels) >= 2:
            return "server"
        if last.workers >= self._bounds.max_workers:
            return "max_workers"
        return "server" if self.probes >= _TO_GROW else None

    def _gap(self) -> int | None:
        """The geometric middle of the most promising gap: where a peak may hide, or a smaller level be good enough."""
        rising = self.usable()
        best, first = self.best(), self.answer(_NEARLY_BEST, doubt=_DOUBT_BEFORE)
        gaps: list[tuple[float, int]] = []
        below = [level for level in rising if level.workers < first.workers]
        if below and first.workers / below[-1].workers > _GAP:
            gaps.append((below[-1].cases_per_s, _middle(below[-1], first)))
        above = [level for level in self.levels if level.workers > best.workers]
        if above:
            after = min(above, key=lambda level: level.workers)
            if after.workers / best.workers > _GAP and self._has_lost(after, best):
                gaps.append((after.cases_per_s, _middle(best, after)))
        hump = _hump(rising, best)
        if hump is not None:
            gaps.append((best.cases_per_s, hump))
        open_gaps = [gap for gap in gaps if gap[1] not in self._by_workers]
        return max(open_gaps)[1] if open_gaps else None

    def _has_lost(self, level: Level, best: Level) -> bool:
        return level not in self.usable() or level.cases_per_s < _NEARLY_BEST * best.cases_per_s


def _hump(rising: Sequence[Level], best: Level) -> int | None:
    """The middle of a gap beside the best, if growth as it was below that gap leaves room for a peak in it."""
    at = rising.index(best)
    for low in (at - 1, at):
        if low < 1 or low + 1 >= len(rising):
            continue
        before, left, right = rising[low - 1 : low + 2]
        slope = (left.cases_per_s - before.cases_per_s) / (left.workers - before.workers)
        middle = _middle(left, right)
        may_be_per_s = left.cases_per_s + slope * (middle - left.workers)
        if right.workers / left.workers > _GAP and may_be_per_s > _WORTH_A_LOOK * best.cases_per_s:
            return middle
    return None


def _at_most_per_s(level: Level, doubt: float) -> float:
    """What it may well bring: by so much of its half width more than the figure."""
    half_width_per_s = level.half_width_per_s or 0.0
    return level.cases_per_s + doubt * min(half_width_per_s, _WIDEST * level.cases_per_s)


def _middle(low: Level, high: Level) -> int:
    return round(math.sqrt(low.workers * high.workers))


def _no_time() -> LimitedBy:
    raise StoppedError(
        "the budget was spent before a single worker was measured", hint="give it more: --budget or --max-requests"
    )
