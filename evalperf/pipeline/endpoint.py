"""One endpoint with all that guards it: what its calls tell of it goes to each guard from here."""

from __future__ import annotations

import logging
import math
import random
from collections import Counter
from collections.abc import Mapping

from msgspec import UNSET, Struct

from evalperf import clock
from evalperf.errors import ProviderError
from evalperf.events import BreakerChanged, Emit
from evalperf.providers import LocalFault, Provider
from evalperf.records import Completion
from evalperf.resilience import (
    CallOutcome,
    CircuitBreaker,
    CircuitState,
    EndpointLoad,
    InFlightLimit,
    Permit,
    RateGate,
    Sent,
    TokenEstimate,
    Transition,
    outcome_of,
    senseless_limits,
)
from evalperf.stats import Sketch

__all__ = ["CallCounts", "Endpoint", "Seat"]

logger = logging.getLogger(__name__)

LEAST_PAUSE_S = 1.0
"""After a 429 that asks for less, or for nothing: in the 20 ms of a `retry-after-ms` there is room for one request."""
HINT_SPREAD = 0.1
"""A server's own wish is stretched by up to this share, so that those it sent away do not come back as one."""


class CallCounts:
    """What has become of the calls to one endpoint, for the summary."""

    __slots__ = ("calls", "errors", "latency")

    def __init__(self) -> None:
        self.calls = 0
        """That have left."""
        self.errors: Counter[str] = Counter()
        """By kind."""
        self.latency = Sketch()
        """Of the answers, in seconds."""


