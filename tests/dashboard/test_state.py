from __future__ import annotations

import math
import statistics
import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from evalperf.dashboard.state import DashboardState
from evalperf.events import (
    BreakerChanged,
    CaseFinished,
    CaseRetried,
    CaseStarted,
    EndpointSample,
    Event,
    InputEnded,
    Noticed,
    RunFinished,
    Throttled,
)
from evalperf.records import FAILURE_KINDS, Failure, Score, Usage
from tests.dashboard.feeding import a_run, result, sampled, started, state_after


def test_totals_equal_what_happened() -> None:
    """Every count of the snapshot against a plain count over the events."""
    events = list(a_run())
    results = [event.result for event in events if isinstance(event, CaseFinished)]
    retried = [event for event in events if isinstance(event, CaseRetried)]
    snapshot = state_after(events).snapshot(70.0)
    assert snapshot.ok == sum(one.status == "ok" for one in results)
    assert snapshot.failed == sum(one.status == "failed" for one in results)
    assert snapshot.cached == sum(one.cached is not None for one in results)
    assert snapshot.retried == len(retried)
    assert snapshot.retries == Counter(event.kind for event in retried)
    assert snapshot.failures == Counter(one.failure.kind for one in results if one.failure)
    assert snapshot.in_flight == 32
    assert snapshot.done == len(results) + 100
    assert sum(snapshot.latency) == sum(one.latency_s is not None for one in results)
    assert sum(endpoint.answered for endpoint in snapshot.endpoints) == sum(one.endpoint is not None for one in results)
    assert sum(endpoint.rate_limited for endpoint in snapshot.endpoints) == snapshot.retries["rate_limited"]
    assert snapshot.waits["requests_per_minute"].count == sum(isinstance(event, Throttled) for event in events)
    assert snapshot.output_tokens == sum(one.usage.output_tokens for one in results if one.usage and not one.cached)
    assert sum(second.finished for second in snapshot.seconds) == len(results)


@given(st.lists(st.one_of(st.none(), st.floats(-5, 5)), max_size=50))
def test_scores_are_means_over_what_was_scored(values: list[float | None]) -> None:
    """A missing score is no 0; mean and variance are those of the statistics module."""
    known = [value for value in values if value is not None]
    state = state_after([CaseFinished(1.0, result(scores={"s": Score(value=value)})) for value in values])
    scorers = state.snapshot(2.0).scorers
    if not known:
        assert scorers == ()
        return
    (numbers,) = scorers
    assert numbers.n == len(known)
    assert math.isclose(numbers.mean, statistics.fmean(known), abs_tol=1e-9)
    if len(known) > 1:
        assert math.isclose(numbers.variance, statistics.variance(known), rel_tol=1e-6, abs_tol=1e-9)


def test_all_right_is_no_certainty() -> None:
    state = state_after([CaseFinished(1.0, result(scores={"s": Score(value=1.0)}))] * 30)
    assert state.snapshot(2.0).scorers[0].half_width == 0.1


def test_a_failure_changes_no_score() -> None:
    failure = Failure(kind="timeout", message="")
    state = state_after(
        [CaseFinished(1.0, result(scores={"s": Score(value=1.0)})), CaseFinished(1.0, result(failure=failure))]
    )
    assert state.snapshot(2.0).scorers[0].mean == 1.0


def test_a_scorers_failure_is_not_the_endpoints() -> None:
    failure = Failure(kind="scorer", message="")
    snapshot = state_after([CaseFinished(1.0, result(failure=failure))]).snapshot(2.0)
    assert snapshot.failures == {"scorer": 1}
    assert snapshot.endpoints[0].error_share == 0


def test_a_retried_attempt_counts_as_an_error_of_its_endpoint() -> None:
    events = [
        CaseStarted(0.0, 1),
        CaseRetried(0.5, 1, "timeout", "sim-a", 0.1),
        CaseStarted(0.6, 1),
        CaseFinished(1.0, result()),
    ]
    assert state_after(events).snapshot(2.0).endpoints[0].error_share == 0.5


def test_nothing_in_flight_is_ever_negative() -> None:
    assert state_after([CaseFinished(1.0, result())]).snapshot(2.0).in_flight == 0


def test_tokens_of_cached_answers_were_not_bought_now() -> None:
    cached = result(usage=Usage(10, 5), cached="disk")
    assert state_after([CaseFinished(1.0, cached)]).snapshot(2.0).output_tokens is None


def test_a_hit_rate_is_that_of_a_cache() -> None:
    """Without one there is no rate, and without a case it is not 0."""
    hit, miss = CaseFinished(1.0, result(cached="disk")), CaseFinished(1.0, result(2))
    assert state_after([started(caches=True), hit, miss]).snapshot(2.0).cache_hit_rate == 0.5
    assert state_after([started(caches=True)]).snapshot(2.0).cache_hit_rate is None
    assert state_after([started(), miss]).snapshot(2.0).cache_hit_rate is None


