"""A bounded channel between producers and one consumer, whose end needs no waiting.

An end mark put into a full queue waits for ever when its consumer has died; so the end is a synchronous `close()`, and
a consumer that dies calls `break_()`, which wakes every waiting sender with the error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from evalperf.errors import EvalperfError

__all__ = ["Channel", "ClosedChannel"]

T = TypeVar("T")


class ClosedChannel(Exception):  # noqa: N818 - an end, not an error
    """Nothing more will come."""


class Channel(Generic[T]):
    """First in, first out; bounded by items and by bytes, where one oversized item may always pass alone."""

    def __init__(self, max_items: int, max_bytes: int | None = None) -> None:
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._senders: deque[asyncio.Future[None]] = deque()  # waiting for room; woken one per item taken
        self._receiver: asyncio.Future[bool] | None = None  # the consumer, when it waits
        self._closed = False
        self._broken: EvalperfError | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether a sender would have to wait now."""
        return len(self._items) >= self._max_items or (self._max_bytes is not None and self._bytes >= self._max_bytes)

    async def send(self, item: T, size_bytes: int = 0) -> None:
        """Waits for room and puts the item; raises the consumer's error if it has died, ClosedChannel after close."""
        while self.full and self._broken is None and not self._closed:
            await self._wait_for_room()
        if self._broken is not None:
            raise self._broken
        if self._closed:
            raise ClosedChannel
        self._items.append((item, size_bytes))
        self._bytes += size_bytes
        self._wake_receiver()

    async def receive(self) -> T:
        """Waits for the next item; raises ClosedChannel after the last one."""
        while not self._items:
            if self._closed:
                raise ClosedChannel
            await self._wait_for_item(None)
        return self._take()

    async def receive_many(self, max_items: int, wait_s: float) -> list[T]:
        """Waits for a first item, then for at most `wait_s` more to fill up; raises ClosedChannel after the last."""
        items = [await self.receive()]
        deadline_s = asyncio.get_running_loop().time() + wait_s
        while len(items) < max_items:
            if self._items:
                items.append(self._take())
            elif self._closed or not await self._wait_for_item(deadline_s):
                break
        return items

    def close(self) -> None:
        """No more items will be sent; what is inside can still be received."""
        self._closed = True
        self._wake_receiver()
        self._wake_senders()

    def break_(self, error: EvalperfError) -> None:
        """The consumer has died: every sender, now and later, gets the error."""
        self._broken = error
        self._wake_senders()

    def _take(self) -> T:
        item, size_bytes = self._items.popleft()
        self._bytes -= size_bytes
        self._pass_on()
        return item

    async def _wait_for_room(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._senders.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._pass_on()  # was woken and cancelled at once: the room goes to the next in line
            raise

    def _pass_on(self) -> None:
        while self._senders:
            sender = self._senders.popleft()
            if not sender.done():
                sender.set_result(None)
                return

    async def _wait_for_item(self, deadline_s: float | None) -> bool:
        """Whether something may have changed before the deadline."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._receiver = waiter
        timer = None if deadline_s is None else loop.call_at(deadline_s, _time_out, waiter)
        try:
            return await waiter
        finally:
            self._receiver = None
            if timer is not None:
                timer.cancel()

    def _wake_receiver(self) -> None:
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(True)

    def _wake_senders(self) -> None:
        while self._senders:
            self._pass_on()


def _time_out(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)
