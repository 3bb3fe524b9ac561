"""The calling side in the document: what results tell, and what only the last session has measured."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from evalperf.records import Score, Spent, Usage
from evalperf.report import RunFacts, facts_of
from tests.report.figures import BATCHES, WHOLE, cache, calling, endpoint


@pytest.fixture
def document_of(make_report):
    """Makes the document of results and of the figures of a session."""

    def make(results, figures=None, **facts):
        return make_report(results, facts=RunFacts(calling=figures, **facts)).document

    return make


def test_an_endpoint_has_what_results_tell_and_what_the_session_measured(document_of, make_result):
    """The case tells of one attempt; the calls are those of all attempts."""
    found = document_of([make_result(1, endpoint="sim-a")], calling())["endpoints"]["sim-a"]
    assert (found["cases"], found["attempts"], found["latency_s"]["n"]) == (1, 1, 1)
    session = found["session"]
    assert (session["calls"], session["ok"], session["errors"]) == (20, 18, {"rate_limited": 2})
    assert (session["throttled_s"], session["breaker_openings"], session["in_flight_limit"]) == (2.0, 1, 24)


def test_an_endpoint_that_no_result_names_is_listed(document_of, make_result):
    """It failed every call, and another one answered in its place."""
    dead = endpoint("dead", ok=0, errors={"connection": 20})
    found = document_of([make_result(1, endpoint="sim-a")], calling(endpoints=(endpoint(), dead)))["endpoints"]
    assert list(found) == ["sim-a", "dead"]
    assert (found["dead"]["cases"], found["dead"]["session"]["errors"]) == (0, {"connection": 20})


def test_a_fallback_of_the_same_name_is_told_apart(document_of, make_result):
    results = [make_result(1, endpoint="sim-a"), make_result(2, endpoint="sim-a", fallback=True)]
    figures = calling(endpoints=(endpoint(calls=5), endpoint(fallback=True, calls=1)))
    found = document_of(results, figures)["endpoints"]
    assert {name: (one["cases"], one["session"]["calls"]) for name, one in found.items()} == {
        "sim-a": (1, 5),
        "sim-a (fallback)": (1, 1),
    }


def test_hits_are_counted_by_tier_from_the_results(document_of, make_result):
    """Two of four cases were found; the two others took three calls."""
    results = [
        make_result(1, cached="memory", attempts=0),
        make_result(2, cached="semantic", attempts=0),
        make_result(3, attempts=2),
        make_result(4, attempts=1),
    ]
    found = document_of(results, calling(caches=(cache(),)))["cache"]
    assert (found["hits"], found["misses"], found["hit_rate"]) == (2, 2, 0.5)
    assert found["hits_by_tier"] == {"memory": 1, "semantic": 1}
    assert found["semantic_hits"] == 1
    assert found["api_call_reduction"] == 2 / 5
    assert [one["evicted"]["entries"] for one in found["session"]] == [3]


def test_without_a_cache_there_are_no_zeros_of_one(document_of, make_result):
    assert document_of([make_result(1)], calling())["cache"] is None
    assert document_of([make_result(1)])["cache"] is None


def test_a_cache_that_found_nothing_says_so(document_of, make_result):
    found = document_of([make_result(1)], calling(caches=(cache(),)))["cache"]
    assert (found["hits"], found["hit_rate"], found["api_call_reduction"]) == (0, 0.0, 0.0)


def test_a_killed_session_leaves_nothing_that_it_alone_knew(document_of, make_result):
    """What results tell is there all the same."""
    found = document_of([make_result(1, endpoint="sim-a"), make_result(2, cached="disk", endpoint=None)])
    assert found["endpoints"]["sim-a"]["session"] is None
    assert (found["cache"]["hits"], found["cache"]["session"]) == (1, None)
    assert [found[key] for key in ("batches", "connections", "hedged", "judging")] == [None] * 4


def test_judging_is_the_sum_over_scorers_and_its_tokens_are_in_no_other_figure(document_of, make_result):
    asked = Spent(calls=2, latency_s=3.0, usage=Usage(100, 10), cost_usd=0.5)
    scores = {"judge": Score(value=1.0, spent=asked), "tone": Score(value=0.0, spent=Spent(calls=1, cached=1))}
    found = document_of([make_result(1, scores=scores, cost_usd=0.1)], calling(judges=(endpoint("judge-a"),)))
    judging = found["judging"]
    assert (judging["calls"], judging["cached"], judging["cost_usd"], judging["cost_unknown_calls"]) == (3, 1, 0.5, 1)
    assert (judging["input_tokens"], judging["latency_mean_s"]) == (100, 1.5)
    assert [one["name"] for one in judging["endpoints"]] == ["judge-a"]
    assert found["usage"] is None
    assert "judge-a" not in found["endpoints"]


def test_judges_that_never_answered_are_not_silent(document_of, make_result):
    found = document_of([make_result(1)], calling(judges=(endpoint("judge-a", ok=0),)))
    assert [one["ok"] for one in found["judging"]["endpoints"]] == [0]
    assert found["judging"]["calls"] is None, "no score says what it took"


def test_connections_are_added_up(document_of, make_result):
    figures = calling(endpoints=(endpoint(), endpoint("local", connections=None)), judges=(endpoint("judge-a"),))
    assert document_of([make_result(1)], figures)["connections"] == {"calls": 42, "opened": 6, "reused": 36}
    in_process = calling(endpoints=(endpoint(connections=None),))
    assert document_of([make_result(1)], in_process)["connections"] is None


def test_batches_come_with_their_history(document_of, make_result):
    [found] = document_of([make_result(1)], calling(batches=(BATCHES,)))["batches"]
    assert (found["name"], found["batches"], [window["size"] for window in found["history"]]) == (
        "embedder",
        12,
        [20.0, 30.0],
    )


@pytest.mark.parametrize("figures", [None, calling(), WHOLE])
def test_figures_come_back_from_the_file(document_of, make_result, figures):
    document = document_of([make_result(1, endpoint="sim-a")], figures)
    assert facts_of(orjson.loads(orjson.dumps(document))).calling == figures


@pytest.mark.parametrize(
    "damage",
    [
        {"endpoints": []},
        {"endpoints": {"a": {"session": {"name": 3}}}},
        {"cache": {"session": [{}]}},
        {"batches": "none"},
        {"judging": 3},
    ],
)
def test_sections_of_another_shape_are_refused(document_of, make_result, damage):
    document = document_of([make_result(1)], WHOLE)
    with pytest.raises(msgspec.ValidationError):
        facts_of({**document, **damage})


def test_a_summary_from_before_there_were_figures_can_be_read(document_of, make_result):
    document = document_of([make_result(1, endpoint="sim-a")])
    for key in ("cache", "judging", "batches", "connections", "hedged"):
        del document[key]
    del document["endpoints"]["sim-a"]["session"]
    assert facts_of(document).calling is None
