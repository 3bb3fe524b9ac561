"""Seats: limits in flight, breakers, gates, fallbacks; first come, first served."""

from __future__ import annotations

import asyncio

import pytest

from evalperf import clock
from evalperf.config.resilience import CircuitBreakerConfig
from evalperf.errors import ProviderError, StoppedError
from evalperf.events import BreakerChanged, Throttled
from evalperf.pipeline.endpoint import Seat
from evalperf.pipeline.router import Router
from evalperf.resilience import FixedLimit, RateLimit
from tests.support.fakes import ScriptedProvider, answer, router_of
from tests.support.virtual_loop import run_virtual

BREAKER = CircuitBreakerConfig(failure_threshold=2, open_s=60, half_open_calls=1)
DOWN = ProviderError("connection", "reset", retryable=True)
REFUSED = ProviderError("rate_limited", "slow down", status=429, retryable=True, retry_after_s=3.0)


def idle(name: str) -> ScriptedProvider:
    return ScriptedProvider(lambda _, __: answer(), name=name)


async def seat_at(router: Router) -> Seat:
    seated = await router.seat(100, None)
    assert seated is not None
    return seated[0]


async def fail(router: Router, error: ProviderError = DOWN) -> None:
    seat = await seat_at(router)
    seat.sent()
    seat.failed(error, 0.1)
    router.leave(seat)


async def hold(router: Router, seconds: float, order: list[int], number: int) -> None:
    seat = await seat_at(router)
    order.append(number)
    await asyncio.sleep(seconds)
    router.leave(seat)


def test_calls_beyond_the_limit_wait_and_go_in_the_order_in_which_they_came() -> None:
    async def go() -> tuple[list[int], float]:
        router, order = router_of([idle("a")], limit=2), []
        await asyncio.gather(*(hold(router, 1.0, order, number) for number in range(7)))
        return order, clock.now()

    assert run_virtual(go()) == (list(range(7)), 4.0)


def test_a_place_that_is_left_without_a_word_is_free_again() -> None:
    async def go() -> int:
        router = router_of([idle("a")], limit=1)
        for _ in range(3):
            router.leave(await seat_at(router))
        return router.endpoints[0].load.in_flight

    assert run_virtual(go()) == 0


def test_whoever_is_cancelled_in_line_takes_no_place() -> None:
    async def go() -> bool:
        router, order = router_of([idle("a")], limit=1), []
        first = asyncio.create_task(hold(router, 1.0, order, 1))
        second = asyncio.create_task(hold(router, 1.0, order, 2))
        third = asyncio.create_task(hold(router, 1.0, order, 3))
        await asyncio.sleep(0.5)
        second.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)
        return order == [1, 3] and router.has_room()

    assert run_virtual(go())


def test_whoever_is_cancelled_as_its_place_comes_gives_it_back() -> None:
    """The place was assigned, and the task was cancelled before it could run."""

    async def go() -> int:
        router = router_of([idle("a")], limit=1)
        seat = await seat_at(router)
        waiting = asyncio.create_task(seat_at(router))
        await asyncio.sleep(0)
        router.leave(seat)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return router.endpoints[0].load.in_flight

    assert run_virtual(go()) == 0


def test_an_endpoint_that_fails_is_left_alone_and_probed_after_its_open_time() -> None:
    """Every change of state is an event, and the wait is told with its reason."""

    async def go() -> list[object]:
        events: list[object] = []
        router = router_of([idle("a")], breaker=BREAKER, emit=events.append)
        await fail(router)
        await fail(router)
        seat = await seat_at(router)
        assert clock.now() == pytest.approx(60, rel=0.21)
        seat.sent()
        seat.answered(answer(), 0.1)
        router.leave(seat)
        return events

    opened, probed, waited, closed = run_virtual(go())
    assert (opened.before, opened.after, opened.reason) == ("closed", "open", "2 failures in a row")
    assert (probed.before, probed.after) == ("open", "half_open")
    assert isinstance(waited, Throttled)
    assert (waited.reason, waited.endpoint) == ("breaker", None)
    assert isinstance(closed, BreakerChanged)
    assert (closed.before, closed.after) == ("half_open", "closed")


def test_while_a_probe_is_out_nobody_else_is_seated() -> None:
    async def go() -> list[float]:
        router, seated = router_of([idle("a")], breaker=BREAKER), []

        async def probe() -> None:
            seat = await seat_at(router)
            seated.append(clock.now())
            seat.sent()
            await asyncio.sleep(5.0)
            seat.answered(answer(), 5.0)
            router.leave(seat)

        await fail(router)
        await fail(router)
        await asyncio.gather(probe(), probe(), probe())
        return seated

    first, second, third = run_virtual(go())
    assert (second - first, third - first) == (5.0, 5.0)


