"""Two runs on the same cases: what matters is the difference of each case, not the two means.

Cases go by id; what the runs do not share is left out and must be counted by the caller.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

from msgspec import Struct

from evalperf.stats.bootstrap import bca_interval
from evalperf.stats.distributions import binomial_tail, chi2_tail, normal_tail, t_tail
from evalperf.stats.exact import Moments
from evalperf.stats.intervals import Interval, t_interval
from evalperf.stats.proportions import sign_test
from evalperf.stats.ranks import ranks

__all__ = [
    "PairedBinary",
    "PairedT",
    "differences",
    "mcnemar",
    "mcnemar_chi2",
    "mcnemar_mid_p",
    "paired_binary",
    "paired_bootstrap",
    "paired_t",
    "sign_flip",
    "wilcoxon",
]

_EXACT_SIGNS = 12
"""Up to here all 2ⁿ ways to flip signs are tried."""
_EXACT_RANKS = 50
"""Up to here Wilcoxon's p is counted, where ranks do not tie."""


def differences(a: Mapping[str, float], b: Mapping[str, float]) -> list[float]:
    """The differences a - b for every id that both have, in the order of the ids."""
    return [a[case] - b[case] for case in sorted(a.keys() & b.keys())]


class PairedBinary(Struct, frozen=True, kw_only=True):
    """Right or wrong on the same cases."""

    n: int
    only_a: int
    only_b: int
    difference: float
    error: float | None
    """Standard error of the difference (n - 1); None below two cases."""


def paired_binary(both: int, only_a: int, only_b: int, neither: int) -> PairedBinary:
    """Difference of two shares on the same cases, and its error."""
    n = both + only_a + only_b + neither
    if n == 0:
        raise ValueError("no cases in common")
    difference = (only_a - only_b) / n
    spread = (only_a + only_b) / n - difference**2
    error = math.sqrt(spread / (n - 1)) if n > 1 else None
    return PairedBinary(n=n, only_a=only_a, only_b=only_b, difference=difference, error=error)


def mcnemar(only_a: int, only_b: int) -> float:
    """The two-sided exact p that cases right in one run only are as often A's as B's (McNemar 1947)."""
    return sign_test(only_a, only_b)


def mcnemar_mid_p(only_a: int, only_b: int) -> float:
    """The same with the outcome seen counted by half: less cautious, and close to its level (Fagerland et al. 2013)."""
    n, fewer = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return 1.0
    seen = binomial_tail(fewer, n) - binomial_tail(fewer - 1, n)
    return min(1.0, mcnemar(only_a, only_b) - seen) if only_a != only_b else 1.0 - seen


def mcnemar_chi2(only_a: int, only_b: int, *, corrected: bool = True) -> tuple[float, float]:
    """Chi-square and its p, with Edwards' continuity correction by default; (0, 1) where nothing differs."""
    if only_a == only_b:
        return 0.0, 1.0
    value = (abs(only_a - only_b) - corrected) ** 2 / (only_a + only_b)
    return value, chi2_tail(value)


class PairedT(Struct, frozen=True, kw_only=True):
    """The t test of differences."""

    n: int
    mean: float
    error: float
    t: float
    p: float
    ci95: Interval


def paired_t(values: Sequence[float]) -> PairedT | None:
    """Student's t on differences by case; None below two, or where they are all equal."""
    moments = Moments()
    moments.add_all(list(values))
    mean, std, n = moments.mean(), moments.std(), moments.n
    if mean is None or not std:
        return None
    error = std / math.sqrt(n)
    t = mean / error
    return PairedT(n=n, mean=mean, error=error, t=t, p=t_tail(t, n - 1), ci95=t_interval(mean, std, n))


def paired_bootstrap(values: Sequence[float], *, seed: int, resamples: int = 2000) -> Interval:
    """The BCa interval of the mean difference."""
    return bca_interval(values, seed=seed, resamples=resamples)


def sign_flip(values: Sequence[float], *, seed: int, draws: int = 10_000) -> float:
    """The two-sided p of the mean difference when each case's sign is a toss (Fisher's randomisation test).

    Up to 12 differences that are not 0, all ways are counted; above, `draws` of them by the seed, and
    p = (1 + as large) / (1 + draws). Equal differences are drawn together, so that a million cases of 0 and ±1 cost as
    little as a thousand.
    """
    nonzero = [value for value in values if value != 0]
    least = abs(math.fsum(nonzero)) * (1 - 1e-12)  # sums that are equal on paper differ in the last digits
    if len(nonzero) <= _EXACT_SIGNS:
        flips = product((1, -1), repeat=len(nonzero))
        sums = [abs(math.fsum(sign * value for sign, value in zip(signs, nonzero, strict=True))) for signs in flips]
        return sum(total >= least for total in sums) / len(sums)
    sizes = sorted(Counter(abs(value) for value in nonzero).items())
    draw = random.Random(seed).getrandbits
    as_large = 0
    for _ in range(draws):
        total = math.fsum([size * (2 * draw(count).bit_count() - count) for size, count in sizes])
        as_large += abs(total) >= least
    return (1 + as_large) / (1 + draws)


def wilcoxon(values: Sequence[float]) -> tuple[float, float]:
    """Wilcoxon's signed-rank W (the smaller sum) and its two-sided p; differences of 0 are left out.

    Counted exactly up to 50 differences without ties, else by the normal approximation with the correction for ties.
    """
    nonzero = [value for value in values if value != 0]
    n = len(nonzero)
    if n == 0:
        return 0.0, 1.0
    sizes = [abs(value) for value in nonzero]
    ranked = ranks(sizes)
    positive = math.fsum(rank for rank, value in zip(ranked, nonzero, strict=True) if value > 0)
    smaller = min(positive, n * (n + 1) / 2 - positive)
    ties = [count for count in Counter(sizes).values() if count > 1]
    if n <= _EXACT_RANKS and not ties:
        return smaller, min(1.0, 2 * sum(_signed_rank_counts(n)[: int(smaller) + 1]) / 2**n)
    variance = n * (n + 1) * (2 * n + 1) / 24 - sum(count**3 - count for count in ties) / 48
    return smaller, normal_tail((smaller - n * (n + 1) / 4) / math.sqrt(variance))


def _signed_rank_counts(n: int) -> list[int]:
    """In how many ways each sum of ranks comes about."""
    counts = [1]
    for rank in range(1, n + 1):
        shifted = [0] * rank + counts
        counts = [a + b for a, b in zip(counts + [0] * rank, shifted, strict=True)]
    return counts
