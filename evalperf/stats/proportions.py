"""Shares: their intervals, and tests of two of them. Counts are exact, so nothing here needs the single values."""

from __future__ import annotations

import math
from statistics import NormalDist

from evalperf.stats.distributions import beta_quantile, binomial_tail, normal_tail
from evalperf.stats.intervals import Interval, wilson_interval

__all__ = [
    "agresti_coull_interval",
    "clopper_pearson_interval",
    "cohens_h",
    "fisher_exact",
    "jeffreys_interval",
    "newcombe_interval",
    "phi_correlation",
    "sign_test",
    "two_proportion_z",
]


def clopper_pearson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """The exact interval (Clopper and Pearson 1934): never too short, and usually too long."""
    tail = (1 - level) / 2
    low = beta_quantile(tail, successes, n - successes + 1) if successes else 0.0
    high = beta_quantile(1 - tail, successes + 1, n - successes) if successes < n else 1.0
    return low, high


def jeffreys_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """The quantiles of the posterior under Jeffreys' prior (Brown, Cai and DasGupta 2001)."""
    tail, a, b = (1 - level) / 2, successes + 0.5, n - successes + 0.5
    return beta_quantile(tail, a, b), beta_quantile(1 - tail, a, b)


def agresti_coull_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """The share ± z standard errors, after adding z²/2 successes and as many failures (Agresti and Coull 1998)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    added = n + z * z
    share = (successes + z * z / 2) / added
    half = z * math.sqrt(share * (1 - share) / added)
    return share - half, share + half


def newcombe_interval(successes_a: int, n_a: int, successes_b: int, n_b: int, level: float = 0.95) -> Interval:
    """Where the difference a - b of two independent shares lies (Newcombe 1998, method 10: from Wilson's ends)."""
    a, b = successes_a / n_a, successes_b / n_b
    low_a, high_a = wilson_interval(successes_a, n_a, level)
    low_b, high_b = wilson_interval(successes_b, n_b, level)
    return a - b - math.hypot(a - low_a, high_b - b), a - b + math.hypot(high_a - a, b - low_b)


def two_proportion_z(successes_a: int, n_a: int, successes_b: int, n_b: int) -> tuple[float, float]:
    """The z and two-sided p that two shares are equal, with the pooled error; (0, 1) where none or all succeeded."""
    pooled = (successes_a + successes_b) / (n_a + n_b)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    if error == 0:
        return 0.0, 1.0
    z = (successes_a / n_a - successes_b / n_b) / error
    return z, normal_tail(z)


def fisher_exact(successes_a: int, n_a: int, successes_b: int, n_b: int) -> float:
    """The two-sided exact p that two shares are equal: all tables that are no more probable than the one seen.

    Costs 1 µs for each table that is possible: the smaller of `n_a` and the successes, at most.
    """
    successes, n = successes_a + successes_b, n_a + n_b
    low, high = max(0, successes - n_b), min(n_a, successes)
    constant = _log_choose(n, n_a)
    logs = [_log_choose(successes, k) + _log_choose(n - successes, n_a - k) - constant for k in range(low, high + 1)]
    seen = logs[successes_a - low] + 1e-7  # equal tables differ in the last digits
    return min(1.0, math.fsum(math.exp(log) for log in logs if log <= seen))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def sign_test(wins: int, losses: int) -> float:
    """The two-sided exact p that wins and losses are equally likely; ties are left out. 1 where there are none."""
    return min(1.0, 2 * binomial_tail(min(wins, losses), wins + losses)) if wins + losses else 1.0


def cohens_h(a: float, b: float) -> float:
    """The distance of two shares on the scale of equal variance (Cohen 1988): 0.2 small, 0.5 medium, 0.8 large."""
    return 2 * math.asin(math.sqrt(a)) - 2 * math.asin(math.sqrt(b))


def phi_correlation(both: int, only_a: int, only_b: int, neither: int) -> float | None:
    """The correlation of two yes-no verdicts on the same cases; None where one of them is always the same."""
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    return (both * neither - only_a * only_b) / math.sqrt(margins) if margins else None
