"""What the calls for one score have cost, added up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET

from evalperf.records import Score, Spent, Usage

__all__ = ["spent_of", "total_spent"]


def spent_of(scores: Iterable[Score]) -> list[Spent]:
    """What those of the scores have cost that asked a model."""
    return [score.spent for score in scores if isinstance(score.spent, Spent)]


def total_spent(parts: Iterable[Spent]) -> Spent | None:
    """The sums, each None where it is not known of every part that made calls; None where there is no part."""
    parts = list(parts)
    if not parts:
        return None
    embedded_tokens = [part.embedded_tokens for part in parts if part.embedded_tokens is not UNSET]
    embedded_usd = [part.embedded_usd for part in parts if part.embedded_usd is not UNSET]
    return Spent(
        calls=sum(part.calls for part in parts),
        cached=sum(part.cached for part in parts),
        latency_s=_sum(_stated(parts, "latency_s")),
        usage=_usage(_stated(parts, "usage")),
        cost_usd=_sum(_stated(parts, "cost_usd")),
        embedded_tokens=sum(embedded_tokens) if embedded_tokens else UNSET,
        embedded_usd=math.fsum(embedded_usd) if embedded_usd else UNSET,
    )


def _stated(parts: Sequence[Spent], name: str) -> list[Any]:
    """Of each part, but for None of those that took all from a cache. A share of another's call counts as no call."""
    asked = [(getattr(part, name), part.calls > 0 or not part.cached) for part in parts]
    return [value for value, unknown_counts in asked if value is not None or unknown_counts]


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None


def _usage(usages: Sequence[Usage | None]) -> Usage | None:
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages):
        return None
    return Usage(sum(usage.input_tokens for usage in known), sum(usage.output_tokens for usage in known))
