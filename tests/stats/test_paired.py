"""Two runs on the same cases, held against scipy and against figures computed elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.stats.intervals import normal_interval
from evalperf.stats.paired import differences, mcnemar, paired_binary, paired_t, sign_flip, wilcoxon

scipy_stats = pytest.importorskip("scipy.stats")

APART = st.lists(st.integers(-40, 40).map(lambda tenths: tenths / 10), min_size=3, max_size=30)


def test_seventy_gained_and_forty_lost_of_a_thousand():
    found = paired_binary(500, 70, 40, 390)
    assert found.difference == pytest.approx(0.03)
    assert found.error == pytest.approx(0.01045, abs=1e-6)
    assert normal_interval(0.03, 0.010445) == pytest.approx((0.009528, 0.050472), abs=1e-6)
    assert mcnemar(70, 40) == pytest.approx(0.005447429511444476, rel=1e-9)


@settings(max_examples=60)
@given(APART)
def test_the_t_test_is_scipys(values):
    found = paired_t(values)
    if found is None:
        assert len(set(values)) == 1
        return
    expected = scipy_stats.ttest_1samp(values, 0.0)
    assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6)
    interval = expected.confidence_interval()
    assert found.ci95 == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)


@settings(max_examples=60)
@given(st.lists(st.integers(-60, 60).filter(bool), min_size=2, max_size=25, unique_by=abs))
def test_wilcoxons_p_is_scipys(values):
    """Without ties and zeros it is counted exactly."""
    expected = scipy_stats.wilcoxon(values, method="exact")
    assert wilcoxon(values) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6)


@settings(max_examples=20)
@given(st.lists(st.integers(-9, 9).filter(bool), min_size=2, max_size=8))
def test_few_signs_are_flipped_in_all_ways(values):
    """By scipy's permutation test, which tries them all too."""
    expected = scipy_stats.permutation_test(
        (values,), sum, permutation_type="samples", n_resamples=10_000, alternative="two-sided"
    )
    assert sign_flip(values, seed=0) == pytest.approx(min(1.0, expected.pvalue), rel=1e-6)


def test_only_cases_of_both_runs_are_compared():
    assert differences({"a": 1.0, "b": 0.5}, {"b": 0.25, "c": 1.0}) == [0.25]
