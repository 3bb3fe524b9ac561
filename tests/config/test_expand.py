"""`${NAME}`: one pass, defaults, what is not set."""

from __future__ import annotations

import pytest

from evalperf.config.expand import expand, masked, secrets_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${NOT_SET:-z}", "z"),
        ("${EMPTY:-z}", "z"),
        ("${A:-z}", "1"),
        ("${NOT_SET:-}", ""),
        ("$${A}", "${A}"),
        ("${REFERS}", "${A}"),
        ("$A ${} ${a.b} ${1} {{ input }}", "$A ${} ${a.b} ${1} {{ input }}"),
        ("${EMPTY}", ""),
    ],
)
def test_references(text: str, expected: str) -> None:
    environ = {"A": "1", "EMPTY": "", "REFERS": "${A}"}
    assert expand([{"k": text}], environ) == ([{"k": expected}], [])


def test_each_variable_that_is_not_set_is_a_problem_at_its_place() -> None:
    _, problems = expand({"a": ["${X}", "${Y} ${Z}"], "b": 1}, {})
    assert [(problem.path, problem.message) for problem in problems] == [
        (("a", 0), "environment variable X is not set"),
        (("a", 1), "environment variable Y is not set"),
        (("a", 1), "environment variable Z is not set"),
    ]


@pytest.mark.parametrize(
    ("url", "stored", "secrets"),
    [
        ("https://h/v1?api-version=2&key=abc#x", "https://h/v1?api-version=2&key=***#x", ["abc"]),
        ("https://h/v1?sig=${S}&code=a&b=c", "https://h/v1?sig=${S}&code=***&b=c", ["${S}", "a"]),
        ("https://me:pw@h?access_token=abc", "https://***@h?access_token=***", ["me:pw", "pw", "abc"]),
        ("https://h/key=abc?monkey=1", "https://h/key=abc?monkey=1", []),
        ("what is?key=abc", "what is?key=abc", []),
    ],
)
def test_in_a_url_passwords_and_parameters_may_be_secret(url: str, stored: str, secrets: list[str]) -> None:
    assert masked({"url": url}) == {"url": stored}
    assert list(secrets_in({"url": url})) == secrets


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("${KEY}", "${KEY}"),
        ("Bearer ${KEY}", "Bearer ${KEY}"),
        ("Bearer abc", "Bearer ***"),
        ("abc${KEY}def", "***${KEY}***"),
        ("${KEY:-abc}", "${KEY:-***}"),
        ("", ""),
    ],
)
def test_of_a_secret_only_its_references_are_stored(written: str, stored: str) -> None:
    assert masked({"headers": {"x": written}}) == {"headers": {"x": stored}}
