"""What a run would do, without doing it."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

from msgspec import Struct

from evalperf.cases import Prompt, build_prompt, read_batches, survey
from evalperf.config.load import LoadedConfig
from evalperf.config.model import OpenAIProvider
from evalperf.errors import InputError
from evalperf.records import Case
from evalperf.sizing import BATCH_BYTES, batch_size, count_workers

__all__ = ["Plan", "plan"]

BYTES_PER_TOKEN = 4
"""A rule of thumb for English text; other languages take more tokens for the same bytes."""


class Plan(Struct, frozen=True, kw_only=True):
    """An estimate; None where it can't be known before."""

    cases: int | None
    """Cases times epochs; None with `where` and stdin."""
    requests: int | None
    """Without retries; 0 where answers are recorded."""
    input_tokens: int | None
    """Estimated from the first cases, at 4 bytes a token."""
    max_output_tokens: int | None
    """Where `max_tokens` bounds it."""
    workers: int
    provider: str
    model: str | None
    endpoints: list[str]
    scorers: list[str]
    inputs: list[str]
    output_dir: str
    first_prompt: str
    """The last message of the first case, as it would be sent."""


def plan(loaded: LoadedConfig) -> Plan:
    """Reads the input once and renders the first cases; sends nothing. Raises EvalperfError as the run would."""
    return asyncio.run(_plan(loaded))


async def _plan(loaded: LoadedConfig) -> Plan:
    config = loaded.config
    inputs = await survey(config.cases, loaded.base_dir)
    first = await _first_cases(loaded)
    prompt = build_prompt(config.prompt, loaded.base_dir, fields=config.cases.fields)
    prompt.check(first)
    total = inputs.total
    asked = 0 if config.provider.type == "replay" else total
    max_tokens = getattr(config.provider, "params", {}).get("max_tokens")
    return Plan(
        cases=total,
        requests=asked,
        input_tokens=None if asked is None else round(asked * _bytes_per_case(prompt, first) / BYTES_PER_TOKEN),
        max_output_tokens=asked * max_tokens if asked is not None and isinstance(max_tokens, int) else None,
        workers=count_workers(config),
        provider=config.provider.type,
        model=config.provider.model,
        endpoints=[e.url for e in config.provider.endpoints] if isinstance(config.provider, OpenAIProvider) else [],
        scorers=[scorer.name or scorer.type for scorer in config.scorers],
        inputs=[f"{_tidy(file.path)} ({_count(file.lines)})" for file in inputs.files],
        output_dir=_tidy(loaded.base_dir / config.output.dir),
        first_prompt=str(prompt.render(first[0])[-1].get("content")),
    )


async def _first_cases(loaded: LoadedConfig) -> list[Case]:
    config = loaded.config
    reading = read_batches(config.cases, loaded.base_dir, max_cases=batch_size(config), max_bytes=BATCH_BYTES)
    async with aclosing(reading) as batches:
        async for batch in batches:
            return batch
    raise InputError(str(config.cases.path), "no case to run")


def _bytes_per_case(prompt: Prompt, cases: list[Case]) -> float:
    sizes = [sum(len(str(message.get("content", "")).encode()) for message in prompt.render(case)) for case in cases]
    return sum(sizes) / len(sizes)


def _tidy(path: Path | str) -> str:
    """Without the detours that a path relative to the configuration takes."""
    return os.path.normpath(path)


def _count(lines: int | None) -> str:
    return "number of lines not known" if lines is None else f"{lines:,} lines"
