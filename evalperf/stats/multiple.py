"""p-values of several comparisons, so that many looks do not make a finding."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["benjamini_hochberg", "benjamini_yekutieli", "bonferroni", "holm"]


def bonferroni(p: Sequence[float]) -> list[float]:
    """The chance of one false finding or more stays below the level; the most cautious."""
    return [min(1.0, value * len(p)) for value in p]


def holm(p: Sequence[float]) -> list[float]:
    """As cautious as Bonferroni for the smallest p, and less so for the others (Holm 1979)."""
    adjusted, floor = [0.0] * len(p), 0.0
    for rank, at in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        floor = max(floor, min(1.0, p[at] * (len(p) - rank)))
        adjusted[at] = floor
    return adjusted


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """The share of false findings among the findings stays below the level (Benjamini and Hochberg 1995)."""
    return _step_up(p, len(p))


def benjamini_yekutieli(p: Sequence[float]) -> list[float]:
    """The same under any dependence between the comparisons (Benjamini and Yekutieli 2001)."""
    return _step_up(p, len(p) * sum(1 / rank for rank in range(1, len(p) + 1)))


def _step_up(p: Sequence[float], factor: float) -> list[float]:
    adjusted, ceiling = [0.0] * len(p), 1.0
    order = sorted(range(len(p)), key=p.__getitem__)
    for rank in range(len(p), 0, -1):
        ceiling = min(ceiling, p[order[rank - 1]] * factor / rank)
        adjusted[order[rank - 1]] = ceiling
    return adjusted
