"""Lookups that come together go to the slower tiers as one: a hop into a thread costs more than fifty reads there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

__all__ = ["Lookups"]

BATCH = 256

T = TypeVar("T")


class Lookups(Generic[T]):
    """Gathers the lookups of one turn of the loop, and those that come while others are under way, into batches.

    One batch is under way at a time, in a task that this owns.
    """

    def __init__(self, fetch: Callable[[Sequence[bytes]], Awaitable[Mapping[bytes, T]]]) -> None:
        self._fetch = fetch
        self._waiting: list[tuple[bytes, asyncio.Future[T | None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: bytes) -> T | None:
        """What `fetch` finds for the key; raises what it raises."""
        future: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        return await future

    async def aclose(self) -> None:
        """Waits for the batch that is under way."""
        if self._task is not None:
            await self._task

    async def _serve(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._serve_batch(batch)
        finally:
            self._task = None

    async def _serve_batch(self, batch: Sequence[tuple[bytes, asyncio.Future[T | None]]]) -> None:
        keys = list(dict.fromkeys(key for key, future in batch if not future.done()))
        try:
            found = await self._fetch(keys)
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            if not isinstance(error, Exception):
                raise
            return
        for key, future in batch:
            if not future.done():
                future.set_result(found.get(key))
