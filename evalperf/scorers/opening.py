"""From the configuration to scorers that are ready, and back to nothing left running."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from evalperf.config.scorers import ScorerConfig
from evalperf.errors import ConfigError
from evalperf.scorers.base import Scorer
from evalperf.scorers.choice import choice
from evalperf.scorers.function import function
from evalperf.scorers.numbers import number
from evalperf.scorers.patterns import regex_scorer
from evalperf.scorers.resources import Resources
from evalperf.scorers.text import exact, includes, normalized

__all__ = ["SCORERS", "open_scorers"]

SCORERS: Final[dict[str, Callable[[Any, Resources], Scorer]]] = {
    "exact": exact,
    "normalized": normalized,
    "includes": includes,
    "regex": regex_scorer,
    "number": number,
    "choice": choice,
    "function": function,
}
"""Type to builder; a new scorer is one file, one line here and one parameter in the contract test."""


@asynccontextmanager
async def open_scorers(configs: Sequence[ScorerConfig], base_dir: Path) -> AsyncIterator[tuple[Scorer, ...]]:
    """The scorers in the order of the configuration; owns their threads and processes, which end with the block.

    `base_dir` is the folder of the configuration, where the code of `function` scorers is looked for. Raises
    ConfigError for a pattern that is none and for a function that does not exist.
    """
    async with AsyncExitStack() as stack:
        resources = Resources(base_dir, stack)
        yield tuple(_build(config, resources) for config in configs)


def _build(config: ScorerConfig, resources: Resources) -> Scorer:
    try:
        return SCORERS[config.type](config, resources)
    except ConfigError as error:
        raise ConfigError(f'scorer "{config.name or config.type}": {error.message}', hint=error.hint) from error
