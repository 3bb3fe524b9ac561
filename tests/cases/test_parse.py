"""One line becomes one case."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.cases.parse import CaseParser, content_id, decode_object
from evalperf.cases.rejected import BadRecordError
from evalperf.records import Case


def case_of(raw: bytes, **fields: str) -> Case:
    case = CaseParser(fields).parse(raw, 1)
    assert case is not None
    return case


@pytest.mark.parametrize(
    ("raw", "id_"),
    [
        (b'"7"', "7"),
        (b"7", "7"),
        (b"0", "0"),
        (b"3.10", "3.10"),
        (b"-0.0", "-0.0"),
        (b"1e5", "1e5"),
        (b"18446744073709551616", "18446744073709551616"),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_an_id_keeps_the_text_of_its_line(raw: bytes, id_: str) -> None:
    line = b'{"input": "x", "id": ' + raw + b"}"
    assert case_of(line).id == id_
    assert CaseParser({}).id_of(line) == id_


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        (b"null", None),
        (b'"a"', "a"),
        (b'""', ""),
        (b"42", "42"),
        (b"3.10", "3.10"),
        (b"true", "true"),
        (b'{"a": 1.50}', '{"a":1.50}'),
        (b'["a", "b"]', ("a", "b")),
        (b'["a", 2.0, null]', ("a", "2.0", "null")),
        (b"[]", None),
        (b"12345678901234567890123", "12345678901234567890123"),
    ],
)
def test_a_target_is_a_text_several_or_none(raw: bytes, target: Any) -> None:
    assert case_of(b'{"input": "x", "target": ' + raw + b"}").target == target


def test_unknown_fields_are_metadata_and_win_over_the_metadata_object() -> None:
    case = case_of(b'{"input": "x", "level": 2, "metadata": {"level": 1, "source": "s"}}')
    assert case.metadata == {"level": 2, "source": "s"}


def test_integers_beyond_64_bits_stay_whole_in_metadata() -> None:
    assert (
        case_of(b'{"input": "x", "n": 123456789012345678901234567890}').metadata["n"] == 123456789012345678901234567890
    )


def test_tags_may_be_one_text() -> None:
    assert case_of(b'{"input": "x", "tags": "hard"}').tags == ("hard",)
    assert case_of(b'{"input": "x", "tags": ["a", 1.0]}').tags == ("a", "1.0")


def test_messages_are_kept_as_they_are() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}]}]
    assert case_of(orjson.dumps({"messages": messages})).input == tuple(messages)


def test_a_recorded_answer_needs_no_input() -> None:
    case = case_of(b'{"id": "a", "response": "r"}')
    assert (case.input, case.output) == ("", "r")


def test_a_recorded_answer_that_is_no_text_is_its_json() -> None:
    assert case_of(b'{"output": {"a": [1, 2.50]}}').output == '{"a":[1,2.50]}'


def test_a_role_may_be_deep_inside() -> None:
    case = case_of(b'{"id": "a", "doc": {"q": "hello", "a": [4.0]}}', input="doc.q", target="doc.a.0")
    assert (case.input, case.target) == ("hello", "4.0")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=6))
def test_a_content_id_does_not_depend_on_the_order_of_fields(record: dict[str, Any]) -> None:
    turned = dict(reversed(record.items()))
    assert content_id(record) == content_id(turned)
    assert content_id(record) != content_id({**record, "another": 1})


@pytest.mark.parametrize(
    "lines",
    [
        [b'{"id": "a", "input": "x"}', b'{"id": "b", "input": "y"}'],
        [b'{"id": 1, "input": "x"}', b'{"custom_id": "b", "input": "y"}'],
        [b'{"input": "x",\n "id": "a"}', b'{"id": "\xc3\xa9"}'],
        [],
    ],
)
def test_ids_of_many_are_those_of_each(lines: list[bytes]) -> None:
    parser = CaseParser({})
    assert parser.ids_of(lines) == [parser.id_of(line) for line in lines]


@pytest.mark.parametrize(
    "lines",
    [
        [b'{"id": "a"}', b'{"input": "no id"}'],
        [b'{"id": "a"}', b'{"id": ""}'],
        [b'{"id": "a"}', b'{"id": 1.50}'],
        [b'{"id": "a"}', b"broken"],
        [b'{"id": "a"} {"id": "b"}'],
        [b'{"id": "a"}', b""],
    ],
)
def test_ids_of_many_are_left_to_a_look_at_each_where_one_is_special(lines: list[bytes]) -> None:
    assert CaseParser({}).ids_of(lines) is None


def test_a_content_id_has_its_form() -> None:
    id_ = case_of(b'{"question": "x", "n": 1}').id
    assert id_ == case_of(b'{"n":1,"question":"x"}').id == CaseParser({}).id_of(b'{"n":1,"question":"x"}')
    assert id_[0] == "c"
    assert len(id_) == 17
    assert int(id_[1:], 16) >= 0


@given(st.binary(max_size=60))
def test_no_bytes_bring_anything_but_an_object_or_a_bad_record(raw: bytes) -> None:
    with contextlib.suppress(BadRecordError):
        assert type(decode_object(raw)) is dict
