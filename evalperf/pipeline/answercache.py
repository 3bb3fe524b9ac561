"""Answers that need no call of their own: from the cache, or from an identical request in flight."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from evalperf.cache import Cache, Coalescer, Provenance, worth_keeping
from evalperf.config.cache import ResponseCacheConfig
from evalperf.pipeline.job import Again, Job
from evalperf.pipeline.response_keys import ResponseKeys
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
    ) -> None:
        self._cache = cache
        self._keys = keys
        self._config = config
        self._cost_usd = cost_usd
        self._flights: Coalescer[Outcome] = Coalescer()

    async def answer(self, job: Job, request: Request, call: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """The answer from the nearest place that has it, else what one attempt of `call` brings; that is then kept.

        Who has waited for somebody else's attempt shares its answer, and a failure that no other attempt would mend;
        after any other failure it tries for itself.
        """
        key = self._keys(request)
        if key is None:
            return await call()
        hit = await self._cache.get(key)
        if hit is not None:
            return _found(_decoder.decode(hit.value), hit.tier, job)

        async def call_and_keep() -> Outcome:
            outcome = await call()
            if isinstance(outcome, Response) and not outcome.call.fallback:
                await self._keep(key, request, outcome.completion)
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

    async def _keep(self, key: bytes, request: Request, completion: Completion) -> None:
        if worth_keeping(completion.finish_reason, self._config):
            provenance = Provenance(
                case_id=request.case.id, model=completion.model, cost_usd=self._cost_usd(completion)
            )
            await self._cache.set(key, msgspec.json.encode(completion), provenance)


def _found(completion: Completion, where: CachedFrom, job: Job) -> Response:
    """As if it had just come, but for what only a call of this run has: a time, an endpoint."""
    if completion.ttft_s is not None:
        completion = msgspec.structs.replace(completion, ttft_s=None)
    call = Call(attempts=job.attempts, cached=where, throttled_s=job.throttled_s, retry_wait_s=job.retry_wait_s)
    return Response(completion=completion, call=call)
