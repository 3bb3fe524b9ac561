"""The cost of a run is the sum of its parts."""

from __future__ import annotations

from typing import Any

import pytest

from evalperf.records import Score, Spent
from evalperf.report import RENDERERS
from evalperf.report.costs import cost_sections

EMBEDDINGS = {"calls": 3, "cost_usd": 0.4}


def costs(answers: float | None, judging: dict[str, Any] | None, embeddings: dict[str, Any] | None) -> dict[str, Any]:
    return cost_sections({"cost_usd": answers, "judging": judging}, embeddings)


def test_embeddings_that_scores_name_count_once() -> None:
    found = costs(1.0, {"cost_usd": 0.75, "embedded_usd": 0.25}, EMBEDDINGS)
    assert found["costs"] == {"answers_usd": 1.0, "scoring_usd": 0.5, "embeddings_usd": 0.4}
    assert found["cost_usd"] == pytest.approx(1.9)
    assert found["embeddings"] == EMBEDDINGS


def test_without_a_list_of_calls_the_scores_speak_for_the_embeddings() -> None:
    found = costs(1.0, {"cost_usd": 0.75, "embedded_usd": 0.25}, None)
    assert (found["cost_usd"], found["costs"]["scoring_usd"], found["embeddings"]) == (1.75, 0.75, None)


@pytest.mark.parametrize(
    ("answers", "judging", "embeddings", "total"),
    [
        (None, None, None, None),
        (None, {"cost_usd": None, "embedded_usd": None}, {"calls": 1, "cost_usd": None}, None),
        (None, {"cost_usd": 0.5, "embedded_usd": 0.0}, None, 0.5),
        (0.0, None, None, 0.0),
    ],
)
def test_what_is_not_known_is_no_0(answers: Any, judging: Any, embeddings: Any, total: float | None) -> None:
    assert costs(answers, judging, embeddings)["cost_usd"] == total


def test_the_report_names_the_parts_where_there_are_several(make_report: Any, make_result: Any) -> None:
    judged = {"judge": Score(value=1.0, spent=Spent(calls=1, cost_usd=0.25))}
    alone = RENDERERS["markdown"](make_report([make_result(1, cost_usd=0.5)])).decode()
    several = RENDERERS["markdown"](make_report([make_result(1, cost_usd=0.5, scores=judged)])).decode()
    assert "0.5000" in alone
    assert "answers" not in alone.partition("| tokens |")[2].partition("\n")[0]
    assert "$0.7500: answers $0.5000, scoring $0.2500" in several.replace("\\", "")
