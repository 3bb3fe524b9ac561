"""Quantities that are known within bounds, and how bounds come out of samples.

Each part of an estimate (the lengths of the prompts, tokens per byte, the lengths of answers) gets an interval of level
1 - 0.05 / PARTS, and sums and products take the parts' ends together. By Bonferroni's inequality all parts are within
theirs at once in 95 % of cases or more, however they depend on each other; so is then what is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from evalperf.stats.distributions import t_quantile

__all__ = ["LEVEL", "PARTS", "Range", "exactly", "mean_of_draws", "ratio_of_pairs", "sum_of", "total_of_sample"]

LEVEL = 0.95
PARTS = 8
"""As many as an estimate usually has at most: three of the answers, one of the time, two for each of two judges."""
_TAIL = (1 - LEVEL) / PARTS / 2


class Range(Struct, frozen=True):
    """Of a quantity that is never negative: bounds, and what is to be expected between them."""

    low: float
    expected: float | None
    """None where nothing tells where between the bounds it lies."""
    high: float | None
    """None where there is no upper bound."""

    def times(self, other: Range) -> Range:
        """The product."""
        return Range(self.low * other.low, _product(self.expected, other.expected), _product(self.high, other.high))

    def scaled(self, factor: float) -> Range:
        """So many times as much."""
        return self.times(exactly(factor))


def exactly(value: float) -> Range:
    """A quantity that is known."""
    return Range(value, value, value)


def sum_of(parts: Iterable[Range]) -> Range:
    """The sum; what is not known of one part is not known of it."""
    parts = list(parts)
    expected = [part.expected for part in parts if part.expected is not None]
    highs = [part.high for part in parts if part.high is not None]
    return Range(
        math.fsum(part.low for part in parts),
        math.fsum(expected) if len(expected) == len(parts) else None,
        math.fsum(highs) if len(highs) == len(parts) else None,
    )


def total_of_sample(values: Sequence[float], population: int) -> Range:
    """The sum over a population of which these values are a simple random sample.

    Student's t with the finite population correction √(1 - n/N): exact where the sample is the population. One value
    of several bounds nothing.
    """
    n = len(values)
    if n == 0:
        return exactly(0.0)
    mean = math.fsum(values) / n
    if n >= population:
        return exactly(mean * population)
    if n == 1:
        return Range(0.0, mean * population, None)
    error = _deviation(values, mean) / math.sqrt(n) * math.sqrt(1 - n / population)
    return _around(mean, t_quantile(1 - _TAIL, n - 1) * error).scaled(population)


def mean_of_draws(values: Sequence[float], future: float) -> Range:
    """The mean of so many future values, where these were drawn from the same source: a prediction interval by t."""
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return Range(0.0, mean, None)
    error = _deviation(values, mean) * math.sqrt(1 / n + 1 / max(future, 1.0))
    return _around(mean, t_quantile(1 - _TAIL, n - 1) * error)


def ratio_of_pairs(pairs: Sequence[tuple[float, float]]) -> Range | None:
    """The ratio of y to x by the estimator Σy / Σx, with its linearised error (Cochran, Sampling Techniques, 6.3).

    None below two pairs.
    """
    n, whole = len(pairs), math.fsum(x for x, _ in pairs)
    if n < 2 or whole <= 0:
        return None
    ratio = math.fsum(y for _, y in pairs) / whole
    residual = math.fsum((y - ratio * x) ** 2 for x, y in pairs) / (n - 1)
    error = math.sqrt(residual / n) / (whole / n)
    return _around(ratio, t_quantile(1 - _TAIL, n - 1) * error)


def _around(middle: float, half: float) -> Range:
    return Range(max(0.0, middle - half), middle, middle + half)


def _deviation(values: Sequence[float], mean: float) -> float:
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _product(one: float | None, other: float | None) -> float | None:
    if one == 0 or other == 0:
        return 0.0  # nothing, times whatever it may be
    return None if one is None or other is None else one * other
