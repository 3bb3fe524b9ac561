"""Finished runs that were folded before: their summaries in the cache `queries`, so that no report reads them twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from evalperf import __version__
from evalperf.errors import DamageError
from evalperf.own_places import only_own_places
from evalperf.results import RunDirectory, RunInfo
from evalperf.stats import Summary

if TYPE_CHECKING:
    from evalperf.cache import SyncCache

__all__ = ["Folded", "KeptSummaries", "open_kept_summaries"]

WORTH_KEEPING_BYTES: Final = 2_000_000
"""Of results on disk: fewer are read again faster than the cache is opened."""


class Folded(Struct, frozen=True):
    """A run's summary, and what could not be read for it."""

    summary: Summary
    faults: list[str]


class KeptSummaries:
    """Summaries by everything that they are computed from: the files, the question and the version of evalperf."""

    def __init__(self, cache: SyncCache) -> None:
        from evalperf.cache import KeyMaker  # noqa: PLC0415 - reports of small runs need no cache

        self._cache = cache
        self._key = KeyMaker("summary", {"evalperf": __version__})

    def get_or_fold(self, directory: RunDirectory, by: str | None, fold: Callable[[], Folded]) -> Folded:
        """What is kept, else what `fold` brings; kept if it is whole: a disk may give later what it did not."""
        key = self._key(_contents(directory), by)
        hit = self._cache.get(key)
        if hit is not None:
            with suppress(msgspec.DecodeError):  # of another form: it is made again
                return msgspec.msgpack.decode(hit.value, type=Folded)
        folded = fold()
        if not folded.faults:
            self._cache.set(key, msgspec.msgpack.encode(folded))
        return folded


@contextmanager
def open_kept_summaries(
    directory: RunDirectory, info: RunInfo, folder: Callable[[], Path]
) -> Iterator[KeptSummaries | None]:
    """As the run's `cache.queries` says; None where the run goes on, is small, or the cache is off."""
    if not directory.success.exists() or sum(size for _, size, _ in _contents(directory)) < WORTH_KEEPING_BYTES:
        yield None
        return
    from evalperf.cache import open_sync_cache  # noqa: PLC0415 - as above
    from evalperf.config.cache import TieredCacheConfig  # noqa: PLC0415 - as above

    stated = info.config.get("cache", {}).get("queries", {})
    if isinstance(stated, dict):
        stated = only_own_places(stated, folder())
    try:
        config = TieredCacheConfig.model_validate(stated)
    except ValueError as error:
        raise DamageError(f"the configuration in run.json of run {info.run_id} has a cache that is none") from error
    if config.strategy == "off":
        yield None
        return
    with open_sync_cache(config, "queries", folder()) as cache:
        yield KeptSummaries(cache)


def _contents(directory: RunDirectory) -> list[tuple[str, int, int]]:
    """Name, size and time of change of each file that a summary is computed from."""
    files = [directory.run_json, *sorted(directory.results.glob("*")), *sorted(directory.failures.glob("*"))]
    return [
        (str(file.relative_to(directory.path)), found.st_size, found.st_mtime_ns)
        for file in files
        if file.is_file() and (found := file.stat())
    ]
