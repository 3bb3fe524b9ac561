"""Disks that are full without being out of bytes: no inode is left, or the user's quota is used up."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from evalperf.results import examine
from tests.faults.below_python import FIRST, can_fail, lives_that_fail
from tests.faults.processes import begin, counting_server, has_rows, only_run, run, until, write_config
from tests.faults.test_surroundings import CASES, IS_ROOT, seqs, small_disk

ENOUGH = 1_000


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount")
@pytest.mark.parametrize("inodes", [9, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 26) if n != 9)])
def test_a_disk_without_inodes_is_one_error_and_the_run_goes_on_when_there_are_some(
    tmp_path: Path, inodes: int
) -> None:
    """Wherever it is that no file can be made: nothing is lost, nothing is there twice, nothing is paid for twice."""
    with counting_server(latency_s=0.0) as server, small_disk(tmp_path / "disk", f"nr_inodes={inodes}") as disk:
        config = write_config(tmp_path / "run", server.url, output={"dir": str(disk / "results")})
        process = begin(config)
        _, errors = process.communicate(timeout=60)
        runs = [path.parent for path in (disk / "results").glob("*/run.json")]
        assert process.returncode in (0, 3) if runs else process.returncode in (2, 3), errors.decode()
        assert b"Traceback" not in errors, errors.decode()
        assert b"evalperf itself failed" not in errors, errors.decode()
        assert errors.count(b"error:") == (process.returncode != 0), errors.decode()
        subprocess.run(["mount", "-o", f"remount,nr_inodes={ENOUGH}", str(disk)], check=True)
        document = run(config, *(("--resume", str(runs[0])) if runs else ()))
        assert document["cases"]["done"] == CASES
        assert server.answered_again() == 0


@pytest.mark.skipif(not can_fail(), reason="needs libfiu (fiu-run)")
def test_a_quota_that_is_used_up_is_a_full_disk(tmp_path: Path) -> None:
    """EDQUOT of every write of a run that goes on; the rows that were there stay there."""
    with counting_server() as server:
        config = write_config(tmp_path / "run", server.url)
        process = begin(config, *FIRST)
        until(lambda: has_rows(config), "results")
        process.kill()
        process.communicate()
        with lives_that_fail(tmp_path) as failing:
            code, errors = failing.live(config, [("posix/io/rw/write", errno.EDQUOT, 1.0)], seed=1)
        assert code == 3
        assert b"the disk is full" in errors
        assert b"free space, then continue with --resume" in errors
        directory = only_run(config)
        assert directory is not None
        assert examine(directory).sound
        before = seqs(directory)
        document = run(config, *FIRST, "--resume")
    assert document["cases"]["resumed"] == len(before) > 0
    assert seqs(directory) == list(range(1, document["cases"]["done"] + 1))
