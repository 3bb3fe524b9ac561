"""A run is a folder: it goes on wherever it and its input were copied to."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from evalperf.results import RunDirectory, examine, read_results
from tests.faults.processes import CASES, begin, counting_server, run, write_config


def test_a_killed_run_goes_on_in_another_place(tmp_path: Path) -> None:
    """Configuration, input and results under another path, as on another machine that answers at another address."""
    with counting_server() as server:
        folder = tmp_path / "here"
        folder.mkdir()
        shutil.copy(CASES, folder / "cases.jsonl")
        config = write_config(folder, server.url, cases={"path": "cases.jsonl"})
        process = begin(config)
        while process.poll() is None and not any(_growing(config)):
            time.sleep(0.02)
        process.kill()
        process.communicate()
        moved = shutil.move(folder, tmp_path / "there")
        old = server.url
    with counting_server() as server:
        config = Path(moved) / config.name
        config.write_text(config.read_text().replace(old, server.url))
        document = run(config, "--resume")
        answered = len(server.stats()["answered"])
    assert document["cases"]["ok"] == 380
    assert document["cases"]["resumed"] > 0
    assert answered <= 380 - document["cases"]["resumed"]
    directory = RunDirectory(Path(document["run"]["dir"]))
    assert sorted(result.seq for result in read_results(directory)) == list(range(1, 381))
    assert examine(directory).sound


def _growing(config: Path) -> Iterator[Path]:
    """Parts with something in them."""
    return (part for part in config.parent.glob("results/*/results/_part-*") if part.stat().st_size)
