"""What happens when a call does not go well, or would come too early: policies as values, each usable alone."""

from __future__ import annotations

from evalperf.resilience.adaptive import AdaptiveLimit
from evalperf.resilience.balancer import Balancer, EndpointLoad
from evalperf.resilience.breaker import CallOutcome, CircuitBreaker, CircuitState, Permit, Transition
from evalperf.resilience.climber import GoodputClimber
from evalperf.resilience.meters import Gcra, TokenBucket
from evalperf.resilience.outcomes import outcome_of
from evalperf.resilience.pacer import Pacer
from evalperf.resilience.rategate import GateStatistics, RateGate, RateGates
from evalperf.resilience.ratelimit import RateLimit
from evalperf.resilience.ratelimit_headers import StatedLimit, stated_limits
from evalperf.resilience.retry import RetryPolicy
from evalperf.resilience.retrybudget import RetryBudget
from evalperf.resilience.usage import TokenEstimate

__all__ = [
    "AdaptiveLimit",
    "Balancer",
    "CallOutcome",
    "CircuitBreaker",
    "CircuitState",
    "EndpointLoad",
    "GateStatistics",
    "Gcra",
    "GoodputClimber",
    "Pacer",
    "Permit",
    "RateGate",
    "RateGates",
    "RateLimit",
    "RetryBudget",
    "RetryPolicy",
    "StatedLimit",
    "TokenBucket",
    "TokenEstimate",
    "Transition",
    "outcome_of",
    "stated_limits",
]
