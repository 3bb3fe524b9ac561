"""The options of the scorer that compares meanings by vectors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalperf.config.embedders import EmbedderConfig
from evalperf.config.scorer_options import TargetScorer

__all__ = ["SemanticScorer"]


class SemanticScorer(TargetScorer):
    """The cosine of the angle between the answer's vector and that of the closest target."""

    type: Literal["semantic"]
    embedder: EmbedderConfig
    threshold: Annotated[float, Field(ge=-1, le=1)] | None = None
    """Passes at this value or above; without it there is no verdict."""
