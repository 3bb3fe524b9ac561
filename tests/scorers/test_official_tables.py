"""The test tables of other tools, where they mean the same thing, and IFEval without any code."""

from __future__ import annotations

import pytest

from evalperf.scorers import NO_ANSWER
from tests.scorers.official_tables import AUTOEVALS, IFEVAL, INSPECT_OTHERWISE, OTHERWISE, inspect_scorer

pytestmark = pytest.mark.data


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


async def test_inspect(data_rows, judge):
    """28 of its 45 rows; what it calls N, no match, is here `no answer`: wrong all the same."""
    tried, others = 0, []
    for row in data_rows("inspect_cases/cases.jsonl"):
        config = inspect_scorer(row)
        if config is None:
            continue
        tried += 1
        score = await judge(config, row["response"], tuple(row["expected"]))
        verdict = "C" if score.passed else "N" if score.reason == NO_ANSWER else "I"
        if verdict != row["verdict"]:
            others.append(row["id"])
    assert (tried, others) == (28, list(INSPECT_OTHERWISE))


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
