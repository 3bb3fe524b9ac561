"""One process at a time works on a run.

The lock is the kernel's (`flock`) and is free the moment its process dies, so there are no stale locks; the file's
content only tells a second process who holds it. A child made by fork without exec would keep the lock alive after its
parent: evalperf starts processes by exec, which closes the descriptor.
"""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import msgspec
from msgspec import Struct

from evalperf import clock
from evalperf.errors import OutputError, RunLockedError

__all__ = ["RunLock", "holder_of"]


class Holder(Struct, frozen=True):
    """Who works on a run."""

    pid: int
    host: str
    started_at: str


class RunLock:
    """Held from `acquire` to `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Raises RunLockedError, naming the holder, at once if another process has it."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise OutputError(self._path, error.strerror or str(error)) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sign(fd)
        except BlockingIOError:
            message = f"run {self._path.parent.name} is being worked on by {_holder(fd)}"
            os.close(fd)
            raise RunLockedError(message, hint="wait for it to end, or stop it; then try again") from None
        except OSError as error:
            os.close(fd)
            raise OutputError(self._path, error.strerror or str(error)) from error
        self._fd = fd

    def release(self) -> None:
        """Free for others; the file stays, because removing a locked file would let two processes in."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @staticmethod
    def _sign(fd: int) -> None:
        holder = Holder(pid=os.getpid(), host=socket.gethostname(), started_at=clock.utc_stamp())
        os.ftruncate(fd, 0)
        os.pwrite(fd, msgspec.json.encode(holder) + b"\n", 0)


def holder_of(path: Path) -> str | None:
    """Who works on the run, None for nobody; changes nothing, and holds the lock for no longer than it takes to ask."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would be waited for
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(fd)
    finally:
        os.close(fd)
    return None


def _holder(fd: int) -> str:
    try:
        holder = msgspec.json.decode(os.pread(fd, 4096, 0), type=Holder)
    except msgspec.DecodeError:
        return "another process, which has not yet said which"
    return f"process {holder.pid} on {holder.host} since {holder.started_at}"
