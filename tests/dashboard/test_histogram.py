from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from evalperf.dashboard.histogram import BUCKETS, bucket_of, profile, quantile_s

durations = st.lists(st.floats(min_value=1e-4, max_value=1_000), min_size=1, max_size=200)


def counts_of(values: list[float]) -> list[int]:
    counts = [0] * BUCKETS
    for value in values:
        counts[bucket_of(value)] += 1
    return counts


@given(durations, st.sampled_from((0.01, 0.5, 0.95, 0.99)))
def test_a_quantile_is_at_most_two_and_a_half_percent_off(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, round(share * len(values))) - 1]
    found = quantile_s(counts_of(values), share)
    assert found is not None
    assert math.isclose(found, exact, rel_tol=0.0251)


@given(st.floats(min_value=0, max_value=1e9))
def test_any_duration_has_a_bucket(value: float) -> None:
    assert 0 <= bucket_of(value) < BUCKETS


def test_no_measurement_is_no_number() -> None:
    assert quantile_s([0] * BUCKETS, 0.5) is None
    assert profile([0] * BUCKETS, 4) == [0, 0, 0, 0]


@given(durations, st.integers(min_value=1, max_value=80))
def test_the_profile_shares_out_what_lies_between_its_ends(values: list[float], columns: int) -> None:
    """With fewer than 200 values nothing is beyond the 0.5 and 99.5 % quantiles."""
    cells = profile(counts_of(values[:100]), columns)
    assert math.isclose(sum(cells), len(values[:100]))


def test_one_value_fills_the_whole_width_evenly() -> None:
    assert profile(counts_of([0.2] * 8), 4) == [2, 2, 2, 2]
