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
            with pytest.raises(TimeoutError), limit.slot():
                await asyncio.sleep(1000)
            return clock.now()

    assert 10 <= run_virtual(go()) <= 10.51


def test_work_within_the_limit_returns_and_the_task_goes_on() -> None:
    """The same slot serves one stretch after the other, after a timeout too."""

    async def go() -> list[str]:
        seen = []
        async with watch(10) as limit:
            slot = limit.slot()
            for seconds in (1, 1000, 9, 1000, 2):
                try:
                    with slot:
                        seen.append(await asyncio.sleep(seconds, "done"))
                except TimeoutError:
                    seen.append("late")
                await asyncio.sleep(30)  # between two stretches nothing is limited
        return seen

    assert run_virtual(go()) == ["done", "late", "done", "late", "done"]


def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    async def go() -> bool:
        async with watch(10) as limit:

            async def work() -> None:
                with limit.slot():
                    await asyncio.sleep(1000)

            task = asyncio.create_task(work())
            await asyncio.sleep(5)
            task.cancel()
            await asyncio.wait([task])
            return task.cancelled()

    assert run_virtual(go())


def test_both_at_once_is_a_cancellation() -> None:
    """The one from outside must not be lost in the time limit."""

    async def go() -> bool:
        async with watch(10) as limit:
            slots = []

            async def work() -> None:
                slot = limit.slot()
                slots.append(slot)
                with slot:
                    await asyncio.sleep(1000)

            task = asyncio.create_task(work())
            await asyncio.sleep(1)
            slots[0].interrupt()
            task.cancel()
            await asyncio.wait([task])
            return task.cancelled()

    assert run_virtual(go())
