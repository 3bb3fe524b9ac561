"""A program as the provider."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from evalperf.config.model import CommandProvider
from evalperf.errors import ConfigError, ProviderError
from evalperf.providers.command import Command, open_command
from evalperf.records import Completion, Usage
from tests.support.requests import make_request

PROGRAM = """
import json, os, subprocess, sys, time
for line in sys.stdin:
    case = json.loads(line)
    order, _, rest = case["input"].partition(" ")
    reply = {"output": rest}
    if order == "whole":
        reply["output"] = line
    elif order == "env":
        reply["output"] = os.environ.get(rest, "-") + os.environ.get("PATH", "-")[:1]
    elif order == "cwd":
        reply["output"] = os.getcwd()
    elif order == "pid":
        reply["output"] = str(os.getpid())
    elif order == "fields":
        usage = {"input_tokens": 1, "output_tokens": 2}
        reply |= {"id": case["id"], "usage": usage, "finish_reason": "stop", "model": "b"}
    elif order == "error":
        reply = {"error": rest}
    elif order == "again":
        reply = {"error": rest, "retryable": True}
    elif order == "nothing":
        reply = {}
    elif order == "other":
        reply["id"] = "another"
    elif order == "exit":
        print("first words", file=sys.stderr)
        print("last words \\x1b[2J", file=sys.stderr, flush=True)
        sys.exit(int(rest))
    elif order == "once":
        print(json.dumps(reply), flush=True)
        sys.exit()
    elif order == "hang":
        child = subprocess.Popen(["sleep", "60"])
        open(rest, "w").write(f"{os.getpid()} {child.pid}")
        time.sleep(60)
    elif order == "noise":
        print("loading model...")
    elif order == "long":
        sys.stdout.write("x" * 20_000_000)
        sys.stdout.flush()
    elif order == "chatty":
        sys.stderr.write("log\\n" * 200_000)
        sys.stderr.flush()
    print(json.dumps(reply), flush=True)
