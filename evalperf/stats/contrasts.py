"""Each group of a run against the rest of it, with the many comparisons paid for.

The groups of one scorer are one family, and q is their Benjamini–Hochberg figure: among groups with q <= 0.05, no more
than 5 % are expected to differ by chance alone. The test is the one that fits:

- **clustered**: the difference over its cluster-robust error (CR1), where a cluster field is configured; a cluster may
  have cases on both sides;
- for scores of 0 and 1, Newcombe's interval (1998, method 10) with the two-proportion **z** test, or with **fisher**'s
  exact test where fewer than 5 right or wrong answers are expected in either part;
- **welch_t** for all other scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from evalperf.stats.clusters import ClusterSums, Spread, squared_residuals
from evalperf.stats.distributions import t_quantile, t_tail
from evalperf.stats.exact import SCALE, Moments, ratio
from evalperf.stats.intervals import Interval
from evalperf.stats.multiple import benjamini_hochberg
from evalperf.stats.proportions import fisher_exact, newcombe_interval, two_proportion_z
from evalperf.stats.tally import Tally

__all__ = ["Contrast", "contrasts", "welch"]

ContrastTest = Literal["z", "fisher", "welch_t", "clustered"]


class Contrast(Struct, frozen=True, kw_only=True):
    """A group against all cases that are not in it."""

    difference: float
    """The group's mean less that of the rest."""
    ci95: Interval
    test: ContrastTest
    p: float
    q: float
    """p after Benjamini–Hochberg over all groups of the scorer."""


def contrasts(
    whole: Tally, groups: Mapping[str | None, Tally], *, clustered: bool
) -> dict[str | None, Contrast | None]:
    """For each group its contrast; None where group or rest are too small or do not vary."""
    spread = whole.clusters.spread() if clustered else None
    found = {label: _contrast(whole, group, spread) for label, group in groups.items()}
    family = {label: contrast.p for label, contrast in found.items() if contrast is not None}
    adjusted = dict(zip(family, benjamini_hochberg(list(family.values())), strict=True))
    return {
        label: None if contrast is None else replace(contrast, q=adjusted[label]) for label, contrast in found.items()
    }


def _contrast(whole: Tally, group: Tally, spread: Spread | None) -> Contrast | None:
    rest = whole.moments.without(group.moments)
    if min(group.moments.n, rest.n) < 2:
        return None
    if spread is not None:
        return _of_clusters(whole.clusters, group.clusters, spread)
    if group.moments.binary and rest.binary:
        return _of_shares(group.moments, rest)
    return welch(group.moments, rest)


def _of_shares(group: Moments, rest: Moments) -> Contrast:
    right, wrong = group.ones + rest.ones, group.zeros + rest.zeros
    smaller = min(group.n, rest.n)
    test: ContrastTest = "fisher" if smaller * min(right, wrong) < 5 * (right + wrong) else "z"
    counts = (group.ones, group.n, rest.ones, rest.n)
    p = fisher_exact(*counts) if test == "fisher" else two_proportion_z(*counts)[1]
    difference = group.ones / group.n - rest.ones / rest.n
    return Contrast(difference=difference, ci95=newcombe_interval(*counts), test=test, p=p, q=p)


def welch(one: Moments, other: Moments) -> Contrast | None:
    """Welch's t test of two means, with Satterthwaite's degrees of freedom; None where neither varies."""
    means, stds = (one.mean(), other.mean()), (one.std(), other.std())
    if None in means or None in stds:
        return None
    parts = [std * std / moments.n for std, moments in zip(stds, (one, other), strict=True) if std is not None]
    variance = sum(parts)
    if variance == 0:
        return None
    freedom = variance**2 / sum(part**2 / (moments.n - 1) for part, moments in zip(parts, (one, other), strict=True))
    difference = (means[0] or 0.0) - (means[1] or 0.0)
    return _by_t(difference, math.sqrt(variance), freedom, "welch_t")


def _by_t(difference: float, error: float, freedom: float, test: ContrastTest) -> Contrast:
    half = t_quantile(0.975, freedom) * error
    p = t_tail(difference / error, freedom)
    return Contrast(difference=difference, ci95=(difference - half, difference + half), test=test, p=p, q=p)


def _of_clusters(whole: ClusterSums, group: ClusterSums, spread: Spread) -> Contrast | None:
    """The difference of the means with its cluster-robust error; `spread` is the whole's.

    Each cluster's part in the difference is

        u_c = (S_c,group - n_c,group · m_group) / n_group - (S_c,rest - n_c,rest · m_rest) / n_rest

    and the variance is Σ u_c² · G / (G - 1). Clusters that the group does not touch come in by their sums, so the cost
    is that of the group's clusters. None where group or rest have fewer than two clusters, or none varies.
    """
    clusters = len(whole)
    untouched = clusters - len(group)
    shared = sum(whole.counts[cluster] > count for cluster, count in group.counts.items())
    if len(group) < 2 or untouched + shared < 2:
        return None
    n, total = group.n, group.total
    rest_n, rest_total = whole.n - n, whole.total - total
    mean, rest_mean = ratio(total, SCALE * n), ratio(rest_total, SCALE * rest_n)
    squares = []
    for cluster, count in group.counts.items():
        mine, other_count = group.totals[cluster], whole.counts[cluster] - count
        own = (ratio(mine, SCALE) - count * mean) / n
        rest = (ratio(whole.totals[cluster] - mine, SCALE) - other_count * rest_mean) / rest_n
        squares.append((own - rest) ** 2)
    singles = group.singles()
    others = spread.minus(whole.spread_of(group.counts)).minus(singles)
    squares.append(squared_residuals(singles, total, n) / n**2)
    squares.append(squared_residuals(others, rest_total, rest_n) / rest_n**2)
    variance = math.fsum(squares) * clusters / (clusters - 1)
    if variance == 0:
        return None
    return _by_t(mean - rest_mean, math.sqrt(variance), clusters - 1, "clustered")
