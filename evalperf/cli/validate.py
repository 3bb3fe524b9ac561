"""`evalperf validate`: everything that can be known before the first request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalperf.cli.console import complain, load, session_of, visible, write
from evalperf.cli.grammar import complete_config
from evalperf.errors import ConfigError, EvalperfError

if TYPE_CHECKING:
    from evalperf.config.load import LoadedConfig
    from evalperf.config.model import AnswerProvider, CasesConfig
    from evalperf.pipeline.asking import AskedModels
    from evalperf.records import Case

__all__ = ["validate"]

HEAD_CASES = 100
"""Cases that are read to try the prompt on."""

Config = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="The configuration: JSON, YAML or TOML.", autocompletion=complete_config),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting first. Repeatable.")
]


def validate(ctx: typer.Context, config: Config, *, set_: Settings = None) -> None:
    """Checks a configuration and what it names; asks no endpoint.

    It looks at the configuration, the files, the first 100 cases, the fields that the prompt uses, the scorers, the
    provider's code and files, the gates, and the folder of the results. Exits with 2 if anything is wrong.

    Example:
      evalperf validate evalperf.json
    """
    import asyncio

    session = session_of(ctx)
    loaded = load(session, config, set_ or [])
    problems = asyncio.run(_check_all(loaded))
    for problem in problems:
        complain(problem, session)
    if problems:
        raise typer.Exit(ConfigError.exit_code)


async def _check_all(loaded: LoadedConfig) -> list[EvalperfError]:
    """Says what holds, and returns what does not."""
    from evalperf.pipeline.asking import AskedModels

    problems: list[EvalperfError] = []
    write(f"✔ configuration {loaded.path}")

    async def passes(check: Callable[[], Awaitable[str | None]]) -> bool:
        try:
            if (holds := await check()) is not None:
                write(f"✔ {holds}")
        except EvalperfError as error:
            problems.append(error)
            return False
        return True

    cases: list[Case] = []
    if await passes(lambda: _read_cases(loaded, cases)):
        await passes(lambda: _try_prompt(loaded, cases))
        _warn_of_targets(loaded, cases)
    models = AskedModels()
    await passes(lambda: _open_scorers(loaded, models))
    await passes(lambda: _open_models(loaded, models))
    await passes(lambda: _open_embedders(loaded, models))
    await passes(lambda: _open_provider(loaded))
    await passes(lambda: _check_gates(loaded))
    await passes(lambda: _check_output(loaded))
    return problems


async def _read_cases(loaded: LoadedConfig, cases: list[Case]) -> str:
    from evalperf.errors import InputError

    config = loaded.config.cases
    if config.path == "-":
        return "cases: standard input, which is not read here"
    limit = HEAD_CASES if config.limit is None else min(HEAD_CASES, config.limit)
    head = config.model_copy(update={"limit": limit, "sample": None, "epochs": 1})
    async for batch in _batches(loaded, head):
        cases.extend(batch)
    if not cases:
        kept = " for which `where` holds" if config.where is not None else ""
        raise InputError(str(config.path), f"found no case{kept}, expected at least one")
    await _warn_of_repeated_keys(loaded)
    return f"cases: the first {len(cases)} can be read"


async def _warn_of_repeated_keys(loaded: LoadedConfig) -> None:
    from evalperf.cases import find_repeated_keys

    found = await find_repeated_keys(loaded.config.cases, loaded.base_dir, most_records=HEAD_CASES)
    if found is not None:
        what = f'{found.path}:{found.line}: the key "{found.key}" is there twice'
        _warn(f"{what}; such lines among the first {HEAD_CASES}: {found.records}; the last value of each key counts")


def _warn(warning: str) -> None:
    typer.echo(f"warning: {visible(warning)}", err=True)


async def _batches(loaded: LoadedConfig, config: CasesConfig) -> AsyncIterator[list[Case]]:
    from contextlib import aclosing

    from evalperf.cases import read_batches

    reading = read_batches(config, loaded.base_dir, max_cases=HEAD_CASES, max_bytes=1024 * 1024)
    async with aclosing(reading) as batches:
        async for batch in batches:
            yield batch


async def _try_prompt(loaded: LoadedConfig, cases: list[Case]) -> str:
    from evalperf.cases import build_prompt

    prompt = build_prompt(loaded.config.prompt, loaded.base_dir)
    prompt.check(cases)
    for case in cases:
        prompt.render(case)
    return "prompt: every field that it uses is there" if cases else "prompt: its templates can be read"


def _warn_of_targets(loaded: LoadedConfig, cases: list[Case]) -> None:
    from evalperf.scorers import without_targets

    warning = without_targets(loaded.config, cases)
    if warning is not None:
        _warn(warning)


async def _open_scorers(loaded: LoadedConfig, models: AskedModels) -> str:
    """Notes in `models` what the scorers would ask."""
    from evalperf.scorers import open_scorers

    async with open_scorers(loaded.config.scorers, loaded.base_dir, models) as scorers:
        names = ", ".join(scorer.name for scorer in scorers)
    return f"scorers: {names}" if names else "scorers: none, answers are only collected"


async def _open_models(loaded: LoadedConfig, models: AskedModels) -> str | None:
    """Judges, and the model that answers where the first one can't."""
    fallback = loaded.config.fallback
    sections = [model.section for model in models.models] + ([] if fallback is None else [fallback])
    opened = [await _opened(section, loaded) for section in sections]
    return f"other models: {'; '.join(dict.fromkeys(opened))}" if opened else None


async def _open_embedders(loaded: LoadedConfig, models: AskedModels) -> str | None:
    from evalperf.providers.embedding import open_embedder

    config = loaded.config
    users = (config.precedents, config.cache.semantic)
    sections = [*(one.section for one in models.embedders), *(user.embedder for user in users if user is not None)]
    for section in sections:
        async with open_embedder(section, loaded.base_dir, connections=1):
            pass
    return f"embedders: {', '.join(dict.fromkeys(section.type for section in sections))}" if sections else None


async def _open_provider(loaded: LoadedConfig) -> str:
    return f"provider: {await _opened(loaded.config.provider, loaded)}"


async def _opened(section: AnswerProvider, loaded: LoadedConfig) -> str:
    """Type and model of a section that can be opened."""
    from evalperf.providers import open_providers

    if section.type != "simulator":
        async with open_providers(section, loaded.base_dir, connections=1):
            pass
    return section.type + (f", model {section.model}" if section.model else "")


async def _check_gates(loaded: LoadedConfig) -> str:
    from evalperf.stats import check_gate_names

    config = loaded.config
    check_gate_names(config.gates, [scorer.name or scorer.type for scorer in config.scorers])
    return f"gates: {', '.join(gate.metric for gate in config.gates) or 'none'}"


async def _check_output(loaded: LoadedConfig) -> str:
    import os

    from evalperf.errors import OutputError

    directory = (loaded.base_dir / loaded.config.output.dir).resolve()
    there = next(parent for parent in (directory, *directory.parents) if parent.exists())
    if not there.is_dir():
        raise OutputError(directory, f"{there} is not a directory")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(
            directory, f"no permission to write into {there}", hint="choose another with --set output.dir=…"
        )
    return f"output: {directory}"