"""


@asynccontextmanager
async def provider(tmp_path: Path, *, processes: int = 1, **config: Any) -> AsyncIterator[Command]:
    (tmp_path / "program.py").write_text(PROGRAM)
    argv = config.pop("argv", [sys.executable, "program.py"])
    opened = open_command(CommandProvider(type="command", argv=argv, **config), tmp_path, processes=processes)
    try:
        yield opened
    finally:
        await opened.aclose()
        assert [child for child in psutil.Process().children() if "program.py" in " ".join(child.cmdline())] == []


async def ask(tmp_path: Path, text: str, **config: Any) -> Completion:
    async with provider(tmp_path, **config) as opened:
        return await opened.complete(make_request(text))


async def failure(tmp_path: Path, text: str, **config: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(tmp_path, text, **config)
    return caught.value


async def test_it_is_told_the_case_without_its_target(tmp_path: Path) -> None:
    request = make_request("whole", choices=("a", "b"), tags=("t",), metadata={"k": 1}, target="secret", epoch=2)
    async with provider(tmp_path) as opened:
        line = (await opened.complete(request)).text
    assert line == (
        '{"id":"id-whole","epoch":2,"input":"whole","messages":[{"role":"user","content":"whole"}],'
        '"choices":["a","b"],"tags":["t"],"metadata":{"k":1}}\n'
    )


async def test_its_answer_may_carry_more_than_the_output(tmp_path: Path) -> None:
    assert await ask(tmp_path, "fields x") == Completion(text="x", model="b", usage=Usage(1, 2), finish_reason="stop")


async def test_it_inherits_the_environment_with_additions(tmp_path: Path) -> None:
    assert (await ask(tmp_path, "env ADDED", env={"ADDED": "yes"})).text == "yes/"
    assert (await ask(tmp_path, "env ADDED")).text == "-/"


async def test_it_runs_in_the_folder_of_the_configuration(tmp_path: Path) -> None:
    assert (await ask(tmp_path, "cwd")).text == str(tmp_path)


async def test_a_relative_program_is_found_there_too(tmp_path: Path) -> None:
    program = tmp_path / "answer"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o755)
    assert (await ask(tmp_path, "echo hi", argv=["./answer"])).text == "hi"


async def test_one_copy_answers_case_after_case(tmp_path: Path) -> None:
    async with provider(tmp_path) as opened:
        pids = [(await opened.complete(make_request("pid"))).text for _ in range(3)]
    assert len(set(pids)) == 1


async def test_no_more_copies_than_allowed_are_started(tmp_path: Path) -> None:
    async with provider(tmp_path, processes=2) as opened:
        answers = await asyncio.gather(*(opened.complete(make_request("pid", id=str(n))) for n in range(12)))
    assert len({answer.text for answer in answers}) == 2


async def test_what_it_writes_to_stderr_blocks_nobody(tmp_path: Path) -> None:
    assert (await ask(tmp_path, "chatty x")).text == "x"


async def test_its_error_is_the_failure(tmp_path: Path) -> None:
    error = await failure(tmp_path, "error out of luck")
    assert (error.kind, error.message, error.retryable) == ("provider", "out of luck", False)
    assert (await failure(tmp_path, "again later")).retryable


async def test_an_exit_in_mid_case_tells_the_last_words(tmp_path: Path) -> None:
    error = await failure(tmp_path, "exit 3")
    assert (error.kind, error.retryable) == ("provider", True)
    assert "exit code 3" in error.message
    assert r"last words \x1b[2J" in error.message


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("nothing", 'neither "output" nor "error"'),
        ("other", "another case"),
        ("noise", "loading model..."),
        ("long", "a line of over 8388608 bytes"),
    ],
)
async def test_an_answer_that_is_none_is_bad(tmp_path: Path, order: str, words: str) -> None:
    error = await failure(tmp_path, order)
    assert error.kind == "bad_reply"
    assert words in error.message


@pytest.mark.parametrize("order", ["exit 1", "once x", "noise", "other", "long"])
async def test_the_next_case_gets_a_copy_that_works(tmp_path: Path, order: str) -> None:
    """What the old copy still had to say is never taken for the next answer."""
    failures: list[ProviderError] = []
    answers: list[str] = []
    async with provider(tmp_path) as opened:
        for text in [order, order, "echo 1", "echo 2", "echo 3"]:
            try:
                answers.append((await opened.complete(make_request(text))).text)
            except ProviderError as error:
                failures.append(error)
    assert answers[-2:] == ["2", "3"]  # the first may meet a copy that has ended while nobody was looking
    assert {error.kind for error in failures} <= {"provider", "bad_reply"}


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def _end(pids: list[int]) -> bool:
    """Whether they are gone; a kill takes the kernel a moment."""
    for _ in range(200):
        if not any(_alive(pid) for pid in pids):
            return True
        await asyncio.sleep(0.005)
    return False


async def _pids(note: Path) -> list[int]:
    while not note.exists() or not note.read_text().count(" "):
        await asyncio.sleep(0.01)
    return [int(pid) for pid in note.read_text().split()]


async def test_a_copy_over_its_time_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    async with provider(tmp_path, timeout_s=1) as opened:
        await opened.complete(make_request("echo warm"))
        with pytest.raises(ProviderError, match="no answer from") as caught:
            await opened.complete(make_request(f"hang {note}"))
        assert (caught.value.kind, caught.value.retryable) == ("timeout", True)
        pids = await _pids(note)
        assert await _end(pids)
        assert (await opened.complete(make_request("echo fresh"))).text == "fresh"


async def test_a_cancelled_case_takes_its_copy_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    async with provider(tmp_path) as opened:
        task = asyncio.create_task(opened.complete(make_request(f"hang {note}")))
        pids = await _pids(note)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await _end(pids)
        assert (await opened.complete(make_request("echo fresh"))).text == "fresh"


@pytest.mark.parametrize(
    ("argv", "words"), [(["./missing"], "No such file"), (["no-such-program-here"], "No such file"), (["./"], "denied")]
)
async def test_a_program_that_can_not_start_is_told_before_the_first_case(
    tmp_path: Path, argv: list[str], words: str
) -> None:
    async with provider(tmp_path, argv=argv) as opened:
        with pytest.raises(ConfigError, match=words):
            await opened.check()


async def test_the_copy_that_was_tried_is_used(tmp_path: Path) -> None:
    others = set(psutil.Process().children())
    async with provider(tmp_path) as opened:
        await opened.check()
        (child,) = set(psutil.Process().children()) - others
        assert (await opened.complete(make_request("pid"))).text == str(child.pid)


async def test_secrets_in_its_environment_are_hidden_from_messages(tmp_path: Path) -> None:
    error = await failure(tmp_path, "error token very-secret", env={"TOKEN": "very-secret"})
    assert error.message == "token [hidden]"
