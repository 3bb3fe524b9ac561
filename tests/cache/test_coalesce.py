from __future__ import annotations

import asyncio

import pytest

from evalperf.cache import Coalescer

KEY = b"k"


class Call:
    """A call that ends when it is told to, and knows how often it was made."""

    def __init__(self) -> None:
        self.made = 0
        self.cancelled = 0
        self.done = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> str:
        self.made += 1
        try:
            await self.done.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return "answer"


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def start(coalescer: Coalescer[str], call: Call, count: int) -> list[asyncio.Task[tuple[str, bool]]]:
    tasks = [asyncio.create_task(coalescer.share(KEY, call)) for _ in range(count)]
    await turns()
    return tasks


async def test_the_same_request_in_flight_is_one_call() -> None:
    coalescer, call = Coalescer[str](), Call()
    tasks = await start(coalescer, call, 3)
    call.done.set()
    assert await asyncio.gather(*tasks) == [("answer", True), ("answer", False), ("answer", False)]
    assert call.made == 1


async def test_other_requests_are_other_calls() -> None:
    coalescer, call = Coalescer[str](), Call()
    call.done.set()
    await asyncio.gather(coalescer.share(b"a", call), coalescer.share(b"b", call))
    assert call.made == 2


async def test_nothing_is_kept_of_a_call_that_has_landed() -> None:
    coalescer, call = Coalescer[str](), Call()
    call.done.set()
    await coalescer.share(KEY, call)
    await coalescer.share(KEY, call)
    assert (call.made, len(coalescer)) == (2, 0)


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_waiter_who_is_cancelled_takes_nothing_from_the_others(place: int) -> None:
    coalescer, call = Coalescer[str](), Call()
    tasks = await start(coalescer, call, 3)
    tasks[place].cancel()
    await turns()
    call.done.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [one[0] if isinstance(one, tuple) else type(one) for one in found] == [
        asyncio.CancelledError if at == place else "answer" for at in range(3)
    ]
    assert (call.made, call.cancelled) == (1, 0)


async def test_the_last_waiter_to_leave_ends_the_call() -> None:
    coalescer, call = Coalescer[str](), Call()
    tasks = await start(coalescer, call, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (call.cancelled, len(coalescer)) == (1, 0)


async def test_who_comes_while_a_call_is_being_cancelled_gets_one_of_their_own() -> None:
    coalescer, call = Coalescer[str](), Call()
    (task,) = await start(coalescer, call, 1)
    task.cancel()
    await asyncio.sleep(0)
    late = asyncio.create_task(coalescer.share(KEY, call))
    await turns()
    call.done.set()
    assert await late == ("answer", True)
    await asyncio.gather(task, return_exceptions=True)


async def test_a_failure_goes_to_those_who_waited_and_to_nobody_later() -> None:
    coalescer, call = Coalescer[str](), Call()
    call.error = ValueError("no")
    tasks = await start(coalescer, call, 2)
    call.done.set()
    assert [type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)] == [ValueError, ValueError]
    call.error = None
    assert await coalescer.share(KEY, call) == ("answer", True)


async def test_a_failure_that_nobody_waits_for_any_more_is_no_complaint() -> None:
    """Warnings are errors: a task whose exception nobody has seen would fail this test."""
    coalescer, call = Coalescer[str](), Call()

    async def stubborn() -> str:
        try:
            return await call()
        except asyncio.CancelledError:
            raise ValueError("late") from None

    task = asyncio.create_task(coalescer.share(KEY, stubborn))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_that_gives_itself_up_is_made_again_by_those_who_waited() -> None:
    coalescer, calls = Coalescer[str](), []
    go = asyncio.Event()

    async def call() -> str:
        calls.append(1)
        await go.wait()
        if len(calls) == 1:
            raise asyncio.CancelledError
        return "answer"

    first = asyncio.create_task(coalescer.share(KEY, call))
    second = asyncio.create_task(coalescer.share(KEY, call))
    await turns()
    go.set()
    found = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1] == ("answer", True)
