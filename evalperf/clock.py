"""The only place that reads a clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

__all__ = ["cpu_s", "monotonic_s", "new_event_loop", "now", "unix_s", "utc_now", "utc_stamp"]


def now() -> float:
    """Seconds on the running loop's clock: monotonic, and virtual in tests that run on a virtual loop."""
    return asyncio.get_running_loop().time()


def utc_now() -> datetime:
    """The time of day in UTC; written to files it is RFC 3339."""
    return datetime.now(UTC)


def utc_stamp() -> str:
    """The time of day as RFC 3339 in UTC, with microseconds."""
    return utc_now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def unix_s() -> float:
    """The time of day as seconds since 1970: what several processes, and a file of last week, agree on."""
    return time.time()


def monotonic_s() -> float:
    """Seconds on a clock that never jumps, for measuring where no loop runs; never virtual."""
    return time.perf_counter()


def cpu_s() -> float:
    """CPU seconds (user and system, all threads) that this process has used."""
    return time.process_time()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A uvloop where there is one, else asyncio's own; with a clock finer than uvloop's cached milliseconds."""
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows, and dear to import for commands that need no loop
    except ImportError:
        return asyncio.new_event_loop()

    class PreciseLoop(uvloop.Loop):
        """uvloop's `time()` is cached per iteration and rounded to 1 ms, too coarse to measure latencies with."""

        time = staticmethod(time.monotonic)  # a method of our own would cost a third of a microsecond more

    return PreciseLoop()
