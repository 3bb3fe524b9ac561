"""The curve of a measuring as text: throughput and latency over workers, which double from tick to tick."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from evalperf.tuning import Level

__all__ = ["curve"]

PLOT_WIDTH = 60
THROUGHPUT_ROWS = 7
LATENCY_ROWS = 5
LABEL_WIDTH = 8
EIGHTHS = " ▁▂▃▄▅▆▇█"
PLAIN = "  ..::||#"
"""The same for terminals without block characters."""

Points = list[tuple[float, float]]


def curve(levels: Sequence[Level], chosen: int, *, blocks: bool = True) -> list[str]:
    """Lines of at most 70 columns, none for fewer than two levels with answers; `blocks` says what can be shown."""
    by_workers = sorted((level for level in levels if level.answered), key=lambda level: level.workers)
    if len(by_workers) < 2:
        return []
    top = math.log2(by_workers[-1].workers)
    bars = EIGHTHS if blocks else PLAIN
    throughput = [(math.log2(level.workers), level.cases_per_s) for level in by_workers]
    latency = [(math.log2(one.workers), one.latency_p95_s) for one in by_workers if one.latency_p95_s is not None]
    lines = _plot(throughput, top, THROUGHPUT_ROWS, "cases/s", bars)
    if len(latency) > 1:
        lines += ["", *_plot(latency, top, LATENCY_ROWS, "p95 s", bars)]
    return [*lines, *_axis(by_workers, chosen, top, blocks=blocks)]


def _plot(points: Points, top: float, rows: int, unit: str, bars: str) -> list[str]:
    """Bars from 0 upwards; between two levels on a straight line, which is drawn and not measured."""
    highest = max(value for _, value in points)
    if highest <= 0:
        return []
    heights = [_between(points, column * top / (PLOT_WIDTH - 1)) / highest * rows for column in range(PLOT_WIDTH)]
    labels = {0: f"{_figure(highest)}", rows - 1: unit}
    lines = []
    for row in range(rows):
        base = rows - 1 - row
        cells = "".join(bars[round(8 * min(1.0, max(0.0, height - base)))] for height in heights)
        lines.append(f"{labels.get(row, ''):>{LABEL_WIDTH}} {cells}".rstrip())
    return lines


def _between(points: Points, at: float) -> float:
    for (left, low), (right, high) in pairwise(points):
        if left <= at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return points[-1][1] if at > points[-1][0] else points[0][1]


def _axis(levels: Sequence[Level], chosen: int, top: float, *, blocks: bool) -> list[str]:
    """What was measured, what was chosen, and the powers of two."""

    def column(workers: int) -> int:
        return round(math.log2(workers) / top * (PLOT_WIDTH - 1))

    dot, arrow = ("•", "▲") if blocks else ("o", "^")
    marks = [" "] * PLOT_WIDTH
    for level in levels:
        marks[column(level.workers)] = dot
    if 1 <= chosen <= levels[-1].workers:
        marks[column(chosen)] = arrow
    ticks = _ticks(levels[-1].workers, column)
    return [f"{'':>{LABEL_WIDTH}} {''.join(marks).rstrip()}", f"{'workers':>{LABEL_WIDTH}} {ticks}"]


def _ticks(most: int, column: Callable[[int], int]) -> str:
    """The powers of two, as far as there is room for them."""
    line = ""
    for power in range(most.bit_length()):
        label, at = str(1 << power), column(1 << power)
        if not line or at > len(line):
            line = line.ljust(at) + label
    return line


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
