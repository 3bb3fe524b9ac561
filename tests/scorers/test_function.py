"""`function`: the user's own code, in the loop, in threads and in processes."""

import asyncio
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from evalperf.errors import ConfigError
from evalperf.records import Score
from evalperf.scorers import NO_ANSWER, open_scorers
from evalperf.scorers.function import as_score
from evalperf.scorers.worker_process import WorkerDiedError
from tests.scorers.samples import ADAPTER, make_case, make_response

CODE = """
import asyncio, os, threading, time
from evalperf.records import Score

def length(case, response, *, per=1):
    return len(response.completion.text) / per

async def slowly(case, response):
    await asyncio.sleep(0)
    return response.completion.text == case.target

def where(case, response):
    return Score(value=1.0, reason=f"{os.getpid()} {threading.current_thread().name}")

def fails(case, response):
    raise KeyError("mine")

def dies(case, response):
    if response.completion.text == "die":
        os._exit(3)
    return True

def naps(case, response):
    time.sleep(0.05)

def hangs(case, response):
    if response.completion.text == "hang":
        time.sleep(60)
    return True

async def hangs_async(case, response):
    await asyncio.sleep(60)

def nan(case, response):
    return float("nan")

number = 5
"""


@pytest.fixture(scope="module")
def code_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    (folder / "own_scorer_code.py").write_text(CODE, encoding="utf-8")
    return folder


@pytest.fixture
async def opened(open_one, code_dir):
    async def open_(function: str, **options: object):
        return await open_one({"type": "function", "call": f"own_scorer_code:{function}", **options}, code_dir)

    return open_


@pytest.mark.parametrize("run_in", ["loop", "thread", "process"])
async def test_a_function_scores_wherever_it_runs(opened, run_in):
    scorer = await opened("length", options={"per": 2}, run_in=run_in, name="len")
    assert scorer.name == "len"
    assert await scorer.score(make_case(), make_response("abcd")) == Score(value=2.0)


async def test_an_async_function_runs_in_the_loop(opened):
    scorer = await opened("slowly")
    assert (await scorer.score(make_case("x"), make_response("x"))).passed
    with pytest.raises(ConfigError, match="runs in the loop"):
        await opened("slowly", run_in="thread")


async def test_the_place_is_the_one_asked_for(opened):
    async def place(run_in: str) -> tuple[int, str]:
        score = await (await opened("where", run_in=run_in)).score(make_case(), make_response(""))
        pid, thread = score.reason.split(" ", 1)
        return int(pid), thread

    assert await place("loop") == (os.getpid(), threading.current_thread().name)
    assert (await place("thread"))[1].startswith("evalperf-function")
    assert (await place("process"))[0] != os.getpid()


@pytest.mark.parametrize("run_in", ["loop", "thread", "process"])
async def test_an_error_of_the_function_passes(opened, run_in):
    scorer = await opened("fails", run_in=run_in)
    for _ in range(2):  # and the scorer goes on
        with pytest.raises(KeyError, match="mine"):
            await scorer.score(make_case(), make_response(""))


@pytest.mark.parametrize(
    ("returned", "score"),
    [
        (True, Score(value=1.0, passed=True)),
        (False, Score(value=0.0, passed=False)),
        (3, Score(value=3.0)),
        (0.25, Score(value=0.25)),
        (None, Score(value=None, reason="the function returned None")),
        (Score(value=0.5, reason="x"), Score(value=0.5, reason="x")),
    ],
)
def test_what_a_function_may_return(returned, score):
    assert as_score(returned) == score


@pytest.mark.parametrize("returned", [float("nan"), float("inf"), -float("inf"), Score(value=float("nan"))])
def test_a_value_that_is_not_finite_is_an_error(returned):
    with pytest.raises(ValueError, match=r"nan|inf"):
        as_score(returned)


