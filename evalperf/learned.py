"""What runs learn about endpoints and what the next ones begin with, in the user's state folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from evalperf import clock
from evalperf.config.model import EndpointConfig, RunConfig
from evalperf.pipeline.router import Router
from evalperf.tuning import Findings, LimitedBy, WarmStart, read_warm_start, save_warm_start

__all__ = ["known_limits", "remember_limits", "remember_tuned"]

LEAST_ANSWERS = 200
"""Of an endpoint, before what was found is worth keeping."""

CAUSES: dict[str, LimitedBy] = {"server": "server", "rate_limit": "rate_limit", "client_cpu": "client_cpu"}


def known_limits(config: RunConfig, state_dir: Path, warn: Callable[[str], None]) -> dict[int, int]:
    """Calls in flight that were best the last time, by the endpoint's place in the configuration."""
    if not _looks_for_limits(config):
        return {}
    now, model = clock.utc_now(), config.provider.model
    found = {
        place: read_warm_start(state_dir, endpoint.url, model, now, warn=warn)
        for place, endpoint in enumerate(_endpoints(config))
    }
    return {place: known.workers for place, known in found.items() if known is not None}


def remember_limits(
    config: RunConfig, router: Router | None, limited_by: str, state_dir: Path, warn: Callable[[str], None]
) -> None:
    """Keeps what this run has found, of endpoints that have shown enough of themselves."""
    if router is None or not _looks_for_limits(config):
        return
    found = {
        (settings.url, config.provider.model): WarmStart(
            workers=endpoint.control.limit,
            requests_per_s=endpoint.control.rate_per_s,
            limited_by=CAUSES.get(limited_by, "server"),
            measured_at=clock.utc_now(),
        )
        for settings, endpoint in zip(_endpoints(config), router.endpoints, strict=False)
        if endpoint.answers >= LEAST_ANSWERS and not endpoint.control.climbing
    }
    if found:
        save_warm_start(state_dir, found, warn=warn)


def remember_tuned(config: RunConfig, findings: Findings, state_dir: Path, warn: Callable[[str], None]) -> bool:
    """Keeps what `tune-workers` has found, each endpoint's share of it; whether there was anything to keep.

    A search that its budget has ended knows no best, and a bound on latency is the wish of one user.
    """
    endpoints = _endpoints(config)
    if not endpoints or findings.limited_by in ("budget", "latency"):
        return False
    whole = sum(endpoint.weight for endpoint in endpoints)
    rate_per_s, now = findings.requests_per_s, clock.utc_now()
    found = {
        (endpoint.url, config.provider.model): WarmStart(
            workers=math.ceil(findings.workers * endpoint.weight / whole),
            requests_per_s=None if rate_per_s is None else rate_per_s * endpoint.weight / whole,
            limited_by=findings.limited_by,
            measured_at=now,
        )
        for endpoint in endpoints
    }
    save_warm_start(state_dir, found, warn=warn)
    return True


def _looks_for_limits(config: RunConfig) -> bool:
    return config.concurrency.adaptive and config.concurrency.workers == "auto" and bool(_endpoints(config))


def _endpoints(config: RunConfig) -> Sequence[EndpointConfig]:
    return getattr(config.provider, "endpoints", ())
