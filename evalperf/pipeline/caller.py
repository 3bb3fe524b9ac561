"""One attempt to get an answer: the only place where the policies of calling meet, in one visible order.

    an answer bought before a crash  ->  choose an endpoint  ->  intent on disk  ->  call under the timeouts
    ->  answer on disk  ->  or: again later with whichever worker is free, or give up

Latency is the endpoint's alone: its clock runs only around the provider's own call.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
import xxhash

from evalperf import clock
from evalperf.config.model import AnswerProvider
from evalperf.errors import ConfigError, EvalperfError, ProviderError, StoppedError
from evalperf.events import CaseRetried, Emit
from evalperf.pipeline.job import Again, Job
from evalperf.providers import LocalFault, Provider, Unreachable, WrongAddress
from evalperf.records import Call, Failure, Request, Response, Unanswered
from evalperf.resilience import RetryPolicy
from evalperf.results import CallId, Journal

__all__ = ["Caller", "what_answers"]

FATAL = frozenset({"auth", "quota"})
"""Failures that every further case would share: the run stops instead of failing ten thousand times."""

THE_CALL = 0
"""Number of the call within its case, in the journal; a case has one call until judges make more."""


DECIDES_ANSWERS: dict[str, set[str]] = {
    "openai": {"type", "model", "api", "params"},
    "simulator": {"type", "model", "api", "params"},
    "command": {"type", "argv", "model"},
    "function": {"type", "call", "options", "model"},
    "replay": {"type", "path", "fields", "model"},
}
"""Of each provider, what decides what it answers; the rest (addresses, limits) may change between two sessions."""


def what_answers(config: AnswerProvider) -> dict[str, Any]:
    """The settings that decide an answer, besides the messages: what they are, not where they are reached."""
    return config.model_dump(mode="json", include=DECIDES_ANSWERS[config.type])


class _Endpoint:
    """A provider with what the caller knows of it."""

    __slots__ = ("in_flight", "provider")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.in_flight = 0


class Caller:
    """Answers requests through the endpoints of one model. One per run; its state is each endpoint's load."""

    def __init__(
        self,
        providers: Sequence[Provider],
        policy: RetryPolicy,
        journal: Journal | None,
        emit: Emit,
        *,
        total_s: float,
        config: AnswerProvider,
        seed: int,
    ) -> None:
        self._endpoints = [_Endpoint(provider) for provider in providers]
        self._policy = policy
        self._journal = journal
        self._emit = emit
        self._total_s = total_s
        self._context = orjson.dumps(what_answers(config), option=orjson.OPT_SORT_KEYS)
        self._random = random.Random(seed)
        self._answered = False  # whether any call of this run has succeeded: its addresses are right, then

    async def attempt(self, job: Job, request: Request) -> Response | Unanswered | Again:
        """One attempt; raises StoppedError or ConfigError on what no other case would survive either."""
        journal = self._journal
        digest = b"" if journal is None else self._digest(request)
        if journal is not None:
            bought = journal.recorded(job.case.seq, job.case.epoch, THE_CALL, digest)
            if bought is not None:
                return msgspec.json.decode(bought, type=Response)
        endpoint = min(self._endpoints, key=_load) if len(self._endpoints) > 1 else self._endpoints[0]
        job.attempts += 1
        call = CallId(job.case.seq, job.case.epoch, THE_CALL, job.attempts)
        if journal is not None:
            await journal.intent(call, digest)
        began_s = clock.now()
        if job.first_sent_s is None:
            job.first_sent_s = began_s
        endpoint.in_flight += 1
        try:
            completion = await endpoint.provider.complete(request)
        except ProviderError as error:
            if journal is not None and _unbilled(error):
                journal.abort(call)
            return self._failed(job, endpoint, error, clock.now() - began_s)
        finally:
            endpoint.in_flight -= 1
        response = Response(completion=completion, call=self._call(job, endpoint, clock.now() - began_s))
        if journal is not None:
            journal.response(call, digest, msgspec.json.encode(response))
        self._answered = True
        return response

    def _failed(self, job: Job, endpoint: _Endpoint, error: ProviderError, latency_s: float) -> Unanswered | Again:
        name = endpoint.provider.name
        if error.kind in FATAL or (isinstance(error, WrongAddress) and not self._answered):
            raise _stopped(name, error) from error
        delay_s = self._policy.delay_s(error, job.attempts, self._random.random())
        assert job.first_sent_s is not None  # noqa: S101 - set before the first call
        if delay_s is None or clock.now() - job.first_sent_s + delay_s > self._total_s:
            failure = Failure(kind=error.kind, message=error.message, status=error.status, retryable=error.retryable)
            return Unanswered(failure=failure, call=self._call(job, endpoint, latency_s))
        job.retry_wait_s += delay_s
        job.waiting_for_limit = error.kind == "rate_limited"
        self._emit(CaseRetried(clock.now(), job.case.seq, error.kind, name, delay_s))
        return Again(delay_s)

    def _call(self, job: Job, endpoint: _Endpoint, latency_s: float) -> Call:
        return Call(
            endpoint=endpoint.provider.name,
            attempts=job.attempts,
            latency_s=latency_s,
            throttled_s=job.throttled_s,
            retry_wait_s=job.retry_wait_s,
        )

    def _digest(self, request: Request) -> bytes:
        """16 bytes that differ when the request or what is asked with it differs."""
        return xxhash.xxh3_128_digest(self._context + orjson.dumps(request.messages))


def _unbilled(error: ProviderError) -> bool:
    """Whether it is certain that no answer was made: the server has said so, or nothing was sent."""
    return error.status is not None or isinstance(error, Unreachable | LocalFault)


def _load(endpoint: _Endpoint) -> int:
    return endpoint.in_flight


def _stopped(name: str, error: ProviderError) -> EvalperfError:
    message = f"endpoint {name}: {error.message}"
    if isinstance(error, WrongAddress):
        return ConfigError(message, hint='check the endpoint\'s "url": it is the base, as in http://host:port/v1')
    if error.kind == "auth":
        return StoppedError(message, hint="check the key and what it may use; then continue with --resume")
    return StoppedError(message, hint="check the account's quota and billing; then continue with --resume")
