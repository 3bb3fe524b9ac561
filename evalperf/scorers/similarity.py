"""Scorers that measure how close two texts are, character by character: `levenshtein` and `fuzzy`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from evalperf.config.scorers import FuzzyScorer, LevenshteinScorer
from evalperf.records import Case, Score
from evalperf.scorers.alignment import edit_distance, lcs_length
from evalperf.scorers.base import NO_TARGET, Scorer, Targets
from evalperf.scorers.extraction import PatternJudge, pattern_scorer
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import UNLIMITED, TimeLimit

__all__ = ["fuzzy", "fuzzy_ratio", "levenshtein", "similarity"]

Distance = Callable[[str, str, TimeLimit], int]
Measure = Callable[[str, str, TimeLimit], float]

_NATIVE_CELLS: Final = 10**9
"""Largest product of two lengths that rapidfuzz gets: it takes about 20 ms for it, and can't be interrupted."""


def levenshtein(config: LevenshteinScorer, resources: Resources) -> Scorer:
    """The similarity to the closest target, or the distance from it (Levenshtein, 1966), in code points."""
    distance = _native_or("Levenshtein", edit_distance)
    if config.measure == "distance":
        return pattern_scorer(config, "levenshtein", _closest(distance, min, operator.le, config), resources)

    def measure(one: str, other: str, limit: TimeLimit) -> float:
        return similarity(one, other, distance(one, other, limit))

    return pattern_scorer(config, "levenshtein", _closest(measure, max, operator.ge, config), resources)


def fuzzy(config: FuzzyScorer, resources: Resources) -> Scorer:
    """The ratio to the closest target: rapidfuzz's `ratio` divided by 100."""
    distance = _native_or("Indel", _indel_distance)

    def measure(one: str, other: str, limit: TimeLimit) -> float:
        return fuzzy_ratio(one, other, distance(one, other, limit))

    return pattern_scorer(config, "fuzzy", _closest(measure, max, operator.ge, config), resources)


def similarity(one: str, other: str, distance: int | None = None) -> float:
    """1 − Levenshtein distance / length of the longer text; 1 for two empty texts."""
    longest = max(len(one), len(other))
    if not longest:
        return 1.0
    return 1 - (edit_distance(one, other) if distance is None else distance) / longest


def fuzzy_ratio(one: str, other: str, distance: int | None = None) -> float:
    """1 − insertions and deletions / length of both texts, where a substitution is one of each; 1 for two empty ones.

    Which is twice the longest common subsequence over the length of both.
    """
    total = len(one) + len(other)
    if not total:
        return 1.0
    return 1 - (_indel_distance(one, other) if distance is None else distance) / total


def _closest(
    measure: Measure,
    best: Callable[[list[float]], float],
    reaches: Callable[[float, float], bool],
    config: LevenshteinScorer | FuzzyScorer,
) -> PatternJudge:
    fold = str.casefold if config.ignore_case else str

    def judge(answer: str, targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        if not targets:
            return NO_TARGET
        plain = fold(answer)
        value = float(best([measure(plain, fold(target), limit) for target in targets]))
        return Score(value=value, passed=None if config.threshold is None else reaches(value, config.threshold))

    return judge


def _indel_distance(one: str, other: str, limit: TimeLimit = UNLIMITED) -> int:
    return len(one) + len(other) - 2 * lcs_length(one, other, limit)


def _native_or(name: str, own: Distance) -> Distance:
    """The same distance by rapidfuzz where that is installed and the texts are short: a hundred times as fast."""
    try:
        native: Any = import_module(f"rapidfuzz.distance.{name}")
    except ImportError:
        return own

    def distance(one: str, other: str, limit: TimeLimit) -> int:
        if len(one) * len(other) > _NATIVE_CELLS:
            return own(one, other, limit)
        return int(native.distance(one, other))

    return distance
