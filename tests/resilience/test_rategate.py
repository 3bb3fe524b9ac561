"""The gate: order, one timer, nothing leaked, and never more than the limits allow."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf import clock
from evalperf.config.resilience import RateLimitingConfig
from evalperf.resilience.rategate import RateGate, RateGates
from evalperf.resilience.ratelimit import MARGIN, RateLimit
from tests.support.virtual_loop import run_virtual


def limit(requests_per_s: float | None = None, tokens_per_s: float | None = None, burst: float = 1) -> RateLimit:
    return RateLimit(requests_per_s=requests_per_s, tokens_per_s=tokens_per_s, burst=burst, margin=1)


async def passages(gate: RateGate, asks: list[int]) -> list[float]:
    """When each of the requests passes, all of them asked for at once."""

    async def one(tokens: int) -> float:
        await gate.acquire(tokens)
        return clock.now()

    return list(await asyncio.gather(*(one(tokens) for tokens in asks)))


def test_requests_pass_at_the_rate() -> None:
    async def work() -> None:
        assert await passages(RateGate(limit(requests_per_s=2)), [0] * 4) == pytest.approx([0, 0.5, 1, 1.5])

    run_virtual(work())


def test_acquire_tells_how_long_it_waited() -> None:
    async def work() -> None:
        gate = RateGate(limit(requests_per_s=2))
        assert [await gate.acquire(0), await gate.acquire(0)] == [0.0, pytest.approx(0.5)]

    run_virtual(work())


def test_a_gate_without_limits_lets_everything_pass() -> None:
    async def work() -> None:
        gate = RateGate(RateLimit())
        assert await passages(gate, [1000] * 100) == [0] * 100
        assert gate.reason(1000) is None

    run_virtual(work())


def test_small_requests_do_not_overtake_a_large_one() -> None:
    async def work() -> None:
        order = []
        gate = RateGate(limit(tokens_per_s=100))

        async def one(name: str, tokens: int) -> None:
            await gate.acquire(tokens)
            order.append(name)

        await asyncio.gather(one("first", 100), one("large", 100), one("small", 1), one("smaller", 0))
        assert order == ["first", "large", "small", "smaller"]

    run_virtual(work())


@settings(deadline=None, max_examples=50)
@given(
    asks=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 300)), min_size=1, max_size=40),
    cancel=st.sets(st.integers(0, 39)),
)
def test_order_and_limits_hold_whoever_goes_away(asks: list[tuple[float, int]], cancel: set[int]) -> None:
    """Those who stay pass in the order in which they came; no window holds more than the limits allow."""

    async def work() -> None:
        gate, passed = RateGate(limit(requests_per_s=10, tokens_per_s=100, burst=3)), []

        async def one(number: int, tokens: int) -> None:
            await gate.acquire(tokens)
            passed.append((number, clock.now(), tokens))

        tasks = []
        for number, (gap_s, tokens) in enumerate(asks):
            await asyncio.sleep(gap_s)
            tasks.append(asyncio.create_task(one(number, tokens)))
            await asyncio.sleep(0)
            for gone in cancel:
                if gone < number:
                    tasks[gone].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [number for number, _, _ in passed] == sorted(number for number, _, _ in passed)
        assert gate.waiting == 0
        for first, (_, from_s, _) in enumerate(passed):
            tokens_before = 0
            for count, (_, at_s, tokens) in enumerate(passed[first:], start=1):
                assert count <= 3 + 10 * (at_s - from_s) + 1e-6
                assert tokens_before + min(tokens, 100) <= 100 + 100 * (at_s - from_s) + 1e-3
                tokens_before += tokens

    run_virtual(work())


def test_a_cancelled_waiter_charges_nothing() -> None:
    """Also when it was let through in the very moment in which it was cancelled."""

    async def work() -> None:
        for cancel_at_s in (0.5, 1.0):
            gate = RateGate(limit(requests_per_s=1))
            began_s = clock.now()
            await gate.acquire(0)
            waiting = asyncio.create_task(gate.acquire(0))
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_at(began_s + cancel_at_s, waiting.cancel)
            await asyncio.wait([waiting])
            await gate.acquire(0)
            assert clock.now() - began_s == pytest.approx(1.0)

    run_virtual(work())


def test_a_thousand_cancelled_at_once_leave_nothing_behind() -> None:
    async def work() -> None:
        gate = RateGate(limit(requests_per_s=1))
        await gate.acquire(0)
        tasks = [asyncio.create_task(gate.acquire(0)) for _ in range(1000)]
        await asyncio.sleep(0)
        assert gate.waiting == 1000
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert gate.waiting == 0
        assert await gate.acquire(0) == pytest.approx(1.0)

    run_virtual(work())


def test_a_refusal_pauses_the_endpoint_and_spaces_it_strictly() -> None:
    async def work() -> None:
        gate = RateGate(limit(requests_per_s=10, burst=5))
        gate.refused(clock.now() + 3)
        assert gate.reason(0) == "paused"
        assert await passages(gate, [0] * 3) == pytest.approx([3, 3.1, 3.2])
        assert gate.statistics().refused == 1

    run_virtual(work())


def test_a_limit_that_all_share_gets_its_bursts_back_as_well() -> None:
    async def work() -> None:
        gates = RateGates({"a": RateLimit()}, limit(requests_per_s=10, burst=5))
        gates["a"].refused(clock.now() + 1)
        gates["a"].unspace()
        assert await passages(gates["a"], [0] * 5) == pytest.approx([1] * 5)

    run_virtual(work())


def test_a_pause_is_never_shortened() -> None:
    async def work() -> None:
        gate = RateGate(RateLimit())
        gate.pause(5)
        gate.pause(2)
        await gate.acquire(0)
        assert clock.now() == pytest.approx(5)

    run_virtual(work())


def test_a_pause_holds_those_who_wait_already() -> None:
    async def work() -> None:
        gate = RateGate(limit(requests_per_s=1))
        await gate.acquire(0)
        waiting = asyncio.create_task(gate.acquire(0))
        await asyncio.sleep(0.5)
        gate.pause(7)
        await waiting
        assert clock.now() == pytest.approx(7)

    run_virtual(work())


def test_a_pace_is_kept_and_lifted() -> None:
    async def work() -> None:
        gate = RateGate(RateLimit())
        gate.pace(4)
        assert await passages(gate, [0] * 3) == pytest.approx([0, 0.25, 0.5])
        waiting = asyncio.create_task(gate.acquire(0))
        await asyncio.sleep(0)
        gate.pace(None)
        await waiting
        assert clock.now() == pytest.approx(0.5)

    run_virtual(work())


def test_a_refund_lets_the_next_go_at_once() -> None:
    async def work() -> None:
        gate = RateGate(limit(tokens_per_s=10))
        await gate.acquire(10)
        waiting = asyncio.create_task(gate.acquire(10))
        await asyncio.sleep(0.1)
        gate.settle(10, 0)
        await waiting
        assert clock.now() == pytest.approx(0.1)

    run_virtual(work())


def test_all_gates_together_keep_the_limit_of_the_run() -> None:
    """Three endpoints at 10/s each, and 10/s over all: in the order in which they came, whichever gate."""

    async def work() -> None:
        gates = RateGates({name: limit(requests_per_s=10) for name in "abc"}, limit(requests_per_s=10))
        passed = []

        async def one(number: int) -> None:
            await gates["abc"[number % 3]].acquire(0)
            passed.append((clock.now(), number))

        await asyncio.gather(*(one(number) for number in range(30)))
        assert passed == [(pytest.approx(number / 10), number) for number in range(30)]

    run_virtual(work())


def test_a_paused_endpoint_does_not_hold_up_the_others() -> None:
    async def work() -> None:
        gates = RateGates({"a": RateLimit(), "b": RateLimit()}, limit(requests_per_s=10))
        gates["a"].pause(5)
        held_up = asyncio.create_task(gates["a"].acquire(0))
        await asyncio.sleep(0)
        assert await passages(gates["b"], [0] * 3) == pytest.approx([0, 0.1, 0.2])
        await held_up
        assert clock.now() == pytest.approx(5)

    run_virtual(work())


def test_mixed_requests_reach_the_tighter_limit_and_never_exceed_it() -> None:
    """600 requests and 90,000 tokens a minute; 1,000 requests of 20 to 400 tokens."""

    async def work() -> None:
        config = RateLimitingConfig(requests_per_minute=600, tokens_per_minute=90_000)
        gate, rng = RateGate(RateLimit.from_config(config)), random.Random(1)
        asks = [rng.randint(20, 400) for _ in range(1000)]
        times = await passages(gate, asks)
        assert times == sorted(times)
        spent = sum(tokens for tokens, at_s in zip(asks, times, strict=True) if at_s <= 60)
        assert 0.97 * 90_000 <= spent <= 90_000 * MARGIN + 1500
        for at_s in times:
            window = [tokens for tokens, when_s in zip(asks, times, strict=True) if at_s <= when_s < at_s + 1]
            assert len(window) <= 10 + 1
            assert sum(window) <= 2 * 1500 + 1

    run_virtual(work())


@pytest.mark.parametrize("factor", [1 / 3, 3.0])
def test_wrong_estimates_do_not_exceed_the_token_limit_for_long(factor: float) -> None:
    """Estimates three times too low or too high, replies after 1 s: at most 2 % over after 30 s."""

    async def work() -> None:
        gate, spent = RateGate(limit(tokens_per_s=1000)), 0

        async def one() -> None:
            nonlocal spent
            estimated = round(100 * factor)
            await gate.acquire(estimated)
            spent += 100
            await asyncio.sleep(1)
            gate.settle(estimated, 100)

        tasks = [asyncio.create_task(one()) for _ in range(2000)]
        await asyncio.sleep(30)
        after_half_a_minute = spent
        await asyncio.sleep(60)
        assert spent - after_half_a_minute <= 1.02 * 60 * 1000 + 1000  # and a burst
        assert spent - after_half_a_minute >= 0.97 * 60 * 1000
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    run_virtual(work())


def test_waits_of_less_than_half_a_millisecond_pass_on_the_loop_that_runs_use() -> None:
    """5,000 requests a second, and replies meanwhile: uvloop knows no due time of such handles."""

    async def work() -> None:
        gate = RateGate(limit(requests_per_s=5_000))
        passing = asyncio.create_task(passages(gate, [0] * 50))
        while not passing.done():
            gate.observe({})
            await asyncio.sleep(0)
        assert len(await passing) == 50

    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner:
        runner.run(work())
