"""Answers that need no call of their own: from the cache, or from an identical request in flight."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from evalperf.cache import Cache, Coalescer, Provenance, worth_keeping
from evalperf.config.cache import ResponseCacheConfig
from evalperf.pipeline.job import Again, Job
from evalperf.pipeline.response_keys import ResponseKeys
from evalperf.pipeline.semantic import NearQuestions, Question
from evalperf.pipeline.watch import paused
from evalperf.records import CachedFrom, Call, Completion, Request, Response, Unanswered

__all__ = ["AnswerCache"]

Outcome = Response | Unanswered | Again

_decoder = msgspec.json.Decoder(Completion)


class AnswerCache:
    """Looks answers up and keeps new ones, for one model."""

    def __init__(
        self,
        cache: Cache,
        keys: ResponseKeys,
        config: ResponseCacheConfig,
        cost_usd: Callable[[Completion], float | None],
        near: NearQuestions | None = None,
    ) -> None:
        """`near` finds earlier questions by meaning, where that is wanted."""
        self._cache = cache
        self._keys = keys
        self._config = config
        self._cost_usd = cost_usd
        self._near = near
        self._flights: Coalescer[Outcome] = Coalescer()

    async def answer(self, job: Job, request: Request, call: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """The answer from the nearest place that has it, else what one attempt of `call` brings; that is then kept.

        Who has waited for somebody else's attempt shares its answer, and a failure that no other attempt would mend;
        after any other failure it tries for itself.
        """
        key = self._keys(request)
        if key is None:
            return await call()
        question = None if self._near is None else self._near.question(request, self._keys.epoch(request))
        found = await self._find(key, question, job)
        if found is not None:
            return found

        async def call_and_keep() -> Outcome:
            outcome = await call()
            if isinstance(outcome, Response) and not outcome.call.fallback:
                await self._keep(key, request, outcome.completion, question)
            return outcome

        outcome, ours = await self._flights.share(key, call_and_keep)
        if ours:
            return outcome
        if isinstance(outcome, Response):
            self._cache.count_coalesced(self._cost_usd(outcome.completion))
            return _found(outcome.completion, "coalesced", job)
        if isinstance(outcome, Unanswered) and outcome.failure.retryable:
            return Again(0.0, outcome.failure.kind)
        return outcome

    async def _find(self, key: bytes, question: Question | None, job: Job) -> Response | None:
        """The answer to this question, or else to an earlier one that is near enough."""
        hit = await self._cache.get(key)
        known = None if hit is None else _completion(hit.value)
        if hit is not None and known is not None:
            return _found(known, hit.tier, job)
        if question is None or self._near is None:
            return None
        with paused(job.slot):  # embedding has time limits of its own
            near_key = await self._near.find(question)
        hit = None if near_key is None else await self._cache.get_instead(near_key)  # it may have left since
        known = None if hit is None else _completion(hit.value)
        return None if known is None else _found(known, "semantic", job)

    async def missing(self, requests: Sequence[Request]) -> list[Request]:
        """Those that no answer is kept for under their own keys."""
        keys = [self._keys(request) for request in requests]
        known = [key for key in keys if key is not None]
        hits = dict(zip(known, await self._cache.get_many(known), strict=True))
        return [one for one, key in zip(requests, keys, strict=True) if key is None or hits[key] is None]

    async def keep(self, request: Request, completion: Completion) -> None:
        """Keeps an answer that did not come through `answer`."""
        key = self._keys(request)
        if key is not None:
            await self._keep(key, request, completion, None)

    async def _keep(self, key: bytes, request: Request, completion: Completion, question: Question | None) -> None:
        if not worth_keeping(completion.finish_reason, self._config):
            return
        provenance = Provenance(case_id=request.case.id, model=completion.model, cost_usd=self._cost_usd(completion))
        await self._cache.set(key, msgspec.json.encode(completion), provenance)
        if question is not None and self._near is not None:
            await self._near.remember(question, key)


def _completion(value: bytes) -> Completion | None:
    """What is kept; None for what is no answer, as in a cache that somebody else has filled."""
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _found(completion: Completion, where: CachedFrom, job: Job) -> Response:
    """As if it had just come, but for what only a call of this run has: a time, an endpoint."""
    if completion.ttft_s is not None:
        completion = msgspec.structs.replace(completion, ttft_s=None)
    call = Call(attempts=job.attempts, cached=where, throttled_s=job.throttled_s, retry_wait_s=job.retry_wait_s)
    return Response(completion=completion, call=call)
