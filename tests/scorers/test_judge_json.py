"""Objects in replies: amid prose, in fences, slightly broken, cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.scorers.judge_json import MAX_REPLY_CHARS, find_objects

SCALARS = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text(min_size=1, max_size=8), VALUES, min_size=1, max_size=4)


def values(reply: str) -> list[dict[str, Any]]:
    return [found.value for found in find_objects(reply)]


@given(OBJECTS, st.text(alphabet="abc .\n`", max_size=20), st.booleans())
def test_whatever_json_writes_is_found_amid_prose(value: dict[str, Any], prose: str, ascii_only: bool) -> None:
    reply = f"{prose}{json.dumps(value, ensure_ascii=ascii_only)}{prose}"
    assert values(reply) == [value]


@given(st.text(alphabet="{}[]\":,\\ abtrue01.e-'“”", max_size=80))
def test_no_reply_makes_it_raise(reply: str) -> None:
    for found in find_objects(reply):
        assert found.source in reply


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('```json\n{"verdict": "pass"}\n```', {"verdict": "pass"}),
        ('{"verdict": "pass",}', {"verdict": "pass"}),
        ("{'verdict': 'pass'}", {"verdict": "pass"}),
        ("{“verdict”: “pass”}", {"verdict": "pass"}),
        ('{verdict: "pass"}', {"verdict": "pass"}),
        ('{"verdict": True}', {"verdict": True}),
        ('{"verdict": None}', {"verdict": None}),
        ('{"verdict": +4.5}', {"verdict": 4.5}),
        (
            '{"reasoning": "it says "yes" here", "verdict": "pass"}',
            {"reasoning": 'it says "yes" here', "verdict": "pass"},
        ),
        ('{"reasoning": "two\nlines", "verdict": 3}', {"reasoning": "two\nlines", "verdict": 3}),
        ('{"reasoning": "because", "verdict": "pass"', {"reasoning": "because", "verdict": "pass"}),
        ('{"criteria": {"style": {"verdict": 3}, "facts": {"ver', {"criteria": {"style": {"verdict": 3}, "facts": {}}}),
    ],
)
def test_slightly_broken_objects_are_read(reply: str, value: dict[str, Any]) -> None:
    assert values(reply) == [value]


@pytest.mark.parametrize("reply", ['{"verdict": 1', '{"verdict": "pa', '{"verdict": tru', '{"verdict": -'])
def test_a_scalar_that_may_have_been_cut_off_is_not_there(reply: str) -> None:
    """1 may have been going to be 10."""
    assert all("verdict" not in value for value in values(reply))


def test_an_object_that_gives_one_name_two_values_is_none_and_neither_is_what_stands_in_it() -> None:
    assert values('{"verdict": "fail", "verdict": "pass", "inner": {"verdict": "pass"}}') == []


def test_numbers_that_are_none_are_refused() -> None:
    assert values('{"verdict": NaN}') == []


def test_unquoted_words_are_no_values() -> None:
    assert values('{"verdict": pass}') == []


def test_braces_in_prose_are_passed_over() -> None:
    assert values('The set {a, b} is fine. {"verdict": "pass"}') == [{"verdict": "pass"}]


def test_a_reply_beyond_the_limit_is_not_searched() -> None:
    assert values(" " * MAX_REPLY_CHARS + '{"verdict": 1}') == []


def test_deep_nesting_ends_in_nothing() -> None:
    assert values('{"a":' * 5000) == []
