"""How long a lookup takes while a run is on: half of the cases were answered before, the others are asked."""

from __future__ import annotations

import sys

from tests.benchmarks.cached_run import cached_run
from tests.benchmarks.measure import CLIENT_CORE, evalperf, free_port, serving, verdict

CASES = 10_000
SERVER = (sys.executable, "-m", "evalperf", "simulate", "--latency", "0.1", "--spread", "0.3", "--port")


def main() -> None:
    """Prints the 99th percentile of lookups by tier, at 32 calls in flight to a server that takes 100 ms."""
    port = free_port()
    with serving(port, *SERVER, str(port)), cached_run(port, CASES, workers=32) as arguments:
        evalperf(*arguments, "--sample", str(CASES // 2), "--workers", "256", core=CLIENT_CORE)
        document = evalperf(*arguments, core=CLIENT_CORE).document
        print(f"  {document['cases']['cached']:,} of {document['cases']['ok']:,} cases from the cache")
        for tier, latencies in document["cache"]["session"][0]["lookup_s"].items():
            print(f"  {tier}: p50 {latencies['p50_s'] * 1e3:.3f} ms, p90 {latencies['p90_s'] * 1e3:.3f} ms")
            verdict(f"p99 of a lookup, {tier}, ms", latencies["p99_s"] * 1e3, 1.0, at_most=True)


if __name__ == "__main__":
    main()
