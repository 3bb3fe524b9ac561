"""What scoring has cost is told apart from answering, and what nobody knows is not 0."""

from __future__ import annotations

import pytest

from evalperf.records import Score, Spent, Usage
from evalperf.stats import Summariser


def folded(make_result, *spent, value=1.0):
    summariser = Summariser()
    for seq, one in enumerate(spent, 1):
        score = Score(value=value) if one is None else Score(value=value, spent=one)
        summariser.add(make_result(seq, usage=Usage(1000, 1000), cost_usd=9.0, scores={"judge": score}))
    return summariser.summary().scores["judge"].spent


def test_calls_tokens_time_and_cost_add_up(make_result):
    one = Spent(calls=2, latency_s=1.0, usage=Usage(100, 10), cost_usd=0.1)
    other = Spent(calls=1, cached=3, latency_s=2.0, usage=Usage(50, 5), cost_usd=0.2)
    found = folded(make_result, one, other)
    assert (found.answers, found.calls, found.cached) == (2, 3, 3)
    assert (found.latency_s, found.latency_mean_s) == (3.0, 1.0)
    assert (found.input_tokens, found.output_tokens, found.tokens_unknown_calls) == (150, 15, 0)
    assert (found.cost_usd, found.cost_unknown_calls) == (pytest.approx(0.3), 0)


def test_an_unknown_cost_stays_unknown(make_result):
    found = folded(make_result, Spent(calls=4))
    assert (found.cost_usd, found.cost_unknown_calls) == (None, 4)
    assert (found.latency_s, found.latency_mean_s, found.input_tokens, found.tokens_unknown_calls) == (
        None,
        None,
        None,
        4,
    )


def test_a_cost_that_is_known_in_part_says_of_how_many_calls_it_is_not(make_result):
    found = folded(make_result, Spent(calls=4), Spent(calls=1, cost_usd=0.5))
    assert (found.cost_usd, found.cost_unknown_calls) == (0.5, 4)


def test_answers_from_a_cache_cost_nothing_and_take_no_time(make_result):
    found = folded(make_result, Spent(calls=0, cached=2))
    assert (found.calls, found.cached, found.cost_usd, found.cost_unknown_calls) == (0, 2, None, 0)


def test_a_scorer_that_asks_nobody_has_none(make_result):
    assert folded(make_result, None, None) is None


def test_calls_for_an_answer_without_a_score_are_paid_for_too(make_result):
    assert folded(make_result, Spent(calls=3, cost_usd=0.1), value=None).calls == 3


def test_epochs_are_counted_one_by_one(make_result):
    summariser = Summariser(epochs=2)
    for epoch in (1, 2):
        score = Score(value=1.0, spent=Spent(calls=1, cost_usd=0.25))
        summariser.add(make_result(1, epoch=epoch, scores={"judge": score}))
    assert summariser.summary().scores["judge"].spent.cost_usd == 0.5
