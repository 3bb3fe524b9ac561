"""All at work advance alike, at a speed that depends on how many they are."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.simulator.capacity import ProcessorSharing, batch_pace
from tests.support.virtual_loop import run_virtual


async def _request(sharing: ProcessorSharing, begin_s: float, alone_s: float) -> float:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(begin_s)
    sharing.join()
    try:
        await sharing.work(alone_s)
    finally:
        sharing.leave()
    return loop.time() - begin_s


def _run(pace, *requests: tuple[float, float]) -> list[float]:
    async def work():
        sharing = ProcessorSharing(pace)
        return await asyncio.gather(*(_request(sharing, *request) for request in requests))

    return run_virtual(work())


def test_alone_it_takes_its_time():
    assert _run(batch_pace(0.5, None, 0), (0, 2.0)) == pytest.approx([2.0])


def test_two_slow_each_other_down():
    """Pace 1.5 with two: both take 3 s for 2 s of work."""
    assert _run(batch_pace(0.5, None, 0), (0, 2.0), (0, 2.0)) == pytest.approx([3.0, 3.0])


def test_only_while_they_are_both_there():
    """1 s alone; then 1.5 s for the second's 1 s; the first has then 2 s done, of 3."""
    assert _run(batch_pace(0.5, None, 0), (0, 3.0), (1, 1.0)) == pytest.approx([3.5, 1.5])


def test_pressure_sets_in_above_its_number_and_grows_with_the_square():
    pace = batch_pace(0.0, 2, 0.25)
    assert [pace(at_work) for at_work in range(6)] == [1, 1, 1, 1.25, 2, 3.25]


def test_who_leaves_early_slows_nobody_any_more():
    async def work():
        sharing = ProcessorSharing(batch_pace(1.0, None, 0))
        stays = asyncio.create_task(_request(sharing, 0, 2.0))
        leaves = asyncio.create_task(_request(sharing, 0, 9.0))
        await asyncio.sleep(2.0)  # half speed: 1 s done
        leaves.cancel()
        return await stays, sharing.at_work

    assert run_virtual(work()) == (pytest.approx(3.0), 0)


def test_work_in_several_steps_is_the_sum_of_them():
    async def work():
        sharing = ProcessorSharing(batch_pace(1.0, None, 0))
        sharing.join()
        sharing.join()
        times = []
        for _ in range(3):
            await sharing.work(0.5)
            times.append(asyncio.get_running_loop().time())
        return times

    assert run_virtual(work()) == pytest.approx([1.0, 2.0, 3.0])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 10)), min_size=1, max_size=12))
def test_nobody_is_faster_than_alone_nor_slower_than_with_all_from_the_beginning(requests):
    pace = batch_pace(0.3, 4, 0.1)
    for took_s, (_, alone_s) in zip(_run(pace, *requests), requests, strict=True):
        assert alone_s - 1e-6 <= took_s <= alone_s * pace(len(requests)) + 1e-6
