"""A thousand calls in flight to a server that takes 200 ± 50 ms: the ideal is 5,000 cases a second."""

from __future__ import annotations

import sys

from tests.benchmarks.measure import (
    CLIENT_CORE,
    evalperf,
    free_port,
    scratch,
    serving,
    verdict,
    write_cases,
    write_config,
)

CASES, IN_FLIGHT, IDEAL_PER_S = 100_000, 1000, 5000


def main() -> None:
    """Prints the share of the ideal, start and end of the run included and not."""
    port = free_port()
    server = (sys.executable, "-m", "tests.benchmarks.latency_server", str(port))
    with serving(port, *server), scratch() as folder:
        cases = folder / "cases.jsonl"
        write_cases(cases, CASES)
        config = write_config(
            folder / "c.json",
            cases={"path": str(cases)},
            provider={"type": "openai", "model": "m", "endpoints": [{"url": f"http://127.0.0.1:{port}/v1"}]},
            concurrency={"workers": IN_FLIGHT},
            scorers=["exact"],
            output={"dir": str(folder / "results")},
        )
        ours = evalperf("run", str(config), "--json", "--progress", "none", core=CLIENT_CORE)
        document = ours.document
        assert document["cases"]["ok"] == CASES, document
        rate = document["throughput"]["cases_per_s"]
        print(f"  {ours.cpu_s / CASES * 1e6:.0f} µs of CPU per case; p50 {document['latency_s']['p50'] * 1e3:.0f} ms")
        verdict("share of the ideal 5,000 cases/s", rate / IDEAL_PER_S, 0.9, at_most=False)


if __name__ == "__main__":
    main()
