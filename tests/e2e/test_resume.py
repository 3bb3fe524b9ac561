"""A killed run goes on where it stopped: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalperf.results import RunDirectory, read_results
from tests.e2e.conftest import ROOT

SLOW = ("--set", "provider.latency_s=0.1", "--set", "provider.rate_429=0.1", "-j", "8")


def begin(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "evalperf", "run", "configs/quickstart.json", *SLOW, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_for_results(folder: Path) -> RunDirectory:
    """The run's directory, once something has been written."""
    for _ in range(400):
        for part in folder.glob("results/*/results/_part-*"):
            if part.stat().st_size > 1000:
                return RunDirectory(part.parents[1])
        time.sleep(0.05)
    raise AssertionError("no results were written")


def wait_for_calls(folder: Path) -> None:
    """Returns when the journal tells of calls."""
    for _ in range(400):
        if any(path.stat().st_size for path in folder.glob("results/*/journal/*.wal")):
            return
        time.sleep(0.05)
    raise AssertionError("no call was made")


def rows(directory: RunDirectory) -> list[tuple[int, int]]:
    return [(result.seq, result.epoch) for result in read_results(directory, on_damage=lambda _: None)]


def test_after_kill_9_every_case_has_exactly_one_result(house: Path, document) -> None:
    """What was written before is kept, what was not is done."""
    process = begin(house)
    directory = wait_for_results(house)
    process.kill()
    process.communicate()
    before = set(rows(directory))
    resumed = document("run", "configs/quickstart.json", *SLOW, "--resume")
    after = rows(directory)
    assert resumed["run"]["id"] == directory.id
    assert sorted(after) == [(seq, 1) for seq in range(1, 381)]
    assert before <= set(after)
    assert resumed["cases"]["resumed"] == len(before)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_drains_says_how_to_go_on_and_exits(
    number: signal.Signals,
    code: int,
    house: Path,
    document,
) -> None:
    """Calls in flight land; nothing is in doubt afterwards."""
    process = begin(house)
    directory = wait_for_results(house)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors.decode()
    assert b"Traceback" not in errors
    resumed = document("run", "configs/quickstart.json", *SLOW, "--resume", directory.id)
    assert resumed["in_doubt"] in (0, None)
    assert sorted(rows(directory)) == [(seq, 1) for seq in range(1, 381)]


def test_two_signals_stop_at_once(house: Path) -> None:
    """Even while a call takes its time."""
    process = begin(house, "--set", "provider.latency_s=20", "--set", "provider.latency_spread=0")
    wait_for_calls(house)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130, errors.decode()


def test_a_changed_prompt_is_not_resumed(house: Path, evalperf) -> None:
    process = begin(house)
    wait_for_results(house)
    process.kill()
    process.communicate()
    refused = evalperf("run", "configs/quickstart.json", "--set", "prompt.system=Be brief.", "--resume", code=2)
    assert "the prompt" in refused.stderr


def test_two_processes_do_not_work_on_one_run(house: Path, evalperf) -> None:
    """The second is told who holds it."""
    process = begin(house)
    directory = wait_for_results(house)
    refused = evalperf("run", "configs/quickstart.json", *SLOW, "--resume", directory.id, code=3)
    assert str(process.pid) in refused.stderr
    process.kill()
    process.communicate()


def test_failed_cases_are_retried_on_request(house: Path, document) -> None:
    """A server that often fails, then one that does not."""
    hopeless = ["--set", "provider.rate_500=0.5", "--set", "retry.attempts=1", "--set", "provider.latency_s=0.01"]
    hopeless += ["--set", "circuit_breaker.failure_threshold=1000", "--set", "circuit_breaker.failure_rate=1"]
    first = document("run", "configs/quickstart.json", *hopeless, "-n", "40", "-j", "8")
    assert first["cases"]["failed"] > 0
    assert first["scores"]["answer"]["n"] == first["cases"]["ok"]
    again = document(
        "run", "configs/quickstart.json", "-n", "40", "-j", "8", "--resume", first["run"]["id"], "--retry-failed",
        "--set", "provider.rate_500=0.0", "--set", "provider.latency_s=0.01",
    )  # fmt: skip
    assert again["cases"] == first["cases"] | {
        "ok": 40, "failed": 0, "done": 40, "resumed": first["cases"]["ok"]
    }  # fmt: skip
