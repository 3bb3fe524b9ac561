"""Carries out the check that stands in each line of the IFEval data, with the building blocks of the scorers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from evalperf.records import Case, Response
from evalperf.scorers.extraction import compile_pattern
from evalperf.scorers.patterns import count_matches, find_match

Check = dict[str, Any]


def followed(case: Case, response: Response) -> bool:
    """Whether the answer keeps to the instruction."""
    check = case.metadata["check"]
    return CHECKS[check["scorer"]](response.completion.text, check)


def _counts(answer: str, check: Check) -> list[int]:
    patterns = check["patterns"] if "patterns" in check else [check["pattern"]]
    return [count_matches(compile_pattern(pattern, check.get("flags", "")), answer) for pattern in patterns]


def _found(answer: str, check: Check) -> bool:
    return find_match(compile_pattern(check["pattern"], check["flags"]), answer) is not None


def _starts_with(answer: str, check: Check) -> bool:
    return answer.strip().lower().startswith(check["value"].strip().lower())


def _ends_with(answer: str, check: Check) -> bool:
    return answer.strip().strip('"').lower().endswith(check["value"].strip().lower())


def _is_json(answer: str, check: Check) -> bool:
    plain = answer.strip()
    if check["strip_fence"]:
        for fence in ("```json", "```Json", "```JSON", "```"):
            plain = plain.removeprefix(fence)
        plain = plain.removesuffix("```").strip()
    try:
        json.loads(plain)
    except ValueError:
        return False
    return True


CHECKS: dict[str, Callable[[str, Check], bool]] = {
    "contains_any": lambda answer, check: any(value in answer for value in check["values"]),
    "not_contains": lambda answer, check: check["value"] not in answer,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "regex": _found,
    "regex_all": lambda answer, check: all(_counts(answer, check)),
    "regex_none": lambda answer, check: not any(_counts(answer, check)),
    "regex_count_equals": lambda answer, check: sum(_counts(answer, check)) == check["n"],
    "regex_count_at_least": lambda answer, check: sum(_counts(answer, check)) >= check["n"],
    "regex_count_less_than": lambda answer, check: sum(_counts(answer, check)) < check["n"],
    "is_json": _is_json,
}
