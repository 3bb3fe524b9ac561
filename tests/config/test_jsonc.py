"""The reader of JSON with comments: same values as JSON, right places, one clear fault."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.config.jsonc import MAX_DEPTH, read_jsonc
from evalperf.config.source import KeyPath, SyntaxFault

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
BLANKS = ("", " ", "\n", "\t", "\r\n", '// note, "x": [1]\n', "/* a\n * b */", " /**/ ")


def sprinkled(value: Any, chance: random.Random) -> str:
    """The JSON of a value with comments and blanks between its tokens, and trailing commas."""

    def gap() -> str:
        return "".join(chance.choice(BLANKS) for _ in range(chance.randrange(3)))

    if isinstance(value, dict):
        items = [f"{gap()}{json.dumps(key)}{gap()}:{sprinkled(item, chance)}" for key, item in value.items()]
    elif isinstance(value, list):
        items = [sprinkled(item, chance) for item in value]
    else:
        return f"{gap()}{json.dumps(value, ensure_ascii=chance.random() < 0.5)}{gap()}"
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    comma = "," if items and chance.random() < 0.5 else ""
    return f"{gap()}{opening}{','.join(items)}{comma}{gap()}{closing}{gap()}"


def paths_in(value: Any, path: KeyPath = ()) -> dict[KeyPath, Any]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {path: value}
    for key, item in items:
        found.update(paths_in(item, (*path, key)))
    return found


@settings(deadline=None)
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_comments_and_commas_change_no_value(document: Any, chance: random.Random) -> None:
    assert read_jsonc(sprinkled(document, chance), "x").value == document


@settings(deadline=None)
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_every_place_is_where_its_value_begins(document: Any, chance: random.Random) -> None:
    text = sprinkled(document, chance)
    source = read_jsonc(text, "x")
    values = paths_in(document)
    assert source.values.keys() == values.keys()
    for path, value in values.items():
        first = {dict: "{", list: "["}.get(type(value)) or json.dumps(value)[0]
        assert text[source.values[path]] == first
    assert source.keys.keys() == {path for path in values if path and isinstance(path[-1], str)}
    for path, offset in source.keys.items():
        assert json.JSONDecoder().raw_decode(text, offset)[0] == path[-1]


def test_lines_and_columns_count_from_one_in_characters() -> None:
    source = read_jsonc('{\n  "ü日": 1,\r\n  "b": [\n\t2]}', "x")
    assert source.key_place(("ü日",)) == (2, 3)
    assert source.value_place(("ü日",)) == (2, 9)
    assert source.value_place(("b", 0)) == (4, 2)
    assert source.line(2) == '  "ü日": 1,'


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ('{"a": 1 "b": 2}', (1, 9), 'found a text, expected "," or "}"', "comma"),
        ('{"a": tru}', (1, 7), 'found "tru", expected a value', "double quotes"),
        ('{"a": True}', (1, 7), 'found "True", expected a value', "write it true"),
        ('{"a": None}', (1, 7), 'found "None"', "write it null"),
        ('{"a": 1,\n "a": 2}', (2, 2), 'key "a" appears twice, first on line 1', "remove one"),
        ("{'a': 1}", (1, 2), "expected a key", "double quotes"),
        ("{a: 1}", (1, 2), 'found "a", expected a key', "double quotes"),
        ("{\"a\": 'x'}", (1, 7), "expected a value", "double quotes"),
        ('{"a": [1,\n2', (2, 2), 'the "[" of line 1 is never closed', None),
        ('{\n"a": 1', (2, 7), 'the "{" of line 1 is never closed', None),
        ('{"a" 1}', (1, 6), 'expected ":"', None),
        ('{"a": "x\n"}', (1, 7), "does not end on its line", None),
        ('{"a": "\\q"}', (1, 8), "escape that JSON does not know", "backslash"),
        ('{"a": "\\ud800"}', (1, 7), "surrogate", None),
        ('{"a": 01}', (1, 7), 'found "01"', None),
        ('{"a": .5}', (1, 7), 'found ".5"', None),
        ('{"a": NaN}', (1, 7), 'found "NaN"', None),
        ('{"a": ,}', (1, 7), 'found ","', None),
        ('{"a": 1} x', (1, 10), "more text after the end", None),
        ('{"a": 1 /* x', (1, 9), "never closed", None),
        ("", (1, 1), "found the end of the file", None),
        ('{"a": ' + "9" * 5000 + "}", (1, 7), "too many digits", None),
        ('{"a": -1e999}', (1, 7), "too large", None),
        ("[" * (MAX_DEPTH + 2), (1, MAX_DEPTH + 2), "nested deeper", None),
    ],
)
def test_a_fault_has_its_place_and_says_what_was_expected(
    text: str, place: tuple[int, int], message: str, hint: str | None
) -> None:
    with pytest.raises(SyntaxFault) as caught:
        read_jsonc(text, "x")
    from evalperf.config.source import Source

    assert Source(name="x", text=text).place(caught.value.offset) == place
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


@settings(deadline=None)
@given(st.text(alphabet="{}[]\",:/*\\ \n10tfn'a", max_size=40))
def test_any_text_is_read_or_refused_with_a_fault(text: str) -> None:
    """No other exception, and what plain JSON accepts is read alike, but for keys that appear twice."""
    plain, read = outcome(json.loads, text), outcome(lambda text: read_jsonc(text, "x").value, text)
    if isinstance(read, SyntaxFault):
        assert 0 <= read.offset <= len(text)
        assert isinstance(plain, ValueError) or "twice" in read.message
    elif isinstance(plain, ValueError):
        assert any(mark in text for mark in ("//", "/*", ","))
    else:
        assert read == plain


def outcome(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except (ValueError, SyntaxFault) as error:
        return error
