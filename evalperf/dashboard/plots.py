"""The measured side of the picture: throughput, latency, scores."""

from __future__ import annotations

from evalperf.dashboard.draw import Glyphs, Line, bar, ends, fit, joined, sparkline, width_of
from evalperf.dashboard.histogram import profile
from evalperf.dashboard.numbers import clean, count, money, rate, score
from evalperf.dashboard.pieces import GOOD, LIVELY, QUIET, pace, quantile
from evalperf.dashboard.snapshot import ScorerNumbers, Snapshot

__all__ = ["latency", "score_line", "scores", "throughput"]

NAME_WIDTH = 14
SHORTEST_BAR = 5


def throughput(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Three lines: cases per second over the last minutes, the pace, and tokens or cost."""
    finished = [float(second.finished) for second in snapshot.seconds]
    paces = [pace(snapshot.cases_per_s, "cases/s", glyphs)]
    aside = []
    if snapshot.mean_per_s is not None:
        aside.append(f"mean {rate(snapshot.mean_per_s)}")
    if snapshot.peak_per_s is not None:
        aside.append(f"peak {count(snapshot.peak_per_s)}")
    paces.append([(glyphs.dot.join(aside), QUIET)])
    spent: list[Line] = []
    if snapshot.tokens_per_s is not None:
        spent.append(pace(snapshot.tokens_per_s, "tokens/s out", glyphs))
    if snapshot.cost_usd is not None:
        spent.append([(money(snapshot.cost_usd), "bold"), (" so far", QUIET)])
    return [sparkline(finished, width, LIVELY, glyphs), joined(paces, "  "), joined(spent, "  ")]


def latency(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Three lines: the distribution over log time, three quantiles, and the first token where answers are streamed."""
    quantiles = [quantile(f"p{share}", snapshot.latency, share / 100, glyphs) for share in (50, 95, 99)]
    first_token: Line = []
    if any(snapshot.ttft):
        parts = [quantile(f"p{share}", snapshot.ttft, share / 100, glyphs) for share in (50, 95)]
        first_token = [("first token ", QUIET), *joined(parts, "  ")]
    elif any(snapshot.latency):
        ends_at = [quantile(name, snapshot.latency, share, glyphs) for name, share in (("from", 0.005), ("to", 0.995))]
        first_token = [*((text, QUIET) for text, _ in joined(ends_at, " ")), (", log scale", QUIET)]
    return [
        sparkline(profile(snapshot.latency, width), width, "medium_purple1", glyphs),
        joined(quantiles, "  "),
        first_token,
    ]


def scores(snapshot: Snapshot, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """A line per scorer: name, bar where the mean is a share, mean, interval."""
    if not snapshot.scorers:
        return [[("no score yet", QUIET)]]
    shown = snapshot.scorers if len(snapshot.scorers) <= rows else snapshot.scorers[: rows - 1]
    lines = [_score(numbers, width, glyphs) for numbers in shown]
    if len(shown) < len(snapshot.scorers):
        lines.append([(f"and {len(snapshot.scorers) - len(shown)} more", QUIET)])
    return lines


def _score(numbers: ScorerNumbers, width: int, glyphs: Glyphs) -> Line:
    right: Line = [(f"{score(numbers.mean):>6}", "bold"), (f" {_interval(numbers, glyphs):<6}", QUIET)]
    name = fit([(clean(numbers.name), "")], NAME_WIDTH, glyphs.ellipsis)
    room = width - NAME_WIDTH - width_of(right) - 1
    if room < SHORTEST_BAR or not 0 <= numbers.mean <= 1:
        return ends(name, right, width, glyphs.ellipsis)
    return [*name, (" ", ""), *bar(numbers.mean, room, GOOD, glyphs), *right]


def score_line(snapshot: Snapshot, glyphs: Glyphs) -> list[Line]:
    """All scorers on one line; none before the first score."""
    parts: list[Line] = [
        [(f"{clean(numbers.name)} ", QUIET), (score(numbers.mean), "bold"), (f" {_interval(numbers, glyphs)}", QUIET)]
        for numbers in snapshot.scorers
    ]
    return [joined(parts, "   ")] if parts else []


def _interval(numbers: ScorerNumbers, glyphs: Glyphs) -> str:
    return "" if numbers.half_width is None else f"{glyphs.plus_minus}{score(numbers.half_width)}"
