"""Runs as processes of their own, to be killed, against a simulated endpoint that counts."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from evalperf.results import RunDirectory, list_runs, read_results
from evalperf.simulator import SimulatorOptions, serve

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "sample_data" / "arithmetic.jsonl"
IN_FLIGHT = 16

TIMES = {"latency_s", "ttft_s", "queue_s", "throttled_s", "retry_wait_s", "score_s", "started_at"}
"""Of a row, what depends on when it was made."""

NUMBERS = ("status", "scores", "failed", "failures", "usage", "cost_usd", "gates")
"""Of a report, what depends on the answers alone."""


class CountingServer:
    """The bundled simulator, and what it has seen."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stats(self) -> dict[str, Any]:
        """Counts by outcome; `asked` and `answered` by content."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/stats") as reply:
            return json.load(reply)

    def answered_again(self) -> int:
        """Answers that were given to a content that had one already."""
        return sum(times - 1 for times in self.stats()["answered"].values())


@contextmanager
def counting_server(**options: Any) -> Iterator[CountingServer]:
    """Serves from a thread, so that nothing a test does to processes harms it."""
    started = threading.Event()
    urls: list[str] = []
    ended = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def listen() -> None:
        loops.append(asyncio.get_running_loop())
        chosen = SimulatorOptions(**{"latency_s": 0.06, "latency_spread": 0.4, **options})
        async with serve(chosen) as url:
            urls.append(url)
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(listen()), name="counting server")
    thread.start()
    try:
        assert started.wait(30)
        yield CountingServer(urls[0])
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join()


def write_config(folder: Path, url: str, **changes: Any) -> Path:
    """A configuration of 380 problems, asked at `url`, 16 at a time."""
    config: dict[str, Any] = {
        "name": "faults",
        "cases": {"path": str(CASES)},
        "prompt": {"system": "End with: The answer is N.", "template": "{{ input }}"},
        "provider": {"type": "openai", "model": "small", "endpoints": [{"name": "sim", "url": url}]},
        "concurrency": {"workers": IN_FLIGHT},
        "cache": {"responses": {"strategy": "off"}},
        "scorers": [{"type": "number", "name": "answer"}],
        "output": {"dir": "results"},
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "faults.json"
    path.write_text(json.dumps(config))
    return path


def environment(folder: Path) -> dict[str, str]:
    """Of a child: this tree's code, and no cache or state of anybody else."""
    own = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state")}
    return {**os.environ, **own}


def begin(config: Path, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """`evalperf run` as a process."""
    argv = [sys.executable, "-m", "evalperf", "run", str(config), "--progress", "none", "--json", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(argv, cwd=config.parent, env=environment(config.parent), **pipes)


def run(config: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """`evalperf run` to its end; the document that it prints."""
    output, errors = begin(config, *arguments).communicate(timeout=300)
    return checked(output, errors, code=code)


def live(config: Path, kill_after_s: float | None, *arguments: str) -> int:
    """One life, ended by kill -9 after so many seconds if it lasts that long; its exit code, -9 if it was killed."""
    process = begin(config, *arguments)
    try:
        _, errors = process.communicate(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        _, errors = process.communicate()
    assert b"Traceback" not in errors, errors.decode()
    return process.returncode


def until(holds: Callable[[], bool], what: str) -> None:
    """Returns when it holds; looks fifty times a second, for up to a minute."""
    for _ in range(3000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


def has_rows(config: Path) -> bool:
    """Whether a run has its first results on disk."""
    return any(part.stat().st_size > 500 for part in config.parent.glob("results/*/results/_part-*"))


def checked(output: bytes, errors: bytes, *, code: int | None = None) -> dict[str, Any]:
    """The document on stdout, if nothing on stderr is a bug of ours."""
    assert b"Traceback" not in errors, errors.decode()
    assert b"evalperf itself failed" not in errors, errors.decode()
    document: dict[str, Any] = json.loads(output)
    assert code is None or document["status"] == "complete", errors.decode()
    return document


def only_run(config: Path) -> RunDirectory | None:
    """The run that the configuration's results hold, if one was begun."""
    runs = list_runs(config.parent / "results")
    assert len(runs) <= 1
    return runs[0] if runs else None


def rows(directory: RunDirectory) -> list[bytes]:
    """Every row but for its times, in the order of the lines: equal runs have equal ones."""
    found = sorted(read_results(directory), key=lambda result: (result.seq, result.epoch))
    plain = [msgspec.to_builtins(result) for result in found]
    return [msgspec.json.encode({k: v for k, v in row.items() if k not in TIMES}, order="sorted") for row in plain]


def numbers(document: dict[str, Any]) -> bytes:
    """What a report says, but for times, names of files, and how many sessions it took."""
    counts = {name: count for name, count in document["cases"].items() if name != "resumed"}
    chosen = {name: document[name] for name in NUMBERS}
    return json.dumps({**chosen, "cases": counts}, sort_keys=True).encode()
