"""How a protocol is spoken: one `Provider` per endpoint, opened from the configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from evalperf.config.model import AnswerProvider
from evalperf.providers.base import ConnectionStatistics, LocalFault, Provider, Unreachable, WrongAddress

__all__ = [
    "OPENERS",
    "ConnectionStatistics",
    "LocalFault",
    "Opener",
    "Provider",
    "Unreachable",
    "WrongAddress",
    "open_providers",
]

Opener = Callable[[Any, Path, int], tuple[Provider, ...]]
"""(section of the configuration, its folder, connections) → the providers, one per endpoint."""


def _open_openai(config: Any, base_dir: Path, connections: int) -> tuple[Provider, ...]:
    from evalperf.providers.openai import open_openai  # noqa: PLC0415 - TLS is dear to import

    return open_openai(config, base_dir, connections=connections)


def _open_anthropic(config: Any, base_dir: Path, connections: int) -> tuple[Provider, ...]:
    from evalperf.providers.anthropic import open_anthropic  # noqa: PLC0415 - TLS is dear to import

    return open_anthropic(config, base_dir, connections=connections)


def _open_replay(config: Any, base_dir: Path, connections: int) -> tuple[Provider, ...]:  # noqa: ARG001
    from evalperf.providers.replay import open_replay  # noqa: PLC0415 - only what is chosen is loaded

    return (open_replay(config, base_dir),)


def _open_function(config: Any, base_dir: Path, connections: int) -> tuple[Provider, ...]:
    from evalperf.providers.function import open_function  # noqa: PLC0415 - only what is chosen is loaded
    from evalperf.providers.function_batch import open_function_batch  # noqa: PLC0415 - as above

    if config.batch:
        return (open_function_batch(config, base_dir, threads=connections),)
    return (open_function(config, base_dir, threads=connections),)


def _open_command(config: Any, base_dir: Path, connections: int) -> tuple[Provider, ...]:
    from evalperf.providers.command import open_command  # noqa: PLC0415 - only what is chosen is loaded

    return (open_command(config, base_dir, processes=connections),)


OPENERS: dict[str, Opener] = {
    "openai": _open_openai,
    "anthropic": _open_anthropic,
    "replay": _open_replay,
    "function": _open_function,
    "command": _open_command,
}
"""By the `type` of the configuration; `simulator` is not here: the pipeline starts the server and asks for `openai`."""


@asynccontextmanager
async def open_providers(
    config: AnswerProvider, base_dir: Path, *, connections: int
) -> AsyncIterator[tuple[Provider, ...]]:
    """The providers of a run, one per endpoint; `connections` is how many calls may be on their way at once.

    Relative paths start at `base_dir`. Raises ConfigError where something named in the configuration does not exist.
    Leaving the block closes them all.
    """
    async with AsyncExitStack() as stack:
        providers = OPENERS[config.type](config, base_dir, connections)
        for provider in providers:
            stack.push_async_callback(provider.aclose)
        yield providers
