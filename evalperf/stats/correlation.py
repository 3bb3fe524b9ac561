"""How two scores of the same cases go together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from evalperf.stats.ranks import ranks

__all__ = ["kendall_tau_b", "pearson", "spearman"]


def pearson(a: Sequence[float], b: Sequence[float]) -> float | None:
    """The linear correlation; None where one side does not vary."""
    n = len(a)
    mean_a, mean_b = math.fsum(a) / n, math.fsum(b) / n
    together = math.fsum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    alone = math.fsum((x - mean_a) ** 2 for x in a) * math.fsum((y - mean_b) ** 2 for y in b)
    return together / math.sqrt(alone) if alone else None


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """The correlation of ranks."""
    return pearson(ranks(a), ranks(b))


def kendall_tau_b(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Concordant less discordant pairs, corrected for ties (Kendall 1945); in n log n (Knight 1966)."""
    n = len(a)
    pairs = sorted(zip(a, b, strict=True))
    total = n * (n - 1) // 2
    tied_a, tied_b, tied_both = (_tied(values) for values in (a, b, pairs))
    swaps = _swaps([y for _, y in pairs])
    scale = math.sqrt((total - tied_a) * (total - tied_b))
    return (total - tied_a - tied_b + tied_both - 2 * swaps) / scale if scale else None


def _tied(values: Sequence[object]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(values).values())


def _swaps(values: list[float]) -> int:
    """How many pairs stand in the wrong order, by merge sort; `values` is sorted afterwards."""
    if len(values) < 2:
        return 0
    middle = len(values) // 2
    left, right = values[:middle], values[middle:]
    swaps = _swaps(left) + _swaps(right)
    at_left = at_right = 0
    for at in range(len(values)):
        if at_right == len(right) or (at_left < len(left) and left[at_left] <= right[at_right]):
            values[at] = left[at_left]
            at_left += 1
        else:
            values[at] = right[at_right]
            swaps += len(left) - at_left
            at_right += 1
    return swaps
