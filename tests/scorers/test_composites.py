"""`all`, `any`, `not`, `weighted`."""

import pytest
from pydantic import ValidationError

from tests.scorers.samples import ADAPTER

YES = {"type": "length", "name": "yes", "min": 0}
NO = {"type": "length", "name": "no", "min": 99}
UNKNOWN = {"type": "exact", "name": "unknown"}  # the cases of these tests have no target
BARE = {"type": "function", "name": "bare", "call": "parts:half"}


@pytest.fixture(autouse=True)
def _parts(tmp_path):
    code = "def half(case, response):\n    return 0.5\n\ndef broken(case, response):\n    raise RuntimeError('no')\n"
    (tmp_path / "parts.py").write_text(code, encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "parts", "passed", "reason"),
    [
        ("all", [YES, YES | {"name": "too"}], True, None),
        ("all", [YES, NO], False, "no failed: 1 char"),
        ("all", [UNKNOWN, NO], False, "no failed: 1 char"),
        ("all", [YES, UNKNOWN], None, "unknown was not scored: the case has no target"),
        ("all", [YES, BARE], None, "bare gives a value without a verdict: it needs a threshold"),
        ("any", [NO, YES], True, "yes passed: 1 char"),
        ("any", [UNKNOWN, YES], True, "yes passed: 1 char"),
        ("any", [NO, UNKNOWN], None, "unknown was not scored: the case has no target"),
        ("any", [NO, NO | {"name": "too"}], False, None),
    ],
)
async def test_all_and_any_of_three_values(judge, kind, parts, passed, reason):
    score = await judge({"type": kind, "scorers": parts}, "x")
    assert (score.value, score.passed, score.reason) == (None if passed is None else float(passed), passed, reason)


@pytest.mark.parametrize(
    ("part", "passed", "reason"),
    [
        (YES, False, "yes passed: 1 char"),
        (NO, True, "no failed: 1 char"),
        (UNKNOWN, None, "unknown was not scored: the case has no target"),
        (BARE, None, "bare gives a value without a verdict: it needs a threshold"),
    ],
)
async def test_not_turns_a_verdict_round(judge, part, passed, reason):
    score = await judge({"type": "not", "scorer": part}, "x")
    assert (score.value, score.passed, score.reason) == (None if passed is None else float(passed), passed, reason)


async def test_weighted_is_the_mean_by_the_weights(judge):
    score = await judge({"type": "weighted", "scorers": [YES | {"weight": 3}, BARE]}, "x")
    assert (score.value, score.passed) == (3.5 / 4, None)
    score = await judge({"type": "weighted", "scorers": [YES | {"weight": 3}, BARE], "threshold": 0.875}, "x")
    assert score.passed is True


async def test_weighted_has_no_value_without_all_that_weigh_something(judge):
    score = await judge({"type": "weighted", "scorers": [YES, UNKNOWN]}, "x")
    assert (score.value, score.reason) == (None, "unknown was not scored: the case has no target")
    assert (await judge({"type": "weighted", "scorers": [YES, UNKNOWN | {"weight": 0}]}, "x")).value == 1.0


async def test_they_nest_and_pass_on_what_was_extracted(judge):
    inner = {"type": "not", "scorer": {"type": "any", "scorers": ["exact", NO]}}
    config = {"type": "all", "extract": "is (.*)", "scorers": ["includes", inner]}
    score = await judge(config, "it is Paris", "paris")
    assert (score.passed, score.extracted) == (True, "Paris")
    assert (await judge(config, "Paris", "paris")).reason == "no answer"


async def test_an_error_of_a_part_is_an_error_of_the_whole(judge):
    with pytest.raises(RuntimeError, match="no"):
        await judge({"type": "any", "scorers": [YES, {"type": "function", "call": "parts:broken"}]}, "x")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "all", "scorers": []}, "at least 1 item"),
        ({"type": "all", "scorers": ["exact", "exact"]}, 'two scorers are called "exact"'),
        ({"type": "weighted", "scorers": [{"type": "exact", "weight": 0}]}, "all weights are 0"),
        ({"type": "not"}, "Field required"),
    ],
)
def test_what_makes_no_sense_is_refused(config, message):
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(config)
