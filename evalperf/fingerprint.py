"""What decides the answers of a run, as digests: the same digests, the same run."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from evalperf.cases import Survey
from evalperf.config.embedders import AnyEmbedder
from evalperf.config.model import AnswerProvider, RunConfig
from evalperf.config.section import Section
from evalperf.errors import ConfigError
from evalperf.pipeline.deciding import what_answers
from evalperf.results import RunInfo

__all__ = ["check_same", "fingerprint"]

MEANING = {
    "inputs": "the content of the input files",
    "cases": "which cases are taken, and how",
    "prompt": "the prompt",
    "provider": "the provider, its model or its parameters",
    "scorers": "the scorers",
}

DECIDES_VECTORS = {"type", "model", "dimensions", "call", "options", "path"}
"""Of an embedder; the rest (addresses, keys, sizes of batches) may change between two sessions of a run."""


def fingerprint(config: RunConfig, survey: Survey) -> dict[str, str]:
    """A digest for each thing that decides what the result lines say; keys as in `MEANING`."""
    parts: dict[str, Any] = {
        "inputs": [file.digest for file in survey.files],
        "cases": config.cases.model_dump(mode="json", exclude={"path", "max_line_bytes", "on_bad_line"}),
        "prompt": _prompt(config),
        "provider": what_answers(config.provider),
        "scorers": [_deciding(scorer) for scorer in config.scorers],
    }
    return {name: _digest(part) for name, part in parts.items()}


def check_same(before: RunInfo, now: dict[str, str]) -> None:
    """Raises ConfigError naming what differs, so that no run mixes answers to different questions."""
    differing = [MEANING[name] for name, digest in now.items() if before.fingerprint.get(name) != digest]
    if differing:
        raise ConfigError(
            f"run {before.run_id} can't be continued with this configuration: {' and '.join(differing)} changed",
            hint="undo the change, or start a new run without --resume",
        )


def _prompt(config: RunConfig) -> dict[str, Any]:
    """What a prompt is made of, besides the case."""
    prompt = config.prompt.model_dump(mode="json")
    if config.precedents is None:
        return prompt
    section = config.precedents
    chosen = section.model_dump(mode="json", include={"k", "origin", "path", "threshold", "max_entries"})
    return {**prompt, "precedents": {**chosen, "embedder": _deciding(section.embedder)}}


def _deciding(value: Any) -> Any:
    """The setting in terms of JSON; of a model that is asked only what it is, not where, how fast or by which key."""
    if isinstance(value, AnswerProvider):
        return what_answers(value)
    if isinstance(value, AnyEmbedder):
        return value.model_dump(mode="json", include=DECIDES_VECTORS)
    if isinstance(value, Section):
        return {name: _deciding(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {name: _deciding(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_deciding(item) for item in value]
    return value


def _digest(part: Any) -> str:
    return "sha256:" + hashlib.sha256(orjson.dumps(part, option=orjson.OPT_SORT_KEYS)).hexdigest()
