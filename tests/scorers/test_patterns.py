"""`regex`, `extract`, and patterns that take for ever."""

import asyncio

import pytest
from pydantic import ValidationError

from evalperf.errors import ConfigError
from evalperf.scorers import NO_ANSWER
from tests.scorers.samples import ADAPTER, make_case, make_response

RUNAWAY = r"(a|aa)+$"
VICTIM = "a" * 60 + "b"


@pytest.mark.parametrize(
    ("options", "answer", "target", "right", "extracted"),
    [
        ({"pattern": r"\d+"}, "ab 12", None, True, "12"),
        ({"pattern": r"\d+", "match": "start"}, "ab 12", None, False, None),
        ({"pattern": r"\d+", "match": "full"}, "12", None, True, "12"),
        ({"pattern": "paris", "flags": "i"}, "PARIS", None, True, "PARIS"),
        ({"pattern": "^b$", "flags": "m"}, "a\nb", None, True, "b"),
        ({"pattern": "a.b", "flags": "s"}, "a\nb", None, True, "a\nb"),
        ({"pattern": "a b # c", "flags": "x"}, "ab", None, True, "ab"),
        ({}, "year 1969", r"\b1969\b", True, "1969"),
        ({}, "year 1969", ("1970", "19.9"), True, "1969"),
        ({"pattern": r"is (\w+)", "group": 1}, "is A, is B", "A", True, "A"),
        ({"pattern": r"is (\w+)", "group": 1, "which": "last"}, "is A, is B", "B", True, "B"),
        ({"pattern": r"is (?<x>\w+)", "group": "x"}, "is A", "B", False, "A"),
        ({"pattern": r"(\w+)", "group": 1, "match": "full"}, "A", "A", True, "A"),
    ],
)
async def test_regex(judge, options, answer, target, right, extracted):
    score = await judge({"type": "regex", **options}, answer, target)
    assert (score.value, score.passed, score.extracted) == (float(right), right, extracted)


@pytest.mark.parametrize(
    ("least", "most", "right"), [(2, None, True), (3, None, False), (None, 2, True), (None, 1, False), (2, 2, True)]
)
async def test_the_number_of_matches_may_decide(judge, least, most, right):
    score = await judge({"type": "regex", "pattern": "a", "min_count": least, "max_count": most}, "banana"[:4])
    assert (score.passed, score.reason) == (right, "2 matches")


async def test_a_group_that_is_not_found_is_no_answer(judge):
    score = await judge({"type": "regex", "pattern": "is (x)", "group": 1}, "is y", "x")
    assert (score.value, score.passed, score.reason) == (0.0, False, NO_ANSWER)


async def test_a_target_that_is_no_pattern_is_not_scored(judge):
    score = await judge("regex", "x", "(x")
    assert score.value is None
    assert "position 2" in score.reason


@pytest.mark.parametrize(
    ("extract", "answer", "extracted", "right"),
    [
        (r"is (\w)", "is A. No: is B.", "B", True),
        ({"pattern": r"is (\w)", "which": "first"}, "is A. No: is B.", "A", False),
        ({"pattern": r"is \w", "group": 0}, "is B", "is B", False),
        ({"pattern": r"(?<it>B)", "group": "it"}, "is B", "B", True),
        ({"pattern": r"is (\w)", "otherwise": "whole"}, "B", "B", True),
        ({"pattern": "ANSWER (.*)", "flags": "i"}, "the answer B", "B", True),
        (r"(?s)(.*)", "B", "B", True),
        (r"is (B)|at (C)", "is B at C", "B", True),
    ],
)
async def test_extract_decides_what_is_scored(judge, extract, answer, extracted, right):
    score = await judge({"type": "exact", "extract": extract}, answer, "B")
    assert (score.passed, score.extracted) == (right, extracted)


@pytest.mark.parametrize("scorer", ["exact", "normalized", "includes", "number", "choice", "regex"])
async def test_nothing_extracted_is_no_answer(judge, scorer):
    score = await judge({"type": scorer, "extract": "is (.*)"}, "I don't know", "5")
    assert (score.value, score.passed, score.reason, score.extracted) == (0.0, False, NO_ANSWER, None)


async def test_a_missing_target_comes_before_a_missing_answer(judge):
    assert (await judge({"type": "exact", "extract": "is (.*)"}, "I don't know")).value is None
    assert (await judge({"type": "includes", "values": ["x"], "extract": "is (.*)"}, "I don't know")).value == 0.0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "regex", "pattern": "(a"}, "missing ) at position 2"),
        ({"type": "exact", "extract": "[a"}, "at position 2"),
        ({"type": "choice", "patterns": ["*a"]}, "at position 0"),
        ({"type": "exact", "extract": "no group"}, "has no group 1"),
        ({"type": "regex", "pattern": "(a)", "group": "x"}, "has no group 'x'"),
    ],
)
async def test_a_bad_pattern_is_named_when_the_scorer_is_opened(open_one, config, message):
    with pytest.raises(ConfigError) as caught:
        await open_one({**config, "name": "mine"})
    assert message in caught.value.message
    assert caught.value.message.startswith('scorer "mine":')
    assert caught.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"flags": "q", "pattern": "a"},
        {"min_count": 1},
        {"group": 1},
        {"pattern": "(a)", "group": 1, "max_count": 1},
        {"pattern": "a", "match": "full", "max_count": 1},
        {"pattern": "a", "min_count": 2, "max_count": 1},
    ],
)
def test_options_that_contradict_each_other_are_refused(options):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({"type": "regex", **options})


@pytest.mark.parametrize(
    "config",
    [
        {"type": "regex", "pattern": RUNAWAY},
        {"type": "regex"},
        {"type": "exact", "extract": RUNAWAY},
        {"type": "choice", "patterns": [RUNAWAY]},
        {"type": "function", "call": "builtins:print", "extract": RUNAWAY},
    ],
)
async def test_a_runaway_pattern_ends_without_a_value(judge, config):
    score = await judge({**config, "time_limit_s": 0.05}, VICTIM, RUNAWAY if config == {"type": "regex"} else "A")
    assert (score.value, score.passed) == (None, None)
    assert score.reason == "pattern took longer than 0.05 s on this answer"


async def test_the_loop_goes_on_while_patterns_run_away(open_one):
    """Held up are 20 ms, not the second that the pattern may take; the bound leaves room for a busy machine."""
    scorer = await open_one({"type": "regex", "pattern": RUNAWAY, "time_limit_s": 1})
    loop = asyncio.get_running_loop()
    pauses = []

    async def tick() -> None:
        while True:
            before = loop.time()
            await asyncio.sleep(0.001)
            pauses.append(loop.time() - before)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    scores = await asyncio.gather(*(scorer.score(make_case(), make_response(VICTIM)) for _ in range(2)))
    ticking.cancel()
    assert [score.value for score in scores] == [None, None]
    assert len(pauses) > 50
    assert max(pauses) < 0.5


async def test_a_slow_pattern_that_keeps_its_limit_is_scored(judge):
    score = await judge({"type": "regex", "pattern": r"(a|aa)+$", "time_limit_s": 20}, "a" * 27 + "b")
    assert (score.value, score.passed) == (0.0, False)


async def test_the_classic_runaway_is_harmless(judge):
    assert (await judge({"type": "regex", "pattern": "(a+)+$"}, "a" * 40 + "b")).value == 0.0
