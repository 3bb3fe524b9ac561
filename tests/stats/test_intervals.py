"""Intervals against scipy, statsmodels and published figures."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.stats.distributions import regularised_beta, t_quantile
from evalperf.stats.exact import Moments
from evalperf.stats.intervals import abc_interval, mean_interval, t_interval, wilson_interval

scipy_stats = pytest.importorskip("scipy.stats")
scipy_special = pytest.importorskip("scipy.special")

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "statistics" / "expected_numbers.json"


def moments_of(values):
    moments = Moments()
    for value in values:
        moments.add(value)
    return moments


@pytest.mark.parametrize(
    ("successes", "n", "expected"),
    [
        (8, 10, (0.490162, 0.943318)),
        (0, 10, (0.0, 0.277533)),
        (10, 10, (0.722467, 1.0)),
        (450, 1000, (0.419415, 0.480967)),
        (1, 2, (0.094531, 0.905469)),
        (95, 100, (0.88825, 0.978456)),
        (637, 1319, (0.456063, 0.50992)),
        (0, 300, (0.0, 0.01264297122454604)),
    ],
)
def test_wilson_is_that_of_statsmodels(successes, n, expected):
    assert wilson_interval(successes, n) == pytest.approx(expected, abs=1e-6)


def test_wilson_takes_other_levels():
    assert wilson_interval(450, 1000, level=0.9) == pytest.approx((0.424292, 0.475977), abs=1e-6)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_scipy(counts):
    successes, n = counts
    expected = scipy_stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_impossible_counts(successes, n):
    with pytest.raises(ValueError, match="successes of"):
        wilson_interval(successes, n)


@given(st.floats(0, 1, allow_subnormal=False), st.floats(0.5, 1e4), st.floats(0.5, 1e4))
def test_incomplete_beta_is_that_of_scipy(x, a, b):
    """Beside 0 and 1 it is scipy that is off, by 3e-9."""
    assert regularised_beta(x, a, b) == pytest.approx(scipy_special.betainc(a, b, x), abs=1e-8)


def test_incomplete_beta_beside_one_is_the_arc_sine_law():
    assert 1 - regularised_beta(1 - 2**-53, 0.5, 0.5) == pytest.approx(2 / math.pi * math.asin(2**-26.5), rel=1e-6)


@given(st.integers(1, 10**7), st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.995, 0.9995]))
def test_t_quantiles_are_those_of_scipy(df, p):
    assert t_quantile(p, df) == pytest.approx(scipy_stats.t.ppf(p, df), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("p", "df"), [(0.4, 3), (1.0, 3), (0.9, 0)])
def test_t_quantiles_outside_their_domain_are_refused(p, df):
    with pytest.raises(ValueError, match="no quantile"):
        t_quantile(p, df)


def test_t_interval_of_eight_values():
    moments = moments_of([12.1, 9.8, 11.4, 10.0, 13.3, 8.7, 10.9, 11.8])
    assert moments.std() / 8**0.5 == pytest.approx(0.51823878, abs=1e-8)
    assert t_interval(moments.mean(), moments.std(), 8) == pytest.approx((9.77456, 12.22544), abs=1e-5)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=50).filter(lambda values: max(values) - min(values) > 1e-3))
def test_t_interval_is_that_of_scipy(values):
    moments = moments_of(values)
    expected = scipy_stats.t.interval(0.95, len(values) - 1, loc=moments.mean(), scale=scipy_stats.sem(values))
    assert t_interval(moments.mean(), moments.std(), len(values)) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_zeros_and_ones_get_wilson():
    assert mean_interval(moments_of([1.0] * 8 + [0.0] * 2)) == (pytest.approx((0.490162, 0.943318), abs=1e-6), "wilson")


def test_values_that_lean_to_one_side_get_the_bootstrap():
    """Nine right and one at 0.2: skewness -2.7."""
    moments = moments_of([1.0] * 9 + [0.2])
    interval, kind = mean_interval(moments)
    assert (kind, interval) == ("bootstrap", abc_interval(moments))
    assert mean_interval(moments, "t")[1] == "t"


def test_the_rule_may_be_overruled():
    binary = moments_of([1.0] * 8 + [0.0] * 2)
    assert [mean_interval(binary, rule)[1] for rule in ("auto", "t", "bootstrap")] == ["wilson", "t", "bootstrap"]


def test_abc_is_the_formula_of_the_paper():
    values = [0.1, 0.15, 0.2, 0.22, 0.3, 0.35, 0.5, 0.9, 2.4, 5.0]
    skewness, n = float(scipy_stats.skew(values)), len(values)
    a, t, error = skewness / (6 * n**0.5), scipy_stats.t.ppf(0.975, n - 1), scipy_stats.sem(values)
    ends = [sum(values) / n + error * (a + z) / (1 - a * (a + z)) ** 2 for z in (-t, t)]
    assert abc_interval(moments_of(values)) == pytest.approx(tuple(ends), rel=1e-9)


def test_abc_without_skewness_is_t():
    moments = moments_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert abc_interval(moments) == pytest.approx(t_interval(moments.mean(), moments.std(), moments.n))


def test_abc_is_the_bca_bootstrap_without_its_draws():
    """Of 300 lognormal values, by scipy's resampling; the draws alone move its ends by a percent of the width."""
    values = [math.exp(scipy_stats.norm.ppf((at + 0.5) / 300)) for at in range(300)]
    theirs = scipy_stats.bootstrap((values,), lambda x, axis: x.mean(axis), method="BCa", rng=1).confidence_interval
    width = theirs.high - theirs.low
    assert abc_interval(moments_of(values)) == pytest.approx((theirs.low, theirs.high), abs=0.04 * width)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60), st.floats(0, 1))
def test_abc_has_ends_in_order_for_any_values(values, outlier):
    low, high = abc_interval(moments_of([*values, outlier]))
    assert low <= moments_of([*values, outlier]).mean() <= high


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 100])
def test_the_rule_covers_better_than_t_alone(n):
    """Scores of 1 in most cases and anything below in the others: t misses at one end, the rule less."""
    generator = random.Random(1)
    truth, trials = 0.85 + 0.15 * 0.4, 4000
    held = {"auto": 0, "t": 0}
    for _ in range(trials):
        moments = moments_of([1.0 if generator.random() < 0.85 else generator.random() * 0.8 for _ in range(n)])
        for rule in held:
            (low, high), _ = mean_interval(moments, rule)
            held[rule] += low <= truth <= high
    assert held["auto"] / trials > held["t"] / trials
    assert held["auto"] / trials == pytest.approx(0.95, abs=0.015)


def test_other_scores_get_t():
    interval, kind = mean_interval(moments_of([1.0, 0.0, 0.5]))
    assert kind == "t"
    assert interval == pytest.approx((0.5 - 1.2420689, 0.5 + 1.2420689), abs=1e-6)


@pytest.mark.parametrize("values", [[], [1.0], [0.3]])
def test_fewer_than_two_values_have_no_interval(values):
    assert mean_interval(moments_of(values)) is None


@pytest.mark.data
def test_published_verdicts_get_their_wilson_intervals():
    if not DATA.exists():
        pytest.skip("the recorded data sets are not here")
    shares = [number for number in json.loads(DATA.read_bytes())["numbers"] if "wilson_95" in number]
    assert len(shares) > 3
    for share in shares:
        assert wilson_interval(share["k"], share["n"]) == pytest.approx(tuple(share["wilson_95"]), abs=1e-12), share[
            "id"
        ]
