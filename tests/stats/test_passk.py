"""pass@k and pass^k, against counting all draws."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.records import Score
from evalperf.stats import Summariser
from evalperf.stats.passk import PassCounts, pass_at_k, pass_hat_k

draws = st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(draws)
def test_both_are_the_shares_of_all_draws(counts):
    n, c, k = counts
    chosen = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, chosen)) / len(chosen))
    assert pass_hat_k(n, c, k) == pytest.approx(sum(map(all, chosen)) / len(chosen))


@pytest.mark.parametrize("counts", [(5, 6, 1), (5, -1, 1), (5, 2, 6), (5, 2, 0)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="no k"):
        pass_at_k(*counts)


def test_a_case_with_fewer_answers_than_k_is_not_in_it():
    counts = PassCounts()
    counts.add(4, 2)
    counts.add(2, 0)
    counts.add(0, 0)
    assert (counts.cases(1), counts.cases(3), counts.cases(5)) == (2, 1, 0)
    assert counts.at(1) == 0.25
    assert (counts.at(3), counts.at(5)) == (1.0, None)


def test_only_answers_with_a_verdict_count(make_result):
    """A failed epoch and one without a verdict are no wrong answers here."""
    verdicts = [True, None, False, "failed"]
    summariser = Summariser(epochs=4, pass_at=(1, 2, 3))
    for epoch, verdict in enumerate(verdicts, 1):
        if verdict == "failed":
            summariser.add(make_result(1, epoch=epoch, kind="timeout"))
        else:
            score = Score(value=None if verdict is None else float(verdict), passed=verdict)
            summariser.add(make_result(1, epoch=epoch, scores={"code": score}))
    code = summariser.summary().scores["code"]
    assert (code.pass_at_k, code.pass_at_k_cases) == ({"1": 0.5, "2": 1.0}, {"1": 1, "2": 1})
    assert code.pass_hat_k == {"1": 0.5, "2": 0.0}


def test_cases_that_are_asked_once_have_none(make_result):
    summariser = Summariser()
    summariser.add(make_result(1, value=1.0))
    exact = summariser.summary().scores["exact"]
    assert (exact.pass_at_k, exact.pass_hat_k, exact.pass_at_k_cases) == (None, None, None)
