"""The intervals: exact where all is known, and with the coverage that is promised elsewhere."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evalperf.estimate.ranges import (
    LEVEL,
    PARTS,
    Range,
    exactly,
    mean_of_draws,
    ratio_of_pairs,
    sum_of,
    total_of_sample,
)

QUANTILE = 1 - (1 - LEVEL) / PARTS / 2
UNKNOWN = Range(1.0, None, None)
values = st.lists(st.floats(0, 1e6), min_size=1, max_size=30)


@given(values)
def test_a_sample_that_is_the_population_is_exact(sample: list[float]) -> None:
    found = total_of_sample(sample, len(sample))
    assert found.low == found.expected == found.high == pytest.approx(math.fsum(sample))


def test_the_total_is_the_t_interval_with_the_finite_population_correction() -> None:
    sample = [3.0, 5.0, 8.0, 13.0]
    error = stats.sem(sample) * math.sqrt(1 - 4 / 10)
    half = float(stats.t.ppf(QUANTILE, 3)) * error
    found = total_of_sample(sample, 10)
    assert found.expected == pytest.approx(72.5)
    assert found.high == pytest.approx(10 * (7.25 + half))
    assert found.low == 0.0  # a quantity that is never negative


def test_one_case_of_several_bounds_nothing() -> None:
    assert total_of_sample([4.0], 10) == Range(0.0, 40.0, None)


def test_a_prediction_is_wider_than_the_mean_it_is_made_from() -> None:
    sample = [10.0, 12.0, 14.0, 18.0]
    half = float(stats.t.ppf(QUANTILE, 3)) * float(stats.tstd(sample)) * math.sqrt(1 / 4 + 1 / 100)
    assert mean_of_draws(sample, 100).high == pytest.approx(13.5 + half)


def test_tokens_that_follow_bytes_exactly_have_an_exact_ratio() -> None:
    found = ratio_of_pairs([(10, 5), (30, 15), (50, 25)])
    assert found is not None
    assert found.low == found.expected == found.high == pytest.approx(0.5)


@pytest.mark.parametrize("pairs", [[], [(10.0, 5.0)], [(0.0, 1.0), (0.0, 2.0)]])
def test_fewer_than_two_pairs_have_no_ratio(pairs: list[tuple[float, float]]) -> None:
    assert ratio_of_pairs(pairs) is None


def test_what_is_not_known_of_a_part_is_not_known_of_the_sum() -> None:
    assert sum_of([exactly(2.0), UNKNOWN]) == Range(3.0, None, None)
    assert sum_of([]) == exactly(0.0)


def test_nothing_times_the_unknown_is_nothing() -> None:
    assert exactly(0.0).times(UNKNOWN) == exactly(0.0)
    assert exactly(2.0).times(UNKNOWN) == Range(2.0, None, None)


@given(values, values)
def test_sums_and_products_keep_their_order(ones: list[float], others: list[float]) -> None:
    one, other = total_of_sample(ones, 40), total_of_sample(others, 40)
    for found in (sum_of([one, other]), one.times(other)):
        assert found.expected is not None
        assert found.low <= found.expected * (1 + 1e-9)
        assert found.high is None or found.expected <= found.high * (1 + 1e-9)


@pytest.mark.parametrize("shape", ["normal", "lognormal"])
def test_the_range_of_a_product_of_three_parts_holds_in_95_of_100_samples(shape: str) -> None:
    """Lengths times tokens a byte, and answers, from one pilot: 400 populations, each estimated once."""
    rng = random.Random(7)
    held = 0
    for _ in range(400):
        draw = (lambda: rng.gauss(300, 60)) if shape == "normal" else (lambda: rng.lognormvariate(5, 0.8))
        sizes = [max(draw(), 1.0) for _ in range(2000)]
        tokens = [size * rng.gauss(0.27, 0.02) for size in sizes]
        answers = [rng.expovariate(1 / 120) for _ in range(2000)]
        sample, pilot = rng.sample(range(2000), 300), rng.sample(range(2000), 100)
        ratio = ratio_of_pairs([(sizes[at], tokens[at]) for at in pilot])
        assert ratio is not None
        whole = sum_of(
            [
                total_of_sample([sizes[at] for at in sample], 2000).times(ratio).scaled(2e-6),
                mean_of_draws([answers[at] for at in pilot], 2000).scaled(2000 * 8e-6),
            ]
        )
        truth = math.fsum(tokens) * 2e-6 + math.fsum(answers) * 8e-6
        assert whole.high is not None
        held += whole.low <= truth <= whole.high
    assert held >= 0.95 * 400
