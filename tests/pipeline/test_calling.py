"""The whole way of calling, on virtual time: what a run gets out of endpoints that limit, fail, die or are slow."""

from __future__ import annotations

import asyncio
import random

import pytest

from evalperf import clock
from evalperf.config.resilience import CircuitBreakerConfig
from evalperf.errors import ProviderError, StoppedError
from evalperf.pipeline.evaluate import Evaluator
from evalperf.pipeline.feed import Feed
from evalperf.pipeline.job import Job
from evalperf.pipeline.pool import Pool
from evalperf.pipeline.router import Router
from evalperf.pipeline.watch import watch
from evalperf.records import Completion, Request, Result
from evalperf.resilience import AdaptiveLimit, RateLimit, RetryBudget, RetryPolicy
from tests.support.fakes import Equals, PlainPrompt, ScriptedProvider, answer, batches_of, busy, caller, case, router_of
from tests.support.virtual_loop import run_virtual

PATIENT = RetryPolicy(attempts=5, base_s=0.5, max_s=30.0, retry_after_max_s=120.0)


class Endpoint(ScriptedProvider):
    """So many slots with a queue, so many requests a second (a 429 for each above), dead from and until given times."""

    def __init__(
        self,
        name: str = "a",
        *,
        latency_s: float = 0.5,
        slots: int = 16,
        per_s: float | None = None,
        dead: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(lambda _, __: answer(), name=name, latency_s=latency_s)
        self._slots = asyncio.Semaphore(slots)
        self._per_s = per_s
        self._dead = dead
        self._level, self._at_s = 1.0, 0.0
        self.refused = self.answered = self.met_dead = 0
        self._random = random.Random(name)

    async def complete(self, request: Request) -> Completion:
        now_s = clock.now()
        if self._dead is not None and self._dead[0] <= now_s < self._dead[1]:
            self.met_dead += 1
            await asyncio.sleep(0.002)
            raise ProviderError("connection", "reset", retryable=True)
        if self._per_s is not None:
            self._level = min(1.0, self._level + (now_s - self._at_s) * self._per_s)
            self._at_s = now_s
            if self._level < 1.0:
                self.refused += 1
                raise ProviderError("rate_limited", "slow down", status=429, retryable=True, retry_after_s=1.0)
            self._level -= 1.0
        async with self._slots:
            completion = await super().complete(request)
        self.answered += 1
        return completion


class RefusesSome(ScriptedProvider):
    """Refuses 10 % of all requests and breaks at 2 %, whatever their pace."""

    def __init__(self) -> None:
        super().__init__(lambda _, __: answer(), latency_s=0.2)
        self._random = random.Random(3)

    async def complete(self, request: Request) -> Completion:
        drawn = self._random.random()
        if drawn < 0.1:
            await asyncio.sleep(0.01)
            raise ProviderError("rate_limited", "slow down", status=429, retryable=True, retry_after_s=1.0)
        if drawn < 0.12:
            await asyncio.sleep(0.2)
            raise busy()
        return await super().complete(request)


async def take_through(
    router: Router, cases: int, *, workers: int = 512, limit_s: float = 300.0, budget: RetryBudget | None = None
) -> tuple[list[Result], BaseException | None]:
    results: list[Result] = []

    async def put(result: Result) -> None:
        results.append(result)

    feed = Feed(read_ahead=100, max_waiting=max(workers, 16), has_room=router.has_room)
    router.on_room = feed.wake
    async with watch(limit_s) as limit:
        one = caller([], router=router, policy=PATIENT, budget=budget)
        evaluator = Evaluator(PlainPrompt(), one, (Equals(),), include_input=True)  # type: ignore[arg-type]
        pool = Pool(feed, evaluator, put, lambda _: None, workers=workers, limit=limit)
        try:
            await pool.run(batches_of([case(seq) for seq in range(1, cases + 1)]))
        except Exception as error:  # noqa: BLE001 - looked at by the tests
            return results, error
    return results, None


def climbing() -> AdaptiveLimit:
    return AdaptiveLimit(start=16, least=1, most=512)


def all_answered(results: list[Result], cases: int) -> bool:
    return sorted(result.seq for result in results if result.status == "ok") == list(range(1, cases + 1))


def test_a_configured_rate_is_used_up_and_never_refused() -> None:
    """50 requests a second: at least 95 % of them, and at most 1 % refused."""

    async def go() -> tuple[bool, float, int]:
        endpoint = Endpoint(per_s=50.0, slots=1000)
        router = router_of([endpoint], rate=RateLimit(requests_per_s=50.0), controls=[climbing()])
        results, _ = await take_through(router, 5_000)
        return all_answered(results, 5_000), 5_000 / clock.now(), endpoint.refused

    whole, per_s, refused = run_virtual(go())
    assert whole
    assert per_s >= 0.95 * 50
    assert refused <= 50


def test_an_unknown_rate_is_found_by_its_refusals() -> None:
    """The same endpoint without a configured limit: 429s alone tell."""

    async def go() -> tuple[bool, float, float]:
        endpoint = Endpoint(per_s=50.0, slots=1000)
        router = router_of([endpoint], controls=[climbing()])
        results, _ = await take_through(router, 20_000)
        return all_answered(results, 20_000), 20_000 / clock.now(), endpoint.refused / 20_000

    whole, per_s, refused = run_virtual(go())
    assert whole
    assert per_s >= 0.9 * 50
    assert refused <= 0.01


@pytest.mark.parametrize("fixed", [True, False])
def test_refusals_at_random_do_not_bring_the_run_to_a_crawl(fixed: bool) -> None:
    """A tenth of all requests gets a 429 with Retry-After 1, at any pace, and 2 % a 500.

    The first refusals pause the endpoint, as they should. If each did, 1,000 cases would take 20 s with 50 in flight.
    """

    async def go() -> tuple[bool, float]:
        control = AdaptiveLimit(start=50, least=50, most=50) if fixed else climbing()
        results, _ = await take_through(router_of([RefusesSome()], controls=[control]), 1_000)
        return all_answered(results, 1_000), clock.now()

    whole, took_s = run_virtual(go())
    assert whole
    assert took_s < 9


def test_waits_for_a_rate_limit_are_no_timeouts() -> None:
    """One request in 10 s, 40 workers: the last waits 400 s, with a limit of 30 s a case."""

    async def go() -> list[Result]:
        router = router_of([Endpoint()], rate=RateLimit(requests_per_s=0.1, burst=1.0), limit=40)
        results, error = await take_through(router, 40, workers=40, limit_s=30.0)
        assert error is None
        return results

    results = run_virtual(go())
    assert all_answered(results, 40)
    assert max(result.throttled_s for result in results) > 300
    assert all(result.latency_s == pytest.approx(0.5) for result in results)


def test_an_endpoint_that_dies_and_one_that_is_slow_cost_no_case() -> None:
    """Three endpoints, one four times slower, one dead from a third of the run on: 90 % of what is left is used."""

    async def go() -> tuple[bool, float, list[Endpoint]]:
        endpoints = [Endpoint("a"), Endpoint("b", latency_s=2.0), Endpoint("c", dead=(30.0, 1e9))]
        router = router_of(endpoints, controls=[climbing() for _ in endpoints])
        results, _ = await take_through(router, 6_000)
        return all_answered(results, 6_000), clock.now(), endpoints

    whole, took_s, (fast, slow, dead) = run_virtual(go())
    assert whole
    before_per_s, after_per_s = 32 + 8 + 32, 32 + 8
    ideal_s = 30 + (6_000 - 30 * before_per_s) / after_per_s
    assert ideal_s / took_s >= 0.9
    assert slow.answered < fast.answered / 3
    assert dead.met_dead < 100


def test_a_black_hole_that_fails_at_once_attracts_no_traffic() -> None:
    """Dead from the start, and faster than the good one in every failure."""

    async def go() -> tuple[bool, int]:
        hole = Endpoint("hole", dead=(0.0, 1e9))
        router = router_of([Endpoint("good"), hole], controls=[climbing(), climbing()])
        results, _ = await take_through(router, 2_000)
        return all_answered(results, 2_000), hole.met_dead

    whole, met = run_virtual(go())
    assert whole
    assert met < 60


def test_an_outage_is_waited_out_and_costs_no_case() -> None:
    """Dead for 90 s: nothing fails, and the retries of those who were in flight are not charged."""

    async def go() -> tuple[bool, int]:
        router = router_of([Endpoint(slots=64, dead=(10.0, 100.0))], limit=64)
        budget = RetryBudget(100)
        results, _ = await take_through(router, 5_000, budget=budget)
        return all_answered(results, 5_000), budget.level

    whole, level = run_virtual(go())
    assert whole
    assert level >= 50


def test_an_outage_without_end_stops_the_run_and_fails_no_case() -> None:
    async def go() -> tuple[list[Result], BaseException | None]:
        router = router_of([Endpoint(dead=(10.0, 1e9))], limit=64)
        return await take_through(router, 5_000)

    results, error = run_virtual(go())
    assert isinstance(error, StoppedError)
    assert "no endpoint has answered for 300 s" in error.message
    assert all(result.status == "ok" for result in results)


def test_retries_stop_where_their_budget_is_used_up() -> None:
    """Half of all calls fail with an open breaker out of reach: the budget, not the attempts, ends the retries."""

    async def go() -> list[Result]:
        flaky = ScriptedProvider(lambda of, _: busy() if of.seq % 2 else answer())
        router = router_of([flaky], limit=4, breaker=CircuitBreakerConfig(failure_threshold=1000, failure_rate=1.0))
        return (await take_through(router, 2_000, budget=RetryBudget(500)))[0]

    results = run_virtual(go())
    failed = [result for result in results if result.status == "failed"]
    assert len(failed) == 1_000
    assert all(result.failure is not None and result.failure.retryable for result in failed)
    assert sum(result.attempts - 1 for result in results) <= 500 / 5 + 1_000 / 5


def test_a_fallback_answers_and_its_results_are_marked() -> None:
    async def go() -> list[Result]:
        router = router_of([Endpoint(dead=(5.0, 50.0))], fallbacks=[Endpoint("spare")], limit=16)
        return (await take_through(router, 3_000))[0]

    results = run_virtual(go())
    assert all_answered(results, 3_000)
    assert {result.endpoint for result in results if result.fallback is True} == {"spare"}
    assert {result.endpoint for result in results if result.fallback is not True} == {"a"}


def test_a_stopped_run_leaves_waiting_cases_for_later() -> None:
    """Those at the gate and those in line are neither called nor failed."""

    async def go() -> list[Result]:
        router = router_of([Endpoint()], rate=RateLimit(requests_per_s=1.0, burst=1.0), limit=40)
        asyncio.get_running_loop().call_later(10.0, router.close)
        results: list[Result] = []
        feed = Feed(read_ahead=100, max_waiting=100, has_room=router.has_room)
        router.on_room = feed.wake
        asyncio.get_running_loop().call_later(10.0, feed.stop)

        async def put(result: Result) -> None:
            results.append(result)

        async with watch(300.0) as limit:
            evaluator = Evaluator(PlainPrompt(), caller([], router=router), (Equals(),), include_input=True)  # type: ignore[arg-type]
            pool = Pool(feed, evaluator, put, lambda _: None, workers=40, limit=limit)
            await pool.run(batches_of([case(seq) for seq in range(1, 101)]))
        assert clock.now() < 12
        return results

    results = run_virtual(go())
    assert 9 <= len(results) <= 11
    assert all(result.status == "ok" for result in results)


def test_a_limit_header_without_sense_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Ten replies with it, one line for those who look for it; and the answers count."""
    caplog.set_level("DEBUG", logger="evalperf")
    odd = Completion(text="42", limit_headers={"x-ratelimit-limit-requests": "many"})
    provider = ScriptedProvider(lambda _, __: odd)
    calls = caller([provider])

    async def ask_ten() -> None:
        for seq in range(1, 11):
            await calls.attempt(Job(case=case(seq), ready_s=0.0), Request(case=case(seq), messages=()))

    run_virtual(ask_ten())
    assert [record.getMessage() for record in caplog.records if "no sense" in record.getMessage()] == [
        "endpoint scripted: no sense in x-ratelimit-limit-requests: 'many'; such headers are passed over"
    ]
