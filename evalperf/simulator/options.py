"""What a simulated endpoint is like."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["SimulatorOptions"]


class SimulatorOptions(Struct, frozen=True, kw_only=True):
    """A simulated endpoint; two servers with equal options treat equal requests equally, in whatever order they come.

    The rates are shares of requests from 0 to 1 and exclude each other: together they are at most 1.
    """

    models: tuple[str, ...] = ("small", "large")
    """The solvers that are offered, as keys of `solvers.SOLVERS`."""
    seed: int = 0
    """Decides latencies and faults."""
    latency_s: float = 0.15
    """Median time to an answer."""
    latency_spread: float = 0.4
    """Sigma of the log-normal latency; 0 = always the median."""
    rate_429: float = 0.0
    """Refused at once with 429 and Retry-After."""
    rate_500: float = 0.0
    """Answered with 500, after the time an answer would have taken."""
    rate_dropped: float = 0.0
    """Connection cut half-way to the answer."""
    retry_after_s: float = 0.2
    """What a 429 asks to wait."""

    def __post_init__(self) -> None:
        shares = (self.rate_429, self.rate_500, self.rate_dropped)
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError(f"the shares of faults are at least 0 and together at most 1, not {shares}")
        if min(self.latency_s, self.latency_spread, self.retry_after_s) < 0:
            raise ValueError("latency_s, latency_spread and retry_after_s are at least 0")
