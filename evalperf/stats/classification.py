"""Labels against labels: the confusion matrix and what is read from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from evalperf.stats.agreement import cohens_kappa_of

__all__ = ["Classification", "classify", "confusion_matrix"]


class Classification(Struct, frozen=True, kw_only=True):
    """What a confusion matrix says; None where it is not defined."""

    n: int
    accuracy: float
    macro_f1: float
    """The mean of F1 over the classes asked for."""
    micro_f1: float
    """F1 of their summed counts: below accuracy where other labels were predicted."""
    weighted_f1: float
    """The mean of F1, weighted by how often each class is true."""
    balanced_accuracy: float
    """The mean of recall over the classes that occur."""
    matthews: float | None
    """The correlation of prediction and truth (Gorodkin 2004, for any number of classes)."""
    kappa: float | None


def confusion_matrix(pairs: Iterable[tuple[str, str]], labels: Sequence[str]) -> list[list[int]]:
    """Counts by (true, predicted) label, rows and columns as in `labels`; KeyError for another label."""
    places = {label: at for at, label in enumerate(labels)}
    matrix = [[0] * len(labels) for _ in labels]
    for true, predicted in pairs:
        matrix[places[true]][places[predicted]] += 1
    return matrix


def classify(matrix: Sequence[Sequence[int]], classes: Sequence[int]) -> Classification:
    """The figures of a confusion matrix; F1 is taken over `classes` (rows), so not over a label such as "no answer"."""
    n = sum(map(sum, matrix))
    if n == 0:
        raise ValueError("no cases to classify")
    right = [matrix[at][at] for at in range(len(matrix))]
    true = [sum(row) for row in matrix]
    predicted = [sum(column) for column in zip(*matrix, strict=True)]
    f1 = [_f1(right[at], true[at], predicted[at]) for at in classes]
    asked = sum(true[at] for at in classes)
    recalls = [right[at] / count for at, count in enumerate(true) if count]
    return Classification(
        n=n,
        accuracy=sum(right) / n,
        macro_f1=math.fsum(f1) / len(f1),
        micro_f1=_f1(sum(right[at] for at in classes), asked, sum(predicted[at] for at in classes)),
        weighted_f1=math.fsum(share * true[at] for share, at in zip(f1, classes, strict=True)) / asked,
        balanced_accuracy=math.fsum(recalls) / len(recalls),
        matthews=_matthews(sum(right), true, predicted),
        kappa=cohens_kappa_of(matrix),
    )


def _f1(right: int, true: int, predicted: int) -> float:
    return 2 * right / (true + predicted) if true + predicted else 0.0


def _matthews(right: int, true: Sequence[int], predicted: Sequence[int]) -> float | None:
    n = sum(true)
    chance = sum(a * b for a, b in zip(true, predicted, strict=True))
    spread = (n * n - sum(count * count for count in predicted)) * (n * n - sum(count * count for count in true))
    return (right * n - chance) / math.sqrt(spread) if spread else None
