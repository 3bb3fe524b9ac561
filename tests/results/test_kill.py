"""A process that works on a run is killed at random moments and started again, until the run is finished."""

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from evalperf.results import RunDirectory, RunInfo, open_store, read_success
from tests.results.helpers import ignore, make_run, options, read_keys
from tests.results.writing_process import IN_FLIGHT

ROOT = Path(__file__).resolve().parents[2]
CASES = 1500


def live(directory: RunDirectory, seed: int, kill_after_s: float | None) -> list[tuple[str, int]]:
    """One life; what the process said before it was killed."""
    argv = [
        sys.executable,
        str(Path(__file__).with_name("writing_process.py")),
        str(directory.path),
        str(CASES),
        str(seed),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said = [process.stdout.readline()]
        timer = threading.Timer(kill_after_s or 60, process.kill)
        timer.start()
        said += process.stdout.readlines()
        timer.cancel()
    words = [line.split() for line in said if line.endswith("\n") and line.strip()]
    return [(what, int(seq)) for what, seq in words]


async def recover(directory: RunDirectory, info: RunInfo, facts: dict[str, Counter[int]]) -> int:
    """Holds what is on disk against what the killed process knew; the calls that are in doubt."""
    async with open_store(directory, info, options(journal=True), ignore) as store:
        assert store.recovered.damage == ()
        assert all(store.is_done(seq, 1) for seq in facts["done"])
        open_answers = sum(not store.is_done(seq, 1) for seq in facts["answered"])
        assert store.recovered.replayable >= open_answers
        return store.recovered.in_doubt


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
async def test_killed_at_random_nothing_is_lost_and_nothing_is_there_twice(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    done = runs = 0
    while done < kills:
        runs += 1
        directory, info = make_run(tmp_path / str(runs), lines=CASES)
        facts: dict[str, Counter[int]] = {"done": Counter(), "answered": Counter(), "bought": Counter()}
        lives = 0
        while True:
            lives += 1
            said = live(directory, lives, chance.uniform(0.0, 0.25) if done < kills else None)
            for what, seq in said:
                if what != "finished":
                    facts[what][seq] += 1
            if ("finished", 0) in said:
                break
            done += 1
            assert await recover(directory, info, facts) <= lives * IN_FLIGHT
        assert read_keys(directory) == [(seq, 1, "ok") for seq in range(1, CASES + 1)]
        assert max(facts["answered"].values()) == 1  # an answer that was received is never bought again
        success = read_success(directory)
        assert success is not None
        assert success["results"] == CASES
        assert facts["bought"].total() - CASES <= success["in_doubt"]