def test_an_outage_of_all_endpoints_ends_in_an_error_that_names_them() -> None:
    async def go() -> None:
        router = router_of([idle("a"), idle("b")], breaker=BREAKER, outage_s=300.0)
        while True:
            await fail(router)

    with pytest.raises(StoppedError, match="no endpoint has answered for 300 s: a, b") as caught:
        run_virtual(go())
    assert caught.value.exit_code == 3


def test_a_fallback_takes_over_only_while_no_other_endpoint_lets_calls_pass() -> None:
    async def go() -> list[str]:
        router = router_of([idle("a"), idle("b")], fallbacks=[idle("c")], breaker=BREAKER)
        names = []
        for _ in range(30):
            seat = await seat_at(router)
            names.append(seat.endpoint.name)
            if seat.endpoint.name == "c":
                seat.leave()
            else:
                seat.failed(DOWN, 0.1)
            router.leave(seat)
        return names

    names = run_virtual(go())
    assert set(names[:4]) == {"a", "b"}
    assert set(names[4:]) == {"c"}


def test_a_refusal_pauses_its_endpoint_and_no_other() -> None:
    async def go() -> list[tuple[str, float]]:
        events: list[object] = []
        router = router_of([idle("a"), idle("b")], limit=1, emit=events.append)
        refused = await seat_at(router)
        refused.failed(REFUSED, 0.1)
        router.leave(refused)
        seats = [await seat_at(router), await seat_at(router)]
        assert {seat.endpoint.name for seat in seats} == {"a", "b"}
        return [(event.reason, event.wait_s) for event in events]

    ((reason, wait_s),) = run_virtual(go())
    assert reason == "paused"
    assert 3.0 <= wait_s <= 3.3


class Knowing(FixedLimit):
    """Knows that 429s come at any pace."""

    scattered = True


def test_a_refusal_that_any_pace_would_bring_neither_pauses_nor_spaces() -> None:
    async def go() -> float:
        router = router_of([idle("a")], rate=RateLimit(requests_per_s=10, burst=5), controls=[Knowing(10)])
        for _ in range(5):
            await fail(router, REFUSED)
        return clock.now()

    assert run_virtual(go()) == 0


def test_a_limit_of_the_whole_run_holds_over_all_endpoints() -> None:
    """10 requests a second, 98 % of which are used."""

    async def go() -> float:
        router = router_of([idle("a"), idle("b")], rate=RateLimit(requests_per_s=10.0, burst=1.0))
        for _ in range(99):
            router.leave(await seat_at(router))
        return clock.now()

    assert run_virtual(go()) == pytest.approx(98 / 9.8)


def test_closing_sends_away_who_waits_and_seats_nobody() -> None:
    """In line for a place, and at a gate."""

    async def go() -> list[object]:
        router = router_of([idle("a")], limit=2, rate=RateLimit(requests_per_s=0.01, burst=1.0))
        held = await seat_at(router)
        at_gate = asyncio.create_task(router.seat(100, None))
        in_line = asyncio.create_task(router.seat(100, None))
        await asyncio.sleep(1.0)
        router.close()
        outcomes = [await at_gate, await in_line, await router.seat(100, None)]
        router.leave(held)
        return outcomes

    assert run_virtual(go()) == [None, None, None]


def test_a_breaker_that_opens_while_a_call_waits_at_the_gate_sends_it_elsewhere() -> None:
    async def go() -> bool:
        router = router_of([idle("a"), idle("b")], breaker=BREAKER)
        for endpoint in router.endpoints:
            endpoint.gate.pause(clock.now() + 1.0)
        waiting = asyncio.create_task(seat_at(router))
        await asyncio.sleep(0.5)
        (chosen,) = [endpoint for endpoint in router.endpoints if endpoint.gate.waiting]
        chosen.trip("health check")
        return (await waiting).endpoint is not chosen

    assert run_virtual(go())


@pytest.mark.parametrize("limit", [1, 3, 16])
def test_the_limit_follows_the_endpoints_that_are_up(limit: int) -> None:
    router = router_of([idle("a"), idle("b")], limit=limit, breaker=BREAKER)
    assert router.limit == 2 * limit
    run_virtual(_trip(router))
    assert router.limit == limit


async def _trip(router: Router) -> None:
    router.endpoints[0].trip("health check")
