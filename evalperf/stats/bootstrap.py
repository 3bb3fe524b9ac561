"""Intervals of a mean by resampling, for values that are all at hand; `intervals.abc_interval` needs only moments."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import NormalDist

from evalperf.stats.exact import Moments
from evalperf.stats.intervals import Interval
from evalperf.stats.ranks import quantile

__all__ = ["bca_interval", "percentile_interval", "resampled_means"]


def resampled_means(values: Sequence[float], *, seed: int, resamples: int = 2000) -> list[float]:
    """Means of `resamples` samples of the same size, drawn with replacement; the order of `values` does not matter.

    Costs about 0.06 µs for each value drawn.
    """
    ordered, choices = sorted(values), random.Random(seed).choices
    return [math.fsum(choices(ordered, k=len(ordered))) / len(ordered) for _ in range(resamples)]


def percentile_interval(means: Sequence[float], level: float = 0.95) -> Interval:
    """The middle of the resampled means: too short for few values (Efron and Tibshirani 1993, chapter 13)."""
    tail = (1 - level) / 2
    return quantile(means, tail), quantile(means, 1 - tail)


def bca_interval(values: Sequence[float], *, seed: int, resamples: int = 2000, level: float = 0.95) -> Interval:
    """Bias-corrected and accelerated (Efron 1987); for the mean the jackknife's acceleration is skewness / (6 √n)."""
    moments = Moments()
    moments.add_all(list(values))
    mean, skewness = moments.mean(), moments.skewness() if moments.n else None
    if mean is None:
        raise ValueError("no values to resample")
    if skewness is None:  # all values are equal
        return mean, mean
    means = resampled_means(values, seed=seed, resamples=resamples)
    acceleration = skewness / (6 * math.sqrt(moments.n))
    normal = NormalDist()
    below = sum(found < mean for found in means) + sum(found == mean for found in means) / 2
    bias = normal.inv_cdf(min(max(below / resamples, 1 / resamples), 1 - 1 / resamples))
    ends = []
    for p in ((1 - level) / 2, (1 + level) / 2):
        shifted = bias + normal.inv_cdf(p)
        ends.append(quantile(means, normal.cdf(bias + shifted / (1 - acceleration * shifted))))
    return ends[0], ends[1]
