"""Headers of all dialects, sense and nonsense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.resilience.ratelimit_headers import senseless_limits, stated_limits


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("1m30s", 90.0),
        ("6m0s", 360.0),
        ("12ms", 0.012),
        ("8.64s", 8.64),
        ("1h2m3s", 3723.0),
        ("1.5", 1.5),
        ("-5", None),
        ("garbage", None),
        ("", None),
        ("nan", None),
        ("2026-13-45T00:00:00Z", None),
        ("2020-01-01T00:00:00", None),
    ],
)
def test_resets_are_read_as_published(text: str, expected_s: float | None) -> None:
    stated = stated_limits({"x-ratelimit-limit-requests": "60", "x-ratelimit-reset-requests": text})["requests"]
    assert stated.reset_s == (None if expected_s is None else pytest.approx(expected_s, abs=1e-6))


def test_both_kinds_are_told_apart() -> None:
    stated = stated_limits(
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-tokens": "149984",
        }
    )
    assert (stated["requests"].limit, stated["requests"].remaining) == (60, 59)
    assert (stated["tokens"].limit, stated["tokens"].remaining) == (150_000, 149_984)


def test_anthropic_names_the_moment_of_the_reset() -> None:
    """A moment that has gone by is now."""
    stated = stated_limits(
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2020-01-01T00:00:00Z",
        }
    )
    assert stated["requests"].reset_s == 0


@pytest.mark.parametrize("limit", ["-1", "0", "none", "inf", ""])
def test_a_limit_without_sense_states_nothing(limit: str) -> None:
    """Azure's Responses API sends limit -1, remaining -1."""
    assert stated_limits({"x-ratelimit-limit-tokens": limit, "x-ratelimit-remaining-tokens": "-1"}) == {}


@given(
    headers=st.dictionaries(
        st.sampled_from(
            [
                f"x-ratelimit-{part}-{what}"
                for part in ("limit", "remaining", "reset")
                for what in ("requests", "tokens")
            ]
        ),
        st.text(max_size=20),
    )
)
def test_no_header_can_raise(headers: dict[str, str]) -> None:
    for stated in stated_limits(headers).values():
        assert stated.limit > 0
        assert stated.remaining is None or stated.remaining >= 0
        assert stated.reset_s is None or stated.reset_s >= 0


@pytest.mark.parametrize(
    ("headers", "senseless"),
    [
        ({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}, []),
        ({"x-ratelimit-limit-tokens": "-1"}, []),
        ({"x-ratelimit-limit-requests": "many"}, ["x-ratelimit-limit-requests"]),
        ({"anthropic-ratelimit-requests-reset": "soon"}, ["anthropic-ratelimit-requests-reset"]),
        ({"x-ratelimit-remaining-tokens": "-7"}, ["x-ratelimit-remaining-tokens"]),
        ({"x-ratelimit-limit-images": "many"}, []),
    ],
)
def test_limits_without_sense_are_named(headers: dict[str, str], senseless: list[str]) -> None:
    """Only those that would be used; -1 is Azure's word for no limit."""
    assert list(senseless_limits(headers)) == senseless
