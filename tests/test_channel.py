"""The channel is first in first out, bounded, and ends without hanging anybody."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf import clock
from evalperf.channel import Channel, ClosedChannel
from evalperf.errors import OutputError
from tests.support.virtual_loop import run_virtual


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 50), max_size=60),
    max_items=st.integers(1, 7),
    max_bytes=st.none() | st.integers(1, 60),
    take=st.integers(1, 9),
)
def test_all_items_arrive_in_order_within_the_bounds(
    sizes: list[int], max_items: int, max_bytes: int | None, take: int
) -> None:
    """One oversized item may pass alone."""

    async def go() -> list[int]:
        channel: Channel[int] = Channel(max_items, max_bytes)
        got: list[int] = []

        async def receive() -> None:
            try:
                while True:
                    got.extend(await channel.receive_many(take, 0.5))
                    await asyncio.sleep(0.1)
            except ClosedChannel:
                return

        receiver = asyncio.create_task(receive())
        for number, size in enumerate(sizes):
            await channel.send(number, size)
            assert len(channel) <= max_items
        channel.close()
        await receiver
        return got

    assert run_virtual(go()) == list(range(len(sizes)))


def test_receive_many_waits_for_company_but_not_for_ever() -> None:
    """Two items within the wait come together; then the deadline ends it."""

    async def go() -> tuple[list[int], float]:
        channel: Channel[int] = Channel(10)
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, lambda: channel._items.append((1, 0)) or channel._wake_receiver())
        loop.call_later(1.3, lambda: channel._items.append((2, 0)) or channel._wake_receiver())
        return await channel.receive_many(5, 0.5), clock.now()

    items, at_s = run_virtual(go())
    assert items == [1, 2]
    assert at_s == pytest.approx(1.5)


def test_a_dead_consumer_wakes_every_waiting_sender() -> None:
    """A full channel whose consumer has died must not hang its producers."""

    async def go() -> list[str]:
        channel: Channel[int] = Channel(1)
        await channel.send(0)

        async def send() -> str:
            try:
                await channel.send(1)
            except OutputError as error:
                return str(error)
            return "sent"

        senders = [asyncio.create_task(send()) for _ in range(5)]
        await asyncio.sleep(1)
        channel.break_(OutputError("x", "disk full"))
        return [await sender for sender in senders]

    assert run_virtual(go()) == ["can't write x: disk full"] * 5


def test_closing_needs_no_room() -> None:
    """The end comes after what is inside, even when the channel is full."""

    async def go() -> list[int]:
        channel: Channel[int] = Channel(1)
        await channel.send(7)
        channel.close()
        got = [await channel.receive()]
        with pytest.raises(ClosedChannel):
            await channel.receive()
        with pytest.raises(ClosedChannel):
            await channel.send(8)
        return got

    assert run_virtual(go()) == [7]


def test_a_cancelled_sender_passes_its_turn_on() -> None:
    """The room it was woken for goes to the next in line."""

    async def go() -> list[int]:
        channel: Channel[int] = Channel(1)
        await channel.send(0)
        first = asyncio.create_task(channel.send(1))
        second = asyncio.create_task(channel.send(2))
        got = []
        await asyncio.sleep(1)
        await channel.receive()  # wakes the first
        first.cancel()
        await asyncio.wait([first])
        got.append(await asyncio.wait_for(channel.receive(), 5))
        await second
        return got

    assert run_virtual(go()) == [2]
