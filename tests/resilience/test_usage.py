"""Estimates of tokens, and what a failure says of its endpoint."""

from __future__ import annotations

import pytest

from evalperf.records import FAILURE_KINDS, FailureKind
from evalperf.resilience.breaker import CallOutcome
from evalperf.resilience.outcomes import outcome_of
from evalperf.resilience.usage import TokenEstimate


def test_the_first_estimate_is_a_quarter_of_the_bytes_and_the_most_that_may_come() -> None:
    assert TokenEstimate().tokens(400, 50) == 150


def test_the_estimate_comes_close_to_what_requests_cost() -> None:
    estimate = TokenEstimate()
    for _ in range(100):
        estimate.learn(300, 100, 20)
    assert estimate.tokens(600, 1000) == pytest.approx(220, abs=2)


def test_an_answer_is_never_estimated_above_what_it_may_have() -> None:
    estimate = TokenEstimate()
    estimate.learn(4, 1, 500)
    assert estimate.tokens(0, 10) == 10


NEUTRAL: set[FailureKind] = {"rate_limited", "cancelled"}
DOWN: set[FailureKind] = {"timeout", "connection", "server_error", "bad_reply", "provider"}


@pytest.mark.parametrize("kind", FAILURE_KINDS)
def test_every_kind_of_failure_is_for_against_or_neither(kind: FailureKind) -> None:
    expected = CallOutcome.NEUTRAL if kind in NEUTRAL else CallOutcome.FAILURE if kind in DOWN else CallOutcome.SUCCESS
    assert outcome_of(kind) is expected


def test_an_answer_is_a_success_and_a_slow_client_nobodys_fault() -> None:
    assert outcome_of(None) is CallOutcome.SUCCESS
    assert outcome_of("timeout", 408) is CallOutcome.NEUTRAL
