"""Figures of each endpoint, from result lines alone."""

from __future__ import annotations

from evalperf.stats import Summariser


def folded(results):
    summariser = Summariser()
    for result in results:
        summariser.add(result)
    return summariser.summary()


def test_cases_are_counted_where_their_last_attempt_was(make_result):
    endpoints = folded(
        [
            make_result(1, endpoint="b", latency_s=1.0, attempts=3),
            make_result(2, endpoint="a", latency_s=0.2),
            make_result(3, endpoint="b", kind="server_error", attempts=5),
            make_result(4, endpoint="b", kind="server_error"),
            make_result(5, endpoint="b", kind="auth"),
        ]
    ).endpoints
    assert list(endpoints) == ["a", "b"]
    b = endpoints["b"]
    assert (b.cases, b.ok, b.failed, b.attempts) == (4, 1, 3, 10)
    assert list(b.failures.items()) == [("server_error", 2), ("auth", 1)]
    assert b.latency_s["n"] == 1


def test_latency_is_of_what_the_endpoint_served(make_result):
    """Refusals and cached answers say nothing of it; a timeout is a lower bound and is counted as such."""
    endpoint = folded(
        [
            make_result(1, latency_s=1.0),
            make_result(2, latency_s=60.0, kind="timeout"),
            make_result(3, latency_s=0.001, kind="connection"),
            make_result(4, latency_s=0.0, cached="memory"),
        ]
    ).endpoints["a"]
    assert (endpoint.latency_s["n"], endpoint.timeouts, endpoint.cached) == (2, 1, 1)
    assert endpoint.latency_s["p50"] == 1.0


def test_the_latency_of_all_is_that_of_all_endpoints_together(make_result):
    results = [make_result(seq, endpoint="abc"[seq % 3], latency_s=seq / 10) for seq in range(1, 100)]
    alone = [make_result(seq, latency_s=seq / 10) for seq in range(1, 100)]
    assert folded(results).latency_s == folded(alone).latency_s


def test_an_answer_that_stood_in_the_case_has_no_endpoint(make_result):
    assert folded([make_result(1, endpoint=None, latency_s=None)]).endpoints == {}