@pytest.mark.parametrize("returned", ["1", [1], {"value": 1}])
def test_anything_else_is_an_error(returned):
    with pytest.raises(TypeError, match="expected a bool, a number, None or a Score"):
        as_score(returned)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("nowhere_at_all:f", "no module"),
        ("own_scorer_code:missing", "has no"),
        ("own_scorer_code:number", "not a function"),
    ],
)
async def test_what_is_no_function_is_named_when_opened(open_one, code_dir, call, message):
    with pytest.raises(ConfigError, match=message):
        await open_one({"type": "function", "call": call}, code_dir)


async def test_a_crash_costs_its_own_case_only(opened):
    scorer = await opened("dies", run_in="process", max_parallel=2)
    texts = ["a", "die", "b", "c", "die", "d"]
    outcomes = await asyncio.gather(
        *(scorer.score(make_case(), make_response(text)) for text in texts), return_exceptions=True
    )
    for text, outcome in zip(texts, outcomes, strict=True):
        assert isinstance(outcome, WorkerDiedError) if text == "die" else outcome.passed, text


async def test_a_process_that_was_killed_between_calls_costs_no_case(opened):
    scorer = await opened("where", run_in="process", max_parallel=1)
    first = await scorer.score(make_case(), make_response(""))
    pid = int(first.reason.split()[0])
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        await asyncio.sleep(0.002)
    second = await scorer.score(make_case(), make_response(""))
    assert second.reason != first.reason


@pytest.mark.timeout(30)  # the call sleeps for 60 s
async def test_a_call_that_hangs_is_killed_and_the_next_one_runs(opened):
    scorer = await opened("hangs", run_in="process", max_parallel=1, timeout_s=0.2)
    with pytest.raises(TimeoutError, match=r"took longer than 0\.2 s"):
        await scorer.score(make_case(), make_response("hang"))
    scorer = await opened("hangs", run_in="process", max_parallel=1, timeout_s=20)
    hanging = asyncio.create_task(scorer.score(make_case(), make_response("hang")))
    await asyncio.sleep(0.3)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert (await scorer.score(make_case(), make_response(""))).passed


@pytest.mark.parametrize("run_in", ["thread", "process"])
async def test_waiting_for_a_turn_is_not_counted_to_the_limit(opened, run_in):
    scorer = await opened("naps", run_in=run_in, max_parallel=1, timeout_s=0.5)
    scores = await asyncio.gather(*(scorer.score(make_case(), make_response("")) for _ in range(12)))
    assert len(scores) == 12


async def test_a_thread_past_its_limit_is_given_up(opened):
    scorer = await opened("naps", run_in="thread", max_parallel=1, timeout_s=0.01)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="took longer than"):
            await scorer.score(make_case(), make_response(""))


async def test_an_async_function_has_a_time_limit(opened):
    scorer = await opened("hangs_async", timeout_s=0.01)
    with pytest.raises(TimeoutError, match="took longer than"):
        await scorer.score(make_case(), make_response(""))


async def test_the_function_sees_what_was_extracted(opened):
    scorer = await opened("slowly", extract=r"is (\w+)")
    score = await scorer.score(make_case("B"), make_response("it is B"))
    assert (score.passed, score.extracted) == (True, "B")
    assert (await scorer.score(make_case("B"), make_response("?"))).reason == NO_ANSWER


async def test_nothing_is_left_running(code_dir):
    before = set(threading.enumerate())
    configs = [
        {"type": "function", "call": "own_scorer_code:where", "run_in": place, "name": place}
        for place in ("thread", "process")
    ] + [{"type": "regex", "pattern": r"(a|aa)+$", "time_limit_s": 0.03}]
    async with open_scorers([ADAPTER.validate_python(config) for config in configs], code_dir) as scorers:
        in_thread, in_process, runaway = scorers
        await in_thread.score(make_case(), make_response(""))
        await in_process.score(make_case(), make_response(""))
        await runaway.score(make_case(), make_response("a" * 60 + "b"))
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not [name for name in left if name.startswith("evalperf") or "Executor" in name]
    assert multiprocessing.active_children() == []


def test_max_parallel_without_threads_or_processes_is_refused():
    with pytest.raises(ValidationError, match="max_parallel"):
        ADAPTER.validate_python({"type": "function", "call": "a:b", "max_parallel": 2})
