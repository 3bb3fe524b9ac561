"""Runs test cases through model endpoints, scores the answers, and reports numbers that can be trusted.

From Python:

    from pathlib import Path
    from evalperf import RunOptions, execute, load_config

    outcome = execute(load_config(Path("configs/recorded.json")), RunOptions())
    outcome.report.document["scores"]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalperf.cache import Cache, CacheStatistics, Coalescer, KeyMaker, SyncCache, open_cache, open_sync_cache
    from evalperf.config import LoadedConfig, load_config
    from evalperf.config.cache import TieredCacheConfig
    from evalperf.errors import EvalperfError
    from evalperf.records import Case, Completion, Request, Response, Result, Score
    from evalperf.results import RunDirectory, find_run, read_results
    from evalperf.run import Outcome, RunOptions, execute, run
    from evalperf.summarise import summarise_run

__version__ = "0.1.0"

__all__ = [
    "Cache",
    "CacheStatistics",
    "Case",
    "Coalescer",
    "Completion",
    "EvalperfError",
    "KeyMaker",
    "LoadedConfig",
    "Outcome",
    "Request",
    "Response",
    "Result",
    "RunDirectory",
    "RunOptions",
    "Score",
    "SyncCache",
    "TieredCacheConfig",
    "__version__",
    "execute",
    "find_run",
    "load_config",
    "open_cache",
    "open_sync_cache",
    "read_results",
    "run",
    "summarise_run",
]

_HOMES = {
    "evalperf.cache": (
        "Cache",
        "CacheStatistics",
        "Coalescer",
        "KeyMaker",
        "SyncCache",
        "open_cache",
        "open_sync_cache",
    ),
    "evalperf.config.cache": ("TieredCacheConfig",),
    "evalperf.config": ("LoadedConfig", "load_config"),
    "evalperf.errors": ("EvalperfError",),
    "evalperf.records": ("Case", "Completion", "Request", "Response", "Result", "Score"),
    "evalperf.results": ("RunDirectory", "find_run", "read_results"),
    "evalperf.run": ("Outcome", "RunOptions", "execute", "run"),
    "evalperf.summarise": ("summarise_run",),
}


def __getattr__(name: str) -> Any:
    """A public name, from its home; imported late, since `evalperf --help` needs none of them."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'evalperf' has no attribute {name!r}")
