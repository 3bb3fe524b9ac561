"""Lives of runs in which calls to the operating system fail at random below Python, each resumed until it is done.

python -m tests.faults.below_python [--lives 500] [--seed 1]

libfiu stands between Python and the C library (Debian: apt-get install fiu-utils). In each life one kind of call fails,
or several do, with a probability that the seed decides. A life ends by itself: with exit code 0, or with 3 and one
error, or with 2 where it could not begin, because the cases could not be opened or no folder be made. A run that no
such life has brought to its end gets one without faults. Then nothing may be lost, nothing there twice, and no answer
that was not in doubt bought again.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evalperf.results import RunDirectory, examine, read_results, read_success
from tests.benchmarks.measure import scratch
from tests.faults.processes import counting_server, environment, only_run, rows, run, write_config

Fault = tuple[str, int]
"""A point of failure of libfiu, and the errno that calls fail with there."""

WRITE, SYNC = "posix/io/rw/write", ("posix/io/sync/fdatasync", "posix/io/sync/fsync")

KINDS: dict[str, tuple[Fault, ...]] = {
    "write: EIO": ((WRITE, errno.EIO),),
    "write: ENOSPC": ((WRITE, errno.ENOSPC),),
    "write: EDQUOT": ((WRITE, errno.EDQUOT),),
    "short writes": (("posix/io/rw/write/reduce", 0),),
    "sync: EIO": tuple((point, errno.EIO) for point in SYNC),
    "rename, unlink: EIO": (("posix/io/dir/rename", errno.EIO), ("posix/io/dir/unlink", errno.EIO)),
    "truncate: EIO": ((WRITE, errno.EIO), ("posix/io/rw/ftruncate", errno.EIO)),
    "read: EIO": (("posix/io/rw/pread", errno.EIO), ("posix/io/rw/pread/reduce", 0)),
    "socket: EMFILE": (("posix/io/net/socket", errno.EMFILE),),
    "EINTR": tuple((point, errno.EINTR) for point in (WRITE, "posix/io/rw/pread", *SYNC)),
    "several": (
        (WRITE, errno.EIO),
        ("posix/io/rw/write/reduce", 0),
        *((point, errno.EIO) for point in SYNC),
        ("posix/io/dir/rename", errno.EIO),
    ),
}
LIKELY = (0.0005, 0.1)
"""Of one call: from a run that is hardly disturbed to one that is over at once."""
ERROR = re.compile(rb"error: |\.jsonl\.gz.*: .* \(\d+ results\)")
"""What says why a life has failed: an error, or a report of rows that could not be read back."""
WRONG_PLACE = re.compile(rb"error: (output\.dir: can't write|\S+\.jsonl: can't be read)")
"""A life that could not begin: before the first case it is the configuration that names a place that does not work."""
LIVES_PER_RUN = 8
LONGEST_S = 120
FIRST = ("-n", "150")
"""Of the 380 problems; more would only take longer."""


@dataclass
class Toll:
    """What the lives so far have come to."""

    lives: int = 0
    runs: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    """Lives by kind and exit code."""
    repeated: int = 0
    in_doubt: int = 0

    def __str__(self) -> str:
        codes = "\n".join(f"  {kind}: {times}" for kind, times in sorted(self.codes.items()))
        return (
            f"{codes}\n{self.lives} lives of {self.runs} runs: 0 lost, 0 twice, "
            f"{self.repeated} answers bought again of {self.in_doubt} in doubt"
        )


def main() -> None:
    """Prints the toll, every fifty lives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with scratch() as folder:
        print(suffer(folder, asked.lives, asked.seed, tell=True))


def can_fail() -> bool:
    """Whether libfiu is there."""
    return shutil.which("fiu-run") is not None


def begun(config: Path) -> bool:
    """Whether there is a run that a later life can go on with."""
    return only_run(config) is not None


