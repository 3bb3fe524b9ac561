"""How calls are limited, protected and spread: rate limits, circuit breakers, balancing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from evalperf.config.section import PositiveS, Section

__all__ = [
    "BalancingConfig",
    "CircuitBreakerConfig",
    "HedgingConfig",
    "PositiveRate",
    "RateLimitingConfig",
    "RetryBudgetSize",
]

PositiveRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]

RetryBudgetSize = Annotated[int, Field(ge=1)]
"""For `retry.budget`: what the run's retries may spend (a retry 5, after a timeout 10); successes refill it."""


class RateLimitingConfig(Section):
    """How fast requests may leave, over all endpoints together; limits that servers state lower it further."""

    requests_per_second: PositiveRate | None = None
    """Requests sent per second; no limit where absent."""
    requests_per_minute: PositiveRate | None = None
    """Requests sent per minute; the tighter one holds where both are given."""
    tokens_per_minute: PositiveRate | None = None
    """Input and output tokens per minute; estimated when a request leaves, corrected by its reply."""
    burst_size: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    """Requests that may leave at once after a rest; a tenth of a second's worth where absent."""

    @property
    def limits_something(self) -> bool:
        """Whether there is a limit at all."""
        rates = (self.requests_per_second, self.requests_per_minute, self.tokens_per_minute)
        return any(rate is not None for rate in rates)

    @model_validator(mode="after")
    def _bursts_of_something(self) -> RateLimitingConfig:
        if self.burst_size is not None and self.requests_per_second is None and self.requests_per_minute is None:
            raise ValueError('"burst_size" needs "requests_per_second" or "requests_per_minute"')
        return self


class CircuitBreakerConfig(Section):
    """When an endpoint that fails is left alone, and for how long."""

    failure_threshold: Annotated[int, Field(ge=1)] = 5
    """Failures in a row that open the breaker."""
    failure_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of failed calls within the window that opens it, once there are 20 of them."""
    window_s: PositiveS = 30
    """Span of time over which the share is taken."""
    open_s: PositiveS = 60
    """For how long no call passes; doubled with each opening that follows, up to 120 s (or this, if it is longer)."""
    half_open_calls: Annotated[int, Field(ge=1, le=1_000)] = 3
    """Probes that pass after that time; all must succeed to close the breaker."""
    give_up_s: PositiveS = 300
    """When no endpoint has let a call pass for so long, the run stops; it can be resumed."""


class BalancingConfig(Section):
    """How requests are spread over several endpoints of one model."""

    strategy: Literal["least_latency", "round_robin", "weighted"] = "least_latency"
    """Two picked at random and the one with the lower latency and load; in turns; or in proportion to the weights."""
    health_check_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60
    """Seconds between checks of each endpoint while the run goes on; 0 for none."""


class HedgingConfig(Section):
    """A second copy of the run's last calls at another endpoint, where they last long."""

    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """A call that lasts longer than this share of the calls before it gets a copy."""
    max_share: Annotated[float, Field(gt=0, le=0.02)] = 0.02
    """Most copies, as a share of all calls."""
