"""`json_schema`."""

import json

import pytest

from evalperf.errors import ConfigError

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "ages": {"type": "array", "items": {"minimum": 0}}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "answer", "reason"),
    [
        (PERSON, '{"name": "Ann", "ages": [1]}', None),
        (PERSON, "{", "not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (PERSON, '{"ages": []}', "at $: 'name' is a required property"),
        (
            PERSON,
            '{"name": "ann", "ages": [1, -1], "x": 0}',
            (
                "at $.name: 'ann' does not match '^[A-Z]'; at $.ages[1]: -1 is less than the minimum of 0; "
                "at $: not expected: 'x'"
            ),
        ),
        (True, "18", None),
        (False, "18", "at $: False schema does not allow 18"),
        ({"patternProperties": {"^a": {"type": "null"}}}, '{"ab": 1}', "at $.ab: 1 is not of type 'null'"),
        ({"uniqueItems": True}, "[1, true, 1.0]", "at $: two elements are equal"),
        ({"uniqueItems": True}, '[1, true, "1", [1], [true], {"a": 1}, {"a": true}]', None),
    ],
)
async def test_every_error_and_its_path_are_named(judge, schema, answer, reason):
    score = await judge({"type": "json_schema", "schema": schema}, answer)
    assert (score.value, score.passed, score.reason) == (float(reason is None), reason is None, reason)


async def test_a_long_list_of_errors_is_cut(judge):
    score = await judge({"type": "json_schema", "schema": {"items": {"type": "null"}}}, json.dumps(["x" * 999] * 30))
    assert score.reason.count("at $[") == 20
    assert score.reason.endswith("…; and more")


async def test_the_schema_may_stand_in_a_file(judge, tmp_path):
    (tmp_path / "person.json").write_text(json.dumps(PERSON), encoding="utf-8")
    assert (await judge({"type": "json_schema", "schema": "person.json"}, '{"name": "Ann"}')).passed


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, "the schema is not valid: at .*'objekt' is not valid under any of the given schemas"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "only draft 2020-12 is read"),
        ("missing.json", "can't read the schema .*missing.json"),
        ("broken.json", "broken.json is not JSON: Expecting value at line 1"),
    ],
)
async def test_what_is_no_schema_ends_the_run_before_it_begins(open_one, tmp_path, schema, message):
    (tmp_path / "broken.json").write_text("nothing", encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        await open_one({"type": "json_schema", "schema": schema})


@pytest.mark.parametrize(
    ("schema", "answer", "reason"),
    [
        ({"pattern": r"\p{Letter}"}, '"a"', "Python does not know the pattern"),
        ({"patternProperties": {r"\p{Letter}": {}}}, '{"a": 1}', "Python does not know the pattern"),
        ({"$ref": "#/$defs/none"}, "1", "it refers to '/$defs/none', which is not there"),
        ({"$ref": "https://example.com/a.json"}, "1", "it refers to 'https://example.com/a.json', which is not there"),
        ({"$ref": "#"}, "1", "it refers to itself without end"),
    ],
)
async def test_a_schema_that_fails_on_an_answer_is_no_wrong_answer(judge, schema, answer, reason):
    score = await judge({"type": "json_schema", "schema": schema}, answer)
    assert (score.value, score.passed) == (None, None)
    assert score.reason.startswith("the schema failed on this answer: ")
    assert reason in score.reason


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a|aa)+$"},
        {"additionalProperties": {"pattern": "^(a|aa)+$"}},
        {"patternProperties": {"^(a|aa)+$": {}}, "additionalProperties": False},
        {"unevaluatedProperties": False, "patternProperties": {"^(a|aa)+$": {}}},
    ],
)
async def test_a_pattern_that_explodes_keeps_the_time_limit(judge, schema):
    text = "a" * 40 + "!"
    answer = json.dumps(text if "pattern" in schema else {text: text})
    score = await judge({"type": "json_schema", "schema": schema, "time_limit_s": 0.05}, answer)
    assert (score.value, score.reason) == (None, "pattern took longer than 0.05 s on this answer")


async def test_a_schema_that_explodes_keeps_the_time_limit(judge):
    branches = {"anyOf": [{"items": {"$ref": "#"}, "type": "array"}] * 2}
    config = {"type": "json_schema", "schema": branches, "time_limit_s": 0.05}
    score = await judge(config, "[" * 40 + "1" + "]" * 40)
    assert (score.value, score.reason) == (None, "pattern took longer than 0.05 s on this answer")


async def test_without_a_schema_the_target_is_it(judge):
    assert (await judge("json_schema", "1", ('{"type": "null"}', '{"type": "number"}'))).passed
    assert (await judge("json_schema", "1", '{"type": "null"}')).passed is False
    score = await judge("json_schema", "1", "null")
    assert (score.value, score.reason) == (
        None,
        "the target is not a JSON Schema: at $: None is not of type 'object', 'boolean'",
    )
    assert (await judge("json_schema", "1", ('{"type": "null"}', '{"$ref": "#/none"}'))).value is None
