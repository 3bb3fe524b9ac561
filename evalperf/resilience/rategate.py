"""Where requests wait for their limits: in the order in which they came, with one timer for all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from operator import itemgetter

from evalperf import clock
from evalperf.resilience.gatestatistics import GateStatistics
from evalperf.resilience.ratelimit import RateLimit

__all__ = ["RateGate", "RateGates"]


class _Waiter:
    __slots__ = ("future", "number", "tokens")

    def __init__(self, number: int, tokens: float, future: asyncio.Future[bool]) -> None:
        self.number = number
        self.tokens = tokens
        self.future = future


class RateGate:
    """The way to one endpoint. Requests pass first come, first served: a large one is never overtaken for ever.

    Each request that passed is settled once. Made by `RateGates`, or alone: `RateGate(limit)`.
    """

    def __init__(self, limit: RateLimit, gates: RateGates | None = None) -> None:
        self.limit = limit
        self._gates = gates if gates is not None else RateGates({}, None)
        self._gates.join(self)
        self._line: OrderedDict[int, _Waiter] = OrderedDict()  # a deque that can be left from the middle
        self._passed = self._waited = self._refused = 0
        self._wait_s = 0.0
        self._closed = False

    def pass_at_once(self, tokens: int) -> bool:
        """Charges the request and lets it pass, if nothing holds it back now."""
        passes = not self._closed and self._gates.pass_at_once(self, tokens, clock.now())
        self._passed += passes
        return passes

    async def acquire(self, tokens: int) -> float | None:
        """Seconds that the request had to wait; None once the gate is closed.

        It is charged when this returns a time, and not if it is cancelled before.
        """
        if self.pass_at_once(tokens):
            return 0.0
        if self._closed:
            return None
        began_s = clock.now()
        waiter = _Waiter(self._gates.next_number(), tokens, asyncio.get_running_loop().create_future())
        self._line[waiter.number] = waiter
        if len(self._line) == 1:  # else it stands behind somebody, and changes nothing
            self._gates.drain(began_s)
        try:
            passed = await waiter.future
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        if not passed:
            return None
        waited_s = clock.now() - began_s
        self._passed += 1
        self._waited += 1
        self._wait_s += waited_s
        return waited_s

    def reason(self, tokens: int) -> str | None:
        """What would make a request wait now: line, paused, requests, pace, tokens, run; None when it would pass."""
        now_s = clock.now()
        own = self.limit.reason(tokens, now_s)
        return own or self._gates.shared_reason(tokens, now_s) or ("line" if self.waiting else None)

    def settle(self, estimated: int, actual: int) -> None:
        """The request that was charged `estimated` tokens has cost `actual`; 0 where it was refused or never sent."""
        now_s = clock.now()
        self.limit.settle(estimated, actual, now_s)
        self._gates.settle(estimated, actual, now_s)

    def observe(self, headers: Mapping[str, str], *, age_s: float = 0.0) -> None:
        """Learns from a reply's headers (names in lower case), which the server wrote `age_s` ago."""
        now_s = clock.now()
        self.limit.observe(headers, now_s, age_s=age_s)
        self._gates.drain(now_s)

    def pause(self, until_s: float) -> None:
        """Nothing passes before that time, on the loop's clock."""
        self.limit.pause(until_s)

    def refused(self, until_s: float) -> None:
        """A 429: pauses the endpoint and not only the case, and from now on spaces requests strictly."""
        self._refused += 1
        self.limit.refused(until_s)
        self._gates.space(strictly=True)

    def unspace(self) -> None:
        """The 429s have nothing to do with how requests are spaced."""
        self.limit.space(strictly=False)
        self._gates.space(strictly=False)

    def pace(self, rate_per_s: float | None) -> None:
        """Keeps a pace that was found by trial; None lifts it."""
        self.limit.pace(rate_per_s)
        if self._line:
            self._gates.drain(clock.now())

    def close(self) -> None:
        """Lets nobody pass any more; those in line are told so. The charge of who has passed stays."""
        self._closed = True
        while self._line:
            _, waiter = self._line.popitem()
            if not waiter.future.done():
                waiter.future.set_result(False)

    @property
    def stated_per_s(self) -> float | None:
        """The limit of requests that is configured, here or for the whole run, or stated by the server."""
        own_per_s, shared_per_s = self.limit.stated_per_s, self._gates.stated_per_s
        if own_per_s is None or shared_per_s is None:
            return shared_per_s if own_per_s is None else own_per_s
        return min(own_per_s, shared_per_s)

    @property
    def paced_per_s(self) -> float | None:
        """The pace that `pace` has set."""
        return self.limit.paced_per_s

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited, here or for the whole run; else a request may be charged with 0."""
        return self.limit.tokens_per_s is not None or self._gates.counts_tokens

    @property
    def waiting(self) -> int:
        """Requests in line."""
        return len(self._line)

    def statistics(self) -> GateStatistics:
        """A snapshot."""
        return GateStatistics(
            passed=self._passed,
            waited=self._waited,
            wait_s=self._wait_s,
            waiting=self.waiting,
            refused=self._refused,
            requests_per_s=self.limit.requests_per_s,
            tokens_per_s=self.limit.tokens_per_s,
        )

    def head(self) -> _Waiter | None:
        """The request whose turn is next; for `RateGates`."""
        line = self._line
        while line:
            waiter = next(iter(line.values()))
            if not waiter.future.done():
                return waiter
            del line[waiter.number]  # cancelled; its task has not run yet
        return None

    def pass_head(self) -> None:
        """Lets the first in line go; for `RateGates`, which has charged it."""
        _, waiter = self._line.popitem(last=False)
        waiter.future.set_result(True)

    def _leave(self, waiter: _Waiter) -> None:
        now_s = clock.now()
        if waiter.future.cancelled():
            self._line.pop(waiter.number, None)
        else:  # it had just been let through
            self._gates.give_back(self, waiter.tokens, now_s)
        self._gates.drain(now_s)


class RateGates:
    """The gates of a run by endpoint, with the limit that they share, and the one timer that opens them.

    Of requests that wait for the shared limit the oldest goes first, at whichever gate it stands; one that its own
    endpoint holds back holds up nobody at another gate.
    """

    def __init__(self, limits: Mapping[str, RateLimit], run: RateLimit | None) -> None:
        self._gates: list[RateGate] = []
        self._run = run
        self._numbers = 0
        self._timer: asyncio.Handle | None = None
        self._due_s = 0.0
        self._by_name = {name: RateGate(limit, self) for name, limit in limits.items()}

    def __getitem__(self, endpoint: str) -> RateGate:
        return self._by_name[endpoint]

    def statistics(self) -> dict[str, GateStatistics]:
        """A snapshot of each gate."""
        return {name: gate.statistics() for name, gate in self._by_name.items()}

    @property
    def counts_tokens(self) -> bool:
        """Whether the limit that all share is one on tokens."""
        return self._run is not None and self._run.tokens_per_s is not None

    @property
    def stated_per_s(self) -> float | None:
        """The limit of requests that all share."""
        return None if self._run is None else self._run.stated_per_s

    def space(self, *, strictly: bool) -> None:
        """No burst from now on, or bursts again."""
        if self._run is not None:
            self._run.space(strictly=strictly)

    def join(self, gate: RateGate) -> None:
        """One more gate; called by the gate itself."""
        self._gates.append(gate)

    def pass_at_once(self, gate: RateGate, tokens: float, now_s: float) -> bool:
        """Charges the request and lets it pass, if nobody is before it and no meter holds it back."""
        if gate.waiting or (self._run is not None and any(one.waiting for one in self._gates)):
            return False
        if self._wait_s(gate, tokens, now_s) > 0.0:
            return False
        self._take(gate, tokens, now_s)
        return True

    def next_number(self) -> int:
        """A place behind everybody who waits already."""
        self._numbers += 1
        return self._numbers

    def shared_reason(self, tokens: float, now_s: float) -> str | None:
        """`run` if the shared limit would hold a request back."""
        return "run" if self._run is not None and self._run.wait_s(tokens, now_s) > 0.0 else None

    def settle(self, estimated: float, actual: float, now_s: float) -> None:
        """Corrects the shared limit; lets go whom the correction helps."""
        if self._run is not None:
            self._run.settle(estimated, actual, now_s)
        if actual < estimated:
            self.drain(now_s)

    def give_back(self, gate: RateGate, tokens: float, now_s: float) -> None:
        """The request was cancelled after it had been charged."""
        gate.limit.give_back(tokens, now_s)
        if self._run is not None:
            self._run.give_back(tokens, now_s)

    def drain(self, now_s: float) -> None:
        """Lets pass who may, and sets the timer for the next."""
        wait_s: float | None = 0.0
        while wait_s == 0.0:
            wait_s = self._pass_one(now_s)
        self._set_timer(None if wait_s is None else now_s + wait_s)

    def _pass_one(self, now_s: float) -> float | None:
        """0 if one passed, else seconds until one may; None if none waits."""
        heads = [(head.number, head, gate) for gate in self._gates if (head := gate.head()) is not None]
        if len(heads) > 1:
            heads.sort(key=itemgetter(0))
        least_s: float | None = None
        for _, head, gate in heads:
            wait_s = gate.limit.wait_s(head.tokens, now_s)
            shared_s = 0.0 if wait_s > 0.0 or self._run is None else self._run.wait_s(head.tokens, now_s)
            if wait_s == shared_s == 0.0:
                self._take(gate, head.tokens, now_s)
                gate.pass_head()
                return 0.0
            blocked_s = max(wait_s, shared_s)
            least_s = blocked_s if least_s is None else min(least_s, blocked_s)
            if shared_s > 0.0:
                break  # it is the oldest that waits for the shared limit
        return least_s

    def _wait_s(self, gate: RateGate, tokens: float, now_s: float) -> float:
        wait_s = gate.limit.wait_s(tokens, now_s)
        return wait_s if self._run is None else max(wait_s, self._run.wait_s(tokens, now_s))

    def _take(self, gate: RateGate, tokens: float, now_s: float) -> None:
        gate.limit.take(tokens, now_s)
        if self._run is not None:
            self._run.take(tokens, now_s)

    def _set_timer(self, at_s: float | None) -> None:
        if self._timer is not None:
            if at_s is not None and self._due_s <= at_s:
                return  # too early does no harm: it looks again, then
            self._timer.cancel()
            self._timer = None
        if at_s is not None:
            # the due time is kept here: for less than half a millisecond, uvloop returns a handle that has no time
            self._timer, self._due_s = asyncio.get_running_loop().call_at(at_s, self._ring), at_s

    def _ring(self) -> None:
        self._timer = None
        self.drain(clock.now())
