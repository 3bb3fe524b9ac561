"""The end of a session by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evalperf.errors import EvalperfError, StoppedError

__all__ = ["deadline"]


@contextmanager
def deadline(after_s: float | None, end: Callable[[EvalperfError], None]) -> Iterator[None]:
    """Calls `end` once if the block is still running after so long a time; None for no limit."""
    if after_s is None:
        yield
        return
    error = StoppedError(f"the deadline of {after_s:g} s has passed", hint="continue with --resume")
    timer = asyncio.get_running_loop().call_later(after_s, end, error)
    try:
        yield
    finally:
        timer.cancel()
