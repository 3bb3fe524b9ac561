"""The counts of all that stands between a case and its endpoints, gathered when the session ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalperf.figures import BatchFigures, BatchWindow, CallingFigures, EndpointFigures
from evalperf.pipeline.assemble import Parts
from evalperf.pipeline.batching import BatchedEmbedder, BatchedProvider
from evalperf.pipeline.endpoint import Endpoint
from evalperf.pipeline.router import Router
from evalperf.providers import Provider
from evalperf.resilience import BatchRecord
from evalperf.stats import Sketch, quantiles_of

__all__ = ["batch_figures", "calling_figures", "endpoint_figures"]

WINDOWS = 50
"""Of the history of batches, at most."""


def calling_figures(
    parts: Parts, router: Router | None, asked: Iterable[Router], *, hedged: int | None, began_s: float
) -> CallingFigures:
    """The figures of a session that began at `began_s`; `router` leads to the model under test, `asked` to judges."""
    providers = [*parts.providers, *parts.fallbacks, *(one for each in parts.asked for one in each)]
    return CallingFigures(
        endpoints=_endpoints(router),
        judges=tuple(figures for each in asked for figures in _endpoints(each)),
        caches=tuple(cache.statistics() for cache in parts.caches),
        batches=tuple(_batches([*providers, *parts.embedders], began_s)),
        hedged=hedged,
    )


def endpoint_figures(endpoint: Endpoint) -> EndpointFigures:
    """What has become of the calls to one endpoint."""
    counts, gate = endpoint.counts, endpoint.gate.statistics()
    return EndpointFigures(
        name=endpoint.name,
        model=endpoint.provider.model,
        fallback=endpoint.fallback,
        calls=counts.calls,
        ok=endpoint.answers,
        errors=dict(sorted(counts.errors.items(), key=lambda item: (-item[1], item[0]))),
        cancelled=counts.calls - endpoint.answers - counts.errors.total() - endpoint.calls,
        latency_s=quantiles_of(counts.latency),
        throttled_calls=gate.waited,
        throttled_s=gate.wait_s,
        breaker_openings=endpoint.openings,
        in_flight_limit=endpoint.control.limit,
        requests_per_s=gate.requests_per_s,
        connections=endpoint.provider.connection_statistics(),
    )


def batch_figures(name: str, records: Sequence[BatchRecord], began_s: float) -> BatchFigures:
    """The batches of one receiver, and how their size went, in up to 50 windows of as many batches each."""
    latency = Sketch()
    latency.add_all([record.latency_s for record in records if record.ok])
    width = -(-len(records) // WINDOWS)
    return BatchFigures(
        name=name,
        batches=len(records),
        failed=sum(not record.ok for record in records),
        items=sum(record.size for record in records),
        latency_s=quantiles_of(latency),
        history=tuple(_window(records[at : at + width], began_s) for at in range(0, len(records), width or 1)),
    )


def _endpoints(router: Router | None) -> tuple[EndpointFigures, ...]:
    return () if router is None else tuple(map(endpoint_figures, router.endpoints))


def _batches(receivers: Iterable[Provider | BatchedEmbedder], began_s: float) -> Iterable[BatchFigures]:
    for receiver in receivers:
        if isinstance(receiver, BatchedProvider | BatchedEmbedder):
            yield batch_figures(receiver.name, receiver.history(), began_s)


def _window(records: Sequence[BatchRecord], began_s: float) -> BatchWindow:
    return BatchWindow(
        at_s=max(0.0, min(record.at_s for record in records) - began_s),
        batches=len(records),
        failed=sum(not record.ok for record in records),
        size=sum(record.size for record in records) / len(records),
        latency_s=sum(record.latency_s for record in records) / len(records),
    )
