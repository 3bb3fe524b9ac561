"""What only the process that runs can measure of its calls, and what is left of it when the run is over.

Each part counts for itself; the pipeline gathers the counts into one `CallingFigures` at the end of a session, and the
summary keeps them. They are of that session alone: results tell the rest, over all sessions of a run.
"""

from __future__ import annotations

from msgspec import Struct

__all__ = [
    "BatchFigures",
    "BatchWindow",
    "CacheStatistics",
    "CallingFigures",
    "ConnectionStatistics",
    "EndpointFigures",
    "Latencies",
    "Quantiles",
]


class Quantiles(Struct, frozen=True, kw_only=True):
    """Times in seconds, each quantile within 1 % of the true one; None where nothing was measured."""

    n: int
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float | None
    """Exact."""
    mean: float | None
    """Exact."""


class ConnectionStatistics(Struct, frozen=True, kw_only=True):
    """How many connections it took to carry the calls: with reuse, far fewer than there are calls."""

    calls: int
    """Also those that failed, and checks of the endpoint."""
    connections_opened: int


class EndpointFigures(Struct, frozen=True, kw_only=True):
    """All calls to one endpoint; a result only names the endpoint of its last attempt."""

    name: str
    model: str | None
    fallback: bool
    calls: int
    """That left for it."""
    ok: int
    errors: dict[str, int]
    """By kind, the most frequent first; `rate_limited` are the refusals (429)."""
    cancelled: int
    """Calls that neither brought an answer nor failed: losers of a race, cases whose time was over."""
    latency_s: Quantiles
    """Of the answers."""
    throttled_calls: int
    """Requests that a rate limit held back."""
    throttled_s: float
    """For how long, summed over them."""
    breaker_openings: int
    in_flight_limit: int
    """Calls that might be on their way at once when the session ended."""
    requests_per_s: float | None
    """The pace that was kept then; None where there was no limit."""
    connections: ConnectionStatistics | None
    """None where there are none to count."""


class Latencies(Struct, frozen=True, kw_only=True):
    """Percentiles of lookups in seconds, within 5 %; None where there was none."""

    p50_s: float | None
    p90_s: float | None
    p99_s: float | None


class CacheStatistics(Struct, frozen=True, kw_only=True):
    """The numbers of one cache since it was opened."""

    name: str
    hits: dict[str, int]
    """By tier: memory, disk, redis."""
    coalesced: int
    """Answers taken from a call that somebody else had in flight."""
    misses: int
    hit_rate: float | None
    """Hits, coalesced ones among them, over lookups; None before the first one."""
    writes: int
    evicted: dict[str, int]
    """By reason: the bound of `entries` or `bytes` in memory, `disk_bytes` on disk."""
    expired: int
    """Removed because their time was over, in memory and on disk."""
    memory_entries: int
    memory_bytes: int
    calls_saved: int
    cost_saved_usd: float | None
    """What the hits had cost; None where no hit knows."""
    unpriced_hits: int
    """Hits whose cost is not known, and so is not in `cost_saved_usd`."""
    damaged: int
    """Values that did not match their checksum and were not used."""
    dropped_writes: int
    """Entries that the disk did not take: full, damaged or busy."""
    redis_failures: int
    redis_skipped: int
    """Keys that were not looked up or written while Redis was away."""
    lookup_s: dict[str, Latencies]
    """By tier; memory lookups are timed once in 64."""


class BatchWindow(Struct, frozen=True, kw_only=True):
    """Some batches that ended one after the other."""

    at_s: float
    """When the first of them was sent, from the start of the session."""
    batches: int
    failed: int
    size: float
    """Items in one of them, on average."""
    latency_s: float
    """Of one of them, on average."""


class BatchFigures(Struct, frozen=True, kw_only=True):
    """The last 1,000 batches to one receiver, if there were as many."""

    name: str
    batches: int
    failed: int
    """Also those that were sent again in halves."""
    items: int
    latency_s: Quantiles
    """Of those that did not fail."""
    history: tuple[BatchWindow, ...]


class CallingFigures(Struct, frozen=True, kw_only=True):
    """The calling side of one session."""

    endpoints: tuple[EndpointFigures, ...]
    """Of the model under test and its fallback."""
    judges: tuple[EndpointFigures, ...]
    """Of the models that scorers ask."""
    caches: tuple[CacheStatistics, ...]
    """Those that were used."""
    batches: tuple[BatchFigures, ...]
    hedged: int | None
    """Second copies of a call that lasted long; None where there is no hedging."""
