"""One JSON object a second, for programs; keys are the summary's where it has them."""

from __future__ import annotations

import json
from typing import Any, TextIO

from evalperf.dashboard.histogram import quantile_s
from evalperf.dashboard.snapshot import ScorerNumbers, Snapshot

__all__ = ["JsonDisplay", "document"]

EVERY_S = 1.0


class JsonDisplay:
    """Writes each snapshot as a line, and the last one at the end."""

    def __init__(self, stderr: TextIO) -> None:
        self._stderr = stderr

    def open(self) -> None:
        """Nothing to take."""

    async def show(self, snapshot: Snapshot) -> float:
        """A line as soon as the run has begun."""
        self._write(snapshot)
        return EVERY_S

    def close(self, snapshot: Snapshot) -> None:
        """The final numbers; the status tells them from the others."""
        self._write(snapshot)

    def _write(self, snapshot: Snapshot) -> None:
        if snapshot.status == "starting":
            return
        self._stderr.write(json.dumps(document(snapshot)) + "\n")  # all ASCII, so that any stream takes it
        self._stderr.flush()


def document(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as the summary would spell it, with what only a running run has."""
    machine = snapshot.machine
    return {
        "schema_version": 1,
        "run": {"id": snapshot.run_id, "dir": snapshot.run_dir, "name": snapshot.name},
        "status": snapshot.status,
        "cases": {
            "total": snapshot.total,
            "ok": snapshot.ok,
            "failed": snapshot.failed,
            "cached": snapshot.cached,
            "resumed": snapshot.resumed,
        },
        "scores": {scorer.name: _score(scorer) for scorer in snapshot.scorers},
        "failures": snapshot.failures,
        "latency_s": _quantiles(snapshot.latency),
        "ttft_s": _quantiles(snapshot.ttft),
        "throughput": {"cases_per_s": snapshot.cases_per_s, "tokens_per_s": snapshot.tokens_per_s},
        "usage": _usage(snapshot),
        "cost_usd": snapshot.cost_usd,
        "cache": _cache(snapshot),
        "limited_by": snapshot.limited_shares,
        "wall_s": snapshot.elapsed_s,
        "in_flight": snapshot.in_flight,
        "workers": snapshot.workers,
        "retries": snapshot.retries,
        "eta_s": None if snapshot.eta is None else [snapshot.eta.low_s, snapshot.eta.high_s],
        "rss_bytes": None if machine is None else machine.rss_bytes,
        "cpu_share": None if machine is None else machine.cpu_share,
        "loop_lag_s": None if machine is None else machine.loop_lag_s,
    }


def _score(scorer: ScorerNumbers) -> dict[str, Any]:
    half = scorer.half_width
    ci95 = None if half is None else [scorer.mean - half, scorer.mean + half]
    return {"n": scorer.n, "mean": scorer.mean, "ci95": ci95}


def _quantiles(counts: tuple[int, ...]) -> dict[str, float | None]:
    return {f"p{share}": quantile_s(counts, share / 100) for share in (50, 90, 95, 99)}


def _cache(snapshot: Snapshot) -> dict[str, float | None] | None:
    if not snapshot.caches:
        return None
    misses = snapshot.finished - snapshot.cached
    return {"hits": snapshot.cached, "misses": misses, "hit_rate": snapshot.cache_hit_rate}


def _usage(snapshot: Snapshot) -> dict[str, int] | None:
    if snapshot.input_tokens is None or snapshot.output_tokens is None:
        return None
    return {"input_tokens": snapshot.input_tokens, "output_tokens": snapshot.output_tokens}
