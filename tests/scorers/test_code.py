"""`code`: what passes, what fails, what is stopped, and what a program can't reach."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from evalperf.errors import ConfigError
from evalperf.records import Case
from evalperf.scorers import NO_ANSWER
from evalperf.scorers.code_sandbox import SandboxError
from evalperf.scorers.fences import fenced
from tests.scorers.samples import ADAPTER, make_case, make_response

BARE = {"type": "code", "allow_code": True, "program": "{{ answer }}"}


@pytest.fixture
async def run(judge):
    """The score of a program as the answer, on its own."""

    async def run_(program: str, **options):
        return await judge({**BARE, **options}, program)

    return run_


@pytest.fixture
async def isolated(run) -> list[str]:
    """What this system lets be isolated."""
    return (await run("")).detail["isolated"]


def needs(isolated: list[str], what: str) -> None:
    if what not in isolated:
        pytest.skip(f"this system does not isolate {what}")


# the verdict ----------------------------------------------------------------------------------------------------------


async def test_a_program_that_comes_to_its_end_passes(run):
    score = await run("assert sorted([2, 1]) == [1, 2]")
    assert (score.value, score.passed, score.reason) == (1.0, True, None)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("assert 1 == 2, 'one'", "AssertionError: one"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit(3)", "exit code 3"),
        ("import ctypes; ctypes.string_at(0)", "ended by SIGSEGV"),
        ("input()", "EOFError: EOF when reading a line"),
        ("x = 'a' * 2_000_000_000", "MemoryError"),
        ("open('f', 'w').write('a' * 20_000_000)", "OSError: [Errno 27] File too large"),
        ("\0", None),
        ("'\ud800'", None),
    ],
)
async def test_a_program_that_fails_is_wrong_and_says_why(run, program, reason):
    score = await run(program)
    assert (score.value, score.passed) == (0.0, False)
    assert score.reason == reason if reason is not None else "Error" in score.reason


@pytest.mark.parametrize("way", ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit"])
async def test_an_end_before_the_tests_is_no_pass(run, way):
    score = await run(f"{way}\nassert False")
    assert (score.passed, score.reason) == (False, "ended before its last line")


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "while True: pass"])
async def test_a_program_that_does_not_end_is_stopped_and_wrong(run, program):
    score = await run(program, timeout_s=0.3)
    assert (score.value, score.passed, score.reason) == (0.0, False, "still running after 0.3 s")


async def test_processor_time_has_a_limit_of_its_own(run):
    score = await run("while True: pass", cpu_s=1, timeout_s=30)
    assert (score.passed, score.reason) == (False, "ended by SIGXCPU")


async def test_memory_and_files_have_limits_that_can_be_set(run):
    program = "x = 'a' * 300_000_000\nopen('f', 'w').write('a' * 20_000_000)"
    assert (await run(program, memory_mb=1024, file_mb=32)).passed
    assert (await run(program, memory_mb=256, file_mb=32)).reason == "MemoryError"


async def test_what_it_prints_is_bounded_and_its_end_is_shown(run):
    score = await run("print('begin' + 'x' * 9_000_000)\nprint('the end')\nassert False")
    assert "the end" in score.detail["output"]
    assert len(score.detail["output"]) <= 2_000
    endless = await run("while True: print('x' * 1000)", file_mb=1)
    assert endless.passed is False
    assert "output" not in (await run("print('hello')")).detail


async def test_hashes_are_the_same_every_time(run):
    reasons = {(await run("raise Exception(hash('a'))")).reason for _ in range(2)}
    assert len(reasons) == 1


# what is run ----------------------------------------------------------------------------------------------------------


async def test_the_tests_of_the_target_are_run_after_the_answer(judge):
    config = {"type": "code", "allow_code": True}
    assert (await judge(config, "def f(x): return x + 1", "assert f(1) == 2")).passed
    assert not (await judge(config, "def f(x): return x", "assert f(1) == 2")).passed


async def test_the_program_is_put_together_from_the_fields_of_the_case(open_one):
    program = "{{ input }}{{ answer }}\n{{ metadata.test_list }}\ncheck({{ metadata.entry_point }}, '{{ metadata.n }}')"
    scorer = await open_one({"type": "code", "allow_code": True, "program": program})
    case = Case(
        seq=1,
        id="a",
        input="def two():\n",
        metadata={"test_list": ["def check(f, n):", "    assert f() == 2 and n == '7'"], "entry_point": "two", "n": 7},
    )
    assert (await scorer.score(case, make_response("    return 2"))).passed
    without = Case(seq=1, id="a", input="def two():\n")
    score = await scorer.score(without, make_response("    return 2"))
    assert (score.value, score.passed) == (None, None)
    assert score.reason.startswith("the case has no metadata.")


async def test_an_unknown_name_in_the_program_is_named_when_opened(open_one):
    with pytest.raises(ConfigError, match='there is no "awnser"'):
        await open_one({**BARE, "program": "{{ awnser }}"})


async def test_the_code_of_a_fence_is_run(judge):
    answer = "So:\n```python\nx = 1\n```\nor rather:\n```python\nx = 2\n```\nThat's it."
    config = {"type": "code", "allow_code": True, "fences": "anywhere", "program": "{{ answer }}\nassert x == 2"}
    score = await judge(config, answer)
    assert (score.passed, score.extracted) == (True, "x = 2\n")
    assert not (await judge({**config, "which": "first"}, answer)).passed
    assert (await judge(config, "x = 2")).passed
    assert (await judge({**config, "fences": False}, answer)).reason.startswith("SyntaxError")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("```\nx\n```", "x\n"),
        ("```python title=a\nx\n", "x\n"),
        ("~~~\nx\n~~~", "x\n"),
        ("````\n```\nx\n```\n````", "```\nx\n```\n"),
        ("  ```py\nx\n  ```", "x\n"),
        ("inline ```x``` only", "inline ```x``` only"),
        ("```\n```", ""),
    ],
)
def test_what_a_fence_is(answer, code):
    assert fenced(answer, "last") == code


async def test_what_was_extracted_is_run(judge):
    config = {**BARE, "extract": {"pattern": r"<code>(.*?)</code>", "flags": "s"}}
    assert (await judge(config, "<code>assert True</code>")).passed
    assert (await judge(config, "nothing")).reason == NO_ANSWER


async def test_another_interpreter_passes_with_exit_code_0(run):
    options = {"argv": ["sh", "-e"], "file_name": "program.sh"}
    assert (await run("test -f program.sh && exit 0", **options)).passed
    score = await run("echo wrong; exit 4", **options)
    assert (score.passed, score.reason, score.detail["output"]) == (False, "wrong", "wrong")


async def test_installed_packages_are_there_where_they_are_asked_for(run):
    assert (await run("import msgspec")).reason == "ModuleNotFoundError: No module named 'msgspec'"
    assert (await run("import msgspec", packages=True)).passed


# what it can't reach --------------------------------------------------------------------------------------------------


async def test_there_is_no_network(run, isolated):
    needs(isolated, "network")
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        program = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"
        assert (await run(program)).reason == "OSError: [Errno 101] Network is unreachable"
        assert (await run(program, isolation="off")).passed


async def test_files_of_others_can_be_read_and_not_changed(run, isolated, tmp_path):
    needs(isolated, "files")
    theirs = tmp_path / "theirs"
    theirs.write_text("precious")
    assert (await run(f"assert open({str(theirs)!r}).read() == 'precious'")).passed
    assert "Read-only file system" in (await run(f"open({str(theirs)!r}, 'w')")).reason
    assert "Read-only file system" in (await run(f"import os; os.remove({str(theirs)!r})")).reason
    assert theirs.read_text() == "precious"


async def test_a_folder_of_its_own_is_there_and_gone_afterwards(run):
    program = "import os; open('a', 'w').close(); os.mkdir('b', 0); raise Exception(os.getcwd())"
    score = await run(program)
    folder = Path(score.reason.removeprefix("Exception: "))
    assert folder.name.startswith("evalperf-code-")
    assert not folder.exists()


async def test_keys_of_the_environment_are_out_of_reach(run, isolated, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "sk-secret")
    assert (await run("import os; assert 'MY_API_KEY' not in os.environ")).passed
    needs(isolated, "processes")
    assert (await run(f"import os; assert not os.path.exists('/proc/{os.getpid()}')")).passed


async def test_too_many_processes_are_stopped(run, isolated):
    needs(isolated, "processes")
    score = await run("import os\nwhile True: os.fork()", processes=8, timeout_s=20)
    assert score.value == 0.0
    # the kernel refuses where evalperf is not run by root, else the watcher counts
    assert score.reason == "had more than 8 processes" or score.reason.startswith("BlockingIOError")
    fine = "import subprocess; subprocess.run(['true'], check=True)"
    assert (await run(fine, processes=8)).passed


async def test_what_it_has_started_ends_with_it(run, isolated, tmp_path):
    needs(isolated, "processes")
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(987.25)"
    assert (await run(program)).passed
    left = [cmdline for each in Path("/proc").glob("[0-9]*/cmdline") if b"987.25" in (cmdline := _read(each))]
    assert left == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


async def test_without_isolation_the_limits_hold_all_the_same(run):
    options = {"isolation": "off", "timeout_s": 0.5}
    assert (await run("", **options)).detail == {"isolated": []}
    assert (await run("import time; time.sleep(60)", **options)).reason == "still running after 0.5 s"
    assert (await run("x = 'a' * 2_000_000_000", **options)).reason == "MemoryError"
    assert (await run("import os, time\nif os.fork() == 0: time.sleep(60)", **options)).passed


async def test_a_program_that_is_cancelled_is_gone(open_one, tmp_path):
    scorer = await open_one({**BARE, "isolation": "off", "timeout_s": 60})
    started = tmp_path / "started"
    program = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    task = asyncio.create_task(scorer.score(make_case(), make_response(program)))
    while not (started.exists() and started.read_text()):
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (
        not Path(f"/proc/{started.read_text()}").exists() or _read(Path(f"/proc/{started.read_text()}/cmdline")) == b""
    )


# refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [{"type": "code"}, {"type": "code", "allow_code": False}])
def test_it_is_off_unless_allowed(config):
    with pytest.raises(ValidationError, match='"allow_code": true'):
        ADAPTER.validate_python(config)


@pytest.mark.parametrize("options", [{"which": "first"}, {"argv": ["sh"], "packages": True}, {"file_name": "../x"}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({**BARE, **options})


async def test_a_sandbox_that_does_not_start_is_an_error_and_no_wrong_answer(run):
    with pytest.raises(SandboxError, match="can't start no-such-interpreter: No such file"):
        await run("", argv=["no-such-interpreter"])


async def test_a_launcher_that_is_killed_is_an_error_and_no_wrong_answer(run):
    """Without a process namespace the program can reach it."""
    with pytest.raises(SandboxError, match="ended together with what watched it"):
        await run("import os, time; os.kill(os.getppid(), 9); time.sleep(60)", isolation="off")


async def test_a_system_that_runs_no_programs_is_found_out_when_opened(open_one, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ConfigError, match="code can't be run here"):
        await open_one(BARE)


async def test_isolation_can_be_required(open_one, isolated, monkeypatch):
    if isolated:
        assert (await (await open_one({**BARE, "isolation": "require"})).score(make_case(), make_response(""))).passed
    else:
        with pytest.raises(ConfigError, match="no user namespaces"):
            await open_one({**BARE, "isolation": "require"})
