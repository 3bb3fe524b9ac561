"""What is said about calls: briefly, and only where there is something to say."""

from __future__ import annotations

import pytest

from evalperf.records import Score, Spent
from evalperf.report import RENDERERS, RunFacts
from evalperf.report.lines import fact_lines
from tests.report.figures import BATCHES, WHOLE, cache, calling, endpoint


@pytest.fixture
def lines_of(make_report, make_result):
    """Makes the fact lines of results (one by default) and of the figures of a session."""

    def make(figures=None, results=None, **facts):
        given = [make_result(1, endpoint="sim-a")] if results is None else results
        return fact_lines(make_report(given, facts=RunFacts(calling=figures, **facts)).document)

    return make


def test_one_endpoint_without_trouble_needs_no_line(lines_of):
    calm = endpoint(errors={}, throttled_calls=0, throttled_s=0.0, breaker_openings=0)
    assert "endpoints" not in dict(lines_of(calling(endpoints=(calm,))))


def test_the_trouble_of_an_endpoint(lines_of):
    assert dict(lines_of(calling()))["endpoints"] == (
        "sim-a: 2 of 20 (10 %) calls in error: 2 rate_limited · 4 held back by limits, 500 ms each"
        " · breaker opened 1 time · 24 in flight allowed at the end"
    )


def test_of_several_endpoints_each_has_a_line(lines_of, make_result):
    results = [make_result(1, endpoint="a", latency_s=1.0), make_result(2, endpoint="b", latency_s=2.0)]
    found = lines_of(None, results)
    at = [label for label, _ in found].index("endpoints")
    assert found[at] == ("endpoints", "a: 1 case · 0 failed · p50 1 s  p95 1 s · 1 attempt")
    assert found[at + 1] == ("", "b: 1 case · 0 failed · p50 2 s  p95 2 s · 1 attempt")


def test_endpoints_that_were_never_needed_have_none(lines_of, make_result):
    """All answers came from the cache; the endpoints were only tried."""
    idle = [endpoint(name, calls=0, ok=0, errors={}, throttled_calls=0) for name in "ab"]
    labels = dict(lines_of(calling(endpoints=tuple(idle)), [make_result(1, cached="disk", endpoint=None)]))
    assert "endpoints" not in labels
    assert "connections" not in labels


def test_a_cache_says_what_it_found_and_what_it_did(lines_of, make_result):
    results = [make_result(1, cached="memory"), make_result(2, cached="semantic"), make_result(3)]
    found = lines_of(calling(caches=(cache(),)), results)
    at = [label for label, _ in found].index("cache")
    assert found[at][1] == "2 of 3 (66.7 %) cases answered from it: 1 memory, 1 semantic"
    assert found[at + 1][0] == ""
    assert found[at + 1][1] == (
        "responses: 16 lookups, 25 % found · $0.0200 saved · p99 3 µs (memory) · 0.23 MB in memory"
        " · 3 evicted for entries"
    )


def test_batches_and_hedging(lines_of):
    found = dict(lines_of(calling(batches=(BATCHES,), hedged=3)))
    assert found["batches"] == ("embedder: 12 of 25 on average · from 20 to 30 · p50 500 ms  p95 950 ms · 1 failed")
    assert found["hedging"] == "3 calls copied"
    assert "hedging" not in dict(lines_of(calling(hedged=0)))


def test_after_a_resume_figures_are_called_the_last_sessions(lines_of):
    """Results tell of all sessions, figures of one."""
    found = dict(lines_of(WHOLE, resumed=5, limited_by={"server": 1.0}))
    for label in ("endpoints", "cache", "connections", "batches", "hedging", "limited by"):
        assert found[label].endswith(" (last session)"), label
    assert "session" not in "".join(text for _, text in lines_of(WHOLE, resumed=0, limited_by={"server": 1.0}))


def test_judging_has_a_line_where_several_scorers_ask(lines_of, make_result):
    """That of a single one stands with its score; trouble of its endpoint is always told."""
    calm = calling(judges=(endpoint("judge-a", errors={}, throttled_calls=0),))
    one = make_result(1, scores={"judge": Score(value=1.0, spent=Spent(calls=2))})
    both = make_result(
        1, scores={name: Score(value=1.0, spent=Spent(calls=2, cost_usd=0.5)) for name in ("judge", "tone")}
    )
    assert "judging" not in dict(lines_of(calm, [one]))
    assert dict(lines_of(calm, [both]))["judging"] == "4 calls · $1.0000"
    assert dict(lines_of(WHOLE, [one]))["judging"].startswith("judge-a: 2 of 20 (10 %) calls in error")


@pytest.mark.parametrize("format_", ["terminal", "markdown"])
def test_names_of_endpoints_can_not_draw(make_report, make_result, format_):
    evil = calling(endpoints=(endpoint("\x1b[31mred"),))
    page = RENDERERS[format_](make_report([make_result(1)], facts=RunFacts(calling=evil)))
    assert b"\x1b" not in page
