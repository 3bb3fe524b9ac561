"""Recorded answers: nothing is called, so nothing is limited, protected, retried or bought."""

from __future__ import annotations

from evalperf import clock
from evalperf.errors import ProviderError
from evalperf.pipeline.job import Again, Job
from evalperf.providers import Provider
from evalperf.records import Call, Failure, Request, Response, Unanswered

__all__ = ["Recorded"]


class Recorded:
    """Takes answers from one provider, as fast as they can be found."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def attempt(self, job: Job, request: Request) -> Response | Unanswered | Again:
        """The recorded answer, or that there is none."""
        job.attempts = 1
        began_s = job.first_sent_s = clock.now()
        try:
            completion = await self._provider.complete(request)
        except ProviderError as error:
            failure = Failure(kind=error.kind, message=error.message, status=error.status, retryable=error.retryable)
            return Unanswered(failure=failure, call=self._call(clock.now() - began_s))
        return Response(completion=completion, call=self._call(clock.now() - began_s))

    def cost_usd(self, response: Response) -> float | None:  # noqa: ARG002 - as the protocol has it
        """Not known: somebody else has paid for it."""
        return None

    def _call(self, latency_s: float) -> Call:
        return Call(endpoint=self._provider.name, attempts=1, latency_s=latency_s)