def suffer(folder: Path, lives: int, seed: int, *, tell: bool = False) -> Toll:
    """So many lives, of as many runs as that takes; AssertionError where a promise is broken."""
    chance = random.Random(seed)
    toll = Toll()
    with counting_server(latency_s=0.01) as server:
        undisturbed = only_run(_finished(write_config(folder / "undisturbed", server.url)))
        repeated = server.answered_again()
    assert undisturbed is not None
    wanted = rows(undisturbed)
    with lives_that_fail(folder) as failing:
        while toll.lives < lives:
            with counting_server(latency_s=0.01) as server:
                config = write_config(folder / f"run-{toll.runs}", server.url)
                if _disturbed(failing, config, chance, toll, most=lives) != 0:
                    _finished(config)
                directory = only_run(config)
                assert directory is not None
                assert rows(directory) == wanted
                _count(directory, server.answered_again() - repeated, toll)
            shutil.rmtree(config.parent)
            if tell and toll.runs % 10 == 0:
                print(f"{toll.lives} lives, {toll.repeated} bought again of {toll.in_doubt} in doubt", flush=True)
    return toll


def _disturbed(failing: Lives, config: Path, chance: random.Random, toll: Toll, *, most: int) -> int:
    """Lives with faults, until one is through or there have been enough; the exit code of the last."""
    seen: set[int] = set()
    code = 3
    for _ in range(LIVES_PER_RUN):
        kind = list(KINDS)[toll.lives % len(KINDS)]
        faults = [(*fault, _likely(chance)) for fault in KINDS[kind]]
        code, _ = failing.live(config, faults, chance.getrandbits(31))
        toll.lives += 1
        toll.codes[f"{kind} → {code}"] += 1
        directory = only_run(config)
        if directory is not None:
            seen = _seen(directory, seen)
        if code == 0 or toll.lives == most:
            break
    return code


class Lives:
    """A process that others with failing calls are forked from; they end as a life may."""

    def __init__(self, server: subprocess.Popen[bytes]) -> None:
        self._server = server

    def live(self, config: Path, faults: list[tuple[str, int, float]], seed: int) -> tuple[int, bytes]:
        """One life; its exit code, and what it has printed on stderr."""
        folder = config.parent
        resume = ("--resume",) if begun(config) else ()
        argv = ["run", str(config), "--progress", "none", *FIRST, *resume]
        own = {"XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state")}
        life = {"argv": argv, "folder": str(folder), "environ": own, "faults": faults, "seed": seed}
        code = self._code(json.dumps(life))
        out, err = ((folder / name).read_bytes() for name in ("shown.out", "shown.err"))
        told = f"seed {seed}, {json.dumps(faults)}: {code}\n{(out + err).decode()}"
        assert code in (0, 3) or (code == 2 and WRONG_PLACE.search(err)), told
        assert b"Traceback" not in out + err, told
        assert b"evalperf itself failed" not in err, told
        assert err.count(b"error:") <= 1, told
        assert code == 0 or ERROR.search(out + err), told
        return code, err

    def _code(self, life: str) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(life.encode() + b"\n")
        self._server.stdin.flush()
        answered, _, _ = select.select([self._server.stdout], [], [], LONGEST_S)
        assert answered, f"it hangs: {life}"
        return int(self._server.stdout.readline())


@contextmanager
def lives_that_fail(folder: Path) -> Iterator[Lives]:
    """The process ends with the block, and a life that hangs with it."""
    argv = ["fiu-run", "-x", "-f", "", sys.executable, "-m", "tests.faults.failing_calls"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, env=environment(folder), process_group=0, **pipes) as server:
        try:
            yield Lives(server)
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def _finished(config: Path) -> Path:
    """The configuration, when its run has been through a life without faults."""
    run(config, *FIRST, *(("--resume",) if begun(config) else ()))
    return config


def _seen(directory: RunDirectory, before: set[int]) -> set[int]:
    """The rows that are there: all that were there before, and none twice."""
    assert examine(directory).sound, examine(directory).findings
    found = [result.seq for result in read_results(directory)]
    assert len(found) == len(set(found))
    assert before <= set(found)
    return set(found)


def _count(directory: RunDirectory, again: int, toll: Toll) -> None:
    success = read_success(directory)
    assert success is not None
    assert again <= success["in_doubt"]
    assert examine(directory).state == "complete"
    toll.runs += 1
    toll.repeated += again
    toll.in_doubt += success["in_doubt"]


def _likely(chance: random.Random) -> float:
    """A probability, small ones as often as large ones."""
    low, high = LIKELY
    return low * (high / low) ** chance.random()


if __name__ == "__main__":
    main()
