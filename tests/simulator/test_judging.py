"""The model `judge` understands what the scorers ask, and they understand its replies, whatever their form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalperf.records import Case, Score
from evalperf.scorers import open_scorers
from evalperf.simulator import JudgeOptions, SimulatorOptions, serve
from evalperf.simulator.judging import GOOD_FORMS, speak
from evalperf.simulator.judging.manners import BROKEN_FORMS
from tests.scorers.samples import ADAPTER, make_case, make_response
from tests.support.judging import ScriptedModel, ScriptedModels, replied

CORRECT = {"type": "reference"}
GRADE = {"type": "grade", "criterion": "How right is it?", "scale": [1, 5]}
CRITERIA = {
    "type": "criteria",
    "criteria": [{"name": "facts", "description": "true"}, {"name": "all of it", "description": "whole"}],
    "scale": [0, 10],
}
BRACKETS = {"pattern": r"\[\[(\w+)\]\]", "ask": "End with [[correct]] or [[incorrect]]."}
PLAIN = JudgeOptions()


async def _scored(
    answer: str, options: JudgeOptions, u: float, *, target: str = "42", config: dict[str, Any] | None = None
) -> Score:
    """What a scorer makes of the simulated judge's reply."""

    def reply(_case: Any, messages: Any, _call: int) -> Any:
        spoken = speak("\n\n".join(message["content"] for message in messages), options, u)
        return replied(spoken.text, finish_reason=spoken.finish_reason)

    asked = {"type": "function", "call": "code:judge"}
    section = {"type": "judge", "rubric": CORRECT, **(config or {}), "provider": asked, "repairs": 0}
    models = ScriptedModels(judge=ScriptedModel(reply))
    async with open_scorers([ADAPTER.validate_python(section)], Path(), models) as (scorer,):
        return await scorer.score(make_case(target), make_response(answer))


def _within(forms: dict[str, Any], form: str) -> float:
    """The number that decides for this form."""
    return (list(forms).index(form) + 0.5) / len(forms)


@pytest.mark.parametrize("form", GOOD_FORMS)
@pytest.mark.parametrize("reply", ["json", "line", BRACKETS], ids=["json", "line", "brackets"])
async def test_every_good_form_carries_the_right_verdict(form, reply):
    options = JudgeOptions(varied=True)
    u = _within(GOOD_FORMS, form)
    assert (await _scored("It is 42.", options, u, config={"reply": reply})).value == 1.0
    assert (await _scored("It is 41.", options, u, config={"reply": reply})).value == 0.0


@pytest.mark.parametrize("form", BROKEN_FORMS)
@pytest.mark.parametrize("reply", ["json", "line", BRACKETS], ids=["json", "line", "brackets"])
async def test_no_broken_form_becomes_a_value(form, reply):
    score = await _scored("It is 42.", JudgeOptions(broken=1), _within(BROKEN_FORMS, form), config={"reply": reply})
    assert score.value is None
    assert score.detail["failure"]["kind"] == "bad_reply"


@pytest.mark.parametrize("u", [0.25, 0.75])
async def test_a_refusal_is_one_and_no_value(u):
    score = await _scored("It is 42.", JudgeOptions(refusing=1), u)
    assert score.value is None
    assert score.detail["failure"]["kind"] == "content_filter"


@pytest.mark.parametrize(("answer", "value"), [("the cat sat", 1.0), ("the cat", 0.8), ("a dog", 0.0)])
async def test_a_scale_follows_the_words_in_common(answer, value):
    """F1 of two of three words: 0.8."""
    assert (await _scored(answer, PLAIN, 0.5, target="the cat sat", config={"rubric": GRADE})).value == value


async def test_several_criteria_have_a_verdict_each():
    score = await _scored("It is 42.", PLAIN, 0.5, config={"rubric": CRITERIA})
    assert score.value == 1.0
    assert score.detail["criteria"] == {"facts": 1.0, "all of it": 1.0}


