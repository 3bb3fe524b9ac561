"""Runs one program within limits; a script of its own, started as `python -I -S code_child.py SPECIFICATION`.

    evalperf → launcher (its own session: user, network, process and mount namespaces)
             → watcher (process 1 of that world: time limit, number of processes)
             → the program (resource limits)

With the watcher all that the program has started ends, wherever it went. Without namespaces there is only the process
group. What came of it is written to the descriptor `report` as JSON: `isolated`, `status`, `ended_by` and `done`, or
`fault` where the program was not started.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

__all__ = ["main"]

_NEWNS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000  # the number is the same on every architecture
_RDONLY, _NODEV = 1, 4
_PDEATHSIG, _NO_NEW_PRIVS = 1, 38
_DEVICES = ("null", "zero", "full", "random", "urandom")

_COUNTED_EVERY_S = 0.01

_TO_THE_END = """\
import os, runpy, sys
done = int(sys.argv.pop(1))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
os.write(done, b"1")
os._exit(0)
"""
"""How a Python program is run: only one that reaches its end is done; `sys.exit(0)` in its middle is not the end."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    """`struct mount_attr` of mount_setattr(2)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def main() -> None:
    """Isolates this process as far as the kernel lets it, runs the program, reports, and ends its process group."""
    specification = json.loads(sys.argv[1])
    os.set_inheritable(specification["report"], False)
    _die_with_parent()
    isolated = [] if specification["isolation"] == "off" else _isolate(specification["folder"])
    if specification["isolation"] == "require" and not isolated:
        _tell(specification, {"fault": "this system allows no user namespaces"})
        return
    watcher = os.fork()
    if watcher == 0:
        _die_with_parent()
        _watch(specification, isolated)
    os.waitpid(watcher, 0)
    os.killpg(0, signal.SIGKILL)


def _isolate(folder: str) -> list[str]:
    """Namespaces of its own for this process and its children; what was cut off, nothing where that is not allowed.

    No user is mapped into the namespace, so that the program has none of its capabilities, even where evalperf runs as
    root. Its parent's environment, with the keys in it, is out of its reach.
    """
    if not hasattr(_libc, "unshare") or _libc.unshare(_NEWUSER | _NEWNET | _NEWIPC | _NEWPID | _NEWNS) != 0:
        return []
    try:
        _make_read_only(folder.encode())
    except OSError:
        return ["network"]
    return ["network", "files"]


def _make_read_only(folder: bytes) -> None:
    """All mounts but the folder's, and no devices but the harmless ones; shared memory goes to the folder."""
    _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE)
    devices = [path for name in _DEVICES if os.path.exists(path := f"/dev/{name}".encode())]  # noqa: PTH110 - bytes
    for path in (folder, *devices):
        _mount(path, path, None, _MS_BIND)
    with suppress(OSError):
        _mount(folder, b"/dev/shm", None, _MS_BIND)
    _set_attributes(b"/", _AT_RECURSIVE, on=_RDONLY | _NODEV)
    _set_attributes(folder, 0, off=_RDONLY)
    with suppress(OSError):
        _set_attributes(b"/dev/shm", 0, off=_RDONLY)
    for path in devices:
        _set_attributes(path, 0, off=_NODEV)
    os.chdir(folder)  # the way in leads through the new mount


def _watch(specification: dict[str, Any], isolated: list[str]) -> NoReturn:
    """Runs the program to its end, reports, and ends; in a process namespace all others end with it."""
    alone = os.getpid() == 1
    counted = alone and _mount_processes()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGALRM})
    done_end, done_start = os.pipe()
    program = os.fork()
    if program == 0:
        _become(specification, done_start, own_count=alone)
    os.close(done_start)
    status, ended_by = _wait(program, specification, alone=alone, counted=counted)
    held = [*isolated, "processes"] if counted else isolated
    done = ended_by is None and _said(done_end)
    _tell(specification, {"isolated": held, "status": status, "ended_by": ended_by, "done": done})
    os._exit(0)


def _wait(program: int, specification: dict[str, Any], *, alone: bool, counted: bool) -> tuple[int, str | None]:
    """How the program ended, and what ended it where that was the watcher."""
    signal.setitimer(signal.ITIMER_REAL, specification["timeout_s"])
    look_every_s = _COUNTED_EVERY_S if counted else specification["timeout_s"]
    ended_by: str | None = None
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)  # orphans of the program are children of process 1
        if pid == program:
            return os.waitstatus_to_exitcode(status), ended_by
        if pid:
            continue
        received = signal.sigtimedwait({signal.SIGCHLD, signal.SIGALRM}, look_every_s)
        if received is not None and received.si_signo == signal.SIGALRM:
            ended_by = "time"
        elif counted and _processes() > specification["processes"] + 1:  # the watcher is one of them
            ended_by = "processes"
        if ended_by is not None:
            os.kill(-1 if alone else program, signal.SIGKILL)  # -1 is everybody: only in a world of its own


def _become(specification: dict[str, Any], done: int, *, own_count: bool) -> NoReturn:
    """Takes the limits on, and turns into the program."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, signal.SIGALRM})
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    _limit(resource.RLIMIT_CPU, specification["cpu_s"], leeway=1)
    _limit(resource.RLIMIT_AS, specification["memory_bytes"])
    _limit(resource.RLIMIT_FSIZE, specification["file_bytes"])
    _limit(resource.RLIMIT_CORE, 0)
    if own_count:  # elsewhere the processes of all sessions of this user would count
        _limit(resource.RLIMIT_NPROC, specification["processes"] + 1)
    argv: list[str] = specification["argv"]
    if specification["to_the_end"]:
        os.set_inheritable(done, True)
        argv = [argv[0], *specification["flags"], "-c", _TO_THE_END, str(done), *argv[1:]]
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - it is what all of this is for
    except OSError as error:
        _tell(specification, {"fault": f"can't start {argv[0]}: {error.strerror}"})
        os._exit(127)


def _limit(which: int, most: int, *, leeway: int = 0) -> None:
    """Sets a limit, or the stricter one that already holds; `leeway` is from the warning to the kill."""
    _, hard = resource.getrlimit(which)
    ours = most + leeway
    hard = ours if hard == resource.RLIM_INFINITY else min(ours, hard)
    resource.setrlimit(which, (min(most, hard), hard))


def _mount_processes() -> bool:
    """Shows only the processes of this world; read-only, for the settings of the kernel are in there."""
    try:
        _mount(b"proc", b"/proc", b"proc", _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    except OSError:
        return False
    return True


def _processes() -> int:
    return sum(name.isdecimal() for name in os.listdir("/proc"))  # noqa: PTH208 - a hundred times a second


def _said(done: int) -> bool:
    """Whether the program came to its end; something that it has started may hold the other side open."""
    os.set_blocking(done, False)
    try:
        return bool(os.read(done, 1))
    except BlockingIOError:
        return False


def _tell(specification: dict[str, Any], report: dict[str, Any]) -> None:
    os.write(specification["report"], json.dumps(report).encode() + b"\n")


def _die_with_parent() -> None:
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PDEATHSIG, signal.SIGKILL)
        _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int) -> None:
    _check(_libc.mount(source, target, kind, ctypes.c_ulong(flags), None))


def _set_attributes(path: bytes, flags: int, *, on: int = 0, off: int = 0) -> None:
    attributes = _Attributes(attr_set=on, attr_clr=off)
    size = ctypes.sizeof(attributes)
    _check(_libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path, flags, ctypes.byref(attributes), ctypes.c_size_t(size)))


def _check(returned: int) -> None:
    if returned != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
