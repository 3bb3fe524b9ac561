"""Signals in a row: what each does, also on a disk that hangs so that nothing can be written any more."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evalperf import interrupt
from evalperf.interrupt import interruptible
from evalperf.results import examine
from tests.faults.processes import (
    ROOT,
    counting_server,
    environment,
    has_rows,
    only_run,
    rows,
    run,
    until,
    write_config,
)

HANGING = """
import threading
from pathlib import Path
from evalperf.__main__ import main
from evalperf.results.disk import LocalDisk
datasync = LocalDisk.datasync
def hangs(disk, fd):
    if Path("hang").exists():
        Path("hung").touch()
        threading.Event().wait()
    datasync(disk, fd)
LocalDisk.datasync = hangs
main()
"""
"""A disk whose syncs take for ever from the moment on that a file says so."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_third_signal_leaves_a_disk_that_hangs(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """The first two wait for what was received to be written; what was acknowledged is there, and the run goes on."""
    with counting_server() as server:
        config = write_config(tmp_path, server.url)
        argv = [sys.executable, "-c", HANGING, "run", str(config), "--progress", "plain"]
        own = environment(tmp_path)
        process = subprocess.Popen(argv, cwd=tmp_path, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr is not None
        told = b""
        until(lambda: has_rows(config), "results")
        (tmp_path / "hang").touch()
        until((tmp_path / "hung").exists, "a sync that hangs")
        for last_words in (b"once more to stop now", b"once more to leave without that"):
            process.send_signal(number)
            while last_words not in told:
                told += process.stderr.readline()
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == code, (told + errors).decode()
        directory = only_run(config)
        assert directory is not None
        assert examine(directory).sound
        (tmp_path / "hang").unlink()
        document = run(config, "--resume")
    assert document["cases"]["resumed"] > 0
    assert len(rows(directory)) == document["cases"]["done"] == 380


def test_who_leaves_shows_the_cursor_of_the_terminal() -> None:
    """A live display has hidden it, and is not asked any more."""
    master, slave = pty.openpty()
    try:
        leave = "from evalperf.interrupt import _leave; _leave(130)"
        ended = subprocess.run([sys.executable, "-c", leave], stderr=slave, cwd=ROOT, check=False)
        assert ended.returncode == 130
        assert os.read(master, 100) == b"\x1b[?25h"
    finally:
        os.close(slave)
        os.close(master)


async def test_when_time_is_up_the_next_signal_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that calls get to land is over: that counts as the second signal."""
    left: list[int] = []
    told: list[str] = []
    monkeypatch.setattr(interrupt, "DRAIN_S", 0.01)
    monkeypatch.setattr(interrupt, "_leave", left.append)
    with interruptible(lambda: None, told.append) as asked:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(10)
        assert left == []
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
    assert left == [130]
    assert asked.exit_code == 130
    assert len(told) == 2
