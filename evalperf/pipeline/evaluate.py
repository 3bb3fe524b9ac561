"""One case becomes one result: prompt, call, scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import orjson
from msgspec import UNSET, Struct

from evalperf import clock
from evalperf.cases import Prompt, PromptError
from evalperf.errors import ConfigError, OutputError, ProviderError, StoppedError
from evalperf.pipeline.job import Again, Halted, Job
from evalperf.pipeline.precedents import Retriever
from evalperf.pipeline.watch import paused
from evalperf.records import MOST_SCORE, Call, Completion, Failure, Request, Response, Result, Score, Unanswered
from evalperf.scorers import Scorer, overall
from evalperf.scorers.spent import spent_of, total_spent

__all__ = ["Answers", "Evaluator"]


class Answers(Protocol):
    """Where answers come from: calls, or a recording."""

    async def attempt(self, job: Job, request: Request) -> Response | Unanswered | Again:
        """One attempt; raises only what ends the run."""

    def cost_usd(self, response: Response) -> float | None:
        """What it has cost; None where that is not known."""


class _Scored(Struct, frozen=True):
    """What came of scoring one answer."""

    scores: dict[str, Score] = {}
    failure: Failure | None = None
    """Why a score is missing, or all of them."""
    score_s: float | None = None


_NOT_SCORED = _Scored()


class Evaluator:
    """Evaluates job after job; keeps nothing between them."""

    def __init__(
        self,
        prompt: Prompt,
        answers: Answers,
        scorers: Sequence[Scorer],
        *,
        include_input: bool,
        asks: bool = False,
        precedents: Retriever | None = None,
    ) -> None:
        """`asks`: whether scorers call models."""
        self._prompt = prompt
        self._answers = answers
        self._scorers = tuple(scorers)
        self._weights = {scorer.name: scorer.weight for scorer in scorers}
        self._include_input = include_input
        self._asks = asks
        self._precedents = precedents

    async def evaluate(self, job: Job) -> Result | Again:
        """The case's result, or Again after a failure that may pass; raises only what ends the run."""
        if job.request is None:
            job.started_at = clock.utc_now()
            failure = await self._ask(job)
            if failure is not None:
                return self._result(job, Unanswered(failure=failure, call=_spent(job)), _NOT_SCORED)
        assert job.request is not None  # noqa: S101 - there was no failure
        outcome = await self._answers.attempt(job, job.request)
        if isinstance(outcome, Again):
            return outcome
        if isinstance(outcome, Unanswered):
            return self._result(job, outcome, _NOT_SCORED)
        job.response = outcome
        began_s = clock.now()
        if self._asks and job.slot is not None:
            job.slot.pause()  # the calls of scorers have time limits of their own
        try:
            scores, scorer_failure = await self._score(job, outcome)
        except Halted:
            return Again(0.0)
        return self._result(job, outcome, _Scored(scores, scorer_failure, clock.now() - began_s))

    async def _ask(self, job: Job) -> Failure | None:
        """Makes the job's request, or says why there is none."""
        try:
            if self._precedents is not None:
                with paused(job.slot):
                    job.case = await self._precedents.with_precedents(job.case)
            job.request = Request(case=job.case, messages=self._prompt.render(job.case))
            job.messages_json = orjson.dumps(job.request.messages)
        except ProviderError as error:
            return Failure(kind=error.kind, message=f"no precedents: {error.message}", retryable=error.retryable)
        except (PromptError, orjson.JSONEncodeError) as error:  # the latter: a number of 30 digits in one message
            return Failure(kind="rejected", message=f"no prompt: {error}")
        return None

    def timed_out(self, job: Job) -> Result:
        """The result of a case that kept its worker for too long; an answer that had come is kept."""
        failure = Failure(kind="timeout", message="the case kept its worker for longer than worker_timeout_s")
        if job.response is not None:
            return self._result(job, job.response, _Scored(failure=failure))
        return self._result(job, Unanswered(failure=failure, call=_spent(job)), _NOT_SCORED)

    async def _score(self, job: Job, response: Response) -> tuple[dict[str, Score], Failure | None]:
        scores: dict[str, Score] = {}
        failure: Failure | None = None
        for scorer in self._scorers:
            try:
                if response.completion.alternatives:
                    scores[scorer.name] = await _score_answers(scorer, job, response)
                else:
                    scores[scorer.name] = _finite(await scorer.score(job.case, response))
            except (ConfigError, StoppedError, OutputError, Halted):
                raise  # of a model that it has asked: no other case would fare better
            except Exception as error:  # noqa: BLE001 - foreign code: its error fails this case
                reason = f"scorer {scorer.name}: {type(error).__name__}: {error}"
                scores[scorer.name] = Score(value=None, reason=reason)
                failure = failure or Failure(kind="scorer", message=reason)
        return scores, failure

    def _result(self, job: Job, outcome: Response | Unanswered, scored: _Scored) -> Result:
        case, call, scores, failure = job.case, outcome.call, scored.scores, scored.failure
        completion, cost_usd = None, None
        if isinstance(outcome, Response):
            completion, cost_usd = outcome.completion, self._answers.cost_usd(outcome)
        else:
            failure = outcome.failure
        return Result(
            seq=case.seq,
            id=case.id,
            epoch=case.epoch,
            status="ok" if failure is None else "failed",
            input=case.input if self._include_input else None,
            output=None if completion is None else completion.text,
            target=case.target if completion is None or completion.target is None else completion.target,
            scores=scores,
            overall_score=overall(scores, self._weights) if scores and failure is None else None,
            failure=failure,
            model=None if completion is None else completion.model,
            endpoint=call.endpoint,
            attempts=call.attempts,
            cached=call.cached,
            latency_s=call.latency_s,
            ttft_s=None if completion is None else completion.ttft_s,
            queue_s=job.queue_s,
            throttled_s=call.throttled_s,
            retry_wait_s=call.retry_wait_s,
            score_s=scored.score_s,
            usage=None if completion is None else completion.usage,
            cost_usd=cost_usd,
            finish_reason=None if completion is None else completion.finish_reason,
            started_at=job.started_at or clock.utc_now(),
            tags=case.tags,
            metadata=case.metadata,
            alternatives=() if completion is None else completion.alternatives,
            fallback=True if call.fallback else UNSET,
        )


