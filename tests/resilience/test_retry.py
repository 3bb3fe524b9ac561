"""The retry policy is a pure function of the error, the attempts made and one random draw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.errors import ProviderError
from evalperf.resilience.retry import MIN_WAIT_S, RetryPolicy

POLICY = RetryPolicy(attempts=10, base_s=0.5, max_s=30.0, retry_after_max_s=120.0)
BUSY = ProviderError("server_error", "busy", status=500, retryable=True)


def test_the_bound_doubles_up_to_the_maximum() -> None:
    """Full jitter, base .5, cap 30."""
    assert [POLICY.bound_s(n) for n in range(1, 10)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30, 30, 30]


@given(made=st.integers(1, 9), draw=st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_the_least_wait_and_the_bound(made: int, draw: float) -> None:
    delay_s = POLICY.delay_s(BUSY, made, draw)
    assert delay_s is not None
    assert MIN_WAIT_S <= delay_s <= max(MIN_WAIT_S, POLICY.bound_s(made))


@given(made=st.integers(1, 9), draw=st.floats(0, 1, exclude_max=True), wish_s=st.floats(0.06, 120))
def test_the_servers_wish_is_obeyed_and_spread(made: int, draw: float, wish_s: float) -> None:
    """Never earlier than asked, at most a tenth later."""
    error = ProviderError("rate_limited", "slow down", status=429, retryable=True, retry_after_s=wish_s)
    delay_s = POLICY.delay_s(error, made, draw)
    assert delay_s is not None
    assert wish_s <= delay_s <= wish_s * 1.1 + 1e-9


@pytest.mark.parametrize(
    ("error", "made"),
    [
        (ProviderError("rejected", "no", status=400, retryable=False), 1),
        (BUSY, 10),
        (ProviderError("rate_limited", "later", status=429, retryable=True, retry_after_s=121.0), 1),
    ],
    ids=["not retryable", "attempts used up", "wish beyond the limit"],
)
def test_gives_up(error: ProviderError, made: int) -> None:
    assert POLICY.delay_s(error, made, 0.5) is None


def test_many_attempts_do_not_overflow() -> None:
    assert POLICY.bound_s(5000) == 30.0
