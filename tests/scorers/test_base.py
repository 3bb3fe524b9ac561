"""The overall score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.records import Score
from evalperf.scorers import overall


def scores(**values: float | None) -> dict[str, Score]:
    return {name: Score(value=value) for name, value in values.items()}


def test_the_mean_is_weighted():
    assert overall(scores(a=1.0, b=0.0), {"a": 3.0, "b": 1.0}) == 0.75


@pytest.mark.parametrize("given_scores", [scores(a=1.0, b=None), scores(a=1.0)])
def test_a_missing_score_leaves_no_mean(given_scores):
    assert overall(given_scores, {"a": 1.0, "b": 1.0}) is None


def test_a_scorer_without_weight_neither_counts_nor_lacks():
    assert overall(scores(a=1.0, b=None), {"a": 1.0, "b": 0.0}) == 1.0


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}])
def test_without_weights_there_is_no_mean(weights):
    assert overall(scores(a=1.0), weights) is None


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(st.floats(0, 1), st.floats(0.01, 10)), min_size=1))
def test_the_mean_lies_between_the_scores(entries):
    mean = overall(scores(**{k: v for k, (v, _) in entries.items()}), {k: w for k, (_, w) in entries.items()})
    values = [v for v, _ in entries.values()]
    assert min(values) - 1e-12 <= mean <= max(values) + 1e-12