class Endpoint:
    """A provider, its load, its circuit breaker, its rate gate and the limit of its calls in flight."""

    def __init__(
        self,
        provider: Provider,
        load: EndpointLoad,
        breaker: CircuitBreaker,
        gate: RateGate,
        control: InFlightLimit,
        *,
        fallback: bool,
        longest_pause_s: float,
        emit: Emit,
        rng: random.Random,
    ) -> None:
        self.provider = provider
        self.name = provider.name
        self.load = load
        self.breaker = breaker
        self.gate = gate
        self.control = control
        self.fallback = fallback
        self.estimate = TokenEstimate()
        self.calls = 0
        """On the wire now; the load also counts those that wait at the gate."""
        self.answers = 0
        self.counts = CallCounts()
        self.openings = 0
        """How often the breaker has opened."""
        self._answered_s = float("-inf")
        self._within_reach = math.inf  # calls for which this machine has file descriptors, as far as is known
        self._senseless = False  # whether a limit without sense has been told
        self._longest_pause_s = longest_pause_s
        self._emit = emit
        self._random = rng

    @property
    def limit(self) -> int:
        """Calls that may be given to it at once."""
        return int(min(self.control.limit, self._within_reach))

    @property
    def has_room(self) -> bool:
        """Whether one more call may be given to it."""
        return self.load.in_flight < self.limit

    def answered_within(self, seconds: float) -> bool:
        """Whether an answer has come in that time."""
        return clock.now() - self._answered_s < seconds

    def take(self, now_s: float) -> Seat | None:
        """A place for one call, if the breaker lets it pass; end it with `Seat.leave`."""
        permit = self.breaker.allow(now_s)
        if permit is None:
            return None
        if permit.transition is not None:
            self._tell(permit.transition, now_s)
        self.load.began()
        return Seat(self, permit)

    def trip(self, reason: str) -> None:
        """Opens the breaker: a health check has failed."""
        now_s = clock.now()
        transition = self.breaker.trip(reason, now_s, draw=self._random.random())
        if transition is not None:
            self._tell(transition, now_s)

    # what a call tells -----------------------------------------------------------------------------------------------

    def answered(self, seat: Seat, completion: Completion, latency_s: float) -> None:
        """The call has brought an answer."""
        now_s = clock.now()
        self._answered_s = now_s
        self.answers += 1
        self.counts.latency.add(latency_s)
        self.load.succeeded(now_s, latency_s)
        self._within_reach += 1 / self._within_reach  # what took the descriptors may be gone
        self.control.completed(now_s, seat.sending, ok=True)
        if seat.tokens and completion.usage is not None:
            self.gate.settle(seat.tokens, completion.usage.input_tokens + completion.usage.output_tokens)
        if completion.limit_headers is not UNSET:
            age_s = 0.0 if completion.ttft_s is None else latency_s - completion.ttft_s
            self._observe(completion.limit_headers, age_s)
        if completion.usage is not None:
            self.estimate.learn(seat.size_bytes, completion.usage.input_tokens, completion.usage.output_tokens)
        self._judge(seat.permit, CallOutcome.SUCCESS, now_s)

    def failed(self, seat: Seat, error: ProviderError, latency_s: float) -> None:
        """The call has brought a failure."""
        if isinstance(error, LocalFault):
            self._out_of_reach(seat, error)
            return
        now_s = clock.now()
        self.counts.errors[error.kind] += 1
        outcome = outcome_of(error.kind, error.status)
        if outcome is CallOutcome.FAILURE:
            self.load.failed(now_s, latency_s)
            self.control.completed(now_s, seat.sending, ok=False)
        else:
            self.load.left()
        if error.kind == "rate_limited":
            self._refused(seat, error, now_s)
        if seat.tokens and error.kind != "timeout":  # what a server did before a timeout, it has charged for
            self.gate.settle(seat.tokens, 0)
        if error.limit_headers:
            self._observe(error.limit_headers, 0.0)
        self._judge(seat.permit, outcome, now_s, retry_after_s=error.retry_after_s)

    def _observe(self, headers: Mapping[str, str], age_s: float) -> None:
        self.gate.observe(headers, age_s=age_s)
        if not self._senseless and (senseless := senseless_limits(headers)):
            self._senseless = True
            listed = ", ".join(f"{name}: {value[:100]!r}" for name, value in senseless.items())
            logger.debug("endpoint %s: no sense in %s; such headers are passed over", self.name, listed)

    def left(self, seat: Seat) -> None:
        """The call was cancelled, or never made."""
        self.load.left()
        if seat.tokens:
            self.gate.settle(seat.tokens, 0)
        self._judge(seat.permit, CallOutcome.NEUTRAL, clock.now())

    def _out_of_reach(self, seat: Seat, error: LocalFault) -> None:
        """Nothing has left: no figure of the endpoint's counts it, and no more calls are made than have got through."""
        if self._within_reach == math.inf:
            logger.warning("endpoint %s: %s; %s", self.name, error.message, error.hint)
        self._within_reach = float(max(1, self.calls))
        self.counts.calls -= 1
        self.left(seat)

    def _refused(self, seat: Seat, error: ProviderError, now_s: float) -> None:
        self.control.refused(now_s, seat.sending, allowed_per_s=self.gate.stated_per_s)
        if self.control.scattered:
            self.gate.unspace()
            return
        wish_s = max(LEAST_PAUSE_S, error.retry_after_s or 0.0)
        pause_s = min(self._longest_pause_s, wish_s) * (1 + HINT_SPREAD * self._random.random())
        self.gate.refused(now_s + pause_s)

    def _judge(self, permit: Permit, outcome: CallOutcome, now_s: float, *, retry_after_s: float | None = None) -> None:
        if self.gate.paced_per_s != self.control.rate_per_s:
            self.gate.pace(self.control.rate_per_s)
        transition = self.breaker.record(
            permit, outcome, now_s, retry_after_s=retry_after_s, draw=self._random.random()
        )
        if transition is not None:
            self._tell(transition, now_s)

    def _tell(self, change: Transition, now_s: float) -> None:
        if change.after is CircuitState.OPEN:
            self.openings += 1
        elif change.after is CircuitState.CLOSED:
            self.control.halve()
        self._emit(
            BreakerChanged(
                at_s=now_s,
                endpoint=self.name,
                before=change.before.value,
                after=change.after.value,
                reason=change.reason,
                open_s=change.open_s,
            )
        )


class Seat(Struct, gc=False):
    """A place for one call at an endpoint; tell what became of the call, once, or leave without."""

    endpoint: Endpoint
    permit: Permit
    size_bytes: int = 0
    """Of the request's messages."""
    tokens: int = 0
    """What the gate was charged for it."""
    sending: Sent = Sent(0, 0.0)
    on_wire: bool = False
    told: bool = False

    def sent(self) -> None:
        """The call leaves now."""
        self.on_wire = True
        self.endpoint.calls += 1
        self.endpoint.counts.calls += 1
        self.sending = self.endpoint.control.sent(clock.now(), self.endpoint.calls)

    def answered(self, completion: Completion, latency_s: float) -> None:
        """It has brought an answer."""
        self._end()
        self.endpoint.answered(self, completion, latency_s)

    def failed(self, error: ProviderError, latency_s: float) -> None:
        """It has brought a failure."""
        self._end()
        self.endpoint.failed(self, error, latency_s)

    def leave(self) -> None:
        """Nothing came of it; does nothing where something did."""
        if not self.told:
            self._end()
            self.endpoint.left(self)

    def _end(self) -> None:
        self.told = True
        if self.on_wire:
            self.on_wire = False
            self.endpoint.calls -= 1
