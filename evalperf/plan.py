"""What a run would do, without doing it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from msgspec import Struct

from evalperf.cases import survey
from evalperf.config.expand import masked
from evalperf.config.load import LoadedConfig
from evalperf.estimate import Estimate, estimate
from evalperf.sizing import count_workers

__all__ = ["Plan", "plan"]


class Plan(Struct, frozen=True, kw_only=True):
    """What is fixed before anything is asked."""

    cases: int
    epochs: int
    provider: str
    model: str | None
    endpoints: list[str]
    scorers: list[str]
    workers: int
    inputs: list[str]
    output_dir: str
    first_prompt: str
    """The last message of the first case, as it would be sent."""


def plan(loaded: LoadedConfig, *, cache_dir: Path | None, state_dir: Path) -> tuple[Plan, Estimate]:
    """Reads the input, the cache and earlier runs; sends nothing. Raises EvalperfError as the run would."""
    return asyncio.run(_plan(loaded, cache_dir, state_dir))


async def _plan(loaded: LoadedConfig, cache_dir: Path | None, state_dir: Path) -> tuple[Plan, Estimate]:
    config = loaded.config
    inputs = await survey(config.cases, loaded.base_dir)
    estimated = await estimate(loaded, inputs, cache_dir=cache_dir, state_dir=state_dir)
    facts = Plan(
        cases=estimated.cases,
        epochs=config.cases.epochs,
        provider=config.provider.type,
        model=config.provider.model,
        endpoints=[masked(endpoint.url) for endpoint in getattr(config.provider, "endpoints", ())],
        scorers=[scorer.name or scorer.type for scorer in config.scorers],
        workers=count_workers(config),
        inputs=[f"{_tidy(file.path)} ({file.lines:,} lines)" for file in inputs.files] or ["standard input"],
        output_dir=_tidy(loaded.base_dir / config.output.dir),
        first_prompt=estimated.first_prompt,
    )
    return facts, estimated


def _tidy(path: Path | str) -> str:
    """Without the detours that a path relative to the configuration takes."""
    return os.path.normpath(path)
