"""Answers by likeness: the semantic cache, and precedents for prompts and judges."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalperf.config.embedders import EmbedderConfig
from evalperf.config.section import Section

__all__ = ["PrecedentsConfig", "SemanticCacheConfig"]


class SemanticCacheConfig(Section):
    """Takes the answer to the nearest earlier prompt that was asked with exactly the same settings.

    A different question can be very near: such answers are marked `semantic` and counted apart.
    """

    embedder: EmbedderConfig
    threshold: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.97
    """Least cosine similarity of two prompts that count as the same; inclusive."""
    max_entries: Annotated[int, Field(ge=1)] = 100_000
    """Prompts that are remembered; the least recently used make room."""
    memory_mb: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 200
    """What their vectors and keys may take of the process's memory."""


class PrecedentsConfig(Section):
    """The most similar earlier cases with their answers and scores, as `precedents` in templates."""

    embedder: EmbedderConfig
    k: Annotated[int, Field(ge=1, le=100)] = 3
    """How many, the most similar one first."""
    origin: Literal["run", "file"] = Field(alias="from")
    """A finished `run`, or a `file` of result lines."""
    path: str
    """The run's directory or the file; relative to the configuration's folder."""
    threshold: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = -1.0
    """Least cosine similarity of a precedent."""
    max_entries: Annotated[int, Field(ge=1)] = 100_000
    """Cases that are looked at; from a longer run or file the last ones."""
    memory_mb: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 500
    """What their vectors may take of the process's memory."""
