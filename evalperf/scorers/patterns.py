"""The `regex` scorer: a pattern is found, found so many times, or holds the target."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import regex

from evalperf.config.scorers import RegexScorer
from evalperf.errors import ConfigError
from evalperf.records import Case, Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, no_answer, verdict
from evalperf.scorers.extraction import PatternJudge, check_group, compile_pattern, find_group, pattern_scorer
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import UNLIMITED, TimeLimit

__all__ = ["count_matches", "find_match", "regex_scorer"]

Where = Literal["search", "full", "start"]


def regex_scorer(config: RegexScorer, resources: Resources) -> Scorer:
    """Which of the four questions is asked follows from the options; each is a function below."""
    if config.pattern is None:
        return pattern_scorer(config, "regex", _target_as_pattern(config), resources)
    pattern = compile_pattern(config.pattern, config.flags)
    if config.group is not None:
        check_group(pattern, config.group)
        return pattern_scorer(config, "regex", _group_equals(config, pattern, config.group), resources)
    judge = (
        _found(config, pattern) if config.min_count is None and config.max_count is None else _count(config, pattern)
    )
    return pattern_scorer(config, "regex", judge, resources)


def find_match(
    pattern: regex.Pattern[str], text: str, where: Where = "search", limit: TimeLimit = UNLIMITED
) -> regex.Match[str] | None:
    """The first match anywhere, of the whole text, or at its start."""
    search = {"search": pattern.search, "full": pattern.fullmatch, "start": pattern.match}[where]
    return search(text, timeout=limit.left_s(), concurrent=limit.concurrent)


def count_matches(pattern: regex.Pattern[str], text: str, limit: TimeLimit = UNLIMITED) -> int:
    """How often the pattern is found, without overlaps."""
    return sum(1 for _ in pattern.finditer(text, timeout=limit.left_s(), concurrent=limit.concurrent))


def _found(config: RegexScorer, pattern: regex.Pattern[str]) -> PatternJudge:
    def judge(answer: str, _targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        match = find_match(pattern, answer, config.match, limit)
        return verdict(match is not None, extracted=match.group() if match is not None else None)

    return judge


def _count(config: RegexScorer, pattern: regex.Pattern[str]) -> PatternJudge:
    least = config.min_count if config.min_count is not None else 0

    def judge(answer: str, _targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        count = count_matches(pattern, answer, limit)
        right = count >= least and (config.max_count is None or count <= config.max_count)
        return verdict(right, reason=f"{count} match{'' if count == 1 else 'es'}")

    return judge


def _group_equals(config: RegexScorer, pattern: regex.Pattern[str], group: int | str) -> PatternJudge:
    def held(answer: str, limit: TimeLimit) -> str | None:
        if config.match == "search":
            return find_group(pattern, answer, group, config.which, limit)
        match = find_match(pattern, answer, config.match, limit)
        return match.group(group) if match is not None else None

    def judge(answer: str, targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        if not targets:
            return NO_TARGET
        found = held(answer, limit)
        if found is None:
            return no_answer()
        plain = found.strip()
        return verdict(any(target.strip() == plain for target in targets), extracted=found)

    return judge


def _target_as_pattern(config: RegexScorer) -> PatternJudge:
    compiled = lru_cache(maxsize=256)(compile_pattern)  # targets repeat where cases share a few patterns

    def judge(answer: str, targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        if not targets:
            return NO_TARGET
        try:
            patterns = [compiled(target, config.flags) for target in targets]
        except ConfigError as error:
            return Score(value=None, reason=f"target: {error.message}")
        for pattern in patterns:
            match = find_match(pattern, answer, config.match, limit)
            if match is not None:
                return verdict(True, extracted=match.group())
        return verdict(False)

    return judge
