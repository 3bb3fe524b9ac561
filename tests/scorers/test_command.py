"""`command`: a program that scores, and all the ways in which it may not."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from msgspec import UNSET

from evalperf.errors import ConfigError
from evalperf.records import Case, Score
from evalperf.scorers import NO_ANSWER
from evalperf.scorers.command import CommandError
from tests.scorers.samples import make_case, make_response

PROGRAM = """
import json, os, sys, time
for line in sys.stdin:
    case = json.loads(line)
    said = case["output"]
    if said == "die":
        sys.stderr.write("first\\nlast words\\n"); sys.stderr.flush(); os._exit(3)
    if said == "hang":
        time.sleep(60)
    if said == "pid":
        said = json.dumps({"value": 1, "reason": str(os.getpid())})
    if said == "case":
        said = json.dumps({"value": 1, "detail": case})
    print(said, flush=True)
"""
"""Writes what the answer says."""


@pytest.fixture
def argv(tmp_path: Path) -> list[str]:
    (tmp_path / "program.py").write_text(PROGRAM)
    return [sys.executable, "program.py"]


@pytest.fixture
async def scorer(open_one, argv):
    return await open_one({"type": "command", "argv": argv, "max_parallel": 1})


async def say(scorer, reply) -> Score:
    return await scorer.score(make_case(), make_response(reply if isinstance(reply, str) else json.dumps(reply)))


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ({"value": 0.25}, Score(value=0.25)),
        ({"value": 1, "passed": True, "reason": "so"}, Score(value=1.0, passed=True, reason="so")),
        ({"passed": True}, Score(value=1.0, passed=True)),
        ({"passed": False}, Score(value=0.0, passed=False)),
        ({"value": None}, Score(value=None, reason="the program gave no value")),
        ({"value": None, "reason": "no idea"}, Score(value=None, reason="no idea")),
        ({"value": 0, "extracted": "x", "detail": {"a": [1]}}, Score(value=0.0, extracted="x", detail={"a": [1]})),
        ({"value": 1, "id": "a", "more": 1}, Score(value=1.0)),
    ],
)
async def test_a_reply_becomes_a_score(scorer, reply, score):
    assert await say(scorer, reply) == score
    assert (await say(scorer, {"value": 1})).detail is UNSET


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("no JSON", "written no score: no JSON"),
        ("[1]", "written no score"),
        ('{"value": "1"}', "written no score"),
        ('{"value": NaN}', "written no score"),
        ('{"value": 1e999}', "written no score|which is not a score"),
        ("{}", 'neither "value" nor "passed"'),
        ({"error": "out of memory"}, "^out of memory$"),
        ({"value": 1, "id": "b"}, "another case"),
        ("x" * 9_000_000, "a line of over 8388608 bytes"),
        ("die", r"has ended \(exit code 3\) without a score: last words"),
    ],
)
async def test_what_is_no_score_is_an_error_and_the_next_case_is_scored(scorer, reply, message):
    with pytest.raises(CommandError, match=message):
        await say(scorer, reply)
    assert (await say(scorer, {"value": 1})).value == 1.0


async def test_it_is_told_all_about_the_case(scorer):
    case = Case(seq=7, id="a", epoch=2, input="?", target="t", choices=("A", "B"), tags=("x",), metadata={"level": 3})
    told = (await scorer.score(case, make_response("case", ("u", "v")))).detail
    assert told == {
        "id": "a",
        "epoch": 2,
        "input": "?",
        "output": "case",
        "target": ["u", "v"],
        "choices": ["A", "B"],
        "tags": ["x"],
        "metadata": {"level": 3},
    }


async def test_a_copy_is_kept_for_the_next_case_or_not(open_one, argv):
    async def pids(**options):
        scorer = await open_one({"type": "command", "argv": argv, **options})
        return [(await say(scorer, "pid")).reason for _ in range(3)]

    assert len(set(await pids())) == 1
    assert len(set(await pids(keep=False))) == 3


async def test_a_copy_of_its_own_may_read_to_the_end_and_write_no_line_end(open_one):
    program = "import json, sys; case = json.load(sys.stdin); sys.stdout.write(json.dumps({'passed': True}))"
    scorer = await open_one({"type": "command", "argv": [sys.executable, "-c", program], "keep": False})
    assert (await say(scorer, "")).passed


@pytest.mark.timeout(30)
async def test_a_program_that_hangs_is_killed_and_costs_its_own_case(open_one, argv):
    scorer = await open_one({"type": "command", "argv": argv, "max_parallel": 1, "timeout_s": 1})
    first = (await say(scorer, "pid")).reason
    with pytest.raises(TimeoutError, match="took longer than 1 s"):
        await say(scorer, "hang")
    assert not Path(f"/proc/{first}").exists()
    assert (await say(scorer, "pid")).reason != first


async def test_copies_work_at_the_same_time_up_to_the_limit(open_one, argv):
    scorer = await open_one({"type": "command", "argv": argv, "max_parallel": 2})
    pids = {score.reason for score in await asyncio.gather(*(say(scorer, "pid") for _ in range(20)))}
    assert 1 <= len(pids) <= 2


async def test_no_copy_is_left_when_the_scorers_are_closed(open_one, argv, tmp_path):
    from evalperf.scorers import open_scorers
    from tests.scorers.samples import ADAPTER

    config = ADAPTER.validate_python({"type": "command", "argv": argv})
    async with open_scorers([config], tmp_path) as (scorer,):
        pid = int((await say(scorer, "pid")).reason)
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_it_sees_what_was_extracted(open_one, argv):
    scorer = await open_one({"type": "command", "argv": argv, "extract": "say (.*)"})
    assert (await say(scorer, 'so I say {"value": 0.5}')).value == 0.5
    assert (await say(scorer, "nothing")).reason == NO_ANSWER


async def test_a_program_that_is_not_there_is_named(open_one):
    with pytest.raises(ConfigError, match=r"nowhere\.sh is no program"):
        await open_one({"type": "command", "argv": ["./nowhere.sh"]})
    with pytest.raises(ConfigError, match="no program called nowhere-at-all"):
        await open_one({"type": "command", "argv": ["nowhere-at-all"]})


async def test_a_case_that_is_no_json_is_an_error(scorer):
    with pytest.raises(CommandError, match="can't be written as JSON"):
        await scorer.score(make_case(big=2**70), make_response("{}"))
