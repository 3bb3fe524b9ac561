"""The budget's laws: never overshot by more than the calls in flight, first come first served, nothing leaked."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.resilience import Budget, Reservation
from tests.support.virtual_loop import run_virtual


def tokens_only(max_tokens: int) -> Budget:
    return Budget(max_tokens=max_tokens, max_cost_usd=None)


async def parked(budget: Budget, tokens: int, cost_usd: float = 0.0) -> asyncio.Task[Reservation | None]:
    """A call that waits in line."""
    task = asyncio.create_task(budget.reserve(tokens, cost_usd))
    await asyncio.sleep(0)
    return task


def test_a_call_that_fits_passes_at_once() -> None:
    async def work() -> None:
        budget = tokens_only(100)
        assert await budget.reserve(60, 0.0) == Reservation(60, 0.0)
        assert await budget.reserve(40, 0.0) == Reservation(40, 0.0)

    run_virtual(work())


def test_what_is_reserved_counts_until_it_is_settled() -> None:
    """The second call waits for the first, which costs less than was thought."""

    async def work() -> None:
        budget = tokens_only(100)
        first = await budget.reserve(80, 0.0)
        assert first is not None
        second = await parked(budget, 50)
        assert not second.done()
        budget.settle(first, 50, 0.0)
        assert await second == Reservation(50, 0.0)

    run_virtual(work())


def test_a_call_is_refused_when_nothing_under_way_can_make_room() -> None:
    async def work() -> None:
        budget = tokens_only(100)
        first = await budget.reserve(80, 0.0)
        assert first is not None
        second = await parked(budget, 50)
        budget.settle(first, 80, 0.0)
        assert await second is None
        assert await budget.reserve(20, 0.0) is not None  # a smaller one still fits

    run_virtual(work())


def test_dollars_and_tokens_both_hold() -> None:
    async def work() -> None:
        budget = Budget(max_tokens=100, max_cost_usd=1.0)
        assert await budget.reserve(10, 1.5) is None
        assert await budget.reserve(101, 0.5) is None
        assert await budget.reserve(100, 1.0) is not None

    run_virtual(work())


def test_a_small_call_does_not_overtake_a_large_one() -> None:
    async def work() -> None:
        budget = tokens_only(100)
        first = await budget.reserve(60, 0.0)
        assert first is not None
        large = await parked(budget, 70)
        small = await parked(budget, 10)
        assert not small.done()
        budget.settle(first, 20, 0.0)
        assert (await large, await small) == (Reservation(70, 0.0), Reservation(10, 0.0))

    run_virtual(work())


def test_a_waiter_that_gives_up_hands_on_its_turn() -> None:
    """Without that the next one would wait for a wake-up that nobody sends."""

    async def work() -> None:
        budget = tokens_only(100)
        first = await budget.reserve(60, 0.0)
        large = await parked(budget, 70)
        small = await parked(budget, 10)
        large.cancel()
        assert await small == Reservation(10, 0.0)
        assert first is not None

    run_virtual(work())


def test_a_waiter_cancelled_in_the_very_turn_in_which_it_was_woken_hands_it_on() -> None:
    async def work() -> None:
        budget = tokens_only(100)
        first = await budget.reserve(100, 0.0)
        assert first is not None
        second = await parked(budget, 60)
        third = await parked(budget, 60)
        budget.settle(first, 10, 0.0)
        second.cancel()
        assert await third == Reservation(60, 0.0)

    run_virtual(work())


def test_spending_of_earlier_sessions_counts() -> None:
    async def work() -> None:
        budget = tokens_only(100)
        budget.charge(90, 0.0)
        assert await budget.reserve(11, 0.0) is None
        assert await budget.reserve(10, 0.0) is not None

    run_virtual(work())


def test_a_call_of_unknown_cost_counts_with_its_estimate() -> None:
    async def work() -> None:
        budget = Budget(max_tokens=1000, max_cost_usd=2.0)
        reserved = await budget.reserve(500, 1.25)
        assert reserved is not None
        budget.settle_as_reserved(reserved)
        assert (budget.spent_tokens, budget.spent_usd) == (500, 1.25)
        assert budget.used_up(600, 1.0) == (
            "the budget is used up: 500 of 1,000 tokens are spent (of which 500 are assumed) and "
            "$1.2500 of $2 is spent (of which $1.2500 is assumed), and the next call may take 600 tokens and $1.0000"
        )

    run_virtual(work())


calls = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 120), st.floats(0.01, 5.0)), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None)
@given(calls, st.integers(1, 600), st.integers(0, 2**32), st.floats(0.0, 0.5))
def test_it_is_never_overshot_by_more_than_the_errors_of_calls_in_flight(
    calls: list[tuple[int, int, float]], limit: int, seed: int, cancelled: float
) -> None:
    """Whatever calls cost, how long they last and who gives up waiting: and afterwards nothing is left reserved."""

    async def work() -> None:
        budget, rng = Budget(max_tokens=limit, max_cost_usd=limit / 100), random.Random(seed)
        in_flight: dict[int, int] = {}
        order: list[int] = []
        at_last_grant: set[int] = set()

        async def call(number: int, estimate: int, true: int, lasts_s: float) -> None:
            reserved = await budget.reserve(estimate, estimate / 100)
            if reserved is None:
                assert budget.spent_tokens + estimate > limit  # refused only when it does not fit
                assert not in_flight
                return
            order.append(number)
            in_flight[number] = estimate
            at_last_grant.clear()
            at_last_grant.update(in_flight)
            assert budget.spent_tokens + sum(in_flight.values()) <= limit
            try:
                await asyncio.sleep(lasts_s)
            finally:  # also when it is cancelled on the wire
                del in_flight[number]
                budget.settle(reserved, true, true / 100)

        tasks = []
        for number, (estimate, true, lasts_s) in enumerate(calls):
            tasks.append(asyncio.create_task(call(number, estimate, true, lasts_s)))
            await asyncio.sleep(rng.random())
            if rng.random() < cancelled:
                rng.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            assert task.cancelled() or task.exception() is None
        assert order == sorted(order)  # first come, first served
        overshoot = sum(max(0, calls[number][1] - calls[number][0]) for number in at_last_grant)
        assert budget.spent_tokens <= limit + overshoot
        assert not budget._line

    run_virtual(work())


def test_when_estimates_are_right_it_is_never_overshot_at_all() -> None:
    async def work() -> None:
        budget = tokens_only(1000)

        async def call() -> bool:
            reserved = await budget.reserve(7, 0.0)
            if reserved is None:
                return False
            await asyncio.sleep(random.Random(1).random())
            budget.settle(reserved, 7, 0.0)
            return True

        passed = await asyncio.gather(*(call() for _ in range(500)))
        assert (sum(passed), budget.spent_tokens) == (142, 994)

    run_virtual(work())


def test_a_long_line_costs_each_waiter_a_turn_and_not_the_square() -> None:
    """Only the first in line is woken: with all of them, 2,000 waiters would look 2,000,000 times."""
    looks = 0

    class Counted(Budget):
        def _fits(self, tokens: int, cost_usd: float) -> bool:
            nonlocal looks
            looks += 1
            return super()._fits(tokens, cost_usd)

    async def work() -> None:
        budget = Counted(max_tokens=10_000, max_cost_usd=None)

        async def call() -> None:
            reserved = await budget.reserve(1000, 0.0)
            assert reserved is not None
            await asyncio.sleep(1)
            budget.settle(reserved, 1, 0.0)

        await asyncio.gather(*(call() for _ in range(2000)))

    run_virtual(work())
    assert looks < 5 * 2000


@pytest.mark.parametrize(
    "limits", [{"max_tokens": None, "max_cost_usd": 0.5}, {"max_tokens": 50, "max_cost_usd": None}]
)
def test_the_message_names_only_the_limits_that_there_are(limits: dict[str, float | None]) -> None:
    said = Budget(**limits).used_up(60, 0.6)  # type: ignore[arg-type]
    assert ("tokens" in said) == (limits["max_tokens"] is not None)
    assert ("$" in said) == (limits["max_cost_usd"] is not None)
