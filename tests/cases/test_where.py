"""Expressions on the fields of a line."""

from __future__ import annotations

import pytest

from evalperf.cases import parse_where
from evalperf.cases.rejected import BadRecordError
from evalperf.errors import ConfigError

RECORD = {
    "category": "math",
    "difficulty": 3,
    "tags": ["hard", "long"],
    "source": {"name": "wiki-en", "pages": [10, 20]},
    "odd name": "x",
    "number": "7",
    "nothing": None,
    "flag": False,
}


@pytest.mark.parametrize(
    "text",
    [
        'category == "math"',
        'category != "law" and difficulty >= 3',
        'not category == "law"',
        "1 < difficulty < 4",
        '"hard" in tags',
        '"soft" not in tags',
        'category in ["math", "law"]',
        'category in ("math", "law")',
        "source.pages[1] == 20",
        'source["name"] == "wiki-en"',
        'source.name.startswith("wiki")',
        'startswith(source.name, "wiki")',
        'fields["odd name"] == "x"',
        "len(tags) == 2 and len(missing) == 0",
        "int(number) > 5",
        "difficulty * 2 + 1 == 7 and difficulty % 2 == 1 and -difficulty == 0 - 3",
        'upper(category) == "MATH"',
        "missing is null and nothing == None and missing.deeper.still == null",
        "not missing > 3 and not missing < 3",
        "not missing in tags or true",
        '"a" not in missing',
        "missing + 1 == null",
        "flag == false and flag is not null",
        "source.pages[-1] == 20 and source.pages[5] == null",
        'not lower(missing) == "x"',
    ],
)
def test_holds(text: str) -> None:
    assert parse_where(text)(RECORD) is True


@pytest.mark.parametrize("text", ['category == "law"', "difficulty > 3", "missing", "flag", 'missing == "x"'])
def test_does_not_hold(text: str) -> None:
    assert parse_where(text)(RECORD) is False


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("category = 1", 10, ""),
        ("difficulty >", 13, "invalid syntax"),
        ("", 1, ""),
        ("lambda: 1", 1, "not allowed"),
        ("__import__('os')", 1, 'no function "__import__"'),
        ("open('x')", 1, "no function"),
        ("category.__class__.mro()", 1, "no function"),
        ("1 and 2 ** 9", 7, "operator is not allowed"),
        ("1 << 9", 1, "operator is not allowed"),
        ("~difficulty", 1, "operator is not allowed"),
        ("[x for x in tags]", 1, "not allowed"),
        ("{1: 2}", 1, "not allowed"),
        ("f'{category}'", 1, "not allowed"),
        ("tags[0:1]", 6, "not allowed"),
        ("é == 1 and (yield)", 13, "not allowed"),
        ("len(tags, 1)", 1, "takes 1 argument"),
        ("len(x=1)", 1, "takes 1 argument"),
        ("startswith(category)", 1, "takes 2 arguments"),
        ("b'x' == category", 1, "only texts"),
        ("tags[0]()", 1, "can't be called"),
        ("'\u2028' == (yield)", 9, "not allowed"),
        ("(" * 500 + "1" + ")" * 500, None, ""),
        ("x" * 3000, None, "longer than"),
    ],
)
def test_what_is_not_allowed_is_refused_with_a_caret(text: str, column: int | None, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_where(text)
    assert reason in caught.value.message
    if column is not None:
        first, shown, caret = caught.value.message.split("\n")
        assert first.startswith(f"cases.where:{column}:")
        assert caret.index("^") - 2 == column - 1
        assert shown == f"  {text}"


def test_of_a_long_expression_only_what_is_around_the_fault_is_shown() -> None:
    text = "x + " * 200 + "(yield)" + " + x" * 200
    with pytest.raises(ConfigError) as caught:
        parse_where(text)
    _, shown, caret = caught.value.message.split("\n")
    assert len(shown) < 130
    assert shown[caret.index("^") :].startswith("yield")


@pytest.mark.parametrize(
    "text",
    [
        "category > 3",
        '"x" * 9 == ""',
        "category % 3 == 0",
        "int(category) == 1",
        "difficulty / 0 == 1",
        "3 in difficulty",
        "len(difficulty) == 1",
        "lower(difficulty) == 1",
    ],
)
def test_values_that_do_not_fit_make_the_line_bad(text: str) -> None:
    """A line that can't be decided is never silently left out."""
    with pytest.raises(BadRecordError, match="can't be decided"):
        parse_where(text)(RECORD)


def test_attributes_of_python_objects_are_out_of_reach() -> None:
    assert parse_where("category.__class__ == null and tags.__len__ == null")(RECORD) is True
