import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.records import Result
from evalperf.results.rows import decode_rows, encode_rows
from tests.results.helpers import make_result

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def back(result: Result) -> Result:
    (row,) = decode_rows(encode_rows([result]))
    return row


@given(st.text(), st.dictionaries(st.text(), VALUES, max_size=3))
def test_a_result_comes_back_as_it_was(output: str, metadata: dict[str, Any]) -> None:
    result = make_result(1, output=output, metadata=metadata)
    assert back(result) == result


def test_messages_and_several_targets_come_back() -> None:
    result = make_result(1, input=({"role": "user", "content": "hi"},), target=("a", "b"), alternatives=("x",))
    assert back(result) == result


def test_a_lone_surrogate_survives_beside_ordinary_rows() -> None:
    results = [make_result(1), make_result(2, output="cut \ud83d here"), make_result(3)]
    assert decode_rows(encode_rows(results)) == results


def test_a_surrogate_row_is_plain_ascii_json() -> None:
    assert json.loads(encode_rows([make_result(1, output="\ud800")]).decode("ascii"))["output"] == "\ud800"


@pytest.mark.parametrize("number", [2**64, -(10**400), 10**30])
def test_integers_of_any_length_come_back(number: int) -> None:
    assert back(make_result(1, metadata={"n": number})).metadata["n"] == number


@pytest.mark.parametrize("output", ["plain", "lone \ud800"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_in_json_becomes_null(number: float, output: str) -> None:
    row = back(make_result(1, output=output, metadata={"n": number, "list": [number]}))
    assert row.metadata == {"n": None, "list": [None]}


def test_metadata_nested_without_end_costs_the_metadata_not_the_answer() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    row = back(make_result(1, output="paid for", metadata={"deep": deep}))
    assert row.output == "paid for"
    assert "unwritable" in row.metadata


def test_foreign_objects_are_shown() -> None:
    row = back(make_result(1, metadata={"o": object}))
    assert row.metadata == {"o": "<class 'object'>"}