def _spent(job: Job) -> Call:
    return Call(attempts=job.attempts, throttled_s=job.throttled_s, retry_wait_s=job.retry_wait_s)


async def _score_answers(scorer: Scorer, job: Job, response: Response) -> Score:
    """Of several answers (n > 1) the mean score, and passed only if all of them pass."""
    completion = response.completion
    texts = (completion.text, *completion.alternatives)
    answers = [
        Response(completion=_one_of(completion, text), call=response.call, answer=number)
        for number, text in enumerate(texts, 1)
    ]
    each = [_finite(await scorer.score(job.case, answer)) for answer in answers]
    values = [score.value for score in each]
    known = [value for value in values if value is not None]
    spent = total_spent(spent_of(each)) or UNSET
    if len(known) < len(values):
        reason = f"{len(values) - len(known)} of {len(values)} answers were not scored"
        return Score(value=None, reason=reason, spent=spent)
    passed = None if any(score.passed is None for score in each) else all(score.passed for score in each)
    shown = ", ".join(f"{value:g}" for value in known)
    reason = f"mean of {len(known)} answers: {shown}"
    return Score(value=math.fsum(known) / len(known), passed=passed, reason=reason, spent=spent)


def _one_of(completion: Completion, text: str) -> Completion:
    return Completion(
        text=text,
        model=completion.model,
        usage=completion.usage,
        finish_reason=completion.finish_reason,
        target=completion.target,
    )


def _finite(score: Score) -> Score:
    if score.value is not None and not abs(score.value) <= MOST_SCORE:
        raise ValueError(f"the value is {score.value}, which is no number to average")
    return score
