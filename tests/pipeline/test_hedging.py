"""Copies of the last calls: at another endpoint, within their budget, and each case is answered once."""

from __future__ import annotations

import asyncio

import pytest

from evalperf.config.resilience import HedgingConfig
from evalperf.pipeline.caller import Caller
from evalperf.pipeline.hedging import hedging
from evalperf.pipeline.job import Job
from evalperf.records import Completion, Request, Response, Unanswered
from tests.support.fakes import FakeJournal, ScriptedProvider, answer, busy, caller, job, request, router_of
from tests.support.virtual_loop import run_virtual

CONFIG = HedgingConfig(quantile=0.9, max_share=0.02)


class Stuck(ScriptedProvider):
    """Answers at once, but for the cases named, which it never answers."""

    def __init__(self, name: str, *stuck: int, fails: bool = False) -> None:
        super().__init__(lambda _, __: busy() if fails else answer(name), name=name, latency_s=0.1)
        self._stuck = stuck
        self.cancelled = 0

    async def complete(self, request: Request) -> Completion:
        if request.case.seq in self._stuck:
            try:
                await asyncio.sleep(1e6)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return await super().complete(request)


async def answered(
    providers: list[ScriptedProvider], jobs: list[Job], *, at_end: bool = True, warm: int = 200
) -> tuple[list[object], Caller, int]:
    """The outcomes of the jobs after `warm` others, and how many copies were made."""
    router = router_of(providers, strategy="round_robin")
    async with hedging(CONFIG, router, lambda: at_end) as hedges:
        one = caller(providers, journal=FakeJournal(), router=router, hedges=hedges)
        for seq in range(1000, 1000 + warm):
            await one.attempt(job(seq), request(job(seq)))
        outcomes = await asyncio.wait_for(asyncio.gather(*(one.attempt(of, request(of)) for of in jobs)), 1000.0)
        assert hedges is not None
        assert all(endpoint.load.in_flight == 0 == endpoint.calls for endpoint in router.endpoints)
        return list(outcomes), one, hedges.copies


def test_a_stuck_call_is_answered_by_its_copy() -> None:
    """Once: the loser is cancelled, its endpoint is not blamed, and the result names the winner."""
    stuck = Stuck("a", 1)
    outcomes, _, copies = run_virtual(answered([stuck, Stuck("b")], [job(1)]))
    (response,) = outcomes
    assert isinstance(response, Response)
    assert (response.call.endpoint, response.completion.text) == ("b", "b")
    assert (stuck.cancelled, copies) == (1, 1)


def test_nothing_is_copied_while_there_are_cases_to_take() -> None:
    with pytest.raises(TimeoutError):
        run_virtual(answered([Stuck("a", 1, 2), Stuck("b")], [job(1)], at_end=False))


def test_copies_stay_within_their_share_of_all_calls() -> None:
    """Two in a hundred: of ten stuck calls among 203 only the first five get a copy."""

    async def go() -> int:
        stuck = Stuck("a", *range(1, 11)), Stuck("b")
        router = router_of(stuck, strategy="round_robin")
        async with hedging(CONFIG, router, lambda: True) as hedges:
            one = caller(stuck, router=router, hedges=hedges)
            for seq in range(1000, 1203):
                await one.attempt(job(seq), request(job(seq)))
            calls = [asyncio.create_task(one.attempt(of, request(of))) for of in map(job, range(1, 11))]
            await asyncio.sleep(100.0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            assert hedges is not None
            return hedges.copies

    assert 3 <= run_virtual(go()) <= 5


def test_a_failure_waits_for_the_other_copy() -> None:
    """The copy fails at once; the first call then answers after all."""

    class Slow(ScriptedProvider):
        async def complete(self, request: Request) -> Completion:
            if request.case.seq == 1:
                await asyncio.sleep(20.0)
            return await super().complete(request)

    class FailsOne(ScriptedProvider):
        async def complete(self, request: Request) -> Completion:
            if request.case.seq == 1:
                raise busy()
            return await super().complete(request)

    providers = [Slow(lambda _, __: answer("a"), name="a"), FailsOne(lambda _, __: answer("b"), name="b")]
    outcomes, _, copies = run_virtual(answered(providers, [job(1)]))
    assert isinstance(outcomes[0], Response)
    assert outcomes[0].completion.text == "a"
    assert copies == 1


def test_two_failures_are_one_failure() -> None:
    class Fails(ScriptedProvider):
        async def complete(self, request: Request) -> Completion:
            if request.case.seq == 1:
                await asyncio.sleep(20.0)
                raise busy(retry_after_s=1e9)
            return await super().complete(request)

    providers = [Fails(lambda _, __: answer(), name=name) for name in "ab"]
    outcomes, _, copies = run_virtual(answered(providers, [job(1)]))
    assert isinstance(outcomes[0], Unanswered)
    assert copies == 1
