"""The calls for embeddings that a run has paid for, added up from its file."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from evalperf.results import RunDirectory, read_embedding_calls

__all__ = ["embeddings_of"]


def embeddings_of(directory: RunDirectory, *, on_damage: Callable[[str], None]) -> dict[str, Any] | None:
    """Those of all sessions, in the form of the document; None where there were none. Blocks."""
    counts: Counter[str] = Counter()
    costs: defaultdict[str, list[float]] = defaultdict(list)
    for call in read_embedding_calls(directory, on_damage=on_damage):
        counts["calls"] += 1
        counts["texts"] += call.texts
        if call.usage is not None:
            counts["counted"] += 1
            counts["input_tokens"] += call.usage.input_tokens
        if call.cost_usd is not None:
            counts["priced"] += 1
            costs[call.asked_for].append(call.cost_usd)
    if not counts["calls"]:
        return None
    by = {asked_for: math.fsum(known) for asked_for, known in sorted(costs.items())}
    return {
        "calls": counts["calls"],
        "texts": counts["texts"],
        "input_tokens": counts["input_tokens"] if counts["counted"] else None,
        "tokens_unknown_calls": counts["calls"] - counts["counted"],
        "cost_usd": math.fsum(by.values()) if by else None,
        "cost_unknown_calls": counts["calls"] - counts["priced"],
        "cost_usd_for": by,
    }
