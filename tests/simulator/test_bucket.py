"""The bucket's laws, and the published sequence of `tuning.md`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.simulator.bucket import TokenBucket


def test_a_known_sequence():
    """1,000 tokens/s, 10,000 at most; (time, amount) → wait."""
    bucket = TokenBucket(1_000, 10_000)
    waits = []
    for now_s, amount in ((0, 4_000), (0, 4_000), (0, 4_000), (2, 4_000), (5, 6_000)):
        waits.append(bucket.wait_s(amount, now_s))
        if not waits[-1]:
            bucket.take(amount, now_s)
    assert waits == pytest.approx([0, 0, 2, 0, 3])


def test_what_is_larger_than_the_bucket_passes_when_it_is_full():
    bucket = TokenBucket(10, 100)
    assert bucket.wait_s(500, 0) == 0
    bucket.take(500, 0)
    assert bucket.wait_s(1, 0) == pytest.approx(40.1)


def test_it_tells_when_it_will_be_full():
    bucket = TokenBucket(10, 100)
    bucket.take(30, 0)
    assert bucket.full_in_s(1) == pytest.approx(2)
    assert bucket.level(1) == pytest.approx(80)


@given(
    st.floats(0.1, 1_000),
    st.integers(1, 50),
    st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_never_more_passes_than_its_size_and_rate_times_time(rate_per_s, size, gaps_s):
    bucket, now_s, passed = TokenBucket(rate_per_s, size), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        if bucket.wait_s(1, now_s) == 0:
            bucket.take(1, now_s)
            passed += 1
    assert passed <= size + rate_per_s * now_s + 1e-6


@given(st.floats(0.1, 1_000), st.integers(1, 50))
def test_after_the_wait_it_passes(rate_per_s, size):
    bucket = TokenBucket(rate_per_s, size)
    bucket.take(size, 0.0)
    assert bucket.wait_s(1, bucket.wait_s(1, 0.0)) == 0
