"""The calling side in the document: what results tell of it beside what the last session has measured.

What results tell is about the whole run. What stands under `session`, in `batches` and in `connections` is of the last
session alone, as `wall_s` is, and None where that has left no figures (a killed run).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from evalperf.figures import BatchFigures, CacheStatistics, CallingFigures, EndpointFigures

__all__ = ["calling_in", "calling_sections"]

_UNASKED = {
    "cases": 0,
    "ok": 0,
    "failed": 0,
    "cached": 0,
    "attempts": 0,
    "failures": {},
    "timeouts": 0,
    "latency_s": {"n": 0, "p50": None, "p95": None},
}
"""An endpoint that no result names."""

_NOTHING_SPENT = dict.fromkeys(
    (
        "answers",
        "calls",
        "cached",
        "latency_s",
        "latency_mean_s",
        "input_tokens",
        "output_tokens",
        "tokens_unknown_calls",
        "cost_usd",
        "cost_unknown_calls",
        "embedded_usd",
    )
)
"""Judges were there, and no score says what it took."""


class _Endpoint(Struct):
    session: EndpointFigures | None = None


class _Judging(Struct):
    endpoints: tuple[EndpointFigures, ...] | None = None


class _Cache(Struct):
    session: tuple[CacheStatistics, ...] | None = None


class _Sections(Struct):
    """What `calling_in` reads of a document."""

    endpoints: dict[str, _Endpoint] = {}
    judging: _Judging | None = None
    cache: _Cache | None = None
    batches: tuple[BatchFigures, ...] | None = None
    hedged: int | None = None


def calling_sections(summary: Mapping[str, Any], calling: CallingFigures | None) -> dict[str, Any]:
    """The keys `endpoints`, `cache`, `judging`, `batches`, `connections` and `hedged` of the document."""
    return {
        "endpoints": _endpoints(summary["endpoints"], () if calling is None else calling.endpoints),
        "cache": _cache(summary, calling),
        "judging": _judging(summary["judging"], calling),
        "batches": None if calling is None else msgspec.to_builtins(calling.batches),
        "connections": None if calling is None else _connections(calling),
        "hedged": None if calling is None else calling.hedged,
    }


def calling_in(document: Mapping[str, Any]) -> CallingFigures | None:
    """The figures that the sections were made with; msgspec.ValidationError where something else stands there."""
    sections = msgspec.convert(document, _Sections)
    if sections.batches is None:
        return None
    sessions = (endpoint.session for endpoint in sections.endpoints.values())
    return CallingFigures(
        endpoints=tuple(session for session in sessions if session is not None),
        judges=(sections.judging.endpoints if sections.judging else None) or (),
        caches=(sections.cache.session if sections.cache else None) or (),
        batches=sections.batches,
        hedged=sections.hedged,
    )


def _endpoints(told: Mapping[str, Any], measured: tuple[EndpointFigures, ...]) -> dict[str, Any]:
    sessions = {_label(figures): figures for figures in measured}
    return {
        name: {**told.get(name, _UNASKED), "session": msgspec.to_builtins(sessions.get(name))}
        for name in dict.fromkeys((*told, *sessions))
    }


def _label(figures: EndpointFigures) -> str:
    """As results are listed: a fallback may have the name of an endpoint that it takes over from."""
    return f"{figures.name} (fallback)" if figures.fallback else figures.name


def _cache(summary: Mapping[str, Any], calling: CallingFigures | None) -> dict[str, Any] | None:
    """None where no cache was used, as far as is known."""
    by_tier: Mapping[str, int] = summary["cached_from"]
    caches = () if calling is None else calling.caches
    if not by_tier and not caches:
        return None
    hits, cases = sum(by_tier.values()), summary["total"]
    calls = hits + summary["retries"]["attempts"]
    return {
        "hits": hits,
        "hits_by_tier": dict(by_tier),
        "semantic_hits": by_tier.get("semantic", 0),
        "misses": cases - hits,
        "hit_rate": hits / cases if cases else None,
        "api_call_reduction": hits / calls if calls else None,
        "session": None if calling is None else msgspec.to_builtins(caches),
    }


def _judging(spent: Mapping[str, Any] | None, calling: CallingFigures | None) -> dict[str, Any] | None:
    """None where no scorer asked a model."""
    judges = None if calling is None else msgspec.to_builtins(calling.judges)
    if spent is None and not judges:
        return None
    return {**(_NOTHING_SPENT if spent is None else spent), "endpoints": judges}


def _connections(calling: CallingFigures) -> dict[str, int] | None:
    """Over all endpoints; None where there were no connections to count."""
    counted = list(_counted(calling))
    if not counted:
        return None
    calls, opened = (sum(column) for column in zip(*counted, strict=True))
    return {"calls": calls, "opened": opened, "reused": calls - opened}


def _counted(calling: CallingFigures) -> Iterator[tuple[int, int]]:
    for figures in (*calling.endpoints, *calling.judges):
        if figures.connections is not None:
            yield figures.connections.calls, figures.connections.connections_opened
