"""Results made by hand."""

from __future__ import annotations

from typing import Any

from evalperf.records import Failure, Result, Score


def make_result(seq: int, *, epoch: int = 1, value: float | None = None, kind: Any = None, **fields: Any) -> Result:
    scores = {"exact": Score(value=value, passed=value == 1.0)} if value is not None else {}
    known: dict[str, Any] = {
        "seq": seq,
        "id": f"case-{seq}",
        "epoch": epoch,
        "status": "ok" if kind is None else "failed",
        "input": "What is 2 + 2?",
        "output": None if kind else "4",
        "target": "4",
        "scores": scores,
        "overall_score": value,
        "failure": None if kind is None else Failure(kind=kind, message="it broke"),
        "model": "m",
        "endpoint": "a",
        "attempts": 1,
        "cached": None,
        "latency_s": 0.5,
        "ttft_s": None,
        "queue_s": 0.001,
        "throttled_s": 0.0,
        "retry_wait_s": 0.0,
        "score_s": 0.0,
        "usage": None,
        "cost_usd": None,
        "finish_reason": "stop",
        "started_at": "2026-11-20T14:30:05.000000Z",
        "tags": (),
        "metadata": {},
    }
    return Result(**{**known, **fields})
