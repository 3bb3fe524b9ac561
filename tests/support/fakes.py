"""Stand-ins that behave: a provider that follows a script on the loop's clock, and parts around it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

import orjson

from evalperf.config.model import ReplayProvider
from evalperf.config.resilience import BalancingConfig, CircuitBreakerConfig
from evalperf.errors import ProviderError
from evalperf.pipeline.answercache import AnswerCache
from evalperf.pipeline.caller import Caller
from evalperf.pipeline.endpoint import Endpoint
from evalperf.pipeline.hedging import Hedging
from evalperf.pipeline.job import Job
from evalperf.pipeline.router import Router
from evalperf.pipeline.spending import Spending
from evalperf.records import Case, Completion, Message, Request, Response, Score
from evalperf.resilience import (
    Balancer,
    Budget,
    CircuitBreaker,
    EndpointLoad,
    FixedLimit,
    InFlightLimit,
    RateGates,
    RateLimit,
    RetryBudget,
    RetryPolicy,
)
from evalperf.results import CallId

Script = Callable[[Case, int], "Completion | ProviderError | BaseException"]
"""(case, how often it was asked, from 1) → what happens."""


class ScriptedProvider:
    """Answers after `latency_s` what the script says; counts what it was asked."""

    model: str | None = "scripted"
    paid = True
    in_process = False

    def __init__(self, script: Script, *, name: str = "scripted", latency_s: float = 0.1) -> None:
        self.name = name
        self._script = script
        self._latency_s = latency_s
        self.asked: list[tuple[str, int]] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def check(self) -> None:
        """Always there."""

    async def complete(self, request: Request) -> Completion:
        case = request.case
        self.asked.append((case.id, case.epoch))
        times = self.asked.count((case.id, case.epoch))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self._latency_s)
        finally:
            self.in_flight -= 1
        happens = self._script(case, times)
        if isinstance(happens, BaseException):
            raise happens
        return happens

    async def probe(self, within_s: float) -> ProviderError | None:
        """Always well."""

    def connection_statistics(self) -> None:
        """No connections."""

    async def aclose(self) -> None:
        """Nothing to close."""


def answer(text: str = "42") -> Completion:
    return Completion(text=text)


def busy(**more: object) -> ProviderError:
    """A failure that may pass."""
    return ProviderError("server_error", "busy", status=503, retryable=True, **more)  # type: ignore[arg-type]


class PlainPrompt:
    """The input is the only message."""

    def render(self, case: Case) -> tuple[Message, ...]:
        return ({"role": "user", "content": case.input},)


class Equals:
    """1 where the answer is the target."""

    def __init__(self, name: str = "equals", weight: float = 1.0) -> None:
        self.name = name
        self.weight = weight

    async def score(self, case: Case, response: Response) -> Score:
        right = response.completion.text == case.target
        return Score(value=float(right), passed=right)


class FakeJournal:
    """Remembers what it was told, in order."""

    def __init__(self, recorded: dict[tuple[int, int], bytes] | None = None) -> None:
        self.told: list[tuple[object, ...]] = []
        self._recorded = recorded or {}
        self.doubtful: set[tuple[int, int]] = set()
        """Cases whose call may not be made."""

    async def intent(self, call: CallId, request_hash: bytes) -> None:
        await asyncio.sleep(0.001)
        self.told.append(("intent", call.seq, call.attempt))

    def response(self, call: CallId, request_hash: bytes, payload: bytes) -> None:
        self.told.append(("response", call.seq, call.attempt, payload))

    def abort(self, call: CallId) -> None:
        self.told.append(("abort", call.seq, call.attempt))

    def recorded(self, seq: int, epoch: int, call: int, request_hash: bytes) -> bytes | None:
        return self._recorded.get((seq, epoch))

    def withheld(self, seq: int, epoch: int, call: int) -> bool:
        return (seq, epoch) in self.doubtful


QUICK = RetryPolicy(attempts=4, base_s=0.5, max_s=4.0, retry_after_max_s=60.0)


def caller(
    providers: Sequence[ScriptedProvider],
    *,
    policy: RetryPolicy = QUICK,
    journal: FakeJournal | None = None,
    events: list[object] | None = None,
    total_s: float = 1000.0,
    limit: int = 1000,
    router: Router | None = None,
    hedges: Hedging | None = None,
    budget: RetryBudget | None = None,
    spending: Budget | None = None,
    cache: AnswerCache | None = None,
) -> Caller:
    emit = (events if events is not None else []).append
    section = ReplayProvider(type="replay")
    return Caller(
        section,
        router_of(providers, emit=emit, limit=limit) if router is None else router,
        policy,
        RetryBudget() if budget is None else budget,
        Spending(section, spending),
        journal=journal,  # type: ignore[arg-type]
        cache=cache,
        hedging=hedges,
        total_s=total_s,
        seed=1,
    )


def router_of(
    providers: Sequence[ScriptedProvider],
    *,
    emit: Callable[[object], None] = lambda _: None,
    limit: int = 1000,
    breaker: CircuitBreakerConfig | None = None,
    rate: RateLimit | None = None,
    fallbacks: Sequence[ScriptedProvider] = (),
    controls: Sequence[InFlightLimit] = (),
    strategy: str = "least_latency",
    outage_s: float = 300.0,
) -> Router:
    """A router over scripted endpoints, each with `limit` calls in flight at most."""
    rng = random.Random(1)
    opened = [*((one, False) for one in providers), *((one, True) for one in fallbacks)]
    gates = RateGates({str(number): RateLimit() for number in range(len(opened))}, rate)
    endpoints = [
        Endpoint(
            one,
            EndpointLoad(one.name),
            CircuitBreaker(CircuitBreakerConfig() if breaker is None else breaker),
            gates[str(number)],
            controls[number] if controls else FixedLimit(limit),
            fallback=fallback,
            longest_pause_s=120.0,
            emit=emit,
            rng=rng,
        )
        for number, (one, fallback) in enumerate(opened)
    ]
    balancer = Balancer(BalancingConfig.model_validate({"strategy": strategy}), rng)
    return Router(endpoints, balancer, most=1000, outage_s=outage_s, emit=emit)


def case(seq: int, *, target: str = "42", epoch: int = 1) -> Case:
    return Case(seq=seq, id=f"c{seq}", input=f"question {seq}", target=target, epoch=epoch)


def job(seq: int = 1) -> Job:
    of = Job(case=case(seq), ready_s=0.0)
    of.messages_json = orjson.dumps(request(of).messages)
    return of


def request(of: Job) -> Request:
    return Request(case=of.case, messages=({"role": "user", "content": of.case.input},))


async def batches_of(cases: Sequence[Case], size: int = 10) -> AsyncIterator[list[Case]]:
    for start in range(0, len(cases), size):
        yield list(cases[start : start + size])
