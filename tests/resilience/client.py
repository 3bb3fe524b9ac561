"""A client with endless work that obeys an `AdaptiveLimit`, and what it got out of a server."""

from __future__ import annotations

from dataclasses import dataclass

from evalperf.pipeline.endpoint import HINT_SPREAD, LEAST_PAUSE_S
from evalperf.resilience.adaptive import AdaptiveLimit
from evalperf.resilience.meters import Gcra
from evalperf.resilience.scatter import Sent
from tests.resilience.servers import RateLimited, Scattered, Server, Simulation


@dataclass
class Outcome:
    share: float
    """Of the optimum, over the whole time."""
    steady_share: float
    """Over the last two thirds."""
    refused_share: float
    p95_s: float
    median_limit: float
    limits: list[int]


class Client:
    """`stated_per_s` is a limit that it keeps because it is configured."""

    def __init__(
        self,
        sim: Simulation,
        server: Server,
        control: AdaptiveLimit,
        *,
        tell_busy: bool = False,
        stated_per_s: float | None = None,
    ) -> None:
        self.sim, self.server, self.control = sim, server, control
        self.answers: list[tuple[float, float]] = []
        self.refused = self.in_flight = 0
        self.limits: list[int] = []
        self._pace: Gcra | None = None
        self._stated_per_s = stated_per_s
        self._stated = None if stated_per_s is None else Gcra(stated_per_s, stated_per_s)
        self._paused_until_s = 0.0
        self._alarm_s: float | None = None
        self._tell_busy = tell_busy

    def pump(self) -> None:
        while self.in_flight < self.control.limit:
            wait_s = self._wait_s()
            if wait_s > 0:
                if self._alarm_s is None or self._alarm_s > self.sim.now_s + wait_s:
                    self._alarm_s = self.sim.now_s + wait_s
                    self.sim.after(wait_s, self._wake, self._alarm_s)
                return
            if self._pace is not None:
                self._pace.take(self.sim.now_s)
            if self._stated is not None:
                self._stated.take(self.sim.now_s)
            self.in_flight += 1
            if self._tell_busy:
                self.control.client_busy = self.server.busy(self.sim.now_s)  # type: ignore[attr-defined]
            sent = self.control.sent(self.sim.now_s, self.in_flight)
            self.server.submit(self.sim, self._replier(sent))

    def _wait_s(self) -> float:
        rate_per_s = self.control.rate_per_s
        if rate_per_s is None:
            self._pace = None
        else:
            if self._pace is None:
                self._pace = Gcra(rate_per_s)
            self._pace.change(rate_per_s, 1.0)
        pace_s = 0.0 if self._pace is None else self._pace.wait_s(self.sim.now_s)
        stated_s = 0.0 if self._stated is None else self._stated.wait_s(self.sim.now_s)
        return max(self._paused_until_s - self.sim.now_s, pace_s, stated_s)

    def _wake(self, alarm_s: float) -> None:
        if self._alarm_s == alarm_s:
            self._alarm_s = None
        self.pump()

    def _replier(self, sent: Sent):
        def reply(status: int) -> None:
            now_s = self.sim.now_s
            self.in_flight -= 1
            if status == 429:
                assert isinstance(self.server, RateLimited | Scattered)
                self.refused += 1
                self.control.refused(now_s, sent, allowed_per_s=self._stated_per_s)
                if not self.control.scattered:
                    wish_s = max(LEAST_PAUSE_S, self.server.retry_after_s or 0.0)
                    wait_s = wish_s * (1 + HINT_SPREAD * self.sim.rng.random())
                    self._paused_until_s = max(self._paused_until_s, now_s + wait_s)
            else:
                self.control.completed(now_s, sent, ok=status == 200)
                if status == 200:
                    self.answers.append((now_s, now_s - sent.at_s))
            self.pump()

        return reply

    def watch(self) -> None:
        self.limits.append(self.control.limit)
        self.sim.after(5.0, self.watch)


def drive(
    server: Server,
    *,
    seed: int,
    seconds: float = 900.0,
    control: AdaptiveLimit | None = None,
    tell_busy: bool = False,
    stated_per_s: float | None = None,
) -> Outcome:
    """What the controller makes of a server."""
    sim = Simulation(seed)
    control = AdaptiveLimit() if control is None else control
    client = Client(sim, server, control, tell_busy=tell_busy, stated_per_s=stated_per_s)
    client.watch()
    client.pump()
    sim.run(seconds)
    third_s = seconds / 3
    late = [latency_s for at_s, latency_s in client.answers if at_s > third_s]
    settled = sorted(client.limits[len(client.limits) // 3 :])
    return Outcome(
        share=len(client.answers) / server.optimum(0, seconds),
        steady_share=len(late) / server.optimum(third_s, seconds),
        refused_share=client.refused / max(1, client.refused + len(client.answers)),
        p95_s=sorted(late)[int(0.95 * len(late))] if late else float("nan"),
        median_limit=settled[len(settled) // 2],
        limits=client.limits,
    )
