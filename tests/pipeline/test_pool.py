"""The pool takes every case to its result once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from evalperf.errors import InputError, OutputError, ProviderError, StoppedError
from evalperf.events import CaseFinished
from evalperf.pipeline.evaluate import Evaluator
from evalperf.pipeline.feed import Feed
from evalperf.pipeline.pool import Pool
from evalperf.pipeline.watch import watch
from evalperf.records import Case, Completion, Result, Score, Spent, Usage
from tests.support.fakes import Equals, PlainPrompt, Script, ScriptedProvider, answer, batches_of, busy, caller, case
from tests.support.virtual_loop import run_virtual


class Finished:
    """What came out of a pool."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.events: list[object] = []
        self.error: BaseException | None = None

    async def put(self, result: Result) -> None:
        self.results.append(result)

    def by_seq(self) -> dict[int, Result]:
        return {result.seq: result for result in self.results}


async def take_through(
    provider: ScriptedProvider,
    batches: AsyncIterator[list[Case]],
    *,
    workers: int = 8,
    scorers: tuple[object, ...] = (Equals(),),
    limit_s: float = 300.0,
    put: object = None,
    prompt: object = None,
    stop_after_s: float | None = None,
) -> Finished:
    out = Finished()
    feed = Feed(read_ahead=20, max_waiting=20)
    if stop_after_s is not None:
        asyncio.get_running_loop().call_later(stop_after_s, feed.stop)
    async with watch(limit_s) as limit:
        one = caller([provider], events=out.events)
        evaluator = Evaluator(prompt or PlainPrompt(), one, scorers, include_input=True)  # type: ignore[arg-type]
        pool = Pool(feed, evaluator, put or out.put, out.events.append, workers=workers, limit=limit)  # type: ignore[arg-type]
        try:
            await pool.run(batches)
        except Exception as error:  # noqa: BLE001 - looked at by the tests
            out.error = error
    return out


def run(script: Script, count: int = 200, **more: object) -> tuple[Finished, ScriptedProvider]:
    provider = ScriptedProvider(script)
    cases = [case(seq) for seq in range(1, count + 1)]
    return run_virtual(take_through(provider, batches_of(cases), **more)), provider  # type: ignore[arg-type]


def test_every_case_has_one_result_and_the_workers_are_used() -> None:
    """200 cases, 8 workers, a tenth of a second each."""
    out, provider = run(lambda _, __: answer())
    assert sorted(result.seq for result in out.results) == list(range(1, 201))
    assert provider.most_in_flight == 8
    assert all(result.status == "ok" and result.overall_score == 1.0 for result in out.results)


def test_a_failed_call_is_no_wrong_answer() -> None:
    """It has no scores at all."""
    out, _ = run(lambda of, _: ProviderError("rejected", "no", status=400) if of.seq == 7 else answer())
    failed = out.by_seq()[7]
    assert (failed.status, failed.scores, failed.overall_score, failed.output) == ("failed", {}, None, None)
    assert failed.failure is not None
    assert failed.failure.kind == "rejected"


def test_retries_recover_and_are_told() -> None:
    """Every third case fails twice; all are answered, and the result says how."""
    out, _ = run(lambda of, times: busy() if of.seq % 3 == 0 and times <= 2 else answer())
    results = out.by_seq()
    assert all(result.status == "ok" for result in out.results)
    assert results[3].attempts == 3
    assert results[3].retry_wait_s > 0
    assert results[1].attempts == 1


def test_no_answered_case_is_asked_again() -> None:
    _, provider = run(lambda of, times: busy() if of.seq % 5 == 0 and times == 1 else answer())
    assert all(provider.asked.count((f"c{seq}", 1)) == (2 if seq % 5 == 0 else 1) for seq in range(1, 201))


def test_an_event_tells_of_each_result_after_it_was_delivered() -> None:
    out, _ = run(lambda _, __: answer(), count=50)
    assert sum(isinstance(event, CaseFinished) for event in out.events) == 50


def test_credentials_stop_the_run_and_keep_what_is_in_flight() -> None:
    """Case 50 is refused: the others in flight land, no new case is taken, nothing fails."""
    out, provider = run(lambda of, _: ProviderError("auth", "bad key", status=401) if of.seq == 50 else answer())
    assert isinstance(out.error, StoppedError)
    assert 49 <= len(out.results) <= 57
    assert all(result.status == "ok" for result in out.results)
    assert len(provider.asked) < 60


