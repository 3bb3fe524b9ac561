"""What goes wrong around a run: disks, descriptors, folders, clocks, servers, observers."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evalperf import clock
from evalperf.config import load_config
from evalperf.events import Bus, CaseFinished
from evalperf.results import RunDirectory, examine, read_results
from evalperf.results.disk import LocalDisk
from evalperf.run import RunOptions
from evalperf.run import run as run_in_process
from tests.faults.processes import (
    begin,
    checked,
    counting_server,
    has_rows,
    only_run,
    run,
    until,
    write_config,
)

IS_ROOT = os.geteuid() == 0
CASES = 380

pytestmark = pytest.mark.timeout(180)


@contextmanager
def small_disk(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own; only root may mount one."""
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", folder]
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(path: Path) -> None:
    """The file takes what room there is."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(65_536)):
            pass


def seqs(directory: RunDirectory) -> list[int]:
    return sorted(result.seq for result in read_results(directory))


# the disk ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount")
def test_a_disk_that_fills_up_stops_the_run_and_freed_space_lets_it_go_on(tmp_path: Path) -> None:
    """One error, nothing lost, no answer that was received is bought again."""
    with counting_server() as server, small_disk(tmp_path / "disk", "size=24m") as disk:
        config = write_config(disk / "run", server.url)
        process = begin(config)
        until(lambda: has_rows(config), "results")
        fill(disk / "filler")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 3, errors.decode()
        assert errors.count(b"error:") == 1
        assert b"the disk is full" in errors
        directory = only_run(config)
        assert directory is not None
        assert examine(directory).sound
        done = len(seqs(directory))
        assert 0 < done < CASES
        (disk / "filler").unlink()
        document = run(config, "--resume")
        assert document["cases"]["resumed"] >= done
        assert seqs(directory) == list(range(1, CASES + 1))
        assert document["in_doubt"] in (0, None)
        repeated = server.answered_again()
    assert repeated <= 2  # problems that the file has twice


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount")
@pytest.mark.parametrize("kb", [220, *(pytest.param(kb, marks=pytest.mark.slow) for kb in range(32, 832, 16))])
def test_a_disk_of_any_size_costs_nothing_that_was_acknowledged(tmp_path: Path, kb: int) -> None:
    """A real file system, full at another place each time; the next session has room."""
    with small_disk(tmp_path / "disk", f"size={kb}k") as disk:
        folder = tmp_path / "run"
        config = write_config(folder, "http://127.0.0.1:9/v1", provider={"type": "replay"}, scorers=["exact"])
        lines = (json.dumps({"id": str(n), "input": "x" * 300, "output": os.urandom(300).hex()}) for n in range(CASES))
        (folder / "cases.jsonl").write_text("\n".join(lines))
        settings = ("--set", "cases.path=cases.jsonl")
        _, errors = begin(config, *settings, "--output", str(disk / "results")).communicate(timeout=60)
        assert b"Traceback" not in errors, errors.decode()
        for directory in (disk / "results").glob("2*"):
            if (directory / "run.json").exists():
                assert examine(RunDirectory(directory)).sound
        subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
        runs = [path.parent for path in (disk / "results").glob("*/run.json")]
        resume = ("--resume", str(runs[0])) if runs else ()
        document = run(config, *settings, "--output", str(disk / "results"), *resume)
        assert document["cases"]["done"] == CASES
        found = seqs(RunDirectory(Path(document["run"]["dir"])))
        assert found == list(range(1, CASES + 1))


async def test_a_slow_disk_costs_no_more_than_its_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes 0.1 s: calls in flight share them, and while cases are worked on the loop waits for none."""
    synced_in: list[threading.Thread] = []
    datasync = LocalDisk.datasync

    def slow_datasync(disk: LocalDisk, fd: int) -> None:
        synced_in.append(threading.current_thread())
        time.sleep(0.1)
        datasync(disk, fd)

    monkeypatch.setattr(LocalDisk, "datasync", slow_datasync)
    with counting_server() as server:
        outcome = await run_in_process(load_config(write_config(tmp_path, server.url)), RunOptions(), Bus())
    assert outcome.report.document["cases"]["ok"] == CASES
    assert len(synced_in) < CASES / 2
    in_loop = [thread is threading.main_thread() for thread in synced_in]  # before the first case, and after the last
    assert not any(in_loop[in_loop.index(False) : len(in_loop) - in_loop[::-1].index(False)])


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount")
def test_a_read_only_folder_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with counting_server() as server, small_disk(tmp_path / "disk", "ro") as disk:
        config = write_config(tmp_path / "run", server.url)
        _, errors = begin(config, "--output", str(disk / "results")).communicate(timeout=60)
        assert b"Read-only file system" in errors
        assert b"Traceback" not in errors
        assert server.stats()["requests"] == 0


