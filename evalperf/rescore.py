"""A finished run scored again: the answers of the one with the scorers of the other, and no model called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from evalperf.cases import Survey
from evalperf.config.load import LoadedConfig
from evalperf.config.overrides import Change, RecordedAnswers
from evalperf.errors import ConfigError
from evalperf.fingerprint import fingerprint
from evalperf.pipeline.earlier import EarlierAnswers, open_earlier
from evalperf.results import MOST_KEYS, RunDirectory, RunInfo, read_run_info

__all__ = ["open_parent", "recorded_answers"]


def recorded_answers(parent: RunDirectory) -> Change:
    """Makes a configuration take the parent's answers instead of asking a model."""
    return RecordedAnswers(_provider(read_run_info(parent)).get("model"))


@asynccontextmanager
async def open_parent(
    parent: RunDirectory | None, loaded: LoadedConfig, inputs: Survey
) -> AsyncIterator[EarlierAnswers | None]:
    """The answers of the parent, if there is one; raises ConfigError where they are no answers to these cases."""
    if parent is None:
        yield None
        return
    info, cases = read_run_info(parent), loaded.config.cases
    _check(info, loaded, inputs)
    provider = _provider(info)
    own_targets = provider.get("type") == "replay" and provider.get("path") is not None  # a row may have brought one
    lines = MOST_KEYS // cases.epochs if inputs.lines is None else inputs.lines
    async with open_earlier(parent, lines=lines, epochs=cases.epochs, own_targets=own_targets) as earlier:
        yield earlier


def _provider(info: RunInfo) -> dict[str, Any]:
    provider: dict[str, Any] = info.config.get("provider", {})
    return provider


def _check(parent: RunInfo, loaded: LoadedConfig, inputs: Survey) -> None:
    cases = loaded.config.cases
    if parent.fingerprint.get("inputs") != fingerprint(loaded.config, inputs)["inputs"]:
        raise ConfigError(
            f"the input is not that of run {parent.run_id}: its content differs",
            hint='let "cases.path" name the files that the run was made from',
        )
    if cases.epochs > parent.epochs:
        raise ConfigError(
            f"cases.epochs is {cases.epochs}, and run {parent.run_id} has {parent.epochs}",
            hint=f'set "epochs": {parent.epochs}',
        )
