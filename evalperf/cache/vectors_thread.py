"""An index of vectors with the thread that owns it: searches take milliseconds, which the loop has not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from evalperf.cache.vectors import Neighbour, VectorIndex

__all__ = ["IndexThread"]

T = TypeVar("T")


class IndexThread:
    """Runs the calls of an index one after the other, in the order in which they were made."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        self._thread = ThreadPoolExecutor(1, "evalperf-vectors")

    def __len__(self) -> int:
        return len(self._index)

    async def add_many(
        self, group: bytes, entries: Sequence[tuple[bytes, Sequence[float]]], *, extra_bytes: Sequence[int] = ()
    ) -> list[bytes]:
        """As the index does."""
        return await self._run(lambda: self._index.add_many(group, entries, extra_bytes=extra_bytes))

    async def search_many(
        self, group: bytes, vectors: Sequence[Sequence[float]], k: int, threshold: float
    ) -> list[list[Neighbour]]:
        """As the index does."""
        return await self._run(lambda: self._index.search_many(group, vectors, k, threshold))

    def close(self) -> None:
        """Ends the thread after the calls that were made; a second call does nothing."""
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
