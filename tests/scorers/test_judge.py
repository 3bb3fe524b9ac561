"""The judge: one verdict, what it costs, what there is where it has none, and the cascade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from evalperf.errors import ConfigError, StoppedError
from evalperf.records import Score, Spent, Usage
from evalperf.scorers import open_scorers
from evalperf.scorers.judge_calls import NoVerdict, together
from tests.scorers.samples import ADAPTER, Target, make_case, make_response
from tests.support.judging import Reply, ScriptedModel, ScriptedModels, quoted, refused, replied, verdict

ASKED = {"type": "function", "call": "code:judge"}
LARGER = {"type": "function", "call": "code:larger"}
PASS_FAIL = {"type": "pass_fail", "criterion": "It is polite."}
TEN = {"type": "grade", "criterion": "Quality.", "scale": [0, 10]}


async def judged(
    *replies: Reply | Exception,
    answer: str = "4",
    target: Target = None,
    other: ScriptedModel | None = None,
    model: ScriptedModel | None = None,
    metadata: dict[str, Any] | None = None,
    **options: Any,
) -> Score:
    config = ADAPTER.validate_python({"type": "judge", "provider": ASKED, "rubric": PASS_FAIL, **options})
    models = ScriptedModels(judge=model if model is not None else ScriptedModel(replies), larger=other)
    async with open_scorers([config], Path(), models) as (scorer,):
        return await scorer.score(make_case(target, **(metadata or {})), make_response(answer))


def failure(score: Score) -> Any:
    assert isinstance(score.detail, dict)
    return score.detail["failure"]


async def test_a_verdict_has_value_reason_and_label() -> None:
    score = await judged(verdict("pass", "It says please."))
    assert (score.value, score.passed, score.reason) == (1.0, True, "It says please.")
    assert score.detail == {"verdict": "pass"}


async def test_a_number_has_no_verdict_without_a_threshold() -> None:
    assert (await judged(verdict(7), rubric=TEN)).passed is None
    assert (await judged(verdict(7), rubric=TEN, threshold=0.7)).passed is True


async def test_what_it_has_cost_is_said_apart() -> None:
    score = await judged(verdict("pass"))
    assert score.spent == Spent(calls=1, latency_s=0.25, usage=Usage(10, 2), cost_usd=0.001)


async def test_a_cached_verdict_costs_nothing() -> None:
    score = await judged(replied(verdict("pass"), cached="disk"))
    assert (score.value, score.spent.calls, score.spent.cached, score.spent.cost_usd) == (1.0, 0, 1, 0.0)


async def test_what_one_call_does_not_tell_the_sum_does_not_know() -> None:
    score = await judged("?", replied(verdict("pass"), usage=None, latency_s=None))
    assert (score.spent.calls, score.spent.usage, score.spent.latency_s) == (2, None, None)


# replies without a verdict: never 0


async def test_a_broken_reply_is_sent_back_with_what_is_wrong() -> None:
    model = ScriptedModel(["great!", verdict("fail")])
    score = await judged(model=model)
    assert score.value == 0.0
    assert model.calls == [1, 2]
    *_, said, again = model.asked[1][1]
    assert said == {"role": "assistant", "content": "great!"}
    assert 'no complete JSON object with "verdict"' in again["content"]


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        ("It is great!", "bad_reply", 'no complete JSON object with "verdict"'),
        ("", "bad_reply", "no complete JSON object"),
        (verdict("maybe"), "bad_reply", "expected one of"),
        (replied('{"reasoning": "it is', finish_reason="length"), "truncated", "cut off"),
        ("I'm sorry, but I can't judge this.", "content_filter", "the judge refused"),
        (replied("No.", finish_reason="content_filter"), "content_filter", "the judge refused"),
        (refused("timeout", "no answer within 60 s"), "timeout", "no answer within 60 s"),
        (refused("content_filter", "the model refused"), "content_filter", "the model refused"),
        (refused("rate_limited", "429"), "rate_limited", "429"),
    ],
)
async def test_each_reply_without_a_verdict_is_classified_and_never_zero(reply: Reply, kind: str, message: str) -> None:
    score = await judged(reply, reply)
    assert (score.value, score.passed) == (None, None)
    assert failure(score)["kind"] == kind
    assert message in failure(score)["message"]
    assert score.reason is not None
    assert score.reason.startswith(f"no verdict ({kind}): ")


async def test_a_refusal_that_holds_a_verdict_is_a_verdict() -> None:
    assert (await judged("I'm sorry to say: " + verdict("fail"))).value == 0.0


async def test_replies_that_cost_something_are_counted_even_without_a_verdict() -> None:
    assert (await judged("?", "?")).spent.calls == 2
    assert not isinstance((await judged(refused())).spent, Spent)


@pytest.mark.parametrize("reply", ["line", {"pattern": "VERDICT: ([0-9]+)", "ask": "End with VERDICT: N."}])
async def test_a_verdict_at_the_end_of_a_reply_that_was_cut_off_is_none(reply: Any) -> None:
    """1 may have been going to be 10."""
    cut = replied("Fine.\nVERDICT: 1", finish_reason="length")
    score = await judged(cut, cut, rubric=TEN, reply=reply)
    assert (score.value, failure(score)["kind"]) == (None, "truncated")


async def test_a_whole_object_in_a_reply_that_was_cut_off_counts() -> None:
    assert (await judged(replied(verdict("pass") + " and so", finish_reason="length"))).value == 1.0


async def test_a_pattern_that_takes_too_long_is_no_verdict() -> None:
    options = {"reply": {"pattern": "(?:(?:a+)+)+b", "ask": "x"}, "time_limit_s": 0.03, "repairs": 0}
    score = await judged("a" * 4000, **options)
    assert (score.value, failure(score)["kind"]) == (None, "bad_reply")
    assert "longer than 0.03 s" in failure(score)["message"]


async def test_what_ends_the_run_passes() -> None:
    with pytest.raises(StoppedError):
        await judged(StoppedError("the budget is used up"))


async def test_a_call_that_raises_waits_for_those_in_flight() -> None:
    """Their answers are paid for."""
    landed = []

    async def stop() -> None:
        raise StoppedError("stop")

    async def land() -> None:
        landed.append(True)

    with pytest.raises(StoppedError):
        await together([stop(), land()])
    assert landed == [True]


async def test_a_long_reasoning_is_bounded_and_can_be_written() -> None:
    score = await judged(verdict("pass", "a" * 5000 + "\ud800"))
    assert score.reason is not None
    assert len(score.reason) == 1000
    score.reason.encode()


# what it needs


async def test_a_rubric_about_the_target_needs_one() -> None:
    model = ScriptedModel([])
    score = await judged(model=model, rubric={"type": "reference"})
    assert (score.value, score.reason, model.asked) == (None, "the case has no target", [])


async def test_a_field_that_the_case_lacks_leaves_it_without_a_value() -> None:
    model = ScriptedModel([])
    score = await judged(model=model, template="{{ metadata.source }} {{ answer }}")
    assert (score.value, score.reason, model.asked) == (None, "the case has no metadata.source", [])


async def test_what_is_extracted_is_judged() -> None:
    model = ScriptedModel([verdict("pass")])
    score = await judged(model=model, answer="I think: 4", extract=": (.*)")
    assert quoted(model.asked[0][1][-1]["content"], "answer") == ["4"]
    assert score.extracted == "4"


async def test_the_schema_goes_with_the_request_where_it_is_asked_for() -> None:
    for api, key in (("chat", "response_format"), ("responses", "text")):
        provider = {"type": "openai", "model": "m", "api": api, "endpoints": [{"name": "a", "url": "http://x/v1"}]}
        models = ScriptedModels(judge=ScriptedModel([]))
        config = ADAPTER.validate_python(
            {"type": "judge", "provider": provider, "rubric": PASS_FAIL, "constrain": True}
        )
        async with open_scorers([config], Path(), models):
            pass
        assert '"enum": ["pass", "fail"]' in str(models.opened[0].params[key]).replace("'", '"')


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"votes": 99, "repairs": 3}, "396 calls"),
        ({"votes": 3, "provider": {"type": "simulator", "model": "small", "params": {"temperature": 0}}}, "one vote"),
        ({"first_decides": "both"}, 'needs "first"'),
        ({"constrain": True}, "openai"),
        ({"reply": {"pattern": "x"}}, 'needs "ask"'),
        ({"rubric": TEN, "combine": "majority"}, "numbers have a mean"),
        ({"votes": 3, "min_votes": 4}, "more than the 3 votes"),
        ({"larger": {"provider": LARGER, "uncertain": [0.7, 0.3]}}, "the larger one"),
    ],
)
def test_what_can_not_be_meant_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ADAPTER.validate_python({"type": "judge", "provider": ASKED, "rubric": PASS_FAIL, **options})


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ answr }}", 'did you mean "answer"'),
        ("{{ input }}", "would not see the answer"),
        ("{% if answer %}{{ answer }}{% endif %}", "only names"),
    ],
)
async def test_a_template_that_can_not_be_filled_in_is_refused(template: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await judged(template=template)
    assert told in f"{caught.value.message} {caught.value.hint}"


# the cascade


async def test_where_the_first_scorer_is_sure_no_judge_is_asked() -> None:
    model = ScriptedModel([])
    score = await judged(model=model, target="4", first="exact", rubric={"type": "reference"})
    assert (score.value, score.passed, model.asked) == (1.0, True, [])
    assert score.detail == {"decided_by": "first", "first": {"value": 1.0, "passed": True}}


async def test_where_it_is_not_sure_the_judge_decides() -> None:
    """By default only a pass is sure."""
    score = await judged(verdict("correct"), answer="four", target="4", first="exact", rubric={"type": "reference"})
    assert score.value == 1.0
    assert score.detail == {"decided_by": "judge", "first": {"value": 0.0, "passed": False}, "verdict": "correct"}


@pytest.mark.parametrize(("decides", "asked"), [("passed", 1), ("failed", 0), ("both", 0)])
async def test_which_verdict_of_the_first_is_sure_can_be_said(decides: str, asked: int) -> None:
    model = ScriptedModel([verdict("fail")])
    await judged(model=model, answer="5", target="4", first="exact", first_decides=decides)
    assert len(model.asked) == asked


async def test_a_first_scorer_without_a_verdict_is_never_sure() -> None:
    score = await judged(verdict("pass"), first="exact", first_decides="both")
    assert score.detail["decided_by"] == "judge"


async def test_what_the_first_step_has_cost_is_counted_too() -> None:
    asked_first = {"type": "judge", "name": "small", "provider": LARGER, "rubric": PASS_FAIL}
    score = await judged(verdict("pass"), other=ScriptedModel([verdict("fail")]), first=asked_first)
    assert (score.spent.calls, score.spent.cost_usd) == (2, pytest.approx(0.002))


@pytest.mark.parametrize(("said", "decided_by", "value"), [(2, "judge", 0.2), (3, "larger", 0.9), (7, "larger", 0.9)])
async def test_in_the_uncertain_band_the_larger_judge_decides(said: int, decided_by: str, value: float) -> None:
    """The band includes its ends."""
    options = {"larger": {"provider": LARGER, "uncertain": [0.3, 0.7]}, "rubric": TEN}
    larger = ScriptedModel(lambda *_: verdict(9))
    config = {"type": "judge", "provider": ASKED, **options}
    models = ScriptedModels(judge=ScriptedModel([verdict(said)]), larger=larger)
    async with open_scorers([ADAPTER.validate_python(config)], Path(), models) as (scorer,):
        score = await scorer.score(make_case(), make_response("4"))
    assert (score.value, score.detail["decided_by"]) == (value, decided_by)
    assert larger.calls == ([1] if decided_by == "larger" else [])
    assert score.spent.calls == (2 if decided_by == "larger" else 1)


async def test_without_a_verdict_of_the_small_judge_the_larger_one_is_asked() -> None:
    options = {"larger": {"provider": LARGER, "uncertain": [0.3, 0.7]}, "rubric": TEN, "repairs": 0}
    score = await judged("?", other=ScriptedModel([verdict(9)]), **options)
    assert score.value == 0.9
    assert score.detail["judge"]["value"] is None
    assert score.detail["judge"]["failure"]["kind"] == "bad_reply"
    assert "failure" not in score.detail


def test_a_fault_is_told_in_plain_form() -> None:
    assert NoVerdict("timeout", "late").as_detail() == {"kind": "timeout", "message": "late"}


async def test_a_judge_inside_a_composite_keeps_its_cost() -> None:
    part = {"type": "judge", "provider": ASKED, "rubric": PASS_FAIL}
    config = ADAPTER.validate_python({"type": "all", "scorers": ["exact", part]})
    async with open_scorers([config], Path(), ScriptedModels(judge=ScriptedModel([verdict("pass")]))) as (scorer,):
        score = await scorer.score(make_case("4"), make_response("4"))
    assert (score.passed, score.spent.calls) == (True, 1)
