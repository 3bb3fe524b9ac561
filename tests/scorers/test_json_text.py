"""What counts as JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.scorers.fences import without_fence
from evalperf.scorers.json_text import MAX_DEPTH, NotJsonError, UnreadNumber, json_key, parse_json


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value at line 1, column 1"),
        ('{"a": 1,\n}', "Expecting property name enclosed in double quotes at line 2, column 1"),
        ("[NaN]", "NaN is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ("1 2", "Extra data at line 1, column 3"),
        ("01", "Extra data at line 1, column 2"),
        ("'a'", "Expecting value at line 1, column 1"),
        ('"a\nb"', "Invalid control character at at line 1, column 3"),
        ("\u00a01", "Expecting value at line 1, column 1"),
        ("[" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH} levels"),
    ],
)
def test_what_is_refused_and_why(text, reason):
    with pytest.raises(NotJsonError) as raised:
        parse_json(text)
    assert str(raised.value) == reason


def test_brackets_in_texts_are_no_levels():
    assert parse_json('["' + "[{" * 1000 + '"]') == ["[{" * 1000]
    assert parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_long_numbers_take_no_quadratic_time():
    assert parse_json("9" * 100_000) == parse_json("9" * 100_000)
    assert parse_json("1e999999999", exact=True) == UnreadNumber("1e999999999")


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("```json\n{}\n```", "\n{}\n"),
        (" ```\n{}``` ", "\n{}"),
        ("```{}```", "{}"),
        ("```true```", "true"),
        ("```JSON5+x {}```", " {}"),
        ("{}", "{}"),
        ("```json\n{}", "```json\n{}"),
        ("````", "````"),
        ("so: ```{}```", "so: ```{}```"),
    ],
)
def test_only_fences_around_the_whole_are_taken_off(text, inside):
    assert without_fence(text) == inside


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5]) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
    max_leaves=6,
)


def equal(one, other):
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return one == other


@given(VALUES, VALUES)
def test_keys_are_equal_exactly_where_values_are(one, other):
    assert (json_key(one) == json_key(other)) is equal(one, other)
