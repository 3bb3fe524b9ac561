"""Which endpoint takes the next call, and when: breakers, balancer, limits of calls in flight, rate gates.

A call that finds no room waits here, first come, first served. While one waits the feed hands out no new case, so the
line is short, however many workers there are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from evalperf import clock
from evalperf.errors import StoppedError
from evalperf.events import Emit, Throttled
from evalperf.pipeline.call_limit import CallLimit
from evalperf.pipeline.endpoint import Endpoint, Seat
from evalperf.resilience import Balancer, CircuitState

__all__ = ["Router"]


class Router:
    """Seats calls at endpoints. One per run, used by all its workers.

    A fallback is used only while no breaker of the others lets a call pass. When none at all has let one pass for
    `outage_s`, those who wait get a StoppedError.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        balancer: Balancer,
        *,
        most: int,
        outage_s: float,
        emit: Emit,
        shared: CallLimit | None = None,
    ) -> None:
        """`shared` bounds the calls of several routers."""
        self.endpoints = tuple(endpoints)
        self._first = [endpoint for endpoint in endpoints if not endpoint.fallback]
        self._fallbacks = [endpoint for endpoint in endpoints if endpoint.fallback]
        self._by_load = {id(endpoint.load): endpoint for endpoint in endpoints}
        self._balancer = balancer
        self._most = most
        self._outage_s = outage_s
        self._emit = emit
        self._shared = shared
        if shared is not None:
            shared.join(self._drain)
        self._seated = 0
        self._line: deque[asyncio.Future[Seat | None]] = deque()
        self._blocked_since_s: float | None = None  # no breaker has let a call pass since
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.on_room: Callable[[int], None] = _nobody
        """Told for how many more calls there is room."""

    # what others look at ---------------------------------------------------------------------------------------------

    @property
    def limit(self) -> int:
        """Calls that may be under way now; at least one, for somebody must find out that an endpoint is back."""
        limits = [e.limit for e in self._first if e.breaker.state is CircuitState.CLOSED]
        if not limits:
            limits = [e.limit for e in self._fallbacks if e.breaker.state is CircuitState.CLOSED]
        return max(1, min(self._most, sum(limits)))

    def has_room(self) -> bool:
        """Whether another case would find a place at once."""
        return not self._line and self._room() > 0

    @property
    def calls(self) -> int:
        """On the wire now."""
        return sum(endpoint.calls for endpoint in self.endpoints)

    def held_by(self) -> str | None:
        """What keeps most calls from leaving: breaker or rate_limit; None if they do leave."""
        if self._blocked_since_s is not None:
            return "breaker"
        at_gates = sum(endpoint.gate.waiting for endpoint in self.endpoints)
        return "rate_limit" if at_gates > self._seated / 2 else None

    def others_open(self, endpoint: Endpoint) -> bool:
        """Whether another endpoint takes calls now."""
        return any(
            other is not endpoint and not other.fallback and other.breaker.state is CircuitState.CLOSED
            for other in self.endpoints
        )

    # one call --------------------------------------------------------------------------------------------------------

    async def seat(self, size_bytes: int, max_output_tokens: int | None) -> tuple[Seat, float] | None:
        """A place at an endpoint whose gate is open, and the seconds that limits held the call back.

        None when the run is being stopped. Raises StoppedError after too long an outage. Give it back with `leave`.
        """
        throttled_s = 0.0
        while True:
            seat, outage_s = await self._place()
            if seat is None:
                return None
            throttled_s += outage_s
            waited_s = await self._pass_gate(seat, size_bytes, max_output_tokens)
            if waited_s is None:
                return None
            throttled_s += waited_s
            if waited_s == 0.0 or seat.endpoint.breaker.honours(seat.permit):
                return seat, throttled_s
            self.leave(seat)  # the breaker has opened meanwhile

    async def spare(self, like: Seat) -> Seat | None:
        """A seat at another endpoint than that one's, if one is free at once and no limit holds it back."""
        now_s = clock.now()
        for endpoint in self._first:
            free = endpoint is not like.endpoint and endpoint.has_room and endpoint.breaker.state is CircuitState.CLOSED
            if free and endpoint.gate.reason(0) is None and not self._closed and self._has_shared_room():
                seat = endpoint.take(now_s)
                if seat is not None:
                    self._sit()
                    await self._pass_gate(seat, like.size_bytes, None)
                return seat
        return None

    def leave(self, seat: Seat) -> None:
        """The call is over, told or not; the place is for the next."""
        seat.leave()
        self._seated -= 1
        if self._shared is None:
            self._drain()
        else:
            self._shared.leave()

    def close(self) -> None:
        """Nobody is seated any more, and those who wait are sent away: the run is being stopped."""
        self._closed = True
        for endpoint in self.endpoints:
            endpoint.gate.close()
        while self._line:
            self._answer(self._line.popleft(), None)
        self._set_timer(None)

    async def _pass_gate(self, seat: Seat, size_bytes: int, max_output_tokens: int | None) -> float | None:
        """Seconds that the rate limits held the call back; None, and the seat is gone, if the run is being stopped."""
        gate = seat.endpoint.gate
        seat.size_bytes = size_bytes
        tokens = seat.endpoint.estimate.tokens(size_bytes, max_output_tokens) if gate.counts_tokens else 0
        if gate.pass_at_once(tokens):
            seat.tokens = tokens
            return 0.0
        reason = gate.reason(tokens)
        try:
            waited_s = await gate.acquire(tokens)
        except BaseException:
            self.leave(seat)
            raise
        if waited_s is None:
            self.leave(seat)
            return None
        seat.tokens = tokens
        self._emit(Throttled(clock.now(), seat.endpoint.name, reason or "line", waited_s))
        return waited_s

    # places ----------------------------------------------------------------------------------------------------------

    async def _place(self) -> tuple[Seat | None, float]:
        """A seat, or None when closed; and the seconds for which no breaker would have let the call pass."""
        if self._closed:
            return None, 0.0
        began_s = clock.now()
        if not self._line:
            seat = self._take(began_s)
            if seat is not None:
                return seat, 0.0
        place: asyncio.Future[Seat | None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        self._look_later(began_s)
        blocked = self._blocked_since_s is not None
        try:
            seat = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                given = place.result()
                if given is not None:
                    self.leave(given)
            raise
        if not blocked:
            return seat, 0.0
        outage_s = clock.now() - began_s
        self._emit(Throttled(clock.now(), None, "breaker", outage_s))
        return seat, outage_s

    def _take(self, now_s: float) -> Seat | None:
        if self._seated >= self._most or not self._has_shared_room():
            return None
        endpoint = self._choose(now_s)
        seat = None if endpoint is None else endpoint.take(now_s)
        if seat is not None:
            self._sit()
        return seat

    def _sit(self) -> None:
        self._seated += 1
        if self._shared is not None:
            self._shared.take()

    def _has_shared_room(self) -> bool:
        return self._shared is None or self._shared.room > 0

    def _room(self) -> int:
        """How many more calls would be seated at once."""
        own = self.limit - self._seated
        return own if self._shared is None else min(own, self._shared.room)

    def _choose(self, now_s: float) -> Endpoint | None:
        ready = [e for e in self._first if e.breaker.ready_in_s(now_s) == 0.0]
        if not ready:
            ready = [e for e in self._fallbacks if e.breaker.ready_in_s(now_s) == 0.0]
        self._note_outage(now_s)
        load = self._balancer.choose([e.load for e in ready if e.has_room], now_s)
        return None if load is None else self._by_load[id(load)]

    def _note_outage(self, now_s: float) -> None:
        """An outage lasts from the first moment without a closed breaker to the first with one."""
        if any(e.breaker.state is CircuitState.CLOSED for e in self.endpoints):
            self._blocked_since_s = None
        elif self._blocked_since_s is None:
            self._blocked_since_s = now_s

    def _drain(self) -> None:
        now_s = clock.now()
        while self._line:
            if self._line[0].done():  # cancelled
                self._line.popleft()
                continue
            seat = self._take(now_s)
            if seat is None:
                self._look_later(now_s)
                return
            self._answer(self._line.popleft(), seat)
        room = self._room()
        if room > 0:
            self.on_room(room)

    @staticmethod
    def _answer(place: asyncio.Future[Seat | None], seat: Seat | None) -> None:
        if not place.done():
            place.set_result(seat)

    # breakers that are open ------------------------------------------------------------------------------------------

    def _look_later(self, now_s: float) -> None:
        """A timer for the first breaker that lets a call pass again, or for the end of our patience."""
        waits = [wait for e in self.endpoints if (wait := e.breaker.ready_in_s(now_s))]
        if self._blocked_since_s is not None:
            waits.append(max(0.0, self._blocked_since_s + self._outage_s - now_s))
        self._set_timer(now_s + min(waits) if waits else None)

    def _set_timer(self, at_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if at_s is None else asyncio.get_running_loop().call_at(at_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now_s = clock.now()
        self._note_outage(now_s)
        since_s = self._blocked_since_s
        if since_s is not None and now_s - since_s >= self._outage_s:
            self._give_up(now_s - since_s)
        else:
            self._drain()

    def _give_up(self, outage_s: float) -> None:
        names = ", ".join(endpoint.name for endpoint in self.endpoints)
        error = StoppedError(
            f"no endpoint has answered for {outage_s:.0f} s: {names}",
            hint="when one is back, continue with --resume",
        )
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_exception(error)


def _nobody(_: int) -> None:
    """Before the feed is there."""
