"""Several processes on one file, killed while they write: nothing is corrupt, wrong, or lost that was stored."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalperf.cache import KeyMaker, open_cache
from evalperf.config.cache import TieredCacheConfig
from tests.cache.writing_process import value_of

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, writer: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "tests.cache.writing_process", str(folder), str(writer)]
    return subprocess.Popen(argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)


def kill(process: subprocess.Popen[bytes], after_s: float) -> int:
    """Kills it, some time after it has begun to write; how many of its values it has said to be stored."""
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(after_s)
    process.kill()
    stored = (first + process.stdout.read()).rpartition(b"\n")[0].splitlines()
    process.wait()
    process.stdout.close()
    return int(stored[-1])


async def check(folder: Path, stored: dict[int, int]) -> None:
    warnings: list[str] = []
    config = TieredCacheConfig(max_entries=10, ttl_s=None)
    async with open_cache(config, "c", folder, warn=warnings.append) as cache:
        for writer, count in stored.items():
            keys = [KeyMaker("response", {"writer": writer})(number) for number in range(count + 200)]
            found = await cache.get_many(keys)
            assert all(hit is None or hit.value == value_of(key) for key, hit in zip(keys, found, strict=True))
            assert all(hit is not None for hit in found[:count])
        assert cache.statistics().damaged == 0
    assert not warnings
    database = sqlite3.connect(folder / "c.sqlite")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
def test_two_processes_killed_while_they_write(tmp_path: Path, kills: int) -> None:
    stored: dict[int, int] = {}
    for number in range(0, kills, 2):
        processes = {writer: start(tmp_path, writer) for writer in (number, number + 1)}
        for writer, process in processes.items():
            stored[writer] = kill(process, after_s=0.01 * (number % 7))
    asyncio.run(check(tmp_path, stored))
