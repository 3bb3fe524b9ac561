"""The scorers of the example configurations against the verdicts that the authors of public data published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalperf.config.load import load_config
from evalperf.records import Case, Response, Score
from evalperf.scorers import NO_ANSWER, open_scorers
from tests.scorers.samples import make_response

pytestmark = pytest.mark.data

EXAMPLES = Path(__file__).resolve().parents[2] / "configs" / "examples"


async def score_all(example: str, rows: Any) -> dict[str, list[tuple[Case, Any, Score]]]:
    """Every row scored by every scorer of an example: case, raw row, score, by the scorer's name."""
    loaded = load_config(EXAMPLES / example)
    async with open_scorers(loaded.config.scorers, loaded.base_dir) as scorers:
        rows = list(rows)
        return {
            scorer.name: [(case, row, await scorer.score(case, response)) for case, response, row in rows]
            for scorer in scorers
        }


def right(scored: list[tuple[Case, Any, Score]]) -> int:
    assert all(score.value is not None and score.value == float(bool(score.passed)) for _, _, score in scored)
    return sum(score.passed is True for _, _, score in scored)


def without_answer(scored: list[tuple[Case, Any, Score]]) -> int:
    return sum(score.reason == NO_ANSWER for _, _, score in scored)


@pytest.mark.parametrize(
    ("example", "model", "count", "missing"),
    [("gsm8k-6b.json", "6b_finetuning", 286, 4), ("gsm8k-175b.json", "175b_verification", 742, 1)],
)
async def test_gsm8k_agrees_with_the_flag_of_openai_on_every_answer(joined, example, model, count, missing):
    scored = (await score_all(example, joined("gsm8k", f"responses-{model}.jsonl")))["answer"]
    assert (len(scored), right(scored), without_answer(scored)) == (1319, count, missing)
    assert [row["id"] for _, row, score in scored if score.passed is not row["official"]["is_correct"]] == []


@pytest.mark.parametrize(("kind", "count"), [("cot", 1646), ("direct", 1144)])
async def test_bbh_reproduces_the_accuracy_of_every_task(joined, data_rows, kind, count):
    scored = (await score_all(f"bbh-{kind}.json", joined("bbh", f"responses-code-davinci-002-{kind}.jsonl")))["exact"]
    assert (len(scored), right(scored)) == (2146, count)
    cases = Counter(case.metadata["task"] for case, _, _ in scored)
    passed = Counter(case.metadata["task"] for case, _, score in scored if score.passed)
    by_id = {entry["id"]: entry for entry in _expected(data_rows, "bbh")}
    for task, n in cases.items():
        official = by_id[f"bbh/{task}/{kind}"]
        assert (n, passed[task]) == (official["n"], official["count"])
        assert 100 * passed[task] / n == pytest.approx(official["official_accuracy_percent"], rel=1e-9)
    assert len(cases) == 9
    assert [row["id"] for _, row, score in scored if score.passed is not row["correct"]] == []


@pytest.mark.parametrize(
    ("example", "model", "count", "missing"),
    [("mmlu-pro-yi.json", "Yi-34B", 5063, 1036), ("mmlu-pro-jamba.json", "jamba-1.5-large", 5951, 56)],
)
async def test_mmlu_pro_finds_the_letter_that_the_authors_found(joined, data_rows, example, model, count, missing):
    rows = joined("mmlu_pro", f"responses-{model}.jsonl.gz", "cases.jsonl.gz")
    scored = (await score_all(example, rows))["choice"]
    assert (len(scored), right(scored), without_answer(scored)) == (12032, count, missing)
    assert [row["id"] for _, row, score in scored if score.extracted != row["official"]["pred"]] == []
    (official,) = (entry for entry in _expected(data_rows, "mmlu_pro") if entry["id"] == f"mmlu_pro/{model}")
    passed = Counter(case.metadata["category"] for case, _, score in scored if score.passed)
    assert passed == {name: entry["correct"] for name, entry in official["by_category"].items()}


