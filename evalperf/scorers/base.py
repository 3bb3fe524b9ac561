"""What every scorer is, and what is said where there is nothing to score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from evalperf.records import Case, Response, Score

__all__ = [
    "EMPTY_TARGET",
    "NO_ANSWER",
    "NO_TARGET",
    "RIGHT",
    "WRONG",
    "Scorer",
    "Targets",
    "TextJudge",
    "TextScorer",
    "graded",
    "no_answer",
    "overall",
    "targets_of",
    "verdict",
]

Targets = tuple[str, ...]
"""What is expected: any of these will do; empty where the case has no target."""

NO_ANSWER: Final = "no answer"
"""The `reason` of an answer in which nothing was found to score: wrong, but told apart from a wrong one."""

RIGHT: Final = Score(value=1.0, passed=True)
WRONG: Final = Score(value=0.0, passed=False)
NO_TARGET: Final = Score(value=None, reason="the case has no target")
EMPTY_TARGET: Final = Score(value=None, reason="the target is empty, and every answer contains that")

_NO_ANSWER_SCORE: Final = Score(value=0.0, passed=False, reason=NO_ANSWER)


class Scorer(Protocol):
    """One view of an answer."""

    @property
    def name(self) -> str:
        """The key of its score in a result."""

    @property
    def weight(self) -> float:
        """Its share in the overall score."""

    async def score(self, case: Case, response: Response) -> Score:
        """Never raises for a bad answer: an exception is a bug, or the error of a user's own function."""


TextJudge = Callable[[str, Targets], Score]
"""A verdict that needs the answer's text and the targets only, in time linear in their length."""


class TextScorer:
    """A scorer that runs to its end in microseconds, without a pattern of the user's."""

    __slots__ = ("_judge", "name", "weight")

    def __init__(self, name: str, weight: float, judge: TextJudge) -> None:
        self.name = name
        self.weight = weight
        self._judge = judge

    async def score(self, case: Case, response: Response) -> Score:
        """The verdict on the whole text."""
        return self._judge(response.completion.text, targets_of(case, response))


def targets_of(case: Case, response: Response) -> Targets:
    """The targets that count: those that came with a recorded answer, else the case's own."""
    target = response.completion.target
    if target is None:
        target = case.target
    if target is None:
        return ()
    return (target,) if isinstance(target, str) else target


def verdict(right: bool, *, reason: str | None = None, extracted: str | None = None) -> Score:
    """1 and passed, or 0 and not passed; shares the record where there is nothing to add."""
    if reason is None and extracted is None:
        return RIGHT if right else WRONG
    return Score(value=1.0 if right else 0.0, passed=right, reason=reason, extracted=extracted)


def graded(value: float, threshold: float | None) -> Score:
    """A value that passes at the threshold or above; without a threshold there is no verdict."""
    return Score(value=value, passed=None if threshold is None else value >= threshold)


def no_answer() -> Score:
    """A wrong answer whose reason is exactly `NO_ANSWER`, so that such answers can be counted."""
    return _NO_ANSWER_SCORE


def overall(scores: Mapping[str, Score], weights: Mapping[str, float]) -> float | None:
    """The mean of the scores, weighted; None as soon as one scorer with a weight has no value.

    Leaving that one out would silently give its weight to the others, so that two cases of one run would be
    measured differently. Scorers of weight 0 are shown but never count; without any weight there is no mean.
    """
    total = 0.0
    weight_sum = 0.0
    for name, weight in weights.items():
        if weight == 0:
            continue
        score = scores.get(name)
        if score is None or score.value is None:
            return None
        total += weight * score.value
        weight_sum += weight
    return total / weight_sum if weight_sum > 0 else None
