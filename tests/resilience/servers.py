"""Models of servers and the closed loop of a client, as a discrete-event simulation: 900 s take about half a second.

HardCap       so many slots and a queue
BatchServer   continuous batching: every step serves all sequences and takes longer the more there are;
              with `cache_slots`, steps get much slower once the cache is full (preemption)
RateLimited   a token bucket that answers 429
Scattered     429 for a share of requests, at any pace
Drifting      a hard cap that changes with the time, with noise, errors and stalls
ClientBound   an endless server, and one event loop here that can't keep up
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol


def lognormal(rng: random.Random, mean: float, cv: float) -> float:
    variance = math.log(1 + cv * cv)
    return rng.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))


class Simulation:
    """A queue of events on a clock of its own."""

    def __init__(self, seed: int) -> None:
        self.now_s = 0.0
        self.rng = random.Random(seed)
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = 0

    def after(self, wait_s: float, call: Callable[..., None], *args: Any) -> None:
        self._numbers += 1
        heapq.heappush(self._events, (self.now_s + max(0.0, wait_s), self._numbers, call, args))

    def run(self, until_s: float) -> None:
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, call, args = heapq.heappop(self._events)
            call(*args)
        self.now_s = until_s


Reply = Callable[[int], None]
"""Called with the status."""


class Server(Protocol):
    def submit(self, sim: Simulation, reply: Reply) -> None: ...

    def optimum(self, from_s: float, to_s: float) -> float:
        """Most answers that a client with foresight could get in that time."""


class HardCap:
    def __init__(self, slots: int = 32, mean_s: float = 1.0, cv: float = 0.3) -> None:
        self.slots, self.mean_s, self.cv = slots, mean_s, cv
        self._busy = 0
        self._queue: deque[Reply] = deque()

    def slots_at(self, now_s: float) -> int:
        return self.slots

    def work_s(self, sim: Simulation) -> float:
        return lognormal(sim.rng, self.mean_s, self.cv)

    def status(self, sim: Simulation) -> int:
        return 200

    def submit(self, sim: Simulation, reply: Reply) -> None:
        self._queue.append(reply)
        self._serve(sim)

    def _serve(self, sim: Simulation) -> None:
        while self._queue and self._busy < self.slots_at(sim.now_s):
            self._busy += 1
            sim.after(self.work_s(sim), self._done, sim, self._queue.popleft(), self.status(sim))

    def _done(self, sim: Simulation, reply: Reply, status: int) -> None:
        self._busy -= 1
        self._serve(sim)
        reply(status)

    def optimum(self, from_s: float, to_s: float) -> float:
        return self.slots / self.mean_s * (to_s - from_s)


class Drifting(HardCap):
    """40, then 16 (from 300 s), then 64 slots (from 600 s); AR(1) noise, 1 % errors, .5 % stalls of 15 s."""

    def __init__(
        self, slots: tuple[int, int, int] = (40, 16, 64), mean_s: float = 1.5, cv: float = 1.0, *, weather: int = 0
    ) -> None:
        super().__init__(slots[0], mean_s, cv)
        self.phases = slots
        noise, rng = 0.0, random.Random(weather)
        self._noise: list[float] = []  # for each 5 s
        for _ in range(200):
            self._noise.append(math.exp(noise))
            noise = 0.9 * noise + rng.gauss(0, 0.15 * math.sqrt(0.19))

    def slots_at(self, now_s: float) -> int:
        return self.phases[min(2, int(now_s // 300))]

    def work_s(self, sim: Simulation) -> float:
        stall_s = 15.0 if sim.rng.random() < 0.005 else 0.0
        return super().work_s(sim) * self._noise[int(sim.now_s // 5)] + stall_s

    def status(self, sim: Simulation) -> int:
        return 500 if sim.rng.random() < 0.01 else 200

    def optimum(self, from_s: float, to_s: float) -> float:
        answers = 0.0
        for step in range(int(from_s // 5), int(to_s // 5)):
            answers += 5 * self.slots_at(step * 5) / (self.mean_s * self._noise[step] + 0.005 * 15)
        return 0.99 * answers


class BatchServer:
    def __init__(
        self,
        *,
        base_s: float = 0.020,
        per_sequence_s: float = 0.00015,
        sequences: int = 256,
        tokens: float = 120,
        cv: float = 0.6,
        cache_slots: int | None = None,
        penalty_s: float = 4e-6,
    ) -> None:
        self.base_s, self.per_sequence_s, self.sequences = base_s, per_sequence_s, sequences
        self.tokens, self.cv, self.cache_slots, self.penalty_s = tokens, cv, cache_slots, penalty_s
        self._progress = 0.0  # tokens that each running sequence has had since the beginning of time
        self._at_s = 0.0
        self._running: list[tuple[float, int, Reply]] = []
        self._queue: deque[tuple[float, Reply]] = deque()
        self._numbers = 0
        self._version = 0

    def step_s(self, batch: int) -> float:
        step_s = self.base_s + self.per_sequence_s * batch
        if self.cache_slots is not None and batch > self.cache_slots:
            step_s += self.penalty_s * (batch - self.cache_slots) ** 2
        return step_s

    def submit(self, sim: Simulation, reply: Reply) -> None:
        self._advance(sim)
        self._queue.append((max(1.0, lognormal(sim.rng, self.tokens, self.cv)), reply))
        self._admit(sim)

    def _advance(self, sim: Simulation) -> None:
        if self._running:
            self._progress += (sim.now_s - self._at_s) / self.step_s(len(self._running))
        self._at_s = sim.now_s

    def _admit(self, sim: Simulation) -> None:
        while self._queue and len(self._running) < self.sequences:
            tokens, reply = self._queue.popleft()
            self._numbers += 1
            heapq.heappush(self._running, (self._progress + tokens, self._numbers, reply))
        self._version += 1
        if self._running:
            left = self._running[0][0] - self._progress
            sim.after(left * self.step_s(len(self._running)), self._finish, sim, self._version)

    def _finish(self, sim: Simulation, version: int) -> None:
        if version != self._version:
            return
        self._advance(sim)
        done: list[Reply] = []
        while self._running and self._running[0][0] <= self._progress + 1e-9:
            done.append(heapq.heappop(self._running)[2])
        self._admit(sim)
        for reply in done:
            reply(200)

    def optimum(self, from_s: float, to_s: float) -> float:
        best_per_s = max(n / self.step_s(n) for n in range(1, self.sequences + 1)) / self.tokens
        return best_per_s * (to_s - from_s)


class RateLimited:
    def __init__(
        self,
        rate_per_s: float = 10.0,
        burst: float = 10,
        mean_s: float = 2.0,
        cv: float = 0.4,
        retry_after_s: float | None = 1.0,
    ) -> None:
        self.rate_per_s, self.burst, self.mean_s, self.cv = rate_per_s, burst, mean_s, cv
        self.retry_after_s = retry_after_s
        self._level, self._at_s = float(burst), 0.0

    def submit(self, sim: Simulation, reply: Reply) -> None:
        self._level = min(self.burst, self._level + (sim.now_s - self._at_s) * self.rate_per_s)
        self._at_s = sim.now_s
        if self._level >= 1:
            self._level -= 1
            sim.after(lognormal(sim.rng, self.mean_s, self.cv), reply, 200)
        else:
            sim.after(0.05, reply, 429)

    def optimum(self, from_s: float, to_s: float) -> float:
        return self.rate_per_s * (to_s - from_s)


class Scattered:
    def __init__(self, share: float, per_s: float = math.inf, mean_s: float = 0.2) -> None:
        self.share, self.per_s, self.mean_s = share, per_s, mean_s
        self.retry_after_s: float | None = None

    def submit(self, sim: Simulation, reply: Reply) -> None:
        if sim.rng.random() < self.share:
            sim.after(0.01, reply, 429)
        else:
            sim.after(lognormal(sim.rng, self.mean_s, 0.4), reply, 200)

    def optimum(self, from_s: float, to_s: float) -> float:
        """For a client that sends `per_s` requests a second."""
        return (1 - self.share) * self.per_s * (to_s - from_s)


class ClientBound:
    def __init__(self, mean_s: float = 0.5, cv: float = 0.3, cost_s: float = 0.005, contention: float = 400) -> None:
        self.mean_s, self.cv, self.cost_s, self.contention = mean_s, cv, cost_s, contention
        self._outside = 0
        self._free_s = 0.0

    def submit(self, sim: Simulation, reply: Reply) -> None:
        self._outside += 1
        sim.after(lognormal(sim.rng, self.mean_s, self.cv), self._back, sim, reply)

    def busy(self, now_s: float) -> bool:
        """Whether the loop lags by more than a tenth of a second."""
        return self._free_s - now_s > 0.1

    def _back(self, sim: Simulation, reply: Reply) -> None:
        self._free_s = max(self._free_s, sim.now_s) + self.cost_s * (1 + self._outside / self.contention)
        sim.after(self._free_s - sim.now_s, self._handled, reply)

    def _handled(self, reply: Reply) -> None:
        self._outside -= 1
        reply(200)

    def optimum(self, from_s: float, to_s: float) -> float:
        """The best n of min(n / latency, what the loop can handle with n outside), less 2 % for their queue."""
        per_s = max(min(n / self.mean_s, 1 / (self.cost_s * (1 + n / self.contention))) for n in range(1, 2000))
        return 0.98 * per_s * (to_s - from_s)


def random_server(number: int) -> tuple[str, Server]:
    """One of many servers that no parameter was chosen for; the kinds take turns."""
    rng = random.Random(f"server {number}")

    def between(low: float, high: float) -> float:
        return math.exp(rng.uniform(math.log(low), math.log(high)))

    batch = {
        "base_s": between(0.008, 0.04),
        "per_sequence_s": between(0.00005, 0.0004),
        "sequences": rng.choice([32, 64, 128, 256, 400]),
        "tokens": between(30, 300),
        "cv": rng.uniform(0.2, 1.0),
    }
    cache_slots = round(batch["sequences"] * rng.uniform(0.4, 0.8))
    mean_s = between(0.2, 5.0)
    slots = round(between(3, 300))
    drift: tuple[int, int, int] = (round(between(8, 100)), round(between(8, 100)), round(between(8, 100)))
    rate_per_s, burst = between(1, 60), rng.choice([1, 2, 5, 20, 60, 200])
    retry_after_s = rng.choice([None, 1.0, 2.0, 5.0])
    kinds: list[tuple[str, Server]] = [
        ("hard cap", HardCap(slots, mean_s, rng.uniform(0.1, 1.0))),
        ("batch", BatchServer(**batch)),
        ("batch, cache", BatchServer(**batch, cache_slots=cache_slots, penalty_s=between(2e-6, 2e-5))),
        ("rate limit", RateLimited(rate_per_s, burst, mean_s, 0.5, retry_after_s)),
        ("client CPU", ClientBound(between(0.1, 2.0), 0.3, between(0.002, 0.02), between(100, 1000))),
        ("drift", Drifting(drift, between(0.3, 3.0), rng.uniform(0.3, 1.0), weather=number)),
    ]
    return kinds[number % len(kinds)]
