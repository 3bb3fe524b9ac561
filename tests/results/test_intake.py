"""Rows are handed over in batches, in order, and whoever waits is woken when there is a reason."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from evalperf.results.intake import Intake, Row
from tests.results.helpers import make_result


def row(seq: int) -> Row:
    return seq, make_result(seq)


def make_intake(**changes: Any) -> Intake:
    return Intake(**{"max_rows": 100, "max_bytes": 1000, "batch_rows": 10, "batch_s": 60.0, **changes})


async def started(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """The work as a task that goes as far as it can."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_a_batch_is_handed_over_as_soon_as_it_is_complete() -> None:
    intake = make_intake(batch_rows=2)
    taking = await started(intake.take())
    intake.add(row(1), 1)
    await asyncio.sleep(0)
    assert not taking.done()
    intake.add(row(2), 1)
    assert await taking == [row(1), row(2)]
    assert len(intake) == 0
    intake.close()
    assert await intake.take() == []


async def test_a_full_intake_is_handed_over_and_lets_producers_in() -> None:
    """Full by number or by bytes."""
    for limits, size_bytes in (({"max_rows": 1}, 1), ({}, 2000)):
        intake = make_intake(**limits)
        taking = await started(intake.take())
        intake.add(row(1), size_bytes)
        assert intake.full
        waiting = await started(intake.room())
        assert await taking == [row(1)]
        await waiting
        assert not intake.full


async def test_bytes_are_counted_from_the_last_batch_on() -> None:
    intake = make_intake(max_bytes=10)
    for seq in (1, 2, 3):
        intake.add(row(seq), 6)
        assert not intake.full
        intake.add(row(seq), 3)
        assert not intake.full
        intake.add(row(seq), 1)
        assert intake.full
        assert len(await intake.take()) == 3


async def test_the_time_of_a_batch_begins_with_its_first_row() -> None:
    intake = make_intake(batch_s=0.01)
    intake.add(row(1), 1)
    assert await intake.take() == [row(1)]
    taking = await started(intake.take())
    await asyncio.sleep(0.03)
    assert not taking.done()  # no row has waited
    intake.add(row(2), 1)
    await asyncio.sleep(0)
    assert not taking.done()
    assert await taking == [row(2)]


async def test_a_batch_that_was_complete_before_its_time_leaves_no_timer_behind() -> None:
    intake = make_intake(batch_rows=2, batch_s=0.02)
    intake.add(row(1), 1)
    intake.add(row(2), 1)
    assert await intake.take() == [row(1), row(2)]
    taking = await started(intake.take())
    await asyncio.sleep(0.04)
    assert not taking.done()
    intake.close()
    assert await taking == []


async def test_a_producer_that_was_let_in_waits_again_if_another_was_quicker() -> None:
    intake = make_intake(max_rows=1)
    intake.add(row(1), 1)
    waiting = await started(intake.room())
    await intake.take()
    intake.add(row(2), 1)
    await asyncio.sleep(0)
    assert not waiting.done()
    await intake.take()
    await waiting


async def test_producers_that_gave_up_waiting_are_passed_over() -> None:
    intake = make_intake(max_rows=1)
    intake.add(row(1), 1)
    first, second = await started(intake.room()), await started(intake.room())
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await intake.take()
    await second


async def test_every_producer_hears_what_the_consumer_died_of() -> None:
    intake = make_intake(max_rows=1)
    intake.add(row(1), 1)
    waiting = await started(intake.room())
    intake.break_(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await waiting
    assert intake.full
    with pytest.raises(OSError, match="gone"):
        await intake.room()
    await intake.take()
    assert intake.full


async def test_an_intake_whose_consumer_has_died_is_full() -> None:
    """So that the next producer asks for room, and hears of it."""
    intake = make_intake()
    intake.break_(OSError("gone"))
    assert intake.full
