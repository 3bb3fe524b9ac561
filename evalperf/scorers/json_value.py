"""Scorers for answers in JSON: `json_valid` and `json_equal`."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from msgspec import UNSET

from evalperf.config.scorers import JsonEqualScorer, JsonValidScorer
from evalperf.records import Case, Score
from evalperf.scorers.base import NO_TARGET, RIGHT, Scorer, Targets, verdict
from evalperf.scorers.extraction import pattern_scorer, text_scorer
from evalperf.scorers.fences import unfenced
from evalperf.scorers.json_difference import differences, json_similarity
from evalperf.scorers.json_text import ROOTS, NotJsonError, parse_json
from evalperf.scorers.numbers import closeness
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import TimeLimit

__all__ = ["json_equal", "json_valid"]


_MOST_DIFFERENCES: Final = 20
_ROOT_NAMES: Final = {"object": "an object", "array": "an array", "container": "an object or an array"}


def json_valid(config: JsonValidScorer, resources: Resources) -> Scorer:
    """The answer is a JSON text as `json_text.parse_json` reads it (RFC 8259), its value of the kind asked for.

    A required name may stand in the object itself although it holds a dot, or lead into objects in it.
    """
    kinds = ROOTS[config.root]
    required = config.required if config.required is not None else []

    def judge(answer: str, _targets: Targets) -> Score:
        try:
            value = parse_json(unfenced(answer, config.fences))
        except NotJsonError as error:
            return verdict(False, reason=f"not JSON: {error}")
        if not isinstance(value, kinds):
            return verdict(False, reason=f"{_kind(value)}, not {_ROOT_NAMES[config.root]}")
        if missing := [path for path in required if not _holds(value, path.split("."))]:
            return verdict(False, reason=f"without {', '.join(missing)}")
        return RIGHT

    return text_scorer(config, "json_valid", judge, resources)


def json_equal(config: JsonEqualScorer, resources: Resources) -> Scorer:
    """The answer's JSON value equals that of a target; the reason names the first place where it does not.

    Where there are several, `detail` holds the first 20. The order of an object's names never counts, numbers are
    compared exactly or within the wider tolerance, 1 equals 1.0 and differs from true. With `measure: similarity` the
    value is `json_difference.json_similarity` to the closest target. An answer that is not JSON is wrong; where no
    target is JSON there is no value.
    """
    close = closeness(config.tolerance, config.relative_tolerance)
    exact = config.tolerance == 0 and config.relative_tolerance == 0
    unordered = config.arrays == "unordered"

    def judge(answer: str, targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        if not targets:
            return NO_TARGET
        wanted, fault = _values(targets)
        if not wanted:
            return Score(value=None, reason=f"the target is not JSON: {fault}")
        try:
            found = parse_json(unfenced(answer, config.fences), exact=True)
        except NotJsonError as error:
            return verdict(False, reason=f"not JSON: {error}")
        compared = (differences(found, one, close, limit, unordered=unordered, exact=exact) for one in wanted)
        told = [list(islice(each, _MOST_DIFFERENCES)) for each in compared]
        if [] in told:
            return RIGHT
        value = 0.0 if config.measure == "equal" else max(json_similarity(found, one, limit) for one in wanted)
        detail = {"differences": told[0]} if len(told[0]) > 1 else UNSET
        return Score(value=value, passed=False, reason=told[0][0], detail=detail)

    return pattern_scorer(config, "json_equal", judge, resources)


def _values(targets: Targets) -> tuple[list[Any], str | None]:
    """The values of the targets that are JSON, and the fault of the last one that is not."""
    values, fault = [], None
    for target in targets:
        try:
            values.append(parse_json(target, exact=True))
        except NotJsonError as error:
            fault = str(error)
    return values, fault


def _holds(value: Any, names: list[str]) -> bool:
    """Whether the path leads somewhere; where names hold dots, the longest ones are tried first."""
    if not names:
        return True
    if not isinstance(value, dict):
        return False
    splits = range(len(names), 0, -1)
    return any((name := ".".join(names[:at])) in value and _holds(value[name], names[at:]) for at in splits)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "true or false" if isinstance(value, bool) else "a number"
