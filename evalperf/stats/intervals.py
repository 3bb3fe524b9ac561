"""95 % intervals of a mean, in pure Python.

Wilson's score interval where every value is 0 or 1 (Wilson 1927; keeps its coverage near 0 and 1, unlike p ± 2 se), and
Student's t elsewhere. The t quantile inverts the regularised incomplete beta function, computed by its continued
fraction (Lentz's method; Press et al., Numerical Recipes, 6.4). Cases are taken as independent.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

from evalperf.stats.exact import Moments

__all__ = [
    "Interval",
    "IntervalKind",
    "mean_interval",
    "regularised_beta",
    "t_interval",
    "t_quantile",
    "wilson_interval",
]

Interval = tuple[float, float]
IntervalKind = Literal["wilson", "t"]

_TINY = 1e-300
_CLOSE = 1e-13
_MAX_TERMS = 10_000


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


def t_interval(mean: float, std: float, n: int, level: float = 0.95) -> Interval:
    """Where the true mean lies, for `n` >= 2 independent values with that mean and sample standard deviation."""
    half = t_quantile((1 + level) / 2, n - 1) * std / math.sqrt(n)
    return mean - half, mean + half


def mean_interval(moments: Moments) -> tuple[Interval, IntervalKind] | None:
    """The 95 % interval of the mean and the method: Wilson where all values are 0 or 1, else t; None below 2 values."""
    mean, std = moments.mean(), moments.std()
    if mean is None or std is None:
        return None
    if moments.binary:
        return wilson_interval(moments.ones, moments.n), "wilson"
    return t_interval(mean, std, moments.n), "t"


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: int) -> float:
    """The value below which Student's t with `df` degrees of freedom stays with probability 0.5 <= p < 1.

    Newton's method on the distribution function, from the normal quantile; the function is concave there, so the
    steps go up to the root from below and never past it.
    """
    if not 0.5 <= p < 1 or df < 1:
        raise ValueError(f"no quantile of t for p = {p}, df = {df}")
    t = NormalDist().inv_cdf(p)
    for _ in range(200):
        step = (p - _t_cdf(t, df)) / _t_density(t, df)
        t += step
        if abs(step) <= 1e-12 * max(1.0, t):
            break
    return t


def regularised_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), the distribution function of the beta distribution."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(log_front) * _beta_fraction(x, a, b) / a
    return 1 - math.exp(log_front) * _beta_fraction(1 - x, b, a) / b


def _t_cdf(t: float, df: int) -> float:
    return 1 - regularised_beta(df / (df + t * t), df / 2, 0.5) / 2


def _t_density(t: float, df: int) -> float:
    log_front = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    return math.exp(log_front - (df + 1) / 2 * math.log1p(t * t / df))


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            fraction *= d * c
        if abs(d * c - 1) < _CLOSE:
            return fraction
    raise ArithmeticError(f"the continued fraction of I_{x}({a}, {b}) does not converge")


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
