"""The distributions that intervals and tests need, in pure Python.

Student's t and the binomial come from the regularised incomplete beta function, computed by its continued fraction
(Lentz's method; Press et al., Numerical Recipes, 6.4). Tails are computed as tails, so that p-values of 10⁻¹⁰⁰ keep
their digits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

__all__ = [
    "beta_quantile",
    "binomial_tail",
    "chi2_tail",
    "normal_tail",
    "regularised_beta",
    "t_quantile",
    "t_tail",
]

_TINY = 1e-300
_CLOSE = 1e-14
_MAX_TERMS = 10_000


def normal_tail(z: float) -> float:
    """The probability that a standard normal value lies beyond ±|z|: a two-sided p."""
    return math.erfc(abs(z) / math.sqrt(2))


def chi2_tail(value: float) -> float:
    """The probability that chi-square with one degree of freedom exceeds `value`."""
    return math.erfc(math.sqrt(value / 2))


def t_tail(t: float, df: float) -> float:
    """The probability that Student's t lies beyond ±|t|: a two-sided p."""
    return regularised_beta(df / (df + t * t), df / 2, 0.5)


def binomial_tail(at_most: int, n: int, share: float = 0.5) -> float:
    """The probability of `at_most` or fewer successes in `n` trials."""
    if at_most < 0:
        return 0.0
    if at_most >= n:
        return 1.0
    return regularised_beta(1 - share, n - at_most, at_most + 1)


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """The value below which Student's t with `df` degrees of freedom stays with probability 0.5 <= p < 1.

    Newton's method on the distribution function, from the normal quantile; the function is concave there, so the
    steps go up to the root from below and never past it.
    """
    if not 0.5 <= p < 1 or df < 1:
        raise ValueError(f"no quantile of t for p = {p}, df = {df}")
    t = NormalDist().inv_cdf(p)
    for _ in range(60):
        step = (t_tail(t, df) / 2 - (1 - p)) / _t_density(t, df)
        t += step
        if abs(step) <= 1e-12 * max(1.0, t):
            break
    return t


def beta_quantile(p: float, a: float, b: float) -> float:
    """The value below which a beta-distributed share stays with probability p, by bisection."""
    low, high = 0.0, 1.0
    while high - low > 1e-16 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if regularised_beta(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


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


def _t_density(t: float, df: float) -> float:
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
