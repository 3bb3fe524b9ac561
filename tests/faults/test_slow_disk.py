"""A disk that takes its time: the event loop goes on, and no more waits in memory than may."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from evalperf.results import CallId, open_store
from evalperf.results.disk import LocalDisk
from tests.faults.processes import checked, counting_server, environment, only_run, rows, run, write_config
from tests.faults.test_syscalls import can_trace
from tests.results.helpers import HASH, ignore, make_result, make_run, options, read_keys

TICKS = 50


class SlowDisk(LocalDisk):
    """Whatever may wait for the platter waits until the event loop has gone round so many times meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.turned = threading.Condition()
        self.turns = 0
        self.waited = 0

    def _wait(self) -> None:
        with self.turned:
            wanted = self.turns + TICKS
            assert self.turned.wait_for(lambda: self.turns >= wanted, timeout=20), "the event loop stands still"
            self.waited += 1

    def datasync(self, fd: int) -> None:
        self._wait()
        super().datasync(fd)

    def sync_folder(self, folder: Path) -> None:
        self._wait()
        super().sync_folder(folder)

    def rename(self, source: Path, target: Path) -> None:
        self._wait()
        super().rename(source, target)


async def turn(disk: SlowDisk) -> None:
    while True:
        with disk.turned:
            disk.turns += 1
            disk.turned.notify_all()
        await asyncio.sleep(0)


async def test_the_event_loop_goes_round_while_the_disk_is_busy(tmp_path: Path) -> None:
    """Recovery, intents, answers, members, sealing and the end: none of them waits for the disk on the loop."""
    directory, info = make_run(tmp_path, lines=40)
    disk = SlowDisk()
    turning = asyncio.create_task(turn(disk))
    for first in (1, 21):
        chosen: dict[str, Any] = {"flush_results": 4, "flush_s": 0.001, "seal_bytes": 2_000, "queue_size": 4}
        async with open_store(directory, info, options(journal=True, **chosen), ignore, disk=disk) as store:
            most = 0
            for seq in range(first, first + 20):
                assert store.journal is not None
                await store.journal.intent(CallId(seq, 1, 0, 1), HASH)
                store.journal.response(CallId(seq, 1, 0, 1), HASH, b"an answer")
                await store.put(make_result(seq))
                most = max(most, store.waiting())
            if first == 21:
                await store.finish()
        assert most <= 2 * 4 + 1
    turning.cancel()
    assert disk.waited > 40
    assert read_keys(directory) == [(seq, 1, "ok") for seq in range(1, 41)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_on_a_slow_disk_ends_as_any(tmp_path: Path) -> None:
    """0.4 s for each sync of a real process, by strace."""
    if not can_trace():
        pytest.skip("needs strace")
    with counting_server() as server:
        plain = write_config(tmp_path / "plain", server.url)
        run(plain)
    with counting_server() as server:
        slow = write_config(tmp_path / "slow", server.url)
        delay = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=400000"]
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", *delay]
        argv = [*strace, sys.executable, "-m", "evalperf", "run", str(slow), "--progress", "none", "--json"]
        done = subprocess.run(argv, cwd=slow.parent, env=environment(slow.parent), capture_output=True, check=False)
    document = checked(done.stdout, done.stderr, code=0)
    undisturbed, found = only_run(plain), only_run(slow)
    assert undisturbed is not None
    assert found is not None
    assert rows(found) == rows(undisturbed)
    assert document["peak_rss_bytes"] < 200e6
