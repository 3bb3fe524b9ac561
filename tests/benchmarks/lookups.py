"""How long a lookup takes while a run is on: half of the cases were answered before, the others are asked."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.benchmarks.measure import (
    CLIENT_CORE,
    SERVER_CORE,
    evalperf,
    free_port,
    scratch,
    verdict,
    wait_for,
    write_cases,
    write_config,
)

CASES = 10_000


def main() -> None:
    """Prints the 99th percentile of lookups by tier, at 32 calls in flight to a server that takes 100 ms."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "evalperf", "simulate", "--port", str(port), "--latency", "0.1", "--spread", "0.3"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        wait_for(port)
        with scratch() as folder:
            os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
            write_cases(folder / "cases.jsonl", CASES)
            config = write_config(
                folder / "c.json",
                cases={"path": str(folder / "cases.jsonl")},
                provider={
                    "type": "openai",
                    "model": "small",
                    "params": {"temperature": 0},
                    "endpoints": [{"url": f"http://127.0.0.1:{port}/v1", "auth": "none"}],
                },
                concurrency={"workers": 32},
                scorers=["exact"],
                output={"dir": str(folder / "results")},
            )
            arguments = ("run", str(config), "--json", "--progress", "none")
            evalperf(*arguments, "--sample", str(CASES // 2), "--workers", "256", core=CLIENT_CORE)
            document = evalperf(*arguments, core=CLIENT_CORE).document
            print(f"  {document['cases']['cached']:,} of {document['cases']['ok']:,} cases from the cache")
            for tier, latencies in document["cache"]["session"][0]["lookup_s"].items():
                print(f"  {tier}: p50 {latencies['p50_s'] * 1e3:.3f} ms, p90 {latencies['p90_s'] * 1e3:.3f} ms")
                verdict(f"p99 of a lookup, {tier}, ms", latencies["p99_s"] * 1e3, 1.0, at_most=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
