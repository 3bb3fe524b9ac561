"""Identical requests in flight share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

__all__ = ["Coalescer"]

T = TypeVar("T")


class _Flight(Struct, Generic[T]):
    task: asyncio.Task[T]
    waiters: int = 0


class Coalescer(Generic[T]):
    """Shares one attempt among all who want the same at the same time; keeps nothing of it afterwards.

    The call runs in a task of its own, so that a waiter who is cancelled, the first one too, takes nothing from the
    others; the last one to leave cancels the call and waits for its end. An attempt's exception goes to those who
    waited for this attempt; who asks later begins a new one, so that nobody waits for a retry of somebody else.
    """

    def __init__(self) -> None:
        self._flights: dict[bytes, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def share(self, key: bytes, call: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """The outcome of the attempt, and whether it was ours; raises what the attempt has raised."""
        while True:
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight(asyncio.ensure_future(_run(call)))
                flight.task.add_done_callback(lambda task: self._landed(key, task))
                return await self._wait(key, flight), True
            try:
                return await self._wait(key, flight), False
            except asyncio.CancelledError:
                if not flight.task.cancelled() or _is_cancelled():
                    raise
                # the call gave itself up, and nobody has cancelled us: a call of our own, then

    async def _wait(self, key: bytes, flight: _Flight[T]) -> T:
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                self._forget(key, flight.task)  # who comes now must not join a call that is being cancelled
                flight.task.cancel()
                await asyncio.wait({flight.task})

    def _landed(self, key: bytes, task: asyncio.Task[T]) -> None:
        self._forget(key, task)
        if not task.cancelled():
            task.exception()  # seen, also where every waiter has gone

    def _forget(self, key: bytes, task: asyncio.Task[T]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]


async def _run(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
