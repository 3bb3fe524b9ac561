"""Scores of a corpus as a whole, from counts that scorers leave with each answer.

Such a score is no mean over cases: the counts are added up first. A scorer leaves them in `Score.detail` as
`"corpus": {"metric": NAME, "counts": [...], ...options}`; integers add up to the same in any order and any split. The
scores are what sacrebleu's `corpus_score` gives, to the last digit, and need no library. A further metric is one more
record in the union `Counts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

__all__ = ["BleuCounts", "ChrfCounts", "CorpusCounts", "Counts", "TerCounts"]

_CHRF_SMALLEST = 1e-16

Count = Annotated[int, Meta(ge=0)]


class BleuCounts(Struct, frozen=True, kw_only=True, tag_field="metric", tag="bleu"):
    """BLEU (Papineni et al. 2002); every order counts, as for any corpus."""

    counts: tuple[Count, ...]
    """Length of the answer, of the reference, matches by order, n-grams of the answer by order."""
    smooth: Literal["exp", "floor", "add-k", "none"] = "exp"
    """Chen and Cherry (2014)."""
    smooth_value: float | None = None
    scale: Literal[100, 1] = 100

    def __post_init__(self) -> None:
        if len(self.counts) % 2 or not self.counts:
            raise ValueError("BLEU has two lengths and two counts per order")

    def score(self, sums: Sequence[int]) -> float:
        """The score of the summed counts."""
        orders = len(sums) // 2 - 1
        answer_length, reference_length = sums[:2]
        matches: list[float] = list(sums[2 : 2 + orders])
        totals: list[float] = list(sums[2 + orders :])
        if not any(matches):
            return 0.0
        if self.smooth == "add-k":
            added = 1 if self.smooth_value is None else self.smooth_value
            matches[1:] = [match + added for match in matches[1:]]
            totals[1:] = [total + added for total in totals[1:]]
        penalty = 1.0
        if answer_length < reference_length:
            penalty = math.exp(1 - reference_length / answer_length) if answer_length > 0 else 0.0
        logs = [math.log(precision) if precision else -9999999999 for precision in self._precisions(matches, totals)]
        return _on_scale(penalty * math.exp(sum(logs) / orders), self.scale)

    def _precisions(self, matches: Sequence[float], totals: Sequence[float]) -> list[float]:
        """In percent, by order; 0 from the first order on for which no answer is long enough."""
        precisions = [0.0] * len(matches)
        doubled = 1.0
        for order, (match, total) in enumerate(zip(matches, totals, strict=True)):
            if total == 0:
                break
            if match:
                precisions[order] = 100.0 * match / total
            elif self.smooth == "exp":
                doubled *= 2
                precisions[order] = 100.0 / (doubled * total)
            elif self.smooth == "floor":
                precisions[order] = 100.0 * (0.1 if self.smooth_value is None else self.smooth_value) / total
        return precisions


class ChrfCounts(Struct, frozen=True, kw_only=True, tag_field="metric", tag="chrf"):
    """chrF (Popović 2015), chrF++ with word orders (Popović 2017)."""

    counts: tuple[Count, ...]
    """For each order: n-grams of the answer, of the reference, matches."""
    beta: Annotated[int, Meta(ge=1)] = 2
    eps_smoothing: bool = False
    scale: Literal[100, 1] = 100

    def __post_init__(self) -> None:
        if len(self.counts) % 3 or not self.counts:
            raise ValueError("chrF has three counts per order")

    def score(self, sums: Sequence[int]) -> float:
        """The score of the summed counts."""
        orders = [tuple(sums[at : at + 3]) for at in range(0, len(sums), 3)]
        if self.eps_smoothing:
            shares = [_shares(*order) for order in orders]
            return _on_scale(100 * _added(map(self._smoothed, shares)) / len(orders), self.scale)
        known = [_shares(*order) for order in orders if order[0] > 0 and order[1] > 0]
        if not known:
            return 0.0
        precision = _added(precision for precision, _ in known) / len(known)
        recall = _added(recall for _, recall in known) / len(known)
        if not precision + recall:
            return 0.0
        factor = self.beta**2
        score = (1 + factor) * precision * recall
        score /= (factor * precision) + recall
        return _on_scale(100 * score, self.scale)

    def _smoothed(self, shares: tuple[float, float]) -> float:
        precision, recall = shares
        factor = self.beta**2
        weighted = factor * precision + recall
        return (1 + factor) * precision * recall / weighted if weighted > 0 else _CHRF_SMALLEST


class TerCounts(Struct, frozen=True, kw_only=True, tag_field="metric", tag="ter"):
    """Translation edit rate (Snover et al. 2006): edits over the mean length of the references."""

    counts: tuple[Count, ...]
    """Edits; the mean length of the references in `LENGTH_UNITS`."""
    scale: Literal[100, 1] = 100

    LENGTH_UNITS: ClassVar[int] = 720720
    """A word is that many: so the mean of up to 16 lengths is a whole number."""

    def __post_init__(self) -> None:
        if len(self.counts) != 2:
            raise ValueError("TER has two counts")

    def score(self, sums: Sequence[int]) -> float:
        """The score of the summed counts."""
        edits, length = sums
        rate = edits * self.LENGTH_UNITS / length if length else float(edits > 0)
        return 100 * rate if self.scale == 100 else rate


Counts = BleuCounts | ChrfCounts | TerCounts


_FEWEST: dict[type[Counts], int] = {BleuCounts: 4, ChrfCounts: 3, TerCounts: 2}


def _shares(answer: int, reference: int, match: int) -> tuple[float, float]:
    return (
        match / answer if answer > 0 else _CHRF_SMALLEST,
        match / reference if reference > 0 else _CHRF_SMALLEST,
    )


def _added(values: Iterable[float]) -> float:
    """One by one, as the reference adds; `sum` rounds otherwise from Python 3.12 on."""
    total = 0.0
    for value in values:
        total += value
    return total


def _on_scale(percent: float, scale: int) -> float:
    return percent if scale == 100 else min(percent / 100, 1.0)


class CorpusCounts:
    """Sums of counts; of answers that were counted with different options there is no corpus score."""

    __slots__ = ("_sums", "answers")

    def __init__(self) -> None:
        self.answers = 0
        self._sums: dict[tuple[Counts, int], list[int]] = {}
        """By the options (a record without counts) and the number of counts."""

    def add(self, stated: Any) -> None:
        """Takes what stands under `corpus`; what is no counts of a known metric is left alone."""
        try:
            counted = msgspec.convert(stated, Counts)
        except msgspec.ValidationError:
            return
        self.answers += 1
        self._add((_options(counted), len(counted.counts)), counted.counts)

    def _add(self, kind: tuple[Counts, int], counts: Sequence[int]) -> None:
        sums = self._sums.get(kind)
        self._sums[kind] = list(counts) if sums is None else [a + b for a, b in zip(sums, counts, strict=True)]

    def merge(self, other: CorpusCounts) -> None:
        """Takes all counts that the other has seen."""
        self.answers += other.answers
        for kind, counts in other._sums.items():
            self._add(kind, counts)

    def score(self) -> float | None:
        """The corpus score; None without counts, or where their options differ."""
        if len(self._sums) != 1:
            return None
        [((options, _), sums)] = self._sums.items()
        return options.score(sums)


def _options(counted: Counts) -> Counts:
    return msgspec.structs.replace(counted, counts=(0,) * _FEWEST[type(counted)])
