"""What a session measures of its calls is what its endpoints have seen."""

from __future__ import annotations

import asyncio

import pytest

from evalperf.errors import ProviderError
from evalperf.pipeline.figures import batch_figures, endpoint_figures
from evalperf.records import Case, Completion
from evalperf.resilience import BatchRecord, RateLimit
from tests.support.fakes import ScriptedProvider, answer, busy, caller, job, request, router_of
from tests.support.virtual_loop import run_virtual


def troubled(case: Case, time: int) -> Completion | ProviderError:
    """The first case is refused once, the second fails once, all others are answered."""
    if time == 1 and case.seq == 1:
        return ProviderError("rate_limited", "slow down", status=429, retryable=True)
    return busy() if time == 1 and case.seq == 2 else answer()


def test_every_call_counts_as_an_answer_an_error_or_cancelled() -> None:
    async def go() -> None:
        provider = ScriptedProvider(troubled, name="a", latency_s=0.5)
        router = router_of([provider])
        one = caller([], router=router)
        for _ in range(2):
            for seq in (1, 2, 3):
                await one.attempt(job(seq), request(job(seq)))
        left = asyncio.create_task(one.attempt(job(4), request(job(4))))
        await asyncio.sleep(0.1)
        under_way = endpoint_figures(router.endpoints[0])
        assert (under_way.calls, under_way.cancelled) == (7, 0), "it may still be answered"
        left.cancel()
        await asyncio.wait([left])
        figures = endpoint_figures(router.endpoints[0])
        assert (figures.calls, figures.ok, figures.cancelled) == (7, 4, 1)
        assert figures.errors == {"rate_limited": 1, "server_error": 1}
        assert (figures.latency_s.n, figures.latency_s.max) == (4, pytest.approx(0.5))
        assert (figures.name, figures.model, figures.connections) == ("a", "scripted", None)

    run_virtual(go())


def test_waits_for_a_limit_are_counted_and_summed() -> None:
    """Ten a second and a burst of one: of three at once two wait, 0.1 and 0.2 s."""

    async def go() -> None:
        provider = ScriptedProvider(lambda _, __: answer(), latency_s=0.0)
        router = router_of([provider], rate=RateLimit(requests_per_s=10.0, burst=1, margin=1.0))
        one = caller([], router=router)
        await asyncio.gather(*(one.attempt(job(seq), request(job(seq))) for seq in (1, 2, 3)))
        figures = endpoint_figures(router.endpoints[0])
        assert (figures.throttled_calls, figures.throttled_s) == (2, pytest.approx(0.3, abs=1e-6))

    run_virtual(go())


def test_a_breaker_that_opened_is_told() -> None:
    async def go() -> None:
        router = router_of([ScriptedProvider(lambda _, __: answer())])
        router.endpoints[0].trip("the health check failed")
        assert endpoint_figures(router.endpoints[0]).breaker_openings == 1

    run_virtual(go())


def test_a_history_of_batches_is_told_in_fifty_windows_at_most() -> None:
    """None is left out: 120 batches in 40 windows of three."""
    records = [BatchRecord(100.0 + at, 10 + at, 0.5, at != 7) for at in range(120)]
    figures = batch_figures("embedder", records, began_s=100.0)
    assert (figures.batches, figures.failed, figures.items) == (120, 1, sum(record.size for record in records))
    assert (figures.latency_s.n, figures.latency_s.mean) == (119, 0.5)
    assert [window.batches for window in figures.history] == [3] * 40
    first, third = figures.history[0], figures.history[2]
    assert (first.at_s, first.size, first.latency_s) == (0.0, 11.0, 0.5)
    assert (third.failed, sum(window.failed for window in figures.history)) == (1, 1)


def test_a_receiver_that_got_no_batch_has_no_history() -> None:
    figures = batch_figures("embedder", [], began_s=0.0)
    assert (figures.batches, figures.history, figures.latency_s.p50) == (0, (), None)
