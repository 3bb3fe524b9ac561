"""What was found, in words: what to set, what its neighbours bring, and what the limit is."""

from __future__ import annotations

from evalperf.tuning.level import Level, LimitedBy
from evalperf.tuning.search import Findings

__all__ = ["advice"]

_BECAUSE: dict[LimitedBy, str] = {
    "server": "Limited by the server: more workers only wait longer",
    "rate_limit": "Limited by the rate limit: more workers only wait for it or collect 429s",
    "client_cpu": "Limited by this process: its event loop is full",
    "errors": "Limited by the server: with more workers its answers fail",
    "latency": "Limited by the bound on latency: with more workers the 95th percentile exceeds it",
    "max_workers": "Limited by max_workers: throughput still grows, and more would bring more",
    "budget": "Limited by the budget of this measurement: it ended before anything else did",
}
_PAST_ITS_PEAK = "Limited by the server: it slows down beyond"


def advice(found: Findings) -> str:
    """The setting and what it brings; what the next levels bring; what the limit is."""
    return ". ".join([_setting(found), *_neighbours(found), _because(found)]) + "."


def _setting(found: Findings) -> str:
    workers = "1 worker" if found.workers == 1 else f"{found.workers} workers"
    if found.requests_per_s is not None:
        return f"Set {workers} and {found.requests_per_s:.3g} requests/s"
    level = found.answer
    if level is None:
        return f"Set {workers}"
    figures = [f"{level.cases_per_s:.1f}{_half_width(level)} cases/s"]
    if level.latency_p95_s is not None:
        figures.append(f"p95 {level.latency_p95_s:.2f} s")
    return f"Set {workers}: {', '.join(figures)}"


def _half_width(level: Level) -> str:
    return "" if level.half_width_per_s is None else f" ± {level.half_width_per_s:.1f}"


def _neighbours(found: Findings) -> list[str]:
    """The next smaller and the next larger level, as shares of the answer's throughput."""
    level = found.answer
    if level is None or found.requests_per_s is not None or level.cases_per_s <= 0:
        return []
    at = found.levels.index(level)
    beside = [*found.levels[max(0, at - 1) : at], *found.levels[at + 1 : at + 2]]
    shares = [f"{other.workers} bring{'s' * (other.workers == 1)} {_share(other, level)}" for other in beside]
    return [", ".join(shares)] if shares else []


def _share(other: Level, level: Level) -> str:
    return f"{other.cases_per_s / level.cases_per_s:.0%}"


def _because(found: Findings) -> str:
    level = found.answer
    if found.limited_by == "server" and level is not None and _falls_beyond(found, level):
        return f"{_PAST_ITS_PEAK} about {level.workers}"
    return _BECAUSE[found.limited_by]


def _falls_beyond(found: Findings, level: Level) -> bool:
    above = [other for other in found.levels if other.workers > level.workers]
    return bool(above) and above[-1].cases_per_s < 0.9 * max(one.cases_per_s for one in found.levels)
