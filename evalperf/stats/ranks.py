"""Comparisons that only look at the order of values: for times, and for whatever has outliers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from evalperf.stats.distributions import binomial_tail, normal_tail

__all__ = [
    "MannWhitney",
    "hodges_lehmann",
    "mann_whitney",
    "quantile",
    "quantile_ranks",
    "ranks",
]

_EXACT = 50
"""Up to this many values on each side p is counted, where none tie."""


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for at in order[start : end + 1]:
            found[at] = (start + end) / 2 + 1
        start = end + 1
    return found


class MannWhitney(Struct, frozen=True, kw_only=True):
    """Whether values of one side tend to be larger."""

    u: float
    """Pairs in which the second side's value is larger; ties count by half."""
    p: float
    """Two-sided: exact where no values tie and both sides have 50 or fewer, else by the normal approximation."""
    a12: float
    """The chance that a value of the second side is larger than one of the first (Vargha and Delaney 2000)."""
    cliffs_delta: float
    """The same from -1 to 1."""


def mann_whitney(a: Sequence[float], b: Sequence[float], *, exact: bool | None = None) -> MannWhitney:
    """Mann and Whitney (1947), with correction for ties and for continuity; `exact` overrules how p is computed."""
    n, m = len(a), len(b)
    if not n or not m:
        raise ValueError("both sides need values")
    u = math.fsum(ranks([*a, *b])[n:]) - m * (m + 1) / 2
    ties = [count for count in Counter([*a, *b]).values() if count > 1]
    if exact is None:
        exact = not ties and max(n, m) <= _EXACT
    p = _exact_p(u, n, m) if exact else _normal_p(u, n, m, ties)
    return MannWhitney(u=u, p=p, a12=u / (n * m), cliffs_delta=2 * u / (n * m) - 1)


def _exact_p(u: float, n: int, m: int) -> float:
    counts = _u_counts(n, m)
    larger = sum(counts[math.floor(max(u, n * m - u)) :])  # a tie's half is rounded to the cautious side
    return min(1.0, 2 * larger / math.comb(n + m, n))


def _u_counts(n: int, m: int) -> list[int]:
    """In how many ways each U comes about: the coefficients of the Gaussian binomial, by exact division."""
    counts = [1]
    for k in range(1, n + 1):
        counts = _divided(_multiplied(counts, m + k), k)
    return counts


def _multiplied(counts: list[int], power: int) -> list[int]:
    """Times 1 - xᵖ."""
    product = counts + [0] * power
    for at, count in enumerate(counts):
        product[at + power] -= count
    return product


def _divided(counts: list[int], power: int) -> list[int]:
    """By 1 - xᵖ, which divides it."""
    quotient = list(counts)
    for at in range(power, len(quotient)):
        quotient[at] += quotient[at - power]
    return quotient[: len(counts) - power]


def _normal_p(u: float, n: int, m: int, ties: Sequence[int]) -> float:
    total = n + m
    tied = sum(count**3 - count for count in ties) / (total * (total - 1))
    deviation = math.sqrt(n * m / 12 * (total + 1 - tied))
    if deviation == 0:
        return 1.0
    return normal_tail(max(0.0, abs(u - n * m / 2) - 0.5) / deviation)


def hodges_lehmann(a: Sequence[float], b: Sequence[float]) -> float:
    """By how much b lies above a: the median of all differences (Hodges and Lehmann 1963); costs len(a) · len(b)."""
    return median(y - x for x in a for y in b)


def quantile(values: Sequence[float], q: float) -> float:
    """The quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, as numpy)."""
    ordered = sorted(values)
    if not ordered or not 0 <= q <= 1:
        raise ValueError(f"no quantile {q} of {len(ordered)} values")
    place = q * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def quantile_ranks(q: float, n: int, level: float = 0.95) -> tuple[int, int] | None:
    """Ranks (from 1) of the values between which the true quantile lies, whatever the distribution.

    The smallest and largest rank with a tail of at most (1 - level) / 2 beyond (Conover 1999, section 3.2). None where
    there are too few values.
    """
    tail = (1 - level) / 2
    low, high = _binomial_rank(tail, q, n), _binomial_rank(1 - tail, q, n) + 1
    return (low, high) if low >= 1 and high <= n else None


def _binomial_rank(p: float, share: float, n: int) -> int:
    """The smallest count that is not exceeded with probability p or more."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if binomial_tail(middle, n, share) >= p:
            high = middle
        else:
            low = middle + 1
    return low
