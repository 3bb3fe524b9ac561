"""How far raters agree: judges among each other, votes of one judge, a judge and people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, TypeVar

__all__ = ["cohens_kappa", "cohens_kappa_of", "krippendorff_alpha", "percent_agreement"]

Label = TypeVar("Label", bound=Hashable)
Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]


def percent_agreement(units: Sequence[Sequence[Hashable | None]]) -> float | None:
    """The share of pairs of ratings of the same unit that are equal; None where no unit has two.

    A unit is one row: the ratings of one answer, None where a rater gave none. Agreement by chance is in it.
    """
    pairs = [pair for unit in units for pair in combinations([value for value in unit if value is not None], 2)]
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else None


def cohens_kappa(
    pairs: Sequence[tuple[Label, Label]], *, order: Sequence[Label] | None = None, weights: Weights = "none"
) -> float | None:
    """Two raters' agreement beyond chance (Cohen 1960; weighted: 1968).

    1 = always, 0 = as by chance. `order` lists the labels from low to high, which weights need. None where it is not
    defined: no pairs, or both raters always gave the same label.
    """
    labels = list(order) if order is not None else list(dict.fromkeys(label for pair in pairs for label in pair))
    places = {label: at for at, label in enumerate(labels)}
    matrix = [[0] * len(labels) for _ in labels]
    for a, b in pairs:
        matrix[places[a]][places[b]] += 1
    return cohens_kappa_of(matrix, weights=weights)


def cohens_kappa_of(matrix: Sequence[Sequence[int]], *, weights: Weights = "none") -> float | None:
    """The same from counts by (first rater's label, second rater's label)."""
    if weights != "none" and len(matrix) < 2:
        return None
    power = {"none": 0, "linear": 1, "quadratic": 2}[weights]
    rows, columns = [sum(row) for row in matrix], [sum(column) for column in zip(*matrix, strict=True)]
    n = sum(rows)
    seen = expected = 0
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            distance = abs(i - j) ** power if i != j else 0
            seen += distance * count
            expected += distance * rows[i] * columns[j]
    return 1 - seen * n / expected if expected else None


def krippendorff_alpha(units: Sequence[Sequence[Any]], *, level: Level = "nominal") -> float | None:
    """Agreement beyond chance of any number of raters, with missing ratings (Krippendorff 2011, "Computing alpha").

    1 = perfect, 0 = as by chance, below 0.667 hardly to be relied on. Units are rows as in `percent_agreement`; with
    `ordinal` values are ranked by their order, with `interval` they are numbers. None where it is not defined: no unit
    with two ratings, or all ratings equal.
    """
    rated = [values for unit in units if len(values := [value for value in unit if value is not None]) > 1]
    totals: Counter[Any] = Counter(value for values in rated for value in values)
    distance = _distance(level, totals)
    n = totals.total()
    seen = 0.0
    for values in rated:
        counts = Counter(values)
        seen += _disagreement(counts, distance) / (len(values) - 1)
    expected = _disagreement(totals, distance)
    return 1 - (n - 1) * seen / expected if expected else None


def _disagreement(counts: Mapping[Any, int], distance: Callable[[Any, Any], float]) -> float:
    """Summed over all ordered pairs of different ratings."""
    return 2 * sum(counts[a] * counts[b] * distance(a, b) for a, b in combinations(sorted(counts), 2))


def _distance(level: Level, totals: Mapping[Any, int]) -> Callable[[Any, Any], float]:
    if level == "nominal":
        return lambda a, b: float(a != b)
    if level == "interval":
        return lambda a, b: float(a - b) ** 2
    before, reached = {}, 0
    for value in sorted(totals):
        before[value] = reached + totals[value] / 2  # the middle of the value's ratings in the order of all
        reached += totals[value]
    return lambda a, b: (before[a] - before[b]) ** 2
