"""Lives of the command line in which calls to the operating system fail at random, by libfiu.

fiu-run -x -f "" python -m tests.faults.failing_calls

A line of JSON on stdin is one life (`Life`); its exit code is the answer on stdout. Everything is imported before, and
each life is a fork: so lives cost little, and no import fails, which would be a broken Python and no fault of a run's
disk. The event loop is asyncio's own, which wakes itself through a socket: uvloop does so by `write` to an eventfd, and
aborts where that fails, as it never does outside of such a test.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import os
import pkgutil
import sys
from pathlib import Path

import msgspec
import rich._unicode_data

import evalperf
import evalperf.__main__

sys.modules["uvloop"] = None  # type: ignore[assignment] # an import that fails

UNUSED = ("evalperf.simulator", "evalperf.tune", "evalperf.estimate")
"""Modules that no run imports; some take long to."""
PRELOADED = ("asyncio", "concurrent.futures.thread", "encodings.idna", "isal.igzip", "rich.console", "traceback")


class Life(msgspec.Struct):
    """What one process is to do, where, and what fails meanwhile."""

    argv: list[str]
    folder: str
    """Where it works; `shown.out` and `shown.err` there get what it prints."""
    environ: dict[str, str]
    faults: list[tuple[str, int, float]]
    """Points of failure of libfiu, with the errno and the probability."""
    seed: int


def main() -> None:
    """Life after life, until stdin ends."""
    preload()
    for line in sys.stdin.buffer:
        life = msgspec.json.decode(line, type=Life)
        child = os.fork()
        if child == 0:
            live(life)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def preload() -> None:
    """The modules of evalperf, and those that libraries import late."""
    for package, prefix in ((evalperf, "evalperf."), (rich._unicode_data, "rich._unicode_data.")):
        for module in pkgutil.walk_packages(package.__path__, prefix):
            if not module.name.startswith(UNUSED):
                importlib.import_module(module.name)
    for name in PRELOADED:
        importlib.import_module(name)


def live(life: Life) -> None:
    """Is `evalperf`, and ends as that does.

    What it prints is held back until nothing fails any more: the faults are those of disks and not of terminals.
    """
    os.chdir(life.folder)
    os.environ.update(life.environ)
    sys.argv = ["evalperf", *life.argv]
    shown = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    fiu = ctypes.CDLL("libfiu.so.0")
    fiu.fiu_enable_random.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_float)
    fiu.fiu_set_prng_seed(ctypes.c_uint(life.seed))
    try:
        for name, number, probability in life.faults:
            assert fiu.fiu_enable_random(name.encode(), 1, number, 0, probability) == 0
        evalperf.__main__.main()
    finally:
        for name, _, _ in life.faults:
            fiu.fiu_disable(name.encode())
        for name, held in (("shown.out", sys.stdout), ("shown.err", sys.stderr)):
            held.flush()
            Path(name).write_bytes(held.buffer.getvalue())
        sys.stdout, sys.stderr = shown  # for an error that nobody caught


if __name__ == "__main__":
    main()
