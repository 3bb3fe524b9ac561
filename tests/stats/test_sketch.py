"""Quantiles within the stated error, and merging without any."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.stats.sketch import Sketch

times = st.one_of(st.just(0.0), st.floats(1e-9, 1e9))


def filled(values):
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


@pytest.mark.parametrize(
    ("value", "index", "middle"),
    [
        (0.001, -345, 0.0009974781146370234),
        (0.5, -34, 0.5015394534033262),
        (1.0, 0, 0.9900000000000001),
        (2.0, 35, 1.9936617014173446),
        (1234.5, 356, 1224.3764974384917),
    ],
)
def test_buckets_are_those_of_the_paper(value, index, middle):
    """Oracle: the reference implementation with alpha 0.01."""
    sketch = Sketch()
    assert sketch.index(value) == index
    assert 2 * sketch.gamma**index / (sketch.gamma + 1) == pytest.approx(middle, rel=1e-14)


@pytest.mark.parametrize(("q", "expected"), [(0.5, 49.902961), (0.9, 89.130329), (0.95, 94.64203), (0.99, 98.504576)])
def test_quantiles_of_one_to_a_hundred(q, expected):
    assert filled(range(1, 101)).quantile(q) == pytest.approx(expected, abs=1e-6)


@given(st.lists(times, min_size=1, max_size=300), st.floats(0, 1))
def test_a_quantile_is_within_one_percent(values, q):
    exact = sorted(values)[math.floor(q * (len(values) - 1))]
    assert filled(values).quantile(q) == pytest.approx(exact, rel=0.01 * (1 + 1e-9), abs=1e-9)


@given(st.lists(times, max_size=2000), st.integers(1, 7), st.randoms())
def test_parts_in_any_order_merge_to_the_same_sketch(values, parts, shuffler):
    shuffled = values[:]
    shuffler.shuffle(shuffled)
    merged = Sketch()
    for part in range(parts):
        merged.merge(filled(shuffled[part::parts]))
    assert json.dumps(merged.as_json()) == json.dumps(filled(values).as_json())


@given(st.lists(times, max_size=100))
def test_json_brings_the_sketch_back(values):
    sketch = filled(values)
    again = Sketch.from_json(json.loads(json.dumps(sketch.as_json())))
    assert again.as_json() == sketch.as_json()
    assert (again.count, again.mean, again.quantile(0.9)) == (sketch.count, sketch.mean, sketch.quantile(0.9))


def test_count_extremes_and_mean_are_exact():
    sketch = filled([0.1, 0.2, 0.7, 0.0])
    assert (sketch.count, sketch.min, sketch.max, sketch.mean) == (4, 0.0, 0.7, 0.25)
    assert (sketch.quantile(0), sketch.quantile(1)) == (0.0, 0.7)


def test_the_rank_is_counted_from_zero():
    """Of 0, 0, 1, 2, 4 the median is the third, and rank 1.0 is still the second zero."""
    sketch = filled([0.0, 0.0, 1.0, 2.0, 4.0])
    assert sketch.quantile(0.25) == 0.0
    assert sketch.quantile(0.5) == pytest.approx(1.0, rel=0.01)
    assert sketch.quantile(0.75) == pytest.approx(2.0, rel=0.01)


def test_an_empty_sketch_knows_nothing():
    sketch = Sketch()
    assert (sketch.count, sketch.min, sketch.max, sketch.mean, sketch.quantile(0.5)) == (0, None, None, None, None)


@pytest.mark.parametrize("value", [-0.001, math.nan, math.inf])
def test_what_is_no_duration_is_refused(value):
    with pytest.raises(ValueError, match="numbers from 0"):
        Sketch().add(value)


def test_other_errors_and_alphas_are_refused():
    with pytest.raises(ValueError, match="quantile"):
        Sketch().quantile(1.1)
    with pytest.raises(ValueError, match="do not merge"):
        Sketch().merge(Sketch(alpha=0.02))
    with pytest.raises(ValueError, match="alpha"):
        Sketch(alpha=0)


def test_a_microsecond_to_a_day_fits_1260_buckets():
    generator = random.Random(1)
    sketch = filled(10 ** generator.uniform(-6, math.log10(86_400)) for _ in range(100_000))
    assert len(sketch.as_json()["buckets"]) <= 1260
