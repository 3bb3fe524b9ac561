"""The processes of a run: what signals do to them, and what dead ones leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from evalperf.results import RunDirectory, examine
from tests.faults.processes import (
    begin,
    counting_server,
    has_rows,
    live,
    only_run,
    rows,
    run,
    until,
    write_config,
)

CASES = 380

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT)])
def test_the_terminal_is_usable_after_a_signal(tmp_path: Path, numbers: tuple[signal.Signals, ...]) -> None:
    """Its settings are as before, and the cursor is shown; after one signal, and after two."""
    master, slave = pty.openpty()
    written: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # how Linux tells that nobody holds the other side any more
            while piece := os.read(master, 65_536):
                written.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        before = termios.tcgetattr(slave)
        with counting_server(latency_s=0.5) as server:
            config = write_config(tmp_path / "run", server.url)
            process = begin(config, "--progress", "live", stdin=slave, stderr=slave, start_new_session=True)
            until(lambda: b"\x1b[?25l" in b"".join(written) and server.stats()["requests"] > 20, "a picture")
            for number in numbers:
                process.send_signal(number)
                time.sleep(0.2)
            process.communicate(timeout=40)
        assert process.returncode == 130
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(slave)
        reader.join()
        os.close(master)
    shown = b"".join(written)
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert b"--resume" in shown


def test_sighup_is_as_sigterm(tmp_path: Path) -> None:
    """The terminal was closed: calls in flight land, and nothing is in doubt."""
    with counting_server() as server:
        config = write_config(tmp_path / "run", server.url)
        process = begin(config)
        until(lambda: has_rows(config), "results")
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate(timeout=40)
        assert process.returncode == 143, errors.decode()
        document = run(config, "--resume")
        assert document["in_doubt"] in (0, None)
        assert document["cases"]["ok"] == CASES


def test_a_child_that_outlives_a_killed_run_does_not_keep_its_lock(tmp_path: Path) -> None:
    """A flock is shared with forked children; those that evalperf starts do not have the descriptor."""
    program = tmp_path / "program.py"
    program.write_text(
        "import json, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "for line in sys.stdin:\n    time.sleep(0.01)\n    print(json.dumps({'output': '1'}), flush=True)\n"
        "time.sleep(15)\n"
    )
    provider = {"type": "command", "argv": [sys.executable, str(program)]}
    config = write_config(tmp_path / "run", "http://127.0.0.1:9/v1", provider=provider, concurrency={"workers": 2})
    process = begin(config)
    until(lambda: has_rows(config), "results")
    process.kill()
    process.communicate()
    assert live(config, None, "--resume") in (0, 1)
    directory = only_run(config)
    assert directory is not None
    assert len(rows(directory)) == CASES


def test_the_name_of_a_dead_process_in_the_lock_keeps_nobody_out(tmp_path: Path) -> None:
    """Also that of a process number which is somebody else's by now."""
    with counting_server(latency_s=0.0) as server:
        config = write_config(tmp_path / "run", server.url)
        directory = RunDirectory(Path(run(config, "-n", "10")["run"]["dir"]))
        holder = {"pid": 1, "host": "elsewhere", "started_at": "2026-01-01T00:00:00Z"}
        directory.lock.write_text(json.dumps(holder))
        assert examine(directory).state == "complete"
        assert run(config, "-n", "10", "--resume", directory.id)["cases"]["ok"] == 10


def doubts(config: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(begin(config, "--resume").communicate(timeout=60)[0])
    return document


def test_calls_in_doubt_are_made_again_given_up_or_asked_about(tmp_path: Path) -> None:
    """A run that is killed while calls are under way, resumed in each of the three ways."""
    with counting_server(latency_s=20.0, latency_spread=0.0) as slow:
        config = write_config(tmp_path / "run", slow.url)
        process = begin(config, "-n", "40")
        until(lambda: slow.stats()["in_flight"] >= 10, "calls")
        process.kill()
        process.communicate()
        old = slow.url
    with counting_server(latency_s=0.0) as server:
        config.write_text(config.read_text().replace(old, server.url))
        output, errors = begin(config, "-n", "40", "--resume", "--in-doubt", "ask").communicate(timeout=60)
        asked = json.loads(output)
        assert asked["status"] == "failed"
        assert asked["in_doubt"] >= 10
        assert server.stats()["requests"] == 0
        assert b"--in-doubt skip" in errors
        skipped = run(config, "-n", "40", "--resume", "--in-doubt", "skip")
        assert skipped["failures"] == {"cancelled": asked["in_doubt"]}
        assert skipped["cases"]["ok"] == 40 - asked["in_doubt"]
        again = run(config, "-n", "40", "--resume", "--retry-failed")
        assert again["cases"]["ok"] == 40
        assert again["in_doubt"] == asked["in_doubt"]