async def test_dimensions_get_confidence_and_evidence_from_the_answer():
    dimensions = [{"name": "accuracy", "description": "true"}]
    template = "{{ answer }} {{ target }} {{ rubric }} {{ reply_form }}"
    score = await _plainly_scored(
        {"type": "dimensions", "dimensions": dimensions, "template": template},
        make_case("42"),
        "I think that it is 42",
    )
    view = score.detail["dimensions"]["accuracy"]
    assert score.value == 1.0
    assert view["confidence"] == 1.0
    assert view["evidence_found"] is True


@pytest.mark.parametrize(
    ("answer", "value"), [("Paris is the capital", 1.0), ("something else", 0.0), ("London is no capital", 0.5)]
)
async def test_of_a_pair_the_better_one_wins_in_both_orders(answer, value):
    """Compared with the question, as there is no target; two that are about as good are a tie."""
    case = Case(seq=1, id="a", input="Paris is the capital of what?", metadata={"other": "London is no capital"})
    section = {"type": "judge", "rubric": {"type": "pairwise", "against": "metadata.other"}}
    assert (await _plainly_scored(section, case, answer)).value == value


async def _plainly_scored(section: dict[str, Any], case: Case, answer: str) -> Score:
    def reply(_case: Any, messages: Any, _call: int) -> str:
        return speak("\n\n".join(message["content"] for message in messages), PLAIN, 0.5).text

    config = ADAPTER.validate_python({**section, "provider": {"type": "function", "call": "code:judge"}})
    async with open_scorers([config], Path(), ScriptedModels(judge=ScriptedModel(reply))) as (scorer,):
        return await scorer.score(case, make_response(answer))


def test_who_asks_for_no_verdict_is_told_so():
    spoken = speak("What is 2 + 3?", PLAIN, 0.5)
    assert spoken.form == "not_asked"
    assert "judge" in spoken.text


@given(st.text(), st.floats(0, 1, exclude_max=True))
def test_nothing_that_is_said_breaks_it(said, u):
    options = JudgeOptions(varied=True, broken=0.3, refusing=0.3, late=0.2)
    assert speak(said, options, u) == speak(said, options, u)


@given(st.floats(0, 1, exclude_max=True))
def test_shares_are_those_asked_for(u):
    assume(all(abs(u - border) > 1e-9 for border in (0.2, 0.3, 0.4)))
    options = JudgeOptions(varied=True, broken=0.2, refusing=0.1, late=0.1, late_s=3.0)
    spoken = speak('Say one of "pass", "fail".\nVERDICT:', options, u)
    if u < 0.2:
        assert spoken.form in BROKEN_FORMS
    elif u < 0.3:
        assert spoken.form in {"refused", "filtered"}
    elif u < 0.4:
        assert spoken.form.removeprefix("late_") in GOOD_FORMS
        assert spoken.wait_s == 3.0
    else:
        assert spoken.form in GOOD_FORMS
        assert spoken.wait_s == 0


async def test_the_server_counts_what_its_judge_has_said():
    options = SimulatorOptions(latency_s=0, judge=JudgeOptions(varied=True, broken=0.4, refusing=0.3))
    async with serve(options) as url, aiohttp.ClientSession() as session:
        for number in range(30):
            question = f'<answer abcdef12>\n{number}\n</answer abcdef12>\nSay one of "pass", "fail".\nVERDICT:'
            body = {"model": "judge", "messages": [{"role": "user", "content": question}]}
            async with session.post(f"{url}/chat/completions", json=body) as reply:
                choice = (await reply.json())["choices"][0]
            assert (choice["finish_reason"] == "content_filter") <= (choice["message"]["content"] == "")
        async with session.get(url.removesuffix("/v1") + "/stats") as reply:
            judged = (await reply.json())["judged"]
    assert sum(judged.values()) == 30
    assert judged.keys() & set(BROKEN_FORMS)
    assert judged.keys() & {"refused", "filtered"}
