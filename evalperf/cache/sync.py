"""A cache for code without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from evalperf import clock
from evalperf.cache.backend import Hit, Provenance
from evalperf.cache.cache import NO_PROVENANCE, Cache, From
from evalperf.cache.opening import open_cache
from evalperf.cache.sqlite_rows import Selection
from evalperf.cache.statistics import CacheStatistics
from evalperf.config.cache import TieredCacheConfig

__all__ = ["SyncCache", "open_sync_cache"]

T = TypeVar("T")


class SyncCache:
    """The methods of `Cache`, each of which waits for its outcome; may be called from several threads."""

    def __init__(self, cache: Cache, loop: asyncio.AbstractEventLoop) -> None:
        self._cache = cache
        self._loop = loop

    def get(self, key: bytes) -> Hit | None:
        """What the nearest tier has; what memory has takes no hop into another thread."""
        return self._cache.peek(key) or self._wait(self._cache.get(key))

    def get_many(self, keys: Sequence[bytes]) -> list[Hit | None]:
        """As `get` for each, by one round trip a tier at most."""
        return self._wait(self._cache.get_many(keys))

    def set(self, key: bytes, value: bytes, provenance: Provenance = NO_PROVENANCE) -> None:
        """Keeps a value: here at once, on disk and in Redis a moment later."""
        self._wait(self._cache.set(key, value, provenance))

    def set_many(self, items: Sequence[tuple[bytes, bytes, Provenance]]) -> None:
        """As `set` for each."""
        self._wait(self._cache.set_many(items))

    def get_or_call(self, key: bytes, call: Callable[[], bytes]) -> tuple[bytes, From]:
        """The value and where it was found, None if `call` was asked; threads that want the same share a call."""

        async def called() -> bytes:
            return await asyncio.to_thread(call)

        return self._wait(self._cache.get_or_call(key, called))

    def delete_many(self, keys: Sequence[bytes]) -> int:
        """Removes entries from every tier; how many there were."""
        return self._wait(self._cache.delete_many(keys))

    def invalidate(self, selection: Selection) -> int:
        """Removes the entries that are meant; how many."""
        return self._wait(self._cache.invalidate(selection))

    def clear(self) -> int:
        """Drops everything from every tier; how many entries there were."""
        return self._wait(self._cache.clear())

    def flush(self) -> None:
        """Returns when everything that was set is with the disk and Redis."""
        self._wait(self._cache.flush())

    def statistics(self) -> CacheStatistics:
        """What the cache has done since it was opened."""
        return self._cache.statistics()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def open_sync_cache(
    config: TieredCacheConfig, name: str, folder: Path, *, base_dir: Path = Path()
) -> Iterator[SyncCache]:
    """As `open_cache`, on a loop in a thread of its own, which ends with the block."""
    ready: Future[tuple[SyncCache, Callable[[], None]]] = Future()
    opening = open_cache(config, name, folder, base_dir=base_dir)
    with ThreadPoolExecutor(1, f"cache-{name}") as thread:
        living = thread.submit(_run, opening, ready)
        cache, close = ready.result()
        try:
            yield cache
        finally:
            close()
            living.result()


def _run(opening: AbstractAsyncContextManager[Cache], ready: Future[tuple[SyncCache, Callable[[], None]]]) -> None:
    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner:
        runner.run(_live(opening, ready))


async def _live(
    opening: AbstractAsyncContextManager[Cache], ready: Future[tuple[SyncCache, Callable[[], None]]]
) -> None:
    """Keeps the cache open until it is told to close; what opening raises goes to who waits for it."""
    loop, closing = asyncio.get_running_loop(), asyncio.Event()
    try:
        async with opening as cache:
            ready.set_result((SyncCache(cache, loop), lambda: _close(loop, closing)))
            await closing.wait()
    except Exception as error:
        if ready.done():
            raise
        ready.set_exception(error)


def _close(loop: asyncio.AbstractEventLoop, closing: asyncio.Event) -> None:
    loop.call_soon_threadsafe(closing.set)
