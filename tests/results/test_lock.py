import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evalperf.errors import OutputError, RunLockedError
from evalperf.results.lock import RunLock, holder_of
from tests.results.helpers import open_descriptors

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


def test_a_lock_that_can_not_be_made_says_why(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "lock"
    with pytest.raises(OutputError) as caught:
        RunLock(path).acquire()
    assert str(caught.value) == f"can't write {path}: No such file or directory"


def test_who_holds_what_a_symlink_points_to_is_not_told(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "elsewhere")
    lock.acquire()
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    assert holder_of(tmp_path / "lock") is None
    lock.release()


def test_nothing_stays_open_of_a_lock_that_was_refused_or_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    before = open_descriptors()
    assert holder_of(path) is None
    lock = RunLock(path)
    lock.release()  # of what nobody holds
    lock.acquire()
    held = open_descriptors()
    with pytest.raises(RunLockedError):
        RunLock(path).acquire()
    assert str(holder_of(path)).startswith(f"process {os.getpid()} on ")
    assert open_descriptors() == held
    lock.release()
    lock.release()
    assert holder_of(path) is None
    assert open_descriptors() == before


def test_a_lock_that_can_not_be_signed_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = open_descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OutputError, match="lock: No space left on device"):
            RunLock(tmp_path / "lock").acquire()
    assert open_descriptors() == before
    assert holder_of(tmp_path / "lock") is None


def test_a_longer_signature_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("x" * 1000)
    lock = RunLock(tmp_path / "lock")
    lock.acquire()
    assert str(holder_of(tmp_path / "lock")).startswith(f"process {os.getpid()} on ")
    lock.release()


def test_a_holder_that_has_not_signed_yet_is_told_as_such(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "lock")
    lock.acquire()
    (tmp_path / "lock").write_text("")
    assert holder_of(tmp_path / "lock") == "another process, which has not yet said which"
    lock.release()
