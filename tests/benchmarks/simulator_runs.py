"""Whole runs against simulated servers that refuse, limit, slow down and die; the servers count what was asked.

python -m tests.benchmarks.simulator_runs [refusals] [limit] [endpoints]
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import evalperf, scratch, verdict, write_config

CASES = 1000


@dataclass
class Server:
    """A simulator in a process of its own."""

    url: str
    process: subprocess.Popen[str]

    def stats(self) -> dict[str, Any]:
        """What it has counted."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/stats", timeout=10) as reply:
            return json.load(reply)


@contextmanager
def simulator(*options: str) -> Iterator[Server]:
    """`evalperf simulate` on a free port."""
    argv = [sys.executable, "-m", "evalperf", "simulate", "--port", "0", *options]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process.stdout.readline().strip(), process)
        finally:
            process.terminate()


def run(folder: Path, urls: Sequence[str], cases: int, **sections: Any) -> dict[str, Any]:
    """The document of a run over problems that are all different; nothing learned by an earlier run is used."""
    questions = folder / "cases.jsonl"
    with questions.open("w", encoding="utf-8") as file:
        for number in range(cases):
            row = {"id": f"c{number}", "input": f"What is {number} + {number % 7}?", "target": str(number + number % 7)}
            file.write(json.dumps(row) + "\n")
    config = write_config(
        folder / "config.json",
        cases={"path": str(questions)},
        provider={"type": "openai", "model": "large", "endpoints": [{"url": url} for url in urls]},
        scorers=["number"],
        cache={"responses": {"strategy": "off"}},
        output={"dir": str(folder / "results")},
        **sections,
    )
    document = evalperf("run", str(config), "--json", "--progress", "none").document
    assert document["status"] == "complete", document
    return document


def refusals() -> None:
    """10 % of requests get 429 with Retry-After 1, 2 % get 500, under a limit that both sides know."""
    faults = ("--rate-429", "0.1", "--rate-500", "0.02", "--retry-after", "1", "--latency", "0.2")
    for per_s in (20, 50):
        with scratch() as folder, simulator(*faults, "--limit", str(per_s)) as server:
            rate_limiting = {"requests_per_second": per_s}
            document = run(folder, [server.url], CASES, concurrency={"rate_limiting": rate_limiting})
            stats = server.stats()
            ideal_s = stats["requests"] / per_s + 1.2  # whoever is refused last waits, and is answered then
            print(f"refusals at {per_s}/s: {stats['statuses']}, {document['wall_s']:.1f} s, at best {ideal_s:.1f} s")
            verdict("cases without an answer", CASES - document["cases"]["ok"], 0, at_most=True)
            verdict("cases asked again after an answer", stats["answered_more_than_once"], 0, at_most=True)
            verdict("share of what the limit allows", ideal_s / document["wall_s"], 0.9, at_most=False)


def limit() -> None:
    """50 requests/s, known from the configuration, from each dialect of headers, or from refusals alone."""
    per_s, cases = 50, 1500
    known = {"rate_limiting": {"requests_per_second": per_s}}
    for dialect, concurrency in (
        ("none", known),
        ("openai", {}),
        ("anthropic", {}),
        ("azure", {}),
        ("retry-after", {}),
        ("none", {}),
    ):
        options = ("--latency", "0.3", "--limit", str(per_s), "--headers", dialect)
        with scratch() as folder, simulator(*options) as server:
            document = run(folder, [server.url], cases, concurrency=concurrency)
            stats = server.stats()
            print(f"limit, {'configured' if concurrency else f'headers: {dialect}'}: {stats['statuses']}")
            verdict("share of the limit", document["throughput"]["cases_per_s"] / per_s, 0.95, at_most=False)
            verdict("share of 429s", stats["statuses"].get("429", 0) / stats["requests"], 0.01, at_most=True)


def endpoints() -> None:
    """Two servers of 64 requests/s, one four times slower; one of the fast ones dies after 12 s."""
    cases, dies_after_s, fast_per_s, slow_per_s = 3000, 12.0, 64, 16
    servers = [("--slots", "16", "--latency", f"{latency_s}", "--spread", "0") for latency_s in (0.25, 0.25, 1.0)]
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        one, other, slow = (stack.enter_context(simulator(*options)) for options in servers)
        end = threading.Timer(0.0, _kill_once_asked, (other, dies_after_s))
        end.start()
        document = run(folder, [one.url, other.url, slow.url], cases)
        end.join()
        both_per_s, left_per_s = 2 * fast_per_s + slow_per_s, fast_per_s + slow_per_s
        died_s, finished_s = _times(folder, other.url)
        before = sum(5 <= at_s < died_s - 1 for at_s in finished_s) / (died_s - 6)
        after_s = died_s + 5, max(finished_s) - 3
        after = sum(after_s[0] <= at_s < after_s[1] for at_s in finished_s) / (after_s[1] - after_s[0])
        ideal_s = died_s + (cases - both_per_s * died_s) / left_per_s
        print(f"endpoints: {document['wall_s']:.1f} s, at best {ideal_s:.1f} s; it died after {died_s:.1f} s")
        verdict("cases without an answer", cases - document["cases"]["ok"], 0, at_most=True)
        verdict("asked again after an answer", sum(_again(server) for server in (one, slow)), 0, at_most=True)
        verdict("share of the capacity before it died", before / both_per_s, 0.9, at_most=False)
        verdict("share of the capacity left, 5 s after", after / left_per_s, 0.9, at_most=False)
        verdict("share of the capacity over the whole run", ideal_s / document["wall_s"], 0.9, at_most=False)


def _again(server: Server) -> int:
    return int(server.stats()["answered_more_than_once"])


def _kill_once_asked(server: Server, after_s: float) -> None:
    while not server.stats()["requests"]:
        time.sleep(0.05)
    time.sleep(after_s)
    server.process.kill()


def _times(folder: Path, died: str) -> tuple[float, list[float]]:
    """When the last answer of the dead endpoint came, and when each answer came, in seconds from the first request."""
    rows = [
        json.loads(line)
        for path in (folder / "results").rglob("results/part-*.jsonl.gz")
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    began = min(datetime.fromisoformat(row["started_at"]) for row in rows)
    finished = {
        row["id"]: (datetime.fromisoformat(row["started_at"]) - began).total_seconds() + row["latency_s"]
        for row in rows
        if row["attempts"] == 1
    }
    host = died.split("/")[2]
    last_s = max(finished[row["id"]] for row in rows if row["id"] in finished and host in row["endpoint"])
    return last_s, sorted(finished.values())


PARTS = {"refusals": refusals, "limit": limit, "endpoints": endpoints}


def main() -> None:
    """Measures the parts that are named, or all."""
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
