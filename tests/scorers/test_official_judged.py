"""LLMBar: the winners that its authors read from 1,590 recorded replies, through the public scorer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalperf.records import Case, Message
from evalperf.scorers import open_scorers
from evalperf.stats.agreement import cohens_kappa
from tests.scorers.samples import ADAPTER, make_response
from tests.support.judging import ScriptedModel, ScriptedModels

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "llmbar_judge"
TEMPLATE = "# Instruction:\n{{ input }}\n# Output (a):\n{{ answer_a }}\n# Output (b):\n{{ answer_b }}\n# Better:"
WINNERS = {"answer": "1", "other": "2", None: None}


@pytest.mark.data
async def test_every_winner_of_llmbar_is_read_as_its_authors_read_it(data_rows: Callable[[str], Any], tmp_path) -> None:
    found = await winners(data_rows, tmp_path)
    rows = data_rows("llmbar_judge/judge_replies.jsonl")
    assert len(found) == len(rows) == 795
    for row in rows:
        official = (row["original"]["official_winner"], row["swapped"]["official_winner"])
        assert found[row["evaluator"], row["id"]] == official


@pytest.mark.data
async def test_the_official_counts_of_llmbar_follow(data_rows: Callable[[str], Any], tmp_path) -> None:
    found = await winners(data_rows, tmp_path)
    labels = {row["id"]: row["label"] for row in data_rows("llmbar_judge/judge_replies.jsonl")}
    for numbers in expected_numbers():
        prefix, evaluator = group_of(numbers["id"])
        pairs = [
            (labels[case_id], *orders)
            for (by, case_id), orders in found.items()
            if by == evaluator and case_id.startswith(prefix)
        ]
        assert counted(pairs) == {name: numbers[name] for name in counted(pairs)}
        # scikit-learn took a reply without a winner for a third label
        swapped = cohens_kappa([(one, two) for _, one, two in pairs])
        assert swapped == pytest.approx(numbers["cohen_kappa_original_vs_swapped_sklearn"], rel=1e-9, abs=1e-12)
        labelled = cohens_kappa([(one, label) for label, one, _ in pairs])
        assert labelled == pytest.approx(numbers["cohen_kappa_original_vs_label_sklearn"], rel=1e-9, abs=1e-12)


async def winners(data_rows: Callable[[str], Any], tmp_path: Any) -> dict[tuple[str, str], tuple[Any, Any]]:
    """By evaluator and case: the winner in the original and in the swapped order, in terms of the original one."""
    cases = {row["id"]: row for row in data_rows("llmbar_judge/cases.jsonl")}
    regexes = json.loads((FOLDER / "parsing_regexes.json").read_text(encoding="utf-8"))
    replies = data_rows("llmbar_judge/judge_replies.jsonl")
    found = {}
    for evaluator, patterns in regexes.items():
        recorded = {row["id"]: row for row in replies if row["evaluator"] == evaluator}

        def replay(case: Case, _messages: tuple[Message, ...], call: int, recorded: Any = recorded) -> str:
            return recorded[case.id]["original" if call == 1 else "swapped"]["reply"]

        config = judge_config({"A": patterns["1"], "B": patterns["2"]})
        async with open_scorers([config], tmp_path, ScriptedModels(judge=ScriptedModel(replay))) as (scorer,):
            for case_id in recorded:
                row = cases[case_id]
                case = Case(seq=1, id=case_id, input=row["input"], metadata={"baseline": row["output_2"]})
                score = await scorer.score(case, make_response(row["output_1"]))
                ((original, swapped),) = score.detail["orders"]
                found[evaluator, case_id] = (WINNERS[original], WINNERS[swapped])
    return found


def expected_numbers() -> list[dict[str, Any]]:
    return json.loads((FOLDER / "expected_numbers.json").read_text(encoding="utf-8"))["numbers"]


def judge_config(patterns: dict[str, str]) -> Any:
    return ADAPTER.validate_python(
        {
            "type": "judge",
            "provider": {"type": "function", "call": "code:judge"},
            "rubric": {"type": "pairwise", "against": "metadata.baseline", "ties": False},
            "reply": {"patterns": patterns},
            "template": TEMPLATE,
            "repairs": 0,
        }
    )


def group_of(number_id: str) -> tuple[str, str]:
    """From llmbar/LLMBar/Adversarial/Manual/GPT-4/CoT to the prefix of the cases and the evaluator."""
    *_, group, model, way = number_id.split("/")
    return f"llmbar-{group}-", f"{model}/{way}"


def counted(pairs: list[tuple[str, Any, Any]]) -> dict[str, float]:
    counts = Counter()
    for label, original, swapped in pairs:
        counts["correct_original"] += original == label
        counts["correct_swapped"] += swapped == label
        counts["correct_both_orders"] += original == swapped == label
        counts["same_winner_both_orders"] += original == swapped  # the authors count two unreadable replies as equal
        counts["unparsable_replies"] += (original is None) + (swapped is None)
    accuracy = (counts["correct_original"] + counts["correct_swapped"]) / 2 / len(pairs)
    return {"n": len(pairs), **counts, "average_accuracy": accuracy}
