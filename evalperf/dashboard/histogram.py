"""Durations in buckets that each are 5 % wider than the one before: small, exact in count, 2.5 % off in value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import log

__all__ = ["BUCKETS", "bucket_of", "profile", "quantile_s"]

GROWTH = 1.05
SHORTEST_S = 1e-4
"""All that is shorter shares the first bucket."""
BUCKETS = 336
"""Up to about 20 minutes; all that is longer shares the last bucket."""

_PER_LOG = 1 / log(GROWTH)
_LAST = BUCKETS - 1


def bucket_of(duration_s: float) -> int:
    """The bucket's number: 0 for up to 0.1 ms, then by the logarithm."""
    if duration_s <= SHORTEST_S:
        return 0
    number = int(log(duration_s / SHORTEST_S) * _PER_LOG) + 1
    return min(_LAST, number)


def quantile_s(counts: Sequence[int], share: float) -> float | None:
    """The geometric middle of the bucket that holds the quantile: at most 2.5 % off; None without any count."""
    total = sum(counts)
    if total == 0:
        return None
    rank = max(1, min(total, round(share * total)))
    number = next(index for index, below in enumerate(accumulate(counts)) if below >= rank)
    return SHORTEST_S if number == 0 else float(SHORTEST_S * GROWTH ** (number - 0.5))


def profile(counts: Sequence[int], columns: int) -> list[float]:
    """The distribution over `columns` cells of equal width in log time, from the 0.5 to the 99.5 % quantile's bucket.

    A bucket that lies across cells is shared out by overlap, so that no comb appears where widths do not divide.
    """
    total = sum(counts)
    cells = [0.0] * columns
    if total == 0:
        return cells
    below = list(accumulate(counts))
    first = next(index for index, count in enumerate(below) if count > 0.005 * total)
    last = next(index for index, count in enumerate(below) if count >= 0.995 * total)
    scale = columns / (last - first + 1)
    for number in range(first, last + 1):
        if counts[number]:
            _share_out(cells, counts[number], (number - first) * scale, (number - first + 1) * scale)
    return cells


def _share_out(cells: list[float], count: int, start: float, end: float) -> None:
    density = count / (end - start)
    for cell in range(int(start), min(len(cells), int(end) + 1)):
        overlap = min(end, cell + 1) - max(start, cell)
        if overlap > 0:
            cells[cell] += overlap * density
