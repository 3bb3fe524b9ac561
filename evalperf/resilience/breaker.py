"""A circuit breaker for one endpoint: a pure state machine on the time that is passed in.

    CLOSED     calls pass; opens at `failure_threshold` failures in a row, or at `failure_rate` of the window's calls
    OPEN       no call passes until the open time is over; it doubles with each opening, up to a cap
    HALF_OPEN  so many probes pass; all of them must succeed to close, one failure opens again

A permit carries the generation it was given in, and what an earlier generation reports changes nothing: neither the
calls still in flight when the breaker opened, nor a late success of theirs while probes are out.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from evalperf.config.resilience import CircuitBreakerConfig
from evalperf.resilience.window import FailureWindow

__all__ = ["CallOutcome", "CircuitBreaker", "CircuitState", "Permit", "Transition"]

MIN_CALLS = 20
"""A rate over fewer calls than this is an accident."""
MAX_OPEN_S = 120.0
FORGIVEN_AFTER_S = 60.0
"""After so long a time closed, the next opening counts as the first again."""
PROBE_PATIENCE_S = 60.0
"""Probes without a verdict for so long are given up and new ones let through."""
JITTER = 0.2
"""Open times differ by up to this share either way, so that endpoints behind one fault do not come back as one."""


class CircuitState(Enum):
    """What the breaker does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CallOutcome(Enum):
    """What a call says about its endpoint's health; a refusal by a rate limit or a cancellation says nothing."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


class Transition(Struct, frozen=True):
    """The breaker went from one state to another."""

    before: CircuitState
    after: CircuitState
    reason: str
    open_s: float | None = None
    """For how long it opened."""


class Permit(Struct, frozen=True):
    """Leave to make one call; give it back with `record`, whatever becomes of the call."""

    generation: int
    transition: Transition | None = None
    """The change of state that asking for this permit brought about."""


class CircuitBreaker:
    """Keeps calls from an endpoint that is down, and finds out when it is back."""

    def __init__(self, config: CircuitBreakerConfig) -> None:
        self._config = config
        self._window = FailureWindow(config.window_s)
        self._state = CircuitState.CLOSED
        self._generation = 0
        self._since_s = float("-inf")  # when this generation began
        self._open_until_s = float("-inf")
        self._openings = 0
        self._streak = 0  # failures in a row
        self._permits = 0  # probes that may still go
        self._proven = 0  # probes that succeeded

    @property
    def state(self) -> CircuitState:
        """As of the last call of `allow` or `record`: an open time that is over shows with the next `allow`."""
        return self._state

    def ready_in_s(self, now_s: float) -> float | None:
        """Seconds until `allow` gives a permit; 0 if it would now, None if only a probe's verdict can tell."""
        if self._state is CircuitState.OPEN:
            return max(0.0, self._open_until_s - now_s)
        if self._state is CircuitState.CLOSED or self._permits > 0 or self._probes_lost(now_s):
            return 0.0
        return None

    def honours(self, permit: Permit) -> bool:
        """Whether the permit is still good: the breaker has not changed its state since."""
        return permit.generation == self._generation

    def allow(self, now_s: float) -> Permit | None:
        """A permit for one call, None while the breaker is open or its probes are out."""
        if self._state is CircuitState.CLOSED:
            return Permit(self._generation)
        transition = None
        if self._state is CircuitState.OPEN:
            if now_s < self._open_until_s:
                return None
            transition = self._enter(CircuitState.HALF_OPEN, "open time over", now_s)
        elif self._probes_lost(now_s):
            self._begin(now_s)
        if self._permits == 0:
            return None
        self._permits -= 1
        return Permit(self._generation, transition)

    def record(
        self,
        permit: Permit,
        outcome: CallOutcome,
        now_s: float,
        *,
        retry_after_s: float | None = None,
        draw: float = 0.5,
    ) -> Transition | None:
        """What the call's outcome changes; `draw` is uniform in [0, 1) and spreads the open time.

        `retry_after_s` is the server's own wish with a failure: the breaker stays open for at least that long.
        """
        if permit.generation != self._generation:
            return None
        if self._state is CircuitState.HALF_OPEN:
            return self._judge_probe(outcome, now_s, retry_after_s, draw)
        if outcome is CallOutcome.NEUTRAL:
            return None
        failed = outcome is CallOutcome.FAILURE
        self._window.add(failed, now_s)
        self._streak = self._streak + 1 if failed else 0
        reason = self._reason_to_open(now_s) if failed else None
        return None if reason is None else self._open(reason, now_s, retry_after_s, draw)

    def trip(self, reason: str, now_s: float, *, draw: float = 0.5) -> Transition | None:
        """Opens for what was found out without a call, such as a failed health check; nothing if it is open."""
        return None if self._state is CircuitState.OPEN else self._open(reason, now_s, None, draw)

    def _reason_to_open(self, now_s: float) -> str | None:
        if self._streak >= self._config.failure_threshold:
            return f"{self._streak} failures in a row"
        failures, calls = self._window.counts(now_s)
        if calls >= MIN_CALLS and failures >= self._config.failure_rate * calls:
            return f"{failures} of {calls} calls failed within {self._config.window_s:g} s"
        return None

    def _judge_probe(
        self, outcome: CallOutcome, now_s: float, retry_after_s: float | None, draw: float
    ) -> Transition | None:
        if outcome is CallOutcome.FAILURE:
            return self._open("a probe failed", now_s, retry_after_s, draw)
        if outcome is CallOutcome.NEUTRAL:
            self._permits += 1
            return None
        self._proven += 1
        if self._proven < self._config.half_open_calls:
            return None
        return self._enter(CircuitState.CLOSED, f"{self._proven} probes succeeded", now_s)

    def _open(self, reason: str, now_s: float, retry_after_s: float | None, draw: float) -> Transition:
        if self._state is CircuitState.CLOSED and now_s - self._since_s >= FORGIVEN_AFTER_S:
            self._openings = 0
        self._openings += 1
        cap_s = max(MAX_OPEN_S, self._config.open_s)
        growth = 2.0 ** min(self._openings - 1, 60)  # 2.0 ** 1024 overflows
        open_s = min(cap_s, self._config.open_s * growth) * (1 - JITTER + 2 * JITTER * draw)
        open_s = max(open_s, retry_after_s if retry_after_s is not None else 0.0)
        self._open_until_s = now_s + open_s
        return self._enter(CircuitState.OPEN, reason, now_s, open_s)

    def _enter(self, state: CircuitState, reason: str, now_s: float, open_s: float | None = None) -> Transition:
        transition = Transition(self._state, state, reason, open_s)
        self._state = state
        self._begin(now_s)
        return transition

    def _begin(self, now_s: float) -> None:
        """A new generation: nothing that was sent before counts any more."""
        self._generation += 1
        self._since_s = now_s
        self._streak = self._proven = 0
        self._permits = self._config.half_open_calls if self._state is CircuitState.HALF_OPEN else 0
        self._window.clear()

    def _probes_lost(self, now_s: float) -> bool:
        return self._state is CircuitState.HALF_OPEN and now_s - self._since_s >= PROBE_PATIENCE_S
