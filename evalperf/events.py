"""What happened, for those who watch: the dashboard, monitors, logs and tests.

Events go one way. `Bus.emit` is synchronous and must never wait; an observer that raises is dropped with one message
and the run goes on. Nothing asks an observer anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec import Struct

from evalperf.records import FailureKind, Result

__all__ = [
    "BreakerChanged",
    "Bus",
    "CaseFinished",
    "CaseRetried",
    "CaseStarted",
    "Emit",
    "EndpointSample",
    "Event",
    "InputEnded",
    "MemberWritten",
    "Noticed",
    "Observer",
    "RunFinished",
    "RunStarted",
    "Sampled",
    "Throttled",
]

logger = logging.getLogger("evalperf")


class RunStarted(Struct, frozen=True, kw_only=True, gc=False):
    """The first event of a run."""

    at_s: float
    run_id: str
    run_dir: str
    name: str
    model: str | None
    total: int | None
    """Cases times epochs that this run is to have in the end, where known."""
    resumed: int
    """Of these, finished by earlier sessions."""
    workers: int
    scorers: tuple[str, ...]
    caches: bool = False
    """Whether answers are looked for in a cache."""


class CaseStarted(Struct, frozen=True, gc=False):
    """A worker took a case: an attempt begins."""

    at_s: float
    seq: int


class CaseRetried(Struct, frozen=True, gc=False):
    """An attempt failed and the case waits for another; its worker is free again."""

    at_s: float
    seq: int
    kind: FailureKind
    endpoint: str | None
    delay_s: float


class Throttled(Struct, frozen=True, gc=False):
    """A case waited for a limit."""

    at_s: float
    endpoint: str | None
    reason: str
    wait_s: float


class BreakerChanged(Struct, frozen=True, kw_only=True, gc=False):
    """The circuit breaker of an endpoint went from one state to another: closed, open, half_open."""

    at_s: float
    endpoint: str
    before: str
    after: str
    reason: str
    open_s: float | None
    """For how long it lets no call pass, where it has opened."""


class CaseFinished(Struct, frozen=True, gc=False):
    """A case has its result, and the writer has taken it."""

    at_s: float
    result: Result


class InputEnded(Struct, frozen=True, gc=False):
    """The last case was read; `cases` counts those of this session."""

    at_s: float
    cases: int


class MemberWritten(Struct, frozen=True, gc=False):
    """The writer has put results on disk."""

    at_s: float
    results: int
    size_bytes: int
    """Compressed size."""


class EndpointSample(Struct, frozen=True, kw_only=True, gc=False):
    """One endpoint as it stands."""

    name: str
    in_flight: int
    limit: int
    """Calls that may be on their way to it at once."""
    waiting: int
    """Calls that a rate limit holds back."""
    requests_per_s: float | None
    """The pace that is kept, None where there is none."""
    breaker: str
    """closed, open or half_open."""


class Sampled(Struct, frozen=True, kw_only=True, gc=False):
    """The machine and the queues, about once a second."""

    at_s: float
    cpu_share: float
    """Of one core, by this process since the last sample."""
    rss_bytes: int
    in_flight: int
    workers: int
    """Cases that may be with an endpoint at once, as of now."""
    waiting_retries: int
    queued_cases: int
    queued_results: int
    loop_lag_s: float
    limited_by: str
    """What held the run back since the last sample: server, rate_limit, client_cpu, writer, breaker or input."""
    endpoints: tuple[EndpointSample, ...] = ()


class Noticed(Struct, frozen=True, gc=False):
    """Something that the user should know, once: `level` is `info` or `warning`."""

    at_s: float
    level: str
    message: str


class RunFinished(Struct, frozen=True, gc=False):
    """The last event of a run."""

    at_s: float
    status: str
    """complete, interrupted or failed."""


Event = (
    RunStarted
    | CaseStarted
    | CaseRetried
    | Throttled
    | BreakerChanged
    | CaseFinished
    | InputEnded
    | MemberWritten
    | Sampled
    | Noticed
    | RunFinished
)
Observer = Callable[[Event], None]
Emit = Callable[[Event], None]


class Bus:
    """Tells every observer every event, in order; a broken observer is dropped."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = list(observers)

    def subscribe(self, observer: Observer) -> None:
        """Adds an observer for all events from now on."""
        self._observers.append(observer)

    def emit(self, event: Event) -> None:
        """Hands the event to each observer at once."""
        for observer in self._observers:
            try:
                observer(event)
            except Exception:  # foreign code: an observer's bug must not end the run
                self._observers = [other for other in self._observers if other is not observer]
                logger.exception("an observer of the run failed and is not told any more: %r", observer)
