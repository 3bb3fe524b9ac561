"""Stand-ins that behave: a provider that follows a script on the loop's clock, and parts around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from evalperf.config.model import ReplayProvider
from evalperf.errors import ProviderError
from evalperf.pipeline.caller import Caller
from evalperf.pipeline.job import Job
from evalperf.records import Case, Completion, Message, Request, Response, Score
from evalperf.resilience import RetryPolicy
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

    async def intent(self, call: CallId, request_hash: bytes) -> None:
        await asyncio.sleep(0.001)
        self.told.append(("intent", call.seq, call.attempt))

    def response(self, call: CallId, request_hash: bytes, payload: bytes) -> None:
        self.told.append(("response", call.seq, call.attempt, payload))

    def abort(self, call: CallId) -> None:
        self.told.append(("abort", call.seq, call.attempt))

    def recorded(self, seq: int, epoch: int, call: int, request_hash: bytes) -> bytes | None:
        return self._recorded.get((seq, epoch))


QUICK = RetryPolicy(attempts=4, base_s=0.5, max_s=4.0, retry_after_max_s=60.0)


def caller(
    providers: Sequence[ScriptedProvider],
    *,
    policy: RetryPolicy = QUICK,
    journal: FakeJournal | None = None,
    events: list[object] | None = None,
    total_s: float = 1000.0,
) -> Caller:
    return Caller(
        providers,
        policy,
        journal,  # type: ignore[arg-type]
        (events if events is not None else []).append,
        total_s=total_s,
        config=ReplayProvider(type="replay"),
        seed=1,
    )


def case(seq: int, *, target: str = "42", epoch: int = 1) -> Case:
    return Case(seq=seq, id=f"c{seq}", input=f"question {seq}", target=target, epoch=epoch)


def job(seq: int = 1) -> Job:
    return Job(case=case(seq), ready_s=0.0)


def request(of: Job) -> Request:
    return Request(case=of.case, messages=({"role": "user", "content": of.case.input},))


async def batches_of(cases: Sequence[Case], size: int = 10) -> AsyncIterator[list[Case]]:
    for start in range(0, len(cases), size):
        yield list(cases[start : start + size])
