"""Processes for calls: each answered as it is done, and one that costs its process costs itself only."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time

import pytest

from evalperf.scorers.process_lanes import ProcessLanes
from evalperf.scorers.worker_process import WorkerDiedError


class OddError(Exception):
    """Can't be made again from its message."""

    def __init__(self, a, b):
        super().__init__(f"{a} {b}")


def act(what, *args):
    if what == "die":
        os._exit(3)
    if what == "hang":
        time.sleep(60)
    if what == "never end":
        re.match(r"(a+)+$", "a" * 40 + "b")
    if what == "eat":
        return len([bytearray(10**8) for _ in range(100)])
    if what == "exit":
        sys.exit(5)
    if what == "odd error":
        raise OddError(1, 2)
    if what == "a function":
        return lambda: None
    if what == "hang once" and not args[0].exists():
        args[0].touch()
        time.sleep(60)
    return (what, os.getpid(), *args)


def make_act():
    return act


def make_nothing():
    raise RuntimeError("can't begin")


@pytest.fixture
async def lanes():
    """Opens lanes that are closed at the end."""
    opened = []

    def open_(most=1, limit_s=30.0, make_work=make_act, **options):
        opened.append(ProcessLanes(make_work, most, limit_s, **options))
        return opened[-1]

    yield open_
    for each in opened:
        await each.close()


async def outcomes(pool, *whats):
    found = await asyncio.gather(*(pool.run(what) for what in whats), return_exceptions=True)
    return [each[0] if isinstance(each, tuple) else each for each in found]


async def warm(pool):
    """Until it takes large batches."""
    for _ in range(8):
        await outcomes(pool, *"abcdefgh" * 20)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("die", WorkerDiedError, r"died \(exit code 3\)"),
        ("hang", TimeoutError, "took longer than 1 s"),
        ("never end", TimeoutError, "took longer than 1 s"),
        ("exit", WorkerDiedError, "raised SystemExit: 5"),
        ("odd error", WorkerDiedError, "OddError: 1 2"),
        ("a function", Exception, "pickle"),
    ],
)
async def test_a_fault_in_the_middle_of_a_batch_costs_one_call(lanes, fault, error, message):
    pool = lanes(limit_s=1.0)
    await warm(pool)
    found = await outcomes(pool, "a", "b", fault, "c", "d")
    assert [found[at] for at in (0, 1, 3, 4)] == ["a", "b", "c", "d"]
    assert isinstance(found[2], error)
    assert re.search(message, str(found[2]))


async def test_a_call_that_eats_memory_gets_a_memory_error(lanes):
    pool = lanes(memory_mb=1024)
    found = await outcomes(pool, "a", "eat", "b")
    assert isinstance(found[1], MemoryError)
    assert (found[0], found[2]) == ("a", "b")


async def test_calls_are_answered_with_what_belongs_to_them(lanes):
    pool = lanes(most=2)
    answers = await asyncio.gather(*(pool.run("x", number) for number in range(500)))
    assert [number for _, _, number in answers] == list(range(500))
    assert len({pid for _, pid, _ in answers}) <= 2


async def test_batches_grow_while_calls_are_quick(lanes):
    pool = lanes()
    await warm(pool)
    (lane,) = pool._lanes
    assert lane.batch_size > 8


async def test_a_cancelled_call_gives_its_process_back_and_costs_no_other(lanes):
    pool = lanes()
    await warm(pool)
    hanging = asyncio.create_task(pool.run("hang"))
    others = [asyncio.create_task(pool.run(letter)) for letter in "abc"]
    await asyncio.sleep(0.2)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert [(await task)[0] for task in others] == ["a", "b", "c"]


async def test_a_call_whose_process_was_killed_for_another_is_done_again(lanes, tmp_path):
    """A cancelled call's process may have gone on to the next one by then."""
    pool = lanes()
    began = tmp_path / "began"
    task = asyncio.create_task(pool.run("hang once", began))
    while not began.exists():
        await asyncio.sleep(0.01)
    (lane,) = pool._lanes
    lane.kill()
    assert (await task)[0] == "hang once"


async def test_a_call_that_is_cancelled_while_it_waits_is_never_begun(lanes, tmp_path):
    pool = lanes()
    first = asyncio.create_task(pool.run("a"))
    waiting = asyncio.create_task(pool.run("hang"))
    await asyncio.sleep(0)
    waiting.cancel()
    assert (await first)[0] == "a"
    assert (await asyncio.wait_for(pool.run("b"), 20))[0] == "b"


async def test_work_that_can_not_be_made_is_told_to_each_call(lanes):
    pool = lanes(make_work=make_nothing)
    found = await outcomes(pool, "a", "b")
    assert [type(each) for each in found] == [WorkerDiedError, WorkerDiedError]
    assert str(found[0]) == "the process could not begin: RuntimeError: can't begin"


async def test_a_value_that_can_not_travel_costs_its_own_call(lanes):
    pool = lanes()
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        await pool.run("x", lambda: None)
    assert (await pool.run("a"))[0] == "a"


async def test_closing_ends_what_is_at_work():
    pool = ProcessLanes(make_act, 2, 60.0)
    hanging = [asyncio.create_task(pool.run("hang")) for _ in range(3)]
    while not any(lane._process for lane in pool._lanes):
        await asyncio.sleep(0.01)
    await pool.close()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*hanging, return_exceptions=True)
    )


async def test_the_loop_stays_free_while_a_process_works(lanes):
    pool = lanes(limit_s=0.5)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with pytest.raises(TimeoutError):
        await pool.run("never end")
    ticking.cancel()
    assert ticks > 5