def test_a_results_folder_that_vanishes_ends_the_run_with_one_error(tmp_path: Path) -> None:
    with counting_server() as server:
        config = write_config(tmp_path / "run", server.url)
        process = begin(config)
        until(lambda: has_rows(config), "results")
        shutil.rmtree(config.parent / "results")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 3, errors.decode()
        assert b"Traceback" not in errors
        assert b"evalperf itself failed" not in errors, errors.decode()
        assert errors.count(b"error:") == 1


# descriptors ---------------------------------------------------------------------------------------------------------


def test_descriptors_that_run_out_are_no_fault_of_the_server(tmp_path: Path) -> None:
    """Every case is answered: no attempt is spent, no breaker opens, and fewer calls are made at once."""

    def few_descriptors() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))

    with counting_server() as server:
        config = write_config(tmp_path / "run", server.url, concurrency={"workers": 100}, retry={"attempts": 1})
        output, errors = begin(config, preexec_fn=few_descriptors).communicate(timeout=120)
    document = checked(output, errors)
    assert document["cases"]["ok"] == CASES, (document["failures"], errors.decode())


# time ----------------------------------------------------------------------------------------------------------------


async def test_a_wall_clock_that_jumps_changes_no_time_that_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour ahead, a month back, in the middle of a run; stamps follow it, latencies do not."""
    jumps = iter([0.0, 3600.0, -30 * 86_400.0, 0.0] * 10_000)
    wall = time.time
    monkeypatch.setattr("evalperf.clock.time.time", lambda: wall() + next(jumps))
    with counting_server() as server:
        loaded = load_config(write_config(tmp_path, server.url))
        began_s = clock.now()
        outcome = await run_in_process(loaded, RunOptions(), Bus())
        took_s = clock.now() - began_s
    assert outcome.exit_code == 0
    for result in read_results(RunDirectory(Path(outcome.report.document["run"]["dir"]))):
        times = [result.latency_s, result.queue_s, result.throttled_s, result.retry_wait_s, result.score_s]
        assert all(0 <= one <= took_s for one in times if one is not None)


def test_a_run_that_was_suspended_goes_on(tmp_path: Path) -> None:
    """As on a laptop that was closed: calls that were under way may fail and are made again."""
    with counting_server() as server:
        config = write_config(tmp_path / "run", server.url)
        process = begin(config)
        until(lambda: has_rows(config), "results")
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        output, errors = process.communicate(timeout=60)
        document = checked(output, errors, code=0)
        assert document["cases"]["ok"] == CASES


# others --------------------------------------------------------------------------------------------------------------


def test_a_server_that_dies_stops_the_run_and_its_successor_lets_it_go_on(tmp_path: Path) -> None:
    with counting_server() as server:
        patience = {"give_up_s": 1, "open_s": 0.3, "failure_threshold": 3}
        config = write_config(tmp_path / "run", server.url, circuit_breaker=patience)
        process = begin(config)
        until(lambda: has_rows(config), "results")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors.decode()
    assert b"Traceback" not in errors
    directory = only_run(config)
    assert directory is not None
    assert examine(directory).sound
    with counting_server() as server:
        config.write_text(
            config.read_text().replace(json.loads(config.read_text())["provider"]["endpoints"][0]["url"], server.url)
        )
        document = run(config, "--resume", "--retry-failed")
    assert document["cases"]["ok"] == CASES
    assert seqs(directory) == list(range(1, CASES + 1))


async def test_a_bug_in_an_observer_costs_the_observer_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on, the observer is dropped with one message, and others are told as before."""
    finished: list[int] = []

    def broken(event: object) -> None:
        if isinstance(event, CaseFinished):
            raise ZeroDivisionError

    def sound(event: object) -> None:
        if isinstance(event, CaseFinished):
            finished.append(event.result.seq)

    with counting_server(latency_s=0.0) as server:
        outcome = await run_in_process(
            load_config(write_config(tmp_path, server.url)), RunOptions(), Bus(broken, sound)
        )
    assert outcome.report.document["cases"]["ok"] == CASES
    assert len(finished) == CASES
    assert [record.message.partition(" and is")[0] for record in caplog.records] == ["an observer of the run failed"]


def test_a_scorer_that_eats_the_memory_fails_its_case_alone(tmp_path: Path) -> None:
    """MemoryError under a limit of the process, once; the run goes on."""
    (tmp_path / "eating.py").write_text(
        "def eats(*_, **__):\n    if eats.first:\n        eats.first = False\n"
        "        return len(bytearray(1 << 40))\n    return 1.0\n"
        "eats.first = True\n"
    )
    with counting_server(latency_s=0.0) as server:
        document = run(write_config(tmp_path, server.url, scorers=[{"type": "function", "call": "eating:eats"}]))
    assert document["failures"] == {"scorer": 1}
    assert document["cases"]["ok"] == CASES - 1
