"""Where a series of runs changed its level: the E-divisive split (Matteson and James 2014)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["divergence", "split"]


def divergence(series: Sequence[float], at: int) -> float:
    """The energy distance between the values before `at` and those from it on, scaled by their numbers (α = 1).

    q = n m / (n + m) · (2 mean|x - y| - mean|x - x'| - mean|y - y'|), the means within a side over distinct pairs.
    """
    left, right = series[:at], series[at:]
    n, m = len(left), len(right)
    if n < 2 or m < 2:
        raise ValueError("both sides need two values")
    between = sum(abs(x - y) for x in left for y in right) / (n * m)
    return n * m / (n + m) * (2 * between - _within(left) - _within(right))


def split(series: Sequence[float]) -> tuple[int, float]:
    """The place from which on the series differs most, and the divergence there; ValueError below four values."""
    if len(series) < 4:
        raise ValueError(f"{len(series)} values are too few to split")
    return max(((at, divergence(series, at)) for at in range(2, len(series) - 1)), key=lambda found: found[1])


def _within(values: Sequence[float]) -> float:
    """The mean distance of two different values of one side."""
    n = len(values)
    ordered = sorted(values)
    return 2 * sum((2 * at - n + 1) * value for at, value in enumerate(ordered)) / (n * (n - 1))
