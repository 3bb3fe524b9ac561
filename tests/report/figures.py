"""A calling side made by hand: one endpoint, or what a test changes of it."""

from __future__ import annotations

from evalperf.figures import (
    BatchFigures,
    BatchWindow,
    CacheStatistics,
    CallingFigures,
    ConnectionStatistics,
    EndpointFigures,
    Latencies,
    Quantiles,
)

TIMES = Quantiles(n=10, p50=0.5, p90=0.9, p95=0.95, p99=1.0, max=1.0, mean=0.55)


def endpoint(name: str = "sim-a", **changes: object) -> EndpointFigures:
    fields: dict[str, object] = {
        "name": name,
        "model": "sim-small",
        "fallback": False,
        "calls": 20,
        "ok": 18,
        "errors": {"rate_limited": 2},
        "cancelled": 0,
        "latency_s": TIMES,
        "throttled_calls": 4,
        "throttled_s": 2.0,
        "breaker_openings": 1,
        "in_flight_limit": 24,
        "requests_per_s": 8.0,
        "connections": ConnectionStatistics(calls=21, connections_opened=3),
    }
    return EndpointFigures(**(fields | changes))  # type: ignore[arg-type]


def cache(**changes: object) -> CacheStatistics:
    fields: dict[str, object] = {
        "name": "responses",
        "hits": {"memory": 2, "disk": 1, "redis": 0},
        "coalesced": 1,
        "misses": 12,
        "hit_rate": 0.25,
        "writes": 12,
        "evicted": {"entries": 3, "bytes": 0, "disk_bytes": 0},
        "expired": 0,
        "memory_entries": 9,
        "memory_bytes": 228_424,
        "calls_saved": 4,
        "cost_saved_usd": 0.02,
        "unpriced_hits": 0,
        "damaged": 0,
        "dropped_writes": 0,
        "redis_failures": 0,
        "redis_skipped": 0,
        "lookup_s": {"memory": Latencies(p50_s=1e-6, p90_s=2e-6, p99_s=3e-6)},
    }
    return CacheStatistics(**(fields | changes))  # type: ignore[arg-type]


BATCHES = BatchFigures(
    name="embedder",
    batches=12,
    failed=1,
    items=300,
    latency_s=TIMES,
    history=(
        BatchWindow(at_s=0.0, batches=6, failed=1, size=20.0, latency_s=0.4),
        BatchWindow(at_s=3.0, batches=6, failed=0, size=30.0, latency_s=0.6),
    ),
)


def calling(**changes: object) -> CallingFigures:
    fields: dict[str, object] = {
        "endpoints": (endpoint(),),
        "judges": (),
        "caches": (),
        "batches": (),
        "hedged": None,
    }
    return CallingFigures(**(fields | changes))  # type: ignore[arg-type]


WHOLE = calling(judges=(endpoint("judge-a"),), caches=(cache(),), batches=(BATCHES,), hedged=1)
