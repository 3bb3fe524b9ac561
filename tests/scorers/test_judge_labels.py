"""Labels of people beside the judge's scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalperf.errors import ConfigError
from evalperf.records import Score
from evalperf.scorers import open_scorers
from tests.scorers.samples import ADAPTER, make_case, make_response
from tests.support.judging import ScriptedModel, ScriptedModels, verdict

PASS_FAIL = {"type": "pass_fail", "criterion": "It is polite."}


async def judged(folder: Path, *lines: Any, answer: str = "4", reply: str | None = None, **options: Any) -> Score:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "labels.jsonl").write_text(text, encoding="utf-8")
    config = ADAPTER.validate_python(
        {
            "type": "judge",
            "provider": {"type": "function", "call": "code:judge"},
            "rubric": PASS_FAIL,
            "repairs": 0,
            "calibration": {"path": "labels.jsonl"},
            **options,
        }
    )
    models = ScriptedModels(judge=ScriptedModel([reply if reply is not None else verdict("pass")]))
    async with open_scorers([config], folder, models) as (scorer,):
        return await scorer.score(make_case(), make_response(answer))


def row(label: Any, output: str = "4", case_id: str = "a") -> dict[str, Any]:
    return {"id": case_id, "output": output, "label": label}


async def test_the_label_of_the_answer_stands_beside_the_score(tmp_path: Path) -> None:
    score = await judged(tmp_path, row("fail"))
    assert score.value == 1.0
    assert score.detail == {"verdict": "pass", "human": 0.0}


async def test_a_label_for_another_answer_is_not_taken_for_this_one(tmp_path: Path) -> None:
    assert (await judged(tmp_path, row("fail", output="5"))).detail["human"] is None


async def test_a_case_without_a_label_says_nothing_of_it(tmp_path: Path) -> None:
    assert "human" not in (await judged(tmp_path, row("fail", case_id="b"))).detail


async def test_of_several_labelled_answers_of_a_case_each_has_its_own(tmp_path: Path) -> None:
    assert (await judged(tmp_path, row("fail", output="5"), row("pass"))).detail["human"] == 1.0


async def test_the_whole_answer_is_what_was_labelled(tmp_path: Path) -> None:
    score = await judged(tmp_path, row("fail", output="A: 4"), answer="A: 4", extract="A: (.*)")
    assert (score.extracted, score.detail["human"]) == ("4", 0.0)


async def test_a_line_ends_at_a_line_feed_and_nowhere_else(tmp_path: Path) -> None:
    answer = "4\u2028\u00854"
    line = json.dumps(row("fail", output=answer), ensure_ascii=False)
    assert (await judged(tmp_path, line, answer=answer)).detail["human"] == 0.0


async def test_an_answer_without_a_verdict_keeps_its_label(tmp_path: Path) -> None:
    score = await judged(tmp_path, row(1), reply="?")
    assert (score.value, score.detail["human"]) == (None, 1.0)


async def test_a_line_of_results_is_a_line_of_labels_once_it_has_a_label(tmp_path: Path) -> None:
    line = {"seq": 1, "status": "ok", "scores": {}, "id": "a", "output": "4", "label": True}
    assert (await judged(tmp_path, line, "")).detail["human"] == 1.0


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([row("pass"), row("nice")], r"labels\.jsonl:2: the label is 'nice': expected one of \"pass\", \"fail\""),
        ([row("pass"), row("fail")], 'labels.jsonl:2: the same answer of case "a"'),
        ([{"id": "a", "label": 1}], 'labels.jsonl:1: there is no "output"'),
        ([row(1, output=["4"])], '"output" is no text'),  # type: ignore[arg-type]
        (["[1]"], 'there is no "id"'),
        (["{"], "labels.jsonl:1: not JSON"),
        (["[" * 100_000], "labels.jsonl:1: not JSON"),
        ([""], "holds no label"),
    ],
)
async def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, lines: list[Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        await judged(tmp_path, *lines)


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*none\.jsonl"):
        await judged(tmp_path, row("pass"), calibration={"path": "none.jsonl"})
