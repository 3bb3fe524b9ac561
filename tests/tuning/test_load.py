"""The load on an endpoint, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from evalperf import clock
from evalperf.errors import StoppedError
from evalperf.tuning import Level, Load, Reply, open_load
from tests.support.virtual_loop import run_virtual


class Endpoint:
    """Answers after `latency_s`; notes when each request came and how many were there at once."""

    def __init__(self, latency_s: float = 1.0, reply: Callable[[int], Reply] | None = None) -> None:
        self.latency_s = latency_s
        self.came_s: list[float] = []
        self.in_flight = self.most = self.gone = 0
        self._reply = reply

    async def __call__(self) -> Reply:
        self.came_s.append(clock.now())
        number = len(self.came_s)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        latency_s = self.latency_s
        try:
            await asyncio.sleep(latency_s)
        finally:
            self.in_flight -= 1
            self.gone += 1
        return Reply("answered", latency_s) if self._reply is None else self._reply(number)


def under_load(endpoint: Endpoint, work: Callable[[Load], Awaitable[object]], **options) -> object:
    async def go() -> object:
        async with open_load(endpoint, **options) as load:
            return await work(load)

    return run_virtual(go())


def test_a_level_keeps_so_many_in_flight_and_counts_them() -> None:
    endpoint = Endpoint()
    level = under_load(endpoint, lambda load: load.level(5))
    assert isinstance(level, Level)
    assert level.cases_per_s == pytest.approx(5.0)
    assert endpoint.most == 5
    assert endpoint.in_flight == 0


def test_the_first_generation_only_settles() -> None:
    """The first four answers take ten times as long, as on a cold server."""

    class Cold(Endpoint):
        async def __call__(self) -> Reply:
            self.latency_s = 10.0 if len(self.came_s) < 4 else 1.0
            return await super().__call__()

    level = under_load(Cold(), lambda load: load.level(4))
    assert isinstance(level, Level)
    assert level.cases_per_s == pytest.approx(4.0)


def test_a_smaller_level_waits_until_the_larger_one_s_requests_are_back() -> None:

    class Spread(Endpoint):
        async def __call__(self) -> Reply:
            self.latency_s = self.latency_s if self.latency_s < 1 else 1 + len(self.came_s) % 32 / 64
            return await super().__call__()

    endpoint = Spread()

    async def down(load: Load) -> Level | None:
        await load.level(32)
        endpoint.latency_s = 0.1
        return await load.level(2)

    level = under_load(endpoint, down)
    assert isinstance(level, Level)
    assert level.latencies_s == (0.1,) * len(level.latencies_s)


def test_a_pace_is_spaced_strictly() -> None:
    endpoint = Endpoint(latency_s=0.1)
    under_load(endpoint, lambda load: load.pace(20.0, 50))
    gaps = [late - early for early, late in zip(endpoint.came_s, endpoint.came_s[1:], strict=False)]
    assert min(gaps) >= 1 / 20 - 0.003


def test_the_bound_on_requests_holds_to_the_last_one() -> None:
    endpoint = Endpoint()
    assert under_load(endpoint, lambda load: load.level(64), max_requests=10) is None
    assert len(endpoint.came_s) == 10


def test_another_budget_ends_it_too() -> None:
    endpoint = Endpoint()
    under_load(endpoint, lambda load: load.level(8), enough=lambda out: out + endpoint.gone >= 20)
    assert len(endpoint.came_s) == 20


def test_what_a_call_raises_ends_the_measuring_and_all_calls() -> None:
    def fatal(number: int) -> Reply:
        raise StoppedError("the key was refused")

    endpoint = Endpoint(reply=fatal)
    with pytest.raises(StoppedError, match="the key was refused"):
        under_load(endpoint, lambda load: load.level(8))
    assert endpoint.in_flight == 0


def test_a_level_without_any_answer_is_given_up_soon() -> None:
    endpoint = Endpoint(latency_s=60.0, reply=lambda _: Reply("failed", 60.0, None, "timed out"))
    level = under_load(endpoint, lambda load: load.level(1))
    assert isinstance(level, Level)
    assert (level.answered, level.failed, level.reason) == (0, 3, "timed out")


def test_a_level_full_of_429s_is_given_up_soon() -> None:
    endpoint = Endpoint(latency_s=0.05, reply=lambda _: Reply("refused", 0.05, 1.0))
    level = under_load(endpoint, lambda load: load.level(20))
    assert isinstance(level, Level)
    assert level.refused <= 20
    assert level.share_429 == 1.0
