"""Slots are given first come, first served, and never more than there are."""

from __future__ import annotations

import asyncio

import pytest

from evalperf.simulator.capacity import OverloadedError, Slots
from tests.support.virtual_loop import run_virtual


async def _hold(slots: Slots, seconds: float, entered: list[float]) -> None:
    await slots.enter()
    entered.append(asyncio.get_running_loop().time())
    await asyncio.sleep(seconds)
    slots.leave()


def test_who_comes_first_enters_first_and_no_more_than_there_is_room_for():
    async def work():
        slots, entered = Slots([(0.0, 2)], queue_size=10), []
        await asyncio.gather(*(_hold(slots, 1.0, entered) for _ in range(5)))
        return entered

    assert run_virtual(work()) == [0.0, 0.0, 1.0, 1.0, 2.0]


def test_a_full_queue_turns_away():
    async def work():
        slots = Slots([(0.0, 1)], queue_size=1)
        await slots.enter()
        waiting = asyncio.create_task(slots.enter())
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await slots.enter()
        slots.leave()
        await waiting

    run_virtual(work())


def test_more_slots_let_those_in_who_wait():
    async def work():
        slots, entered = Slots([(0.0, 1), (5.0, 3)], queue_size=10), []
        await asyncio.gather(*(_hold(slots, 100.0, entered) for _ in range(4)))
        return entered

    assert run_virtual(work()) == [0.0, 5.0, 5.0, 100.0]


def test_fewer_slots_let_those_at_work_finish():
    async def work():
        slots, entered = Slots([(0.0, 3), (5.0, 1)], queue_size=10), []
        await asyncio.gather(*(_hold(slots, 10.0, entered) for _ in range(5)))
        return entered

    assert run_virtual(work()) == [0.0, 0.0, 0.0, 10.0, 20.0]


def test_the_schedule_begins_with_the_first_request():
    async def work():
        slots, entered = Slots([(0.0, 1), (5.0, 2)], queue_size=10), []
        await asyncio.sleep(7.0)
        await asyncio.gather(*(_hold(slots, 100.0, entered) for _ in range(2)))
        return entered

    assert run_virtual(work()) == [7.0, 12.0]


def test_who_leaves_the_queue_takes_no_slot():
    async def work():
        slots, entered = Slots([(0.0, 1)], queue_size=10), []
        first = asyncio.create_task(_hold(slots, 1.0, entered))
        second = asyncio.create_task(_hold(slots, 1.0, entered))
        third = asyncio.create_task(_hold(slots, 1.0, entered))
        await asyncio.sleep(0.5)
        second.cancel()
        await asyncio.gather(first, third)
        return entered, slots.waiting

    assert run_virtual(work()) == ([0.0, 1.0], 0)


def test_a_slot_given_to_one_who_is_just_leaving_goes_on_to_the_next():
    async def work():
        slots = Slots([(0.0, 1)], queue_size=10)
        await slots.enter()
        leaving, next_one = asyncio.create_task(slots.enter()), asyncio.create_task(slots.enter())
        await asyncio.sleep(0)
        slots.leave()  # gives it to `leaving`, who has not yet run
        leaving.cancel()
        await asyncio.wait_for(next_one, 1)
        assert leaving.cancelled()

    run_virtual(work())


def test_who_arrives_when_there_are_more_slots_does_not_overtake_those_who_wait():
    """The newcomer's timer is older than the schedule's, so it runs first at the same moment."""

    async def work():
        slots, order = Slots([(0.0, 1), (5.0, 2)], queue_size=10), []

        async def request(name: str, begin_s: float) -> None:
            await asyncio.sleep(begin_s)
            await slots.enter()
            order.append(name)
            await asyncio.sleep(10.0)
            slots.leave()

        await asyncio.gather(request("newcomer", 5.0), request("first", 0.0), request("waiting", 0.0))
        return order

    assert run_virtual(work()) == ["first", "waiting", "newcomer"]
