"""`json_valid` and `json_equal`."""

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evalperf.scorers.json_difference import unmatched
from evalperf.scorers.time_limit import UNLIMITED
from tests.scorers.samples import ADAPTER


@pytest.mark.parametrize(
    ("options", "answer", "right", "reason"),
    [
        ({}, ' {"a": [1, 2.5e3, null]}\n', True, None),
        ({}, "18", True, None),
        ({}, "NaN", False, "not JSON: NaN is not a JSON number"),
        ({}, "```json\n{}\n```", False, "not JSON: Expecting value at line 1, column 1"),
        ({"fences": True}, "```json\n{}\n```", True, None),
        ({"root": "object"}, "[]", False, "an array, not an object"),
        ({"root": "array"}, '"a"', False, "a text, not an array"),
        ({"root": "container"}, "true", False, "true or false, not an object or an array"),
        ({"root": "container"}, "[]", True, None),
        ({"fences": True}, "So:\n```json\n{}\n```", False, "not JSON: Expecting value at line 1, column 1"),
        ({"fences": "anywhere"}, "So:\n```json\n[\n```\nor\n```json\n{}\n```\nDone.", True, None),
        ({"fences": "anywhere"}, "{}", True, None),
        ({"required": ["a", "b.c", "d.e"]}, '{"a": null, "b": {"c": 1}, "d.e": 2}', True, None),
        ({"required": ["a", "b.c"]}, '{"b": {"d": 1}}', False, "without a, b.c"),
        ({"required": ["a.b"]}, '{"a": [{"b": 1}]}', False, "without a.b"),
        ({"required": ["a"]}, "[]", False, "without a"),
    ],
)
async def test_json_valid(judge, options, answer, right, reason):
    score = await judge({"type": "json_valid", **options}, answer)
    assert (score.value, score.passed, score.reason) == (float(right), right, reason)


@pytest.mark.parametrize(
    ("options", "answer", "target", "reason"),
    [
        ({}, '{"b": [1, "x"], "a": null}', '{"a": null, "b": [1.0, "x"]}', None),
        ({}, "true", "1", "at $: true, expected 1"),
        ({}, '{"a": [1, {"b": 3}]}', '{"a": [1, {"b": 4}]}', "at $.a[1].b: 3, expected 4"),
        ({}, '{"a": 1}', '{"a": 1, "b": 2}', 'at $: without "b"'),
        ({}, '{"a": 1, "b": 2}', '{"a": 1}', 'at $: "b" is not expected'),
        ({}, "[1]", "[1, 2]", "at $: 1 elements, expected 2"),
        ({}, "[2, 1]", "[1, 2]", "at $[0]: 2, expected 1"),
        ({}, "{}", "[]", "at $: {}, expected []"),
        ({}, "{", "{}", "not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ({}, "0.1", "0.10", None),
        (
            {},
            "100000000000000000001",
            "100000000000000000000",
            "at $: 100000000000000000001, expected 100000000000000000000",
        ),
        ({}, "1e999999999", "1e999999999", None),
        ({}, "1e999999999", '"1e999999999"', 'at $: 1e999999999, expected "1e999999999"'),
        ({"tolerance": 0.1}, "[0.1]", "[0]", None),
        ({"tolerance": 0.1}, "[0.11]", "[0]", "at $[0]: 0.11, expected 0"),
        ({"relative_tolerance": 0.01}, "101", "100", None),
        ({"arrays": "unordered"}, "[[3, 2], 1]", "[1, [2, 3]]", None),
        ({"arrays": "unordered"}, "[1, 1, 2]", "[1, 2, 2]", "at $: nothing there equals 2"),
        ({"arrays": "unordered", "tolerance": 1}, "[1, 2]", "[2, 3]", None),
        ({"arrays": "unordered", "tolerance": 1}, "[2, 1]", "[2, 3]", None),
        ({"arrays": "unordered", "tolerance": 1}, "[1, 1]", "[2, 3]", "at $: nothing there equals 3"),
        ({"fences": True}, "```\n[1]\n```", "[1]", None),
    ],
)
async def test_json_equal_names_the_first_place_that_differs(judge, options, answer, target, reason):
    score = await judge({"type": "json_equal", **options}, answer, target)
    assert (score.value, score.passed, score.reason) == (float(reason is None), reason is None, reason)


async def test_all_differences_are_told_where_there_are_several(judge):
    score = await judge("json_equal", '{"b": 2, "c": [1, 2], "e": 1}', '{"a": 1, "b": 3, "c": [1, 3], "d": 0}')
    told = ['without "a"', 'without "d"', '"e" is not expected']
    assert score.detail == {
        "differences": [
            *(f"at $: {each}" for each in told),
            "at $.b: 2, expected 3",
            "at $.c[1]: 2, expected 3",
        ]
    }
    assert score.reason == 'at $: without "a"'
    many = await judge("json_equal", json.dumps([0] * 100), json.dumps([1] * 100))
    assert len(many.detail["differences"]) == 20


async def test_nested_arrays_have_no_order_either(judge):
    nested = ({"type": "json_equal", "arrays": "unordered"}, '[{"a": [2, 1]}, 3]', '[3, {"a": [1, 2]}]')
    assert (await judge(*nested)).passed


async def test_a_target_that_is_not_json_is_no_wrong_answer(judge):
    score = await judge("json_equal", "[]", "{a}")
    assert score.value is None
    assert score.reason.startswith("the target is not JSON: ")
    assert (await judge("json_equal", "[]", ("{a}", "[]"))).passed


@pytest.mark.parametrize(
    ("answer", "target", "value"),
    [
        ('{"a": 1, "b": "ab"}', '{"a": 2, "b": "ac", "c": 0}', (2 / 3 + 0.5) / 3),
        ("[1, 2]", "[2, 1]", 2 / 3),
        ("[1]", "[1, 2]", 0.5),
        ("{}", "[]", 0.0),
        ("[]", "[]", 1.0),
        ("0", "0", 1.0),
        ("-1", "2", 0.0),
        ("true", "1", 0.0),
    ],
)
async def test_similarity(judge, answer, target, value):
    score = await judge({"type": "json_equal", "measure": "similarity"}, answer, target)
    assert (score.value, score.passed) == (pytest.approx(value, rel=1e-12), value == 1.0)


def test_similarity_without_order_is_refused():
    with pytest.raises(ValidationError, match="element by element"):
        ADAPTER.validate_python({"type": "json_equal", "measure": "similarity", "arrays": "unordered"})


@given(st.lists(st.integers(0, 5), max_size=5), st.data())
def test_pairs_are_found_wherever_there_are_any(found, data):
    wanted = data.draw(st.lists(st.integers(0, 5), min_size=len(found), max_size=len(found)))
    near = any(all(abs(a - b) <= 1 for a, b in zip(order, wanted, strict=True)) for order in permutations(found))
    assert (unmatched(found, wanted, lambda a, b: abs(a - b) <= 1, UNLIMITED) is None) is near


async def test_a_comparison_that_takes_too_long_has_no_value(judge):
    config = {"type": "json_equal", "arrays": "unordered", "tolerance": 1, "time_limit_s": 0.03}
    score = await judge(config, json.dumps([0] * 3000), json.dumps([5] * 2999 + [0]))
    assert score.value == 0.0
    score = await judge(config, json.dumps([[i] for i in range(3000)]), json.dumps([[i] for i in range(3000)][::-1]))
    assert score.value is None
