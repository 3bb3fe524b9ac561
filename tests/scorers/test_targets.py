"""Who needs a target, and the warning where there is none."""

from __future__ import annotations

import pytest

from evalperf.config.model import RunConfig
from evalperf.scorers import without_targets
from tests.scorers.samples import ADAPTER, make_case

CODE = {"type": "code", "allow_code": True}
ASKED = {"provider": {"type": "simulator", "model": "judge"}}
PAIRWISE = {"type": "pairwise", "criterion": "Which is clearer?"}
GRADE = {"type": "grade", "criterion": "Is it clear?", "scale": [1, 5]}
DIMENSIONS = {"type": "dimensions", "dimensions": [{"name": "clarity", "description": "It is clear."}], **ASKED}
SHOWN = "{{ input }} {{ answer }} {{target}}"


def config(*scorers, **provider) -> RunConfig:
    provider = provider or {"type": "replay"}
    return RunConfig.model_validate({"cases": {"path": "x"}, "provider": provider, "scorers": list(scorers)})


@pytest.mark.parametrize(
    "scorer",
    [
        "exact",
        "squad_f1",
        "number",
        "json_equal",
        "sql",
        "includes",
        "regex",
        "json_schema",
        CODE,
        {"type": "regex", "pattern": "(a)", "group": 1},
        {"type": "all", "scorers": ["json_valid", "exact"]},
        {"type": "not", "scorer": "includes"},
        {"type": "judge", "rubric": {"type": "reference"}, **ASKED},
        {"type": "judge", "rubric": PAIRWISE, **ASKED},
        {"type": "judge", "rubric": GRADE, "template": SHOWN, **ASKED},
        {**DIMENSIONS, "template": SHOWN},
        {"type": "semantic", "embedder": {"type": "function", "call": "a:b"}},
    ],
)
def test_these_need_a_target(scorer):
    assert ADAPTER.validate_python(scorer).needs_target


@pytest.mark.parametrize(
    "scorer",
    [
        "json_valid",
        "xml_valid",
        {"type": "length", "max": 3},
        {"type": "includes", "values": ["a"]},
        {"type": "starts_with", "values": ["a"]},
        {"type": "regex", "pattern": "a"},
        {"type": "json_schema", "schema": True},
        {**CODE, "program": "{{ answer }}\n{{ metadata.test }}"},
        {"type": "function", "call": "a:b"},
        {"type": "any", "scorers": ["json_valid", "xml_valid"]},
        {"type": "judge", "rubric": GRADE, **ASKED},
        {"type": "judge", "rubric": {**PAIRWISE, "against": "metadata.other"}, **ASKED},
        DIMENSIONS,
    ],
)
def test_these_need_none(scorer):
    assert not ADAPTER.validate_python(scorer).needs_target


def test_the_warning_names_the_scorers_that_will_not_score():
    cases = [make_case(), make_case()]
    found = without_targets(config("exact", "json_valid", {"type": "sql", "name": "query"}), cases)
    assert found.startswith("no target in the first 2 cases, and exact, query need one: such cases are not scored")


def test_one_case_with_a_target_is_enough_for_silence():
    assert without_targets(config("exact"), [make_case(), make_case("t")]) is None


def test_nothing_is_said_where_no_scorer_or_a_recording_has_the_targets():
    assert without_targets(config("json_valid"), [make_case()]) is None
    assert without_targets(config("exact", type="replay", path="answers.jsonl"), [make_case()]) is None
    assert without_targets(config("exact"), []) is None
