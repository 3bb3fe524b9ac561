"""Every command of the README runs."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalperf.simulator import SimulatorOptions, serve
from tests.e2e.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """Lines of code blocks that start with evalperf, without their comments."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [line.strip() for line in README.splitlines() if line.startswith("    evalperf ")]
    return [line.split("#")[0].strip() for line in lines]


@pytest.fixture
def server() -> Iterator[str]:
    """The simulator on a port of its own, in place of the servers that the README names."""
    ready, stop = threading.Event(), threading.Event()
    urls: list[str] = []

    async def work() -> None:
        async with serve(SimulatorOptions(latency_s=0.001)) as url:
            urls.append(url)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    ready.wait(10)
    yield urls[0]
    stop.set()
    thread.join()


def test_the_readme_runs_from_top_to_bottom(house: Path, evalperf, server: str) -> None:
    """In one folder, as a reader would; only addresses and models are replaced."""
    seen = 0
    for command in commands():
        words = shlex.split(command.replace("pip install -e . && ", ""))
        if words[0] != "evalperf":
            continue
        if "--endpoint" in words:
            words[words.index("--endpoint") + 1] = server
            words[words.index("--model") + 1] = "large"
        evalperf(*words[1:])
        seen += 1
    assert seen >= 7


def test_the_two_first_commands_are_what_ci_runs() -> None:
    """Installation and tests can't be run from inside the tests."""
    ci = (ROOT / ".ci" / "run").read_text()
    first_two = [command for command in commands() if command.startswith("pip ")]
    assert len(first_two) == 2
    assert all(command in ci for command in first_two)


def test_every_file_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`((?:configs|sample_data|docs)/[\w./-]*)`|\]\(([\w./-]+\.md)\)", README))
    paths = {path for pair in named for path in pair if path}
    assert paths
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_command_is_in_the_readme(evalperf) -> None:
    """And none is that does not exist."""
    listed = set(re.findall(r"^ {2}([a-z-]+) ", evalperf("--help").stdout.split("Commands:")[1], re.MULTILINE))
    table = README.split("## Commands")[1].split("Exit codes")[0]
    told = set(re.findall(r"`evalperf ([a-z-]+)", table))
    assert listed == told


def test_the_python_of_the_readme_runs(house: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "mean" in done.stdout