@pytest.mark.parametrize(
    ("model", "exact", "contains"), [("fid", 1414, 1449), ("gpt35", 447, 1394), ("chatgpt", 146, 1506)]
)
async def test_triviaqa_agrees_with_the_squad_script_on_every_answer(joined, model, exact, contains):
    scored = await score_all(f"triviaqa-{model}.json", joined("triviaqa", f"responses-{model}.jsonl"))
    assert right(scored["exact_match"]) == exact
    assert [row["id"] for _, row, s in scored["exact_match"] if s.passed is not bool(row["official"]["em"])] == []
    assert right(scored["contains"]) == contains
    official = [row["official"]["normalised_contains"] for _, row, _ in scored["contains"]]
    assert [score.passed for _, _, score in scored["contains"]] == official


async def test_needle_finds_the_park_and_the_sentence(data_rows):
    rows = data_rows("needle/cases.jsonl")
    cases = [(Case(seq=1, id=row["id"], input="?"), make_response(row["response"]), row) for row in rows]
    scored = await score_all("needle.json", cases)
    assert (len(rows), right(scored["park"]), right(scored["sentence"])) == (1376, 840, 755)
    (official,) = _expected(data_rows, "needle")
    table = Counter(f"{row['official']['score_1_to_10']},{score.passed}" for _, row, score in scored["park"])
    assert table == official['crosstab [judge score, contains "dolores park"] -> count']


def _ifeval(rows: list[dict[str, Any]]) -> list[tuple[Case, Response, dict[str, Any]]]:
    return [
        (
            Case(seq=1, id=row["id"], input="?", target=row["check"].get("pattern"), metadata={"check": row["check"]}),
            make_response(row["response"]),
            row,
        )
        for row in rows
    ]


@pytest.mark.parametrize(
    ("example", "model", "count"),
    [
        ("ifeval-gpt-4o-mini.json", "gpt-4o-mini-2024-07-18", 409),
        ("ifeval-qwen2.5-0.5b.json", "Qwen__Qwen2.5-0.5B-Instruct-GPTQ-Int4", 148),
    ],
)
async def test_ifeval_agrees_with_the_published_verdict_on_every_instruction(data_rows, example, model, count):
    scored = (await score_all(example, _ifeval(data_rows(f"ifeval_checks/checks-{model}.jsonl"))))["followed"]
    assert (len(scored), right(scored)) == (452, count)
    assert [row["id"] for _, row, score in scored if score.passed is not row["official"]["followed"]] == []


@pytest.mark.parametrize(
    ("example", "kept", "n"),
    [
        ("ifeval-no-comma.json", lambda check: check["scorer"] == "not_contains", 66),
        ("ifeval-regex.json", lambda check: check["scorer"] == "regex" and check["flags"] == "", 78),
    ],
)
async def test_ifeval_examples_without_code(data_rows, example, kept, n):
    rows = [row for row in data_rows("ifeval_checks/checks-gpt-4o-mini-2024-07-18.jsonl") if kept(row["check"])]
    (scored,) = (await score_all(example, _ifeval(rows))).values()
    assert len(scored) == n
    assert [row["id"] for _, row, score in scored if score.passed is not row["official"]["followed"]] == []


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.json")))
def test_every_example_is_valid(example):
    load_config(EXAMPLES / example)


def _expected(data_rows: Callable[[str], list[dict[str, Any]]], folder: str) -> list[dict[str, Any]]:
    """`expected_numbers.json` is one document over many lines."""
    import json

    data_rows(f"{folder}/cases.jsonl" if folder != "mmlu_pro" else f"{folder}/cases.jsonl.gz")
    path = Path(__file__).resolve().parents[2].parent / "shared" / "data" / folder / "expected_numbers.json"
    return json.loads(path.read_text(encoding="utf-8"))["numbers"]
