"""The meters keep their promises for any sequence of requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.resilience.meters import Gcra, TokenBucket

RATES = st.floats(0.1, 1000)
GAPS = st.lists(st.floats(0, 5), max_size=60)


@pytest.mark.parametrize(
    ("tolerance_s", "times", "expected"),
    [
        (0, [0, 0.1, 0.5, 0.9, 1.0, 1.6], [0, 0.4, 0, 0.1, 0, 0]),
        (1, [0, 0, 0, 0, 0.5, 0.5], [0, 0, 0, 0.5, 0, 0.5]),
    ],
)
def test_gcra_passes_and_waits_as_published(tolerance_s: float, times: list[float], expected: list[float]) -> None:
    """Rate 2/s; a tolerance of tau seconds is a burst of 1 + tau · rate."""
    meter = Gcra(2, 1 + tolerance_s * 2)
    waits = []
    for now_s in times:
        waits.append(meter.wait_s(now_s))
        if waits[-1] == 0:
            meter.take(now_s)
    assert waits == pytest.approx(expected, abs=1e-6)


def test_the_token_bucket_passes_and_waits_as_published() -> None:
    """1000/s, capacity 10,000."""
    bucket = TokenBucket(1000, 10_000)
    waits = []
    for now_s, tokens in [(0, 4000), (0, 4000), (0, 4000), (2, 4000), (5, 6000)]:
        waits.append(bucket.wait_s(tokens, now_s))
        if waits[-1] == 0:
            bucket.take(tokens, now_s)
    assert waits == pytest.approx([0, 0, 2, 0, 3], abs=1e-6)


@given(rate_per_s=RATES, burst=st.floats(1, 50), gaps=GAPS)
def test_gcra_never_lets_more_pass_than_burst_and_rate_allow(
    rate_per_s: float, burst: float, gaps: list[float]
) -> None:
    """In every window of time, whenever somebody asks."""
    meter, now_s, passed = Gcra(rate_per_s, burst), 0.0, []
    for gap_s in gaps:
        now_s += gap_s / rate_per_s
        if meter.wait_s(now_s) == 0:
            meter.take(now_s)
            passed.append(now_s)
    for first, from_s in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + rate_per_s * (passed[last] - from_s) + 1e-3


@given(rate_per_s=RATES, burst=st.floats(1, 50), taken=st.integers(0, 100))
def test_gcra_lets_pass_after_the_wait_it_named(rate_per_s: float, burst: float, taken: int) -> None:
    meter = Gcra(rate_per_s, burst)
    for _ in range(taken):
        meter.take(7.0)
    assert meter.wait_s(7.0 + meter.wait_s(7.0)) == 0


@given(rate_per_s=RATES, capacity=st.floats(1, 1e4), asks=st.lists(st.tuples(st.floats(0, 5), st.integers(0, 20_000))))
def test_no_window_passes_more_tokens_than_capacity_and_rate_allow(
    rate_per_s: float, capacity: float, asks: list[tuple[float, int]]
) -> None:
    """Save that a request larger than the bucket counts as a full one when it passes; the rest is debt."""
    bucket, now_s, passed = TokenBucket(rate_per_s, capacity), 0.0, []
    for gap_s, tokens in asks:
        now_s += gap_s
        if bucket.wait_s(tokens, now_s) == 0:
            bucket.take(tokens, now_s)
            passed.append((now_s, tokens))
    for first, (from_s, _) in enumerate(passed):
        before_last = 0.0
        for at_s, tokens in passed[first:]:
            allowed = capacity + rate_per_s * (at_s - from_s)
            assert before_last + min(tokens, capacity) <= allowed * (1 + 1e-6) + 1e-3
            before_last += tokens


@given(estimates=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1))
def test_debt_settles(estimates: list[tuple[int, int]]) -> None:
    """After all is settled the level is what the true costs leave, whatever was estimated."""
    bucket = TokenBucket(10, 1e6)
    for estimated, _ in estimates:
        bucket.take(estimated, 0)
    for estimated, actual in estimates:
        bucket.settle(estimated, actual, 0)
    assert bucket.level(0) == pytest.approx(1e6 - sum(actual for _, actual in estimates))


def test_a_request_larger_than_the_bucket_passes_when_it_is_full_and_leaves_debt() -> None:
    bucket = TokenBucket(10, 100)
    assert bucket.wait_s(250, 0) == 0
    bucket.take(250, 0)
    assert bucket.level(0) == -150
    assert bucket.wait_s(1, 0) == pytest.approx(15.1)


def test_a_refund_never_fills_the_bucket_over_its_capacity() -> None:
    bucket = TokenBucket(10, 100)
    bucket.take(50, 0)
    bucket.settle(50, 0, 100)
    assert bucket.level(100) == 100


def test_what_was_given_back_was_never_taken() -> None:
    meter = Gcra(1, 2)
    meter.take(0)
    meter.take(0)
    meter.give_back()
    assert meter.wait_s(0) == 0
