"""What happens when a call does not go well, or would come too early: policies as values, each usable alone."""

from __future__ import annotations

from evalperf.resilience.adaptive import AdaptiveLimit, FixedLimit, InFlightLimit
from evalperf.resilience.balancer import Balancer, EndpointLoad
from evalperf.resilience.batching import Batcher, BatchLimits
from evalperf.resilience.batchsize import BatchRecord, BatchSize
from evalperf.resilience.breaker import CallOutcome, CircuitBreaker, CircuitState, Permit, Transition
from evalperf.resilience.budget import Budget, Reservation
from evalperf.resilience.climber import GoodputClimber
from evalperf.resilience.gatestatistics import GateStatistics
from evalperf.resilience.meters import Gcra, TokenBucket
from evalperf.resilience.outcomes import outcome_of
from evalperf.resilience.pacer import Pacer
from evalperf.resilience.rategate import RateGate, RateGates
from evalperf.resilience.ratelimit import RateLimit
from evalperf.resilience.ratelimit_headers import StatedLimit, senseless_limits, stated_limits
from evalperf.resilience.retry import MIN_WAIT_S, RetryPolicy
from evalperf.resilience.retrybudget import RetryBudget
from evalperf.resilience.scatter import Sent
from evalperf.resilience.usage import TokenEstimate

__all__ = [
    "MIN_WAIT_S",
    "AdaptiveLimit",
    "Balancer",
    "BatchLimits",
    "BatchRecord",
    "BatchSize",
    "Batcher",
    "Budget",
    "CallOutcome",
    "CircuitBreaker",
    "CircuitState",
    "EndpointLoad",
    "FixedLimit",
    "GateStatistics",
    "Gcra",
    "GoodputClimber",
    "InFlightLimit",
    "Pacer",
    "Permit",
    "RateGate",
    "RateGates",
    "RateLimit",
    "Reservation",
    "RetryBudget",
    "RetryPolicy",
    "Sent",
    "StatedLimit",
    "TokenBucket",
    "TokenEstimate",
    "Transition",
    "outcome_of",
    "senseless_limits",
    "stated_limits",
]
