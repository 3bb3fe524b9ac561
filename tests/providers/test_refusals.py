"""What a reply that is no answer means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.providers.base import WrongAddress
from evalperf.providers.refusals import excerpt, parse_duration_s, refusal, refusal_in_body, retry_after_s


def error_body(message: str = "no", **fields: Any) -> bytes:
    return json.dumps({"error": {"message": message, **fields}}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "rejected", False),
        (404, "rejected", False),
        (405, "rejected", False),
        (413, "rejected", False),
        (422, "rejected", False),
        (401, "auth", False),
        (403, "auth", False),
        (402, "quota", False),
        (408, "timeout", True),
        (409, "rejected", True),
        (425, "rejected", True),
        (429, "rate_limited", True),
        (500, "server_error", True),
        (502, "server_error", True),
        (503, "server_error", True),
        (504, "server_error", True),
        (529, "server_error", True),
    ],
)
def test_a_status_has_its_kind(status: int, kind: str, retryable: bool) -> None:
    error = refusal(status, {}, error_body())
    assert (error.kind, error.status, error.retryable) == (kind, status, retryable)


@pytest.mark.parametrize(
    "body",
    [
        error_body(code="insufficient_quota"),
        error_body(type="insufficient_quota"),
        error_body("Your credit balance is too low"),
        error_body("Check your plan and billing details"),
    ],
)
def test_a_429_for_want_of_money_is_not_a_rate_limit(body: bytes) -> None:
    error = refusal(429, {}, body)
    assert (error.kind, error.retryable) == ("quota", False)


@pytest.mark.parametrize(
    ("headers", "message"),
    [({"retry-after": "3"}, "check your billing details"), ({}, "check your billing details. Please retry in 20s.")],
)
def test_a_server_that_names_a_wait_wants_to_be_asked_again(headers: dict[str, str], message: str) -> None:
    """Some answer every rate limit with words about billing."""
    assert refusal(429, headers, error_body(message)).kind == "rate_limited"


def test_a_prompt_that_a_filter_refuses_is_not_a_malformed_one() -> None:
    assert refusal(400, {}, error_body(code="content_filter")).kind == "content_filter"


@pytest.mark.parametrize(("status", "wish", "retryable"), [(500, "false", False), (400, "true", True)])
def test_the_servers_own_word_on_retrying_wins(status: int, wish: str, retryable: bool) -> None:
    assert refusal(status, {"x-should-retry": wish}, b"").retryable is retryable


def test_a_redirect_names_its_target() -> None:
    error = refusal(307, {"location": "https://elsewhere.example/v1"}, b"")
    assert isinstance(error, WrongAddress)
    assert (error.kind, error.retryable) == ("rejected", False)
    assert "https://elsewhere.example/v1" in error.message


def test_a_web_page_shows_its_title_only() -> None:
    error = refusal(502, {"content-type": "text/html"}, b"<html><head><title>Bad\n Gateway</title>" + b"x" * 9999)
    assert error.message == 'HTTP 502: an HTML page, "Bad Gateway"'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "plain"}', "plain"),
        (b'{"message": "top"}', "top"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": 1}]}', '[{"loc":1}]'),
        (b"just words", "just words"),
        (b"[1]", "[1]"),
        (b'{"error": null}', '{"error": null}'),
    ],
)
def test_the_message_is_found_in_the_usual_places(body: bytes, message: str) -> None:
    assert refusal(400, {}, body).message == f"HTTP 400: {message}"


def test_an_empty_body_leaves_the_status() -> None:
    assert refusal(503, {}, b"").message == "HTTP 503"


@pytest.mark.parametrize(
    ("fields", "kind", "retryable"),
    [
        ({"code": 429}, "rate_limited", True),
        ({"code": 402}, "quota", False),
        ({"code": 400}, "rejected", False),
        ({"code": "rate_limit_exceeded"}, "rate_limited", True),
        ({"code": "insufficient_quota"}, "quota", False),
        ({"type": "server_error"}, "server_error", True),
        ({"code": "content_filter"}, "content_filter", False),
    ],
)
def test_an_error_under_a_good_status_has_its_kind(fields: dict[str, Any], kind: str, retryable: bool) -> None:
    error = refusal_in_body(error_body(**fields))
    assert (error.kind, error.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "garbage"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 09:59:59 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"x-ratelimit-reset-requests": "12ms", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "-5"}, None),
        ({"x-ratelimit-limit-tokens": "-1"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, limited=True) == expected


def test_a_date_without_the_servers_clock_is_taken_by_ours() -> None:
    wait_s = retry_after_s({"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}, limited=True)
    assert wait_s is not None
    assert wait_s > 1e6


def test_rate_limit_resets_say_nothing_about_a_server_error() -> None:
    assert retry_after_s({"x-ratelimit-reset-requests": "1m"}, limited=False) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1m30s", 90.0),
        ("6m0s", 360.0),
        ("12ms", 0.012),
        ("8.64s", 8.64),
        ("1h2m3s", 3723.0),
        ("2", 2.0),
        ("-5", None),
        ("garbage", None),
        ("", None),
        ("5 apples", None),
        (None, None),
    ],
)
def test_a_duration(text: str | None, expected: float | None) -> None:
    assert parse_duration_s(text) == (pytest.approx(expected) if expected is not None else None)


@given(st.text())
def test_an_excerpt_can_be_shown_anywhere(text: str) -> None:
    shown = excerpt(text, ())
    assert shown.isprintable()
    assert len(shown) <= 200


def test_an_excerpt_hides_what_must_not_be_shown() -> None:
    assert excerpt("bad key sk-abcdef!\x1b[2J\u202e", ("sk-abcdef",)) == r"bad key [hidden]!\x1b[2J\u202e"