def test_a_bad_line_costs_no_earlier_result() -> None:
    async def reading() -> AsyncIterator[list[Case]]:
        yield [case(seq) for seq in range(1, 41)]
        raise InputError("x.jsonl", "no JSON", line=41)

    out = run_virtual(take_through(ScriptedProvider(lambda _, __: answer()), reading()))
    assert str(out.error) == "x.jsonl:41: no JSON"
    assert len(out.results) == 40


def test_a_dead_writer_ends_the_run_with_its_own_error_once() -> None:
    async def put(result: Result) -> None:
        if result.seq > 20:
            raise OutputError("results", "No space left on device")

    out, _ = run(lambda _, __: answer(), put=put)
    assert str(out.error) == "can't write results: No space left on device"


def test_stop_lets_the_flight_land() -> None:
    """What was started is finished; what waits for a retry is not failed."""
    out, provider = run(lambda of, _: busy() if of.seq % 4 == 0 else answer(), stop_after_s=1.0)
    assert out.error is None
    assert all(result.status == "ok" for result in out.results)
    assert provider.in_flight == 0


def test_a_hanging_scorer_costs_one_case() -> None:
    class Hangs(Equals):
        async def score(self, of, response):
            if of.seq == 3:
                await asyncio.sleep(10_000)
            return await super().score(of, response)

    out, _ = run(lambda _, __: answer(), count=20, scorers=(Hangs(),), limit_s=60.0)
    failed = [result for result in out.results if result.status == "failed"]
    assert [(result.seq, result.failure.kind) for result in failed if result.failure] == [(3, "timeout")]
    assert (failed[0].output, failed[0].scores, failed[0].attempts) == ("42", {}, 1)  # the answer was paid for
    assert len(out.results) == 20


def test_a_scorer_that_raises_fails_its_case_and_keeps_the_answer() -> None:
    class Raises(Equals):
        async def score(self, of, response):
            if of.seq == 3:
                raise KeyError("gold")
            return await super().score(of, response)

    out, _ = run(lambda _, __: answer(), count=5, scorers=(Equals(), Raises("mine")))
    failed = out.by_seq()[3]
    assert failed.failure is not None
    assert (failed.status, failed.failure.kind, failed.output) == ("failed", "scorer", "42")
    assert failed.scores["equals"].value == 1.0
    assert failed.scores["mine"].value is None
    assert failed.overall_score is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_a_failure(value: float) -> None:
    class Odd(Equals):
        async def score(self, of, response):
            return Score(value=value)

    out, _ = run(lambda _, __: answer(), count=1, scorers=(Odd(),))
    failure = out.results[0].failure
    assert failure is not None
    assert failure.kind == "scorer"


def test_several_answers_are_scored_each_and_averaged() -> None:
    """N = 4, one of them right."""
    out, _ = run(lambda _, __: Completion(text="42", alternatives=("1", "2", "3")), count=1)
    score = out.results[0].scores["equals"]
    assert (score.value, score.passed) == (0.25, False)
    assert out.results[0].alternatives == ("1", "2", "3")


def test_scoring_several_answers_costs_what_all_of_them_cost() -> None:
    """A judge that is called once for each answer."""

    class Judged(Equals):
        async def score(self, of, response):
            return Score(value=1.0, spent=Spent(calls=1, usage=Usage(10, 2), cost_usd=0.5))

    out, _ = run(lambda _, __: Completion(text="42", alternatives=("1",)), count=1, scorers=(Judged(),))
    assert out.results[0].scores["equals"].spent == Spent(calls=2, usage=Usage(20, 4), cost_usd=1.0)


def test_messages_that_no_protocol_can_carry_fail_their_case_alone() -> None:
    """A whole number beyond 64 bits stands in one of three conversations."""
    odd = ({"role": "user", "content": "?", "n": 10**30},)
    cases = [case(1), Case(seq=2, id="c2", input=odd, target="42"), case(3)]

    class Messages(PlainPrompt):
        def render(self, of):
            return of.input if isinstance(of.input, tuple) else super().render(of)

    out = run_virtual(take_through(ScriptedProvider(lambda _, __: answer()), batches_of(cases), prompt=Messages()))
    assert out.error is None
    assert {seq: result.status for seq, result in out.by_seq().items()} == {1: "ok", 2: "failed", 3: "ok"}


def test_a_bug_is_not_hidden() -> None:
    """What is no fault of the run shows its traceback."""

    def script(of: Case, _: int) -> Completion:
        raise ZeroDivisionError

    out, _ = run(script, count=3)
    assert isinstance(out.error, ExceptionGroup)
