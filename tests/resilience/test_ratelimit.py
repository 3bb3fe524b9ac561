"""The limits of one endpoint: configured, learned from headers, refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.config.resilience import RateLimitingConfig
from evalperf.resilience.meters import TokenBucket
from evalperf.resilience.ratelimit import MARGIN, RateLimit


def headers(limit: float, remaining: float, reset: str, what: str = "requests") -> dict[str, str]:
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{part}-{what}": str(value) for part, value in values.items()}


@pytest.mark.parametrize(
    ("second", "minute", "expected_per_s"), [(20, 600, 10), (5, 600, 5), (20, None, 20), (None, 90, 1.5)]
)
def test_the_tighter_of_two_configured_limits_holds(
    second: float | None, minute: float | None, expected_per_s: float
) -> None:
    limit = RateLimit.from_config(RateLimitingConfig(requests_per_second=second, requests_per_minute=minute))
    assert limit.requests_per_s == pytest.approx(MARGIN * expected_per_s)


def test_no_configured_limit_is_none() -> None:
    limit = RateLimit.from_config(RateLimitingConfig())
    assert (limit.requests_per_s, limit.tokens_per_s, limit.wait_s(1e9, 0)) == (None, None, 0)


def test_no_meter_is_charged_unless_all_of_them_let_pass() -> None:
    limit = RateLimit(requests_per_s=1, tokens_per_s=10, margin=1)
    limit.take(10, 0)
    for _ in range(100):
        assert limit.wait_s(10, 0.5) == pytest.approx(0.5)
    assert limit.wait_s(10, 1.0) == 0


@pytest.mark.parametrize(
    ("stated", "expected_per_s"),
    [
        ([(60, 59, "1s")], 1.0),
        ([(5000, 4999, "12ms")], 5000 / 60),
        ([(50, 40, "200ms")], 50.0),
        ([(14400, 14370, "2m59.56s")], None),
        ([(200, 199, "7m12s")], None),
        ([(600, 590, "0")], 10.0),
        ([(600, 600, "0s")], 10.0),
        ([(60, 59, "59s"), (60, 30, "30s"), (60, 10, "12s")], 60 / 59),
    ],
    ids=[
        "bucket a minute", "large bucket", "bucket a second", "Groq: a day", "a day", "no reset", "unused",
        "window a minute",
    ],
)  # fmt: skip
def test_the_period_of_a_stated_limit_is_found(
    stated: list[tuple[float, float, str]], expected_per_s: float | None
) -> None:
    """A limit per day does not set a pace: a short run would never end."""
    limit = RateLimit(margin=1)
    for now_s, (most, remaining, reset) in enumerate(stated):
        limit.observe(headers(most, remaining, reset), now_s)
    assert limit.requests_per_s == (None if expected_per_s is None else pytest.approx(expected_per_s, rel=0.01))


def test_headers_lower_a_configured_limit_but_never_raise_it() -> None:
    """Others may share the account, and the user knows better."""
    limit = RateLimit(requests_per_s=10, margin=1)
    limit.observe(headers(6000, 5999, "10ms"), 0)
    assert limit.requests_per_s == pytest.approx(10)
    limit.observe(headers(60, 59, "1s"), 0)
    assert limit.requests_per_s == pytest.approx(1)


def test_an_exhausted_window_pauses_until_its_end() -> None:
    limit = RateLimit()
    for now_s, (remaining, reset) in enumerate([(50, "60s"), (30, "40s"), (0, "12s")]):
        limit.observe(headers(60, remaining, reset), now_s)
    assert limit.wait_s(0, 2.0) == pytest.approx(12)
    assert limit.reason(0, 2.0) == "paused"


def test_the_age_of_a_reply_shortens_its_pause() -> None:
    limit = RateLimit()
    limit.observe(headers(60, 30, "40s"), 0)
    limit.observe(headers(60, 0, "12s"), 2.0, age_s=5)
    assert limit.wait_s(0, 2.0) == pytest.approx(7)


def test_an_empty_bucket_is_not_waited_for_until_it_is_full() -> None:
    """It states its whole period, and has room again after a sixtieth of it."""
    limit = RateLimit(margin=1)
    limit.observe(headers(60, 59, "1s"), 0)
    limit.observe(headers(60, 0, "60s"), 1)
    assert limit.wait_s(0, 2.0) <= 1.0


def test_remaining_tokens_cap_what_may_be_sent() -> None:
    limit = RateLimit(margin=1)
    limit.observe(headers(60_000, 59_000, "1s", "tokens"), 0)
    assert limit.wait_s(1000, 0) == 0
    limit.observe(headers(60_000, 100, "59.9s", "tokens"), 0)
    assert limit.wait_s(1000, 0) == pytest.approx(0.9)


@given(
    stated=st.lists(
        st.tuples(st.sampled_from(["-1", "0", "60", "nan", "1e400"]), st.text(max_size=5), st.text(max_size=8))
    )
)
def test_nonsense_in_headers_never_raises_nor_stops_a_run(stated: list[tuple[str, str, str]]) -> None:
    limit = RateLimit()
    for most, remaining, reset in stated:
        limit.observe(headers(0, 0, "") | {"x-ratelimit-limit-requests": most}, 0)
        limit.observe(
            {
                "x-ratelimit-limit-requests": most,
                "x-ratelimit-remaining-requests": remaining,
                "x-ratelimit-reset-requests": reset,
            },
            0,
        )
    assert limit.requests_per_s is None or limit.requests_per_s > 0


def test_the_first_refusal_ends_all_bursts() -> None:
    limit = RateLimit(requests_per_s=10, burst=5, margin=1)
    limit.refused(0)
    limit.take(0, 1)
    assert limit.wait_s(0, 1) == pytest.approx(0.1)


def test_bursts_come_back_where_they_do_no_harm() -> None:
    limit = RateLimit(requests_per_s=10, burst=5, margin=1)
    limit.refused(0)
    limit.space(strictly=False)
    for _ in range(5):
        assert limit.wait_s(0, 1) == 0
        limit.take(0, 1)
    assert limit.wait_s(0, 1) > 0


def test_headers_after_a_refusal_bring_no_burst_back() -> None:
    limit = RateLimit(margin=1)
    limit.refused(0)
    limit.observe(headers(6000, 5999, "10ms"), 1)
    limit.take(0, 2)
    assert limit.wait_s(0, 2) == pytest.approx(0.01)


def test_a_bucket_keeps_its_debt_when_its_rate_changes() -> None:
    bucket = TokenBucket(10, 100)
    bucket.take(300, 0)
    bucket.change(20, 200, 0)
    assert bucket.level(0) == -200
