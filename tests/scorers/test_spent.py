"""What calls have cost, added up: nothing that was paid is left out, and what is not known is no 0."""

from __future__ import annotations

import pytest

from evalperf.records import Spent, Usage
from evalperf.scorers.spent import total_spent

FROM_CACHE = Spent(calls=0, cached=1)
JUDGED = Spent(calls=1, latency_s=2.0, usage=Usage(100, 10), cost_usd=0.5)
SHARE = Spent(calls=0, latency_s=0.1, usage=Usage(7, 0), cost_usd=0.07, embedded_tokens=7, embedded_usd=0.07)
"""Of a call for embeddings that counts with another text."""


def test_a_share_of_a_call_that_counts_elsewhere_is_paid_too() -> None:
    total = total_spent([JUDGED, SHARE])
    assert total is not None
    assert (total.calls, total.usage) == (1, Usage(107, 10))
    assert (total.cost_usd, total.latency_s) == (pytest.approx(0.57), pytest.approx(2.1))
    assert (total.embedded_tokens, total.embedded_usd) == (7, 0.07)


def test_a_share_of_unknown_cost_leaves_the_sum_unknown() -> None:
    total = total_spent([JUDGED, Spent(calls=0, latency_s=0.1)])
    assert total is not None
    assert (total.usage, total.cost_usd) == (None, None)


def test_what_a_cache_had_costs_nothing() -> None:
    total = total_spent([FROM_CACHE, JUDGED])
    assert total == Spent(calls=1, cached=1, latency_s=2.0, usage=Usage(100, 10), cost_usd=0.5)
    only = total_spent([FROM_CACHE])
    assert only is not None
    assert (only.calls, only.cached, only.usage, only.cost_usd) == (0, 1, Usage(0, 0), 0.0)


def test_no_part_is_no_sum() -> None:
    assert total_spent([]) is None
