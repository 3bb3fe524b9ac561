"""What a failed call says about its endpoint."""

from __future__ import annotations

from evalperf.records import FailureKind
from evalperf.resilience.breaker import CallOutcome

__all__ = ["outcome_of"]

_DOWN: frozenset[FailureKind] = frozenset({"timeout", "connection", "server_error", "bad_reply", "provider"})
_SILENT: frozenset[FailureKind] = frozenset({"rate_limited", "cancelled"})


def outcome_of(kind: FailureKind | None, status: int | None = None) -> CallOutcome:
    """How a circuit breaker takes a call; None is an answer.

    A server that rejects a request is well, and one that limits the rate says so because it is; 408 blames the client.
    """
    if kind in _SILENT or status == 408:
        return CallOutcome.NEUTRAL
    return CallOutcome.FAILURE if kind in _DOWN else CallOutcome.SUCCESS
