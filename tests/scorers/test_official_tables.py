"""The test tables of other tools, where they mean the same thing, and IFEval without any code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from evalperf.scorers import NO_ANSWER

pytestmark = pytest.mark.data


SIMILARITY = {"type": "json_equal", "measure": "similarity"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _valid_json(row: dict[str, Any]) -> list[dict[str, Any]]:
    schema = row["args"][2]
    return [
        {"type": "json_valid", "root": "container"},
        *([{"type": "json_schema", "schema": schema}] if schema else []),
    ]


AUTOEVALS: dict[str, tuple[int, Callable[[Any], str], Callable[[dict[str, Any]], list[dict[str, Any]]]]] = {
    "test_levenshtein": (9, _text, lambda _: [{"type": "levenshtein"}]),
    "test_valid_json": (13, _text, _valid_json),
    "test_exact_match": (15, _text, lambda _: [{"type": "exact"}]),
    "test_numeric": (5, json.dumps, lambda _: [SIMILARITY]),
    "test_string_as_json": (9, json.dumps, lambda _: [SIMILARITY]),
    "test_json": (11, json.dumps, lambda _: [SIMILARITY]),
    "test_semantic_json": (9, _text, lambda _: [SIMILARITY]),
}
"""Test, rows, how a value is written, and the scorers that mean the same: all must give the value."""

OTHERWISE = {
    "autoevals/test_json/7": "an object and an array: there their texts are compared, here they have nothing in common",
    "autoevals/test_exact_match/10": "an object given as a text: there it is spelt anew, here it stays as written",
    "autoevals/test_exact_match/14": "null and the text None: the same in Python only",
}


@pytest.mark.parametrize("test", AUTOEVALS)
async def test_autoevals(data_rows, judge, test):
    """71 of its 79 rows; the others are `list_contains`, which pairs the texts of two lists by their similarity."""
    count, text, scorers = AUTOEVALS[test]
    rows = [row for row in data_rows("autoevals_cases/cases.jsonl") if row["test"] == test]
    assert len(rows) == count
    others = []
    for row in rows:
        target = None if test == "test_valid_json" else text(row["args"][1])
        values = [(await judge(config, text(row["args"][0]), target)).value for config in scorers(row)]
        expected = row["args"][1] if test == "test_valid_json" else row["args"][2]
        if min(values) != pytest.approx(expected, abs=1e-4):
            others.append(row["id"])
    assert others == [each for each in OTHERWISE if each.startswith(f"autoevals/{test}/")]


def _inspect_scorer(row: dict[str, Any]) -> dict[str, Any] | None:
    """The scorer that means the same, None where none does."""
    kwargs = row["scorer"]["kwargs"]
    if row["scorer"]["name"] == "match":
        which = {None: "last", "end": "last", "begin": "first"}.get(kwargs.get("location"))
        return None if which is None else {"type": "number", "which": which}
    pattern = kwargs.get("pattern") or row["scorer"]["args"][0]
    if pattern.count("(") > 1:
        return None
    return {"type": "regex", "pattern": pattern, "group": 1, "flags": "i" if kwargs.get("ignore_case", True) else ""}


INSPECT_OTHERWISE = {
    "inspect/test_non_numeric_match_plain": "any number of the answer counts there, here the last one",
    "inspect/test_numeric_chinese_numeral_in_output": "numbers that are spelt out are not read",
    "inspect/test_match_all_unmatched_optional_group_is_not_correct": "a group that takes no part is no answer here",
}


async def test_inspect(data_rows, judge):
    """28 of its 45 rows; what it calls N, no match, is here `no answer`: wrong all the same."""
    tried, others = 0, []
    for row in data_rows("inspect_cases/cases.jsonl"):
        config = _inspect_scorer(row)
        if config is None:
            continue
        tried += 1
        score = await judge(config, row["response"], tuple(row["expected"]))
        verdict = "C" if score.passed else "N" if score.reason == NO_ANSWER else "I"
        if verdict != row["verdict"]:
            others.append(row["id"])
    assert (tried, others) == (28, list(INSPECT_OTHERWISE))


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


@pytest.mark.parametrize(
    ("model", "followed"), [("gpt-4o-mini-2024-07-18", 409), ("Qwen__Qwen2.5-0.5B-Instruct-GPTQ-Int4", 148)]
)
async def test_ifeval_without_code(data_rows, judge, model, followed):
    rows = data_rows(f"ifeval_checks/checks-{model}.jsonl")
    assert {row["check"]["scorer"] for row in rows} == IFEVAL.keys()
    others, passed = [], 0
    for row in rows:
        score = await judge(IFEVAL[row["check"]["scorer"]](row["check"]), row["response"])
        passed += score.passed is True
        if score.passed is not row["official"]["followed"]:
            others.append(row["id"])
    assert (len(rows), passed, others) == (452, followed, [])
