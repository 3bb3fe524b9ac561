"""An hour at a rate: one run over HTTP against a server without latency, looked at every ten seconds.

python -m tests.benchmarks.steady_rate [--minutes 60] [--per-second 1000]

The run is that of a user: calls that may cost something (so each has an intent and an answer in the journal),
`durability: power`, a limit of requests per second. The server counts what it answers; rates are taken from its count.
The limit is 4 % above the rate that is wanted: limits are held with a margin of 2 %, and the start and the end of the
run shall not decide.
"""

from __future__ import annotations

import argparse
import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from evalperf.results import RunDirectory, examine, read_results
from tests.benchmarks.measure import nginx, scratch, verdict
from tests.benchmarks.sampling import Sample, descriptors_ratio, memory_slope, sampled, steady
from tests.faults.processes import begin, checked, write_config

WORKERS = 64
HEADROOM = 1.04
LEAST_MINUTES = 3
MINUTE_S = 60.0


@dataclass(frozen=True)
class Count:
    """How many requests the server had answered at one moment."""

    at_s: float
    requests: int


def main() -> None:
    """Prints what was seen on the way, and the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--per-second", type=float, default=1000)
    asked = parser.parse_args()
    if asked.minutes < LEAST_MINUTES:
        parser.error(f"rates are taken minute by minute: at least {LEAST_MINUTES}")
    count = round(asked.minutes * MINUTE_S * asked.per_second * HEADROOM)
    with scratch() as folder, nginx() as port:
        config = configure(folder, port, count, asked.per_second * HEADROOM)
        counts: list[Count] = []
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            samples = list(counted(sampled(begin(config, stdout=out, stderr=err)), port, counts))
        document = checked((folder / "out").read_bytes(), (folder / "err").read_bytes())
        working = sum(one.requests < count for one in counts)  # later samples are of the summary
        judge_rate(document, counts[:working], asked.per_second)
        judge_process(document, samples[:working])
        judge_rows(document, count)


def configure(folder: Path, port: int, count: int, per_second: float) -> Path:
    """As many questions as are wanted, no two alike."""
    with (folder / "cases.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(f'{{"id": "c{number}", "input": "What is {number} + 1, and what not?", "target": "42"}}\n')
    return write_config(
        folder,
        "",
        cases={"path": "cases.jsonl"},
        provider={"type": "openai", "model": "mock-model", "endpoints": [{"url": f"http://127.0.0.1:{port}/v1"}]},
        concurrency={"workers": WORKERS, "rate_limiting": {"requests_per_second": per_second}},
        scorers=["exact"],
        output={"dir": "results", "durability": "power"},
    )


def counted(samples: Iterator[Sample], port: int, counts: list[Count]) -> Iterator[Sample]:
    """The samples; at each of them the server's count goes into `counts`."""
    for sample in samples:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stub") as reply:
            requests = int(reply.read().splitlines()[2].split()[2])
        counts.append(Count(time.monotonic(), requests))
        yield sample


def per_minute(counts: Sequence[Count]) -> list[float]:
    """Requests per second, of each whole minute between the first count and the last."""
    edges = [counts[0]]
    for count in counts:
        if count.at_s - edges[-1].at_s >= MINUTE_S - 1:
            edges.append(count)
    return [(after.requests - before.requests) / (after.at_s - before.at_s) for before, after in pairwise(edges)]


def judge_rate(document: dict[str, Any], counts: Sequence[Count], wanted: float) -> None:
    """Of the whole run, and from minute to minute."""
    rates = per_minute(counts)
    middle = median(rates)
    shown = ", ".join(f"{rate:.1f}" for rate in (min(rates), middle, max(rates)))
    print(f"requests per second in {len(rates)} minutes (least, median, most): {shown}")
    verdict("cases per second", document["throughput"]["cases_per_s"], wanted, at_most=False)
    verdict("spread of the minutes, %", (max(rates) - min(rates)) / middle * 100, 5, at_most=True)


def judge_process(document: dict[str, Any], samples: Sequence[Sample]) -> None:
    """Memory, descriptors, and the loop's share of its core."""
    after = steady(samples)
    busy = (after[-1].main_cpu_s - after[0].main_cpu_s) / (after[-1].at_s - after[0].at_s)
    verdict("CPU of the event loop's thread, % of a core", busy * 100, 70, at_most=True)
    slope = memory_slope(after, document["throughput"]["cases_per_s"])
    verdict("growth of memory, MB per 100,000 cases", slope, 1, at_most=True)
    verdict("peak memory, MB", document["peak_rss_bytes"] / 2**20, 200, at_most=True)
    verdict("most descriptors in the second half, over those in the first", descriptors_ratio(after), 1.1, at_most=True)


def judge_rows(document: dict[str, Any], count: int) -> None:
    """One row for each case."""
    print(f"{count:,} cases in {document['wall_s']:,.0f} s, failures {json.dumps(document['failures'])}")
    directory = RunDirectory(Path(document["run"]["dir"]))
    rows, seen = 0, bytearray(count + 1)
    for result in read_results(directory):
        rows += 1
        seen[result.seq] = 1
    verdict("cases without a row, or with two", count - sum(seen) + rows - sum(seen), 0, at_most=True)
    verdict("cases without an answer", count - document["cases"]["ok"], 0, at_most=True)
    verdict("faults that doctor finds", len(examine(directory).findings), 0, at_most=True)


if __name__ == "__main__":
    main()
