"""Which caches a `evalperf cache` command is about, and how it goes through them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import typer

from evalperf.cli.console import load, session_of, write
from evalperf.errors import ConfigError

if TYPE_CHECKING:
    from typer._click import Context

    from evalperf.cache.stored import Stored
    from evalperf.config.cache import TieredCacheConfig

__all__ = ["NAMES", "Target", "confirm", "on_each", "targets_of"]

T = TypeVar("T")

NAMES = ("responses", "embeddings", "queries", "scores")


class Target(NamedTuple):
    """A cache that a command is about."""

    name: str
    config: TieredCacheConfig
    path: Path


def targets_of(
    ctx: Context, config: Path | None, settings: list[str] | None, names: Sequence[str] | None
) -> list[Target]:
    """The caches of the configuration, or those in the user's folder; none that is turned off."""
    from evalperf.cache import disk_path
    from evalperf.config.cache import CacheConfig
    from evalperf.config.load import cache_dir

    sections, base_dir = CacheConfig(), Path()
    if config is not None:
        loaded = load(session_of(ctx), config, settings or [])
        sections, base_dir = loaded.config.cache, loaded.base_dir
    elif settings:
        raise ConfigError("--set changes a configuration, and none is named", hint="name it before the options")
    wrong = [name for name in names or () if name not in NAMES]
    if wrong:
        raise ConfigError(f'--name: found "{wrong[0]}", expected one of {", ".join(NAMES)}')
    chosen = {name: getattr(sections, name) for name in names or NAMES}
    return [
        Target(name, section, disk_path(section, name, cache_dir(), base_dir))
        for name, section in chosen.items()
        if section.strategy != "off"
    ]


def on_each(targets: Sequence[Target], work: Callable[[Stored], Coroutine[Any, Any, T]], ctx: Context) -> list[T]:
    """What `work` brings for each cache, one after the other; a missing file is no error."""

    def warn(text: str) -> None:
        typer.echo(f"warning: {session_of(ctx).redact(text)}", err=True)

    async def through() -> list[T]:
        from evalperf.cache.stored import open_stored

        outcomes = []
        for target in targets:
            async with open_stored(target.config, target.name, target.path, warn) as stored:
                outcomes.append(await work(stored))
        return outcomes

    return asyncio.run(through())


def confirm(question: str, *, yes: bool) -> None:
    """Goes on if that is wanted; without a person to ask, only --yes says so."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} Nobody can be asked here", hint="add --yes")
    if not typer.confirm(question, err=True):
        write("nothing was removed")
        raise typer.Exit
