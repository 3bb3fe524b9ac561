"""Values far from the others: to be told, not taken out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from evalperf.stats.ranks import quantile

__all__ = ["fences", "modified_z"]

_TO_DEVIATIONS = 0.6745
"""The median absolute deviation of a normal distribution, in standard deviations (Iglewicz and Hoaglin 1993)."""


def fences(values: Sequence[float], *, severe: bool = False) -> tuple[float, float]:
    """Outside of these a value is an outlier: 1.5 (severe: 3) interquartile ranges off the quartiles (Tukey 1977)."""
    low, high = quantile(values, 0.25), quantile(values, 0.75)
    reach = (3 if severe else 1.5) * (high - low)
    return low - reach, high + reach


def modified_z(values: Sequence[float]) -> list[float]:
    """How far each value lies from the median, in standard deviations estimated from the median absolute deviation.

    Beyond ±3.5 it is an outlier. Where half of the values are equal, others are infinitely far.
    """
    middle = median(values)
    deviation = median(abs(value - middle) for value in values)
    if deviation == 0:
        return [0.0 if value == middle else float("inf") if value > middle else float("-inf") for value in values]
    return [_TO_DEVIATIONS * (value - middle) / deviation for value in values]
