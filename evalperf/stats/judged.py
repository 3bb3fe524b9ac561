"""What the scores of a judge say about the judge: how sure it is of itself, of which place, and how people see it.

Judges leave it in `Score.detail`, whose keys are read here: `decided_by`, `failure`, `votes`, `verdicts`, `orders`,
`criteria`, `dimensions`, `human`. Counts and exact sums only, so that the order of the results does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from evalperf.records import FailureKind
from evalperf.stats.agreement import cohens_kappa_of
from evalperf.stats.calibration import Calibration, calibrate
from evalperf.stats.epochs import is_number
from evalperf.stats.exact import Moments
from evalperf.stats.intervals import Interval, IntervalRule, mean_interval
from evalperf.stats.votes import VoteSummary, VoteTotals

__all__ = ["CalibrationSummary", "JudgedSummary", "JudgedTotals", "OrderSummary", "PartSummary"]

Winner = Literal["answer", "other", "tie"]

_WINNERS: tuple[Winner, ...] = ("answer", "other", "tie")
_MOST_PARTS = 255
"""Dimensions or criteria of one judge; a scorer of a user's that leaves other names in each case fills no memory."""


class OrderSummary(Struct, frozen=True, kw_only=True):
    """What became of pairs that were judged in both orders."""

    pairs: int
    same: int
    """The same winner in both orders."""
    first: int
    """Whoever stood first won, in both orders."""
    second: int
    kappa: float | None
    """Cohen's kappa between the orders; None where it is not defined."""


class PartSummary(Struct, frozen=True, kw_only=True):
    """One dimension, or one criterion."""

    n: int
    mean: float | None
    ci95: Interval | None
    """None below two values, and where cases are repeated: their answers are not independent."""
    unscored: int


class CalibrationSummary(Struct, frozen=True, kw_only=True):
    """The judge against labels of people."""

    labelled: int
    """Scored answers with a label."""
    other_answers: int
    """Cases whose label is for another answer than the run has got: it was not used."""
    measured: Calibration | None
    problem: str | None
    """Why nothing was measured."""


class JudgedSummary(Struct, frozen=True, kw_only=True):
    """What is known of a judge besides its scores; None = it leaves no such thing."""

    decided_by: dict[str, int] | None
    """Answers by the step of the cascade that decided: first, judge, larger."""
    no_verdict: dict[str, int]
    """Answers, or dimensions of answers, without a verdict, by the kind of failure; the most frequent first."""
    votes: VoteSummary | None
    orders: OrderSummary | None
    parts: dict[str, PartSummary] | None
    """By dimension or criterion."""
    calibration: CalibrationSummary | None


class _Fault(Struct, gc=False):
    kind: FailureKind


class _Part(Struct, gc=False):
    value: float | None
    failure: _Fault | UnsetType = UNSET


class _Detail(Struct, gc=False):
    """The part of a detail that is read."""

    decided_by: Literal["first", "judge", "larger"] | UnsetType = UNSET
    failure: _Fault | UnsetType = UNSET
    votes: list[float | None] | UnsetType = UNSET
    verdicts: list[str | None] | UnsetType = UNSET
    orders: list[tuple[Winner | None, ...]] | UnsetType = UNSET
    criteria: dict[str, float] | UnsetType = UNSET
    dimensions: dict[str, _Part] | UnsetType = UNSET
    human: float | UnsetType | None = UNSET


_KEYS = frozenset(_Detail.__struct_fields__)


