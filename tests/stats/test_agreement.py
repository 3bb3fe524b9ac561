"""Agreement, against published examples, statsmodels and scikit-learn's figures for recorded judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.stats.agreement import cohens_kappa, cohens_kappa_of, krippendorff_alpha, percent_agreement

inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")

LLMBAR = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "llmbar_judge"
RATERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
UNITS = [[None if value == "." else int(value) for value in unit] for unit in zip(*map(str.split, RATERS), strict=True)]
"""Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C."""


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_krippendorffs_own_example(level, alpha):
    assert krippendorff_alpha(UNITS, level=level) == pytest.approx(alpha, abs=5e-4)


def test_alpha_of_two_raters_without_missing_ratings():
    """Section A of the same paper: ten units, two raters, 0.095."""
    pairs = list(zip([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0], strict=True))
    assert krippendorff_alpha(pairs) == pytest.approx(0.095, abs=5e-4)


@pytest.mark.parametrize("units", [[], [(1, None)], [(1, 1), (1, 1)]])
def test_alpha_is_undefined_where_nothing_varies(units):
    assert krippendorff_alpha(units) is None


@given(st.permutations(UNITS), st.randoms())
def test_neither_the_order_of_units_nor_that_of_raters_matters(units, shuffler):
    shuffled = [shuffler.sample(unit, len(unit)) for unit in units]
    assert krippendorff_alpha(shuffled, level="interval") == pytest.approx(krippendorff_alpha(UNITS, level="interval"))


def test_a_unit_with_one_rating_says_nothing():
    assert krippendorff_alpha([*UNITS, [5, None, None, None]]) == krippendorff_alpha(UNITS)


def test_percent_agreement_counts_pairs_of_ratings():
    """Pairs 1-1, 1-2, 1-2 and 3-3: two of four."""
    assert percent_agreement([(1, 1, 2), (3, None, 3), (4, None, None)]) == 0.5
    assert percent_agreement([(1, None)]) is None


def test_kappa_of_the_textbook():
    """Two readers, 50 applications: 20 yes-yes, 15 no-no; chance alone would bring 0.5."""
    assert cohens_kappa_of([[20, 5], [10, 15]]) == pytest.approx(0.4)


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3).filter(
        lambda matrix: all(map(sum, matrix)) and all(map(sum, zip(*matrix, strict=True)))
    ),
    st.sampled_from(["none", "linear", "quadratic"]),
)
def test_kappa_is_that_of_statsmodels(matrix, weights):
    theirs = inter_rater.cohens_kappa(matrix, wt=None if weights == "none" else weights, return_results=False)
    assert cohens_kappa_of(matrix, weights=weights) == pytest.approx(theirs, abs=1e-9)


def test_kappa_is_undefined_where_both_always_say_the_same():
    assert cohens_kappa([("yes", "yes")] * 5) is None
    assert cohens_kappa([]) is None


def test_weights_go_by_the_order_that_is_given():
    pairs = [("low", "low"), ("mid", "high"), ("high", "high"), ("low", "mid"), ("mid", "mid")]
    by_order = cohens_kappa(pairs, order=("low", "mid", "high"), weights="quadratic")
    assert by_order > cohens_kappa(pairs), "neighbours are half agreed"


@pytest.mark.data
def test_kappas_of_recorded_judges():
    """A judge's winner in the original against the swapped order, and against people; figures of scikit-learn."""
    if not LLMBAR.exists():
        pytest.skip("the recorded data sets are not here")
    expected = json.loads((LLMBAR / "expected_numbers.json").read_bytes())["numbers"]
    rows = [json.loads(line) for line in (LLMBAR / "judge_replies.jsonl").read_text("utf-8").splitlines()]
    checked = 0
    for number in expected:
        _, evaluator = number["id"].split("/Manual/") if "/Manual/" in number["id"] else ("", "")
        judged = [row for row in rows if row["evaluator"] == evaluator and row["id"].startswith("llmbar-Manual")]
        if len(judged) != number["n"]:
            continue
        winners = [(row["original"]["official_winner"], row["swapped"]["official_winner"]) for row in judged]
        labelled = [(row["original"]["official_winner"], row["label"]) for row in judged]
        assert cohens_kappa(winners) == pytest.approx(number["cohen_kappa_original_vs_swapped_sklearn"], rel=1e-9)
        assert cohens_kappa(labelled) == pytest.approx(number["cohen_kappa_original_vs_label_sklearn"], rel=1e-9)
        checked += 1
    assert checked == 5
