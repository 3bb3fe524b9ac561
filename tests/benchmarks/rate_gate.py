"""What it costs to wait at a rate limit: ten thousand waiters, beside as many that only sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from evalperf import clock
from evalperf.resilience import RateGate, RateLimit
from tests.benchmarks.measure import verdict
from tests.support.virtual_loop import run_virtual

WAITERS, ROUNDS = 10_000, 3


def main() -> None:
    """Prints the best of a few rounds."""
    verdict("microseconds of a waiter more than of a sleeper", run_virtual(_extra_s()) * 1e6, 10, at_most=True)


async def _extra_s() -> float:
    extra_s = []
    for _ in range(ROUNDS):
        gate = RateGate(RateLimit(requests_per_s=1000, burst=100))
        asleep_s = await _cost_s(asyncio.sleep(number / 1000) for number in range(1, WAITERS + 1))
        extra_s.append(await _cost_s(gate.acquire(0) for _ in range(WAITERS)) - asleep_s)
    return min(extra_s) / WAITERS


async def _cost_s(waiters: Iterable[Coroutine[Any, Any, object]]) -> float:
    began_s = clock.cpu_s()
    await asyncio.gather(*waiters)
    return clock.cpu_s() - began_s


if __name__ == "__main__":
    main()
