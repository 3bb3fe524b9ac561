"""`--set`: where it writes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from evalperf.config.overrides import parse_override
from evalperf.errors import ConfigError


def applied(tree: dict[str, Any], *texts: str) -> dict[str, Any]:
    for text in texts:
        parse_override(text).apply(tree)
    return tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=5", 5),
        ("a=0.5", 0.5),
        ("a=null", None),
        ("a=true", True),
        ("a=word", "word"),
        ("a=", ""),
        ('a="5"', "5"),
        ('a=["x", 1]', ["x", 1]),
        ("a=b=c", "b=c"),
        ("a=http://h:1/v1", "http://h:1/v1"),
    ],
)
def test_a_value_is_json_where_it_can_be(text: str, value: Any) -> None:
    assert applied({}, text) == {"a": value}


def test_sections_and_list_items_are_made_where_they_are_not_there() -> None:
    assert applied({}, "a.b.c=1", "l.0.x=2", "l.1.x=3") == {"a": {"b": {"c": 1}}, "l": [{"x": 2}, {"x": 3}]}
    assert applied({"a": None}, "a.b=1") == {"a": {"b": 1}}


def test_a_key_with_a_dot_stands_in_quotes() -> None:
    assert applied({}, 'headers."x.y"=1') == {"headers": {"x.y": 1}}


def test_a_scorer_that_is_only_named_gets_options() -> None:
    assert applied({"scorers": ["exact"]}, "scorers.0.weight=2") == {"scorers": [{"type": "exact", "weight": 2}]}


@pytest.mark.parametrize("text", ["a", "=1", "a..b=1", ".a=1", "a.=1", 'a"b=1'])
def test_a_flag_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected KEY=VALUE"):
        parse_override(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.b=1", "--set a.b: error: a is a plain value, there is nothing inside it"),
        ("l.5=1", "--set l.5: error: l is a list of 1, 5 is no index of it"),
        ("l.x=1", "--set l.x: error: l is a list of 1, 'x' is no index of it"),
        ("l.7.x=1", "--set l.7.x: error: l is a list of 1, 7 is no index of it"),
    ],
)
def test_a_place_that_does_not_exist_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        applied({"a": 5, "l": [1]}, text)
    assert caught.value.message == message