class JudgedTotals:
    """Adds up what the details of one scorer's scores say."""

    __slots__ = ("_decided", "_faults", "_humans", "_labelled", "_orders", "_other_answers", "_parts", "_votes")

    def __init__(self) -> None:
        self._decided: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._votes = VoteTotals()
        self._orders: Counter[tuple[str, str]] = Counter()
        self._parts: dict[str, tuple[Moments, Counter[str]]] = {}
        """By name, the values, and how many there were not."""
        self._humans: Counter[tuple[float, float]] = Counter()
        """By human label and score."""
        self._labelled = Moments()
        """The scores among them."""
        self._other_answers = 0

    def add(self, value: float | None, said: Mapping[str, Any]) -> None:
        """Takes one score's value and detail; a detail that is no judge's is passed over."""
        if _KEYS.isdisjoint(said):
            return
        try:
            detail = msgspec.convert(said, _Detail)
        except msgspec.ValidationError:
            return  # of a scorer of the user's, which means something else by such a key
        if detail.decided_by is not UNSET:
            self._decided[detail.decided_by] += 1
        if detail.failure is not UNSET:
            self._faults[detail.failure.kind] += 1
        if detail.votes is not UNSET:
            self._votes.add(detail.votes, () if detail.verdicts is UNSET else detail.verdicts)
        for orders in () if detail.orders is UNSET else detail.orders:
            if len(orders) == 2 and orders[0] is not None and orders[1] is not None:
                self._orders[orders[0], orders[1]] += 1
        self._add_parts(detail)
        if detail.human is not UNSET:
            self._add_label(detail.human, value)

    def _add_parts(self, detail: _Detail) -> None:
        for name, value in ({} if detail.criteria is UNSET else detail.criteria).items():
            self._add_part(name, value)
        for name, part in ({} if detail.dimensions is UNSET else detail.dimensions).items():
            self._add_part(name, part.value)
            if part.failure is not UNSET:
                self._faults[part.failure.kind] += 1

    def _add_part(self, name: str, value: float | None) -> None:
        if name not in self._parts and len(self._parts) >= _MOST_PARTS:
            return
        moments, counts = self._parts.setdefault(name, (Moments(), Counter()))
        if value is not None and is_number(value):
            moments.add(value)
        else:
            counts["unscored"] += 1

    def _add_label(self, human: float | None, value: float | None) -> None:
        if human is None:
            self._other_answers += 1
        elif value is not None and is_number(value):
            self._humans[human, value] += 1
            self._labelled.add(value)

    def merge(self, other: JudgedTotals) -> None:
        """Takes all that the other has seen."""
        for name in ("_decided", "_faults", "_orders", "_humans"):
            getattr(self, name).update(getattr(other, name))
        self._votes.merge(other._votes)
        self._labelled.merge(other._labelled)
        self._other_answers += other._other_answers
        for part, (moments, counts) in other._parts.items():
            mine = self._parts.setdefault(part, (Moments(), Counter()))
            mine[0].merge(moments)
            mine[1].update(counts)

    def summary(self, scores: Moments, rule: IntervalRule, *, repeated: bool) -> JudgedSummary | None:
        """What is known; `scores` are those of all cases, `repeated` whether cases have several epochs.

        None where no score had a detail of a judge's.
        """
        known = JudgedSummary(
            decided_by={step: self._decided[step] for step in ("first", "judge", "larger") if self._decided[step]}
            or None,
            no_verdict=dict(sorted(self._faults.items(), key=lambda item: (-item[1], item[0]))),
            votes=self._votes.summary(),
            orders=self._order_summary(),
            parts=self._part_summaries(rule, repeated=repeated) if self._parts else None,
            calibration=self._calibration(scores, repeated=repeated),
        )
        return known if any(getattr(known, name) for name in known.__struct_fields__) else None

    def _order_summary(self) -> OrderSummary | None:
        pairs = self._orders
        if not pairs:
            return None
        return OrderSummary(
            pairs=pairs.total(),
            same=sum(pairs[winner, winner] for winner in _WINNERS),
            first=pairs["answer", "other"],
            second=pairs["other", "answer"],
            kappa=cohens_kappa_of([[pairs[one, other] for other in _WINNERS] for one in _WINNERS]),
        )

    def _part_summaries(self, rule: IntervalRule, *, repeated: bool) -> dict[str, PartSummary]:
        summaries = {}
        for name, (moments, counts) in sorted(self._parts.items()):
            interval = None if repeated else mean_interval(moments, rule)
            summaries[name] = PartSummary(
                n=moments.n,
                mean=moments.mean(),
                ci95=None if interval is None else interval[0],
                unscored=counts["unscored"],
            )
        return summaries

    def _calibration(self, scores: Moments, *, repeated: bool) -> CalibrationSummary | None:
        labelled = self._humans.total()
        if not labelled and not self._other_answers:
            return None
        measured, problem = None, None
        if repeated:
            problem = "cases are asked several times, and their answers are not independent"
        elif labelled < 2:
            problem = "fewer than two scored answers have a label"
        else:
            measured = calibrate(sorted(self._humans.elements()), scores.without(self._labelled))
        return CalibrationSummary(
            labelled=labelled, other_answers=self._other_answers, measured=measured, problem=problem
        )
