"""A process that works on a run is killed at its Nth call to the operating system, and while it recovers from that.

Where `test_kill.py` kills at random, this kills between any two calls that change a file; strace counts them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from evalperf.results import RunDirectory, read_success
from tests.faults.processes import ROOT
from tests.results.helpers import make_run, read_keys
from tests.results.test_kill import recover

CASES = 60
WRITER = ROOT / "tests" / "results" / "writing_process.py"

SHORT = [("write", 90), ("fdatasync", 3), ("rename", 1), ("unlink", 2)]
LONG = [
    *(("write", number) for number in range(1, 301, 6)),
    *(("fdatasync", number) for number in range(1, 31)),
    *(("fsync", number) for number in range(1, 15)),
    *((call, number) for call in ("rename", "unlink", "ftruncate") for number in range(1, 5)),
]


def can_trace() -> bool:
    """Whether strace is there and may look into processes."""
    argv = ["strace", "-qq", "-o", os.devnull, "-e", "inject=write:signal=KILL:when=9999", "true"]
    return shutil.which("strace") is not None and subprocess.run(argv, check=False, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_trace(), reason="needs strace")


def live(directory: RunDirectory, seed: int, killed_at: tuple[str, int] | None) -> list[tuple[str, int]]:
    """One life; what the process said before it was killed."""
    argv = [sys.executable, str(WRITER), str(directory.path), str(CASES), str(seed)]
    if killed_at is not None:
        call, number = killed_at
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
        argv = ["strace", "-f", "-qq", "-o", os.devnull, *inject, *argv]
    own = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(argv, check=False, stdout=subprocess.PIPE, env=own, text=True).stdout
    words = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return [(what, int(seq)) for what, seq in words]


@pytest.mark.parametrize(
    "killed_at",
    [*SHORT, *(pytest.param(one, marks=pytest.mark.slow) for one in LONG if one not in SHORT)],
    ids=lambda one: f"{one[0]}-{one[1]}",
)
async def test_killed_at_any_call_nothing_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, killed_at: tuple[str, int]
) -> None:
    """Killed there in two lives, of which the second begins with a recovery; the third one ends the run."""
    directory, info = make_run(tmp_path, lines=CASES)
    facts: dict[str, Counter[int]] = {
        "done": Counter(),
        "answered": Counter(),
        "bought": Counter(),
        "finished": Counter(),
    }
    for seed, end in enumerate((killed_at, killed_at, None)):
        for what, seq in live(directory, seed, end):
            facts[what][seq] += 1
        if facts["finished"]:
            break
        await recover(directory, info, facts)
    assert facts["finished"]
    assert read_keys(directory) == [(seq, 1, "ok") for seq in range(1, CASES + 1)]
    assert max(facts["answered"].values()) == 1
    success = read_success(directory)
    assert success is not None
    assert facts["bought"].total() - CASES <= success["in_doubt"]
