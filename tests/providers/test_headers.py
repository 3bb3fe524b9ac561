"""Which headers of a reply say something on rate limits."""

from __future__ import annotations

from evalperf.providers.headers import Headers, LimitHeaders

PLAIN = {b"content-type": b"application/json", b"x-limit": b"1", b"x-retry-after": b"1"}
LIMITS = {
    b"x-ratelimit-limit-requests": b" 60 ",
    b"anthropic-ratelimit-tokens-reset": b"2026-11-20T10:00:00Z",
    b"retry-after": b"1",
    b"retry-after-ms": b"900",
    b"ratelimit-policy": b"\xff",
}


def test_those_on_limits_are_found_among_the_others() -> None:
    assert LimitHeaders().among(Headers({**PLAIN, **LIMITS})) == {
        "x-ratelimit-limit-requests": "60",
        "anthropic-ratelimit-tokens-reset": "2026-11-20T10:00:00Z",
        "retry-after": "1",
        "retry-after-ms": "900",
        "ratelimit-policy": "\udcff",
    }


def test_a_reply_without_them_has_none() -> None:
    assert LimitHeaders().among(Headers(PLAIN)) is None
    assert LimitHeaders().among(Headers({})) is None


def test_replies_of_different_servers_are_told_apart() -> None:
    """What is remembered of one set of names must not be said of another."""
    found = LimitHeaders()
    for _ in range(2):
        assert found.among(Headers({**PLAIN, b"retry-after": b"1"})) == {"retry-after": "1"}
        assert found.among(Headers(PLAIN)) is None
        assert found.among(Headers({**PLAIN, b"retry-after": b"2"})) == {"retry-after": "2"}


def test_a_server_that_makes_up_names_does_not_fill_the_memory() -> None:
    found = LimitHeaders()
    for number in range(1000):
        name = b"x-ratelimit-%d" % number
        assert found.among(Headers({name: b"1"})) == {name.decode(): "1"}
    assert len(found._shapes) <= 256
