"""The numbers of a run at one moment: what every display shows, and all that it gets."""

from __future__ import annotations

from math import sqrt

from msgspec import Struct

from evalperf.dashboard.eta import Eta, Second

__all__ = ["EndpointNumbers", "Happening", "MachineNumbers", "ScorerNumbers", "Snapshot", "Wait"]


class ScorerNumbers(Struct, frozen=True):
    """A scorer so far, over the answers that it has scored."""

    name: str
    n: int
    mean: float
    variance: float
    """Of the single values."""

    @property
    def half_width(self) -> float | None:
        """Of a 95 % interval by the normal approximation, good enough while it moves; the report has exact ones.

        Where all values were 0, or all 1, the rule of three stands in (3/n) instead of a false certainty. None where
        nothing can be said.
        """
        if self.variance > 0 and self.n > 1:
            return 1.96 * sqrt(self.variance / self.n)
        return 3 / self.n if self.mean in {0.0, 1.0} and self.n >= 3 else None


class EndpointNumbers(Struct, frozen=True):
    """An endpoint so far."""

    name: str
    answered: int
    """Cases whose last attempt it had."""
    error_share: float
    """Of all its attempts."""
    rate_limited: int
    """Attempts that it sent away with 429."""
    p95_s: float | None
    in_flight: int | None = None
    """Calls on the wire at the last sample; None where calls are not made."""
    limit: int | None = None
    """Calls that may be."""
    requests_per_s: float | None = None
    """The pace that is kept, where there is one."""
    breaker: str = "closed"
    """closed, open or half_open."""


class MachineNumbers(Struct, frozen=True):
    """The last sample of this process."""

    cpu_share: float
    rss_bytes: int
    rss_history: tuple[int, ...]
    waiting_retries: int
    queued_cases: int
    queued_results: int
    loop_lag_s: float


class Wait(Struct, frozen=True):
    """Waits for one kind of limit."""

    count: int
    total_s: float


class Happening(Struct, frozen=True):
    """A line of the event list; equal things within half a minute share one."""

    elapsed_s: float
    """Since the start of the run, at the first of them."""
    label: str
    """retry, failed, warning or info."""
    text: str
    count: int


class Snapshot(Struct, frozen=True, kw_only=True):
    """A run at one moment. All counts are of this session, save `resumed`."""

    status: str
    """starting, running, complete, interrupted or failed."""
    run_id: str
    run_dir: str
    name: str
    model: str | None
    elapsed_s: float
    total: int | None
    """Cases of the run, resumed ones included; None while unknown."""
    resumed: int
    ok: int
    failed: int
    cached: int
    caches: bool
    """Whether answers are looked for in a cache."""
    retried: int
    in_flight: int
    workers: int
    seconds: tuple[Second, ...]
    """The last two minutes, oldest first; the second that has just begun is not in it."""
    peak_per_s: int | None
    eta: Eta | None
    latency: tuple[int, ...]
    """Counts of the histogram's buckets."""
    ttft: tuple[int, ...]
    failures: dict[str, int]
    retries: dict[str, int]
    waits: dict[str, Wait]
    scorers: tuple[ScorerNumbers, ...]
    endpoints: tuple[EndpointNumbers, ...]
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    limited_by: str | None
    """What holds the run back now."""
    limited_shares: dict[str, float]
    """Share of the samples so far, the largest first."""
    machine: MachineNumbers | None
    happenings: tuple[Happening, ...]
    """The latest first."""

    @property
    def finished(self) -> int:
        """Cases of this session that have a result."""
        return self.ok + self.failed

    @property
    def done(self) -> int:
        """Cases of the run that have a result."""
        return self.resumed + self.finished

    @property
    def share(self) -> float | None:
        """Of the run that is done; None while the total is unknown."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total else 1.0

    @property
    def cache_hit_rate(self) -> float | None:
        """Of the cases of this session; None without a cache, and before the first case."""
        return self.cached / self.finished if self.caches and self.finished else None

    @property
    def mean_per_s(self) -> float | None:
        """Cases per second since the start; None in the very first moment."""
        return self.finished / self.elapsed_s if self.elapsed_s >= 0.2 else None

    @property
    def cases_per_s(self) -> float | None:
        """Cases per second over the last ten seconds; over all, once the run is over or before a second has passed."""
        if not self.seconds or self.status not in {"running", "starting"}:
            return self.mean_per_s
        recent = self.seconds[-10:]
        return sum(second.finished for second in recent) / len(recent)

    @property
    def tokens_per_s(self) -> float | None:
        """Output tokens per second over the last ten seconds; None where no endpoint counts them."""
        if self.output_tokens is None or not self.seconds:
            return None
        recent = self.seconds[-10:]
        return sum(second.output_tokens for second in recent) / len(recent)
