"""The retry budget is a bucket of 500: 5 a retry, 10 after a timeout, 1 back for each first-try success."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalperf.resilience.retrybudget import RetryBudget


def test_levels_are_as_published() -> None:
    """The quota of the AWS SDKs: retry, retry after a timeout, success of the first retry, first-try success."""
    budget = RetryBudget(500)
    levels = []
    spent = budget.spend()
    levels.append(budget.level)
    budget.spend(timeout=True)
    levels.append(budget.level)
    budget.succeeded(spent)
    levels.append(budget.level)
    budget.succeeded()
    levels.append(budget.level)
    assert levels == [495, 485, 490, 491]


def test_an_empty_budget_allows_no_retry_and_keeps_what_it_has() -> None:
    budget = RetryBudget(12)
    assert [budget.spend(timeout=True), budget.spend(), budget.level] == [10, None, 2]


def test_a_rate_limit_costs_nothing_even_from_an_empty_budget() -> None:
    budget = RetryBudget(1)
    assert budget.spend(rate_limited=True) == 0
    assert budget.level == 1


@given(events=st.lists(st.sampled_from(["retry", "timeout", "limited", "first", "late"])), capacity=st.integers(1, 600))
def test_the_level_never_leaves_its_bounds(events: list[str], capacity: int) -> None:
    budget = RetryBudget(capacity)
    for event in events:
        if event in {"first", "late"}:
            budget.succeeded(None if event == "first" else 5)
        else:
            budget.spend(timeout=event == "timeout", rate_limited=event == "limited")
        assert 0 <= budget.level <= capacity


def test_a_dying_server_gets_a_bounded_number_of_retries() -> None:
    """One in a hundred succeeds: after the first hundred retries, one retry for every 5 successes."""
    budget, retries = RetryBudget(500), 0
    for call in range(10_000):
        if call % 100 == 0:
            budget.succeeded()
        else:
            retries += budget.spend() is not None
    assert retries <= 100 + 100 / 5 + 1
