"""Several votes, and pairs in both orders."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evalperf.records import Case, Message, Score
from evalperf.scorers import open_scorers
from tests.scorers.samples import ADAPTER, make_case, make_response
from tests.support.judging import Reply, ScriptedModel, ScriptedModels, quoted, refused, verdict
from tests.support.virtual_loop import run_virtual

ASKED = {"type": "function", "call": "code:judge"}
PASS_FAIL = {"type": "pass_fail", "criterion": "It is polite."}
TEN = {"type": "grade", "criterion": "Quality.", "scale": [0, 10]}
GRADES = {"type": "grade", "criterion": "Quality.", "grades": {"A": 1, "B": 0.5, "C": 0}}
PAIR = {"type": "pairwise"}


async def judged(model: ScriptedModel | list[Reply], *, target: str = "five", **options: Any) -> Score:
    model = model if isinstance(model, ScriptedModel) else ScriptedModel(model)
    config = ADAPTER.validate_python({"type": "judge", "provider": ASKED, "repairs": 0, "rubric": PASS_FAIL, **options})
    async with open_scorers([config], Path(), ScriptedModels(judge=model)) as (scorer,):
        return await scorer.score(make_case(target), make_response("four"))


def verdicts(*said: Any) -> list[Reply]:
    return [verdict(each) for each in said]


async def test_the_majority_of_labels_decides() -> None:
    score = await judged(verdicts("pass", "fail", "pass"), votes=3)
    assert (score.value, score.passed, score.detail["verdict"]) == (1.0, True, "pass")


async def test_the_mean_of_numbers_decides() -> None:
    score = await judged(verdicts(4, 7, 10), votes=3, rubric=TEN)
    assert score.value == pytest.approx(0.7)
    assert score.detail["votes"] == [0.4, 0.7, 1.0]


async def test_between_labels_of_equal_count_the_value_lies_in_the_middle() -> None:
    score = await judged(verdicts("A", "B", "C", "A", "C"), votes=5, rubric=GRADES)
    assert (score.value, "verdict" in score.detail) == (0.5, False)


async def test_labels_can_be_averaged() -> None:
    score = await judged(verdicts("pass", "fail", "pass", "pass"), votes=4, combine="mean")
    assert (score.value, score.passed) == (0.75, None)


async def test_how_far_the_votes_agree_is_told() -> None:
    """Of three pairs one is equal."""
    assert (await judged(verdicts("pass", "fail", "pass"), votes=3)).detail["agreement"] == pytest.approx(1 / 3)
    assert (await judged(verdicts(4, 4), votes=2, rubric=TEN)).detail["agreement"] == 1.0


async def test_votes_that_can_not_be_read_are_left_out_and_told() -> None:
    score = await judged([*verdicts("pass"), "?", *verdicts("pass")], votes=3)
    assert (score.value, score.detail["votes"], score.detail["agreement"]) == (1.0, [1.0, None, 1.0], 1.0)
    assert [fault["kind"] for fault in score.detail["failures"]] == ["bad_reply"]


async def test_with_too_few_votes_there_is_no_verdict() -> None:
    score = await judged([*verdicts("pass"), "?", refused("timeout")], votes=3)
    assert (score.value, score.passed) == (None, None)
    assert str(score.reason).startswith("no verdict (bad_reply): 1 of 3 votes, 2 are needed")


async def test_how_many_are_needed_can_be_said() -> None:
    assert (await judged([*verdicts("pass"), "?", "?"], votes=3, min_votes=1)).value == 1.0


async def test_votes_are_asked_at_the_same_time_each_as_a_draw_of_its_own() -> None:
    """So that a cache does not hand out the first vote three times."""
    model = ScriptedModel(lambda *_: verdict("pass"))
    await judged(model, votes=3, repairs=1)
    assert model.most_in_flight == 3
    assert (model.calls, sorted(model.draws)) == ([1, 3, 5], [1, 2, 3])
    assert len({str(messages) for _, messages, _ in model.asked}) == 1


def test_votes_take_the_time_of_one() -> None:
    model = ScriptedModel(lambda *_: verdict("pass"), latency_s=2.0)

    async def timed() -> float:
        began = asyncio.get_running_loop().time()
        await judged(model, votes=5)
        return asyncio.get_running_loop().time() - began

    assert run_virtual(timed()) == pytest.approx(2.0)


# pairs


def prefers(text: str) -> Any:
    """A judge that looks at the answers and not at their place."""

    def reply(_case: Case, messages: tuple[Message, ...], _call: int) -> str:
        return verdict("A" if quoted(messages[-1]["content"], "answer_a") == [text] else "B")

    return reply


@pytest.mark.parametrize(("winner", "value", "label"), [("four", 1.0, "answer"), ("five", 0.0, "other")])
async def test_who_wins_in_both_orders_has_won(winner: str, value: float, label: str) -> None:
    model = ScriptedModel(prefers(winner))
    score = await judged(model, rubric=PAIR)
    assert (score.value, score.detail["verdict"], score.detail["orders"]) == (value, label, [[label, label]])
    assert model.calls == [1, 2]


@pytest.mark.parametrize(("place", "preferred"), [("A", "first"), ("B", "second")])
async def test_a_judge_that_looks_at_the_place_says_a_tie(place: str, preferred: str) -> None:
    score = await judged(verdicts(place, place), rubric=PAIR)
    assert (score.value, score.detail["verdict"]) == (0.5, "tie")
    assert score.detail["preferred_position"] == [preferred]
    assert "the two orders disagree" in str(score.reason)


@pytest.mark.parametrize("said", [("A", "tie"), ("tie", "A"), ("tie", "tie")])
async def test_all_but_a_win_in_both_orders_is_a_tie(said: tuple[str, str]) -> None:
    assert (await judged(verdicts(*said), rubric=PAIR)).value == 0.5


@pytest.mark.parametrize("replies", [["?", verdict("A")], [verdict("A"), refused()]])
async def test_without_a_verdict_in_one_order_there_is_none(replies: list[Reply]) -> None:
    score = await judged(replies, rubric=PAIR)
    assert (score.value, score.passed) == (None, None)
    assert None in score.detail["orders"][0]


async def test_one_order_can_be_enough() -> None:
    score = await judged(verdicts("A"), rubric={**PAIR, "both_orders": False})
    assert (score.value, score.detail["orders"]) == (1.0, [["answer"]])


async def test_the_other_answer_may_stand_in_a_field_of_the_case() -> None:
    model = ScriptedModel(lambda *_: verdict("tie"))
    config = ADAPTER.validate_python(
        {"type": "judge", "provider": ASKED, "rubric": {**PAIR, "against": "metadata.baseline.text"}}
    )
    async with open_scorers([config], Path(), ScriptedModels(judge=model)) as (scorer,):
        await scorer.score(make_case(baseline={"text": "six"}), make_response("four"))
        lacking = await scorer.score(make_case(), make_response("four"))
    assert [quoted(asked[1][-1]["content"], "answer_b") for asked in model.asked] == [["six"], ["four"]]
    assert (lacking.value, lacking.reason) == (None, "the case has no metadata.baseline.text")


async def test_each_vote_on_a_pair_is_asked_in_both_orders() -> None:
    model = ScriptedModel(prefers("four"))
    score = await judged(model, rubric=PAIR, votes=3, repairs=1)
    assert (score.value, score.detail["verdicts"], score.detail["agreement"]) == (1.0, ["answer"] * 3, 1.0)
    assert model.calls == [1, 3, 5, 7, 9, 11]
    assert sorted(model.draws) == [1, 1, 2, 2, 3, 3]
