"""How small a difference can be seen, and how many cases it takes.

A difference d of standard error s is found with power 1 - β by a two-sided test at level α if

    d >= (z_{1-α/2} + z_{1-β}) · s

(Miller 2024, "Adding error bars to evals", section 5); with 5 % and 80 % the factor is 2.8016.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from evalperf.stats.intervals import Interval

__all__ = ["LEVEL", "POWER", "cases_needed", "detectable_difference", "mde_paired", "mde_unpaired", "z_sum"]

LEVEL = 0.05
POWER = 0.8


def z_sum(level: float = LEVEL, power: float = POWER) -> float:
    """z_{1-α/2} + z_{1-β}."""
    return NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)


def mde_unpaired(std: float, n: int, *, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest detectable difference of two runs with `n` cases of their own each."""
    return z_sum(level, power) * std * math.sqrt(2 / n)


def mde_paired(std_of_differences: float, n: int, *, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest detectable mean of `n` differences by case."""
    return z_sum(level, power) * std_of_differences / math.sqrt(n)


def cases_needed(
    difference: float,
    *,
    variance_between: float,
    variances_within: float = 0.0,
    epochs: int = 1,
    level: float = LEVEL,
    power: float = POWER,
) -> int:
    """Cases for a paired comparison that finds `difference`.

    `variance_between` is that of the cases' mean differences (ω² of Miller's equation 9), `variances_within` the sum of
    both runs' variances between the epochs of a case.
    """
    variance = variance_between + variances_within / epochs
    return math.ceil(z_sum(level, power) ** 2 * variance / difference**2)


def detectable_difference(ci95: Interval) -> float | None:
    """The smallest difference that two runs with such an interval each, on cases of their own, tell apart.

    The interval's half width stands for 1.96 standard errors: so the figure holds for every kind of interval, and near
    shares of 0 and 1, where the estimated error itself is 0. None where the interval has no width.
    """
    half = (ci95[1] - ci95[0]) / 2
    if half <= 0:
        return None
    return z_sum() / NormalDist().inv_cdf(0.975) * math.sqrt(2) * half
