"""LLMBar's recorded replies of judges, through the public scorer, and what its authors counted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from evalperf.records import Case, Message
from evalperf.scorers import open_scorers
from tests.scorers.official_numbers import DATA, rows_of
from tests.scorers.samples import ADAPTER, make_response
from tests.support.judging import ScriptedModel, ScriptedModels

FOLDER = DATA / "llmbar_judge"
TEMPLATE = "# Instruction:\n{{ input }}\n# Output (a):\n{{ answer_a }}\n# Output (b):\n{{ answer_b }}\n# Better:"
WINNERS = {"answer": "1", "other": "2", None: None}


def replies() -> list[dict[str, Any]]:
    """One row for each judge and case, with both orders and the winners that the authors read."""
    return rows_of("llmbar_judge/judge_replies.jsonl")


async def winners(folder: Path) -> dict[tuple[str, str], tuple[Any, Any]]:
    """By evaluator and case: the winner in the original and in the swapped order, in terms of the original one."""
    cases = {row["id"]: row for row in rows_of("llmbar_judge/cases.jsonl")}
    regexes = json.loads((FOLDER / "parsing_regexes.json").read_text(encoding="utf-8"))
    found = {}
    for evaluator, patterns in regexes.items():
        recorded = {row["id"]: row for row in replies() if row["evaluator"] == evaluator}

        def replay(case: Case, _messages: tuple[Message, ...], call: int, recorded: Any = recorded) -> str:
            return recorded[case.id]["original" if call == 1 else "swapped"]["reply"]

        config = judge_config({"A": patterns["1"], "B": patterns["2"]})
        async with open_scorers([config], folder, ScriptedModels(judge=ScriptedModel(replay))) as (scorer,):
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
