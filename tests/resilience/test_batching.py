"""Batches that many tasks fill, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.errors import ProviderError, StoppedError
from evalperf.resilience import Batcher, BatchLimits
from tests.support.virtual_loop import run_virtual


class Receiver:
    """Answers each item with its negative after `latency_s`; fails as `failing` says."""

    def __init__(
        self,
        latency_s: float = 1.0,
        failing: Callable[[Sequence[int]], BaseException | None] = lambda _: None,
    ) -> None:
        self._latency_s = latency_s
        self._failing = failing
        self.batches: list[tuple[float, list[int]]] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def send(self, items: Sequence[int]) -> list[int]:
        self.batches.append((asyncio.get_running_loop().time(), list(items)))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self._latency_s)
        finally:
            self.in_flight -= 1
        if (error := self._failing(items)) is not None:
            raise error
        return [-item for item in items]

    @property
    def sizes(self) -> list[int]:
        return [len(items) for _, items in self.batches]


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def run() -> None:
        run_virtual(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def rejected(_: Sequence[int]) -> ProviderError:
    return ProviderError("rejected", "no", status=400)


def poison(*items: int) -> Callable[[Sequence[int]], ProviderError | None]:
    return lambda batch: rejected(batch) if set(items) & set(batch) else None


@virtual
async def test_items_of_many_tasks_share_a_call_and_each_gets_its_own_answer() -> None:
    receiver = Receiver()
    async with Batcher(receiver.send, BatchLimits()) as batcher:
        assert await asyncio.gather(*(batcher.ask(item) for item in range(7))) == [0, -1, -2, -3, -4, -5, -6]
    assert receiver.batches == [(pytest.approx(0.1), [0, 1, 2, 3, 4, 5, 6])]


@virtual
async def test_a_full_batch_does_not_wait() -> None:
    receiver = Receiver()
    async with Batcher(receiver.send, BatchLimits(max_wait_s=60)) as batcher:
        await asyncio.gather(*(batcher.ask(item) for item in range(20)))
    assert receiver.batches == [(0.0, list(range(20)))]


@virtual
async def test_without_a_wait_only_those_of_the_same_moment_travel_together() -> None:
    receiver = Receiver()
    async with Batcher(receiver.send, BatchLimits(max_wait_s=0)) as batcher:
        await asyncio.gather(*(batcher.ask(item) for item in range(3)))
    assert receiver.sizes == [3]


@virtual
async def test_an_item_waits_no_longer_than_stated_for_others_who_never_come() -> None:
    receiver = Receiver(latency_s=0.0)
    async with Batcher(receiver.send, BatchLimits(max_wait_s=0.25)) as batcher:
        for item in range(3):
            await batcher.ask(item)
    assert [at_s for at_s, _ in receiver.batches] == [pytest.approx(0.25), pytest.approx(0.5), pytest.approx(0.75)]


@virtual
async def test_while_all_calls_are_taken_items_gather() -> None:
    receiver = Receiver(latency_s=10)
    async with Batcher(receiver.send, BatchLimits(max_wait_s=0.1, max_concurrent=1)) as batcher:
        first = asyncio.create_task(batcher.ask(0))
        await asyncio.sleep(1)
        await asyncio.gather(first, *(batcher.ask(item) for item in range(1, 10)))
    assert receiver.batches[1] == (pytest.approx(10.1), list(range(1, 10)))


@virtual
async def test_one_that_can_not_be_answered_fails_alone() -> None:
    receiver = Receiver(failing=poison(5))
    async with Batcher(receiver.send, BatchLimits()) as batcher:
        found = await asyncio.gather(*(batcher.ask(item) for item in range(16)), return_exceptions=True)
    assert [item for item, answer in enumerate(found) if isinstance(answer, ProviderError)] == [5]
    assert [answer for answer in found if not isinstance(answer, ProviderError)] == [-n for n in range(16) if n != 5]
    assert receiver.sizes == [16, 8, 4, 4, 2, 1, 1, 2, 8]


@virtual
async def test_halves_stay_within_the_one_call_of_their_batch() -> None:
    receiver = Receiver(failing=poison(*range(40)))
    async with Batcher(receiver.send, BatchLimits(max_concurrent=2)) as batcher:
        await asyncio.gather(*(batcher.ask(item) for item in range(40)), return_exceptions=True)
    assert receiver.most_in_flight == 2


@virtual
async def test_a_failure_of_one_item_is_not_the_size_s() -> None:
    receiver = Receiver(failing=poison(5))
    async with Batcher(receiver.send, BatchLimits()) as batcher:
        await asyncio.gather(*(batcher.ask(item) for item in range(20)), return_exceptions=True)
        assert batcher.size == 20
        assert [(record.size, record.ok) for record in batcher.history()] == [(20, False)]


@virtual
async def test_a_batch_that_was_too_large_makes_the_next_ones_smaller() -> None:
    receiver = Receiver(failing=lambda items: rejected(items) if len(items) > 10 else None)
    async with Batcher(receiver.send, BatchLimits()) as batcher:
        assert await batcher.ask_many(range(20)) == [-item for item in range(20)]
        assert batcher.size == 10


@pytest.mark.parametrize("kind", ["rate_limited", "connection", "auth", "quota"])
def test_what_is_not_the_batch_s_fault_is_not_tried_in_halves(kind: Any) -> None:
    async def test() -> None:
        receiver = Receiver(failing=lambda _: ProviderError(kind, "no"))
        async with Batcher(receiver.send, BatchLimits()) as batcher:
            found = await asyncio.gather(*(batcher.ask(item) for item in range(20)), return_exceptions=True)
            assert batcher.size == 20
        assert [type(answer) for answer in found] == [ProviderError] * 20
        assert receiver.sizes == [20]

    run_virtual(test())


@virtual
async def test_too_few_answers_are_a_failure_and_never_shifted() -> None:
    async def send(items: Sequence[int]) -> list[int]:
        return [-item for item in items][: len(items) - (len(items) > 1)]

    async with Batcher(send, BatchLimits()) as batcher:
        assert await batcher.ask_many([1, 2, 3]) == [-1, -2, -3]


@virtual
async def test_what_ends_the_run_reaches_all_who_wait() -> None:
    receiver = Receiver(failing=lambda _: StoppedError("no credit"))
    async with Batcher(receiver.send, BatchLimits()) as batcher:
        found = await asyncio.gather(*(batcher.ask(item) for item in range(3)), return_exceptions=True)
    assert [type(answer) for answer in found] == [StoppedError] * 3
    assert receiver.sizes == [3]


@virtual
async def test_cancelling_one_who_waits_takes_only_its_item_out() -> None:
    receiver = Receiver()
    async with Batcher(receiver.send, BatchLimits()) as batcher:
        tasks = [asyncio.create_task(batcher.ask(item)) for item in range(4)]
        await asyncio.sleep(0.05)
        tasks[1].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    assert [found[0], *found[2:]] == [0, -2, -3]
    assert receiver.batches[0][1] == [0, 2, 3]


@virtual
async def test_cancelling_one_whose_item_is_on_its_way_leaves_the_others_their_answers() -> None:
    receiver = Receiver()
    async with Batcher(receiver.send, BatchLimits()) as batcher:
        tasks = [asyncio.create_task(batcher.ask(item)) for item in range(4)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [found[0], *found[2:]] == [0, -2, -3]


@virtual
async def test_an_ask_for_many_that_is_cancelled_takes_all_its_items_out() -> None:
    receiver = Receiver()
    async with Batcher(receiver.send, BatchLimits()) as batcher:
        many = asyncio.create_task(batcher.ask_many([1, 2, 3]))
        other = asyncio.create_task(batcher.ask(4))
        await asyncio.sleep(0.05)
        many.cancel()
        assert await other == -4
    assert receiver.batches[0][1] == [4]


@virtual
async def test_closing_answers_all_who_wait_at_once() -> None:
    receiver = Receiver()
    async with Batcher(receiver.send, BatchLimits(max_wait_s=60, max_concurrent=1)) as batcher:
        tasks = [asyncio.create_task(batcher.ask(item)) for item in range(25)]
        await asyncio.sleep(0.5)
    assert await asyncio.gather(*tasks) == [-item for item in range(25)]
    assert asyncio.get_running_loop().time() == pytest.approx(2.0)


@virtual
async def test_after_closing_nothing_is_taken() -> None:
    async with Batcher(Receiver().send, BatchLimits()) as batcher:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await batcher.ask(1)


@virtual
async def test_an_error_of_the_owner_cancels_all_and_leaves_nothing_behind() -> None:
    receiver = Receiver(latency_s=1000)
    tasks: list[asyncio.Task[int]] = []

    async def owner() -> None:
        async with Batcher(receiver.send, BatchLimits(max_concurrent=1)) as batcher:
            tasks.extend(asyncio.create_task(batcher.ask(item)) for item in range(25))
            await asyncio.sleep(0.5)
            raise ValueError("the owner's")

    with pytest.raises(ValueError, match="the owner's"):
        await owner()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    assert receiver.in_flight == 0
    assert asyncio.get_running_loop().time() < 1


@virtual
async def test_heavy_items_go_in_smaller_batches_and_the_heaviest_alone() -> None:
    receiver = Receiver()
    async with Batcher(receiver.send, BatchLimits(max_weight=10), weigh=lambda item: item) as batcher:
        await batcher.ask_many([4, 5, 2, 50, 1, 1])
    assert [items for _, items in receiver.batches] == [[4, 5], [2], [50], [1, 1]]


arrivals = st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["well", "poisoned", "cancelled"])), max_size=60)


@given(arrivals, st.integers(1, 4), st.floats(0, 0.5), st.floats(0, 3))
@settings(deadline=None, max_examples=60)
def test_each_item_is_answered_once_in_order_and_none_starves(
    arriving: list[tuple[float, str]], concurrent: int, wait_s: float, latency_s: float
) -> None:
    """Whatever comes when, is poisoned or leaves: the laws of the batcher."""
    bad = {item for item, (_, fate) in enumerate(arriving) if fate == "poisoned"}
    receiver = Receiver(latency_s, poison(*bad))
    asked: list[int] = []
    waits: dict[int, float] = {}

    async def one(batcher: Batcher[int, int], item: int) -> object:
        at_s, fate = arriving[item]
        await asyncio.sleep(at_s)
        asked.append(item)
        task = asyncio.ensure_future(batcher.ask(item))
        if fate == "cancelled":
            await asyncio.sleep(wait_s / 2)
            task.cancel()
        return (await asyncio.gather(task, return_exceptions=True))[0]

    async def all_of_them() -> list[object]:
        async with Batcher(receiver.send, BatchLimits(max_concurrent=concurrent, max_wait_s=wait_s)) as batcher:
            return await asyncio.gather(*(one(batcher, item) for item in range(len(arriving))))

    found = run_virtual(all_of_them())
    assert receiver.most_in_flight <= concurrent
    for item, (answer, (_, fate)) in enumerate(zip(found, arriving, strict=True)):
        if fate == "well":
            assert answer == -item
        elif fate == "poisoned":
            assert isinstance(answer, ProviderError)
    for at_s, items in receiver.batches:
        for item in items:
            waits.setdefault(item, at_s - arriving[item][0])
    # with a call free for it, no item waits longer than stated; else no longer than for all calls before it
    calls_before = len(receiver.batches)
    assert all(wait <= wait_s + calls_before * latency_s + 1e-6 for wait in waits.values())
    assert list(waits) == [item for item in asked if item in waits]  # first come, first sent
