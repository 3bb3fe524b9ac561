"""One attempt to get an answer: the only place where the policies of calling meet, in one visible order.

    an answer bought before a crash  ->  the cache, or an identical request in flight  ->  the budget
    ->  a seat at an endpoint (breakers, balancer, limits)  ->  intent on disk  ->  call under the timeouts
    ->  tell breaker, balancer, limits  ->  answer on disk  ->  the cache
    ->  or: again later with whichever worker is free, or give up

Latency is the endpoint's alone: its clock runs only around the provider's own call.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import msgspec
import orjson
import xxhash

from evalperf import clock
from evalperf.config.model import AnswerProvider
from evalperf.errors import ConfigError, EvalperfError, ProviderError, StoppedError
from evalperf.pipeline.answercache import AnswerCache
from evalperf.pipeline.deciding import what_answers
from evalperf.pipeline.endpoint import Endpoint, Seat
from evalperf.pipeline.hedging import Hedging
from evalperf.pipeline.job import Again, Job
from evalperf.pipeline.router import Router
from evalperf.pipeline.spending import Spending
from evalperf.pipeline.watch import paused
from evalperf.providers import LocalFault, Unreachable, WrongAddress
from evalperf.records import Call, Completion, Failure, Request, Response, Unanswered
from evalperf.resilience import MIN_WAIT_S, CircuitState, RetryBudget, RetryPolicy
from evalperf.results import CallId, Journal

__all__ = ["Caller", "max_output_tokens"]

FATAL = frozenset({"auth", "quota"})
"""Failures that every further case would share: the run stops instead of failing ten thousand times."""

FOR_A_DESCRIPTOR_S = 0.2
"""Until a call for which this machine had no file descriptor is tried again: others must end before that."""

IN_DOUBT = Failure(
    kind="cancelled",
    message="an earlier session died while it made this call, and in_doubt says not to make it again",
    retryable=True,
)


class _Miss(NamedTuple):
    """A call that brought no answer."""

    endpoint: Endpoint
    error: ProviderError
    latency_s: float


class Caller:
    """Answers requests through the endpoints of one model. One per run."""

    def __init__(
        self,
        config: AnswerProvider,
        router: Router,
        policy: RetryPolicy,
        retries: RetryBudget,
        spending: Spending,
        *,
        journal: Journal | None,
        cache: AnswerCache | None,
        hedging: Hedging | None,
        total_s: float,
        seed: int,
    ) -> None:
        self._router = router
        self._policy = policy
        self._retries = retries
        self._spending = spending
        self._journal = journal
        self._cache = cache
        self._hedging = hedging
        self._total_s = total_s
        self._context = orjson.dumps(what_answers(config), option=orjson.OPT_SORT_KEYS)
        self._max_output_tokens = max_output_tokens(config)
        self._random = random.Random(seed)
        self._answered = False  # whether any call of this run has succeeded: its addresses are right, then

    async def attempt(self, job: Job, request: Request) -> Response | Unanswered | Again:
        """One attempt; raises StoppedError or ConfigError on what no other case would survive either."""
        digest = b""
        if self._journal is not None:
            digest = xxhash.xxh3_128_digest(self._context + job.messages_json)
            bought = self._journal.recorded(job.case.seq, job.case.epoch, job.call, digest)
            response = None if bought is None else _response(bought)
            if response is not None:
                self._spending.replayed(response)
                return response
            if self._journal.withheld(job.case.seq, job.case.epoch, job.call):
                return Unanswered(failure=IN_DOUBT, call=Call(attempts=0))
        if self._cache is None:
            return await self._call(job, request, digest)
        return await self._cache.answer(job, request, lambda: self._call(job, request, digest))

    def cost_usd(self, response: Response) -> float | None:
        """What the answer has cost this run: nothing, if it comes from a cache; None where that is not known."""
        if response.call.cached is not None:
            return 0.0
        return self._spending.cost_usd(response.completion, fallback=response.call.fallback)

    async def _call(self, job: Job, request: Request, digest: bytes) -> Response | Unanswered | Again:
        size_bytes = len(job.messages_json)
        with paused(job.slot):
            reserved = await self._spending.reserve(size_bytes, self._max_output_tokens)
        answered: Response | None = None
        in_doubt = False
        try:
            seat = await self._seat(job)
            if seat is None:
                return Again(0.0)
            in_doubt = True
            try:
                outcome = await self._exchanged(job, request, seat, digest)
            finally:
                self._router.leave(seat)
            if not isinstance(outcome, Response):
                in_doubt = _may_be_billed(outcome.error)
                return self._failed(job, outcome)
            answered = outcome
            return outcome
        finally:
            self._spending.settle(reserved, size_bytes, answered, in_doubt=in_doubt)

    async def _exchanged(self, job: Job, request: Request, seat: Seat, digest: bytes) -> Response | _Miss:
        if self._hedging is None:
            return await self._exchange(job, request, seat, digest)
        return await self._hedging.race(seat, lambda one: self._exchange(job, request, one, digest))

    async def _seat(self, job: Job) -> Seat | None:
        """Waiting for a seat is no work of the worker: its time limit stands still."""
        if job.slot is not None:
            job.slot.pause()
        seated = await self._router.seat(len(job.messages_json), self._max_output_tokens)
        if seated is None:
            return None
        if job.slot is not None:
            job.slot.resume()
        seat, waited_s = seated
        job.throttled_s += waited_s
        return seat

    async def _exchange(self, job: Job, request: Request, seat: Seat, digest: bytes) -> Response | _Miss:
        """One call from one seat; several of a job may be under way."""
        journal = self._journal
        job.attempts += 1
        call = CallId(job.case.seq, job.case.epoch, job.call, job.attempts)
        if journal is not None:
            await journal.intent(call, digest)
        began_s = clock.now()
        if job.first_sent_s is None:
            job.first_sent_s = began_s
        seat.sent()
        try:
            completion = await seat.endpoint.provider.complete(request)
        except ProviderError as error:
            latency_s = clock.now() - began_s
            seat.failed(error, latency_s)
            if journal is not None and _unbilled(error):
                journal.abort(call)
            return _Miss(seat.endpoint, error, latency_s)
        latency_s = clock.now() - began_s
        seat.answered(completion, latency_s)
        response = Response(completion=_kept(completion), call=_spent(job, seat.endpoint, latency_s))
        if journal is not None:
            journal.response(call, digest, msgspec.json.encode(response))
        self._retries.succeeded(job.retry_spent)
        self._answered = True
        return response

    def _failed(self, job: Job, miss: _Miss) -> Unanswered | Again:
        endpoint, error = miss.endpoint, miss.error
        if error.kind in FATAL or (isinstance(error, WrongAddress) and not self._answered):
            raise _stopped(endpoint.name, error) from error
        if isinstance(error, LocalFault):
            return self._untried(job, endpoint, error)
        delay_s = self._delay_s(job, endpoint, error)
        if delay_s is None:
            failure = Failure(kind=error.kind, message=error.message, status=error.status, retryable=error.retryable)
            return Unanswered(failure=failure, call=_spent(job, endpoint, miss.latency_s))
        job.retry_wait_s += delay_s
        job.waiting_for_limit = error.kind == "rate_limited"
        return Again(delay_s, error.kind, endpoint.name)

    def _untried(self, job: Job, endpoint: Endpoint, error: LocalFault) -> Again:
        """Nothing was sent: that is no attempt. What lasts for a case's whole time is no case's failure either."""
        job.attempts -= 1
        assert job.first_sent_s is not None  # noqa: S101 - set before the first call
        if clock.now() - job.first_sent_s > self._total_s:
            hint = f"{error.hint}; then continue with --resume"
            raise StoppedError(f"endpoint {endpoint.name}: {error.message}", hint=hint) from error
        job.retry_wait_s += FOR_A_DESCRIPTOR_S
        return Again(FOR_A_DESCRIPTOR_S, error.kind, endpoint.name)

    def _delay_s(self, job: Job, endpoint: Endpoint, error: ProviderError) -> float | None:
        """Seconds to the next attempt; None to give up."""
        delay_s = self._policy.delay_s(error, job.attempts, self._random.random())
        if delay_s is None:
            return None
        if error.kind == "rate_limited" and self._router.others_open(endpoint):
            delay_s = MIN_WAIT_S  # the wait is for this endpoint alone
        assert job.first_sent_s is not None  # noqa: S101 - set before the first call
        if clock.now() - job.first_sent_s + delay_s > self._total_s:
            return None
        # while a breaker is not closed it keeps the retries away itself, and they are many through no fault of theirs
        free = error.kind == "rate_limited" or endpoint.breaker.state is not CircuitState.CLOSED
        spent = self._retries.spend(timeout=error.kind == "timeout", rate_limited=free)
        if spent is None:
            return None
        job.retry_spent = spent
        return delay_s


def _kept(completion: Completion) -> Completion:
    """Without what is of use only when the reply comes."""
    if completion.limit_headers is msgspec.UNSET:
        return completion
    return msgspec.structs.replace(completion, limit_headers=msgspec.UNSET)


def _spent(job: Job, endpoint: Endpoint, latency_s: float) -> Call:
    return Call(
        endpoint=endpoint.name,
        attempts=job.attempts,
        latency_s=latency_s,
        throttled_s=job.throttled_s,
        retry_wait_s=job.retry_wait_s,
        fallback=endpoint.fallback,
    )


def _unbilled(error: ProviderError) -> bool:
    """Whether it is certain that no answer was made: the server has said so, or nothing was sent."""
    return error.status is not None or isinstance(error, Unreachable | LocalFault)


def _may_be_billed(error: ProviderError) -> bool:
    """Whether an answer may have been made all the same: one that did not arrive, or that is of no use."""
    return not _unbilled(error) or (error.status is not None and error.status < 300)


def max_output_tokens(config: AnswerProvider) -> int | None:
    """The most tokens that the parameters allow an answer; None where they leave it open."""
    params: dict[str, Any] = getattr(config, "params", {})
    for name in ("max_completion_tokens", "max_output_tokens", "max_tokens"):
        if isinstance(params.get(name), int):
            return int(params[name])
    return None


def _stopped(name: str, error: ProviderError) -> EvalperfError:
    message = f"endpoint {name}: {error.message}"
    if isinstance(error, WrongAddress):
        return ConfigError(message, hint='check the endpoint\'s "url": it is the base, as in http://host:port/v1')
    account = "check the account's quota and billing"
    if error.kind == "auth":
        account = "check the key and what it may use"
    return StoppedError(message, hint=f"{error.hint or account}; then continue with --resume")


def _response(bought: bytes) -> Response | None:
    """What the journal has; None for what is no answer, as in a run that somebody else has prepared."""
    try:
        return msgspec.json.decode(bought, type=Response)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
