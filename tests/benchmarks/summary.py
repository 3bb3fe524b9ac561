"""A summary of a million results with three scorers: time against reading them, and memory.

The bars: no slower than twice the reading itself, and at most 300 MB. The other rows (groups, clusters, epochs in the
worst order) have no bar of their own for time; they show what an option costs.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalperf.records import Result, Score, Usage
from evalperf.results import RunDirectory, RunInfo, StoreOptions, create_run, open_store, write_run_info
from tests.benchmarks.measure import scratch, verdict
from tests.support.results import make_result

CASES = 1_000_000
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from evalperf.results import find_run, read_results
from evalperf.stats import Summariser

directory, options = find_run(sys.argv[1], Path()), json.loads(sys.argv[2])
began_s = time.process_time()
cases = None
if options is None:
    for result in read_results(directory):
        pass
else:
    summariser = Summariser(scorers=["exact", "squad_f1", "answer"], **options)
    for result in read_results(directory):
        summariser.add(result)
    cases = summariser.summary().scores["squad_f1"].n
cpu_s = time.process_time() - began_s
print(json.dumps([cpu_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, cases]))
"""


def main() -> None:
    """Prints each way's CPU per result and peak memory, and whether the bars hold."""
    with scratch() as folder:
        once = asyncio.run(_write(folder, epochs=1))
        read_s, _ = _measured("reading alone", once, None)
        plain_s, plain_mb = _measured("plain", once, {})
        _, groups_mb = _measured("by a field of 7 values", once, {"by": "group"})
        _, clusters_mb = _measured("200,000 clusters", once, {"cluster_by": "doc"})
        shutil.rmtree(once.path)
        twice = asyncio.run(_write(folder, epochs=2))
        _, epochs_mb = _measured("two epochs, all first ones first", twice, {"epochs": 2})
    verdict("summary of a million results, times reading them", plain_s / read_s, 2, at_most=True)
    verdict("peak memory, MB", plain_mb, 300, at_most=True)
    verdict("the same with every option, MB", max(groups_mb, clusters_mb, epochs_mb), 300, at_most=True)


def _measured(what: str, directory: RunDirectory, options: dict[str, Any] | None) -> tuple[float, float]:
    """CPU seconds (the best of three) and peak MB, each in a process of its own."""
    argv = [sys.executable, "-c", MEASURE, str(directory.path), json.dumps(options)]
    runs = [json.loads(subprocess.run(argv, capture_output=True, check=True).stdout) for _ in range(3)]
    cpu_s, peak_mb, cases = min(runs)
    assert cases in (None, CASES), cases
    results = CASES * (options or {}).get("epochs", 1)
    print(f"  {what}: {cpu_s / results * 1e6:.2f} µs a result, {peak_mb:.0f} MB")
    return cpu_s, peak_mb


async def _write(folder: Path, *, epochs: int) -> RunDirectory:
    directory = create_run(folder, f"20261120-143005-summary-{epochs:04}")
    info = RunInfo(
        run_id=directory.id,
        name="summary",
        created_at="2026-11-20T14:30:05Z",
        versions={},
        inputs=(),
        lines=CASES,
        epochs=epochs,
        fingerprint={},
        config={},
    )
    write_run_info(directory, info)
    async with open_store(directory, info, StoreOptions(journal=False), lambda event: None) as store:
        for result in _results(epochs):
            await store.put(result)
        await store.finish()
    return directory


def _results(epochs: int) -> Iterator[Result]:
    """All cases in the first epoch, then in the next: the order that keeps most cases open."""
    generator = random.Random(1)
    for epoch in range(1, epochs + 1):
        for seq in range(1, CASES + 1):
            yield _result(generator, seq, epoch)


def _result(generator: random.Random, seq: int, epoch: int) -> Result:
    """A line of about 1.1 KB; two scorers of right and wrong, one with values in between."""
    right = generator.random() < 0.7
    scores = {
        "exact": Score(value=float(right), passed=right),
        "squad_f1": Score(value=1.0 if right else generator.random()),
        "answer": Score(value=float(right), passed=right, extracted="42"),
    }
    return make_result(
        seq,
        epoch=epoch,
        input=f"{'the quick brown fox jumps over the lazy dog and thinks of its friends ' * 3}{seq}",
        scores=scores,
        latency_s=generator.expovariate(2),
        usage=Usage(120, 40),
        metadata={"group": seq % 7, "doc": f"doc-{seq // 5}"},
    )


if __name__ == "__main__":
    main()
