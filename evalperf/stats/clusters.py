"""Means of cases that come in clusters: questions on one document, turns of one conversation.

Such cases are alike, so n of them say less than n independent ones. The variance of the mean is taken over clusters
(Liang and Zeger 1986; Miller 2024, "Adding error bars to evals", section 3.2):

    CR0 = Σ_c (Σ_{i in c} (x_i - mean))² / n²        CR1 = CR0 · G / (G - 1)

with G clusters; the standard error is the root. CR1 is the small-sample form,
and the interval is that of t with G - 1 degrees of freedom. Below about 10 clusters even that is too short (Cameron and
Miller 2015, section VI).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from evalperf.stats.distributions import t_quantile
from evalperf.stats.exact import SCALE, Exact, ratio, scaled
from evalperf.stats.intervals import Interval, wilson_interval

__all__ = ["FEW_CLUSTERS", "MAX_CLUSTERS", "ClusterSums", "Spread", "squared_residuals"]

FEW_CLUSTERS = 10
"""Below it an interval over clusters is not to be relied on."""
MAX_CLUSTERS = 500_000


class Spread(NamedTuple):
    """Σ_c (Σ_{i in c} (x_i - m))² for any m, from sums over clusters."""

    squares: Exact
    """Σ S_c²"""
    products: Exact
    """Σ n_c S_c"""
    counts: int
    """Σ n_c²"""

    def plus(self, other: Spread) -> Spread:
        """With the other's clusters."""
        return Spread(self.squares + other.squares, self.products + other.products, self.counts + other.counts)

    def minus(self, other: Spread) -> Spread:
        """Without the other's clusters."""
        return Spread(self.squares - other.squares, self.products - other.products, self.counts - other.counts)


class ClusterSums:
    """Count and exact sum of the values of each cluster; about 0.2 KB a cluster, and at most `MAX_CLUSTERS` of them.

    Beyond, nothing is kept any more: the field is different in nearly every case. A case without the field is a
    cluster of its own.
    """

    __slots__ = ("_single_count", "_single_squares", "_single_total", "counts", "too_many", "totals")

    def __init__(self) -> None:
        self.too_many = False
        self.counts: dict[str, int] = {}
        self.totals: dict[str, Exact] = {}
        """In units of 1 / SCALE."""
        self._single_count = 0
        self._single_total: Exact = 0
        self._single_squares: Exact = 0

    def add(self, cluster: str | None, value: float) -> None:
        """Takes a case."""
        units = scaled(value)
        if cluster is None:
            self._single_count += 1
            self._single_total += units
            self._single_squares += units * units
        else:
            self._add(cluster, 1, units)

    def _add(self, cluster: str, count: int, units: Exact) -> None:
        counts = self.counts
        if cluster in counts:
            counts[cluster] += count
            self.totals[cluster] += units
        elif len(counts) < MAX_CLUSTERS and not self.too_many:
            counts[cluster], self.totals[cluster] = count, units
        else:
            self._give_up()

    def _give_up(self) -> None:
        self.too_many = True
        self.counts.clear()
        self.totals.clear()

    def merge(self, other: ClusterSums) -> None:
        """Takes all cases that the other has seen."""
        if other.too_many:
            self._give_up()
        for cluster, count in other.counts.items():
            self._add(cluster, count, other.totals[cluster])
        self._single_count += other._single_count
        self._single_total += other._single_total
        self._single_squares += other._single_squares

    def __len__(self) -> int:
        return len(self.counts) + self._single_count

    @property
    def n(self) -> int:
        """Cases."""
        return sum(self.counts.values()) + self._single_count

    @property
    def total(self) -> Exact:
        """The sum of all values, in units of 1 / SCALE."""
        return sum(self.totals.values()) + self._single_total

    def spread(self) -> Spread:
        """What every variance over these clusters is made of."""
        return self.spread_of(self.counts).plus(self.singles())

    def spread_of(self, clusters: Iterable[str]) -> Spread:
        """The share of these clusters in it."""
        pairs = [(self.counts[cluster], self.totals[cluster]) for cluster in clusters]
        return Spread(
            sum(total * total for _, total in pairs),
            sum(count * total for count, total in pairs),
            sum(count * count for count, _ in pairs),
        )

    def singles(self) -> Spread:
        """The share of the cases without the field."""
        return Spread(self._single_squares, self._single_total, self._single_count)

    def error(self, *, corrected: bool = True) -> float | None:
        """The standard error of the mean: CR1, or CR0 where not `corrected`; None below two clusters."""
        n, clusters = self.n, len(self)
        if clusters < 2:
            return None
        factor = clusters / (clusters - 1) if corrected else 1.0
        return math.sqrt(factor * squared_residuals(self.spread(), self.total, n)) / n

    def interval(self, error: float) -> Interval:
        """The 95 % interval of the mean with that `error` (two clusters or more).

        Where all clusters agree on 0 or on 1 the error would be 0, so there it is Wilson's over clusters.
        """
        mean, clusters = ratio(self.total, SCALE * self.n), len(self)
        if error == 0.0 and mean in (0.0, 1.0):
            return wilson_interval(clusters * int(mean), clusters)
        half = t_quantile(0.975, clusters - 1) * error
        return mean - half, mean + half


def squared_residuals(spread: Spread, total: Exact, n: int) -> float:
    """Σ_c (S_c - n_c m)² with the mean m = total / n, rounded once."""
    exact = spread.squares * n * n - 2 * total * n * spread.products + total * total * spread.counts
    return ratio(exact, SCALE * SCALE * n * n)
