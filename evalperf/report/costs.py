"""What a run has cost in all: the one place where answers, scoring and embeddings are added up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["cost_sections"]


def cost_sections(summary: Mapping[str, Any], embeddings: Mapping[str, Any] | None) -> dict[str, Any]:
    """The keys `cost_usd`, `costs` and `embeddings` of the document: the sum of what is known, its parts, the calls.

    Scores also say what their embeddings took. Where the calls for embeddings are counted by themselves, that part is
    left out of the scores' sum.
    """
    judging = summary["judging"]
    scoring_usd = None if judging is None else judging["cost_usd"]
    if scoring_usd is not None and embeddings is not None:
        scoring_usd = max(0.0, scoring_usd - judging["embedded_usd"])  # the sums may differ by a rounding
    parts = {
        "answers_usd": summary["cost_usd"],
        "scoring_usd": scoring_usd,
        "embeddings_usd": None if embeddings is None else embeddings["cost_usd"],
    }
    known = [cost for cost in parts.values() if cost is not None]
    total_usd = math.fsum(known) if known else None
    return {"cost_usd": total_usd, "costs": parts, "embeddings": None if embeddings is None else dict(embeddings)}
