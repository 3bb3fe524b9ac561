"""What the checks of other tools and of IFEval are called here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SIMILARITY = {"type": "json_equal", "measure": "similarity"}


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _valid_json(row: dict[str, Any]) -> list[dict[str, Any]]:
    schema = row["args"][2]
    return [
        {"type": "json_valid", "root": "container"},
        *([{"type": "json_schema", "schema": schema}] if schema else []),
    ]


AUTOEVALS: dict[str, tuple[int, Callable[[Any], str], Callable[[dict[str, Any]], list[dict[str, Any]]]]] = {
    "test_levenshtein": (9, text_of, lambda _: [{"type": "levenshtein"}]),
    "test_valid_json": (13, text_of, _valid_json),
    "test_exact_match": (15, text_of, lambda _: [{"type": "exact"}]),
    "test_numeric": (5, json.dumps, lambda _: [SIMILARITY]),
    "test_string_as_json": (9, json.dumps, lambda _: [SIMILARITY]),
    "test_json": (11, json.dumps, lambda _: [SIMILARITY]),
    "test_semantic_json": (9, text_of, lambda _: [SIMILARITY]),
}
"""Test, rows, how a value is written, and the scorers that mean the same: all must give the value."""


def inspect_scorer(row: dict[str, Any]) -> dict[str, Any] | None:
    """The scorer that means the same, None where none does."""
    kwargs = row["scorer"]["kwargs"]
    if row["scorer"]["name"] == "match":
        which = {None: "last", "end": "last", "begin": "first"}.get(kwargs.get("location"))
        return None if which is None else {"type": "number", "which": which}
    pattern = kwargs.get("pattern") or row["scorer"]["args"][0]
    if pattern.count("(") > 1:
        return None
    return {"type": "regex", "pattern": pattern, "group": 1, "flags": "i" if kwargs.get("ignore_case", True) else ""}


def _patterns(check: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    patterns = check["patterns"] if "patterns" in check else [check["pattern"]]
    flags = check.get("flags", "")
    return [
        {"type": "regex", "name": f"p{at}", "pattern": p, "flags": flags, **options} for at, p in enumerate(patterns)
    ]


UNQUOTED = {"pattern": r'\A\s*"*(.*?)"*\s*\Z', "flags": "s"}
"""White space, then double quotes, are dropped from both ends."""

IFEVAL: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "not_contains": lambda c: {"type": "excludes", "values": [c["value"]], "ignore_case": False},
    "contains_any": lambda c: {"type": "includes", "values": c["values"], "ignore_case": False},
    "starts_with": lambda c: {"type": "starts_with", "values": [c["value"]]},
    "ends_with": lambda c: {"type": "ends_with", "values": [c["value"]], "extract": UNQUOTED},
    "is_json": lambda c: {"type": "json_valid", "fences": c["strip_fence"]},
    "regex": lambda c: {"type": "all", "scorers": _patterns(c)},
    "regex_all": lambda c: {"type": "all", "scorers": _patterns(c)},
    "regex_none": lambda c: {"type": "not", "scorer": {"type": "any", "scorers": _patterns(c)}},
    "regex_count_at_least": lambda c: {"type": "all", "scorers": _patterns(c, min_count=c["n"])},
    "regex_count_less_than": lambda c: {"type": "all", "scorers": _patterns(c, max_count=c["n"] - 1)},
    "regex_count_equals": lambda c: {
        "type": "regex",
        "pattern": "|".join(c["patterns"]),
        "flags": c["flags"],
        "min_count": c["n"],
        "max_count": c["n"],
    },
}
"""All kinds of its checks as a configuration without code."""


OTHERWISE = {
    "autoevals/test_json/7": "an object and an array: there their texts are compared, here they have nothing in common",
    "autoevals/test_exact_match/10": "an object given as a text: there it is spelt anew, here it stays as written",
    "autoevals/test_exact_match/14": "null and the text None: the same in Python only",
}
"""Rows of autoevals that mean another thing."""

INSPECT_OTHERWISE = {
    "inspect/test_non_numeric_match_plain": "any number of the answer counts there, here the last one",
    "inspect/test_numeric_chinese_numeral_in_output": "numbers that are spelt out are not read",
    "inspect/test_match_all_unmatched_optional_group_is_not_correct": "a group that takes no part is no answer here",
}
"""Rows of Inspect that mean another thing."""
