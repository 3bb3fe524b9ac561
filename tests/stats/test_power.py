"""What can be seen, and what not."""

from __future__ import annotations

import math

import pytest

from evalperf.stats import Summariser
from evalperf.stats.intervals import wilson_interval
from evalperf.stats.power import cases_needed, detectable_difference, mde_paired, mde_unpaired


def test_from_an_interval_it_is_the_usual_figure():
    """Wilson's interval of 500 of 1,000 is nearly p ± 1.96 se, so the difference is nearly 2.8 √2 se."""
    assert detectable_difference(wilson_interval(500, 1000)) == pytest.approx(mde_unpaired(0.5, 1000), rel=0.003)


def test_certainty_about_nothing_is_not_a_difference_of_zero():
    assert detectable_difference((0.4, 0.4)) is None
    assert detectable_difference(wilson_interval(20, 20)) > 0.1, "20 of 20 right is not a measured spread of 0"


def test_more_cases_and_more_epochs_see_more():
    assert mde_paired(0.5, 4000) == mde_paired(0.5, 1000) / 2
    once = cases_needed(0.03, variance_between=0.1, variances_within=0.3)
    often = cases_needed(0.03, variance_between=0.1, variances_within=0.3, epochs=10)
    assert often < once / 2
    assert math.isclose(mde_paired(math.sqrt(0.4), once), 0.03, rel_tol=1e-3)


def test_the_summary_has_it_for_each_scorer(make_result):
    summariser = Summariser(scorers=["exact", "other"])
    for seq in range(1, 101):
        summariser.add(make_result(seq, value=float(seq % 2)))
    scores = summariser.summary().scores
    assert scores["exact"].mde == detectable_difference(scores["exact"].ci95)
    assert scores["other"].mde is None
