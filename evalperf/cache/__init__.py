"""Answers that were paid for once: memory, disk and Redis behind one lookup, and calls in flight that are shared."""

from __future__ import annotations

from evalperf.cache.backend import CacheBackend, Hit, Provenance, Tier, Warn
from evalperf.cache.cache import Cache, From
from evalperf.cache.coalesce import Coalescer
from evalperf.cache.keep import worth_keeping
from evalperf.cache.keys import KeyMaker, is_sampled, response_key, response_parts, url_family
from evalperf.cache.memory import MemoryTier
from evalperf.cache.opening import MEGABYTE, disk_path, open_cache
from evalperf.cache.redis import RedisTier, open_redis
from evalperf.cache.sqlite import SqliteTier, open_sqlite
from evalperf.cache.sqlite_rows import DiskFacts, ModelFacts, Selection
from evalperf.cache.statistics import CacheStatistics, Latencies
from evalperf.cache.sync import SyncCache, open_sync_cache

__all__ = [
    "MEGABYTE",
    "Cache",
    "CacheBackend",
    "CacheStatistics",
    "Coalescer",
    "DiskFacts",
    "From",
    "Hit",
    "KeyMaker",
    "Latencies",
    "MemoryTier",
    "ModelFacts",
    "Provenance",
    "RedisTier",
    "Selection",
    "SqliteTier",
    "SyncCache",
    "Tier",
    "Warn",
    "disk_path",
    "is_sampled",
    "open_cache",
    "open_redis",
    "open_sqlite",
    "open_sync_cache",
    "response_key",
    "response_parts",
    "url_family",
    "worth_keeping",
]
