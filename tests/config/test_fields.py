"""Which field of a record plays which part."""

from __future__ import annotations

import pytest

from evalperf.config.fields import ALIASES, FieldMap, lookup, suggestion


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in ALIASES.items() for name in names])
def test_every_usual_name_is_known(role: str, name: str) -> None:
    record = {name: "x", "other": 1}
    assert FieldMap({}).pick(record, role) == "x"  # type: ignore[arg-type]
    values = FieldMap({}).take_all(record)
    assert values[list(ALIASES).index(role)] == "x"  # type: ignore[arg-type]
    assert record == {"other": 1}


def test_the_first_name_wins_and_the_second_stays_in_the_record() -> None:
    record = {"question": "q", "input": "i"}
    assert FieldMap({}).take(record, "input") == "i"
    assert record == {"question": "q"}


def test_null_counts_as_absent() -> None:
    record = {"target": None, "answer": "a"}
    assert FieldMap({}).take_all(record)[2] == "a"
    assert record == {}


def test_a_mapped_role_is_not_looked_for_under_other_names() -> None:
    fields = FieldMap({"target": "gold"})
    assert fields.pick({"target": "t"}, "target") is None
    assert fields.pick({"gold": "g"}, "target") == "g"


def test_a_name_that_one_role_was_given_is_not_taken_by_another() -> None:
    """`answer` is a usual name of the target, here it is the recorded answer."""
    values = FieldMap({"output": "answer"}).take_all({"answer": "42"})
    assert values[2:4] == [None, "42"]


def test_a_dotted_path_reaches_inside_and_leaves_the_field() -> None:
    record = {"doc": {"q": {"text": "hello"}}, "id": "a"}
    values = FieldMap({"input": "doc.q.text"}).take_all(record)
    assert values[:2] == ["a", "hello"]
    assert record == {"doc": {"q": {"text": "hello"}}}


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.b", 1), ("a.c.1", 3), ("a.c.2", None), ("a.c.-1", None), ("x", None), ("a.b.c", None), ("d.e", "own")],
)
def test_lookup(path: str, value: object) -> None:
    assert lookup({"a": {"b": 1, "c": [2, 3]}, "d.e": "own", "d": {"e": "nested"}}, path) == value


def test_numbers_keep_their_digits() -> None:
    fields = FieldMap({})
    assert fields.exact_text(b'{"id": 3.10}', "id") == "3.10"
    assert (
        fields.exact_text(b'{"target": 123456789012345678901234567890}', "target") == "123456789012345678901234567890"
    )
    assert fields.exact_text(b'{"target": {"b": 1.50, "a": [true, null]}}', "target") == '{"b":1.50,"a":[true,null]}'
    assert fields.exact_texts(b'{"target": [0.10, "x", 7]}', "target") == ("0.10", "x", "7")


def test_a_hint_names_the_closest_or_what_there_is() -> None:
    assert suggestion("qestion", {"question", "id"}) == 'did you mean "question"?'
    assert suggestion("zzz", {"b", "a"}) == "there are: a, b"
