"""The whole measuring on virtual time, against the server models that the limits of a run are tested with."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evalperf import clock
from evalperf.tuning import Bounds, Findings, Reply, open_load, search
from evalperf.tuning.sample import THOROUGH, Precision
from tests.resilience.servers import BatchServer, ClientBound, Drifting, HardCap, RateLimited, Server, Simulation
from tests.support.virtual_loop import run_virtual

MARGIN = 0.98
"""A run keeps that share of a configured pace."""


class CountingClient(ClientBound):
    """Also says how much of its CPU is used."""

    cpu_s = 0.0

    def _back(self, sim: Simulation, reply: Any) -> None:
        self.cpu_s += self.cost_s * (1 + self._outside / self.contention)
        super()._back(sim, reply)


MAKERS: dict[str, Callable[[], Server]] = {
    "hard cap": HardCap,
    "batch": BatchServer,
    "batch, cache": lambda: BatchServer(cache_slots=160),
    "rate limit": RateLimited,
    "noisy": lambda: Drifting((40, 40, 40)),
    "client CPU": CountingClient,
}


class LoopSimulation:
    """What a server model needs of a `Simulation`, on the running loop's clock."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    @property
    def now_s(self) -> float:
        return clock.now()

    def after(self, wait_s: float, call: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(max(0.0, wait_s), call, *args)


@dataclass
class Tuned:
    findings: Findings
    seconds: float
    requests: int
    refused: int


def tune(
    server: Server,
    seed: int,
    *,
    precision: Precision = THOROUGH,
    max_requests: int | None = None,
    max_seconds: float | None = None,
    bounds: Bounds | None = None,
) -> Tuned:
    """What the search makes of a server."""

    async def measured() -> Tuned:
        sim: Any = LoopSimulation(seed)
        statuses: list[int] = []

        async def call() -> Reply:
            began_s = clock.now()
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            server.submit(sim, lambda status: None if future.done() else future.set_result(status))
            status = await future
            statuses.append(status)
            kind = {200: "answered", 429: "refused"}.get(status, "failed")
            wish_s = server.retry_after_s if isinstance(server, RateLimited) else None
            return Reply(kind, clock.now() - began_s, wish_s)  # type: ignore[arg-type]

        async with open_load(
            call,
            max_requests=max_requests,
            max_seconds=max_seconds,
            precision=precision,
            cpu_s=lambda: getattr(server, "cpu_s", 0.0),
            seed=seed,
        ) as load:
            findings = await search(load.level, load.pace, bounds or Bounds())
            return Tuned(findings, clock.now(), load.sent, statuses.count(429))

    return run_virtual(measured())


def throughput(server: Server, workers: int, rate_per_s: float | None = None, *, seed: int = 77) -> float:
    """Answers per second of a fixed setting in the long run; a 429 pauses the client as it does in a run."""
    sim = Simulation(seed)
    client = _FixedClient(sim, server, workers, rate_per_s)
    client.pump()
    sim.run(60.0)
    before = client.answered
    sim.run(360.0)
    return (client.answered - before) / 300.0


class _FixedClient:
    def __init__(self, sim: Simulation, server: Server, workers: int, rate_per_s: float | None) -> None:
        self.sim, self.server, self.workers, self.rate_per_s = sim, server, workers, rate_per_s
        self.answered = self.in_flight = 0
        self.paused_until_s = self.next_s = 0.0
        self.alarmed = False

    def pump(self) -> None:
        while self.in_flight < self.workers:
            may_s = max(self.paused_until_s, self.next_s)
            if may_s > self.sim.now_s:
                if not self.alarmed:
                    self.alarmed = True
                    self.sim.after(may_s - self.sim.now_s, self.wake)
                return
            if self.rate_per_s is not None:
                self.next_s = self.sim.now_s + 1 / self.rate_per_s
            self.in_flight += 1
            self.server.submit(self.sim, self.replied)

    def wake(self) -> None:
        self.alarmed = False
        self.pump()

    def replied(self, status: int) -> None:
        self.in_flight -= 1
        self.answered += status == 200
        if status == 429:
            self.paused_until_s = max(self.paused_until_s, self.sim.now_s + 1.0)
        self.pump()


def optimum_per_s(server: Server) -> float:
    """The most that any setting brings in the long run."""
    return server.optimum(60.0, 360.0) / 300.0


def share_of_optimum(make: Callable[[], Server], findings: Findings) -> float:
    """What a run would get with the setting that was found."""
    rate = None if findings.requests_per_s is None else MARGIN * findings.requests_per_s
    return throughput(make(), findings.workers, rate) / optimum_per_s(make())
