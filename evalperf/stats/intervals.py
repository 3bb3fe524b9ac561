"""95 % intervals of a mean, and the rule that picks one.

- **wilson** where every value is 0 or 1: Wilson's score interval (Wilson 1927), which keeps its coverage near 0 and 1.
- **bootstrap** where the values lean to one side, |skewness| > 1: the ABC interval (DiCiccio and Efron 1992), which is
  the BCa bootstrap in closed form, so it is the same number every time and is taken from merged moments. With the t
  quantile and the n - 1 deviation in place of the normal ones, as Hesterberg (2015) advises for small samples.
- **t** otherwise: Student's t.

Cases are taken as independent; `clusters` has the interval for those that are not.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

from evalperf.stats.distributions import t_quantile
from evalperf.stats.exact import Moments

__all__ = [
    "SKEWED",
    "Interval",
    "IntervalKind",
    "IntervalRule",
    "abc_interval",
    "mean_interval",
    "normal_interval",
    "t_interval",
    "wilson_interval",
]

Interval = tuple[float, float]
IntervalKind = Literal["wilson", "t", "bootstrap", "clustered"]
IntervalRule = Literal["auto", "t", "bootstrap"]

SKEWED = 1.0
"""From this |skewness| on, t misses on one side too often: 10 % instead of 2.5 % with 30 exponential values."""


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Where the true share lies, for `successes` of `n` > 0."""
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes of {n}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = successes / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def normal_interval(mean: float, error: float, level: float = 0.95) -> Interval:
    """The mean ± z standard errors."""
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    return mean - half, mean + half


def t_interval(mean: float, std: float, n: int, level: float = 0.95) -> Interval:
    """Where the true mean lies, for `n` >= 2 independent values with that mean and sample standard deviation."""
    half = t_quantile((1 + level) / 2, n - 1) * std / math.sqrt(n)
    return mean - half, mean + half


def abc_interval(moments: Moments, level: float = 0.95) -> Interval:
    """The approximate bootstrap interval of the mean, for two values or more.

    The mean is linear in the weights of its values. So bias and curvature vanish, acceleration and bias correction are
    both a = skewness / (6 √n), and an end is mean + se · w / (1 - a w)² with w = a ± t (Efron and Tibshirani 1993,
    section 14.4). With any sample a w stays below 1. ValueError below two values.
    """
    mean, std, n = moments.mean(), moments.std(), moments.n
    if mean is None or std is None:
        raise ValueError(f"no interval from {n} values")
    error, quantile = std / math.sqrt(n), t_quantile((1 + level) / 2, n - 1)
    acceleration = (moments.skewness() or 0.0) / (6 * math.sqrt(n))
    low, high = (acceleration - quantile, acceleration + quantile)
    return (
        mean + error * low / (1 - acceleration * low) ** 2,
        mean + error * high / (1 - acceleration * high) ** 2,
    )


def mean_interval(moments: Moments, rule: IntervalRule = "auto") -> tuple[Interval, IntervalKind] | None:
    """The 95 % interval of the mean and how it was made, by the rule above; None below two values."""
    mean, std = moments.mean(), moments.std()
    if mean is None or std is None:
        return None
    if rule == "auto" and moments.binary:
        return wilson_interval(moments.ones, moments.n), "wilson"
    if rule == "bootstrap" or (rule == "auto" and abs(moments.skewness() or 0.0) > SKEWED):
        return abc_interval(moments), "bootstrap"
    return t_interval(mean, std, moments.n), "t"
