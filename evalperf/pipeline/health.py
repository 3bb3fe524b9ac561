"""Asks endpoints from time to time if they are well, so that one that has died is left alone before cases find out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evalperf import clock
from evalperf.events import Emit, Noticed
from evalperf.pipeline.endpoint import Endpoint
from evalperf.pipeline.router import Router
from evalperf.resilience import CircuitState

__all__ = ["watch_health"]

PATIENCE_S = 10.0
"""A health check that takes longer has failed."""


@asynccontextmanager
async def watch_health(router: Router | None, interval_s: float, emit: Emit) -> AsyncIterator[None]:
    """Checks every endpoint each `interval_s` while the block runs; 0 checks nothing. Owns the task that does it."""
    if router is None or interval_s == 0:
        yield
        return
    checking = asyncio.create_task(_check_for_ever(router, interval_s, emit))
    try:
        yield
    finally:
        checking.cancel()
        await asyncio.wait([checking])


async def _check_for_ever(router: Router, interval_s: float, emit: Emit) -> None:
    while True:
        await asyncio.sleep(interval_s)
        await asyncio.gather(*(_check(endpoint, emit) for endpoint in router.endpoints))


async def _check(endpoint: Endpoint, emit: Emit) -> None:
    """An endpoint that has just answered, or is known to be down, need not be asked."""
    if endpoint.breaker.state is not CircuitState.CLOSED or endpoint.answered_within(PATIENCE_S):
        return
    trouble = await endpoint.provider.probe(PATIENCE_S)
    if trouble is not None and not endpoint.answered_within(PATIENCE_S):
        emit(Noticed(clock.now(), "warning", f"endpoint {endpoint.name} fails its health check: {trouble.message}"))
        endpoint.trip(f"health check: {trouble.message}")
