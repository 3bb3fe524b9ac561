"""What the scorers of a run share: where the user's code is, the threads of the patterns, how a scorer is built."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from evalperf.errors import ConfigError
from evalperf.scorers.asking import Models
from evalperf.scorers.base import Scorer
from evalperf.scorers.time_limit import PatternThreads

__all__ = ["Resources"]


class Resources:
    """Handed to each builder; what a builder registers here is closed when the scorers are."""

    def __init__(
        self,
        base_dir: Path,
        stack: AsyncExitStack,
        build: Callable[[Any, Resources], Scorer],
        models: Models | None = None,
    ) -> None:
        self.base_dir = base_dir
        self.threads = PatternThreads()
        self._stack = stack
        self._build = build
        self._models = models
        self.at_close(self.threads.close)

    def build(self, config: Any) -> Scorer:
        """The scorer of a configuration that stands inside another one."""
        return self._build(config, self)

    @property
    def models(self) -> Models:
        """Opens the models that a scorer asks; raises ConfigError where scorers are used without a run."""
        if self._models is None:
            raise ConfigError("it asks a model, and there is none to ask here", hint="score it with evalperf run")
        return self._models

    def at_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Have `close` awaited at the end, the last one registered first."""
        self._stack.push_async_callback(close)
