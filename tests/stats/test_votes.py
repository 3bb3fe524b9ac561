"""Votes of one judge, added up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.stats.agreement import krippendorff_alpha, percent_agreement
from evalperf.stats.votes import VoteTotals

LABELS = st.lists(st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=1, max_size=5), max_size=12)
NUMBERS = st.lists(st.lists(st.none() | st.integers(0, 8).map(lambda n: n / 8), min_size=1, max_size=5), max_size=12)


def of_labels(units) -> VoteTotals:
    votes = VoteTotals()
    for labels in units:
        votes.add([None if label is None else 1.0 for label in labels], labels)
    return votes


def of_numbers(units) -> VoteTotals:
    votes = VoteTotals()
    for values in units:
        votes.add(values, ())
    return votes


@given(LABELS)
def test_of_labels_it_is_the_agreement_of_the_whole_table(units) -> None:
    summary = of_labels(units).summary()
    assert (None if summary is None else summary.agreement) == pytest.approx(percent_agreement(units))
    alpha = None if summary is None else summary.alpha
    assert alpha == pytest.approx(krippendorff_alpha(units), abs=1e-12)


@given(NUMBERS)
def test_of_numbers_too(units) -> None:
    summary = of_numbers(units).summary()
    assert (None if summary is None else summary.agreement) == pytest.approx(percent_agreement(units))
    alpha = None if summary is None else summary.alpha
    assert alpha == pytest.approx(krippendorff_alpha(units, level="interval"), abs=1e-9)


@given(LABELS | NUMBERS, st.integers(0, 12))
def test_any_split_gives_the_same_bytes(units, at: int) -> None:
    fold = of_labels if any(isinstance(vote, str) for unit in units for vote in unit) else of_numbers
    parts = fold(units[at:])
    parts.merge(fold(units[:at]))
    assert parts.summary() == fold(units).summary()


def test_votes_that_all_agree_have_no_alpha() -> None:
    summary = of_labels([["a", "a"], ["a", "a", None]]).summary()
    assert summary is not None
    assert (summary.agreement, summary.alpha, summary.answers, summary.votes) == (1.0, None, 2, 4)


def test_single_votes_say_nothing() -> None:
    assert of_labels([["a"], ["a", None]]).summary() is None
