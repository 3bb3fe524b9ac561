import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evalperf.errors import OutputError, RunLockedError
from evalperf.results.lock import RunLock

HOLD = """
import sys, time
from pathlib import Path
from evalperf.results.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLockedError, match=f"process {holder.pid} on .* since 20") as caught:
            RunLock(path).acquire()
        assert caught.value.hint
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    lock = RunLock(path)  # what a killed process leaves behind is no lock
    lock.acquire()
    lock.release()


def test_it_is_free_after_release(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path / "lock"), RunLock(tmp_path / "lock")
    first.acquire()
    with pytest.raises(RunLockedError, match=f"process {os.getpid()}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_children_started_by_exec_do_not_keep_it(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "lock")
    lock.acquire()
    started = [sys.executable, "-c", "print('started', flush=True); input()"]
    with subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        lock.release()
        again = RunLock(tmp_path / "lock")
        again.acquire()
        again.release()
        child.communicate(b"\n")


def test_a_symlink_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError):
        RunLock(tmp_path / "lock").acquire()
    assert not (tmp_path / "elsewhere").exists()
