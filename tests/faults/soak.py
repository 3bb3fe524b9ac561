"""An hour of faults: one run over HTTP against the bundled simulator, looked at every ten seconds.

python -m tests.faults.soak [--minutes 60] [--per-second 250]

Of 1,000 requests ten get 429, ten 500, five lose their connection, five get half a JSON document, and one is answered
after the client has given up on it. Nothing may be lost or asked again after an answer, and neither the memory nor the
descriptors of the run may grow with the number of cases.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evalperf.results import RunDirectory, examine, read_results
from tests.benchmarks.measure import scratch, verdict
from tests.benchmarks.sampling import Sample, descriptors_ratio, memory_slope, sampled, steady
from tests.faults.processes import CountingServer, begin, checked, counting_server, write_config

FAULTS: dict[str, Any] = {
    "latency_s": 0.15,
    "rate_429": 0.01,
    "rate_500": 0.01,
    "rate_dropped": 0.005,
    "rate_malformed": 0.005,
    "malformed": "truncated-json",
    "rate_stalled": 0.001,
    "stall_s": 20.0,
}
TIMEOUT_S = 5
WORKERS = 150
REQUESTS_PER_CASE = 1.035
STATS_EVERY = 30
"""Samples between two looks at the server's counts: it remembers the last 200,000 questions."""


def main() -> None:
    """Prints what was seen on the way, and the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--per-second", type=float, default=250)
    asked = parser.parse_args()
    count = round(asked.minutes * 60 * asked.per_second)
    with scratch() as folder, counting_server(**FAULTS) as server:
        config = configure(folder, server.url, count, asked.per_second)
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = begin(config, stdout=out, stderr=err)
            answered: dict[str, int] = {}
            samples = list(watched(process, server, answered))
        document = checked((folder / "out").read_bytes(), (folder / "err").read_bytes())
        print(json.dumps(server_counts(server)))
        judge(document, samples, count, answered)


def configure(folder: Path, url: str, count: int, per_second: float) -> Path:
    """As many sums as are wanted, no two alike, asked at a steady pace."""
    with (folder / "cases.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            question = {"id": f"c{number}", "input": f"What is {number} + {number % 7}?"}
            file.write(json.dumps({**question, "target": str(number + number % 7)}) + "\n")
    pace = {"requests_per_second": per_second * REQUESTS_PER_CASE}
    return write_config(
        folder,
        url,
        cases={"path": "cases.jsonl"},
        provider={
            "type": "openai",
            "model": "large",
            "endpoints": [{"name": "sim", "url": url}],
            "timeouts": {"attempt_s": TIMEOUT_S},
        },
        concurrency={"workers": WORKERS, "rate_limiting": pace},
        cache={},
    )


def watched(process: subprocess.Popen[bytes], server: CountingServer, answered: dict[str, int]) -> Iterator[Sample]:
    """The samples; `answered` learns how often questions were answered."""
    for number, sample in enumerate(sampled(process), start=1):
        if number % STATS_EVERY == 0:
            answered.update(server.stats()["answered"])
        yield sample
    answered.update(server.stats()["answered"])


def server_counts(server: CountingServer) -> dict[str, Any]:
    """What the server counted, without each question."""
    return {name: count for name, count in server.stats().items() if not isinstance(count, dict) or name == "statuses"}


def judge(document: dict[str, Any], samples: Sequence[Sample], count: int, answered: dict[str, int]) -> None:
    """The verdicts, from the samples after the warm-up."""
    directory = RunDirectory(Path(document["run"]["dir"]))
    seqs = [result.seq for result in read_results(directory)]
    per_s = document["throughput"]["cases_per_s"]
    after = steady(samples)
    print(f"{count:,} cases in {document['wall_s']:,.0f} s, failures {document['failures']}")
    verdict("cases per second", per_s, 200, at_most=False)
    verdict("cases without a row, or with two", count - len(set(seqs)) + len(seqs) - len(set(seqs)), 0, at_most=True)
    verdict("cases without an answer", count - document["cases"]["ok"], 0, at_most=True)
    verdict("questions asked again after an answer", sum(n > 1 for n in answered.values()), 0, at_most=True)
    verdict("faults that doctor finds", len(examine(directory).findings), 0, at_most=True)
    verdict("growth of memory, MB per 100,000 cases", memory_slope(after, per_s), 1, at_most=True)
    verdict("peak memory, MB", document["peak_rss_bytes"] / 2**20, 200, at_most=True)
    verdict("most descriptors in the second half, over those in the first", descriptors_ratio(after), 1.1, at_most=True)
    verdict("most descriptors", max(sample.descriptors for sample in samples), WORKERS + 50, at_most=True)


if __name__ == "__main__":
    main()
