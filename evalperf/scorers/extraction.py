"""What of an answer is scored: the user's patterns, compiled, searched within a time limit, and read out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import replace

from evalperf.config.scorers import Extract, ScorerOptions
from evalperf.errors import ConfigError
from evalperf.records import Case, Response, Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, TextJudge, TextScorer, no_answer, targets_of
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import PatternThreads, TimeLimit

if TYPE_CHECKING:
    import regex

__all__ = [
    "Extraction",
    "PatternJudge",
    "PatternScorer",
    "ResponseExtraction",
    "check_group",
    "compile_pattern",
    "find_group",
    "pattern_scorer",
    "text_scorer",
    "took_too_long",
]

PatternJudge = Callable[[str, Targets, Case, TimeLimit], Score]
"""A verdict that runs patterns of the user's, and so may raise TimeoutError."""

_FLAGS: Final = {"i": "IGNORECASE", "m": "MULTILINE", "s": "DOTALL", "x": "VERBOSE"}


def compile_pattern(pattern: str, flags: str = "") -> regex.Pattern[str]:
    """The pattern, ready; raises ConfigError with the place of the fault."""
    import regex  # noqa: PLC0415 - 50 ms that a run without patterns need not pay

    bits = regex.RegexFlag(0)
    for letter in flags:
        bits |= regex.RegexFlag[_FLAGS[letter]]
    try:
        return regex.compile(pattern, bits)
    except regex.error as error:
        raise ConfigError(
            f'the pattern "{pattern}" is not valid: {error}',
            hint="in JSON each backslash of a pattern is written twice",
        ) from error


def check_group(pattern: regex.Pattern[str], group: int | str) -> None:
    """Raises ConfigError if the pattern has no such group."""
    known = group in pattern.groupindex if isinstance(group, str) else 0 <= group <= pattern.groups
    if not known:
        raise ConfigError(
            f'the pattern "{pattern.pattern}" has no group {group!r}',
            hint='put what is meant in round brackets, or take the whole match with "group": 0',
        )


def find_group(
    pattern: regex.Pattern[str], text: str, group: int | str, which: Literal["first", "last"], limit: TimeLimit
) -> str | None:
    """What the group holds in the first or last match in which it takes part; None if there is none.

    An empty match counts only if there is no other: after `.*` has taken a whole text, it matches once more at the end.
    """
    found: str | None = None
    for match in pattern.finditer(text, timeout=limit.left_s(), concurrent=limit.concurrent):
        captured = match.group(group)
        if captured is None or (found is not None and match.start() == match.end()):
            continue
        found = captured
        if which == "first":
            break
    return found


class Extraction:
    """The `extract` of a scorer."""

    def __init__(self, config: Extract) -> None:
        self._config = config
        self._pattern = compile_pattern(config.pattern, config.flags)
        check_group(self._pattern, config.group)

    def find(self, text: str, limit: TimeLimit) -> str | None:
        """What is to be scored; None where the answer holds none."""
        config = self._config
        found = find_group(self._pattern, text, config.group, config.which, limit)
        return text if found is None and config.otherwise == "whole" else found


class ResponseExtraction:
    """The `extract` of a scorer that passes the whole response on, to the user's code or to other scorers."""

    def __init__(self, config: ScorerOptions, threads: PatternThreads) -> None:
        self._extraction = Extraction(config.extract) if config.extract is not None else None
        self._limit_s = config.time_limit_s
        self._threads = threads

    async def score(self, case: Case, response: Response, score: Callable[[Case, Response], Awaitable[Score]]) -> Score:
        """What `score` makes of the response with the extracted text in the place of the answer."""
        if self._extraction is None:
            return await score(case, response)
        try:
            found = await self._threads.run(partial(self._extraction.find, response.completion.text), self._limit_s)
        except TimeoutError:
            return took_too_long(self._limit_s)
        if found is None:
            return no_answer()
        scored = await score(case, replace(response, completion=replace(response.completion, text=found)))
        return scored if scored.extracted is not None or scored.value is None else replace(scored, extracted=found)


class PatternScorer:
    """A scorer that runs patterns of the user's; past the time limit it has no value, and says so."""

    __slots__ = ("_judge", "_limit_s", "_threads", "name", "weight")

    def __init__(self, config: ScorerOptions, name: str, judge: PatternJudge, threads: PatternThreads) -> None:
        self.name = name
        self.weight = config.weight
        self._judge = judge
        self._limit_s = config.time_limit_s
        self._threads = threads

    async def score(self, case: Case, response: Response) -> Score:
        """The verdict on the text, or on what was extracted from it."""
        work = partial(self._judge, response.completion.text, targets_of(case, response), case)
        try:
            return await self._threads.run(work, self._limit_s)
        except TimeoutError:
            return took_too_long(self._limit_s)


def took_too_long(limit_s: float) -> Score:
    """Not scored: the patterns, or the scorer's own work, would have taken longer than the limit."""
    return Score(value=None, reason=f"pattern took longer than {limit_s:g} s on this answer")


def text_scorer(config: ScorerOptions, kind: str, judge: TextJudge, resources: Resources) -> Scorer:
    """A scorer around a verdict on a text, behind the extraction where one is configured."""
    if config.extract is None:
        return TextScorer(config.name if config.name is not None else kind, config.weight, judge)

    def judge_text(text: str, targets: Targets, _case: Case, _limit: TimeLimit) -> Score:
        return judge(text, targets)

    return pattern_scorer(config, kind, judge_text, resources)


def pattern_scorer(config: ScorerOptions, kind: str, judge: PatternJudge, resources: Resources) -> Scorer:
    """The same for a verdict that itself runs patterns of the user's."""
    if config.extract is not None:
        judge = _after(Extraction(config.extract), judge, needs_target=config.needs_target)
    return PatternScorer(config, config.name if config.name is not None else kind, judge, resources.threads)


def _after(extraction: Extraction, judge: PatternJudge, *, needs_target: bool) -> PatternJudge:
    def judge_extracted(text: str, targets: Targets, case: Case, limit: TimeLimit) -> Score:
        if needs_target and not targets:
            return NO_TARGET
        found = extraction.find(text, limit)
        if found is None:
            return no_answer()
        score = judge(found, targets, case, limit)
        return score if score.extracted is not None or score.value is None else replace(score, extracted=found)

    return judge_extracted
