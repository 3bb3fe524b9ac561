"""Sums and moments without rounding."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.stats.exact import SCALE, ExactSum, Moments, scaled

numbers = st.floats(-1e300, 1e300, allow_nan=False)
scores = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-1e6, 1e6, allow_nan=False))


@given(st.lists(numbers, max_size=50), st.randoms())
def test_order_and_bulk_do_not_change_a_sum(values, shuffler):
    shuffled = values[:]
    shuffler.shuffle(shuffled)
    bulk = ExactSum()
    bulk.add_all(shuffled)
    assert bulk == ExactSum(values)
    assert bulk.value() == math.fsum(values)


@given(st.lists(numbers, max_size=30), st.lists(numbers, max_size=30))
def test_merged_sums_are_the_sum_of_all(left, right):
    merged = ExactSum(left)
    merged.merge(ExactSum(right))
    assert merged == ExactSum(left + right)


@given(st.lists(numbers, max_size=30))
def test_parts_bring_the_sum_back(values):
    total = ExactSum(values)
    assert ExactSum(total.parts()) == total


def test_small_terms_survive_beside_large_ones():
    assert ExactSum([1e16, 1.0, -1e16]).value() == 1.0
    assert ExactSum([5e-324] * 3 + [1e300, -1e300]).value() == 1.5e-323


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises((ValueError, OverflowError)):
        ExactSum().add(value)


@given(st.lists(scores, min_size=2, max_size=40))
def test_moments_are_the_rounded_true_ones(values):
    moments = Moments()
    for value in values:
        moments.add(value)
    assert moments.n == len(values)
    assert moments.mean() == float(sum(map(Fraction, values)) / len(values))
    assert moments.std() == pytest.approx(math.sqrt(statistics.variance(map(Fraction, values))), rel=1e-15)


def test_a_small_spread_on_a_large_mean_is_kept():
    moments = Moments()
    for value in (1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16):
        moments.add(value)
    assert moments.std() == math.sqrt(30)


@given(st.lists(scores, min_size=3, max_size=40).filter(lambda values: statistics.pstdev(values) > 1e-9))
def test_skewness_is_that_of_the_exact_moments(values):
    exact = list(map(Fraction, values))
    mean = sum(exact) / len(exact)
    second, third = (sum((value - mean) ** power for value in exact) / len(exact) for power in (2, 3))
    assert moments_of(values).skewness() == pytest.approx(float(third) / float(second) ** 1.5, rel=1e-9, abs=1e-12)


def test_equal_values_lean_nowhere():
    assert moments_of([0.3] * 5).skewness() is None
    assert moments_of([0.0, 1.0]).skewness() == 0.0


@given(st.lists(st.one_of(scores, st.floats(-1e300, 1e300, allow_nan=False)), max_size=40), st.integers(0, 40))
def test_all_at_once_merged_and_taken_out_again_are_the_same(values, at):
    """Also for values so small or so large that they are no multiple of 2⁻¹²⁸."""
    left, right = moments_of(values[:at]), Moments()
    right.add_all(values[at:])
    whole = moments_of(values)
    merged = moments_of(values[:at])
    merged.merge(right)
    assert figures(merged) == figures(whole)
    assert figures(whole.without(right)) == figures(left)


def moments_of(values):
    moments = Moments()
    for value in values:
        moments.add(value)
    return moments


def figures(moments):
    return moments.n, moments.binary, moments.total, moments.mean()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_units_are_exact(value):
    assert Fraction(scaled(value)) / SCALE == Fraction(value)


def test_no_values_have_no_mean_and_one_has_no_spread():
    moments = Moments()
    assert (moments.mean(), moments.std()) == (None, None)
    moments.add(0.5)
    assert (moments.mean(), moments.std()) == (0.5, None)


def test_extra_zeros_pull_the_mean_down():
    moments = Moments()
    moments.add(1.0)
    assert moments.mean(extra_zeros=3) == 0.25


def test_a_million_tenths_are_a_hundred_thousand():
    """Plain addition is off in the tenth digit."""
    total = ExactSum()
    for _ in range(1000):
        total.add_all([0.1] * 1000)
    assert total.value() == float(Fraction(0.1) * 1_000_000)
