"""What every scorer keeps to."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from evalperf.config.scorers import ScorerConfig
from evalperf.records import Call, Case, Completion, Response, Score
from evalperf.scorers import SCORERS, Scorer, open_scorers
from tests.support.judging import ComparingModels

ADAPTER: TypeAdapter[Any] = TypeAdapter(ScorerConfig)

ASKED = {"type": "function", "call": "contract_code:judge"}
RIGHTNESS = {"name": "rightness", "description": "it is what is expected"}
SHOWN = "{{ input }} {{ answer }} {{ target }} {{ rubric }} {{ reply_form }}"

PROGRAM = """
import json, sys
for line in sys.stdin:
    case = json.loads(line)
    right = case["output"] in case["target"] if case["target"] else None
    print(json.dumps({"value": None} if right is None else {"passed": right}), flush=True)
"""

RIGHT: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "exact": ({}, "B", "B", "A"),
    "normalized": ({}, "B", "“b”!", "a"),
    "includes": ({}, "B", "it is b", "no"),
    "regex": ({}, "B+", "BB", "A"),
    "number": ({}, "18", "so $18.00", "19"),
    "choice": ({}, "B", "The answer is (B).", "The answer is (A)."),
    "function": ({"call": "contract_code:equal"}, "B", "B", "A"),
    "command": ({"argv": [sys.executable, "-c", PROGRAM]}, "B", "B", "A"),
    "excludes": ({}, "B", "no", "it is b"),
    "starts_with": ({}, "B", " b it is", "it is b"),
    "ends_with": ({}, "B", "it is B\n", "b it is"),
    "levenshtein": ({"threshold": 0.9}, "B", "B", "A"),
    "fuzzy": ({"threshold": 0.9}, "B", "B", "A"),
    "length": ({"max": 2}, "B", "18", "eighteen"),
    "squad_em": ({}, "B", "The b!", "c"),
    "squad_f1": ({"threshold": 0.5}, "B", "The B.", "c"),
    "rouge": ({"threshold": 0.5}, "B", "b", "c"),
    "bleu": ({"threshold": 0.5, "scale": 1, "max_order": 1}, "B", "B", "A"),
    "chrf": ({"threshold": 0.5, "scale": 1, "char_order": 1}, "B", "B", "A"),
    "ter": ({"threshold": 0.5, "scale": 1}, "B", "b", "A"),
    "json_valid": ({}, "B", "[18]", "eighteen"),
    "json_equal": ({}, "[18]", "[18.0]", "[19]"),
    "json_schema": ({}, '{"type": "number"}', "18", '"18"'),
    "xml_valid": ({}, "B", "<a/>", "<a>"),
    "yaml_valid": ({}, "B", "a: 18", "a: b: c"),
    "sql": ({}, "SELECT a FROM B", "select A from b;", "select a from c"),
    "code": ({"allow_code": True, "program": "assert {{ answer }} == '{{ target }}'"}, "B", "'B'", "'A'"),
    "semantic": ({"embedder": {"type": "function", "call": "contract_code:embed"}, "threshold": 0.5}, "B", "B", "A"),
    "judge": ({"provider": ASKED, "rubric": {"type": "reference"}}, "B", "B", "A"),
    "dimensions": ({"provider": ASKED, "dimensions": [RIGHTNESS], "threshold": 1, "template": SHOWN}, "B", "B", "A"),
    "all": ({"scorers": ["exact", {"type": "length", "max": 2}]}, "B", "B", "A"),
    "any": ({"scorers": ["exact", "normalized"]}, "B", "b", "A"),
    "not": ({"scorer": "excludes"}, "B", "it is b", "no"),
    "weighted": ({"scorers": ["exact", "includes"], "threshold": 0.5}, "B", "B", "A"),
}
"""One entry a type: options, target, a right answer and a wrong one."""

LOWER_IS_BETTER = {"ter"}

WITHOUT_TARGET = {"length", "json_valid", "xml_valid", "yaml_valid"}
"""They look at the answer alone."""

CODE = "def equal(case, response):\n    return response.completion.text == case.target\n"


def response(text: str, target: str | None = None) -> Response:
    return Response(completion=Completion(text=text, target=target), call=Call())


def case(target: str | tuple[str, ...] | None) -> Case:
    return Case(seq=1, id="a", input="?", target=target)


@pytest.fixture(params=sorted(SCORERS))
async def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def scorer(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scorer]:
    folder: Path = tmp_path_factory.mktemp("contract")
    (folder / "contract_code.py").write_text(CODE, encoding="utf-8")
    config = ADAPTER.validate_python({"type": kind, "name": "mine", "weight": 2.5, **RIGHT[kind][0]})
    async with open_scorers([config], folder, ComparingModels()) as (opened,):
        yield opened


def test_it_has_the_name_and_weight_of_its_configuration(scorer):
    assert (scorer.name, scorer.weight) == ("mine", 2.5)


async def test_without_a_name_it_is_called_by_its_type(kind, tmp_path):
    if kind == "function":
        (tmp_path / "contract_code.py").write_text(CODE, encoding="utf-8")
    async with open_scorers(
        [ADAPTER.validate_python({"type": kind, **RIGHT[kind][0]})], tmp_path, ComparingModels()
    ) as (opened,):
        assert (opened.name, opened.weight) == (kind, 1.0)


async def test_it_tells_right_from_wrong(scorer, kind):
    _, target, good, bad = RIGHT[kind]
    passed = await scorer.score(case(target), response(good))
    failed = await scorer.score(case(target), response(bad))
    best, worst = (0.0, 1.0) if kind in LOWER_IS_BETTER else (1.0, 0.0)
    assert (passed.value, passed.passed) == (best, True)
    assert (failed.value, failed.passed) == (worst, False)


async def test_any_of_several_targets_will_do(scorer, kind):
    if kind == "function":
        pytest.skip("a function sees the case and decides itself")
    if kind == "excludes":
        pytest.skip("none of several targets will do")
    _, target, good, _ = RIGHT[kind]
    assert (await scorer.score(case(("D", "5", target)), response(good))).passed


async def test_a_target_that_came_with_the_answer_wins(scorer, kind):
    if kind == "function":
        pytest.skip("a function sees both and decides itself")
    _, target, good, _ = RIGHT[kind]
    assert (await scorer.score(case("77 X"), response(good, target))).passed


async def test_without_a_target_there_is_no_value(scorer, kind):
    if kind == "function":
        pytest.skip("a function may need none")
    score = await scorer.score(case(None), response(RIGHT[kind][2]))
    if kind in WITHOUT_TARGET:
        assert score.passed
        return
    assert (score.value, score.passed) == (None, None)
    assert score.reason


async def test_many_cases_at_once_are_scored_as_one_by_one(scorer, kind):
    _, target, good, bad = RIGHT[kind]
    answers = [good, bad] * 50
    at_once = await asyncio.gather(*(scorer.score(case(target), response(answer)) for answer in answers))
    assert [score.passed for score in at_once] == [True, False] * 50


@given(answer=st.text(max_size=200), target=st.one_of(st.none(), st.text(max_size=20)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_answer_whatsoever_makes_it_raise(kind, tmp_path, answer, target):
    async def score() -> Score:
        config = ADAPTER.validate_python({"type": kind, **RIGHT[kind][0]})
        (tmp_path / "contract_code.py").write_text(CODE, encoding="utf-8")
        async with open_scorers([config], tmp_path, ComparingModels()) as (opened,):
            return await opened.score(case(target), response(answer))

    result = asyncio.run(score())
    assert result.value is None or math.isfinite(result.value)
    assert result.value is not None or result.reason
