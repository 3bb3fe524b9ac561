"""What the calls for one score have cost, added up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

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
    called = [part for part in parts if part.calls]
    return Spent(
        calls=sum(part.calls for part in called),
        cached=sum(part.cached for part in parts),
        latency_s=_sum([part.latency_s for part in called]),
        usage=_usage([part.usage for part in called]),
        cost_usd=_sum([part.cost_usd for part in called]),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None


def _usage(usages: Sequence[Usage | None]) -> Usage | None:
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages):
        return None
    return Usage(sum(usage.input_tokens for usage in known), sum(usage.output_tokens for usage in known))
