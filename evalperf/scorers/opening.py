"""From the configuration to scorers that are ready, and back to nothing left running."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Final

from evalperf.config.scorers import ScorerConfig
from evalperf.errors import ConfigError
from evalperf.scorers.asking import Models
from evalperf.scorers.base import Scorer
from evalperf.scorers.resources import Resources

__all__ = ["SCORERS", "open_scorers"]

SCORERS: Final[dict[str, str]] = {
    "exact": "text:exact",
    "normalized": "text:normalized",
    "includes": "text:includes",
    "excludes": "text:excludes",
    "starts_with": "text:starts_with",
    "ends_with": "text:ends_with",
    "regex": "patterns:regex_scorer",
    "levenshtein": "similarity:levenshtein",
    "fuzzy": "similarity:fuzzy",
    "length": "length:length",
    "squad_em": "squad:squad_em",
    "squad_f1": "squad:squad_f1",
    "rouge": "rouge:rouge",
    "bleu": "translation:bleu",
    "chrf": "translation:chrf",
    "ter": "translation:ter",
    "number": "numbers:number",
    "choice": "choice:choice",
    "json_valid": "json_value:json_valid",
    "json_equal": "json_value:json_equal",
    "json_schema": "json_schema:json_schema",
    "xml_valid": "markup:xml_valid",
    "yaml_valid": "markup:yaml_valid",
    "sql": "sql:sql",
    "code": "code:code",
    "semantic": "semantic:semantic",
    "judge": "judge:judge",
    "dimensions": "dimensions:dimensions",
    "function": "function:function",
    "command": "command:command",
    "all": "composites:all_of",
    "any": "composites:any_of",
    "not": "composites:negation",
    "weighted": "composites:weighted",
}
"""Type to `module:builder` in this package, so that only what is chosen is imported; a new scorer is one file, one line
here and one parameter in the contract test."""

Wrap = Callable[[ScorerConfig, Scorer], Scorer]


@asynccontextmanager
async def open_scorers(
    configs: Sequence[ScorerConfig], base_dir: Path, models: Models | None = None, *, wrap: Wrap | None = None
) -> AsyncIterator[tuple[Scorer, ...]]:
    """The scorers in the order of the configuration; owns their threads and processes, which end with the block.

    `base_dir` is the folder of the configuration, where the code of `function` scorers is looked for. Raises
    ConfigError for a pattern or a schema that is none, for a function that does not exist and for a missing extra.
    `wrap` gets each scorer that is built, also those inside others, and returns what is used in its place.
    """

    def build(config: ScorerConfig, resources: Resources) -> Scorer:
        scorer = _build(config, resources)
        return scorer if wrap is None else wrap(config, scorer)

    async with AsyncExitStack() as stack:
        resources = Resources(base_dir, stack, build, models)
        yield tuple(build(config, resources) for config in configs)


def _build(config: ScorerConfig, resources: Resources) -> Scorer:
    try:
        module, _, builder = SCORERS[config.type].partition(":")
        scorer: Scorer = getattr(import_module(f"{__package__}.{module}"), builder)(config, resources)
    except ConfigError as error:
        raise ConfigError(f'scorer "{config.name or config.type}": {error.message}', hint=error.hint) from error
    return scorer
