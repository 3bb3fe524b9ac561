"""Bounds that a run must hold, looked up in its document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from evalperf.errors import ConfigError

if TYPE_CHECKING:  # reports need no configuration models at run time, and those are slow to import
    from evalperf.config.model import Gate

__all__ = ["GateResult", "check_gate_names", "evaluate_gates", "metric_names", "metric_value"]

_SCORE_FIELDS = (
    "mean",
    "mean_failures_as_wrong",
    "passed",
    "n",
    "answers",
    "unscored",
    "std",
    "ci95.0",
    "ci95.1",
    "corpus",
)
_TIME_FIELDS = ("p50", "p90", "p95", "p99", "max", "mean", "n")
_METRICS = (
    "failed.share",
    *(f"cases.{field}" for field in ("total", "ok", "failed", "rejected", "cached", "resumed")),
    *(f"{section}.{field}" for section in ("latency_s", "ttft_s", "queue_s") for field in _TIME_FIELDS),
    "throughput.cases_per_s",
    "throughput.tokens_per_s",
    "usage.input_tokens",
    "usage.output_tokens",
    "cost_usd",
    *(f"costs.{part}_usd" for part in ("answers", "scoring", "embeddings")),
    "retries.cases",
    "retries.recovered",
    "retries.attempts",
    *(f"cache.{field}" for field in ("hits", "misses", "hit_rate", "api_call_reduction")),
    *(f"judging.{field}" for field in ("calls", "input_tokens", "output_tokens", "cost_usd")),
    "in_doubt",
    "wall_s",
    "cpu_s",
    "peak_rss_bytes",
)


class GateResult(Struct, frozen=True, kw_only=True):
    """What became of a gate."""

    metric: str
    min: float | None
    max: float | None
    value: float | None
    """None = not measured; then the gate is not held."""
    held: bool
    reason: str | None
    """Why it is not held."""


def metric_names(scorers: Sequence[str]) -> list[str]:
    """All names that a gate may use in a run with these scorers."""
    return [*(f"{scorer}.{field}" for scorer in scorers for field in _SCORE_FIELDS), *_METRICS]


def check_gate_names(gates: Sequence[Gate], scorers: Sequence[str]) -> None:
    """ConfigError with all gates whose metric a run with these scorers does not have."""
    known = metric_names(scorers)
    faults = [
        _unknown(gate.metric, known) for gate in gates if gate.metric not in known and not _is_pass_at(gate, scorers)
    ]
    if faults:
        raise ConfigError("\n\n".join(faults), hint=f"metrics are: {', '.join(known)}")


def evaluate_gates(document: Mapping[str, Any], gates: Sequence[Gate]) -> list[GateResult]:
    """Each gate against the document of a run; a metric that is None is not measured, and its gate not held.

    ConfigError for a metric that the run does not have.
    """
    check_gate_names(gates, tuple(document["scores"]))
    return [_evaluate(gate, metric_value(document, gate.metric)) for gate in gates]


def metric_value(document: Mapping[str, Any], metric: str) -> float | None:
    """The number at a metric's path: in the scores first, then in the document; None where there is none."""
    path = metric.split(".")
    value = _at(document["scores"] if path[0] in document["scores"] else document, path)
    return value if isinstance(value, int | float) else None


def _is_pass_at(gate: Gate, scorers: Sequence[str]) -> bool:
    """`NAME.pass_at_k.5` and `NAME.pass_hat_k.5`: which k there are is a matter of the configuration."""
    name, _, figure = gate.metric.rpartition(".pass_")
    return name in scorers and re.fullmatch(r"(at|hat)_k\.[1-9][0-9]*", figure) is not None


def _at(value: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list | tuple) and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _evaluate(gate: Gate, value: float | None) -> GateResult:
    reason = None
    if value is None:
        reason = "not measured"
    elif gate.min is not None and not value >= gate.min:
        reason = f"below {gate.min:g}"
    elif gate.max is not None and not value <= gate.max:
        reason = f"above {gate.max:g}"
    return GateResult(metric=gate.metric, min=gate.min, max=gate.max, value=value, held=reason is None, reason=reason)


def _unknown(metric: str, known: Sequence[str]) -> str:
    near = get_close_matches(metric, known, n=1, cutoff=0.5)
    return f'gate: there is no metric "{metric}"' + (f'; did you mean "{near[0]}"?' if near else "")
