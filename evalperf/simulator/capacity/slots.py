"""A fixed number of slots, and one queue in front of them."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from evalperf.clock import now

__all__ = ["OverloadedError", "Slots"]


class OverloadedError(Exception):
    """The queue is full."""


class Slots:
    """At most so many requests at once, first come, first served.

    `schedule` names the number of slots from a time on, in seconds after the first request; its first time is 0. Fewer
    slots take none away from requests at work.
    """

    def __init__(self, schedule: Sequence[tuple[float, int]], *, queue_size: int) -> None:
        self._times_s = [time_s for time_s, _ in schedule]
        self._numbers = [slots for _, slots in schedule]
        self._queue_size = queue_size
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._busy = 0
        self._began_s = 0.0
        self._is_open = False

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Returns with a slot, to be given back by `leave`; raises OverloadedError."""
        if not self._is_open:
            self._open()
        if self._busy < self._slots() and not self._waiting:
            self._busy += 1
            return
        if len(self._waiting) >= self._queue_size:
            raise OverloadedError
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
            else:  # the slot came at the moment when nobody wanted it any more
                self.leave()
            raise

    def leave(self) -> None:
        """Gives a slot back."""
        self._busy -= 1
        self._admit()

    def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._is_open, self._began_s = True, now()
        for time_s in self._times_s[1:]:
            loop.call_at(self._began_s + time_s, self._admit)

    def _slots(self) -> int:
        return self._numbers[bisect_right(self._times_s, now() - self._began_s) - 1]

    def _admit(self) -> None:
        slots = self._slots()
        while self._busy < slots and self._waiting:
            turn = self._waiting.popleft()
            self._busy += 1
            turn.set_result(None)