def test_unknown_is_none() -> None:
    snapshot = DashboardState().snapshot(1.0)
    assert (snapshot.total, snapshot.cost_usd, snapshot.output_tokens, snapshot.eta) == (None, None, None, None)
    assert snapshot.status == "starting"


def test_seconds_without_a_result_are_zeros() -> None:
    events = [started(), CaseFinished(0.5, result()), CaseFinished(3.5, result())]
    snapshot = state_after(events).snapshot(5.0)
    assert [second.finished for second in snapshot.seconds] == [1, 0, 0, 1, 0]
    assert snapshot.peak_per_s == 1


def test_a_machine_that_slept_for_a_year_costs_no_time() -> None:
    snapshot = state_after([started(), CaseFinished(0.5, result())]).snapshot(3e7)
    assert len(snapshot.seconds) == 120
    assert snapshot.cases_per_s == 0


def test_an_unknown_total_is_known_when_the_input_has_ended() -> None:
    state = state_after([started(total=None, resumed=5), CaseFinished(0.5, result())])
    assert state.snapshot(1.0).share is None
    state.observe(InputEnded(1.0, 10))
    assert state.snapshot(1.0).total == 15


def test_an_input_cut_short_does_not_shrink_the_run() -> None:
    """Ctrl-C ends the input, too; 100 % would be a lie then."""
    state = state_after(
        [started(total=100), CaseFinished(0.5, result()), InputEnded(1.0, 1), RunFinished(2.0, "interrupted")]
    )
    assert state.snapshot(3.0).share == 0.01


def test_time_stands_still_after_the_end() -> None:
    state = state_after([started(at_s=10.0), RunFinished(12.5, "complete")])
    assert state.snapshot(99.0).elapsed_s == 2.5


def test_limits_are_shares_of_the_samples() -> None:
    state = state_after([sampled(1.0), sampled(2.0), sampled(3.0), sampled(4.0, limited_by="writer")])
    snapshot = state.snapshot(4.0)
    assert snapshot.limited_shares == {"server": 0.75, "writer": 0.25}
    assert snapshot.limited_by == "writer"


def test_equal_happenings_share_a_line_for_half_a_minute() -> None:
    events: list[Event] = [started()]
    events += [CaseRetried(at_s, 1, "timeout", "a", 1.0) for at_s in (1.0, 2.0, 20.0, 40.0)]
    happenings = state_after(events).snapshot(41.0).happenings
    assert [(one.elapsed_s, one.count) for one in happenings] == [(40.0, 1)]


def test_the_latest_happening_comes_first() -> None:
    state = state_after(
        [started(), Noticed(1.0, "info", "one"), Noticed(2.0, "warning", "two"), Noticed(3.0, "info", "one")]
    )
    assert [(one.text, one.count) for one in state.snapshot(4.0).happenings] == [("two", 1), ("one", 2)]


def test_memory_is_the_same_after_a_hundred_thousand_events() -> None:
    """With every id, message and kind another one."""
    state = state_after([started(total=None)])

    def feed(cases: range) -> None:
        for seq in cases:
            kind = FAILURE_KINDS[seq % len(FAILURE_KINDS)]
            state.observe(CaseStarted(seq / 1_000, seq))
            state.observe(CaseRetried(seq / 1_000, seq, kind, f"e{seq % 5}", 0.1))
            state.observe(CaseStarted(seq / 1_000, seq))
            failure = Failure(kind=kind, message=f"message {seq}")
            state.observe(CaseFinished(seq / 1_000, result(seq, failure=failure, endpoint=f"e{seq % 5}")))

    feed(range(2_000))
    tracemalloc.start()
    feed(range(2_000, 27_000))
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown_bytes < 50_000
    assert state.snapshot(27.0).failed == 27_000


def test_a_breaker_that_opens_is_told_once_and_shown_at_its_endpoint() -> None:
    state = DashboardState()
    state.observe(started())
    change = {"endpoint": "sim-a", "before": "closed", "after": "open", "reason": "5 failures in a row"}
    for at_s in (1.0, 2.0):
        state.observe(BreakerChanged(at_s=at_s, open_s=60.0, **change))
    sample = EndpointSample(name="sim-a", in_flight=0, limit=8, waiting=2, requests_per_s=4.0, breaker="open")
    state.observe(sampled(2.5, endpoints=(sample,)))
    snapshot = state.snapshot(3.0)
    (told,) = snapshot.happenings
    assert (told.label, told.text, told.count) == ("breaker", "sim-a open for 60 s: 5 failures in a row", 2)
    (shown,) = snapshot.endpoints
    assert (shown.breaker, shown.in_flight, shown.limit, shown.requests_per_s) == ("open", 0, 8, 4.0)
