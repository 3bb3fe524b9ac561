from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.cache.statistics import LatencyHistogram


@given(st.lists(st.floats(1e-7, 100), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_percentiles_are_within_five_percent(durations_s: list[float], share: float) -> None:
    histogram = LatencyHistogram()
    for duration_s in durations_s:
        histogram.add(duration_s)
    ranked = sorted(durations_s)
    exact = ranked[max(0, -int(-share * len(ranked) // 1) - 1)]
    assert histogram.percentile_s(share) == pytest.approx(exact, rel=0.0501)


def test_what_is_out_of_range_is_counted_at_its_end() -> None:
    histogram = LatencyHistogram()
    histogram.add(0.0)
    assert histogram.percentile_s(0.5) == pytest.approx(1e-7, rel=0.05)
    histogram.add(1e9)
    assert histogram.percentile_s(1.0) is not None


def test_nothing_counted_has_no_percentiles() -> None:
    histogram = LatencyHistogram()
    assert histogram.percentile_s(0.5) is None
    assert not histogram
