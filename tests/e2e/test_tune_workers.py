"""`tune-workers`: the machine alone, and an endpoint measured."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def simulator() -> Iterator[str]:
    """The URL of a server without a limit of its own that answers in 10 ms."""
    command = [sys.executable, "-m", "evalperf", "simulate", "--port", "0", "--latency", "0.01", "--spread", "0"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def write(house: Path, url: str) -> Path:
    config = house / "configs" / "measured.json"
    config.write_text(
        f"""{{
  // ours
  "cases": {{"path": "../sample_data/arithmetic.jsonl"}},
  "provider": {{"type": "openai", "model": "small", "endpoints": [{{"url": "{url}"}}]}},
  "scorers": ["number"],
  "concurrency": {{"workers": "auto" /* until measured */}},
}}
"""
    )
    return config


def folders(house: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(house / "cache"), "XDG_STATE_HOME": str(house / "state")}


def test_the_machine_alone(document) -> None:
    """Both kinds of work, each with its bounds and reasons."""
    found = document("tune-workers")
    assert found["schema_version"] == 1
    assert found["endpoint"]["workers"] >= found["in_process"]["workers"] >= 1
    assert all(bound["why"] for bound in found["endpoint"]["bounds"])
    assert found["config"] == {"concurrency": {"workers": found["endpoint"]["workers"]}}


def test_an_endpoint_is_measured_and_what_was_found_is_kept(house: Path, evalperf, simulator: str) -> None:
    """In the configuration, in the state folder, and the answers in the cache that the next run begins with."""
    config = write(house, simulator)
    before = config.read_text()
    options = ("--max-workers", "4", "--quick", "--yes", "--write", "--json")
    done = evalperf("tune-workers", "configs/measured.json", *options, env=folders(house))
    found = json.loads(done.stdout)
    by_workers = {level["workers"]: level["cases_per_s"] for level in found["probe"]["levels"]}
    assert by_workers[4] > by_workers[1]
    workers = found["config"]["concurrency"]["workers"]
    assert workers == found["probe"]["workers"] <= 4
    assert config.read_text() == before.replace('"auto"', str(workers))
    tuned = json.loads((house / "state" / "evalperf" / "tuned.json").read_text())
    assert tuned["entries"][0]["found"]["workers"] == workers
    run = evalperf("run", "configs/measured.json", "--json", "--progress", "none", env=folders(house))
    assert json.loads(run.stdout)["cases"]["cached"] >= 25


def test_a_budget_that_ends_before_the_search_changes_no_file(house: Path, evalperf, simulator: str) -> None:
    """What was found so far is printed all the same."""
    config = write(house, simulator)
    before = config.read_text()
    options = ("--max-requests", "30", "--write", "--json")
    done = evalperf("tune-workers", "configs/measured.json", *options, code=3, env=folders(house))
    assert json.loads(done.stdout)["probe"]["limited_by"] == "budget"
    assert "is left as it was" in done.stderr
    assert config.read_text() == before
    assert not (house / "state" / "evalperf" / "tuned.json").exists()


def test_an_endpoint_that_is_not_there_is_named(house: Path, evalperf) -> None:
    write(house, "http://127.0.0.1:9/v1")
    assert "127.0.0.1:9" in evalperf("tune-workers", "configs/measured.json", "--yes", code=2).stderr


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="CPUs can't be chosen here")
def test_a_run_keeps_to_its_cpus_and_its_niceness(house: Path, evalperf) -> None:
    """As the programs see it that the run starts; each prints both."""
    program = "import json, os, sys\nfor _ in sys.stdin: print(json.dumps({'output': "
    program += "f'{os.nice(0)} {sorted(os.sched_getaffinity(0))}'}), flush=True)"
    first = min(os.sched_getaffinity(0))
    config = {
        "cases": {"path": "../sample_data/arithmetic.jsonl", "limit": 1},
        "provider": {"type": "command", "argv": [sys.executable, "-c", program]},
        "concurrency": {"resource_limits": {"cpu_affinity": [first], "nice": 2}},
    }
    (house / "configs" / "limited.json").write_text(json.dumps(config))
    done = evalperf("run", "configs/limited.json", "--json", "--progress", "none")
    part = next(Path(json.loads(done.stdout)["run"]["dir"]).glob("results/part-*.jsonl.gz"))

    output = json.loads(gzip.decompress(part.read_bytes()).splitlines()[0])["output"]
    assert output == f"{os.nice(0) + 2} [{first}]"
