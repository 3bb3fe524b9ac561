"""The watch interrupts what takes too long, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from evalperf import clock
from evalperf.pipeline.watch import watch
from tests.support.virtual_loop import run_virtual


def test_work_over_the_limit_is_a_timeout() -> None:
    """At most a twentieth late."""

    async def go() -> float:
        async with watch(10) as limit:
            with pytest.raises(TimeoutError):
                await limit.limit(asyncio.sleep(1000))
            return clock.now()

    assert 10 <= run_virtual(go()) <= 10.51


def test_work_within_the_limit_returns_and_the_task_goes_on() -> None:
    """The same task may use the watch again, after a timeout too."""

    async def go() -> list[str]:
        seen = []
        async with watch(10) as limit:
            for seconds in (1, 1000, 9, 1000, 2):
                try:
                    seen.append(await limit.limit(asyncio.sleep(seconds, "done")))
                except TimeoutError:
                    seen.append("late")
        return seen

    assert run_virtual(go()) == ["done", "late", "done", "late", "done"]


def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    """Even when the limit is over at the same moment."""

    async def go() -> bool:
        async with watch(10) as limit:
            work = asyncio.create_task(limit.limit(asyncio.sleep(1000)))
            await asyncio.sleep(5)
            work.cancel()
            await asyncio.wait([work])
            return work.cancelled()

    assert run_virtual(go())
