"""What was measured: a number of workers in a steady state, and a pace on trial."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

__all__ = ["Level", "LimitedBy", "Measure", "MeasurePace", "PaceTrial", "pooled", "quantile"]

LimitedBy = Literal["server", "rate_limit", "client_cpu", "errors", "latency", "max_workers", "budget"]
"""What ended the growth: `budget` where time or requests ran out before anything else did."""


class Level(Struct, frozen=True, kw_only=True):
    """One number of workers as measured in a steady state, whatever came before it."""

    workers: int
    answered: int
    """Answers in `seconds`; what failed or was refused is not among them."""
    seconds: float
    latencies_s: tuple[float, ...]
    """Of these answers, sorted."""
    cpu_share: float
    """Of one core, by this process."""
    half_width_per_s: float | None = None
    """Half of the 90 % interval of `cases_per_s`, from the means of batches; None for too few of them."""
    attempts: int
    """From the level's first request on, those that let it settle among them."""
    refused: int = 0
    """Of the attempts: answered with 429."""
    failed: int = 0
    """Of the attempts: failed in another way."""
    reason: str | None = None
    """Why the last of those that were not answered was not."""

    @property
    def cases_per_s(self) -> float:
        """Throughput: answered cases only."""
        return self.answered / self.seconds if self.seconds > 0 else 0.0

    @property
    def latency_mean_s(self) -> float | None:
        """None where nothing was answered, as for the quantiles."""
        return sum(self.latencies_s) / len(self.latencies_s) if self.latencies_s else None

    @property
    def latency_p50_s(self) -> float | None:
        """The median."""
        return quantile(self.latencies_s, 0.5)

    @property
    def latency_p95_s(self) -> float | None:
        """What one answer in twenty exceeds."""
        return quantile(self.latencies_s, 0.95)

    @property
    def share_429(self) -> float:
        """Of all attempts."""
        return self.refused / self.attempts if self.attempts else 0.0

    @property
    def error_share(self) -> float:
        """Failures other than 429s, of all attempts."""
        return self.failed / self.attempts if self.attempts else 0.0


class PaceTrial(Struct, frozen=True, kw_only=True):
    """Requests sent strictly spaced, to see whether the server grants that pace."""

    rate_per_s: float
    workers: int
    granted: bool
    sustained_per_s: float | None = None
    """What was accepted from one refusal to the next: no server grants less than that. None where granted."""
    refused: int
    sent: int
    seconds: float
    latency_mean_s: float | None
    """Of the answers that came meanwhile; None where none did."""


Measure = Callable[[int], Awaitable[Level | None]]
"""Brings the endpoint to a steady state at that many workers, and measures; None once the budget is spent."""

MeasurePace = Callable[[float, int], Awaitable[PaceTrial | None]]
"""(requests per second, most calls in flight) → whether the server grants that; None once the budget is spent."""


def pooled(first: Level, second: Level) -> Level:
    """Two measurements of the same number of workers as one."""
    halves = [level.half_width_per_s for level in (first, second) if level.half_width_per_s is not None]
    seconds = first.seconds + second.seconds
    cpu_s = first.cpu_share * first.seconds + second.cpu_share * second.seconds
    return Level(
        workers=first.workers,
        answered=first.answered + second.answered,
        seconds=seconds,
        latencies_s=tuple(sorted(first.latencies_s + second.latencies_s)),
        cpu_share=cpu_s / seconds if seconds > 0 else 0.0,
        half_width_per_s=sum(half**2 for half in halves) ** 0.5 / 2 if len(halves) == 2 else None,
        attempts=first.attempts + second.attempts,
        refused=first.refused + second.refused,
        failed=first.failed + second.failed,
        reason=first.reason if second.reason is None else second.reason,
    )


def quantile(ordered: tuple[float, ...], share: float) -> float | None:
    """The value below which that share of a sorted sample lies; None of an empty one."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
