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
from evalperf.scorers.composites import all_of, any_of, negation, weighted
from evalperf.scorers.function import function
from evalperf.scorers.json_schema import json_schema
from evalperf.scorers.json_value import json_equal, json_valid
from evalperf.scorers.length import length
from evalperf.scorers.markup import xml_valid, yaml_valid
from evalperf.scorers.numbers import number
from evalperf.scorers.patterns import regex_scorer
from evalperf.scorers.resources import Resources
from evalperf.scorers.rouge import rouge
from evalperf.scorers.similarity import fuzzy, levenshtein
from evalperf.scorers.squad import squad_em, squad_f1
from evalperf.scorers.text import ends_with, exact, excludes, includes, normalized, starts_with
from evalperf.scorers.translation import bleu, chrf

__all__ = ["SCORERS", "open_scorers"]

SCORERS: Final[dict[str, Callable[[Any, Resources], Scorer]]] = {
    "exact": exact,
    "normalized": normalized,
    "includes": includes,
    "excludes": excludes,
    "starts_with": starts_with,
    "ends_with": ends_with,
    "regex": regex_scorer,
    "levenshtein": levenshtein,
    "fuzzy": fuzzy,
    "length": length,
    "squad_em": squad_em,
    "squad_f1": squad_f1,
    "rouge": rouge,
    "bleu": bleu,
    "chrf": chrf,
    "number": number,
    "choice": choice,
    "json_valid": json_valid,
    "json_equal": json_equal,
    "json_schema": json_schema,
    "xml_valid": xml_valid,
    "yaml_valid": yaml_valid,
    "function": function,
    "all": all_of,
    "any": any_of,
    "not": negation,
    "weighted": weighted,
}
"""Type to builder; a new scorer is one file, one line here and one parameter in the contract test."""


@asynccontextmanager
async def open_scorers(configs: Sequence[ScorerConfig], base_dir: Path) -> AsyncIterator[tuple[Scorer, ...]]:
    """The scorers in the order of the configuration; owns their threads and processes, which end with the block.

    `base_dir` is the folder of the configuration, where the code of `function` scorers is looked for. Raises
    ConfigError for a pattern or a schema that is none, for a function that does not exist and for a missing extra.
    """
    async with AsyncExitStack() as stack:
        resources = Resources(base_dir, stack, _build)
        yield tuple(_build(config, resources) for config in configs)


def _build(config: ScorerConfig, resources: Resources) -> Scorer:
    try:
        return SCORERS[config.type](config, resources)
    except ConfigError as error:
        raise ConfigError(f'scorer "{config.name or config.type}": {error.message}', hint=error.hint) from error
