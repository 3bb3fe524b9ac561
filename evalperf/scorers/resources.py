"""What the scorers of a run share: where the user's code is, and the threads of the patterns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from evalperf.scorers.time_limit import PatternThreads

__all__ = ["Resources"]


class Resources:
    """Handed to each builder; what a builder registers here is closed when the scorers are."""

    def __init__(self, base_dir: Path, stack: AsyncExitStack) -> None:
        self.base_dir = base_dir
        self.threads = PatternThreads()
        self._stack = stack
        self.at_close(self.threads.close)

    def at_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Have `close` awaited at the end, the last one registered first."""
        self._stack.push_async_callback(close)
